//! Each invariant is broken by hand, and the check must notice which.

use core::time::Duration;

use alloc::string::ToString;

use super::*;
use crate::index::{Queued, Request, Running};
use crate::machines::{Ends, Timer};
use crate::queue::Ask;
use crate::storage::heap::Heap;
use crate::{
    Config, Event, Instant, Kind, Kinds, OnceKey, OnceOutcome, Outcome, RequestId, Resources,
    Submit, TaskId, WaiterId,
};

const RUNNING: RequestId = RequestId(1);
const QUEUED: RequestId = RequestId(3);

fn submit(request: u64, priority: i64, procs: u32) -> Event {
    let spec = Submit::procs(procs).priority(priority);
    let request = RequestId(request);
    Event::Submit { request, spec }
}

fn done(request: u64, outcome: Outcome) -> Event {
    let request = RequestId(request);
    Event::Done {
        request,
        machine: None,
        outcome,
    }
}

/// A manager with something of everything: m0 is ok, runs r1 and r2 and is held for r3, m1 is on
/// probation, m2 is pending, and r3 to r5 are queued.
fn busy() -> Manager {
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(4)))
        .max_procs(12)
        .patience(1);
    let mut manager = Manager::new(config).unwrap();
    let (m0, m1) = (MachineId(0), MachineId(1));
    let key = OnceKey { kind: 1, key: 7 };
    let up = |machine| Event::Up {
        machine,
        offer: None,
    };
    let mut events = Vec::from([
        submit(0, 0, 4),
        submit(9, 0, 4),
        up(m0),
        up(m1),
        done(9, Outcome::Unreachable),
        done(0, Outcome::Ok),
        submit(1, 0, 1),
        submit(2, 0, 2),
        submit(3, 0, 4),
        submit(6, 0, 4),
        submit(4, 1, 3),
        submit(5, 1, 3),
        Event::Cancel {
            request: RequestId(6),
        },
        Event::Polled {
            machine: m0,
            answered: false,
        },
        Event::AssignTask {
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
    ]);
    for request in 20..24 {
        events.extend([submit(request, -1, 1), done(request, Outcome::Ok)]);
    }
    for event in events {
        let _ = manager.handle(event, Instant::from_secs(1));
        assert_eq!(manager.check_invariants(), Ok(()), "{event:?}");
    }
    let counts = manager.counts();
    assert_eq!((counts.queued, counts.running), (3, 2), "{manager:?}");
    let machines = counts.machines;
    assert_eq!(
        (machines.ok, machines.probation, machines.pending),
        (1, 1, 1)
    );
    assert_eq!(
        manager.machine(m0).unwrap().held_for(),
        Some(QUEUED),
        "{manager:?}"
    );
    manager
}

/// The number of the first invariant that is broken by this.
fn broken_by(spoil: impl FnOnce(&mut Manager)) -> u32 {
    let mut manager = busy();
    spoil(&mut manager);
    manager.machines.relist();
    manager.check_invariants().unwrap_err().number()
}

fn slot(m: &Manager, id: u64) -> u32 {
    m.machines.find(MachineId(id)).unwrap()
}

/// A machine's record, behind the back of all that is kept up to date about it.
fn machine(m: &mut Manager, id: u64) -> &mut Machine {
    let slot = slot(m, id);
    m.machines.record(slot)
}

/// Changes a machine's record, and what is kept up to date about it.
fn change(m: &mut Manager, id: u64, how: impl FnOnce(&mut Machine)) {
    let slot = slot(m, id);
    m.machines.change(slot, how);
}

fn request(m: &mut Manager, id: RequestId) -> &mut Request {
    let slot = m.requests.find(&id).unwrap();
    &mut m.requests[slot]
}

fn running(machine: u32, procs: u32) -> Running {
    Running {
        machine,
        taken: Resources::procs(procs),
        since: Instant::ZERO,
    }
}

#[test]
fn a_violation_says_its_number_and_what_should_hold() {
    let mut manager = busy();
    request(&mut manager, RUNNING).id = RequestId(99);
    let violation = manager.check_invariants().unwrap_err();
    let name = "request ids and requests match one to one (F5)";
    assert_eq!((violation.number(), violation.name()), (1, name));
    let said = violation.to_string();
    assert_eq!(said, alloc::format!("invariant 1 is broken: {name}"));
}

