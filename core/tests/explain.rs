//! What `Manager::explain` claims of a waiting request comes true: the events are applied, and the grant is seen.
use std::num::NonZeroU32;

use proptest::prelude::*;
use remuda::{
    Action, Config, Demand, Event, Explanation, Instant, MachineId, Manager, Outcome, RequestId,
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
