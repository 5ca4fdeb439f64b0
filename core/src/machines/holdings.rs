//! What lives on machines: tasks, and once-per-machine work (S14, S15, S16).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;

use crate::protocol::event::OnceOutcome;
use crate::protocol::id::{OnceKey, TaskId, WaiterId};
use crate::protocol::time::Instant;
use crate::storage::list::MAX_RECORDS;

/// The holdings of all machines, which are known by their slots. What comes is numbered, so that what a
/// machine holds can be listed in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings {
    /// The tasks, with their numbers.
    pub(crate) tasks: BTreeMap<(u32, TaskId), u64>,
    pub(crate) onces: BTreeMap<(u32, OnceKey), Once>,
    /// The waiters for each work, by their numbers.
    pub(crate) waiters: BTreeMap<(u32, OnceKey, u64), WaiterId>,
    /// All of the waiters.
    waiting: BTreeSet<WaiterId>,
    next_number: u64,
}

/// Once-per-machine work on a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Once {
    number: u64,
    /// None while it runs.
    pub(crate) result: Option<OnceOutcome>,
    /// When it was asked for first.
    pub(crate) since: Instant,
}

/// What asking for once-per-machine work leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// It has to be run.
    Run,
    /// It is running.
    Wait,
    /// Its result is known.
    Known(OnceOutcome),
}

/// The least of all keys.
const FIRST_KEY: OnceKey = OnceKey { kind: 0, key: 0 };

impl Holdings {
    pub(crate) fn is_full(&self) -> bool {
        let most = self.tasks.len().max(self.onces.len());
        most.max(self.waiters.len()) >= MAX_RECORDS as usize
    }

    /// S14: a task that is here already keeps its place. Says whether it is new.
    pub(super) fn assign(&mut self, machine: u32, task: TaskId) -> bool {
        if self.tasks.contains_key(&(machine, task)) {
            return false;
        }
        let number = self.number();
        self.tasks.insert((machine, task), number);
        true
    }

    /// S15: says whether the task was here.
    pub(super) fn discard(&mut self, machine: u32, task: TaskId) -> bool {
        self.tasks.remove(&(machine, task)).is_some()
    }

    /// The tasks on a machine, in the order of assignment.
    pub(crate) fn tasks_on(&self, machine: u32) -> Vec<TaskId> {
        let tasks = self.tasks.range(tasks_of(machine));
        in_order(tasks.map(|(&(_, task), &number)| (number, task)))
    }

    pub(crate) fn is_waiting(&self, waiter: WaiterId) -> bool {
        self.waiting.contains(&waiter)
    }

    /// S16: a waiter, who waits for nothing else, asks for work.
    pub(crate) fn ask(
        &mut self,
        machine: u32,
        key: OnceKey,
        waiter: WaiterId,
        now: Instant,
    ) -> Asked {
        let asked = match self.once(machine, key) {
            Some(Once {
                result: Some(result),
                ..
            }) => return Asked::Known(result),
            Some(_) => Asked::Wait,
            None => Asked::Run,
        };
        if asked == Asked::Run {
            self.add_once(machine, key, None, now);
        }
        let number = self.number();
        self.waiters.insert((machine, key, number), waiter);
        self.waiting.insert(waiter);
        asked
    }

    pub(crate) fn once(&self, machine: u32, key: OnceKey) -> Option<Once> {
        self.onces.get(&(machine, key)).copied()
    }

    /// Records work, which is not known here yet.
    pub(crate) fn add_once(
        &mut self,
        machine: u32,
        key: OnceKey,
        result: Option<OnceOutcome>,
        since: Instant,
    ) {
        let number = self.number();
        let once = Once {
            number,
            result,
            since,
        };
        self.onces.insert((machine, key), once);
    }

    /// Work that runs has ended: gives its waiters, in the order of asking.
    pub(crate) fn end_once(
        &mut self,
        machine: u32,
        key: OnceKey,
        result: OnceOutcome,
    ) -> Vec<WaiterId> {
        if let Some(once) = self.onces.get_mut(&(machine, key)) {
            once.result = Some(result);
        }
        let waiters = (machine, key, 0)..(machine, key, u64::MAX);
        let waiters = take(&mut self.waiters, waiters);
        waiters
            .iter()
            .for_each(|waiter| _ = self.waiting.remove(waiter));
        waiters
    }

    /// Forgets work that has no waiters.
    pub(crate) fn forget_once(&mut self, machine: u32, key: OnceKey) {
        self.onces.remove(&(machine, key));
    }

    /// The work on a machine, in the order of first asking.
    pub(crate) fn onces_on(&self, machine: u32) -> Vec<(OnceKey, Once)> {
        let onces = self.onces.range(onces_of(machine));
        in_order(onces.map(|(&(_, key), once)| (once.number, (key, *once))))
    }

    /// Those who wait for work on a machine, in the order of asking.
    pub(crate) fn waiters_on(&self, machine: u32) -> Vec<(WaiterId, OnceKey)> {
        let waiters = self.waiters.range(waiters_of(machine));
        in_order(waiters.map(|(&(_, key, number), &waiter)| (number, (waiter, key))))
    }

    /// Forgets all that is on a machine.
    pub(super) fn clear(&mut self, machine: u32) {
        take(&mut self.tasks, tasks_of(machine));
        take(&mut self.onces, onces_of(machine));
        let waiters = take(&mut self.waiters, waiters_of(machine));
        waiters
            .iter()
            .for_each(|waiter| _ = self.waiting.remove(waiter));
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Whether work that runs has waiters, and nothing else has; and whether there is nothing beside what
    /// all machines together hold: so many tasks and works.
    pub(super) fn check(&self, tasks: usize, onces: usize) -> bool {
        let running = self.onces.iter().filter(|(_, once)| once.result.is_none());
        let mut waited_for: Vec<(u32, OnceKey)> = Vec::new();
        waited_for.extend(self.waiters.keys().map(|&(machine, key, _)| (machine, key)));
        waited_for.dedup();
        let ids: BTreeSet<WaiterId> = self.waiters.values().copied().collect();
        running.map(|(at, _)| *at).eq(waited_for)
            && ids == self.waiting
            && ids.len() == self.waiters.len()
            && (tasks, onces) == (self.tasks.len(), self.onces.len())
    }
}

fn tasks_of(machine: u32) -> Range<(u32, TaskId)> {
    (machine, TaskId(0))..(machine + 1, TaskId(0))
}

fn onces_of(machine: u32) -> Range<(u32, OnceKey)> {
    (machine, FIRST_KEY)..(machine + 1, FIRST_KEY)
}

fn waiters_of(machine: u32) -> Range<(u32, OnceKey, u64)> {
    (machine, FIRST_KEY, 0)..(machine + 1, FIRST_KEY, 0)
}

fn in_order<T>(numbered: impl Iterator<Item = (u64, T)>) -> Vec<T> {
    let mut all: Vec<(u64, T)> = numbered.collect();
    all.sort_unstable_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, one)| one).collect()
}

/// Takes a range out of a map.
fn take<K: Ord + Copy, V>(map: &mut BTreeMap<K, V>, range: Range<K>) -> Vec<V> {
    let keys: Vec<K> = map.range(range).map(|(key, _)| *key).collect();
    keys.iter().filter_map(|key| map.remove(key)).collect()
}
