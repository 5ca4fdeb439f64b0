//! What calls cost: a registered function that does nothing, called on one worker process with 64 calls in flight.
//!
//! `cargo run --release -p remuda-benches --bin calls [CALLS]`: each of five rounds makes so many calls (200,000), and the
//! median is printed. The program is its own worker.

use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use remuda::{Config, Demand, Outcome};
use remuda_tokio::{Cluster, Lease, Options, ProcessSystem};
use remuda_worker::{Registry, Worker};

const IN_FLIGHT: u32 = 64;
const ROUNDS: usize = 5;

fn main() {
    let word = std::env::args().nth(1);
    if word.as_deref() == Some("worker") {
        let registry = Registry::new().function("nothing", |(): ()| Ok::<(), String>(()));
        Worker::new(registry).procs(IN_FLIGHT).serve();
    }
    let calls: u32 = word.map_or(200_000, |n| n.parse().expect("how many calls"));
    let mut rates = remuda_tokio::run(async |runtime| {
        let me = std::env::current_exe()
            .expect("a path")
            .display()
            .to_string();
        let template = vec![me, "worker".into()];
        let system = ProcessSystem::new(runtime.clone(), template).procs(IN_FLIGHT);
        let config = Config::new(IN_FLIGHT, IN_FLIGHT.into()).expect("a good config");
        let options = Options::default();
        let cluster = Cluster::new(runtime, system, config, options).expect("a good config");
        let lease = cluster.request(Demand::Machine).await.expect("a lease");
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(round(&lease, calls).await);
        }
        lease.finish(Outcome::Ok);
        cluster.shutdown().await;
        rates
    })
    .expect("a runtime");
    rates.sort_by(f64::total_cmp);
    println!(
        "calls: {:.0} a second, {:.1} µs each ({ROUNDS} rounds of {calls} calls, {IN_FLIGHT} in flight)",
        rates[ROUNDS / 2],
        1e6 / rates[ROUNDS / 2]
    );
}

/// Calls a second.
async fn round(lease: &Lease, calls: u32) -> f64 {
    let begun = Instant::now();
    let call = || lease.call::<(), ()>("nothing", &());
    let mut running: FuturesUnordered<_> = (0..IN_FLIGHT).map(|_| call()).collect();
    let mut made = IN_FLIGHT;
    while let Some(result) = running.next().await {
        result.expect("it does nothing");
        if made < calls {
            made += 1;
            running.push(call());
        }
    }
    f64::from(made) / begun.elapsed().as_secs_f64()
}
