//! Drives a [`remuda::Manager`] in any async runtime: turns its decisions into machine starts, calls and timers, and
//! what happens into its events.
//!
//! ```text
//!   client            Cluster              core              System
//!     │  request().await │                   │                  │
//!     ├─────────────────▶│ Event::Submit     │                  │
//!     │                  ├──────────────────▶│                  │
//!     │                  │     Action::Start │                  │
//!     │                  │◀──────────────────┤                  │
//!     │                  ├──────────────────────── start(m0) ──▶│
//!     │                  │ Event::Up         │                  │
//!     │                  ├──────────────────▶│                  │
//!     │    Lease         │     Action::Grant │                  │
//!     │◀─────────────────┤◀──────────────────┤                  │
//!     │  lease.call(…)   │                   │                  │
//!     ├─────────────────▶├─────────────────── call(m0, …) ─────▶│
//!     │    result        │                   │                  │
//!     │◀─────────────────┤◀─────────────────────────────────────┤
//!     │  lease.finish(…) │ Event::Done       │                  │
//!     └─────────────────▶├──────────────────▶│                  │
//! ```
//!
//! - A [`Runtime`] is four methods: spawn, sleep until, now, start a child. `remuda-tokio` and `remuda-async-std` have
//!   theirs.
//! - A [`System`] says how machines start, stop, are polled and called. [`ProcessSystem`] is ours: a machine is a child
//!   process, started here, through `ssh`, under Slurm.
//! - A [`Cluster`] is both with a manager. [`Cluster::request`] gives a [`Lease`], [`Lease::call`] a [`Call`].
//!
//! **Dropping.** A dropped request is cancelled; a grant that crosses the drop is handed back. A dropped call is
//! cancelled. A dropped lease cancels its calls, and its procs are given out again when the machine has confirmed their
//! end (F12). Any of these may be dropped at any await, on any thread, with or without a runtime around.
//!
//! **Order.** Clients hear of grants, losses and wakes in the order the manager decided them. A waker may drop leases or
//! call back into the cluster.
//!
//! **Loss.** A call on a machine that is lost resolves as [`CallError::Lost`] once what it ran is dead: then it may be
//! run again elsewhere, at once.
//!
//! **Recording.** A [`Cluster::recorded`] tells a [`Recorder`] all that the manager is told; [`FileRecorder`] writes a
//! journal of it, which `remuda replay` plays again.
//!
//! Notices go to [`tracing`]: losses, failed starts and probations as warnings, the rest as information.

// From the bottom up: a module imports only from its own group and from those above it, and no two import each other.

// Small tools.
mod ids;
mod panics;
mod signal;

// The traits that a user implements, and their types.
mod error;
mod record;
mod runtime;
mod system;

// What a user passes in or reads.
mod file_recorder;
mod lost_tasks;
mod machine;
mod options;
pub mod process;
mod status;

// The state, from its records to its lock.
mod effect;
mod shared;
mod state;
mod tables;

// The driver's tasks, and the handles of its clients.
mod background;
mod call;
mod cluster;
mod lease;
mod lifecycle;
mod once;
mod request;
mod timer;

pub use call::Call;
pub use cluster::Cluster;
pub use error::{CallError, OnceError, RequestError, StartError};
pub use file_recorder::{FileRecorder, RecordOptions, Recording, RecordingError};
pub use lease::Lease;
pub use lost_tasks::{LostTask, LostTasks};
pub use machine::Machine;
pub use once::OnceMachine;
pub use options::Options;
pub use process::ProcessSystem;
pub use record::Recorder;
pub use remuda;
pub use remuda_worker::wire::{Figures, Stream, Usage};
pub use request::Request;
pub use runtime::{Child, Process, Runtime};
pub use status::MachineStatus;
pub use system::{Chunk, Invocation, Output, System};
