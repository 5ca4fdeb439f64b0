//! What may be changed in a run, and what that changes in its answers: no model is asked, two managers are.

#[path = "support/runs.rs"]
mod runs;

use core::time::Duration;

use remuda::{
    Action, Config, Demand, Event, Health, Instant, MachineId, Manager, Notice, OnceKey, Outcome,
    Policy, Reject, RequestId, Resources, StartHint, Submit, TaskId, WaiterId,
};
use remuda_sim::shrink::Run;
use remuda_sim::{Plan, Rng};

use runs::{assert_same, run_of};

const EVENTS: usize = 200;

fn run(seed: u64) -> Run {
    run_of(seed, EVENTS, |_| {})
}

/// A run on machines of few procs: of those with many, a copy takes long.
fn run_to_copy(seed: u64) -> Run {
    run_of(seed, EVENTS, |plan| {
        for kind in &mut plan.config.kinds {
            let mut amounts = kind.capacity.amounts();
            amounts[0] = amounts[0].min(100);
            kind.capacity = Resources::new(amounts);
        }
        plan.traffic.procs = plan.traffic.procs.min(100);
        plan.faults.wild = plan.faults.wild.max(16);
    })
}

/// A run under bigslice's policy, if the seed gives one.
fn run_of_bigslice(seed: u64, change: impl FnOnce(&mut Plan)) -> Option<Run> {
    let policy = Plan::draw(&mut Rng::new(seed)).config.policy;
    (policy == Policy::Bigslice).then(|| run_of(seed, EVENTS, change))
}

fn manager(config: &Config) -> Manager {
    Manager::new(config.clone()).expect("a valid config")
}

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

/// An id that no run has.
const GUEST: RequestId = RequestId(u64::MAX - 7);

fn submit(spec: Submit) -> Event {
    Event::Submit {
        request: GUEST,
        spec,
    }
}

/// The most procs that a machine of any kind has.
fn most_procs(config: &Config) -> u32 {
    let procs = config.kinds.iter().map(|kind| kind.capacity.proc_count());
    procs.max().expect("there is a kind")
}

/// S6: a request that nothing is granted or started for, at whatever priority, and that is cancelled before anything
/// else happens, has never been. (One that machines were started for has left them.)
#[test]
fn s06_a_submit_that_led_to_nothing_is_erased_by_its_cancel() {
    let (mut erased, mut planned_again) = (0, 0);
    for seed in 0..1000 {
        let run = run_to_copy(seed);
        let mut rng = Rng::new(seed);
        let most = most_procs(&run.config);
        let mut manager = manager(&run.config);
        for (now, event) in run.events {
            let _ = manager.handle(event, now);
            let procs = rng.range(1, u64::from(most)) as u32;
            let spec = Submit::procs(procs).priority(rng.range(0, 4) as i64 - 1);
            let mut visited = manager.clone();
            let here = manager.now();
            if !visited.handle(submit(spec), here).is_empty() {
                continue;
            }
            assert_eq!(visited.counts().queued, manager.counts().queued + 1);
            let cancelled = visited.handle(Event::Cancel { request: GUEST }, here);
            if !cancelled.is_empty() {
                // A plan right after a plan may ask for more or withdraw something (G1), guest or not.
                planned_again += 1;
                assert!(!cancelled.iter().any(|a| matches!(a, Action::Grant { .. })));
                continue;
            }
            erased += 1;
            assert_same(
                &visited,
                &manager,
                format_args!("seed {seed}, after {event:?}"),
            );
            // And so the rest of the run is the same: on with the one that was visited.
            manager = visited;
        }
    }
    assert!(erased > 10_000, "{erased}");
    assert!(planned_again < 10, "{planned_again}");
}

