//! What calls cost: a registered function that does nothing, called on one worker process with 64 calls in flight, over pipes
//! and over a TCP connection that the worker has made.
//!
//! `cargo run --release -p remuda-benches --bin calls [CALLS]`: each of five rounds makes so many calls (200,000), and the
//! median is printed. The program is its own worker.

use std::process::{Command, Stdio};
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use remuda::{Config, Demand, Kind, Outcome, Resources};
use remuda_driver::{Lease, Runtime, System};
use remuda_tokio::{Cluster, ConnectSystem, Key, Listen, Options, ProcessSystem};
use remuda_worker::{Connect, Registry, Worker};

const IN_FLIGHT: u32 = 64;
const ROUNDS: usize = 5;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "worker") {
        let registry = Registry::new().function("nothing", |(): ()| Ok::<(), String>(()));
        let worker = Worker::new(registry).procs(IN_FLIGHT);
        match &words[1..] {
            [address, key] => {
                let key = Key::read(key.as_ref()).expect("a key file");
                worker.connect(Connect::new(address, key))
            }
            _ => worker.serve(),
        }
    }
    let calls = words.first();
    let calls: u32 = calls.map_or(200_000, |n| n.parse().expect("how many calls"));
    let me = std::env::current_exe().expect("a path");
    let template = vec![me.display().to_string(), "worker".into()];
    let over_pipes = remuda_tokio::run(async |runtime| {
        let system = ProcessSystem::new(runtime.clone(), template).procs(IN_FLIGHT);
        let config = Config::new(IN_FLIGHT, IN_FLIGHT.into()).expect("a good config");
        let cluster = Cluster::new(runtime, system, config, Options::default());
        let cluster = cluster.expect("a good config");
        let lease = cluster.request(Demand::Machine).await.expect("a lease");
        let rate = rate(lease, calls).await;
        cluster.shutdown().await;
        rate
    });
    let over_pipes = over_pipes.expect("a runtime");
    let over_tcp = remuda_tokio::run(async |runtime| {
        let path = std::env::temp_dir().join(format!("remuda-calls-{}", std::process::id()));
        let key = Key::create(&path).expect("a new file");
        let here = "127.0.0.1:0".parse().expect("an address");
        let listener = Listen::new(key).bind(&runtime, here).expect("a free port");
        let config = Config::empty()
            .kind(Kind::new(Resources::procs(IN_FLIGHT)).startable(false))
            .max_procs(IN_FLIGHT.into());
        let system = ConnectSystem::new(&listener);
        let cluster = Cluster::new(runtime, system, config, Options::default());
        let cluster = cluster.expect("a good config");
        listener.admit(&cluster, |worker| worker);
        let mut worker = Command::new(me)
            .args(["worker", &listener.address().to_string()])
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .expect("it is this program");
        let lease = cluster.request(Demand::Machine).await.expect("a lease");
        let rate = rate(lease, calls).await;
        cluster.shutdown().await;
        let _ = worker.wait();
        let _ = std::fs::remove_file(path);
        rate
    });
    let over_tcp = over_tcp.expect("a runtime");
    let rounds = format!("({ROUNDS} rounds of {calls} calls, {IN_FLIGHT} in flight)");
    let each = |rate| 1e6 / rate;
    println!(
        "calls: {over_pipes:.0} a second, {:.1} µs each {rounds}",
        each(over_pipes)
    );
    println!(
        "over TCP: {over_tcp:.0} a second, {:.1} µs each, {:.2} of those over pipes",
        each(over_tcp),
        over_tcp / over_pipes
    );
}

/// Calls a second, the median of the rounds.
async fn rate<R: Runtime, S: System>(lease: Lease<R, S>, calls: u32) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push(round(&lease, calls).await);
    }
    lease.finish(Outcome::Ok);
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

/// Calls a second.
async fn round<R: Runtime, S: System>(lease: &Lease<R, S>, calls: u32) -> f64 {
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
