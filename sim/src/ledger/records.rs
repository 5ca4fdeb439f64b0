//! What is known of a grant and of a machine.

use remuda::{Instant, KindId, MachineId, RequestId, Resources};

/// A grant, as its client knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose it is.
    pub request: RequestId,
    /// Where it is.
    pub machine: MachineId,
    /// How much of the machine it is.
    pub amounts: Resources,
    /// Whether it is all of the machine (R5).
    pub whole: bool,
}

/// What is known of a machine that is not gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its kind.
    pub kind: KindId,
    /// What it offers; its kind's capacity until it is up.
    pub offer: Resources,
    /// Whether it came up, or joined.
    pub up: bool,
    /// Whether it is on probation.
    pub probation: bool,
    /// Whether it drains (D1).
    pub draining: bool,
    /// When it is to be told to stop whatever runs there, if it drains.
    pub until: Option<Instant>,
    /// Whether it was told to stop.
    pub told_to_stop: bool,
}

impl Known {
    pub(super) fn pending(kind: KindId, offer: Resources) -> Known {
        Known {
            kind,
            offer,
            up: false,
            probation: false,
            draining: false,
            until: None,
            told_to_stop: false,
        }
    }

    /// Whether it may be given to anyone.
    pub fn takes_grants(&self) -> bool {
        self.up && !self.probation && !self.draining && !self.told_to_stop
    }
}
