//! Managers with a planted bug.

use remuda::{Action, Config, Event, Instant, Manager};
use remuda_sim::{Figures, Subject};

/// A manager that is told something else than what happened, or says something else than it decided.
pub(crate) struct Wrong {
    manager: Manager,
    hear: fn(Event) -> Event,
    say: fn(&mut Vec<Action>),
}

impl Wrong {
    pub(crate) fn new(
        config: Config,
        hear: fn(Event) -> Event,
        say: fn(&mut Vec<Action>),
    ) -> Wrong {
        Wrong {
            manager: Manager::new(config).expect("a valid config"),
            hear,
            say,
        }
    }
}

impl Subject for Wrong {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        self.manager.handle_into((self.hear)(event), now, actions);
        (self.say)(actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.manager.next_timeout()
    }

    fn counts(&self) -> Figures {
        self.manager.counts().into()
    }
}
