//! Makes a failing run small: fewer events, rounder times, smaller numbers, a plainer config,
//! each step kept only if the run still fails.

use core::time::Duration;

use remuda::{Config, Demand, Event, Instant, MachineId, Outcome, RequestId, TaskId, WaiterId};

/// A run: the config and what the manager was told, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// The config.
    pub config: Config,
    /// The events.
    pub events: Vec<(Instant, Event)>,
}

const MOST_ROUNDS: usize = 12;

/// In longer runs than this, not every pair is tried.
const LONG: usize = 100;

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
    let mut best = run;
    // One change may undo another, so there is an end to it.
    for _ in 0..MOST_ROUNDS {
        let before = best.clone();
        drop_chunks(&mut best, &mut fails);
        smaller_machines(&mut best, &mut fails);
        drop_with_ids(&mut best, &mut fails);
        drop_names(&mut best, &mut fails);
        merge_requests(&mut best, &mut fails);
        drop_pairs(&mut best, &mut fails);
        plain_config(&mut best, &mut fails);
        plain_times(&mut best, &mut fails);
        plain_events(&mut best, &mut fails);
        new_names(&mut best, &mut fails);
        if best == before {
            break;
        }
    }
    best
}

/// Keeps the change if the run still fails.
fn try_run(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool, changed: Run) -> bool {
    let keep = changed != *best && fails(&changed);
    if keep {
        *best = changed;
    }
    keep
}

/// Leaves out halves, quarters, …, single events.
fn drop_chunks(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let mut size = best.events.len().div_ceil(2);
    while size > 0 {
        let mut end = best.events.len();
        while end > 0 {
            let from = end.saturating_sub(size);
            let mut less = best.clone();
            less.events.drain(from..end);
            try_run(best, fails, less);
            end = from.min(best.events.len());
        }
        size /= 2;
    }
}

/// Leaves out an event and the machine that was asked for because of it: later ids move up.
fn drop_with_ids(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let ids = |run: &Run| run.events.iter().filter_map(|(_, e)| machine_of(*e)).max();
    for at in (0..best.events.len()).rev() {
        let highest = ids(best).map_or(0, |id| id.0.min(40));
        for gone in 0..=highest {
            for without in [true, false] {
                let mut less = best.clone();
                if without && at < less.events.len() {
                    less.events.remove(at);
                }
                machines_move_up(&mut less, gone);
                try_run(best, fails, less);
            }
        }
    }
}

/// Those after the one that is gone.
fn machines_move_up(run: &mut Run, gone: u64) {
    for (_, event) in &mut run.events {
        if let Some(id) = machine_in(event).filter(|id| id.0 > gone) {
            id.0 -= 1;
        }
    }
}

/// Leaves out one or two requests with all that is said of them, a machine likewise, or all of these.
fn drop_names(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    if best.events.len() > LONG {
        return;
    }
    let events = || best.events.iter().map(|(_, event)| *event);
    let mut requests: Vec<_> = events().filter_map(request_of).collect();
    requests.sort();
    requests.dedup();
    let highest = events().filter_map(machine_of).max();
    let machines = highest.map_or(0, |id| id.0.min(20) + 1);
    for (n, first) in requests.iter().enumerate() {
        for second in &requests[n..] {
            for gone in [None].into_iter().chain((0..machines).map(Some)) {
                let mut less = best.clone();
                less.events.retain(|(_, event)| {
                    let named = request_of(*event).is_some_and(|r| r == *first || r == *second);
                    let on_it = gone.is_some() && machine_of(*event).map(|id| id.0) == gone;
                    !named && !on_it
                });
                if let Some(gone) = gone {
                    machines_move_up(&mut less, gone);
                }
                try_run(best, fails, less);
            }
        }
    }
}

/// Of two requests makes one: the first does not end, and what ends the second ends it.
fn merge_requests(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    if best.events.len() > LONG {
        return;
    }
    let mut requests: Vec<_> = best
        .events
        .iter()
        .filter_map(|(_, e)| request_of(*e))
        .collect();
    requests.sort();
    requests.dedup();
    for (n, first) in requests.iter().enumerate() {
        for second in &requests[n + 1..] {
            let mut less = best.clone();
            less.events.retain(|(_, event)| {
                let submit = matches!(event, Event::Submit { .. });
                request_of(*event) != Some(if submit { *second } else { *first })
            });
            for (_, event) in &mut less.events {
                if let Some(request) = request_in(event).filter(|r| **r == *second) {
                    *request = *first;
                }
            }
            try_run(best, fails, less);
        }
    }
}

/// Leaves out two at once: what only makes sense together.
fn drop_pairs(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    if best.events.len() > LONG {
        return;
    }
    let mut first = 0;
    while first < best.events.len() {
        let mut second = first + 1;
        while second < best.events.len() {
            let mut less = best.clone();
            less.events.remove(second);
            less.events.remove(first);
            if !try_run(best, fails, less) {
                second += 1;
            }
        }
        first += 1;
    }
}

/// Everything in procs in proportion. Large machines make all that follows slow.
fn smaller_machines(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let old = u64::from(best.config.machine_procs);
    for new in [1, 2, 3, 4, 8, 64].into_iter().filter(|new| *new < old) {
        let scaled = |procs: u64| (u128::from(procs) * u128::from(new)).div_ceil(u128::from(old));
        let mut smaller = best.clone();
        smaller.config.machine_procs = new as u32;
        smaller.config.max_procs = scaled(best.config.max_procs) as u64;
        for (_, event) in &mut smaller.events {
            if let Event::Submit { demand, .. } = event
                && let Demand::Procs(n) = demand
            {
                let n = scaled(u64::from(n.get()));
                *demand = Demand::procs(n as u32).expect("rounded up from one or more");
            }
        }
        if try_run(best, fails, smaller) {
            return;
        }
    }
}

