//! The cluster: a manager, a runtime and a system, driven together.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::channel::{mpsc, oneshot};
use remuda::{
    Config, ConfigError, Counts, Demand, Event, MachineId, Manager, OnceKey, Reject, TaskId,
};

use crate::background;
use crate::error::{CallError, OnceError};
use crate::lost_tasks::LostTasks;
use crate::once::OnceMachine;
use crate::options::Options;
use crate::record::Recorder;
use crate::request::Request;
use crate::runtime::Runtime;
use crate::shared::{Handle, Shared};
use crate::status::MachineStatus;
use crate::system::System;
use crate::timer;

/// A cluster that manages itself. Clones are handles of the same one; when the last handle, request and lease is
/// dropped, the cluster shuts down.
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
    /// A cluster without machines; they are started as requests come in.
    ///
    /// # Errors
    /// A configuration that the manager refuses.
    pub fn new(
        runtime: R,
        system: S,
        config: Config,
        options: Options,
    ) -> Result<Self, ConfigError> {
        let manager = Manager::new(config)?;
        Ok(Cluster::begun(runtime, system, options, manager, None))
    }

    /// The same, and all that the manager is told goes to `recorder` too.
    ///
    /// # Errors
    /// A configuration that the manager refuses.
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
        Ok(Cluster::begun(
            runtime,
            system,
            options,
            manager,
            Some(recorder),
        ))
    }

    fn begun(
        runtime: R,
        system: S,
        options: Options,
        manager: Manager,
        recorder: Option<Box<dyn Recorder>>,
    ) -> Self {
        let shared = Shared::new(
            runtime,
            system,
            options,
            manager,
            recorder,
            background::spawn,
        );
        shared.runtime.spawn(timer::run(shared.clone()));
        Cluster {
            handle: Handle::new(shared),
        }
    }

    /// Asks for procs of one machine. The request is made when the future is first polled; dropping it cancels.
    pub fn request(&self, demand: Demand) -> Request<R, S> {
        Request::new(self.handle.clone(), demand)
    }

    /// The manager's counts.
    pub fn counts(&self) -> Counts {
        self.shared().read(|state| state.manager.counts())
    }

    /// The machines in service by id, after the last few that were lost.
    pub fn machines(&self) -> Vec<MachineStatus> {
        self.shared().read(|state| {
            let live = state
                .manager
                .machines()
                .filter_map(|view| Some(state.machines.get(&view.id())?.status(&view)));
            state.lost.iter().cloned().chain(live).collect()
        })
    }

    /// The error of the last start that failed, empty if none has.
    pub fn last_start_error(&self) -> String {
        self.shared().read(|state| state.last_start_error.clone())
    }

    /// Says that the result of `task` lives on `machine` (S14). If the machine is lost already, so is the task, at once.
    ///
    /// # Errors
    /// A machine that never was.
    pub fn assign(&self, machine: MachineId, task: TaskId) -> Result<(), Reject> {
        self.shared()
            .handle(Event::Assign { machine, task })
            .map_or(Ok(()), Err)
    }

    /// Drops the result of `task` on `machine` (S15): reported lost, and the machine is told. Not held there: no-op.
    ///
    /// # Errors
    /// A machine that never was.
    pub fn discard(&self, machine: MachineId, task: TaskId) -> Result<(), Reject> {
        self.shared()
            .handle(Event::Discard { machine, task })
            .map_or(Ok(()), Err)
    }

    /// The tasks that are lost from now on, in the order the manager decided it (S14). The stream ends when the cluster
    /// was dropped and has ended.
    pub fn lost_tasks(&self) -> LostTasks {
        let (sender, receiver) = mpsc::unbounded();
        let closed = self.shared().with(|state| {
            state.subscribers.push(sender);
            state.closed_subscribers()
        });
        // Their last senders may drop wakers.
        drop(closed);
        LostTasks(receiver)
    }

    /// Has `work` done once on `machine`, however many ask for the same key (S16). The first asker's `work` runs, as a
    /// task of the cluster: an asker that goes away changes nothing. The result is remembered, errors too, until
    /// [`forget`](Cluster::forget).
    ///
    /// # Errors
    /// The work's own, the machine's loss, or a machine that never was.
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

    /// Forgets the result of work done once (S16), so that the next asker has it done again.
    ///
    /// # Errors
    /// Nothing is remembered under that key, or the work still runs.
    pub fn forget(&self, machine: MachineId, key: OnceKey) -> Result<(), Reject> {
        self.shared()
            .with(|state| match state.feed(Event::Forget { machine, key }) {
                Some(reject) => Err(reject),
                None => {
                    state.once_errors.remove(&(machine, key));
                    Ok(())
                }
            })
    }

    /// Shuts the cluster down (S22) and resolves when every machine has ended: requests that wait resolve as
    /// [`Shutdown`](crate::RequestError::Shutdown), machines are asked to end, then killed.
    pub async fn shutdown(&self) {
        self.shared().close();
        let ended = self.shared().with(|state| {
            let (sender, ended) = oneshot::channel();
            if !state.is_ended() {
                state.ended.push(sender);
            }
            ended
        });
        // Closed, not sent: that it is dropped is the message.
        let _ = ended.await;
    }

    fn shared(&self) -> &Arc<Shared<R, S>> {
        self.handle.shared()
    }
}
