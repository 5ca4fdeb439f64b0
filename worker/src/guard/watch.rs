//! The guard process: it waits for the end of the worker, then kills the jobs that are left.

use super::{GuardedWorker, Record};
use crate::clock;
use crate::connect::{ReportTo, report_end};
use crate::exec::MARKER;
use crate::processes::{self, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// After a record the guard sleeps for this time, so that it does not wake for every job. (The pipe holds some 16,000
/// records meanwhile.)
const NAP: Duration = Duration::from_millis(200);

/// How long a worker may take to end after its driver. It ends at once unless it is stopped (SIGSTOP).
const WORKER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the guard tries to kill the jobs. It does not wait longer for a process that the kernel keeps.
const KILL_TIMEOUT: Duration = Duration::from_secs(3);

/// For how long a guard relies on the list of its parent's children. Then it lists all processes.
const CHILDREN_TIMEOUT: Duration = Duration::from_millis(500);

/// For how long a process with an empty environment counts as one that is being started.
const EXEC_TIMEOUT: Duration = Duration::from_millis(200);

pub(super) fn run(worker: &GuardedWorker) -> ! {
    // For the list of processes. On systems other than Linux the name stays that of the program.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(processes::GUARD_NAME);
    ignore_signals();
    let report_to = worker.connects.then(|| ReportTo::read(proof())).flatten();
    let mut guard = Guard {
        worker,
        groups: HashSet::new(),
        partial: Vec::new(),
        lease: None,
        orderly: false,
    };
    guard.wait();
    guard.kill();
    if let Some(report_to) = report_to {
        report_end(&report_to, guard.lease.unwrap_or_default());
    }
    std::process::exit(0)
}

/// Signals that ask a process to end must not end the guard, because its end means that the jobs are dead. The kernel itself
/// sends it a hang-up when it is stopped and its worker dies.
fn ignore_signals() {
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
}

struct Guard<'a> {
    worker: &'a GuardedWorker,
    groups: HashSet<i32>,
    /// The beginning of a record.
    partial: Vec<u8>,
    /// Until when the worker may live, if it connects back.
    lease: Option<Duration>,
    /// The worker has ended by itself and has reported every group.
    orderly: bool,
}

/// The pipe from the worker: see [`super::start`] for the crossing.
fn pipe() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

/// The protocol's output, or a pipe that says where to report the end.
fn proof() -> BorrowedFd<'static> {
    rustix::stdio::stdin()
}

/// The state of the two pipes after a poll.
struct PollResult {
    records: bool,
    worker_gone: bool,
    driver_gone: bool,
}

