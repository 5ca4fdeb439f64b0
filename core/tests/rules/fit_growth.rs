//! Growth and shrinking under the policy Fit: G1–G5, E1–E4, one story or more for each.

use crate::support::*;
use remuda::{
    Action, Event, Instant, Kind, KindId, Limits, MachineId, Outcome, Reject, Resources, StartHint,
    Submit,
};

#[test]
fn g01_three_requests_of_five_procs_get_three_machines_of_eight() {
    // Bigslice sums procs: fifteen are needed, and two machines have sixteen.
    let mut seed = World::new(quiet(8));
    let mut fit = World::new(fit(&[kind(8)]));
    for world in [&mut seed, &mut fit] {
        for r in 1..=3 {
            world.submit(r, 0, 5);
        }
        for m in 0..world.counts().machines.pending {
            world.up(m);
        }
    }
    let running = |world: &World| (world.counts().queued, world.counts().running);
    assert_eq!(running(&seed), (1, 2), "the third waits beside six procs");
    assert_eq!(running(&fit), (0, 3));
}

#[test]
fn g01_free_procs_are_no_reason_to_wait() {
    let mut world = World::grown(fit(&[kind(8)]), 1);
    world.submit(1, 0, 5);
    assert_eq!(world.submit(2, 0, 5), [start(1, 1)], "three are free");
    assert_eq!(world.submit(3, 0, 4), [start(2, 1)]);
    assert_eq!(world.submit(4, 0, 4), [], "m2 will have enough for both");
    assert_eq!(world.submit(5, 0, 3), [grant(5, 0)]);
}

#[test]
fn g01_the_kind_with_the_least_cost_for_the_request_is_its_home() {
    // k1 has four times as many procs for three times the price.
    let (small, large) = (kind(4).cost(1), kind(16).cost(3));
    let mut world = World::new(fit(&[small, large]));
    assert_eq!(
        world.submit(1, 0, 4),
        [start_of(1, 0, 1)],
        "a quarter of it costs 0.75"
    );
    assert_eq!(world.submit(2, 0, 4), [], "it takes a share of m0");
    assert_eq!(world.whole(3), [start_of(0, 1, 1)], "a whole one costs 1");
    assert_eq!(world.submit(4, 0, 16), [start_of(1, 2, 1)]);
}

#[test]
fn g01_where_a_homes_limits_end_the_rest_goes_elsewhere() {
    let cheap = kind(4).max(3).max_pending(2);
    let dear = kind(4).cost(5).max(2);
    let mut world = World::new(fit(&[cheap, dear]));
    let mut actions = vec![];
    for r in 0..10 {
        actions.extend(world.submit(r, 0, 4));
    }
    let expected = [(0, 0), (0, 1), (1, 2), (1, 3)].map(|(k, m)| start_of(k, m, 1));
    assert_eq!(actions, expected);
    assert_eq!(world.up(0), [grant(0, 0), start_of(0, 4, 1)]);
    assert_eq!(world.up(4), [grant(1, 4)], "max 3 is reached");
}

#[test]
fn g01_starts_are_said_by_kind_in_batches() {
    let kinds = [kind(1).min(6).batch(4), kind(2).min(3)];
    let mut world = World::new(fit(&kinds));
    let starts = [(0, 0, 4), (0, 4, 2), (1, 6, 3)].map(|(k, m, n)| start_of(k, m, n));
    assert_eq!(world.timer(), starts);
}

#[test]
fn g01_that_a_request_has_no_home_is_said_once_while_it_is_queued() {
    let mut world = World::new(fit(&[kind(8).min(1)]));
    world.timer();
    world.up_with(0, Resources::procs(4));
    assert_eq!(world.submit(1, 0, 6), [no_home(1)]);
    assert_eq!(world.submit(2, -1, 6), []);
    world.cancel(1);
    world.cancel(2);
    assert_eq!(
        world.submit(3, 0, 6),
        [no_home(3)],
        "forgotten and said anew"
    );
}

