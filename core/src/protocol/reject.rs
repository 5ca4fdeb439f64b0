//! What can be wrong with an event.

use core::fmt;

use super::id::{KindId, MachineId, OnceKey, RequestId, WaiterId};
use super::resources::Resources;

/// Why an event was refused. Nothing changed but the time (F5).
///
/// ```
/// use remuda::{Reject, RequestId};
///
/// let reject = Reject::TooManyProcs { request: RequestId(7), procs: 9, limit: 8 };
/// assert_eq!(reject.to_string(), "r7 asks for 9 procs, a machine has 8");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Reject {
    /// No such request is queued or running: never submitted, or finished, cancelled or lost (F4).
    UnknownRequest {
        /// The id that is not known.
        request: RequestId,
    },
    /// A request with this id is queued or running.
    DuplicateRequest {
        /// The id that is taken.
        request: RequestId,
    },
    /// The request asks for no procs (R1).
    NoProcs {
        /// The request.
        request: RequestId,
    },
    /// No machine that the request accepts has so many procs (F2, R3).
    TooManyProcs {
        /// The request.
        request: RequestId,
        /// The procs it asks for.
        procs: u32,
        /// The most that a machine of an accepted kind has.
        limit: u32,
    },
    /// No machine that the request accepts has enough of another amount (F2, R3). Also when it
    /// accepts no kind that there is; it then names kind 0 and a limit of zero procs.
    TooLarge {
        /// The request.
        request: RequestId,
        /// The accepted kind that comes closest.
        kind: KindId,
        /// Which amount is too large: its index in [`Resources`](crate::Resources).
        amount: u8,
        /// How much of it the request asks for.
        asked: u32,
        /// How much a machine of that kind has.
        limit: u32,
    },
    /// Done was said of a request that is still queued.
    RequestNotRunning {
        /// The request.
        request: RequestId,
    },
    /// The request runs on another machine: a late answer to an older grant (Q3).
    RequestNotThere {
        /// The request.
        request: RequestId,
        /// The machine it does not run on.
        machine: MachineId,
    },
    /// There never was a machine with this id.
    UnknownMachine {
        /// The id.
        machine: MachineId,
    },
    /// The machine was told to stop and cannot be kept (D2).
    MachineStopping {
        /// The machine.
        machine: MachineId,
    },
    /// A machine cannot join under this id: it is below 2^63, or not above all that joined before, or
    /// the last of all ids, which none could follow (J1).
    JoinId {
        /// The id.
        machine: MachineId,
        /// The least that may join next.
        least: MachineId,
    },
    /// The config has no such kind.
    UnknownKind {
        /// The kind.
        kind: KindId,
    },
    /// The limits contradict themselves: `min` or `spare` above `max`, or an idle limit of zero
    /// (E3).
    Limits {
        /// The kind.
        kind: KindId,
    },
    /// Joins and limits that change are not part of bigslice's policy.
    NotInBigslice,
    /// The start of this machine was answered before (S8).
    MachineNotPending {
        /// The machine.
        machine: MachineId,
    },
    /// The machine is not up yet, or (with answers that come late) lost.
    MachineNotInService {
        /// The machine.
        machine: MachineId,
    },
    /// No poll of this machine is out (S17).
    UnexpectedPolled {
        /// The machine.
        machine: MachineId,
    },
    /// This waiter id waits for something already (S16).
    DuplicateWaiter {
        /// The id that is taken.
        waiter: WaiterId,
    },
    /// This work was never asked for on this machine, or its result was forgotten (S16).
    OnceUnknown {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// The result of this work is known already (S16).
    OnceNotRunning {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// This work is still running and cannot be forgotten (S16).
    OnceRunning {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// `MachineLost` is no result that an adapter may give:
    /// [`Event::Stopped`](crate::Event::Stopped) says it (S16).
    OnceMachineLost {
        /// The machine.
        machine: MachineId,
        /// The work.
        key: OnceKey,
    },
    /// The manager holds as many requests, tasks or waiters as it can count.
    Full {
        /// How many that is.
        limit: u32,
    },
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reject::UnknownRequest { request } => {
                write!(f, "{request} is neither queued nor running")
            }
            Reject::DuplicateRequest { request } => {
                write!(f, "{request} is queued or running already")
            }
            Reject::TooManyProcs {
                request,
                procs,
                limit,
            } => write!(f, "{request} asks for {procs} procs, a machine has {limit}"),
            Reject::NoProcs { request } => write!(f, "{request} asks for no procs"),
            Reject::TooLarge {
                request,
                kind,
                amount,
                asked,
                limit,
            } => {
                let name = Resources::NAMES.get(usize::from(amount)).unwrap_or(&"?");
                write!(
                    f,
                    "{request} asks for {asked} {name}, a machine of kind {kind} has {limit}"
                )
            }
            Reject::RequestNotRunning { request } => {
                write!(f, "{request} is queued and has no machine to be done with")
            }
            Reject::RequestNotThere { request, machine } => {
                write!(f, "{request} does not run on {machine}")
            }
            Reject::UnknownMachine { machine } => write!(f, "{machine} was never asked for"),
            Reject::MachineStopping { machine } => {
                write!(f, "{machine} was told to stop and cannot be kept")
            }
            Reject::JoinId { machine, least } => {
                write!(f, "{machine} cannot join: the next id is {least} or above")
            }
            Reject::UnknownKind { kind } => write!(f, "there is no kind {kind}"),
            Reject::Limits { kind } => write!(
                f,
                "limits of kind {kind}: min and spare must not be above max, nor idle zero"
            ),
            Reject::NotInBigslice => f.write_str("not part of the policy bigslice"),
            Reject::MachineNotPending { machine } => {
                write!(f, "the start of {machine} was answered before")
            }
            Reject::MachineNotInService { machine } => write!(f, "{machine} is not in service"),
            Reject::UnexpectedPolled { machine } => write!(f, "no poll of {machine} is out"),
            Reject::DuplicateWaiter { waiter } => write!(f, "{waiter} waits for something already"),
            Reject::OnceUnknown { machine, key } => {
                write!(f, "{key} was never asked for on {machine}")
            }
            Reject::OnceNotRunning { machine, key } => {
                write!(f, "the result of {key} on {machine} is known already")
            }
            Reject::OnceRunning { machine, key } => {
                write!(f, "{key} on {machine} is still running")
            }
            Reject::OnceMachineLost { machine, key } => {
                write!(
                    f,
                    "machine lost is no result of {key} on {machine}: report the machine as stopped"
                )
            }
            Reject::Full { limit } => write!(f, "full: the limit is {limit} records of a kind"),
        }
    }
}

impl core::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::Reject;
    use crate::{MachineId, OnceKey, RequestId};
    use alloc::string::ToString;

    #[test]
    fn a_rejection_says_what_was_wrong_with_which() {
        let (request, machine) = (RequestId(7), MachineId(3));
        let said = |reject: Reject| reject.to_string();
        assert_eq!(
            said(Reject::UnknownRequest { request }),
            "r7 is neither queued nor running"
        );
        let (procs, limit) = (9, 4);
        assert_eq!(
            said(Reject::TooManyProcs {
                request,
                procs,
                limit
            }),
            "r7 asks for 9 procs, a machine has 4"
        );
        let key = OnceKey { kind: 1, key: 2 };
        assert_eq!(
            said(Reject::OnceRunning { machine, key }),
            "1/2 on m3 is still running"
        );
    }
}
