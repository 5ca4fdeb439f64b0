//! Doubly linked lists through the records of a slab: a record holds its own links, so leaving a
//! list needs no search and joining one no memory.

use alloc::vec::Vec;

use slab::Slab;

/// No slot. Slabs are kept shorter than this.
pub(crate) const NIL: u32 = u32::MAX;

/// The most records a slab may hold: every slot is below [`NIL`], and fits with a few bits more into a number.
pub(crate) const MAX_RECORDS: u32 = 1 << 29;

pub(crate) fn is_full<T>(slab: &Slab<T>) -> bool {
    slab.len() >= MAX_RECORDS as usize
}

/// Puts a record into a slab that is not full.
pub(crate) fn put<T>(slab: &mut Slab<T>, record: T) -> u32 {
    if slab.len() == slab.capacity() {
        // A quarter more: a vector would double what a flood of requests takes.
        slab.reserve_exact(slab.len() / 4 + 8);
    }
    let slot = slab.insert(record);
    assert!(slot < MAX_RECORDS as usize, "callers check is_full first");
    slot as u32
}

/// Whether most of a slab's memory is for records that are gone.
pub(crate) fn is_sparse<T>(slab: &Slab<T>) -> bool {
    let capacity = slab.capacity();
    capacity > 64 && slab.len() < capacity / 8
}

/// Where the records of a slab are now that were moved together.
pub(crate) struct Moves(Vec<(u32, u32)>);

impl Moves {
    /// Moves the records of a slab together, and gives back the memory of those that are gone.
    pub(crate) fn compact<T>(slab: &mut Slab<T>) -> Moves {
        let mut moves = Vec::new();
        slab.compact(|_, from, to| {
            // Slots are below 2^32.
            moves.push((from as u32, to as u32));
            true
        });
        moves.sort_unstable();
        Moves(moves)
    }

    /// Follows a record that may have moved.
    pub(crate) fn follow(&self, slot: &mut u32) {
        if let Ok(at) = self.0.binary_search_by_key(slot, |&(from, _)| from) {
            *slot = self.0[at].1;
        }
    }
}

/// A record's place in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    prev: u32,
    next: u32,
}

impl Links {
    pub(crate) const NONE: Links = Links {
        prev: NIL,
        next: NIL,
    };

    /// Follows the records beside this one, which may have moved.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        moves.follow(&mut self.prev);
        moves.follow(&mut self.next);
    }
}

/// A record that can be in a list.
pub(crate) trait Linked {
    fn links(&self) -> Links;
    fn links_mut(&mut self) -> &mut Links;
}

/// The ends of a list of records in some slab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    head: u32,
    tail: u32,
}

impl List {
    pub(crate) const EMPTY: List = List {
        head: NIL,
        tail: NIL,
    };

    /// Follows the records at the ends, which may have moved.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        moves.follow(&mut self.head);
        moves.follow(&mut self.tail);
    }

    pub(crate) fn head(&self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }

    pub(crate) fn push_back<T: Linked>(&mut self, slab: &mut Slab<T>, slot: u32) {
        *slab[slot as usize].links_mut() = Links {
            prev: self.tail,
            next: NIL,
        };
        match self.tail {
            NIL => self.head = slot,
            tail => slab[tail as usize].links_mut().next = slot,
        }
        self.tail = slot;
    }

    pub(crate) fn remove<T: Linked>(&mut self, slab: &mut Slab<T>, slot: u32) {
        let Links { prev, next } = slab[slot as usize].links();
        match prev {
            NIL => self.head = next,
            prev => slab[prev as usize].links_mut().next = next,
        }
        match next {
            NIL => self.tail = prev,
            next => slab[next as usize].links_mut().prev = prev,
        }
        *slab[slot as usize].links_mut() = Links::NONE;
    }

    /// The slots from first to last.
    pub(crate) fn iter<'a, T: Linked>(
        &self,
        slab: &'a Slab<T>,
    ) -> impl Iterator<Item = u32> + Clone + use<'a, T> {
        core::iter::successors(self.head(), move |&slot| {
            let next = slab[slot as usize].links().next;
            (next != NIL).then_some(next)
        })
    }

    /// How many records the list has, if its links are sound in both directions.
    pub(crate) fn check<T: Linked>(&self, slab: &Slab<T>) -> Option<usize> {
        let (mut count, mut prev, mut slot) = (0, NIL, self.head);
        while slot != NIL {
            let links = slab.get(slot as usize)?.links();
            // No record has two before it, so this comes to an end.
            if links.prev != prev {
                return None;
            }
            (count, prev, slot) = (count + 1, slot, links.next);
        }
        (self.tail == prev).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{Linked, Links, List, NIL, put};
    use slab::Slab;

    struct Record(Links);

    impl Linked for Record {
        fn links(&self) -> Links {
            self.0
        }

        fn links_mut(&mut self) -> &mut Links {
            &mut self.0
        }
    }

    /// What the check says of a list of three, spoilt.
    fn check(spoil: impl FnOnce(&mut Slab<Record>, &mut List)) -> Option<usize> {
        let (mut slab, mut list) = (Slab::new(), List::EMPTY);
        for _ in 0..3 {
            let slot = put(&mut slab, Record(Links::NONE));
            list.push_back(&mut slab, slot);
        }
        spoil(&mut slab, &mut list);
        list.check(&slab)
    }

    #[test]
    fn a_list_whose_links_are_not_sound_is_noticed() {
        assert_eq!(check(|_, _| ()), Some(3));
        assert_eq!(check(|_, list| *list = List::EMPTY), Some(0));
        assert_eq!(check(|slab, list| list.remove(slab, 1)), Some(2));
        assert_eq!(check(|_, list| list.tail = 1), None);
        assert_eq!(check(|_, list| list.head = 1), None);
        assert_eq!(check(|slab, _| slab[1].0.prev = NIL), None);
        assert_eq!(check(|slab, _| _ = slab.remove(1)), None);
        // A ring without end.
        let ring = |slab: &mut Slab<Record>, list: &mut List| {
            slab[2].0.next = 0;
            slab[0].0.prev = 2;
            list.head = 0;
        };
        assert_eq!(check(ring), None);
    }
}
