//! What is known of a kind of machine: its limits, and sums over its machines.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::protocol::counts::{Counts, MachineCounts};
use crate::protocol::id::MachineId;
use crate::protocol::kind::Kind;
use crate::protocol::resources::{Demand, Resources, Totals};
use crate::protocol::time::Instant;
use crate::storage::heap::{Heap, Positions};

use super::machine::{IdleList, Machine, Phase};

/// A kind, as it stands.
#[derive(Clone, Debug)]
pub(crate) struct KindState {
    /// Its figures, with the limits in force (E3).
    pub(crate) kind: Kind,
    /// What a machine of it is expected to offer (R4).
    pub(crate) expected: Resources,
    /// Sums over its machines.
    pub(crate) sums: Sums,
    /// What runs on its machines (R6).
    pub(crate) need: Totals,
    pub(crate) running: u64,
    /// Procs of all grants ever made on its machines (P4).
    pub(crate) granted: u64,
    /// Machines lost and ended since the beginning.
    pub(crate) lost: u64,
    pub(crate) ended: u64,
    /// The offers of its machines in good health, and how many have each.
    pub(crate) offers: BTreeMap<Resources, u32>,
    /// Its machines that are on probation for the first time (H1).
    pub(crate) first_probation: Heap<MachineId>,
    /// The slots of its pending machines, by id.
    pub(crate) pending: BTreeMap<MachineId, u32>,
    /// Its idle machines, longest idle first, then the highest id: those that count for growth, and
    /// the others (H1).
    pub(super) idle: Heap<IdleKey>,
    pub(super) idle_uncounted: Heap<IdleKey>,
}

/// Longest idle first, then the highest id.
pub(crate) type IdleKey = (Instant, core::cmp::Reverse<MachineId>);

/// Sums over the machines of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) machines: MachineCounts,
    /// What the machines in service offer, those excepted that drain or stop (S2).
    pub(crate) have: Totals,
    /// The capacity of the pending machines (S2).
    pub(crate) pending: Totals,
    /// Procs of all machines that are there.
    pub(crate) there: u64,
    /// Procs of the machines that drain or stop.
    pub(crate) leaving: u64,
    /// Procs of the machines in good health.
    pub(crate) healthy: u64,
    /// Machines in service that count for growth (H1).
    pub(crate) counted: u32,
    /// Machines that offer less than their kind has.
    pub(crate) offers_less: u32,
}

impl Sums {
    /// Adds or takes away a machine.
    pub(super) fn count(&mut self, machine: &Machine, capacity: Resources, add: bool) {
        let by =
            |sum: &mut u64, amount: u64| *sum = if add { *sum + amount } else { *sum - amount };
        let all = |sum: &mut Totals| match add {
            true => sum.add(machine.offer),
            false => sum.subtract(machine.offer),
        };
        let procs = u64::from(machine.offer.proc_count());
        by(&mut self.there, procs);
        let machines = &mut self.machines;
        match (machine.phase, machine.draining, machine.probation) {
            (Phase::Pending { .. }, ..) => {
                by(&mut machines.pending, 1);
                all(&mut self.pending);
            }
            (Phase::Stopping { .. }, ..) => {
                by(&mut machines.stopping, 1);
                by(&mut self.leaving, procs);
            }
            (Phase::Up, Some(_), _) => {
                by(&mut machines.draining, 1);
                by(&mut self.leaving, procs);
            }
            (Phase::Up, None, Some(_)) => by(&mut machines.probation, 1),
            (Phase::Up, None, None) => {
                by(&mut machines.ok, 1);
                by(&mut self.healthy, procs);
            }
        }
        if machine.is_active() {
            all(&mut self.have);
        }
        let one_if = |sum: &mut u32, is: bool| match add {
            true => *sum += u32::from(is),
            false => *sum -= u32::from(is),
        };
        one_if(&mut self.counted, machine.counts());
        one_if(&mut self.offers_less, machine.offer != capacity);
    }

    /// Machines that are neither draining nor stopping.
    pub(crate) fn active(&self) -> u64 {
        self.machines.pending + self.machines.ok + self.machines.probation
    }

    /// All machines that are there.
    pub(crate) fn machines_there(&self) -> u64 {
        self.active() + self.machines.draining + self.machines.stopping
    }
}

impl KindState {
    pub(super) fn new(kind: Kind) -> KindState {
        KindState {
            kind,
            expected: kind.capacity,
            sums: Sums::default(),
            need: Totals::default(),
            running: 0,
            granted: 0,
            lost: 0,
            ended: 0,
            offers: BTreeMap::new(),
            first_probation: Heap::new(),
            pending: BTreeMap::new(),
            idle: Heap::new(),
            idle_uncounted: Heap::new(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            need: self.need,
            pending: self.sums.pending,
            have: self.sums.have,
            running: self.running,
            machines: MachineCounts {
                lost: self.lost,
                ended: self.ended,
                ..self.sums.machines
            },
            ..Counts::default()
        }
    }

    /// Machines in use: in service, counted, and not idle (G2).
    pub(crate) fn in_use(&self) -> u32 {
        self.sums.counted - self.idle_counted()
    }

    /// Its idle machines that count for growth.
    pub(crate) fn idle_counted(&self) -> u32 {
        // As many as machines: below 2^32.
        self.idle.len() as u32
    }

    /// The machine that has been idle for longest, with the time, of those that count for growth or
    /// of the others.
    pub(crate) fn longest_idle(&self, counted: bool) -> Option<(IdleKey, u32)> {
        match counted {
            true => self.idle.peek(),
            false => self.idle_uncounted.peek(),
        }
    }

    /// How many of the idle machines that count for growth have been idle for so long, and since when
    /// the next one has been.
    pub(crate) fn idle_for(&self, limit: Duration, now: Instant) -> (u64, Option<Instant>) {
        let early = |(since, _): &IdleKey| since.checked_add(limit).is_some_and(|at| at <= now);
        let (count, next) = self.idle.split(early);
        (count as u64, next.map(|(since, _)| since))
    }

    /// Its idle machines, in no order.
    pub(crate) fn idle_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.idle.slots().chain(self.idle_uncounted.slots())
    }

    /// Its machines that are on probation for the first time (H1), in no order.
    pub(crate) fn first_probation(&self) -> impl Iterator<Item = u32> + '_ {
        self.first_probation.slots()
    }

    /// All its idle machines.
    pub(crate) fn idle(&self) -> usize {
        self.idle.len() + self.idle_uncounted.len()
    }

    /// The heap that is one of the lists of idle machines.
    pub(super) fn idle_list(&mut self, list: IdleList) -> Option<&mut Heap<IdleKey>> {
        match list {
            IdleList::None => None,
            IdleList::Counted => Some(&mut self.idle),
            IdleList::Uncounted => Some(&mut self.idle_uncounted),
        }
    }

    /// Whether the heaps of the idle are in order: `key` says what a machine in one should have.
    pub(super) fn check_idle(
        &self,
        positions: &Positions,
        key: impl Fn(u32, bool) -> Option<IdleKey>,
    ) -> bool {
        let counted = |slot, is| key(slot, true) == Some(is);
        let uncounted = |slot, is| key(slot, false) == Some(is);
        self.idle.check(positions, counted) && self.idle_uncounted.check(positions, uncounted)
    }

    /// How many machines in good health offer enough for a demand.
    pub(crate) fn healthy_that_fit(&self, demand: Demand) -> u64 {
        let asked = demand.least();
        let fitting = { self.offers.iter() }.filter(|(offer, _)| asked.fits(**offer));
        fitting.map(|(_, count)| u64::from(*count)).sum()
    }
}
