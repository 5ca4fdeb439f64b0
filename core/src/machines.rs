//! The machines that are asked for or in service: the record of each, and the orders they stand in
//! (S4, and the two by time).

use alloc::vec::Vec;

use slab::Slab;
use smallvec::SmallVec;

use crate::bits::Bits;
use crate::hash::SlotMap;
use crate::heap::Heap;
use crate::holdings::Holder;
use crate::id::{MachineId, RequestId};
use crate::list::{Linked, Links, List, NIL, put};
use crate::time::Instant;
use crate::view::MachineCounts;

/// The list of all machines, by id.
#[derive(Debug)]
pub(crate) struct ById;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum State {
    /// Asked for when the start back-off had made so many steps (F7).
    Pending {
        steps: u64,
    },
    Ok,
    /// Until then, or without end when that is past the end of time.
    Probation {
        until: Option<Instant>,
    },
}

/// Where a machine stands with its polls (S17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Poll {
    /// No poll is out and none will be.
    Never,
    /// A poll is out.
    Out,
    /// The next one is due then.
    Due(Instant),
}

/// What runs on a machine, in the order of the grants (F4, F11). There are at most as many as procs, so looking through them
/// is quicker than following links from record to record.
pub(crate) type Running = SmallVec<[RequestId; 16]>;

/// What a grant and its end look at stands first.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    pub(crate) state: State,
    /// Procs of the running grants.
    pub(crate) used: u32,
    /// Positions in the heaps; `NIL` where it is in none.
    ready_at: u32,
    pub(crate) running: Running,
    probation_at: u32,
    poll_at: u32,
    pub(crate) poll: Poll,
    /// How many polls in a row came back unanswered (F8).
    pub(crate) silent: u32,
    pub(crate) holds: Holder,
    links: Links,
}

impl Machine {
    fn new(id: MachineId, state: State) -> Machine {
        Machine {
            id,
            state,
            poll: Poll::Never,
            silent: 0,
            used: 0,
            running: Running::new(),
            holds: Holder::EMPTY,
            ready_at: NIL,
            probation_at: NIL,
            poll_at: NIL,
            links: Links::NONE,
        }
    }
}

impl Linked<ById> for Machine {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// Ok machines with free procs: for each number of free procs a heap by id (T2).
#[derive(Clone, Debug)]
struct Ready {
    by_free: Vec<Heap<MachineId>>,
    values: Bits,
    len: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Machines {
    /// Procs of each.
    pub(crate) procs: u32,
    pub(crate) slab: Slab<Machine>,
    pub(crate) ids: SlotMap<MachineId>,
    pub(crate) by_id: List<ById>,
    pub(crate) counts: MachineCounts,
    ready: Ready,
    probation: Heap<(Instant, MachineId)>,
    polls: Heap<(Instant, MachineId)>,
    /// Whether a machine came, went, changed its state or its next poll since this was last set to false: else no deadline
    /// of theirs, and none of their starts, is another.
    pub(crate) deadlines_moved: bool,
}

impl Machines {
    pub(crate) fn new(procs: u32) -> Machines {
        let by_free = (0..=procs).map(|_| Heap::new()).collect();
        Machines {
            procs,
            slab: Slab::new(),
            ids: SlotMap::default(),
            by_id: List::EMPTY,
            counts: MachineCounts::default(),
            ready: Ready {
                by_free,
                values: Bits::up_to(procs),
                len: 0,
            },
            probation: Heap::new(),
            polls: Heap::new(),
            deadlines_moved: false,
        }
    }

