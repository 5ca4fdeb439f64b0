//! Read-only views of a manager.

use core::fmt;

use crate::index::Running;
use crate::machines::{KindState, Machine};
use crate::manager::Manager;
use crate::protocol::config::Config;
use crate::protocol::counts::{Counts, Health, StartBackoff};
use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, MachineId, RequestId, TaskId};
use crate::protocol::resources::{Resources, Totals};
use crate::protocol::time::Instant;

/// A queued request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub struct Waiting {
    /// Its id.
    pub request: RequestId,
    /// What it asks for. (Under bigslice's policy a whole machine is shown as its procs.)
    pub spec: Submit,
    /// The machine that is held for it (P4).
    pub held: Option<MachineId>,
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
        self.record().id
    }

    /// Its kind.
    pub fn kind(&self) -> KindId {
        self.record().kind
    }

    /// Its state.
    pub fn health(&self) -> Health {
        self.record().health()
    }

    /// Whether it is on probation, also while it drains.
    pub fn on_probation(&self) -> bool {
        self.record().probation.is_some()
    }

    /// What runs on it takes so much.
    pub fn used(&self) -> Resources {
        self.record().offer.minus(self.record().free)
    }

    /// What it offers (R4); while it is pending, its kind's capacity.
    pub fn offer(&self) -> Resources {
        self.record().offer
    }

    /// Its load: procs [`used`](Self::used) by those [offered](Self::offer) (S18). For showing: no
    /// decision is made with it.
    pub fn load(&self) -> f64 {
        f64::from(self.used().proc_count()) / f64::from(self.offer().proc_count().max(1))
    }

    /// What runs on it, in the order of the grants.
    pub fn running(&self) -> impl Iterator<Item = RequestId> + use<'a> {
        self.grants().map(|(request, _)| request)
    }

    /// The same, with what each takes.
    pub fn grants(&self) -> impl Iterator<Item = (RequestId, Resources)> + use<'a> {
        let requests = &self.manager.requests;
        let running = self.record().running.iter(requests.records());
        running.filter_map(|slot| {
            let request = &requests[slot];
            let taken = |running: Running| (request.id, running.taken);
            request.running().map(taken)
        })
    }

    /// The tasks whose results live on it (S14), in the order of assignment.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<'a> {
        let tasks = self.manager.machines.holdings.tasks_on(self.slot);
        tasks.into_iter()
    }

    /// Since when it is idle (E1); `None` if it is not.
    pub fn idle_since(&self) -> Option<Instant> {
        let idle = self.manager.machines.is_idle(self.slot);
        idle.then_some(self.record().idle_since)
    }

    /// The request that it is held for (P4).
    pub fn held_for(&self) -> Option<RequestId> {
        let hold = self.manager.holds.on(self.id())?;
        Some(self.manager.requests[hold.request].id)
    }

    fn record(&self) -> &'a Machine {
        self.manager.machines.get(self.slot)
    }
}

impl fmt::Debug for MachineView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineView")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("health", &self.health())
            .field("used", &self.used())
            .field("offer", &self.offer())
            .finish_non_exhaustive()
    }
}

impl Manager {
    /// The queued requests in their order (P1; under bigslice's policy S3). Slow: it sorts them.
    ///
    /// ```
    /// use remuda::{Config, Event, Instant, Manager, RequestId, Submit};
    ///
    /// let mut manager = Manager::new(Config::new(4, 16)?)?;
    /// for (id, priority) in [(1, 5), (2, 0)] {
    ///     let spec = Submit::machine().priority(priority);
    ///     let _ = manager.handle(Event::Submit { request: RequestId(id), spec }, Instant::ZERO);
    /// }
    /// let ids: Vec<_> = manager.queue().map(|waiting| waiting.request).collect();
    /// assert_eq!(ids, [RequestId(2), RequestId(1)]);
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    pub fn queue(&self) -> impl Iterator<Item = Waiting> {
        let slots = self.queue.iter(&self.requests);
        slots.filter_map(|slot| self.waiting(slot))
    }

    /// A look at a queued request; `None` if it runs.
    pub(crate) fn waiting(&self, slot: u32) -> Option<Waiting> {
        let record = &self.requests[slot];
        let queued = record.queued()?;
        Some(Waiting {
            request: record.id,
            spec: self.queue.spec(record.id, queued.class),
            held: self.holds.machine_of(slot),
        })
    }

    /// The figures at this moment, over all kinds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let (queued, whole, need) = self.queue.counts();
        (counts.queued, counts.whole, counts.need) = (queued, whole, need);
        for kind in &self.machines.kinds {
            let one = kind.counts();
            counts.need = sum(counts.need, one.need);
            counts.pending = sum(counts.pending, one.pending);
            counts.have = sum(counts.have, one.have);
            counts.running += one.running;
            let (all, one) = (&mut counts.machines, one.machines);
            all.pending += one.pending;
            all.ok += one.ok;
            all.probation += one.probation;
            all.draining += one.draining;
            all.stopping += one.stopping;
            all.lost = all.lost.saturating_add(one.lost);
            all.ended = all.ended.saturating_add(one.ended);
        }
        counts
    }

    /// The figures of one kind (R6); `None` if the config has no such kind.
    pub fn counts_of(&self, kind: KindId) -> Option<Counts> {
        self.machines
            .kinds
            .get(usize::from(kind.0))
            .map(KindState::counts)
    }

    /// The machines that are there, by id.
    pub fn machines(&self) -> impl Iterator<Item = MachineView<'_>> {
        let view = |slot| MachineView {
            manager: self,
            slot,
        };
        self.machines.slots().map(view)
    }

    /// One machine; `None` when it is gone or never was.
    pub fn machine(&self, machine: MachineId) -> Option<MachineView<'_>> {
        let view = |slot| MachineView {
            manager: self,
            slot,
        };
        self.machines.find(machine).map(view)
    }

    /// The machine that a request runs on; `None` when it does not run.
    pub fn machine_of(&self, request: RequestId) -> Option<MachineId> {
        let running = self.requests[self.requests.find(&request)?].running()?;
        Some(self.machines.get(running.machine).id)
    }

    /// The start back-off of a kind (F7); `None` when no start failed since a machine stayed up.
    pub fn start_backoff(&self, kind: KindId) -> Option<StartBackoff> {
        let growth = self.growth.get(usize::from(kind.0))?;
        (growth.step > 0).then(|| StartBackoff {
            step: growth.step,
            until: growth.backoff.until.unwrap_or(Instant::MAX),
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

fn sum(a: Totals, b: Totals) -> Totals {
    let (a, b) = (a.amounts(), b.amounts());
    Totals::new(core::array::from_fn(|n| a[n] + b[n]))
}
