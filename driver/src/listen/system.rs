//! The system of machines that are workers which connect back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use remuda::{MachineId, Resources, TaskId};
use remuda_worker::session::MARGIN;
use remuda_worker::wire::{Figures, ToWorker};

use super::port::Listener;
use crate::error::{CallError, StartError};
use crate::runtime::Runtime;
use crate::signal::Signal;
use crate::system::{Invocation, Start, System};
use crate::worker_link::Link;

/// Machines that are workers which connect back. See [`ConnectSystem::new`].
///
/// Without a listener ([`Default`]) every start fails: for a program that listens only if it is told to.
#[derive(Clone, Debug)]
pub struct ConnectSystem<R> {
    listener: Option<Listener<R>>,
}

impl<R> Default for ConnectSystem<R> {
    fn default() -> Self {
        ConnectSystem { listener: None }
    }
}

impl<R: Runtime> ConnectSystem<R> {
    /// A system whose machines are the workers of `listener`. A start waits until a worker with its machine's number
    /// connects, and is not timed until then ([`Start::queued`]). Who starts that worker is left to others.
    pub fn new(listener: &Listener<R>) -> Self {
        ConnectSystem {
            listener: Some(listener.clone()),
        }
    }
}

impl<R: Runtime> System for ConnectSystem<R> {
    type Machine = ConnectedWorker;

    async fn start(&self, start: Start) -> Result<ConnectedWorker, StartError> {
        let Some(listener) = &self.listener else {
            return Err(StartError::new("nothing listens for workers here"));
        };
        let mut waiting = listener.port.expect(start.id);
        start.queued();
        let begun = waiting.begun().await;
        start.booting();
        let ended = || StartError::new("the worker connected, and ended before its hello");
        begun.ok_or_else(ended)?.await.map_err(|_| ended())
    }

    /// The procs of its hello; it says nothing of the other amounts.
    fn offer(&self, machine: &ConnectedWorker, capacity: Resources) -> Resources {
        machine.offer(capacity)
    }

    async fn stopped(&self, machine: &ConnectedWorker) -> String {
        let dead = machine.dead.clone().await;
        dead.unwrap_or_else(|_| "nothing watches it any more".into())
    }

    async fn stop(&self, machine: &ConnectedWorker) {
        machine.link.control(&ToWorker::Goodbye);
    }

    fn kill(&self, machine: &ConnectedWorker) {
        machine.kill.raise();
    }

    /// A worker that cannot be reached ends its jobs when its lease is over.
    fn kill_limit(&self, machine: &ConnectedWorker) -> Duration {
        machine.window + MARGIN + Duration::from_secs(1)
    }

    async fn poll(&self, machine: &ConnectedWorker) -> Figures {
        machine.link.poll().await.unwrap_or_default()
    }

    async fn call(
        &self,
        machine: &ConnectedWorker,
        call: Invocation,
    ) -> Result<Vec<u8>, CallError> {
        machine.link.call(call).await
    }

    async fn discard(&self, machine: &ConnectedWorker, task: TaskId) -> Result<(), String> {
        machine.link.discard(task.0).await
    }

    fn name(&self, id: MachineId, machine: &ConnectedWorker) -> String {
        match machine.peer {
            Some(peer) => format!("{id} ({})", peer.ip()),
            None => id.to_string(),
        }
    }
}

/// A worker that has connected back. Dropping it ends it.
#[derive(Debug)]
pub struct ConnectedWorker {
    link: Arc<Link>,
    procs: u32,
    peer: Option<SocketAddr>,
    dead: SharedFuture<oneshot::Receiver<String>>,
    kill: Signal,
    window: Duration,
}

impl ConnectedWorker {
    pub(super) fn new(
        link: Arc<Link>,
        procs: u32,
        peer: Option<SocketAddr>,
        dead: oneshot::Receiver<String>,
        kill: &Signal,
        window: Duration,
    ) -> ConnectedWorker {
        ConnectedWorker {
            link,
            procs,
            peer,
            dead: dead.shared(),
            kill: kill.clone(),
            window,
        }
    }

    /// The address of its first connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The procs of its hello; it says nothing of the other amounts.
    pub(crate) fn offer(&self, capacity: Resources) -> Resources {
        let mut amounts = capacity.amounts();
        amounts[0] = self.procs;
        Resources::new(amounts)
    }
}

impl Drop for ConnectedWorker {
    fn drop(&mut self) {
        self.kill.raise();
    }
}
