//! One running job: its pipes, its end, its cancellation, all on the thread of its call.

use super::{Exit, exit::ExitWatch};
use crate::context::Context;
use crate::jobs::{Jobs, await_end};
use crate::sync::Wake;
use crate::wire::{MAX_CHUNK, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A cancelled job has so long between SIGTERM and SIGKILL.
const TERM_PATIENCE: Duration = Duration::from_millis(500);

/// What holds the pipes when the process has exited has so long to finish.
const DRAIN_PATIENCE: Duration = Duration::from_millis(100);

/// A process that runs and is noted in [`Jobs`].
pub(super) struct Process {
    child: Child,
    group: Pid,
}

/// Starts the process, as the leader of a group. (No `pre_exec`: without it the standard library can use posix_spawn, which is
/// much faster in a process with threads and memory.)
pub(super) fn start(mut command: Command, jobs: &Jobs) -> io::Result<Process> {
    command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = jobs.start(|| {
        command.spawn().map(|child| {
            let group = Pid::from_child(&child);
            (child, group)
        })
    });
    let (child, group) =
        started.unwrap_or_else(|| Err(io::Error::other("the worker is ending")))?;
    Ok(Process { child, group })
}

/// What a thread keeps from one job to the next.
struct Tools {
    buffer: Vec<u8>,
    wake: Arc<Wake>,
}

thread_local! {
    static TOOLS: RefCell<Option<Tools>> = const { RefCell::new(None) };
}

/// Carries the process to its end.
pub(super) fn run(context: &Context, process: Process) -> Result<Exit, String> {
    TOOLS.with_borrow_mut(|slot| {
        let tools = match slot.take() {
            Some(tools) => Ok(tools),
            None => Wake::new().map(|wake| Tools {
                buffer: vec![0; MAX_CHUNK],
                wake: Arc::new(wake),
            }),
        };
        let watch = ExitWatch::new(process.group);
        let (tools, watch) = match (tools, watch) {
            (Ok(tools), Ok(watch)) => (tools, watch),
            (Err(error), _) | (_, Err(error)) => {
                process.reap(&context.jobs).ok();
                return Err(format!("cannot watch the job, so it was killed: {error}"));
            }
        };
        let mut job = Job::new(context, process, watch, tools);
        context.call.set_wake(Some(Arc::clone(&job.tools.wake)));
        let result = job.run();
        context.call.set_wake(None);
        *slot = Some(job.tools);
        result
    })
}

impl Process {
    /// Kills what is left of the group, then takes the exit status; in this order, so that the group's number is never one
    /// that could mean another. Returns when all of the group is dead: only then has the call ended (F12).
    fn reap(mut self, jobs: &Jobs) -> io::Result<Exit> {
        jobs.end(self.group);
        let status = self.child.wait()?;
        await_end(self.group);
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        })
    }
}

struct Job<'a> {
    context: &'a Context,
    process: Option<Process>,
    pipes: Pipes,
    watch: ExitWatch,
    tools: Tools,
    /// Once cancelled: when SIGKILL follows, if it has not.
    kill_at: Option<Instant>,
    cancelled: bool,
}

/// The two outputs, each until its end.
struct Pipes([Option<OwnedFd>; 2]);

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// What a wait found.
struct Ready {
    pipes: [PollFlags; 2],
    exited: bool,
}

impl<'a> Job<'a> {
    fn new(context: &'a Context, mut process: Process, watch: ExitWatch, tools: Tools) -> Job<'a> {
        let stdout = process.child.stdout.take().map(OwnedFd::from);
        let stderr = process.child.stderr.take().map(OwnedFd::from);
        let pipes = Pipes([stdout, stderr]);
        Job {
            context,
            process: Some(process),
            pipes,
            watch,
            tools,
            kill_at: None,
            cancelled: false,
        }
    }

    fn run(&mut self) -> Result<Exit, String> {
        self.until_exit();
        if !self.cancelled {
            self.until_quiet();
        }
        let process = self.process.take().expect("it is taken here alone");
        let exit = process.reap(&self.context.jobs).map_err(|error| {
            format!("the job has ended, and how is not to be learnt: {error} (is SIGCHLD ignored?)")
        })?;
        if !self.cancelled {
            self.rest();
        }
        if self.cancelled {
            Err("cancelled".into())
        } else {
            Ok(exit)
        }
    }

    /// Passes output on until the process has exited.
    fn until_exit(&mut self) {
        loop {
            if self.context.call.is_cancelled() {
                self.cancel();
            }
            let ready = self.wait(true, self.kill_at);
            for (pipe, flags) in ready.pipes.into_iter().enumerate() {
                self.read(pipe, flags);
            }
            if ready.exited {
                return;
            }
        }
    }

    /// SIGTERM the first time, SIGKILL when its time has come.
    fn cancel(&mut self) {
        let group = self.process.as_ref().expect("it has not been reaped").group;
        if !self.cancelled {
            self.cancelled = true;
            self.kill_at = Some(Instant::now() + TERM_PATIENCE);
            let _ = kill_process_group(group, Signal::TERM);
        } else if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            let _ = kill_process_group(group, Signal::KILL);
            let _ = kill_process(group, Signal::KILL); // It may have moved to another group.
        }
    }

