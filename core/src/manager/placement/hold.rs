//! Patience: a request that was passed by for long has a machine held for it (P4).

use alloc::vec::Vec;

use super::super::Manager;
use crate::machines::Machine;
use crate::protocol::action::{Action, Notice};
use crate::protocol::id::{Kinds, MachineId};
use crate::protocol::time::Instant;
use crate::queue::{Class, ClassKey};
use crate::storage::list::Moves;

/// The requests that accept and fit the same kinds.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) kinds: Kinds,
    /// How many of them are queued.
    pub(crate) queued: u64,
    /// Procs that had been granted on these kinds when its last hold was granted.
    pub(crate) mark: u64,
    pub(crate) hold: Option<Hold>,
    /// No turn comes before so many procs were granted on these kinds.
    check_at: u64,
}

/// A machine that is held for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hold {
    /// The slot of the request.
    pub(crate) request: u32,
    /// Its place among all requests (P1).
    pub(crate) priority: i64,
    pub(crate) arrival: u64,
    pub(crate) machine: MachineId,
    /// When it ends at the latest.
    pub(crate) until: Option<Instant>,
}

impl Hold {
    const fn order(&self) -> (i64, u64) {
        (self.priority, self.arrival)
    }
}

/// All groups, by their kinds.
#[derive(Clone, Debug)]
pub(crate) struct Holds {
    pub(crate) groups: Vec<Group>,
    /// How many of them have a hold.
    held: u32,
    /// The changes of machines' health that were looked at.
    health_changes: u64,
}

impl Holds {
    pub(in super::super) const fn new() -> Holds {
        Holds {
            groups: Vec::new(),
            held: 0,
            health_changes: 0,
        }
    }

    /// A request of this group is queued; gives the index of the group.
    #[inline]
    pub(crate) fn enter(&mut self, kinds: Kinds) -> usize {
        let found = self.find(kinds);
        let index = found.unwrap_or_else(|index| {
            let group = Group {
                kinds,
                queued: 0,
                mark: 0,
                hold: None,
                check_at: 0,
            };
            self.groups.insert(index, group);
            index
        });
        self.groups[index].queued += 1;
        index
    }

    /// A request of this group is queued no longer, and has no hold. The group is forgotten with its
    /// last one.
    #[inline]
    pub(in super::super) fn leave(&mut self, kinds: Kinds) {
        if let Ok(index) = self.find(kinds) {
            self.groups[index].queued -= 1;
            if self.groups[index].queued == 0 {
                self.groups.remove(index);
            }
        }
    }

    /// Whether there is no hold.
    #[inline]
    pub(in super::super) const fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// For the shortcut: one request less of the only group, which has others.
    #[inline]
    pub(in super::super) fn leave_one(&mut self) {
        self.groups[0].queued -= 1;
    }

    #[inline]
    fn find(&self, kinds: Kinds) -> Result<usize, usize> {
        // Most often all requests accept the same.
        if let Some(first) = self.groups.first()
            && first.kinds == kinds
        {
            return Ok(0);
        }
        self.groups
            .binary_search_by_key(&kinds, |group| group.kinds)
    }

    /// The holds there are.
    #[inline]
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &Hold> {
        let groups = if self.held > 0 { &self.groups[..] } else { &[] };
        groups.iter().filter_map(|group| group.hold.as_ref())
    }

    /// The hold on a machine.
    pub(crate) fn on(&self, machine: MachineId) -> Option<&Hold> {
        self.iter().find(|hold| hold.machine == machine)
    }

    /// The machine that is held for a request.
    #[inline]
    pub(crate) fn machine_of(&self, request: u32) -> Option<MachineId> {
        self.iter()
            .find(|hold| hold.request == request)
            .map(|hold| hold.machine)
    }

    /// When the next hold has lasted for as long as it may.
    pub(in super::super) fn next_end(&self) -> Option<Instant> {
        self.iter().filter_map(|hold| hold.until).min()
    }

    /// Follows requests that were moved in memory.
    pub(in super::super) fn follow(&mut self, moves: &Moves) {
        for group in &mut self.groups {
            if let Some(hold) = &mut group.hold {
                moves.follow(&mut hold.request);
            }
        }
    }

