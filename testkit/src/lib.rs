//! What tests of an adapter for [`remuda_driver::remuda`] need.

#![forbid(unsafe_code)]

pub mod scripted;
pub mod virtual_time;
mod waiting;

pub use waiting::{eventually, sleep, within};