#[test]
fn g02_min_and_spare_machines_are_there_from_the_first_event_on() {
    let mut world = World::new(fit(&[kind(4).min(2), kind(4).spare(1)]));
    let first = world.timer();
    assert_eq!(first, [start_of(0, 0, 2), start_of(1, 2, 1)]);
    for m in 0..3 {
        world.up(m);
    }
    assert_eq!(world.ask(1, of_kind(0, 1)), [grant(1, 0)]);
    assert_eq!(
        world.ask(2, of_kind(1, 1)),
        [grant(2, 2), start_of(1, 3, 1)],
        "one more than are in use"
    );
    assert_eq!(world.stopped(1), [lost(1), start_of(0, 4, 1)]);
}

#[test]
fn g02_the_queue_is_served_first_then_mins_then_spares() {
    let kinds = [kind(4).spare(1), kind(4).min(1), kind(4)];
    let mut world = World::new(fit(&kinds).max_procs(8));
    assert_eq!(
        world.ask(1, of_kind(2, 1)),
        [start_of(1, 0, 1), start_of(2, 1, 1)],
        "no procs are left for the spare"
    );
}

#[test]
fn g03_a_machine_that_comes_up_and_dies_within_a_millisecond_is_not_restarted_without_pause() {
    let config = |settle| fit(&[kind(1)]).settle(secs(settle));
    let starts = |settle| {
        let mut world = World::new(config(settle));
        let (mut starts, mut machine) = (0, None);
        let mut actions = world.submit(1, 0, 1);
        for _ in 0..2_000 {
            for action in &actions {
                if let Action::Start { first, .. } = action {
                    (machine, starts) = (Some(first.0), starts + 1);
                }
            }
            world.now = world.now + secs(60) / 2_000;
            actions = match machine.take() {
                Some(machine) => {
                    world.up(machine);
                    let mut died = world.stopped(machine);
                    if world.manager.machine_of(remuda::RequestId(1)).is_none()
                        && world.counts().queued == 0
                    {
                        // Its grant was lost with the machine: it asks again.
                        died.extend(world.submit(1, 0, 1));
                    }
                    died
                }
                None => world.timer(),
            };
        }
        starts
    };
    assert_eq!(starts(0), 2_000, "as the first edition did");
    assert_eq!(starts(10), 6, "at 0, 1, 3, 7, 15, 31 s");
}

#[test]
fn g03_a_machine_that_stays_up_or_does_work_well_ends_the_back_off() {
    let config = || fit(&[kind(1)]).settle(secs(10));
    let failed_once = || {
        let mut world = World::new(config());
        world.submit(1, 0, 1);
        world.start_failed(0);
        world.at(1).timer();
        assert_eq!(world.up(1), [grant(1, 1)]);
        assert!(world.backoff(0).is_some(), "it is not sure to stay");
        world
    };
    let mut world = failed_once();
    world.at(11).timer();
    assert_eq!(world.backoff(0), None, "ten seconds in service");
    let mut world = failed_once();
    world.at(2).done(1, Outcome::Ok);
    assert_eq!(world.backoff(0), None, "work succeeded there");
    let mut world = failed_once();
    world.at(2).done(1, Outcome::Remote);
    assert_eq!(
        world.at(3).stopped(1),
        [lost(1)],
        "lost before that: a failed start"
    );
    assert_eq!(world.backoff(0).map(|(step, _)| step), Some(2));
    let mut world = failed_once();
    world.drain(1, Some(2));
    world.at(2).timer();
    world.stopped(1);
    let step = world.backoff(0).map(|(step, _)| step);
    assert_eq!(step, Some(1), "a stop that was asked for is no failure");
}

#[test]
fn g03_back_off_and_count_are_of_each_kind() {
    let mut world = World::new(fit(&[kind(1), kind(1)]));
    world.ask(1, of_kind(0, 1));
    assert_eq!(world.start_failed(0), []);
    assert_eq!(world.ask(2, of_kind(1, 1)), [start_of(1, 1, 1)]);
    assert_eq!(world.backoff(0), Some((1, Instant::from_secs(1))));
    assert_eq!(world.backoff(1), None);
    assert_eq!(
        world.submit(3, 0, 1),
        [start_of(1, 2, 1)],
        "either will do: k0 may not grow now"
    );
}

