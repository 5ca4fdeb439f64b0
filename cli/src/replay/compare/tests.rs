//! Workloads of simulated clusters, given to managers of the same config and of others.
use std::time::Duration;

use proptest::prelude::*;
use remuda::{Config, Event, Instant, Manager};
use remuda_sim::{Cluster, Plan, Rng};

use super::*;
use crate::replay::input::Input;
use crate::replay::items::{Head, Item};
use crate::replay::scenario::Line;

fn input(config: Config, log: &[(Instant, Event)]) -> Input {
    let lines = log
        .iter()
        .zip(1..)
        .map(|(&(time, event), number)| Line::Event {
            number,
            line: 0,
            time,
            event,
            actions: None,
            hash: None,
        });
    let head = Head {
        is_journal: false,
        config,
        config_hash: None,
        fresh: true,
        crate_version: None,
        rules: None,
        origin: None,
        labels: Vec::new(),
    };
    Input::made("a run".into(), head, lines.collect())
}

fn run_of(plan: Plan, seed: u64, events: usize) -> Input {
    let config = plan.config.clone();
    let mut cluster = Cluster::new(plan, seed, Manager::new(config.clone()).unwrap());
    cluster.run(events).unwrap();
    input(config, cluster.log())
}

/// Clients that are clients only, in a world where nothing goes wrong but what happens to machines.
fn plain(machine_procs: u32, machines: u32) -> Plan {
    let config = Config::new(machine_procs, u64::from(machine_procs * machines)).unwrap();
    let mut plan = Plan::new(config);
    plan.traffic.weights = [8, 1, 0, 0, 0, 0];
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn under_its_own_config_a_run_goes_as_it_went(seed: u64, procs in 1u32..5, machines in 1u32..6, lost: bool) {
        let mut plan = plain(procs, machines);
        if lost {
            plan.faults.stops = 8;
            plan.faults.start_fails = 32;
            plan.faults.poll_unanswered = 128;
        }
        let input = run_of(plan, seed, 400);
        let comparison = what_if(&input, input.head.config.clone(), "nothing").unwrap();
        let as_was = made(&input, input.head.config.clone(), "nothing").unwrap();
        let recorded = diff(&input, &as_was).unwrap();
        prop_assert!(comparison.first.is_none(), "{}", comparison);
        prop_assert!(recorded.earlier.is_empty() && recorded.later.is_empty(), "{}", recorded);
        prop_assert!(recorded.only[0].is_empty(), "{}", recorded);
    }

    #[test]
    fn whatever_went_wrong_every_config_comes_to_an_end(seed: u64, served: bool, procs in 1u32..9, machines in 1u64..9) {
        let mut plan = Plan::draw(&mut Rng::new(seed));
        if served {
            // Nothing that would let a request wait for ever, or for very long.
            let faults = &mut plan.faults;
            (faults.limits_change, faults.max_procs_changes) = (0, 0);
            (faults.offer_less, faults.joins, faults.wild) = (0, 0, 0);
            plan.traffic.give_up = 0;
        }
        let input = run_of(plan, seed, 300);
        // Few polls: some of these runs last for years.
        let config = Config::new(procs, u64::from(procs) * machines).unwrap();
        let config = config.poll_interval(Duration::from_secs(3600)).summary_interval(Duration::ZERO);
        let Ok(other) = made(&input, config, "another") else {
            // Its polls are too many: that was said.
            return Ok(());
        };
        let comparison = diff(&input, &other).unwrap();
        let [_, sums] = &comparison.sums;
        // Nothing comes up after the end of time.
        let last = input.items().filter_map(|item| match item {
            Ok(Item::Step(step)) => Some(step.time),
            _ => None,
        });
        prop_assume!(last.max() < Some(Instant(u64::MAX / 2)) && sums.over < Instant::MAX);
        // A request that was not placed was refused, or cancelled by its client.
        let over = sums.granted + sums.refused + sums.cancelled + sums.expired;
        prop_assert!(sums.requests == over || !served && sums.requests > over, "{}", comparison);
    }
}
