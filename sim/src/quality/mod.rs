//! How well requests are scheduled: a log of jobs is replayed on virtual time through the real
//! [`Manager`](remuda::Manager), and the waits are measured.
//!
//! - [`read`] reads a log in the Standard Workload Format from text, which [`unpack`] gives of a file's bytes; [`generate`] makes
//!   a small one.
//! - [`replay`] tells a manager of every job of it, on machines that are always there or that are
//!   started and stopped by need ([`Setup`]), and gives the [`Figures`].
//! - [`endless`] is one experiment: how long a whole machine is waited for in an endless stream of
//!   small requests.
//! - [`Agenda`] orders what is still to happen, for these and for the proofs in `tests/`.
//!
//! All is computed in whole milliseconds: the same log gives the same figures everywhere.
//!
//! ```
//! use remuda_sim::quality::{Machines, Order, Setup, generate, read, replay};
//!
//! let log = read(&generate(1, 100, 8)).expect("what is generated can be read");
//! let setup = Setup {
//!     procs: 8,
//!     machines: Machines::Fixed { machines: 2 },
//!     order: Order::BestFit,
//!     patience: 4,
//! };
//! let figures = replay(&log.that_fit(8), &setup)?;
//! assert_eq!(figures.jobs, 100);
//! # Ok::<(), remuda_sim::quality::ReplayError>(())
//! ```
//!
//! As a command: `cargo run --release -p remuda-sim --example quality -- --help`.

mod agenda;
mod endless;
mod figures;
mod generate;
mod replay;
mod swf;

pub use agenda::Agenda;
pub use endless::{Endless, endless};
pub use figures::Figures;
pub use generate::generate;
pub use replay::{Machines, Order, ReplayError, Setup, replay};
pub use swf::{Job, Log, Problem, SwfError, read, unpack};
