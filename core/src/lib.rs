//! A deterministic, sans-IO cluster machine manager.
//!
//! A *remuda* is the herd of saddle horses from which ranch hands pick the day's mounts. Here the
//! herd is machines, and the hands are requests for procs. A [`Manager`] queues requests by
//! priority, places each on the right machine, grows the cluster on demand, sets flaky machines
//! aside, notices lost ones, and says what was lost. It does no I/O, reads no clock and spawns
//! nothing: you tell it what happened and when, and it tells you what to do.
//!
//! ```text
//!   clients ──── submit, cancel, done ───┐              ┌─── grant, request lost ───▶ clients
//!                                        ▼              │
//!  machines ─── up, stopped, polled ─▶ Manager::handle ─┼─── start, stop, poll ─────▶ machines
//!                                        ▲              │
//!    clock ──── now, timer ──────────────┘              └─── set timer ─────────────▶ clock
//! ```
//!
//! So it embeds in any runtime or none, is tested in microseconds on a virtual clock, and replays a
//! recorded run event by event: the same events at the same times give the same actions.
//!
//! # The loop
//!
//! One call does it all; there is no second one to drain, poll or flush. `recv_timeout` is the
//! timer here. The example `threads` is this loop with machines that do real work.
//!
//! ```
//! use std::sync::mpsc::{RecvTimeoutError, channel};
//! use std::time::Duration;
//!
//! use remuda::{Action, Config, Demand, Event, Instant, MachineId, Manager, Outcome, RequestId};
//!
//! let mut manager = Manager::new(Config::new(4, 16)?)?;
//! let (events, inbox) = channel();
//! let start = std::time::Instant::now();
//! let now = || Instant::ZERO + start.elapsed();
//!
//! // A client asks for two procs.
//! let demand = Demand::procs(2).expect("two is not zero");
//! events.send(Event::Submit { request: RequestId(1), priority: 0, demand })?;
//!
//! loop {
//!     let wait = manager.next_timeout().map_or(Duration::MAX, |at| at - now());
//!     let event = match inbox.recv_timeout(wait) {
//!         Err(RecvTimeoutError::Timeout) => Event::Timer,
//!         event => event?,
//!     };
//!     for action in manager.handle(event, now()) {
//!         match action {
//!             // Machines are imaginary here: they come up at once, and work takes no time.
//!             Action::Start { first, count } => {
//!                 for id in first.0..first.0 + u64::from(count) {
//!                     events.send(Event::Up { machine: MachineId(id) })?;
//!                 }
//!             }
//!             Action::Grant { request, machine } => {
//!                 println!("{request} runs on {machine}");
//!                 events.send(Event::Done { request, outcome: Outcome::Ok })?;
//!             }
//!             Action::Poll { machine } => {
//!                 events.send(Event::Polled { machine, answered: true })?;
//!             }
//!             // A real adapter handles every action.
//!             _ => {}
//!         }
//!     }
//!     if manager.counts().need == 0 {
//!         break;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Words
//!
//! - **proc**: the unit of capacity, usually a core. All machines have the same number of procs.
//! - **request**: a wish for procs of one machine, or a whole one, with a priority. It is *queued*
//!   until it is granted.
//! - **grant**: a machine given to a request, whose procs are taken until the client says *done*.
//! - **outcome**: how the work ended. A *remote* error is the failure of the user's own code; a call
//!   that never got a proper answer is *unreachable*.
//! - **probation**: where a machine goes whose work ended unreachable: it gets nothing new until
//!   something there succeeds or some time has passed.
//! - **lost**: stopped, or silent for too many polls; for good, with all that ran and lived there.
//! - **task**: a unit whose result stays on a machine after its request is done.
//! - **once-work**: work that runs exactly once on each machine however many ask for it.
//! - **poll**: asking a machine for its figures, which also shows whether it is alive.
//! - **back-off**: the growing pause between failed attempts to start machines.
//! - **need, have, pending**: procs asked for, in service, and being started. The cluster grows when
//!   the first is more than the other two.
//!
//! # What to rely on
//!
//! - No sequence of events makes [`Manager::handle`] panic or lose track (F5): a wrong one is answered
//!   by [`Action::Reject`] and changes nothing.
//! - `S5`, `F4`, … name rules, which `ARCHITECTURE.md` in the repository spells out: each is cited
//!   where it is implemented and has a test that carries its name.
//! - [`Manager::check_invariants`] checks the whole state the slow and simple way.
//!
//! # Features
//!
//! `no_std` with `alloc`, and no unsafe code. Feature `serde` (off by default) serialises events,
//! actions, [`Config`] and the whole [`Manager`], which is validated when it is read. Feature `journal` (off by default)
//! records what a manager is told, to be played again: module `journal`.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

extern crate alloc;

mod action;
mod bits;
mod branch;
mod by_time;
mod cell;
mod classes;
mod config;
mod event;
mod explain;
mod fifo;
mod full;
mod grow;
mod hash;
mod health;
mod heap;
mod hints;
mod holdings;
mod id;
mod invariants;
#[cfg(feature = "journal")]
pub mod journal;
mod list;
mod machines;
mod manager;
mod place;
mod places;
mod plain;
mod poll;
mod prefetch;
mod ready;
mod reject;
mod requests;
mod running;
#[cfg(feature = "serde")]
mod snapshot;
mod state;
mod table;
mod time;
mod timers;
mod view;
mod window;

pub use action::{Action, Loss, Notice, Recovery};
pub use config::{Config, ConfigError};
pub use event::{Demand, Event, OnceOutcome, Outcome};
pub use explain::{Explanation, GrowthWait, Obstacle, Wait};
pub use id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
pub use invariants::Violation;
pub use manager::Manager;
pub use reject::Reject;
pub use time::Instant;
pub use view::{Counts, Health, MachineCounts, MachineView, StartBackoff, Waiting};
