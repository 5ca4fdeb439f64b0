//! A deterministic, sans-IO cluster machine manager.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

extern crate alloc;

mod action;
mod bits;
mod classes;
mod config;
mod event;
mod grow;
mod hash;
mod health;
mod heap;
mod holdings;
mod id;
mod invariants;
mod list;
mod machines;
mod manager;
mod place;
mod poll;
mod reject;
mod requests;
#[cfg(feature = "serde")]
mod snapshot;
mod time;
mod timers;
mod view;

pub use action::{Action, Loss, Notice, Recovery};
pub use config::{Config, ConfigError};
pub use event::{Demand, Event, OnceOutcome, Outcome};
pub use id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
pub use invariants::Violation;
pub use manager::Manager;
pub use reject::Reject;
pub use time::Instant;
pub use view::{Counts, Health, MachineCounts, MachineView, StartBackoff};
