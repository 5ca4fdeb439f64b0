//! The machines that are to be stopped by the stop template: those that end at about the same time go into one command.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::command::first_line;
use super::words::{Values, for_each, has_any};
use crate::ongoing::Ongoing;
use crate::runtime::Runtime;

/// How long the first machine waits for others.
const GATHER: Duration = Duration::from_millis(100);

/// How many machines one command stops at most: its words must not be too many for the operating system.
const MOST: usize = 500;

/// The names by which a stop template tells one machine from another.
const EACH: [&str; 3] = ["handle", "index", "machine"];

/// The machines to stop. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Stops<R> {
    runtime: R,
    /// Empty: nothing is to be done.
    template: Arc<[String]>,
    limit: Duration,
    ongoing: Ongoing,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Values>,
    /// Whether a task stops them.
    running: bool,
}

impl<R: Runtime> Stops<R> {
    pub(super) fn new(
        runtime: R,
        template: &[String],
        limit: Duration,
        ongoing: &Ongoing,
    ) -> Stops<R> {
        Stops {
            runtime,
            template: template.into(),
            limit,
            ongoing: ongoing.clone(),
            state: Arc::default(),
        }
    }

    /// Whether the template has this name in a word.
    pub(super) fn want(&self, name: &str) -> bool {
        self.template.iter().any(|word| has_any(word, &[name]))
    }

    /// Has a machine stopped, soon.
    pub(super) fn push(&self, machine: Values) {
        if self.template.is_empty() {
            return;
        }
        let mut state = self.state();
        state.waiting.push(machine);
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        drop(state);
        let (stops, going_on) = (self.clone(), self.ongoing.begin());
        self.runtime.spawn(async move {
            stops.run().await;
            drop(going_on);
        });
    }

    async fn run(&self) {
        loop {
            let at = self.runtime.now() + GATHER;
            self.runtime.sleep_until(at).await;
            let machines = {
                let mut state = self.state();
                if state.waiting.is_empty() {
                    state.running = false;
                    return;
                }
                let length = state.waiting.len().min(MOST);
                state.waiting.drain(..length).collect::<Vec<_>>()
            };
            let words = for_each(&self.template, &EACH, &machines);
            if let Err(error) = first_line(&self.runtime, &words, "", self.limit).await {
                tracing::warn!("machines may still be there, stop them by hand: {error}");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
