//! A virtual cluster for `remuda`.
#![forbid(unsafe_code)]

mod cluster;
mod coverage;
mod ledger;
pub mod model;
mod pair;
mod plan;
mod rng;
pub mod script;
pub mod shrink;
mod subject;
pub mod swarm;

pub use cluster::Cluster;
pub use coverage::Coverage;
pub use ledger::{Grant, Ledger};
pub use model::Model;
pub use pair::Pair;
pub use plan::{Faults, Odds, Plan, Traffic};
pub use rng::Rng;
pub use script::{ParseError, Script};
pub use subject::Subject;
pub use swarm::{Failure, Report, Swarm};
