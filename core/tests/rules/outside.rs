//! The outside, totality and determinism: S18, S20–S22, F5, F6, F10, F11, one story or more each.

use core::time::Duration;

use crate::support::*;
use remuda::{
    Action, Config, Event, Instant, MachineId, Manager, Notice, OnceOutcome, Outcome, Recovery,
    Resources,
};

fn summary(pending: u64, ok: u64, probation: u64, lost: u64) -> Action {
    Action::Notice(Notice::Summary {
        pending,
        ok,
        probation,
        lost,
    })
}

fn minutely(machines: u64) -> Config {
    quiet(1)
        .max_procs(machines)
        .summary_interval(Duration::from_secs(60))
}

#[test]
fn s18_load_is_used_by_all_procs() {
    let mut world = World::with_machines(4, 1);
    world.submit(1, 0, 3);
    let machine = world.manager.machine(MachineId(0)).unwrap();
    assert_eq!(
        (machine.used(), machine.offer(), machine.load()),
        (Resources::procs(3), Resources::procs(4), 0.75)
    );
}

#[test]
fn s20_every_minute_there_is_one_summary() {
    let mut world = World::new(minutely(2));
    world.at(5).submit(1, 0, 1);
    assert_eq!(
        world.at(64).timer(),
        [],
        "the first minute begins with the first event"
    );
    assert_eq!(world.at(65).timer(), [summary(1, 0, 0, 0)]);
    world.up(0);
    world.submit(2, 0, 1);
    world.up(1);
    assert_eq!(world.at(125).timer(), [summary(0, 2, 0, 0)]);
    world.done(2, Outcome::Unreachable);
    world.stopped(0);
    let all = world.at(185).timer();
    assert_eq!(all, [recovered(1, Recovery::Timeout), summary(0, 1, 0, 1)]);
}

#[test]
fn s20_the_line_names_probation_only_when_there_is_some() {
    let line = |action| match action {
        Action::Notice(notice) => notice.to_string(),
        _ => unreachable!(),
    };
    assert_eq!(line(summary(1, 2, 0, 3)), "pending/running/lost: 1/2/3");
    assert_eq!(
        line(summary(1, 2, 4, 3)),
        "pending/running(probation)/lost: 1/2(4)/3"
    );
}

#[test]
fn s20_zero_means_no_summaries() {
    let mut world = World::new(quiet(1));
    assert_eq!(world.handle(submit(1, 0, 1)), [start(0, 1)], "and no timer");
    assert_eq!(world.at(1_000_000).timer(), []);
}

#[test]
fn s21_the_timer_is_set_when_the_deadline_changes_and_cleared_when_there_is_none() {
    let mut world = World::with_machines(1, 2);
    world.handle(submit(1, 0, 1));
    world.handle(submit(2, 0, 1));
    let done = |r, outcome| Event::Done {
        request: remuda::RequestId(r),
        machine: None,
        outcome,
    };
    assert_eq!(
        world.handle(done(1, Outcome::Unreachable)),
        [probation(0), set_timer(30)]
    );
    let second = world.at(5).handle(done(2, Outcome::Unreachable));
    assert_eq!(
        second,
        [probation(1)],
        "the earliest deadline is still the same"
    );
    let stopped = |m| Event::Stopped {
        machine: MachineId(m),
    };
    assert_eq!(world.handle(stopped(0)), [lost(0), set_timer(35)]);
    assert_eq!(world.handle(stopped(1)), [lost(1), Action::ClearTimer]);
    assert_eq!(world.manager.next_timeout(), None);
}

#[test]
fn s21_a_timer_event_is_always_answered() {
    let mut world = World::with_machines(1, 1);
    assert_eq!(
        world.handle(Event::Timer),
        [Action::ClearTimer],
        "nothing was due"
    );
    world.handle(submit(1, 0, 1));
    world.done(1, Outcome::Unreachable);
    world.now = Instant(29_999_999_999);
    assert_eq!(
        world.handle(Event::Timer),
        [set_timer(30)],
        "a hair early must not be the last"
    );
    world.at(30);
    assert_eq!(
        world.handle(Event::Timer),
        [recovered(0, Recovery::Timeout), Action::ClearTimer]
    );
}

