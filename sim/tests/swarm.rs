//! The short swarm: 20,000 schedules of 200 events against the model, each brought to rest at its end. The long one
//! is the example `swarm`.

mod support;

use remuda::{Action, Config, Event, Manager, Outcome};
use remuda_sim::swarm::{Report, Swarm, replay};
use remuda_sim::{Script, shrink::Run};

use support::Wrong;

/// A cell of the coverage table that was hit less often in the short swarm is not tested by it.
const LEAST: u64 = 10;

#[test]
fn twenty_thousand_schedules_agree_with_the_model_and_come_to_rest() {
    let swarm = Swarm::default();
    assert!((swarm.schedules, swarm.events) >= (20_000, 200));
    let report = swarm.run();
    if let Some(failure) = report.failure {
        panic!("\n{failure}");
    }
    assert_eq!(report.schedules, swarm.schedules);
    assert!(report.events >= swarm.schedules * swarm.events as u64);
    println!("{}", report.coverage);
    assert_eq!(
        report.coverage.below(LEAST),
        [],
        "cells that were hit too rarely"
    );
}

#[test]
fn a_swarm_meets_the_same_whatever_the_number_of_threads() {
    let met = |threads| {
        let swarm = Swarm {
            schedules: 200,
            threads,
            ..Swarm::default()
        };
        let Report {
            events, coverage, ..
        } = swarm.run();
        (events, coverage.cells())
    };
    assert_eq!(met(1), met(3));
}

/// The failure that the swarm finds in such a manager, as a script, and how many lines it has.
fn found(hear: fn(Event) -> Event, say: fn(&mut Vec<Action>)) -> (Script, String) {
    let make = |config: Config| Wrong::new(config, hear, say);
    let report = Swarm::default().run_on(make);
    let failure = report.failure.expect("the swarm finds it");
    let text = failure.to_string();
    assert!(text.lines().count() <= 24, "not short:\n{text}");
    // What is printed can be pasted: read again, it is the same script and fails again.
    let script = Script::parse(&text).expect("a script");
    let events = script.steps.iter().map(|step| (step.at, step.event));
    let run = Run {
        config: script.config.clone(),
        events: events.collect(),
    };
    assert!(
        replay(&run, &make).is_err(),
        "it does not fail again:\n{text}"
    );
    let right = |config| Manager::new(config).expect("a valid config");
    assert_eq!(replay(&run, &right), Ok(()), "the manager is right");
    (script, text)
}

#[test]
fn s11_a_remote_error_taken_for_an_unreachable_is_found() {
    let hear = |event| match event {
        Event::Done {
            request,
            machine,
            outcome: Outcome::Remote,
        } => Event::Done {
            request,
            machine,
            outcome: Outcome::Unreachable,
        },
        event => event,
    };
    let (script, text) = found(hear, |_| {});
    // Submit, up or join, done.
    assert_eq!(script.steps.len(), 3, "{text}");
}

#[test]
fn f4_a_loss_that_is_not_told_is_found() {
    let say = |actions: &mut Vec<Action>| {
        actions.retain(|action| !matches!(action, Action::RequestLost { .. }));
    };
    let (script, text) = found(|event| event, say);
    // Submit, up or join, stopped; where a min is what starts the machine, some event before them.
    assert!((3..=4).contains(&script.steps.len()), "{text}");
}

#[test]
fn f5_a_panic_is_found() {
    let say = |actions: &mut Vec<Action>| {
        let losses = actions
            .iter()
            .filter(|a| matches!(a, Action::TaskLost { .. }));
        assert!(losses.count() < 2, "two tasks lost at once");
    };
    let (script, text) = found(|event| event, say);
    // Submit and up, or join; assign twice, stopped.
    assert!((4..=5).contains(&script.steps.len()), "{text}");
    assert!(text.contains("it panics: two tasks lost at once"), "{text}");
}
