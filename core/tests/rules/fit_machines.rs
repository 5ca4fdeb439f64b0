//! Draining, joining, limits of a request, health and starting again: D1, D2, J1, Q1–Q3, H1–H3, A1,
//! A2, and the sizes of what is passed around; one story or more for each.

use crate::support::*;
use remuda::{
    Action, Event, Health, Instant, KindId, Loss, MachineId, Manager, OnceOutcome, Outcome,
    Recovery, Reject, RequestId, Submit,
};

#[test]
fn d01_a_draining_machine_gets_no_new_grants_and_stops_when_it_is_empty() {
    let mut world = World::grown(fit(&[kind(4)]).max_procs(8), 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.assign(0, 9);
    assert_eq!(world.drain(0, None), [draining(0, None)]);
    assert_eq!(world.health(0), is_draining(None));
    assert_eq!(world.counts().have.procs(), 0, "it leaves `have` at once");
    assert_eq!(world.submit(3, 0, 1), [start(1, 1)], "and is replaced");
    assert_eq!(world.done(1, Outcome::Ok), [], "what runs goes on");
    assert_eq!(world.done(2, Outcome::Ok), [stop(0)]);
    assert_eq!(world.health(0), Some(Health::Stopping));
    assert_eq!(world.stopped(0), [ended(0), task_lost(9, 0)]);
}

#[test]
fn d01_a_spot_notice_is_said_with_its_time() {
    let mut world = World::grown(fit(&[kind(4)]).max_procs(8), 1);
    world.submit(1, 0, 1);
    // The provider takes the machine back in two minutes.
    assert_eq!(world.drain(0, Some(120)), [draining(0, Some(120))]);
    assert_eq!(world.next_timeout(), Some(120));
    assert_eq!(world.submit(2, 0, 1), [start(1, 1)], "replaced meanwhile");
    assert_eq!(world.at(60).up(1), [grant(2, 1)]);
    assert_eq!(world.at(120).timer(), [stop(0)], "whatever runs there");
    assert_eq!(world.used(0), 1, "it still may finish");
    assert_eq!(world.stopped(0), [ended(0), request_drained(1, 0)]);
    assert_eq!(world.counts().machines.lost, 0);
}

#[test]
fn d01_the_earlier_of_two_drains_counts() {
    let mut world = World::fit_machines(4, 1);
    world.submit(1, 0, 1);
    world.drain(0, Some(100));
    assert_eq!(world.drain(0, Some(200)), []);
    assert_eq!(world.drain(0, None), []);
    assert_eq!(world.drain(0, Some(50)), [draining(0, Some(50))]);
    assert_eq!(world.next_timeout(), Some(50));
    assert_eq!(
        world.at(40).drain(0, Some(40)),
        [draining(0, Some(40)), stop(0)],
        "not after now: in this step"
    );
    assert_eq!(world.drain(0, Some(1)), [], "it is stopping");
}

#[test]
fn d01_a_pending_machine_is_told_to_stop_at_once() {
    let mut world = World::new(fit(&[kind(4)]));
    world.submit(1, 0, 1);
    assert_eq!(world.drain(0, Some(100)), [stop(0), start(1, 1)]);
    assert_eq!(world.up(0), [], "a no-op");
    assert_eq!(world.stopped(0), [ended(0)]);
    assert_eq!(world.drain(0, None), [], "gone");
    assert_eq!(world.drain(9, None), unknown_machine(9));
}

#[test]
fn d01_polls_and_work_go_on_while_it_stops() {
    let config = fit(&[kind(4)]).max_procs(4).poll_interval(secs(10));
    let mut world = World::grown(config.silent_polls(2), 1);
    world.submit(1, 0, 1);
    world.once(0, key(0, 0), 1);
    world.drain(0, Some(0));
    assert_eq!(world.health(0), Some(Health::Stopping));
    assert_eq!(
        world.once_done(0, key(0, 0), OnceOutcome::Ok),
        [once_ready(1, key(0, 0), OnceOutcome::Ok)]
    );
    assert_eq!(world.done(1, Outcome::Unreachable), [], "no probation");
    world.polled(0, false);
    assert_eq!(world.at(10).timer(), [poll(0)]);
    assert_eq!(world.polled(0, false), [silent(0), stop(0)]);
}

#[test]
fn d01_drains_work_under_bigslices_policy_too() {
    let mut world = World::with_machines(4, 1);
    world.submit(1, 0, 1);
    assert_eq!(world.drain(0, Some(5)), [draining(0, Some(5))]);
    assert_eq!(world.submit(2, 0, 1), [], "max_procs is four");
    assert_eq!(world.at(5).timer(), [stop(0)]);
    assert_eq!(
        world.stopped(0),
        [ended(0), request_drained(1, 0), start(1, 1)]
    );
}

#[test]
fn d02_a_machine_that_is_kept_has_the_health_that_it_had() {
    let mut world = World::fit_machines(4, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.drain(0, Some(100));
    assert_eq!(world.submit(3, 0, 1), []);
    assert_eq!(world.keep(0), [kept(0), grant(3, 0)]);
    assert_eq!(world.next_timeout(), None);
    assert_eq!(world.keep(0), [], "it does not drain");
    world.done(1, Outcome::Unreachable);
    world.drain(0, None);
    assert_eq!(world.keep(0), [kept(0)]);
    assert_eq!(world.health(0), on_probation(30));
    world.drain(0, Some(0));
    let machine = MachineId(0);
    assert_eq!(world.keep(0), reject(Reject::MachineStopping { machine }));
    assert_eq!(world.keep(1), unknown_machine(1));
}

#[test]
fn d02_also_above_max() {
    let mut world = World::new(fit(&[kind(1).max(2)]));
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.up(0);
    world.up(1);
    let mut limits = world.manager.config().kinds[0].limits();
    limits.max = 1;
    assert_eq!(world.set_limits(0, limits), [draining(1, None)]);
    assert_eq!(world.keep(1), [kept(1)]);
    assert_eq!(world.counts().machines.ok, 2);
}

#[test]
fn j01_a_machine_that_was_there_before_is_used() {
    let own = kind(8).startable(false);
    let mut world = World::new(fit(&[own, kind(4)]).poll_interval(secs(10)));
    let j0 = MachineId::joined(0).0;
    assert_eq!(world.join(0, 0), [poll(j0)]);
    assert_eq!(world.submit(1, 0, 8), [grant(1, j0)]);
    assert_eq!(
        world.submit(2, 0, 3),
        [start_of(1, 0, 1)],
        "nothing of k0 is started"
    );
    assert_eq!(
        world.stopped(j0),
        [lost(j0), request_lost(1, j0)],
        "nor replaced"
    );
}

#[test]
fn j01_ids_are_the_callers_and_ascend() {
    let mut world = World::new(fit(&[kind(4)]));
    world.join(5, 0);
    let least = MachineId::joined(6);
    for machine in [MachineId::joined(5), MachineId::joined(2), MachineId(7)] {
        let join = Event::Join {
            machine,
            kind: KindId(0),
            offer: None,
        };
        assert_eq!(
            world.untimed(join),
            reject(Reject::JoinId { machine, least })
        );
    }
    let unknown = reject(Reject::UnknownKind { kind: KindId(1) });
    assert_eq!(world.join(6, 1), unknown);
    assert_eq!(world.join(6, 0), [], "that spent no id");
    assert_eq!(world.up(MachineId::joined(6).0), not_pending(6 | 1 << 63));
    assert_eq!(
        World::new(quiet(4)).join(0, 0),
        reject(Reject::NotInBigslice)
    );
}

#[test]
fn j01_above_the_limits_or_after_a_shutdown_it_is_told_to_stop() {
    let mut world = World::new(fit(&[kind(4).max(1), kind(4)]).max_procs(8));
    let j = |n| MachineId::joined(n).0;
    assert_eq!(world.join(0, 0), []);
    assert_eq!(world.join(1, 0), [stop(j(1))], "max is one");
    assert_eq!(
        world.join(2, 1),
        [stop(j(2))],
        "m0 and the stopping one have eight procs"
    );
    world.stopped(j(1));
    world.stopped(j(2));
    assert_eq!(world.join(3, 1), []);
    world.shutdown();
    assert_eq!(world.join(4, 1), [stop(j(4))]);
}

#[test]
fn j01_joiners_count_for_min_and_are_stopped_when_idle_like_others() {
    let mut world = World::new(fit(&[kind(4).min(1).idle(secs(10))]));
    assert_eq!(world.timer(), [start(0, 1)]);
    world.join(0, 0);
    assert_eq!(world.up(0), []);
    let j0 = MachineId::joined(0).0;
    assert_eq!(world.at(10).timer(), [stop(j0)], "m0 is enough for `min`");
    let mut own = World::new(fit(&[kind(4).idle(secs(10)).startable(false)]));
    own.join(0, 0);
    assert_eq!(own.at(100).timer(), [], "not what cannot be started");
}

#[test]
fn q01_a_request_that_is_queued_for_too_long_is_given_up() {
    let mut world = World::fit_machines(4, 1);
    world.whole(1);
    let until = |at| Submit::procs(2).give_up(Instant::from_secs(at));
    assert_eq!(world.ask(2, until(10)), []);
    assert_eq!(world.ask(3, until(20)), []);
    assert_eq!(world.next_timeout(), Some(10));
    assert_eq!(world.at(10).timer(), [expired(2)]);
    assert_eq!(world.done(1, Outcome::Ok), [grant(3, 0)]);
    assert_eq!(world.at(20).timer(), [], "a granted one has its machine");
    assert_eq!(
        world.ask(4, until(20)),
        [expired(4)],
        "due at its submit: at once, though it fits"
    );
}

#[test]
fn q01_all_of_one_instant_are_removed_before_others_are_placed() {
    let config = fit(&[kind(4)]).max_procs(4).patience(1);
    let mut world = World::grown(config, 1);
    world.submit(10, 0, 1);
    let until = Instant::from_secs(10);
    world.ask(1, Submit::machine().give_up(until));
    for r in 20..=23 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    assert_eq!(world.held_for(0), Some(1));
    world.ask(2, Submit::procs(2).give_up(until));
    world.ask(3, Submit::procs(3));
    let late = world.at(15).timer();
    assert_eq!(late, [expired(1), expired(2), grant(3, 0)]);
}

#[test]
fn q02_a_submit_is_checked_in_one_order() {
    let mut world = World::fit_machines(4, 1);
    world.whole(1);
    world.submit(2, 0, 1);
    let past = |procs| Submit::procs(procs).give_up(Instant::ZERO);
    for request in [1, 2] {
        let request = RequestId(request);
        assert_eq!(
            world.ask(request.0, past(9)),
            reject(Reject::DuplicateRequest { request }),
            "queued or running, before its size"
        );
    }
    let (request, procs, limit) = (RequestId(3), 9, 4);
    let too_many = Reject::TooManyProcs {
        request,
        procs,
        limit,
    };
    assert_eq!(world.ask(3, past(9)), reject(too_many), "before its time");
    assert_eq!(world.ask(3, past(4)), [expired(3)]);
    world.shutdown();
    assert_eq!(world.ask(3, past(4)), [cancelled(3)], "before its time too");
    assert_eq!(world.ask(3, past(9)), reject(too_many));
}

#[test]
fn q03_a_late_done_of_a_lost_grant_does_not_end_the_new_grant_of_its_id() {
    let mut world = World::new(fit(&[kind(1)]));
    world.submit(1, 0, 1);
    world.up(0);
    assert_eq!(world.stopped(0), [lost(0), request_lost(1, 0)]);
    // The client asks again under the same id, and only then hears of the old grant.
    world.submit(1, 0, 1);
    let (request, machine) = (RequestId(1), MachineId(0));
    let queued = reject(Reject::RequestNotRunning { request });
    assert_eq!(world.done_on(1, 0), queued);
    assert_eq!(world.up(1), [grant(1, 1)]);
    let not_there = reject(Reject::RequestNotThere { request, machine });
    assert_eq!(world.done_on(1, 0), not_there);
    assert_eq!(world.used(1), 1, "it goes on");
    assert_eq!(world.done_on(1, 1), []);
    assert_eq!(world.used(1), 0);
}

#[test]
fn h01_one_blip_of_the_network_does_not_double_a_cluster() {
    let mut world = World::grown(fit(&[kind(2)]), 3);
    for r in 0..3 {
        world.submit(r, 0, 1);
        world.submit(10 + r, 0, 1);
    }
    for r in 0..3 {
        assert_eq!(world.done(r, Outcome::Unreachable), [probation(r)]);
    }
    for r in 20..23 {
        assert_eq!(
            world.submit(r, 0, 1),
            [],
            "what is free on probation counts like what is pending"
        );
    }
    assert_eq!(world.submit(23, 0, 1), [start(3, 1)], "no more than that");
}

#[test]
fn h01_from_the_second_passage_on_a_machine_does_not_count() {
    let mut world = World::grown(fit(&[kind(2)]).flaps(0), 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.at(30).timer();
    assert_eq!(world.done(2, Outcome::Unreachable), [probation(0)]);
    assert_eq!(world.submit(3, 0, 1), [start(1, 1)]);
}

#[test]
fn h02_each_passage_lasts_twice_as_long_as_the_one_before() {
    let config = fit(&[kind(1)]).max_procs(1).flaps(0);
    let mut world = World::grown(config.probation_cap(secs(200)), 1);
    let mut now = 0;
    for (r, length) in (0..).zip([30, 60, 120, 200, 200]) {
        world.at(now).submit(r, 0, 1);
        world.done(r, Outcome::Unreachable);
        assert_eq!(world.health(0), on_probation(now + length));
        now += length;
        assert_eq!(world.at(now).timer(), [recovered(0, Recovery::Timeout)]);
    }
    world.submit(100, 0, 1);
    world.done(100, Outcome::Ok);
    world.submit(101, 0, 1);
    world.done(101, Outcome::Unreachable);
    assert_eq!(
        world.health(0),
        on_probation(now + 30),
        "after an *ok* anew"
    );
}

#[test]
fn h02_an_error_during_a_passage_restarts_the_same_length() {
    let mut world = World::grown(fit(&[kind(4)]).max_procs(4), 1);
    for r in 0..4 {
        world.submit(r, 0, 1);
    }
    world.done(0, Outcome::Unreachable);
    world.at(30).timer();
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.health(0), on_probation(90));
    world.at(50).done(2, Outcome::Remote);
    assert_eq!(world.health(0), on_probation(110));
}

/// Two machines, of which m0 goes on probation at 0 s, 30 s and 90 s; what is said the third time.
fn three_passages(flaps: u32, machines: u64, others_too: bool) -> Vec<Action> {
    let config = fit(&[kind(4)]).max_procs(4 * machines).flaps(flaps);
    let mut world = World::grown(config, machines);
    for r in 0..4 {
        world.ask(r, Submit::procs(1).prefer(MachineId(0)));
    }
    if machines > 1 {
        world.ask(10, Submit::procs(1).prefer(MachineId(1)));
    }
    world.done(0, Outcome::Unreachable);
    world.at(30).done(1, Outcome::Unreachable);
    world.at(90).timer();
    if others_too {
        world.done(10, Outcome::Unreachable);
    }
    world.done(2, Outcome::Unreachable)
}

#[test]
fn h03_a_machine_that_flaps_is_drained_and_others_are_not_blamed_together() {
    assert_eq!(
        three_passages(3, 2, false),
        [probation(0), draining(0, None)]
    );
    assert_eq!(three_passages(0, 2, false), [probation(0)], "never");
    assert_eq!(three_passages(4, 2, false), [probation(0)], "not yet");
    assert_eq!(
        three_passages(3, 1, false),
        [probation(0)],
        "the last of its kind"
    );
    assert_eq!(
        three_passages(3, 2, true),
        [probation(0)],
        "a fault that all share"
    );
}

/// A manager that owes an answer of each sort, some events after they were asked for.
fn owing() -> World {
    let config = fit(&[kind(2).min(3), kind(1)]).poll_interval(secs(10));
    let mut world = World::new(config);
    world.timer();
    world.at(1).up(0);
    world.at(2).submit(1, 0, 2);
    world.at(3).once(0, key(0, 7), 1);
    world.at(4).ask(2, of_kind(1, 1));
    world.at(5).up(1);
    world.at(6).drain(1, None);
    world.at(7).timer();
    world
}

#[test]
fn a01_what_was_asked_for_and_not_answered_is_said_again() {
    let world = owing();
    let said: Vec<(u64, Action)> = world
        .manager
        .outstanding()
        .into_iter()
        .map(|one| ((one.since - Instant::ZERO).as_secs(), one.action))
        .collect();
    let expected = vec![
        (2, grant(1, 0)),
        (3, run_once(0, key(0, 7))),
        (1, poll(0)),
        (6, stop(1)),
        (5, poll(1)),
        (0, start(2, 1)),
        (4, start_of(1, 3, 1)),
        (6, start(4, 1)),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a01_all_actions_that_want_an_answer_are_among_what_is_outstanding() {
    // The actions of a run, less those that were answered, are what is owed at its end.
    let mut world = World::new(fit(&[kind(2)]).poll_interval(secs(10)));
    let mut said = vec![];
    for r in 0..5 {
        said.extend(world.submit(r, 0, 1));
    }
    for m in 0..2 {
        said.extend(world.up(m));
    }
    let wants = |action: &Action| {
        !matches!(action, Action::Start { first, .. } if first.0 < 2)
            && !matches!(action, Action::Notice(_))
    };
    said.retain(wants);
    let mut owed: Vec<Action> = world
        .manager
        .outstanding()
        .iter()
        .map(|one| one.action)
        .filter(|action| !matches!(action, Action::SetTimer { .. }))
        .collect();
    for action in said {
        let at = owed.iter().position(|other| *other == action);
        owed.remove(at.unwrap_or_else(|| panic!("{action:?} is owed")));
    }
    assert_eq!(owed, []);
}

#[test]
fn a02_after_a_crash_the_adapter_says_what_became_of_the_machines() {
    let before = owing();
    // Nothing but the manager is left; the clock has gone on.
    let bytes = postcard::to_allocvec(&before.manager).unwrap();
    let manager: Manager = postcard::from_bytes(&bytes).unwrap();
    let mut world = World {
        manager,
        now: Instant::from_secs(8),
    };
    assert_eq!(world.manager.outstanding(), before.manager.outstanding());
    // m1 is gone as it was told to, m0 with what ran there, m2 is up, m3 never came.
    assert_eq!(world.stopped(1), [ended(1)]);
    let lost_with_m0 = world.stopped(0);
    let waiter = once_ready(1, key(0, 7), OnceOutcome::MachineLost);
    assert_eq!(
        lost_with_m0[..3],
        [lost(0), request_lost(1, 0), waiter],
        "{lost_with_m0:?}"
    );
    assert_eq!(world.up(2), [poll(2)]);
    assert_eq!(world.start_failed(3), []);
    let mut left = world.manager.outstanding().into_iter();
    let says = |action: Action| action == poll(2);
    assert!(left.any(|one| says(one.action)));
}

#[test]
fn a_loss_by_silence_of_a_draining_machine_is_a_loss() {
    let config = fit(&[kind(4)]).max_procs(4).poll_interval(secs(10));
    let mut world = World::grown(config.silent_polls(1), 1);
    world.submit(1, 0, 1);
    world.drain(0, None);
    assert_eq!(
        world.polled(0, false),
        [silent(0), request_lost_by(1, 0, Loss::Silence), stop(0)]
    );
}

#[test]
fn events_and_actions_are_small() {
    // The aim is 64 and 32 bytes: both are copied with every call.
    assert_eq!(size_of::<Event>(), 96);
    assert_eq!(size_of::<Action>(), 40);
}
