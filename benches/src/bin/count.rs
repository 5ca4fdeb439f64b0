//! Carries a workload a fixed number of steps, for an instruction counter to watch: `count WORKLOAD STEPS`.

use remuda_benches::ours::Ours;
use remuda_benches::workloads::Steady;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let machines: u32 = words[1].parse().expect("a number");
    let steps: u64 = words[2].parse().expect("a number");
    let mut steady = Steady::<Ours>::new(machines, 1000);
    for _ in 0..steps {
        steady.step();
    }
}
