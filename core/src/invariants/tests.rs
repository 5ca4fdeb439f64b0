//! Each invariant is broken by hand, and the check must notice which.

use super::*;
use crate::machines::Load;
use crate::running::Seats;
use crate::{
    Config, Demand, Event, Instant, MachineId, OnceKey, OnceOutcome, Outcome, RequestId, TaskId,
    WaiterId,
};
use alloc::string::ToString;
use core::time::Duration;

const RUNNING: RequestId = RequestId(1);
const QUEUED: RequestId = RequestId(3);

fn submit(request: u64, priority: i64, procs: u32) -> Event {
    Event::Submit {
        request: RequestId(request),
        priority,
        demand: Demand::procs(procs).unwrap(),
    }
}

/// A manager with something of everything: m0 is ok and runs r1 and r2 with one proc free, m1 is on probation, m2 is
/// pending, and r3 to r5 wait for more than m0 has.
fn busy() -> Manager {
    let config = Config {
        start_backoff_base: Duration::from_secs(5),
        ..Config::new(4, 12).unwrap()
    };
    let mut manager = Manager::new(config).unwrap();
    let (m0, m1) = (MachineId(0), MachineId(1));
    let key = OnceKey { kind: 1, key: 7 };
    let events = [
        submit(0, 0, 4),
        submit(9, 0, 4),
        Event::Up { machine: m0 },
        Event::Up { machine: m1 },
        Event::Done {
            request: RequestId(9),
            outcome: Outcome::Unreachable,
        },
        Event::Done {
            request: RequestId(0),
            outcome: Outcome::Ok,
        },
        submit(1, 0, 1),
        submit(2, 0, 2),
        submit(3, 0, 4),
        submit(4, 1, 3),
        submit(5, 1, 3),
        Event::Polled {
            machine: m0,
            answered: false,
        },
        Event::Assign {
            machine: m0,
            task: TaskId(1),
        },
        Event::Once {
            machine: m1,
            key,
            waiter: WaiterId(1),
        },
        Event::Once {
            machine: m0,
            key,
            waiter: WaiterId(2),
        },
        Event::OnceDone {
            machine: m0,
            key,
            outcome: OnceOutcome::Ok,
        },
    ];
    for event in events {
        manager.handle(event, Instant::from_secs(1));
        assert_eq!(manager.check_invariants(), Ok(()), "{event:?}");
    }
    let counts = manager.counts();
    assert_eq!((counts.queued, counts.running), (3, 2), "{manager:?}");
    let machines = counts.machines;
    assert_eq!(
        (machines.ok, machines.probation, machines.pending),
        (1, 1, 1)
    );
    manager
}

/// The number of the first invariant that is broken by this.
fn broken_by(spoil: impl FnOnce(&mut Manager)) -> u32 {
    let mut manager = busy();
    spoil(&mut manager);
    manager.check_invariants().unwrap_err().number()
}

fn machine(m: &mut Manager, id: u64) -> &mut Machine {
    let slot = m.machines.find(MachineId(id)).unwrap();
    m.machines.get_mut(slot)
}

fn load(m: &mut Manager, id: u64) -> &mut Load {
    let slot = m.machines.find(MachineId(id)).unwrap();
    m.machines.spoil(slot).0
}

fn running(machine: u32, procs: u32) -> Place {
    Place::Running {
        machine,
        seat: 0,
        procs,
    }
}

/// Puts a request on a machine, and does not say so.
fn sit(m: &mut Manager, id: u64, request: RequestId) {
    let slot = m.machines.find(MachineId(id)).unwrap();
    let (load, running) = m.machines.spoil(slot);
    running.push(slot, &mut load.seats, request);
}

/// Takes a request off its machine, and does not say so.
fn leave(m: &mut Manager, request: RequestId) {
    let Place::Running { machine, seat, .. } = place(m, request) else {
        unreachable!("it runs");
    };
    let (load, running) = m.machines.spoil(machine);
    running.remove(machine, &mut load.seats, seat, request);
}

