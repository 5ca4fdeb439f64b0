//! The machines that have something free, in sets of those equally free, so that the one for a
//! request is found without looking at each (P3, S4).

use alloc::vec::Vec;

use slab::Slab;

use crate::protocol::config::Packing;
use crate::protocol::id::{Kinds, MachineId};
use crate::protocol::resources::{Demand, Resources};
use crate::queue::{Ask, Spot};
use crate::storage::heap::{Heap, Positions};
use crate::storage::list::{self, NIL};
use crate::storage::tree::{Branch, Node, Tree};

/// Machines that are equally free; for a while none, as a set that is empty now will often be needed
/// again.
#[derive(Clone, Debug)]
struct Set {
    /// What each of them has to give.
    spot: Spot,
    ids: Heap<MachineId>,
    /// Whether its summary knows the lowest id, which only first fit asks for.
    knows_lowest: bool,
    branch: Branch<Most>,
}

impl Set {
    /// The machine with the lowest id that is not excluded, if the demand fits here.
    fn lowest(&self, ask: &Ask, without: Option<MachineId>) -> Option<(MachineId, u32)> {
        match without {
            _ if !ask.fits(&self.spot) => None,
            None => self.ids.peek(),
            Some(without) => self.ids.peek_other(without),
        }
    }
}

/// What is known of several sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Most {
    /// The most of each amount that is free.
    free: Resources,
    /// The kinds of the machines, and of those on which nothing runs.
    kinds: Kinds,
    empty: Kinds,
    lowest: MachineId,
}

impl Most {
    const NONE: Most = Most {
        free: Resources::ZERO,
        kinds: Kinds::NONE,
        empty: Kinds::NONE,
        lowest: MachineId(u64::MAX),
    };

    /// Whether there is a machine at all.
    fn is_some(&self) -> bool {
        *self != Most::NONE
    }

    /// Whether one of the machines may do.
    fn may_fit(&self, ask: &Ask) -> bool {
        match ask.demand {
            Demand::Amounts(amounts) => amounts.fits(self.free) && ask.kinds.meets(self.kinds),
            Demand::Machine => ask.kinds.meets(self.empty),
        }
    }
}

impl Node for Set {
    type Key = Spot;
    type Summary = Most;

    fn key(&self) -> Spot {
        self.spot
    }

    fn own(&self) -> Most {
        if self.ids.len() == 0 {
            return Most::NONE;
        }
        let kinds = Kinds::from(self.spot.kind);
        let lowest = self.ids.peek().filter(|_| self.knows_lowest);
        Most {
            free: self.spot.free,
            kinds,
            empty: if self.spot.empty { kinds } else { Kinds::NONE },
            lowest: lowest.map_or(Most::NONE.lowest, |(id, _)| id),
        }
    }

    fn join(a: Most, b: Most) -> Most {
        Most {
            free: a.free.max(b.free),
            kinds: a.kinds.or(b.kinds),
            empty: a.empty.or(b.empty),
            lowest: a.lowest.min(b.lowest),
        }
    }

    fn branch(&self) -> &Branch<Most> {
        &self.branch
    }

    fn branch_mut(&mut self) -> &mut Branch<Most> {
        &mut self.branch
    }
}

/// The order of the machines that have something free.
#[derive(Clone, Debug)]
pub(crate) struct FreeOrder {
    packing: Packing,
    sets: Slab<Set>,
    order: Tree<Set>,
    /// Machines in all sets, and sets without any.
    machines: u32,
    empty_sets: u32,
    /// The place of each machine in the heap of its set, and its set.
    positions: Positions,
    set_of: Vec<u32>,
}

impl FreeOrder {
    /// At most so many sets without machines are kept.
    const EMPTY_SETS: u32 = 64;

    pub(crate) const fn new(packing: Packing) -> FreeOrder {
        FreeOrder {
            packing,
            sets: Slab::new(),
            order: Tree::EMPTY,
            machines: 0,
            empty_sets: 0,
            positions: Positions::NONE,
            set_of: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.machines == 0
    }

    /// The machines, in no order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.sets.iter().flat_map(|(_, set)| set.ids.slots())
    }

    /// Which machine of several a request gets (P3).
    pub(crate) fn set_packing(&mut self, packing: Packing) {
        self.packing = packing;
        let sets: Vec<u32> = self.order.iter(&self.sets).collect();
        for set in sets {
            self.sets[set as usize].knows_lowest = packing == Packing::FirstFit;
            self.order.refresh(&mut self.sets, set);
        }
    }

    /// Makes memory for a machine that may enter.
    pub(crate) fn admit(&mut self, slot: u32) {
        self.positions.admit(slot);
        let slots = self.set_of.len().max(slot as usize + 1);
        self.set_of.resize(slots, NIL);
    }

    /// Adds a machine that is not there.
    pub(crate) fn insert(&mut self, slot: u32, id: MachineId, spot: Spot) {
        let set = match self.order.find(&self.sets, &spot) {
            Some(set) => set,
            None => self.add_set(spot),
        };
        let record = &mut self.sets[set as usize];
        record.ids.push(id, slot, &mut self.positions);
        self.set_of[slot as usize] = set;
        self.machines += 1;
        let first = record.ids.len() == 1;
        self.empty_sets -= u32::from(first);
        let lowest = record.knows_lowest && record.ids.peek().is_some_and(|(is, _)| is == id);
        if first || lowest {
            self.order.refresh(&mut self.sets, set);
        }
    }

