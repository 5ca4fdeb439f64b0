//! What these tests share: clusters of test workers, and a view of the processes that belong to a test.

use std::fs;
use std::time::Duration;

use remuda::{Config, Demand, MachineId};
use remuda_driver::{
    Call, CallError, Chunk, Cluster, Lease, MachineStatus, Options, ProcessSystem, RequestError,
    Runtime, Stream,
};
pub(crate) use remuda_tests::processes::{
    FUNCTIONS, PATIENCE, alive, await_nothing, mark, processes, send,
};
use rustix::process::Signal;

/// The program of `src/bin/test-worker.rs`.
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_test-worker");

pub(crate) type ProcessCluster<R> = Cluster<R, ProcessSystem<R>>;
pub(crate) type ProcessLease<R> = Lease<R, ProcessSystem<R>>;

/// The words that start a test worker in `mode`.
pub(crate) fn template(mark: &str, mode: &[&str]) -> Vec<String> {
    let words = [WORKER, "{procs}", "{machine}", mark];
    let words = words.iter().chain(mode);
    words.map(|&word| word.to_owned()).collect()
}

/// The same, started by a shell that waits for it, as a careless template does it.
pub(crate) fn wrapped_template(mark: &str, mode: &[&str]) -> Vec<String> {
    let mut words = vec![
        "sh".into(),
        "-c".into(),
        "\"$@\"; exit $?".into(),
        mark.to_owned(),
    ];
    words.extend(template(mark, mode));
    words
}

/// Test workers of `procs` procs in `mode`.
pub(crate) fn system<R: Runtime>(
    runtime: &R,
    procs: u32,
    mark: &str,
    mode: &[&str],
) -> ProcessSystem<R> {
    ProcessSystem::new(runtime.clone(), template(mark, mode))
        .functions(FUNCTIONS)
        .procs(procs)
}

/// Machines of `procs` procs, so many at the most, and short waits.
pub(crate) fn config(procs: u32, machines: u32) -> Config {
    Config::new(procs, u64::from(procs * machines))
        .expect("a good config")
        .start_backoff_base(Duration::from_millis(20))
        .start_backoff_cap(Duration::from_millis(50))
}

pub(crate) fn options() -> Options {
    Options::default()
}

/// A cluster of at most `machines` proper test workers.
pub(crate) fn cluster<R: Runtime>(
    runtime: &R,
    procs: u32,
    machines: u32,
    mark: &str,
) -> ProcessCluster<R> {
    let system = system(runtime, procs, mark, &["serve"]);
    Cluster::new(runtime.clone(), system, config(procs, machines), options()).expect("a cluster")
}

pub(crate) fn procs(n: u32) -> Demand {
    Demand::procs(n).expect("not zero")
}

/// Asks until there is a lease: a machine may be lost between grant and delivery.
pub(crate) async fn lease<R: Runtime>(cluster: &ProcessCluster<R>, n: u32) -> ProcessLease<R> {
    loop {
        match cluster.request(procs(n)).await {
            Ok(lease) => return lease,
            Err(RequestError::Lost(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A worker's process.
pub(crate) fn pid<R: Runtime>(lease: &ProcessLease<R>) -> i32 {
    lease.handle().pid().cast_signed()
}

/// All output of a call and its result.
pub(crate) async fn gather<T: serde::de::DeserializeOwned>(
    mut call: Call<T>,
) -> (Vec<u8>, Vec<u8>, Result<T, CallError>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(Chunk { stream, bytes, .. }) = call.output().await {
        match stream {
            Stream::Stdout => stdout.extend(bytes),
            Stream::Stderr => stderr.extend(bytes),
        }
    }
    (stdout, stderr, call.await)
}

/// A job with a process behind a pipe, one in the background, and one in front, all deaf to what can be ignored.
pub(crate) fn stubborn_job(mark: &str) -> String {
    format!(
        "trap '' TERM HUP INT; sleep {mark} | cat & (sleep {mark} >/dev/null 2>&1 </dev/null &) ; sleep {mark}"
    )
}

/// How many processes [`stubborn_job`] is known by.
pub(crate) const STUBBORN: usize = 3;

/// How many jobs of a test sleep.
pub(crate) fn sleepers(mark: &str) -> usize {
    let command = format!("sleep {mark} ");
    let all = alive(mark);
    all.iter()
        .filter(|process| process.command == command)
        .count()
}

/// Waits until so many jobs of a test sleep.
pub(crate) async fn await_sleepers<R: Runtime>(runtime: &R, mark: &str, count: usize) {
    remuda_tests::eventually(runtime, &format!("{count} jobs sleep {mark}"), || {
        sleepers(mark) == count
    })
    .await;
}

/// Stops a process, and waits until each of its threads has stopped.
pub(crate) async fn stop<R: Runtime>(runtime: &R, pid: i32) {
    send(pid, Signal::STOP);
    let tasks = format!("/proc/{pid}/task");
    remuda_tests::eventually(runtime, "every thread stops", || {
        let tasks = fs::read_dir(&tasks).expect("it is there");
        let stats =
            tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        stats.into_iter().all(|stat| stat.contains(") T "))
    })
    .await;
}

/// Waits until a machine is counted as lost, and says why it was.
pub(crate) async fn reason<R: Runtime>(
    runtime: &R,
    cluster: &ProcessCluster<R>,
    machine: MachineId,
) -> String {
    let lost = |machines: Vec<MachineStatus>| {
        let lost = machines.into_iter().find(|status| status.id == machine);
        lost.and_then(|status| status.reason)
    };
    remuda_tests::eventually(runtime, &format!("{machine} is lost"), || {
        lost(cluster.machines()).is_some()
    })
    .await;
    lost(cluster.machines()).expect("lost machines stay listed")
}

/// Has whatever machine comes next compute a square, until one does; that machine.
pub(crate) async fn served_by<R: Runtime>(cluster: &ProcessCluster<R>) -> MachineId {
    for _ in 0..20 {
        let lease = lease(cluster, 1).await;
        match lease.call::<_, u64>("square", &7_u64).await {
            Ok(square) => {
                assert_eq!(square, 49);
                return lease.id();
            }
            Err(CallError::Lost(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("twenty machines were lost");
}
