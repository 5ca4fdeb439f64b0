//! Runs of drawn clusters, to be played again in other ways.

use remuda::Manager;
use remuda_sim::shrink::Run;
use remuda_sim::{Cluster, Plan, Rng};

/// What a cluster of this seed did in so many events, under a plan that was drawn and then changed.
pub(crate) fn run_of(seed: u64, events: usize, change: impl FnOnce(&mut Plan)) -> Run {
    let mut plan = Plan::draw(&mut Rng::new(seed));
    change(&mut plan);
    let config = plan.config;
    let manager = Manager::new(config).expect("a valid config");
    let mut cluster = Cluster::new(plan, seed, manager);
    cluster.run(events).expect("a right manager");
    let events = cluster.log().to_vec();
    Run { config, events }
}
