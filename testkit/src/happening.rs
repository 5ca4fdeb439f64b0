//! What happens in the world around an adapter, and what the adapter does there.

use std::fmt;

use remuda::{Demand, Instant, KindId, MachineId, Outcome, RequestId, StartHint, Submit};

/// Something that happens in the world. Deliberately exhaustive, so that the compiler says what an adapter has forgotten;
/// what a world has not can be [left out](crate::Check::without).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A client asks for part of a machine. Tell the manager *submit*, with an id of your own, such as the client's number.
    ///
    /// A client whose work was lost may ask again, under its old number.
    Request {
        /// Which client.
        client: u64,
        /// What it asks for.
        spec: Submit,
    },
    /// A client goes away. If its request is queued, tell the manager *cancel*. If its work runs, have that
    /// [cancelled](crate::World::cancel); it is *done* when it has ended, which is told as ever.
    Gone {
        /// Which client.
        client: u64,
    },
    /// A machine that was [started](crate::World::start) is up, with all that its kind has.
    Up {
        /// Which machine.
        machine: MachineId,
    },
    /// A machine that was [started](crate::World::start) will not come up.
    StartFailed {
        /// Which machine.
        machine: MachineId,
        /// What is known of the reason.
        hint: Option<StartHint>,
    },
    /// Work that [ran](crate::World::run) has ended.
    Ended {
        /// Whose work it was.
        request: RequestId,
        /// Where it ran.
        machine: MachineId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A machine has ended, by itself or as it was told to, with all that ran there. One that was told to stop before it was
    /// up: its start is given up.
    Stopped {
        /// Which machine.
        machine: MachineId,
    },
    /// A machine has answered a [poll](crate::World::poll). If it does not within [a time](crate::Check::poll_timeout), nothing
    /// happens here: the adapter counts the time.
    PollAnswered {
        /// Which machine.
        machine: MachineId,
    },
    /// A machine says that it will be taken away: it has to be drained.
    MustGo {
        /// Which machine.
        machine: MachineId,
        /// When.
        until: Instant,
    },
    /// The adapter's owner ends it all.
    Shutdown,
}

impl Happening {
    /// A word for it, by which a report counts.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Happening::Request { .. } => "request",
            Happening::Gone { .. } => "gone",
            Happening::Up { .. } => "up",
            Happening::StartFailed { .. } => "start failed",
            Happening::Ended { .. } => "ended",
            Happening::Stopped { .. } => "stopped",
            Happening::PollAnswered { .. } => "poll answered",
            Happening::MustGo { .. } => "must go",
            Happening::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Happening::Request { client, spec } => {
                write!(f, "client {client} asks for ")?;
                match spec.demand {
                    Demand::Machine => f.write_str("a whole machine")?,
                    Demand::Amounts(amounts) => match amounts.amounts() {
                        [1, 0, 0, 0] => f.write_str("1 proc")?,
                        [procs, 0, 0, 0] => write!(f, "{procs} procs")?,
                        _ => write!(f, "amounts {amounts}")?,
                    },
                }
                if spec.priority != 0 {
                    write!(f, ", priority {}", spec.priority)?;
                }
                match spec.give_up {
                    Some(at) => write!(f, ", until {at}"),
                    None => Ok(()),
                }
            }
            Happening::Gone { client } => write!(f, "client {client} goes away"),
            Happening::Up { machine } => write!(f, "{machine} is up"),
            Happening::StartFailed { machine, hint } => {
                write!(f, "the start of {machine} fails")?;
                match hint {
                    None => Ok(()),
                    Some(StartHint::RetryAfter(after)) => write!(f, ": retry after {after:?}"),
                    Some(hint) => write!(f, ": {hint:?}"),
                }
            }
            Happening::Ended {
                request,
                machine,
                outcome,
            } => write!(f, "the work of {request} on {machine} ends: {outcome:?}"),
            Happening::Stopped { machine } => write!(f, "{machine} ends"),
            Happening::PollAnswered { machine } => write!(f, "{machine} answers its poll"),
            Happening::MustGo { machine, until } => write!(f, "{machine} must go by {until}"),
            Happening::Shutdown => f.write_str("all is to end"),
        }
    }
}

/// What an adapter does in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    Start {
        machine: MachineId,
        kind: KindId,
    },
    Stop {
        machine: MachineId,
    },
    Run {
        request: RequestId,
        machine: MachineId,
    },
    Cancel {
        request: RequestId,
        machine: MachineId,
    },
    Poll {
        machine: MachineId,
    },
    Expired {
        request: RequestId,
    },
    Cancelled {
        request: RequestId,
    },
    Lost {
        request: RequestId,
        machine: MachineId,
    },
    GaveUp {
        request: RequestId,
    },
}

impl Deed {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Deed::Start { .. } => "start",
            Deed::Stop { .. } => "stop",
            Deed::Run { .. } => "run",
            Deed::Cancel { .. } => "cancel",
            Deed::Poll { .. } => "poll",
            Deed::Expired { .. } => "expired",
            Deed::Cancelled { .. } => "cancelled",
            Deed::Lost { .. } => "lost",
            Deed::GaveUp { .. } => "gave up",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Start { machine, kind } => write!(f, "start {machine} of kind {kind}"),
            Deed::Stop { machine } => write!(f, "stop {machine}"),
            Deed::Run { request, machine } => write!(f, "run {request} on {machine}"),
            Deed::Cancel { request, machine } => write!(f, "cancel {request} on {machine}"),
            Deed::Poll { machine } => write!(f, "poll {machine}"),
            Deed::Expired { request } => write!(f, "tell the client of {request}: expired"),
            Deed::Cancelled { request } => write!(f, "tell the client of {request}: cancelled"),
            Deed::Lost { request, machine } => {
                write!(f, "tell the client of {request}: lost with {machine}")
            }
            Deed::GaveUp { request } => write!(f, "tell the client of {request}: given up"),
        }
    }
}
