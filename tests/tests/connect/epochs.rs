//! A driver that goes on where another was cut off takes its workers over, and these never obey that other again.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use remuda::Outcome;
use remuda_driver::{
    Cluster, ConnectSystem, FileRecorder, Listen, Listener, Options, Past, RecordOptions, Runtime,
};
use remuda_tests::{eventually, on_both_adapters, sleep, within};
use remuda_worker::{EXEC, Exec, Exit, Program};

use crate::support::{
    FUNCTIONS, Joined, KeyFile, Machines, Relay, await_nothing, joining, loopback, mark, procs,
};

/// A journal in memory.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Journal {
    fn options() -> RecordOptions {
        let mut options = RecordOptions::default();
        options.ahead = true;
        options
    }

    fn past(&self) -> Past {
        Past::read(&self.0.lock().unwrap(), |_| {}).expect("a sound journal")
    }
}

fn listen<R: Runtime>(runtime: &R, key: &KeyFile, epoch: u64) -> Listener<R> {
    let listen = Listen::new(key.key.clone()).functions(FUNCTIONS);
    let listener = listen.epoch(epoch).bind(runtime, loopback());
    listener.expect("a free port")
}

/// The first driver of a run.
fn first<R: Runtime>(runtime: &R, listener: &Listener<R>, journal: &Journal) -> Machines<R> {
    let (recorder, _) = FileRecorder::start(journal.clone(), Journal::options()).expect("a thread");
    let system = ConnectSystem::new(listener);
    let config = joining();
    let cluster = Cluster::recorded(
        runtime.clone(),
        system,
        config,
        Options::default(),
        recorder,
    );
    let cluster = cluster.expect("a sound config");
    listener.admit(&cluster, |worker| worker);
    cluster
}

/// A file that a job waits for.
struct Gate(PathBuf);

impl Gate {
    fn new(mark: &str, name: &str) -> Gate {
        Gate(std::env::temp_dir().join(format!("remuda-gate-{mark}-{name}")))
    }

