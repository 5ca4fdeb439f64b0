//! What is asked for by the queue: each distinct demand and set of kinds, and how many requests ask
//! for it (G1).

use alloc::vec::Vec;

use super::ask::Ask;
use crate::storage::table::{Keyed, Table};

/// A kind that is expected to hold a demand, and the part of one of its machines that one request
/// takes (G1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Home {
    pub(crate) kind: usize,
    pub(crate) share: u64,
}

#[derive(Clone, Debug)]
struct Record {
    key: Ask,
    /// Requests that ask for it.
    queued: u64,
    /// Its homes in the order in which they are chosen, once a plan has looked for them.
    homes: Option<Vec<Home>>,
    /// Whether it was said that it has no home (G1).
    no_home: bool,
    /// The last plan of growth that has looked at it.
    seen: u64,
}

impl Keyed for Record {
    type Key = Ask;

    fn key(&self) -> &Ask {
        &self.key
    }
}

/// The distinct demands.
#[derive(Clone, Debug)]
pub(crate) struct Demands {
    records: Table<Record>,
    plans: u64,
}

impl Demands {
    pub(super) const fn new() -> Demands {
        Demands {
            records: Table::new(),
            plans: 0,
        }
    }

    /// The slot of a demand, for a class that asks for it, and whether it is new.
    pub(super) fn enter(&mut self, key: Ask) -> (u32, bool) {
        if let Some(slot) = self.records.find(&key) {
            return (slot, false);
        }
        let record = Record {
            key,
            queued: 0,
            homes: None,
            no_home: false,
            seen: 0,
        };
        (self.records.insert(record), true)
    }

    pub(super) fn count(&mut self, slot: u32, requests: u64) {
        self.records[slot].queued += requests;
    }

    /// One request less; the demand is forgotten with its last one.
    pub(super) fn discount(&mut self, slot: u32) {
        let record = &mut self.records[slot];
        record.queued -= 1;
        if record.queued == 0 {
            self.records.remove(slot);
        }
    }

    /// Begins a plan of growth, which looks at each demand once.
    pub(super) fn begin_plan(&mut self) {
        self.plans += 1;
    }

    /// The class's demand and how many ask for it, if this plan sees it for the first time.
    pub(super) fn see(&mut self, class: &super::Class) -> Option<(u32, u64)> {
        let record = &mut self.records[class.demand];
        let first = record.seen != self.plans;
        record.seen = self.plans;
        first.then_some((class.demand, record.queued))
    }

    pub(crate) fn key(&self, slot: u32) -> &Ask {
        &self.records[slot].key
    }

    /// The homes of a demand, which `find` looks for if they are not known.
    pub(crate) fn homes(&mut self, slot: u32, find: impl FnOnce(&Ask) -> Vec<Home>) -> &[Home] {
        let Record { key, homes, .. } = &mut self.records[slot];
        homes.get_or_insert_with(|| find(key))
    }

    /// The expected offer of a kind has changed: homes are looked for anew.
    pub(crate) fn forget_homes(&mut self) {
        { self.records.iter_mut() }.for_each(|record| record.homes = None);
    }

    /// Whether it was said that the class's demand has no home; from now on it was.
    pub(crate) fn say_no_home(&mut self, class: &super::Class) -> bool {
        core::mem::replace(&mut self.records[class.demand].no_home, true)
    }

    /// The demands of which that was said, to be kept and restored.
    pub(crate) fn without_home(&self) -> impl Iterator<Item = Ask> {
        let said = self.records.iter().filter(|record| record.no_home);
        said.map(|record| record.key)
    }

    /// Restores that it was said; whether the demand is known.
    #[cfg(feature = "serde")]
    pub(crate) fn restore_no_home(&mut self, key: Ask) -> bool {
        match self.records.find(&key) {
            Some(slot) => !core::mem::replace(&mut self.records[slot].no_home, true),
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
            let record = self.records.records().get(*slot as usize);
            record.is_some_and(|record| record.queued == *queued)
        };
        sums.len() == self.records.len() && self.records.check() && sums.iter().all(known)
    }
}
