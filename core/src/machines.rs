//! The machines that are asked for or in service: the record of each, and when it goes in and out of the orders of `ready.rs`
//! and `by_time.rs`.

use alloc::vec::Vec;

use slab::Slab;

use crate::by_time::ByTime;
use crate::cell::Place;
use crate::hash::SlotMap;
use crate::holdings::Holder;
use crate::id::{MachineId, RequestId};
use crate::list::{Linked, Links, List, put};
use crate::plain::Plain;
use crate::ready::Ready;
use crate::running::{Running, Seats};
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

/// Where a machine stands with the order of S4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is not ok, and not in the order.
    Away,
    /// It is ok, and not in the order: it is full, or about to be given something.
    InHand,
    /// It is in the order.
    Listed,
}

/// What a grant and its end look at: a quarter of a line of the cache for each machine, all beside each other.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub(crate) struct Load {
    pub(crate) id: MachineId,
    pub(crate) seats: Seats,
    /// Procs of the running grants.
    pub(crate) used: u32,
    standing: Standing,
}

impl Load {
    /// Whether its state is ok.
    pub(crate) fn is_ok(&self) -> bool {
        self.standing != Standing::Away
    }
}

/// What else there is to know of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) state: State,
    pub(crate) poll: Poll,
    /// How many polls in a row came back unanswered (F8).
    pub(crate) silent: u32,
    pub(crate) holds: Holder,
    links: Links,
}

