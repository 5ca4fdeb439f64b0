//! Effects: what the manager's actions bring about outside the lock.

use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::{Either, select};
use remuda::{Event, MachineId, Notice, OnceKey, OnceOutcome, Reject, TaskId};
use remuda_worker::wire::Figures;

use crate::machine::{self, Machine};
use crate::runtime::{Runtime, timeout};
use crate::signal::Defer;
use crate::state::{Effect, OnceWork, Shared};
use crate::system::{CallError, System};
use crate::tasks::LostTask;

impl<R: Runtime, S: System> Shared<R, S> {
    pub(crate) fn run(self: &Arc<Self>, effect: Effect<S>) {
        match effect {
            Effect::Wake(waker) => waker.wake(),
            Effect::Raise(signal) => signal.raise(),
            Effect::DropEntry(entry) => drop(entry),
            Effect::Start(id) => self.runtime.spawn(machine::live(self.clone(), id)),
            Effect::Stop { machine, urgent } => {
                self.runtime
                    .spawn(machine::stop(self.clone(), machine, urgent));
            }
            Effect::Poll(machine) => self.runtime.spawn(poll(self.clone(), machine)),
            Effect::Discard { machine, task } => {
                self.runtime.spawn(discard(self.clone(), machine, task));
            }
            Effect::RunOnce { machine, key, work } => {
                self.runtime
                    .spawn(run_once(self.clone(), machine, key, work));
            }
            Effect::OnceReady(asker, answer) => drop(asker.answer.send(answer)),
            Effect::TaskLost(lost) => self.tell_lost(lost),
            Effect::Notice {
                notice,
                about,
                expected,
            } => log_notice(&notice, about.as_deref(), expected),
            Effect::Rejected(event, reject) => log_rejection(&event, &reject),
            Effect::Close(sender) => drop(sender),
        }
    }

    fn tell_lost(self: &Arc<Self>, lost: LostTask) {
        let listeners = self.look(|state| state.subscribers.clone());
        let gone = listeners
            .iter()
            .filter(|listener| listener.unbounded_send(lost).is_err())
            .count();
        if gone > 0 {
            let closed = |listener: &mut mpsc::UnboundedSender<LostTask>| listener.is_closed();
            let closed =
                self.with(|state| state.subscribers.extract_if(.., closed).collect::<Vec<_>>());
            drop(closed);
        }
    }
}

/// Asks a machine for its figures, and tells the manager whether any part was answered (S17, F8).
async fn poll<R: Runtime, S: System>(shared: Arc<Shared<R, S>>, machine: Arc<Machine<S>>) {
    let unanswered = Defer::new(|| polled(&shared, machine.id(), Figures::default()));
    let answer = timeout(
        &shared.runtime,
        shared.options.poll_timeout,
        shared.system.poll(machine.handle()),
    );
    match select(std::pin::pin!(answer), machine.dead.clone()).await {
        Either::Left((figures, _)) => {
            unanswered.disarm();
            polled(&shared, machine.id(), figures.unwrap_or_default());
        }
        Either::Right(_) => unanswered.disarm(),
    }
}

fn polled<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>, machine: MachineId, figures: Figures) {
    shared.with(|state| {
        let Some(slot) = state.machines.get_mut(&machine).filter(|slot| !slot.lost) else {
            return;
        };
        let Figures {
            memory,
            disk,
            load,
            counters,
        } = figures;
        let answered = memory.is_some() || disk.is_some() || load.is_some() || counters.is_some();
        // What failed keeps its last value.
        let last = &mut slot.figures;
        last.memory = memory.or(last.memory.take());
        last.disk = disk.or(last.disk.take());
        last.load = load.or(last.load.take());
        last.counters = counters.or(last.counters.take());
        state.feed(Event::Polled { machine, answered });
    });
}

async fn discard<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
    task: TaskId,
) {
    let done = std::pin::pin!(shared.system.discard(machine.handle(), task));
    if let Either::Left((Err(error), _)) = select(done, machine.dead.clone()).await {
        tracing::warn!(machine = %machine.name(), %task, "could not drop a task's result: {error}");
    }
}

async fn run_once<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    work: OnceWork,
) {
    let lost = || CallError::Unreachable("the work ended without an answer".into());
    let unanswered = Defer::new(|| once_done(&shared, machine, key, Err(lost())));
    let result = work().await;
    unanswered.disarm();
    once_done(&shared, machine, key, result);
}

fn once_done<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    result: Result<(), CallError>,
) {
    let outcome = match &result {
        Ok(()) => OnceOutcome::Ok,
        Err(CallError::Unreachable(_) | CallError::Lost(_)) => OnceOutcome::Unreachable,
        Err(_) => OnceOutcome::Remote,
    };
    shared.with(|state| {
        if let Err(error) = result
            && state.machines.contains_key(&machine)
        {
            state.once_errors.insert((machine, key), error);
        }
        state.feed(Event::OnceDone {
            machine,
            key,
            outcome,
        });
    });
}

fn log_notice(notice: &Notice, about: Option<&str>, expected: bool) {
    match notice {
        Notice::MachineLost { machine, .. } if expected => {
            tracing::info!(%machine, "ended: {}", about.unwrap_or_default());
        }
        Notice::MachineLost { machine, .. } => {
            tracing::warn!(%machine, "was lost: {}", about.unwrap_or_default());
        }
        Notice::Summary { .. } => tracing::info!("{notice}"),
        _ => tracing::warn!("{notice}"),
    }
}

/// A done or a cancel that crosses a loss is expected (F4); every other rejection tells of a mistake.
fn log_rejection(event: &Event, reject: &Reject) {
    tracing::debug!(?event, "rejected: {reject}");
}
