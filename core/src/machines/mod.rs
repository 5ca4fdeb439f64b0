//! The machines that are there: their records, what runs on each, the order of those that have
//! something free, of the idle ones, of their deadlines, and sums of each kind.

mod free;
mod holdings;
mod kind;
mod machine;
mod timers;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use slab::Slab;

use crate::index::{Requests, Running};
use crate::protocol::config::Config;
use crate::protocol::id::{KindId, Kinds, MachineId, TaskId};
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;
use crate::queue::Ask;
use crate::storage::heap::Positions;
use crate::storage::list::{self, Moves};

pub(crate) use free::FreeOrder;
pub(crate) use holdings::{Asked, Holdings, Once};
pub(crate) use kind::{IdleKey, KindState};
pub(crate) use machine::{Ends, Machine, Phase, Poll};
pub(crate) use timers::Timer;

use machine::IdleList;
use timers::Timers;

/// The machines, by slot.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    records: Slab<Machine>,
    ids: BTreeMap<MachineId, u32>,
    pub(crate) kinds: Vec<KindState>,
    pub(crate) free: FreeOrder,
    /// Procs of all machines, and how many are idle: each step asks for these.
    procs: u64,
    idle: u32,
    /// What lives on them.
    pub(crate) holdings: Holdings,
    timers: Timers,
    /// Places in the heaps of idle machines, and of those on probation for the first time.
    idle_positions: Positions,
    probation_positions: Positions,
    /// The machines that this step has changed; they are in none of the orders until it has placed
    /// what it can.
    touched: Vec<u32>,
    /// Whether tasks keep a machine from being idle (E1).
    tasks_are_use: bool,
    /// Whether a deadline may have changed.
    pub(crate) deadlines_dirty: bool,
    /// Whether the expected offer of a kind has changed since the last plan of growth.
    pub(crate) expected_changed: bool,
    /// How often a machine came into good health or left it, or was held or held no longer.
    pub(crate) health_changes: u64,
}

impl Machines {
    pub(crate) fn new(config: &Config) -> Machines {
        Machines {
            records: Slab::new(),
            ids: BTreeMap::new(),
            kinds: config
                .kinds
                .iter()
                .map(|kind| KindState::new(*kind))
                .collect(),
            free: FreeOrder::new(config.packing_in_use()),
            procs: 0,
            idle: 0,
            holdings: Holdings::default(),
            timers: Timers::new(),
            idle_positions: Positions::default(),
            probation_positions: Positions::default(),
            touched: Vec::new(),
            tasks_are_use: !config.stop_with_tasks,
            deadlines_dirty: true,
            expected_changed: false,
            health_changes: 0,
        }
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &Machine {
        &self.records[slot as usize]
    }

    pub(crate) fn find(&self, id: MachineId) -> Option<u32> {
        self.ids.get(&id).copied()
    }

    /// The slots of all machines, by id.
    pub(crate) fn slots(&self) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
        self.ids.values().copied()
    }

    #[inline]
    pub(crate) fn kind_of(&self, slot: u32) -> &KindState {
        &self.kinds[usize::from(self.records[slot as usize].kind.0)]
    }

    /// Whether a machine is idle.
    #[inline]
    pub(crate) const fn any_idle(&self) -> bool {
        self.idle > 0
    }

    /// The kinds that a request accepts and whose capacity it fits: its group (P4).
    pub(crate) fn group_of(&self, ask: &Ask) -> Kinds {
        let fits = |kind: &KindState| ask.demand.least().fits(kind.kind.capacity);
        // At most 64 kinds. The last one is the highest bit.
        let kinds = self.kinds.iter().rev();
        let fitting = kinds.fold(0, |bits, kind| bits << 1 | u64::from(fits(kind)));
        Kinds::from_bits(fitting & ask.kinds.bits())
    }

    /// Those of the kinds that are in a set.
    #[inline]
    pub(crate) fn accepted(&self, kinds: Kinds) -> impl Iterator<Item = &KindState> {
        let mut bits = kinds.bits();
        self.kinds.iter().filter(move |_| {
            let accepted = bits & 1 != 0;
            bits >>= 1;
            accepted
        })
    }

    /// A kind that the config has.
    pub(crate) fn kind(&self, kind: KindId) -> &KindState {
        &self.kinds[usize::from(kind.0)]
    }

    pub(crate) fn is_full(&self) -> bool {
        list::is_full(&self.records)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether a machine is idle (E1).
    pub(crate) fn is_idle(&self, slot: u32) -> bool {
        self.idle_list(self.get(slot)) != IdleList::None
    }

    /// Procs of all machines that are there.
    #[inline]
    pub(crate) const fn procs(&self) -> u64 {
        self.procs
    }

    /// Procs of the machines that drain or stop.
    pub(crate) fn procs_leaving(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.sums.leaving).sum()
    }

