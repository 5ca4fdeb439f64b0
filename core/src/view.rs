//! Read-only views of a manager.

use crate::time::Instant;

/// Where a machine stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Health {
    /// Asked for and not yet answered (S8).
    Pending,
    /// In service and in good health.
    Ok,
    /// In service, but given no new grants (S9).
    Probation {
        /// When it is ok again without further news (S10); [`Instant::MAX`] stands for never when that is past the end of time.
        until: Instant,
    },
}

/// The figures of a manager at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Procs of all queued requests and all running grants (S2).
    pub need: u64,
    /// Procs of the machines asked for and not yet answered (S2).
    pub pending: u64,
    /// Procs of the machines in service (S2).
    pub have: u64,
    /// Requests that wait.
    pub queued: u64,
    /// Requests that have a machine.
    pub running: u64,
    /// The machines.
    pub machines: MachineCounts,
}

/// The machines of a manager, counted by where they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineCounts {
    /// Asked for and not yet answered.
    pub pending: u64,
    /// In good health.
    pub ok: u64,
    /// On probation.
    pub probation: u64,
    /// Lost since the beginning (failed starts are not among them: they never were in service).
    pub lost: u64,
}

/// The start back-off (F7), from the first failed start on until a machine comes up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StartBackoff {
    /// How many steps it has made.
    pub step: u32,
    /// No machine is asked for before this; it may have passed. [`Instant::MAX`] stands for never when it is past the end of time.
    pub until: Instant,
}