impl Linked<ById> for Machine {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl State {
    /// When its probation is over.
    fn until(self) -> Option<Instant> {
        match self {
            State::Probation { until } => until,
            State::Pending { .. } | State::Ok => None,
        }
    }
}

impl Poll {
    fn due(self) -> Option<Instant> {
        match self {
            Poll::Due(due) => Some(due),
            Poll::Never | Poll::Out => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Machines {
    /// Procs of each.
    pub(crate) procs: u32,
    pub(crate) slab: Slab<Machine>,
    /// For each slot, whether there is a machine or not.
    loads: Vec<Load>,
    /// Those that are ok and where all that run sit.
    plain: Plain,
    pub(crate) running: Running,
    pub(crate) ids: SlotMap<MachineId>,
    pub(crate) by_id: List<ById>,
    pub(crate) counts: MachineCounts,
    /// Those that are ok and have procs free.
    pub(crate) ready: Ready,
    probation: ByTime,
    polls: ByTime,
    /// Whether a machine came, went, changed its state or its next poll since this was last set to false, or something fired:
    /// else no deadline is another, also none of the back-off, which follows starts that succeed or fail.
    pub(crate) deadlines_moved: bool,
}

impl Machines {
    pub(crate) fn new(procs: u32) -> Machines {
        Machines {
            procs,
            slab: Slab::new(),
            loads: Vec::new(),
            plain: Plain::default(),
            running: Running::new(procs),
            ids: SlotMap::default(),
            by_id: List::EMPTY,
            counts: MachineCounts::default(),
            ready: Ready::new(procs),
            probation: ByTime::new(),
            polls: ByTime::new(),
            deadlines_moved: false,
        }
    }

    pub(crate) fn get(&self, slot: u32) -> &Machine {
        &self.slab[slot as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Machine {
        &mut self.slab[slot as usize]
    }

    #[inline]
    pub(crate) fn load(&self, slot: u32) -> &Load {
        &self.loads[slot as usize]
    }

    /// Something of what the end of a request reads of its machine.
    #[inline]
    pub(crate) fn touch(&self, slot: u32) -> u64 {
        if self.ready.len() == 0 && self.plain(slot).is_some() {
            return 0;
        }
        u64::from(self.load(slot).used)
    }

    #[inline]
    fn load_mut(&mut self, slot: u32) -> &mut Load {
        &mut self.loads[slot as usize]
    }

    #[inline]
    pub(crate) fn id(&self, slot: u32) -> MachineId {
        self.load(slot).id
    }

    /// Its free procs, whatever its state.
    pub(crate) fn free(&self, slot: u32) -> u32 {
        self.procs - self.load(slot).used
    }

    /// What runs on a machine, in the order of the grants.
    pub(crate) fn running(&self, slot: u32) -> impl Iterator<Item = RequestId> {
        self.running.iter(slot, &self.load(slot).seats)
    }

    /// Those of them who sit, each with its seat.
    pub(crate) fn sitting(&self, slot: u32) -> impl Iterator<Item = (RequestId, u32)> {
        self.running.sitting(slot, &self.load(slot).seats)
    }

    /// Whether the seats of a machine are sound.
    pub(crate) fn check_seats(&self, slot: u32) -> bool {
        self.running.check(slot, &self.load(slot).seats)
    }

    pub(crate) fn find(&self, id: MachineId) -> Option<u32> {
        self.ids.get(&id).copied()
    }

    /// Adds a machine, whose id is greater than any before.
    ///
    /// There is always room: a machine is asked for only while requests need more than there are
    /// (S7), so there never are more machines than there were requests at once.
    pub(crate) fn add(&mut self, id: MachineId, state: State) -> u32 {
        let machine = Machine {
            state: State::Ok,
            poll: Poll::Never,
            silent: 0,
            holds: Holder::EMPTY,
            links: Links::NONE,
        };
        let load = Load {
            id,
            seats: Seats::new(self.procs),
            used: 0,
            standing: Standing::InHand,
        };
        let slot = put(&mut self.slab, machine);
        match self.loads.get_mut(slot as usize) {
            Some(place) => *place = load,
            None => self.loads.push(load),
        }
        self.running.admit(slot);
        self.plain.admit(slot);
        self.ready.admit(slot);
        self.probation.admit(slot);
        self.polls.admit(slot);
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
        self.slab.remove(slot as usize);
        self.ids.swap_remove(&self.id(slot));
    }

    /// Moves a machine to another state, and in and out of the orders that go with it.
    pub(crate) fn set_state(&mut self, slot: u32, state: State) {
        self.deadlines_moved = true;
        self.withdraw(slot);
        let (id, old) = (self.id(slot), self.get(slot).state);
        *self.count(old) -= 1;
        *self.count(state) += 1;
        self.probation.change(slot, id, old.until(), state.until());
        self.get_mut(slot).state = state;
        self.load_mut(slot).standing = match state {
            State::Ok => Standing::InHand,
            State::Pending { .. } | State::Probation { .. } => Standing::Away,
        };
        self.set_plain(slot);
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
        let (id, old) = (self.id(slot), self.get(slot).poll);
        self.polls.change(slot, id, old.due(), poll.due());
        self.get_mut(slot).poll = poll;
    }

    /// A grant begins on a machine, which is out of the order of S4. Where it is then, and the machine.
    #[inline]
    pub(crate) fn occupy(
        &mut self,
        machine: u32,
        request: RequestId,
        procs: u32,
    ) -> (Place, MachineId) {
        let load = &mut self.loads[machine as usize];
        load.used += procs;
        let id = load.id;
        let seat = self.running.push(machine, &mut load.seats, request);
        if load.seats.are_listed() {
            self.set_plain(machine);
        }
        let place = Place::Running {
            machine,
            seat,
            procs,
        };
        (place, id)
    }

    /// The id of a machine that is ok and where all that run sit, if it is no longer than most.
    #[inline]
    pub(crate) fn plain(&self, slot: u32) -> Option<MachineId> {
        self.plain.id(slot)
    }

    /// A machine may be plain now, or not any more, which seldom happens.
    #[cold]
    fn set_plain(&mut self, slot: u32) {
        self.plain.set(slot, self.plain_id(slot));
    }

    /// Its id in that case.
    fn plain_id(&self, slot: u32) -> Option<MachineId> {
        let load = self.load(slot);
        (load.is_ok() && !load.seats.are_listed()).then_some(load.id)
    }

    /// A grant ends on a machine, which is out of the order of S4 then: the caller offers it. Whether others sit elsewhere now.
    #[inline]
    pub(crate) fn release(&mut self, slot: u32, seat: u32, request: RequestId, procs: u32) -> bool {
        self.withdraw(slot);
        let load = &mut self.loads[slot as usize];
        load.used -= procs;
        let sit_anew = self.running.remove(slot, &mut load.seats, seat, request);
        if sit_anew {
            self.set_plain(slot);
        }
        sit_anew
    }

    /// The free procs of a machine that is ok and not in the order of S4.
    #[inline]
    pub(crate) fn free_in_hand(&self, slot: u32) -> Option<u32> {
        let load = self.load(slot);
        (load.standing == Standing::InHand).then(|| self.procs - load.used)
    }

    /// All grants end on a machine; what ran there, in the order of the grants.
    pub(crate) fn clear(&mut self, slot: u32) -> Vec<RequestId> {
        self.withdraw(slot);
        let load = &mut self.loads[slot as usize];
        load.used = 0;
        let all = self.running.clear(slot, &mut load.seats);
        self.set_plain(slot);
        self.offer(slot);
        all
    }

    /// Takes a machine out of the order of S4 if it is in it.
    #[inline]
    pub(crate) fn withdraw(&mut self, slot: u32) {
        if self.load(slot).standing == Standing::Listed {
            self.unlist(slot);
        }
    }

    fn unlist(&mut self, slot: u32) {
        self.load_mut(slot).standing = Standing::InHand;
        let free = self.free(slot);
        self.ready.remove(slot, free);
    }

    /// Puts a machine into the order of S4 if it belongs there and is not there.
    #[inline]
    pub(crate) fn offer(&mut self, slot: u32) {
        match self.free_in_hand(slot) {
            None | Some(0) => {}
            Some(free) => self.list(slot, free),
        }
    }

    /// Puts a machine that is in hand into the order of S4, with its free procs, which are some.
    pub(crate) fn list(&mut self, slot: u32, free: u32) {
        let load = self.load_mut(slot);
        load.standing = Standing::Listed;
        let id = load.id;
        self.ready.insert(slot, id, free);
    }

    /// The machine whose probation ends first, by time and then id (T3).
    pub(crate) fn next_probation(&self) -> Option<(Instant, u32)> {
        self.probation.first()
    }

    /// The machine that is to be polled first, by time and then id.
    pub(crate) fn next_poll(&self) -> Option<(Instant, u32)> {
        self.polls.first()
    }

    /// All slots, by id.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_id.iter(&self.slab)
    }

    /// Whether the machines with free procs are exactly those in the ready heaps, in order.
    pub(crate) fn check_ready(&self) -> bool {
        let held = self.ready.check(|slot, id, free| {
            self.slab.contains(slot as usize) && {
                let load = self.load(slot);
                let fits = load.used + free == self.procs;
                fits && load.standing == Standing::Listed && load.id == id
            }
        });
        let loads = || self.slab.iter().map(|(slot, one)| (one, &self.loads[slot]));
        let slots = self.slab.iter().map(|(slot, _)| slot as u32);
        let plain = self
            .plain
            .check(slots.map(|slot| (slot, self.plain_id(slot))));
        let right = loads().all(|(machine, load)| {
            let free = load.used < self.procs;
            let standing = match machine.state {
                State::Ok if free => Standing::Listed,
                State::Ok => Standing::InHand,
                State::Pending { .. } | State::Probation { .. } => Standing::Away,
            };
            load.standing == standing
        });
        let listed = loads().filter(|(_, load)| load.standing == Standing::Listed);
        held && plain && right && listed.count() == self.ready.len() as usize
    }

    /// Whether the machines whose probation ends are exactly those in its heap, in order.
    pub(crate) fn check_probation(&self) -> bool {
        self.check_times(&self.probation, |machine| machine.state.until())
    }

    fn check_times(&self, times: &ByTime, of: impl Fn(&Machine) -> Option<Instant>) -> bool {
        let held = times.check(|slot, time, id| {
            let machine = self.slab.get(slot as usize);
            machine.is_some_and(|machine| self.id(slot) == id && of(machine) == Some(time))
        });
        let have = self.slab.iter().filter(|(_, one)| of(one).is_some());
        held && have.count() == times.len()
    }

    /// Whether the machines whose next poll has a time are exactly those in its heap, in order.
    pub(crate) fn check_polls(&self) -> bool {
        self.check_times(&self.polls, |machine| machine.poll.due())
    }
}

#[cfg(test)]
impl Machines {
    /// What a test may spoil.
    pub(crate) fn spoil(&mut self, slot: u32) -> (&mut Load, &mut Running) {
        (&mut self.loads[slot as usize], &mut self.running)
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, MachineId, Machines, RequestId, Standing, State};

    /// Two machines with as many free procs, one with fewer, one that is full, one that is asked for; spoilt, the order of S4
    /// must be noticed to be.
    fn is_sound(spoil: impl FnOnce(&mut Machines)) -> bool {
        let mut machines = Machines::new(4);
        let slots = [0, 1, 2, 3].map(|id| machines.add(MachineId(id), State::Ok));
        for (slot, procs) in [(slots[2], 1), (slots[3], 4)] {
            machines.withdraw(slot);
            machines.occupy(slot, RequestId(1), procs);
            machines.offer(slot);
        }
        machines.add(MachineId(4), State::Pending { steps: 0 });
        assert_eq!(slots, [0, 1, 2, 3], "they are told apart below");
        spoil(&mut machines);
        machines.check_ready()
    }

    #[test]
    fn four_loads_are_a_line_of_the_cache() {
        assert_eq!((size_of::<Load>(), align_of::<Load>()), (16, 16));
    }

    #[test]
    fn an_order_that_is_not_as_the_machines_say_is_noticed() {
        assert!(is_sound(|_| ()));
        // What the heaps hold.
        assert!(!is_sound(|m| m.ready.spoil_values().remove(4)));
        assert!(!is_sound(|m| m.ready.spoil_values().insert(2)));
        assert!(!is_sound(|m| m.load_mut(0).used = 1));
        assert!(!is_sound(|m| m.ready.lose_positions()));
        let stand = |m: &mut Machines, slot, standing| m.load_mut(slot).standing = standing;
        assert!(!is_sound(|m| stand(m, 1, Standing::InHand)));
        assert!(!is_sound(|m| m.load_mut(1).id = MachineId(9)));
        assert!(!is_sound(|m| {
            m.slab.remove(2);
        }));
        // Who is in them: a full one, one that is asked for, and not one with procs free.
        assert!(!is_sound(|m| stand(m, 3, Standing::Listed)));
        assert!(!is_sound(|m| stand(m, 4, Standing::Listed)));
        assert!(!is_sound(|m| m.load_mut(3).used = 3));
        assert!(!is_sound(|m| {
            m.get_mut(4).state = State::Ok;
            stand(m, 4, Standing::InHand);
        }));
        // Who is ok.
        assert!(!is_sound(|m| stand(m, 3, Standing::Away)));
        assert!(!is_sound(
            |m| m.get_mut(3).state = State::Probation { until: None }
        ));
        // Who is plain: one that is full, and not one that is asked for.
        assert!(!is_sound(|m| m.plain.set(3, None)));
        assert!(!is_sound(|m| m.plain.set(4, Some(MachineId(4)))));
        // How many.
        assert!(!is_sound(|m| m.ready.miscount()));
    }
}