    /// Adds a machine.
    pub(crate) fn add(
        &mut self,
        id: MachineId,
        kind: KindId,
        phase: Phase,
        offer: Resources,
        now: Instant,
    ) -> u32 {
        let machine = Machine::new(id, kind, phase, offer, now);
        let slot = list::put(&mut self.records, machine);
        self.ids.insert(id, slot);
        self.free.admit(slot);
        self.timers.admit(slot);
        self.idle_positions.admit(slot);
        self.probation_positions.admit(slot);
        self.touch(slot);
        self.health_changes += 1;
        self.tally(slot, true);
        slot
    }

    /// Forgets a machine on which nothing is left.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.tally(slot, false);
        self.touch(slot);
        self.touched.retain(|&other| other != slot);
        self.holdings.clear(slot);
        let machine = self.records.remove(slot as usize);
        for timer in Timer::ALL {
            self.timers.set(slot, machine.id, timer, None);
        }
        self.ids.remove(&machine.id);
        self.deadlines_dirty = true;
        self.health_changes += 1;
    }

    /// From now on a machine of this kind is expected to offer just so much (R4).
    pub(crate) fn expect(&mut self, kind: usize, offer: Resources) {
        self.expected_changed |= self.kinds[kind].expected != offer;
        self.kinds[kind].expected = offer;
    }

    /// Changes a machine, and all that is kept up to date about it. The closure must not change
    /// what runs there.
    pub(crate) fn change<T>(&mut self, slot: u32, how: impl FnOnce(&mut Machine) -> T) -> T {
        self.touch(slot);
        self.tally(slot, false);
        let machine = &mut self.records[slot as usize];
        let (was_healthy, was_held) = (machine.is_healthy(), machine.held);
        let result = how(machine);
        // A machine that leaves good health is held no longer (P4).
        machine.held &= machine.is_healthy();
        let changed = (was_healthy, was_held) != (machine.is_healthy(), machine.held);
        self.health_changes += u64::from(changed);
        self.tally(slot, true);
        result
    }

    /// Sets what is in no sum and no order.
    pub(crate) fn set_silent(&mut self, slot: u32, polls: u32) {
        self.records[slot as usize].silent = polls;
    }

    pub(crate) fn set_poll(&mut self, slot: u32, poll: Poll) {
        let machine = &mut self.records[slot as usize];
        machine.poll = poll;
        self.set_timer(slot, Timer::Poll, poll.due());
    }

    /// Sets a deadline of a machine, or clears it.
    pub(crate) fn set_timer(&mut self, slot: u32, timer: Timer, at: Option<Instant>) {
        let id = self.records[slot as usize].id;
        self.timers.set(slot, id, timer, at);
        self.deadlines_dirty = true;
    }

    /// The earliest deadline of a machine.
    pub(crate) fn next_timer(&self) -> Option<(Instant, Timer, u32)> {
        self.timers.next()
    }

    /// S14: a task lives on a machine; says whether it is new there.
    pub(crate) fn assign(&mut self, slot: u32, task: TaskId) -> bool {
        self.touch(slot);
        let new = self.holdings.assign(slot, task);
        self.records[slot as usize].tasks += u32::from(new);
        new
    }

    /// S15: a task lives on a machine no longer; says whether it did.
    pub(crate) fn discard(&mut self, slot: u32, task: TaskId) -> bool {
        self.touch(slot);
        let known = self.holdings.discard(slot, task);
        self.records[slot as usize].tasks -= u32::from(known);
        known
    }

    /// What a demand takes of a machine (R5).
    #[inline]
    pub(crate) fn taken(&self, slot: u32, demand: Demand) -> Resources {
        match demand {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine => self.records[slot as usize].offer,
        }
    }

    /// Begins a grant of a request that is in no list.
    #[inline]
    pub(crate) fn occupy(
        &mut self,
        requests: &mut Requests,
        slot: u32,
        request: u32,
        taken: Resources,
        now: Instant,
    ) {
        self.touch(slot);
        let machine = &mut self.records[slot as usize];
        machine.free = machine.free.minus(taken);
        machine.grants += 1;
        requests[request].run(Running {
            machine: slot,
            taken,
            since: now,
        });
        machine.running.push_back(requests.records_mut(), request);
        let kind = &mut self.kinds[usize::from(machine.kind.0)];
        kind.need.add(taken);
        kind.running += 1;
        kind.granted += u64::from(taken.proc_count());
    }

    /// Ends a grant; the request is in no list then.
    #[inline]
    pub(crate) fn release(&mut self, requests: &mut Requests, request: u32, now: Instant) -> u32 {
        let Some(Running {
            machine: slot,
            taken,
            ..
        }) = requests[request].running()
        else {
            unreachable!("the caller knows that it runs");
        };
        self.touch(slot);
        let machine = &mut self.records[slot as usize];
        machine.free = machine.free.plus(taken);
        machine.grants -= 1;
        machine.idle_since = now;
        machine.running.remove(requests.records_mut(), request);
        let kind = &mut self.kinds[usize::from(machine.kind.0)];
        kind.need.subtract(taken);
        kind.running -= 1;
        slot
    }

    /// For the shortcut: what one request took on a machine without free procs is given to another one
    /// that takes as much. No sum and no order changes by it but what was granted in all.
    #[inline]
    pub(crate) fn replace(&mut self, requests: &mut Requests, ended: u32, next: u32, now: Instant) {
        let Some(running) = requests[ended].running() else {
            unreachable!("the caller knows that it runs");
        };
        let machine = &mut self.records[running.machine as usize];
        machine.idle_since = now;
        machine.running.remove(requests.records_mut(), ended);
        requests[next].run(Running {
            since: now,
            ..running
        });
        machine.running.push_back(requests.records_mut(), next);
        let kind = &mut self.kinds[usize::from(machine.kind.0)];
        kind.granted += u64::from(running.taken.proc_count());
    }

    /// Takes a machine out of the orders until the step has placed what it can.
    #[inline]
    pub(crate) fn touch(&mut self, slot: u32) {
        let machine = &mut self.records[slot as usize];
        if core::mem::replace(&mut machine.loose, true) {
            return;
        }
        self.touched.push(slot);
        self.free.remove(slot);
        let kind = &mut self.kinds[usize::from(machine.kind.0)];
        let list = core::mem::replace(&mut machine.idle, IdleList::None);
        if let Some(idle) = kind.idle_list(list) {
            idle.remove(slot, &mut self.idle_positions);
            self.idle -= 1;
            self.deadlines_dirty |= kind.kind.idle.is_some();
        }
    }

    /// The machines that this step has changed, which are in none of the orders.
    #[inline]
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Puts the machines that were changed back into the orders.
    #[inline]
    pub(crate) fn relist(&mut self) {
        if !self.touched.is_empty() {
            self.relist_touched();
        }
    }

    fn relist_touched(&mut self) {
        while let Some(slot) = self.touched.pop() {
            self.records[slot as usize].loose = false;
            let machine = &self.records[slot as usize];
            if let Some(spot) = machine.free_spot() {
                self.free.insert(slot, machine.id, spot);
            }
            let list = self.idle_list(machine);
            let kind = &mut self.kinds[usize::from(machine.kind.0)];
            if let Some(idle) = kind.idle_list(list) {
                idle.push(idle_key(machine), slot, &mut self.idle_positions);
                self.idle += 1;
                self.deadlines_dirty |= kind.kind.idle.is_some();
            }
            self.records[slot as usize].idle = list;
        }
    }

    /// Adds what a machine is to the sums of its kind, or takes it away.
    fn tally(&mut self, slot: u32, add: bool) {
        let machine = &self.records[slot as usize];
        let kind = &mut self.kinds[usize::from(machine.kind.0)];
        self.procs -= kind.sums.there;
        kind.sums.count(machine, kind.kind.capacity, add);
        self.procs += kind.sums.there;
        if machine.is_healthy() {
            let count = kind.offers.entry(machine.offer).or_default();
            *count = if add { *count + 1 } else { *count - 1 };
            if *count == 0 {
                kind.offers.remove(&machine.offer);
            }
        }
        if machine.is_on_first_probation() {
            let (heap, positions) = (&mut kind.first_probation, &mut self.probation_positions);
            match add {
                true => heap.push(machine.id, slot, positions),
                false => heap.remove(slot, positions),
            }
        }
        if machine.is_pending() {
            match add {
                true => kind.pending.insert(machine.id, slot),
                false => kind.pending.remove(&machine.id),
            };
        }
    }

    /// Follows requests that were moved in memory.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        for (_, machine) in &mut self.records {
            machine.running.follow(moves);
        }
    }

    /// Whether all that is kept up to date is as the records say.
    pub(crate) fn check(&self, requests: &Requests) -> bool {
        let mut fresh: Vec<KindState> = self
            .kinds
            .iter()
            .map(|kind| KindState::new(kind.kind))
            .collect();
        let (mut listed, mut timers, mut tasks, mut onces) = (0, 0, 0, 0);
        let mut on_probation = 0;
        for (slot, machine) in &self.records {
            let slot = slot as u32;
            let Some(kind) = fresh.get_mut(usize::from(machine.kind.0)) else {
                return false;
            };
            kind.sums.count(machine, kind.kind.capacity, true);
            if machine.is_healthy() {
                *kind.offers.entry(machine.offer).or_default() += 1;
            }
            on_probation += usize::from(machine.is_on_first_probation());
            if machine.is_pending() {
                kind.pending.insert(machine.id, slot);
            }
            let mut free = machine.offer;
            let mut here = true;
            for request in machine.running.iter(requests.records()) {
                let running = requests[request].running();
                let Some(Running { taken, .. }) = running.filter(|running| running.machine == slot)
                else {
                    here = false;
                    break;
                };
                here &= taken.fits(free);
                free = free.minus(taken);
                kind.need.add(taken);
                kind.running += 1;
            }
            tasks += machine.tasks as usize;
            onces += self.holdings.onces_on(slot).len();
            let grants = machine.running.check(requests.records());
            listed += usize::from(machine.free_spot().is_some());
            let wanted = |timer: &Timer| self.wants(slot, *timer).is_some();
            timers += Timer::ALL.iter().filter(|timer| wanted(timer)).count();
            let sound = here
                && free == machine.free
                && grants == Some(machine.grants as usize)
                && self.ids.get(&machine.id) == Some(&slot)
                && !machine.loose
                && machine.idle == self.idle_list(machine)
                && machine.tasks as usize == self.holdings.tasks_on(slot).len()
                && (machine.was_up() || machine.grants == 0);
            if !sound {
                return false;
            }
        }
        let sums = fresh.iter().zip(&self.kinds).all(|(fresh, kind)| {
            (fresh.sums, fresh.need, fresh.running) == (kind.sums, kind.need, kind.running)
                && (&fresh.offers, &fresh.pending) == (&kind.offers, &kind.pending)
                && kind
                    .first_probation
                    .check(&self.probation_positions, |slot, id| {
                        let machine = self.records.get(slot as usize);
                        machine.is_some_and(|it| it.id == id && it.is_on_first_probation())
                    })
                && kind.check_idle(&self.idle_positions, |slot, counted| {
                    let machine = self.records.get(slot as usize)?;
                    let list = if counted {
                        IdleList::Counted
                    } else {
                        IdleList::Uncounted
                    };
                    (machine.idle == list).then(|| idle_key(machine))
                })
        });
        let in_lists =
            { self.records.iter() }.filter(|(_, machine)| machine.idle != IdleList::None);
        let in_probation = self.kinds.iter().map(|kind| kind.first_probation.len());
        sums && self.ids.len() == self.records.len()
            && in_probation.sum::<usize>() == on_probation
            && self.kinds.iter().map(KindState::idle).sum::<usize>() == self.idle as usize
            && self.kinds.iter().map(|kind| kind.sums.there).sum::<u64>() == self.procs
            && self.idle as usize == in_lists.count()
            && self.touched.is_empty()
            && self.free.check(listed, |slot| {
                let machine = self.records.get(slot as usize)?;
                machine.free_spot().map(|spot| (machine.id, spot))
            })
            && self
                .timers
                .check(timers, |slot, timer| self.wants(slot, timer))
            && self.holdings.check(tasks, onces)
    }

    /// The list of idle machines that a machine should be in (E1).
    #[inline]
    fn idle_list(&self, machine: &Machine) -> IdleList {
        let used = || self.tasks_are_use && machine.tasks > 0;
        match machine.counts() {
            _ if !machine.is_unused() || used() => IdleList::None,
            true => IdleList::Counted,
            false => IdleList::Uncounted,
        }
    }

    /// The deadline that a machine should have.
    fn wants(&self, slot: u32, timer: Timer) -> Option<(Instant, MachineId)> {
        let machine = self.records.get(slot as usize)?;
        let at = match timer {
            Timer::Probation => machine.probation.and_then(Ends::at),
            Timer::DrainEnd => machine.draining.and_then(Ends::at),
            Timer::Settle => machine.settles,
            Timer::Poll => machine.poll.due(),
        };
        at.map(|at| (at, machine.id))
    }
}

/// Longest idle first, then the highest id.
fn idle_key(machine: &Machine) -> IdleKey {
    (machine.idle_since, Reverse(machine.id))
}

#[cfg(test)]
impl Machines {
    /// A record, behind the back of all that is kept up to date about it.
    pub(crate) fn record(&mut self, slot: u32) -> &mut Machine {
        self.touch(slot);
        &mut self.records[slot as usize]
    }
}
