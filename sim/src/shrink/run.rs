//! What is made small, and what is said of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use remuda::{Config, Event, Instant};

/// A run: the config and what the manager was told, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// The config.
    pub config: Config,
    /// The events.
    pub events: Vec<(Instant, Event)>,
}

/// What is said of a run that might do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It fails with this many of its events: the rest is left out.
    Fails(usize),
    /// It does not fail.
    Passes,
    /// No more is to be tried.
    Stop,
}

/// The same in every run and build of one compiler.
pub(super) fn hash(run: &Run) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.events.hash(&mut hasher);
    let Config {
        policy,
        kinds,
        names,
        max_procs,
        packing,
        patience,
        hold_limit,
        probation,
        probation_cap,
        flaps,
        start_backoff_base,
        start_backoff_cap,
        settle,
        silent_polls,
        poll_interval,
        summary_interval,
        stop_with_tasks,
        withdraw,
        ..
    } = &run.config;
    (policy, kinds, names, max_procs).hash(&mut hasher);
    (packing, patience, hold_limit).hash(&mut hasher);
    (probation, probation_cap, flaps).hash(&mut hasher);
    (start_backoff_base, start_backoff_cap, settle).hash(&mut hasher);
    (silent_polls, poll_interval, summary_interval).hash(&mut hasher);
    (stop_with_tasks, withdraw).hash(&mut hasher);
    hasher.finish()
}