    /// Passes on what is in the pipes, and for a little while what others write who still hold them.
    fn until_quiet(&mut self) {
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while self.pipes.open() && Instant::now() < deadline && !self.context.call.is_cancelled() {
            let ready = self.wait(false, Some(deadline));
            for (pipe, flags) in ready.pipes.into_iter().enumerate() {
                self.read(pipe, flags);
            }
        }
    }

    /// Passes on what the pipes hold now, however long the driver takes to want it; the job is dead already.
    fn rest(&mut self) {
        let mut left = self.pipes.pending();
        while left != [0, 0] {
            if self.context.call.is_cancelled() {
                self.cancelled = true;
                return;
            }
            let allowance = self.context.call.allowance();
            if allowance == 0 {
                self.wait(false, None);
                continue;
            }
            let pipe = usize::from(left[0] == 0);
            let read = self.pass(pipe, allowance.min(left[pipe]));
            left[pipe] = if read == 0 { 0 } else { left[pipe] - read };
        }
    }

    /// Waits for output (where there are credits for it), the exit if asked for, a wake-up or the deadline.
    fn wait(&self, exit: bool, deadline: Option<Instant>) -> Ready {
        let readable = self.cancelled || self.context.call.allowance() > 0;
        let mut fds = Vec::with_capacity(4);
        fds.push(PollFd::new(&*self.tools.wake, PollFlags::IN));
        if exit {
            fds.push(PollFd::new(&self.watch, PollFlags::IN));
        }
        // Without credits a pipe is left out altogether: its hang-up would be reported again and again.
        let open = self.pipes.0.iter().flatten().filter(|_| readable);
        fds.extend(open.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let timeout = deadline.map(|at| timespec(at.saturating_duration_since(Instant::now())));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Ready {
                pipes: [PollFlags::empty(); 2],
                exited: false,
            }; // Interrupted: the caller comes again.
        }
        let mut events = fds.iter().map(PollFd::revents);
        if events.next().is_some_and(|flags| !flags.is_empty()) {
            self.tools.wake.clear();
        }
        let exited = exit && events.next().is_some_and(|flags| !flags.is_empty());
        let mut pipes = [PollFlags::empty(); 2];
        for (pipe, flags) in self.pipes.0.iter().zip(&mut pipes) {
            if pipe.is_some() && readable {
                *flags = events.next().unwrap_or(PollFlags::empty());
            }
        }
        Ready { pipes, exited }
    }

    /// Reads a pipe that a wait found to be ready.
    fn read(&mut self, pipe: usize, flags: PollFlags) {
        if flags.contains(PollFlags::IN) {
            // The first of the two pipes may have used up the credits.
            let allowance = if self.cancelled {
                MAX_CHUNK
            } else {
                self.context.call.allowance()
            };
            if allowance > 0 {
                self.pass(pipe, allowance);
            }
        } else if !flags.is_empty() {
            self.pipes.0[pipe] = None; // Hung up and empty, which is its end: no need to read that.
        }
    }

    /// Reads once, at most `limit` bytes, and sends them; how many.
    fn pass(&mut self, pipe: usize, limit: usize) -> usize {
        let Some(fd) = &self.pipes.0[pipe] else {
            return 0;
        };
        let buffer = &mut self.tools.buffer[..limit.min(MAX_CHUNK)];
        match rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut *buffer)) {
            Ok(0) | Err(_) => {
                self.pipes.0[pipe] = None;
                0
            }
            Ok(read) => {
                if !self.cancelled {
                    self.context
                        .call
                        .send(&self.context.outbox, STREAMS[pipe], &buffer[..read]);
                }
                read
            }
        }
    }
}

impl Pipes {
    fn open(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// The bytes each holds.
    fn pending(&self) -> [usize; 2] {
        self.0.each_ref().map(|pipe| {
            let pending = pipe
                .as_ref()
                .map_or(0, |pipe| rustix::io::ioctl_fionread(pipe).unwrap_or(0));
            usize::try_from(pending).unwrap_or(0)
        })
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().cast_signed(),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
