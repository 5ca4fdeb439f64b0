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

mod background;
mod call;
mod cluster;
mod effect;
mod error;
mod file_recorder;
mod ids;
mod lease;
mod lifecycle;
mod lost_tasks;
mod machine;
mod once;
mod options;
mod panics;
pub mod process;
mod record;
mod request;
mod runtime;
mod shared;
mod signal;
mod state;
mod status;
mod system;
mod tables;
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
