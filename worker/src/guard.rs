//! The guard: a small process beside each worker, so that jobs die with their worker also when that is killed (-9).
//!
//! The worker starts it before the hello and tells it of each job's process group through a pipe, whose other end only the
//! worker has; so the end of the pipe means that the worker is dead. (A parent-death signal would follow threads and miss
//! grandchildren.) The guard holds the worker's protocol output open until the groups are dead, so for the driver the end of
//! that stream is the proof that nothing of the worker runs any more. This file is the worker's side, [`watch`] the guard's.

mod watch;

use crate::clock;
use crate::connect::ReportTo;
use crate::first;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The environment variable that marks a process as a guard, and describes its worker.
const GUARD: &str = "REMUDA_GUARD";

/// Becomes the guard if this process was started as one. As the first process of a container, or a subreaper, it starts the
/// program once more, and stays to reap what is left to it. Else it returns at once. [`Worker::serve`](crate::Worker::serve)
/// does this too. The guard is the same program with the same arguments, so a program that does much before `serve`, or
/// something that must not be done twice, calls this first in `main`.
pub fn init() {
    if let Some(worker) = std::env::var_os(GUARD)
        .as_deref()
        .and_then(OsStr::to_str)
        .and_then(GuardedWorker::parse)
    {
        watch::run(&worker);
    }
    first::run_if_first();
}

/// What a worker tells its guard, eight bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A job leads this process group.
    Started(i32),
    /// The job has ended, and nothing of its group is left.
    Ended(i32),
    /// The worker connects back, and may live until then, on the clock of [`crate::clock`].
    Lease(Duration),
    /// The worker ends by itself, and has reported every group.
    Orderly,
}

impl Record {
    /// Numbers below are groups, above are times in milliseconds.
    const TIMES: i64 = 1 << 32;

    pub(crate) fn bytes(self) -> [u8; 8] {
        let number = match self {
            Record::Started(group) => group.into(),
            Record::Ended(group) => -i64::from(group),
            Record::Lease(until) => clock::millis(until).cast_signed() + Record::TIMES,
            Record::Orderly => 0,
        };
        number.to_le_bytes()
    }

    fn parse(bytes: [u8; 8]) -> Option<Record> {
        let number = i64::from_le_bytes(bytes);
        if let Some(millis) = number.checked_sub(Record::TIMES).filter(|&n| n >= 0) {
            return Some(Record::Lease(Duration::from_millis(millis as u64)));
        }
        let group = i32::try_from(number.abs()).ok()?;
        Some(match number {
            ..0 => Record::Ended(group),
            0 => Record::Orderly,
            _ => Record::Started(group),
        })
    }
}

/// What the driver must see of the end of a worker, and how.
pub(crate) enum Proof {
    /// The end of a stream: the guard holds it open.
    Stream(OwnedFd),
    /// A sealed record: the guard connects to the driver and sends it.
    Report(ReportTo),
}

/// The worker that a guard belongs to.
#[derive(Debug, PartialEq, Eq)]
struct GuardedWorker {
    /// The mark in the environment of the worker's jobs.
    nonce: String,
    /// The worker's process id.
    pid: i32,
    /// Whether that process leads a process group.
    leads: bool,
    /// Whether the worker connects back: the guard's standard input says where to report its end.
    connects: bool,
}

impl GuardedWorker {
    fn text(&self) -> String {
        let (leads, connects) = (u8::from(self.leads), u8::from(self.connects));
        format!("{}:{}:{leads}:{connects}", self.nonce, self.pid)
    }

    fn parse(text: &str) -> Option<GuardedWorker> {
        let mut parts = text.split(':');
        let (nonce, pid) = (parts.next()?, parts.next()?.parse().ok()?);
        let (leads, connects) = (parts.next()?, parts.next()?);
        let well = !nonce.is_empty() && pid > 0 && parts.next().is_none();
        well.then(|| GuardedWorker {
            nonce: nonce.into(),
            pid,
            leads: leads == "1",
            connects: connects == "1",
        })
    }
}

/// A mark that no other worker has.
pub(crate) fn nonce() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

/// Starts the guard, and returns the pipe on which it receives process groups.
///
/// It is this program again, in its own process group, so that signals to the worker's group do not reach it. Its standard
/// input and output are exchanged: it holds the protocol's output as 0 and reads the pipe from 1. So text that the program
/// prints before [`init`] is lost and does not break the protocol.
pub(crate) fn start(proof: &Proof, nonce: &str) -> io::Result<File> {
    let (reader, writer) = io::pipe()?;
    let pid = rustix::process::getpid();
    // Not `getpgrp`: the group may belong to an outer process name space and have no id here.
    let leads = rustix::process::test_kill_process_group(pid).is_ok();
    let worker = GuardedWorker {
        nonce: nonce.into(),
        pid: pid.as_raw_nonzero().get(),
        leads,
        connects: matches!(proof, Proof::Report(_)),
    };
    let input = match proof {
        Proof::Stream(output) => output.try_clone()?,
        Proof::Report(report_to) => {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(&report_to.bytes())?; // It is far shorter than what a pipe holds.
            reader.into()
        }
    };
    Command::new(program()?)
        .arg0("remuda-guard")
        .args(std::env::args_os().skip(1))
        .env(GUARD, worker.text())
        .process_group(0)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(OwnedFd::from(reader)))
        .spawn()?;
    Ok(File::from(OwnedFd::from(writer)))
}

/// The path of this program. On Linux it is valid also when the file was replaced meanwhile.
pub(crate) fn program() -> io::Result<OsString> {
    const SELF: &str = "/proc/self/exe";
    if std::fs::exists(SELF).unwrap_or(false) {
        return Ok(SELF.into());
    }
    std::env::current_exe().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guarded_worker_survives_the_environment_and_nonsense_is_refused() {
        let worker = GuardedWorker {
            nonce: nonce(),
            pid: 77,
            leads: true,
            connects: false,
        };
        assert_eq!(GuardedWorker::parse(&worker.text()), Some(worker));
        for text in [
            "",
            "1",
            "a:b:c:0",
            "a:-4:1:0",
            ":4:1:0",
            "a:4:1:0:2",
            "a:4:1",
        ] {
            assert_eq!(GuardedWorker::parse(text), None, "{text}");
        }
        assert_ne!(nonce(), nonce());
    }

    #[test]
    fn records_survive_the_pipe() {
        let until = Duration::from_millis(1 << 40);
        for record in [
            Record::Started(1),
            Record::Started(i32::MAX),
            Record::Ended(1),
            Record::Ended(i32::MAX),
            Record::Lease(Duration::ZERO),
            Record::Orderly,
            Record::Lease(until),
        ] {
            assert_eq!(Record::parse(record.bytes()), Some(record));
        }
    }
}
