//! The errors that clients and systems see: why a request, a start, a call or work done once gave no result.

use std::fmt;

use remuda::{MachineId, Outcome, Reject};

/// Why a request got no lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The machine was lost after the grant and before the client saw it. Ask again.
    Lost(MachineId),
    /// No machine was ever up and four steps of the start back-off have passed (F7); the last start's error. A request
    /// that is made later has a start tried once more, when the back-off allows it.
    NoMachines(String),
    /// The manager refused the request, with the limit that it breaks (F2).
    Rejected(Reject),
    /// The cluster was shut down (S22).
    Shutdown,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Lost(machine) => {
                write!(f, "machine {machine} was lost between grant and delivery")
            }
            RequestError::NoMachines(error) => write!(f, "no machine could be started: {error}"),
            RequestError::Rejected(reject) => write!(f, "{reject}"),
            RequestError::Shutdown => f.write_str("the cluster was shut down"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Why a machine did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(String);

impl StartError {
    /// An error that says `text`.
    pub fn new(text: impl Into<String>) -> Self {
        StartError(text.into())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The function itself failed on the machine; says nothing of the machine's health (S11).
    Remote(String),
    /// The call never got a proper answer: the machinery failed (S9).
    Unreachable(String),
    /// The machine is lost, and what it ran is dead (S12). A system that says so has [`System::stopped`](crate::System::stopped) resolve too:
    /// the client is told after the manager.
    Lost(String),
    /// The call was cancelled and has ended (F12).
    Cancelled,
    /// The call could not be made or its result not be read: no such function, arguments too large, another type.
    Invalid(String),
}

impl CallError {
    /// The outcome to finish the lease with after this error.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            CallError::Remote(_) | CallError::Invalid(_) => Outcome::Remote,
            CallError::Unreachable(_) | CallError::Lost(_) => Outcome::Unreachable,
            CallError::Cancelled => Outcome::Unused,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Remote(text) | CallError::Invalid(text) => f.write_str(text),
            CallError::Unreachable(why) => write!(f, "no answer from the machine: {why}"),
            CallError::Lost(why) => write!(f, "the machine was lost: {why}"),
            CallError::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for CallError {}

/// Why work that is done once gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnceError {
    /// The work failed; every asker is told so until it is forgotten.
    Failed(CallError),
    /// The machine is lost.
    MachineLost(MachineId),
    /// The manager refused the question.
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
