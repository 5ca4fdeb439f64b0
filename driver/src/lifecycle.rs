//! The lifecycle of a machine: start or join, watch, stop, kill.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use remuda::{Event, KindId, MachineId, Reject, Resources};

use crate::effect::Effect;
use crate::error::StartError;
use crate::machine::Machine;
use crate::panics::{catch_panic, catch_panic_in};
use crate::runtime::{Runtime, pass, timeout};
use crate::shared::Shared;
use crate::signal::Signal;
use crate::state::State;
use crate::system::{Adopt, Progress, Start, System};
use crate::tables::MachineEntry;

/// The life of one machine. Tells the manager how the machine ended, also when the task that has it is dropped.
struct Lifecycle<R: Runtime, S: System> {
    shared: Arc<Shared<R, S>>,
    id: MachineId,
    kind: KindId,
    phase: Phase,
}

enum Phase {
    /// The driver was started again, and the machine may come back.
    Away,
    Starting,
    Up(oneshot::Sender<Arc<str>>),
    Ended,
}

/// Why a start gave no machine.
enum StartEnd {
    Failed(StartError),
    /// The cluster was shut down, or the manager has the machine stopped.
    Unwanted(&'static str),
}

impl From<StartError> for StartEnd {
    fn from(error: StartError) -> Self {
        StartEnd::Failed(error)
    }
}

/// A machine that has started, not yet told to the manager.
struct Started<M> {
    handle: M,
    name: String,
    offer: Option<Resources>,
}

/// Starts machines of one kind. Each is watched by a task of its own once it is up.
pub(crate) fn start<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    kind: KindId,
    machines: Vec<(MachineId, Signal)>,
) -> impl Future<Output = ()> + Send {
    // Created outside the async block: a runtime that has ended drops the task without polling it.
    let lifecycles: Vec<_> = machines
        .into_iter()
        .map(|(id, stop)| {
            let lifecycle = Lifecycle {
                shared: shared.clone(),
                id,
                kind,
                phase: Phase::Starting,
            };
            (lifecycle, stop)
        })
        .collect();
    async move {
        let capacity = shared.read(|state| state.capacity(kind));
        let ids = lifecycles.iter().map(|(lifecycle, _)| lifecycle.id);
        let start = |id| {
            let (mut start, progress) = Start::new(id, kind, capacity);
            start.silence = shared.silence;
            (start, progress)
        };
        let (starts, progress): (Vec<_>, Vec<_>) = ids.map(start).unzip();
        shared.with(|state| {
            for ((lifecycle, _), progress) in lifecycles.iter().zip(&progress) {
                if let Some(start) = state.starts.get_mut(&lifecycle.id) {
                    start.progress = progress.clone();
                }
            }
        });
        let starting = catch_panic_in(async { shared.system.start_many(starts) }).await;
        let (futures, missing) = match starting {
            Ok(futures) => (futures, "the system started fewer machines".to_owned()),
            Err(panic) => (Vec::new(), format!("the system {panic}")),
        };
        let mut futures = futures.into_iter();
        let running = FuturesUnordered::new();
        for ((mut lifecycle, stop), progress) in lifecycles.into_iter().zip(progress) {
            let Some(future) = futures.next() else {
                let error = StartError::new(missing.clone());
                lifecycle.on_start_failed(error.into());
                continue;
            };
            let shared = &shared;
            running.push(async move {
                match start_one(shared, lifecycle.id, capacity, future, &progress, &stop).await {
                    Ok(started) => {
                        let machine = lifecycle.on_up(started);
                        shared.runtime.spawn(watch(lifecycle, machine));
                    }
                    Err(end) => lifecycle.on_start_failed(end),
                }
            });
        }
        running.collect::<()>().await;
    }
}

