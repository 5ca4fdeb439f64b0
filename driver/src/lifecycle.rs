//! The lifecycle of a machine: start, watch, stop, kill.

use std::future::Future;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::{Event, MachineId};

use crate::effect::Effect;
use crate::error::StartError;
use crate::machine::Machine;
use crate::panics::{catch_panic, catch_panic_in};
use crate::runtime::{Runtime, timeout};
use crate::shared::Shared;
use crate::system::System;
use crate::tables::MachineEntry;

/// If no machine was ever up at this step of the start back-off (F7), queued requests fail.
const FAIL_QUEUED_STEP: u32 = 4;

/// The task of one machine. Tells the manager how the machine ended, also when the task is dropped.
struct Lifecycle<R: Runtime, S: System> {
    shared: Arc<Shared<R, S>>,
    id: MachineId,
    phase: Phase,
}

enum Phase {
    Starting,
    Up(oneshot::Sender<Arc<str>>),
    Ended,
}

/// Starts a machine and watches it until it has ended.
pub(crate) fn run<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    id: MachineId,
) -> impl Future<Output = ()> + Send {
    // Created outside the async block: a runtime that has ended drops the task without polling it.
    let mut lifecycle = Lifecycle {
        shared,
        id,
        phase: Phase::Starting,
    };
    async move {
        let shared = lifecycle.shared.clone();
        let machine = match start(&shared, id).await {
            Ok((handle, name)) => lifecycle.on_up(handle, name),
            Err(error) => return lifecycle.on_failed(error),
        };
        let stopped = std::pin::pin!(catch_panic_in(shared.system.stopped(machine.handle())));
        let abandoned = std::pin::pin!(machine.abandoned.wait());
        let why = match select(stopped, abandoned).await {
            Either::Left((Ok(why), _)) => why,
            Either::Left((Err(panic), _)) => {
                // The driver can no longer learn when the machine ends.
                kill(&shared, &machine);
                format!("the system {panic}")
            }
            Either::Right(_) => "it did not end although it was killed, and is given up".into(),
        };
        lifecycle.on_stopped(why);
    }
}

/// Starts a machine; the error says why that failed.
async fn start<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    id: MachineId,
) -> Result<(S::Machine, String), String> {
    let limit = shared.options.start_timeout;
    let start = catch_panic_in(async {
        let handle = shared.system.start(id).await?;
        let name = shared.system.name(id, &handle);
        Ok::<_, StartError>((handle, name))
    });
    let start = timeout(&shared.runtime, limit, start);
    match select(std::pin::pin!(start), shared.closing.clone()).await {
        Either::Left((Some(Ok(started)), _)) => started.map_err(|error| error.to_string()),
        Either::Left((Some(Err(panic)), _)) => Err(format!("the system {panic}")),
        Either::Left((None, _)) => Err(format!("it was not up after {limit:?}")),
        Either::Right(_) => Err("the cluster was shut down".into()),
    }
}

fn kill<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>, machine: &Machine<S>) {
    if catch_panic(|| shared.system.kill(machine.handle())).is_none() {
        tracing::warn!(machine = %machine.name(), "could not be killed: the system panicked");
    }
}

/// Ends a machine: asks it to end unless `urgent`, then kills it, and at last counts it as ended although it has not.
pub(crate) async fn stop<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
    urgent: bool,
) {
    if !urgent {
        let limit = shared.options.stop_timeout;
        let asked = async {
            match catch_panic_in(shared.system.stop(machine.handle())).await {
                Ok(()) => std::future::pending().await,
                Err(panic) => panic,
            }
        };
        let ended = select(Box::pin(asked), machine.dead.clone());
        match timeout(&shared.runtime, limit, ended).await {
            Some(Either::Right(_)) => return,
            Some(Either::Left((panic, _))) => {
                tracing::warn!(machine = %machine.name(), "is killed: the system {panic}");
            }
            None => {
                tracing::warn!(machine = %machine.name(), "did not end within {limit:?} and is killed");
            }
        }
    }
    kill(&shared, &machine);
    if timeout(
        &shared.runtime,
        shared.options.kill_timeout,
        machine.dead.clone(),
    )
    .await
    .is_none()
    {
        machine.abandoned.raise();
    }
}

impl<R: Runtime, S: System> Lifecycle<R, S> {
    fn on_up(&mut self, handle: S::Machine, name: String) -> Arc<Machine<S>> {
        let (machine, dead_sender) = Machine::new(self.id, name, handle);
        let machine = Arc::new(machine);
        self.phase = Phase::Up(dead_sender);
        tracing::info!(machine = %machine.name(), "is up");
        let entry = MachineEntry {
            machine: machine.clone(),
            figures: Default::default(),
            lost: false,
            reason: None,
        };
        self.shared.with(|state| {
            state.ever_up = true;
            state.note(self.id, "name", machine.name());
            state.machines.insert(self.id, entry);
            state.feed(Event::Up { machine: self.id });
        });
        machine
    }

    fn on_failed(&mut self, error: String) {
        self.phase = Phase::Ended;
        let wanted = self.shared.read(|state| state.open.is_some());
        if wanted {
            tracing::warn!(machine = %self.id, "did not start: {error}");
        } else {
            tracing::debug!(machine = %self.id, "was not started: {error}");
        }
        self.shared.with(|state| {
            state.note(self.id, "start failed", &error);
            state.feed(Event::StartFailed { machine: self.id });
            if !wanted {
                return;
            }
            let step = state
                .manager
                .start_backoff()
                .map_or(0, |backoff| backoff.step);
            if !state.ever_up && step >= FAIL_QUEUED_STEP {
                state.fail_queued(&error);
            }
            state.last_start_error = error;
        });
    }

    fn on_stopped(&mut self, why: String) {
        let Phase::Up(dead_sender) = std::mem::replace(&mut self.phase, Phase::Ended) else {
            return;
        };
        let gone = self.shared.with(|state| {
            if let Some(entry) = state.machines.get_mut(&self.id) {
                entry.reason = Some(why.clone());
            }
            state.note(self.id, "stopped", &why);
            state.feed(Event::Stopped { machine: self.id });
            state
                .once_errors
                .retain(|&(machine, _), _| machine != self.id);
            state.machines.remove(&self.id)
        });
        drop(gone);
        // After the manager: when a client learns of the end, its lease has already ended.
        let _ = dead_sender.send(why.into());
    }
}

impl<R: Runtime, S: System> Drop for Lifecycle<R, S> {
    fn drop(&mut self) {
        // The task was dropped, so the runtime is ending: no new machine could run on it.
        if !matches!(self.phase, Phase::Ended) {
            self.shared.close();
        }
        match self.phase {
            Phase::Starting => self.on_failed("the system's start ended without an answer".into()),
            Phase::Up(_) => self.on_stopped("nothing watches it any more".into()),
            Phase::Ended => {}
        }
        self.shared.with(|state| {
            state.machine_tasks -= 1;
            if state.is_ended() {
                state.wake_timer();
                for waiting in std::mem::take(&mut state.ended) {
                    state.push(Effect::Close(waiting));
                }
            }
        });
    }
}
