//! The records in the driver's tables: requests, machines, callers of work done once, and the timer.

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

/// A request until its client has dropped it, or has finished its lease.
pub(crate) enum RequestEntry<S: System> {
    /// Submitted and not granted; the waker of the client's task, once it has polled.
    Queued(Option<Waker>),
    /// Granted; the client has not seen the grant.
    Granted(Arc<Machine<S>>),
    /// The client has the lease.
    Leased(Leased),
    /// Ended without a lease; the client has not seen the error.
    Ended(RequestError),
}

/// A lease that the client has, or has finished while calls still run.
#[derive(Default)]
pub(crate) struct Leased {
    /// The running calls of the lease, each with the flag that cancels it.
    pub(crate) calls: SmallVec<[(u64, Signal); 1]>,
    /// The outcome, once the client has finished the lease. The manager is told when the last call has ended (F12).
    pub(crate) finished: Option<Outcome>,
}

/// A machine that is up.
pub(crate) struct MachineEntry<S: System> {
    pub(crate) machine: Arc<Machine<S>>,
    pub(crate) figures: Figures,
    /// The manager has reported it lost.
    pub(crate) lost: bool,
    /// Why it ended, once that is known.
    pub(crate) reason: Option<String>,
}

impl<S: System> MachineEntry<S> {
    /// The machine's status; `view` is the manager's part of it.
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

    /// The status of a machine that the manager has reported lost.
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

/// A caller of work done once on a machine (S16).
pub(crate) struct OnceWaiter {
    pub(crate) machine: MachineId,
    pub(crate) answer: oneshot::Sender<Result<(), OnceError>>,
    pub(crate) work: Option<OnceWork>,
}

/// The work that a caller passed. Only the work of the first caller is run.
pub(crate) type OnceWork = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), CallError>> + Send>;

/// The state of the timer task.
#[derive(Default)]
pub(crate) struct TimerState {
    pub(crate) waker: Option<Waker>,
    pub(crate) sleeping_until: Option<Instant>,
    pub(crate) changed: bool,
}
