//! The cluster: a manager, a runtime and a system, driven together.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use remuda::{
    Config, ConfigError, Counts, Demand, Event, Instant, KindId, Limits, MachineId, Manager,
    OnceKey, Reject, Resources, TaskId,
};

use crate::background;
use crate::error::{CallError, OnceError};
use crate::figures::ClusterFigures;
use crate::lifecycle;
use crate::lost_tasks::LostTasks;
use crate::once::OnceMachine;
use crate::options::Options;
use crate::panics::catch_panic_in;
use crate::record::Recorder;
use crate::request::Request;
use crate::runtime::Runtime;
use crate::shared::{Handle, Shared};
use crate::state::State;
use crate::status::MachineStatus;
use crate::system::System;
use crate::timer;

/// A cluster of machines, started and stopped as requests need them. Clones are handles of the same cluster. When the last
/// handle, request and lease is dropped, the cluster shuts down.
pub struct Cluster<R: Runtime, S: System> {
    handle: Handle<R, S>,
}

impl<R: Runtime, S: System> Clone for Cluster<R, S> {
    fn clone(&self) -> Self {
        Cluster {
            handle: self.handle.clone(),
        }
    }
}

impl<R: Runtime, S: System> fmt::Debug for Cluster<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared().read(|state| {
            f.debug_struct("Cluster")
                .field("counts", &state.manager.counts())
                .field("requests", &state.requests.len())
                .field("waiters", &state.waiters.len())
                .finish_non_exhaustive()
        })
    }
}

impl<R: Runtime, S: System> Cluster<R, S> {
    /// A cluster without machines. It starts as many as the kinds of `config` say at once (G2), and others when requests need
    /// them (G1).
    ///
    /// # Errors
    /// The manager refuses the configuration.
    pub fn new(
        runtime: R,
        system: S,
        config: Config,
        options: Options,
    ) -> Result<Self, ConfigError> {
        let manager = Manager::new(config)?;
        let ahead = Duration::ZERO;
        let shared = Shared::new(
            runtime,
            system,
            options,
            manager,
            None,
            ahead,
            background::spawn,
        );
        Ok(Cluster::begun(shared))
    }

    /// Like [`new`](Cluster::new), and `recorder` receives every event of the manager.
    ///
    /// # Errors
    /// The manager refuses the configuration.
    pub fn recorded(
        runtime: R,
        system: S,
        config: Config,
        options: Options,
        mut recorder: impl Recorder,
    ) -> Result<Self, ConfigError> {
        let manager = Manager::new(config)?;
        recorder.begin(runtime.now(), &manager);
        let recorder: Box<dyn Recorder> = Box::new(recorder);
        let (recorder, ahead) = (Some(recorder), Duration::ZERO);
        let shared = Shared::new(
            runtime,
            system,
            options,
            manager,
            recorder,
            ahead,
            background::spawn,
        );
        Ok(Cluster::begun(shared))
    }

    /// Starts what a cluster does by itself.
    pub(crate) fn begun(shared: Arc<Shared<R, S>>) -> Self {
        shared.runtime.spawn(timer::run(shared.clone()));
        // The manager does nothing before its first event.
        if shared.read(State::keeps_machines) {
            shared.handle(Event::Timer);
        }
        Cluster {
            handle: Handle::new(shared),
        }
    }

    /// Requests part of a machine, or all of it ([`Demand::Machine`]). The request is submitted when the future is first
    /// polled. Dropping it cancels it.
    pub fn request(&self, demand: impl Into<Demand>) -> Request<R, S> {
        Request::new(self.handle.clone(), demand.into())
    }

    /// Lets a machine that the cluster did not start enter service (J1): one of `kind` that offers all of the kind's
    /// capacity, or what `offer` says. Returns its id. It counts for the kind's limits, and is polled, stopped and drained
    /// like others; above the limits, or after a shutdown, it is stopped at once. Whether the machine can do its work
    /// (S19) is for the caller to check.
    ///
    /// # Errors
    /// There is no such kind, or the policy has no joins. The `machine` is dropped then, and not stopped.
    pub fn join(
        &self,
        kind: KindId,
        offer: Option<Resources>,
        machine: S::Machine,
    ) -> Result<MachineId, Reject> {
        lifecycle::join(self.shared(), kind, offer, machine)
    }

    /// Drains a machine (D1): it gets no new grants, and is stopped when nothing runs there, or at `until` (on the
    /// runtime's clock) whatever runs there. A machine that is still starting is given up. Does nothing if it is gone or
    /// told to stop.
    ///
    /// # Errors
    /// The machine never existed.
    pub fn drain(&self, machine: MachineId, until: Option<Instant>) -> Result<(), Reject> {
        let until = until.map(|until| self.shared().managers_time(until));
        self.tell(Event::Drain { machine, until })
    }

    /// Takes a draining machine back into service (D2). Does nothing if it is not draining.
    ///
    /// # Errors
    /// The machine was told to stop already, or never existed.
    pub fn keep(&self, machine: MachineId) -> Result<(), Reject> {
        self.tell(Event::Keep { machine })
    }

