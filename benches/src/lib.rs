//! What the benchmarks share: the workloads, and those who carry them.

pub mod allocator;
pub mod carrier;
pub mod floor;
pub mod idle;
pub mod lease;
pub mod nobody;
pub mod ours;
pub mod port;
pub mod workloads;
