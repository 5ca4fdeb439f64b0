//! What `Manager::explain` claims of a waiting request comes true: the events are applied, and the grant is seen.
use std::num::NonZeroU32;

use proptest::prelude::*;
use remuda::{
    Action, Config, Demand, Event, Explanation, Health, Instant, MachineId, MachineView, Manager,
    Obstacle, Outcome, RequestId,
};

fn event() -> impl Strategy<Value = Event> {
    let request = (0..24u64).prop_map(RequestId);
    let machine = (0..8u64).prop_map(MachineId);
    prop_oneof![
        6 => (request.clone(), -1..2i64, 1..5u32).prop_map(|(request, priority, procs)| Event::Submit {
            request,
            priority,
            demand: Demand::Procs(NonZeroU32::new(procs).expect("from one on")),
        }),
        3 => machine.clone().prop_map(|machine| Event::Up { machine }),
        1 => machine.clone().prop_map(|machine| Event::StartFailed { machine }),
        1 => machine.prop_map(|machine| Event::Stopped { machine }),
        1 => request.clone().prop_map(|request| Event::Done { request, outcome: Outcome::Ok }),
        1 => request.prop_map(|request| Event::Done { request, outcome: Outcome::Unreachable }),
    ]
}

fn submit(request: u64, procs: u32) -> Event {
    Event::Submit {
        request: RequestId(request),
        priority: 0,
        demand: Demand::procs(procs).unwrap(),
    }
}

/// Tells a manager of machines of four procs all this, a second apart, and asks why r9 waits.
fn why(max_procs: u64, events: &[Event]) -> String {
    let mut manager = Manager::new(Config::new(4, max_procs).unwrap()).unwrap();
    for (at, &event) in events.iter().enumerate() {
        manager.handle(event, Instant::from_secs(at as u64));
    }
    manager.explain(RequestId(9)).to_string()
}

#[test]
fn s05_a_machine_that_is_kept_for_those_ahead_is_named_with_its_like() {
    let (m0, m1) = (MachineId(0), MachineId(1));
    let done = Event::Done {
        request: RequestId(2),
        outcome: Outcome::Ok,
    };
    // Each has two procs free; r5 and r6 ask for three and are before r9, who would fit.
    let (up, up_too) = (Event::Up { machine: m0 }, Event::Up { machine: m1 });
    let begin = [
        submit(1, 2),
        submit(2, 2),
        submit(3, 2),
        submit(4, 2),
        up,
        up_too,
        done,
    ];
    let ahead = [submit(5, 3), submit(6, 3), submit(9, 2)];
    let done = Event::Done {
        request: RequestId(4),
        outcome: Outcome::Ok,
    };
    let said = why(8, &[&begin[..], &ahead[..], &[done]].concat());
    assert!(
        said.starts_with("r9 waits for 2 procs; before it: 2 requests.\n"),
        "{said}"
    );
    assert!(
        said.contains(
            "m0 is kept for requests ahead, as is all there is with 2 procs free: 2 machines."
        ),
        "{said}"
    );
    assert!(
        said.contains("Growth: max_procs (8) is reached; pending: 0 machines."),
        "{said}"
    );
}

#[test]
fn f07_growth_that_waits_for_its_back_off_says_until_when() {
    let failed = Event::StartFailed {
        machine: MachineId(0),
    };
    let said = why(4, &[submit(9, 1), failed]);
    // That time also fires what is due on the way (F10), so no timer is needed.
    let expected = "r9 waits for 1 proc; before it: 0 requests.
Growth: the back-off lasts until 2s; pending: 0 machines.
The shortest sequence known to place it:
  at 2s: m1 comes up";
    assert_eq!(said, expected);
}

#[test]
fn who_runs_or_is_not_known_is_said_to() {
    let up = Event::Up {
        machine: MachineId(0),
    };
    assert_eq!(why(4, &[submit(9, 1), up]), "r9 runs on m0.");
    assert_eq!(
        why(4, &[submit(1, 1)]),
        "r9 is not known: it was never submitted, or is over."
    );
}

fn done(request: u64, outcome: Outcome) -> Event {
    Event::Done {
        request: RequestId(request),
        outcome,
    }
}

fn up(machine: u64) -> Event {
    Event::Up {
        machine: MachineId(machine),
    }
}