    /// Takes a machine out, if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) {
        if self.set_of[slot as usize] != NIL {
            self.remove_known(slot);
        }
    }

    fn remove_known(&mut self, slot: u32) {
        let set = core::mem::replace(&mut self.set_of[slot as usize], NIL);
        let record = &mut self.sets[set as usize];
        let lowest = record.knows_lowest && record.ids.peek().is_some_and(|(_, is)| is == slot);
        record.ids.remove(slot, &mut self.positions);
        self.machines -= 1;
        let last = record.ids.len() == 0;
        self.empty_sets += u32::from(last);
        if last || lowest {
            self.order.refresh(&mut self.sets, set);
        }
        if self.empty_sets > FreeOrder::EMPTY_SETS {
            self.remove_empty_sets();
        }
    }

    /// The machine for a request, of all but one (P3).
    pub(crate) fn find(&self, ask: &Ask, without: Option<MachineId>) -> Option<u32> {
        match self.packing {
            Packing::BestFit => self.best_fit(ask, without),
            Packing::FirstFit => self.first_fit(ask, without),
        }
    }

    /// The machine with the least free, then the lowest id.
    fn best_fit(&self, ask: &Ask, without: Option<MachineId>) -> Option<u32> {
        let fits = |set: &Set| set.lowest(ask, without).is_some();
        let mut at = self
            .order
            .search(&self.sets, |most| most.may_fit(ask), fits)?;
        let free = self.sets[at as usize].spot.free;
        let mut best = self.sets[at as usize].lowest(ask, without)?;
        // Sets that differ in kind or emptiness alone are beside each other.
        while let Some(next) = self.order.next(&self.sets, at)
            && self.sets[next as usize].spot.free == free
        {
            if let Some(other) = self.sets[next as usize].lowest(ask, without) {
                best = best.min(other);
            }
            at = next;
        }
        Some(best.1)
    }

    /// The machine with the lowest id.
    fn first_fit(&self, ask: &Ask, without: Option<MachineId>) -> Option<u32> {
        let of_set = |most: &Most| most.may_fit(ask).then_some(most.lowest);
        let of_one = |set: &Set| set.lowest(ask, without).map(|(id, _)| id);
        let set = self.order.cheapest(&self.sets, of_set, of_one)?;
        let lowest = self.sets[set as usize].lowest(ask, without);
        lowest.map(|(_, slot)| slot)
    }

    /// Of the machines with fewer than so many procs free, those with the most: how many procs and
    /// machines that is, and the one with the lowest id (S4).
    pub(crate) fn freest_below(&self, bound: u32) -> Option<(u32, u64, u32)> {
        let last_below = |bound: u32| {
            let early = |set: &Set| set.spot.free.proc_count() < bound;
            self.order.last_early(&self.sets, Most::is_some, early)
        };
        let at = last_below(bound)?;
        let free = self.sets[at as usize].spot.free.proc_count();
        let mut next = match last_below(free) {
            Some(before) => self.order.next(&self.sets, before),
            None => self.order.first(&self.sets),
        };
        let (mut count, mut lowest) = (0, (MachineId(u64::MAX), NIL));
        while let Some(set) = next {
            let ids = &self.sets[set as usize].ids;
            count += ids.len() as u64;
            lowest = ids.peek().map_or(lowest, |first| lowest.min(first));
            next = self.order.next(&self.sets, set).filter(|_| set != at);
        }
        Some((free, count, lowest.1))
    }

    fn add_set(&mut self, spot: Spot) -> u32 {
        let set = Set {
            spot,
            ids: Heap::new(),
            knows_lowest: self.packing == Packing::FirstFit,
            branch: Branch::new(Most::NONE),
        };
        let slot = list::put(&mut self.sets, set);
        self.order.insert(&mut self.sets, slot);
        self.empty_sets += 1;
        slot
    }

    fn remove_empty_sets(&mut self) {
        let empty = |set: &u32| self.sets[*set as usize].ids.len() == 0;
        let sets: Vec<u32> = self.order.iter(&self.sets).filter(empty).collect();
        for set in sets {
            self.order.remove(&mut self.sets, set);
            self.sets.remove(set as usize);
        }
        self.empty_sets = 0;
    }

    /// Whether it has just the machines that it should have: `spot` says what a machine has to give.
    pub(crate) fn check(
        &self,
        slots: usize,
        spot: impl Fn(u32) -> Option<(MachineId, Spot)>,
    ) -> bool {
        let sound = |(slot, set): (usize, &Set)| {
            set.knows_lowest == (self.packing == Packing::FirstFit)
                && set.ids.check(&self.positions, |machine, id| {
                    self.set_of[machine as usize] == slot as u32
                        && spot(machine) == Some((id, set.spot))
                })
        };
        let listed: usize = self.sets.iter().map(|(_, set)| set.ids.len()).sum();
        let known = self.set_of.iter().filter(|&&set| set != NIL).count();
        self.order.check(&self.sets) == Some(self.sets.len())
            && self.sets.iter().all(sound)
            && (listed, known, self.machines as usize) == (slots, slots, slots)
            && self.empty_sets as usize
                == self
                    .sets
                    .iter()
                    .filter(|(_, set)| set.ids.len() == 0)
                    .count()
    }
}
