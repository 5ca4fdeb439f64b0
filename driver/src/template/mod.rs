//! The template system: machines that a command starts elsewhere, many by one call, such as `sbatch --array`, `kubectl
//! create` or the command line of a cloud. What it starts are workers that reach the driver by another system, which knows
//! them by their machine's id.

mod batch;
mod command;
mod hint;
mod stops;
mod token;
mod words;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use remuda::{MachineId, Resources, TaskId};
use remuda_worker::wire::Figures;

use crate::error::{CallError, StartError};
use crate::ongoing::Ongoing;
use crate::runtime::Runtime;
use crate::system::{Adopt, Invocation, Start, System};
use batch::{Batch, Member};
use stops::Stops;
use token::Token;
use words::{Values, has_any};

/// The names that stand for all machines of a call.
const BATCH: [&str; 2] = ["count", "last_index"];

/// How many machines a call of the start command starts at most; Slurm takes arrays of up to 1001 unless told otherwise.
const MOST: usize = 1000;

/// Machines that a command starts elsewhere. See the [module](self) and [`TemplateSystem::new`].
///
/// `S` is the system by which the workers reach the driver: its [`start`](System::start) waits for the worker of one id.
#[derive(Debug)]
pub struct TemplateSystem<R, S> {
    runtime: R,
    workers: S,
    start: Vec<String>,
    input: String,
    values: Values,
    limit: Duration,
    stops: Stops<R>,
    /// The commands that run, of either sort.
    ongoing: Ongoing,
}

impl<R: Runtime, S: System> TemplateSystem<R, S> {
    /// A system that starts machines with the words of `start`: a program and its arguments, without a shell. In each word
    ///
    /// | name | stands for |
    /// |---|---|
    /// | `{first}` | the id of the first machine: a number |
    /// | `{count}`, `{last_index}` | how many machines are to be started, and one less |
    /// | `{procs}`, `{memory_mib}`, `{gpus}` | what each of them has |
    /// | `{kind}` | their kind (`k0`) |
    ///
    /// A call starts at most 1000 machines. Where neither `{count}` nor `{last_index}` is in a word, the command starts one machine, and runs once for each. The
    /// workers have the ids from `{first}` on, in a row. The command must end when the machines are started or queued; the
    /// first line that it prints is their *handle*. A status other than 0 is a failed start of them all.
    ///
    /// The machines are queued ([`Start::queued`]) until their worker is there: no time-out runs. One is up when its worker is
    /// there and the command has ended.
    pub fn new(runtime: R, workers: S, start: Vec<String>) -> Self {
        let limit = Duration::from_secs(60);
        let ongoing = Ongoing::default();
        TemplateSystem {
            stops: Stops::new(runtime.clone(), limit, &ongoing),
            runtime,
            workers,
            start,
            input: String::new(),
            values: Values::default(),
            limit,
            ongoing,
        }
    }

    /// What the start command reads, with the same names filled in; default: nothing.
    #[must_use]
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = text.into();
        self
    }

    /// The command that ends machines that this system has started: those that are not wanted any more before they are up,
    /// and each that was up, when it has ended in whatever way. It may be gone by then, so the command should not mind.
    ///
    /// `{handle}` stands for what the start command has printed, `{index}` for the machine's number in that call, from 0 on,
    /// `{machine}` for its id. A word with one of these names stands once for each machine that is to be ended at the
    /// moment: `scancel {handle}_{index}` becomes `scancel 5_0 5_1 8_0`. The other names of the start command stand for
    /// nothing here, as one command ends machines of several calls. Without this call nothing is run.
    #[must_use]
    pub fn stop(mut self, template: &[String]) -> Self {
        self.stops.template = template.into();
        self
    }

    /// Is told of each machine for which the stop command is through. Where a journal is written, note it there under the topic
    /// `ended` ([`Recording::note`](crate::Recording::note)): a cluster that is resumed runs the command again for each machine
    /// without such a note.
    #[must_use]
    pub fn on_ended(mut self, told: impl Fn(MachineId) + Send + Sync + 'static) -> Self {
        self.stops.on_ended = Arc::new(told);
        self
    }

    /// What ends a machine that an earlier driver has started.
    fn of_earlier_driver(
        &self,
        id: MachineId,
        (index, handle): (u64, String),
    ) -> Option<Member<R>> {
        let first = MachineId(id.0.checked_sub(index)?);
        let values = self.values.clone();
        let batch = Batch::of_earlier_driver(handle, values, first, self.stops.clone());
        Some(Member::new(batch, index))
    }

    /// Another name that words may have in braces, and what it stands for.
    #[must_use]
    pub fn value(mut self, name: &str, value: impl ToString) -> Self {
        self.values.set(name, value);
        self
    }

    /// One call of the start command, for so many machines.
    fn batch(&self, first: &Start, count: usize) -> Arc<Batch<R>> {
        let [procs, memory_mib, gpus, _] = first.capacity.amounts();
        let values = { self.values.clone() }
            .with("first", first.id.0)
            .with("count", count)
            .with("last_index", count - 1)
            .with("procs", procs)
            .with("memory_mib", memory_mib)
            .with("gpus", gpus)
            .with("kind", first.kind);
        let words = self.start.iter().map(|word| values.fill(word)).collect();
        let input = values.fill(&self.input);
        Batch::new(
            words,
            input,
            self.values.clone(),
            first.id,
            self.limit,
            self.stops.clone(),
        )
    }

    /// Waits for the worker of one machine and for the end of its start command, which says how the machine is ended. A
    /// command that fails when the worker is there has started that one nevertheless. It has a limit of its own: the start
    /// time-out does not run before it is through.
    async fn await_worker(
        &self,
        start: Start,
        member: Member<R>,
    ) -> Result<TemplateMachine<R, S::Machine>, StartError> {
        start.queued();
        let (mut waiting, progress) = Start::new(start.id, start.kind, start.capacity);
        waiting.silence = start.silence;
        let through = member.begin(&self.runtime, &self.ongoing);
        let worker = std::pin::pin!(self.workers.start(waiting));
        let worker = match select(worker, through).await {
            Either::Left((worker, through)) => {
                let worker = worker?;
                let _ = through.await;
                worker
            }
            Either::Right((through, worker)) => {
                through?;
                match select(worker, std::pin::pin!(progress.booting())).await {
                    Either::Left((worker, _)) => worker?,
                    Either::Right(((), worker)) => {
                        start.booting();
                        worker.await?
                    }
                }
            }
        };
        Ok(TemplateMachine {
            worker,
            member: Some(member),
        })
    }
}

