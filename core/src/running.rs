//! What runs on the machines, in the order of the grants (F4, F11).
//!
//! A machine has up to sixteen seats, and who sits down is given a stamp. So who leaves needs no search, nobody moves up, and
//! the list of ids, which is large when there are many machines, is only written to: nothing waits for memory. Where more
//! run at once than there are seats they are in a list.

use alloc::vec::Vec;

use crate::cell::SEATS;
use crate::id::RequestId;

/// The seats of one machine, in nineteen bytes.
#[derive(Clone, Copy, Debug)]
// In this order: the two bytes at a multiple of four would be read as four, which waits for who wrote two.
#[repr(C)]
pub(crate) struct Seats {
    /// Of each seat, when it was last taken: who sits longer has a lower one.
    stamps: [u8; SEATS as usize],
    /// The next stamp.
    next: u8,
    /// A bit for each seat that is free.
    free: [u8; 2],
}

/// No stamp. If it is the next, those who run are in the list, and no seat is free.
const NONE: u8 = u8::MAX;

impl Seats {
    /// All free, of a machine with so many procs: it has a seat for each, if that is no more than sixteen.
    pub(crate) fn new(machine_procs: u32) -> Seats {
        let free = u16::MAX >> (SEATS - machine_procs.min(SEATS));
        Seats {
            stamps: [NONE; SEATS as usize],
            free: free.to_le_bytes(),
            next: 0,
        }
    }

    fn are_listed(&self) -> bool {
        self.next == NONE
    }

    /// Whether, of so many seats, each that is taken has a stamp of its own below the next, or all are said to be taken and
    /// those who run are in the list.
    fn check(&self, width: u32) -> bool {
        let free = u16::from_le_bytes(self.free);
        let all = u16::from_le_bytes(Seats::new(width).free);
        let stamps = self.taken().map(|seat| self.stamps[seat as usize]);
        let sound = stamps.clone().is_sorted_by(|a, b| a < b)
            && stamps.clone().all(|stamp| stamp < self.next)
            && stamps.count() == (all & !free).count_ones() as usize;
        free & !all == 0 && if self.are_listed() { free == 0 } else { sound }
    }

    /// Those that are taken, in the order of the stamps.
    fn taken(&self) -> impl Iterator<Item = u32> + Clone + use<> {
        let free = u16::from_le_bytes(self.free);
        let mut seats = [(NONE, 0); SEATS as usize];
        for (place, (seat, &stamp)) in seats.iter_mut().zip((0..).zip(&self.stamps)) {
            if free >> seat & 1 == 0 && !self.are_listed() {
                *place = (stamp, seat);
            }
        }
        seats.sort_unstable();
        let taken = seats.into_iter().take_while(|&(stamp, _)| stamp != NONE);
        taken.map(|(_, seat)| seat)
    }

    /// Takes the first free seat, if there is one.
    #[inline]
    fn take(&mut self) -> Option<u32> {
        let free = u16::from_le_bytes(self.free);
        self.free = (free & free.checked_sub(1)?).to_le_bytes();
        let seat = free.trailing_zeros();
        self.stamp(seat);
        if self.next == NONE {
            self.stamp_anew();
        }
        Some(seat)
    }

    /// Gives who is in a seat now the next stamp.
    #[inline]
    fn stamp(&mut self, seat: u32) {
        self.stamps[seat as usize] = self.next;
        self.next += 1;
    }

    /// Whether those who run sit, and a seat that is taken can be given to another.
    #[inline]
    pub(crate) fn can_replace(&self) -> bool {
        self.next < NONE - 1
    }

    /// Gets up from a seat that is taken.
    #[inline]
    fn leave(&mut self, seat: u32) {
        let (free, bit) = (u16::from_le_bytes(self.free), 1 << seat);
        assert!(free & bit == 0, "it runs here");
        self.free = (free | bit).to_le_bytes();
    }

    /// The lowest stamps will do: for each who sits, how many have sat longer.
    #[cold]
    fn stamp_anew(&mut self) {
        let free = u16::from_le_bytes(self.free);
        for (seat, stamp) in self.stamps.iter_mut().enumerate() {
            if free >> seat & 1 == 1 {
                *stamp = NONE;
            }
        }
        let old = self.stamps;
        let longer = |stamp| old.iter().map(|&other| u8::from(other < stamp)).sum();
        self.stamps = old.map(|stamp| if stamp == NONE { NONE } else { longer(stamp) });
        // A stamp that nobody has is above all.
        self.next = longer(NONE);
    }
}

