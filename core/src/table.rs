//! Where the requests are whose ids are not near the latest: a hash table with open addressing.
//!
//! Entries stand in the order of the places where they belong, so a search ends, and a hole is closed, at the first that
//! stands where it belongs (Celis, Larson and Munro: Robin Hood hashing, 1985).
//!
//! No decision follows its order, and its hash is fixed (F6).

use alloc::vec;
use alloc::vec::Vec;

use crate::cell::Packed;
use crate::id::RequestId;
use crate::places::{KEPT, LEAST};

/// Ids that differ in their lowest bits only, in so many, belong side by side: of several clients who count in ranges of their
/// own only one is near, and those of another are found in one line of the cache.
const TOGETHER: u32 = 2;

/// Aligned, so that none is in two lines of the cache.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Entry {
    id: RequestId,
    place: Packed,
}

impl Entry {
    const NONE: Entry = Entry {
        id: RequestId(0),
        place: Packed::NOWHERE,
    };
}

/// The table.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// As many as a power of two, or none.
    entries: Vec<Entry>,
    len: usize,
    /// How many there may be, or are at least, in a table of this size.
    most: usize,
    fewest: usize,
    /// How many bits of a product are beyond the number of an entry.
    shift: u32,
}

/// The place for an id that is not in the table.
#[derive(Clone, Copy)]
pub(crate) struct Vacant {
    at: usize,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry of an id and what is in it, or where it would be put, until the next change.
    ///
    /// # Errors
    /// It is not there, but that place is free.
    #[inline]
    pub(crate) fn seek(&self, id: RequestId) -> Result<(usize, Packed), Vacant> {
        let mut at = self.home(id);
        // An empty table has no entries.
        while let Some(&Entry { id: other, place }) = self.entries.get(at) {
            if place.is_nowhere() {
                break;
            }
            if other == id {
                return Ok((at, place));
            }
            if self.distance(at, other) < self.distance(at, id) {
                break;
            }
            at = self.next(at);
        }
        Err(Vacant { at })
    }

    /// Adds an id at the place that was just found for it.
    #[inline]
    pub(crate) fn insert(&mut self, vacant: Vacant, id: RequestId, place: Packed) {
        if self.len < self.most {
            self.push_in(vacant.at, Entry { id, place });
        } else {
            self.resize((self.entries.len() * 2).max(LEAST));
            self.put(Entry { id, place });
        }
        self.len += 1;
    }

    /// The id of an entry that was just found is elsewhere now.
    pub(crate) fn set(&mut self, at: usize, place: Packed) {
        self.entry(at).place = place;
    }

    /// Removes the id of an entry that was just found.
    #[inline(never)]
    pub(crate) fn remove(&mut self, at: usize) {
        self.close(at);
        self.len -= 1;
        if self.len < self.fewest {
            self.resize(self.entries.len() / 2);
        }
    }

    /// All ids, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RequestId, Packed)> {
        let there = self
            .entries
            .iter()
            .filter(|entry| !entry.place.is_nowhere());
        there.map(|entry| (entry.id, entry.place))
    }

    /// Empties a place, and moves up what stands behind it and belongs before.
    #[inline]
    fn close(&mut self, mut hole: usize) {
        loop {
            let at = self.next(hole);
            let entry = *self.entry(at);
            if entry.place.is_nowhere() || self.distance(at, entry.id) == 0 {
                break;
            }
            *self.entry(hole) = entry;
            hole = at;
        }
        self.entry(hole).place = Packed::NOWHERE;
    }

    /// Puts an entry before those that belong behind it, which move on by one.
    fn push_in(&mut self, mut at: usize, mut entry: Entry) {
        while !entry.place.is_nowhere() {
            core::mem::swap(self.entry(at), &mut entry);
            at = self.next(at);
        }
    }

    fn put(&mut self, entry: Entry) {
        if let Err(Vacant { at }) = self.seek(entry.id) {
            self.push_in(at, entry);
        }
    }

    /// How far behind the place where an id belongs another is.
    fn distance(&self, at: usize, id: RequestId) -> usize {
        at.wrapping_sub(self.home(id)) & (self.entries.len() - 1)
    }

    #[cold]
    fn resize(&mut self, size: usize) {
        // At most three quarters full, so that a search is short, and ends.
        self.most = size / 4 * 3;
        // What a flood took is given back.
        self.fewest = if size > KEPT { size / 8 } else { 0 };
        let old = core::mem::replace(&mut self.entries, vec![Entry::NONE; size]);
        self.shift = 64 + TOGETHER - size.trailing_zeros();
        for entry in old {
            if !entry.place.is_nowhere() {
                self.put(entry);
            }
        }
    }

    fn entry(&mut self, at: usize) -> &mut Entry {
        &mut self.entries[at]
    }

    /// Where an id belongs: ids that count up, by whatever step, are spread evenly by the multiples of 2^64 by the golden
    /// ratio, a few that follow each other side by side.
    fn home(&self, id: RequestId) -> usize {
        let group = id.0 >> TOGETHER;
        let product = group.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // An empty table has no shift: there this is any number.
        let first = (product >> (self.shift & 63)) << TOGETHER;
        (first | id.0 & ((1 << TOGETHER) - 1)) as usize
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }
}

