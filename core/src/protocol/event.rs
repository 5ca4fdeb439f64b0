//! What a manager is told.

use core::time::Duration;

use super::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use super::resources::{Demand, Resources};
use super::time::Instant;

/// What a request asks for, and its limits; a small builder.
///
/// ```
/// use remuda::{Instant, KindId, MachineId, Resources, Submit};
///
/// let spec = Submit::new(Resources::procs(2).memory_mib(4_096))
///     .priority(3)
///     .kinds(KindId(1))
///     .prefer(MachineId(7))
///     .give_up(Instant::from_secs(60));
/// assert_eq!(spec.priority, 3);
/// assert_eq!(spec.give_up, Some(Instant::from_secs(60)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Submit {
    /// What it asks for.
    pub demand: Demand,
    /// Lower is served first (P1); 0 unless said otherwise.
    pub priority: i64,
    /// The kinds of machine it accepts (R3); all unless said otherwise.
    pub kinds: Kinds,
    /// The machine it is given if it fits there (P3).
    pub prefer: Option<MachineId>,
    /// A machine it is given only while no other could ever take it (P3).
    pub avoid: Option<MachineId>,
    /// If it is still queued then, it is removed (Q1).
    pub give_up: Option<Instant>,
}

impl Submit {
    /// A request of priority 0 that accepts all kinds.
    pub fn new(demand: impl Into<Demand>) -> Submit {
        Submit {
            demand: demand.into(),
            priority: 0,
            kinds: Kinds::ALL,
            prefer: None,
            avoid: None,
            give_up: None,
        }
    }

    /// A request for so many procs.
    pub fn procs(procs: u32) -> Submit {
        Submit::new(Resources::procs(procs))
    }

    /// A request for a whole machine (R5).
    pub fn machine() -> Submit {
        Submit::new(Demand::Machine)
    }

    /// Accepts these kinds only (R3).
    #[must_use]
    pub fn kinds(mut self, kinds: impl Into<Kinds>) -> Submit {
        self.kinds = kinds.into();
        self
    }
}

setters! {
    Submit:
    /// Lower is served first (P1).
    priority(priority: i64) = priority;
    /// Is given this machine if it fits there (P3).
    prefer(machine: MachineId) = Some(machine);
    /// Is given this machine only while no other could ever take it (P3).
    avoid(machine: MachineId) = Some(machine);
    /// Is removed if it is still queued then (Q1).
    give_up(at: Instant) = Some(at);
}

/// How the work under a grant ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
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
#[non_exhaustive]
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

/// What is known of a start that failed (G3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum StartHint {
    /// A rate limit: the back-off lasts at least this long.
    RetryAfter(Duration),
    /// A quota: no more machines of the kind until one of them is gone or a minute has passed. Not
    /// counted as a failure (S8).
    AtCapacity,
}

/// The limits of a kind that can change while it runs (E3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// At least so many machines (G2).
    pub min: u32,
    /// At most so many machines.
    pub max: u32,
    /// So many machines more than are in use (G2).
    pub spare: u32,
    /// A machine that has been idle for this long is stopped (E2); `None`: never.
    pub idle: Option<Duration>,
}