/// Says of a request that it is elsewhere.
fn misplace(m: &mut Manager, request: RequestId, place: Place) {
    m.requests.places.set(request, place);
}

fn place(m: &Manager, request: RequestId) -> Place {
    m.requests.place(m.requests.known(request))
}

#[test]
fn a_violation_says_its_number_and_what_should_hold() {
    let mut manager = busy();
    manager.need += 1;
    let violation = manager.check_invariants().unwrap_err();
    let name = "need is what queued and running requests ask for (S2)";
    assert_eq!((violation.number(), violation.name()), (1, name));
    let said = violation.to_string();
    assert_eq!(said, alloc::format!("invariant 1 is broken: {name}"));
}

#[test]
fn sums_that_are_wrong_are_noticed() {
    assert_eq!(broken_by(|m| m.need -= 1), 1);
    assert_eq!(broken_by(|m| m.machines.counts.ok += 1), 2);
    assert_eq!(broken_by(|m| m.machines.counts.pending -= 1), 2);
    assert_eq!(broken_by(|m| m.machines.counts.probation += 1), 2);
}

#[test]
fn requests_that_are_not_as_they_are_known_are_noticed() {
    for procs in [0, 5] {
        let resized = |m: &mut Manager| {
            misplace(m, RUNNING, running(0, procs));
            m.need = m.need - 1 + u64::from(procs);
        };
        assert_eq!(broken_by(resized), 3);
    }
    let in_a_class_that_is_not = |m: &mut Manager| {
        misplace(m, RUNNING, Place::Queued { spot: 999 });
        m.need -= 1;
    };
    assert_eq!(broken_by(in_a_class_that_is_not), 3);
    // Behind a place that is free it cannot be found.
    let lost = |m: &mut Manager| m.requests.places.misplace(RUNNING);
    assert_eq!(broken_by(lost), 3);
    assert_eq!(broken_by(|m| m.requests.places.hide(RUNNING)), 3);
    assert_eq!(broken_by(|m| m.requests.places.miscount()), 3);
}

#[test]
fn a_queue_that_is_not_in_order_is_noticed() {
    let out_of_order = |m: &mut Manager| {
        let first = m.requests.classes.first().unwrap();
        m.requests.classes.get_mut(first).priority = 5;
    };
    assert_eq!(broken_by(out_of_order), 4);
    let elsewhere = |m: &mut Manager| {
        misplace(m, QUEUED, running(0, 4));
    };
    assert_eq!(broken_by(elsewhere), 5);
    let in_another_class = |m: &mut Manager| {
        let other = place(m, RequestId(4));
        misplace(m, RequestId(5), other);
    };
    assert_eq!(broken_by(in_another_class), 5);
    let left_out = |m: &mut Manager| {
        let Place::Queued { spot } = place(m, RequestId(5)) else {
            unreachable!("it waits");
        };
        let class = m.requests.class(spot);
        let class = m.requests.classes.get_mut(class);
        m.requests.chunks.leave(&mut class.requests, spot);
    };
    assert_eq!(broken_by(left_out), 5);
    let unlinked = |m: &mut Manager| {
        let first = m.requests.classes.first().unwrap();
        let class = m.requests.classes.get_mut(first);
        m.requests
            .chunks
            .push(first, &mut class.requests.clone(), RequestId(99));
    };
    assert_eq!(broken_by(unlinked), 5);
}

