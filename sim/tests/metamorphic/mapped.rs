//! Other names, other times, other procs: the answers are the same with these.

use remuda::{
    Action, Config, Demand, Event, Instant, Notice, OnceKey, Reject, RequestId, Resources,
    StartHint, TaskId, WaiterId,
};
use remuda_sim::shrink::Run;

use crate::{manager, run};

/// Plays both runs, and compares the actions of the first, changed in that way, with those of the second.
fn same_after(seed: u64, run: &Run, other: &Run, change: impl Fn(Action) -> Action) {
    let (mut first, mut second) = (manager(&run.config), manager(&other.config));
    for (index, (one, two)) in run.events.iter().zip(&other.events).enumerate() {
        let expected: Vec<_> = first
            .handle(one.1, one.0)
            .into_iter()
            .map(&change)
            .collect();
        let said = second.handle(two.1, two.0);
        assert_eq!(said, expected, "seed {seed}, event {index}: {:?}", one.1);
    }
}

/// A one-to-one map of all ids to others that look like nothing.
fn scattered(id: u64) -> u64 {
    (id ^ 0x5bd1_e995_27d4_eb2d)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
}

fn renamed_key(key: OnceKey) -> OnceKey {
    OnceKey {
        kind: !key.kind,
        key: scattered(key.key),
    }
}

fn renamed(mut event: Event) -> Event {
    match &mut event {
        Event::Submit { request, .. } | Event::Cancel { request } | Event::Done { request, .. } => {
            request.0 = scattered(request.0);
        }
        Event::AssignTask { task, .. } | Event::DiscardTask { task, .. } => {
            task.0 = scattered(task.0);
        }
        Event::Once { key, waiter, .. } => {
            *key = renamed_key(*key);
            waiter.0 = scattered(waiter.0);
        }
        Event::OnceDone { key, .. } | Event::ForgetOnce { key, .. } => *key = renamed_key(*key),
        _ => {}
    }
    event
}

fn renamed_action(mut action: Action) -> Action {
    let request_in = |request: &mut RequestId| request.0 = scattered(request.0);
    let task_in = |task: &mut TaskId| task.0 = scattered(task.0);
    let waiter_in = |waiter: &mut WaiterId| waiter.0 = scattered(waiter.0);
    match &mut action {
        Action::Grant { request, .. }
        | Action::RequestLost { request, .. }
        | Action::Cancelled { request }
        | Action::Expired { request }
        | Action::Notice(Notice::Held { request, .. } | Notice::NoHome { request })
        | Action::Reject(
            Reject::UnknownRequest { request }
            | Reject::DuplicateRequest { request }
            | Reject::NoProcs { request }
            | Reject::TooManyProcs { request, .. }
            | Reject::TooLarge { request, .. }
            | Reject::RequestNotRunning { request }
            | Reject::RequestNotThere { request, .. },
        ) => request_in(request),
        Action::TaskLost { task, .. } | Action::DropTask { task, .. } => task_in(task),
        Action::OnceReady { waiter, key, .. } => {
            waiter_in(waiter);
            *key = renamed_key(*key);
        }
        Action::RunOnce { key, .. }
        | Action::Reject(
            Reject::OnceUnknown { key, .. }
            | Reject::OnceNotRunning { key, .. }
            | Reject::OnceRunning { key, .. }
            | Reject::OnceMachineLost { key, .. },
        ) => *key = renamed_key(*key),
        Action::Reject(Reject::DuplicateWaiter { waiter }) => waiter_in(waiter),
        _ => {}
    }
    action
}

/// No rule looks at what requests, tasks, waiters and keys are called. (Machines are called by the manager.)
#[test]
fn with_other_names_the_answers_are_the_same_with_other_names() {
    for seed in 0..1000 {
        let run = run(seed);
        let mut other = run.clone();
        for (_, event) in &mut other.events {
            *event = renamed(*event);
        }
        same_after(seed, &run, &other, renamed_action);
    }
}

fn at_other_times(action: Action, time: impl Fn(Instant) -> Instant) -> Action {
    match action {
        Action::SetTimer { at } => Action::SetTimer { at: time(at) },
        Action::Notice(Notice::Draining { machine, until }) => Action::Notice(Notice::Draining {
            machine,
            until: until.map(time),
        }),
        action => action,
    }
}

/// The instants that an event names.
fn told_of_other_times(event: &mut Event, time: impl Fn(Instant) -> Instant) {
    match event {
        Event::Submit { spec, .. } => spec.give_up = spec.give_up.map(time),
        Event::Drain { until, .. } => *until = until.map(time),
        _ => {}
    }
}

/// Runs that stay this far from the end of time, with every deadline in them.
fn far_from_the_end(run: &Run) -> bool {
    let mut all = run.events.clone();
    let mut last = Instant::ZERO;
    for (at, event) in &mut all {
        last = last.max(*at);
        told_of_other_times(event, |at| at.min(Instant(u64::MAX / 1000)));
    }
    // With no instant in an event that is farther off, either.
    last.0 < u64::MAX / 1000 && all == run.events
}

