//! The manager serialises as its logical state: after a round trip at any point the same events
//! give the same actions, and no bytes make a manager that is not sound.
#![cfg(feature = "serde")]

mod support;

use proptest::prelude::*;
use remuda::{
    Action, Config, ConfigError, Event, Instant, KindId, MachineId, Manager, Outcome, RequestId,
    Submit,
};
use serde_json::{Value, json};
use support::runs::{any_event, config, steps};
use support::*;

fn postcard_trip(manager: &Manager) -> Manager {
    let bytes = postcard::to_allocvec(manager).unwrap();
    let back = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_allocvec(&back).unwrap(), bytes);
    assert_eq!(back, *manager);
    back
}

fn json_trip(manager: &Manager) -> Manager {
    let text = serde_json::to_string(manager).unwrap();
    let back = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    back
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn f06_after_a_round_trip_at_any_point_the_same_events_give_the_same_actions(
        config in config(),
        steps in steps(120),
    ) {
        let mut whole = Manager::new(config).unwrap();
        // Those that are read back before every event.
        let (mut binary, mut text) = (whole.clone(), whole.clone());
        let mut now = Instant::ZERO;
        for step in &steps {
            now = step.now(now);
            let event = step.event(&whole);
            binary = postcard_trip(&binary);
            text = json_trip(&text);
            let actions = whole.handle(event, now);
            prop_assert_eq!(&binary.handle(event, now), &actions);
            prop_assert_eq!(&text.handle(event, now), &actions);
            prop_assert_eq!(binary.next_timeout(), whole.next_timeout());
            prop_assert_eq!(binary.outstanding(), whole.outstanding());
        }
        prop_assert_eq!(&binary, &whole);
    }

    #[test]
    fn f05_spoilt_bytes_give_an_error_or_a_sound_manager(
        config in config(),
        before in steps(60),
        after in steps(20),
        spoil in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut manager = Manager::new(config).unwrap();
        let mut now = Instant::ZERO;
        for step in &before {
            now = step.now(now);
            let _ = manager.handle(step.event(&manager), now);
        }
        let mut bytes = postcard::to_allocvec(&manager).unwrap();
        for (at, byte) in &spoil {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let short = postcard::from_bytes::<Manager>(&bytes[..cut.index(bytes.len())]);
        prop_assert!(short.is_err() || !spoil.is_empty());
        if let Ok(mut manager) = postcard::from_bytes::<Manager>(&bytes) {
            prop_assert_eq!(manager.check_invariants(), Ok(()));
            for step in &after {
                now = step.now(now);
                let _ = manager.handle(step.event(&manager), now);
                prop_assert_eq!(manager.check_invariants(), Ok(()));
            }
        }
    }

    #[test]
    fn f05_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = postcard::from_bytes::<Manager>(&bytes);
        let _ = postcard::from_bytes::<Config>(&bytes);
        let _ = postcard::from_bytes::<Vec<Event>>(&bytes);
        let _ = postcard::from_bytes::<Vec<Action>>(&bytes);
        let _ = serde_json::from_slice::<Manager>(&bytes);
    }

    #[test]
    fn events_and_actions_survive_a_round_trip(
        config in config(),
        events in proptest::collection::vec(any_event(), 0..100),
    ) {
        let mut manager = Manager::new(config).unwrap();
        for event in events {
            let actions = manager.handle(event, Instant::ZERO);
            let bytes = postcard::to_allocvec(&(event, &actions)).unwrap();
            let back: (Event, Vec<Action>) = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(back, (event, actions.clone()));
            let text = serde_json::to_string(&(event, &actions)).unwrap();
            let back: (Event, Vec<Action>) = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back, (event, actions));
        }
    }
}