/// A machine that a command has started, and the connection to its worker.
#[derive(Debug)]
pub struct TemplateMachine<R: Runtime, M> {
    worker: M,
    /// None for one that has joined.
    member: Option<Member<R>>,
}

impl<R: Runtime, M> TemplateMachine<R, M> {
    /// A machine that was not started by a command, but has joined: no command ends it.
    pub fn joined(worker: M) -> Self {
        TemplateMachine {
            worker,
            member: None,
        }
    }

    /// The machine as the system of the workers knows it.
    pub fn worker(&self) -> &M {
        &self.worker
    }

    fn end(&self) {
        if let Some(member) = &self.member {
            member.end();
        }
    }
}

impl<R: Runtime, S: System> System for TemplateSystem<R, S> {
    type Machine = TemplateMachine<R, S::Machine>;

    async fn start(&self, start: Start) -> Result<Self::Machine, StartError> {
        let batch = self.batch(&start, 1);
        self.await_worker(start, Member::new(batch, 0)).await
    }

    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<Self::Machine, StartError>> + Send> {
        let mut words = self.start.iter().chain([&self.input]);
        let at_once = match words.any(|word| has_any(word, &BATCH)) {
            true => MOST,
            false => 1,
        };
        let mut futures = Vec::with_capacity(starts.len());
        let mut starts = starts.into_iter();
        while let Some(first) = starts.as_slice().first() {
            let batch = self.batch(first, at_once.min(starts.len()));
            for (start, index) in starts.by_ref().take(at_once).zip(0..) {
                let member = Member::new(batch.clone(), index);
                futures.push(self.await_worker(start, member));
            }
        }
        futures
    }

    fn offer(&self, machine: &Self::Machine, capacity: Resources) -> Resources {
        self.workers.offer(&machine.worker, capacity)
    }

    async fn stopped(&self, machine: &Self::Machine) -> String {
        let why = self.workers.stopped(&machine.worker).await;
        machine.end();
        why
    }

    async fn leaving(&self, machine: &Self::Machine) -> Duration {
        self.workers.leaving(&machine.worker).await
    }

    async fn stop(&self, machine: &Self::Machine) {
        self.workers.stop(&machine.worker).await;
    }

    fn kill(&self, machine: &Self::Machine) {
        self.workers.kill(&machine.worker);
        // What is killed here may not hear of it there.
        machine.end();
    }

    fn kill_limit(&self, machine: &Self::Machine) -> Duration {
        self.workers.kill_limit(&machine.worker)
    }

    /// The start commands that still run, as only their handle says what is to be ended, and the commands that end machines.
    async fn finished(&self) {
        self.workers.finished().await;
        self.ongoing.finished().await;
    }

    async fn poll(&self, machine: &Self::Machine) -> Figures {
        self.workers.poll(&machine.worker).await
    }

    async fn call(&self, machine: &Self::Machine, call: Invocation) -> Result<Vec<u8>, CallError> {
        self.workers.call(&machine.worker, call).await
    }

    async fn discard(&self, machine: &Self::Machine, task: TaskId) -> Result<(), String> {
        self.workers.discard(&machine.worker, task).await
    }

    /// How the worker is found again, and how the machine is ended.
    fn token(&self, machine: &Self::Machine) -> Option<String> {
        let worker = self.workers.token(&machine.worker);
        let started = machine.member.as_ref().and_then(Member::started);
        Token { worker, started }.write()
    }

    /// The stop command ends what an earlier driver has started as well, whether its worker comes back or not.
    async fn adopt(&self, mut adopt: Adopt) -> Option<Self::Machine> {
        let Token { worker, started } = Token::read(adopt.token.take());
        adopt.token = worker;
        let member = started.and_then(|started| self.of_earlier_driver(adopt.id, started));
        let worker = self.workers.adopt(adopt).await?;
        Some(TemplateMachine { worker, member })
    }

    /// The stop command may not have been run for it.
    fn ended(&self, id: MachineId, token: String) {
        let Token { worker, started } = Token::read(Some(token));
        if let Some(worker) = worker {
            self.workers.ended(id, worker);
        }
        if let Some(started) = started {
            drop(self.of_earlier_driver(id, started));
        }
    }

    fn name(&self, id: MachineId, machine: &Self::Machine) -> String {
        self.workers.name(id, &machine.worker)
    }
}