#[test]
fn s21_a_deadline_past_the_end_of_time_is_none() {
    let config = quiet(1).max_procs(1).probation(Duration::MAX);
    let mut world = World::grown(config, 1);
    world.submit(1, 0, 1);
    world.now = Instant(u64::MAX - 1);
    let done = Event::Done {
        request: remuda::RequestId(1),
        machine: None,
        outcome: Outcome::Unreachable,
    };
    assert_eq!(world.handle(done), [probation(0)]);
    assert_eq!(
        world.health(0),
        Some(remuda::Health::Probation {
            until: Instant::MAX
        })
    );
    world.now = Instant::MAX;
    assert_eq!(world.handle(Event::Timer), [Action::ClearTimer]);
    assert_eq!(world.counts().machines.probation, 1, "for ever");
}

#[test]
fn s21_the_last_nanosecond_is_still_a_deadline() {
    let config = quiet(1).max_procs(1).probation(Duration::from_nanos(1));
    let mut world = World::grown(config, 1);
    world.submit(1, 0, 1);
    world.now = Instant(u64::MAX - 1);
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.manager.next_timeout(), Some(Instant::MAX));
    world.now = Instant::MAX;
    assert_eq!(world.timer(), [recovered(0, Recovery::Timeout)]);
}

#[test]
fn s22_shutdown_cancels_what_waits_and_stops_what_is_up() {
    let config = Config::bigslice_machines(2, 6).summary_interval(Duration::from_secs(60));
    let mut world = World::new(config.clone());
    for (r, priority) in [(1, 0), (2, 0), (3, 5), (4, 0)] {
        world.submit(r, priority, 2);
    }
    world.up(0);
    world.up(1);
    world.done(1, Outcome::Unreachable);
    let all = world.handle(Event::Shutdown);
    assert_eq!(
        all,
        [
            cancelled(4),
            cancelled(3),
            stop(0),
            stop(1),
            Action::ClearTimer
        ]
    );
    let counts = world.counts();
    assert_eq!(
        (counts.need.procs(), counts.queued, counts.running),
        (2, 0, 1),
        "what runs goes on"
    );
    assert!(world.manager.is_shut_down());
    assert!(!World::new(config).manager.is_shut_down());
}

#[test]
fn s20_a_summary_does_not_bring_a_later_poll_forward() {
    let mut world = World::new(minutely(1).poll_interval(Duration::from_secs(100)));
    world.submit(1, 0, 1);
    world.up(0);
    world.polled(0, true);
    assert_eq!(world.at(60).timer(), [summary(0, 1, 0, 0)]);
    assert_eq!(world.at(100).timer(), [poll(0)]);
}

#[test]
fn what_is_printed_for_debugging_says_what_there_is() {
    let mut world = World::with_machines(2, 1);
    world.submit(7, 0, 2);
    world.submit(8, 3, 1);
    let manager = format!("{:?}", world.manager);
    for part in [
        "OneQueued { request: r8, spec: Submit { demand: Amounts(1), priority: 3",
        "running: [OneRunning { request: r7, taken: 2",
    ] {
        assert!(manager.contains(part), "{manager}");
    }
    let machine = world.manager.machine(MachineId(0)).unwrap();
    assert_eq!(
        format!("{machine:?}"),
        "MachineView { id: m0, kind: k0, health: Ok, used: 2, offer: 2, .. }"
    );
}

#[test]
fn s22_nothing_is_granted_or_started_afterwards() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.up(0);
    world.shutdown();
    assert_eq!(
        world.submit(3, 0, 1),
        [cancelled(3)],
        "a submit is answered by cancelled"
    );
    assert_eq!(world.cancel(3), unknown_request(3), "and not remembered");
    assert_eq!(
        world.up(1),
        [stop(1)],
        "what was pending is told to stop when it comes up"
    );
    assert_eq!(world.counts().have.procs(), 2);
    assert_eq!(
        world.stopped(0),
        [lost(0), request_lost(1, 0)],
        "and not replaced"
    );
    assert_eq!(world.stopped(1), [lost(1)]);
    assert_eq!(world.counts().need.procs(), 0);
    assert_eq!(world.manager.machines().count(), 0);
}

