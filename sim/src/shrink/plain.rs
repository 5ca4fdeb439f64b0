//! Plainer values: the config, times, numbers.

use core::time::Duration;

use remuda::{Config, Demand, Event, Instant, Outcome};

use super::{Run, Search, Verdict};

/// Everything in procs in proportion. Large machines make all that follows slow.
pub(super) fn smaller_machines(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let old = u64::from(search.best.config.machine_procs);
    for new in [1, 2, 3, 4, 8, 64].into_iter().filter(|new| *new < old) {
        let scaled = |procs: u64| (u128::from(procs) * u128::from(new)).div_ceil(u128::from(old));
        let mut smaller = search.best.clone();
        smaller.config.machine_procs = new as u32;
        smaller.config.max_procs = scaled(search.best.config.max_procs) as u64;
        for (_, event) in &mut smaller.events {
            if let Event::Submit { demand, .. } = event
                && let Demand::Procs(n) = demand
            {
                let n = scaled(u64::from(n.get()));
                *demand = Demand::procs(n as u32).expect("rounded up from one or more");
            }
        }
        if search.try_run(smaller) {
            return;
        }
    }
}

pub(super) fn plain_config(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let config = search.best.config;
    let small = config.machine_procs.min(4);
    let plain = Config::new(small, 4 * u64::from(small)).unwrap_or(config);
    let mut change = |to: fn(&mut Config, Config)| {
        let mut changed = search.best.clone();
        to(&mut changed.config, plain);
        if changed.config.validate().is_ok() {
            search.try_run(changed);
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
pub(super) fn plain_times(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let mut change = |to: &dyn Fn(usize, Instant) -> Instant| {
        let mut changed = search.best.clone();
        for (index, (at, _)) in changed.events.iter_mut().enumerate() {
            *at = to(index, *at);
        }
        search.try_run(changed);
    };
    change(&|_, _| Instant::ZERO);
    change(&|index, _| Instant::from_secs(index as u64));
    for unit in [1_000_000_000, 1_000_000] {
        change(&|_, at| Instant(at.0 / unit * unit));
    }
    // A run that fails sooner is cut there: its length may change on the way.
    let mut index = 0;
    while index < search.best.events.len() && !search.over {
        let here = search.best.events[index].0;
        let last = match index.checked_sub(1) {
            Some(before) => search.best.events[before].0,
            None => Instant::ZERO,
        };
        // This event and all later ones come sooner; or this one alone.
        let secs = Instant(last.0 / 1_000_000_000 * 1_000_000_000);
        let sooner = [
            last,
            secs + Duration::from_secs(1),
            last + (here - last) / 2,
        ];
        for sooner in sooner.into_iter().filter(|sooner| *sooner < here) {
            let gain = here - sooner;
            let mut changed = search.best.clone();
            for (at, _) in &mut changed.events[index..] {
                *at = Instant(at.0.saturating_sub(gain.as_nanos() as u64));
            }
            if search.try_run(changed) {
                break;
            }
        }
        let mut changed = search.best.clone();
        if let Some((at, _)) = changed.events.get_mut(index) {
            *at = last;
            search.try_run(changed);
        }
        index += 1;
    }
}

/// Smaller numbers in the events.
pub(super) fn plain_events(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let mut index = 0;
    while index < search.best.events.len() && !search.over {
        for event in plainer(search.best.events[index].1) {
            let mut changed = search.best.clone();
            if let Some((_, it)) = changed.events.get_mut(index) {
                *it = event;
                search.try_run(changed);
            }
        }
        index += 1;
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
