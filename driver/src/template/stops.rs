//! The machines that are to be stopped by the stop template: those that end at about the same time go into one command.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use remuda::MachineId;

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
#[derive(Clone)]
pub(super) struct Stops<R> {
    runtime: R,
    /// Empty: nothing is to be done.
    pub(super) template: Arc<[String]>,
    /// Told of each machine for which the command is through.
    pub(super) on_ended: Arc<dyn Fn(MachineId) + Send + Sync>,
    limit: Duration,
    ongoing: Ongoing,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<(MachineId, Values)>,
    /// Whether a task stops them.
    running: bool,
}

impl<R: Runtime> Stops<R> {
    /// Without a template.
    pub(super) fn new(runtime: R, limit: Duration, ongoing: &Ongoing) -> Stops<R> {
        Stops {
            runtime,
            template: Arc::default(),
            on_ended: Arc::new(|_| ()),
            limit,
            ongoing: ongoing.clone(),
            state: Arc::default(),
        }
    }

    /// Whether the template has this name in a word.
    pub(super) fn want(&self, name: &str) -> bool {
        self.template.iter().any(|word| has_any(word, &[name]))
    }

    /// Has a machine stopped, soon. `values` are what the names of the template stand for.
    pub(super) fn push(&self, machine: MachineId, values: Values) {
        if self.template.is_empty() {
            return;
        }
        let mut state = self.state();
        state.waiting.push((machine, values));
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
            let (machines, values): (Vec<_>, Vec<_>) = {
                let mut state = self.state();
                if state.waiting.is_empty() {
                    state.running = false;
                    return;
                }
                let length = state.waiting.len().min(MOST);
                state.waiting.drain(..length).unzip()
            };
            let words = for_each(&self.template, &EACH, &values);
            match first_line(&self.runtime, &words, "", self.limit).await {
                Ok(_) => machines
                    .into_iter()
                    .for_each(|machine| (self.on_ended)(machine)),
                Err(error) => {
                    tracing::warn!("machines may still be there, stop them by hand: {error}");
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> fmt::Debug for Stops<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stops").field(&self.template).finish()
    }
}
