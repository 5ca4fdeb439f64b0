//! Placement under the policy Fit: the requests in the order of priority and arrival; each that fits
//! a machine that it may have is granted (P1, P2, P3).

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::super::Manager;
use crate::index::{Queued, Request};
use crate::machines::{Ask, Machine};
use crate::protocol::action::Action;
use crate::protocol::config::Packing;
use crate::protocol::event::Submit;
use crate::protocol::id::{MachineId, RequestId};
use crate::protocol::resources::{Demand, Resources};
use crate::queue::{Class, ClassKey, Spot};

/// A request's place in the walk of P2: by priority, then those that have a hold (P4), then by
/// arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Turn {
    pub(crate) priority: i64,
    pub(crate) without_hold: bool,
    pub(crate) arrival: u64,
}

/// The machines that a step made freer, each with the first request that fits there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates(BinaryHeap<Reverse<Candidate>>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    turn: Turn,
    machine: u32,
    request: u32,
    /// How many grants of this walk it has seen.
    grants: u32,
}

impl Candidates {
    /// The first of them and of `other`, which is not among them.
    #[inline]
    fn first(&mut self, other: Option<Reverse<Candidate>>) -> Option<Reverse<Candidate>> {
        match (self.0.peek(), other) {
            (None, other) => other,
            (Some(_), None) => self.0.pop(),
            (Some(top), Some(other)) if top.0 > other.0 => Some(other),
            (Some(_), Some(other)) => {
                let top = self.0.pop();
                self.0.push(other);
                top
            }
        }
    }
}

/// The machines that are looked at for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Among {
    /// All.
    All,
    /// Those that the step changed: a queued request fits on no other (P2).
    Changed,
}

impl Manager {
    /// Grants a new request if it fits somewhere, else queues it. No queued one fits anywhere (P2),
    /// so it takes nothing from those before it.
    #[inline]
    pub(in super::super) fn submit_fit(
        &mut self,
        request: RequestId,
        spec: &Submit,
        actions: &mut Vec<Action>,
    ) {
        let key = ClassKey {
            priority: spec.priority,
            demand: spec.demand,
            kinds: spec.kinds,
            avoid: spec.avoid,
        };
        let nothing_free = self.machines.free.is_empty() && self.holds.is_empty();
        if self.placement_is_behind() {
            // A request that is queued may have a machine now that it avoids: all are placed together.
            self.touch_all();
        } else if !nothing_free
            && let Some(machine) = self.machine_for(&key, spec.prefer, None, Among::All)
        {
            // The grant sets its state.
            let slot = self
                .requests
                .insert(Request::queue(request, Queued::default()));
            return self.occupy(slot, key.demand, machine, actions);
        }
        let group = self.machines.group_of(spec);
        let granted = (self.granted(group), self.machines.granted());
        self.queue
            .push(&mut self.requests, request, spec, group, granted);
        self.holds.enter(group);
        self.expect_turn(group);
    }

    /// P2: walks the requests in their order, grants each that fits, until none does.
    #[inline]
    pub(crate) fn place_fit(&mut self, actions: &mut Vec<Action>) {
        if self.queue.counts().0 == 0 || self.shutdown {
            return;
        }
        self.touch_avoided();
        let Some(&machine) = self.machines.touched().first() else {
            return;
        };
        let mut candidates = core::mem::take(&mut self.candidates);
        for index in 1..self.machines.touched().len() {
            let machine = self.machines.touched()[index];
            candidates.0.extend(self.candidate(machine, 0));
        }
        // Most often the step changed one machine, and the heap stays empty.
        let mut first = self.candidate(machine, 0);
        let mut grants = 0;
        while let Some(Reverse(next)) = candidates.first(first.take()) {
            if next.grants < grants {
                // Grants since may have taken the request or filled the machine.
                first = self.candidate(next.machine, grants);
                continue;
            }
            let machine = self.machine_for_queued(&next);
            let held = self.holds.machine_of(next.request);
            self.grant(next.request, machine, actions);
            grants += 1;
            first = self.candidate(next.machine, grants);
            // The machine that was held for it may take others now.
            let held = held.and_then(|id| self.machines.find(id));
            candidates
                .0
                .extend(held.and_then(|slot| self.candidate(slot, grants)));
        }
        self.candidates = candidates;
    }

