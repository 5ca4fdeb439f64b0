//! The whole manager as its logical state, which is what serialises (feature `serde`).
//!
//! What is read is not believed: ids, sums, times and every invariant are checked, so that any
//! bytes give a sound manager or an error.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::Config;
use crate::event::OnceOutcome;
use crate::grow::Growth;
use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::invariants::Violation;
use crate::machines::{Machine, Poll, State};
use crate::manager::{Manager, Summary};
use crate::time::Instant;

/// Ids above this are refused, so that none that is minted later overflows.
const LAST_MACHINE: MachineId = MachineId(u64::MAX / 2);

#[derive(Serialize, Deserialize)]
struct Snapshot {
    config: Config,
    now: Instant,
    /// In the order of the queue (S3), of which arrival is the last part (T1).
    queue: Vec<Queued>,
    /// By id.
    machines: Vec<OneMachine>,
    lost: u64,
    growth: Growth,
    summary: Summary,
    armed: Option<Instant>,
    shutdown: bool,
}

#[derive(Serialize, Deserialize)]
struct Queued {
    request: RequestId,
    priority: i64,
    procs: u32,
}

#[derive(Serialize, Deserialize)]
struct OneMachine {
    machine: MachineId,
    state: State,
    poll: Poll,
    silent: u32,
    /// In the order of the grants.
    running: Vec<(RequestId, u32)>,
    /// In the order of assignment.
    tasks: Vec<TaskId>,
    /// In the order of first asking; those without a result are running.
    onces: Vec<(OnceKey, Option<OnceOutcome>)>,
    /// In the order of asking.
    waiters: Vec<(WaiterId, OnceKey)>,
}

impl Serialize for Manager {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let queue = self.requests.queue().map(|(request, priority)| Queued {
            request: request.id,
            priority,
            procs: request.procs,
        });
        let machines = self
            .machines
            .slots()
            .map(|slot| self.freeze(self.machines.get(slot)));
        let snapshot = Snapshot {
            config: self.config,
            now: self.now,
            queue: queue.collect(),
            machines: machines.collect(),
            lost: self.machines.counts.lost,
            growth: self.growth,
            summary: self.summary,
            armed: self.armed,
            shutdown: self.shutdown,
        };
        snapshot.serialize(serializer)
    }
}

impl Manager {
    fn freeze(&self, machine: &Machine) -> OneMachine {
        let running = machine.running.iter(&self.requests.slab).map(|slot| {
            let request = self.requests.get(slot);
            (request.id, request.procs)
        });
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
            machine: machine.id,
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

impl<'de> Deserialize<'de> for Manager {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Manager, D::Error> {
        thaw(Snapshot::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Why a snapshot is not one of a sound manager.
enum Unsound {
    Config(crate::ConfigError),
    DuplicateRequest(RequestId),
    Procs(RequestId),
    NextMachine(MachineId),
    MachineOrder(MachineId),
    Overloaded(MachineId),
    DuplicateTask(MachineId, TaskId),
    Once(MachineId, OnceKey),
    Waiter(WaiterId),
    Violation(Violation),
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsound::Config(error) => error.fmt(f),
            Unsound::DuplicateRequest(request) => write!(f, "{request} is there twice"),
            Unsound::Procs(request) => write!(f, "{request} asks for more or less than a machine"),
            Unsound::NextMachine(machine) => write!(f, "{machine} cannot be the next machine"),
            Unsound::MachineOrder(machine) => write!(f, "{machine} is out of order"),
            Unsound::Overloaded(machine) => write!(f, "{machine} runs more than it has procs for"),
            Unsound::DuplicateTask(machine, task) => write!(f, "{machine} holds {task} twice"),
            Unsound::Once(machine, key) => write!(f, "{key} on {machine} cannot be"),
            Unsound::Waiter(waiter) => write!(f, "{waiter} waits twice, or for nothing"),
            Unsound::Violation(violation) => violation.fmt(f),
        }
    }
}

fn thaw(snapshot: Snapshot) -> Result<Manager, Unsound> {
    let mut manager = Manager::new(snapshot.config).map_err(Unsound::Config)?;
    manager.now = snapshot.now;
    manager.growth = snapshot.growth;
    manager.summary = snapshot.summary;
    manager.armed = snapshot.armed;
    manager.shutdown = snapshot.shutdown;
    if snapshot.growth.next_machine > LAST_MACHINE {
        return Err(Unsound::NextMachine(snapshot.growth.next_machine));
    }
    for Queued {
        request,
        priority,
        procs,
    } in snapshot.queue
    {
        manager.accept(request, procs)?;
        manager.requests.enqueue(request, priority, procs);
    }
    let mut last = None;
    for machine in snapshot.machines {
        if last >= Some(machine.machine) {
            return Err(Unsound::MachineOrder(machine.machine));
        }
        last = Some(machine.machine);
        manager.thaw_machine(machine)?;
    }
    manager.machines.counts.lost = snapshot.lost;
    manager.check_invariants().map_err(Unsound::Violation)?;
    Ok(manager)
}

impl Manager {
    /// Counts a request that can be in the manager and is not there yet.
    fn accept(&mut self, request: RequestId, procs: u32) -> Result<(), Unsound> {
        if self.requests.find(request).is_some() {
            return Err(Unsound::DuplicateRequest(request));
        }
        if !(1..=self.config.machine_procs).contains(&procs) {
            return Err(Unsound::Procs(request));
        }
        // Fewer than 2^32 requests of at most 2^16 procs.
        self.need += u64::from(procs);
        Ok(())
    }

    fn thaw_machine(&mut self, frozen: OneMachine) -> Result<(), Unsound> {
        let id = frozen.machine;
        let slot = self.machines.add(id, frozen.state);
        self.machines.set_poll(slot, frozen.poll);
        self.machines.get_mut(slot).silent = frozen.silent;
        for (request, procs) in frozen.running {
            self.accept(request, procs)?;
            if procs > self.config.machine_procs - self.machines.get(slot).used {
                return Err(Unsound::Overloaded(id));
            }
            let request = self.requests.insert_running(request, procs, slot);
            self.machines.occupy(slot, &mut self.requests.slab, request);
        }
        let holder = &mut self.machines.get_mut(slot).holds;
        for task in frozen.tasks {
            if !self.holdings.assign(slot, holder, task) {
                return Err(Unsound::DuplicateTask(id, task));
            }
        }
        for (key, result) in frozen.onces {
            if self.holdings.once(slot, key).is_some() || result == Some(OnceOutcome::MachineLost) {
                return Err(Unsound::Once(id, key));
            }
            self.holdings.add_once(slot, holder, key, result);
        }
        for (waiter, key) in frozen.waiters {
            let once = self.holdings.once(slot, key);
            let runs = once.is_some_and(|once| self.holdings.onces[once as usize].result.is_none());
            if self.holdings.is_waiting(waiter) || !runs {
                return Err(Unsound::Waiter(waiter));
            }
            self.holdings.ask(slot, holder, key, waiter);
        }
        Ok(())
    }
}