/// S3, S5, S7: the last in the queue holds up no other. While it is queued, and while the others need all that there
/// may be without it, everything is answered as if it were not there; once cancelled, it has never been.
#[test]
fn s05_who_is_last_in_the_queue_and_never_served_changes_nothing_for_the_others() {
    let (mut stayed, mut erased) = (0, 0);
    for seed in 0..6000 {
        let run = run_of_bigslice(seed, |plan| {
            // Often too small, or the premise hardly ever holds.
            plan.faults.wild = 0; // which may submit what comes after the last
            let most = 3 * u64::from(most_procs(&plan.config));
            plan.config.max_procs = plan.config.max_procs.min(most);
            // More capacity is not what is lacking then.
            (plan.faults.drains, plan.faults.spot_notices) = (0, 0);
            (plan.faults.offer_less, plan.faults.shutdown) = (0, 0);
        });
        let Some(run) = run else {
            continue;
        };
        let max = run.config.max_procs;
        let mut alone = manager(&run.config);
        let mut visited: Option<Manager> = None;
        for (index, (now, event)) in run.events.into_iter().enumerate() {
            let before = alone.counts().need.procs();
            let actions = alone.handle(event, now);
            let premise =
                before >= max && alone.counts().need.procs() >= max && !alone.is_shut_down();
            if let Some(mut both) = visited.take() {
                let said = both.handle(event, now);
                let served = |a: &Action| matches!(a, Action::Grant { request: GUEST, .. });
                if premise && !said.iter().any(served) {
                    stayed += 1;
                    assert_eq!(said, actions, "seed {seed}, event {index}: {event:?}");
                    if index % 5 == 0 {
                        erased += 1;
                        assert_eq!(
                            both.handle(Event::Cancel { request: GUEST }, both.now()),
                            []
                        );
                        assert_same(&both, &alone, format_args!("seed {seed}, event {index}"));
                    } else {
                        visited = Some(both);
                    }
                }
            } else if premise {
                let mut both = alone.clone();
                if both
                    .handle(submit(Submit::machine().priority(i64::MAX)), alone.now())
                    .is_empty()
                {
                    visited = Some(both);
                }
            }
        }
    }
    assert!(stayed > 10_000, "{stayed}");
    assert!(erased > 2_000, "{erased}");
}

fn health_under(manager: &Manager, request: RequestId) -> Option<(MachineId, Health)> {
    let mut machines = manager.machines();
    let machine = machines.find(|machine| machine.running().any(|r| r == request))?;
    Some((machine.id(), machine.health()))
}

/// S11, S13: on an ok machine, *remote* changes no health, and is no other than *ok* and *unused*. S10: on probation it
/// is no other than *unreachable*.
#[test]
fn s11_a_remote_error_never_changes_the_health_of_an_ok_machine() {
    let (mut on_ok, mut on_probation) = (0, 0);
    for seed in 0..1500 {
        let run = run_of(seed, EVENTS, |plan| plan.traffic.outcomes = [2, 6, 2, 1]);
        let mut rng = Rng::new(seed);
        let (mut first, mut second) = (manager(&run.config), manager(&run.config));
        let fit = run.config.policy == Policy::Fit;
        for (index, (now, event)) in run.events.into_iter().enumerate() {
            // What is due by then is over when health is looked at.
            assert_eq!(
                first.handle(Event::Timer, now),
                second.handle(Event::Timer, now)
            );
            let (mut other, mut stays_ok) = (event, None);
            if let Event::Done {
                request,
                machine: named,
                outcome,
            } = event
                && let Some((machine, health)) = health_under(&first, request)
            {
                let outcome = match (health, outcome) {
                    // An ok ends trials and forgets passages (G3, H2).
                    (Health::Ok, Outcome::Ok) if fit => outcome,
                    (Health::Ok, Outcome::Ok | Outcome::Remote | Outcome::Unused) => {
                        on_ok += u32::from(outcome == Outcome::Remote);
                        stays_ok = Some(machine);
                        let alike = [Outcome::Remote, Outcome::Unused, Outcome::Ok];
                        rng.pick(&alike[..if fit { 2 } else { 3 }])
                    }
                    (Health::Probation { .. }, Outcome::Remote) => {
                        on_probation += 1;
                        Outcome::Unreachable
                    }
                    (_, outcome) => outcome,
                };
                other = Event::Done {
                    request,
                    machine: named,
                    outcome,
                };
            }
            let said = first.handle(event, now);
            assert_eq!(
                second.handle(other, now),
                said,
                "seed {seed}, event {index}: {event:?}"
            );
            assert_same(
                &first,
                &second,
                format_args!("seed {seed}, event {index}: {event:?}"),
            );
            if let Some(machine) = stays_ok {
                // It may be drained or told to stop in that step, for other reasons (E2, G5).
                assert!(!first.machine(machine).is_some_and(|m| m.on_probation()));
                let news = |a: &Action| matches!(a, Action::Notice(Notice::Probation { .. }));
                assert!(!said.iter().any(news));
            }
        }
    }
    assert!(on_ok > 5_000, "{on_ok}");
    assert!(on_probation > 300, "{on_probation}");
}

