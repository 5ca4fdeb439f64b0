//! Why a request waits, and what is known to place it (S5, S7). It looks, and changes nothing.

use alloc::vec::Vec;
use core::fmt;

use crate::action::Action;
use crate::cell::Place;
use crate::event::{Event, Outcome};
use crate::id::{MachineId, RequestId};
use crate::machines::State;
use crate::manager::Manager;
use crate::time::Instant;

/// Events that a sequence has at most.
const LONGEST: usize = 64;
/// Machines that are tried one by one.
const TRIED: usize = 32;

/// Where a request stands, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
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
    /// It waits.
    Queued(Wait),
}

/// Why a request waits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Wait {
    /// The request.
    pub request: RequestId,
    /// The procs it asks for.
    pub procs: u32,
    /// How many requests are before it in the queue (S3).
    pub ahead: u64,
    /// Why no machine takes it, by id.
    pub machines: Vec<(MachineId, Obstacle)>,
    /// What growth waits for.
    pub growth: GrowthWait,
    /// The shortest sequence of events known to place it, each with its time; `None` when the bounded search found none.
    pub placed_by: Option<Vec<(Instant, Event)>>,
}

/// Why a machine does not take a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Obstacle {
    /// Too few procs are free.
    TooFewFree {
        /// Procs that are free.
        free: u32,
        /// Procs that it asks for.
        needs: u32,
    },
    /// Machines with this many free procs are kept for the requests ahead (S5).
    Reserved {
        /// Procs that are free.
        free: u32,
        /// How many machines have as many.
        machines: u64,
    },
    /// It is on probation (S9).
    Probation {
        /// When that ends; [`Instant::MAX`] stands for never.
        until: Instant,
    },
    /// It is not up yet.
    Pending,
}

/// What growth waits for (S7, F7). With none of the three, the machines there are have all procs that are needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GrowthWait {
    /// `max_procs`, when it is reached.
    pub at_max_procs: Option<u64>,
    /// Machines that are asked for and not yet answered.
    pub pending: u64,
    /// When the back-off ends, while it runs; [`Instant::MAX`] stands for never.
    pub backoff_until: Option<Instant>,
}

impl Manager {
    /// Why a request waits, and the shortest sequence of events known to place it, which was tried on a copy.
    /// Slow: it copies the manager about a hundred times at most.
    ///
    /// ```
    /// use remuda::{Config, Demand, Event, Explanation, Instant, Manager, RequestId};
    ///
    /// let mut manager = Manager::new(Config::new(4, 4)?)?;
    /// let request = RequestId(1);
    /// manager.handle(Event::Submit { request, priority: 0, demand: Demand::Machine }, Instant::ZERO);
    /// let Explanation::Queued(wait) = manager.explain(request) else { panic!("it waits") };
    /// assert_eq!(wait.ahead, 0);
    /// assert!(wait.to_string().contains("m0 is not up yet"));
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    pub fn explain(&self, request: RequestId) -> Explanation {
        let Ok(found) = self.requests.seek(request) else {
            return Explanation::Unknown { request };
        };
        let class = match self.requests.place(found) {
            Place::Running { machine, .. } => {
                let machine = self.machines.id(machine);
                return Explanation::Running { request, machine };
            }
            Place::Queued { spot } => self.requests.class(spot),
        };
        let procs = self.requests.classes.get(class).procs;
        let ahead = self.requests.queue().take_while(|one| one.0 != request);
        Explanation::Queued(Wait {
            request,
            procs,
            ahead: ahead.count() as u64,
            machines: self.obstacles(procs),
            growth: self.growth_wait(),
            placed_by: self.way_to(request),
        })
    }

