//! The main job: every job of a plan on a cluster, each one's output to the printer, its end to the job log.
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::{FusedFuture, LocalBoxFuture, pending};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select_biased};
use jiff::Timestamp;
use remuda::{MachineCounts, Outcome};
use remuda_cli::jobs::{Command, Job};
use remuda_tokio::{
    CallError, Cluster, FileRecorder, Lease, Recording, Request, RequestError, Runtime, Tokio,
};
use remuda_worker::{EXEC, Exec, Exit, Program};

use crate::joblog::{Attempt, Ended, Joblog};
use crate::plan::{Journal, Plan};
use crate::printer::{Print, Printer, Settings};
use crate::progress::{Board, Progress, Status, TICK};
use crate::signals::{self, Control};
use crate::spool::{Output, Spool};
use crate::summary::{End, Summary, Tally};
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
            Running::new(runtime, plan, printer, board, tally, recorder)
                .run_all(controls)
                .await
        })?;
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
        lost,
        ..
    } = machines;
    let started = ok + probation + lost;
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
    plan: &'a mut Plan,
    printer: &'a Printer,
    board: Board,
    tally: &'a mut Tally,
}

/// A job that waits for a lease: all there is of it, a million may wait.
struct Asking {
    job: usize,
    attempt: u32,
    request: Request,
}

/// An attempt that ended.
struct Attempted {
    job: usize,
    attempt: Attempt,
    result: Result<(Ended, Option<Output>), Lost>,
}

/// The machine was lost under a job, and why.
struct Lost(String);

impl Future for Asking {
    type Output = (usize, u32, Result<Lease, RequestError>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.request
            .poll_unpin(context)
            .map(|lease| (self.job, self.attempt, lease))
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
    ) -> Running<'a> {
        let system = plan.machines.system(&runtime);
        let system = system.functions([EXEC]).silence(plan.silence);
        let (config, options) = (plan.config.clone(), plan.options.clone());
        let cluster = match recorder {
            None => Cluster::new(runtime.clone(), system, config, options),
            Some(recorder) => Cluster::recorded(runtime.clone(), system, config, options, recorder),
        };
        let cluster =
            cluster.expect("the plan's configuration was made by a constructor that validates");
        Running {
            runtime,
            cluster,
            plan,
            printer,
            board,
            tally,
        }
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
            .map(|job| self.ask(job, 1))
            .collect();
        let mut running: FuturesUnordered<LocalBoxFuture<'static, Attempted>> =
            FuturesUnordered::new();
        let mut tick = self.tick();
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
                (job, attempt, lease) = asking.select_next_some() => match lease {
                    Ok(lease) => running.push(self.start(job, attempt, lease)),
                    Err(RequestError::Lost(machine)) => {
                        asking.extend(self.attempted(never_ran(job, attempt, Some(machine.to_string()))));
                    }
                    Err(RequestError::NoMachines(error)) => {
                        self.printer.note(format!("no machine could be started: {error}"));
                        break End::NoMachines;
                    }
                    Err(error) => {
                        let Attempted { attempt, .. } = never_ran(job, attempt, None);
                        self.ended(job, &attempt, Ended::Error(error.to_string()), None);
                    }
                },
                () = tick => {
                    self.publish(running.len());
                    tick = self.tick();
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

    fn ask(&self, job: usize, attempt: u32) -> Asking {
        let asks = &self.plan.jobs[job];
        let request = self.cluster.request(asks.demand());
        Asking {
            job,
            attempt,
            request: request
                .priority(asks.priority)
                .kinds(self.plan.offers.kinds(asks)),
        }
    }

    /// What one attempt does, from its lease to its end.
    fn start(&self, job: usize, number: u32, lease: Lease) -> LocalBoxFuture<'static, Attempted> {
        let exec = exec(&self.plan.jobs[job], number);
        let mut spool = self.plan.spools.attempt();
        let dir = self.plan.spool_dir.display().to_string();
        async move {
            let machine = Some(lease.id().to_string());
            let start = Timestamp::now();
            let result = attempt(&lease, &exec, &mut spool, &dir).await;
            let result = match result {
                Ok(ended) => {
                    let ok = ended == Ended::Exit(0);
                    lease.finish(if ok { Outcome::Ok } else { Outcome::Remote });
                    Ok((ended, spool.finish()))
                }
                // Whatever it printed is thrown away with the spool: it is run again.
                Err(lost) => Err(lost),
            };
            Attempted {
                job,
                attempt: Attempt {
                    machine,
                    start,
                    end: Timestamp::now(),
                    number,
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
            job,
            attempt,
            result,
        }: Attempted,
    ) -> Option<Asking> {
        match result {
            Ok((ended, output)) => self.ended(job, &attempt, ended, output),
            Err(Lost(_)) if attempt.number < self.plan.attempts => {
                self.tally.run_again += 1;
                return Some(self.ask(job, attempt.number + 1));
            }
            Err(Lost(why)) => {
                let times = match attempt.number {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                let error = format!("lost with its machine {times}, the last time as {why}");
                self.ended(job, &attempt, Ended::Error(error), None);
            }
        }
        None
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

    /// The next time to publish; never, if no progress is shown.
    fn tick(&self) -> Pin<Box<dyn FusedFuture<Output = ()>>> {
        match self.plan.progress {
            Some(_) => Box::pin(self.runtime.sleep_until(self.runtime.now() + TICK).fuse()),
            None => Box::pin(pending().fuse()),
        }
    }
}

/// Runs a job under a lease, its output into the spool.
async fn attempt(lease: &Lease, exec: &Exec, spool: &mut Spool, dir: &str) -> Result<Ended, Lost> {
    let mut call = pin!(lease.call::<Exec, Exit>(EXEC, exec));
    while let Some(chunk) = call.output().await {
        if let Err(error) = spool.write(chunk.stream, &chunk.bytes) {
            // The space first: other jobs may need it.
            spool.discard();
            call.cancel();
            let _ = call.await;
            return Ok(Ended::Error(format!(
                "cannot keep its output in {dir} (see TMPDIR): {error}"
            )));
        }
    }
    match call.await {
        Ok(Exit::Code(code)) => Ok(Ended::Exit(code)),
        Ok(Exit::Signal(signal)) => Ok(Ended::Signal(signal)),
        Err(CallError::Lost(why)) => Err(Lost(format!("{} was lost: {why}", lease.id()))),
        Err(error) => Ok(Ended::Error(error.to_string())),
    }
}

fn never_ran(job: usize, number: u32, machine: Option<String>) -> Attempted {
    let now = Timestamp::now();
    let why = format!(
        "{} was lost before it began",
        machine.as_deref().unwrap_or("its machine")
    );
    Attempted {
        job,
        attempt: Attempt {
            machine,
            start: now,
            end: now,
            number,
        },
        result: Err(Lost(why)),
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
