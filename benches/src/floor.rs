//! The floor: a plain heap of (key, id) pairs, which any queue by priority has to beat or bear.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// `std`'s heap, least first.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    next: u64,
}

impl Floor {
    /// A heap of so many entries.
    pub fn new(entries: u64) -> Floor {
        let mut floor = Floor::default();
        for _ in 0..entries {
            floor.push(0);
        }
        floor
    }

    /// Puts in an entry with the next id.
    #[inline]
    pub fn push(&mut self, key: u64) {
        self.heap.push(Reverse((key, self.next)));
        self.next += 1;
    }

    /// Takes out the least.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u64)> {
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Takes out the least and puts in another.
    #[inline]
    pub fn turn(&mut self, key: u64) -> Option<(u64, u64)> {
        let least = self.pop();
        self.push(key);
        least
    }
}
