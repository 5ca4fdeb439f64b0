//! What lives on machines: tasks, and once-per-machine work (S14, S15, S16).

use slab::Slab;

use crate::protocol::event::OnceOutcome;
use crate::protocol::id::{OnceKey, TaskId, WaiterId};
use crate::protocol::time::Instant;
use crate::storage::hash::SlotMap;
use crate::storage::list::{Linked, Links, List, is_full, put};

/// What one machine holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    /// In the order of assignment.
    pub(crate) tasks: List<Held>,
    pub(crate) onces: List<Once>,
    /// The waiters for anything here, in the order of asking (F11).
    pub(crate) waiters: List<Here>,
}

impl Holder {
    pub(crate) const EMPTY: Holder = Holder {
        tasks: List::EMPTY,
        onces: List::EMPTY,
        waiters: List::EMPTY,
    };
}

/// A task's result on a machine.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) task: TaskId,
    links: Links,
}

/// Once-per-machine work on a machine.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub(crate) key: OnceKey,
    /// None while it runs.
    pub(crate) result: Option<OnceOutcome>,
    /// When it was asked for first.
    pub(crate) since: Instant,
    /// The waiters for it, in the order of asking.
    waiters: List<SameKey>,
    links: Links,
}

/// The list of a machine's waiters.
#[derive(Debug)]
pub(crate) struct Here;

/// The list of one work's waiters.
#[derive(Debug)]
pub(crate) struct SameKey;

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) id: WaiterId,
    pub(crate) key: OnceKey,
    here: Links,
    same_key: Links,
}

macro_rules! linked {
    ($record:ty, $tag:ty, $field:ident) => {
        impl Linked<$tag> for $record {
            fn links(&self) -> Links {
                self.$field
            }

            fn links_mut(&mut self) -> &mut Links {
                &mut self.$field
            }
        }
    };
}

linked!(Held, Held, links);
linked!(Once, Once, links);
linked!(Waiter, Here, here);
linked!(Waiter, SameKey, same_key);

/// The holdings of all machines; `machine` is a machine's slot, and `holder` its record.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    pub(crate) tasks: Slab<Held>,
    pub(crate) task_slots: SlotMap<(u32, TaskId)>,
    pub(crate) onces: Slab<Once>,
    once_slots: SlotMap<(u32, OnceKey)>,
    pub(crate) waiters: Slab<Waiter>,
    waiter_slots: SlotMap<WaiterId>,
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

