//! The second edition of the manager.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

extern crate alloc;

mod index;
mod inspect;
#[cfg(feature = "journal")]
pub mod journal;
mod machines;
mod manager;
mod protocol;
mod queue;
mod storage;

pub use inspect::explain::{Explanation, GrowthWait, Lack, Obstacle, Wait};
pub use inspect::invariants::Violation;
pub use inspect::outstanding::Outstanding;
pub use inspect::view::{MachineView, Waiting};
pub use manager::Manager;

pub use protocol::action::{Action, Loss, Notice, Recovery};
pub use protocol::config::{Config, ConfigError, Kind, Packing, Policy};
pub use protocol::counts::{Counts, Health, MachineCounts, StartBackoff};
pub use protocol::event::{Event, Limits, OnceOutcome, Outcome, StartHint, Submit};
pub use protocol::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
pub use protocol::reject::Reject;
pub use protocol::resources::{Demand, Resources, Totals};
pub use protocol::time::Instant;