/// Who sits where, on all machines.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The seats of a machine: as many as it has procs, if there are so many.
    width: u32,
    /// The ids of those who sit, so many for each machine.
    ids: Vec<RequestId>,
    /// For the machines up to the last that had any, those who are too many to sit.
    lists: Vec<Vec<RequestId>>,
}

impl Running {
    /// For machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Running {
        Running {
            width: machine_procs.min(SEATS),
            ids: Vec::new(),
            lists: Vec::new(),
        }
    }

    /// Makes room for the machine in a slot.
    pub(crate) fn admit(&mut self, slot: u32) {
        let ids = (slot as usize + 1) * self.width as usize;
        self.ids.resize(self.ids.len().max(ids), RequestId(0));
    }

    /// Appends a request; its seat.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        let Some(seat) = seats.take() else {
            return self.push_to_list(slot, seats, request);
        };
        let at = self.at(slot, seat);
        self.ids[at] = request;
        seat
    }

    /// A request takes a seat that is another's until then, where that can be done.
    #[inline]
    pub(crate) fn replace(&mut self, slot: u32, seats: &mut Seats, seat: u32, request: RequestId) {
        seats.stamp(seat);
        let at = self.at(slot, seat);
        self.ids[at] = request;
    }

    #[inline(never)]
    fn push_to_list(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        let lists = self.lists.len().max(slot as usize + 1);
        self.lists.resize(lists, Vec::new());
        let mut list = core::mem::take(&mut self.lists[slot as usize]);
        if !seats.are_listed() {
            list.extend(self.sitting(slot, seats).map(|(id, _)| id));
            seats.next = NONE;
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
        if seats.are_listed() {
            return self.remove_from_list(slot, seats, request);
        }
        debug_assert!(self.ids[self.at(slot, seat)] == request, "it runs here");
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

    /// Those who sit, each with its seat.
    pub(crate) fn sitting(
        &self,
        slot: u32,
        seats: &Seats,
    ) -> impl Iterator<Item = (RequestId, u32)> + use<'_> {
        let taken = seats.taken();
        taken.map(move |seat| (self.ids[self.at(slot, seat)], seat))
    }

    /// Whether the seats of a machine are sound.
    pub(crate) fn check(&self, slot: u32, seats: &Seats) -> bool {
        let list = self.lists.get(slot as usize);
        let listed = list.is_some_and(|list| !list.is_empty());
        seats.check(self.width) && listed == seats.are_listed()
    }

    /// Who was the last to sit in a seat.
    #[inline]
    pub(crate) fn touch(&self, slot: u32, seat: u32) -> u64 {
        self.ids[self.at(slot, seat)].0
    }

    fn at(&self, slot: u32, seat: u32) -> usize {
        slot as usize * self.width as usize + seat as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Running, Seats};
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
        let is_sound = |spoil: fn(&mut Seats)| {
            let mut seats = Seats::new(5);
            [(); 3].iter().for_each(|()| _ = seats.take());
            seats.leave(1);
            spoil(&mut seats);
            seats.check(5)
        };
        assert!(is_sound(|_| ()));
        assert!(!is_sound(|seats| seats.stamps[0] = seats.stamps[2]));
        assert!(!is_sound(|seats| seats.next = 2));
        assert!(!is_sound(|seats| seats.free = [0; 2]));
        assert!(!is_sound(|seats| seats.free[0] |= 1 << 5));
        assert!(!is_sound(|seats| seats.stamps[0] = super::NONE));
        assert!(!is_sound(|seats| seats.next = super::NONE));
        // While those who run are in the list, no seat is free.
        assert!(is_sound(
            |seats| (seats.next, seats.free) = (super::NONE, [0; 2])
        ));
    }

    #[test]
    fn a_seat_has_one_of_few_stamps_and_keeps_its_place_in_the_order() {
        let mut seats = Seats::new(3);
        let oldest = seats.take().expect("it is free");
        for _ in 0..2000 {
            let [second, third] = [(); 2].map(|()| seats.take().expect("it is free"));
            assert_eq!(seats.take(), None);
            assert!(seats.taken().eq([oldest, second, third]));
            assert!(seats.next < 255 && !seats.are_listed());
            [third, second]
                .into_iter()
                .for_each(|seat| seats.leave(seat));
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
