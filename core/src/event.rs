//! What the outside tells the manager.

use core::num::NonZeroU32;

use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};

/// How much of a machine a request asks for.
///
/// ```
/// use remuda::Demand;
///
/// assert!(Demand::procs(2).is_some());
/// assert_eq!(Demand::procs(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Demand {
    /// So many procs; [`Demand::procs`] makes one.
    Procs(NonZeroU32),
    /// A whole machine: `machine_procs` procs, whatever that is (F2).
    Machine,
}

impl Demand {
    /// A demand for `n` procs; `None` for zero.
    pub const fn procs(n: u32) -> Option<Demand> {
        match NonZeroU32::new(n) {
            Some(n) => Some(Demand::Procs(n)),
            None => None,
        }
    }
}

/// How the work under a grant ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Outcome {
    /// It worked. Restores a machine on probation (S10).
    Ok,
    /// The user's own code failed on the machine. No sign against an ok machine (S11), but one on
    /// probation stays there longer (S10).
    Remote,
    /// The call never got a proper answer. Puts an ok machine on probation (S9), keeps one on
    /// probation there longer (S10).
    Unreachable,
    /// The grant was handed back untouched. Changes no health (S13).
    Unused,
}

/// How once-per-machine work ended (S16).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum OnceOutcome {
    /// It worked.
    Ok,
    /// The user's own code failed on the machine.
    Remote,
    /// The call never got a proper answer.
    Unreachable,
    /// The machine was lost first. Said by the manager alone; in an [`Event::OnceDone`] it is a
    /// rejection.
    MachineLost,
}

/// Something that happened outside; [`Manager::handle`](crate::Manager::handle) takes one at a
/// time.
///
/// A wrong event is answered by [`Action::Reject`](crate::Action::Reject) and changes nothing but
/// the time (F5). Any event may also fire timers that were due, and let requests be granted and
/// machines be started, so those actions are not named again below.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Event {
    /// A client wants procs. The request is queued (S3) until
    /// [`Action::Grant`](crate::Action::Grant) answers it; after a shutdown
    /// [`Action::Cancelled`](crate::Action::Cancelled) does at once (S22).
    ///
    /// Rejected: `DuplicateRequest` while the id is queued or running, `TooManyProcs` when no
    /// machine can ever satisfy it (F2), `Full`.
    Submit {
        /// The new request, the caller's id.
        request: RequestId,
        /// Lower is served first.
        priority: i64,
        /// What it asks for.
        demand: Demand,
    },
    /// A client no longer wants its queued request, which is removed (S6). No-op when it is granted
    /// already: the client has the machine and must say done.
    ///
    /// Rejected: `UnknownRequest`, as after a loss; adapters expect that and pass it over (F4).
    Cancel {
        /// The request.
        request: RequestId,
    },
    /// A client is done with its grant: the procs are free again, and the outcome may change the
    /// machine's health (S9, S10, S11, S13), which a notice tells.
    ///
    /// Rejected: `UnknownRequest`, as after a loss; adapters expect that and pass it over (F4).
    /// `RequestNotRunning` when it is still queued.
    Done {
        /// The request.
        request: RequestId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A machine that [`Action::Start`](crate::Action::Start) asked for is ready (S8). Answered by
    /// its first [`Action::Poll`](crate::Action::Poll) (S17), or after a shutdown by
    /// [`Action::Stop`](crate::Action::Stop) (S22).
    ///
    /// Rejected: `UnknownMachine`, `MachineNotPending` when it was answered already.
    Up {
        /// The machine.
        machine: MachineId,
    },
    /// A machine that [`Action::Start`](crate::Action::Start) asked for could not be started (S8,
    /// F7). May raise the notice `StartsFailing`.
    ///
    /// Rejected: `UnknownMachine`, `MachineNotPending` when it was answered already.
    StartFailed {
        /// The machine.
        machine: MachineId,
    },
    /// A machine stopped, for whatever reason; it is lost for good (S12). Raises the notice
    /// `MachineLost`, then tells what is lost with it: `RequestLost` (F4), `TaskLost` (S14),
    /// `OnceReady` (S16). Before *up* it is a failed start (S8). A no-op for a lost machine (F5).
    ///
    /// Rejected: `UnknownMachine`.
    Stopped {
        /// The machine.
        machine: MachineId,
    },
    /// A task's result lives on a machine from now on (S14). If the machine is lost:
    /// [`Action::TaskLost`](crate::Action::TaskLost) at once. Again: keeps its place.
    ///
    /// Rejected: `UnknownMachine`, `MachineNotInService` while it is pending, `Full`.
    Assign {
        /// The machine.
        machine: MachineId,
        /// The task.
        task: TaskId,
    },
    /// A task's result is no longer wanted on a machine (S15):
    /// [`Action::TaskLost`](crate::Action::TaskLost) and
    /// [`Action::DropTask`](crate::Action::DropTask). A no-op when the machine does not hold it.
    ///
    /// Rejected: `UnknownMachine`.
    Discard {
        /// The machine.
        machine: MachineId,
        /// The task.
        task: TaskId,
    },
    /// Someone asks for once-per-machine work (S16). The first asker causes
    /// [`Action::RunOnce`](crate::Action::RunOnce); each is answered by one
    /// [`Action::OnceReady`](crate::Action::OnceReady), at once when the result is known or the
    /// machine is lost.
    ///
    /// Rejected: `UnknownMachine`, `MachineNotInService` while it is pending, `DuplicateWaiter`
    /// while that id waits for something, `Full`.
    Once {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
        /// Who asks, the caller's id.
        waiter: WaiterId,
    },
    /// Answers [`Action::RunOnce`](crate::Action::RunOnce) (S16): every waiter gets the result,
    /// which is remembered until *forget*. Changes no health: only [`Event::Done`] does (S9).
    ///
    /// Rejected: `UnknownMachine`, `MachineNotInService` (also when it is lost), `OnceUnknown`,
    /// `OnceNotRunning`, `OnceMachineLost`.
    OnceDone {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
        /// Its result: `Ok`, `Remote` or `Unreachable`.
        outcome: OnceOutcome,
    },
    /// Forgets a remembered result, so that the next asker runs the work again (S16).
    ///
    /// Rejected: `UnknownMachine`, `MachineNotInService` (also when it is lost), `OnceUnknown`,
    /// `OnceRunning`.
    Forget {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// Answers [`Action::Poll`](crate::Action::Poll), within the adapter's time-out (S17).
    /// Unanswered often enough in a row, the machine is lost (F8): as with [`Event::Stopped`], and
    /// [`Action::Stop`](crate::Action::Stop).
    ///
    /// Rejected: `UnknownMachine`, `MachineNotInService` (also when it is lost), `UnexpectedPolled`
    /// when no poll is out.
    Polled {
        /// The machine.
        machine: MachineId,
        /// Whether any part of the poll was answered.
        answered: bool,
    },
    /// The timer fired, or nothing happened and the caller wants due timers to fire. Always
    /// answered by [`Action::SetTimer`](crate::Action::SetTimer) or
    /// [`Action::ClearTimer`](crate::Action::ClearTimer) (S21). Never rejected.
    Timer,
    /// The end (S22): every queued request is `Cancelled`, every machine in service told to `Stop`,
    /// nothing granted or started, no timer armed any more. The second is a no-op. Never rejected.
    Shutdown,
}
