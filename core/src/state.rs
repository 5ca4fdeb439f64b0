//! The logical state of a manager: what is compared, printed and serialised.

use alloc::vec::Vec;
use core::fmt;

use crate::config::Config;
use crate::event::OnceOutcome;
use crate::grow::Growth;
use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::machines::{Poll, State};
use crate::manager::{Manager, Summary};
use crate::time::Instant;

#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    pub(crate) now: Instant,
    /// In the order of the queue (S3), of which arrival is the last part (T1).
    pub(crate) queue: Vec<Queued>,
    /// By id.
    pub(crate) machines: Vec<OneMachine>,
    pub(crate) lost: u64,
    pub(crate) growth: Growth,
    pub(crate) summary: Summary,
    pub(crate) armed: Option<Instant>,
    pub(crate) shutdown: bool,
}

#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Queued {
    pub(crate) request: RequestId,
    pub(crate) priority: i64,
    pub(crate) procs: u32,
}

#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct OneMachine {
    pub(crate) machine: MachineId,
    pub(crate) state: State,
    pub(crate) poll: Poll,
    pub(crate) silent: u32,
    /// In the order of the grants.
    pub(crate) running: Vec<(RequestId, u32)>,
    /// In the order of assignment.
    pub(crate) tasks: Vec<TaskId>,
    /// In the order of first asking; those without a result are running.
    pub(crate) onces: Vec<(OnceKey, Option<OnceOutcome>)>,
    /// In the order of asking.
    pub(crate) waiters: Vec<(WaiterId, OnceKey)>,
}

/// Equal managers do the same from here on: slots and the like play no part. Slow.
impl PartialEq for Manager {
    fn eq(&self, other: &Manager) -> bool {
        self.snapshot() == other.snapshot()
    }
}

impl Eq for Manager {}

/// The logical state, as it is compared and serialised.
impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl Manager {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let queue = self.requests.queue();
        let queue = queue.map(|(request, priority, procs)| Queued {
            request,
            priority,
            procs,
        });
        let machines = self.machines.slots().map(|slot| self.freeze(slot));
        Snapshot {
            config: self.config,
            now: self.now,
            queue: queue.collect(),
            machines: machines.collect(),
            lost: self.machines.counts.lost,
            growth: self.growth,
            summary: self.summary,
            armed: self.armed,
            shutdown: self.shutdown,
        }
    }

    fn freeze(&self, slot: u32) -> OneMachine {
        let machine = self.machines.get(slot);
        let running = self.machines.running(slot);
        let running = running.map(|request| (request, self.requests.running_procs(request)));
        let holdings = &self.holdings;
        let tasks = machine.holds.tasks.iter(&holdings.tasks);
        let onces = machine.holds.onces.iter(&holdings.onces).map(|slot| {
            let once = &holdings.onces[slot as usize];
            (once.key, once.result)
        });
        let waiters = machine.holds.waiters.iter(&holdings.waiters).map(|slot| {
            let waiter = &holdings.waiters[slot as usize];
            (waiter.id, waiter.key)
        });
        OneMachine {
            machine: self.machines.id(slot),
            state: machine.state,
            poll: machine.poll,
            silent: machine.silent,
            running: running.collect(),
            tasks: tasks
                .map(|slot| holdings.tasks[slot as usize].task)
                .collect(),
            onces: onces.collect(),
            waiters: waiters.collect(),
        }
    }
}
