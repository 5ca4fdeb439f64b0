//! The process groups of the jobs that run, so that all die when the worker ends, whatever ends it.

use crate::sync::lock;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of the worker waits for a process that is just being started.
const START_PATIENCE: Duration = Duration::from_secs(1);

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

    /// Kills all that runs and starts nothing any more.
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
    }

    /// A write this small is never torn. Where it fails the guard is gone, which the reader sees too.
    fn tell(&self, record: i32) {
        let _ = (&self.guard).write_all(&record.to_le_bytes());
    }
}
