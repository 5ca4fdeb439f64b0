//! The processes of this machine, and which of them belong to a test.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use remuda_driver::Runtime;
use rustix::process::{Pid, Signal, kill_process};

use crate::sleep;

/// What is slower than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The functions of the test worker.
pub const FUNCTIONS: [&str; 14] = [
    "both",
    "complain",
    "count",
    "discarded",
    "exec",
    "fail",
    "meet",
    "panic",
    "print",
    "sleep",
    "square",
    "swallow",
    "trickle",
    "zeros",
];

/// A mark that is in the command line of every process of one test and of no other: a number of seconds that its jobs
/// sleep, and an argument of its workers and their guards.
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}.{next:04}", 10_000_000 + u64::from(std::process::id()))
}

/// A line of the list of processes.
#[derive(Debug)]
pub struct Running {
    /// Its id.
    pub pid: i32,
    /// Whose child it is.
    pub parent: i32,
    /// It has ended and nobody has waited for it.
    pub zombie: bool,
    /// Its words.
    pub command: String,
}

/// All processes.
///
/// # Panics
/// Without a `/proc`.
pub fn processes() -> Vec<Running> {
    let pids = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let read = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        Some(Running {
            pid,
            parent,
            zombie: state == "Z" || state == "X",
            command,
        })
    };
    pids.filter_map(read).collect()
}

/// The processes of a test that are alive: workers, guards, jobs.
pub fn alive(mark: &str) -> Vec<Running> {
    let mut all = processes();
    all.retain(|process| !process.zombie && process.command.contains(mark));
    all
}

/// Sends a signal to a process that is there.
///
/// # Panics
/// When it is not.
pub fn send(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a process");
    kill_process(pid, signal).expect("it is there");
}

/// Waits until nothing of a test is alive.
///
/// # Panics
/// When something still is after [`PATIENCE`].
pub async fn await_nothing<R: Runtime>(runtime: &R, mark: &str) {
    let limit = runtime.now() + PATIENCE;
    loop {
        let left = alive(mark);
        if left.is_empty() {
            return;
        }
        assert!(runtime.now() < limit, "still alive: {left:#?}");
        sleep(runtime, Duration::from_millis(10)).await;
    }
}
