//! What the benchmarks share: the workloads, and what they run on.

pub mod allocator;
pub mod carrier;
pub mod floor;
pub mod harness;
pub mod idle;
pub mod lease;
pub mod ours;
pub mod port;
pub mod unlike;
pub mod workloads;
