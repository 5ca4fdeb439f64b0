//! Placement under the policy Fit: the requests in the order of priority and arrival; each that fits
//! a machine that it may have is granted (P1, P2, P3).

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::super::Manager;
use crate::index::{Queued, Request};
use crate::machines::Machine;
use crate::protocol::action::Action;
use crate::protocol::config::Packing;
use crate::protocol::event::Submit;
use crate::protocol::id::{Kinds, MachineId, RequestId};
use crate::protocol::resources::Resources;
use crate::queue::{Ask, Class, ClassKey};

/// The machines that a step made freer, each with the first request that fits there.
pub(in super::super) type Candidates = BinaryHeap<Reverse<Candidate>>;

/// A request's place in the walk of P2: by priority, then those that have a hold (P4), then by
/// arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Turn {
    priority: i64,
    without_hold: bool,
    arrival: u64,
    request: u32,
}

/// The first request that fits on a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) struct Candidate {
    turn: Turn,
    machine: u32,
    /// How many grants of this walk it has seen.
    grants: u32,
}

impl Manager {
    /// Grants a new request if it fits somewhere, else queues it. No queued one fits anywhere (P2),
    /// so it takes nothing from those before it.
    #[inline]
    pub(in super::super) fn submit_fit(
        &mut self,
        request: RequestId,
        spec: &Submit,
        group: Kinds,
        actions: &mut Vec<Action>,
    ) {
        let key = ClassKey::of(spec);
        let nothing_free = self.machines.free.is_empty() && self.holds.is_empty();
        if self.placement_is_behind() {
            // A request that is queued may have a machine now that it avoids: all are placed together.
            self.touch_all();
        } else if !nothing_free && let Some(machine) = self.machine_for(&key, spec.prefer, None) {
            // The grant sets its state.
            let queued = Request::queue(request, Queued::default());
            let slot = self.requests.insert(queued);
            return self.occupy(slot, spec.demand, machine, actions);
        }
        let granted = (self.granted(group), self.granted(Kinds::ALL));
        self.queue
            .push(&mut self.requests, request, spec, group, granted);
        let index = self.holds.enter(group);
        self.expect_turn(index, granted.0);
    }

