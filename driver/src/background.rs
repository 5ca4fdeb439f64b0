//! The driver's short tasks: a poll, a task's result to drop, work done once.

use std::future::Future;
use std::sync::Arc;

use futures::future::{Either, select};
use remuda::{Event, MachineId, OnceKey, OnceOutcome, TaskId};
use remuda_worker::wire::Figures;

use crate::error::CallError;
use crate::machine::Machine;
use crate::panics::caught_in;
use crate::runtime::{Runtime, timeout};
use crate::shared::Shared;
use crate::signal::Defer;
use crate::status::Shown;
use crate::system::System;
use crate::tables::OnceWork;

/// Asks a machine for its figures, and tells the manager whether any part was answered (S17, F8).
pub(crate) async fn poll<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
) {
    let answer = timeout(
        &shared.runtime,
        shared.options.poll_timeout,
        caught_in(shared.system.poll(machine.handle())),
    );
    // Dead: nobody waits for figures any more.
    let Either::Left((answer, _)) = select(std::pin::pin!(answer), machine.dead.clone()).await
    else {
        return;
    };
    let figures = match answer {
        Some(Ok(figures)) => figures,
        Some(Err(panic)) => {
            tracing::warn!(machine = %machine.name(), "its poll {panic}");
            Figures::default()
        }
        None => Figures::default(),
    };
    polled(&shared, machine.id(), figures);
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
        if answered {
            let figures = last.clone();
            state.note(machine, "figures", Shown(&figures));
        }
        state.feed(Event::Polled { machine, answered });
    });
}

pub(crate) async fn discard<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
    task: TaskId,
) {
    let done = std::pin::pin!(caught_in(shared.system.discard(machine.handle(), task)));
    let Either::Left((answer, _)) = select(done, machine.dead.clone()).await else {
        return;
    };
    if let Err(error) = answer.unwrap_or_else(Err) {
        tracing::warn!(machine = %machine.name(), %task, "could not drop a task's result: {error}");
    }
}

/// Does work once on a machine. The askers are told also when the runtime drops the task, even unborn.
pub(crate) fn run_once<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    work: OnceWork,
) -> impl Future<Output = ()> + Send {
    let dropped = shared.clone();
    let unanswered = Defer::new(move || {
        let error = CallError::Unreachable("the work ended without an answer".into());
        once_done(&dropped, machine, key, Err(error));
    });
    async move {
        let result = caught_in(async { work().await }).await;
        unanswered.disarm();
        let result = result.unwrap_or_else(|panic| {
            let error = CallError::Unreachable(format!("the work {panic}"));
            Err(error)
        });
        once_done(&shared, machine, key, result);
    }
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
