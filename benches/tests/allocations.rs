//! In a steady state nothing is allocated: neither by the manager, nor by a lease cycle on either adapter.

use futures::executor::block_on;
use remuda::{Config, Demand, Outcome};
use remuda_benches::allocator::{self, Counting};
use remuda_benches::carrier::Carrier as _;
use remuda_benches::idle::Idle;
use remuda_benches::ours::{Bigslice, Ours};
use remuda_benches::workloads::{Blocked, Steady};
use remuda_driver::{Cluster, Options, Runtime};

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this thread allocates in so many steps, once it has done as many.
fn allocations(steps: u32, mut step: impl FnMut()) -> u64 {
    (0..steps).for_each(|_| step());
    let before = allocator::allocations();
    (0..steps).for_each(|_| step());
    allocator::allocations() - before
}

#[test]
fn the_counting_counts() {
    assert_eq!(
        allocations(10, || drop(std::hint::black_box(Box::new(7)))),
        10
    );
}

#[test]
fn a_steady_load_allocates_nothing() {
    let mut steady = Steady::<Ours>::new(100, 1000);
    assert_eq!(allocations(100_000, || steady.step()), 0);
    let mut steady = Steady::<Bigslice>::new(100, 1000);
    assert_eq!(allocations(100_000, || steady.step()), 0);
}

#[test]
fn blocked_requests_allocate_nothing() {
    for alike in [true, false] {
        let mut blocked = Blocked::<Ours>::new(400, 100, alike);
        assert_eq!(allocations(30_000, || blocked.step()), 0);
    }
}

#[test]
fn machines_that_come_and_go_on_probation_allocate_nothing() {
    let mut steady = Steady::<Ours>::new(100, 1000);
    assert_eq!(
        allocations(100_000, || steady.step_in_trouble(200_000_000)),
        0
    );
}

/// In turns, with ids far apart.
#[test]
fn two_clients_with_ids_far_apart_allocate_nothing() {
    let mut ours = Ours::new(100, 16);
    let (mut grants, mut n) = (Vec::with_capacity(2000), 0u64);
    let cycles = allocations(40_000, || {
        ours.submit((n % 2) << 40 | (n / 2), 0, 1, &mut grants);
        n += 1;
        if n >= 1600 {
            let oldest = grants.remove(0);
            ours.done(oldest, Outcome::Ok, &mut grants);
        }
    });
    assert_eq!(cycles, 0);
}

fn lease_cycle<R: Runtime>(runtime: R) -> u64 {
    let config = Config::new(2, 2).expect("a good config");
    let cluster = Cluster::new(runtime, Idle, config, Options::default()).expect("a cluster");
    let one = Demand::procs(1).expect("not zero");
    allocations(1000, || {
        let lease = block_on(cluster.request(one)).expect("a lease");
        lease.finish(Outcome::Ok);
    })
}

#[test]
fn a_lease_cycle_allocates_nothing_on_either_adapter() {
    // The runtimes have threads of their own.
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        remuda_tokio::run(async |runtime| {
            send.send(runtime).expect("the test listens");
            std::future::pending::<()>().await;
        })
    });
    let tokio = receive.recv().expect("a runtime");
    assert_eq!(lease_cycle(tokio), 0);
    assert_eq!(lease_cycle(remuda_async_std::AsyncStd::new()), 0);
}
