//! The figures of a manager.

use super::resources::Totals;
use super::time::Instant;

/// The figures of a manager, or of one kind of its machines, at one moment (R6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Counts {
    /// What all queued requests and all running grants ask for (S2). Of one kind: its grants alone.
    /// A queued request for a whole machine is counted in `whole` instead (R5).
    pub need: Totals,
    /// The capacity of the machines asked for and not yet answered (S2).
    pub pending: Totals,
    /// What the machines in service offer, those excepted that drain or stop (S2).
    pub have: Totals,
    /// Queued requests for a whole machine (R5). Of one kind: zero.
    pub whole: u64,
    /// Queued requests. Of one kind: zero.
    pub queued: u64,
    /// Requests that have a machine.
    pub running: u64,
    /// The machines.
    pub machines: MachineCounts,
}

/// The machines of a manager, or of one kind, counted by their state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MachineCounts {
    /// Asked for and not yet answered.
    pub pending: u64,
    /// In good health, and not draining.
    pub ok: u64,
    /// On probation, and not draining.
    pub probation: u64,
    /// Draining (D1).
    pub draining: u64,
    /// Told to stop and not yet gone.
    pub stopping: u64,
    /// Lost since the beginning (failed starts are not among them: they never were in service).
    pub lost: u64,
    /// Ended since the beginning, as they were told to.
    pub ended: u64,
}

/// The state of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Health {
    /// Asked for and not yet answered (S8).
    Pending,
    /// In service and in good health.
    Ok,
    /// In service, but given no new grants (S9).
    Probation {
        /// When it is ok again without further news (S10); [`Instant::MAX`] stands for never when
        /// that is past the end of time.
        until: Instant,
    },
    /// In service until nothing runs there any more, and given no new grants (D1).
    Draining {
        /// When it is told to stop whatever runs there; [`Instant::MAX`] stands for never.
        until: Instant,
    },
    /// Told to stop, and not yet gone.
    Stopping,
}

/// The start back-off of a kind (F7), from the first failed start on until a machine stays up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StartBackoff {
    /// How many steps it has made.
    pub step: u32,
    /// No machine is asked for before this; it may have passed. [`Instant::MAX`] stands for never
    /// when it is past the end of time.
    pub until: Instant,
}
