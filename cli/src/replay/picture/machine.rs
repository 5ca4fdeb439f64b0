//! A machine as it is drawn.
use remuda::{Health, Instant, KindId, MachineId, MachineView, Resources};

use super::slots::Slots;
use crate::replay::fleet::Reason;
use crate::replay::lives::Point;

/// A machine, from when it was asked for to its end.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: MachineId,
    pub(super) kind: KindId,
    /// What it offers; before it is up, its kind's capacity.
    pub(super) offer: Resources,
    pub(super) asked: Instant,
    pub(super) up: Option<Instant>,
    pub(super) end: Option<(Point, Ending)>,
    /// From when to when it was on probation.
    pub(super) probations: Vec<(Instant, Option<Instant>)>,
    /// When the last of them ends by itself (S10).
    pub(super) until: Option<Instant>,
    /// From when to when it drained, unless that was to its end.
    pub(super) drains: Vec<(Instant, Option<Instant>)>,
    /// When it was told to stop, and why.
    pub(super) told: Option<(Instant, Reason)>,
    pub(super) name: String,
    /// What its adapter said of its end, or of why it did not start.
    pub(super) remark: String,
    /// The procs on which nothing is drawn now; none before its first grant.
    pub(super) free: Option<Slots>,
}

/// How a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It stopped by itself.
    Stopped,
    /// It answered no polls.
    Silent,
    /// After the shutdown.
    Shutdown,
    StartFailed,
    /// As it was told to.
    Told,
}

impl Machine {
    pub(super) fn new(id: MachineId, asked: Instant) -> Machine {
        Machine {
            id,
            kind: KindId(0),
            offer: Resources::ZERO,
            asked,
            up: None,
            end: None,
            probations: Vec::new(),
            until: None,
            drains: Vec::new(),
            told: None,
            name: String::new(),
            remark: String::new(),
            free: None,
        }
    }

    /// Its probation is over, if it was on one.
    pub(super) fn recover(&mut self, now: Instant) {
        if let Some((_, to @ None)) = self.probations.last_mut() {
            *to = Some(now);
        }
    }
}

/// When a machine's probation ends by itself, if it is on one.
pub(super) fn until(machine: &MachineView<'_>) -> Option<Instant> {
    match machine.health() {
        Health::Probation { until } => Some(until),
        _ => None,
    }
}
