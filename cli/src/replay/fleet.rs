//! The machines of a run as its events and actions tell of them: kind, offer, and how far each is.
use std::collections::HashMap;

use remuda::{
    Action, Config, Demand, Event, Health, KindId, MachineId, Manager, Notice, Resources,
};

/// The machines that are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    /// What a machine of each kind has.
    capacities: Vec<Resources>,
    machines: HashMap<MachineId, Machine>,
    /// Of those that are up.
    procs_in_service: u64,
    shut_down: bool,
}

/// A machine that was asked for or joined, and is not gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) kind: KindId,
    /// What it offers; while it is pending, its kind's capacity.
    pub(crate) offer: Resources,
    pub(crate) up: bool,
    pub(crate) draining: bool,
    /// It was told to stop, but not because it is lost or all is shut down.
    pub(crate) stopping: bool,
}

/// Why a machine is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is idle, or was above the limits when it joined.
    Unneeded,
    /// It was pending and is not wanted any more.
    Withdrawn,
    /// It drained.
    Drained,
    /// It is lost, or all is shut down, or it was told before.
    Other,
}

impl Fleet {
    /// The machines of a manager.
    pub(crate) fn new(manager: &Manager) -> Fleet {
        let mut fleet = Fleet {
            capacities: capacities(manager.config()),
            shut_down: manager.is_shut_down(),
            ..Fleet::default()
        };
        for view in manager.machines() {
            let health = view.health();
            let machine = Machine {
                kind: view.kind(),
                offer: view.offer(),
                up: health != Health::Pending,
                draining: matches!(health, Health::Draining { .. }),
                stopping: health == Health::Stopping,
            };
            fleet.count(machine, true);
            fleet.machines.insert(view.id(), machine);
        }
        fleet
    }

    pub(crate) fn get(&self, machine: MachineId) -> Option<Machine> {
        self.machines.get(&machine).copied()
    }

    /// Procs of all machines that are up, whether they get grants or not.
    pub(crate) fn procs_in_service(&self) -> u64 {
        self.procs_in_service
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down
    }

    /// The most procs that a machine of any kind has.
    pub(crate) fn largest(&self) -> u32 {
        let procs = self.capacities.iter().map(|it| it.proc_count());
        procs.max().unwrap_or(0)
    }

    /// What a request takes of this machine.
    pub(crate) fn taken(&self, machine: MachineId, demand: Demand) -> Resources {
        match demand {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine => self.get(machine).map_or(Resources::ZERO, |it| it.offer),
        }
    }

    /// What an event brings: to be told before its actions, as they may be about the machine that it brings. `rejected` if one
    /// of them is a rejection.
    pub(crate) fn event(&mut self, event: &Event, actions: &[Action], rejected: bool) {
        for action in actions {
            if let Action::Start { kind, first, count } = *action {
                let ids = first.0..first.0.saturating_add(count.into());
                let pending = self.pending(kind);
                self.machines.extend(ids.map(|id| (MachineId(id), pending)));
            }
        }
        if rejected {
            return;
        }
        match *event {
            Event::Shutdown => self.shut_down = true,
            Event::Up { machine, offer } => self.up(machine, offer),
            Event::Join {
                machine,
                kind,
                offer,
            } => {
                self.machines.insert(machine, self.pending(kind));
                self.up(machine, offer);
            }
            _ => {}
        }
    }

    /// An action; if it tells a machine to stop, why.
    pub(crate) fn action(&mut self, action: &Action) -> Option<Reason> {
        match *action {
            Action::Stop { machine } => return Some(self.stop(machine)),
            Action::Notice(Notice::Draining { machine, .. }) => self.drain(machine, true),
            Action::Notice(Notice::Kept { machine }) => self.drain(machine, false),
            Action::Notice(Notice::MachineLost { machine, .. } | Notice::Ended { machine }) => {
                self.remove(machine);
            }
            _ => {}
        }
        None
    }

    /// What an event takes away: to be told after its actions. The machine if it never came up.
    pub(crate) fn after(&mut self, event: &Event, rejected: bool) -> Option<Machine> {
        match *event {
            Event::StartFailed { machine, .. } | Event::Stopped { machine } if !rejected => {
                let pending = self.get(machine).filter(|it| !it.up);
                pending.and_then(|_| self.remove(machine))
            }
            _ => None,
        }
    }

    fn pending(&self, kind: KindId) -> Machine {
        let capacity = self.capacities.get(usize::from(kind.0));
        Machine {
            kind,
            offer: capacity.copied().unwrap_or_default(),
            up: false,
            draining: false,
            stopping: false,
        }
    }

    fn up(&mut self, id: MachineId, offer: Option<Resources>) {
        // A no-op for one that was told to stop.
        let Some(machine) = self.machines.get_mut(&id).filter(|it| !it.stopping) else {
            return;
        };
        machine.up = true;
        machine.offer = offer.map_or(machine.offer, |offer| offer.min(machine.offer));
        let machine = *machine;
        self.count(machine, true);
    }

    fn stop(&mut self, machine: MachineId) -> Reason {
        let shut_down = self.shut_down;
        let Some(machine) = self.machines.get_mut(&machine) else {
            return Reason::Other;
        };
        if shut_down || machine.stopping {
            return Reason::Other;
        }
        machine.stopping = true;
        match (machine.up, machine.draining) {
            (false, _) => Reason::Withdrawn,
            (true, true) => Reason::Drained,
            (true, false) => Reason::Unneeded,
        }
    }

    fn drain(&mut self, machine: MachineId, draining: bool) {
        if let Some(machine) = self.machines.get_mut(&machine) {
            machine.draining = draining;
        }
    }

    fn remove(&mut self, machine: MachineId) -> Option<Machine> {
        let machine = self.machines.remove(&machine)?;
        self.count(machine, false);
        Some(machine)
    }

    fn count(&mut self, machine: Machine, more: bool) {
        let procs = match machine.up {
            true => u64::from(machine.offer.proc_count()),
            false => 0,
        };
        self.procs_in_service = match more {
            true => self.procs_in_service + procs,
            false => self.procs_in_service.saturating_sub(procs),
        };
    }
}

/// What a machine of each kind has.
fn capacities(config: &Config) -> Vec<Resources> {
    config.kinds.iter().map(|kind| kind.capacity).collect()
}
