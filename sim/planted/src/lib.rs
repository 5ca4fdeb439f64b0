//! The core of remuda in a copy with planted bugs, of which one at a time is switched on.
//!
//! The copy is made when this package is built, from the core's source as it stands. Each [`Flaw`] names lines of it and
//! what a hurried hand would have written instead: [`flaws::all`] lists them. A [`Planted`] manager does one of them wrong
//! and all else right, and the swarm that guards the core must find out, and print a short script that shows it.

#![forbid(unsafe_code)]

pub mod flaws;

use core::cell::Cell;

use remuda_sim::{Figures, Model, Subject};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use flaws::Flaw;

include!(concat!(env!("OUT_DIR"), "/core.rs"));

/// A flaw's place in the source is passed less often than this at one event, unless that goes round without end.
const FUEL: u32 = 1_000_000;

thread_local! {
    /// Which of the bugs is switched on on this thread, counted from 1.
    static ON: Cell<usize> = const { Cell::new(0) };
    /// How often places of flaws may still be passed at this event.
    static LEFT: Cell<u32> = const { Cell::new(FUEL) };
}

/// Whether this bug is switched on: asked at its place in the copy.
fn planted(number: usize) -> bool {
    let left = LEFT.get().checked_sub(1).expect("an event comes to an end");
    LEFT.set(left);
    ON.get() == number
}

/// The same in the other of the two, the original or the copy.
fn carried<T: DeserializeOwned>(value: &impl Serialize) -> T {
    let mut bytes = [0; 256];
    let bytes = postcard::to_slice(value, &mut bytes).expect("events and actions are small");
    postcard::from_bytes(bytes).expect("the copy has the types of the original")
}

/// A manager with one bug, or none.
#[derive(Clone)]
pub struct Planted {
    manager: Manager,
    flaw: usize,
    actions: Vec<Action>,
}

impl Planted {
    /// A manager with the bug of this number, counted from 0 in [`flaws::all`].
    ///
    /// # Panics
    /// When the config is not valid.
    pub fn new(config: remuda::Config, flaw: Option<usize>) -> Planted {
        let bytes = postcard::to_allocvec(&config).expect("a config is plain data");
        let config = postcard::from_bytes(&bytes).expect("the copy has the types of the original");
        let planted = Planted {
            flaw: flaw.map_or(0, |number| number + 1),
            actions: Vec::new(),
            manager: Manager::new(Config::empty().kind(Kind::new(Resources::procs(1))))
                .expect("a valid config"),
        };
        planted.switch_on();
        let manager = Manager::new(config).expect("a valid config");
        Planted { manager, ..planted }
    }

    fn switch_on(&self) {
        ON.set(self.flaw);
        LEFT.set(FUEL);
    }
}

/// Only what it does is looked at: it is not asked whether its invariants hold.
impl Subject for Planted {
    fn handle_into(
        &mut self,
        event: remuda::Event,
        now: remuda::Instant,
        actions: &mut Vec<remuda::Action>,
    ) {
        self.switch_on();
        self.actions.clear();
        let now = Instant(now.0);
        self.manager
            .handle_into(carried(&event), now, &mut self.actions);
        actions.extend(self.actions.iter().map(carried::<remuda::Action>));
    }

    fn next_timeout(&self) -> Option<remuda::Instant> {
        self.switch_on();
        let next = self.manager.next_timeout();
        next.map(|at| remuda::Instant(at.0))
    }

    fn agrees_in_detail(&self, model: &Model) -> Result<(), String> {
        let (now, expected) = (remuda::Instant(self.manager.now().0), model.now());
        match now == expected {
            true => Ok(()),
            false => Err(format!("its time is {now:?}, the model's {expected:?}")),
        }
    }

    fn counts(&self) -> Figures {
        self.switch_on();
        let counts = self.manager.counts();
        let mut machines = remuda::MachineCounts::default();
        machines.pending = counts.machines.pending;
        machines.ok = counts.machines.ok;
        machines.probation = counts.machines.probation;
        machines.draining = counts.machines.draining;
        machines.stopping = counts.machines.stopping;
        machines.lost = counts.machines.lost;
        machines.ended = counts.machines.ended;
        Figures {
            need: counts.need.amounts(),
            pending: counts.pending.amounts(),
            have: counts.have.amounts(),
            whole: counts.whole,
            queued: counts.queued,
            running: counts.running,
            machines,
        }
    }
}