#[test]
fn g03_after_a_failure_one_machine_is_asked_for_then_two_then_four() {
    let mut world = World::new(fit(&[kind(1)]));
    for r in 0..20 {
        world.submit(r, 0, 1);
    }
    let pending = |world: &World| world.counts().machines.pending;
    assert_eq!(pending(&world), 20);
    for m in 0..20 {
        world.start_failed(m);
    }
    let mut next = 20;
    for (at, count) in [(1, 1), (3, 2), (7, 4)] {
        assert_eq!(world.at(at).timer(), [start(next, count)]);
        for m in next..next + u64::from(count) {
            world.start_failed(m);
        }
        next += u64::from(count);
    }
    assert_eq!(world.at(15).timer(), [start(27, 8)]);
    let up = world.up(27);
    assert_eq!(up[..2], [grant(0, 27), start(35, 10)], "one came up");
    assert_eq!(pending(&world), 19);
}

#[test]
fn g03_a_hint_to_retry_later_makes_the_back_off_longer() {
    let mut world = World::new(fit(&[kind(1)]));
    world.submit(1, 0, 1);
    world.start_failed_with(0, StartHint::RetryAfter(secs(45)));
    assert_eq!(world.backoff(0), Some((1, Instant::from_secs(45))));
    assert_eq!(world.at(44).timer(), []);
    assert_eq!(world.at(45).timer(), [start(1, 1)]);
    world.start_failed_with(1, StartHint::RetryAfter(secs(1)));
    assert_eq!(
        world.backoff(0),
        Some((2, Instant::from_secs(47))),
        "never shorter"
    );
}

#[test]
fn g03_a_kind_at_capacity_is_left_alone_until_a_machine_is_gone_or_for_a_minute() {
    let mut world = World::new(fit(&[kind(1)]));
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    assert_eq!(world.up(0), [grant(1, 0)]);
    assert_eq!(world.start_failed_with(1, StartHint::AtCapacity), []);
    assert_eq!(world.backoff(0), None, "no failure");
    assert_eq!(world.next_timeout(), Some(60));
    assert_eq!(world.at(60).timer(), [start(2, 1)]);
    world.start_failed_with(2, StartHint::AtCapacity);
    assert_eq!(world.submit(3, 0, 1), []);
    assert_eq!(
        world.at(70).stopped(0),
        [lost(0), request_lost(1, 0), start(3, 2)]
    );
}

#[test]
fn g04_ids_ascend_over_all_kinds() {
    let mut world = World::new(fit(&[kind(1), kind(1).min(1)]));
    let actions = world.ask(1, of_kind(0, 1));
    assert_eq!(actions, [start_of(0, 0, 1), start_of(1, 1, 1)]);
    assert_eq!(world.ask(2, of_kind(1, 1)), [], "m1 is pending");
    assert_eq!(world.ask(3, of_kind(1, 1)), [start_of(1, 2, 1)]);
}

#[test]
fn g05_idle_machines_of_other_kinds_make_way() {
    let mut world = World::new(fit(&[kind(4), kind(8)]).max_procs(8));
    world.ask(1, of_kind(0, 4));
    world.ask(2, of_kind(0, 4));
    world.up(0);
    world.up(1);
    assert_eq!(world.ask(3, of_kind(1, 8)), []);
    assert_eq!(
        world.at(1).done(1, Outcome::Ok),
        [],
        "m0 alone would not be enough"
    );
    assert_eq!(world.at(2).done(2, Outcome::Ok), [stop(0), stop(1)]);
    assert_eq!(world.stopped(0), [ended(0)]);
    assert_eq!(world.stopped(1), [ended(1), start_of(1, 2, 1)]);
    assert_eq!(world.up(2), [grant(3, 2)]);
}

