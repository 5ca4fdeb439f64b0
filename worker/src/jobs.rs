//! The process groups of the running jobs, so that all are killed when the worker ends for any reason.

use crate::guard::Record;
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
const START_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the end of the worker waits for killed processes to be dead.
const DEATH_TIMEOUT: Duration = Duration::from_secs(2);

/// The groups of this worker's jobs. The guard is told of each, on its pipe.
///
/// The id of a group in this list cannot belong to another group: it is removed after the job's process has ended and before
/// that process is reaped.
#[derive(Debug)]
pub(crate) struct Jobs {
    state: Mutex<State>,
    /// Signalled when a start has ended.
    started: Condvar,
    /// The pipe to the guard.
    guard: File,
    /// The mark in the environment of every job, by which the guard finds jobs that were not reported to it.
    marker: String,
}

#[derive(Debug, Default)]
struct State {
    groups: HashSet<Pid>,
    /// Processes that are being started.
    starting: usize,
    /// The worker is ending: no process is started any more.
    closed: bool,
    /// The worker was told to end by a signal.
    signalled: bool,
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

    /// The worker's end of the guard's pipe. A poll reports an error on it when the guard has ended.
    pub(crate) fn guard(&self) -> &File {
        &self.guard
    }

    /// The worker was told to end by a signal, which may have reached its jobs as well.
    pub(crate) fn set_signalled(&self) {
        lock(&self.state).signalled = true;
    }

    pub(crate) fn is_signalled(&self) -> bool {
        lock(&self.state).signalled
    }

    /// Starts a process that leads its own group, and adds the group to the list.
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
            self.send_record(Record::Started(group.as_raw_nonzero().get()));
        }
        Some(result)
    }

    /// Kills the rest of a group whose leader has ended, and removes the group. The leader may be reaped after this.
    pub(crate) fn end(&self, group: Pid) {
        let _ = kill_process_group(group, Signal::KILL);
        lock(&self.state).groups.remove(&group);
        self.send_record(Record::Ended(group.as_raw_nonzero().get()));
    }

    /// Kills a job, if it is still in the list.
    pub(crate) fn kill(&self, group: i32) {
        let state = lock(&self.state);
        let group = state
            .groups
            .iter()
            .find(|it| it.as_raw_nonzero().get() == group);
        if let Some(group) = group {
            let _ = kill_process_group(*group, Signal::KILL);
        }
    }

    /// Kills all jobs and starts no more. Waits until they are dead only if the guard has ended, which does that otherwise.
    pub(crate) fn kill_all(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let deadline = Instant::now() + START_TIMEOUT;
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
        let all_known = state.starting == 0;
        drop(state);
        if all_known {
            self.send_record(Record::Orderly);
        }
        if self.guard_has_ended() {
            wait_until_dead(&groups);
        }
    }

    fn guard_has_ended(&self) -> bool {
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

    /// Tells the guard until when the worker may live, on the clock of [`crate::clock`].
    pub(crate) fn send_lease(&self, until: Duration) {
        self.send_record(Record::Lease(until));
    }

    /// Writes of this size are atomic on a pipe. An error means that the guard has ended, which the reader detects too.
    fn send_record(&self, record: Record) {
        let _ = (&self.guard).write_all(&record.bytes());
    }
}

/// Waits for the killed processes of a group, after its leader was reaped. Most jobs leave none, which costs one system call.
pub(crate) fn wait_for_group(group: Pid) {
    if test_kill_process_group(group).is_ok() {
        wait_until_dead(&HashSet::from([group]));
    }
}

/// Waits until no process of these groups is alive, if processes can be listed.
fn wait_until_dead(groups: &HashSet<Pid>) {
    let deadline = Instant::now() + DEATH_TIMEOUT;
    let theirs = |group| Pid::from_raw(group).is_some_and(|group| groups.contains(&group));
    while processes::all()
        .is_some_and(|mut all| all.any(|process| process.alive && theirs(process.group)))
        && Instant::now() < deadline
    {
        thread::sleep(Duration::from_millis(2));
    }
}
