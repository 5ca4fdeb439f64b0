//! The options of a cluster.

use std::time::Duration;

/// What the driver decides, and not the manager: time-outs, and what is admitted as a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a machine may take to come up before its start has failed (S8); default 60 s. A start that is queued
    /// elsewhere is not timed, see [`Start::queued`](crate::Start::queued).
    pub start_timeout: Duration,
    /// How long a machine may take to answer a poll (S17); default 5 s.
    pub poll_timeout: Duration,
    /// How long a machine may take to end after it was asked to, before it is killed; default 5 s.
    pub stop_timeout: Duration,
    /// How long a machine may take to end after it was killed, before the driver counts it as ended; default 10 s.
    pub kill_timeout: Duration,
    /// How long a call may go on after it was cancelled; default `None`: for ever, and its procs are not granted again before
    /// it has ended (F12). After this time the call resolves as [`CallError::Unreachable`](crate::CallError::Unreachable),
    /// and its lease ends as *unreachable*, whatever it was finished with: the machine goes on probation (S9). The procs are
    /// free then, although the call may still run.
    pub cancel_timeout: Option<Duration>,
    /// Queued requests fail with [`RequestError::NoMachines`](crate::RequestError::NoMachines) when no machine has been in
    /// service for this time while there were any, and no start is queued elsewhere; default `None`: they fail so only if no machine was ever up (F7).
    pub no_machines_timeout: Option<Duration>,
    /// Whether a machine that offers less than its kind's capacity enters service with what it offers (R4). Default false:
    /// its start has failed (F9). A machine must offer at least one proc in any case.
    pub admit_less: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            start_timeout: Duration::from_secs(60),
            poll_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            kill_timeout: Duration::from_secs(10),
            cancel_timeout: None,
            no_machines_timeout: None,
            admit_less: false,
        }
    }
}
