//! The main job: every job of a plan on a cluster, each one's output to the printer, its end to the job log.
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::{FusedFuture, LocalBoxFuture, pending};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select_biased};
use jiff::Timestamp;
use remuda::{MachineCounts, MachineId, Outcome};
use remuda_cli::jobs::{Command, Job, Size};
use remuda_cli::memory::MemoryMib;
use remuda_tokio::{CallError, FileRecorder, Listener, Recording, RequestError, Runtime, Tokio};
use remuda_worker::{EXEC, Exec, Exit, Gpus, JOB, JobEnd, Program};

use crate::awake::{self, Awake};
use crate::joblog::{Attempt, Ended, Joblog};
use crate::listen::{self, Cluster, Lease, Request};
use crate::plan::{Journal, Plan};
use crate::printer::{Print, Printer, Settings};
use crate::progress::{Board, Progress, Status, TICK};
use crate::signals::{self, Control};
use crate::spool::{Output, Spool};
use crate::summary::{End, Summary, Tally};
use crate::suspects::Suspects;
use crate::{limits, log};

/// Carries a plan out, to the last line; gives the exit status.
///
/// # Errors
/// The operating system has no thread or handler to give, before anything started.
pub(crate) fn run(mut plan: Plan) -> io::Result<u8> {
    let began = Instant::now();
    limits::raise(plan.config.max_procs);
    let (control, controls) = unbounded();
    let board = Board::default();
    let (printer, thread) = Printer::start(Settings {
        keep_order: plan.keep_order,
        quiet: plan.quiet,
        progress: match plan.progress {
            Some(terminal) => Progress::new(terminal, board.clone()),
            None => Progress::Nothing,
        },
        control: control.clone(),
    })?;
    log::install(std::mem::take(&mut plan.filter), &printer);
    signals::watch(control)?;
    for note in std::mem::take(&mut plan.notes) {
        printer.note(note);
    }

    let mut tally = Tally {
        jobs: plan.jobs.len(),
        ..Tally::default()
    };
    let (end, machines) = if plan.jobs.is_empty() {
        (End::Done, MachineCounts::default())
    } else {
        let (recorder, recording) = plan.journal.take().map(record).transpose()?.unzip();
        let (plan, printer, tally) = (&mut plan, &printer, &mut tally);
        let ended = remuda_tokio::run(async move |runtime| {
            let running = Running::new(runtime, plan, printer, board, tally, recorder)?;
            Ok::<_, io::Error>(running.run_all(controls).await)
        })??;
        if let Some((path, recording)) = recording
            && let Err(error) = recording.finish()
        {
            let path = path.display();
            printer.note(format!(
                "--journal {path}: {error}; it ends there, the run went on"
            ));
        }
        ended
    };
    let MachineCounts {
        ok,
        probation,
        draining,
        stopping,
        lost,
        ended,
        ..
    } = machines;
    let started = ok + probation + draining + stopping + lost + ended;
    printer.end(
        Summary {
            tally,
            started,
            lost,
            took: began.elapsed(),
        }
        .to_string(),
    );
    let printed = thread.join();
    let logged = !plan.joblog.as_ref().is_some_and(Joblog::has_failed);
    Ok(end.status(&tally, printed && logged))
}

/// How long a launcher may take to end its worker after SIGTERM, before it is killed. `srun` gives its allocation back.
const LAUNCHER_GRACE: Duration = Duration::from_secs(10);

/// Begins to write a journal.
fn record(journal: Journal) -> io::Result<(FileRecorder, (PathBuf, Recording))> {
    let Journal {
        file,
        path,
        options,
    } = journal;
    let (recorder, recording) = FileRecorder::start(file, options)?;
    Ok((recorder, (path, recording)))
}

/// A run that goes on.
struct Running<'a> {
    runtime: Tokio,
    cluster: Cluster,
    /// Keeps the port open.
    _listener: Option<Listener>,
    plan: &'a mut Plan,
    printer: &'a Printer,
    board: Board,
    tally: &'a mut Tally,
    suspects: Suspects,
    awake: Awake,
}

/// An attempt at a job, and what is known from those before it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    job: usize,
    /// Its number, from 1 up.
    number: u32,
    /// How many of those before it do not count.
    spared: u32,
    /// The machine of the last attempt, which is to be another's this time.
    avoid: Option<MachineId>,
    /// Where the job has failed, if it is run once more to see whether that machine is to blame.
    suspect: Option<MachineId>,
}

