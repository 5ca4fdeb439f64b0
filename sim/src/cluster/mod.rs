//! A virtual cluster on virtual time: clients, machines and the clock, played against a manager.

mod clients;
mod operator;
mod react;
mod wild;

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use remuda::{Event, Instant, OnceOutcome, Outcome};

use crate::driven::Driven;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::script::Script;
use crate::subject::Subject;

/// A virtual cluster that plays driver, clients and workers against a [`Subject`], by its
/// [`Plan`] and a seed.
///
/// ```
/// use remuda::{Config, Manager};
/// use remuda_sim::{Cluster, Plan};
///
/// let mut plan = Plan::new(Config::new(4, 16)?);
/// plan.faults.start_fails = 64; // one in four
/// let manager = Manager::new(plan.config.clone())?;
/// let mut cluster = Cluster::new(plan, 7, manager);
/// cluster.run(200).expect("all promises are kept");
/// cluster.calm().expect("all that can be served is, once faults cease");
/// println!("{}", cluster.script());
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Cluster<S> {
    driven: Driven<S>,
    plan: Plan,
    rng: Rng,
    now: Instant,
    agenda: BinaryHeap<Reverse<(Instant, u64, Item)>>,
    /// Numbers the agenda's items: those of one instant keep their order.
    number: u64,
    timer: Option<Instant>,
    next_request: u64,
    log: Vec<(Instant, Event)>,
}

/// Something that will happen. Ordered only to please the heap: numbers are unique.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// A client does something, after which there is the next act to come, or not.
    Act {
        next: bool,
    },
    Event(Event),
}

impl PartialEq for Item {
    fn eq(&self, _: &Item) -> bool {
        true
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    fn cmp(&self, _: &Item) -> core::cmp::Ordering {
        core::cmp::Ordering::Equal
    }
}

impl<S: Subject> Cluster<S> {
    /// A cluster around a fresh `subject` that was made with the plan's config.
    pub fn new(plan: Plan, seed: u64, subject: S) -> Cluster<S> {
        let mut cluster = Cluster {
            driven: Driven::new(plan.config.clone(), subject),
            rng: Rng::new(seed),
            now: plan.origin,
            agenda: BinaryHeap::new(),
            number: 0,
            timer: None,
            next_request: 1,
            log: Vec::new(),
            plan,
        };
        for n in 0..cluster.plan.traffic.flood.max(1) {
            cluster.later(0, Item::Act { next: n == 0 });
        }
        cluster
    }

    /// Also asks for [`Subject::check`] after every `every`-th event; 0: never.
    pub fn check_deeply(&mut self, every: usize) {
        self.driven.check_deeply(every);
    }

    /// What it drives.
    pub fn subject(&self) -> &S {
        self.driven.subject()
    }

    /// What it drove, when that is over.
    pub fn into_subject(self) -> S {
        self.driven.into_subject()
    }

    /// What the outside knows.
    pub fn ledger(&self) -> &Ledger {
        self.driven.ledger()
    }

    /// The events so far, each with what the manager was told the time is.
    pub fn log(&self) -> &[(Instant, Event)] {
        &self.log
    }

    /// The run so far as text, with the actions of a fresh manager.
    pub fn script(&self) -> Script {
        Script::new(self.plan.config.clone(), &self.log).played()
    }

    /// Goes on for so many events.
    ///
    /// # Errors
    /// The first thing that was not as it should be: see [`Ledger::check`] and [`Subject::check`].
    pub fn run(&mut self, events: usize) -> Result<(), String> {
        (0..events).try_for_each(|_| self.step())
    }

    /// Goes on by one event and what it leads to.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn step(&mut self) -> Result<(), String> {
        let event = self.next_event();
        let mut told = self.now;
        if self.rng.chance(self.plan.faults.clock_steps_back) {
            let back = self.ticks(self.rng.clone().range(1, 40));
            told = Instant(told.0.saturating_sub(back.as_nanos() as u64));
        }
        let result = self.feed(event, told);
        self.react();
        result
    }

    /// Tells the manager of one event, whatever the plan says.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn feed(&mut self, event: Event, told: Instant) -> Result<(), String> {
        self.log.push((told, event));
        self.now = self.now.max(told);
        self.driven.feed(event, told)
    }

    /// Faults cease: see [`Driven::calm`].
    ///
    /// # Errors
    /// What is stuck, who was not served, or a start too many; and as [`run`](Self::run).
    pub fn calm(&mut self) -> Result<(), String> {
        let Cluster { driven, log, .. } = self;
        let calm = driven.calm_noting(|event, now| log.push((now, event)));
        self.now = self.now.max(self.driven.now());
        calm
    }

    /// The time of what comes next, and what it is.
    fn next_event(&mut self) -> Event {
        if self.rng.chance(self.plan.faults.clock_jumps) {
            let far = if self.rng.chance(16) { u64::MAX / 5 } else { 0 };
            let ticks = self.rng.range(1, 200);
            self.now = self.now + self.ticks(ticks) + Duration::from_nanos(far);
        }
        let agreed = self.agenda.peek().map(|Reverse((at, ..))| *at);
        if let Some(at) = self
            .timer
            .filter(|at| agreed.is_none_or(|agreed| *at < agreed))
        {
            self.timer = None;
            self.now = self.now.max(at);
            return Event::Timer;
        }
        let Some(Reverse((at, _, item))) = self.agenda.pop() else {
            return Event::Timer;
        };
        self.now = self.now.max(at);
        match item {
            Item::Event(event) => event,
            Item::Act { next } => {
                if next {
                    let gap = self.rng.range(0, self.plan.traffic.gap);
                    self.later(gap, Item::Act { next });
                }
                self.act()
            }
        }
    }

    fn ticks(&self, n: u64) -> Duration {
        let nanos = (self.plan.tick.as_nanos() as u64).saturating_mul(n);
        Duration::from_nanos(nanos)
    }

    fn later(&mut self, ticks: u64, item: Item) {
        self.number += 1;
        let at = self.now + self.ticks(ticks);
        self.agenda.push(Reverse((at, self.number, item)));
    }

    fn event_later(&mut self, most: u64, event: Event) {
        let ticks = self.rng.range(0, most);
        self.later(ticks, Item::Event(event));
    }
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Ok,
    Outcome::Remote,
    Outcome::Unreachable,
    Outcome::Unused,
];

const ONCE_OUTCOMES: [OnceOutcome; 4] = [
    OnceOutcome::Ok,
    OnceOutcome::Remote,
    OnceOutcome::Unreachable,
    OnceOutcome::MachineLost,
];