fn plain_config(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let config = best.config;
    let small = config.machine_procs.min(4);
    let plain = Config::new(small, 4 * u64::from(small)).unwrap_or(config);
    let mut change = |to: fn(&mut Config, Config)| {
        let mut changed = best.clone();
        to(&mut changed.config, plain);
        if changed.config.validate().is_ok() {
            try_run(best, fails, changed);
        }
    };
    change(|config, _| config.summary_interval = Duration::ZERO);
    change(|config, _| config.poll_interval = Duration::ZERO);
    change(|config, plain| {
        (config.machine_procs, config.max_procs) = (plain.machine_procs, plain.max_procs);
    });
    change(|config, plain| config.max_procs = plain.max_procs);
    change(|config, plain| config.probation = plain.probation);
    change(|config, plain| config.start_backoff_base = plain.start_backoff_base);
    change(|config, plain| config.start_backoff_cap = plain.start_backoff_cap);
    change(|config, plain| config.silent_polls = plain.silent_polls);
    change(|config, plain| {
        if !config.poll_interval.is_zero() {
            config.poll_interval = plain.poll_interval;
        }
    });
}

/// From zero on, in whole seconds, as close together as may be.
fn plain_times(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let mut change = |to: &dyn Fn(usize, Instant) -> Instant| {
        let mut changed = best.clone();
        for (index, (at, _)) in changed.events.iter_mut().enumerate() {
            *at = to(index, *at);
        }
        try_run(best, fails, changed);
    };
    change(&|_, _| Instant::ZERO);
    change(&|index, _| Instant::from_secs(index as u64));
    for unit in [1_000_000_000, 1_000_000] {
        change(&|_, at| Instant(at.0 / unit * unit));
    }
    for index in 0..best.events.len() {
        let here = best.events[index].0;
        let last = index
            .checked_sub(1)
            .map_or(Instant::ZERO, |i| best.events[i].0);
        // This event and all later ones come sooner; or this one alone.
        let secs = Instant(last.0 / 1_000_000_000 * 1_000_000_000);
        for sooner in [
            last,
            secs + Duration::from_secs(1),
            last + (here - last) / 2,
        ] {
            let gain = here - sooner;
            let mut changed = best.clone();
            for (at, _) in &mut changed.events[index..] {
                *at = Instant(at.0.saturating_sub(gain.as_nanos() as u64));
            }
            if sooner < here && try_run(best, fails, changed) {
                break;
            }
        }
        let mut changed = best.clone();
        changed.events[index].0 = last;
        try_run(best, fails, changed);
    }
}

/// Smaller numbers in the events.
fn plain_events(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    for index in 0..best.events.len() {
        for event in plainer(best.events[index].1) {
            let mut changed = best.clone();
            changed.events[index].1 = event;
            try_run(best, fails, changed);
        }
    }
}

fn plainer(event: Event) -> Vec<Event> {
    match event {
        Event::Submit {
            request,
            priority,
            demand,
        } => {
            let submit = |priority, demand| Event::Submit {
                request,
                priority,
                demand,
            };
            let mut all = vec![submit(0, demand)];
            if let Demand::Procs(n) = demand {
                let fewer = [1, n.get() / 2, n.get() - 1];
                all.extend(
                    fewer
                        .into_iter()
                        .filter_map(|n| Some(submit(0, Demand::procs(n)?))),
                );
            } else {
                all.push(submit(priority, Demand::procs(1).expect("not zero")));
            }
            all
        }
        Event::Done { request, .. } => vec![Event::Done {
            request,
            outcome: Outcome::Ok,
        }],
        _ => Vec::new(),
    }
}

/// Names in the order in which they occur.
fn new_names(best: &mut Run, fails: &mut impl FnMut(&Run) -> bool) {
    let mut changed = best.clone();
    let mut known: [Vec<u64>; 3] = Default::default();
    let mut name = |kind: usize, id: u64| {
        let at = known[kind].iter().position(|k| *k == id);
        let at = at.unwrap_or_else(|| {
            known[kind].push(id);
            known[kind].len() - 1
        });
        at as u64 + 1
    };
    for (_, event) in &mut changed.events {
        if let Some(request) = request_in(event) {
            *request = RequestId(name(0, request.0));
        }
        match event {
            Event::Assign { task, .. } | Event::Discard { task, .. } => {
                *task = TaskId(name(1, task.0));
            }
            Event::Once { waiter, .. } => *waiter = WaiterId(name(2, waiter.0)),
            _ => {}
        }
    }
    try_run(best, fails, changed);
}

fn machine_of(event: Event) -> Option<MachineId> {
    machine_in(&mut { event }).copied()
}

fn request_of(event: Event) -> Option<RequestId> {
    request_in(&mut { event }).copied()
}

fn request_in(event: &mut Event) -> Option<&mut RequestId> {
    match event {
        Event::Submit { request, .. } | Event::Cancel { request } | Event::Done { request, .. } => {
            Some(request)
        }
        _ => None,
    }
}

fn machine_in(event: &mut Event) -> Option<&mut MachineId> {
    match event {
        Event::Up { machine }
        | Event::StartFailed { machine }
        | Event::Stopped { machine }
        | Event::Assign { machine, .. }
        | Event::Discard { machine, .. }
        | Event::Once { machine, .. }
        | Event::OnceDone { machine, .. }
        | Event::Forget { machine, .. }
        | Event::Polled { machine, .. } => Some(machine),
        _ => None,
    }
}
