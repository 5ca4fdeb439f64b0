//! Carries one workload a fixed number of steps, for an instruction counter to watch: `count WORKLOAD`.
//!
//! What is counted is what happens in `measured`, so valgrind leaves the set-up out:
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' count WORKLOAD`. The last line says how
//! many events there were. Without a workload it lists them. `scripts/instructions.sh` does all that.

use remuda_benches::lease;
use remuda_benches::ours::Ours;
use remuda_benches::workloads::{Blocked, Flood, Steady};
use remuda_tokio::Tokio;

/// What is counted, and how many events it was.
#[inline(never)]
fn measured(work: impl FnOnce() -> u64) -> u64 {
    work()
}

/// So many steps of two events.
fn steps(times: u64, mut step: impl FnMut()) -> u64 {
    // First everything has its size.
    (0..times).for_each(|_| step());
    measured(|| {
        (0..times).for_each(|_| step());
        2 * times
    })
}

fn steady(mut steady: Steady<Ours>) -> u64 {
    steps(20_000, || steady.step())
}

fn push(priorities: u64) -> u64 {
    let mut flood = Flood::<Ours>::new(100);
    measured(|| {
        flood.push(50_000, priorities);
        50_000
    })
}

fn drain(priorities: u64) -> u64 {
    let mut flood = Flood::<Ours>::new(100);
    flood.push(50_000, priorities);
    measured(|| flood.drain())
}

fn blocked(blocked: u64, alike: bool) -> u64 {
    let mut world = Blocked::<Ours>::new(2_000, blocked, alike);
    // Until those who have run since the beginning are old.
    (0..70_000).for_each(|_| world.step());
    steps(5_000, || world.step())
}

fn trouble() -> u64 {
    let mut steady = Steady::<Ours>::new(1_000, 1_000);
    steps(20_000, || steady.step_in_trouble(20_000_000))
}

fn cycles() -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let tokio = Tokio::new(runtime.handle().clone());
    let cluster = runtime.block_on(lease::cluster(tokio, 10));
    runtime.block_on(lease::cycles(cluster.clone(), 10_000));
    measured(|| {
        runtime.block_on(lease::cycles(cluster, 10_000));
        10_000
    })
}

type Work = fn() -> u64;

const WORKLOADS: &[(&str, Work)] = &[
    ("a-10", || steady(Steady::new(10, 1_000))),
    ("a-1000", || steady(Steady::new(1_000, 1_000))),
    ("a-1000-told", || {
        steady(Steady::new(1_000, 1_000).telling(32))
    }),
    ("b-push-1", || push(1)),
    ("b-drain-1", || drain(1)),
    ("b-push-1000", || push(1_000)),
    ("b-drain-1000", || drain(1_000)),
    ("c-0", || blocked(0, true)),
    ("c-1000-alike", || blocked(1_000, true)),
    ("c-1000-different", || blocked(1_000, false)),
    ("d-1000", trouble),
    ("e-10", cycles),
];

fn main() {
    let wanted = std::env::args().nth(1);
    for (name, work) in WORKLOADS {
        match &wanted {
            None => println!("{name}"),
            Some(wanted) if wanted == name => return println!("{}", work()),
            Some(_) => {}
        }
    }
}
