//! The serve loop: reads the driver's messages, starts calls, and ends everything when the driver is gone.
//!
//! Threads: the reader (the caller's thread; it never writes to the driver and never waits for the writer), the writer, one
//! for polls, one per call. The worker always ends through [`Serving::end`] or [`Serving::goodbye`].

use crate::call::{Call, Calls};
use crate::connect::{self, Carrier, Connect, Read, Reader};
use crate::context::Context;
use crate::devices::Devices;
use crate::exec::MARKER;
use crate::figures::{Counters, Sampler};
use crate::guard::Proof;
use crate::jobs::Jobs;
use crate::memory::Memory;
use crate::offer::{self, Offer};
use crate::outbox::{Outbox, Sink};
use crate::pool::Pool;
use crate::registry::{Registry, names};
use crate::silence::Silence;
use crate::sync::lock;
use crate::wire::{
    Decoder, Failure, FromWorker, MAX_CHUNK, MAX_FRAME, ToWorker, WireError, encode, hello_preamble,
};
use crate::{guard, leave, processes, stdio};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A worker that has received nothing for this time ends (F8), unless the driver's welcome sets another time.
const SILENCE: Duration = Duration::from_secs(120);

/// How long a goodbye waits for the driver to read what is queued.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker: its functions, served to the driver on the standard input and output.
///
/// ```no_run
/// use remuda_worker::{Registry, Worker};
///
/// fn main() {
///     let registry = Registry::new().function("square", |x: u64| x.checked_mul(x).ok_or("too large")).exec();
///     Worker::new(registry).serve()
/// }
/// ```
#[derive(Debug)]
pub struct Worker {
    registry: Registry,
    procs: Option<u32>,
    memory_mib: Option<u32>,
    gpus: Option<u32>,
    grace: Option<Duration>,
    spot_notice: Option<String>,
}

impl Worker {
    /// A worker with these functions, which offers what it finds (see [`Offer::found`]).
    #[must_use]
    pub fn new(registry: Registry) -> Worker {
        Worker {
            registry,
            procs: None,
            memory_mib: None,
            gpus: None,
            grace: None,
            spot_notice: None,
        }
    }

    /// Says how many procs it offers. The driver counts a worker with fewer than it asks for as a failed start (F9).
    #[must_use]
    pub fn procs(mut self, procs: u32) -> Worker {
        self.procs = Some(procs);
        self
    }

    /// Says how much memory it offers, in MiB.
    #[must_use]
    pub fn memory_mib(mut self, mib: u32) -> Worker {
        self.memory_mib = Some(mib);
        self
    }

    /// Says how many GPUs it offers: the first so many of those that it finds.
    #[must_use]
    pub fn gpus(mut self, gpus: u32) -> Worker {
        self.gpus = Some(gpus);
        self
    }

