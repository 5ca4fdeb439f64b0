//! What workers that connect back cost their driver: `cargo run --release -p remuda-benches --bin connected [WORKERS]`
//!
//! Starts so many workers (1,000) on this host, which connect to this program, and has each run `sleep 2`. Prints the memory
//! and the descriptors of the driver, and when the last job had begun, counted from the last connection. Needs room for as
//! many open files as there are workers, and some (`ulimit -n`).

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use remuda::{Config, Kind, Outcome, Resources};
use remuda_tokio::{Cluster, ConnectSystem, Key, Listen, Options, Runtime};
use remuda_worker::{Connect, EXEC, Exec, Exit, Registry, Worker};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, address, key] = words.as_slice()
        && first == "worker"
    {
        let key = Key::read(key.as_ref()).expect("a key file");
        let connect = Connect::new(address, key).reconnect(Duration::from_secs(60));
        Worker::new(Registry::new().exec())
            .procs(1)
            .connect(connect);
    }
    let count = words.first();
    let count: usize = count.map_or(1_000, |n| n.parse().expect("how many workers"));
    remuda_tokio::run(async |runtime| {
        let path = std::env::temp_dir().join(format!("remuda-connected-{}", std::process::id()));
        let key = Key::create(&path).expect("a new file");
        let here = "127.0.0.1:0".parse().expect("an address");
        let listener = Listen::new(key).bind(&runtime, here).expect("a free port");
        let config = Config::empty()
            .kind(Kind::new(Resources::procs(1)).startable(false))
            .max_procs(count as u64);
        let system = ConnectSystem::new(&listener);
        let cluster = Cluster::new(runtime.clone(), system, config, Options::default());
        let cluster = cluster.expect("a good config");
        listener.admit(&cluster, |worker| worker);
        let (memory_before, descriptors_before) = (memory(), descriptors());

        // The jobs wait already when the workers come.
        let job = async |_| {
            let lease = cluster.request(Resources::procs(1)).await.expect("a lease");
            let mut call = lease.call::<Exec, Exit>(EXEC, &Exec::shell("echo begun; sleep 2"));
            let begun = call.output().await.map(|_| Instant::now());
            let ended = call.await;
            assert_eq!(ended, Ok(Exit::Code(0)));
            lease.finish(Outcome::Ok);
            begun.expect("it prints a line")
        };
        let mut jobs: FuturesUnordered<_> = (0..count).map(job).collect();
        let started = Instant::now();
        let address = listener.address().to_string();
        let me = std::env::current_exe().expect("a path");
        let start = || -> Child {
            let mut worker = Command::new(&me);
            worker.args(["worker", &address]).arg(&path);
            worker.stdin(Stdio::null()).spawn().expect("it is this program")
        };
        let mut workers: Vec<Child> = Vec::new();
        let mut connected = None;
        let mut begun = Vec::new();
        let mut peak_descriptors = 0;
        while begun.len() < count {
            // A few at a time, so that this program serves meanwhile.
            for _ in 0..20.min(count - workers.len()) {
                workers.push(start());
            }
            let pause = runtime.sleep_until(runtime.now() + Duration::from_millis(20));
            let mut pause = std::pin::pin!(pause);
            while let Either::Left((Some(at), _)) = select(jobs.next(), &mut pause).await {
                begun.push(at);
            }
            if connected.is_none() && cluster.counts().machines.ok as usize == count {
                connected = Some((Instant::now(), memory(), descriptors()));
            }
            peak_descriptors = peak_descriptors.max(descriptors());
        }
        let (connected, memory_then, descriptors_then) =
            connected.expect("jobs take longer than it takes to see that all are there");
        let last = begun.iter().max().expect("there are some");
        println!(
            "connected: {count} workers in {:.1} s; the last job had begun {:.2} s after the last connection, all had ended after {:.1} s",
            connected.duration_since(started).as_secs_f64(),
            last.saturating_duration_since(connected).as_secs_f64(),
            connected.elapsed().as_secs_f64(),
        );
        println!(
            "driver: {} KiB a worker ({memory_then} KiB, {memory_before} before), {descriptors_then} descriptors ({descriptors_before} before, at most {peak_descriptors})",
            (memory_then - memory_before) / count as u64,
        );
        drop(jobs);
        cluster.shutdown().await;
        for mut worker in workers {
            let _ = worker.wait();
        }
        let _ = std::fs::remove_file(&path);
    })
    .expect("a runtime");
}

/// The memory of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let digits = line.and_then(|line| line.split_whitespace().next());
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a Linux").count()
}
