//! From request ids to slots: a hash table with open addressing, of eight bytes an entry, so that looking for an id touches
//! one line of it and then the record itself.
//!
//! No decision follows its order, and its hash is fixed (F6).

use alloc::vec;
use alloc::vec::Vec;

use crate::id::RequestId;
use crate::list::NIL;

/// The fewest entries there is room for.
const LEAST: usize = 16;

/// The table. The records know their ids: `is(slot)` says whether the record of a slot has the one that is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// As many as a power of two, or none; of two numbers, the first is the upper half of an id's hash, whose highest bits
    /// say where an entry belongs, and the second a slot or `NIL`.
    entries: Vec<(u32, u32)>,
    len: usize,
    /// How many bits of a hash are more than its place. (There are fewer than 2^32 records; should the table have more
    /// places than hashes, the first of these are homes.)
    shift: u32,
}

/// The place of an id.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    at: usize,
    pub(crate) slot: u32,
}

/// The place for an id that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Vacant {
    at: usize,
    hash: u32,
}

/// 2^64 by the golden ratio: ids that count up, by whatever step, are spread evenly by its multiples.
fn hash(id: RequestId) -> u32 {
    let product = id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // Also for ids that differ in their upper bits only.
    ((product ^ product << 32) >> 32) as u32
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where an id is, or where it would be put.
    ///
    /// # Errors
    /// It is not there, but that place is free.
    pub(crate) fn seek(&self, id: RequestId, is: impl Fn(u32) -> bool) -> Result<Found, Vacant> {
        let hash = hash(id);
        let mut at = self.home(hash);
        // An empty table has no places, of which none is taken.
        while let Some(&(other, slot)) = self.entries.get(at)
            && slot != NIL
        {
            if other == hash && is(slot) {
                return Ok(Found { at, slot });
            }
            at = self.next(at);
        }
        Err(Vacant { at, hash })
    }

    /// Adds an id at the place that was just found for it.
    pub(crate) fn insert(&mut self, place: Vacant, slot: u32) {
        // At most three quarters full, so that a search is short, and ends.
        if self.len * 4 >= self.entries.len() * 3 {
            self.resize((self.entries.len() * 2).max(LEAST));
            self.put(place.hash, slot);
        } else {
            self.entries[place.at] = (place.hash, slot);
        }
        self.len += 1;
    }

    /// Removes the id that was just found.
    pub(crate) fn remove(&mut self, found: Found) {
        self.len -= 1;
        self.close(found.at);
        // What a flood took is given back.
        if self.len * 8 < self.entries.len() && self.entries.len() > LEAST {
            self.resize(self.entries.len() / 2);
        }
    }

    /// Empties a place, and moves up what stands behind it and belongs before.
    fn close(&mut self, mut hole: usize) {
        let mut at = hole;
        loop {
            at = self.next(at);
            let (hash, slot) = self.entries[at];
            if slot == NIL {
                break;
            }
            // How far from its home, and from the hole, it is.
            let mask = self.entries.len() - 1;
            let from_home = at.wrapping_sub(self.home(hash)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.entries[hole] = (hash, slot);
                hole = at;
            }
        }
        self.entries[hole].1 = NIL;
    }

    fn put(&mut self, hash: u32, slot: u32) {
        let mut at = self.home(hash);
        while self.entries[at].1 != NIL {
            at = self.next(at);
        }
        self.entries[at] = (hash, slot);
    }

    fn resize(&mut self, size: usize) {
        let old = core::mem::replace(&mut self.entries, vec![(0, NIL); size]);
        self.shift = 32_u32.saturating_sub(size.trailing_zeros());
        for (hash, slot) in old {
            if slot != NIL {
                self.put(hash, slot);
            }
        }
    }

    /// Where an entry belongs: the highest bits of its hash.
    fn home(&self, hash: u32) -> usize {
        (hash >> self.shift) as usize
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST, RequestId, Table};
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    /// Inserts, finds and removes at random, among so many ids that `id` makes.
    fn exercise(ids: u32, id: impl Fn(u32) -> RequestId) {
        let (mut table, mut known) = (Table::default(), BTreeMap::new());
        let names: Vec<RequestId> = (0..ids).map(id).collect();
        let mut x = 1u64;
        for step in 0..20_000 {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let slot = (x >> 33) as u32 % ids;
            let name = names[slot as usize];
            let is = |slot: u32| names[slot as usize] == name;
            let place = table.seek(name, is);
            let there = place.as_ref().ok().map(|found| found.slot);
            assert_eq!(there, known.get(&name).copied());
            // More come than go, and then the other way round.
            match place {
                Ok(found) if x >> 20 & 3 == 0 || step > 10_000 => {
                    table.remove(found);
                    known.remove(&name);
                }
                Err(vacant) if step <= 10_000 => {
                    table.insert(vacant, slot);
                    known.insert(name, slot);
                }
                _ => {}
            }
            assert_eq!(table.len(), known.len());
            assert!(table.entries.len() <= (table.len() * 8 + 8).max(LEAST));
        }
        for (slot, &name) in (0..).zip(&names) {
            let is = |slot: u32| names[slot as usize] == name;
            let there = table.seek(name, is).ok().map(|found| found.slot);
            assert_eq!(there, known.get(&name).map(|_| slot));
        }
    }

    #[test]
    fn it_finds_what_a_sorted_map_finds() {
        exercise(1, |n| RequestId(u64::from(n)));
        exercise(400, |n| RequestId(u64::from(n)));
        exercise(4000, |n| RequestId(u64::from(n) << 40));
        exercise(300, |n| RequestId(u64::MAX - u64::from(n) * 64));
    }

    #[test]
    fn it_bears_ids_of_one_hash() {
        // These agree in all that the hash keeps, whatever that is: found by trying.
        let alike: Vec<RequestId> = (0..4_000_000)
            .map(RequestId)
            .filter(|id| super::hash(*id) >> 15 == 7)
            .collect();
        assert!(alike.len() > 15);
        exercise(alike.len() as u32, |n| alike[n as usize]);
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut table = Table::default();
        for n in 0..10_000 {
            let place = table.seek(RequestId(n), |slot| u64::from(slot) == n);
            table.insert(place.err().expect("it is new"), n as u32);
        }
        assert!(table.entries.len() >= 10_000);
        for n in 0..10_000 {
            let place = table.seek(RequestId(n), |slot| u64::from(slot) == n);
            table.remove(place.ok().expect("it is there"));
        }
        assert_eq!((table.len(), table.entries.len()), (0, LEAST));
        assert!(table.entries.capacity() < 1000);
    }
}
