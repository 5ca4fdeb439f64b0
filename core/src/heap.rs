//! A 4-ary min-heap of slots whose records hold their own positions, so that any entry can leave
//! in O(log n) without search. Keys are distinct (they end in an id), so the order is total.

use alloc::vec::Vec;

const ARITY: usize = 4;

/// The heap; whoever owns the records is told of every move by `moved(slot, position)`.
#[derive(Clone, Debug)]
pub(crate) struct Heap<K> {
    entries: Vec<(K, u32)>,
}

impl<K: Copy + Ord> Heap<K> {
    pub(crate) const fn new() -> Heap<K> {
        Heap {
            entries: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The least key and its slot.
    pub(crate) fn peek(&self) -> Option<(K, u32)> {
        self.entries.first().copied()
    }

    pub(crate) fn push(&mut self, key: K, slot: u32, moved: impl FnMut(u32, u32)) {
        self.entries.push((key, slot));
        self.sift_up(self.entries.len() - 1, moved);
    }

    /// Removes the entry at a position. Its record is not told.
    pub(crate) fn remove(&mut self, position: u32, moved: impl FnMut(u32, u32)) {
        let position = position as usize;
        self.entries.swap_remove(position);
        if position == self.entries.len() {
            return;
        }
        // What came from the end belongs to another branch, so it may have to go either way.
        if position > 0 && self.entries[position] < self.entries[(position - 1) / ARITY] {
            self.sift_up(position, moved);
        } else {
            self.sift_down(position, moved);
        }
    }

    fn sift_up(&mut self, mut position: usize, mut moved: impl FnMut(u32, u32)) {
        let entry = self.entries[position];
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if self.entries[parent].0 <= entry.0 {
                break;
            }
            self.set(position, self.entries[parent], &mut moved);
            position = parent;
        }
        self.set(position, entry, &mut moved);
    }

    fn sift_down(&mut self, mut position: usize, mut moved: impl FnMut(u32, u32)) {
        let entry = self.entries[position];
        loop {
            let first = position * ARITY + 1;
            let last = (first + ARITY).min(self.entries.len());
            let Some(child) = (first..last).min_by_key(|&child| self.entries[child].0) else {
                break;
            };
            if entry.0 <= self.entries[child].0 {
                break;
            }
            self.set(position, self.entries[child], &mut moved);
            position = child;
        }
        self.set(position, entry, &mut moved);
    }

    fn set(&mut self, position: usize, entry: (K, u32), moved: &mut impl FnMut(u32, u32)) {
        self.entries[position] = entry;
        // Slots are below 2^32, and no slot is in a heap twice.
        moved(entry.1, position as u32);
    }

    /// Whether the order holds and every entry is what its record says (`holds(slot, position, key)`).
    pub(crate) fn check(&self, holds: impl Fn(u32, u32, K) -> bool) -> bool {
        self.entries
            .iter()
            .enumerate()
            .all(|(position, &(key, slot))| {
                let ordered = position == 0 || self.entries[(position - 1) / ARITY].0 < key;
                ordered && holds(slot, position as u32, key)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;
    use alloc::collections::BTreeSet;
    use alloc::vec;

    #[test]
    fn any_entry_can_leave_and_the_least_is_always_first() {
        let mut heap = Heap::new();
        let mut positions = vec![u32::MAX; 64];
        let mut model = BTreeSet::new();
        let mut x = 1u64;
        for _ in 0..20_000 {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let slot = (x >> 40) as u32 % 64;
            let key = (x >> 20) as u32 % 100;
            if positions[slot as usize] == u32::MAX {
                heap.push((key, slot), slot, |s, p| positions[s as usize] = p);
                model.insert((key, slot));
            } else {
                heap.remove(positions[slot as usize], |s, p| positions[s as usize] = p);
                positions[slot as usize] = u32::MAX;
                model.retain(|&(_, s)| s != slot);
            }
            assert_eq!(heap.peek().map(|(k, _)| k), model.first().copied());
            assert_eq!(heap.len(), model.len());
            assert!(heap.check(|s, p, k| positions[s as usize] == p && model.contains(&k)));
        }
    }

    #[test]
    fn a_heap_that_is_not_in_order_or_not_as_the_records_say_is_noticed() {
        let heap = || {
            let mut heap = Heap::new();
            (0..6).for_each(|key| heap.push(key, key, |_, _| ()));
            heap
        };
        let right = |slot, at, key| slot == at && at == key;
        assert!(heap().check(right));
        let mut swapped = heap();
        swapped.entries.swap(1, 5);
        assert!(!swapped.check(|_, _, _| true));
        let mut alike = heap();
        alike.entries[1].0 = 0;
        assert!(!alike.check(|_, _, _| true));
        assert!(!heap().check(|slot, at, key| slot != 4 && right(slot, at, key)));
    }
}
