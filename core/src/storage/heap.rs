//! A 4-ary min-heap of slots that knows where each slot is, so that any entry can leave in O(log n)
//! without search. Keys are distinct (they end in an id), so the order is total.
//!
//! When the least leaves, its place stays empty until the next change: what comes then is often the
//! least again, as the machine that work begins and ends on, and moves nothing.

use alloc::vec::Vec;

const ARITY: usize = 4;

/// For each slot its position in the heap that it is in, if it is in one. They are not in the records, as a move up or
/// down a heap writes those of many. Several heaps can share them, if no slot is in two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(Vec<u32>);

impl Positions {
    /// Of no slots.
    pub(crate) const NONE: Positions = Positions(Vec::new());

    /// Makes memory for a slot that may enter a heap.
    pub(crate) fn admit(&mut self, slot: u32) {
        let slots = self.0.len().max(slot as usize + 1);
        self.0.resize(slots, u32::MAX);
    }

    /// Whether the slot is in a heap.
    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.0[slot as usize] != u32::MAX
    }
}

/// The heap.
#[derive(Clone, Debug)]
pub(crate) struct Heap<K> {
    entries: Vec<(K, u32)>,
    /// Whether the first of several entries has left and its place is empty.
    hole: bool,
}

impl<K: Copy + Ord> Heap<K> {
    pub(crate) const fn new() -> Heap<K> {
        Heap {
            entries: Vec::new(),
            hole: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - usize::from(self.hole)
    }

    /// All that are in it, in no order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        let entries = self.entries.iter().skip(usize::from(self.hole));
        entries.map(|&(_, slot)| slot)
    }

    /// The least key and its slot.
    pub(crate) fn peek(&self) -> Option<(K, u32)> {
        self.least().map(|(_, least)| least)
    }

    /// How many keys are `early`, and the least one that is not. No key after one that is not is early;
    /// it takes as long as there are early ones.
    pub(crate) fn split(&self, early: impl Fn(&K) -> bool) -> (usize, Option<K>) {
        let tops = if self.hole { 1..=ARITY } else { 0..=0 };
        let mut open: Vec<usize> = tops.collect();
        let (mut count, mut least) = (0, None);
        while let Some(at) = open.pop() {
            match self.entries.get(at) {
                Some((key, _)) if early(key) => {
                    count += 1;
                    open.extend(at * ARITY + 1..=at * ARITY + ARITY);
                }
                Some((key, _)) if least.is_none_or(|other| *key < other) => least = Some(*key),
                _ => {}
            }
        }
        (count, least)
    }

    /// The least key but this one, and its slot.
    pub(crate) fn peek_other(&self, key: K) -> Option<(K, u32)> {
        let (at, least) = self.least()?;
        if least.0 != key {
            return Some(least);
        }
        let below = self.least_child(at * ARITY + 1).map(|(_, entry)| entry);
        let beside = (1..=ARITY).filter(|other| self.hole && *other != at);
        let beside = beside.filter_map(|other| self.entries.get(other).copied());
        beside.chain(below).min_by_key(|entry| entry.0)
    }

    fn least(&self) -> Option<(usize, (K, u32))> {
        match self.hole {
            true => self.least_child(1),
            false => self.entries.first().map(|&first| (0, first)),
        }
    }

    pub(crate) fn push(&mut self, key: K, slot: u32, positions: &mut Positions) {
        if core::mem::take(&mut self.hole) {
            return self.sift_down(0, (key, slot), positions);
        }
        self.entries.push((key, slot));
        self.sift_up(self.entries.len() - 1, (key, slot), positions);
    }

    /// Removes a slot that is in the heap.
    pub(crate) fn remove(&mut self, slot: u32, positions: &mut Positions) {
        if core::mem::take(&mut self.hole) {
            self.close(0, positions);
        }
        let at = core::mem::replace(&mut positions.0[slot as usize], u32::MAX) as usize;
        if at == 0 && self.entries.len() > 1 {
            self.hole = true;
        } else {
            self.close(at, positions);
        }
    }

    /// Fills an empty place with the entry at the end.
    fn close(&mut self, hole: usize, positions: &mut Positions) {
        let Some(last) = self.entries.pop() else {
            unreachable!("the slot is in the heap");
        };
        if hole == self.entries.len() {
            return;
        }
        // What came from the end belongs to another branch, so it may have to go either way.
        if hole > 0 && last.0 < self.entries[(hole - 1) / ARITY].0 {
            self.sift_up(hole, last, positions);
        } else {
            self.sift_down(hole, last, positions);
        }
    }