#[cfg(test)]
impl Table {
    /// Spoils the table: the id moves to where it cannot be found.
    pub(crate) fn misplace(&mut self, id: RequestId) {
        let (at, place) = self.seek(id).ok().expect("it is there");
        self.close(at);
        let free = |at: &usize| {
            let last = at.wrapping_sub(1) & (self.entries.len() - 1);
            let is_free = |at: usize| self.entries[at].place.is_nowhere();
            is_free(*at) && is_free(last) && self.home(id) != *at
        };
        let at = (0..self.entries.len()).find(free);
        *self.entry(at.expect("there is room")) = Entry { id, place };
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Packed, RequestId, TOGETHER, Table};
    use crate::cell::Place;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    fn place(n: u32) -> Packed {
        let place = Place::Queued { spot: !n };
        place.into()
    }

    fn there(table: &Table, id: RequestId) -> Option<Packed> {
        table.seek(id).ok().map(|(_, place)| place)
    }

    /// Inserts, changes and removes at random, among these ids.
    fn exercise(ids: &[RequestId]) {
        let (mut table, mut known) = (Table::default(), BTreeMap::new());
        let mut x = 1u64;
        for step in 0..20_000 {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let id = ids[(x >> 33) as usize % ids.len()];
            assert_eq!(there(&table, id), known.get(&id).copied());
            // More come than go, and then the other way round.
            match table.seek(id) {
                Ok((at, _)) if x >> 20 & 3 == 0 || step > 10_000 => {
                    table.remove(at);
                    known.remove(&id);
                }
                Ok((at, _)) => {
                    table.set(at, place(step));
                    known.insert(id, place(step));
                }
                Err(vacant) if step <= 10_000 => {
                    table.insert(vacant, id, place(step));
                    known.insert(id, place(step));
                }
                Err(_) => {}
            }
            assert_eq!(table.len(), known.len());
            assert!(table.entries.len() <= (table.len() * 8 + 8).max(KEPT));
            assert!(table.len() <= table.entries.len() / 4 * 3);
        }
        let all: BTreeMap<RequestId, Packed> = table.iter().collect();
        assert_eq!(all, known);
        for &id in ids {
            assert_eq!(there(&table, id), known.get(&id).copied());
        }
    }

    fn ids(count: u64, id: impl Fn(u64) -> u64) -> Vec<RequestId> {
        (0..count).map(|n| RequestId(id(n))).collect()
    }

    #[test]
    fn it_finds_what_a_sorted_map_finds() {
        exercise(&ids(1, |n| n));
        exercise(&ids(400, |n| n));
        exercise(&ids(4000, |n| n << 40));
        exercise(&ids(300, |n| u64::MAX - n * 64));
    }

    #[test]
    fn it_bears_ids_of_one_home() {
        // In a table of this size and in any smaller one: found by trying.
        let product = |n: u64| (n >> TOGETHER).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let alike: Vec<RequestId> = ids(16_000_000, |n| n)
            .into_iter()
            .filter(|id| product(id.0) >> 48 == 7 && id.0.trailing_zeros() >= TOGETHER)
            .collect();
        assert!(alike.len() > 15);
        exercise(&alike);
    }

    #[test]
    fn ids_that_count_up_are_near_where_they_belong() {
        for step in [1, 2, 4, 7, 8, 64, 1000, 1 << 20, 1 << 32] {
            let mut table = Table::default();
            for n in 0..100_000 {
                let vacant = table.seek(RequestId(n * step)).expect_err("it is new");
                table.insert(vacant, RequestId(n * step), place(1));
            }
            let far = (0..100_000).map(|n| {
                let id = RequestId(n * step);
                let (at, _) = table.seek(id).ok().expect("it is there");
                table.distance(at, id)
            });
            let mean = far.sum::<usize>() / 100_000;
            // Within two lines of the cache.
            assert!(mean < 8, "by {step}: {mean}");
            assert!(step > 1000 || mean < 3, "by {step}: {mean}");
        }
    }

    #[test]
    fn ids_that_follow_each_other_belong_side_by_side() {
        let mut table = Table::default();
        for n in 0..1000 {
            let vacant = table.seek(RequestId(n)).expect_err("it is new");
            table.insert(vacant, RequestId(n), place(1));
        }
        for n in (0..1000).filter(|n| (n + 1) % (1 << TOGETHER) != 0) {
            let [home, next] = [n, n + 1].map(|n| table.home(RequestId(n)));
            assert_eq!(home + 1, next, "{n}");
        }
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut table = Table::default();
        for n in 0..10_000 {
            let vacant = table.seek(RequestId(n)).expect_err("it is new");
            table.insert(vacant, RequestId(n), place(3));
        }
        assert!(table.entries.len() >= 10_000);
        for n in 0..10_000 {
            let (at, _) = table.seek(RequestId(n)).ok().expect("it is there");
            table.remove(at);
        }
        assert_eq!((table.len(), table.entries.len()), (0, KEPT));
        assert!(table.entries.capacity() < 1000);
    }
}