    /// Changes the limits of a kind (E3). What is above them is stopped or drained.
    ///
    /// # Errors
    /// There is no such kind, the limits contradict themselves, or the policy has none.
    pub fn set_limits(&self, kind: KindId, limits: Limits) -> Result<(), Reject> {
        self.tell(Event::SetLimits { kind, limits })
    }

    /// Changes the limit of procs over all kinds (E3). What is above it is stopped or drained.
    ///
    /// # Errors
    /// The policy has no such change.
    pub fn set_max_procs(&self, max_procs: u64) -> Result<(), Reject> {
        self.tell(Event::SetMaxProcs { max_procs })
    }

    /// The manager's counts of machines and requests.
    pub fn counts(&self) -> Counts {
        self.shared().read(|state| state.manager.counts())
    }

    /// The manager's counts of machines of one kind, and of the grants on them; `None` if there is no such kind.
    pub fn counts_of(&self, kind: KindId) -> Option<Counts> {
        self.shared().read(|state| state.manager.counts_of(kind))
    }

    /// All figures at this moment, of each kind too: what a dashboard or a metric shows. Looks at each machine, under the
    /// cluster's lock.
    pub fn figures(&self) -> ClusterFigures {
        self.shared()
            .read(|state| ClusterFigures::of(&state.manager))
    }

    /// The last 32 lost machines, then the machines that are up, by id.
    pub fn machines(&self) -> Vec<MachineStatus> {
        self.shared().read(|state| {
            let live = state
                .manager
                .machines()
                .filter_map(|view| Some(state.machines.get(&view.id())?.status(&view)));
            state.lost.iter().cloned().chain(live).collect()
        })
    }

    /// The error of the last failed start; empty if no start has failed.
    pub fn last_start_error(&self) -> String {
        self.shared().read(|state| state.last_start_error.clone())
    }

    /// Records that `machine` holds the result of `task` (S14). If the machine is lost, the task is reported lost at once.
    ///
    /// # Errors
    /// The machine never existed.
    pub fn assign(&self, machine: MachineId, task: TaskId) -> Result<(), Reject> {
        self.tell(Event::AssignTask { machine, task })
    }

    /// Drops the result of `task` on `machine` (S15): the task is reported lost, and the machine is told to drop it. Does
    /// nothing if the machine does not hold it.
    ///
    /// # Errors
    /// The machine never existed.
    pub fn discard(&self, machine: MachineId, task: TaskId) -> Result<(), Reject> {
        self.tell(Event::DiscardTask { machine, task })
    }

    /// The tasks that are lost from now on, in the order in which the manager reports them (S14). The stream ends when the
    /// cluster is dropped and has ended.
    pub fn lost_tasks(&self) -> LostTasks {
        let (sender, receiver) = mpsc::unbounded();
        let closed = self.shared().with(|state| {
            state.subscribers.push(sender);
            state.closed_subscribers()
        });
        // The last sender of a stream may drop a waker: not under the lock.
        drop(closed);
        LostTasks(receiver)
    }

    /// Does `work` once on `machine`, whatever the number of callers with the same key (S16). The `work` of the first caller
    /// runs as a task of the cluster, also when that caller drops its future. The result, also an error, is remembered until
    /// [`forget`](Cluster::forget).
    ///
    /// # Errors
    /// The work failed, the machine is lost, or the machine never existed.
    pub async fn once<F, Fut>(
        &self,
        machine: MachineId,
        key: OnceKey,
        work: F,
    ) -> Result<(), OnceError>
    where
        F: FnOnce(OnceMachine<R, S>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        crate::once::ask(self.shared(), machine, key, work).await
    }

    /// Forgets the result of work done once (S16). The next caller with this key has the work done again.
    ///
    /// # Errors
    /// No result is remembered under this key, or the work still runs.
    pub fn forget(&self, machine: MachineId, key: OnceKey) -> Result<(), Reject> {
        self.shared().with(
            |state| match state.feed(Event::ForgetOnce { machine, key }) {
                Some(reject) => Err(reject),
                None => {
                    state.once_errors.remove(&(machine, key));
                    Ok(())
                }
            },
        )
    }

    /// Shuts the cluster down (S22) and resolves when every machine has ended. Queued requests resolve as
    /// [`Shutdown`](crate::RequestError::Shutdown). Machines are asked to end, and killed after
    /// [`Options::stop_timeout`]. What the system has still to end is waited for too ([`System::finished`]).
    pub async fn shutdown(&self) {
        self.shared().close();
        let ended = self.shared().with(|state| {
            let (sender, ended) = oneshot::channel();
            if !state.is_ended() {
                state.ended.push(sender);
            }
            ended
        });
        // Nothing is sent: the sender is dropped when the cluster has ended.
        let _ = ended.await;
        // A system that panics here has nothing to wait for.
        let _ = catch_panic_in(self.shared().system.finished()).await;
    }

    fn tell(&self, event: Event) -> Result<(), Reject> {
        self.shared().handle(event).map_or(Ok(()), Err)
    }

    pub(crate) fn handle(&self) -> &Handle<R, S> {
        &self.handle
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<R, S>> {
        self.handle.shared()
    }
}
