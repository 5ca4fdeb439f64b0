//! The process that a template started, and its process group: if it is a wrapper that does not `exec` its worker, both are
//! ended.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select;
use futures::io::AsyncRead;
use rustix::process::{Pid, Signal, kill_process_group};

use super::pump::read;
use super::tail::Listening;

use crate::ongoing::Ongoing;
use crate::runtime::{Process, Runtime, timeout};

/// How long a process that has closed its output may take to exit, before it is killed.
pub(crate) const EXIT_GRACE: Duration = Duration::from_secs(1);

/// A process that leads a process group. Dropping it ends the group: by SIGKILL, unless it has a [`Grace`].
pub(crate) struct Group {
    /// `None` once the process was waited for: its id may then be used for another process.
    leader: Option<Pid>,
    /// `None` only while it is dropped.
    process: Option<Box<dyn Process>>,
    /// Its standard output, until a task has it.
    stdout: Option<Box<dyn AsyncRead + Send + Unpin>>,
    grace: Option<Grace>,
}

/// Time that a group gets between SIGTERM and SIGKILL, so that a launcher such as `srun` can give back what it has.
#[derive(Clone)]
pub(crate) struct Grace {
    time: Duration,
    /// Waits for a group that was dropped.
    finish: Arc<dyn Fn(Group) + Send + Sync>,
}

impl Grace {
    /// `ongoing` counts the groups that were dropped and have not ended.
    pub(crate) fn new<R: Runtime>(
        runtime: &R,
        time: Duration,
        ongoing: &Ongoing,
        stderr: Listening,
    ) -> Grace {
        let (runtime, ongoing) = (runtime.clone(), ongoing.clone());
        let finish = move |mut group: Group| {
            let (timer, going_on) = (runtime.clone(), ongoing.begin());
            // What it says at its end is read, or SIGPIPE would end it before.
            let stderr = stderr.clone();
            runtime.spawn(async move {
                let stdout = group.stdout.take();
                let ended = select(Box::pin(group.wait()), Box::pin(discard(stdout)));
                // Dropped without a grace, what is left is killed.
                let _ = timeout(&timer, time, ended).await;
                drop((group, stderr, going_on));
            });
        };
        Grace {
            time,
            finish: Arc::new(finish),
        }
    }
}

/// Reads an output to its end, and never resolves.
async fn discard(output: Option<Box<dyn AsyncRead + Send + Unpin>>) -> Infallible {
    if let Some(mut output) = output {
        let mut buffer = [0; 1024];
        while read(&mut *output, &mut buffer).await > 0 {}
    }
    std::future::pending().await
}

impl fmt::Debug for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Grace").field(&self.time).finish()
    }
}

impl Group {
    pub(crate) fn new(pid: u32, process: Box<dyn Process>) -> Group {
        let leader = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Group {
            leader,
            process: Some(process),
            stdout: None,
            grace: None,
        }
    }

    #[must_use]
    pub(crate) fn with_grace(mut self, grace: Option<Grace>) -> Group {
        self.grace = grace;
        self
    }

    #[must_use]
    pub(crate) fn with_stdout(mut self, stdout: Box<dyn AsyncRead + Send + Unpin>) -> Group {
        self.stdout = Some(stdout);
        self
    }

    /// The standard output, which is then another's to read.
    pub(crate) fn take_stdout(&mut self) -> Option<Box<dyn AsyncRead + Send + Unpin>> {
        self.stdout.take()
    }

    /// Reads some bytes of the standard output; 0 is the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> usize {
        match &mut self.stdout {
            Some(stdout) => read(&mut **stdout, buffer).await,
            None => 0,
        }
    }

    /// Ends every process of the group. Resolves when it is killed, or the leader has ended before.
    pub(crate) async fn end<R: Runtime>(&mut self, runtime: &R) -> io::Result<()> {
        if let Some(Grace { time, .. }) = self.grace {
            self.signal_members(Signal::TERM);
            if timeout(runtime, time, self.wait()).await.is_some() {
                return Ok(());
            }
        }
        self.signal_members(Signal::KILL);
        self.process().kill()
    }

    /// Waits for the leader. May be called again after an earlier future was dropped.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.process().wait().await;
        self.leader = None;
        status
    }

    fn process(&mut self) -> &mut Box<dyn Process> {
        self.process.as_mut().expect("it is not being dropped")
    }

    fn signal_members(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // An error means that no process is left in the group; the leader is killed through its handle in any case.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        match self.grace.take() {
            Some(grace) if self.leader.is_some() => {
                self.signal_members(Signal::TERM);
                (grace.finish)(Group {
                    leader: self.leader.take(),
                    process: self.process.take(),
                    stdout: self.stdout.take(),
                    grace: None,
                });
            }
            _ => self.signal_members(Signal::KILL),
        }
    }
}
