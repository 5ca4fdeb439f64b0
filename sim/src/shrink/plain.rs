//! Plainer values: times, numbers.

use core::time::Duration;

use remuda::{Demand, Event, Instant, KindId, Kinds, Limits, Outcome, Resources, Submit};

use super::run::{Run, Verdict};
use super::search::Search;

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
        Event::Submit { request, spec } => {
            let submit = |spec| Event::Submit { request, spec };
            plainer_specs(spec).into_iter().map(submit).collect()
        }
        Event::Done {
            request, machine, ..
        } => vec![Event::Done {
            request,
            machine,
            outcome: Outcome::Ok,
        }],
        Event::Up { machine, .. } => vec![Event::Up {
            machine,
            offer: None,
        }],
        Event::Join { machine, kind, .. } => {
            let join = |kind, offer| Event::Join {
                machine,
                kind,
                offer,
            };
            vec![join(kind, None), join(KindId(0), None)]
        }
        Event::StartFailed { machine, .. } => vec![Event::StartFailed {
            machine,
            hint: None,
        }],
        Event::Drain { machine, .. } => vec![Event::Drain {
            machine,
            until: None,
        }],
        Event::SetLimits { kind, limits } => plainer_limits(limits)
            .into_iter()
            .map(|limits| Event::SetLimits { kind, limits })
            .collect(),
        _ => Vec::new(),
    }
}

fn plainer_specs(spec: Submit) -> Vec<Submit> {
    let changed = |change: &dyn Fn(&mut Submit)| {
        let mut plainer = spec;
        change(&mut plainer);
        plainer
    };
    // All at once, then one by one.
    let mut all = vec![
        Submit::new(spec.demand),
        changed(&|spec| spec.priority = 0),
        changed(&|spec| spec.kinds = Kinds::ALL),
        changed(&|spec| spec.prefer = None),
        changed(&|spec| spec.avoid = None),
        changed(&|spec| spec.give_up = None),
    ];
    let demands = match spec.demand {
        Demand::Machine => vec![Resources::procs(1)],
        Demand::Amounts(amounts) => plainer_amounts(amounts),
    };
    all.extend(
        demands
            .into_iter()
            .map(|amounts| changed(&|spec| spec.demand = amounts.into())),
    );
    all
}

fn plainer_amounts(amounts: Resources) -> Vec<Resources> {
    let procs = amounts.proc_count();
    let fewer = [1, procs / 2, procs.saturating_sub(1)];
    let fewer = fewer.into_iter().filter(|n| (1..procs).contains(n));
    let mut all: Vec<_> = fewer.map(|n| with(amounts, 0, n)).collect();
    all.push(Resources::procs(procs));
    all.extend((1..Resources::COUNT).flat_map(|n| [with(amounts, n, 0), with(amounts, n, 1)]));
    all
}

fn with(amounts: Resources, n: usize, amount: u32) -> Resources {
    let mut amounts = amounts.amounts();
    amounts[n] = amount.min(amounts[n]);
    Resources::new(amounts)
}

fn plainer_limits(limits: Limits) -> Vec<Limits> {
    vec![
        Limits { min: 0, ..limits },
        Limits { spare: 0, ..limits },
        Limits {
            idle: None,
            ..limits
        },
        Limits {
            max: limits.max / 2,
            ..limits
        },
        Limits {
            max: u32::MAX,
            ..limits
        },
    ]
}
