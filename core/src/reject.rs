//! What can be wrong with an event.

use core::fmt;

use crate::id::{MachineId, OnceKey, RequestId, WaiterId};

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
    /// No machine can ever satisfy the request (F2).
    TooManyProcs {
        /// The request.
        request: RequestId,
        /// What it asks for.
        procs: u32,
        /// What a machine has.
        limit: u32,
    },
    /// Done was said of a request that is still queued.
    RequestNotRunning {
        /// The request.
        request: RequestId,
    },
    /// No machine with this id was ever asked for.
    UnknownMachine {
        /// The id that was never minted.
        machine: MachineId,
    },
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
    /// Nobody asked for this work on this machine, or its result was forgotten (S16).
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
            Reject::RequestNotRunning { request } => {
                write!(f, "{request} is queued and has no machine to be done with")
            }
            Reject::UnknownMachine { machine } => write!(f, "{machine} was never asked for"),
            Reject::MachineNotPending { machine } => {
                write!(f, "the start of {machine} was answered before")
            }
            Reject::MachineNotInService { machine } => write!(f, "{machine} is not in service"),
            Reject::UnexpectedPolled { machine } => write!(f, "no poll of {machine} is out"),
            Reject::DuplicateWaiter { waiter } => write!(f, "{waiter} waits for something already"),
            Reject::OnceUnknown { machine, key } => {
                write!(f, "nobody asked for {key} on {machine}")
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
