//! Read-only views of a manager.

use core::fmt;

use crate::config::Config;
use crate::grow::Growth;
use crate::id::{MachineId, RequestId, TaskId};
use crate::machines::{Machine, State};
use crate::manager::Manager;
use crate::time::Instant;

/// Where a machine stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Health {
    /// Asked for and not yet answered (S8).
    Pending,
    /// In service and in good health.
    Ok,
    /// In service, but given no new grants (S9).
    Probation {
        /// When it is ok again without further news (S10); [`Instant::MAX`] stands for never when
        /// that is past the end of time.
        until: Instant,
    },
}

/// The figures of a manager at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Procs of all queued requests and all running grants (S2).
    pub need: u64,
    /// Procs of the machines asked for and not yet answered (S2).
    pub pending: u64,
    /// Procs of the machines in service (S2).
    pub have: u64,
    /// Requests that wait.
    pub queued: u64,
    /// Requests that have a machine.
    pub running: u64,
    /// The machines.
    pub machines: MachineCounts,
}

/// The machines of a manager, counted by where they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineCounts {
    /// Asked for and not yet answered.
    pub pending: u64,
    /// In good health.
    pub ok: u64,
    /// On probation.
    pub probation: u64,
    /// Lost since the beginning (failed starts are not among them: they never were in service).
    pub lost: u64,
}

/// The start back-off (F7), from the first failed start on until a machine comes up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StartBackoff {
    /// How many steps it has made.
    pub step: u32,
    /// No machine is asked for before this; it may have passed. [`Instant::MAX`] stands for never
    /// when it is past the end of time.
    pub until: Instant,
}

/// A look at one machine.
#[derive(Clone, Copy)]
pub struct MachineView<'a> {
    manager: &'a Manager,
    slot: u32,
}

impl<'a> MachineView<'a> {
    /// Its id.
    pub fn id(&self) -> MachineId {
        self.manager.machines.id(self.slot)
    }

    /// Where it stands.
    pub fn health(&self) -> Health {
        match self.record().state {
            State::Pending { .. } => Health::Pending,
            State::Ok => Health::Ok,
            State::Probation { until } => Health::Probation {
                until: until.unwrap_or(Instant::MAX),
            },
        }
    }

    /// Procs of what runs on it.
    pub fn used(&self) -> u32 {
        self.manager.machines.load(self.slot).used
    }

    /// Its procs.
    pub fn total(&self) -> u32 {
        self.manager.config.machine_procs
    }

    /// Its load, [`used`](Self::used) by [`total`](Self::total) (S18). For showing: no decision is
    /// made with it.
    pub fn load(&self) -> f64 {
        f64::from(self.used()) / f64::from(self.total())
    }

    /// What runs on it, in the order of the grants.
    pub fn running(&self) -> impl Iterator<Item = RequestId> + use<'a> {
        self.manager.machines.running(self.slot)
    }

    /// The same, with the procs of each.
    pub fn grants(&self) -> impl Iterator<Item = (RequestId, u32)> + use<'a> {
        let requests = &self.manager.requests;
        let running = self.manager.machines.running(self.slot);
        running.map(|request| (request, requests.running_procs(request)))
    }

    /// The tasks whose results live on it (S14), in the order of assignment.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<'a> {
        let held = &self.manager.holdings.tasks;
        self.record()
            .holds
            .tasks
            .iter(held)
            .map(|slot| held[slot as usize].task)
    }

    fn record(&self) -> &'a Machine {
        self.manager.machines.get(self.slot)
    }
}

impl fmt::Debug for MachineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineView")
            .field("id", &self.id())
            .field("health", &self.health())
            .field("used", &self.used())
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

/// A request that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Waiting {
    /// Its id.
    pub request: RequestId,
    /// Its priority.
    pub priority: i64,
    /// The procs it asks for.
    pub procs: u32,
}

impl Manager {
    /// The requests that wait, in the order of the queue (S3).
    ///
    /// ```
    /// use remuda::{Config, Demand, Event, Instant, Manager, RequestId};
    ///
    /// let mut manager = Manager::new(Config::new(4, 16)?)?;
    /// for (id, priority) in [(1, 5), (2, 0)] {
    ///     let request = RequestId(id);
    ///     manager.handle(Event::Submit { request, priority, demand: Demand::Machine }, Instant::ZERO);
    /// }
    /// let ids: Vec<_> = manager.queue().map(|waiting| waiting.request).collect();
    /// assert_eq!(ids, [RequestId(2), RequestId(1)]);
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    pub fn queue(&self) -> impl Iterator<Item = Waiting> {
        let queue = self.requests.queue();
        queue.map(|(request, priority, procs)| Waiting {
            request,
            priority,
            procs,
        })
    }

    /// The figures at this moment, in O(1).
    pub fn counts(&self) -> Counts {
        Counts {
            need: self.need,
            pending: self.pending_procs(),
            have: self.have(),
            queued: self.requests.queued() as u64,
            running: self.requests.running() as u64,
            machines: self.machines.counts,
        }
    }

    /// The machines asked for or in service, by id.
    pub fn machines(&self) -> impl Iterator<Item = MachineView<'_>> {
        self.machines.slots().map(|slot| MachineView {
            manager: self,
            slot,
        })
    }

    /// One machine; `None` when it is lost, failed to start, or was never asked for.
    pub fn machine(&self, machine: MachineId) -> Option<MachineView<'_>> {
        self.machines.find(machine).map(|slot| MachineView {
            manager: self,
            slot,
        })
    }

    /// The start back-off (F7); `None` when no start failed since a machine came up.
    pub fn start_backoff(&self) -> Option<StartBackoff> {
        let Growth { step, until, .. } = self.growth;
        (step > 0).then(|| StartBackoff {
            step,
            until: until.unwrap_or(Instant::MAX),
        })
    }

    /// The config it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The latest time it was told (F5).
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether it was told to shut down (S22).
    pub fn is_shut_down(&self) -> bool {
        self.shutdown
    }
}
