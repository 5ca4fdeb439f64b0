//! Why a request is queued, and what is known to place it. It looks, and changes nothing.

mod search;
mod text;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::machines::{Machine, Phase};
use crate::manager::Manager;
use crate::protocol::config::Policy;
use crate::protocol::event::Event;
use crate::protocol::id::{KindId, MachineId, RequestId};
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;
use crate::queue::Ask;

/// Where a request stands, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Explanation {
    /// It is not known: never submitted, or over (F4).
    Unknown {
        /// The request.
        request: RequestId,
    },
    /// It has a machine.
    Running {
        /// The request.
        request: RequestId,
        /// Where it runs.
        machine: MachineId,
    },
    /// It is queued.
    Queued(Box<Wait>),
}

/// Why a request is queued.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Wait {
    /// The request.
    pub request: RequestId,
    /// What it asks for. (Under bigslice's policy a whole machine is shown as its procs.)
    pub demand: Demand,
    /// How many requests are before it in the queue (P1, S3).
    pub ahead: u64,
    /// So many procs have yet to be granted to others before its turn has come (P4); zero when it
    /// has. `None` if it has no turn: there are no holds, or no machines for it in good health.
    pub turn: Option<u64>,
    /// The machine that is held for it (P4).
    pub held: Option<MachineId>,
    /// Why no machine takes it, by id.
    pub machines: Vec<(MachineId, Obstacle)>,
    /// What keeps each kind that it accepts from growing, by number.
    pub growth: Vec<GrowthWait>,
    /// The shortest sequence of events known to place it, each with its time; `None` when the
    /// bounded search found none.
    pub placed_by: Option<Vec<(Instant, Event)>>,
    /// What the amounts are called.
    #[cfg_attr(feature = "serde", serde(skip))]
    names: [String; Resources::COUNT],
}

/// An amount of which there is too little (R1).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Lack {
    /// Its index in [`Resources`].
    pub amount: u8,
    /// What the config calls it.
    pub name: String,
    /// How much there is.
    pub free: u32,
    /// How much the request asks for.
    pub needs: u32,
}

/// Why a machine does not take a request. Of several reasons, the first of this list but for the
/// last two.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Obstacle {
    /// The request does not accept its kind (R3).
    KindNotAccepted {
        /// The machine's kind.
        kind: KindId,
    },
    /// It is not up yet.
    Pending,
    /// It was told to stop.
    Stopping,
    /// It drains: it gets no new grants (D1).
    Draining,
    /// It is on probation (S9).
    Probation {
        /// When that ends; [`Instant::MAX`] stands for never.
        until: Instant,
    },
    /// Even with nothing running it would offer too little (R4).
    OfferTooSmall(Lack),
    /// Too little is free.
    TooFewFree(Lack),
    /// The request asks for a whole machine, and something runs there (R5).
    InUse {
        /// How many requests run there.
        running: u32,
    },
    /// It is held for another request (P4).
    Held {
        /// The request that it is held for.
        request: RequestId,
    },
    /// The request is told to avoid it, and others could take it (P3).
    Avoided,
    /// Machines with this many free procs are kept for the requests ahead (bigslice's policy, S5).
    Reserved {
        /// Procs that are free.
        free: u32,
        /// How many machines have as many.
        machines: u64,
    },
}

