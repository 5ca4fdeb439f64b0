//! A run that goes on: connects where jobs come from ([`source`](crate::source)), what becomes of them
//! ([`book`](crate::book)), the cluster, the printer and the job log.

mod asking;
mod attempts;
mod second_opinion;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::channel::mpsc::{Receiver, UnboundedReceiver};
use futures::channel::oneshot;
use futures::future::{BoxFuture, FusedFuture, LocalBoxFuture, pending, poll_fn};
use futures::stream::{Fuse, FuturesUnordered};
use futures::{FutureExt, StreamExt, select_biased};
use jiff::Timestamp;
use remuda::{MachineCounts, MachineId};
use remuda_cli::jobs::Job;
use remuda_tokio::{FileRecorder, Listener, MachineStatus, RequestError, Runtime, Tokio};
use remuda_worker::{EXEC, JOB, RUN};

use asking::Asking;
use attempts::{Attempted, Left};

use crate::attempt::{LAST_GRACE, Slot, Slots, Stop};
use crate::awake::{self, Awake};
use crate::book::{Book, Id, Loss, Step};
use crate::ended::Ended;
use crate::joblog::Attempt;
use crate::listen::{self, Cluster, Lease, Request};
use crate::plan::Plan;
use crate::printer::{Print, Printer};
use crate::progress::{Board, Status, TICK};
use crate::recover::{Before, Noted, Notes};
use crate::serve::Feed;
use crate::signals::Control;
use crate::source::Batch;
use crate::summary::{End, Tally};
use crate::suspects::Suspects;

/// Where it is written what the run does: its journal, and what is told of it while it goes on.
pub(super) struct Writing {
    pub(super) recorder: Option<FileRecorder>,
    /// The mark of the run's processes, if it has a journal.
    pub(super) run: Option<String>,
    pub(super) notes: Option<Notes>,
    pub(super) feed: Option<Feed>,
}

/// A run that goes on.
pub(super) struct Running<'a> {
    runtime: Tokio,
    cluster: Cluster,
    /// Keeps the port open.
    _listener: Option<Listener>,
    plan: &'a mut Plan,
    printer: &'a Printer,
    board: Board,
    book: Book<Left>,
    env: Vec<(OsString, OsString)>,
    slots: Slots,
    /// What to do when all attempts are to end, until that is said.
    stop: Option<oneshot::Sender<Duration>>,
    stopped: Stop,
    asking: FuturesUnordered<Asking>,
    running: FuturesUnordered<LocalBoxFuture<'static, Attempted>>,
    later: FuturesUnordered<BoxFuture<'static, Id>>,
    /// Where jobs with a name ran, if some may want to run there too.
    homes: HashMap<String, MachineId>,
    suspects: Suspects,
    awake: Awake,
    /// Of jobs that were not run to their end at once.
    turns: HashMap<Id, Turn>,
    /// Where it is noted what becomes of jobs, for a run that goes on after this one is killed.
    notes: Option<Notes>,
    /// Where jobs that wait are named, for who watches the run.
    feed: Option<Feed>,
    /// What the run before this one has done, and its requests that still may be granted.
    before: Option<Before>,
    taken_over: HashMap<Id, (Request, TakenOver)>,
    /// Of those that are asked for.
    held: HashMap<Id, TakenOver>,
    /// Why the run ends before its jobs do.
    end: Option<End>,
    began: Instant,
}

/// What is known of a job from its attempts so far.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// The machine of the last attempt, which is to be another's next time.
    avoid: Option<MachineId>,
    /// Where the job has failed, if it is run once more to see whether that machine is to blame.
    suspect: Option<MachineId>,
}

/// What an attempt has that was begun by the driver before this one.
struct TakenOver {
    slot: Slot,
    at: Timestamp,
}