#[test]
fn ids_that_lead_to_other_requests_are_noticed() {
    assert_eq!(broken_by(|m| request(m, QUEUED).id = RUNNING), 1);
    let unlisted = |m: &mut Manager| {
        let lost = Request::queue(QUEUED, Queued::default());
        m.requests.records_mut().insert(lost);
    };
    assert_eq!(broken_by(unlisted), 1);
}

#[test]
fn a_queue_that_is_not_as_its_requests_say_is_noticed() {
    assert_eq!(broken_by(|m| request(m, QUEUED).run(running(0, 4))), 2);
    let behind_others = |m: &mut Manager| {
        // It says that it came later than the next of its class.
        let slot = m.requests.find(&RequestId(4)).unwrap();
        let queued = m.requests[slot].queued().unwrap();
        let arrival = queued.arrival + 50;
        let later = Request::queue(RequestId(4), Queued { arrival, ..queued });
        m.requests[slot] = later;
    };
    assert_eq!(broken_by(behind_others), 2);
}

#[test]
fn requests_that_are_in_no_list_are_noticed() {
    let taken_out = |m: &mut Manager| {
        let slot = m.requests.find(&QUEUED).unwrap();
        let _ = m.queue.take(&mut m.requests, slot);
    };
    assert_eq!(broken_by(taken_out), 4);
    let never_put_in = |m: &mut Manager| {
        let new = Request::queue(RequestId(99), Queued::default());
        m.requests.insert(new);
    };
    assert_eq!(broken_by(never_put_in), 4);
}

#[test]
fn machines_that_run_something_else_are_noticed() {
    for procs in [0, 2, 5] {
        let here = |m: &mut Manager| {
            let slot = slot(m, 0);
            request(m, RUNNING).run(running(slot, procs));
        };
        assert_eq!(broken_by(here), 3, "{procs}");
    }
    let elsewhere = |m: &mut Manager| {
        let slot = slot(m, 1);
        request(m, RUNNING).run(running(slot, 1));
    };
    assert_eq!(broken_by(elsewhere), 3);
    let one_less = Resources::procs(1);
    assert_eq!(
        broken_by(|m| machine(m, 0).free = machine(m, 0).free.plus(one_less)),
        3
    );
    assert_eq!(broken_by(|m| machine(m, 0).grants += 1), 3);
    assert_eq!(broken_by(|m| machine(m, 1).grants = 1), 3);
}

#[test]
fn sums_of_a_kind_that_are_wrong_are_noticed() {
    let spoilt = |spoil: &dyn Fn(&mut crate::machines::KindState)| {
        broken_by(|m: &mut Manager| spoil(&mut m.machines.kinds[0]))
    };
    let one = Resources::procs(1);
    assert_eq!(spoilt(&|kind| kind.need.add(one)), 3);
    assert_eq!(spoilt(&|kind| kind.running += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.have.add(one)), 3);
    assert_eq!(spoilt(&|kind| kind.sums.pending.subtract(one)), 3);
    assert_eq!(spoilt(&|kind| kind.sums.there += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.leaving += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.healthy -= 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.counted -= 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.offers_less += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.machines.ok += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.machines.pending -= 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.machines.probation += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.machines.draining += 1), 3);
    assert_eq!(spoilt(&|kind| kind.sums.machines.stopping += 1), 3);
    assert_eq!(spoilt(&|kind| kind.offers.clear()), 3);
    assert_eq!(spoilt(&|kind| kind.first_probation = Heap::new()), 3);
    assert_eq!(spoilt(&|kind| kind.pending.clear()), 3);
}

#[test]
fn machines_that_are_not_as_they_are_known_are_noticed() {
    assert_eq!(broken_by(|m| machine(m, 0).id = MachineId(7)), 3);
    assert_eq!(
        broken_by(|m| machine(m, 0).probation = Some(Ends::Never)),
        3
    );
    assert_eq!(broken_by(|m| machine(m, 1).probation = None), 3);
    assert_eq!(broken_by(|m| machine(m, 1).passages = 2), 3);
    assert_eq!(broken_by(|m| machine(m, 0).draining = Some(Ends::Never)), 3);
    assert_eq!(
        broken_by(|m| machine(m, 2).phase = Phase::Up),
        3,
        "it is pending"
    );
}

