//! Every run of a small world: breadth first, each state once, states that differ in names and time only taken for
//! one.
//!
//! In each state every event that may come comes: submit, cancel, done with each outcome, up, start failed, stopped,
//! assign, discard, a timer, polls, work done once, what whoever runs the cluster may do, the shutdown. The manager is
//! held against the model at each, its invariants and what its clients may rely on are checked, and from each state
//! faults cease once, to see that all that is queued is served. A world has no end: machines are lost and replaced,
//! requests end and come again; but its states are finite, and all of them are met.

mod world;

use core::fmt;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use remuda::{Event, Instant, Manager};

use crate::driven::Driven;
use crate::model::Model;
use crate::pair::Pair;
use crate::script::Script;
use crate::subject::Subject;
use world::{after, sort};

pub use world::{Alike, World};

/// By this step the back-off of a [`World`] has reached its cap.
const CAPPED_STEP: u32 = 2;

impl World {
    /// Walks through all of it with a [`Manager`].
    pub fn walk(&self) -> Walk {
        self.walk_on(Manager::new(self.config.clone()).expect("a valid config"))
    }

    /// Walks through all of it with a fresh subject that was made with the config.
    pub fn walk_on<S: Subject + Clone>(&self, subject: S) -> Walk {
        let pair = Pair::new(self.config.clone(), subject);
        let walker = Walker {
            world: self,
            met: HashSet::new(),
            reached: Vec::new(),
            walk: Walk::default(),
        };
        walker.walk(Driven::new(self.config.clone(), pair))
    }
}

/// Two states of one name go on alike.
fn name(model: &Model) -> u128 {
    let mut bytes = Vec::with_capacity(128);
    model.canonical(sort, CAPPED_STEP, &mut bytes);
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(&bytes);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// When each event comes.
fn timed(events: &[Event]) -> Vec<(Instant, Event)> {
    let mut now = Instant::ZERO;
    let mut time = |event: &Event| {
        now = after(now, *event);
        (now, *event)
    };
    events.iter().map(&mut time).collect()
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
        for event in self.world.events(node.driven.ledger(), node.driven.now()) {
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
        let script = self.script(&timed(&events));
        self.walk.failure = Some(Failure { what, script });
    }

    /// With what the model answers.
    fn script(&self, events: &[(Instant, Event)]) -> Script {
        let script = Script::new(self.world.config.clone(), events);
        match Model::new(self.world.config.clone()) {
            Ok(mut model) => script.played_on(&mut model),
            Err(_) => script,
        }
    }
}