    /// P2: walks the requests in their order, grants each that fits, until none does.
    #[inline]
    pub(crate) fn place_fit(&mut self, actions: &mut Vec<Action>) {
        if self.queue.counts().0 == 0 || self.shutdown {
            return;
        }
        self.touch_avoided();
        let mut candidates = core::mem::take(&mut self.candidates);
        for &machine in self.machines.touched() {
            push(&mut candidates, self.candidate(machine, 0));
        }
        let mut grants = 0;
        while let Some(Reverse(next)) = candidates.pop() {
            if next.grants < grants {
                // Grants since may have taken the request or filled the machine.
                push(&mut candidates, self.candidate(next.machine, grants));
                continue;
            }
            let request = next.turn.request;
            let machine = self.machine_for_queued(&next);
            let held = self.holds.machine_of(request);
            self.grant(request, machine, actions);
            grants += 1;
            push(&mut candidates, self.candidate(next.machine, grants));
            // The machine that was held for it may take others now.
            if let Some(slot) = held.and_then(|id| self.machines.find(id)) {
                push(&mut candidates, self.candidate(slot, grants));
            }
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
        let request = next.turn.request;
        let (key, prefer) = self.queued_key(request);
        let machine = self.machine_for(&key, prefer, Some(request));
        machine.unwrap_or(next.machine)
    }

    /// The first request that fits on a machine and may have it.
    #[inline]
    fn candidate(&self, machine: u32, grants: u32) -> Option<Reverse<Candidate>> {
        let record = self.machines.get(machine);
        if !record.is_healthy() {
            return None;
        }
        let queued = self.first_queued(record).into_iter();
        let turn = queued.chain(self.first_holder(machine)).min()?;
        Some(Reverse(Candidate {
            turn,
            machine,
            grants,
        }))
    }

    /// The first by priority and arrival, of those before the holder if the machine is held.
    #[inline]
    fn first_queued(&self, record: &Machine) -> Option<Turn> {
        let excluded = |class: &Class| !self.may_have(&class.key, record.id);
        let class = self.queue.first_fit(&record.spot(), excluded)?;
        let priority = self.queue.class(class).key.priority;
        if self.is_held_for_other(record, None, priority) {
            return None;
        }
        let request = self.queue.first(class);
        let arrival = self.requests[request].queued()?.arrival;
        Some(Turn {
            priority,
            without_hold: true,
            arrival,
            request,
        })
    }

    /// The first of those that have a hold.
    #[inline]
    fn first_holder(&self, machine: u32) -> Option<Turn> {
        let fitting = self.holds.iter().filter(|hold| {
            let (key, _) = self.queued_key(hold.request);
            self.fits_now(&key, Some(hold.request), machine)
        });
        let turns = fitting.map(|hold| Turn {
            priority: hold.priority,
            without_hold: false,
            arrival: hold.arrival,
            request: hold.request,
        });
        turns.min()
    }

    /// What a queued request asks for, and the machine that it prefers.
    #[inline]
    pub(crate) fn queued_key(&self, request: u32) -> (ClassKey, Option<MachineId>) {
        let record = &self.requests[request];
        let Some(Queued { class, .. }) = record.queued() else {
            unreachable!("the caller knows that it is queued");
        };
        (self.queue.class(class).key, self.queue.preferred(record.id))
    }

    /// P3: the machine for a request. One that is queued, in slot `request`, fits on none but those that
    /// the step changed and those that are held.
    #[inline]
    fn machine_for(
        &self,
        key: &ClassKey,
        prefer: Option<MachineId>,
        request: Option<u32>,
    ) -> Option<u32> {
        let fits = |slot: &u32| self.fits_now(key, request, *slot);
        let preferred = prefer.and_then(|id| self.machines.find(id)).filter(fits);
        if preferred.is_some() {
            return preferred;
        }
        let free = match request {
            None => {
                let without = key.avoid.filter(|&id| !self.may_have(key, id));
                self.machines.free.find(&key.ask, without)
            }
            Some(_) => None,
        };
        let changed = self.machines.touched().iter().copied();
        let others = changed.chain(self.held_machines()).filter(fits);
        let all = free.into_iter().chain(others);
        all.min_by_key(|&slot| self.rank(slot))
    }

    /// Whether a request, which is in slot `request` if it is queued, fits on a machine as it is, and may
    /// have it.
    fn fits_now(&self, key: &ClassKey, request: Option<u32>, slot: u32) -> bool {
        let record = self.machines.get(slot);
        record.is_healthy()
            && key.ask.fits(&record.spot())
            && !self.is_held_for_other(record, request, key.priority)
            && self.may_have(key, record.id)
    }

    /// P4: whether a machine is held for another request, which is not less urgent.
    #[inline]
    fn is_held_for_other(&self, record: &Machine, request: Option<u32>, priority: i64) -> bool {
        record.held
            && self
                .holds
                .on(record.id)
                .is_some_and(|hold| Some(hold.request) != request && priority >= hold.priority)
    }

    /// P3: a machine that a request is told to avoid it may have only while no other of an accepted
    /// kind whose offer it fits is in good health.
    #[inline]
    pub(in super::super) fn may_have(&self, key: &ClassKey, machine: MachineId) -> bool {
        key.avoid != Some(machine) || self.no_other_could_take(&key.ask, machine)
    }

    fn no_other_could_take(&self, ask: &Ask, machine: MachineId) -> bool {
        let kinds = self.machines.accepted(ask.kinds);
        let fitting: u64 = kinds.map(|kind| kind.healthy_that_fit(ask.demand)).sum();
        let itself = self.machines.find(machine).is_some_and(|slot| {
            let record = self.machines.get(slot);
            record.is_healthy() && ask.could_fit(record.kind, record.offer)
        });
        fitting == u64::from(itself)
    }

    /// The place of a machine in the order of P3; the least is chosen.
    fn rank(&self, slot: u32) -> (Resources, MachineId) {
        let record = self.machines.get(slot);
        match self.packing {
            Packing::BestFit => (record.free, record.id),
            Packing::FirstFit => (Resources::ZERO, record.id),
        }
    }

    /// The machines that are held.
    fn held_machines(&self) -> impl Iterator<Item = u32> {
        let holds = self.holds.iter();
        holds.filter_map(|hold| self.machines.find(hold.machine))
    }

    /// Has placement look at all machines that have something free.
    fn touch_all(&mut self) {
        let free = self.machines.free.slots();
        let slots: Vec<u32> = self.held_machines().chain(free).collect();
        slots.into_iter().for_each(|slot| self.machines.touch(slot));
    }

    /// Whether a queued request may have the machine that it avoids since placement, as another has left
    /// good health after it, by G5's drain.
    pub(crate) fn placement_is_behind(&self) -> bool {
        self.machines.health_changes != self.health_changes_placed && { self.avoided_machines() }
            .any(|slot| self.candidate(slot, 0).is_some())
    }

    /// The machines that queued requests avoid.
    fn avoided_machines(&self) -> impl Iterator<Item = u32> {
        let avoided = self.queue.avoided();
        avoided.filter_map(|id| self.machines.find(id))
    }

    /// A machine that left good health may have been what kept a request off the one it avoids: that
    /// has to be looked at (P2).
    #[inline]
    fn touch_avoided(&mut self) {
        let changes = self.machines.health_changes;
        if core::mem::replace(&mut self.health_changes_placed, changes) == changes {
            return;
        }
        let avoided: Vec<u32> = self.avoided_machines().collect();
        avoided
            .into_iter()
            .for_each(|slot| self.machines.touch(slot));
    }
}

fn push(candidates: &mut Candidates, one: Option<Reverse<Candidate>>) {
    if let Some(one) = one {
        candidates.push(one);
    }
}