/// The claimed way of r9, after events that happen at one time on machines of `procs` procs.
fn way(procs: u32, machines: u64, events: &[Event]) -> Option<Vec<Event>> {
    let config = Config::new(procs, u64::from(procs) * machines).unwrap();
    let mut manager = Manager::new(config).unwrap();
    for &event in events {
        manager.handle(event, Instant::ZERO);
    }
    let Explanation::Queued(wait) = manager.explain(RequestId(9)) else {
        panic!("r9 waits");
    };
    let way = wait.placed_by?;
    Some(way.into_iter().map(|(_, event)| event).collect())
}

#[test]
fn s05_each_busy_machine_is_thought_of() {
    // m0 is full of small ones, m1 of one that is large.
    let mut events: Vec<_> = (1..5).map(|request| submit(request, 1)).collect();
    events.extend([up(0), submit(5, 4), up(1), submit(9, 4)]);
    assert_eq!(way(4, 2, &events), Some(vec![done(5, Outcome::Ok)]));
}

#[test]
fn s09_many_idle_machines_on_probation_hide_no_busy_one() {
    let mut events = vec![submit(1, 2), up(0)];
    // They come up, and each answers badly.
    for machine in 1..40 {
        events.extend([submit(100 + machine, 2), up(machine)]);
    }
    for machine in 1..40 {
        events.push(done(100 + machine, Outcome::Unreachable));
    }
    events.push(submit(9, 2));
    // Sooner than that their probation ends.
    assert_eq!(way(2, 40, &events), Some(vec![done(1, Outcome::Ok)]));
}

#[test]
fn s06_a_cancel_of_who_is_ahead_is_thought_of() {
    let cancel = Event::Cancel {
        request: RequestId(5),
    };
    // r5 wants the whole machine, of which two procs are in use, and keeps the others for itself.
    let events = [submit(1, 2), up(0), submit(5, 4), submit(9, 1)];
    assert_eq!(way(4, 1, &events), Some(vec![cancel]));
}

#[test]
fn a_way_of_sixty_four_events_is_found_and_no_longer_one() {
    for (procs, found) in [(64, true), (65, false)] {
        let small = (0..u64::from(procs)).map(|n| submit(100 + n, 1));
        let mut events: Vec<_> = small.collect();
        events.extend([up(0), submit(9, procs)]);
        let way = way(procs, 1, &events);
        assert_eq!(way.map(|way| way.len()), found.then_some(64), "{procs}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s05_the_events_that_are_claimed_place_the_request(events in prop::collection::vec(event(), 1..40)) {
        let mut manager = Manager::new(Config::new(4, 16).unwrap()).unwrap();
        for (at, event) in events.into_iter().enumerate() {
            manager.handle(event, Instant::from_secs(at as u64));
        }
        for (rank, waiting) in manager.queue().enumerate() {
            let Explanation::Queued(wait) = manager.explain(waiting.request) else {
                panic!("{} waits", waiting.request);
            };
            prop_assert_eq!(wait.ahead, rank as u64);
            prop_assert_eq!(wait.machines.len(), manager.machines().count());
            for &(machine, obstacle) in &wait.machines {
                let free = |it: MachineView<'_>| (it.health() == Health::Ok).then(|| it.total() - it.used());
                let here = manager.machine(machine).and_then(free);
                match obstacle {
                    Obstacle::TooFewFree { free, needs } => {
                        prop_assert!(here == Some(free) && free < needs && needs == waiting.procs);
                    }
                    Obstacle::Reserved { free: kept, machines } => {
                        let like = manager.machines().filter(|it| free(*it) == Some(kept));
                        prop_assert!(here == Some(kept) && kept >= waiting.procs);
                        prop_assert_eq!(machines, like.count() as u64);
                    }
                    _ => prop_assert_eq!(here, None),
                }
            }
            // So small a cluster has a way for each.
            let way = wait.placed_by.expect("a way is found");
            let (last, before) = way.split_last().expect("it waits, so something must happen");
            let mut copy = manager.clone();
            for &(at, event) in before {
                let actions = copy.handle(event, at);
                let wrong = |it: &Action| matches!(it, Action::Reject(_));
                prop_assert!(!actions.iter().any(wrong), "{way:?}: {actions:?}");
            }
            let actions = copy.handle(last.1, last.0);
            let granted = |it: &Action| matches!(it, Action::Grant { request, .. } if *request == waiting.request);
            prop_assert!(actions.iter().any(granted), "{way:?}: {actions:?}");
        }
    }
}
