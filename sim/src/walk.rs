//! Every run of a small world: breadth first, each state once, states that differ in names and time only taken for
//! one.
//!
//! In each state every event that may come comes: submit, cancel, done with each outcome, up, start failed, stopped,
//! assign, discard, a timer, polls, work done once, the shutdown. The manager is held against the model at each, its
//! invariants and what its clients may rely on are checked, and from each state faults cease once, to see that all who
//! wait are served. A world has no end: machines are lost and replaced, requests end and come again; but its states
//! are finite, and all of them are met.

use core::fmt;
use core::time::Duration;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use remuda::{
    Config, Demand, Event, Instant, Manager, OnceKey, OnceOutcome, Outcome, RequestId, TaskId,
    WaiterId,
};

use crate::driven::Driven;
use crate::ledger::Ledger;
use crate::model::Model;
use crate::pair::Pair;
use crate::script::Script;
use crate::subject::Subject;

/// How far a timer event takes the time; the pauses of a [`World`] should be few of these.
const UNIT: Duration = Duration::from_secs(1);

/// Requests of one kind, at most.
const MOST_ALIKE: u64 = 16;

/// By this step the back-off of a [`World`] has reached its cap.
const CAPPED_STEP: u32 = 2;

/// Requests that are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Their priority.
    pub priority: i64,
    /// The procs of each.
    pub procs: u32,
    /// How many there may be at once.
    pub most: u64,
}

/// A small world: so many machines at once (one that is lost may be replaced, without end), so many requests at once
/// (one that has ended may be made anew, without end).
#[derive(Clone, PartialEq, Debug)]
pub struct World {
    /// The machines, as many as max procs has room for. [`World::new`] gives them two procs each, a probation of two
    /// seconds, a back-off of one, then two; no polls and no summaries.
    pub config: Config,
    /// The requests.
    pub kinds: Vec<Kind>,
    /// Tasks that may be assigned, to several machines at once too.
    pub tasks: u64,
    /// Askers for one and the same work done once on each machine.
    pub waiters: u64,
    /// Whether the shutdown may come.
    pub shutdown: bool,
}

impl World {
    /// So many machines of two procs, and these requests: priority, procs, how many at once.
    ///
    /// # Panics
    /// When there are no machines, no procs, or more than 16 requests of a kind.
    pub fn new(machines: u32, kinds: &[(i64, u32, u64)]) -> World {
        let config = Config::new(2, u64::from(machines) * 2).expect("there are machines");
        let config = Config {
            probation: 2 * UNIT,
            start_backoff_base: UNIT,
            start_backoff_cap: 2 * UNIT,
            poll_interval: Duration::ZERO,
            summary_interval: Duration::ZERO,
            ..config
        };
        let kinds = kinds.iter().map(|&(priority, procs, most)| {
            assert!(procs > 0 && (1..=MOST_ALIKE).contains(&most));
            Kind {
                priority,
                procs,
                most,
            }
        });
        World {
            config,
            kinds: kinds.collect(),
            tasks: 1,
            waiters: 0,
            shutdown: false,
        }
    }

    /// Walks through all of it with a [`Manager`].
    pub fn walk(&self) -> Walk {
        self.walk_on(Manager::new(self.config).expect("a valid config"))
    }

    /// Walks through all of it with a fresh subject that was made with the config.
    pub fn walk_on<S: Subject + Clone>(&self, subject: S) -> Walk {
        let driven = Driven::new(self.config, Pair::new(self.config, subject));
        let walker = Walker {
            world: self,
            met: HashSet::new(),
            reached: Vec::new(),
            walk: Walk::default(),
        };
        walker.walk(driven)
    }

    fn submit(&self, request: RequestId) -> Event {
        let kind = self.kinds[kind(request) as usize];
        Event::Submit {
            request,
            priority: kind.priority,
            demand: Demand::procs(kind.procs).expect("some procs"),
        }
    }

    /// Every event that may come.
    fn events(&self, ledger: &Ledger) -> Vec<Event> {
        let mut events = vec![Event::Timer];
        let queued = || ledger.queued.iter().map(|(request, _)| *request);
        let running = || ledger.running.iter().map(|grant| grant.request);
        for (number, kind) in (0..).zip(&self.kinds) {
            let mut ids = (0..kind.most).map(|n| RequestId(number * MOST_ALIKE + n));
            let unused = ids.find(|id| !queued().chain(running()).any(|other| other == *id));
            events.extend(unused.map(|request| self.submit(request)));
        }
        let cancel = |request| Event::Cancel { request };
        events.extend(queued().chain(running()).map(cancel));
        for request in running() {
            let outcomes = [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ];
            events.extend(outcomes.map(|outcome| Event::Done { request, outcome }));
        }
        for &machine in &ledger.starting {
            events.push(Event::Up { machine });
            events.push(Event::StartFailed { machine });
        }
        for &machine in &ledger.serving {
            events.push(Event::Stopped { machine });
            for task in (0..self.tasks).map(TaskId) {
                events.push(Event::Assign { machine, task });
                events.push(Event::Discard { machine, task });
            }
        }
        for &machine in &ledger.polled {
            let polled = |answered| Event::Polled { machine, answered };
            events.extend([true, false].map(polled));
        }
        self.once(ledger, &mut events);
        if self.shutdown && !ledger.shut_down {
            events.push(Event::Shutdown);
        }
        events
    }

