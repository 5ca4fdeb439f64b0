//! A manager that plays a run's events one by one, and compares each answer with the recorded one.
use remuda::journal::{Frozen, hash_with};
use remuda::{Action, Manager};

use super::input::Input;
use super::items::{Item, Recorded, Step};

/// A manager, its last answer, and the buffer of its hash.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) manager: Manager,
    pub(crate) actions: Vec<Action>,
    buffer: Vec<u8>,
}

impl Player {
    /// The manager that the run began with.
    pub(crate) fn new(input: &Input) -> Option<Player> {
        let manager = if input.head.fresh {
            Manager::new(input.head.config.clone()).expect("a config that was read was validated")
        } else {
            match input.items().next() {
                Some(Ok(Item::Snapshot(frozen))) => frozen.thaw().ok()?,
                _ => return None,
            }
        };
        Some(Player::of(manager))
    }

    /// This manager.
    pub(crate) fn of(manager: Manager) -> Player {
        Player {
            manager,
            actions: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Plays an event.
    pub(crate) fn play(&mut self, step: &Step<'_>) {
        self.actions.clear();
        self.manager
            .handle_into(step.event, step.time, &mut self.actions);
    }

    /// Whether the answer is the recorded one; true where none was.
    pub(crate) fn agrees(&mut self, step: &Step<'_>) -> bool {
        match step.recorded {
            Recorded::Nothing => true,
            Recorded::Hash(hash) => hash_with(&self.actions, &mut self.buffer) == hash,
            Recorded::Actions(actions) => self.actions == actions,
        }
    }

    pub(crate) fn stands_at(&self, frozen: &Frozen<'_>) -> bool {
        frozen.is(&self.manager)
    }
}
