//! Carries one workload a fixed number of steps, for an instruction counter to watch: `count WORKLOAD`.
//!
//! What is counted is what happens in `measured`, so valgrind leaves the set-up out:
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' count WORKLOAD`. The last line says how
//! many events there were. Without a workload it lists them. `scripts/instructions.sh` does all that.

use remuda_benches::carrier::Carrier;
use remuda_benches::harness::Harness;
use remuda_benches::lease;
use remuda_benches::ours::{Bigslice, Ours};
use remuda_benches::port::Port;
use remuda_benches::unlike::{Booting, Head, Unlike};
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

/// So many steps that say how many events they were, after as many that are not counted.
fn steps_of(times: u64, mut step: impl FnMut() -> u64) -> u64 {
    (0..times).for_each(|_| {
        step();
    });
    measured(|| (0..times).map(|_| step()).sum())
}

fn steady<C: Carrier>(machines: u32) -> u64 {
    let mut steady = Steady::<C>::new(machines, 1_000);
    steps(20_000, || steady.step())
}

fn push<C: Carrier>(priorities: u64) -> u64 {
    let mut flood = Flood::<C>::new(100);
    measured(|| {
        flood.push(50_000, priorities);
        50_000
    })
}

fn drain<C: Carrier>(priorities: u64) -> u64 {
    let mut flood = Flood::<C>::new(100);
    flood.push(50_000, priorities);
    measured(|| flood.drain())
}

fn blocked<C: Carrier>(blocked: u64, alike: bool) -> u64 {
    let mut world = Blocked::<C>::new(2_000, blocked, alike);
    steps(5_000, || world.step())
}

fn trouble<C: Carrier>() -> u64 {
    let mut steady = Steady::<C>::new(1_000, 1_000);
    steps(20_000, || steady.step_in_trouble(20_000_000))
}

fn unlike(head: Head, times: u64) -> u64 {
    let mut unlike = Unlike::new(10_000, head);
    steps_of(times, || unlike.step())
}

fn booting() -> u64 {
    let mut booting = Booting::new(40);
    steps_of(200, || booting.step())
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
    ("a-10", || steady::<Ours>(10)),
    ("a-1000", || steady::<Ours>(1_000)),
    ("a-10000", || steady::<Ours>(10_000)),
    ("b-push-1", || push::<Ours>(1)),
    ("b-drain-1", || drain::<Ours>(1)),
    ("b-push-1000", || push::<Ours>(1_000)),
    ("b-drain-1000", || drain::<Ours>(1_000)),
    ("c-0", || blocked::<Ours>(0, true)),
    ("c-1000-alike", || blocked::<Ours>(1_000, true)),
    ("c-1000-different", || blocked::<Ours>(1_000, false)),
    ("c-10000-alike", || blocked::<Ours>(10_000, true)),
    ("c-10000-different", || blocked::<Ours>(10_000, false)),
    ("d-1000", trouble::<Ours>),
    ("e-10", cycles),
    ("f", || unlike(Head::Empty, 1_000)),
    ("g", || unlike(Head::Large(10_000), 200)),
    ("g-anti", || unlike(Head::AntiCorrelated(10_000), 200)),
    ("h", booting),
    ("a-10-bigslice", || steady::<Bigslice>(10)),
    ("a-1000-bigslice", || steady::<Bigslice>(1_000)),
    ("a-10000-bigslice", || steady::<Bigslice>(10_000)),
    ("b-push-1-bigslice", || push::<Bigslice>(1)),
    ("b-drain-1-bigslice", || drain::<Bigslice>(1)),
    ("b-push-1000-bigslice", || push::<Bigslice>(1_000)),
    ("b-drain-1000-bigslice", || drain::<Bigslice>(1_000)),
    ("c-0-bigslice", || blocked::<Bigslice>(0, true)),
    ("c-1000-alike-bigslice", || blocked::<Bigslice>(1_000, true)),
    ("c-1000-different-bigslice", || {
        blocked::<Bigslice>(1_000, false)
    }),
    ("d-1000-bigslice", trouble::<Bigslice>),
    ("a-1000-harness", || steady::<Harness>(1_000)),
    ("a-1000-port", || steady::<Port>(1_000)),
    ("d-1000-port", trouble::<Port>),
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
