//! What runs on the machines, in the order of the grants (F4, F11).
//!
//! A machine has up to sixteen seats, and memory for the next power of two of them; with who sits down the number of the grant is kept. So who leaves needs no search, and
//! nobody moves up. The list of all seats, which is large when there are many machines, is only written to, and for some
//! grants at once: one store that waits for memory would hold up those behind it, while some of them wait together. Until then
//! the grants are noted. Where more run on a machine than it has seats they are in a list.

use alloc::vec::Vec;

use crate::branch::cold_path;
use crate::cell::{SEATS, seat_bits};
use crate::id::RequestId;

/// Which seats of a machine are free, in three bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats {
    /// Whether those who run are in a list. No seat is free then.
    listed: bool,
    /// A bit for each seat that is free.
    free: [u8; 2],
}

impl Seats {
    /// All free, of a machine with so many procs: it has a seat for each, if that is no more than sixteen.
    pub(crate) fn new(machine_procs: u32) -> Seats {
        let free = u16::MAX >> (SEATS - machine_procs.min(SEATS));
        Seats {
            listed: false,
            free: free.to_le_bytes(),
        }
    }

    /// Whether those who run are in a list.
    #[inline]
    pub(crate) fn are_listed(&self) -> bool {
        self.listed
    }

    /// Those that are taken, by number.
    fn taken(&self, width: u32) -> impl Iterator<Item = u32> + use<> {
        let (free, listed) = (u16::from_le_bytes(self.free), self.listed);
        (0..width).filter(move |seat| free >> seat & 1 == 0 && !listed)
    }

    /// Takes the first free seat, if there is one.
    #[inline]
    fn take(&mut self) -> Option<u32> {
        let free = u16::from_le_bytes(self.free);
        self.free = (free & free.checked_sub(1)?).to_le_bytes();
        Some(free.trailing_zeros())
    }

    /// Gets up from a seat that is taken.
    #[inline]
    fn leave(&mut self, seat: u32) {
        let (free, bit) = (u16::from_le_bytes(self.free), 1 << seat);
        assert!(free & bit == 0, "it runs here");
        self.free = (free | bit).to_le_bytes();
    }
}

/// Who was the last to sit down in a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seated {
    /// Which grant it was, of all that there ever were.
    grant: u64,
    request: RequestId,
}

/// So many grants are noted before they are written down, at the most: about as many lines of the cache as a processor has
/// under way.
const NOTES: usize = 16;

/// Who sits where, on all machines.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The seats of a machine: as many as it has procs, if there are so many.
    width: u32,
    /// How many bits say which of them it is.
    bits: u32,
    /// Those of the machines, so many for each as these bits can say.
    seats: Vec<Seated>,
    /// How many grants are written down there.
    grants: u64,
    /// The grants after those, in order: in which seat, and who.
    notes: [(usize, RequestId); NOTES],
    /// How many these are.
    noted: usize,
    /// For the machines up to the last that had any, those who are too many to sit.
    lists: Vec<Vec<RequestId>>,
}