#[test]
fn deadlines_of_machines_that_are_missing_or_too_many_are_noticed() {
    let until = Some(Instant::from_secs(99));
    for timer in [
        Timer::Probation,
        Timer::DrainEnd,
        Timer::Settle,
        Timer::Poll,
    ] {
        let too_many = |m: &mut Manager| {
            let slot = slot(m, 0);
            m.machines.set_timer(slot, timer, until);
        };
        assert_eq!(broken_by(too_many), 3, "{timer:?}");
    }
    assert_eq!(
        broken_by(|m| machine(m, 1).probation = Some(until.into())),
        3
    );
    let due = Poll::Due(Instant::from_secs(99));
    assert_eq!(broken_by(|m| machine(m, 0).poll = due), 3);
    assert_eq!(broken_by(|m| machine(m, 1).poll = due), 3);
}

#[test]
fn holdings_that_are_not_as_they_are_known_are_noticed() {
    let key = OnceKey { kind: 1, key: 7 };
    let task_elsewhere = |m: &mut Manager| {
        let (from, to) = (slot(m, 0), slot(m, 1));
        let tasks = &mut m.machines.holdings.tasks;
        let number = tasks.remove(&(from, TaskId(1))).unwrap();
        tasks.insert((to, TaskId(1)), number);
    };
    assert_eq!(broken_by(task_elsewhere), 3);
    let of_no_machine = |m: &mut Manager| {
        let tasks = &mut m.machines.holdings.tasks;
        tasks.insert((9, TaskId(98)), 0);
    };
    assert_eq!(broken_by(of_no_machine), 3);
    let work_of_no_machine = |m: &mut Manager| {
        let (result, now) = (Some(OnceOutcome::Ok), Instant::ZERO);
        m.machines.holdings.add_once(9, key, result, now);
    };
    assert_eq!(broken_by(work_of_no_machine), 3);
    let result = |id, result| {
        move |m: &mut Manager| {
            let slot = slot(m, id);
            let onces = &mut m.machines.holdings.onces;
            onces.get_mut(&(slot, key)).unwrap().result = result;
        }
    };
    // Known, and waited for; not known, and not waited for.
    assert_eq!(broken_by(result(1, Some(OnceOutcome::Ok))), 3);
    assert_eq!(broken_by(result(0, None)), 3);
    let another_waiter = |m: &mut Manager| {
        let mut waiters = m.machines.holdings.waiters.values_mut();
        *waiters.next().unwrap() = WaiterId(99);
    };
    assert_eq!(broken_by(another_waiter), 3);
    let of_other_work = |m: &mut Manager| {
        let waiters = &mut m.machines.holdings.waiters;
        let ((machine, _, number), waiter) = waiters.pop_first().unwrap();
        waiters.insert((machine, OnceKey { kind: 9, key: 9 }, number), waiter);
    };
    assert_eq!(broken_by(of_other_work), 3);
}

#[test]
fn ids_to_come_that_were_given_before_are_noticed() {
    assert_eq!(broken_by(|m| m.next_machine = MachineId(2)), 5);
    assert_eq!(broken_by(|m| m.next_machine = MachineId::joined(0)), 5);
    assert_eq!(broken_by(|m| m.next_joined = MachineId(3)), 5);
}

#[test]
fn states_of_machines_that_contradict_themselves_are_noticed() {
    let at = Some(Instant::ZERO);
    assert_eq!(broken_by(|m| change(m, 2, |it| it.stop_since = at)), 6);
    assert_eq!(broken_by(|m| change(m, 0, |it| it.stop_since = at)), 6);
    let pending_and_polled = |m: &mut Manager| {
        let slot = slot(m, 2);
        m.machines.set_poll(slot, Poll::Out(Instant::ZERO));
    };
    assert_eq!(broken_by(pending_and_polled), 6);
    assert_eq!(broken_by(|m| change(m, 2, |it| it.trial = Some(0))), 6);
    assert_eq!(
        broken_by(|m| change(m, 2, |it| it.draining = Some(Ends::Never))),
        6
    );
    let stopping = |m: &mut Manager| {
        change(m, 2, |it| it.phase = Phase::Stopping { was_up: false });
    };
    assert_eq!(broken_by(stopping), 6, "since when?");
    assert_eq!(
        broken_by(|m| machine(m, 1).held = true),
        6,
        "it is on probation"
    );
    assert_eq!(
        broken_by(|m| change(m, 1, |it| it.draining = Some(Ends::Never))),
        6,
        "it is empty and should be told to stop"
    );
    let more = |it: &mut Machine| {
        it.offer = it.offer.plus(Resources::procs(1));
        it.free = it.free.plus(Resources::procs(1));
    };
    assert_eq!(broken_by(|m| change(m, 1, more)), 6);
    assert_eq!(
        broken_by(|m| change(m, 1, |it| it.trial = None)),
        6,
        "its time to settle runs"
    );
}