    /// P3: the machine for a queued request, which fits on one at least of those that the step changed.
    #[inline]
    fn machine_for_queued(&self, next: &Candidate) -> u32 {
        let alone = self.machines.touched().len() == 1 && self.holds.is_empty();
        if alone {
            return next.machine;
        }
        let (key, prefer) = self.queued_key(next.request);
        let holder = Some(next.request).filter(|_| !next.turn.without_hold);
        let machine = self.machine_for(&key, prefer, holder, Among::Changed);
        machine.unwrap_or(next.machine)
    }

    /// The first request that fits on a machine and may have it.
    #[inline]
    fn candidate(&self, machine: u32, grants: u32) -> Option<Reverse<Candidate>> {
        let record = self.machines.get(machine);
        if !record.is_healthy() {
            return None;
        }
        let spot = record.spot();
        let queued = self.first_queued(record, &spot);
        let holder = match self.holds.is_empty() {
            true => None,
            false => self.first_holder(record, &spot),
        };
        let first = match (queued, holder) {
            (Some(queued), Some(holder)) => queued.min(holder),
            (queued, holder) => queued.or(holder)?,
        };
        let (turn, request) = first;
        Some(Reverse(Candidate {
            turn,
            machine,
            request,
            grants,
        }))
    }

    /// The first by priority and arrival, of those before the holder if the machine is held.
    #[inline]
    fn first_queued(&self, record: &Machine, spot: &Spot) -> Option<(Turn, u32)> {
        let excluded = |class: &Class| {
            class.key.avoid == Some(record.id) && !self.may_have_avoided(&class.key, record.id)
        };
        let class = self.queue.first_fit(spot, excluded)?;
        let priority = self.queue.class(class).key.priority;
        if record.held
            && self
                .holds
                .on(record.id)
                .is_none_or(|hold| priority >= hold.turn.priority)
        {
            return None;
        }
        let request = self.queue.first(class);
        let arrival = self.requests.get(request).queued()?.arrival;
        let turn = Turn {
            priority,
            without_hold: true,
            arrival,
        };
        Some((turn, request))
    }

    /// The first of those that have a hold.
    #[inline]
    fn first_holder(&self, record: &Machine, spot: &Spot) -> Option<(Turn, u32)> {
        let on_it = self.holds.on(record.id);
        let may = |turn: &Turn, request: u32| {
            on_it.is_none_or(|hold| hold.request == request || turn.priority < hold.turn.priority)
        };
        let holders = self
            .holds
            .iter()
            .filter(|hold| may(&hold.turn, hold.request) && self.fits(hold.request, spot));
        holders.map(|hold| (hold.turn, hold.request)).min()
    }

    /// Whether a queued request fits on a machine that it may have but for holds.
    fn fits(&self, request: u32, spot: &Spot) -> bool {
        let (key, _) = self.queued_key(request);
        let fits = match key.demand {
            Demand::Amounts(amounts) => amounts.fits(spot.free),
            Demand::Machine => spot.empty,
        };
        fits && key.kinds.contains(spot.kind)
            && (key.avoid != Some(spot.machine) || self.may_have_avoided(&key, spot.machine))
    }

    /// What a queued request asks for, and the machine that it prefers.
    #[inline]
    pub(crate) fn queued_key(&self, request: u32) -> (ClassKey, Option<MachineId>) {
        let record = self.requests.get(request);
        let Some(Queued { class, .. }) = record.queued() else {
            unreachable!("the caller knows that it is queued");
        };
        (self.queue.class(class).key, self.queue.preferred(record.id))
    }

