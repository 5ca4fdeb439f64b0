//! What may be changed in a run, and what that changes in its answers: no model is asked, two managers are.

#[path = "../support/runs.rs"]
mod runs;

mod mapped;
mod no_trace;
mod outcomes;

use remuda::{Config, Manager, Policy, Resources};
use remuda_sim::shrink::Run;
use remuda_sim::{Plan, Rng};

use runs::run_of;

const EVENTS: usize = 200;

fn run(seed: u64) -> Run {
    run_of(seed, EVENTS, |_| {})
}

/// A run on machines of few procs: of those with many, a copy takes long.
fn run_to_copy(seed: u64) -> Run {
    run_of(seed, EVENTS, |plan| {
        for kind in &mut plan.config.kinds {
            let mut amounts = kind.capacity.amounts();
            amounts[0] = amounts[0].min(100);
            kind.capacity = Resources::new(amounts);
        }
        plan.traffic.procs = plan.traffic.procs.min(100);
        plan.faults.wild = plan.faults.wild.max(16);
    })
}

/// A run under bigslice's policy, if the seed gives one.
fn run_of_bigslice(seed: u64, change: impl FnOnce(&mut Plan)) -> Option<Run> {
    let policy = Plan::draw(&mut Rng::new(seed)).config.policy;
    (policy == Policy::Bigslice).then(|| run_of(seed, EVENTS, change))
}

fn manager(config: &Config) -> Manager {
    Manager::new(config.clone()).expect("a valid config")
}
