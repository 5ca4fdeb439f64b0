//! Scenarios as they are written and read, in the forms of both editions.
use remuda::{Action, Event, KindId, Loss, Manager, Notice, Policy};
use remuda_sim::Script;

use super::*;

/// A script with every event and every kind of action.
fn words() -> Script {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/minimised/words.txt");
    Script::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_event_and_action_is_read_as_it_was_written() {
    let script = words();
    let head = Head {
        is_journal: false,
        config: script.config.clone(),
        config_hash: None,
        fresh: true,
        crate_version: None,
        rules: None,
        origin: None,
        labels: Vec::new(),
    };
    let mut text = head_line(&head);
    for (number, step) in (1..).zip(&script.steps) {
        let event = Step {
            number,
            time: step.at,
            event: step.event,
            recorded: Recorded::Nothing,
            place: Place::Line(0),
        };
        let line = serde_json::to_string(&OtherLine::event(&event, &step.actions)).unwrap();
        text += &format!("\n{line}");
    }
    let scenario = parse(&text).unwrap();
    assert_eq!(scenario.head.config, script.config);
    assert_eq!(scenario.lines.len(), script.steps.len());
    for (line, step) in scenario.lines.iter().zip(&script.steps) {
        let Item::Step(read) = line.item() else {
            panic!("an event is an event");
        };
        assert_eq!((read.time, read.event), (step.at, step.event));
        assert!(
            matches!(read.recorded, Recorded::Actions(actions) if actions == step.actions),
            "{line:?}"
        );
    }
}

#[test]
fn without_a_policy_hashes_mean_that_of_the_first_edition() {
    let head = r#"{"config": {"machine_procs": 8, "max_procs": 64}}"#;
    let event = r#"{"time": "0s", "event": "timer""#;
    let policy = |text: String| parse(&text).unwrap().head.config;
    let plain = policy(format!("{head}\n{event}}}"));
    assert_eq!((plain.policy, plain.patience), (Policy::Fit, 4));
    let hashed = policy(format!("{head}\n{event}, \"hash\": 7}}"));
    assert_eq!((hashed.policy, hashed.patience), (Policy::Bigslice, 0));
    let said = head.replace("64}", r#"64, "policy": "fit"}"#);
    let said = policy(format!("{said}\n{event}, \"hash\": 7}}"));
    assert_eq!(said.policy, Policy::Fit);
    let kinds = r#"{"config": {"kinds": [{"capacity": [8]}]}}"#;
    let kinds = policy(format!("{kinds}\n{event}, \"hash\": 7}}"));
    assert_eq!(kinds.policy, Policy::Fit);
}

#[test]
fn what_the_first_edition_did_not_say_is_what_it_was() {
    let line = |event: &str, actions: &str| {
        let head = r#"{"config": {"machine_procs": 8, "max_procs": 64}}"#;
        let text =
            format!("{head}\n{{\"time\": \"0s\", \"event\": {event}, \"actions\": {actions}}}");
        let scenario = parse(&text).unwrap();
        let Item::Step(step) = scenario.lines[0].item() else {
            panic!("an event is an event");
        };
        let Recorded::Actions(actions) = step.recorded else {
            panic!("its actions are told");
        };
        (step.event, actions.to_vec())
    };
    let (event, actions) = line(
        r#"{"polled": {"machine": 3, "answered": false}}"#,
        concat!(
            r#"[{"notice": {"machine_lost": {"machine": 3, "by": "silence"}}}, "#,
            r#"{"request_lost": {"request": 1, "machine": 3}}, {"start": {"first": 4, "count": 1}}, "#,
            r#"{"notice": {"starts_failing": {"failures": 9}}}]"#,
        ),
    );
    assert!(matches!(event, Event::Polled { .. }));
    assert!(matches!(
        actions[1..],
        [
            Action::RequestLost {
                by: Loss::Silence,
                ..
            },
            Action::Start {
                kind: KindId(0),
                ..
            },
            Action::Notice(Notice::StartsFailing {
                kind: KindId(0),
                failures: 9
            })
        ]
    ));
    for (old, new) in [("assign", "assign_task"), ("discard", "discard_task")] {
        let event = |name| {
            line(
                &format!(r#"{{"{name}": {{"machine": 0, "task": 4}}}}"#),
                "[]",
            )
            .0
        };
        assert_eq!(event(old), event(new));
    }
    let key = r#"{"machine": 0, "key": {"kind": 1, "key": 2}}"#;
    let forget = |name| line(&format!(r#"{{"{name}": {key}}}"#), "[]").0;
    assert_eq!(forget("forget"), forget("forget_once"));
}

#[test]
fn fields_of_a_config_change_by_name() {
    let kinds = r#"{"config": {"max_procs": 64, "kinds": [{"capacity": [8, 100], "idle": 60}, {"capacity": 4}]}}"#;
    let config = parse(kinds).unwrap().head.config;
    let change = |changes: &str| changed(&config, changes);
    let now = change("k0.idle=never, k0.capacity=[16,200],k1.max=3,patience=0,packing=first_fit")
        .unwrap();
    assert_eq!(now.kinds[0].idle, None);
    assert_eq!(now.kinds[0].capacity.amounts()[..2], [16, 200]);
    assert_eq!((now.kinds[1].max, now.patience), (3, 0));
    let now = change(r#"kinds=[{"capacity":[2],"cost":3}],max_procs=8"#).unwrap();
    assert_eq!(
        (now.kinds.len(), now.kinds[0].cost, now.max_procs),
        (1, 3, 8)
    );
    assert!(Manager::new(now.clone()).is_ok());
    // From one policy to the other, with its own figures.
    let bigslice = changed(&now, "policy=bigslice,kinds=[{\"capacity\":[2]}]").unwrap();
    assert_eq!((bigslice.policy, bigslice.patience), (Policy::Bigslice, 0));
    let fit = changed(&bigslice, "policy=fit").unwrap();
    assert_eq!((fit.policy, fit.patience, fit.flaps), (Policy::Fit, 4, 3));
    let fit = changed(&bigslice, "policy=fit,machine_procs=4").unwrap();
    assert_eq!(fit.kinds[0].capacity.proc_count(), 4);
    for (changes, said) in [
        ("k2.max=3", "k2.max: the config has the kinds k0 to k1"),
        ("k0.size=3", "a kind has no \"size\""),
        ("k0.max=some", "k0.max: expected a whole number"),
        ("k0.min=4,k0.max=3", "kind k0: min 4"),
        ("machine_procs=4", "it has several kinds"),
        ("policy=bigslice", "the policy bigslice has one kind"),
        ("policy=none", "policy: unknown variant `none`"),
        ("hold_limit=0s", "the hold limit must not be zero"),
    ] {
        let error = change(changes).unwrap_err();
        assert!(error.contains(said), "{changes}: {error}");
    }
}
