//! One running job: its pipes, its end, its cancellation, all on the thread of its call.

use super::{Exit, exit::ExitWatch};
use crate::context::Context;
use crate::jobs::{Jobs, wait_for_group};
use crate::sync::Wake;
use crate::wire::{Failure, MAX_CHUNK, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time between SIGTERM and SIGKILL for a cancelled job.
const TERM_TIMEOUT: Duration = Duration::from_millis(500);

/// How long other processes that hold the pipes may write after the job's process has exited.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

/// How long the end of a job is kept back that a signal from outside has ended. Who ends a whole machine that way (Slurm at the
/// end of an allocation, an operator) ends the worker a moment later, or tells it to end, and then the job has not failed.
const KEPT_BACK: Duration = Duration::from_secs(1);

/// Signals that end a process and are, as a rule, sent by another one.
const OUTSIDE_SIGNALS: [Signal; 4] = [Signal::TERM, Signal::KILL, Signal::INT, Signal::HUP];

/// A running process that is listed in [`Jobs`].
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

/// What a thread reuses from one job to the next.
struct ThreadState {
    buffer: Vec<u8>,
    wake: Arc<Wake>,
}

thread_local! {
    static THREAD_STATE: RefCell<Option<ThreadState>> = const { RefCell::new(None) };
}

/// Runs the process until it has ended.
pub(super) fn run(context: &Context, process: Process) -> Result<Exit, Failure> {
    THREAD_STATE.with_borrow_mut(|slot| {
        let thread_state = match slot.take() {
            Some(thread_state) => Ok(thread_state),
            None => Wake::new().map(|wake| ThreadState {
                buffer: vec![0; MAX_CHUNK],
                wake: Arc::new(wake),
            }),
        };
        let watch = ExitWatch::new(process.group);
        let (thread_state, watch) = match (thread_state, watch) {
            (Ok(thread_state), Ok(watch)) => (thread_state, watch),
            (Err(error), _) | (_, Err(error)) => {
                process.reap(&context.jobs).ok();
                let why = format!("cannot watch the job, so it was killed: {error}");
                return Err(Failure::Machine(why));
            }
        };
        let mut job = Job::new(context, process, watch, thread_state);
        context
            .call
            .set_wake(Some(Arc::clone(&job.thread_state.wake)));
        let result = job.run();
        context.call.set_wake(None);
        *slot = Some(job.thread_state);
        result
    })
}

impl Process {
    /// The process group that it leads.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// Kills the rest of the group, then reaps the process. In this order the id of the group cannot belong to another group.
    /// Returns when the whole group is dead: only then has the call ended (F12).
    fn reap(mut self, jobs: &Jobs) -> io::Result<Exit> {
        jobs.end(self.group);
        let status = self.child.wait()?;
        wait_for_group(self.group);
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
    thread_state: ThreadState,
    /// Once cancelled or asked to end: when to send SIGKILL, until that is done.
    kill_at: Option<Instant>,
    /// It was sent a signal from here.
    told: bool,
    cancelled: bool,
}

/// The two output pipes, each `None` after its end.
struct Pipes([Option<OwnedFd>; 2]);

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// The result of a wait.
struct Ready {
    pipes: [PollFlags; 2],
    exited: bool,
}

impl<'a> Job<'a> {
    fn new(
        context: &'a Context,
        mut process: Process,
        watch: ExitWatch,
        thread_state: ThreadState,
    ) -> Job<'a> {
        let stdout = process.child.stdout.take().map(OwnedFd::from);
        let stderr = process.child.stderr.take().map(OwnedFd::from);
        let pipes = Pipes([stdout, stderr]);
        Job {
            context,
            process: Some(process),
            pipes,
            watch,
            thread_state,
            kill_at: None,
            told: false,
            cancelled: false,
        }
    }

    fn run(&mut self) -> Result<Exit, Failure> {
        self.pass_until_exit();
        if !self.cancelled {
            self.drain_after_exit();
        }
        let process = self.process.take().expect("it is taken here alone");
        let exit = process.reap(&self.context.jobs).map_err(|error| {
            Failure::Machine(format!(
                "the job has ended, and how is not to be learnt: {error} (is SIGCHLD ignored?)"
            ))
        })?;
        if !self.cancelled {
            self.pass_rest();
        }
        if self.cancelled {
            return Err(Failure::Cancelled);
        }
        if !self.told
            && OUTSIDE_SIGNALS
                .iter()
                .any(|signal| exit == Exit::Signal(signal.as_raw()))
        {
            std::thread::sleep(KEPT_BACK);
            if self.context.jobs.is_signalled() {
                let why = "a signal ended the job, as its worker was told to end too";
                return Err(Failure::Machine(why.into()));
            }
        }
        Ok(exit)
    }

    /// Passes output on until the process has exited.
    fn pass_until_exit(&mut self) {
        loop {
            self.end_if_asked();
            let ready = self.wait(true, self.kill_at);
            for (pipe, flags) in ready.pipes.into_iter().enumerate() {
                self.read(pipe, flags);
            }
            if ready.exited {
                return;
            }
        }
    }

    /// Sends SIGTERM when the driver has cancelled the call or asked it to end, and SIGKILL when its time is over.
    fn end_if_asked(&mut self) {
        let group = self.process.as_ref().expect("it has not been reaped").group;
        let mut grace = self.context.call.take_end();
        if !self.cancelled && self.context.call.is_cancelled() {
            self.cancelled = true;
            grace = Some(TERM_TIMEOUT);
        }
        if let Some(grace) = grace {
            // A time that no clock reaches is no time-out. A later order may shorten the time that is left.
            let at = Instant::now().checked_add(grace);
            self.kill_at = match (self.kill_at, at) {
                (Some(earlier), Some(at)) => Some(earlier.min(at)),
                (earlier, at) => earlier.or(at),
            };
            self.told = true;
            let _ = kill_process_group(group, Signal::TERM);
        }
        if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            let _ = kill_process_group(group, Signal::KILL);
            let _ = kill_process(group, Signal::KILL); // It may have moved to another group.
        }
    }

    /// Passes on what is in the pipes, and for [`DRAIN_TIMEOUT`] what other processes still write to them.
    fn drain_after_exit(&mut self) {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while self.pipes.open() && Instant::now() < deadline && !self.context.call.is_cancelled() {
            let ready = self.wait(false, Some(deadline));
            for (pipe, flags) in ready.pipes.into_iter().enumerate() {
                self.read(pipe, flags);
            }
        }
    }

    /// Passes on what the pipes hold now, however slowly the driver gives credits. The job has ended already.
    fn pass_rest(&mut self) {
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
        fds.push(PollFd::new(&*self.thread_state.wake, PollFlags::IN));
        if exit {
            fds.push(PollFd::new(&self.watch, PollFlags::IN));
        }
        // Without credits a pipe is not polled at all: its hang-up would be reported every time.
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
            self.thread_state.wake.clear();
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

    /// Reads a pipe that is ready.
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

    /// Reads once, at most `limit` bytes, and sends them. Returns their number.
    fn pass(&mut self, pipe: usize, limit: usize) -> usize {
        let Some(fd) = &self.pipes.0[pipe] else {
            return 0;
        };
        let buffer = &mut self.thread_state.buffer[..limit.min(MAX_CHUNK)];
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

    /// The number of bytes in each pipe.
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