/// Waits until a machine is up, its time-out has passed, or it is no longer wanted.
async fn start_one<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    id: MachineId,
    capacity: Resources,
    start: impl Future<Output = Result<S::Machine, StartError>> + Send,
    progress: &Progress,
    stop: &Signal,
) -> Result<Started<S::Machine>, StartEnd> {
    let start = catch_panic_in(start);
    let unwanted = async {
        let stop = std::pin::pin!(stop.wait());
        match select(stop, shared.closing.clone()).await {
            Either::Left(_) => "it is no longer wanted",
            Either::Right(_) => "the cluster was shut down",
        }
    };
    let overdue = std::pin::pin!(overdue(shared, progress));
    let (start, unwanted) = (std::pin::pin!(start), std::pin::pin!(unwanted));
    let handle = match select(select(start, overdue), unwanted).await {
        Either::Left((Either::Left((Ok(started), _)), _)) => started?,
        Either::Left((Either::Left((Err(panic), _)), _)) => {
            return Err(StartError::new(format!("the system {panic}")).into());
        }
        Either::Left((Either::Right(_), _)) => {
            let limit = shared.options.start_timeout;
            return Err(StartError::new(format!("it was not up after {limit:?}")).into());
        }
        Either::Right((why, _)) => return Err(StartEnd::Unwanted(why)),
    };
    let described = catch_panic_in(async {
        let name = shared.system.name(id, &handle);
        (name, shared.system.offer(&handle, capacity).min(capacity))
    });
    let (name, offer) = match described.await {
        Ok(described) => described,
        Err(panic) => {
            refuse(shared, &id.to_string(), &handle).await;
            return Err(StartError::new(format!("the system {panic}")).into());
        }
    };
    let lacks = match shared.options.admit_less {
        true => offer.proc_count() == 0,
        false => !capacity.fits(offer),
    };
    if lacks {
        refuse(shared, &name, &handle).await;
        let error = shared.read(|state| state.offers_too_little(offer, capacity));
        return Err(StartError::new(format!("{name}: {error}")).into());
    }
    // A machine that offers all of its capacity need not say so (R4).
    let offer = (offer != capacity).then_some(offer);
    Ok(Started {
        handle,
        name,
        offer,
    })
}
/// Resolves when a start has taken too long. The time that it is queued elsewhere is not counted.
async fn overdue<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>, progress: &Progress) {
    let runtime = &shared.runtime;
    let limit = shared.options.start_timeout;
    if timeout(runtime, limit, progress.untimed()).await.is_some() {
        progress.booting().await;
        pass(runtime, limit).await;
    }
}

/// Ends a machine that is not admitted.
async fn refuse<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    name: &str,
    handle: &S::Machine,
) {
    kill(shared, name, handle);
    let limit = kill_timeout(shared, handle);
    let stopped = catch_panic_in(shared.system.stopped(handle));
    if timeout(&shared.runtime, limit, stopped).await.is_none() {
        tracing::warn!(machine = %name, "did not end within {limit:?} although it was killed");
    }
}

/// Lets a machine that was not asked for enter service (J1). It is watched by a task of its own.
pub(crate) fn join<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    kind: KindId,
    offer: Option<Resources>,
    handle: S::Machine,
) -> Result<MachineId, Reject> {
    let mut handle = Some(handle);
    loop {
        let id = shared.read(State::next_joined);
        let name = handle
            .as_ref()
            .and_then(|handle| catch_panic(|| shared.system.name(id, handle)));
        let mut name = Some(name.unwrap_or_else(|| id.to_string()));
        let mut token = handle
            .as_ref()
            .and_then(|handle| catch_panic(|| shared.system.token(handle)))
            .flatten();
        let joined = shared.with(|state| {
            // Ids ascend in the order in which machines join (J1), and another has just joined: take the next id.
            if state.next_joined() != id {
                return None;
            }
            let (machine, dead_sender) = Machine::new(id, name.take()?, handle.take()?);
            let machine = Arc::new(machine);
            let reject = state.on_join(machine.clone(), kind, offer, token.take());
            Some((machine, dead_sender, reject))
        });
        let Some((machine, dead_sender, reject)) = joined else {
            continue;
        };
        if let Some(reject) = reject {
            return Err(reject);
        }
        let lifecycle = Lifecycle {
            shared: shared.clone(),
            id,
            kind,
            phase: Phase::Up(dead_sender),
        };
        tracing::info!(machine = %machine.name(), "has joined");
        shared.runtime.spawn(watch(lifecycle, machine));
        return Ok(id);
    }
}

/// Waits for a machine that an earlier driver had: it comes back and is watched from then on, or is gone for good.
pub(crate) fn adopt<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    adopt: Adopt,
) -> impl Future<Output = ()> + Send {
    let (id, kind) = (adopt.id, adopt.kind);
    let phase = Phase::Away;
    let mut lifecycle = Lifecycle {
        shared,
        id,
        kind,
        phase,
    };
    async move {
        let shared = lifecycle.shared.clone();
        let returned = std::pin::pin!(catch_panic_in(shared.system.adopt(adopt)));
        match select(returned, shared.closing.clone()).await {
            Either::Left((Ok(Some(handle)), _)) => {
                let machine = lifecycle.on_returned(handle);
                watch(lifecycle, machine).await;
            }
            _ => lifecycle.on_gone(),
        }
    }
}

