//! The system of machines that are workers which connect back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, Shared as SharedFuture, select};
use remuda::{MachineId, Resources, TaskId};
use remuda_worker::session::{MARGIN, SessionId};
use remuda_worker::wire::{Figures, ToWorker};

use super::port::Listener;
use crate::error::{CallError, StartError};
use crate::runtime::{Runtime, pass};
use crate::signal::{Defer, Signal};
use crate::system::{Adopt, Invocation, Start, System};
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

    fn offer(&self, machine: &ConnectedWorker, capacity: Resources) -> Resources {
        machine.offer(capacity)
    }

    async fn stopped(&self, machine: &ConnectedWorker) -> String {
        let dead = machine.dead.clone().await;
        dead.unwrap_or_else(|_| "nothing watches it any more".into())
    }

    async fn leaving(&self, machine: &ConnectedWorker) -> Duration {
        machine.link.leaving().await
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

    fn token(&self, machine: &ConnectedWorker) -> Option<String> {
        Some(format!(
            "{} {}",
            machine.session,
            machine.window.as_millis()
        ))
    }

    /// Waits for as long as the worker may keep its jobs. What runs there must be what the driver has granted.
    async fn adopt(&self, adopt: Adopt) -> Option<ConnectedWorker> {
        let listener = self.listener.as_ref()?;
        let (session, window) = read_token(adopt.token.as_deref()?)?;
        let port = &listener.port;
        let back = port.expect_back(session, window);
        let _forget = Defer::new(|| port.forget_away(session));
        let limit = Box::pin(pass(&port.runtime, window + MARGIN));
        let worker = match select(back, limit).await {
            Either::Left((begun, _)) => begun.ok()?.await.ok()?,
            Either::Right(_) => return None,
        };
        if let Some(call) = worker.link.taken_over_for_none(&adopt.running) {
            tracing::warn!(machine = %adopt.id, "it runs call {call}, which nobody has asked for, and is killed");
            self.kill(&worker);
            self.stopped(&worker).await;
            return None;
        }
        Some(worker)
    }

    fn name(&self, id: MachineId, machine: &ConnectedWorker) -> String {
        match machine.peer {
            Some(peer) => format!("{id} ({})", peer.ip()),
            None => id.to_string(),
        }
    }
}

/// The session that a token names, and for how long its worker keeps its jobs.
fn read_token(token: &str) -> Option<(SessionId, Duration)> {
    let (session, window) = token.split_once(' ')?;
    let window = Duration::from_millis(window.parse().ok()?);
    Some((session.parse().ok()?, window))
}

/// A worker that has connected back. Dropping it ends it.
#[derive(Debug)]
pub struct ConnectedWorker {
    link: Arc<Link>,
    /// What its hello says; as much of the fourth amount as its kind has, as a hello does not know it.
    offer: Resources,
    peer: Option<SocketAddr>,
    dead: SharedFuture<oneshot::Receiver<String>>,
    kill: Signal,
    session: SessionId,
    window: Duration,
}

impl ConnectedWorker {
    pub(super) fn new(
        link: Arc<Link>,
        offer: Resources,
        peer: Option<SocketAddr>,
        dead: oneshot::Receiver<String>,
        kill: &Signal,
        (session, window): (SessionId, Duration),
    ) -> ConnectedWorker {
        ConnectedWorker {
            link,
            offer,
            peer,
            dead: dead.shared(),
            kill: kill.clone(),
            session,
            window,
        }
    }

    /// The address of its first connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What its hello says, of this.
    pub(crate) fn offer(&self, capacity: Resources) -> Resources {
        self.offer.min(capacity)
    }
}

impl Drop for ConnectedWorker {
    fn drop(&mut self) {
        self.kill.raise();
    }
}
