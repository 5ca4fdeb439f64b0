//! What lives on machines: S14–S17, one story or more for each.

use core::time::Duration;

use crate::support::*;
use remuda::{
    Action, Config, Event, Instant, MachineId, OnceOutcome, Outcome, Reject, TaskId, WaiterId,
};

fn tasks(world: &World, machine: u64) -> Vec<TaskId> {
    world
        .manager
        .machine(MachineId(machine))
        .unwrap()
        .tasks()
        .collect()
}

fn duplicate_waiter(waiter: u64) -> Vec<Action> {
    reject(Reject::DuplicateWaiter {
        waiter: WaiterId(waiter),
    })
}

#[test]
fn s14_tasks_are_lost_with_their_machine_in_the_order_of_assignment() {
    let mut world = World::with_machines(1, 2);
    for t in [5, 3, 9, 1] {
        assert_eq!(world.assign(0, t), []);
    }
    world.assign(1, 3);
    assert_eq!(tasks(&world, 0), [5, 3, 9, 1].map(TaskId));
    let lost_tasks = [5, 3, 9, 1].map(|t| task_lost(t, 0));
    assert_eq!(world.stopped(0)[1..], lost_tasks);
    assert_eq!(world.stopped(0), [], "exactly once");
    assert_eq!(
        world.stopped(1),
        [lost(1), task_lost(3, 1)],
        "a task may live on several machines"
    );
}

#[test]
fn s14_assigned_again_a_task_keeps_its_place() {
    let mut world = World::with_machines(1, 1);
    for t in [1, 2, 3, 1] {
        assert_eq!(world.assign(0, t), []);
    }
    assert_eq!(world.stopped(0)[1..], [1, 2, 3].map(|t| task_lost(t, 0)));
}

#[test]
fn s14_a_task_assigned_to_a_lost_machine_is_lost_at_once() {
    let mut world = World::new(quiet(1).start_backoff_base(Duration::ZERO));
    world.submit(1, 0, 1);
    let pending = not_in_service(0);
    assert_eq!(world.assign(0, 1), pending, "it may come up yet");
    world.start_failed(0);
    assert_eq!(
        world.assign(0, 1),
        [task_lost(1, 0)],
        "minted, neither pending nor in service"
    );
    world.up(1);
    world.assign(1, 1);
    world.stopped(1);
    assert_eq!(world.assign(1, 2), [task_lost(2, 1)]);
    assert_eq!(world.assign(99, 2), unknown_machine(99));
}

#[test]
fn s14_results_outlive_the_request_and_probation() {
    let mut world = World::with_machines(1, 1);
    world.submit(1, 0, 1);
    world.assign(0, 1);
    world.done(1, Outcome::Unreachable);
    world.assign(0, 2);
    world.at(30).timer();
    assert_eq!(tasks(&world, 0), [TaskId(1), TaskId(2)]);
}

#[test]
fn s15_a_discarded_task_is_lost_dropped_and_never_lost_again() {
    let mut world = World::with_machines(1, 1);
    for t in 1..=3 {
        world.assign(0, t);
    }
    assert_eq!(world.discard(0, 2), [task_lost(2, 0), drop_task(2, 0)]);
    assert_eq!(world.discard(0, 2), [], "it is not there any more");
    assert_eq!(
        tasks(&world, 0),
        [TaskId(1), TaskId(3)],
        "the others keep their order"
    );
    assert_eq!(
        world.stopped(0),
        [lost(0), task_lost(1, 0), task_lost(3, 0)]
    );
}

#[test]
fn s15_discard_of_what_is_not_held_is_a_no_op() {
    let mut world = World::with_machines(1, 2);
    world.assign(0, 1);
    assert_eq!(world.discard(1, 1), [], "another machine has it");
    assert_eq!(world.discard(0, 2), []);
    world.stopped(0);
    assert_eq!(world.discard(0, 1), [], "a lost machine");
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    assert_eq!(world.discard(2, 1), [], "one that is pending");
    assert_eq!(world.discard(3, 1), unknown_machine(3));
}

#[test]
fn s15_assigned_again_after_a_discard_a_task_goes_to_the_end() {
    let mut world = World::with_machines(1, 1);
    world.assign(0, 1);
    world.assign(0, 2);
    world.discard(0, 1);
    world.assign(0, 1);
    assert_eq!(world.stopped(0)[1..], [task_lost(2, 0), task_lost(1, 0)]);
}