/// Waits for the end of the worker or of the driver, and for records if `records` is set. The driver's end shows on the output
/// of the protocol alone, and not on that pipe.
fn poll_both(records: bool, connects: bool, limit: Option<Duration>) -> PollResult {
    let wanted = if records {
        PollFlags::IN
    } else {
        PollFlags::empty()
    };
    let mut fds = [
        PollFd::from_borrowed_fd(pipe(), wanted),
        PollFd::from_borrowed_fd(proof(), PollFlags::empty()),
    ];
    let polled = if connects { 1 } else { 2 };
    let timeout = limit.map(|limit| Timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    match poll(&mut fds[..polled], timeout.as_ref()) {
        Ok(_) => PollResult {
            records: fds[0].revents().contains(PollFlags::IN),
            worker_gone: fds[0].revents().intersects(gone),
            driver_gone: fds[1].revents().intersects(gone),
        },
        Err(_) => PollResult {
            records: false,
            worker_gone: false,
            driver_gone: false,
        },
    }
}

impl Guard<'_> {
    /// Returns when the worker is dead.
    fn wait(&mut self) {
        loop {
            let connects = self.worker.connects;
            let left = self.lease.map(|lease| lease.saturating_sub(clock::now()));
            let mut polled = poll_both(true, connects, left);
            if polled.records && !polled.worker_gone && !polled.driver_gone {
                self.read();
                polled = poll_both(false, connects, Some(NAP));
            }
            if polled.worker_gone {
                break;
            }
            let over = self.lease.is_some_and(|lease| lease <= clock::now());
            if polled.driver_gone || over {
                self.end_worker();
                break;
            }
        }
        while self.read() > 0 {}
    }

    /// The driver is gone, or the lease is over: waits for the worker to end. A stopped worker does not, so it is killed after a time-out.
    fn end_worker(&mut self) {
        let mut deadline = Instant::now() + WORKER_TIMEOUT;
        let mut killed = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && killed {
                return;
            }
            if left.is_zero() {
                // The process id is the worker's as long as the worker is the parent of this process.
                let parent = rustix::process::getppid();
                if let Some(parent) =
                    parent.filter(|parent| parent.as_raw_nonzero().get() == self.worker.pid)
                {
                    let _ = kill_process(parent, Signal::KILL);
                }
                killed = true;
                deadline = Instant::now() + WORKER_TIMEOUT;
                continue;
            }
            // Not `poll_both`: it would return at once, because the end of the driver is reported every time.
            let polled = poll_worker(left);
            if polled.worker_gone {
                return;
            }
            if polled.records {
                self.read();
            }
        }
    }

    /// Reads records from the pipe. Returns the number of bytes.
    fn read(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(pipe(), &mut buffer)).unwrap_or(0);
        self.partial.extend_from_slice(&buffer[..read]);
        let (records, rest) = self.partial.as_chunks();
        for record in records.iter().copied().filter_map(Record::parse) {
            match record {
                Record::Started(group) => drop(self.groups.insert(group)),
                Record::Ended(group) => drop(self.groups.remove(&group)),
                Record::Lease(until) => self.lease = Some(until),
                Record::Orderly => self.orderly = true,
            }
        }
        self.partial = rest.to_vec();
        read
    }

    /// Kills the processes that the worker has left, until all are dead.
    fn kill(&mut self) {
        // Processes that a user's functions have started are in the worker's own group, if it leads one.
        if self.worker.leads {
            self.groups.insert(self.worker.pid);
        }
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        if self.orderly && self.kill_children() {
            return;
        }
        while begun.elapsed() < KILL_TIMEOUT {
            let groups = self.groups.iter().copied().filter_map(Pid::from_raw);
            // If processes cannot be listed, a group counts as alive while it exists, even with zombies only.
            let there = groups
                .filter(|group| kill_process_group(*group, Signal::KILL).is_ok())
                .count();
            let alive = match processes::all() {
                Some(all) => self.kill_listed(all, begun.elapsed() < EXEC_TIMEOUT),
                None => there > 0,
            };
            if !alive {
                return;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Kills what is left of an orderly end: the groups, and what has left its group, which is now among the children of the
    /// process that adopted this one too, or among theirs. So it need not look at every process of the host, as a thousand
    /// guards would at once. Returns whether all are dead; false where the children cannot be listed, or it takes long.
    fn kill_children(&self) -> bool {
        let Some(me) = Process::read(rustix::process::getpid().as_raw_nonzero().get()) else {
            return false;
        };
        let begun = Instant::now();
        let mut clean = 0;
        while begun.elapsed() < CHILDREN_TIMEOUT {
            let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
            if parent == self.worker.pid {
                // Its children are given away when it is gone.
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            for group in self.groups.iter().copied().filter_map(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let Some(children) = processes::children(parent) else {
                return false;
            };
            let mut killed = false;
            let mut unseen: Vec<Process> = children.filter_map(Process::read).collect();
            while let Some(process) = unseen.pop() {
                if !process.alive || process.session != me.session || process.guard {
                    continue;
                }
                let ours = self.groups.contains(&process.group)
                    || process
                        .environment()
                        .is_some_and(|bytes| marked(&bytes, &self.worker.nonce));
                if ours {
                    unseen.extend(
                        processes::children(process.pid)
                            .into_iter()
                            .flatten()
                            .filter_map(Process::read),
                    );
                    let _ = Pid::from_raw(process.pid).map(|pid| kill_process(pid, Signal::KILL));
                    killed = true;
                }
            }
            // The list may miss one while others end, hardly twice.
            clean = if killed { 0 } else { clean + 1 };
            if clean == 2 {
                return true;
            }
            if clean == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        false
    }

    /// Kills the worker's processes, also those that it had no time to report. Returns whether any of them is alive.
    ///
    /// They have the mark in their environment and are in this session. A process that called setsid is meant to outlive its
    /// job, and is left alone.
    fn kill_listed(&self, all: impl Iterator<Item = Process>, just_begun: bool) -> bool {
        // Not `getsid`: a session of an outer process name space has no id here, and is listed as 0.
        let Some(me) = Process::read(rustix::process::getpid().as_raw_nonzero().get()) else {
            return false;
        };
        let mut alive = false;
        for process in all.filter(|process| {
            process.alive && process.pid != me.pid && process.session == me.session
        }) {
            let ours = self.groups.contains(&process.group);
            let environment = if ours { None } else { process.environment() };
            if !ours
                && !environment
                    .as_deref()
                    .is_some_and(|bytes| marked(bytes, &self.worker.nonce))
            {
                // A process that is younger than this one, leads a group and has no environment yet may be a job during its
                // exec.
                let starting = process.started >= me.started
                    && process.group == process.pid
                    && environment.is_some_and(|bytes| bytes.is_empty());
                alive |= just_begun && starting;
                continue;
            }
            alive = true;
            let kill = |pid| Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
            kill(process.pid);
            if process.group != me.group
                && let Some(group) = Pid::from_raw(process.group)
            {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        alive
    }
}

/// Waits for the end of the worker or for records, and not for the end of the driver.
fn poll_worker(limit: Duration) -> PollResult {
    let mut fds = [PollFd::from_borrowed_fd(pipe(), PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    };
    let _ = poll(&mut fds, Some(&timeout));
    let flags = fds[0].revents();
    PollResult {
        records: flags.contains(PollFlags::IN),
        worker_gone: flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        driver_gone: true,
    }
}

/// Whether an environment has the worker's mark. Workers that were started by jobs append their own marks.
fn marked(environment: &[u8], nonce: &str) -> bool {
    environment
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="))
        .any(|marks| {
            marks
                .split(|byte| *byte == b':')
                .any(|mark| mark == nonce.as_bytes())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_alone_and_among_others_and_never_in_another_variable() {
        assert!(marked(b"A=1\0REMUDA_WORKER=abc\0B=2\0", "abc"));
        assert!(marked(b"REMUDA_WORKER=xyz:abc:def", "abc"));
        for environment in [
            &b""[..],
            b"REMUDA_WORKER=abcd\0",
            b"XREMUDA_WORKER=abc",
            b"REMUDA_WORKERS=abc",
        ] {
            assert!(!marked(environment, "abc"), "{environment:?}");
        }
    }
}
