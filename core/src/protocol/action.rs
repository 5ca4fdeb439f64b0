//! What the manager wants done.

use core::fmt;

use super::event::OnceOutcome;
use super::id::{KindId, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use super::reject::Reject;
use super::time::Instant;

/// Something for the caller to do, in the order given (F11).
///
/// Deliberately exhaustive: an adapter must handle every one, and the compiler must say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Action {
    /// Give the machine to the client of this request (P2, S5). [`Event::Done`](crate::Event::Done)
    /// answers it.
    Grant {
        /// The request.
        request: RequestId,
        /// The machine it got.
        machine: MachineId,
    },
    /// Start machines `first`, `first + 1`, … of a kind (G4, S7). [`Event::Up`](crate::Event::Up)
    /// or [`Event::StartFailed`](crate::Event::StartFailed) answers for each on its own (S8).
    Start {
        /// Their kind.
        kind: KindId,
        /// The first machine's id.
        first: MachineId,
        /// How many: 1 to the kind's batch.
        count: u32,
    },
    /// Stop the machine: it is no longer wanted (E2, E3, E4, G5), drained (D1), silent (F8), above
    /// the limits (J1), or all is shut down (S22). If it is pending, give up its start.
    /// [`Event::Stopped`](crate::Event::Stopped) answers it, which is a no-op for a lost machine.
    /// May come twice.
    Stop {
        /// The machine.
        machine: MachineId,
    },
    /// Tell the client that its queued request was given up in time (Q1). Nothing answers it.
    Expired {
        /// The request.
        request: RequestId,
    },
    /// Tell the client that its grant ended with the machine (F4). Nothing answers it.
    RequestLost {
        /// The request.
        request: RequestId,
        /// The lost machine.
        machine: MachineId,
        /// Why the machine is gone.
        by: Loss,
    },
    /// Tell whoever owns the task that its result is no longer on the machine (S14, S15). Nothing
    /// answers it.
    TaskLost {
        /// The task.
        task: TaskId,
        /// Where it lived.
        machine: MachineId,
    },
    /// Tell the worker to drop the task's result (S15): one call; its failure is only logged.
    /// Nothing answers it.
    DropTask {
        /// The task.
        task: TaskId,
        /// Where it lives.
        machine: MachineId,
    },
    /// Run this work on the machine (S16). [`Event::OnceDone`](crate::Event::OnceDone) answers it.
    RunOnce {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// Tell the waiter how the work that it asked for ended (S16). Nothing answers it.
    OnceReady {
        /// Who asked.
        waiter: WaiterId,
        /// The work.
        key: OnceKey,
        /// Its result.
        outcome: OnceOutcome,
    },
    /// Ask the machine for its figures (S17). [`Event::Polled`](crate::Event::Polled) answers it,
    /// within the adapter's time-out.
    Poll {
        /// The machine.
        machine: MachineId,
    },
    /// Tell the client that its queued request will not be served, because of a shutdown (S22).
    /// Nothing answers it.
    Cancelled {
        /// The request.
        request: RequestId,
    },
    /// Send [`Event::Timer`](crate::Event::Timer) at `at`, and forget the time set before (S21).
    SetTimer {
        /// When.
        at: Instant,
    },
    /// No timer is wanted (S21).
    ClearTimer,
    /// Something an operator may want to read; nothing to do.
    Notice(Notice),
    /// What was wrong with the event just handled; nothing changed but the time (F5).
    Reject(Reject),
}

/// News of the cluster, as data; `Display` gives a line for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Notice {
    /// An ok machine went on probation (S9). Not repeated when its time is restarted.
    Probation {
        /// The machine.
        machine: MachineId,
    },
    /// A machine on probation is ok again (S10).
    Recovered {
        /// The machine.
        machine: MachineId,
        /// What restored it.
        by: Recovery,
    },
    /// A machine in service is lost, for good (S12, F8).
    MachineLost {
        /// The machine.
        machine: MachineId,
        /// How that was noticed.
        by: Loss,
    },
    /// A machine that was told to stop is gone (E2, D1).
    Ended {
        /// The machine.
        machine: MachineId,
    },
    /// A machine drains: it gets no new grants, and is told to stop when nothing runs there (D1).
    Draining {
        /// The machine.
        machine: MachineId,
        /// When it is told to stop whatever runs there; `None`: never.
        until: Option<Instant>,
    },
    /// A machine that drained stays in service (D2).
    Kept {
        /// The machine.
        machine: MachineId,
    },
    /// A machine is held for a request whose turn has come (P4).
    Held {
        /// The request.
        request: RequestId,
        /// The machine that it is held on.
        machine: MachineId,
    },
    /// No machine of an accepted kind is expected to offer what a request asks for (G1).
    NoHome {
        /// The first request that asks for it.
        request: RequestId,
    },
    /// More than eight starts of a kind in a row failed: check for a systematic problem (S8).
    StartsFailing {
        /// The kind.
        kind: KindId,
        /// How many failed in a row.
        failures: u64,
    },
    /// The periodic summary (S20), in machines.
    Summary {
        /// Asked for and not yet answered.
        pending: u64,
        /// In good health.
        ok: u64,
        /// On probation.
        probation: u64,
        /// Lost since the beginning.
        lost: u64,
    },
}

/// What restored a machine on probation (S10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Recovery {
    /// Work on it was done with *ok*.
    Success,
    /// The probation time passed without news.
    Timeout,
}

/// Why a machine is gone with what ran on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Loss {
    /// It was reported stopped (S12).
    Stopped,
    /// Too many polls in a row came back unanswered (F8).
    Silence,
    /// It was told to stop while its grants were still running: a drain's end (D1).
    Drained,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Notice::Probation { machine } => write!(
                f,
                "{machine} is on probation: work on it got no proper answer"
            ),
            Notice::Recovered {
                machine,
                by: Recovery::Success,
            } => write!(f, "{machine} is ok again: work on it succeeded"),
            Notice::Recovered {
                machine,
                by: Recovery::Timeout,
            } => write!(f, "{machine} is ok again: its probation is over"),
            Notice::MachineLost {
                machine,
                by: Loss::Stopped,
            } => write!(f, "{machine} is lost: it stopped"),
            Notice::MachineLost {
                machine,
                by: Loss::Silence,
            } => write!(f, "{machine} is lost: it answers no polls"),
            Notice::MachineLost {
                machine,
                by: Loss::Drained,
            } => write!(f, "{machine} is lost: it was drained"),
            Notice::Ended { machine } => write!(f, "{machine} has ended, as it was told to"),
            Notice::Draining {
                machine,
                until: None,
            } => write!(f, "{machine} is draining"),
            Notice::Draining {
                machine,
                until: Some(until),
            } => write!(f, "{machine} is draining until {until}"),
            Notice::Kept { machine } => write!(f, "{machine} drains no longer"),
            Notice::Held { request, machine } => write!(f, "{machine} is held for {request}"),
            Notice::NoHome { request } => write!(
                f,
                "{request} asks for more than any machine that could be started is expected to offer"
            ),
            Notice::StartsFailing { kind, failures } => write!(
                f,
                "the last {failures} machines of kind {kind} failed to start: check for a systematic problem"
            ),
            Notice::Summary {
                pending,
                ok,
                probation: 0,
                lost,
            } => write!(f, "pending/running/lost: {pending}/{ok}/{lost}"),
            Notice::Summary {
                pending,
                ok,
                probation,
                lost,
            } => {
                write!(
                    f,
                    "pending/running(probation)/lost: {pending}/{ok}({probation})/{lost}"
                )
            }
        }
    }
}
