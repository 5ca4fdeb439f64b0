//! The manager serialises as its logical state: after a round trip at any point the same events
//! give the same actions, and no bytes make a manager that is not sound.

mod support;

use proptest::prelude::*;
use remuda::{Action, Config, ConfigError, Event, Instant, MachineId, Manager, Outcome, RequestId};
use support::random::{config, hostile_steps, steps};
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
        steps in hostile_steps(120),
        shutdown in 0usize..300,
    ) {
        let mut whole = Manager::new(config).unwrap();
        // One that is read back before every event, and one that is read back now and then.
        let (mut always, mut sometimes) = (whole.clone(), whole.clone());
        let mut now = Instant::ZERO;
        for (n, step) in steps.iter().enumerate() {
            now = step.now(now);
            let event = if n == shutdown { Event::Shutdown } else { step.event(&whole) };
            always = postcard_trip(&always);
            if n % 7 == 3 {
                sometimes = json_trip(&sometimes);
            }
            let actions = whole.handle(event, now);
            prop_assert_eq!(&always.handle(event, now), &actions);
            prop_assert_eq!(&sometimes.handle(event, now), &actions);
            prop_assert_eq!(always.next_timeout(), whole.next_timeout());
        }
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
            manager.handle(step.event(&manager), now);
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
                manager.handle(step.event(&manager), now);
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
    fn events_and_actions_survive_a_round_trip(config in config(), steps in steps(100)) {
        let mut manager = Manager::new(config).unwrap();
        for step in &steps {
            let event = step.event(&manager);
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
    let json = |event: &Event| serde_json::to_string(event).unwrap();
    assert_eq!(
        json(&submit(7, -1, 2)),
        r#"{"submit":{"request":7,"priority":-1,"demand":{"procs":2}}}"#
    );
    assert_eq!(json(&Event::Timer), r#""timer""#);
    let machine = MachineId(3);
    assert_eq!(
        json(&Event::StartFailed { machine }),
        r#"{"start_failed":{"machine":3}}"#
    );
    let action = serde_json::to_string(&probation(3)).unwrap();
    assert_eq!(action, r#"{"notice":{"probation":{"machine":3}}}"#);
    let zero = r#"{"submit":{"request":7,"priority":0,"demand":{"procs":0}}}"#;
    assert!(
        serde_json::from_str::<Event>(zero).is_err(),
        "nobody can ask for nothing"
    );
}

#[test]
fn a_config_is_validated_when_it_is_read() {
    let good = serde_json::to_value(Config::new(4, 16).unwrap()).unwrap();
    assert_eq!(
        serde_json::from_value::<Config>(good.clone()).unwrap(),
        Config::new(4, 16).unwrap()
    );
    let mut bad = good;
    bad["machine_procs"] = 65_537.into();
    let error = serde_json::from_value::<Config>(bad)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        ConfigError::MachineProcs {
            procs: 65_537,
            limit: 65_536
        }
        .to_string()
    );
}

/// A manager with something of everything, as a JSON value to spoil.
fn rich() -> serde_json::Value {
    let mut world = World::new(Config {
        max_procs: 8,
        ..Config::new(4, 16).unwrap()
    });
    world.submit(1, 0, 3);
    world.submit(2, 1, 4);
    world.submit(3, 9, 4);
    world.up(0);
    world.assign(0, 1);
    world.once(0, key(0, 0), 1);
    world.once(0, key(0, 1), 2);
    world.once_done(0, key(0, 1), remuda::OnceOutcome::Ok);
    serde_json::to_value(&world.manager).unwrap()
}

fn refusal(spoil: impl Fn(&mut serde_json::Value)) -> String {
    let mut value = rich();
    spoil(&mut value);
    serde_json::from_value::<Manager>(value)
        .unwrap_err()
        .to_string()
}

#[test]
fn f05_what_is_read_is_not_believed() {
    assert!(serde_json::from_value::<Manager>(rich()).is_ok());
    let twice = |v: &mut serde_json::Value| {
        let first = v["queue"][0].clone();
        v["queue"].as_array_mut().unwrap().push(first);
    };
    assert_eq!(refusal(twice), "r2 is there twice");
    assert_eq!(
        refusal(|v| v["queue"][0]["procs"] = 0.into()),
        "r2 asks for more or less than a machine"
    );
    let machine = "m5 is out of order";
    assert_eq!(
        refusal(|v| {
            v["machines"][0]["machine"] = 5.into();
            v["machines"][1]["machine"] = 5.into();
        }),
        machine
    );
    let crowd = |v: &mut serde_json::Value| {
        v["machines"][0]["running"] = serde_json::json!([[7, 4], [8, 1]]);
    };
    assert_eq!(refusal(crowd), "m0 runs more than it has procs for");
    assert_eq!(
        refusal(|v| v["machines"][0]["tasks"] = serde_json::json!([1, 1])),
        "m0 holds t1 twice"
    );
    let once = |v: &mut serde_json::Value| {
        let first = v["machines"][0]["onces"][0].clone();
        v["machines"][0]["onces"]
            .as_array_mut()
            .unwrap()
            .push(first);
    };
    assert_eq!(refusal(once), "0/0 on m0 cannot be");
    let again = |v: &mut serde_json::Value| {
        let first = v["machines"][0]["waiters"][0].clone();
        v["machines"][0]["waiters"]
            .as_array_mut()
            .unwrap()
            .push(first);
    };
    assert_eq!(refusal(again), "w1 waits twice, or for nothing");
    let next = u64::MAX;
    assert_eq!(
        refusal(|v| v["growth"]["next_machine"] = next.into()),
        format!("m{next} cannot be the next machine")
    );
    let mut last = rich();
    last["growth"]["next_machine"] = (u64::MAX / 2).into();
    assert!(serde_json::from_value::<Manager>(last).is_ok());
    let past = refusal(|v| v["growth"]["next_machine"] = (u64::MAX / 2 + 1).into());
    assert!(past.ends_with("cannot be the next machine"), "{past}");
    let forgotten = refusal(|v| v["growth"]["next_machine"] = 1.into());
    assert_eq!(
        forgotten,
        "invariant 7 is broken: machine ids and machines match one to one, in order (S7)"
    );
    let placeable = refusal(|v| v["queue"][0]["procs"] = 1.into());
    assert!(placeable.starts_with("invariant 12"), "{placeable}");
    let unarmed = refusal(|v| v["armed"] = serde_json::Value::Null);
    assert!(unarmed.starts_with("invariant 15"), "{unarmed}");
    let due = refusal(|v| v["now"] = u64::MAX.into());
    assert!(due.starts_with("invariant 14"), "{due}");
    let unmet = refusal(|v| v["config"]["max_procs"] = 1000.into());
    assert!(unmet.starts_with("invariant 13"), "{unmet}");
    let unbidden = refusal(|v| v["machines"][0]["onces"][0][1] = "remote".into());
    assert_eq!(unbidden, "w1 waits twice, or for nothing");
    let alone = refusal(|v| v["machines"][0]["waiters"] = serde_json::json!([]));
    assert!(alone.starts_with("invariant 11"), "{alone}");
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