#[test]
fn g05_only_as_many_as_it_takes_and_none_below_min() {
    let mut world = World::new(fit(&[kind(4).min(1), kind(4)]).max_procs(12));
    for r in 0..3 {
        world.ask(r, of_kind(0, 4));
    }
    for m in 0..3 {
        world.up(m);
    }
    for r in 0..3 {
        world.at(r).done(r, Outcome::Ok);
    }
    assert_eq!(
        world.ask(10, of_kind(1, 4)),
        [stop(0)],
        "the longest idle; one is enough"
    );
    assert_eq!(world.stopped(0), [ended(0), start_of(1, 3, 1)]);
    world.up(3);
    assert_eq!(world.ask(11, of_kind(1, 4)), [stop(1)]);
    world.stopped(1);
    world.up(4);
    assert_eq!(
        world.ask(12, of_kind(1, 4)),
        [],
        "k0 keeps its least machine"
    );
}

#[test]
fn g05_a_busy_machine_of_another_kind_is_drained_when_its_turn_has_come() {
    let config = fit(&[kind(8), kind(8)]).max_procs(8).patience(2);
    let mut world = World::new(config);
    world.ask(100, of_kind(0, 4));
    world.up(0);
    world.ask(1, of_kind(1, 8));
    // Others use m0 without end.
    let mut last = 100;
    for r in 101..=103 {
        assert_eq!(world.ask(r, of_kind(0, 4)), [grant(r, 0)]);
        world.done(last, Outcome::Ok);
        last = r;
    }
    assert_eq!(
        world.ask(104, of_kind(0, 4)),
        [grant(104, 0), draining(0, None)],
        "twice its eight procs were granted"
    );
    world.done(103, Outcome::Ok);
    assert_eq!(world.done(104, Outcome::Ok), [stop(0)]);
    assert_eq!(world.stopped(0), [ended(0), start_of(1, 1, 1)]);
    assert_eq!(world.up(1), [grant(1, 1)]);
}

/// One kind of four procs of which idle machines are stopped after ten seconds.
fn passing() -> Kind {
    kind(4).idle(secs(10))
}

#[test]
fn e01_machines_do_not_stay_up_with_nothing_to_do() {
    let mut world = World::new(fit(&[passing()]));
    world.submit(1, 0, 1);
    world.up(0);
    world.at(5).done(1, Outcome::Ok);
    assert_eq!(world.next_timeout(), Some(15));
    assert_eq!(world.at(14).timer(), []);
    assert_eq!(world.at(15).timer(), [stop(0)]);
    assert_eq!(world.counts().have.procs(), 0, "it leaves `have` at once");
    assert_eq!(world.counts().machines.stopping, 1);
    assert_eq!(world.stopped(0), [ended(0)]);
    let counts = world.counts().machines;
    assert_eq!((counts.lost, counts.ended), (0, 1), "no loss");
}

#[test]
fn e01_polls_and_figures_do_not_make_a_machine_busy() {
    let config = fit(&[passing()]).poll_interval(secs(3));
    let mut world = World::new(config);
    world.submit(1, 0, 1);
    world.up(0);
    world.done(1, Outcome::Ok);
    for n in 1..=3 {
        world.polled(0, true);
        assert_eq!(world.at(3 * n).timer(), [poll(0)]);
    }
    assert_eq!(world.at(10).timer(), [stop(0)]);
}

#[test]
fn e01_tasks_that_live_there_keep_a_machine_unless_the_config_says_otherwise() {
    let run = |stop_with_tasks| {
        let mut world = World::new(fit(&[passing()]).stop_with_tasks(stop_with_tasks));
        world.submit(1, 0, 1);
        world.up(0);
        world.done(1, Outcome::Ok);
        world.assign(0, 7);
        (world.at(10).timer(), world)
    };
    let (stopped, mut world) = run(true);
    assert_eq!(stopped, [stop(0)]);
    assert_eq!(world.stopped(0), [ended(0), task_lost(7, 0)]);
    let (kept, mut world) = run(false);
    assert_eq!(kept, []);
    let gone = world.at(20).discard(0, 7);
    assert_eq!(
        gone,
        [task_lost(7, 0), drop_task(7, 0), stop(0)],
        "idle since its last grant"
    );
}