#[test]
fn machines_that_run_something_else_are_noticed() {
    assert_eq!(broken_by(|m| load(m, 0).used += 1), 6);
    assert_eq!(broken_by(|m| load(m, 0).seats = Seats::new(4)), 6);
    let twice = |m: &mut Manager| {
        let [first, last] = [RUNNING, RequestId(2)];
        leave(m, last);
        sit(m, 0, first);
    };
    assert_eq!(broken_by(twice), 6);
    assert_eq!(broken_by(|m| sit(m, 1, RUNNING)), 6);
    assert_eq!(broken_by(|m| misplace(m, RUNNING, running(1, 1))), 6);
    let in_another_seat = |m: &mut Manager| {
        let Place::Running { seat, .. } = place(m, RequestId(2)) else {
            unreachable!("it runs");
        };
        let place = Place::Running {
            machine: 0,
            seat,
            procs: 1,
        };
        misplace(m, RUNNING, place);
    };
    assert_eq!(broken_by(in_another_seat), 6);
    let with_a_seat_too_many = |m: &mut Manager| load(m, 1).seats = Seats::new(5);
    assert_eq!(broken_by(with_a_seat_too_many), 6);
    // Its record too says so; but a machine that is not up runs nothing.
    let on_a_pending_one = |m: &mut Manager| {
        let pending = m.machines.find(MachineId(2)).unwrap();
        leave(m, RUNNING);
        load(m, 0).used -= 1;
        sit(m, 2, RUNNING);
        load(m, 2).used += 1;
        misplace(m, RUNNING, running(pending, 1));
    };
    assert_eq!(broken_by(on_a_pending_one), 6);
    let overloaded = |m: &mut Manager| {
        misplace(m, RUNNING, running(0, 4));
        m.need += 3;
        load(m, 0).used += 3;
    };
    assert_eq!(broken_by(overloaded), 6);
}

#[test]
fn machines_that_are_not_as_they_are_known_are_noticed() {
    assert_eq!(broken_by(|m| load(m, 0).id = MachineId(7)), 7);
    assert_eq!(broken_by(|m| m.growth.next_machine = MachineId(2)), 7);
    let swapped = |m: &mut Manager| {
        let (first, second) = (
            m.machines.find(MachineId(0)).unwrap(),
            m.machines.find(MachineId(1)).unwrap(),
        );
        m.machines.spoil(first).0.id = MachineId(1);
        m.machines.spoil(second).0.id = MachineId(0);
        m.machines.ids.insert(MachineId(0), second);
        m.machines.ids.insert(MachineId(1), first);
    };
    assert_eq!(broken_by(swapped), 7);
    let id_without_a_machine = |m: &mut Manager| {
        m.machines.ids.insert(MachineId(99), 0);
    };
    assert_eq!(broken_by(id_without_a_machine), 7);
    let unlisted = |m: &mut Manager| {
        let slot = m.machines.find(MachineId(1)).unwrap();
        m.machines.by_id.remove(&mut m.machines.slab, slot);
    };
    assert_eq!(broken_by(unlisted), 7);
}

#[test]
fn heaps_that_are_behind_are_noticed() {
    let secretly_on_probation = |m: &mut Manager| {
        machine(m, 0).state = State::Probation { until: None };
        m.machines.counts.ok -= 1;
        m.machines.counts.probation += 1;
    };
    assert_eq!(broken_by(secretly_on_probation), 8);
    let secretly_ok = |m: &mut Manager| {
        machine(m, 1).state = State::Ok;
        m.machines.counts.ok += 1;
        m.machines.counts.probation -= 1;
    };
    assert_eq!(broken_by(secretly_ok), 8);
    let until = Some(Instant::from_secs(99));
    assert_eq!(
        broken_by(|m| machine(m, 1).state = State::Probation { until }),
        9
    );
    assert_eq!(
        broken_by(|m| machine(m, 1).state = State::Probation { until: None }),
        9
    );
    assert_eq!(
        broken_by(|m| machine(m, 0).poll = Poll::Due(Instant::from_secs(99))),
        10
    );
    assert_eq!(broken_by(|m| machine(m, 0).poll = Poll::Out), 10);
    let due = Poll::Due(Instant::from_secs(99));
    assert_eq!(broken_by(|m| machine(m, 1).poll = due), 10);
}

