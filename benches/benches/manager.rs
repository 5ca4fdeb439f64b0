//! The manager under either policy, beside the port and the floor, on workloads a to d; and under Fit on f to h.
//!
//! `cargo bench -p remuda-benches --bench manager`, with a filter as `-- a/` to run some. Each figure is for one event: a
//! done or a submit with the grant it causes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use remuda_benches::carrier::Carrier;
use remuda_benches::floor::Floor;
use remuda_benches::harness::Harness;
use remuda_benches::ours::{Bigslice, Ours};
use remuda_benches::port::Port;
use remuda_benches::unlike::{Booting, Head, Unlike};
use remuda_benches::workloads::{Blocked, Flood, Steady};
use remuda_sim::Rng;

/// Queued requests of one proc in a and d.
const QUEUED: u64 = 1000;

/// Requests of b.
const FLOOD: u64 = 1_000_000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    a(&mut criterion);
    b(&mut criterion);
    c(&mut criterion);
    d(&mut criterion);
    f_and_g(&mut criterion);
    h(&mut criterion);
    criterion.final_summary();
}

/// Steady: full machines, 1,000 queued requests; done of a random grant, then submit.
fn a(criterion: &mut Criterion) {
    for machines in [10, 1_000, 10_000, 100_000] {
        let mut group = criterion.benchmark_group("a");
        group.throughput(Throughput::Elements(2));
        steady::<Ours>(&mut group, "ours", machines);
        steady::<Bigslice>(&mut group, "bigslice", machines);
        steady::<Port>(&mut group, "port", machines);
        steady::<Harness>(&mut group, "harness", machines);
        let mut floor = Floor::new(u64::from(machines) * 16 + QUEUED);
        group.bench_function(BenchmarkId::new("floor", machines), |bencher| {
            bencher.iter(|| black_box(floor.turn(0)));
        });
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn steady<C: Carrier>(group: &mut Group<'_>, name: &str, machines: u32) {
    let mut made = None;
    group.bench_function(BenchmarkId::new(name, machines), |bencher| {
        let steady = made.get_or_insert_with(|| Steady::<C>::new(machines, QUEUED).settle());
        bencher.iter(|| steady.step());
    });
}

/// A million requests pushed, then drained through 1,000 machines.
fn b(criterion: &mut Criterion) {
    for priorities in [1, 1_000] {
        let mut group = criterion.benchmark_group("b");
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(FLOOD));
        flood::<Ours>(&mut group, "ours", priorities);
        flood::<Bigslice>(&mut group, "bigslice", priorities);
        flood::<Port>(&mut group, "port", priorities);
        flood::<Harness>(&mut group, "harness", priorities);
        let pushed = || {
            let (mut floor, mut rng) = (Floor::default(), Rng::new(3));
            for _ in 0..FLOOD {
                floor.push(rng.below(priorities));
            }
            floor
        };
        group.bench_function(BenchmarkId::new("floor push", priorities), |bencher| {
            bencher.iter_custom(|times| timed(times, || (), |()| drop(black_box(pushed()))));
        });
        group.bench_function(BenchmarkId::new("floor drain", priorities), |bencher| {
            let drain = |mut floor: Floor| while floor.pop().is_some() {};
            bencher.iter_custom(|times| timed(times, pushed, drain));
        });
    }
}

fn flood<C: Carrier>(group: &mut Group<'_>, name: &str, priorities: u64) {
    let new = || Flood::<C>::new(1_000);
    let pushed = || {
        let mut flood = new();
        flood.push(FLOOD, priorities);
        flood
    };
    group.bench_function(BenchmarkId::new(format!("{name} push"), priorities), |b| {
        b.iter_custom(|times| timed(times, new, |mut flood| flood.push(FLOOD, priorities)));
    });
    group.bench_function(BenchmarkId::new(format!("{name} drain"), priorities), |b| {
        b.iter_custom(|times| timed(times, pushed, |mut flood| assert!(flood.drain() > FLOOD)));
    });
}

/// The time that `run` takes, so many times, without what sets it up.
fn timed<T>(times: u64, set_up: impl Fn() -> T, run: impl Fn(T)) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..times {
        let made = set_up();
        let begun = Instant::now();
        run(made);
        total += begun.elapsed();
    }
    total
}

