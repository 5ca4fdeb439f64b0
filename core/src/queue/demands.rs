//! What is asked for by the queue: each distinct demand and set of kinds, and how many requests ask
//! for it (G1).

use hashbrown::HashTable;
use slab::Slab;

use crate::protocol::id::Kinds;
use crate::protocol::resources::Demand;
use crate::storage::hash::hash;
use crate::storage::list;

/// What a request asks for, whatever its priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct DemandKey {
    pub(crate) demand: Demand,
    pub(crate) kinds: Kinds,
}

#[derive(Clone, Debug)]
struct Record {
    key: DemandKey,
    /// Requests that ask for it.
    queued: u64,
    /// Whether it was said that it has no home (G1).
    no_home: bool,
    /// The last plan of growth that has looked at it.
    seen: u64,
}

/// The distinct demands.
#[derive(Clone, Debug)]
pub(crate) struct Demands {
    records: Slab<Record>,
    slots: HashTable<u32>,
    plans: u64,
}

impl Demands {
    pub(super) const fn new() -> Demands {
        Demands {
            records: Slab::new(),
            slots: HashTable::new(),
            plans: 0,
        }
    }

    /// The slot of a demand, for a class that asks for it.
    pub(super) fn enter(&mut self, demand: Demand, kinds: Kinds) -> u32 {
        let key = DemandKey { demand, kinds };
        let same = |&slot: &u32| self.records[slot as usize].key == key;
        let known = self.slots.find(hash(key), same).copied();
        known.unwrap_or_else(|| {
            let record = Record {
                key,
                queued: 0,
                no_home: false,
                seen: 0,
            };
            let slot = list::put(&mut self.records, record);
            let records = &self.records;
            self.slots
                .insert_unique(hash(key), slot, |&slot| hash(records[slot as usize].key));
            slot
        })
    }

    pub(super) fn count(&mut self, slot: u32, requests: u64) {
        self.records[slot as usize].queued += requests;
    }

    /// One request less; the demand is forgotten with its last one.
    pub(super) fn discount(&mut self, slot: u32) {
        let record = &mut self.records[slot as usize];
        record.queued -= 1;
        if record.queued > 0 {
            return;
        }
        let key = record.key;
        self.records.remove(slot as usize);
        if let Ok(entry) = self.slots.find_entry(hash(key), |&other| other == slot) {
            entry.remove();
        }
    }

    /// Begins a plan of growth, which looks at each demand once.
    pub(crate) fn begin_plan(&mut self) {
        self.plans += 1;
    }

    /// What the class's demand is and how many ask for it, if this plan sees it for the first time.
    pub(crate) fn see(&mut self, class: &super::Class) -> Option<(DemandKey, u64)> {
        let record = &mut self.records[class.demand as usize];
        let first = record.seen != self.plans;
        record.seen = self.plans;
        first.then_some((record.key, record.queued))
    }

    /// Whether it was said that the class's demand has no home; from now on it was.
    pub(crate) fn say_no_home(&mut self, class: &super::Class) -> bool {
        core::mem::replace(&mut self.records[class.demand as usize].no_home, true)
    }

    /// The demands of which that was said, to be kept and restored.
    pub(crate) fn without_home(&self) -> impl Iterator<Item = DemandKey> {
        let said = self.records.iter().filter(|(_, record)| record.no_home);
        said.map(|(_, record)| record.key)
    }

    /// Restores that it was said; whether the demand is known.
    #[cfg(feature = "serde")]
    pub(crate) fn restore_no_home(&mut self, key: DemandKey) -> bool {
        let same = |&slot: &u32| self.records[slot as usize].key == key;
        match self.slots.find(hash(key), same) {
            Some(&slot) => !core::mem::replace(&mut self.records[slot as usize].no_home, true),
            None => false,
        }
    }

    /// Whether the sums are those of the classes.
    pub(super) fn check(&self, classes: impl Iterator<Item = (u32, u64)>) -> bool {
        let mut sums = alloc::collections::BTreeMap::<u32, u64>::new();
        for (slot, len) in classes {
            *sums.entry(slot).or_default() += len;
        }
        let known = |(slot, queued): (&u32, &u64)| {
            let record = self.records.get(*slot as usize);
            record.is_some_and(|record| record.queued == *queued)
        };
        sums.len() == self.records.len() && self.slots.len() == sums.len() && sums.iter().all(known)
    }
}
