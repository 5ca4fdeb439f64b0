//! Growth under bigslice's policy: S7, S8, F3, F7, one story or more for each.

use core::time::Duration;

use crate::support::*;
use remuda::{Action, Config, Event, Instant, Outcome};

/// A quiet cluster of one-proc machines, where a failed start is tried again at once.
fn hasty() -> Config {
    quiet(1).start_backoff_base(Duration::ZERO)
}

fn backoff(step: u32, until: u64) -> Option<(u32, Instant)> {
    Some((step, Instant::from_secs(until)))
}

#[test]
fn s07_as_many_machines_as_need_asks_for() {
    let mut world = World::new(quiet(4));
    assert_eq!(world.submit(1, 0, 1), [start(0, 1)]);
    assert_eq!(world.submit(2, 0, 3), [], "both fit one machine");
    assert_eq!(world.submit(3, 0, 1), [start(1, 1)]);
    assert_eq!(world.counts().pending.procs(), 8);
}

#[test]
fn s07_at_most_ten_in_one_action_and_as_many_actions_as_it_takes() {
    let mut world = World::new(quiet(1).start_backoff_base(Duration::from_secs(1)));
    world.submit(0, 0, 1);
    world.start_failed(0);
    for r in 1..25 {
        assert_eq!(world.submit(r, 0, 1), [], "the back-off holds growth back");
    }
    assert_eq!(
        world.at(1).timer(),
        [start(1, 10), start(11, 10), start(21, 5)]
    );
}

#[test]
fn s07_max_procs_bounds_what_is_asked_for() {
    let mut world = World::new(quiet(4).max_procs(8));
    for r in 0..20 {
        world.submit(r, 0, 1);
    }
    assert_eq!(
        (world.counts().need.procs(), world.counts().pending.procs()),
        (20, 8)
    );
    world.up(0);
    world.up(1);
    assert_eq!(
        (world.counts().have.procs(), world.counts().pending.procs()),
        (8, 0)
    );
}

#[test]
fn s07_ids_ascend_and_are_never_used_again() {
    let mut world = World::new(hasty());
    assert_eq!(world.submit(1, 0, 1), [start(0, 1)]);
    assert_eq!(world.start_failed(0), [start(1, 1)]);
    assert_eq!(world.up(1), [grant(1, 1)]);
    assert_eq!(world.stopped(1), [lost(1), request_lost(1, 1)]);
    assert_eq!(world.submit(1, 0, 1), [start(2, 1)]);
    assert_eq!(world.up(1), not_pending(1));
    assert_eq!(world.up(2), [grant(1, 2)]);
}

#[test]
fn s07_idle_machines_are_kept_and_not_asked_for_again() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    world.up(0);
    world.done(1, Outcome::Ok);
    assert_eq!(world.counts().have.procs(), 1);
    assert_eq!(world.submit(2, 0, 1), [grant(2, 0)]);
}

#[test]
fn s08_each_machine_is_answered_on_its_own() {
    let mut world = World::new(hasty());
    for r in 0..3 {
        world.submit(r, 0, 1);
    }
    assert_eq!(world.up(1), [grant(0, 1)]);
    assert_eq!(world.start_failed(0), [start(3, 1)]);
    assert_eq!(
        world.stopped(2),
        [start(4, 1)],
        "stopped before up is a failed start"
    );
    let counts = world.counts();
    assert_eq!((counts.have.procs(), counts.pending.procs()), (1, 2));
    assert_eq!(
        counts.machines.lost, 0,
        "what never was in service cannot be lost"
    );
}

#[test]
fn s08_failed_starts_leave_pending() {
    let mut world = World::new(hasty());
    world.submit(1, 0, 1);
    for m in 0..100 {
        world.start_failed(m);
        assert_eq!(world.counts().pending.procs(), 1);
    }
    world.cancel(1);
    assert_eq!(world.start_failed(100), [starts_failing(101)]);
    assert_eq!(world.counts(), Default::default());
}

#[test]
fn s08_past_eight_failures_in_a_row_each_further_one_is_remarked_on() {
    let mut world = World::new(hasty());
    world.submit(1, 0, 1);
    for m in 0..8 {
        assert_eq!(world.start_failed(m), [start(m + 1, 1)]);
    }
    assert_eq!(world.start_failed(8), [starts_failing(9), start(9, 1)]);
    assert_eq!(world.stopped(9), [starts_failing(10), start(10, 1)]);
    world.up(10);
    world.submit(2, 0, 1);
    assert_eq!(
        world.start_failed(11),
        [start(12, 1)],
        "the count began anew"
    );
    for m in 12..19 {
        assert_eq!(world.start_failed(m), [start(m + 1, 1)]);
    }
    assert_eq!(world.start_failed(19), [starts_failing(9), start(20, 1)]);
}

#[test]
fn s08_the_start_of_a_machine_is_answered_once() {
    let mut world = World::new(hasty());
    world.submit(1, 0, 1);
    world.up(0);
    assert_eq!(world.up(0), not_pending(0));
    assert_eq!(world.start_failed(0), not_pending(0));
    world.submit(2, 0, 1);
    world.start_failed(1);
    assert_eq!(world.up(1), not_pending(1));
    assert_eq!(world.start_failed(1), not_pending(1));
    assert_eq!(world.stopped(1), [], "that it stopped is no news");
    assert_eq!(world.up(3), unknown_machine(3));
    assert_eq!(world.start_failed(u64::MAX), unknown_machine(u64::MAX));
}

