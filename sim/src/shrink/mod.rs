//! Makes a failing run small: fewer events, rounder times, smaller numbers, a plainer config,
//! each step kept only if the run still fails.

mod ids;
mod less;
mod plain;

use std::collections::HashSet;
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

const MOST_ROUNDS: usize = 12;

/// In longer runs than this, not every pair is tried.
const LONG: usize = 100;

/// Longer runs than this, which are more than a schedule of the swarm, are first cut coarsely.
const VERY_LONG: usize = 1_000;

/// Makes `run` as small as it gets while `fails` says that it still does.
///
/// ```
/// use remuda::{Config, Event, Instant, MachineId};
/// use remuda_sim::shrink::{Run, shrink};
///
/// let stopped = |n| (Instant::from_secs(n), Event::Stopped { machine: MachineId(n) });
/// let run = Run { config: Config::new(1, 1)?, events: (0..100).map(stopped).collect() };
/// let small = shrink(run, |run| run.events.len() > 2);
/// assert_eq!(small.events.len(), 3);
/// # Ok::<(), remuda::ConfigError>(())
/// ```
pub fn shrink(run: Run, mut fails: impl FnMut(&Run) -> bool) -> Run {
    let all = run.events.len();
    minimise(run, all, |run| match fails(run) {
        true => Verdict::Fails(run.events.len()),
        false => Verdict::Passes,
    })
}

/// Makes the first `fails_with` events of `run`, which fail, as small as they get by this judge: no single event of what is
/// left can be left out, unless the judge stopped it.
///
/// The same run and the same verdicts give the same result.
///
/// ```
/// use remuda::{Config, Event, Instant, MachineId};
/// use remuda_sim::shrink::{Run, Verdict, minimise};
///
/// let up = |n| (Instant::from_secs(n), Event::Up { machine: MachineId(n) });
/// let run = Run { config: Config::new(1, 1)?, events: (0..10_000).map(up).collect() };
/// let small = minimise(run, 10_000, |run| {
///     let third = run.events.iter().enumerate().filter(|(_, (at, _))| at.0 > 7).nth(2);
///     third.map_or(Verdict::Passes, |(at, _)| Verdict::Fails(at + 1))
/// });
/// assert_eq!(small.events.len(), 3);
/// # Ok::<(), remuda::ConfigError>(())
/// ```
pub fn minimise(mut run: Run, fails_with: usize, judge: impl FnMut(&Run) -> Verdict) -> Run {
    run.events.truncate(fails_with);
    let mut search = Search {
        best: run,
        judge,
        passed: HashSet::new(),
        over: false,
    };
    if search.best.events.len() > VERY_LONG {
        less::coarse(&mut search);
    }
    // One change may undo another, so there is an end to it.
    for _ in 0..MOST_ROUNDS {
        let before = search.best.clone();
        if search.best.events.len() > LONG {
            less::coarse(&mut search);
        }
        search.round();
        if search.over || search.best == before {
            break;
        }
    }
    less::drop_singles(&mut search);
    search.best
}

/// The smallest run so far, and who judges the next.
struct Search<F> {
    best: Run,
    judge: F,
    /// Those that do not fail, by their hash: many ways lead to the same run.
    passed: HashSet<u64>,
    over: bool,
}

impl<F: FnMut(&Run) -> Verdict> Search<F> {
    fn round(&mut self) {
        let passes: [fn(&mut Self); 10] = [
            less::drop_rows,
            plain::smaller_machines,
            less::drop_with_ids,
            less::drop_names,
            less::merge_requests,
            less::drop_pairs,
            plain::plain_config,
            plain::plain_times,
            plain::plain_events,
            ids::new_names,
        ];
        for pass in passes {
            if self.over {
                return;
            }
            pass(self);
        }
    }

    /// Keeps the change if the run still fails.
    fn try_run(&mut self, mut changed: Run) -> bool {
        if self.over || changed == self.best {
            return false;
        }
        let hash = hash(&changed);
        if self.passed.contains(&hash) {
            return false;
        }
        match (self.judge)(&changed) {
            Verdict::Fails(events) => {
                changed.events.truncate(events);
                self.best = changed;
                true
            }
            Verdict::Passes => {
                self.passed.insert(hash);
                false
            }
            Verdict::Stop => {
                self.over = true;
                false
            }
        }
    }

    /// The same; if it does not fail, with the machines that it names closed up.
    fn try_or_close_up(&mut self, changed: Run) {
        let mut closed = changed.clone();
        ids::close_up(&mut closed);
        let other = closed != changed;
        if !self.try_run(changed) && other {
            self.try_run(closed);
        }
    }
}

/// The same in every run and build of one compiler.
fn hash(run: &Run) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.events.hash(&mut hasher);
    let Config {
        machine_procs,
        max_procs,
        probation,
        start_backoff_base,
        start_backoff_cap,
        silent_polls,
        poll_interval,
        summary_interval,
    } = run.config;
    (machine_procs, max_procs, silent_polls).hash(&mut hasher);
    (probation, start_backoff_base, start_backoff_cap).hash(&mut hasher);
    (poll_interval, summary_interval).hash(&mut hasher);
    hasher.finish()
}