#[test]
fn the_names_are_those_of_the_rules_in_snake_case() {
    let json = |event: &Event| serde_json::to_value(event).unwrap();
    let spec = json!({
        "demand": {"amounts": [2, 0, 0, 0]}, "priority": -1, "kinds": u64::MAX,
        "prefer": null, "avoid": null, "give_up": null,
    });
    assert_eq!(
        json(&submit(7, -1, 2)),
        json!({"submit": {"request": 7, "spec": spec}})
    );
    assert_eq!(json(&Event::Timer), json!("timer"));
    let failed = Event::StartFailed {
        machine: MachineId(3),
        hint: Some(remuda::StartHint::AtCapacity),
    };
    assert_eq!(
        json(&failed),
        json!({"start_failed": {"machine": 3, "hint": "at_capacity"}})
    );
    let action = serde_json::to_string(&probation(3)).unwrap();
    assert_eq!(action, r#"{"notice":{"probation":{"machine":3}}}"#);
}

#[test]
fn a_config_is_validated_when_it_is_read() {
    let config = Config::new(4, 16).unwrap();
    let good = serde_json::to_value(&config).unwrap();
    let read = |value: &Value| serde_json::from_value::<Config>(value.clone());
    assert_eq!(read(&good).unwrap(), config);
    let mut bad = good;
    bad["kinds"][0]["capacity"][0] = 65_537.into();
    let expected = ConfigError::MachineProcs {
        kind: KindId(0),
        procs: 65_537,
        limit: 65_536,
    };
    assert_eq!(read(&bad).unwrap_err().to_string(), expected.to_string());
}

/// A manager with something of everything, as a JSON value to spoil: r1 runs on m0, m1 is pending,
/// r2 waits for m1 and r3 for more memory than m0 has; m0 is held for r4.
fn rich() -> Value {
    let big = remuda::Kind::new(remuda::Resources::procs(4).memory_mib(64));
    let config = fit(&[big.min(1)]).max_procs(8).poll_interval(secs(10));
    let mut world = World::new(config.patience(1));
    world.submit(1, 0, 3);
    world.up(0);
    world.polled(0, true);
    world.submit(2, 1, 4);
    world.submit(3, 9, 4);
    world.assign(0, 1);
    world.once(0, key(0, 0), 1);
    world.once(0, key(0, 1), 2);
    world.once_done(0, key(0, 1), remuda::OnceOutcome::Ok);
    for r in 10..14 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    assert_eq!(world.held_for(0), Some(2));
    serde_json::to_value(&world.manager).unwrap()
}

fn refusal(spoil: impl Fn(&mut Value)) -> String {
    let mut value = rich();
    spoil(&mut value);
    serde_json::from_value::<Manager>(value)
        .unwrap_err()
        .to_string()
}

/// Appends a copy of the first of a list.
fn repeat(list: &mut Value) {
    let first = list[0].clone();
    list.as_array_mut().unwrap().push(first);
}

#[test]
fn f05_records_that_contradict_each_other_are_refused() {
    assert!(serde_json::from_value::<Manager>(rich()).is_ok());
    assert_eq!(refusal(|v| repeat(&mut v["queue"])), "r2 is there twice");
    assert_eq!(
        refusal(|v| v["queue"][0]["spec"]["demand"]["amounts"][0] = 0.into()),
        "r2 cannot be queued like this"
    );
    assert_eq!(
        refusal(|v| v["queue"][0]["arrival"] = 1_000.into()),
        "r2 cannot be queued like this"
    );
    assert_eq!(
        refusal(|v| v["queue"][0]["spec"]["demand"]["amounts"][0] = 5.into()),
        "r2 cannot be queued like this",
        "no machine has as many procs"
    );
    assert_eq!(
        refusal(|v| v["machines"][1]["machine"] = 0.into()),
        "m0 is out of order or of no kind"
    );
    assert_eq!(
        refusal(|v| v["machines"][1]["kind"] = 1.into()),
        "m1 is out of order or of no kind"
    );
    let crowd = |v: &mut Value| {
        v["machines"][0]["running"][0]["taken"][0] = 5.into();
    };
    assert_eq!(refusal(crowd), "m0 runs more than it offers");
    assert_eq!(
        refusal(|v| repeat(&mut v["machines"][0]["running"])),
        "r1 is there twice"
    );
    assert_eq!(
        refusal(|v| repeat(&mut v["machines"][0]["tasks"])),
        "m0 holds t1 twice"
    );
    assert_eq!(
        refusal(|v| repeat(&mut v["machines"][0]["onces"])),
        "0/0 on m0 cannot be"
    );
    assert_eq!(
        refusal(|v| repeat(&mut v["machines"][0]["waiters"])),
        "w1 waits twice, or for nothing"
    );
    let unbidden = refusal(|v| v["machines"][0]["onces"][0]["result"] = "remote".into());
    assert_eq!(unbidden, "w1 waits twice, or for nothing");
    let groups = "a hold, or a demand without home, is of no queued request";
    assert_eq!(
        refusal(|v| v["groups"][0]["kinds"] = 2.into()),
        groups,
        "none fits these kinds"
    );
    assert_eq!(
        refusal(|v| v["groups"][0]["hold"]["request"] = 1.into()),
        groups
    );
    assert_eq!(
        refusal(|v| v["no_home"] = json!([[{"amounts": [1, 0, 0, 0]}, 1]])),
        groups
    );
    let zero_idle = json!({"secs": 0, "nanos": 0});
    let kinds = refusal(|v| v["kinds"][0]["limits"]["idle"] = zero_idle.clone());
    assert!(kinds.starts_with("there are not as many kinds"), "{kinds}");
}

#[test]
fn f05_what_bigslice_never_queues_is_refused() {
    let mut world = World::new(Config::bigslice(2, 2, 1.0).unwrap());
    world.submit(1, 0, 2);
    let good = serde_json::to_value(&world.manager).unwrap();
    let spoilt = |what: &str, to: Value| {
        let mut value = good.clone();
        value["queue"][0]["spec"][what] = to;
        serde_json::from_value::<Manager>(value).map_err(|error| error.to_string())
    };
    assert!(spoilt("priority", 5.into()).is_ok());
    let others = [
        ("kinds", 1.into()),
        ("avoid", 7.into()),
        ("prefer", 7.into()),
        ("demand", "machine".into()),
        // It would have the place of those that ask for the procs alone.
        ("demand", json!({"amounts": [2, 1, 0, 0]})),
    ];
    for (what, to) in others {
        let refused = spoilt(what, to).unwrap_err();
        assert_eq!(refused, "r1 cannot be queued like this", "{what}");
    }
}

#[test]
fn f05_numbers_that_would_overflow_are_refused() {
    let too_large = "an id or a count is too large";
    let most = u64::MAX / 4;
    assert_eq!(
        refusal(|v| v["next_machine"] = (most + 1).into()),
        too_large
    );
    assert_eq!(
        refusal(|v| v["next_joined"] = ((1 << 63) + most + 1).into()),
        too_large
    );
    assert_eq!(
        refusal(|v| v["next_arrival"] = (most + 1).into()),
        too_large
    );
    assert_eq!(
        refusal(|v| v["kinds"][0]["granted"] = most.into()),
        too_large
    );
    let mut last = rich();
    last["next_machine"] = most.into();
    assert!(serde_json::from_value::<Manager>(last).is_ok());
}

#[test]
fn f05_what_breaks_an_invariant_is_refused() {
    let number = |spoil: &dyn Fn(&mut Value)| {
        let said = refusal(spoil);
        let number = said.strip_prefix("invariant ").expect(&said);
        number.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(number(&|v| v["next_machine"] = 1.into()), 5);
    assert_eq!(
        number(&|v| v["machines"][1]["probation"] = "Never".into()),
        6,
        "m1 is pending"
    );
    assert_eq!(
        number(&|v| v["groups"][0]["hold"]["machine"] = 1.into()),
        7,
        "nor can it be held"
    );
    let demand = |v: &mut Value| v["queue"][0]["spec"]["demand"]["amounts"][0] = 1.into();
    assert_eq!(number(&demand), 8, "m0 has a free proc, held for it");
    assert_eq!(number(&|v| v["max_procs"] = 100.into()), 9);
    assert_eq!(number(&|v| v["now"] = u64::MAX.into()), 11);
    assert_eq!(number(&|v| v["armed"] = 5.into()), 12);
    let step = |v: &mut Value| v["kinds"][0]["growth"]["step"] = 1.into();
    assert_eq!(number(&step), 13);
    let cautious = |v: &mut Value| v["kinds"][0]["growth"]["cautious"] = true.into();
    assert_eq!(number(&cautious), 13, "after no failure");
    let shut_down = |v: &mut Value| {
        v["shutdown"] = true.into();
        v["armed"] = Value::Null;
    };
    assert_eq!(number(&shut_down), 14);
}

#[test]
fn s12_what_happened_before_a_round_trip_is_known_after_it() {
    let mut world = World::with_machines(2, 1);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    world.submit(3, 0, 1);
    world.manager = json_trip(&postcard_trip(&world.manager));
    assert_eq!(
        world.submit(1, 0, 1),
        reject(remuda::Reject::DuplicateRequest {
            request: RequestId(1)
        })
    );
    assert_eq!(world.done(1, Outcome::Ok), [grant(3, 0)]);
    assert_eq!(
        world.stopped(0)[1..3],
        [request_lost(2, 0), request_lost(3, 0)]
    );
}

#[test]
fn d01_a_drain_without_end_is_not_forgotten_in_json() {
    let mut world = World::fit_machines(2, 1);
    world.submit(1, 0, 1);
    world.drain(0, None);
    world.manager = json_trip(&postcard_trip(&world.manager));
    assert_eq!(world.health(0), is_draining(None));
    let json = serde_json::to_value(&world.manager).unwrap();
    assert_eq!(json["machines"][0]["draining"], "Never");
    assert_eq!(json["machines"][0]["probation"], Value::Null);
}

#[test]
fn p04_turns_and_holds_are_known_after_a_round_trip() {
    let config = fit(&[kind(4)])
        .max_procs(4)
        .patience(1)
        .hold_limit(secs(60));
    let mut world = World::grown(config, 1);
    world.submit(10, 0, 1);
    world.whole(1);
    world.ask(2, Submit::machine().priority(1));
    for r in 20..=23 {
        assert_eq!(world.held_for(0), None);
        world.manager = postcard_trip(&world.manager);
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    world.manager = json_trip(&world.manager);
    assert_eq!(world.held_for(0), Some(1));
    assert_eq!(world.next_timeout(), Some(60));
    assert_eq!(world.submit(30, 0, 1), [], "it is held after it too");
    assert_eq!(world.done(10, Outcome::Ok), [grant(1, 0)]);
}
