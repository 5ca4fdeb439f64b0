//! Makes a failing run small: fewer events, rounder times, smaller numbers, a plainer config,
//! each step kept only if the run still fails.

mod config;
mod ids;
mod kinds;
mod less;
mod names;
mod plain;
mod run;
mod search;

use std::collections::HashSet;

use search::{LONG, Search};

pub use run::{Run, Verdict};

const MOST_ROUNDS: usize = 12;

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
/// let up = |n| (Instant::from_secs(n), Event::Up { machine: MachineId(n), offer: None });
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
        round(&mut search);
        if search.over || search.best == before {
            break;
        }
    }
    less::drop_singles(&mut search);
    search.best
}

fn round<F: FnMut(&Run) -> Verdict>(search: &mut Search<F>) {
    let passes: [fn(&mut Search<F>); 11] = [
        less::drop_rows,
        config::smaller_machines,
        kinds::fewer_kinds,
        less::drop_with_ids,
        less::drop_names,
        less::merge_requests,
        less::drop_pairs,
        config::plain_config,
        plain::plain_times,
        plain::plain_events,
        names::new_names,
    ];
    for pass in passes {
        if search.over {
            return;
        }
        pass(search);
    }
}