    pub(crate) fn get(&self, slot: u32) -> &Machine {
        &self.slab[slot as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Machine {
        &mut self.slab[slot as usize]
    }

    pub(crate) fn find(&self, id: MachineId) -> Option<u32> {
        self.ids.get(&id).copied()
    }

    /// Adds a machine, whose id is greater than any before.
    ///
    /// There is always room: a machine is asked for only while requests need more than there are
    /// (S7), so there never are more machines than there were requests at once.
    pub(crate) fn add(&mut self, id: MachineId, state: State) -> u32 {
        let slot = put(&mut self.slab, Machine::new(id, State::Ok));
        self.ids.insert(id, slot);
        self.by_id.push_back(&mut self.slab, slot);
        self.counts.ok += 1;
        self.set_state(slot, state);
        slot
    }

    /// Forgets a machine, which the caller has cleared of all it ran and held.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.set_poll(slot, Poll::Never);
        self.set_state(slot, State::Ok);
        self.withdraw(slot);
        self.counts.ok -= 1;
        self.by_id.remove(&mut self.slab, slot);
        let machine = self.slab.remove(slot as usize);
        self.ids.swap_remove(&machine.id);
    }

    /// Moves a machine to another state, and in and out of the orders that go with it.
    pub(crate) fn set_state(&mut self, slot: u32, state: State) {
        self.deadlines_moved = true;
        self.withdraw(slot);
        let Machine { id, state: old, .. } = *self.get(slot);
        *self.count(old) -= 1;
        *self.count(state) += 1;
        let slab = &mut self.slab;
        let at = core::mem::replace(&mut slab[slot as usize].probation_at, NIL);
        if at != NIL {
            self.probation
                .remove(at, |slot, at| slab[slot as usize].probation_at = at);
        }
        if let State::Probation { until: Some(until) } = state {
            let moved = |slot, at| slab[slot as usize].probation_at = at;
            self.probation.push((until, id), slot, moved);
        }
        self.get_mut(slot).state = state;
        self.offer(slot);
    }

    fn count(&mut self, state: State) -> &mut u64 {
        match state {
            State::Pending { .. } => &mut self.counts.pending,
            State::Ok => &mut self.counts.ok,
            State::Probation { .. } => &mut self.counts.probation,
        }
    }

    pub(crate) fn set_poll(&mut self, slot: u32, poll: Poll) {
        self.deadlines_moved = true;
        let slab = &mut self.slab;
        let at = core::mem::replace(&mut slab[slot as usize].poll_at, NIL);
        if at != NIL {
            self.polls
                .remove(at, |slot, at| slab[slot as usize].poll_at = at);
        }
        if let Poll::Due(due) = poll {
            let id = slab[slot as usize].id;
            self.polls
                .push((due, id), slot, |slot, at| slab[slot as usize].poll_at = at);
        }
        self.get_mut(slot).poll = poll;
    }

    /// A grant begins on a machine.
    pub(crate) fn occupy(&mut self, slot: u32, request: RequestId, procs: u32) {
        self.withdraw(slot);
        self.load(slot, request, procs);
        self.offer(slot);
    }

    /// The same for a machine that is not in the order of S4, and stays out of it.
    pub(crate) fn load(&mut self, slot: u32, request: RequestId, procs: u32) {
        let machine = self.get_mut(slot);
        machine.used += procs;
        machine.running.push(request);
    }

    /// A grant ends on a machine, which is out of the order of S4 then: the caller offers it.
    pub(crate) fn release(&mut self, slot: u32, request: RequestId, procs: u32) {
        self.withdraw(slot);
        let machine = self.get_mut(slot);
        machine.used -= procs;
        let at = machine.running.iter().position(|&other| other == request);
        machine.running.remove(at.expect("it runs here"));
    }

    /// The free procs of a machine that is ok and not in the order of S4.
    pub(crate) fn free_in_hand(&self, slot: u32) -> Option<u32> {
        let machine = self.get(slot);
        let in_hand = machine.state == State::Ok && machine.ready_at == NIL;
        in_hand.then(|| self.procs - machine.used)
    }

    /// All grants end on a machine; what ran there, in the order of the grants.
    pub(crate) fn clear(&mut self, slot: u32) -> Running {
        self.withdraw(slot);
        let machine = self.get_mut(slot);
        machine.used = 0;
        let running = core::mem::take(&mut machine.running);
        self.offer(slot);
        running
    }

    /// Takes a machine out of the order of S4 if it is in it.
    #[inline]
    fn withdraw(&mut self, slot: u32) {
        if self.get(slot).ready_at != NIL {
            self.unlist(slot);
        }
    }

    fn unlist(&mut self, slot: u32) {
        let machine = &mut self.slab[slot as usize];
        let at = core::mem::replace(&mut machine.ready_at, NIL);
        let free = self.procs - machine.used;
        self.ready.len -= 1;
        let heap = &mut self.ready.by_free[free as usize];
        heap.remove(at, |slot, at| self.slab[slot as usize].ready_at = at);
        if heap.len() == 0 {
            self.ready.values.remove(free);
        }
    }

    /// Puts a machine into the order of S4 if it belongs there and is not there.
    #[inline]
    pub(crate) fn offer(&mut self, slot: u32) {
        match self.free_in_hand(slot) {
            None | Some(0) => {}
            Some(free) => self.list(slot, free),
        }
    }

    fn list(&mut self, slot: u32, free: u32) {
        let id = self.get(slot).id;
        self.ready.len += 1;
        let heap = &mut self.ready.by_free[free as usize];
        heap.push(id, slot, |slot, at| self.slab[slot as usize].ready_at = at);
        if heap.len() == 1 {
            self.ready.values.insert(free);
        }
    }

    /// How many machines are ok and have free procs.
    pub(crate) fn ready(&self) -> u32 {
        self.ready.len
    }

    /// The greatest number of free procs below `bound` that some ready machine has, how many have
    /// it, and which of these has the lowest id (T2).
    pub(crate) fn ready_below(&self, bound: u32) -> Option<(u32, u32, u32)> {
        let free = self.ready.values.below(bound)?;
        let heap = &self.ready.by_free[free as usize];
        // There are fewer machines than NIL.
        heap.peek()
            .map(|(_, lowest)| (free, heap.len() as u32, lowest))
    }

    /// The machine whose probation ends first, by time and then id (T3).
    pub(crate) fn next_probation(&self) -> Option<(Instant, u32)> {
        self.probation
            .peek()
            .map(|((until, _), slot)| (until, slot))
    }

    /// The machine that is to be polled first, by time and then id.
    pub(crate) fn next_poll(&self) -> Option<(Instant, u32)> {
        self.polls.peek().map(|((due, _), slot)| (due, slot))
    }

    /// All slots, by id.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_id.iter(&self.slab)
    }