/// Something that happened outside; [`Manager::handle`](crate::Manager::handle) takes one at a
/// time.
///
/// A wrong event is answered by [`Action::Reject`](crate::Action::Reject) and changes nothing but
/// the time (F5). Any event may also fire timers that were due, and let requests be granted and
/// machines be started or stopped, so those actions are not named again below. Every event that
/// names a machine is rejected with `UnknownMachine` when there never was one with this id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Event {
    /// A client asks for part of a machine. The request is queued (P1) until
    /// [`Action::Grant`](crate::Action::Grant) answers it, or
    /// [`Action::Expired`](crate::Action::Expired) (Q1); after a shutdown
    /// [`Action::Cancelled`](crate::Action::Cancelled) does at once (S22).
    ///
    /// Rejected: `DuplicateRequest` while the id is queued or running; `NoProcs`; `TooManyProcs` or
    /// `TooLarge` when no machine can ever satisfy it (F2, R3); `Full`.
    Submit {
        /// The new request, the caller's id.
        request: RequestId,
        /// What it asks for.
        spec: Submit,
    },
    /// A client no longer wants its queued request, which is removed (S6). No-op when it is granted
    /// already: the client has the machine and must say done.
    ///
    /// Rejected: `UnknownRequest`, as after a loss; adapters expect that and ignore it (F4).
    Cancel {
        /// The request.
        request: RequestId,
    },
    /// A client is done with its grant: what it took is free again, and the outcome may change the
    /// machine's health (S9, S10, S11, S13), which a notice tells.
    ///
    /// Rejected: `UnknownRequest`, as after a loss; adapters expect that and ignore it (F4).
    /// `RequestNotRunning` when it is still queued. `RequestNotThere` when it runs on another
    /// machine, as a late answer to an older grant of the same id (Q3).
    Done {
        /// The request.
        request: RequestId,
        /// The machine of the grant that ended. `None` skips the check of Q3 and is for journals
        /// of version 1.
        machine: Option<MachineId>,
        /// How it ended.
        outcome: Outcome,
    },
    /// A machine that was not asked for enters service (J1). Answered by its first
    /// [`Action::Poll`](crate::Action::Poll), or by [`Action::Stop`](crate::Action::Stop) when it
    /// is above the limits or after a shutdown.
    ///
    /// Rejected: `JoinId` when the id is not above all that joined before, or is below 2^63;
    /// `UnknownKind`; `NotInBigslice`.
    Join {
        /// The machine: [`MachineId::joined`], ascending.
        machine: MachineId,
        /// Its kind.
        kind: KindId,
        /// What it offers; `None`: its kind's capacity (R4).
        offer: Option<Resources>,
    },
    /// A machine that [`Action::Start`](crate::Action::Start) asked for is ready (S8). Answered by
    /// its first [`Action::Poll`](crate::Action::Poll) (S17), or after a shutdown by
    /// [`Action::Stop`](crate::Action::Stop) (S22). A no-op for one that was told to stop.
    ///
    /// Rejected: `MachineNotPending` when it was answered already.
    Up {
        /// The machine.
        machine: MachineId,
        /// What it offers; `None`: its kind's capacity (R4).
        offer: Option<Resources>,
    },
    /// A machine that [`Action::Start`](crate::Action::Start) asked for could not be started (S8,
    /// F7). May raise the notice `StartsFailing`.
    ///
    /// Rejected: `MachineNotPending` when it was answered already.
    StartFailed {
        /// The machine.
        machine: MachineId,
        /// What is known of the reason (G3).
        hint: Option<StartHint>,
    },
    /// A machine stopped, for whatever reason; it is lost for good (S12). Raises the notice
    /// `MachineLost`, or `Ended` if it was told to stop, then tells what is lost with it:
    /// `RequestLost` (F4), `TaskLost` (S14), `OnceReady` (S16). Before *up* it is a failed start
    /// (S8). A no-op for a machine that is gone (F5).
    Stopped {
        /// The machine.
        machine: MachineId,
    },
    /// A machine must go (D1): it gets no new grants, and is told to stop when nothing runs there
    /// any more, or at `until`. A second drain keeps the earlier time. A pending machine is told to
    /// stop at once. A no-op for one that is gone or told to stop.
    Drain {
        /// The machine.
        machine: MachineId,
        /// When it is told to stop whatever runs there; `None`: never.
        until: Option<Instant>,
    },
    /// A machine that is draining may stay (D2). A no-op for one that does not drain.
    ///
    /// Rejected: `MachineStopping` when it was told to stop.
    Keep {
        /// The machine.
        machine: MachineId,
    },
    /// New limits of a kind (E3).
    ///
    /// Rejected: `UnknownKind`; `Limits` when they contradict themselves; `NotInBigslice`.
    SetLimits {
        /// The kind.
        kind: KindId,
        /// Its limits from now on.
        limits: Limits,
    },
    /// A new limit of procs over all kinds (E3).
    ///
    /// Rejected: `NotInBigslice`.
    SetMaxProcs {
        /// The limit from now on.
        max_procs: u64,
    },
    /// A task's result lives on a machine from now on (S14). If the machine is lost:
    /// [`Action::TaskLost`](crate::Action::TaskLost) at once. Again: keeps its place.
    ///
    /// Rejected: `MachineNotInService` while it is pending, `Full`.
    AssignTask {
        /// The machine.
        machine: MachineId,
        /// The task.
        task: TaskId,
    },
    /// A task's result is no longer wanted on a machine (S15):
    /// [`Action::TaskLost`](crate::Action::TaskLost) and
    /// [`Action::DropTask`](crate::Action::DropTask). A no-op when the machine does not hold it.
    DiscardTask {
        /// The machine.
        machine: MachineId,
        /// The task.
        task: TaskId,
    },
    /// A client asks for once-per-machine work (S16). The first one causes
    /// [`Action::RunOnce`](crate::Action::RunOnce); each is answered by one
    /// [`Action::OnceReady`](crate::Action::OnceReady), at once when the result is known or the
    /// machine is lost.
    ///
    /// Rejected: `MachineNotInService` while it is pending, `DuplicateWaiter` while that id waits
    /// for something, `Full`.
    Once {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
        /// The client, the caller's id.
        waiter: WaiterId,
    },
    /// Answers [`Action::RunOnce`](crate::Action::RunOnce) (S16): every waiter gets the result,
    /// which is remembered until *forget*. Changes no health: only [`Event::Done`] does (S9).
    ///
    /// Rejected: `MachineNotInService` (also when it is lost), `OnceUnknown`, `OnceNotRunning`,
    /// `OnceMachineLost`.
    OnceDone {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
        /// Its result: `Ok`, `Remote` or `Unreachable`.
        outcome: OnceOutcome,
    },
    /// Forgets a remembered result, so that the work runs again when it is next asked for (S16).
    ///
    /// Rejected: `MachineNotInService` (also when it is lost), `OnceUnknown`, `OnceRunning`.
    ForgetOnce {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// Answers [`Action::Poll`](crate::Action::Poll), within the adapter's time-out (S17).
    /// Unanswered often enough in a row, the machine is lost (F8): as with [`Event::Stopped`], and
    /// [`Action::Stop`](crate::Action::Stop).
    ///
    /// Rejected: `MachineNotInService` (also when it is lost), `UnexpectedPolled` when no poll is
    /// out.
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