/// No rule looks at what time it is, only at how much of it has passed.
#[test]
fn later_by_a_constant_the_answers_are_the_same_and_later() {
    let mut played = 0;
    for seed in 0..1000 {
        let run = run(seed);
        if !far_from_the_end(&run) {
            continue;
        }
        played += 1;
        let later = |at: Instant| Instant(at.0 + 7_000_000_001 * (seed + 1));
        let mut other = run.clone();
        for (at, event) in &mut other.events {
            *at = later(*at);
            told_of_other_times(event, later);
        }
        same_after(seed, &run, &other, |action| at_other_times(action, later));
    }
    assert!(played > 500, "{played}");
}

/// Nor at how long a second is: all times and all durations of the config are stretched.
#[test]
fn with_all_time_stretched_the_answers_are_the_same_and_stretched() {
    let mut played = 0;
    for seed in 0..1000 {
        let run = run(seed);
        if !far_from_the_end(&run) {
            continue;
        }
        played += 1;
        let factor = 2 + seed % 90;
        let stretched = |at: Instant| Instant(at.0 * factor);
        let mut run = run;
        for (_, event) in &mut run.events {
            // The minute of a quota (G3) is a minute.
            if let Event::StartFailed { hint, .. } = event
                && *hint == Some(StartHint::AtCapacity)
            {
                *hint = None;
            }
        }
        let mut other = run.clone();
        for (at, event) in &mut other.events {
            *at = stretched(*at);
            told_of_other_times(event, stretched);
            match event {
                Event::StartFailed {
                    hint: Some(StartHint::RetryAfter(pause)),
                    ..
                } => *pause *= factor as u32,
                Event::SetLimits { limits, .. } => {
                    limits.idle = limits.idle.map(|idle| idle * factor as u32);
                }
                _ => {}
            }
        }
        for kind in &mut other.config.kinds {
            kind.idle = kind.idle.map(|idle| idle * factor as u32);
        }
        let hold_limit = other.config.hold_limit;
        other.config.hold_limit = hold_limit.map(|limit| limit * factor as u32);
        for duration in [
            &mut other.config.probation,
            &mut other.config.probation_cap,
            &mut other.config.settle,
            &mut other.config.start_backoff_base,
            &mut other.config.start_backoff_cap,
            &mut other.config.poll_interval,
            &mut other.config.summary_interval,
        ] {
            *duration *= factor as u32;
        }
        same_after(seed, &run, &other, |action| {
            at_other_times(action, stretched)
        });
    }
    assert!(played > 500, "{played}");
}

/// Each proc is cut into so many; no limit is still none.
fn cut(amounts: &mut Resources, k: u32) {
    let mut all = amounts.amounts();
    all[0] = all[0].saturating_mul(k);
    *amounts = Resources::new(all);
}

/// S1 to S7, P and G only compare procs and add them up: with each proc cut into `k`, in the config and in all demands, the
/// same machines are started and the same grants made.
#[test]
fn with_k_times_the_procs_of_everything_the_grants_are_the_same() {
    let mut played = 0;
    for seed in 0..1000 {
        let run = run(seed);
        let k = 2 + (seed % 9) as u32;
        let kinds = run.config.kinds.iter();
        let largest = kinds.map(|kind| kind.capacity.proc_count()).max();
        if largest > Some(Config::MAX_MACHINE_PROCS / k) {
            continue;
        }
        played += 1;
        let mut other = run.clone();
        for kind in &mut other.config.kinds {
            cut(&mut kind.capacity, k);
        }
        // No maximum is still none.
        other.config.max_procs = run.config.max_procs.saturating_mul(k.into());
        for (_, event) in &mut other.events {
            match event {
                Event::Submit { spec, .. } => {
                    if let Demand::Amounts(amounts) = &mut spec.demand {
                        cut(amounts, k);
                    }
                }
                Event::Up {
                    offer: Some(offer), ..
                }
                | Event::Join {
                    offer: Some(offer), ..
                } => cut(offer, k),
                Event::SetMaxProcs { max_procs } => {
                    *max_procs = max_procs.saturating_mul(k.into());
                }
                _ => {}
            }
        }
        same_after(seed, &run, &other, |mut action| {
            if let Action::Reject(
                Reject::TooManyProcs {
                    procs: asked,
                    limit,
                    ..
                }
                | Reject::TooLarge {
                    amount: 0,
                    asked,
                    limit,
                    ..
                },
            ) = &mut action
            {
                *asked = asked.saturating_mul(k);
                *limit = limit.saturating_mul(k);
            }
            action
        });
    }
    assert!(played > 500, "{played}");
}