#[test]
fn holdings_that_are_not_as_they_are_known_are_noticed() {
    let key = OnceKey { kind: 1, key: 7 };
    assert_eq!(broken_by(|m| machine(m, 0).silent = 4), 11);
    assert_eq!(broken_by(|m| machine(m, 2).poll = Poll::Out), 11);
    let renamed = |m: &mut Manager| {
        let (slot, _) = m.holdings.tasks.iter().next().unwrap();
        m.holdings.tasks[slot].task = TaskId(99);
    };
    assert_eq!(broken_by(renamed), 11);
    let swapped = |m: &mut Manager| {
        let (first, second) = (machine(m, 0).holds, machine(m, 1).holds);
        machine(m, 0).holds = second;
        machine(m, 1).holds = first;
    };
    assert_eq!(broken_by(swapped), 11);
    let nobody_waits = |m: &mut Manager| {
        let slot = m.machines.find(MachineId(1)).unwrap();
        let once = m.holdings.once(slot, key).unwrap();
        m.holdings.onces[once as usize].result = Some(OnceOutcome::Ok);
    };
    assert_eq!(broken_by(nobody_waits), 11);
    let nobody_asked = |m: &mut Manager| {
        let slot = m.machines.find(MachineId(0)).unwrap();
        let once = m.holdings.once(slot, key).unwrap();
        m.holdings.onces[once as usize].result = None;
    };
    assert_eq!(broken_by(nobody_asked), 11);
    let waits_unknown = |m: &mut Manager| {
        let (slot, _) = m.holdings.waiters.iter().next().unwrap();
        m.holdings.waiters[slot].id = WaiterId(99);
    };
    assert_eq!(broken_by(waits_unknown), 11);
    let waits_for_something_else = |m: &mut Manager| {
        let (slot, _) = m.holdings.waiters.iter().next().unwrap();
        m.holdings.waiters[slot].key = OnceKey { kind: 9, key: 9 };
    };
    assert_eq!(broken_by(waits_for_something_else), 11);
    let known_and_not_there = |m: &mut Manager| {
        let (slot, _) = m.holdings.tasks.iter().next().unwrap();
        m.holdings.task_slots.insert((9, TaskId(98)), slot as u32);
    };
    assert_eq!(broken_by(known_and_not_there), 11);
    // On no machine that is there, and on one that is not up.
    let nowhere = |m: &mut Manager| machine(m, 0).holds = crate::holdings::Holder::EMPTY;
    assert_eq!(broken_by(nowhere), 11);
    let too_early = |m: &mut Manager| {
        let slot = m.machines.find(MachineId(2)).unwrap();
        let holder = &mut m.machines.get_mut(slot).holds;
        m.holdings.assign(slot, holder, TaskId(4));
    };
    assert_eq!(broken_by(too_early), 11);
}

#[test]
fn what_was_left_undone_is_noticed() {
    let placeable = |m: &mut Manager| {
        let place = m.requests.seek(RequestId(99)).err().unwrap();
        m.requests.enqueue(place, RequestId(99), -1, 1);
        m.need += 1;
    };
    assert_eq!(broken_by(placeable), 12);
    assert_eq!(broken_by(|m| m.config.max_procs = 100), 13);
    // At the very deadline it is due.
    assert_eq!(broken_by(|m| m.now = m.armed.unwrap()), 14);
    assert_eq!(broken_by(|m| m.armed = None), 15);
    assert_eq!(broken_by(|m| m.growth.held = true), 16);
    assert_eq!(broken_by(|m| m.growth.step = 1), 16);
    let more_steps_than_failures = |m: &mut Manager| {
        (m.growth.step, m.growth.steps) = (1, 1);
    };
    assert_eq!(broken_by(more_steps_than_failures), 16);
    let asked_for_in_the_future = |m: &mut Manager| {
        machine(m, 2).state = State::Pending { steps: 1 };
    };
    assert_eq!(broken_by(asked_for_in_the_future), 16);
    let still_waiting = |m: &mut Manager| {
        m.shutdown = true;
        m.armed = None;
    };
    assert_eq!(broken_by(still_waiting), 17);
    let before_all = |m: &mut Manager| {
        m.summary = Summary::Unborn;
        m.armed = m.next_timeout();
    };
    assert_eq!(broken_by(before_all), 18);
}