/// A job that waits for a lease: all there is of it, a million may wait.
struct Asking {
    turn: Turn,
    request: Request,
}

/// An attempt that ended.
struct Attempted {
    turn: Turn,
    /// None: it never got one.
    machine: Option<MachineId>,
    attempt: Attempt,
    result: Result<(Ended, Option<Output>), Again>,
}

/// Why an attempt says nothing of its job, which is run again.
enum Again {
    /// The machine was lost under the job. If it was to go in any case, that does not count as an attempt.
    Lost { why: String, spared: bool },
    /// The machine could not run the job.
    Unfit(String),
}

impl Future for Asking {
    type Output = (Turn, Result<Lease, RequestError>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.request
            .poll_unpin(context)
            .map(|lease| (self.turn, lease))
    }
}

impl<'a> Running<'a> {
    fn new(
        runtime: Tokio,
        plan: &'a mut Plan,
        printer: &'a Printer,
        board: Board,
        tally: &'a mut Tally,
        recorder: Option<FileRecorder>,
    ) -> io::Result<Running<'a>> {
        let mut launched = plan.machines.system(&runtime).functions([EXEC, JOB]);
        launched = launched.hello_timeout(plan.hello_timeout);
        if let Some(silence) = plan.silence {
            launched = launched.silence(silence);
        }
        if let Some(prefix) = plan.launch_prefix.take() {
            launched = launched.queued().prefix(prefix);
        }
        if !plan.launches_itself {
            launched = launched.grace(LAUNCHER_GRACE);
        }
        let port = plan.port.take();
        if let Some(address) = port.as_ref().and_then(listen::Port::address) {
            printer.note(format!("workers connect to {address}"));
        }
        let (system, listener) = listen::system(&runtime, launched, port)?;
        let (config, options) = (plan.config.clone(), plan.options.clone());
        let cluster = match recorder {
            None => Cluster::new(runtime.clone(), system, config, options),
            Some(recorder) => Cluster::recorded(runtime.clone(), system, config, options, recorder),
        };
        let cluster =
            cluster.expect("the plan's configuration was made by a constructor that validates");
        if let Some(listener) = &listener {
            listen::admit(listener, &cluster);
        }
        let suspects = Suspects::new(plan.suspect);
        let awake = Awake::new(plan.silent_after);
        Ok(Running {
            runtime,
            cluster,
            _listener: listener,
            plan,
            printer,
            board,
            tally,
            suspects,
            awake,
        })
    }

    /// Runs until all jobs are through or something ends the run; leaves no machine behind.
    async fn run_all(mut self, controls: UnboundedReceiver<Control>) -> (End, MachineCounts) {
        let end = self.serve(controls).await;
        let machines = self.cluster.counts().machines;
        self.cluster.shutdown().await;
        (end, machines)
    }

    async fn serve(&mut self, mut controls: UnboundedReceiver<Control>) -> End {
        let mut asking: FuturesUnordered<Asking> = (0..self.plan.jobs.len())
            .map(|job| self.ask(Turn::first(job)))
            .collect();
        let mut running: FuturesUnordered<LocalBoxFuture<'static, Attempted>> =
            FuturesUnordered::new();
        let mut tick = self.tick();
        let mut look = self.look();
        let end = loop {
            if self.tally.done() == self.tally.jobs {
                break End::Done;
            }
            select_biased! {
                control = controls.next() => match control {
                    Some(Control::OutputClosed) => break End::OutputClosed,
                    Some(Control::Interrupt) | None => break End::Interrupted,
                },
                attempted = running.select_next_some() => {
                    asking.extend(self.attempted(attempted));
                }
                (turn, lease) = asking.select_next_some() => match lease {
                    Ok(lease) => running.push(self.start(turn, lease)),
                    Err(RequestError::Lost(machine)) => {
                        asking.extend(self.attempted(never_ran(turn, Some(machine))));
                    }
                    Err(RequestError::NoMachines(error)) => {
                        self.printer.note(format!("no machine could be started: {error}"));
                        break End::NoMachines;
                    }
                    Err(error) => {
                        let Attempted { attempt, .. } = never_ran(turn, None);
                        self.ended(turn.job, &attempt, Ended::Error(error.to_string()), None);
                    }
                },
                () = tick => {
                    self.publish(running.len());
                    tick = self.tick();
                }
                () = look => {
                    self.awake.look();
                    look = self.look();
                }
            }
        };
        if end == End::Interrupted {
            let count = running.len();
            let jobs = if count == 1 { "job" } else { "jobs" };
            self.printer.interrupted(format!(
                "interrupted: ending {count} running {jobs} (once more ends at once)"
            ));
        }
        self.publish(running.len());
        end
    }

    fn ask(&self, turn: Turn) -> Asking {
        let asks = &self.plan.jobs[turn.job];
        let request = self.cluster.request(asks.demand());
        let kinds = self.plan.offers.kinds(asks);
        let mut request = request.priority(asks.priority).kinds(kinds);
        if let Some(machine) = turn.avoid {
            request = request.avoid(machine);
        }
        Asking { turn, request }
    }

    /// What one attempt does, from its lease to its end.
    fn start(&self, turn: Turn, lease: Lease) -> LocalBoxFuture<'static, Attempted> {
        let job = &self.plan.jobs[turn.job];
        let asked_mib = job.memory_mib;
        let job = remuda_worker::Job {
            exec: exec(job, turn.number),
            gpus: match job.size {
                _ if !self.plan.gpus => Gpus::AsTheWorker,
                Size::Machine => Gpus::All,
                Size::Procs(_) => Gpus::Own(job.gpus),
            },
            memory_mib: asked_mib,
            enforce_memory: self.plan.enforce_memory,
        };
        let mut spool = self.plan.spools.attempt();
        let dir = self.plan.spool_dir.display().to_string();
        async move {
            let machine = lease.id();
            let start = Timestamp::now();
            let result = attempt(&lease, &job, &mut spool, &dir).await;
            let mut peak = None;
            let result = match result {
                Ok((ended, peak_mib)) => {
                    peak = peak_mib.filter(|&peak| peak > asked_mib);
                    let ok = ended == Ended::Exit(0);
                    lease.finish(if ok { Outcome::Ok } else { Outcome::Remote });
                    Ok((ended, spool.finish()))
                }
                // Whatever it printed is thrown away with the spool: it is run again.
                Err(again) => {
                    lease.finish(Outcome::Unreachable);
                    Err(again)
                }
            };
            Attempted {
                turn,
                machine: Some(machine),
                attempt: Attempt {
                    machine: Some(machine.to_string()),
                    start,
                    end: Timestamp::now(),
                    number: turn.number,
                    over_memory: peak.map(MemoryMib),
                },
                result,
            }
        }
        .boxed_local()
    }

    /// Books an attempt; gives the request for the next one if there is to be one.
    fn attempted(
        &mut self,
        Attempted {
            turn,
            machine,
            attempt,
            result,
        }: Attempted,
    ) -> Option<Asking> {
        let again = match result {
            Ok((ended, output)) => {
                if let Some(again) = self.second_opinion(turn, machine, &ended) {
                    return Some(self.ask(again));
                }
                self.ended(turn.job, &attempt, ended, output);
                return None;
            }
            Err(again) => again,
        };
        if let (Again::Unfit(why), Some(machine)) = (&again, machine)
            && self.suspects.cannot_run(machine)
        {
            let note = format!(
                "warning: machine {machine} cannot run jobs, which are run elsewhere: {why}"
            );
            self.printer.note(note);
        }
        // What was lost with a machine that drained, or because this driver slept, counts for nothing.
        let spared = match again {
            Again::Lost { spared, .. } => spared || self.awake.slept_lately(),
            Again::Unfit(_) => false,
        };
        let turn = Turn {
            spared: turn.spared + u32::from(spared),
            ..turn
        };
        if turn.number - turn.spared < self.plan.attempts {
            self.tally.run_again += 1;
            return Some(self.ask(turn.next(machine)));
        }
        let times = match turn.number {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let error = match again {
            Again::Lost { why, .. } => {
                format!("lost with its machine {times}, the last time as {why}")
            }
            Again::Unfit(why) => {
                let machine = attempt.machine.as_deref().unwrap_or("its machine");
                format!("no machine could run it, tried {times}, the last time {machine}: {why}")
            }
        };
        self.ended(turn.job, &attempt, Ended::Error(error), None);
        None
    }

    /// What is learnt of a machine from how a job ended there (`--suspect`). The next attempt, if the job is to be run once
    /// more elsewhere before it counts as failed.
    fn second_opinion(
        &mut self,
        turn: Turn,
        machine: Option<MachineId>,
        ended: &Ended,
    ) -> Option<Turn> {
        let machine = machine.filter(|_| self.suspects.watches())?;
        match (ended, turn.suspect) {
            (Ended::Exit(0), suspect) => {
                self.suspects.succeeded(machine);
                if let Some(suspect) = suspect.filter(|suspect| *suspect != machine)
                    && let Some(count) = self.suspects.failed_only(suspect)
                {
                    self.set_aside(suspect, count);
                }
                None
            }
            (Ended::Exit(_) | Ended::Signal(_), None) => Some(Turn {
                suspect: Some(machine),
                ..turn.next(Some(machine))
            }),
            _ => None,
        }
    }

    fn set_aside(&self, machine: MachineId, count: u32) {
        // It may be gone by now, which is as well.
        if self.cluster.drain(machine, None).is_ok() {
            self.printer.note(format!(
                "warning: machine {machine} is set aside: {count} jobs in a row failed there and went well elsewhere"
            ));
        }
    }

    /// Books a job that is through.
    fn ended(&mut self, index: usize, attempt: &Attempt, ended: Ended, output: Option<Output>) {
        let job = &self.plan.jobs[index];
        if let Some(joblog) = &mut self.plan.joblog
            && let Err(error) = joblog.write(job, attempt, &ended)
        {
            self.printer.note(error);
        }
        let failed = failure(&ended).map(|how| format!("job {} failed: {how}", job.name()));
        match failed {
            None => self.tally.ok += 1,
            Some(_) => self.tally.failed += 1,
        }
        self.printer.print(Print {
            index,
            output,
            failed,
        });
    }

    fn publish(&self, running: usize) {
        let machines = self.cluster.counts().machines;
        self.board.publish(Status {
            tally: *self.tally,
            running,
            machines,
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

/// Runs a job under a lease, its output into the spool.
async fn attempt(
    lease: &Lease,
    job: &remuda_worker::Job,
    spool: &mut Spool,
    dir: &str,
) -> Result<(Ended, Option<u32>), Again> {
    let mut call = pin!(lease.call::<_, JobEnd>(JOB, job));
    while let Some(chunk) = call.output().await {
        if let Err(error) = spool.write(chunk.stream, &chunk.bytes) {
            // The space first: other jobs may need it.
            spool.discard();
            call.cancel();
            let _ = call.await;
            let error = format!("cannot keep its output in {dir} (see TMPDIR): {error}");
            return Ok((Ended::Error(error), None));
        }
    }
    match call.await {
        Ok(JobEnd { exit, peak_mib }) => Ok(match exit {
            Exit::Code(code) => (Ended::Exit(code), peak_mib),
            Exit::Signal(signal) => (Ended::Signal(signal), peak_mib),
        }),
        Err(CallError::Lost(why)) => Err(Again::Lost {
            why: format!("{} was lost: {why}", lease.id()),
            spared: lease.is_leaving(),
        }),
        Err(CallError::Machine(why)) => Err(Again::Unfit(why)),
        Err(error) => Ok((Ended::Error(error.to_string()), None)),
    }
}

impl Turn {
    fn first(job: usize) -> Turn {
        Turn {
            job,
            number: 1,
            spared: 0,
            avoid: None,
            suspect: None,
        }
    }

    /// The attempt after this one, elsewhere if it can be.
    fn next(self, avoid: Option<MachineId>) -> Turn {
        Turn {
            number: self.number + 1,
            avoid,
            ..self
        }
    }
}

fn never_ran(turn: Turn, machine: Option<MachineId>) -> Attempted {
    let now = Timestamp::now();
    let name = machine.map(|machine| machine.to_string());
    let why = format!(
        "{} was lost before it began",
        name.as_deref().unwrap_or("its machine")
    );
    Attempted {
        turn,
        machine,
        attempt: Attempt {
            machine: name,
            start: now,
            end: now,
            number: turn.number,
            over_memory: None,
        },
        result: Err(Again::Lost { why, spared: false }),
    }
}

fn exec(job: &Job, attempt: u32) -> Exec {
    Exec {
        program: match &job.command {
            Command::Shell(text) => Program::Shell(text.clone()),
            Command::Argv(words) => Program::Argv(words.clone()),
        },
        env: vec![
            ("REMUDA_JOB".into(), job.name().into_owned()),
            ("REMUDA_ATTEMPT".into(), attempt.to_string()),
        ],
        dir: None,
    }
}

/// How a job failed; none if it did not.
fn failure(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Exit(0) => None,
        Ended::Exit(code) => Some(format!("exit status {code}")),
        Ended::Signal(signal) => Some(match signal_hook::low_level::signal_name(*signal) {
            Some(name) => format!("killed by signal {signal} ({name})"),
            None => format!("killed by signal {signal}"),
        }),
        Ended::Error(error) => Some(error.clone()),
    }
}