    /// Makes SIGTERM a drain: the driver is told, and gives it no more work; what runs goes on, and the worker ends when
    /// nothing runs any more, or after `grace`. A second SIGTERM ends it at once. Without this call the first one does.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Worker {
        self.grace = Some(grace);
        self
    }

    /// Asks this command line, every few seconds, whether the machine is to go: exit status 0 means that two minutes are
    /// left, in which it is drained.
    #[must_use]
    pub fn spot_notice(mut self, command: impl Into<String>) -> Worker {
        self.spot_notice = Some(command.into());
        self
    }

    /// What it was told to offer, and what it finds of the rest.
    fn offer(&self) -> Result<Offer, String> {
        Ok(Offer {
            procs: self.procs.unwrap_or_else(offer::cores),
            memory_mib: self.memory_mib.unwrap_or_else(offer::memory_mib),
            gpus: match self.gpus {
                None => offer::gpus(),
                Some(count) => offer::first_gpus(count)?,
            },
        })
    }

    /// Serves the driver at the other end of the standard input and output, until either says goodbye or the driver is gone;
    /// then kills what still runs and ends the process. The exit status is 0 after a goodbye, 1 where the driver is gone, is
    /// silent for too long (F8) or sends what is no protocol, and 2 where there is no driver: when started at a terminal. (A
    /// terminal as standard output alone, as `srun -u` gives it, is told to rewrite no bytes.)
    ///
    /// From its first line on the standard input is /dev/null and the standard output is the standard error, for the whole
    /// process. What runs besides in this process ends with it, without destructors.
    pub fn serve(self) -> ! {
        guard::init();
        if let Err(why) = stdio::check_terminals() {
            stdio::write_error(why);
            exit(2);
        }
        let begun = stdio::take().and_then(|protocol| {
            let proof = Proof::Stream(protocol.output.try_clone()?);
            let output = File::from(protocol.output);
            Ok((
                Serving::begin(self, &proof, output, None, false)?,
                protocol.input,
            ))
        });
        match begun {
            Ok((serving, input)) => serving.read(Input::Pipe(input)),
            Err(error) => fail(&error),
        }
    }

    /// Connects to a driver that listens, and serves it as [`serve`](Worker::serve) does. A connection that is cut is made
    /// anew: jobs go on meanwhile, and nothing of their output is lost. The exit status is 1 where the driver was out of
    /// reach for [`Connect::reconnect`], at the start or later; the jobs were killed then.
    ///
    /// Both sides prove to each other that they have the same key, and everything is sealed. The standard input is /dev/null
    /// from the first line on.
    pub fn connect(self, to: Connect) -> ! {
        guard::init();
        let (reader, writer) = connect::begin(to).unwrap_or_else(|why| {
            stdio::write_error(&why);
            exit(1)
        });
        let proof = Proof::Report(reader.report_to());
        let carrier = Some(reader.carrier());
        let begun = connect::take_stdin();
        let keep = reader.keeps();
        match begun.and_then(|()| Serving::begin(self, &proof, writer, carrier, keep)) {
            Ok(serving) => serving.read(Input::Connection(Box::new(reader))),
            Err(error) => fail(&error),
        }
    }
}

fn fail(error: &io::Error) -> ! {
    stdio::write_error(&format!("cannot start: {error}"));
    exit(1)
}

fn leaving(within: Duration) -> FromWorker {
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    FromWorker::Leaving { within_ms }
}

/// Where the driver's bytes come from.
enum Input {
    Pipe(OwnedFd),
    Connection(Box<Reader>),
}

/// The state that the threads share.
struct Serving {
    registry: Registry,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    devices: Arc<Devices>,
    memory: Arc<Memory>,
    jobs: Arc<Jobs>,
    /// What is said first to each driver.
    hello: FromWorker,
    /// Until when this worker must go, if it must.
    leaving: Mutex<Option<Instant>>,
    calls: Calls,
    pool: Arc<Pool>,
    discards: Mutex<Discards>,
    /// What carries the bytes, if this worker connects back.
    carrier: Option<Arc<Carrier>>,
    /// Held by the thread that ends the process.
    ending: Mutex<()>,
}

/// Tasks to drop. One thread drops them one by one, so that a thousand discards do not need a thousand threads.
#[derive(Debug, Default)]
struct Discards {
    tasks: VecDeque<u64>,
    running: bool,
}

