//! The whole manager, written and read as its logical state (feature `serde`).
//!
//! What is read is not believed: ids, sums, times and every invariant are checked, so that any
//! bytes give a sound manager or an error.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::OnceOutcome;
use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::invariants::Violation;
use crate::manager::Manager;
use crate::places::Vacant;
use crate::state::{OneMachine, Queued, Snapshot};

/// Ids above this are refused, so that none that is minted later overflows.
const LAST_MACHINE: MachineId = MachineId(u64::MAX / 2);

impl Serialize for Manager {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
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
        let place = manager.accept(request, procs)?;
        manager.requests.enqueue(place, request, priority, procs);
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
    fn accept(&mut self, request: RequestId, procs: u32) -> Result<Vacant, Unsound> {
        let Err(place) = self.requests.seek(request) else {
            return Err(Unsound::DuplicateRequest(request));
        };
        if !(1..=self.config.machine_procs).contains(&procs) {
            return Err(Unsound::Procs(request));
        }
        // Fewer than 2^32 requests of at most 2^16 procs.
        self.need += u64::from(procs);
        Ok(place)
    }

    fn thaw_machine(&mut self, frozen: OneMachine) -> Result<(), Unsound> {
        let id = frozen.machine;
        let slot = self.machines.add(id, frozen.state);
        self.machines.set_poll(slot, frozen.poll);
        self.machines.get_mut(slot).silent = frozen.silent;
        self.machines.withdraw(slot);
        for (request, procs) in frozen.running {
            let place = self.accept(request, procs)?;
            if procs > self.machines.free(slot) {
                return Err(Unsound::Overloaded(id));
            }
            let (at, _) = self.machines.occupy(slot, request, procs);
            self.requests.enter(place, request, at);
        }
        self.machines.offer(slot);
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
