//! From request ids to where the requests are. Those near the latest are in a ring without search, all others in a hash
//! table; no decision follows which (F6).

use crate::branch::{cold_path, likely};
use crate::cell::{Cell, Layout, Packed, Place};
use crate::id::RequestId;
use crate::table::{self, Table};
use crate::window::Window;

/// An id that is ahead of the latest by no more than this moves the window on: clients may leave some out.
const STEP: u64 = 16;

/// So many ids in a row that are not near move the window to them, if they are not too many who would have to leave it: else
/// two who count in turns would move it to and fro.
const RUN: u32 = 8;

/// No more leave the window at once.
const MOST_MOVED: usize = 4096;

/// The fewest places of a window, or of a table, that has any.
pub(crate) const LEAST: usize = 16;

/// So many places are kept however few are needed: small numbers vary much, and memory that comes and goes is dear.
pub(crate) const KEPT: usize = 256;

/// All places.
#[derive(Clone)]
pub(crate) struct Places {
    layout: Layout,
    near: Window,
    far: Far,
}

/// The ids that are not in the window, and those whose places do not fit there.
#[derive(Clone, Default)]
struct Far {
    table: Table,
    /// All are from the first of these to the last.
    span: (u64, u64),
    strays: Strays,
}

/// The ids that came last, one after the other, and were not near.
#[derive(Clone, Default)]
struct Strays {
    last: u64,
    count: u32,
    /// The latest of the window meanwhile.
    near: u64,
}

impl Strays {
    /// Another one; how many they are.
    fn follow(&mut self, id: u64, near: u64) -> u32 {
        let follows = id == self.last.wrapping_add(1) && near == self.near;
        let count = if follows {
            self.count.saturating_add(1)
        } else {
            1
        };
        (self.last, self.count, self.near) = (id, count, near);
        count
    }
}

/// A request that was just found.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// A cell of the window, or an entry of the table.
    at: usize,
    near: bool,
    /// What is there: four bytes, or eight.
    bits: u64,
}

/// A request that was just found in the window.
#[derive(Clone, Copy)]
pub(crate) struct Near {
    at: usize,
    cell: Cell,
}

impl Near {
    /// What is there.
    #[inline(always)]
    pub(crate) fn cell(self) -> Cell {
        self.cell
    }
}

/// The place for an id that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Vacant {
    /// In the table, if that had to be searched.
    far: Option<table::Vacant>,
}

impl Places {
    /// For machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Places {
        Places {
            layout: Layout::new(machine_procs),
            near: Window::default(),
            far: Far::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.near.len() + self.far.table.len()
    }

    /// Where an id is, or where it would be put, until the next change.
    ///
    /// # Errors
    /// It is not there, but that place is free.
    #[inline]
    pub(crate) fn seek(&self, id: RequestId) -> Result<Found, Vacant> {
        if let Some(at) = self.near.cell(id) {
            let cell = self.near.get(at);
            if !cell.is_nowhere() {
                let (near, bits) = (true, u64::from(cell.0));
                return Ok(Found { at, near, bits });
            }
        }
        // An id that is near now may have been put into the table when it was not.
        if self.far.may_have(id) {
            return self.far.seek(id);
        }
        Err(Vacant { far: None })
    }

    /// The place of a request that was just found.
    #[inline(always)]
    pub(crate) fn place(&self, found: Found) -> Place {
        if found.near {
            // It was put there from a cell.
            self.layout.unpack(Cell(found.bits as u32))
        } else {
            Packed(found.bits).into()
        }
    }

    /// Adds an id at the place that was just found for it.
    #[inline(always)]
    pub(crate) fn insert(&mut self, vacant: Vacant, id: RequestId, place: Place) {
        match self.layout.pack(place) {
            Some(cell) if self.near.put_next(id, cell) => {}
            Some(cell) => self.insert_other(vacant, id, cell),
            None => self.far.add(vacant, id, place),
        }
    }

    /// The same for an id that is not the next in a window with room for it.
    #[inline(never)]
    fn insert_other(&mut self, vacant: Vacant, id: RequestId, cell: Cell) {
        let Places { layout, near, far } = self;
        let put = |far: &mut Far, id, cell| far.put(id, layout.unpack(cell));
        if near.follows(id, STEP) {
            near.advance(id, |id, cell| put(far, id, cell));
        } else if near.cell(id).is_none() {
            let strays = far.strays.follow(id.0, near.last());
            let moves = strays >= RUN && near.len() <= MOST_MOVED;
            if near.len() > 0 && !moves {
                far.add(vacant, id, layout.unpack(cell));
                return;
            }
            near.begin(id, |id, cell| put(far, id, cell));
        }
        if let Some(at) = near.cell(id) {
            near.put(at, cell);
        }
    }

    /// A request that is there is elsewhere now.
    #[inline]
    pub(crate) fn set(&mut self, id: RequestId, place: Place) {
        match self.layout.pack(place) {
            Some(cell) if self.near.set(id, cell) => {}
            _ => self.set_other(id, place),
        }
    }

    /// The same for one in the table, or whose place does not fit into the window.
    #[inline(never)]
    fn set_other(&mut self, id: RequestId, place: Place) {
        let found = self.known(id);
        if found.near {
            self.remove(found);
            self.far.put(id, place);
        } else {
            self.far.table.set(found.at, place.into());
        }
    }

