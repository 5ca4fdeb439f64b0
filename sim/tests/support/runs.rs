//! Runs of drawn clusters, to be played again in other ways.

use core::fmt::Display;

use remuda::Manager;
use remuda_sim::shrink::Run;
use remuda_sim::{Cluster, Plan, Rng};

/// What a cluster of this seed did in so many events, under a plan that was drawn and then changed.
pub(crate) fn run_of(seed: u64, events: usize, change: impl FnOnce(&mut Plan)) -> Run {
    let mut plan = Plan::draw(&mut Rng::new(seed));
    change(&mut plan);
    let config = plan.config.clone();
    let manager = Manager::new(config.clone()).expect("a valid config");
    let mut cluster = Cluster::new(plan, seed, manager);
    cluster.run(events).expect("a right manager");
    let events = cluster.log().to_vec();
    Run { config, events }
}

/// Asserts that two managers are the same, in state and in the sums that are kept beside it.
#[track_caller]
pub(crate) fn assert_same(one: &Manager, other: &Manager, at: impl Display) {
    assert_eq!(one, other, "{at}");
    assert_eq!(one.counts(), other.counts(), "{at}");
    assert_eq!(one.next_timeout(), other.next_timeout(), "{at}");
}