#[test]
fn f03_one_slow_machine_does_not_keep_the_others_of_its_batch_waiting() {
    let mut world = World::new(hasty());
    for r in 0..10 {
        world.submit(r, 0, 1);
    }
    for m in (1..10).rev() {
        assert_eq!(world.up(m), [grant(9 - m, m)], "m0 has not answered");
    }
    assert_eq!(
        (world.counts().have.procs(), world.counts().pending.procs()),
        (9, 1)
    );
}

#[test]
fn f07_failed_starts_are_tried_again_at_growing_intervals() {
    let mut world = World::new(quiet(1));
    assert_eq!(world.handle(submit(1, 0, 1)), [start(0, 1)]);
    let mut now = 0;
    for (step, delay) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let m = step as u64;
        assert_eq!(world.start_failed(m), []);
        assert_eq!(world.backoff(0), backoff(step as u32 + 1, now + delay));
        assert_eq!(
            world.manager.next_timeout(),
            Some(Instant::from_secs(now + delay))
        );
        assert_eq!(world.at(now + delay - 1).timer(), [], "not yet");
        now += delay;
        assert_eq!(world.at(now).timer(), [start(m + 1, 1)]);
    }
    world.up(8);
    assert_eq!(world.backoff(0), None);
}

#[test]
fn f07_ten_that_fail_together_are_one_step() {
    let mut world = World::new(quiet(1));
    for r in 0..10 {
        world.submit(r, 0, 1);
    }
    for m in 0..10 {
        world.start_failed(m);
        assert_eq!(world.backoff(0), backoff(1, 1));
    }
    assert_eq!(world.at(1).timer(), [start(10, 10)]);
    // Of the second batch one fails later than the others: still one step.
    world.at(3).start_failed(10);
    assert_eq!(world.backoff(0), backoff(2, 5));
    world.at(4).start_failed(11);
    assert_eq!(world.backoff(0), backoff(2, 5));
}

#[test]
fn f07_a_straggler_of_an_earlier_batch_makes_no_step() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.start_failed(0);
    assert_eq!(world.at(1).timer(), [start(2, 1)]);
    world.at(2).start_failed(1);
    assert_eq!(
        world.backoff(0),
        backoff(1, 1),
        "m1 was asked for before the step"
    );
    world.at(3).start_failed(2);
    assert_eq!(world.backoff(0), backoff(2, 5));
}

#[test]
fn f07_a_machine_that_comes_up_ends_the_back_off() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    assert_eq!(world.start_failed(0), []);
    let up = world.handle(Event::Up {
        machine: remuda::MachineId(1),
        offer: None,
    });
    assert_eq!(
        up,
        [grant(1, 1), start(2, 1), Action::ClearTimer],
        "growth goes on at once"
    );
    assert_eq!(world.backoff(0), None);
    world.start_failed(2);
    assert_eq!(world.backoff(0), backoff(1, 1), "and begins anew");
}

#[test]
fn f07_growth_is_held_back_whichever_event_asks() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    world.start_failed(0);
    assert_eq!(world.submit(2, 0, 1), []);
    assert_eq!(world.cancel(1), []);
    assert_eq!(
        world.at(1).submit(3, 0, 1),
        [start(1, 1), start(2, 1)],
        "the timer's step is first"
    );
}

#[test]
fn f07_base_zero_gives_the_seeds_behaviour() {
    let mut world = World::new(
        Config::bigslice(1, 9, 1.0)
            .unwrap()
            .summary_interval(Duration::ZERO),
    );
    world.submit(1, 0, 1);
    for m in 0..1000 {
        assert_eq!(world.start_failed(m).last(), Some(&start(m + 1, 1)));
        assert_eq!(world.manager.next_timeout(), None);
    }
    assert_eq!(
        world.backoff(0),
        backoff(1000, 0),
        "the steps are counted all the same"
    );
}

#[test]
fn f07_a_provider_that_fails_instantly_is_asked_a_few_times_and_not_two_hundred_thousand() {
    let mut world = World::new(quiet(1));
    let mut asked = 0;
    let mut actions = world.handle(submit(1, 0, 1));
    while world.now < Instant::from_secs(60) && asked < 1_000 {
        let started = actions.iter().find_map(|action| match action {
            Action::Start { first, .. } => Some(*first),
            _ => None,
        });
        actions = match started {
            Some(machine) => {
                asked += 1;
                world.handle(Event::StartFailed {
                    machine,
                    hint: None,
                })
            }
            None => {
                world.now = world.manager.next_timeout().unwrap();
                world.handle(Event::Timer)
            }
        };
    }
    assert_eq!(asked, 6, "at 0, 1, 3, 7, 15, 31 s");
}

#[test]
fn f07_a_back_off_past_the_end_of_time_has_no_deadline() {
    let endless = quiet(1)
        .start_backoff_base(Duration::MAX)
        .start_backoff_cap(Duration::MAX);
    let mut world = World::new(endless);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    assert_eq!(world.start_failed(0), []);
    assert_eq!(world.manager.next_timeout(), None);
    assert_eq!(world.backoff(0), Some((1, Instant::MAX)));
    world.now = Instant::MAX;
    assert_eq!(world.timer(), []);
    assert_eq!(
        world.up(1),
        [grant(1, 1), start(2, 1)],
        "a machine that comes up ends it"
    );
}
