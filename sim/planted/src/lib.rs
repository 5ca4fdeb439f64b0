//! The core of remuda in a copy with planted bugs, of which one at a time is let loose.
//!
//! The copy is made when this package is built, from the core's source as it stands. Each [`Flaw`] names lines of it and
//! what a hurried hand would have written instead: [`flaws::all`] lists them. A [`Planted`] manager does one of them wrong
//! and all else right, and the swarm that guards the core must find out, and print a short script that shows it.

#![forbid(unsafe_code)]

extern crate alloc;

pub mod flaws;

use std::cell::Cell;

use remuda_sim::Subject;

pub use flaws::Flaw;

include!(concat!(env!("OUT_DIR"), "/core.rs"));

thread_local! {
    /// Which of the bugs is loose on this thread, counted from 1.
    static LOOSE: Cell<usize> = const { Cell::new(0) };
}

/// Whether this bug is loose: asked at its place in the copy.
fn planted(number: usize) -> bool {
    LOOSE.get() == number
}

/// The bugs whose lines are not in the core any more: what they are and which lines. To be mended in [`flaws`].
pub fn missing() -> &'static [&'static str] {
    MISSING
}

/// A manager with one bug, or none.
#[derive(Clone)]
pub struct Planted {
    manager: manager::Manager,
    loose: usize,
}

impl Planted {
    /// A manager with the bug of this number, counted from 0 in [`flaws::all`].
    ///
    /// # Panics
    /// When the config is not valid.
    pub fn new(config: remuda::Config, flaw: Option<usize>) -> Planted {
        Planted {
            manager: manager::Manager::new(config).expect("a valid config"),
            loose: flaw.map_or(0, |number| number + 1),
        }
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
        LOOSE.set(self.loose);
        self.manager.handle_into(event, now, actions);
    }

    fn next_timeout(&self) -> Option<remuda::Instant> {
        LOOSE.set(self.loose);
        self.manager.next_timeout()
    }

    fn counts(&self) -> remuda::Counts {
        LOOSE.set(self.loose);
        let counts = self.manager.counts();
        remuda::Counts {
            need: counts.need,
            pending: counts.pending,
            have: counts.have,
            queued: counts.queued,
            running: counts.running,
            machines: remuda::MachineCounts {
                pending: counts.machines.pending,
                ok: counts.machines.ok,
                probation: counts.machines.probation,
                lost: counts.machines.lost,
            },
        }
    }
}
