//! The options of a cluster.

use std::time::Duration;

/// The time-outs that are the driver's to enforce.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a machine may take to come up; default 60 s.
    pub start_timeout: Duration,
    /// How long it may take to answer a poll; default 5 s (S17).
    pub poll_timeout: Duration,
    /// How long it may take to end when asked to, before it is killed; default 5 s.
    pub stop_timeout: Duration,
    /// How long it may take to be dead after it was killed, before it is given up; default 10 s.
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