#[test]
fn s22_later_events_are_harmless() {
    let config = Config::bigslice_machines(1, 3).start_backoff_base(Duration::ZERO);
    let mut world = World::new(config);
    for r in 1..=3 {
        world.submit(r, 0, 1);
    }
    world.up(0);
    world.once(0, key(0, 0), 1);
    world.assign(0, 1);
    world.shutdown();
    assert_eq!(world.shutdown(), [], "a second shutdown is a no-op");
    assert_eq!(world.start_failed(2), []);
    assert_eq!(world.polled(0, true), []);
    assert_eq!(world.done(1, Outcome::Unreachable), [probation(0)]);
    assert_eq!(
        world.at(1000).handle(Event::Timer),
        [Action::ClearTimer],
        "no timer any more"
    );
    let stopped = world.stopped(0);
    let waiter = once_ready(1, key(0, 0), OnceOutcome::MachineLost);
    assert_eq!(stopped, [lost(0), task_lost(1, 0), waiter]);
}

#[test]
fn s22_shutdown_may_be_the_first_event() {
    let mut world = World::new(Config::bigslice_machines(1, 1));
    assert_eq!(world.handle(Event::Shutdown), []);
    assert_eq!(world.handle(Event::Timer), [Action::ClearTimer]);
    assert_eq!(world.handle(submit(1, 0, 1)), [cancelled(1)]);
}

#[test]
fn f05_a_wrong_event_changes_nothing_but_the_time() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    let before = world.counts();
    let wrong = [
        submit(1, 0, 1),
        submit(2, 0, 2),
        Event::Cancel {
            request: remuda::RequestId(u64::MAX),
        },
        Event::Up {
            machine: MachineId(0),
            offer: None,
        },
        Event::StartFailed {
            machine: MachineId(u64::MAX),
            hint: None,
        },
        Event::Stopped {
            machine: MachineId(1),
        },
        Event::Polled {
            machine: MachineId(0),
            answered: false,
        },
        Event::ForgetOnce {
            machine: MachineId(0),
            key: key(0, 0),
        },
    ];
    for event in wrong {
        world.now = world.now + Duration::from_secs(1);
        let actions = world.handle(event);
        assert!(
            matches!(actions[..], [Action::Reject(_)]),
            "{event:?}: {actions:?}"
        );
        assert_eq!(world.counts(), before);
        assert_eq!(world.manager.now(), world.now);
    }
}

#[test]
fn f05_time_never_goes_back() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.at(100).timer();
    assert_eq!(world.at(10).done(1, Outcome::Unreachable), [probation(0)]);
    assert_eq!(
        world.health(0),
        on_probation(130),
        "clamped to the latest time seen"
    );
    assert_eq!(world.at(0).timer(), []);
    assert_eq!(world.manager.now(), Instant::from_secs(100));
}

#[test]
fn f05_extreme_ids_procs_and_times_are_like_others() {
    let mut world = World::new(Config::new(65_536, u64::MAX).unwrap());
    world.now = Instant::MAX;
    assert_eq!(
        world.handle(submit(u64::MAX, i64::MIN, 65_536)),
        [start(0, 1)]
    );
    assert_eq!(world.submit(0, i64::MAX, 65_536), [start(1, 1)]);
    assert_eq!(world.up(1), [poll(1), grant(u64::MAX, 1)]);
    assert_eq!(world.start_failed(0), []);
    assert_eq!(world.polled(1, true), []);
    assert_eq!(world.assign(1, u64::MAX), []);
    assert_eq!(world.once(1, key(u32::MAX, u64::MAX), u64::MAX).len(), 1);
    assert_eq!(world.done(u64::MAX, Outcome::Unreachable), [probation(1)]);
    assert_eq!(
        world.manager.next_timeout(),
        None,
        "every deadline is past the end of time"
    );
}

#[test]
fn f06_the_same_events_give_the_same_actions() {
    let run = || {
        let mut world = World::new(Config::bigslice_machines(4, 400));
        let mut actions = vec![];
        for n in 0..2_000u64 {
            world.now = Instant::from_millis(n * 50);
            actions.extend(world.handle(submit(n, (n % 7) as i64, (n % 4) as u32 + 1)));
            actions.extend(world.handle(Event::Up {
                machine: MachineId(n / 3),
                offer: None,
            }));
            let request = remuda::RequestId(n.wrapping_mul(7) % (n + 1));
            let outcome = [Outcome::Ok, Outcome::Remote, Outcome::Unreachable][n as usize % 3];
            actions.extend(world.handle(Event::Done {
                request,
                machine: None,
                outcome,
            }));
        }
        actions
    };
    let first = run();
    assert!(first.len() > 4_000);
    assert!(first == run());
}

