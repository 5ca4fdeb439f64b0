//! The process groups of the jobs that run, so that all die when the worker ends, whatever ends it.

use crate::processes;
use crate::sync::lock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the end of the worker waits for a process that is just being started.
const START_PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits for what it has killed.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);

/// The groups of this worker's jobs. The guard is told of each, on its pipe.
///
/// A group's number cannot come to mean another group while it stands here: it is taken out before the job's process, which
/// is dead by then, is reaped.
#[derive(Debug)]
pub(crate) struct Jobs {
    state: Mutex<State>,
    /// A start has ended.
    started: Condvar,
    /// Where the guard hears of groups.
    guard: File,
    /// What every job has in its environment, by which the guard knows those it was not told of.
    marker: String,
}

#[derive(Debug, Default)]
struct State {
    groups: HashSet<Pid>,
    /// Processes that are being started.
    starting: usize,
    /// The worker ends: nothing is started any more.
    closed: bool,
}

impl Jobs {
    pub(crate) fn new(guard: File, marker: String) -> Jobs {
        Jobs {
            state: Mutex::default(),
            started: Condvar::new(),
            guard,
            marker,
        }
    }

    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// The end of the guard's pipe: it has an error when the guard is gone.
    pub(crate) fn guard(&self) -> &File {
        &self.guard
    }

    /// Starts a process that leads a group of its own, and notes the group.
    pub(crate) fn start<T, E>(
        &self,
        start: impl FnOnce() -> Result<(T, Pid), E>,
    ) -> Option<Result<(T, Pid), E>> {
        {
            let mut state = lock(&self.state);
            if state.closed {
                return None;
            }
            state.starting += 1;
        }
        let result = start();
        {
            let mut state = lock(&self.state);
            state.starting -= 1;
            if let Ok((_, group)) = &result {
                state.groups.insert(*group);
            }
            if state.closed {
                self.started.notify_all();
            }
        }
        if let Ok((_, group)) = &result {
            self.tell(group.as_raw_nonzero().get());
        }
        Some(result)
    }

    /// Kills what is left of the group of a job whose process has ended, and forgets it. After this the process may be reaped.
    pub(crate) fn end(&self, group: Pid) {
        let _ = kill_process_group(group, Signal::KILL);
        lock(&self.state).groups.remove(&group);
        self.tell(-group.as_raw_nonzero().get());
    }

    /// Kills all that runs and starts nothing any more. Without the guard, which would see to it, waits until it is dead.
    pub(crate) fn kill_all(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let deadline = Instant::now() + START_PATIENCE;
        while state.starting > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break; // The guard finds it by its marker.
            }
            state = self
                .started
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        for group in &state.groups {
            let _ = kill_process_group(*group, Signal::KILL);
            let _ = kill_process(*group, Signal::KILL); // Its leader may have moved to another.
        }
        let groups = state.groups.clone();
        drop(state);
        if self.guard_is_gone() {
            await_death(&groups);
        }
    }

    fn guard_is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.guard, PollFlags::empty())];
        matches!(
            poll(
                &mut fds,
                Some(&Timespec {
                    tv_sec: 0,
                    tv_nsec: 0
                })
            ),
            Ok(1)
        )
    }

    /// A write this small is never torn. Where it fails the guard is gone, which the reader sees too.
    fn tell(&self, record: i32) {
        let _ = (&self.guard).write_all(&record.to_le_bytes());
    }
}

/// Waits for what was killed of a group, once its leader is reaped. Most jobs leave nothing, which costs one call to see.
pub(crate) fn await_end(group: Pid) {
    if test_kill_process_group(group).is_ok() {
        await_death(&HashSet::from([group]));
    }
}

/// Waits until nobody of these groups is alive, where that can be seen.
fn await_death(groups: &HashSet<Pid>) {
    let deadline = Instant::now() + DEATH_PATIENCE;
    let theirs = |group| Pid::from_raw(group).is_some_and(|group| groups.contains(&group));
    while processes::all()
        .is_some_and(|mut all| all.any(|process| process.alive && theirs(process.group)))
        && Instant::now() < deadline
    {
        thread::sleep(Duration::from_millis(2));
    }
}