impl Serving {
    /// Starts the guard and the threads, and queues the hello.
    fn begin(
        worker: Worker,
        proof: &Proof,
        output: impl Sink + Send + 'static,
        carrier: Option<Arc<Carrier>>,
        keep: bool,
    ) -> io::Result<Arc<Serving>> {
        if processes::sigchld_is_ignored() {
            return Err(io::Error::other(
                "SIGCHLD is ignored here, so how jobs end could not be learnt",
            ));
        }
        // From the first moment on: one that comes before the hello is told of after it.
        let signals = match worker.grace {
            Some(grace) => Some((leave::signals()?, grace)),
            None => None,
        };
        let nonce = guard::nonce();
        let guard = guard::start(proof, &nonce).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the guard process does not start: {error}"),
            )
        })?;
        let marker = match std::env::var(MARKER) {
            Ok(outer) if !outer.is_empty() => format!("{outer}:{nonce}"),
            _ => nonce,
        };
        let offer = worker.offer().map_err(io::Error::other)?;
        let hello = FromWorker::Hello {
            procs: offer.procs,
            memory_mib: offer.memory_mib,
            gpus: u32::try_from(offer.gpus.len()).unwrap_or(u32::MAX),
            functions: names(&worker.registry),
        };
        let jobs = Arc::new(Jobs::new(guard, marker));
        let serving = Arc::new(Serving {
            registry: worker.registry,
            outbox: Arc::default(),
            counters: Arc::default(),
            memory: Arc::new(Memory::new(jobs.clone())),
            devices: Arc::new(Devices::new(offer.gpus)),
            jobs,
            hello,
            leaving: Mutex::default(),
            calls: Calls::new(keep),
            pool: Arc::default(),
            discards: Mutex::default(),
            carrier,
            ending: Mutex::default(),
        });
        serving.outbox.raw(&hello_preamble());
        serving
            .outbox
            .control(&serving.hello)
            .map_err(|error| io::Error::other(format!("too many functions: {error}")))?;
        serving.thread("remuda-writer", move |serving| {
            let error = serving.outbox.write_to(output);
            serving.end(1, &format!("cannot write to the driver: {error}"))
        })?;
        if let Some((signals, grace)) = signals {
            serving.thread("remuda-signals", move |serving| {
                leave::follow(signals, || {
                    serving.jobs.set_signalled();
                    serving.leave(grace);
                });
                serving.end(1, "SIGTERM came twice")
            })?;
        }
        if let Some(command) = worker.spot_notice {
            serving.thread("remuda-notice", move |serving| {
                serving.leave(leave::await_notice(&command, serving.jobs.marker()));
            })?;
        }
        Ok(serving)
    }

    /// Tells the driver that this worker must go, and sees to it that it does.
    fn leave(self: &Arc<Self>, within: Duration) {
        let until = Instant::now().checked_add(within);
        {
            let mut leaving = lock(&self.leaving);
            *leaving = (*leaving).into_iter().chain(until).min();
        }
        self.outbox
            .control(&leaving(within))
            .expect("it is a few bytes long");
        let last = self.thread("remuda-leaving", move |serving| {
            thread::sleep(within.saturating_add(leave::LATE));
            serving.end(1, "the time that it was left is over")
        });
        if let Err(error) = last {
            stdio::write_error(&format!("cannot start a thread: {error}"));
        }
    }

    /// There is a new driver: it is told of this worker, of the calls that there are, and of what these have printed.
    fn begin_again(&self, generation: u64) {
        self.calls.begin_again(&self.outbox, generation, |calls| {
            let mut greeting = hello_preamble().to_vec();
            let mut say = |message: &FromWorker| {
                let said = encode(message, &mut greeting);
                said.unwrap_or_else(|error| {
                    self.end(1, &format!("there is too much to say: {error}"))
                });
            };
            say(&self.hello);
            say(&FromWorker::Running { calls });
            if let Some(until) = *lock(&self.leaving) {
                say(&leaving(until.saturating_duration_since(Instant::now())));
            }
            greeting
        });
    }

    /// Starts a thread of the worker. If it panics, the worker ends, because it could not serve without that thread.
    fn thread(
        self: &Arc<Self>,
        name: &str,
        run: impl FnOnce(&Arc<Serving>) + Send + 'static,
    ) -> io::Result<()> {
        let serving = Arc::clone(self);
        thread::Builder::new().name(name.into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| run(&serving))).is_err() {
                serving.end(1, "a thread of the worker panicked");
            }
        })?;
        Ok(())
    }

    /// The reader's loop.
    fn read(self: Arc<Self>, mut input: Input) -> ! {
        let polls = match self.start_polls() {
            Ok(polls) => polls,
            Err(error) => self.end(1, &format!("cannot start a thread: {error}")),
        };
        let mut decoder = Decoder::new();
        let mut buffer = vec![0; MAX_CHUNK];
        let mut silence = Silence::new(SILENCE, Instant::now());
        loop {
            let read = match &mut input {
                Input::Connection(reader) => {
                    match reader.read(&self.jobs, &self.outbox, &mut buffer) {
                        Ok(Read::Bytes(read)) => read,
                        Ok(Read::NewDriver { generation }) => {
                            decoder = Decoder::new();
                            self.begin_again(generation);
                            continue;
                        }
                        Err(why) => self.end(1, &why),
                    }
                }
                Input::Pipe(input) => {
                    if let Some(why) = self.wait(input, &mut silence) {
                        self.end(1, &why);
                    }
                    match rustix::io::read(input, &mut buffer) {
                        Ok(0) => match decoder.finish() {
                            Ok(()) => self.end(1, "the driver is gone"),
                            Err(error) => self.end(1, &format!("the driver is gone: {error}")),
                        },
                        Ok(read) => read,
                        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                        Err(error) => self.end(1, &format!("cannot read from the driver: {error}")),
                    }
                }
            };
            silence.heard(Instant::now());
            decoder.push(&buffer[..read]);
            loop {
                match decoder.next() {
                    Ok(Some(ToWorker::Welcome { silence_ms })) => {
                        silence.set_limit(Duration::from_millis(silence_ms));
                    }
                    Ok(Some(message)) => self.on_message(message, &polls),
                    Ok(None) => break,
                    Err(error) => {
                        self.end(1, &format!("the driver sent what is no protocol: {error}"))
                    }
                }
            }
        }
    }

    /// Waits for input from the driver. Returns a reason if the worker must end instead.
    fn wait(&self, input: &OwnedFd, silence: &mut Silence) -> Option<String> {
        let mut over = false;
        loop {
            // The only event on the guard's pipe is an error, when the guard has ended.
            let mut fds = [
                PollFd::new(input, PollFlags::IN),
                PollFd::new(self.jobs.guard(), PollFlags::empty()),
            ];
            let tick = if over {
                Some(Duration::ZERO)
            } else {
                silence.tick()
            };
            let timeout = tick.map(|tick| Timespec {
                tv_sec: tick.as_secs().cast_signed(),
                tv_nsec: tick.subsec_nanos().into(),
            });
            match poll(&mut fds, timeout.as_ref()) {
                // Only if this poll began when it was over: there may be unread input.
                Ok(0) if over => return Some("the driver has been silent for too long".into()),
                Ok(0) => over = silence.look(Instant::now()),
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if !fds[1].revents().is_empty() => {
                    return Some("the guard process has ended (was it killed?)".into());
                }
                Ok(_) => return None,
                Err(error) => return Some(format!("cannot wait for the driver: {error}")),
            }
        }
    }

    fn on_message(self: &Arc<Self>, message: ToWorker, polls: &Sender<u64>) {
        match message {
            ToWorker::Call {
                call,
                function,
                args,
            } => self.start_call(call, function, args),
            ToWorker::Credit { call, bytes } => self.calls.credit(call, bytes, &self.outbox),
            ToWorker::Cancel { call } => self.calls.cancel(call),
            ToWorker::End { call, grace_ms } => {
                self.calls.end(call, Duration::from_millis(grace_ms));
            }
            ToWorker::Discard { task } => self.start_discard(task),
            ToWorker::Poll { poll } => drop(polls.send(poll)),
            ToWorker::Release { call } => self.calls.release(call),
            ToWorker::Goodbye => self.goodbye(),
            ToWorker::Welcome { .. } => {} // Handled by the reader.
        }
    }

    fn start_call(self: &Arc<Self>, id: u64, function: u32, args: Vec<u8>) {
        let Some(call) = self.calls.begin(id) else {
            self.end(1, &format!("the driver started call {id} twice"));
        };
        let serving = Arc::clone(self);
        let running = Arc::clone(&call);
        let started = self.pool.run(move || {
            let context = Context {
                call: Arc::clone(&running),
                outbox: Arc::clone(&serving.outbox),
                counters: Arc::clone(&serving.counters),
                jobs: Arc::clone(&serving.jobs),
                devices: Arc::clone(&serving.devices),
                memory: Arc::clone(&serving.memory),
            };
            let result = serving.registry.call(function, &context, &args);
            serving.reply(&running, function, result);
        });
        if let Err(error) = started {
            let why = format!("the worker cannot start a thread: {error}");
            self.reply(&call, function, Err(Failure::Machine(why)));
        }
    }

    fn reply(&self, call: &Call, function: u32, result: Result<Vec<u8>, Failure>) {
        let mut result = result;
        let length = result.as_ref().map_or(0, Vec::len);
        // Most results are far shorter, and need no trial.
        if length > MAX_FRAME / 2 {
            let trial = FromWorker::Reply {
                call: call.id,
                result: result.clone(),
            };
            if let Err(WireError::TooLong { .. }) = encode(&trial, &mut Vec::new()) {
                let name = self.registry.name(function);
                let why = format!(
                    "the result of {name:?} is {length} bytes long, which a frame of at most {MAX_FRAME} does not hold"
                );
                result = Err(Failure::Remote(why));
            }
        }
        self.calls.finish(call, &self.outbox, result);
    }

    fn start_discard(self: &Arc<Self>, task: u64) {
        let mut discards = lock(&self.discards);
        discards.tasks.push_back(task);
        if std::mem::replace(&mut discards.running, true) {
            return;
        }
        drop(discards);
        let serving = Arc::clone(self);
        if let Err(error) = self.pool.run(move || serving.run_discards()) {
            let mut discards = lock(&self.discards);
            discards.running = false;
            for task in discards.tasks.drain(..) {
                self.reply_discarded(
                    task,
                    Err(format!("the worker cannot start a thread: {error}")),
                );
            }
        }
    }

    /// Drops the queued tasks, then returns the thread to the pool.
    fn run_discards(&self) {
        loop {
            let task = {
                let mut discards = lock(&self.discards);
                match discards.tasks.pop_front() {
                    Some(task) => task,
                    None => {
                        discards.running = false;
                        return;
                    }
                }
            };
            self.reply_discarded(task, self.registry.discard(task));
        }
    }

    fn reply_discarded(&self, task: u64, result: Result<(), String>) {
        let message = FromWorker::Discarded {
            task,
            error: result.err(),
        };
        self.outbox
            .control(&message)
            .expect("an error's text is cut to fit");
    }

    /// Starts the thread that answers polls, so that neither the reader nor a call waits for them.
    fn start_polls(self: &Arc<Self>) -> io::Result<Sender<u64>> {
        let (polls, requests) = channel();
        self.thread("remuda-polls", move |serving| {
            let mut sampler = Sampler::new(Arc::clone(&serving.counters));
            for poll in requests {
                let mut figures = sampler.sample();
                let answer = |figures| {
                    serving
                        .outbox
                        .control(&FromWorker::Figures { poll, figures })
                };
                if answer(figures.clone()).is_err() {
                    figures.counters = None; // More of them than a frame holds.
                    let _ = answer(figures);
                }
            }
        })?;
        Ok(polls)
    }

    /// Kills the jobs, waits until what was queued before is written, and exits.
    fn goodbye(&self) -> ! {
        let _ending = lock(&self.ending);
        self.outbox.close();
        self.jobs.kill_all();
        self.outbox.goodbye(GOODBYE_TIMEOUT);
        if let Some(carrier) = &self.carrier {
            carrier.finish(GOODBYE_TIMEOUT);
        }
        exit(0)
    }

    /// Kills the jobs and exits. Nothing more is sent, because the end of a job that was killed here is not its result.
    fn end(&self, code: i32, why: &str) -> ! {
        // The first thread ends the process; other threads wait here.
        let _ending = lock(&self.ending);
        self.outbox.close();
        self.jobs.kill_all();
        stdio::write_error(why);
        exit(code)
    }
}