#[test]
fn f06_append_and_return_are_the_same() {
    let config = Config::bigslice_machines(2, 4);
    let (mut one, mut two) = (
        Manager::new(config.clone()).unwrap(),
        Manager::new(config).unwrap(),
    );
    let (mut returned, mut appended) = (vec![], vec![Action::ClearTimer]);
    for r in 0..5 {
        returned.extend(one.handle(submit(r, 0, 1), Instant::ZERO));
        two.handle_into(submit(r, 0, 1), Instant::ZERO, &mut appended);
    }
    assert_eq!(appended[0], Action::ClearTimer, "what was there stays");
    assert_eq!(appended[1..], returned);
}

#[test]
fn f10_what_is_due_fires_before_the_event_in_its_own_time() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.submit(2, 5, 1);
    // Punctually, r2 would have been granted at 30 s; r3 comes too late for that.
    let late = world.at(40).submit(3, 0, 1);
    assert_eq!(late, [recovered(0, Recovery::Timeout), grant(2, 0)]);
}

#[test]
fn f10_late_timers_fire_earliest_first_and_count_from_their_own_time() {
    let mut world = World::with_machines(1, 2);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.at(1).done(2, Outcome::Unreachable);
    world.at(2).done(1, Outcome::Unreachable);
    world.submit(3, 0, 1);
    let all = world.at(500).timer();
    assert_eq!(
        all,
        [
            recovered(1, Recovery::Timeout),
            grant(3, 1),
            recovered(0, Recovery::Timeout)
        ]
    );
}

#[test]
fn f10_at_the_same_time_probation_then_back_off_then_polls_then_summary() {
    let config = Config::bigslice_machines(1, 5)
        .probation(Duration::from_secs(10))
        .start_backoff_base(Duration::from_secs(10))
        .poll_interval(Duration::from_secs(10))
        .summary_interval(Duration::from_secs(10));
    let mut world = World::grown(config, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.submit(3, 0, 1);
    world.start_failed(1);
    world.polled(0, true);
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.submit(4, 0, 1), []);
    let all = world.at(10).timer();
    let steps = [
        recovered(0, Recovery::Timeout),
        grant(2, 0),
        start(3, 1),
        poll(0),
        summary(2, 1, 0, 0),
    ];
    assert_eq!(all[..], steps);
}

#[test]
fn f10_a_periodic_timer_fires_once_however_late_and_counts_on_from_now() {
    let config = minutely(1).poll_interval(Duration::from_secs(10));
    let mut world = World::grown(config, 1);
    world.polled(0, true);
    assert_eq!(world.at(1000).timer(), [poll(0), summary(0, 1, 0, 0)]);
    assert_eq!(world.manager.next_timeout(), Some(Instant::from_secs(1060)));
    assert_eq!(world.polled(0, true), []);
    assert_eq!(world.manager.next_timeout(), Some(Instant::from_secs(1010)));
}

#[test]
fn f11_within_a_step_actions_come_in_one_order() {
    let config = Config::bigslice_machines(2, 2).silent_polls(1).max_procs(2);
    let mut world = World::grown(config, 1);
    world.submit(2, 0, 1);
    world.submit(1, 0, 1);
    world.submit(3, 0, 1);
    world.assign(0, 9);
    world.assign(0, 8);
    world.once(0, key(0, 0), 5);
    world.once(0, key(0, 1), 4);
    let polled = Event::Polled {
        machine: MachineId(0),
        answered: false,
    };
    let told = |w, k| once_ready(w, key(0, k), OnceOutcome::MachineLost);
    assert_eq!(
        world.handle(polled),
        [
            silent(0),
            request_silent(2, 0),
            request_silent(1, 0),
            task_lost(9, 0),
            task_lost(8, 0),
            told(5, 0),
            told(4, 1),
            stop(0),
            start(1, 1),
        ]
    );
    let up = world.handle(Event::Up {
        machine: MachineId(1),
        offer: None,
    });
    assert_eq!(up, [poll(1), grant(3, 1)], "polls come before grants");
}

#[test]
fn f11_the_timer_action_is_the_last_of_the_call() {
    let mut world = World::new(minutely(1));
    assert_eq!(world.handle(submit(1, 0, 1)), [start(0, 1), set_timer(60)]);
    let wrong = world.at(60).handle(submit(1, 0, 1));
    assert_eq!(wrong.len(), 3);
    assert_eq!(
        wrong[0],
        summary(1, 0, 0, 0),
        "a step of its own, before the event's"
    );
    assert!(matches!(wrong[1], Action::Reject(_)));
    assert_eq!(wrong[2], set_timer(120));
}