/// What keeps a kind of machine from growing (G1, G3, S7, F7).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GrowthWait {
    /// The kind.
    pub kind: KindId,
    /// Machines that are asked for and not yet answered.
    pub pending: u64,
    /// The machines there are and those asked for have the procs that are needed (bigslice's
    /// policy, S7).
    pub enough: bool,
    /// Its machines cannot be asked for; they join by themselves (J1).
    pub not_startable: bool,
    /// What its machines are expected to offer is too little (R4).
    pub offer_too_small: Option<Lack>,
    /// Its `max`, when it is reached.
    pub at_max: Option<u32>,
    /// Its `max_pending`, when it is reached.
    pub at_max_pending: Option<u32>,
    /// `max_procs`, when one machine more would be above it.
    pub at_max_procs: Option<u64>,
    /// When the back-off ends, while it lasts (F7); [`Instant::MAX`] stands for never.
    pub backoff_until: Option<Instant>,
    /// When it is asked again although it had no more capacity (G3); [`Instant::MAX`] stands for
    /// when one of its machines is gone.
    pub capacity_until: Option<Instant>,
    /// After failed starts, at most so many may be pending until one comes up; when that is reached
    /// (G3).
    pub at_most_after_failures: Option<u64>,
}

impl Manager {
    /// Why a request is queued, and the shortest sequence of events known to place it, which was
    /// tried on a copy. Slow: it copies the manager about a hundred times at most.
    ///
    /// ```
    /// use remuda::{Config, Event, Explanation, Instant, Manager, RequestId, Submit};
    ///
    /// let mut manager = Manager::new(Config::new(4, 4)?)?;
    /// let request = RequestId(1);
    /// let submit = Event::Submit { request, spec: Submit::machine() };
    /// let _ = manager.handle(submit, Instant::ZERO);
    /// let Explanation::Queued(wait) = manager.explain(request) else { panic!("it is queued") };
    /// assert_eq!(wait.ahead, 0);
    /// assert!(wait.to_string().contains("m0 is not up yet"));
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    #[must_use]
    pub fn explain(&self, request: RequestId) -> Explanation {
        let Some(slot) = self.requests.find(&request) else {
            return Explanation::Unknown { request };
        };
        let record = &self.requests[slot];
        if let Some(running) = record.running() {
            let machine = self.machines.get(running.machine).id;
            return Explanation::Running { request, machine };
        }
        let (key, _) = self.queued_key(slot);
        let ahead = self
            .queue
            .iter(&self.requests)
            .take_while(|one| *one != slot);
        Explanation::Queued(Box::new(Wait {
            request,
            demand: key.ask.demand,
            ahead: ahead.count() as u64,
            turn: self.until_turn(slot),
            held: self.holds.machine_of(slot),
            machines: self.obstacles(slot, &key.ask),
            growth: self.growth_waits(&key.ask),
            placed_by: self.way_to(request),
            names: self.config.names.clone(),
        }))
    }

    /// P4: the procs that have yet to be granted until the turn of a queued request.
    fn until_turn(&self, slot: u32) -> Option<u64> {
        let queued = self.requests[slot].queued()?;
        let kinds = self.queue.class(queued.class).group;
        let mut groups = self.holds.groups.iter();
        let group = groups.find(|group| group.kinds == kinds)?;
        let due = queued
            .granted
            .max(group.mark)
            .saturating_add(self.patience_in_procs(kinds)?);
        Some(due.saturating_sub(self.granted(kinds)))
    }

    fn obstacles(&self, slot: u32, ask: &Ask) -> Vec<(MachineId, Obstacle)> {
        let mut equally_free = BTreeMap::<u32, u64>::new();
        let records = || self.machines.slots().map(|slot| self.machines.get(slot));
        for record in records().filter(|record| record.is_healthy()) {
            *equally_free.entry(record.free.proc_count()).or_default() += 1;
        }
        let obstacle = |record: &Machine| {
            let kept = |free| Obstacle::Reserved {
                free,
                machines: equally_free[&free],
            };
            let obstacle = self.state_against(ask, record);
            let obstacle = obstacle.or_else(|| self.amount_against(ask, record));
            let obstacle = obstacle.unwrap_or_else(|| match self.config.policy {
                // Were one of them beyond the requests ahead, S5 would have given it.
                Policy::Bigslice => kept(record.free.proc_count()),
                Policy::Fit => self.rule_against(slot, record),
            });
            (record.id, obstacle)
        };
        records().map(obstacle).collect()
    }