    fn obstacles(&self, needs: u32) -> Vec<(MachineId, Obstacle)> {
        let mut alike = alloc::collections::BTreeMap::<u32, u64>::new();
        for slot in self.machines.slots() {
            if self.machines.get(slot).state == State::Ok {
                *alike.entry(self.machines.free(slot)).or_default() += 1;
            }
        }
        let obstacle = |slot| {
            let free = self.machines.free(slot);
            let obstacle = match self.machines.get(slot).state {
                State::Pending { .. } => Obstacle::Pending,
                State::Probation { until } => Obstacle::Probation {
                    until: until.unwrap_or(Instant::MAX),
                },
                State::Ok if free < needs => Obstacle::TooFewFree { free, needs },
                // Were one of them beyond the requests ahead, S5 would have given it.
                State::Ok => Obstacle::Reserved {
                    free,
                    machines: alike[&free],
                },
            };
            (self.machines.id(slot), obstacle)
        };
        self.machines.slots().map(obstacle).collect()
    }

    fn growth_wait(&self) -> GrowthWait {
        let max = self.config.max_procs;
        let growth = &self.growth;
        GrowthWait {
            at_max_procs: (self.have() + self.pending_procs() >= max).then_some(max),
            pending: self.machines.counts.pending,
            backoff_until: growth.held.then(|| growth.until.unwrap_or(Instant::MAX)),
        }
    }

    fn way_to(&self, request: RequestId) -> Option<Vec<(Instant, Event)>> {
        let mut ways = Vec::new();
        let mut machines: Vec<u32> = self.machines.slots().collect();
        machines.retain(|&slot| self.machines.load(slot).used > 0);
        machines.sort_by_key(|&slot| self.machines.load(slot).used);
        for &slot in machines.iter().take(TRIED) {
            let id = self.machines.id(slot);
            ways.extend(self.walk(request, |at| at.done_on(id)));
        }
        ways.extend(self.walk(request, Manager::up_next));
        ways.extend(self.walk(request, Manager::timer_next));
        ways.extend(self.walk(request, |at| at.timer_next().or_else(|| at.up_next())));
        ways.extend(self.walk(request, |at| {
            let first = at.requests.first_queued().filter(|first| *first != request);
            first.map(|request| (at.now, Event::Cancel { request }))
        }));
        ways.extend(self.walk(request, |at| {
            let busy = at.machines.slots().map(|slot| at.machines.id(slot));
            let done = busy.filter_map(|id| at.done_on(id)).next();
            at.up_next().or(done).or_else(|| at.timer_next())
        }));
        let way = ways.into_iter().min_by_key(Vec::len)?;
        Some(self.without_needless(request, way))
    }

    /// Does what `next` says until the request is granted.
    fn walk(
        &self,
        request: RequestId,
        next: impl Fn(&Manager) -> Option<(Instant, Event)>,
    ) -> Option<Vec<(Instant, Event)>> {
        let (mut at, mut way) = (self.clone(), Vec::new());
        while way.len() < LONGEST {
            let (time, event) = next(&at)?;
            way.push((time, event));
            if grants(&at.handle(event, time), request) {
                return Some(way);
            }
        }
        None
    }

    /// The way without each event that it does not need.
    fn without_needless(
        &self,
        request: RequestId,
        mut way: Vec<(Instant, Event)>,
    ) -> Vec<(Instant, Event)> {
        for at in (0..way.len()).rev() {
            if at >= way.len() {
                continue;
            }
            let mut shorter = way.clone();
            shorter.remove(at);
            if let Some(needed) = self.leads_to(request, &shorter) {
                shorter.truncate(needed);
                way = shorter;
            }
        }
        way
    }

    /// How many of the events it takes; `None` when one is wrong, or all do not place it.
    fn leads_to(&self, request: RequestId, way: &[(Instant, Event)]) -> Option<usize> {
        let mut at = self.clone();
        for (done, &(time, event)) in way.iter().enumerate() {
            let actions = at.handle(event, time);
            if actions.iter().any(|it| matches!(it, Action::Reject(_))) {
                return None;
            }
            if grants(&actions, request) {
                return Some(done + 1);
            }
        }
        None
    }