#[test]
fn s16_however_many_ask_the_work_runs_once_on_each_machine() {
    let mut world = World::with_machines(1, 2);
    let compile = key(0, 7);
    assert_eq!(world.once(0, compile, 1), [run_once(0, compile)]);
    assert_eq!(world.once(0, compile, 2), [], "it is running");
    assert_eq!(
        world.once(1, compile, 3),
        [run_once(1, compile)],
        "another machine"
    );
    assert_eq!(
        world.once(0, key(1, 7), 4),
        [run_once(0, key(1, 7))],
        "another kind"
    );
    let ready = [1, 2].map(|w| once_ready(w, compile, OnceOutcome::Ok));
    assert_eq!(world.once_done(0, compile, OnceOutcome::Ok), ready);
    assert_eq!(
        world.once(0, compile, 5),
        [once_ready(5, compile, OnceOutcome::Ok)]
    );
}

#[test]
fn s16_errors_are_remembered_too_until_forgotten() {
    let mut world = World::with_machines(1, 1);
    let k = key(0, 1);
    for outcome in [
        OnceOutcome::Remote,
        OnceOutcome::Unreachable,
        OnceOutcome::Ok,
    ] {
        assert_eq!(world.once(0, k, 1), [run_once(0, k)]);
        assert_eq!(world.once_done(0, k, outcome), [once_ready(1, k, outcome)]);
        assert_eq!(
            world.once(0, k, 1),
            [once_ready(1, k, outcome)],
            "an id answered is free again"
        );
        assert_eq!(world.forget(0, k), []);
    }
    assert_eq!(
        world.manager.machine(MachineId(0)).unwrap().health(),
        remuda::Health::Ok
    );
}

#[test]
fn s16_a_forget_while_it_runs_is_a_rejection() {
    let mut world = World::with_machines(1, 1);
    let (k, machine) = (key(0, 1), MachineId(0));
    let unknown = reject(Reject::OnceUnknown { machine, key: k });
    assert_eq!(world.forget(0, k), unknown);
    world.once(0, k, 1);
    assert_eq!(
        world.forget(0, k),
        reject(Reject::OnceRunning { machine, key: k })
    );
    assert_eq!(world.once_done(0, k, OnceOutcome::Ok).len(), 1);
    assert_eq!(world.forget(0, k), []);
    assert_eq!(world.forget(0, k), unknown);
}

#[test]
fn s16_a_result_is_given_once_and_only_of_what_runs() {
    let mut world = World::with_machines(1, 1);
    let (k, machine) = (key(0, 1), MachineId(0));
    let done = |world: &mut World, outcome| world.once_done(0, k, outcome);
    assert_eq!(
        done(&mut world, OnceOutcome::Ok),
        reject(Reject::OnceUnknown { machine, key: k })
    );
    world.once(0, k, 1);
    let lost_by_done = reject(Reject::OnceMachineLost { machine, key: k });
    assert_eq!(done(&mut world, OnceOutcome::MachineLost), lost_by_done);
    assert_eq!(done(&mut world, OnceOutcome::Ok).len(), 1);
    let twice = reject(Reject::OnceNotRunning { machine, key: k });
    assert_eq!(done(&mut world, OnceOutcome::Remote), twice);
    assert_eq!(
        world.once(0, k, 2),
        [once_ready(2, k, OnceOutcome::Ok)],
        "nothing changed"
    );
}

#[test]
fn s16_a_waiter_waits_for_one_thing_at_a_time() {
    let mut world = World::with_machines(1, 2);
    let (a, b) = (key(0, 1), key(0, 2));
    world.once(0, a, 1);
    assert_eq!(world.once(0, a, 1), duplicate_waiter(1));
    assert_eq!(world.once(0, b, 1), duplicate_waiter(1));
    assert_eq!(world.once(1, a, 1), duplicate_waiter(1));
    world.stopped(1);
    assert_eq!(
        world.once(1, a, 1),
        duplicate_waiter(1),
        "or it would be answered twice"
    );
    assert_eq!(
        world.once_done(0, a, OnceOutcome::Ok),
        [once_ready(1, a, OnceOutcome::Ok)]
    );
}

