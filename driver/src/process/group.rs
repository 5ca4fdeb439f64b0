//! The process that a template started, and its process group: if it is a wrapper that does not `exec` its worker, both are
//! killed.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::runtime::Process;

/// How long a process that has closed its output may take to exit, before it is killed.
pub(super) const EXIT_GRACE: Duration = Duration::from_secs(1);

/// A process that leads a process group. Dropping it kills the group.
pub(super) struct Group {
    /// `None` once the process was waited for: its id may then be used for another process.
    leader: Option<Pid>,
    process: Box<dyn Process>,
}

impl Group {
    pub(super) fn new(pid: u32, process: Box<dyn Process>) -> Group {
        let leader = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Group { leader, process }
    }

    /// Kills every process of the group.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.kill_members();
        self.process.kill()
    }

    /// Waits for the leader. May be called again after an earlier future was dropped.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.wait().await;
        self.leader = None;
        status
    }

    fn kill_members(&self) {
        if let Some(leader) = self.leader {
            // An error means that no process is left in the group; the leader is killed through its handle in any case.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill_members();
    }
}
