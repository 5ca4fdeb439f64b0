//! A deterministic, sans-IO cluster machine manager.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

mod action;
mod config;
mod event;
mod id;
mod reject;
mod time;
mod view;

pub use action::{Action, Loss, Notice, Recovery};
pub use config::{Config, ConfigError};
pub use event::{Demand, Event, OnceOutcome, Outcome};
pub use id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
pub use reject::Reject;
pub use time::Instant;
pub use view::{Counts, Health, MachineCounts, StartBackoff};
