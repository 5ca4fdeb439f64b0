//! The guard itself: it waits for the worker's end, then sees to it that no job is left.

use super::Whose;
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

/// After something came on the pipe the guard looks at it again only after this, so that it is not woken for every job.
/// (Meanwhile the pipe holds some 16,000 records.)
const NAP: Duration = Duration::from_millis(200);

/// How long a worker whose driver is gone has to end by itself. It does so at once unless it is stopped.
const WORKER_PATIENCE: Duration = Duration::from_secs(1);

/// How long the guard tries to see the jobs dead; what the kernel holds on to longer cannot be waited for.
const KILL_PATIENCE: Duration = Duration::from_secs(3);

/// How long a process may look as if it were just being started.
const EXEC_PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn run(worker: &Whose) -> ! {
    // For whoever looks at the list of processes; elsewhere than on Linux it keeps the program's name.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"remuda-guard");
    stand_fast();
    let mut guard = Guard {
        worker,
        groups: HashSet::new(),
        partial: Vec::new(),
    };
    guard.wait();
    guard.kill();
    std::process::exit(0)
}

/// What asks other processes to end does not end the guard: its end must mean that the jobs are dead. A hang-up comes to
/// it of itself, when it is stopped and its worker dies.
fn stand_fast() {
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
}

struct Guard<'a> {
    worker: &'a Whose,
    groups: HashSet<i32>,
    /// The beginning of a record.
    partial: Vec<u8>,
}

/// The pipe from the worker: see [`super::start`] for the crossing.
fn pipe() -> BorrowedFd<'static> {
    rustix::stdio::stdout()
}

/// The protocol's output.
fn output() -> BorrowedFd<'static> {
    rustix::stdio::stdin()
}

/// What became of either end.
struct Seen {
    records: bool,
    worker_gone: bool,
    driver_gone: bool,
}

/// Waits for the worker's or the driver's end, and for records where asked.
fn look(records: bool, patience: Option<Duration>) -> Seen {
    let wanted = if records {
        PollFlags::IN
    } else {
        PollFlags::empty()
    };
    let mut fds = [
        PollFd::from_borrowed_fd(pipe(), wanted),
        PollFd::from_borrowed_fd(output(), PollFlags::empty()),
    ];
    let timeout = patience.map(|patience| Timespec {
        tv_sec: patience.as_secs().cast_signed(),
        tv_nsec: patience.subsec_nanos().into(),
    });
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => Seen {
            records: fds[0].revents().contains(PollFlags::IN),
            worker_gone: fds[0].revents().intersects(gone),
            driver_gone: fds[1].revents().intersects(gone),
        },
        Err(_) => Seen {
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
            let mut seen = look(true, None);
            if seen.records && !seen.worker_gone && !seen.driver_gone {
                self.read();
                seen = look(false, Some(NAP));
            }
            if seen.worker_gone {
                break;
            }
            if seen.driver_gone {
                self.end_worker();
                break;
            }
        }
        while self.read() > 0 {}
    }

    /// The driver is gone: the worker ends by itself, or (it is stopped) is ended.
    fn end_worker(&mut self) {
        let mut deadline = Instant::now() + WORKER_PATIENCE;
        let mut killed = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && killed {
                return;
            }
            if left.is_zero() {
                // Its number means the worker as long as it is our parent.
                let parent = rustix::process::getppid();
                if let Some(parent) =
                    parent.filter(|parent| parent.as_raw_nonzero().get() == self.worker.pid)
                {
                    let _ = kill_process(parent, Signal::KILL);
                }
                killed = true;
                deadline = Instant::now() + WORKER_PATIENCE;
                continue;
            }
            // In steps, because the driver's end is reported all the time.
            let seen = look_at_worker(left);
            if seen.worker_gone {
                return;
            }
            if seen.records {
                self.read();
            }
        }
    }

    /// Takes in what the pipe holds; how many bytes.
    fn read(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(pipe(), &mut buffer)).unwrap_or(0);
        self.partial.extend_from_slice(&buffer[..read]);
        let (records, rest) = self.partial.as_chunks();
        for record in records {
            match i32::from_le_bytes(*record) {
                group if group > 0 => self.groups.insert(group),
                group => self.groups.remove(&group.saturating_neg()),
            };
        }
        self.partial = rest.to_vec();
        read
    }

    /// Kills all that is left of the worker's, until it is dead.
    fn kill(&mut self) {
        // What functions of the user's have started is in the worker's own group, if it has one.
        if self.worker.leads {
            self.groups.insert(self.worker.pid);
        }
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        while begun.elapsed() < KILL_PATIENCE {
            let groups = self.groups.iter().copied().filter_map(Pid::from_raw);
            // Where processes cannot be listed, a group that is there counts, zombies too.
            let there = groups
                .filter(|group| kill_process_group(*group, Signal::KILL).is_ok())
                .count();
            let alive = match processes::all() {
                Some(all) => self.kill_listed(all, begun.elapsed() < EXEC_PATIENCE),
                None => there > 0,
            };
            if !alive {
                return;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Kills those of the worker's processes that it had no time to tell of, and says whether any of its processes is alive.
    ///
    /// They are known by the mark in their environment, and by our session: who called setsid meant to outlive his job.
    fn kill_listed(&self, all: impl Iterator<Item = Process>, just_begun: bool) -> bool {
        // Not asked by getsid: a session of an outer name space of processes has no number, and is listed as 0.
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
                // A younger process than this that leads a group and has no environment yet may be a job in its exec.
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

/// Waits for the worker's end or records, whatever the driver does.
fn look_at_worker(patience: Duration) -> Seen {
    let mut fds = [PollFd::from_borrowed_fd(pipe(), PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: patience.as_secs().cast_signed(),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let _ = poll(&mut fds, Some(&timeout));
    let flags = fds[0].revents();
    Seen {
        records: flags.contains(PollFlags::IN),
        worker_gone: flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        driver_gone: true,
    }
}

/// Whether an environment has the worker's mark, be it the last or one of a worker that is nested in its jobs.
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
