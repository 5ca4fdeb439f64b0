//! Health and loss: S9–S13, T3, F4, F8, one story or more for each.

use core::time::Duration;

use crate::support::*;
use remuda::{
    Action, Config, Event, Health, Instant, MachineId, Outcome, Recovery, Reject, RequestId,
};

/// Polls every 10 s, and nothing else to distract; no more than `machines` machines of 2 procs.
fn polled(machines: u64) -> Config {
    quiet(2)
        .max_procs(2 * machines)
        .poll_interval(Duration::from_secs(10))
}

#[test]
fn s09_unreachable_puts_an_ok_machine_on_probation() {
    let mut world = World::with_machines(4, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    assert_eq!(world.at(5).done(1, Outcome::Unreachable), [probation(0)]);
    assert_eq!(world.health(0), on_probation(35));
    assert_eq!(world.counts().have.procs(), 4, "it still counts in have");
    assert_eq!(world.submit(3, 0, 1), [], "and gets no new grants");
    assert_eq!(world.used(0), 1, "what runs there goes on");
    assert_eq!(world.counts().running, 1);
}

#[test]
fn s10_success_restores_a_machine_at_once() {
    let mut world = World::with_machines(4, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.submit(3, 0, 4);
    world.submit(4, 0, 1);
    // r2 was granted before the failure.
    assert_eq!(
        world.done(2, Outcome::Ok),
        [recovered(0, Recovery::Success), grant(3, 0)],
        "what waited is placed in the same call"
    );
    assert_eq!(world.health(0), Some(Health::Ok));
    assert_eq!(world.manager.next_timeout(), None, "no timer is wanted");
}

#[test]
fn s10_any_error_restarts_the_probation_time() {
    let mut world = World::with_machines(4, 1);
    for r in 1..=4 {
        world.submit(r, 0, 1);
    }
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.at(10).done(2, Outcome::Remote), [], "no new notice");
    assert_eq!(world.health(0), on_probation(40));
    assert_eq!(world.at(20).done(3, Outcome::Unreachable), []);
    assert_eq!(world.health(0), on_probation(50));
    assert_eq!(world.at(49).timer(), [], "the timer was armed again");
    assert_eq!(world.at(50).timer(), [recovered(0, Recovery::Timeout)]);
}

#[test]
fn s10_the_timer_is_armed_again_after_an_extension() {
    let mut world = World::with_machines(2, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    let done = |r, outcome| Event::Done {
        request: RequestId(r),
        machine: None,
        outcome,
    };
    let first = world.handle(done(1, Outcome::Unreachable));
    assert_eq!(first, [probation(0), set_timer(30)]);
    assert_eq!(
        world.at(10).handle(done(2, Outcome::Remote)),
        [set_timer(40)]
    );
    assert_eq!(
        world.at(30).handle(Event::Timer),
        [set_timer(40)],
        "the old timer comes too early"
    );
    let last = world.at(40).handle(Event::Timer);
    assert_eq!(last, [recovered(0, Recovery::Timeout), Action::ClearTimer]);
}

#[test]
fn s10_without_news_it_is_ok_again_after_the_probation_time() {
    let config = quiet(1).max_procs(1).probation(Duration::from_millis(1500));
    let mut world = World::grown(config, 1);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.submit(2, 0, 1), []);
    world.now = Instant(1_499_999_999);
    assert_eq!(world.timer(), []);
    world.now = Instant(1_500_000_000);
    assert_eq!(
        world.timer(),
        [recovered(0, Recovery::Timeout), grant(2, 0)]
    );
}

#[test]
fn s10_another_machines_failure_changes_nothing() {
    let mut world = World::with_machines(1, 2);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.at(10).done(2, Outcome::Unreachable);
    assert_eq!(
        (world.health(0), world.health(1)),
        (on_probation(30), on_probation(40))
    );
    assert_eq!(world.at(30).timer(), [recovered(0, Recovery::Timeout)]);
    assert_eq!(world.health(1), on_probation(40));
}

#[test]
fn s10_a_timer_with_no_machine_on_probation_does_nothing() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.stopped(0);
    // In the seed this timer takes the first of an empty heap.
    assert_eq!(world.at(30).handle(Event::Timer), [Action::ClearTimer]);
}

