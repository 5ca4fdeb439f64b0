//! Starts the driver's background tasks, and has the two short ones: a poll of a machine, and the discard of a task's result.

use std::sync::Arc;

use futures::future::{Either, select};
use remuda::{Event, MachineId, TaskId};
use remuda_worker::wire::Figures;

use crate::effect::Task;
use crate::lifecycle;
use crate::machine::Machine;
use crate::once;
use crate::panics::catch_panic_in;
use crate::runtime::{Runtime, timeout};
use crate::shared::Shared;
use crate::status::DisplayFigures;
use crate::system::System;
use crate::text::{Keep, harmless};

/// Starts a task on the runtime.
pub(crate) fn spawn<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>, task: Task<S>) {
    let runtime = &shared.runtime;
    match task {
        Task::Start { kind, machines } => {
            runtime.spawn(lifecycle::start(shared.clone(), kind, machines));
        }
        Task::Adopt(adopt) => runtime.spawn(lifecycle::adopt(shared.clone(), adopt)),
        Task::Stop { machine, urgent } => {
            runtime.spawn(lifecycle::stop(shared.clone(), machine, urgent));
        }
        Task::Poll(machine) => runtime.spawn(poll(shared.clone(), machine)),
        Task::Discard { machine, task } => {
            runtime.spawn(discard(shared.clone(), machine, task));
        }
        Task::RunOnce { machine, key, work } => {
            runtime.spawn(once::run(shared.clone(), machine, key, work));
        }
    }
}

/// Asks a machine for its figures, and tells the manager whether any part was answered (S17, F8).
async fn poll<R: Runtime, S: System>(shared: Arc<Shared<R, S>>, machine: Arc<Machine<S>>) {
    let answer = timeout(
        &shared.runtime,
        shared.options.poll_timeout,
        catch_panic_in(shared.system.poll(machine.handle())),
    );
    // The machine has ended: its figures are no longer needed.
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
        let Some(entry) = state.machines.get_mut(&machine).filter(|entry| !entry.lost) else {
            return;
        };
        let Figures {
            memory,
            disk,
            load,
            counters,
        } = figures;
        let answered = memory.is_some() || disk.is_some() || load.is_some() || counters.is_some();
        // A part that was not answered keeps its last value (S17).
        let last = &mut entry.figures;
        last.memory = memory.or(last.memory.take());
        last.disk = disk.or(last.disk.take());
        last.load = load.or(last.load.take());
        last.counters = counters.or(last.counters.take());
        if answered {
            let figures = last.clone();
            state.note(machine, "figures", DisplayFigures(&figures));
        }
        state.feed(Event::Polled { machine, answered });
    });
}

async fn discard<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
    task: TaskId,
) {
    let done = std::pin::pin!(catch_panic_in(
        shared.system.discard(machine.handle(), task)
    ));
    let Either::Left((answer, _)) = select(done, machine.dead.clone()).await else {
        return;
    };
    if let Err(error) = answer.unwrap_or_else(Err) {
        let error = harmless(&error, Keep::Start(500));
        tracing::warn!(machine = %machine.name(), %task, "could not drop a task's result: {error}");
    }
}