    /// Work done once: asked for, ended, forgotten.
    fn once(&self, ledger: &Ledger, events: &mut Vec<Event>) {
        if self.waiters == 0 {
            return;
        }
        let key = OnceKey { kind: 0, key: 0 };
        let mut waiters = (0..self.waiters).map(WaiterId);
        let idle = waiters.find(|id| ledger.waiting.iter().all(|(waiter, _)| waiter != id));
        for &machine in &ledger.serving {
            events.extend(idle.map(|waiter| Event::Once {
                machine,
                key,
                waiter,
            }));
            if ledger.once.contains(&(machine, key)) {
                let outcomes = [
                    OnceOutcome::Ok,
                    OnceOutcome::Remote,
                    OnceOutcome::Unreachable,
                ];
                events.extend(outcomes.map(|outcome| Event::OnceDone {
                    machine,
                    key,
                    outcome,
                }));
            }
            events.push(Event::Forget { machine, key });
        }
    }
}

/// Two states of one name go on alike.
fn name(model: &Model) -> u128 {
    let mut bytes = Vec::with_capacity(128);
    model.canonical(kind, CAPPED_STEP, &mut bytes);
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(&bytes);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

fn kind(request: RequestId) -> u8 {
    (request.0 / MOST_ALIKE) as u8
}

/// When each event comes: a timer event after a unit of time, any other at once.
fn timed(events: &[Event]) -> Vec<(Instant, Event)> {
    let mut now = Instant::ZERO;
    let mut time = |event: &Event| {
        now = after(now, *event);
        (now, *event)
    };
    events.iter().map(&mut time).collect()
}

fn after(now: Instant, event: Event) -> Instant {
    match event {
        Event::Timer => now + UNIT,
        _ => now,
    }
}

/// What a walk has seen.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Walk {
    /// States that differ.
    pub states: u64,
    /// Events that came, in all states together.
    pub transitions: u64,
    /// The events of the shortest run to the state that is farthest from the beginning.
    pub depth: u32,
    /// The first thing that was wrong: there is no shorter run to one.
    pub failure: Option<Failure>,
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states, {} transitions, the farthest after {} events",
            self.states, self.transitions, self.depth
        )?;
        match &self.failure {
            Some(failure) => write!(f, "\n\n{failure}"),
            None => Ok(()),
        }
    }
}

/// A run to something wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// What is wrong after it.
    pub what: String,
    /// The run.
    pub script: Script,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:\n\n{}", self.what, self.script)
    }
}

/// A state to go on from, and the number of how it was reached.
struct Node<S> {
    driven: Driven<Pair<S>>,
    number: u32,
}

struct Walker<'w> {
    world: &'w World,
    /// Of states met, a hash; 128 bits, so that two never share one.
    met: HashSet<u128>,
    /// How each state was reached: from which, by which event. The first is its own.
    reached: Vec<(u32, Event)>,
    walk: Walk,
}

impl Walker<'_> {
    fn walk<S: Subject + Clone>(mut self, beginning: Driven<Pair<S>>) -> Walk {
        let mut here = Vec::new();
        self.arrive(beginning, 0, Event::Timer, &mut here);
        while !here.is_empty() && self.walk.failure.is_none() {
            let mut next = Vec::new();
            for node in here {
                self.leave(&node, &mut next);
                if self.walk.failure.is_some() {
                    break;
                }
            }
            self.walk.depth += u32::from(!next.is_empty());
            here = next;
        }
        self.walk.states = self.met.len() as u64;
        self.walk
    }

    /// Every event comes.
    fn leave<S: Subject + Clone>(&mut self, node: &Node<S>, next: &mut Vec<Node<S>>) {
        for event in self.world.events(node.driven.ledger()) {
            let mut driven = node.driven.clone();
            let now = after(driven.now(), event);
            self.walk.transitions += 1;
            if let Err(what) = driven.feed(event, now) {
                return self.fail(what, node.number, event);
            }
            self.arrive(driven, node.number, event, next);
        }
    }

    /// Looks at a state and, if it is new, keeps it.
    fn arrive<S: Subject + Clone>(
        &mut self,
        driven: Driven<Pair<S>>,
        from: u32,
        by: Event,
        next: &mut Vec<Node<S>>,
    ) {
        if !self.met.insert(name(&driven.subject().model)) {
            return;
        }
        let sound = driven.subject().check();
        if let Err(what) = sound.and_then(|()| driven.clone().calm()) {
            return self.fail(what, from, by);
        }
        let number = self.reached.len() as u32;
        self.reached.push((from, by));
        next.push(Node { driven, number });
    }

    fn fail(&mut self, what: String, from: u32, by: Event) {
        let mut events = vec![by];
        let mut at = from;
        while at != 0 {
            let (before, event) = self.reached[at as usize];
            events.push(event);
            at = before;
        }
        events.reverse();
        let script = Script::new(self.world.config, &timed(&events)).played();
        self.walk.failure = Some(Failure { what, script });
    }
}