    /// The kind or the state of a machine, if it keeps a request off.
    fn state_against(&self, ask: &Ask, record: &Machine) -> Option<Obstacle> {
        let kind = record.kind;
        if !ask.kinds.contains(kind) {
            return Some(Obstacle::KindNotAccepted { kind });
        }
        match (record.phase, record.draining, record.probation) {
            (Phase::Pending { .. }, ..) => Some(Obstacle::Pending),
            (Phase::Stopping { .. }, ..) => Some(Obstacle::Stopping),
            (Phase::Up, Some(_), _) => Some(Obstacle::Draining),
            (Phase::Up, None, Some(end)) => Some(Obstacle::Probation {
                until: end.or_max(),
            }),
            (Phase::Up, None, None) => None,
        }
    }

    /// What a machine has too little of for a request.
    fn amount_against(&self, ask: &Ask, record: &Machine) -> Option<Obstacle> {
        let offered = self.lack(ask.demand, record.offer);
        if let Some(lack) = offered {
            return Some(Obstacle::OfferTooSmall(lack));
        }
        let running = record.grants;
        match ask.demand {
            Demand::Machine => (running > 0).then_some(Obstacle::InUse { running }),
            amounts @ Demand::Amounts(_) => {
                self.lack(amounts, record.free).map(Obstacle::TooFewFree)
            }
        }
    }

    /// Why a request is not on a machine on which it fits: by P2 it must be one of two rules.
    fn rule_against(&self, slot: u32, record: &Machine) -> Obstacle {
        let hold = self.holds.on(record.id).filter(|hold| hold.request != slot);
        match hold {
            Some(hold) => Obstacle::Held {
                request: self.requests[hold.request].id,
            },
            None => Obstacle::Avoided,
        }
    }

    /// The first amount of which a demand asks for more than there is.
    fn lack(&self, demand: Demand, there: Resources) -> Option<Lack> {
        let asked = demand.least();
        let index = asked.lacks(there)?;
        Some(Lack {
            // Below four.
            amount: index as u8,
            name: self.config.names[index].to_owned(),
            free: there.amounts()[index],
            needs: asked.amounts()[index],
        })
    }

    fn growth_waits(&self, ask: &Ask) -> Vec<GrowthWait> {
        // At most 64 kinds.
        let kinds = (0..self.machines.kinds.len()).map(|index| KindId(index as u8));
        let accepted = kinds.filter(|kind| ask.kinds.contains(*kind));
        accepted.map(|kind| self.growth_wait(kind, ask)).collect()
    }

    fn growth_wait(&self, id: KindId, ask: &Ask) -> GrowthWait {
        let state = self.machines.kind(id);
        let (kind, machines) = (&state.kind, state.sums.machines_there());
        let growth = &self.growth[usize::from(id.0)];
        let pending = state.sums.machines.pending;
        let bigslice = self.config.policy == Policy::Bigslice;
        // S7 rounds up to whole machines.
        let one = if bigslice {
            1
        } else {
            kind.capacity.proc_count().into()
        };
        let full = self.machines.procs().saturating_add(one) > self.max_procs;
        let most = growth.most_pending().filter(|most| {
            let pending = self.pending_since_last_step(usize::from(id.0));
            !bigslice && pending >= *most
        });
        GrowthWait {
            kind: id,
            pending,
            enough: bigslice && !full && !growth.backoff.lasts,
            not_startable: !kind.startable,
            offer_too_small: self.lack(ask.demand, state.expected),
            at_max: (machines >= u64::from(kind.max)).then_some(kind.max),
            at_max_pending: (pending >= u64::from(kind.max_pending)).then_some(kind.max_pending),
            at_max_procs: full.then_some(self.max_procs),
            backoff_until: growth.backoff.end(),
            capacity_until: growth.capacity.end(),
            at_most_after_failures: most,
        }
    }
}
