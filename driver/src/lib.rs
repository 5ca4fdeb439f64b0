//! Drives a [`remuda::Manager`] in any async runtime: turns its actions into machine starts, polls and timers, and turns
//! what happens on the machines into its events.
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
//! - A [`Runtime`] is four methods: spawn, sleep until, now, start a child process. The crates `remuda-tokio` and
//!   `remuda-async-std` implement it.
//! - A [`System`] defines how machines of each kind start, stop, are polled and called. With [`ProcessSystem`] a machine is
//!   a child process, started on this host, through `ssh`, or under Slurm. With a [`Listener`] it is a worker that connects
//!   back over TCP ([`ConnectSystem`]); a [`ByKind`] has both in one cluster.
//! - A [`Cluster`] connects both with a manager. [`Cluster::request`] resolves to a [`Lease`], and [`Lease::call`] starts a
//!   [`Call`].
//!
//! **Dropping.** A dropped request is cancelled; if it was granted meanwhile, the grant is returned as *unused* (S13). A
//! dropped call is cancelled. A dropped lease cancels its calls, and its procs are granted again when the machine has
//! confirmed the end of the calls (F12). All of them may be dropped at any await and on any thread, also outside a runtime.
//!
//! **Ids.** Those of requests and of machines ascend and are never used twice, so a late answer is never taken for the answer
//! to another request, or of another machine (Q3).
//!
//! **Ends.** A machine ends because it is idle, drained or above a limit (the cluster stops it, and gives its start up if it is
//! not up yet), because the cluster shuts down, or because it is lost. Only a loss is logged as a warning.
//!
//! **Order.** Clients see grants and losses in the order in which the manager decided them. A waker may drop leases and
//! may call the cluster.
//!
//! **Loss.** A call on a lost machine resolves as [`CallError::Lost`] when all that it ran has ended. The client may then
//! run it again on another machine at once. [`Options`] has a time-out for calls that ignore their cancel, and one for
//! requests when nothing is in service.
//!
//! **Recording.** A cluster made by [`Cluster::recorded`] passes every event of the manager to a [`Recorder`].
//! [`FileRecorder`] writes them as a journal, which `remuda replay` can replay.
//!
//! **Logging.** Notices go to [`tracing`]: losses, failed starts and probations at level warn, others at level info.

// From the bottom up: a module imports only from its own group and from those above it, and no two import each other.

// Small tools.
mod ids;
mod ongoing;
mod panics;
mod signal;
mod text;

// The traits that a user implements, and their types.
mod error;
mod record;
mod runtime;
mod system;

// What a user passes in or reads.
mod figures;
mod file_recorder;
mod lost_tasks;
mod machine;
mod options;
mod past;
mod status;

// Our systems.
mod by_kind;
pub mod listen;
pub mod process;
pub mod template;
mod worker_link;

// The state, from its records to its lock.
mod effect;
mod failures;
mod membership;
mod shared;
mod state;
mod tables;

// The driver's tasks, and the handles of its clients.
mod admit;
mod background;
mod call;
mod cluster;
mod lease;
mod lifecycle;
mod once;
mod request;
mod resume;
mod timer;

pub use by_kind::{ByKind, OneOf};
pub use call::Call;
pub use cluster::Cluster;
pub use error::{CallError, OnceError, RequestError, StartError};
pub use figures::{ClusterFigures, KindFigures};
pub use file_recorder::{FileRecorder, RecordOptions, Recording, RecordingError};
pub use lease::Lease;
pub use listen::{ConnectSystem, ConnectedWorker, Listen, Listener};
pub use lost_tasks::{LostTask, LostTasks};
pub use machine::Machine;
pub use once::OnceMachine;
pub use options::{Options, worker_silence};
pub use past::{Past, PastError};
pub use process::ProcessSystem;
pub use record::{Barrier, Recorder};
pub use remuda;
pub use remuda_worker::session::{Key, KeyError};
pub use remuda_worker::wire::{Figures, Stream, Usage};
pub use request::Request;
pub use resume::Resumed;
pub use runtime::{Accept, Child, Connection, Process, Runtime};
pub use status::MachineStatus;
pub use system::{Caller, Chunk, Invocation, Output, Progress, Start, System};
pub use template::TemplateSystem;
pub use text::{Keep, harmless};
