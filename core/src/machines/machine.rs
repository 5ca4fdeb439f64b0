//! The record of one machine, and what it adds to the sums of its kind.

use crate::protocol::counts::Health;
use crate::protocol::id::{KindId, MachineId};
use crate::protocol::resources::Resources;
use crate::protocol::time::Instant;
use crate::storage::list::List;

use crate::queue::Spot;

/// How far a machine has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Phase {
    /// Asked for, when so many steps of its kind's back-off had ever been made (F7).
    Pending { steps: u64 },
    /// In service.
    Up,
    /// Told to stop, and not yet gone; whether it had been up.
    Stopping { was_up: bool },
}

/// Whether and when a machine is to be polled (S17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Poll {
    Never,
    Due(Instant),
    /// A poll is out, since then.
    Out(Instant),
}

impl Poll {
    /// When it is to be polled.
    pub(crate) fn due(self) -> Option<Instant> {
        match self {
            Poll::Due(at) => Some(at),
            Poll::Never | Poll::Out(_) => None,
        }
    }
}

/// When a probation or a drain ends. (Not an option: JSON does not tell one within another.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Ends {
    At(Instant),
    /// That is past the end of time, or it was given no end.
    Never,
}

impl Ends {
    pub(crate) fn at(self) -> Option<Instant> {
        match self {
            Ends::At(at) => Some(at),
            Ends::Never => None,
        }
    }

    /// The same, where [`Instant::MAX`] stands for never.
    pub(crate) fn or_max(self) -> Instant {
        self.at().unwrap_or(Instant::MAX)
    }
}

impl From<Option<Instant>> for Ends {
    fn from(at: Option<Instant>) -> Ends {
        at.map_or(Ends::Never, Ends::At)
    }
}

/// A machine that is there: pending, in service or told to stop.
///
/// Fields that most events look at come first: they are in two neighbouring lines of the processor's
/// cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    /// What of its offer is free.
    pub(crate) free: Resources,
    /// What runs there, in the order of the grants, and how many that is.
    pub(crate) running: List,
    pub(crate) grants: u32,
    /// How often it went on probation since the last success (H2).
    pub(crate) passages: u32,
    /// From when on it is idle while nothing keeps it from that: the end of its last grant (E1).
    pub(crate) idle_since: Instant,
    pub(crate) kind: KindId,
    /// Whether it is held for a request (P4).
    pub(crate) held: bool,
    /// Whether it is taken out of the orders of the free and the idle until the step has placed
    /// what it can.
    pub(super) loose: bool,
    pub(super) idle: IdleList,
    pub(crate) phase: Phase,
    /// Whether it is on probation, and until when.
    pub(crate) probation: Option<Ends>,
    /// Whether it drains, and until when at the most (D1).
    pub(crate) draining: Option<Ends>,
    /// While it is not sure to stay up (G3): the steps of the back-off when it was asked for.
    pub(crate) trial: Option<u64>,
    /// What it offers (R4). Pending: its kind's capacity.
    pub(crate) offer: Resources,
    /// When it was asked for or, once it is up, when that was.
    pub(crate) since: Instant,
    /// When it was told to stop.
    pub(crate) stop_since: Option<Instant>,
    /// When `trial` ends.
    pub(crate) settles: Option<Instant>,
    pub(crate) poll: Poll,
    /// Polls in a row that came back unanswered (F8).
    pub(crate) silent: u32,
    /// How many tasks live there.
    pub(crate) tasks: u32,
}

/// The list of idle machines that a machine is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IdleList {
    None,
    /// Of those that count for growth.
    Counted,
    /// Of those that do not (H1).
    Uncounted,
}

impl Machine {
    pub(super) fn new(
        id: MachineId,
        kind: KindId,
        phase: Phase,
        offer: Resources,
        now: Instant,
    ) -> Machine {
        Machine {
            id,
            free: offer,
            running: List::EMPTY,
            grants: 0,
            passages: 0,
            idle_since: now,
            kind,
            held: false,
            loose: false,
            idle: IdleList::None,
            phase,
            probation: None,
            draining: None,
            trial: None,
            offer,
            since: now,
            stop_since: None,
            settles: None,
            poll: Poll::Never,
            silent: 0,
            tasks: 0,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. })
    }

    /// While it is pending: the steps of its kind's back-off when it was asked for (F7).
    pub(crate) fn asked_at(&self) -> Option<u64> {
        match self.phase {
            Phase::Pending { steps } => Some(steps),
            Phase::Up | Phase::Stopping { .. } => None,
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether it is in service or was before it was told to stop.
    pub(crate) fn was_up(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Stopping { was_up: true })
    }

    /// In service and not draining.
    pub(crate) fn is_active(&self) -> bool {
        self.phase == Phase::Up && self.draining.is_none()
    }

    /// In service, not draining, not on probation: it may be given requests.
    pub(crate) fn is_healthy(&self) -> bool {
        self.is_active() && self.probation.is_none()
    }

    /// On probation for the first time since its last success: it counts for growth (H1).
    pub(crate) fn is_on_first_probation(&self) -> bool {
        self.is_active() && self.probation.is_some() && self.passages <= 1
    }

    /// Whether it counts as in service for growth and for stopping the idle (H1).
    pub(crate) fn counts(&self) -> bool {
        self.is_healthy() || self.is_on_first_probation()
    }

    /// E1, but for the tasks that may live there.
    pub(crate) fn is_unused(&self) -> bool {
        self.grants == 0 && self.is_active() && !self.held
    }

    pub(crate) fn health(&self) -> Health {
        match (self.phase, self.draining, self.probation) {
            (Phase::Pending { .. }, ..) => Health::Pending,
            (Phase::Stopping { .. }, ..) => Health::Stopping,
            (Phase::Up, Some(end), _) => Health::Draining {
                until: end.or_max(),
            },
            (Phase::Up, None, Some(end)) => Health::Probation {
                until: end.or_max(),
            },
            (Phase::Up, None, None) => Health::Ok,
        }
    }

    /// What it has to give, in any health.
    pub(crate) fn spot(&self) -> Spot {
        Spot {
            free: self.free,
            kind: self.kind,
            empty: self.grants == 0 && self.free.proc_count() > 0,
        }
    }

    /// The same, if it is in the order of the machines that have something free.
    pub(super) fn free_spot(&self) -> Option<Spot> {
        let listed = self.free.proc_count() > 0 && self.is_healthy() && !self.held;
        listed.then(|| self.spot())
    }
}