    fn open(&self) {
        std::fs::write(&self.0, "").expect("it is ours");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A job that prints numbers, with a gate in the middle; each beginning of it is a line in a file.
fn job(begun: &Gate, gate: &Gate) -> Exec {
    let script = format!(
        "echo x >> {}; seq 1 70000; until test -e {}; do sleep 0.02; done; seq 70001 100000",
        begun.0.display(),
        gate.0.display()
    );
    Exec {
        program: Program::Shell(script.as_str().into()),
        env: Vec::new(),
        dir: None,
        stdin: None,
    }
}

fn numbers() -> String {
    (1..=100_000).fold(String::new(), |text, n| text + &n.to_string() + "\n")
}

async fn a_worker_obeys_the_newest_driver_alone<R: Runtime>(runtime: R) {
    let (mark, key, journal) = (mark(), KeyFile::new(), Journal::default());
    let (gate, begun) = (Gate::new(&mark, "gate"), Gate::new(&mark, "begun"));
    let old_port = listen(&runtime, &key, 1);
    let old = first(&runtime, &old_port, &journal);
    let relay = Relay::new(old_port.address());
    let worker = Joined::start(&mark, relay.address, &key, Duration::from_secs(20), "");
    let lease = old.request(procs(1)).await.expect("a lease");
    let mut call = lease.call::<_, Exit>(EXEC, &job(&begun, &gate));
    // It holds what it has read, and learns of nothing that comes now.
    let first_chunk = call.output().await.expect("it prints");
    assert!(first_chunk.bytes.starts_with(b"1\n2\n"));

    // The old driver is only cut off, and still thinks that the worker is its own.
    let past = journal.past();
    assert_eq!((past.epoch(), past.is_over()), (2, false));
    let new_port = listen(&runtime, &key, past.epoch());
    let (recorder, _) =
        FileRecorder::resume(journal.clone(), Journal::options(), &past).expect("a thread");
    let system = ConnectSystem::new(&new_port);
    let options = Options::default();
    let (new, mut resumed) =
        Cluster::resume(runtime.clone(), system, options, past, Some(recorder));
    new_port.admit(&new, |worker| worker);
    assert_eq!(resumed.len(), 1);
    let resumed = resumed.remove(0);
    assert_eq!(
        (resumed.id, resumed.machine),
        (lease.request(), Some(lease.id()))
    );
    relay.lead_to(new_port.address());
    relay.cut();
    let taken_over = within(&runtime, "it is back", resumed.request).await;
    let taken_over = taken_over.expect("the machine is back");
    assert_eq!(taken_over.id(), lease.id());
    let mut same = taken_over.call::<_, Exit>(EXEC, &job(&begun, &gate));
    let mut printed = Vec::new();
    while printed.len() < 300_000 {
        let chunk = within(&runtime, "its output", same.output()).await;
        printed.extend(chunk.expect("it goes on").bytes);
    }

    // The way leads to the old driver again. It has its call cancelled; nobody listens.
    drop(call);
    relay.lead_to(old_port.address());
    relay.cut();
    sleep(&runtime, Duration::from_secs(2)).await;
    relay.lead_to(new_port.address());
    relay.cut();
    gate.open();
    while let Some(chunk) = within(&runtime, "its output", same.output()).await {
        printed.extend(chunk.bytes);
    }
    assert_eq!(same.await, Ok(Exit::Code(0)));
    assert_eq!(String::from_utf8_lossy(&printed), numbers());
    assert_eq!(
        std::fs::read(&begun.0).expect("it is there"),
        b"x\n",
        "it ran once"
    );
    taken_over.finish(Outcome::Ok);

    // The lease is free for others, under the same manager.
    let next = within(&runtime, "the next lease", new.request(procs(2))).await;
    let next = next.expect("the machine is free");
    assert!(next.request() > lease.request());
    drop((next, lease));
    new.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
    drop((old, old_port));
}

/// A call that has ended when the new driver comes is answered again, and what is answered is forgotten.
async fn a_reply_that_the_old_driver_never_had_comes_again<R: Runtime>(runtime: R) {
    let (mark, key, journal) = (mark(), KeyFile::new(), Journal::default());
    let (gate, begun) = (Gate::new(&mark, "gate"), Gate::new(&mark, "begun"));
    let old_port = listen(&runtime, &key, 1);
    let old = first(&runtime, &old_port, &journal);
    let relay = Relay::new(old_port.address());
    let worker = Joined::start(&mark, relay.address, &key, Duration::from_secs(20), "");
    let lease = old.request(procs(1)).await.expect("a lease");
    let call = lease.call::<_, Exit>(EXEC, &job(&begun, &gate));
    let done = old.request(procs(1)).await.expect("the other proc");
    assert_eq!(done.call::<_, u64>("square", &3_u64).await, Ok(9));
    eventually(&runtime, "it has begun", || begun.0.exists()).await;
    // A port that refuses: no driver is there while the call ends. Its output is more than the credits that it has.
    relay.set(crate::support::Mode::Refuse);
    relay.cut();
    gate.open();
    sleep(&runtime, Duration::from_millis(300)).await;
    let past = journal.past();
    let new_port = listen(&runtime, &key, past.epoch());
    let system = ConnectSystem::new(&new_port);
    let none: Option<FileRecorder> = None;
    let options = Options::default();
    let (new, resumed) = Cluster::resume(runtime.clone(), system, options, past, none);
    relay.lead_to(new_port.address());
    relay.set(crate::support::Mode::Pass);
    assert_eq!(resumed.len(), 2);
    for resumed in resumed {
        let id = resumed.id;
        let again = within(&runtime, "it is back", resumed.request).await;
        let again = again.expect("the machine is back");
        if id == lease.request() {
            let mut same = again.call::<_, Exit>(EXEC, &job(&begun, &gate));
            let mut printed = Vec::new();
            while let Some(chunk) = within(&runtime, "its output", same.output()).await {
                printed.extend(chunk.bytes);
            }
            assert_eq!(same.await, Ok(Exit::Code(0)));
            assert_eq!(String::from_utf8_lossy(&printed), numbers());
        } else {
            // The same call of the lease gives the same, whether the worker has been told that its reply had come.
            assert_eq!(again.call::<_, u64>("square", &3_u64).await, Ok(9));
            assert_eq!(again.call::<_, u64>("square", &4_u64).await, Ok(16));
        }
        again.finish(Outcome::Ok);
    }
    assert_eq!(
        std::fs::read(&begun.0).expect("it is there"),
        b"x\n",
        "it ran once"
    );
    drop((call, lease, done));
    new.shutdown().await;
    drop((worker, old, old_port));
    await_nothing(&runtime, &mark).await;
}

on_both_adapters! {
    a_worker_obeys_the_newest_driver_alone,
    a_reply_that_the_old_driver_never_had_comes_again,
}
