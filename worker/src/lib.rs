//! The worker's side of a [remuda](https://docs.rs/remuda) cluster: a registry of named functions, served on plain threads to
//! the driver that started the process. Any program becomes a worker in a few lines:
//!
//! ```no_run
//! use remuda_worker::{Registry, Worker};
//!
//! fn main() {
//!     let registry = Registry::new()
//!         .function("sum", |numbers: Vec<u64>| Ok::<u64, String>(numbers.iter().sum()))
//!         .exec(); // and processes, as `remuda worker` runs them
//!     Worker::new(registry).procs(4).serve()
//! }
//! ```
//!
//! | module or type | what it is |
//! |---|---|
//! | [`Registry`] | the functions, typed with serde |
//! | [`Context`] | what a function has besides its argument: outputs, cancellation, counters |
//! | [`Worker`] | the serve loop, on standard input and output or on a connection back to the driver ([`Connect`]) |
//! | [`Exec`], [`Exit`] | the built-in function [`EXEC`]: runs a process and streams its output |
//! | [`Job`], [`JobEnd`] | the built-in function [`JOB`]: the same with GPUs of its own and memory that is watched |
//! | [`wire`] | the protocol, sans-IO: bytes in, messages out; the driver uses it too |
//! | [`session`] | what carries the protocol where a worker connects back: sealed, and resumed after a cut; sans-IO too |
//!
//! What the program prints cannot break the protocol, which moves to private descriptors. What runs ends with the worker, however
//! that ends: when its driver is gone it kills its jobs by process group, and when it is itself killed (-9) a small guard process,
//! which [`Worker::serve`] starts, does. The driver sees the end of the worker's output only after that.

#[cfg(not(unix))]
compile_error!("a worker needs Unix: process groups, pipes and poll(2)");

mod call;
mod clock;
mod connect;
mod context;
mod devices;
mod exec;
mod figures;
mod first;
mod guard;
mod jobs;
mod kept;
mod leave;
mod memory;
mod offer;
mod outbox;
mod pool;
mod processes;
mod registry;
mod serve;
pub mod session;
mod silence;
mod stdio;
mod sync;
pub mod wire;

pub use connect::Connect;
pub use context::{Context, Output};
pub use exec::{EXEC, Exec, Exit, Gpus, JOB, Job, JobEnd, Program, RUN, Word};
pub use figures::Counter;
pub use guard::init;
pub use offer::Offer;
pub use registry::{Registry, names};
pub use serve::Worker;
