//! e: a lease cycle on both adapters, beside an actor's round trip.
//!
//! `cargo bench -p remuda-benches --bench lease`. Each figure is for one cycle, the time on the clock divided by how many
//! were done in it, whoever did them: a request, its lease, done; with the actor a question and its answer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use remuda_async_std::AsyncStd;
use remuda_benches::lease::{Actor, cluster, cycles, recorded, shared_out};
use remuda_tokio::Tokio;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let mut group = criterion.benchmark_group("e");
    group.throughput(Throughput::Elements(1));

    let single = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for machines in [10, 1_000] {
        let made = single.block_on(cluster(Tokio::new(single.handle().clone()), machines));
        group.bench_function(BenchmarkId::new("tokio, 1 client", machines), |bencher| {
            bencher.iter_custom(|times| {
                single.block_on(async {
                    let begun = Instant::now();
                    cycles(black_box(made.clone()), times).await;
                    begun.elapsed()
                })
            });
        });
    }
    let tokio = Tokio::new(single.handle().clone());
    let (made, recording) = single.block_on(recorded(tokio, 10));
    group.bench_function(BenchmarkId::new("recorded, 1 client", 10), |bencher| {
        bencher.iter_custom(|times| {
            single.block_on(async {
                let begun = Instant::now();
                cycles(black_box(made.clone()), times).await;
                begun.elapsed()
            })
        });
    });
    assert_eq!(recording.error(), None, "all of it was recorded");
    let actor = single.block_on(async { Actor::start() });
    group.bench_function("actor, 1 client", |bencher| {
        bencher.iter_custom(|times| {
            single.block_on(async {
                let begun = Instant::now();
                black_box(actor.clone()).trips(times).await;
                begun.elapsed()
            })
        });
    });
    for machines in [10, 1_000] {
        let made = futures::executor::block_on(cluster(AsyncStd::new(), machines));
        let id = BenchmarkId::new("async-std, 1 client", machines);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|times| {
                let work = |times| cycles(made.clone(), times);
                futures::executor::block_on(shared_out(&AsyncStd::new(), 1, times, work))
            });
        });
    }

    let two = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let runtime = Tokio::new(two.handle().clone());
    let made = two.block_on(cluster(runtime.clone(), 10));
    group.bench_function(BenchmarkId::new("tokio, 16 clients", 10), |bencher| {
        bencher.iter_custom(|times| {
            let work = |times| cycles(made.clone(), times);
            two.block_on(shared_out(&runtime, 16, times, work))
        });
    });
    let actor = two.block_on(async { Actor::start() });
    group.bench_function("actor, 16 clients", |bencher| {
        bencher.iter_custom(|times| {
            let work = |times| actor.clone().trips(times);
            two.block_on(shared_out(&runtime, 16, times, work))
        });
    });
    let made = futures::executor::block_on(cluster(AsyncStd::new(), 10));
    group.bench_function(BenchmarkId::new("async-std, 16 clients", 10), |bencher| {
        bencher.iter_custom(|times| {
            let work = |times| cycles(made.clone(), times);
            futures::executor::block_on(shared_out(&AsyncStd::new(), 16, times, work))
        });
    });
    group.finish();
    criterion.final_summary();
}