    /// Sets what a group remembers, and its hold; the queue has its requests.
    #[cfg(feature = "serde")]
    pub(crate) fn restore(&mut self, kinds: Kinds, mark: u64, hold: Option<Hold>) -> bool {
        let Ok(index) = self.find(kinds) else {
            return false;
        };
        self.held += u32::from(hold.is_some());
        (self.groups[index].mark, self.groups[index].hold) = (mark, hold);
        true
    }

    /// Whether the figures of the groups are right: `queued` says how many of each there are.
    pub(crate) fn check(&self, queued: &alloc::collections::BTreeMap<Kinds, u64>) -> bool {
        let held = self
            .groups
            .iter()
            .filter(|group| group.hold.is_some())
            .count();
        let same = self
            .groups
            .iter()
            .map(|group| (&group.kinds, &group.queued))
            .eq(queued);
        same && held == self.held as usize
    }
}

impl Manager {
    /// Procs of all grants ever made on machines of these kinds (P4).
    #[inline]
    pub(crate) fn granted(&self, kinds: Kinds) -> u64 {
        self.machines.accepted(kinds).map(|kind| kind.granted).sum()
    }

    /// The group of a queued request (P4), if its class is right.
    pub(crate) fn group_of_queued(&self, slot: u32) -> Option<Kinds> {
        let class = self.requests[slot].queued()?.class;
        let Class { key, group, .. } = self.queue.class(class);
        Some(*group).filter(|group| *group == self.machines.group_of(&key.ask))
    }

    /// After how many procs that were granted to others on these kinds a request has its turn; `None`
    /// while they have no machines in good health.
    pub(crate) fn patience_in_procs(&self, kinds: Kinds) -> Option<u64> {
        let healthy = self.machines.accepted(kinds).map(|kind| kind.sums.healthy);
        let procs: u64 = healthy.sum();
        let patience = procs.saturating_mul(u64::from(self.config.patience));
        (patience > 0).then_some(patience)
    }

    /// For the shortcut: whether there are no holds, all queued requests are of one group, and none of
    /// them has its turn before so many more procs were granted.
    #[inline]
    pub(in super::super) fn no_turn_within(&self, procs: u32) -> bool {
        match &self.holds.groups[..] {
            [group] => {
                let granted = self.granted(group.kinds) + u64::from(procs);
                let none = self.config.patience == 0 || granted < group.check_at;
                none && self.holds.is_empty()
                    && self.holds.health_changes == self.machines.health_changes
            }
            _ => false,
        }
    }

    /// Whether the first request of a class was passed by for long, counted as for its turn but over
    /// all kinds: where its own kinds have no machines, nothing is granted there (G5).
    pub(in super::super) fn has_waited(&self, class: u32) -> bool {
        let Some(queued) = self.requests[self.queue.first(class)].queued() else {
            return false;
        };
        let passed_by = self.granted(Kinds::ALL) - queued.granted_anywhere;
        let patience = self.patience_in_procs(Kinds::ALL);
        patience.is_some_and(|patience| passed_by >= patience)
    }

    /// A new request of a group is in the queue, for which so much had been granted before: its turn
    /// may be the next that comes.
    #[inline]
    pub(super) fn expect_turn(&mut self, index: usize, granted: u64) {
        let patience = self.patience_in_procs(self.holds.groups[index].kinds);
        let group = &mut self.holds.groups[index];
        let due = granted.saturating_add(patience.unwrap_or(u64::MAX));
        group.check_at = group.check_at.min(due);
    }

    /// A holder was granted: its hold ends, and moves the mark of its group.
    #[inline]
    pub(super) fn grant_ends_hold(&mut self, request: u32) {
        if let Some(index) = self.end_hold_of(request) {
            self.holds.groups[index].mark = self.granted(self.holds.groups[index].kinds);
        }
    }

