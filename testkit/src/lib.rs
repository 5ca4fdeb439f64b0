//! Tests for what you put around [`remuda`]: which of its promises it breaks, and how in a few steps.
//!
//! - **A loop of your own around a [`Manager`](remuda::Manager).** Implement [`Adapter`] for it. A [`Check`] plays the world
//!   around it, by hundreds of stories on virtual time: machines that come up, fail to, fall silent, end, must go; clients that
//!   ask, wait, go away; work that ends in all its forms. It sees what the loop tells the manager and what it does in the
//!   [`World`], and a [`Rule`] that is broken is told with the shortest story that was found for it.
//! - **An async runtime for the driver**, a `Runtime`: `conformance!` makes a test of each promise of that trait (feature
//!   `driver`).
//! - **A kind of machine for the driver**, a `System`: module `system` (feature `driver`).
//! - **What uses a cluster**: module `scripted` has a system whose machines do what a test says, `virtual_time` a runtime whose
//!   time stands still until a test moves it (feature `driver`).
//!
//! The chapter [Your own adapter](https://github.com/remuda/remuda/blob/main/docs/own-adapter.md) writes one, and finds its
//! mistake. Nothing here reads a clock or draws from anything but a seed, except for `conformance!` and `system`, whose tests
//! are of real time.

#![forbid(unsafe_code)]

mod adapter;
mod check;
mod draw;
mod happening;
mod ledger;
mod play;
mod rule;
#[cfg(feature = "driver")]
pub mod runtime;
#[cfg(feature = "driver")]
pub mod scripted;
mod shrink;
mod story;
#[cfg(feature = "driver")]
pub mod system;
#[cfg(feature = "driver")]
pub mod virtual_time;
#[cfg(feature = "driver")]
mod waiting;
mod world;

pub use adapter::Adapter;
pub use check::{Broken, Check, Part, Report};
pub use happening::Happening;
pub use rule::Rule;
#[cfg(feature = "driver")]
pub use waiting::{eventually, sleep, within};
pub use world::World;