impl Running {
    /// For machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Running {
        Running {
            width: machine_procs.min(SEATS),
            bits: seat_bits(machine_procs),
            seats: Vec::new(),
            grants: 0,
            notes: [(0, RequestId(0)); NOTES],
            noted: 0,
            lists: Vec::new(),
        }
    }

    /// Makes room for the machine in a slot.
    pub(crate) fn admit(&mut self, slot: u32) {
        let (grant, request) = (0, RequestId(0));
        let seats = (slot as usize + 1) << self.bits;
        self.seats
            .resize(self.seats.len().max(seats), Seated { grant, request });
    }

    /// Appends a request; its seat.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        let Some(seat) = seats.take() else {
            return self.push_to_list(slot, seats, request);
        };
        self.sit(self.at(slot, seat), request);
        seat
    }

    /// A request sits down on a machine in a seat, in one number, that was just taken or is another's.
    #[inline]
    pub(crate) fn sit(&mut self, at: usize, request: RequestId) {
        if !self.note(at, request) {
            self.write_down();
            self.note(at, request);
        }
    }

    /// Notes that, if there is room for one more. Whether there was.
    #[inline(always)]
    pub(crate) fn note(&mut self, at: usize, request: RequestId) -> bool {
        match self.notes.get_mut(self.noted) {
            Some(note) => *note = (at, request),
            None => {
                cold_path();
                return false;
            }
        }
        self.noted += 1;
        true
    }

    /// Writes down what is noted.
    #[inline(never)]
    pub(crate) fn write_down(&mut self) {
        let notes = self.notes.iter().take(self.noted);
        for (grant, &(at, request)) in (self.grants..).zip(notes) {
            self.seats[at] = Seated { grant, request };
        }
        // There are never 2^64.
        self.grants += self.noted as u64;
        self.noted = 0;
    }

    /// Who was the last to sit down in a seat.
    fn seated(&self, at: usize) -> Seated {
        let notes = (self.grants..).zip(&self.notes[..self.noted]);
        let last = notes.filter(|&(_, &(other, _))| other == at).last();
        match last {
            Some((grant, &(_, request))) => Seated { grant, request },
            None => self.seats[at],
        }
    }

    #[inline(never)]
    fn push_to_list(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        let lists = self.lists.len().max(slot as usize + 1);
        self.lists.resize(lists, Vec::new());
        let mut list = core::mem::take(&mut self.lists[slot as usize]);
        if !seats.listed {
            list.extend(self.sitting(slot, seats).map(|(id, _)| id));
            seats.listed = true;
        }
        list.push(request);
        self.lists[slot as usize] = list;
        0
    }

    /// Takes out a request that is there. Whether others were in the list and sit now.
    #[inline]
    pub(crate) fn remove(
        &mut self,
        slot: u32,
        seats: &mut Seats,
        seat: u32,
        request: RequestId,
    ) -> bool {
        if seats.listed {
            return self.remove_from_list(slot, seats, request);
        }
        debug_assert!(
            self.seated(self.at(slot, seat)).request == request,
            "it runs here"
        );
        seats.leave(seat);
        false
    }

    #[inline(never)]
    fn remove_from_list(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> bool {
        let list = &mut self.lists[slot as usize];
        let at = list.iter().position(|&other| other == request);
        list.remove(at.expect("it runs here"));
        // Half of the seats must be free then, or they would go to and fro.
        if list.len() > SEATS as usize / 2 {
            return false;
        }
        *seats = Seats::new(self.width);
        let mut list = core::mem::take(list);
        for id in list.drain(..) {
            self.push(slot, seats, id);
        }
        self.lists[slot as usize] = list;
        true
    }

    /// Takes all out, in the order of the grants, and gives back the memory of a list.
    pub(crate) fn clear(&mut self, slot: u32, seats: &mut Seats) -> Vec<RequestId> {
        let all = self.iter(slot, seats).collect();
        if let Some(list) = self.lists.get_mut(slot as usize) {
            *list = Vec::new();
        }
        *seats = Seats::new(self.width);
        all
    }

    /// All of them, in the order of the grants.
    pub(crate) fn iter(&self, slot: u32, seats: &Seats) -> impl Iterator<Item = RequestId> {
        let list = self.lists.get(slot as usize).into_iter().flatten();
        let sitting = self.sitting(slot, seats).map(|(id, _)| id);
        sitting.chain(list.copied())
    }

    /// Those who sit, each with its seat, in the order of the grants.
    pub(crate) fn sitting(
        &self,
        slot: u32,
        seats: &Seats,
    ) -> impl Iterator<Item = (RequestId, u32)> + use<> {
        let mut taken = [None; SEATS as usize];
        for (place, seat) in taken.iter_mut().zip(seats.taken(self.width)) {
            let Seated { grant, request } = self.seated(self.at(slot, seat));
            *place = Some((grant, request, seat));
        }
        taken.sort_unstable();
        let sitting = taken.into_iter().flatten();
        sitting.map(|(_, request, seat)| (request, seat))
    }

    /// Whether the seats of a machine are sound: each has its number of a grant, or those who run are in the list and no seat is
    /// free.
    pub(crate) fn check(&self, slot: u32, seats: &Seats) -> bool {
        let list = self.lists.get(slot as usize);
        let listed = list.is_some_and(|list| !list.is_empty());
        let free = u16::from_le_bytes(seats.free);
        let all = u16::from_le_bytes(Seats::new(self.width).free);
        let taken = seats.taken(self.width);
        let grants = taken.map(|seat| self.seated(self.at(slot, seat)).grant);
        let mut grants: Vec<u64> = grants.collect();
        grants.sort_unstable();
        free & !all == 0
            && listed == seats.listed
            && (!listed || free == 0)
            && grants.is_sorted_by(|a, b| a < b)
            && grants
                .iter()
                .all(|grant| (0..self.grants + self.noted as u64).contains(grant))
    }

    /// A machine and a seat in one number.
    fn at(&self, slot: u32, seat: u32) -> usize {
        (slot as usize) << self.bits | seat as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{NOTES, Running, Seats};
    use crate::id::RequestId;
    use alloc::vec::Vec;

    fn next(x: u64) -> u64 {
        x.wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407)
    }

    #[test]
    fn they_are_lists_however_many_run() {
        for procs in [1, 3, 15, 16, 17, 60] {
            let mut running = Running::new(procs);
            let mut machines = [(); 3].map(|()| (Seats::new(procs), Vec::new()));
            (0..3).for_each(|slot| running.admit(slot));
            let mut x = 1;
            for n in 0..20_000 {
                x = next(x);
                let slot = (x >> 50) as u32 % 3;
                let (seats, model) = &mut machines[slot as usize];
                // More come than go, and then the other way round.
                let comes = x >> 40 & 3 > u64::from(n % 500 > 300) * 2;
                if comes && model.len() < procs as usize {
                    let id = RequestId(x);
                    model.push((id, running.push(slot, seats, id)));
                } else if !model.is_empty() {
                    let (id, seat) = model.remove((x >> 33) as usize % model.len());
                    if running.remove(slot, seats, seat, id) {
                        *model = running.sitting(slot, seats).collect();
                    }
                }
                for (slot, (seats, model)) in (0..).zip(&machines) {
                    let ids = model.iter().map(|&(id, _)| id);
                    assert!(running.iter(slot, seats).eq(ids));
                    assert!(running.check(slot, seats));
                }
            }
            for (slot, (mut seats, model)) in (0..).zip(machines) {
                let ids: Vec<_> = model.iter().map(|&(id, _)| id).collect();
                assert_eq!(running.clear(slot, &mut seats), ids);
                assert_eq!(running.iter(slot, &seats).count(), 0);
                assert!(
                    running
                        .lists
                        .iter()
                        .all(|list| list.capacity() == 0 || slot < 2)
                );
            }
        }
    }

    #[test]
    fn as_many_as_there_are_seats_need_no_list() {
        for procs in [16, 17] {
            let (mut running, mut seats) = (Running::new(procs), Seats::new(procs));
            running.admit(0);
            let mut sitting = Vec::new();
            for n in 0..1000 {
                sitting.push(running.push(0, &mut seats, RequestId(n)));
                if n >= 15 {
                    let first = sitting.remove(0);
                    running.remove(0, &mut seats, first, RequestId(n - 15));
                }
            }
            assert!(running.lists.iter().all(|list| list.capacity() == 0));
        }
    }

    #[test]
    fn those_who_are_few_again_sit() {
        let (mut running, mut seats) = (Running::new(20), Seats::new(20));
        running.admit(0);
        let all = (0..20).map(RequestId);
        let taken: Vec<_> = all
            .map(|id| (id, running.push(0, &mut seats, id)))
            .collect();
        assert!(seats.are_listed());
        for (id, seat) in taken {
            let sit = running.remove(0, &mut seats, seat, id);
            // Those that still have their seats from before are done with.
            if sit {
                break;
            }
        }
        let left = (12..20).map(RequestId).zip(0..);
        assert!(!seats.are_listed() && running.sitting(0, &seats).eq(left));
        running.push(0, &mut seats, RequestId(77));
        assert_eq!(running.iter(0, &seats).last(), Some(RequestId(77)));
    }

    #[test]
    fn seats_that_are_not_sound_are_noticed() {
        let is_sound = |spoil: fn(&mut Running, &mut Seats)| {
            let (mut running, mut seats) = (Running::new(5), Seats::new(5));
            running.admit(0);
            // Those of before are written down, those of now are not.
            for n in 0..NOTES as u64 + 3 {
                let seat = running.push(0, &mut seats, RequestId(n));
                if n < NOTES as u64 || n % 2 == 0 {
                    running.remove(0, &mut seats, seat, RequestId(n));
                }
            }
            running.push(0, &mut seats, RequestId(77));
            spoil(&mut running, &mut seats);
            running.check(0, &seats)
        };
        assert!(is_sound(|_, _| ()));
        assert!(!is_sound(|running, _| {
            running.seats.iter_mut().for_each(|seated| seated.grant = 3);
            (running.grants, running.noted) = (16, 0);
        }));
        assert!(!is_sound(
            |running, _| (running.grants, running.noted) = (0, 0)
        ));
        assert!(!is_sound(|_, seats| seats.free = [0; 2]));
        assert!(!is_sound(|_, seats| seats.free[0] |= 1 << 5));
        assert!(!is_sound(|_, seats| seats.listed = true));
        // While those who run are in the list, no seat is free.
        let list = |running: &mut Running| running.lists = Vec::from([Vec::from([RequestId(1)])]);
        let mut running = Running::new(5);
        running.admit(0);
        list(&mut running);
        let mut seats = Seats::new(5);
        assert!(!running.check(0, &seats));
        seats.listed = true;
        assert!(!running.check(0, &seats));
        seats.free = [0; 2];
        assert!(running.check(0, &seats));
    }

    #[test]
    fn who_is_seated_is_known_before_it_is_written_down() {
        let (mut running, mut seats) = (Running::new(3), Seats::new(3));
        running.admit(0);
        for n in 0..3 {
            running.push(0, &mut seats, RequestId(n));
        }
        // Each takes the seat of the oldest, which makes it the newest.
        for n in 3..10 * NOTES as u64 {
            running.sit((n % 3) as usize, RequestId(n));
            let sitting = running.sitting(0, &seats);
            assert!(sitting.eq([n - 2, n - 1, n].map(|n| (RequestId(n), (n % 3) as u32))));
            assert!(running.check(0, &seats));
        }
        // One seat changes hands again and again.
        for n in 0..3 * NOTES as u64 {
            running.sit(1, RequestId(1000 + n));
            assert_eq!(running.iter(0, &seats).last(), Some(RequestId(1000 + n)));
        }
    }

    #[test]
    #[should_panic = "it runs here"]
    fn nobody_gets_up_twice() {
        let mut seats = Seats::new(4);
        let first = seats.take().expect("it is free");
        seats.leave(first);
        seats.leave(first);
    }
}