#[test]
fn e02_min_and_spare_machines_stay() {
    let mut world = World::new(fit(&[passing().min(1).spare(1)]));
    for r in 0..4 {
        world.submit(r, 0, 4);
    }
    for m in 0..5 {
        world.up(m);
    }
    for r in 0..3 {
        world.done(r, Outcome::Ok);
    }
    assert_eq!(
        world.at(10).timer(),
        [stop(4), stop(2), stop(1)],
        "equally long idle: the highest first; m0 is the spare"
    );
    assert_eq!(world.next_timeout(), None, "what is blocked is no deadline");
    assert_eq!(
        world.at(20).done(3, Outcome::Ok),
        [],
        "m3 has to be idle for as long before m0 is one too many"
    );
    assert_eq!(world.next_timeout(), Some(30));
    assert_eq!(world.at(30).timer(), [stop(0)]);
    assert_eq!(
        world.at(40).timer(),
        [],
        "m3 is the least machine and the spare"
    );
}

#[test]
fn e02_the_longest_idle_goes_first() {
    let mut world = World::new(fit(&[passing().min(1)]));
    for r in 0..3 {
        world.submit(r, 0, 4);
    }
    for m in 0..3 {
        world.up(m);
    }
    for (at, r) in [(1, 1), (2, 0), (3, 2)] {
        world.at(at).done(r, Outcome::Ok);
    }
    assert_eq!(world.at(20).timer(), [stop(1), stop(0)]);
}

#[test]
fn e03_limits_change_while_it_runs() {
    let mut world = World::new(fit(&[kind(1)]));
    for r in 0..4 {
        world.submit(r, 0, 1);
    }
    for m in 0..3 {
        world.at(m).up(m);
    }
    world.cancel(3);
    world.done(1, Outcome::Ok);
    let mut limits = world.manager.config().kinds[0].limits();
    limits.max = 1;
    assert_eq!(
        world.at(9).set_limits(0, limits),
        [draining(2, None), stop(3), stop(1)],
        "m3 is pending, m1 idle; then the latest up is drained (notices come first)"
    );
    assert_eq!(world.submit(9, 0, 1), []);
    limits = Limits {
        min: 2,
        max: 5,
        spare: 0,
        idle: None,
    };
    assert_eq!(world.set_limits(0, limits), [start(4, 1)]);
    limits.min = 6;
    let kind = KindId(0);
    assert_eq!(world.set_limits(0, limits), reject(Reject::Limits { kind }));
    let unknown = reject(Reject::UnknownKind { kind: KindId(1) });
    limits.min = 0;
    assert_eq!(world.set_limits(1, limits), unknown);
}

#[test]
fn e03_the_limit_of_all_procs_changes_while_it_runs() {
    let mut world = World::new(fit(&[kind(4), kind(2)]));
    world.ask(1, of_kind(0, 4));
    world.ask(2, of_kind(1, 2));
    world.ask(3, of_kind(1, 2));
    world.up(0);
    world.up(1);
    assert_eq!(world.at(1).set_max_procs(6), [stop(2)], "pending first");
    assert_eq!(world.set_max_procs(5), [draining(1, None)]);
    assert_eq!(world.stopped(2), [ended(2)], "and is not replaced");
    assert_eq!(world.set_max_procs(100), [start_of(1, 3, 1)]);
    let mut seed = World::new(quiet(1));
    let never = reject(Reject::NotInBigslice);
    assert_eq!(seed.set_max_procs(5), never);
}

#[test]
fn e04_pending_machines_that_are_not_wanted_any_more_are_withdrawn() {
    let mut world = World::new(fit(&[kind(4).min(1)]).withdraw(true));
    for r in 0..3 {
        world.submit(r, 0, 4);
    }
    assert_eq!(world.cancel(1), [stop(2)], "the latest first");
    assert_eq!(world.cancel(0), [stop(1)]);
    assert_eq!(world.cancel(2), [], "min is one");
    assert_eq!(world.up(2), [], "it comes up all the same: a no-op");
    assert_eq!(world.stopped(2), [ended(2)]);
    assert_eq!(
        world.untimed(Event::StartFailed {
            machine: MachineId(1),
            hint: None
        }),
        [ended(1)],
        "no failed start"
    );
    let mut kept = World::new(fit(&[kind(4)]));
    kept.ask(1, Submit::machine());
    assert_eq!(kept.cancel(1), [], "unless the config says so they come");
}