    /// P3: the machine for a request that is queued no longer than this step, or that has a hold if it
    /// is the `holder`.
    #[inline]
    fn machine_for(
        &self,
        key: &ClassKey,
        prefer: Option<MachineId>,
        holder: Option<u32>,
        among: Among,
    ) -> Option<u32> {
        if let Some(slot) = prefer.and_then(|id| self.machines.find(id))
            && self.fits_now(key, holder, slot)
        {
            return Some(slot);
        }
        let mut best: Option<(Rank, u32)> = None;
        let mut offer = |slot: u32| {
            let rank = self.rank(slot);
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, slot));
            }
        };
        if among == Among::All {
            let without = key.avoid.filter(|&id| !self.may_have_avoided(key, id));
            let ask = Ask {
                demand: key.demand,
                kinds: key.kinds,
                without,
            };
            self.machines.free.find(&ask).map(&mut offer);
        }
        let changed = self.machines.touched().iter().copied();
        let held = self
            .holds
            .iter()
            .filter_map(|hold| self.machines.find(hold.machine));
        for slot in changed.chain(held) {
            if self.fits_now(key, holder, slot) {
                offer(slot);
            }
        }
        best.map(|(_, slot)| slot)
    }

    /// Whether a request fits on a machine as it is, and may have it.
    fn fits_now(&self, key: &ClassKey, holder: Option<u32>, slot: u32) -> bool {
        let record = self.machines.get(slot);
        let spot = record.spot();
        let fits = match key.demand {
            Demand::Amounts(amounts) => amounts.fits(spot.free),
            Demand::Machine => spot.empty,
        };
        if !fits || !key.kinds.contains(record.kind) || !record.is_healthy() {
            return false;
        }
        let held = record.held
            && self.holds.on(record.id).is_some_and(|hold| {
                Some(hold.request) != holder && key.priority >= hold.turn.priority
            });
        !held && (key.avoid != Some(record.id) || self.may_have_avoided(key, record.id))
    }

    /// P3: a machine that a request is told to avoid it may have only while no other of an accepted
    /// kind whose offer it fits is in good health.
    pub(in super::super) fn may_have_avoided(&self, key: &ClassKey, avoided: MachineId) -> bool {
        let kinds = self.machines.accepted(key.kinds);
        let fitting: u64 = kinds.map(|kind| kind.healthy_that_fit(key.demand)).sum();
        let itself = self.machines.find(avoided).is_some_and(|slot| {
            let record = self.machines.get(slot);
            record.is_healthy() && self.could_take(key, record)
        });
        fitting == u64::from(itself)
    }

    /// Whether a machine is of an accepted kind and its offer is large enough.
    pub(in super::super) fn could_take(&self, key: &ClassKey, record: &Machine) -> bool {
        let fits = match key.demand {
            Demand::Amounts(amounts) => amounts.fits(record.offer),
            Demand::Machine => record.offer.proc_count() > 0,
        };
        fits && key.kinds.contains(record.kind)
    }

    /// The place of a machine in the order of P3; the least is chosen.
    fn rank(&self, slot: u32) -> Rank {
        let record = self.machines.get(slot);
        match self.packing {
            Packing::BestFit => (record.free, record.id),
            Packing::FirstFit => (Resources::ZERO, record.id),
        }
    }

    /// Has placement look at all machines that have something free.
    fn touch_all(&mut self) {
        let held = self.holds.iter();
        let held = held.filter_map(|hold| self.machines.find(hold.machine));
        let slots: Vec<u32> = held.chain(self.machines.free.slots()).collect();
        slots.into_iter().for_each(|slot| self.machines.touch(slot));
    }

    /// Whether a queued request may have the machine that it avoids since placement, as another has left
    /// good health after it, by G5's drain.
    pub(crate) fn placement_is_behind(&self) -> bool {
        let slots = || self.queue.avoided().filter_map(|id| self.machines.find(id));
        self.machines.health_changes != self.health_changes_placed
            && slots().any(|slot| self.candidate(slot, 0).is_some())
    }

    /// A machine that left good health may have been what kept a request off the one it avoids: that
    /// has to be looked at (P2).
    #[inline]
    fn touch_avoided(&mut self) {
        let changes = self.machines.health_changes;
        if core::mem::replace(&mut self.health_changes_placed, changes) == changes {
            return;
        }
        let avoided: Vec<MachineId> = self.queue.avoided().collect();
        for id in avoided {
            if let Some(slot) = self.machines.find(id) {
                self.machines.touch(slot);
            }
        }
    }
}

/// What machines are compared by (P3).
type Rank = (Resources, MachineId);
