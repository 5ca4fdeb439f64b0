//! Where the requests are whose ids are near the latest: a ring with a cell for each id up to that one. Clients most often
//! count their requests up, so nothing is hashed or searched, what follows each other stands side by side, and a cell need
//! not say whose it is.
//!
//! It holds so many of the latest ids; who falls off its end while others come is handed out, unless more than a quarter of
//! the cells are taken: then it grows. Of requests that end at random, which is the worst there is, one in fifty falls off then
//! (e to the power of -4), and the cells are as many bytes as a table would need.

use alloc::vec;
use alloc::vec::Vec;

use crate::branch::likely;
use crate::cell::Cell;
use crate::id::RequestId;
use crate::places::{KEPT, LEAST};

/// The ring.
#[derive(Clone, Default)]
pub(crate) struct Window {
    /// As many as a power of two, or none: that of an id has its lowest bits for its number.
    cells: Vec<Cell>,
    /// The latest id: the ring is about this and those before it, in a circle of all 2^64.
    last: u64,
    /// How many cells are taken.
    len: usize,
    /// How many are at least, in a ring of this size.
    fewest: usize,
}

impl Window {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The latest id.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Whether there are cells, and an id is ahead of the latest by no more than so many.
    #[inline]
    pub(crate) fn follows(&self, id: RequestId, steps: u64) -> bool {
        id.0.wrapping_sub(self.last) <= steps && !self.cells.is_empty()
    }

    /// The cell of an id, if it has one.
    #[inline]
    pub(crate) fn cell(&self, id: RequestId) -> Option<usize> {
        let behind = self.last.wrapping_sub(id.0);
        (behind < self.cells.len() as u64).then(|| self.at(id.0))
    }

    /// What is in a cell.
    #[inline]
    pub(crate) fn get(&self, cell: usize) -> Cell {
        self.cells[cell]
    }

    /// Puts something into the cell of an id; not, if it has none or that is empty.
    #[inline]
    pub(crate) fn set(&mut self, id: RequestId, place: Cell) -> bool {
        let cell = self.cell(id).map(|cell| &mut self.cells[cell]);
        match cell {
            Some(cell) if !cell.is_nowhere() => *cell = place,
            _ => return false,
        }
        true
    }

    /// Whether it would not be sparse with one less.
    #[inline]
    pub(crate) fn can_spare(&self) -> bool {
        self.len > self.fewest
    }

    /// Moves what is in a cell to that of an id; not, if that has none or it is empty. Whether it was moved. The first is there:
    /// to ask costs less than a panic that nobody sees.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, from: usize, to: RequestId, cell: Cell) -> bool {
        match self.cell(to) {
            Some(to) if likely(!self.get(to).is_nowhere()) && likely(from < self.cells.len()) => {
                self.cells[from] = Cell::NOWHERE;
                self.cells[to] = cell;
                self.len -= 1;
                true
            }
            _ => false,
        }
    }

    /// Puts something into an empty cell.
    pub(crate) fn put(&mut self, cell: usize, place: Cell) {
        self.cells[cell] = place;
        self.len += 1;
    }

    /// Moves on by one and puts something there; not, if this id is not the next, or somebody falls off.
    #[inline]
    pub(crate) fn put_next(&mut self, id: RequestId, place: Cell) -> bool {
        let next = self.is_next(id);
        if next {
            self.append(id, place);
        }
        next
    }

    /// Whether an id is the next, and nobody falls off for it.
    #[inline]
    pub(crate) fn is_next(&self, id: RequestId) -> bool {
        if !likely(self.last.wrapping_add(1) == id.0) {
            return false;
        }
        match self.cells.get(self.at(id.0)) {
            Some(cell) => likely(cell.is_nowhere()),
            None => false,
        }
    }

    /// Moves on by one, to an id for which that holds, and puts something there.
    #[inline]
    pub(crate) fn append(&mut self, id: RequestId, place: Cell) {
        let cell = self.at(id.0);
        self.cells[cell] = place;
        self.last = id.0;
        self.len += 1;
    }

    /// Empties a cell that is not.
    #[inline]
    pub(crate) fn remove(&mut self, cell: usize) {
        self.cells[cell] = Cell::NOWHERE;
        self.len -= 1;
    }

    /// Whether few of the cells are taken.
    #[inline]
    pub(crate) fn is_sparse(&self) -> bool {
        self.len < self.fewest
    }

    /// Gives back what a flood took. `out` is given who has no cell any more.
    pub(crate) fn shrink(&mut self, mut out: impl FnMut(RequestId, Cell)) {
        // Those that are left may all be old, and fall off: then nobody would be left to shrink it further.
        while self.is_sparse() {
            self.resize(self.cells.len() / 2, &mut out);
        }
    }

    /// Moves on until an id is the latest. `out` is given who falls off.
    pub(crate) fn advance(&mut self, id: RequestId, mut out: impl FnMut(RequestId, Cell)) {
        while self.last != id.0 {
            let next = self.last.wrapping_add(1);
            let cell = self.at(next);
            if !self.cells[cell].is_nowhere() {
                if self.len > self.cells.len() / 4 {
                    self.resize(self.cells.len() * 2, &mut out);
                    continue;
                }
                let first = RequestId(next.wrapping_sub(self.cells.len() as u64));
                out(
                    first,
                    core::mem::replace(&mut self.cells[cell], Cell::NOWHERE),
                );
                self.len -= 1;
            }
            self.last = next;
        }
    }

    /// Begins anew with another latest id. `out` is given who was there.
    pub(crate) fn begin(&mut self, id: RequestId, mut out: impl FnMut(RequestId, Cell)) {
        if self.len > 0 {
            self.iter().for_each(|(id, place)| out(id, place));
            self.cells.fill(Cell::NOWHERE);
            self.len = 0;
            self.shrink(|_, _| ());
        }
        if self.cells.is_empty() {
            self.cells.resize(LEAST, Cell::NOWHERE);
        }
        self.last = id.0;
    }

    /// All ids, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RequestId, Cell)> {
        let all = (0..self.cells.len() as u64).map(|behind| self.last.wrapping_sub(behind));
        let all = all.map(|id| (RequestId(id), self.cells[self.at(id)]));
        all.filter(|(_, place)| !place.is_nowhere())
    }

    /// The latest ids keep their places in a ring of another size.
    #[inline(never)]
    fn resize(&mut self, size: usize, mut out: impl FnMut(RequestId, Cell)) {
        let new = Window {
            cells: vec![Cell::NOWHERE; size],
            last: self.last,
            len: 0,
            fewest: if size > KEPT { size / 16 } else { 0 },
        };
        let old = core::mem::replace(self, new);
        for (id, place) in old.iter() {
            match self.cell(id) {
                Some(cell) => self.put(cell, place),
                None => out(id, place),
            }
        }
    }

    fn at(&self, id: u64) -> usize {
        // What is cut off are high bits. Without cells it is any number.
        id as usize & self.cells.len().wrapping_sub(1)
    }
}

#[cfg(test)]
impl Window {
    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Spoils it: it has one less than it says.
    pub(crate) fn miscount(&mut self) {
        self.len += 1;
    }
}
