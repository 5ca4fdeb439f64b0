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
mod tests {
    use super::{Place, Places, STEP};
    use crate::id::RequestId;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    fn place(n: u32) -> Place {
        match n % 2 {
            0 => Place::Queued { spot: n },
            _ => Place::Running {
                machine: n,
                seat: n / 2 % 16,
                // The greatest does not fit into a cell.
                procs: 1 + n / 32 % 17,
            },
        }
    }

    fn there(places: &Places, id: u64) -> Option<Place> {
        places
            .seek(RequestId(id))
            .ok()
            .map(|found| places.place(found))
    }

    fn enter(places: &mut Places, id: u64) {
        let vacant = places.seek(RequestId(id)).err().expect("it is new");
        let spot = id as u32 & 0xffff;
        places.insert(vacant, RequestId(id), Place::Queued { spot });
    }

    fn leave(places: &mut Places, id: u64) {
        let found = places.seek(RequestId(id)).ok().expect("it is there");
        places.remove(found);
    }

    fn ids(places: &Places) -> Vec<u64> {
        let mut ids: Vec<u64> = places.iter().map(|(id, _)| id.0).collect();
        ids.sort_unstable();
        ids
    }

    /// Enters the ids that `next` says, changes and removes some at random, keeps some sixteenth of them long.
    fn exercise(mut next: impl FnMut(u64) -> u64) {
        let (mut places, mut known) = (Places::new(16), BTreeMap::new());
        let mut x = 1u64;
        for step in 0..30_000u64 {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let some = known.keys().nth((x >> 40) as usize % (known.len() + 1));
            let (some, place) = (some.copied(), place(step as u32));
            // More come than go, and then the other way round.
            let comes = match step % 3000 {
                ..1000 => x >> 20 & 7 != 0,
                _ => x >> 20 & 7 < 3,
            };
            match some {
                Some(id) if !comes && (id % 16 != 0 || step % 10 == 0) => {
                    leave(&mut places, id);
                    known.remove(&id);
                    assert_eq!(there(&places, id), None);
                }
                Some(id) if x >> 30 & 3 == 0 => {
                    places.set(RequestId(id), place);
                    known.insert(id, place);
                }
                _ => {
                    let id = next(x);
                    assert_eq!(there(&places, id), known.get(&id).copied());
                    if let Err(vacant) = places.seek(RequestId(id)) {
                        places.insert(vacant, RequestId(id), place);
                        known.insert(id, place);
                    }
                }
            }
            assert_eq!(places.len(), known.len());
            if step % 64 == 0 {
                for (&id, &place) in &known {
                    assert_eq!(there(&places, id), Some(place));
                }
                assert_eq!(ids(&places), known.keys().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn it_finds_what_a_sorted_map_finds() {
        fn count(from: u64, by: u64) -> impl FnMut(u64) -> u64 {
            let mut id = from.wrapping_sub(by);
            move |_| {
                id = id.wrapping_add(by);
                id
            }
        }
        exercise(count(0, 1));
        exercise(count(u64::MAX - 500, 1));
        exercise(count(u64::MAX, u64::MAX));
        exercise(count(1 << 60, 3));
        exercise(count(0, STEP));
        exercise(count(0, STEP + 1));
        // Anything, and the same ids again and again.
        exercise(|x| x);
        exercise(|x| (x >> 33) % 500);
        // Some are left out, of different lengths.
        let mut id = 0;
        exercise(move |x| {
            id += 1 + (x >> 60) * (x >> 50 & 3);
            id
        });
        // Several clients count, each in a range of its own, some of which come near to others.
        let mut counters = [0, 900, 1 << 20, (1 << 20) + 40, u64::MAX - 100];
        exercise(move |x| {
            let counter = &mut counters[(x >> 35) as usize % 5];
            *counter = counter.wrapping_add(1);
            *counter
        });
    }

    #[test]
    fn ids_that_count_up_need_no_table() {
        let mut places = Places::new(16);
        for id in 0..1000 {
            enter(&mut places, id);
        }
        for id in 1000..20_000 {
            enter(&mut places, id);
            places.set(RequestId(id), place(1));
            assert_eq!(there(&places, id), Some(place(1)));
            leave(&mut places, id - 1000);
            assert_eq!((places.near.len(), places.far.table.len()), (1000, 0));
            assert!(places.near.cells() <= 2048);
        }
    }

    #[test]
    fn only_an_id_that_is_not_there_is_appended() {
        let can_append = |places: &Places, id| {
            let id = RequestId(id);
            places.is_next(id) && !(places.may_be_far(id) && places.is_far(id))
        };
        let mut places = Places::new(16);
        (0..10).for_each(|id| enter(&mut places, id));
        assert!(can_append(&places, 10) && !can_append(&places, 11));
        // It is not near, and then it would be the next.
        enter(&mut places, 30);
        (10..30).for_each(|id| enter(&mut places, id));
        assert_eq!((places.near.last(), places.far.table.len()), (29, 1));
        assert!(!can_append(&places, 30));
        leave(&mut places, 30);
        assert!(can_append(&places, 30));
        // Somebody would fall off.
        let cells = places.near.cells() as u64;
        (30..cells).for_each(|id| enter(&mut places, id));
        assert!(!can_append(&places, cells));
        leave(&mut places, 0);
        assert!(can_append(&places, cells));
    }

    #[test]
    fn who_stays_behind_goes_to_the_table() {
        let mut places = Places::new(16);
        for id in 0..20_000 {
            enter(&mut places, id);
            if id % 100 != 7 {
                leave(&mut places, id);
            }
        }
        assert_eq!(places.len(), 200);
        assert!(places.near.cells() <= 256, "{}", places.near.cells());
        assert!(places.far.table.len() > 180);
        assert!((0..200).all(|n| there(&places, n * 100 + 7).is_some()));
    }

    #[test]
    fn a_window_of_which_more_than_a_quarter_are_taken_grows() {
        for (stay, cells) in [(4, 16), (5, 32), (8, 32), (9, 64)] {
            let mut places = Places::new(16);
            (0..stay).for_each(|id| enter(&mut places, id));
            for id in stay..100 {
                enter(&mut places, id);
                leave(&mut places, id);
            }
            assert_eq!(places.near.cells(), cells, "{stay}");
            assert_eq!(ids(&places), (0..stay).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_count_that_goes_on_elsewhere_is_followed() {
        let mut places = Places::new(16);
        (0..100).for_each(|id| enter(&mut places, id));
        let elsewhere = 1 << 40;
        (0..50).for_each(|n| enter(&mut places, elsewhere + n));
        // The first of them might have been alone.
        assert_eq!((places.near.len(), places.far.table.len()), (43, 107));
        assert_eq!(places.len(), 150);
    }

    #[test]
    fn of_two_that_count_in_turns_one_is_near() {
        for burst in [1, 2, 7] {
            let mut places = Places::new(16);
            let count = |client: u64| (0..burst).map(move |n| (client, n));
            for step in 0..2000 {
                for (client, n) in count(0).chain(count(1)) {
                    enter(&mut places, client << 40 | (step * burst + n));
                    if step >= 100 {
                        leave(&mut places, client << 40 | ((step - 100) * burst + n));
                    }
                }
                let sizes = [places.near.len(), places.far.table.len()];
                assert!(
                    step < 200 || sizes == [100 * burst as usize; 2],
                    "{sizes:?}"
                );
            }
        }
    }

    #[test]
    fn a_window_that_is_full_does_not_move() {
        for (near, moves) in [(4096, true), (4097, false)] {
            let mut places = Places::new(16);
            (0..near).for_each(|id| enter(&mut places, id));
            (0..20).for_each(|n| enter(&mut places, 1 << 40 | n));
            assert_eq!(places.near.len(), if moves { 13 } else { near as usize });
        }
    }

    #[test]
    fn what_a_flood_took_is_given_back() {
        let mut places = Places::new(16);
        (0..100_000).for_each(|id| enter(&mut places, id));
        assert!(places.near.cells() >= 100_000);
        (0..99_990).for_each(|id| leave(&mut places, id));
        assert!(places.near.cells() <= 256);
        (99_990..100_000).for_each(|id| leave(&mut places, id));
        assert_eq!((places.len(), places.near.cells()), (0, 256));
        // Also when the oldest stay longest, and fall off.
        (0..100_000).for_each(|id| enter(&mut places, 1 << 40 | id));
        (1..100_000)
            .rev()
            .for_each(|id| leave(&mut places, 1 << 40 | id));
        assert_eq!((places.len(), places.near.cells()), (1, 256));
    }
}
