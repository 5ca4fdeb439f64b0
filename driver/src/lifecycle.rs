//! A machine's life in the driver: start, watch, stop, kill.

use std::future::Future;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::{Event, MachineId};

use crate::effect::Effect;
use crate::error::StartError;
use crate::machine::Machine;
use crate::panics::{caught, caught_in};
use crate::runtime::{Runtime, timeout};
use crate::shared::Shared;
use crate::system::System;
use crate::tables::Slot;

/// The back-off's step at which requests that wait for a first machine are failed.
const HOPELESS_STEP: u32 = 4;

/// Tells the manager how a machine's life ended, also when its task is dropped.
struct Life<R: Runtime, S: System> {
    shared: Arc<Shared<R, S>>,
    id: MachineId,
    phase: Phase,
}

enum Phase {
    Starting,
    Up(oneshot::Sender<Arc<str>>),
    Over,
}

/// Starts a machine and watches it until it is dead.
pub(crate) fn live<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    id: MachineId,
) -> impl Future<Output = ()> + Send {
    // Made before the task is: a runtime that is gone drops it unborn.
    let mut life = Life {
        shared,
        id,
        phase: Phase::Starting,
    };
    async move {
        let shared = life.shared.clone();
        let machine = match start(&shared, id).await {
            Ok((handle, name)) => life.up(handle, name),
            Err(error) => return life.failed(error),
        };
        let stopped = std::pin::pin!(caught_in(shared.system.stopped(machine.handle())));
        let abandoned = std::pin::pin!(machine.abandoned.wait());
        let why = match select(stopped, abandoned).await {
            Either::Left((Ok(why), _)) => why,
            Either::Left((Err(panic), _)) => {
                // Nobody would hear of its end.
                kill(&shared, &machine);
                format!("the system {panic}")
            }
            Either::Right(_) => "it did not end although it was killed, and is given up".into(),
        };
        life.stopped(why);
    }
}

/// Starts a machine; the error says why there is none.
async fn start<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    id: MachineId,
) -> Result<(S::Machine, String), String> {
    let limit = shared.options.start_timeout;
    let start = caught_in(async {
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
    if caught(|| shared.system.kill(machine.handle())).is_none() {
        tracing::warn!(machine = %machine.name(), "could not be killed: the system panicked");
    }
}

/// Ends a machine: politely, then by force; given up if even that does not help.
pub(crate) async fn stop<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
    urgent: bool,
) {
    if !urgent {
        let limit = shared.options.stop_timeout;
        let asked = async {
            match caught_in(shared.system.stop(machine.handle())).await {
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

impl<R: Runtime, S: System> Life<R, S> {
    fn up(&mut self, handle: S::Machine, name: String) -> Arc<Machine<S>> {
        let (machine, dying) = Machine::new(self.id, name, handle);
        let machine = Arc::new(machine);
        self.phase = Phase::Up(dying);
        tracing::info!(machine = %machine.name(), "is up");
        let slot = Slot {
            machine: machine.clone(),
            figures: Default::default(),
            lost: false,
            reason: None,
        };
        self.shared.with(|state| {
            state.ever_up = true;
            state.note(self.id, "name", machine.name());
            state.machines.insert(self.id, slot);
            state.feed(Event::Up { machine: self.id });
        });
        machine
    }

    fn failed(&mut self, error: String) {
        self.phase = Phase::Over;
        let wanted = self.shared.look(|state| state.open.is_some());
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
            if !state.ever_up && step >= HOPELESS_STEP {
                state.fail_waiting(&error);
            }
            state.last_start_error = error;
        });
    }

    fn stopped(&mut self, why: String) {
        let Phase::Up(dying) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        let gone = self.shared.with(|state| {
            if let Some(slot) = state.machines.get_mut(&self.id) {
                slot.reason = Some(why.clone());
            }
            state.note(self.id, "stopped", &why);
            state.feed(Event::Stopped { machine: self.id });
            state
                .once_errors
                .retain(|&(machine, _), _| machine != self.id);
            state.machines.remove(&self.id)
        });
        drop(gone);
        // After the manager: a client that hears of it finds its lease already ended.
        let _ = dying.send(why.into());
    }
}

impl<R: Runtime, S: System> Drop for Life<R, S> {
    fn drop(&mut self) {
        // The task was dropped: its runtime goes away, and nothing that is started now would live.
        if !matches!(self.phase, Phase::Over) {
            self.shared.close();
        }
        match self.phase {
            Phase::Starting => self.failed("the system's start ended without an answer".into()),
            Phase::Up(_) => self.stopped("nothing watches it any more".into()),
            Phase::Over => {}
        }
        self.shared.with(|state| {
            state.live -= 1;
            if state.is_ended() {
                state.wake_timer();
                for waiting in std::mem::take(&mut state.ended) {
                    state.push(Effect::Close(waiting));
                }
            }
        });
    }
}
