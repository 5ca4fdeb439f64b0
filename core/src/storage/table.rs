//! Records in a slab, each found by a key of its own.

use core::hash::Hash;
use core::ops::{Index, IndexMut};

use hashbrown::HashTable;
use slab::Slab;

use super::hash::hash;
use super::list::{self, Moves};

/// A record that has a key.
pub(crate) trait Keyed {
    type Key: PartialEq + Hash;

    fn key(&self) -> &Self::Key;
}

/// Records of which no two have the same key, by slot.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    records: Slab<T>,
    /// Their slots, by the hash of the key.
    slots: HashTable<u32>,
}

impl<T: Keyed> Table<T> {
    pub(crate) const fn new() -> Table<T> {
        Table {
            records: Slab::new(),
            slots: HashTable::new(),
        }
    }

    #[inline]
    pub(crate) fn find(&self, key: &T::Key) -> Option<u32> {
        let same = |&slot: &u32| self.records[slot as usize].key() == key;
        self.slots.find(hash(key), same).copied()
    }

    /// Adds a record whose key is not known, where there is space for one more.
    #[inline]
    pub(crate) fn insert(&mut self, record: T) -> u32 {
        let hashed = hash(record.key());
        let slot = list::put(&mut self.records, record);
        let hash_of = |&slot: &u32| hash(self.records[slot as usize].key());
        self.slots.insert_unique(hashed, slot, hash_of);
        slot
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let record = self.records.remove(slot as usize);
        let same = |&other: &u32| other == slot;
        if let Ok(entry) = self.slots.find_entry(hash(record.key()), same) {
            entry.remove();
        }
        record
    }

    /// The records, for the lists and trees that run through them.
    pub(crate) const fn records(&self) -> &Slab<T> {
        &self.records
    }

    pub(crate) const fn records_mut(&mut self) -> &mut Slab<T> {
        &mut self.records
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.records.iter().map(|(_, record)| record)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.records.iter_mut().map(|(_, record)| record)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        list::is_full(&self.records)
    }

    /// When most of the memory is for records that are gone: moves the others together and gives the
    /// rest back. Whoever knows a slot has to follow the moves.
    #[inline]
    pub(crate) fn compact(&mut self) -> Option<Moves> {
        list::is_sparse(&self.records).then(|| self.move_together())
    }

    #[cold]
    fn move_together(&mut self) -> Moves {
        let moves = Moves::compact(&mut self.records);
        self.slots = HashTable::with_capacity(self.records.len());
        for (slot, record) in &self.records {
            let hash_of = |&slot: &u32| hash(self.records[slot as usize].key());
            // Slots are below 2^32.
            self.slots
                .insert_unique(hash(record.key()), slot as u32, hash_of);
        }
        moves
    }

    /// Whether keys and records match one to one.
    pub(crate) fn check(&self) -> bool {
        let found = |(slot, record): (usize, &T)| self.find(record.key()) == Some(slot as u32);
        self.slots.len() == self.records.len() && self.records.iter().all(found)
    }
}

impl<T: Keyed> Index<u32> for Table<T> {
    type Output = T;

    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }
}

impl<T: Keyed> IndexMut<u32> for Table<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }
}
