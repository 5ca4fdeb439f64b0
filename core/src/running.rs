//! What runs on the machines, in the order of the grants (F4, F11).
//!
//! A machine has up to sixteen seats, and the order of those who sit there is one number (Mao, Kohler and Morris: Cache
//! craftiness for fast multicore key-value storage, 2012). So who leaves needs no search, and the list of ids, which is large
//! when there are many machines, is only written to: nothing waits for memory. Where more run at once they are in a list.

use alloc::vec::Vec;

use crate::cell::SEATS;
use crate::id::RequestId;

/// The seats of one machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats {
    /// Four bits for each seat from the lowest on: those taken in the order of the grants, then the free ones.
    order: u64,
    /// How many are taken.
    taken: u8,
}

/// In place of a number of seats: those who run are in the list.
const LISTED: u8 = u8::MAX;

/// The number 1 in each four bits.
const ONES: u64 = 0x1111_1111_1111_1111;

impl Seats {
    pub(crate) const FREE: Seats = Seats {
        order: 0xfedc_ba98_7654_3210,
        taken: 0,
    };

    /// Whether nothing runs.
    pub(crate) fn are_free(self) -> bool {
        self.taken == 0
    }

    fn are_listed(self) -> bool {
        self.taken == LISTED
    }

    /// The seats taken, in order.
    fn iter(self) -> impl Iterator<Item = u32> {
        let taken = if self.are_listed() { 0 } else { self.taken };
        (0..taken).map(move |number| self.at(number))
    }

    /// The seat of a number in the order.
    #[inline]
    fn at(self, number: u8) -> u32 {
        // Of these four bits nothing is cut off.
        (self.order >> (4 * u32::from(number)) & 15) as u32
    }

    /// Takes the first free seat. There is one.
    #[inline]
    fn take(&mut self) -> u32 {
        let seat = self.at(self.taken);
        self.taken += 1;
        seat
    }

    /// Gets up from a seat that is taken, which is the first free one then; those behind it move up.
    #[inline]
    fn leave(&mut self, seat: u32) {
        let seat = u64::from(seat);
        // Zero where the seat is, and nowhere else. The lowest borrow comes from there.
        let other = self.order ^ (seat * ONES);
        let here = other.wrapping_sub(ONES) & !other & (ONES << 3);
        let number = here.trailing_zeros() / 4;
        assert!(number < u32::from(self.taken), "it runs here");
        self.taken -= 1;
        let last = 4 * u32::from(self.taken);
        let before = (1 << (4 * number)) - 1;
        let moved = ((1 << last) - 1) & !before;
        let behind = !(15 << last) & !before & !moved;
        self.order = (self.order & (before | behind)) | (self.order >> 4 & moved) | seat << last;
    }
}

/// Who sits where, on all machines.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The seats of a machine: as many as it has procs, if there are so many.
    width: u32,
    /// The ids of those who sit, so many for each machine.
    ids: Vec<RequestId>,
    /// For each machine those who are too many to sit, until it is idle: only if it has more procs than seats.
    lists: Vec<Vec<RequestId>>,
    machine_procs: u32,
}

impl Running {
    /// For machines of so many procs.
    pub(crate) fn new(machine_procs: u32) -> Running {
        Running {
            width: machine_procs.min(SEATS),
            ids: Vec::new(),
            lists: Vec::new(),
            machine_procs,
        }
    }

    /// Makes room for the machine in a slot.
    pub(crate) fn admit(&mut self, slot: u32) {
        let machines = slot as usize + 1;
        if machines * self.width as usize > self.ids.len() {
            self.ids
                .resize(machines * self.width as usize, RequestId(0));
            if self.machine_procs > SEATS {
                self.lists.resize(machines, Vec::new());
            }
        }
    }

    /// Appends a request; its seat.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        if u32::from(seats.taken) >= self.width {
            return self.push_to_list(slot, seats, request);
        }
        let seat = seats.take();
        let at = self.at(slot, seat);
        self.ids[at] = request;
        seat
    }

    #[inline(never)]
    fn push_to_list(&mut self, slot: u32, seats: &mut Seats, request: RequestId) -> u32 {
        let mut list = core::mem::take(&mut self.lists[slot as usize]);
        list.extend(self.sitting(slot, *seats));
        list.push(request);
        self.lists[slot as usize] = list;
        seats.taken = LISTED;
        0
    }

    /// Takes out a request that is there; those behind it move up.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32, seats: &mut Seats, seat: u32, request: RequestId) {
        if seats.are_listed() {
            return self.remove_from_list(slot, seats, request);
        }
        debug_assert!(self.ids[self.at(slot, seat)] == request, "it runs here");
        seats.leave(seat);
    }

    #[inline(never)]
    fn remove_from_list(&mut self, slot: u32, seats: &mut Seats, request: RequestId) {
        let list = &mut self.lists[slot as usize];
        let at = list.iter().position(|&other| other == request);
        list.remove(at.expect("it runs here"));
        if list.is_empty() {
            *seats = Seats::FREE;
        }
    }

    /// Takes all out, in the order of the grants.
    pub(crate) fn clear(&mut self, slot: u32, seats: &mut Seats) -> Vec<RequestId> {
        let all = self.iter(slot, *seats).collect();
        if seats.are_listed() {
            self.lists[slot as usize].clear();
        }
        *seats = Seats::FREE;
        all
    }

    /// All of them, in the order of the grants.
    pub(crate) fn iter(&self, slot: u32, seats: Seats) -> impl Iterator<Item = RequestId> {
        let list = self.lists.get(slot as usize).into_iter().flatten();
        self.sitting(slot, seats).chain(list.copied())
    }

    /// Those who sit.
    fn sitting(&self, slot: u32, seats: Seats) -> impl Iterator<Item = RequestId> {
        seats.iter().map(move |seat| self.ids[self.at(slot, seat)])
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
            let mut machines = [(); 3].map(|()| (Seats::FREE, Vec::new()));
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
                    running.remove(slot, seats, seat, id);
                }
                for (slot, (seats, model)) in (0..).zip(&machines) {
                    let ids = model.iter().map(|&(id, _)| id);
                    assert!(running.iter(slot, *seats).eq(ids));
                    assert_eq!(seats.are_free(), model.is_empty());
                }
            }
            for (slot, (mut seats, model)) in (0..).zip(machines) {
                let ids: Vec<_> = model.iter().map(|&(id, _)| id).collect();
                assert_eq!(running.clear(slot, &mut seats), ids);
                assert!(seats.are_free());
                assert_eq!(running.iter(slot, seats).count(), 0);
            }
        }
    }

    #[test]
    fn as_many_as_there_are_seats_need_no_list() {
        for procs in [16, 17] {
            let (mut running, mut seats) = (Running::new(procs), Seats::FREE);
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
    fn an_idle_machine_has_its_seats_again() {
        let (mut running, mut seats) = (Running::new(20), Seats::FREE);
        running.admit(0);
        let all = (0..20).map(RequestId);
        let taken: Vec<_> = all
            .map(|id| (id, running.push(0, &mut seats, id)))
            .collect();
        assert!(seats.are_listed());
        for (id, seat) in taken {
            running.remove(0, &mut seats, seat, id);
        }
        running.push(0, &mut seats, RequestId(77));
        assert!(!seats.are_listed());
        assert!(running.iter(0, seats).eq([RequestId(77)]));
    }

    #[test]
    #[should_panic = "it runs here"]
    fn nobody_gets_up_twice() {
        let mut seats = Seats::FREE;
        let (first, second) = (seats.take(), seats.take());
        seats.leave(first);
        seats.leave(first);
        assert_ne!(first, second);
    }
}