/// 20,000 machines of which each has some procs free, and requests for all procs of one that are queued before all others.
fn c(criterion: &mut Criterion) {
    for blocked in [0, 10, 100, 1_000, 10_000] {
        let mut group = criterion.benchmark_group("c");
        group.throughput(Throughput::Elements(2));
        barred::<Ours>(&mut group, "ours, alike", blocked, true);
        barred::<Ours>(&mut group, "ours, all different", blocked, false);
        barred::<Bigslice>(&mut group, "bigslice, alike", blocked, true);
        barred::<Bigslice>(&mut group, "bigslice, all different", blocked, false);
        // Beyond this a step of the port takes a millisecond.
        if blocked <= 1_000 {
            barred::<Port>(&mut group, "port, alike", blocked, true);
        }
    }
}

fn barred<C: Carrier>(group: &mut Group<'_>, name: &str, blocked: u64, alike: bool) {
    let mut made = None;
    group.bench_function(BenchmarkId::new(name, blocked), |bencher| {
        let world = made.get_or_insert_with(|| Blocked::<C>::new(20_000, blocked, alike));
        bencher.iter(|| world.step());
    });
}

/// 10,000 machines, one done in twenty unreachable, time moving so that some 500 are on probation.
fn d(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("d");
    group.throughput(Throughput::Elements(2));
    trouble::<Ours>(&mut group, "ours");
    trouble::<Bigslice>(&mut group, "bigslice");
    trouble::<Port>(&mut group, "port");
}

fn trouble<C: Carrier>(group: &mut Group<'_>, name: &str) {
    /// Between two dones.
    const PAUSE: u64 = 2_000_000;
    let mut made = None;
    group.bench_function(BenchmarkId::new(name, 10_000), |bencher| {
        let steady = made.get_or_insert_with(|| {
            let mut steady = Steady::<C>::new(10_000, QUEUED);
            for _ in 0..100_000 {
                steady.step_in_trouble(PAUSE);
            }
            let there = steady.carrier().on_probation();
            assert!((300..700).contains(&there), "{there} are on probation");
            steady
        });
        bencher.iter(|| steady.step_in_trouble(PAUSE));
    });
}

/// 10,000 machines of three kinds, 1,000 distinct demands of three amounts queued, without and with 10,000 more before them.
fn f_and_g(criterion: &mut Criterion) {
    let heads = [
        ("f", Head::Empty),
        ("g", Head::Large(10_000)),
        ("g, anti-correlated", Head::AntiCorrelated(10_000)),
    ];
    let mut group = criterion.benchmark_group("unlike");
    group.throughput(Throughput::Elements(1));
    for (name, head) in heads {
        let mut made = None;
        group.bench_function(BenchmarkId::new(name, 10_000), |bencher| {
            let world = made.get_or_insert_with(|| {
                let mut unlike = Unlike::new(10_000, head);
                for _ in 0..2_000 {
                    unlike.step();
                }
                unlike
            });
            bencher.iter_custom(|events| of_events(events, || world.step()));
        });
    }
}

/// 120 machines boot and 20 are up, with 1,000 distinct demands queued.
fn h(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("booting");
    group.throughput(Throughput::Elements(1));
    let mut booting = Booting::new(40);
    group.bench_function(BenchmarkId::new("h", 1_000), |bencher| {
        bencher.iter_custom(|events| of_events(events, || booting.step()));
    });
}

/// The time of so many events, of steps that say how many they were.
fn of_events(events: u64, mut step: impl FnMut() -> u64) -> Duration {
    let (mut seen, begun) = (0, Instant::now());
    while seen < events {
        seen += step();
    }
    // The last step may have gone beyond.
    begun.elapsed().mul_f64(events as f64 / seen as f64)
}