#[test]
fn t03_probations_that_end_together_end_by_machine_id() {
    let mut world = World::with_machines(1, 5);
    for r in 0..5 {
        world.submit(r, 0, 1);
    }
    for r in [3, 0, 4, 2, 1] {
        world.done(r, Outcome::Unreachable);
    }
    world.submit(9, 0, 1);
    let ended = world.at(30).timer();
    let order = [0, 1, 2, 3, 4].map(|m| recovered(m, Recovery::Timeout));
    assert_eq!(ended[..1], order[..1]);
    assert_eq!(
        ended[1],
        grant(9, 0),
        "each end is a step of its own, with placement after it"
    );
    assert_eq!(ended[2..], order[1..]);
}

#[test]
fn s11_remote_errors_never_put_an_ok_machine_on_probation() {
    let mut world = World::with_machines(1, 1);
    for r in 0..100 {
        assert_eq!(world.submit(r, 0, 1), [grant(r, 0)]);
        assert_eq!(world.done(r, Outcome::Remote), []);
        assert_eq!(world.health(0), Some(Health::Ok));
    }
}

#[test]
fn s12_a_stopped_machine_is_lost_for_good_and_replaced_if_needed() {
    let mut world = World::with_machines(2, 2);
    world.submit(1, 0, 2);
    assert_eq!(world.stopped(1), [lost(1)], "it is not needed");
    assert_eq!(world.submit(2, 0, 2), [start(2, 1)], "now one is");
    assert_eq!(world.stopped(0), [lost(0), request_lost(1, 0)]);
    assert_eq!(world.up(0), not_pending(0), "it never comes back");
    let counts = world.counts().machines;
    assert_eq!((counts.pending, counts.ok, counts.lost), (1, 0, 2));
    assert_eq!(world.up(2), [grant(2, 2)]);
}

#[test]
fn s12_a_machine_on_probation_can_be_lost() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.submit(2, 0, 1);
    assert_eq!(world.stopped(0), [lost(0), start(1, 1)]);
    assert_eq!(world.health(0), None);
    assert_eq!(world.manager.next_timeout(), None);
    assert_eq!(world.counts().machines.probation, 0);
}

#[test]
fn s12_stopped_again_is_a_no_op() {
    let mut world = World::with_machines(1, 1);
    world.stopped(0);
    assert_eq!(world.stopped(0), []);
    assert_eq!(world.counts().machines.lost, 1);
    assert_eq!(world.stopped(1), unknown_machine(1));
}

#[test]
fn s13_an_unused_grant_frees_the_procs_and_changes_no_health() {
    let mut world = World::with_machines(2, 1);
    world.submit(1, 0, 2);
    assert_eq!(world.done(1, Outcome::Unused), []);
    assert_eq!((world.health(0), world.used(0)), (Some(Health::Ok), 0));
    world.submit(2, 0, 1);
    world.submit(3, 0, 1);
    world.done(2, Outcome::Unreachable);
    assert_eq!(world.at(10).done(3, Outcome::Unused), []);
    assert_eq!(
        world.health(0),
        on_probation(30),
        "neither restored nor restarted"
    );
    assert_eq!(world.used(0), 0);
}

#[test]
fn f04_the_running_grants_of_a_lost_machine_end_at_once() {
    let mut world = World::with_machines(4, 2);
    for r in [5, 3, 8] {
        world.submit(r, 0, 2);
    }
    // r5 and r8 are on m0, r3 on m1.
    assert_eq!(
        world.stopped(0),
        [lost(0), request_lost(5, 0), request_lost(8, 0)]
    );
    assert_eq!(
        (world.counts().need.procs(), world.counts().running),
        (2, 1)
    );
    assert_eq!(
        world.submit(9, 0, 2),
        [grant(9, 1)],
        "need fell: no machine too many is started"
    );
}

