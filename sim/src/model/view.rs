//! What can be looked at: the sums of S2, taken anew each time.

use remuda::{Counts, Health, Instant, MachineCounts, MachineId, RequestId, StartBackoff, TaskId};

use super::{Fate, Model, State};

/// A look at one machine of a [`Model`].
#[derive(Clone, PartialEq, Debug)]
pub struct ModelMachine {
    /// Its id.
    pub id: MachineId,
    /// Where it stands.
    pub health: Health,
    /// Procs of what runs on it.
    pub used: u32,
    /// What runs on it, in the order of the grants.
    pub running: Vec<RequestId>,
    /// What lives on it, in the order of assignment.
    pub tasks: Vec<TaskId>,
}

impl Model {
    /// As [`Manager::counts`](remuda::Manager::counts) (S2).
    pub fn counts(&self) -> Counts {
        let mut machines = MachineCounts::default();
        for machine in &self.machines {
            match machine.state {
                State::Pending { .. } => machines.pending += 1,
                State::Ok => machines.ok += 1,
                State::Probation { .. } => machines.probation += 1,
            }
        }
        machines.lost = self.fates.iter().filter(|f| **f == Fate::Lost).count() as u64;
        let queued: u64 = self.queue.iter().map(|r| u64::from(r.procs)).sum();
        let running: u64 = self.running.iter().map(|r| u64::from(r.procs)).sum();
        let procs = u64::from(self.config.machine_procs);
        Counts {
            need: queued + running,
            pending: machines.pending * procs,
            have: (machines.ok + machines.probation) * procs,
            queued: self.queue.len() as u64,
            running: self.running.len() as u64,
            machines,
        }
    }

    /// The machines asked for or in service, by id.
    pub fn machines(&self) -> impl Iterator<Item = ModelMachine> + '_ {
        self.machines.iter().map(|machine| ModelMachine {
            id: machine.id,
            health: match machine.state {
                State::Pending { .. } => Health::Pending,
                State::Ok => Health::Ok,
                State::Probation { until } => Health::Probation {
                    until: until.unwrap_or(Instant::MAX),
                },
            },
            used: self.config.machine_procs - self.free(machine.id),
            running: self
                .running
                .iter()
                .filter(|r| r.machine == machine.id)
                .map(|r| r.id)
                .collect(),
            tasks: machine.tasks.clone(),
        })
    }

    /// As [`Manager::start_backoff`](remuda::Manager::start_backoff) (F7).
    pub fn start_backoff(&self) -> Option<StartBackoff> {
        (self.step > 0).then(|| StartBackoff {
            step: self.step,
            until: self.backoff_until.unwrap_or(Instant::MAX),
        })
    }

    /// The latest time it was told (F5).
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether it was told to shut down (S22).
    pub fn is_shut_down(&self) -> bool {
        self.shut_down
    }
}