    /// Ends the hold of a request, if it has one; gives the index of its group.
    pub(in super::super) fn end_hold_of(&mut self, request: u32) -> Option<usize> {
        if self.holds.is_empty() {
            return None;
        }
        let mut groups = self.holds.groups.iter();
        let index =
            groups.position(|group| group.hold.is_some_and(|hold| hold.request == request))?;
        self.end_hold(index);
        Some(index)
    }

    fn end_hold(&mut self, index: usize) {
        let Some(hold) = self.holds.groups[index].hold.take() else {
            return;
        };
        self.holds.held -= 1;
        self.holds.groups[index].check_at = 0;
        self.deadlines_dirty |= hold.until.is_some();
        if let Some(slot) = self.machines.find(hold.machine) {
            self.machines.change(slot, |record| record.held = false);
        }
    }

    /// Ends the holds that have lasted for as long as they may. The mark moves, or the same request
    /// would have its turn again at once.
    pub(in super::super) fn end_holds_due(&mut self) {
        for index in 0..self.holds.groups.len() {
            let group = &self.holds.groups[index];
            let until = group.hold.and_then(|hold| hold.until);
            if until.is_some_and(|until| until <= self.now) {
                let granted = self.granted(group.kinds);
                self.end_hold(index);
                self.holds.groups[index].mark = granted;
            }
        }
    }

    /// After placement: holds whose machine left good health move, groups without a hold give one, and
    /// more urgent requests take holds over.
    #[inline]
    pub(in super::super) fn give_holds(&mut self, actions: &mut Vec<Action>) {
        if self.config.patience == 0 || self.shutdown || self.holds.groups.is_empty() {
            return;
        }
        if self.machines.health_changes != self.holds.health_changes {
            self.holds.health_changes = self.machines.health_changes;
            self.holds
                .groups
                .iter_mut()
                .for_each(|group| group.check_at = 0);
            self.move_holds(actions);
        }
        if self.holds.groups.iter().any(|group| self.is_due(group)) {
            self.give_those_due(actions);
        }
    }

    /// Whether the group may have a request whose turn has come.
    #[inline]
    fn is_due(&self, group: &Group) -> bool {
        self.granted(group.kinds) >= group.check_at
    }

    /// Gives one hold after the other, the first by P1 first, and to each group one at the most.
    #[cold]
    fn give_those_due(&mut self, actions: &mut Vec<Action>) {
        let mut given = Vec::new();
        loop {
            let mut first: Option<(Hold, usize)> = None;
            for index in 0..self.holds.groups.len() {
                if !given.contains(&index)
                    && self.is_due(&self.holds.groups[index])
                    && let Some(hold) = self.next_hold(index)
                    && first.is_none_or(|(other, _)| hold.order() < other.order())
                {
                    first = Some((hold, index));
                }
            }
            let Some((hold, index)) = first else {
                return;
            };
            let mut groups = self.holds.groups.iter();
            let holder = groups.position(|group| {
                let other = group.hold.map(|other| other.machine);
                other == Some(hold.machine)
            });
            if let Some(other) = holder.filter(|&other| other != index) {
                self.end_hold(other);
            }
            self.hold(index, hold, actions);
            given.push(index);
        }
    }

    /// Chooses other machines for the holders whose machine is not held any more.
    #[cold]
    fn move_holds(&mut self, actions: &mut Vec<Action>) {
        for index in 0..self.holds.groups.len() {
            let Some(hold) = self.holds.groups[index].hold else {
                continue;
            };
            let is_held = |slot| self.machines.get(slot).held;
            if self.machines.find(hold.machine).is_some_and(is_held) {
                continue;
            }
            let (key, _) = self.queued_key(hold.request);
            match self.free_to_hold(&key) {
                Some(slot) => self.hold(
                    index,
                    Hold {
                        machine: self.machines.get(slot).id,
                        ..hold
                    },
                    actions,
                ),
                None => self.end_hold(index),
            }
        }
    }