/// Watches a machine until it has ended.
async fn watch<R: Runtime, S: System>(mut lifecycle: Lifecycle<R, S>, machine: Arc<Machine<S>>) {
    let shared = lifecycle.shared.clone();
    let stopped = std::pin::pin!(catch_panic_in(shared.system.stopped(machine.handle())));
    let abandoned = std::pin::pin!(machine.abandoned.wait());
    let mut ended = std::pin::pin!(async {
        match select(stopped, abandoned).await {
            Either::Left((Ok(why), _)) => why,
            Either::Left((Err(panic), _)) => {
                // The driver can no longer learn when the machine ends.
                kill(&shared, machine.name(), machine.handle());
                format!("the system {panic}")
            }
            Either::Right(_) => "it did not end although it was killed, and is given up".into(),
        }
    });
    let why = loop {
        let leaving = catch_panic_in(shared.system.leaving(machine.handle()));
        match select(ended.as_mut(), std::pin::pin!(leaving)).await {
            Either::Left((why, _)) => break why,
            Either::Right((Ok(within), _)) => lifecycle.on_leaving(machine.name(), within),
            Either::Right((Err(panic), _)) => {
                tracing::warn!(machine = %machine.name(), "cannot say that it must go: the system {panic}");
                break ended.await;
            }
        }
    };
    lifecycle.on_stopped(why);
}

fn kill<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>, name: &str, handle: &S::Machine) {
    if catch_panic(|| shared.system.kill(handle)).is_none() {
        tracing::warn!(machine = %name, "could not be killed: the system panicked");
    }
}

/// How long a machine that was killed may take to end.
fn kill_timeout<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    handle: &S::Machine,
) -> Duration {
    let limit = catch_panic(|| shared.system.kill_limit(handle));
    limit.unwrap_or_default().max(shared.options.kill_timeout)
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
    kill(&shared, machine.name(), machine.handle());
    let limit = kill_timeout(&shared, machine.handle());
    if timeout(&shared.runtime, limit, machine.dead.clone())
        .await
        .is_none()
    {
        machine.abandoned.raise();
    }
}

impl<R: Runtime, S: System> Lifecycle<R, S> {
    fn on_up(&mut self, started: Started<S::Machine>) -> Arc<Machine<S>> {
        let token = self.token(&started.handle);
        let (machine, dead_sender) = Machine::new(self.id, started.name, started.handle);
        let machine = Arc::new(machine);
        self.phase = Phase::Up(dead_sender);
        tracing::info!(machine = %machine.name(), "is up");
        let entry = MachineEntry::new(machine.clone(), self.kind);
        // The last clone of the start's flag drops wakers: not under the lock.
        let start = self
            .shared
            .with(|state| state.on_up(self.id, entry, started.offer, token));
        drop(start);
        machine
    }

    fn on_returned(&mut self, handle: S::Machine) -> Arc<Machine<S>> {
        let name = catch_panic(|| self.shared.system.name(self.id, &handle));
        let name = name.unwrap_or_else(|| self.id.to_string());
        let token = self.token(&handle);
        let (machine, dead_sender) = Machine::new(self.id, name, handle);
        let machine = Arc::new(machine);
        self.phase = Phase::Up(dead_sender);
        tracing::info!(machine = %machine.name(), "is back");
        let entry = MachineEntry::new(machine.clone(), self.kind);
        self.shared
            .with(|state| state.on_returned(self.id, entry, token));
        machine
    }

    fn on_gone(&mut self) {
        self.phase = Phase::Ended;
        self.shared.with(|state| state.on_gone(self.id));
    }

    fn token(&self, handle: &S::Machine) -> Option<String> {
        catch_panic(|| self.shared.system.token(handle)).flatten()
    }

    fn on_start_failed(&mut self, end: StartEnd) {
        self.phase = Phase::Ended;
        // A start that was given up tells nothing of the starts to come.
        let wanted = self.shared.read(|state| state.is_start_wanted(self.id));
        let error = match end {
            StartEnd::Failed(error) if wanted => {
                let (id, now) = (self.id, self.shared.now());
                let text = error.to_string();
                let told = self
                    .shared
                    .with(|state| state.failures.tell(id, &text, now));
                if let Some(told) = told {
                    tracing::warn!("{told}");
                }
                Ok(error)
            }
            StartEnd::Failed(error) => Err(error.to_string()),
            StartEnd::Unwanted(why) => Err(why.to_owned()),
        };
        if let Err(why) = &error {
            tracing::debug!(machine = %self.id, "was not started: {why}");
        }
        // The last clone of the start's flag drops wakers: not under the lock.
        let start = self
            .shared
            .with(|state| state.on_start_failed(self.id, error));
        drop(start);
    }

    /// The machine must go: it is drained.
    fn on_leaving(&self, name: &str, within: Duration) {
        tracing::info!(machine = %name, "must go within {within:?} and is drained");
        let until = self.shared.now().checked_add(within);
        let machine = self.id;
        // Its id is known, so this is no rejection.
        let _ = self.shared.handle(Event::Drain { machine, until });
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
            Phase::Starting => {
                let error = StartError::new("the system's start ended without an answer");
                self.on_start_failed(error.into());
            }
            Phase::Up(_) => self.on_stopped("nothing watches it any more".into()),
            Phase::Away => self.on_gone(),
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