#[test]
fn f04_what_comes_after_a_loss_is_an_unknown_request() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.stopped(0);
    assert_eq!(world.done(1, Outcome::Ok), unknown_request(1));
    assert_eq!(world.done(1, Outcome::Unreachable), unknown_request(1));
    assert_eq!(world.cancel(1), unknown_request(1));
    assert_eq!(world.counts().need.procs(), 0);
    // The id can be used again, and then it is another request.
    world.submit(1, 0, 1);
    assert_eq!(world.up(1), [grant(1, 1)]);
    assert_eq!(world.done(1, Outcome::Ok), []);
    assert_eq!(world.done(1, Outcome::Ok), unknown_request(1), "done twice");
}

#[test]
fn f04_grants_are_lost_in_the_order_they_were_made() {
    let mut world = World::with_machines(8, 1);
    for r in [7, 2, 9, 4, 1] {
        world.submit(r, 0, 1);
    }
    world.done(9, Outcome::Ok);
    world.submit(3, 0, 1);
    let order = [7, 2, 4, 1, 3].map(|r| request_lost(r, 0));
    assert_eq!(world.stopped(0)[1..], order);
}

#[test]
fn f08_a_machine_that_answers_no_poll_is_lost_and_told_to_stop() {
    let mut world = World::grown(polled(1), 1);
    world.submit(1, 0, 1);
    world.assign(0, 7);
    for n in 1..=3 {
        assert_eq!(world.polled(0, false), []);
        assert_eq!(world.at(n * 10).timer(), [poll(0)]);
    }
    let fourth = world.polled(0, false);
    assert_eq!(
        fourth,
        [silent(0), request_silent(1, 0), task_lost(7, 0), stop(0)]
    );
    assert_eq!(world.counts().machines.lost, 1);
    assert_eq!(world.stopped(0), [], "that it stopped then is no news");
    assert_eq!(world.polled(0, true), not_in_service(0));
}

#[test]
fn f08_an_answer_begins_the_count_anew() {
    let mut world = World::grown(polled(1), 1);
    for n in 0..40 {
        // Three of four polls come back unanswered.
        assert_eq!(world.polled(0, n % 4 == 3), []);
        assert_eq!(world.at((n + 1) * 10).timer(), [poll(0)]);
    }
    assert_eq!(world.health(0), Some(Health::Ok));
}

#[test]
fn f08_the_lost_machine_is_replaced_in_the_same_call() {
    let mut world = World::grown(polled(1).silent_polls(1), 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 2);
    assert_eq!(
        world.polled(0, false),
        [silent(0), request_silent(1, 0), stop(0), start(1, 1)]
    );
}

#[test]
fn f08_answers_are_counted_and_not_seconds() {
    let mut world = World::grown(polled(3), 3);
    for m in 0..3 {
        world.polled(m, true);
    }
    // The driver was suspended for an hour.
    assert_eq!(world.at(3600).timer(), [poll(0), poll(1), poll(2)]);
    for m in 0..3 {
        assert_eq!(world.polled(m, true), []);
        assert_eq!(world.health(m), Some(Health::Ok));
    }
}

#[test]
fn f08_zero_silent_polls_means_never() {
    let mut world = World::grown(polled(1).silent_polls(0), 1);
    for n in 1..100 {
        assert_eq!(world.polled(0, false), []);
        assert_eq!(world.at(n * 10).timer(), [poll(0)]);
    }
}

#[test]
fn s09_done_is_said_of_what_runs() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    let queued = reject(Reject::RequestNotRunning {
        request: RequestId(2),
    });
    assert_eq!(world.done(2, Outcome::Unreachable), queued);
    assert_eq!(world.done(3, Outcome::Unreachable), unknown_request(3));
    assert_eq!(world.health(0), Some(Health::Ok));
    assert_eq!(
        world
            .manager
            .machine(MachineId(0))
            .unwrap()
            .running()
            .collect::<Vec<_>>(),
        [RequestId(1)]
    );
}
