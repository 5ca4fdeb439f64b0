//! The virtual cluster by itself, with no model beside it: what it promises of a right manager, and what it finds
//! wrong with others.

mod support;

use remuda::{Action, Config, Event, MachineId, Manager};
use remuda_sim::{Cluster, Plan, Rng};

use support::Wrong;

/// A machine that often answers nothing is not drained: nothing is stopped.
fn config() -> Config {
    Config::new(4, 16).expect("a valid config").flaps(0)
}

/// What is found wrong with such a manager in a perfect world.
fn wrong(config: Config, hear: fn(Event) -> Event, say: fn(&mut Vec<Action>)) -> String {
    let subject = Wrong::new(config.clone(), hear, say);
    let mut cluster = Cluster::new(Plan::new(config), 1, subject);
    let result = cluster.run(200).and_then(|()| cluster.calm());
    result.expect_err("something is wrong")
}

#[test]
fn in_a_perfect_world_every_request_is_served_and_nothing_is_lost() {
    for seed in 0..50 {
        let manager = Manager::new(config()).expect("a valid config");
        let mut cluster = Cluster::new(Plan::new(config()), seed, manager);
        cluster
            .run(300)
            .and_then(|()| cluster.calm())
            .expect("all is well");
        let steps = cluster.script().steps;
        let actions = || steps.iter().flat_map(|step| &step.actions);
        assert!(actions().any(|a| matches!(a, Action::Grant { .. })));
        assert!(!actions().any(|a| matches!(a, Action::RequestLost { .. } | Action::Stop { .. })));
        assert_eq!(cluster.subject().counts().need.procs(), 0);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let script = |seed| {
        let plan = Plan::draw(&mut Rng::new(3));
        let manager = Manager::new(plan.config.clone()).expect("a valid config");
        let mut cluster = Cluster::new(plan, seed, manager);
        cluster.run(200).expect("a right manager");
        cluster.script().to_string()
    };
    assert_eq!(script(1), script(1));
    assert_ne!(script(1), script(2));
}

#[test]
fn a_grant_that_is_not_told_leaves_its_client_waiting() {
    let say = |actions: &mut Vec<Action>| actions.retain(|a| !matches!(a, Action::Grant { .. }));
    let found = wrong(config(), |event| event, say);
    // Seen at once (P2).
    assert_eq!(found, "r1 waits although it fits m0");
    let found = wrong(Config::bigslice_machines(4, 16), |event| event, say);
    assert!(found.ends_with("waits for ever"), "{found}");
}

#[test]
fn a_grant_that_is_told_twice_is_found() {
    let say = |actions: &mut Vec<Action>| {
        let grant = actions.iter().find(|a| matches!(a, Action::Grant { .. }));
        actions.extend(grant.copied());
    };
    let found = wrong(config(), |event| event, say);
    assert!(found.ends_with("is granted and does not wait"), "{found}");
}

#[test]
fn a_manager_that_starts_machines_without_end_is_found() {
    let hear = |event| match event {
        Event::Up { machine, .. } => Event::StartFailed {
            machine,
            hint: None,
        },
        event => event,
    };
    let config = Config::bigslice_machines(4, 16);
    let subject = Wrong::new(config.clone(), hear, |_| {});
    let mut cluster = Cluster::new(Plan::new(config), 1, subject);
    let machine = MachineId(0);
    cluster.run(20).expect("so far nothing shows");
    let up = Event::Up {
        machine,
        offer: None,
    };
    let _ = cluster.feed(up, remuda::Instant::from_secs(60));
    let found = cluster.calm().expect_err("a start too many");
    assert!(found.contains("machines started where"), "{found}");
}