#[test]
fn groups_and_holds_that_are_not_as_requests_and_machines_say_are_noticed() {
    assert_eq!(broken_by(|m| m.holds.groups[0].queued += 1), 7);
    assert_eq!(broken_by(|m| m.holds.groups[0].hold = None), 7);
    assert_eq!(broken_by(|m| _ = m.holds.enter(Kinds::NONE)), 7);
    assert_eq!(broken_by(|m| machine(m, 0).held = false), 7);
    let hold = |spoil: fn(&mut crate::manager::Hold)| {
        broken_by(|m| spoil(m.holds.groups[0].hold.as_mut().unwrap()))
    };
    assert_eq!(hold(|hold| hold.machine = MachineId(1)), 7);
    assert_eq!(hold(|hold| hold.request = 1_000), 7);
    assert_eq!(hold(|hold| hold.arrival += 1), 7);
    assert_eq!(hold(|hold| hold.priority -= 1), 7);
    let of_a_running_one = |m: &mut Manager| {
        let slot = m.requests.find(&RUNNING).unwrap();
        m.holds.groups[0].hold.as_mut().unwrap().request = slot;
    };
    assert_eq!(broken_by(of_a_running_one), 7);
}

/// Queues a request as if it fitted nowhere.
fn enqueue(m: &mut Manager, spec: Submit) {
    let group = m.machines.group_of(&Ask::of(&spec));
    m.queue
        .push(&mut m.requests, RequestId(99), &spec, group, (0, 0));
    m.holds.enter(group);
}

#[test]
fn what_was_left_undone_is_noticed() {
    // One proc is free on m0, held for r3.
    let urgent = |m: &mut Manager| enqueue(m, Submit::procs(1).priority(-1));
    assert_eq!(broken_by(urgent), 8);
    let not_urgent = |m: &mut Manager| {
        enqueue(m, Submit::procs(1));
        assert_eq!(m.check_invariants(), Ok(()));
        m.max_procs = 100;
    };
    assert_eq!(broken_by(not_urgent), 9);
    let wanted = |m: &mut Manager| m.machines.kinds[0].kind.min = 3;
    let mut manager = busy();
    wanted(&mut manager);
    assert_eq!(manager.check_invariants(), Ok(()), "there are three");
    assert_eq!(
        broken_by(|m| m.max_procs = 100),
        9,
        "r4 and r5 want a machine each"
    );
    // At the very deadline it is due.
    assert_eq!(broken_by(|m| m.now = m.armed.unwrap()), 11);
    assert_eq!(broken_by(|m| m.armed = None), 12);
    assert_eq!(broken_by(|m| m.growth[0].step = 1), 13);
    assert_eq!(broken_by(|m| m.growth[0].cautious = true), 13);
    let still_queued = |m: &mut Manager| {
        m.shutdown = true;
        m.armed = None;
    };
    assert_eq!(broken_by(still_queued), 14);
}

#[test]
fn a_machine_that_is_idle_for_too_long_is_noticed() {
    let config = Config::empty().kind(Kind::new(Resources::procs(4)));
    let mut manager = Manager::new(config).unwrap();
    let events = [
        submit(1, 0, 1),
        Event::Up {
            machine: MachineId(0),
            offer: None,
        },
        done(1, Outcome::Ok),
    ];
    for event in events {
        let _ = manager.handle(event, Instant::from_secs(1));
    }
    let _ = manager.handle(Event::Timer, Instant::from_secs(5));
    assert_eq!(manager.check_invariants(), Ok(()));
    manager.machines.kinds[0].kind.idle = Some(Duration::from_secs(4));
    assert_eq!(manager.check_invariants().unwrap_err().number(), 10);
}