    /// Where an id is that is there.
    #[inline]
    pub(crate) fn known(&self, id: RequestId) -> Found {
        let Ok(found) = self.seek(id) else {
            unreachable!("the place of every request is known");
        };
        found
    }

    /// Removes the id that was just found.
    #[inline(always)]
    pub(crate) fn remove(&mut self, found: Found) {
        if found.near {
            self.near.remove(found.at);
            if self.near.is_sparse() {
                self.shrink();
            }
        } else {
            self.far.table.remove(found.at);
        }
    }

    /// A request that runs and is in the window.
    #[inline(always)]
    pub(crate) fn running_near(&self, id: RequestId) -> Option<Near> {
        let Some(at) = self.near.cell(id) else {
            cold_path();
            return None;
        };
        let cell = self.near.get(at);
        likely(cell.is_running()).then_some(Near { at, cell })
    }

    /// How places are written into cells.
    #[inline(always)]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The place of a request that was just found is that of another now, if that is in the window too and it may have one
    /// less. Who had it is forgotten. Whether it was.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, from: Near, to: RequestId) -> bool {
        likely(self.near.can_spare()) && self.near.hand_over(from.at, to, from.cell)
    }

    /// The same for any other that is there.
    pub(crate) fn hand_over_far(&mut self, Near { at, cell }: Near, to: RequestId) {
        let (near, bits) = (true, u64::from(cell.0));
        self.remove(Found { at, near, bits });
        self.set(to, self.layout.unpack(cell));
    }

    /// Whether an id is the next of the window.
    #[inline(always)]
    pub(crate) fn is_next(&self, id: RequestId) -> bool {
        self.near.is_next(id)
    }

    /// Whether an id may be in the table.
    #[inline(always)]
    pub(crate) fn may_be_far(&self, id: RequestId) -> bool {
        self.far.may_have(id)
    }

    /// Whether an id is in the table.
    pub(crate) fn is_far(&self, id: RequestId) -> bool {
        self.far.table.seek(id).is_ok()
    }

    /// Adds one who waits, whose id is the next of the window and not in the table.
    #[inline(always)]
    pub(crate) fn append(&mut self, id: RequestId, spot: u32) {
        match self.layout.pack(Place::Queued { spot }) {
            Some(cell) => self.near.append(id, cell),
            None => self.append_far(id, spot),
        }
    }

    #[cold]
    fn append_far(&mut self, id: RequestId, spot: u32) {
        self.far.put(id, Place::Queued { spot });
    }

    /// Gives back what a flood took.
    #[inline(never)]
    fn shrink(&mut self) {
        let Places { layout, near, far } = self;
        near.shrink(|id, cell| far.put(id, layout.unpack(cell)));
    }

    /// All ids, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RequestId, Place)> {
        let near = self.near.iter();
        let near = near.map(|(id, cell)| (id, self.layout.unpack(cell)));
        let far = self.far.table.iter();
        near.chain(far.map(|(id, packed)| (id, packed.into())))
    }
}

impl Far {
    #[inline]
    fn may_have(&self, id: RequestId) -> bool {
        let (first, last) = self.span;
        self.table.len() > 0 && id.0 <= last && id.0 >= first
    }

    #[inline(never)]
    fn seek(&self, id: RequestId) -> Result<Found, Vacant> {
        match self.table.seek(id) {
            Ok((at, packed)) => Ok(Found {
                at,
                near: false,
                bits: packed.0,
            }),
            Err(vacant) => Err(Vacant { far: Some(vacant) }),
        }
    }

    #[inline(never)]
    fn add(&mut self, vacant: Vacant, id: RequestId, place: Place) {
        let vacant = vacant.far.or_else(|| self.table.seek(id).err());
        if let Some(vacant) = vacant {
            self.span = match self.span {
                _ if self.table.len() == 0 => (id.0, id.0),
                (first, last) => (first.min(id.0), last.max(id.0)),
            };
            self.table.insert(vacant, id, Packed::from(place));
        }
    }

    /// Adds an id that fell off the window.
    #[inline(never)]
    fn put(&mut self, id: RequestId, place: Place) {
        self.add(Vacant { far: None }, id, place);
    }
}

#[cfg(test)]
impl Places {
    /// How many cells the window has.
    pub(crate) fn cells(&self) -> usize {
        self.near.cells()
    }

    /// Spoils it: an id moves into the table, to where it cannot be found.
    pub(crate) fn misplace(&mut self, id: RequestId) {
        self.push_out(id);
        self.far.table.misplace(id);
    }

    /// Spoils it: an id moves into the table, which is said to have none like it.
    pub(crate) fn hide(&mut self, id: RequestId) {
        self.push_out(id);
        self.far.span = (id.0 + 1, u64::MAX);
    }

    /// Spoils it: there is one less than it says.
    pub(crate) fn miscount(&mut self) {
        self.near.miscount();
    }

    fn push_out(&mut self, id: RequestId) {
        let found = self.seek(id).ok().expect("it is there");
        self.remove(found);
        let place = self.place(found);
        self.far.put(id, place);
    }
}

#[cfg(test)]
mod tests;
