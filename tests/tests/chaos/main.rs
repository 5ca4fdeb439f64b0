//! Chaos on real processes, on both adapters: under a load of leases and calls, workers are killed, stopped and made to
//! go on, at random. Afterwards every request was resolved, nothing is needed, queued or running, no job has run twice
//! at once, and no process, task or thread is left.
//!
//! Ten seconds on each adapter; `REMUDA_CHAOS_SECONDS=60` makes it a minute. The seed is printed, and
//! `REMUDA_CHAOS_SEED` sets it; it fixes what is tried, not how the processes take it.

mod clients;
mod counted;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use remuda::Config;
use remuda_driver::{Cluster, Options, ProcessSystem, Runtime};
use remuda_sim::Rng;
use remuda_tests::processes::{FUNCTIONS, PATIENCE, alive, await_nothing, mark};
use remuda_tests::{eventually, on_async_std, on_tokio, sleep};
use rustix::process::{Pid, Signal, kill_process};

use clients::{Client, Tally};
use counted::Counted;

const WORKER: &str = env!("CARGO_BIN_EXE_test-worker");

const PROCS: u32 = 4;
const MACHINES: u32 = 4;
const CLIENTS: u64 = 16;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// One after the other, since threads are counted.
#[test]
fn chaos_leaves_nothing_behind_on_both_adapters() {
    let seconds = Duration::from_secs(number("REMUDA_CHAOS_SECONDS").unwrap_or(10));
    let seed = number("REMUDA_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!(
        "chaos: seed {seed}, {} s on each adapter",
        seconds.as_secs()
    );
    let before = threads();
    on_tokio(|runtime| chaos(runtime, seconds, seed, "tokio"));
    await_threads("tokio", before);
    // This runtime's threads are for the life of the process: they come with the first use.
    on_async_std(|runtime| chaos(runtime, Duration::from_secs(2), seed, "async-std, first"));
    let before = threads();
    on_async_std(|runtime| chaos(runtime, seconds, seed + 1, "async-std"));
    await_threads("async-std", before);
}

fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("/proc");
    tasks.count()
}

fn await_threads(runtime: &str, before: usize) {
    // Pools of blocking threads end after some idle seconds.
    let limit = std::time::Instant::now() + PATIENCE;
    while threads() > before {
        let now = std::time::Instant::now();
        assert!(
            now < limit,
            "{runtime}: {} threads, {before} before",
            threads()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

async fn chaos<R: Runtime>(runtime: R, time: Duration, seed: u64, name: &str) {
    let runtime = Counted::new(runtime);
    let (mark, locks) = (mark(), tempfile::tempdir().expect("a folder"));
    let cluster = cluster(&runtime, &mark);
    let over = Arc::new(AtomicBool::new(false));
    let tally = Arc::<Tally>::default();
    for n in 0..CLIENTS {
        let client = Client {
            runtime: runtime.clone(),
            cluster: cluster.clone(),
            rng: Rng::new(seed.wrapping_mul(CLIENTS) + n),
            lock: locks.path().join(n.to_string()),
            tally: tally.clone(),
            over: over.clone(),
        };
        tally.clients.fetch_add(1, Ordering::SeqCst);
        runtime.spawn(client.run());
    }
    let hits = rage(&runtime, &mark, time, Rng::new(seed)).await;
    over.store(true, Ordering::SeqCst);
    let none = || tally.clients.load(Ordering::SeqCst) == 0;
    eventually(&runtime, "every client is served to the end", none).await;
    println!("{name}: {hits:?}\n{name}: {tally:?}");
    tally.check();
    assert!(hits.killed + hits.terminated + hits.stopped > 0);
    let rests = || {
        let counts = cluster.counts();
        (counts.need.procs(), counts.queued, counts.running) == (0, 0, 0)
    };
    eventually(&runtime, "nothing is needed", rests).await;
    overlaps(locks.path());
    remuda_tests::within(&runtime, "the shutdown ends", cluster.shutdown()).await;
    assert_eq!(cluster.counts().have.procs(), 0);
    drop(cluster);
    await_nothing(&runtime, &mark).await;
    // The sleep that watches is no task.
    eventually(&runtime, "every task has ended", || runtime.tasks() == 0).await;
}

fn cluster<R: Runtime>(runtime: &R, mark: &str) -> Cluster<R, ProcessSystem<R>> {
    let words = [WORKER, "{procs}", "{machine}", mark, "serve"].map(String::from);
    let system = ProcessSystem::new(runtime.clone(), words.into())
        .functions(FUNCTIONS)
        .procs(PROCS);
    let config = Config::new(PROCS, u64::from(PROCS * MACHINES))
        .expect("a good config")
        .start_backoff_base(Duration::from_millis(10))
        .start_backoff_cap(Duration::from_millis(100))
        .probation(Duration::from_millis(500))
        .poll_interval(Duration::from_millis(200))
        .silent_polls(2);
    let mut options = Options::default();
    options.poll_timeout = Duration::from_millis(500);
    options.stop_timeout = Duration::from_millis(500);
    Cluster::new(runtime.clone(), system, config, options).expect("a cluster")
}

/// How often what was done to workers.
#[derive(Debug, Default)]
struct Hits {
    killed: u32,
    terminated: u32,
    stopped: u32,
    continued: u32,
}

/// Has its way with the workers for some time; what was stopped last stays so.
async fn rage<R: Runtime>(runtime: &R, mark: &str, time: Duration, mut rng: Rng) -> Hits {
    let until = runtime.now() + time;
    let (mut hits, mut stopped) = (Hits::default(), BTreeSet::new());
    let me = std::process::id().cast_signed();
    while runtime.now() < until {
        sleep(runtime, Duration::from_millis(rng.range(20, 250))).await;
        let mut workers = alive(mark);
        workers.retain(|process| process.parent == me && process.command.contains(WORKER));
        let pids: Vec<i32> = workers.iter().map(|worker| worker.pid).collect();
        stopped.retain(|pid| pids.contains(pid));
        let Some(pid) = rng.pick_of(&pids) else {
            continue;
        };
        let (signal, count) = match rng.below(8) {
            0 | 1 => (Signal::KILL, &mut hits.killed),
            2 => (Signal::TERM, &mut hits.terminated),
            3 | 4 => (Signal::STOP, &mut hits.stopped),
            _ if stopped.contains(&pid) => (Signal::CONT, &mut hits.continued),
            _ => continue,
        };
        // It may have ended meanwhile.
        if kill_process(Pid::from_raw(pid).expect("a process"), signal).is_ok() {
            *count += 1;
            if signal == Signal::STOP {
                stopped.insert(pid);
            }
        }
    }
    hits
}

/// Every job takes its client's lock while it runs, and notes where it found it taken.
fn overlaps(locks: &Path) {
    for file in fs::read_dir(locks).expect("a folder") {
        let path = file.expect("a file").path();
        let twice = path.extension().is_some_and(|end| end == "twice");
        assert!(!twice, "a job ran twice at once: {}", path.display());
    }
}