    /// Puts an entry at a position or where it belongs above.
    fn sift_up(&mut self, mut hole: usize, entry: (K, u32), positions: &mut Positions) {
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            let above = self.entries[parent];
            if above.0 <= entry.0 {
                break;
            }
            self.set(hole, above, positions);
            hole = parent;
        }
        self.set(hole, entry, positions);
    }

    /// Puts an entry at a position or where it belongs below.
    fn sift_down(&mut self, mut hole: usize, entry: (K, u32), positions: &mut Positions) {
        loop {
            let first = hole * ARITY + 1;
            let Some((child, least)) = self.least_child(first) else {
                break;
            };
            if entry.0 <= least.0 {
                break;
            }
            self.set(hole, least, positions);
            hole = child;
        }
        self.set(hole, entry, positions);
    }

    /// The least of the up to four entries from a position on, with its position.
    fn least_child(&self, first: usize) -> Option<(usize, (K, u32))> {
        let least = match self.entries.get(first..first + ARITY) {
            // Most often there are four; these comparisons need no jumps.
            Some([a, b, c, d]) => {
                let (left, right) = (usize::from(b.0 < a.0), usize::from(d.0 < c.0));
                let (one, other) = (first + left, first + 2 + right);
                let lesser = self.entries[other].0 < self.entries[one].0;
                if lesser { other } else { one }
            }
            _ => (first..self.entries.len()).min_by_key(|&child| self.entries[child].0)?,
        };
        Some((least, self.entries[least]))
    }

    fn set(&mut self, position: usize, entry: (K, u32), positions: &mut Positions) {
        self.entries[position] = entry;
        // Slots are below 2^32, and no slot is in a heap twice.
        positions.0[entry.1 as usize] = position as u32;
    }

    /// Whether the order holds, every slot is where it is said to be, and every entry is what its record says
    /// (`holds(slot, key)`).
    pub(crate) fn check(&self, positions: &Positions, holds: impl Fn(u32, K) -> bool) -> bool {
        let hole = usize::from(self.hole);
        let mut entries = self.entries.iter().enumerate().skip(hole);
        entries.all(|(position, &(key, slot))| {
            let top = position <= ARITY * hole;
            let ordered = top || self.entries[(position - 1) / ARITY].0 < key;
            let known = positions.0.get(slot as usize) == Some(&(position as u32));
            ordered && known && holds(slot, key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Heap, Positions};
    use alloc::collections::BTreeSet;

    #[test]
    fn any_entry_can_leave_and_the_least_is_always_first() {
        let (mut heap, mut positions) = (Heap::new(), Positions::default());
        positions.admit(63);
        let mut model = BTreeSet::new();
        let mut x = 1u64;
        for _ in 0..20_000 {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let slot = (x >> 40) as u32 % 64;
            let key = (x >> 20) as u32 % 100;
            if model.iter().any(|&(_, s)| s == slot) {
                heap.remove(slot, &mut positions);
                model.retain(|&(_, s)| s != slot);
            } else {
                heap.push((key, slot), slot, &mut positions);
                model.insert((key, slot));
            }
            assert_eq!(heap.peek().map(|(k, _)| k), model.first().copied());
            assert_eq!(heap.len(), model.len());
            let (least, second) = (model.first().copied(), model.iter().nth(1).copied());
            if let Some(least) = least {
                assert_eq!(heap.peek_other(least).map(|(k, _)| k), second);
            }
            if let Some(second) = second {
                assert_eq!(heap.peek_other(second).map(|(k, _)| k), least);
            }
            assert!(heap.entries.capacity() <= 64);
            assert!(heap.check(&positions, |s, k| k.1 == s && model.contains(&k)));
        }
    }

    #[test]
    fn a_heap_that_is_not_in_order_or_not_as_the_records_say_is_noticed() {
        let heap = || {
            let (mut heap, mut positions) = (Heap::new(), Positions::default());
            positions.admit(5);
            positions.admit(3);
            (0..6).for_each(|key| heap.push(key, key, &mut positions));
            (heap, positions)
        };
        let right = |slot, key| slot == key;
        let (mut heap_, mut positions) = heap();
        assert!(heap_.check(&positions, right));
        assert!(!heap_.check(&positions, |slot, key| slot != 4 && right(slot, key)));
        positions.0.swap(3, 4);
        assert!(!heap_.check(&positions, right));
        positions.0.pop();
        assert!(!heap_.check(&positions, right));
        // Neither of these is where it should be, though that is known.
        let (_, mut positions) = heap();
        heap_.entries.swap(1, 5);
        positions.0.swap(1, 5);
        assert!(!heap_.check(&positions, |_, _| true));
        let (mut alike, positions) = heap();
        alike.entries[1].0 = 0;
        assert!(!alike.check(&positions, |_, _| true));
    }
}