#[test]
fn s16_every_waiter_of_a_lost_machine_is_told_in_the_order_of_asking() {
    let mut world = World::with_machines(1, 1);
    let (a, b, c) = (key(0, 1), key(0, 2), key(1, 1));
    for (k, w) in [(a, 9), (b, 2), (a, 5), (c, 7), (b, 1), (a, 3)] {
        world.once(0, k, w);
    }
    world.once_done(0, c, OnceOutcome::Ok);
    let told = [(a, 9), (b, 2), (a, 5), (b, 1), (a, 3)];
    let told = told.map(|(k, w)| once_ready(w, k, OnceOutcome::MachineLost));
    assert_eq!(world.stopped(0)[1..], told);
    assert_eq!(
        world.once_done(0, a, OnceOutcome::Ok),
        not_in_service(0),
        "comes too late"
    );
    assert_eq!(world.forget(0, c), not_in_service(0));
    assert_eq!(
        world.once(0, c, 1),
        [once_ready(1, c, OnceOutcome::MachineLost)],
        "lost before"
    );
}

#[test]
fn s16_a_machine_that_is_not_up_runs_nothing() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    assert_eq!(world.once(0, key(0, 0), 1), not_in_service(0));
    assert_eq!(
        world.once_done(0, key(0, 0), OnceOutcome::Ok),
        not_in_service(0)
    );
    assert_eq!(world.once(7, key(0, 0), 1), unknown_machine(7));
    assert_eq!(
        world.once_done(7, key(0, 0), OnceOutcome::Ok),
        unknown_machine(7)
    );
    assert_eq!(world.forget(7, key(0, 0)), unknown_machine(7));
}

#[test]
fn s17_the_first_poll_is_asked_for_when_a_machine_enters_service() {
    let mut world = World::new(Config::bigslice_machines(1, 4).summary_interval(Duration::ZERO));
    world.submit(1, 0, 1);
    assert_eq!(world.up(0), [poll(0), grant(1, 0)]);
    assert_eq!(
        world.manager.next_timeout(),
        None,
        "none is due while one is out"
    );
    assert_eq!(world.at(100).timer(), []);
}

#[test]
fn s17_the_next_poll_is_due_ten_seconds_after_the_answer() {
    let config = Config::bigslice_machines(1, 2).summary_interval(Duration::ZERO);
    let mut world = World::grown(config, 2);
    assert_eq!(world.at(3).polled(1, true), []);
    assert_eq!(
        world.at(4).polled(0, false),
        [],
        "unanswered ones come back too"
    );
    assert_eq!(world.manager.next_timeout(), Some(Instant::from_secs(13)));
    assert_eq!(world.at(13).timer(), [poll(1)]);
    assert_eq!(world.at(14).timer(), [poll(0)]);
}

#[test]
fn s17_polls_due_at_the_same_time_go_by_machine_id() {
    let config = Config::bigslice_machines(1, 5).summary_interval(Duration::ZERO);
    let mut world = World::grown(config, 5);
    for m in [2, 4, 0, 3, 1] {
        world.polled(m, true);
    }
    assert_eq!(world.at(10).timer(), [0, 1, 2, 3, 4].map(poll));
}

#[test]
fn s17_an_answer_to_no_poll_is_a_rejection() {
    let config = Config::bigslice_machines(1, 1).summary_interval(Duration::ZERO);
    let mut world = World::grown(config, 1);
    assert_eq!(world.polled(0, true), []);
    let unexpected = reject(Reject::UnexpectedPolled {
        machine: MachineId(0),
    });
    assert_eq!(world.polled(0, true), unexpected);
    assert_eq!(world.polled(0, false), unexpected);
    assert_eq!(world.polled(5, true), unknown_machine(5));
    world.stopped(0);
    assert_eq!(
        world.manager.next_timeout(),
        None,
        "a lost machine is not polled"
    );
    world.submit(1, 0, 1);
    assert_eq!(
        world.polled(1, true),
        not_in_service(1),
        "nor one that is pending"
    );
}

#[test]
fn s17_no_interval_no_polls() {
    let mut world = World::new(quiet(1));
    world.submit(1, 0, 1);
    let up = world.handle(Event::Up {
        machine: MachineId(0),
        offer: None,
    });
    assert_eq!(up, [grant(1, 0)]);
}

#[test]
fn s17_machines_on_probation_are_polled_like_others() {
    let config = Config::bigslice_machines(1, 1).summary_interval(Duration::ZERO);
    let mut world = World::grown(config, 1);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    world.polled(0, true);
    assert_eq!(world.at(10).timer(), [poll(0)]);
}
