//! A virtual cluster for [`remuda`], on virtual time: what holds the manager against its rules, for its own tests and
//! for yours.
//!
//! - [`Cluster`] plays clients, machines, the driver between them and the clock, by a [`Plan`] and a seed: starts
//!   that fail, singly or together, or are answered late, never or twice; done said late, twice or never; losses
//!   between a grant and its delivery; machines that flap; clocks that jump and step back; and more ([`Faults`]). At
//!   its end [`Cluster::calm`] lets the faults cease, and whatever can be served must be.
//! - [`Model`] is the rules of the manager once more, as naive as they can be written, from their text alone. It is the
//!   oracle.
//! - [`Pair`] holds a [`Subject`] (a [`Manager`](remuda::Manager), or something around one) against the model: the
//!   same actions after every event.
//! - [`Swarm`] does so for many schedules, each with a plan of its own, and counts what they met ([`Coverage`]). A
//!   failure is [shrunk](shrink::shrink) to a short [`Script`], printed ready to paste.
//! - [`Find`] finds a panic, a breach of the rules or a loss in a run of any length, which [`shrink::minimise`] cuts down to the
//!   few events that show it.
//! - [`World::walk`] does so for every run of a small world.
//!
//! Nothing here reads a clock or draws from anything but its seed: the same seed gives the same run everywhere.
//!
//! ```
//! use remuda::{Config, Manager};
//! use remuda_sim::{Cluster, Plan};
//!
//! // Is every request served although a third of the starts fail and machines flap?
//! let mut plan = Plan::new(Config::new(8, 64)?);
//! plan.faults.start_fails = 85; // of 256
//! plan.faults.flapping = 128;
//! for seed in 0..20 {
//!     let manager = Manager::new(plan.config.clone())?;
//!     let mut cluster = Cluster::new(plan.clone(), seed, manager);
//!     let served = cluster.run(500).and_then(|()| cluster.calm());
//!     assert_eq!(served, Ok(()), "seed {seed}:\n{}", cluster.script());
//! }
//! # Ok::<(), remuda::ConfigError>(())
//! ```
//!
//! The swarm as a command: `cargo run --release -p remuda-sim --example swarm -- --schedules 1000000`.

#![forbid(unsafe_code)]

mod cluster;
mod coverage;
mod driven;
pub mod find;
mod ledger;
pub mod model;
mod pair;
pub mod panics;
mod plan;
pub mod quality;
mod rng;
pub mod script;
pub mod shrink;
mod subject;
pub mod swarm;
mod views;
pub mod walk;

pub use cluster::Cluster;
pub use coverage::Coverage;
pub use driven::Driven;
pub use find::Find;
pub use ledger::{Grant, Known, Ledger};
pub use model::{Figures, Model};
pub use pair::Pair;
pub use plan::{Faults, Ids, Odds, Plan, Traffic};
pub use rng::Rng;
pub use script::{ParseError, Script};
pub use subject::Subject;
pub use swarm::{Failure, Report, Swarm};
pub use walk::{Walk, World};