impl Holdings {
    pub(crate) fn new() -> Holdings {
        Holdings {
            tasks: Slab::new(),
            task_slots: SlotMap::default(),
            onces: Slab::new(),
            once_slots: SlotMap::default(),
            waiters: Slab::new(),
            waiter_slots: SlotMap::default(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        is_full(&self.tasks) || is_full(&self.onces) || is_full(&self.waiters)
    }

    /// S14: a task that is here already keeps its place. Says whether it is new.
    pub(crate) fn assign(&mut self, machine: u32, holder: &mut Holder, task: TaskId) -> bool {
        if self.task_slots.contains_key(&(machine, task)) {
            return false;
        }
        let slot = put(
            &mut self.tasks,
            Held {
                task,
                links: Links::NONE,
            },
        );
        self.task_slots.insert((machine, task), slot);
        holder.tasks.push_back(&mut self.tasks, slot);
        true
    }

    /// S15: says whether the task was here.
    pub(crate) fn discard(&mut self, machine: u32, holder: &mut Holder, task: TaskId) -> bool {
        let Some(slot) = self.task_slots.swap_remove(&(machine, task)) else {
            return false;
        };
        holder.tasks.remove(&mut self.tasks, slot);
        self.tasks.remove(slot as usize);
        true
    }

    pub(crate) fn is_waiting(&self, waiter: WaiterId) -> bool {
        self.waiter_slots.contains_key(&waiter)
    }

    /// S16: a waiter, who waits for nothing else, asks for work.
    pub(crate) fn ask(
        &mut self,
        machine: u32,
        holder: &mut Holder,
        key: OnceKey,
        waiter: WaiterId,
        now: Instant,
    ) -> Asked {
        let known = self.once(machine, key);
        if let Some(result) = known.and_then(|once| self.onces[once as usize].result) {
            return Asked::Known(result);
        }
        let once = known.unwrap_or_else(|| self.add_once(machine, holder, key, None, now));
        let record = Waiter {
            id: waiter,
            key,
            here: Links::NONE,
            same_key: Links::NONE,
        };
        let slot = put(&mut self.waiters, record);
        self.waiter_slots.insert(waiter, slot);
        holder.waiters.push_back(&mut self.waiters, slot);
        self.onces[once as usize]
            .waiters
            .push_back(&mut self.waiters, slot);
        if known.is_some() {
            Asked::Wait
        } else {
            Asked::Run
        }
    }

    pub(crate) fn once(&self, machine: u32, key: OnceKey) -> Option<u32> {
        self.once_slots.get(&(machine, key)).copied()
    }

    /// Records work, which is not known here yet.
    pub(crate) fn add_once(
        &mut self,
        machine: u32,
        holder: &mut Holder,
        key: OnceKey,
        result: Option<OnceOutcome>,
        since: Instant,
    ) -> u32 {
        let record = Once {
            key,
            result,
            since,
            waiters: List::EMPTY,
            links: Links::NONE,
        };
        let slot = put(&mut self.onces, record);
        self.once_slots.insert((machine, key), slot);
        holder.onces.push_back(&mut self.onces, slot);
        slot
    }

    /// Takes the first waiter for work.
    pub(crate) fn take_waiter(&mut self, holder: &mut Holder, once: u32) -> Option<WaiterId> {
        let waiters = &mut self.onces[once as usize].waiters;
        let slot = waiters.head()?;
        waiters.remove(&mut self.waiters, slot);
        holder.waiters.remove(&mut self.waiters, slot);
        let waiter = self.waiters.remove(slot as usize);
        self.waiter_slots.swap_remove(&waiter.id);
        Some(waiter.id)
    }

    /// Forgets work that has no waiters.
    pub(crate) fn remove_once(&mut self, machine: u32, holder: &mut Holder, once: u32) {
        holder.onces.remove(&mut self.onces, once);
        let record = self.onces.remove(once as usize);
        self.once_slots.swap_remove(&(machine, record.key));
    }

    /// Takes the first task off a machine that is lost (S14).
    pub(crate) fn lose_task(&mut self, machine: u32, holder: &mut Holder) -> Option<TaskId> {
        let task = self.tasks[holder.tasks.head()? as usize].task;
        self.discard(machine, holder, task);
        Some(task)
    }

    /// Takes the first waiter off a machine that is lost (S16).
    pub(crate) fn lose_waiter(
        &mut self,
        machine: u32,
        holder: &mut Holder,
    ) -> Option<(WaiterId, OnceKey)> {
        // The first of all is also the first of its own work.
        let key = self.waiters[holder.waiters.head()? as usize].key;
        let once = self.once(machine, key)?;
        self.take_waiter(holder, once).map(|waiter| (waiter, key))
    }

    /// Forgets all work of a machine that is lost, after its waiters were told.
    pub(crate) fn lose_onces(&mut self, machine: u32, holder: &mut Holder) {
        while let Some(once) = holder.onces.head() {
            self.remove_once(machine, holder, once);
        }
    }

    /// Whether one machine's holdings are sound; counts them into `seen`.
    pub(crate) fn check(&self, machine: u32, holder: &Holder, seen: &mut [usize; 3]) -> bool {
        let lengths = (
            holder.tasks.check(&self.tasks),
            holder.onces.check(&self.onces),
            holder.waiters.check(&self.waiters),
        );
        let (Some(tasks), Some(onces), Some(waiters)) = lengths else {
            return false;
        };
        seen[0] += tasks;
        seen[1] += onces;
        seen[2] += waiters;
        let found = holder.tasks.iter(&self.tasks).all(|slot| {
            self.task_slots
                .get(&(machine, self.tasks[slot as usize].task))
                == Some(&slot)
        });
        let mut asked = 0;
        let sound = holder.onces.iter(&self.onces).all(|slot| {
            let once = &self.onces[slot as usize];
            let mine = once.waiters.iter(&self.waiters);
            let same = mine
                .into_iter()
                .all(|waiter| self.waiters[waiter as usize].key == once.key);
            let count = once.waiters.check(&self.waiters);
            asked += count.unwrap_or(0);
            // Work that runs has a waiter: they do not go away (S16).
            let waited_for = count.is_some_and(|count| (count > 0) == once.result.is_none());
            same && waited_for && self.once(machine, once.key) == Some(slot)
        });
        let known = holder
            .waiters
            .iter(&self.waiters)
            .all(|slot| self.waiter_slots.get(&self.waiters[slot as usize].id) == Some(&slot));
        found && sound && known && asked == waiters
    }

    /// Whether there is nothing beside what all machines together hold.
    pub(crate) fn check_totals(&self, seen: [usize; 3]) -> bool {
        seen == [self.tasks.len(), self.onces.len(), self.waiters.len()]
            && seen
                == [
                    self.task_slots.len(),
                    self.once_slots.len(),
                    self.waiter_slots.len(),
                ]
    }
}
