//! What tells a worker that it must go: SIGTERM, and a command that knows of it before (a cloud's spot notice). It tells the
//! driver, which gives it no more work; what runs goes on until it has ended, or the time is over.

use crate::exec::{MARKER, RUN};
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// From one question of a spot notice to the next, and how long the command may take.
const ASK: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);

/// What is left after a spot notice: two minutes, less what may have passed since.
const SPOT: Duration = Duration::from_secs(115);

/// How much longer than it has said a worker waits for the driver to end it, before it ends itself.
pub(crate) const LATE: Duration = Duration::from_secs(5);

/// SIGTERM, from now on.
pub(crate) fn signals() -> io::Result<Signals> {
    Signals::new([SIGTERM])
}

/// Calls `first` at the first SIGTERM; returns at the second.
pub(crate) fn follow(mut signals: Signals, first: impl FnOnce()) {
    let mut first = Some(first);
    for _ in signals.forever() {
        match first.take() {
            Some(first) => first(),
            None => return,
        }
    }
}

/// Asks again and again; returns what time is left, once the command ends with exit status 0.
pub(crate) fn await_notice(command: &str, marker: &str) -> Duration {
    while !says_so(command, marker).unwrap_or(false) {
        thread::sleep(ASK);
    }
    SPOT
}

/// Whether the command ends with exit status 0. One that hangs is killed, with its group.
fn says_so(command: &str, marker: &str) -> io::Result<bool> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env(MARKER, marker)
        .env_remove(RUN)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + ANSWER;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            child.wait()?;
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