    /// The end of the largest grant on a machine.
    fn done_on(&self, machine: MachineId) -> Option<(Instant, Event)> {
        let running = self.machines.running(self.machines.find(machine)?);
        let request = running.max_by_key(|&request| self.requests.running_procs(request))?;
        let outcome = Outcome::Ok;
        Some((self.now, Event::Done { request, outcome }))
    }

    fn up_next(&self) -> Option<(Instant, Event)> {
        let pending = |slot: &u32| matches!(self.machines.get(*slot).state, State::Pending { .. });
        let machine = self.machines.id(self.machines.slots().find(pending)?);
        Some((self.now, Event::Up { machine }))
    }

    /// The timer at the end of the next probation, or of the back-off.
    fn timer_next(&self) -> Option<(Instant, Event)> {
        let probation = self.machines.next_probation().map(|(until, _)| until);
        let until = probation.into_iter().chain(self.growth.deadline()).min()?;
        Some((until, Event::Timer))
    }
}

fn grants(actions: &[Action], wanted: RequestId) -> bool {
    let is = |it: &Action| matches!(it, Action::Grant { request, .. } if *request == wanted);
    actions.iter().any(is)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Explanation::Unknown { request } => {
                write!(
                    f,
                    "{request} is not known: it was never submitted, or is over."
                )
            }
            Explanation::Running { request, machine } => write!(f, "{request} runs on {machine}."),
            Explanation::Queued(wait) => wait.fmt(f),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait {
            request,
            procs,
            ahead,
            ..
        } = self;
        let procs = Count(u64::from(*procs), "proc");
        let ahead = Count(*ahead, "request");
        writeln!(f, "{request} waits for {procs}; before it: {ahead}.")?;
        for (machine, obstacle) in &self.machines {
            writeln!(f, "{machine} {obstacle}.")?;
        }
        writeln!(f, "{}", self.growth)?;
        match &self.placed_by {
            None => write!(f, "No sequence of events is known that places it."),
            Some(way) => {
                write!(f, "The shortest sequence known to place it:")?;
                way.iter().try_for_each(|(at, event)| {
                    write!(f, "\n  at {at}: ")?;
                    match event {
                        Event::Done { request, .. } => write!(f, "{request} is done"),
                        Event::Up { machine } => write!(f, "{machine} comes up"),
                        Event::Cancel { request } => write!(f, "{request} is cancelled"),
                        Event::Timer => write!(f, "the timer fires"),
                        // No other is ever tried.
                        other => write!(f, "{other:?}"),
                    }
                })
            }
        }
    }
}

/// So many of these.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = self;
        let ending = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{ending}")
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::TooFewFree { free, needs } => {
                let free = Count(u64::from(*free), "proc");
                write!(f, "has {free} free, and it needs {needs}")
            }
            Obstacle::Reserved { free, machines } => {
                let free = Count(u64::from(*free), "proc");
                let machines = Count(*machines, "machine");
                write!(
                    f,
                    "is kept for requests ahead, as is all there is with {free} free: {machines}"
                )
            }
            Obstacle::Probation {
                until: Instant::MAX,
            } => write!(f, "is on probation without end"),
            Obstacle::Probation { until } => write!(f, "is on probation until {until}"),
            Obstacle::Pending => write!(f, "is not up yet"),
        }
    }
}

impl fmt::Display for GrowthWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GrowthWait {
            at_max_procs,
            pending,
            backoff_until,
        } = self;
        write!(f, "Growth: ")?;
        match (at_max_procs, backoff_until) {
            (Some(max), _) => write!(f, "max_procs ({max}) is reached")?,
            (None, Some(Instant::MAX)) => write!(f, "the back-off lasts until a machine comes up")?,
            (None, Some(until)) => write!(f, "the back-off lasts until {until}")?,
            (None, None) => write!(f, "the machines there are have the procs that are needed")?,
        }
        write!(f, "; pending: {}.", Count(*pending, "machine"))
    }
}
