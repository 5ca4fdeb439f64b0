//! The records in the driver's tables: requests, starts, machines, callers of work done once, and the timer.

use std::sync::Arc;
use std::task::Waker;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use remuda::{Instant, KindId, MachineId, MachineView, Outcome, Resources};
use remuda_worker::wire::Figures;
use smallvec::SmallVec;

use crate::error::{CallError, OnceError, RequestError};
use crate::machine::Machine;
use crate::signal::Signal;
use crate::status::MachineStatus;
use crate::system::{Progress, System};

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
    /// How many calls were made.
    pub(crate) made: u32,
    /// What the client said when it ended the lease, once it has. The manager is told when the last call has ended (F12).
    pub(crate) ended: Option<End>,
    /// The worst end of a call so far; `None`: nothing was called.
    pub(crate) worst: Option<CallEnd>,
}

impl Leased {
    /// Takes the end of a call into account.
    pub(crate) fn call_ended(&mut self, end: CallEnd) {
        self.worst = self.worst.max(Some(end));
    }

    /// What the manager is told of the lease (S9, S11, S13). A lease that was dropped, not finished, may have failed in any
    /// way, so it is never *ok*.
    pub(crate) fn outcome(&self, end: End) -> Outcome {
        match (end, self.worst) {
            (_, Some(CallEnd::Abandoned)) => Outcome::Unreachable,
            (End::Finished(outcome), _) => outcome,
            (End::Dropped, None) => Outcome::Unused,
            (End::Dropped, Some(CallEnd::Answered)) => Outcome::Remote,
            (End::Dropped, Some(CallEnd::Unreachable)) => Outcome::Unreachable,
        }
    }
}

/// How the client ended a lease.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Finished(Outcome),
    Dropped,
}

/// How a call ended, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallEnd {
    /// With an answer of the machine, also an error or a cancel.
    Answered,
    /// Without a valid answer.
    Unreachable,
    /// Not at all: it was cancelled, and given up after the time-out.
    Abandoned,
}

/// A machine whose start is not over.
pub(crate) struct StartEntry {
    /// Raised when the manager has it stopped: the start is given up.
    pub(crate) stop: Signal,
    /// The manager has it stopped.
    pub(crate) stopping: bool,
    /// What the start has said of itself.
    pub(crate) progress: Progress,
}

/// A machine that is up.
pub(crate) struct MachineEntry<S: System> {
    pub(crate) machine: Arc<Machine<S>>,
    pub(crate) kind: KindId,
    pub(crate) figures: Figures,
    /// The manager has reported it lost.
    pub(crate) lost: bool,
    /// Why it ended, once that is known.
    pub(crate) reason: Option<String>,
}

impl<S: System> MachineEntry<S> {
    pub(crate) fn new(machine: Arc<Machine<S>>, kind: KindId) -> Self {
        MachineEntry {
            machine,
            kind,
            figures: Figures::default(),
            lost: false,
            reason: None,
        }
    }

    /// The machine's status; `view` is the manager's part of it.
    pub(crate) fn status(&self, view: &MachineView<'_>) -> MachineStatus {
        MachineStatus {
            id: view.id(),
            name: self.machine.name().to_owned(),
            kind: self.kind,
            health: Some(view.health()),
            used: view.used(),
            offer: view.offer(),
            figures: self.figures.clone(),
            reason: None,
        }
    }

    /// The status of a machine that the manager has reported lost.
    pub(crate) fn lost_status(&self, reason: &str) -> MachineStatus {
        MachineStatus {
            id: self.machine.id(),
            name: self.machine.name().to_owned(),
            kind: self.kind,
            health: None,
            used: Resources::ZERO,
            offer: Resources::ZERO,
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
    /// When queued requests fail because nothing is in service (`Options::no_machines_timeout`).
    pub(crate) no_machines_at: Option<Instant>,
}