    /// Whether the machines with free procs are exactly those in the ready heaps, in order.
    pub(crate) fn check_ready(&self) -> bool {
        let held = self.ready.by_free.iter().enumerate().all(|(free, heap)| {
            self.ready.values.contains(free as u32) == (heap.len() > 0)
                && heap.check(|slot, at, id| {
                    self.slab.get(slot as usize).is_some_and(|machine| {
                        let fits = machine.used as usize + free == self.procs as usize;
                        fits && machine.ready_at == at && machine.id == id
                    })
                })
        });
        let listed = |machine: &Machine| {
            let ready = machine.state == State::Ok && machine.used < self.procs;
            ready == (machine.ready_at != NIL)
        };
        let len: usize = self.ready.by_free.iter().map(Heap::len).sum();
        let all = self.slab.iter().all(|(_, machine)| listed(machine));
        held && all && len == self.ready.len as usize
    }

    /// Whether the machines whose probation ends are exactly those in its heap, in order.
    pub(crate) fn check_probation(&self) -> bool {
        let until = |machine: &Machine| match machine.state {
            State::Probation { until } => until,
            _ => None,
        };
        let held = self.probation.check(|slot, at, (time, id)| {
            self.slab.get(slot as usize).is_some_and(|machine| {
                machine.probation_at == at && machine.id == id && until(machine) == Some(time)
            })
        });
        held && self
            .slab
            .iter()
            .all(|(_, m)| until(m).is_some() == (m.probation_at != NIL))
    }

    /// Whether the machines whose next poll has a time are exactly those in its heap, in order.
    pub(crate) fn check_polls(&self) -> bool {
        let held = self.polls.check(|slot, at, (time, id)| {
            self.slab.get(slot as usize).is_some_and(|machine| {
                machine.poll_at == at && machine.id == id && machine.poll == Poll::Due(time)
            })
        });
        let due = |machine: &Machine| matches!(machine.poll, Poll::Due(_));
        held && self.slab.iter().all(|(_, m)| due(m) == (m.poll_at != NIL))
    }
}

#[cfg(test)]
mod tests {
    use super::{MachineId, Machines, NIL, RequestId, State};

    /// Two machines with as many free procs, one with fewer, one that is full, one that is asked for; spoilt, the order of S4
    /// must be noticed to be.
    fn is_sound(spoil: impl FnOnce(&mut Machines)) -> bool {
        let mut machines = Machines::new(4);
        let slots = [0, 1, 2, 3].map(|id| machines.add(MachineId(id), State::Ok));
        machines.occupy(slots[2], RequestId(1), 1);
        machines.occupy(slots[3], RequestId(2), 4);
        machines.add(MachineId(4), State::Pending { steps: 0 });
        assert_eq!(slots, [0, 1, 2, 3], "they are told apart below");
        spoil(&mut machines);
        machines.check_ready()
    }

    #[test]
    fn an_order_that_is_not_as_the_machines_say_is_noticed() {
        assert!(is_sound(|_| ()));
        // What the heaps hold.
        assert!(!is_sound(|m| m.ready.values.remove(4)));
        assert!(!is_sound(|m| m.ready.values.insert(2)));
        assert!(!is_sound(|m| m.get_mut(0).used = 1));
        assert!(!is_sound(|m| {
            m.get_mut(0).ready_at = 1;
            m.get_mut(1).ready_at = 0;
        }));
        assert!(!is_sound(|m| m.get_mut(1).id = MachineId(9)));
        assert!(!is_sound(|m| {
            m.slab.remove(2);
        }));
        // Who is in them: a full one, one that is asked for, and not one with procs free.
        assert!(!is_sound(|m| m.get_mut(3).ready_at = 0));
        assert!(!is_sound(|m| m.get_mut(4).ready_at = 0));
        assert!(!is_sound(|m| m.get_mut(3).used = 3));
        assert!(!is_sound(|m| {
            m.get_mut(4).state = State::Ok;
            assert_eq!(m.get(4).ready_at, NIL);
        }));
        // How many.
        assert!(!is_sound(|m| m.ready.len += 1));
    }
}
