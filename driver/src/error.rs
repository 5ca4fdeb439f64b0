//! The errors that clients and systems see: why a request, a start, a call or work done once gave no result.

use std::fmt;
use std::time::Duration;

use remuda::{MachineId, Outcome, Reject, StartHint};

/// Why a request got no lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The machine was lost after the grant and before the client saw the grant (F4). Request again.
    Lost(MachineId),
    /// No machine was ever up, and every kind that the request accepts has made four steps of its start back-off (F7); or
    /// nothing was in service for [`Options::no_machines_timeout`](crate::Options::no_machines_timeout). The text is the
    /// error of the last start. A later request tries a start again, as soon as the back-off allows one.
    NoMachines(String),
    /// The request was still queued when the time of [`Request::timeout`](crate::Request::timeout) had passed (Q1).
    Expired,
    /// The manager refused the request. The rejection names the limit that the request exceeds (F2, R3).
    Rejected(Reject),
    /// The cluster is shut down (S22).
    Shutdown,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Lost(machine) => {
                write!(f, "machine {machine} was lost between grant and delivery")
            }
            RequestError::NoMachines(error) => write!(f, "no machine could be started: {error}"),
            RequestError::Expired => f.write_str("no machine was granted in time"),
            RequestError::Rejected(reject) => write!(f, "{reject}"),
            RequestError::Shutdown => f.write_str("the cluster was shut down"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Why a machine did not start, and what is known of when a start may work again (G3).
///
/// ```
/// use remuda_driver::StartError;
/// use remuda_driver::remuda::StartHint;
///
/// let error = StartError::new("the quota is used up").at_capacity();
/// assert_eq!(error.to_string(), "the quota is used up");
/// assert_eq!(error.hint(), Some(StartHint::AtCapacity));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    text: String,
    hint: Option<StartHint>,
}

impl StartError {
    /// An error that says `text`.
    pub fn new(text: impl Into<String>) -> Self {
        StartError {
            text: text.into(),
            hint: None,
        }
    }

    /// A rate limit: no machine of this kind is started for at least so long.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.hint = Some(StartHint::RetryAfter(time));
        self
    }

    /// A quota: no machine of this kind is started until one of them is gone, or a minute has passed. This is not counted as
    /// a failure.
    #[must_use]
    pub fn at_capacity(mut self) -> Self {
        self.hint = Some(StartHint::AtCapacity);
        self
    }

    /// What the manager is told beside the failure.
    #[must_use]
    pub fn hint(&self) -> Option<StartHint> {
        self.hint
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StartError {}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The function itself failed on the machine. This says nothing about the machine's health (S11).
    Remote(String),
    /// The machine could not run the call, and nothing is wrong with the call: the machine has no descriptor, process, memory
    /// or space left, or lacks what every machine has to have. The call may run elsewhere, and the machine goes on probation
    /// (S9).
    Machine(String),
    /// The call got no valid answer, because something other than the function failed (S9).
    Unreachable(String),
    /// The machine is lost, and all that it ran has ended (S12). When a system returns this error, its
    /// [`System::stopped`](crate::System::stopped) must resolve too, because the manager is told before the client.
    Lost(String),
    /// The call was cancelled and has ended (F12).
    Cancelled,
    /// The call could not be sent or its result could not be decoded: the function does not exist, the arguments are too
    /// large, or the result has another type.
    Invalid(String),
}

impl CallError {
    /// The outcome to finish the lease with after this error (S9, S11, S13).
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            CallError::Remote(_) | CallError::Invalid(_) => Outcome::Remote,
            CallError::Machine(_) | CallError::Unreachable(_) | CallError::Lost(_) => {
                Outcome::Unreachable
            }
            CallError::Cancelled => Outcome::Unused,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Remote(text) | CallError::Invalid(text) => f.write_str(text),
            CallError::Machine(why) => write!(f, "the machine cannot run it: {why}"),
            CallError::Unreachable(why) => write!(f, "no answer from the machine: {why}"),
            CallError::Lost(why) => write!(f, "the machine was lost: {why}"),
            CallError::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for CallError {}

/// Why work that is done once per machine gave no result (S16).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnceError {
    /// The work failed. Every caller gets this error until the result is forgotten.
    Failed(CallError),
    /// The machine is lost.
    MachineLost(MachineId),
    /// The manager rejected the event, for example because the machine never existed.
    Rejected(Reject),
}

impl fmt::Display for OnceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnceError::Failed(error) => write!(f, "{error}"),
            OnceError::MachineLost(machine) => write!(f, "machine {machine} is lost"),
            OnceError::Rejected(reject) => write!(f, "{reject}"),
        }
    }
}

impl std::error::Error for OnceError {}
