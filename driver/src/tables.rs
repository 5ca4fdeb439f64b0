//! The records in the driver's tables: of requests, machines, work done once, and the timer.

use std::sync::Arc;
use std::task::Waker;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use remuda::{Instant, MachineId, MachineView, Outcome};
use remuda_worker::wire::Figures;
use smallvec::SmallVec;

use crate::error::{CallError, OnceError, RequestError};
use crate::machine::Machine;
use crate::signal::Signal;
use crate::status::MachineStatus;
use crate::system::System;

/// What the driver knows of a request that its client has not done with.
pub(crate) enum RequestEntry<S: System> {
    Queued(Option<Waker>),
    /// Granted, and not yet seen by the client.
    Granted(Arc<Machine<S>>),
    Leased(Leased),
    /// Ended before the client saw a grant.
    Ended(RequestError),
}

/// A lease in the client's hands.
#[derive(Default)]
pub(crate) struct Leased {
    /// The calls that run under it, with the flag that cancels each.
    pub(crate) calls: SmallVec<[(u64, Signal); 1]>,
    /// The client is done; said to the manager when the last call has ended (F12).
    pub(crate) finished: Option<Outcome>,
}

/// A machine in service.
pub(crate) struct MachineEntry<S: System> {
    pub(crate) machine: Arc<Machine<S>>,
    pub(crate) figures: Figures,
    /// The manager has counted it lost.
    pub(crate) lost: bool,
    /// Why it ended, once known.
    pub(crate) reason: Option<String>,
}

impl<S: System> MachineEntry<S> {
    /// The machine's status; `view`: how the manager sees it.
    pub(crate) fn status(&self, view: &MachineView<'_>) -> MachineStatus {
        MachineStatus {
            id: view.id(),
            name: self.machine.name().to_owned(),
            health: Some(view.health()),
            used: view.used(),
            procs: view.total(),
            figures: self.figures.clone(),
            reason: None,
        }
    }

    /// The status of a machine that the manager has counted lost.
    pub(crate) fn lost_status(&self, reason: &str) -> MachineStatus {
        MachineStatus {
            id: self.machine.id(),
            name: self.machine.name().to_owned(),
            health: None,
            used: 0,
            procs: 0,
            figures: self.figures.clone(),
            reason: Some(reason.to_owned()),
        }
    }
}

/// Somebody who waits for work done once on a machine (S16).
pub(crate) struct OnceWaiter {
    pub(crate) machine: MachineId,
    pub(crate) answer: oneshot::Sender<Result<(), OnceError>>,
    pub(crate) work: Option<OnceWork>,
}

/// The work of an asker; only the first asker's is run.
pub(crate) type OnceWork = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), CallError>> + Send>;

/// What the timer task sleeps on.
#[derive(Default)]
pub(crate) struct TimerState {
    pub(crate) waker: Option<Waker>,
    pub(crate) sleeping_until: Option<Instant>,
    pub(crate) changed: bool,
}
