//! The options of a cluster.

use std::time::Duration;

/// The time-outs that the driver enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a machine may take to come up before its start has failed (S8); default 60 s.
    pub start_timeout: Duration,
    /// How long a machine may take to answer a poll (S17); default 5 s.
    pub poll_timeout: Duration,
    /// How long a machine may take to end after it was asked to, before it is killed; default 5 s.
    pub stop_timeout: Duration,
    /// How long a machine may take to end after it was killed, before the driver counts it as ended; default 10 s.
    pub kill_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            start_timeout: Duration::from_secs(60),
            poll_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            kill_timeout: Duration::from_secs(10),
        }
    }
}