fn is_timer(action: &Action) -> bool {
    matches!(action, Action::SetTimer { .. } | Action::ClearTimer)
}

/// The most procs of a machine that there may ever be (R3).
fn limit(config: &Config) -> Option<u32> {
    let fit = config.policy == Policy::Fit;
    let usable = config.kinds.iter().filter(|kind| {
        let below = u64::from(kind.capacity.proc_count()) <= config.max_procs;
        !fit || !kind.startable || (kind.max > 0 && below)
    });
    usable.map(|kind| kind.capacity.proc_count()).max()
}

/// F2: a request that no machine could hold is rejected, with the limit, and leaves no trace.
#[test]
fn f02_an_unsatisfiable_request_changes_nothing_but_the_time() {
    for seed in 0..500 {
        let run = run_of(seed, EVENTS, |plan| {
            // Which kinds there can be is then as in the config.
            let faults = &mut plan.faults;
            (faults.limits_change, faults.max_procs_changes, faults.wild) = (0, 0, 0);
        });
        let mut rng = Rng::new(seed);
        let limit = limit(&run.config);
        let (mut alone, mut visited) = (manager(&run.config), manager(&run.config));
        for (index, (now, event)) in run.events.into_iter().enumerate() {
            let most = limit.unwrap_or(1);
            let procs = rng.pick(&[most + 1, most + 2, 2 * most, u32::MAX]);
            let later = alone.now() + Duration::from_secs(rng.below(3));
            let spec = Submit::procs(procs.max(2)).priority(rng.below(3) as i64 - 1);
            let said = visited.handle(submit(spec), later);
            let rejected = Action::Reject(match limit {
                Some(limit) => Reject::TooManyProcs {
                    request: GUEST,
                    procs: procs.max(2),
                    limit,
                },
                None => Reject::TooLarge {
                    request: GUEST,
                    kind: remuda::KindId(0),
                    amount: 0,
                    asked: procs.max(2),
                    limit: 0,
                },
            });
            // The time passes for the other too.
            let mut expected = alone.handle(Event::Timer, later);
            expected.retain(|action| !is_timer(action));
            let mut told = said;
            let at = told.iter().position(|action| *action == rejected);
            told.remove(at.expect("it is rejected"));
            told.retain(|action| !is_timer(action));
            assert_eq!(told, expected, "seed {seed}, before event {index}");
            assert_same(
                &visited,
                &alone,
                format_args!("seed {seed}, before event {index}"),
            );
            assert_eq!(visited.handle(event, now), alone.handle(event, now));
        }
    }
}

/// F5: the same of every event that is rejected, whatever is wrong with it.
#[test]
fn f05_a_rejected_event_changes_nothing_but_the_time() {
    let mut rejected = 0;
    for seed in 0..1000 {
        let run = run_to_copy(seed);
        let mut manager = manager(&run.config);
        for (index, (now, event)) in run.events.into_iter().enumerate() {
            let mut before = manager.clone();
            let mut said = manager.handle(event, now);
            let Some(at) = said.iter().position(|a| matches!(a, Action::Reject(_))) else {
                continue;
            };
            rejected += 1;
            said.remove(at);
            said.retain(|action| !is_timer(action));
            let mut passed = before.handle(Event::Timer, now);
            passed.retain(|action| !is_timer(action));
            assert_eq!(said, passed, "seed {seed}, event {index}: {event:?}");
            assert_same(
                &manager,
                &before,
                format_args!("seed {seed}, event {index}: {event:?}"),
            );
        }
    }
    assert!(rejected > 10_000, "{rejected}");
}
