//! The process that a template started, and its process group: if it is a wrapper that does not `exec` its worker, both are
//! ended. They are asked first: a launcher such as `srun` then ends what it has started elsewhere.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::runtime::{Process, Runtime};

/// How long a process that has closed its output may take to exit, before it is ended.
pub(super) const EXIT_GRACE: Duration = Duration::from_secs(1);

/// How long a process that was asked to end (SIGTERM) may take, before it is killed.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How often to look whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process that leads a process group. Dropping it ends the group, in the background.
pub(super) struct Group<R: Runtime> {
    runtime: R,
    endings: Endings,
    /// `None` once the process was waited for: its id may then be used for another process.
    leader: Option<Pid>,
    /// `None` once it is ended in the background.
    process: Option<Box<dyn Process>>,
    /// It is ended in the background: dropped now, it is killed at once.
    in_background: bool,
}

impl<R: Runtime> Group<R> {
    pub(super) fn new(
        runtime: R,
        endings: Endings,
        pid: u32,
        process: Box<dyn Process>,
    ) -> Group<R> {
        let leader = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Group {
            runtime,
            endings,
            leader,
            process: Some(process),
            in_background: false,
        }
    }

    /// Asks every process of the group to end. When the leader has ended, or has taken too long, kills the group.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.signal_members(Signal::TERM);
        let deadline = self.runtime.now() + TERM_GRACE;
        while self.leader_runs() && self.runtime.now() < deadline {
            let look = self.runtime.now() + LOOK_EVERY;
            self.runtime.sleep_until(look).await;
        }
        self.signal_members(Signal::KILL);
        match &mut self.process {
            Some(process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Waits for the leader. May be called again after an earlier future was dropped.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let process = self.process.as_mut().expect("it is not dropped");
        let status = process.wait().await;
        self.leader = None;
        status
    }

    /// Whether the leader has not ended. It is not waited for, so that its id stays that of the group.
    fn leader_runs(&self) -> bool {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.leader
            .is_some_and(|leader| matches!(waitid(WaitId::Pid(leader), ended), Ok(None)))
    }

    fn signal_members(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // An error means that no process is left in the group; the leader is killed through its handle in any case.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl<R: Runtime> Drop for Group<R> {
    fn drop(&mut self) {
        if self.leader.is_none() {
            return;
        }
        if self.in_background {
            self.signal_members(Signal::KILL);
            return;
        }
        let mut rest = Group {
            runtime: self.runtime.clone(),
            endings: self.endings.clone(),
            leader: self.leader.take(),
            process: self.process.take(),
            in_background: true,
        };
        let ending = self.endings.begin();
        // A runtime that has ended drops the task, and the group is killed.
        self.runtime.spawn(async move {
            let _ending = ending;
            let _ = rest.end().await;
            let _ = rest.wait().await;
        });
    }
}

/// The groups that are ended in the background.
#[derive(Clone, Default)]
pub(super) struct Endings(Arc<Mutex<Counted>>);

#[derive(Default)]
struct Counted {
    running: usize,
    waiting: Vec<oneshot::Sender<()>>,
}

/// One of them; it is over when this is dropped.
struct Ending(Endings);

impl Endings {
    /// Resolves when none is left.
    pub(super) async fn all(&self) {
        let ended = {
            let mut counted = self.lock();
            if counted.running == 0 {
                return;
            }
            let (sender, ended) = oneshot::channel();
            counted.waiting.push(sender);
            ended
        };
        // Nothing is sent: the sender is dropped.
        let _ = ended.await;
    }

    fn begin(&self) -> Ending {
        self.lock().running += 1;
        Ending(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endings")
            .field(&self.lock().running)
            .finish()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut counted = self.0.lock();
        counted.running -= 1;
        if counted.running == 0 {
            let waiting = std::mem::take(&mut counted.waiting);
            drop(counted);
            drop(waiting);
        }
    }
}