    /// The hold that a group may have next: for the first whose turn has come and for which there is a
    /// machine; if it has a hold, for one of a more urgent priority than the holder, machine and all.
    fn next_hold(&mut self, index: usize) -> Option<Hold> {
        let Group {
            kinds, mark, hold, ..
        } = self.holds.groups[index];
        let (granted, patience) = (self.granted(kinds), self.patience_in_procs(kinds));
        // Those of one priority have their turns in the order in which they came.
        let mut check_at = u64::MAX;
        let mut found = None;
        let mut next = self.queue.first_class().filter(|_| patience.is_some());
        while let Some(class) = next {
            next = self.queue.next_class(class);
            let Class { key, group, .. } = *self.queue.class(class);
            if hold.is_some_and(|hold| key.priority >= hold.priority) {
                break;
            }
            if group != kinds {
                continue;
            }
            let request = self.queue.first(class);
            let Some(queued) = self.requests[request].queued() else {
                continue;
            };
            let due = queued
                .granted
                .max(mark)
                .saturating_add(patience.unwrap_or(u64::MAX));
            if due > granted {
                check_at = check_at.min(due);
                next = self.queue.first_less_urgent(key.priority);
                continue;
            }
            let slot = match hold {
                None => self.machine_to_hold(&key),
                Some(hold) => self.held_machine_for(&key, hold.machine),
            };
            if let Some(slot) = slot {
                let limit = self.config.hold_limit;
                let until = limit.and_then(|limit| self.now.checked_add(limit));
                found = Some(Hold {
                    request,
                    priority: key.priority,
                    arrival: queued.arrival,
                    machine: self.machines.get(slot).id,
                    until,
                });
                check_at = 0;
                break;
            }
        }
        self.holds.groups[index].check_at = check_at;
        found
    }

    fn hold(&mut self, index: usize, hold: Hold, actions: &mut Vec<Action>) {
        let group = &mut self.holds.groups[index];
        self.holds.held += u32::from(group.hold.is_none());
        group.hold = Some(hold);
        self.deadlines_dirty = true;
        if let Some(slot) = self.machines.find(hold.machine) {
            self.machines.change(slot, |record| record.held = true);
        }
        // This change is our own: the other groups need not look again.
        self.holds.health_changes = self.machines.health_changes;
        actions.push(Action::Notice(Notice::Held {
            request: self.requests[hold.request].id,
            machine: hold.machine,
        }));
    }

    /// The machine to hold for a request: one that is not held, or else one that is held for a less
    /// urgent request, whose hold ends then.
    fn machine_to_hold(&self, key: &ClassKey) -> Option<u32> {
        let less_urgent = |record: &Machine| {
            let hold = self.holds.on(record.id);
            hold.is_some_and(|hold| hold.priority > key.priority)
        };
        self.free_to_hold(key)
            .or_else(|| self.soonest_empty(key, less_urgent))
    }

    /// The machine to hold for a request, of those that are not held.
    fn free_to_hold(&self, key: &ClassKey) -> Option<u32> {
        self.soonest_empty(key, |record| !record.held)
    }

    /// Of the machines that may be held for a request, the one that will be empty soonest, as far as
    /// that can be told: its oldest grant is the newest.
    fn soonest_empty(&self, key: &ClassKey, may: impl Fn(&Machine) -> bool) -> Option<u32> {
        let age = |slot: &u32| {
            let oldest = self.machines.get(*slot).running.head();
            let since = oldest.and_then(|request| self.requests[request].running());
            // Nothing running comes first, then the newest.
            (
                since.is_some(),
                core::cmp::Reverse(since.map(|running| running.since)),
            )
        };
        let fits = |slot: &u32| {
            let record = self.machines.get(*slot);
            may(record) && self.may_hold(key, record)
        };
        // By id, of which the first of equals is taken.
        self.machines.slots().filter(fits).min_by_key(age)
    }

    /// The machine of a hold, if it could be held for another request.
    fn held_machine_for(&self, key: &ClassKey, machine: MachineId) -> Option<u32> {
        let slot = self.machines.find(machine);
        slot.filter(|&slot| self.may_hold(key, self.machines.get(slot)))
    }

    fn may_hold(&self, key: &ClassKey, record: &Machine) -> bool {
        record.is_healthy()
            && key.ask.could_fit(record.kind, record.offer)
            && self.may_have(key, record.id)
    }
}