impl<'a> Running<'a> {
    pub(super) fn new(
        runtime: Tokio,
        plan: &'a mut Plan,
        printer: &'a Printer,
        board: Board,
        book: Book<Left>,
        writing: Writing,
    ) -> io::Result<Running<'a>> {
        let Writing {
            recorder,
            run,
            notes,
            feed,
        } = writing;
        let mut launched = plan.machines.system(&runtime).functions([EXEC, JOB]);
        if let Some(silence) = plan.silence {
            launched = launched.silence(silence);
        }
        if let Some(run) = &run {
            launched = launched.env(RUN, run);
        }
        let port = plan.port.take();
        if let Some(address) = port.as_ref().and_then(listen::Port::address) {
            printer.note(format!("workers connect to {address}"));
        }
        let epoch = match &plan.recovery {
            Some(recovery) => recovery.past.epoch(),
            None => u64::from(notes.is_some()),
        };
        let (system, listener) = listen::system(&runtime, launched, port, epoch, notes.clone())?;
        let (config, options) = (plan.config.clone(), plan.options.clone());
        let (mut before, mut taken_over) = (None, HashMap::new());
        let slots = Slots::default();
        let heard = recorder.is_some() || feed.is_some();
        let recorder = heard.then(|| (recorder, feed.clone()));
        let valid = "the plan's configuration was made by a constructor that validates";
        let cluster = match (recorder, plan.recovery.take()) {
            (None, _) => Cluster::new(runtime.clone(), system, config, options).expect(valid),
            (Some(recorder), None) => {
                Cluster::recorded(runtime.clone(), system, config, options, recorder).expect(valid)
            }
            (recorder, Some(recovery)) => {
                let past = recovery.past;
                let (cluster, resumed) =
                    Cluster::resume(runtime.clone(), system, options, past, recorder);
                // What is queued is asked for anew, when its job is read.
                for it in resumed {
                    let before = &recovery.before;
                    if let Some(job) = before.job(it.id)
                        && let (Some(machine), Some(begun)) = (it.machine, before.begun(job))
                    {
                        // Before any other job takes it.
                        let slot = slots.take_again(machine, begun.slot);
                        let at = begun.at;
                        taken_over.insert(job, (it.request, TakenOver { slot, at }));
                    }
                }
                if !taken_over.is_empty() {
                    let count = taken_over.len();
                    printer.note(format!(
                        "{count} jobs were running: each is taken over with its worker, or run again when it is dead"
                    ));
                }
                before = Some(recovery.before);
                cluster
            }
        };
        if let Some(listener) = &listener {
            listen::admit(listener, &cluster);
        }
        let suspects = Suspects::new(plan.suspect);
        let awake = Awake::new(plan.silent_after);
        let (stop, stopped) = oneshot::channel();
        Ok(Running {
            runtime,
            cluster,
            _listener: listener,
            env: std::mem::take(&mut plan.env),
            plan,
            printer,
            board,
            book,
            stop: Some(stop),
            stopped: stopped.shared(),
            asking: FuturesUnordered::new(),
            running: FuturesUnordered::new(),
            later: FuturesUnordered::new(),
            homes: HashMap::new(),
            suspects,
            awake,
            turns: HashMap::new(),
            notes,
            feed,
            before,
            taken_over,
            held: HashMap::new(),
            slots,
            end: None,
            began: Instant::now(),
        })
    }

    /// Runs until all jobs are through or something ends the run; leaves no machine behind.
    pub(super) async fn run_all(
        mut self,
        source: Option<Fuse<Receiver<Batch>>>,
        controls: UnboundedReceiver<Control>,
    ) -> (End, MachineCounts, Tally) {
        let end = self.serve(source, controls).await;
        if self.notes.is_some() {
            // Before the cluster is shut down, as nothing goes on from there.
            self.printer.settled().await;
        }
        let machines = self.cluster.counts().machines;
        self.cluster.shutdown().await;
        (end, machines, self.book.tally())
    }

    async fn serve(
        &mut self,
        mut source: Option<Fuse<Receiver<Batch>>>,
        mut controls: UnboundedReceiver<Control>,
    ) -> End {
        let mut tick = self.tick();
        let mut look = self.look();
        while !self.book.is_over() {
            let wants_more = self.book.wants_more();
            let mut batch = poll_fn(|context| match &mut source {
                Some(source) if wants_more => source.poll_next_unpin(context),
                _ => Poll::Pending,
            })
            .fuse();
            select_biased! {
                control = controls.next() => match control {
                    Some(Control::OutputClosed) => return End::OutputClosed,
                    Some(Control::Interrupt) | None => self.interrupt(),
                },
                attempted = self.running.select_next_some() => self.attempted(attempted),
                (job, lease) = self.asking.select_next_some() => {
                    if self.leased(job, lease) == Flow::NoMachines {
                        return End::NoMachines;
                    }
                }
                job = self.later.select_next_some() => self.book.again(job),
                batch = batch => self.read(batch),
                () = tick => {
                    self.publish();
                    tick = self.tick();
                }
                () = look => {
                    self.awake.look();
                    look = self.look();
                }
            }
            self.take_steps();
        }
        self.publish();
        self.end.unwrap_or(End::Done)
    }

    /// Takes what was read into the book.
    fn read(&mut self, batch: Option<Batch>) {
        match batch {
            None => {
                self.book.source_ended();
                if let Some(notes) = &self.notes {
                    notes.all_read(self.book.tally().read);
                }
            }
            Some(Ok(jobs)) => {
                for job in jobs {
                    if let Some(before) = &self.before {
                        self.go_on(before.find(self.book.next()), job);
                        continue;
                    }
                    match self.plan.done.as_ref().and_then(|done| done.find(&job)) {
                        Some(ok) => {
                            let index = self.book.add_done(&job, ok);
                            // Those behind it need not wait for it (--keep-order).
                            self.printer.pass_over(index);
                        }
                        None => {
                            self.plan.gpus |= job.gpus > 0;
                            self.book.add(job);
                        }
                    }
                }
            }
            Some(Err(error)) => {
                self.printer.note(error);
                self.end.get_or_insert(End::BadInput);
                self.book.source_ended();
            }
        }
    }

    /// Takes in a job of a run that goes on; whether it succeeded, if it is through.
    fn go_on(&mut self, through: Option<bool>, job: Job) {
        if let Some(ok) = through {
            let index = self.book.add_done(&job, ok);
            self.printer.pass_over(index);
            return;
        }
        let id = self.book.next();
        let attempts = self.before.as_ref().map_or(0, |before| before.attempts(id));
        self.plan.gpus |= job.gpus > 0;
        // One that may still run has its last attempt again.
        let again = u32::from(self.taken_over.contains_key(&id));
        self.book.add_again(job, attempts.saturating_sub(again));
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.book.next_step() {
            match step {
                Step::Ask(job) => {
                    let asking = self.ask(job);
                    self.asking.push(asking);
                }
                Step::Later(job, delay) => {
                    let sleep = self.runtime.sleep_until(self.runtime.now() + delay);
                    self.later.push(sleep.map(move |()| job).boxed());
                }
                Step::Through {
                    id,
                    job,
                    ended,
                    left,
                } => self.through(id, &job, &ended, left),
                Step::Stop => {
                    self.asking.clear();
                    self.later.clear();
                    if self.end.is_none() {
                        self.printer.note("--halt: the rest is not run".into());
                    }
                }
                Step::EndRunning => {
                    if let Some(stop) = self.stop.take() {
                        let _ = stop.send(self.plan.grace.unwrap_or(LAST_GRACE));
                    }
                }
            }
        }
    }

    fn interrupt(&mut self) {
        self.end = Some(End::Interrupted);
        let count = self.book.running();
        let jobs = if count == 1 { "job" } else { "jobs" };
        self.printer.interrupted(format!(
            "interrupted: ending {count} running {jobs} (once more ends at once)"
        ));
        self.book.stop(true);
    }

    /// A request has its answer.
    fn leased(&mut self, job: Id, lease: Result<Lease, RequestError>) -> Flow {
        let taken_over = self.held.remove(&job);
        match lease {
            Ok(lease) => {
                self.book.started(job);
                lease.record_name(&self.book.job(job).name());
                let attempt = self.start(job, lease, taken_over);
                self.running.push(attempt);
            }
            Err(RequestError::Lost(machine)) => {
                self.turns.entry(job).or_default().avoid = Some(machine);
                let loss = Loss::Lost {
                    why: format!("{machine} was lost before it began"),
                    // The machine may have ended with the driver before this one.
                    spared: taken_over.is_some() || self.awake.slept_lately(),
                };
                let name = machine.to_string();
                let left = self.never_ran(job, Some(machine));
                self.book.lost(job, Some(&name), &loss, left);
            }
            Err(RequestError::NoMachines(error)) => {
                self.printer
                    .note(format!("no machine could be started: {error}"));
                return Flow::NoMachines;
            }
            Err(error) => {
                let left = self.never_ran(job, None);
                self.book.ended(job, Ended::Error(error.to_string()), left);
            }
        }
        Flow::On
    }

    /// Logs and prints a job that is through.
    fn through(&mut self, index: Id, job: &Job, ended: &Ended, left: Option<Left>) {
        self.turns.remove(&index);
        let Left {
            attempt,
            output,
            machine,
        } = left.unwrap_or_else(|| Left {
            attempt: Attempt::none(),
            output: None,
            machine: None,
        });
        if let Some(joblog) = &mut self.plan.joblog
            && let Err(error) = joblog.write(job, &attempt, ended)
        {
            self.printer.note(error);
        }
        self.printer.print(Print {
            index,
            output,
            tag: self.plan.tag.then(|| job.tag().into_owned()),
            name: self.plan.keeps_results.then(|| job.name().into_owned()),
            failed: ended.told(&job.name()),
            // What is interrupted is to be run again.
            noted: (*ended != Ended::Interrupted).then_some(Noted {
                machine: machine.unwrap_or(MachineId(0)),
                ok: ended.is_ok(),
            }),
        });
    }

    fn publish(&self) {
        let machines = self.cluster.counts().machines;
        let full = self.plan.progress.is_some_and(|how| how.full);
        let each = if full {
            self.cluster.machines()
        } else {
            Vec::new()
        };
        self.board.publish(Status {
            tally: self.book.tally(),
            running: self.book.running(),
            machines,
            each: each.iter().map(machine).collect(),
            elapsed: self.began.elapsed(),
        });
    }

    /// The next time to look whether this process has slept.
    fn look(&self) -> Pin<Box<dyn FusedFuture<Output = ()>>> {
        let at = self.runtime.now() + awake::LOOK_EVERY;
        Box::pin(self.runtime.sleep_until(at).fuse())
    }

    /// The next time to publish; never, if no progress is shown.
    fn tick(&self) -> Pin<Box<dyn FusedFuture<Output = ()>>> {
        match self.plan.progress {
            Some(_) => Box::pin(self.runtime.sleep_until(self.runtime.now() + TICK).fuse()),
            None => Box::pin(pending().fuse()),
        }
    }
}

/// A machine in one line.
fn machine(status: &MachineStatus) -> String {
    let (used, offer) = (status.used.proc_count(), status.offer.proc_count());
    format!("{}: {used} of {offer} procs busy, {status}", status.name)
}

/// Whether the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    NoMachines,
}
