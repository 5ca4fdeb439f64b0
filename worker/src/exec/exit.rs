//! A descriptor on which poll(2) can wait for the exit of a process, without reaping it.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;

/// Ready (readable or hung up) once the process has exited. It stays a zombie, so its id and its group's id are not reused.
#[derive(Debug)]
pub(super) enum ExitWatch {
    /// A pidfd.
    Pidfd(OwnedFd),
    /// Without pidfds (not Linux, or before 5.3): a thread waits, and then closes the other end of this pipe.
    Thread(PipeReader),
}

impl ExitWatch {
    pub(super) fn new(pid: Pid) -> io::Result<ExitWatch> {
        #[cfg(target_os = "linux")]
        if let Ok(pidfd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            return Ok(ExitWatch::Pidfd(pidfd));
        }
        ExitWatch::thread(pid)
    }

    fn thread(pid: Pid) -> io::Result<ExitWatch> {
        let (reader, writer) = io::pipe()?;
        thread::Builder::new()
            .name("remuda-exit".into())
            .spawn(move || {
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options));
                drop(writer);
            })?;
        Ok(ExitWatch::Thread(reader))
    }
}

impl AsFd for ExitWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            ExitWatch::Pidfd(pidfd) => pidfd.as_fd(),
            ExitWatch::Thread(reader) => reader.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::process::{Command, Stdio};

    #[test]
    fn both_ways_see_the_exit_and_leave_the_process_to_be_reaped() {
        for watch in [ExitWatch::new, ExitWatch::thread] {
            let mut child = Command::new("cat")
                .stdin(Stdio::piped())
                .spawn()
                .expect("cat is everywhere");
            let watch = watch(Pid::from_child(&child)).expect("a watch");
            let ready = |timeout: Option<&Timespec>| {
                poll(&mut [PollFd::new(&watch, PollFlags::IN)], timeout).expect("a good descriptor")
            };
            assert_eq!(
                ready(Some(&Timespec {
                    tv_sec: 0,
                    tv_nsec: 20_000_000
                })),
                0,
                "{watch:?}"
            );
            drop(child.stdin.take());
            assert_eq!(ready(None), 1, "{watch:?}");
            assert!(child.wait().expect("it is there to be reaped").success());
        }
    }
}
