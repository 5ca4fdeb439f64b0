//! Requests and events that leave no trace: cancelled at once, never served, rejected.

use core::time::Duration;

use remuda::{Action, Config, Event, Manager, Policy, Reject, RequestId, Submit};
use remuda_sim::Rng;

use crate::runs::{assert_same, run_of};
use crate::{EVENTS, manager, run_of_bigslice, run_to_copy};

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
