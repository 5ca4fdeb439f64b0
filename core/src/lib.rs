//! A deterministic, sans-IO cluster machine manager.
//!
//! A *remuda* is the herd of saddle horses from which ranch hands pick the day's mounts. Here the
//! herd is machines, and the hands are requests. A [`Manager`] queues requests by priority, places
//! each on the right machine, grows and shrinks a cluster of unlike machines on demand, sets flaky
//! ones aside, drains those that must go, notices lost ones and says what was lost. It does no I/O,
//! reads no clock and spawns nothing: you tell it what happened and when, and it tells you what to
//! do.
//!
//! ```text
//!   clients ─── submit, cancel, done ────────┐              ┌─── grant, expired, request lost ──▶ clients
//!                                            ▼              │
//!  machines ─── up, joined, stopped, polled ▶ Manager::handle ─── start, stop, poll ────────────▶ machines
//!                                            ▲              │
//! operators ─── drain, keep, limits ─────────┤              ├─── notices ─────────────────────▶ operators
//!                                            │              │
//!     clock ─── now, timer ──────────────────┘              └─── set timer ───────────────────▶ clock
//! ```
//!
//! So it embeds in any runtime or none, is tested in microseconds on a virtual clock, and replays a
//! recorded run event by event: the same events at the same times give the same actions.
//!
//! # The loop
//!
//! One call does it all; there is no second one to drain, poll or flush. `recv_timeout` is the
//! timer here. Every action is listed: [`Action`] is exhaustive, so that the compiler says what an
//! adapter has forgotten. The example `threads` is this loop with machines that do real work.
//!
//! ```
//! use std::sync::mpsc::{RecvTimeoutError, channel};
//! use std::time::Duration;
//!
//! use remuda::{
//!     Action, Config, Event, Instant, Kind, KindId, MachineId, Manager, OnceOutcome, Outcome,
//!     RequestId, Resources, Submit,
//! };
//!
//! // Two kinds of machine, the second with GPUs and twelve times as dear. Idle ones are stopped.
//! let idle = Duration::from_secs(120);
//! let small = Kind::new(Resources::procs(8).memory_mib(32_768)).max(20).idle(idle);
//! let large = Kind::new(Resources::procs(32).memory_mib(131_072).gpus(4)).cost(12).max(2).idle(idle);
//! let mut manager = Manager::new(Config::empty().kind(small).kind(large))?;
//!
//! let (events, inbox) = channel();
//! let start = std::time::Instant::now();
//! let now = || Instant::ZERO + start.elapsed();
//!
//! // Clients ask for two procs with 4 GiB, and for one GPU.
//! let spec = Submit::new(Resources::procs(2).memory_mib(4_096));
//! events.send(Event::Submit { request: RequestId(1), spec })?;
//! let spec = Submit::new(Resources::procs(1).gpus(1)).priority(-5);
//! events.send(Event::Submit { request: RequestId(2), spec })?;
//!
//! let mut ran = Vec::new();
//! while ran.len() < 2 {
//!     let wait = manager.next_timeout().map_or(Duration::MAX, |at| at - now());
//!     let event = match inbox.recv_timeout(wait) {
//!         Err(RecvTimeoutError::Timeout) => Event::Timer,
//!         event => event?,
//!     };
//!     for action in manager.handle(event, now()) {
//!         match action {
//!             // To machines, which are imaginary here: they come up at once, and work takes no time.
//!             Action::Start { kind, first, count } => {
//!                 println!("start {count} of kind {kind} from {first} on");
//!                 for id in first.0..first.0 + u64::from(count) {
//!                     events.send(Event::Up { machine: MachineId(id), offer: None })?;
//!                 }
//!             }
//!             Action::Stop { machine } => events.send(Event::Stopped { machine })?,
//!             Action::Poll { machine } => {
//!                 events.send(Event::Polled { machine, answered: true })?;
//!             }
//!             Action::RunOnce { machine, key } => {
//!                 events.send(Event::OnceDone { machine, key, outcome: OnceOutcome::Ok })?;
//!             }
//!             Action::DropTask { task, machine } => println!("{machine} may drop {task}"),
//!             // To clients: the machine, or why there is none any more.
//!             Action::Grant { request, machine } => {
//!                 ran.push((request, machine));
//!                 let (machine, outcome) = (Some(machine), Outcome::Ok);
//!                 events.send(Event::Done { request, machine, outcome })?;
//!             }
//!             Action::RequestLost { request, machine, .. } => println!("{request}: {machine} is gone"),
//!             Action::Expired { request } => println!("{request}: too late"),
//!             Action::Cancelled { request } => println!("{request}: shut down"),
//!             Action::TaskLost { task, machine } => println!("{task} was on {machine}, which is gone"),
//!             Action::OnceReady { waiter, key, outcome } => println!("{waiter}: {key} {outcome:?}"),
//!             // To the clock: this loop asks for `next_timeout` instead.
//!             Action::SetTimer { .. } | Action::ClearTimer => {}
//!             // To a log.
//!             Action::Notice(notice) => println!("{notice}"),
//!             Action::Reject(reject) => eprintln!("{reject}"),
//!         }
//!     }
//! }
//! let (machines, kinds) = (manager.machines(), |id| manager.machine(id).map(|m| m.kind()));
//! assert_eq!(machines.count(), 2);
//! assert!(ran.iter().any(|&(r, m)| r == RequestId(1) && kinds(m) == Some(KindId(0))));
//! assert!(ran.iter().any(|&(r, m)| r == RequestId(2) && kinds(m) == Some(KindId(1))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Machines that come and go
//!
//! Machines that were not asked for *join*. A machine that must go, as after a spot notice or at the
//! end of its walltime, is *drained*: what runs there goes on, and it is told to stop when it is
//! empty, or at a given time. Whatever a machine ends with is said of each thing that was on it.
//!
//! ```
//! use remuda::{
//!     Action, Config, Event, Instant, Kind, KindId, Loss, MachineId, Manager, Notice, Outcome,
//!     RequestId, Resources, Submit,
//! };
//!
//! // Machines of this kind are never started, they only join.
//! let kind = Kind::new(Resources::procs(4)).startable(false);
//! let mut manager = Manager::new(Config::empty().kind(kind))?;
//! let (request, machine) = (RequestId(1), MachineId::joined(0));
//! let at = Instant::from_secs;
//!
//! let join = Event::Join { machine, kind: KindId(0), offer: None };
//! assert!(manager.handle(join, at(1)).contains(&Action::Poll { machine }));
//! let submit = Event::Submit { request, spec: Submit::machine().give_up(at(60)) };
//! assert!(manager.handle(submit, at(2)).contains(&Action::Grant { request, machine }));
//!
//! // Its provider takes it back in two minutes.
//! let until = Some(at(123));
//! let actions = manager.handle(Event::Drain { machine, until }, at(3));
//! assert!(actions.contains(&Action::Notice(Notice::Draining { machine, until })));
//! assert!(manager.handle(Event::Timer, at(123)).contains(&Action::Stop { machine }));
//! let actions = manager.handle(Event::Stopped { machine }, at(124));
//! assert!(actions.contains(&Action::RequestLost { request, machine, by: Loss::Drained }));
//! # Ok::<(), remuda::ConfigError>(())
//! ```
//!
//! # Words
//!
//! - **proc**: the first of four amounts that a machine has and a request asks for ([`Resources`]),
//!   usually a core. The others are the caller's, by habit memory in MiB, GPUs and one more.
//! - **kind**: a sort of machine ([`Kind`]): what one has, how many there may be, what it costs, when
//!   it is stopped. Labels, zones and architectures are kinds.
//! - **offer**: what one machine has, up to the capacity of its kind.
//! - **request**: a wish for amounts of one machine, or for a whole one, with a priority and the kinds
//!   that it accepts. It is *queued* until it is granted.
//! - **grant**: a machine given to a request, of which the amounts are taken until the client says
//!   *done*.
//! - **outcome**: how the work ended. A *remote* error is the failure of the user's own code; a call
//!   that never got a proper answer is *unreachable*.
//! - **group**: the requests that accept the same kinds. **hold**: a machine that is kept for one
//!   request of a group which was passed by for long; smaller ones pass it by no longer.
//! - **probation**: where a machine goes whose work ended unreachable: it gets nothing new until
//!   something there succeeds or some time has passed.
//! - **idle**: nothing runs there. An idle machine may be stopped after a time, but for so many of a
//!   kind at the least (*min*) and so many more than are used (*spare*).
//! - **drain**: no new grants; told to stop when empty, or at a given time.
//! - **lost**: stopped, or silent for too many polls; for good, with all that ran and lived there.
//!   **ended**: gone as it was told to.
//! - **task**: a unit whose result stays on a machine after its request is done.
//! - **once-work**: work that runs exactly once on each machine however many ask for it.
//! - **poll**: asking a machine for its figures, which also shows whether it is alive.
//! - **back-off**: the growing pause between failed attempts to start machines of a kind.
//! - **need, have, pending**: what is asked for, in service, and being started.
//!
//! # What to rely on
//!
//! - No sequence of events makes [`Manager::handle`] panic or lose track (F5): a wrong one is answered
//!   by [`Action::Reject`] and changes nothing.
//! - `P2`, `F4`, … name rules, which `ARCHITECTURE.md` in the repository spells out: each is cited
//!   where it is implemented and has a test that carries its name.
//! - [`Manager::check_invariants`] checks the whole state the slow and simple way.
//! - [`Manager::explain`] says why a request is queued, and [`Manager::outstanding`] what is asked for
//!   and not answered yet, for an adapter that starts again.
//!
//! # Features
//!
//! `no_std` with `alloc`, and no unsafe code. All features are off by default.
//!
//! - `serde` serialises events, actions, [`Config`] and the whole [`Manager`], which is validated when
//!   it is read.
//! - `journal` records what a manager is told, to be played again: module `journal`.
//! - `check-shortcut` holds each use of the manager's one shortcut against the way that every event
//!   can take, and panics where they differ. Slow; for tests of the manager itself.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

extern crate alloc;

mod index;
mod inspect;
#[cfg(feature = "journal")]
pub mod journal;
mod machines;
mod manager;
mod protocol;
mod queue;
mod storage;

pub use inspect::explain::{Explanation, GrowthWait, Lack, Obstacle, Wait};
pub use inspect::invariants::Violation;
pub use inspect::outstanding::Outstanding;
pub use inspect::view::{MachineView, Waiting};
pub use manager::Manager;

pub use protocol::action::{Action, Loss, Notice, Recovery};
pub use protocol::config::{Config, Packing, Policy};
pub use protocol::counts::{Counts, Health, MachineCounts, StartBackoff};
pub use protocol::event::{Event, Limits, OnceOutcome, Outcome, StartHint, Submit};
pub use protocol::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
pub use protocol::kind::Kind;
pub use protocol::reject::Reject;
pub use protocol::resources::{Demand, Resources, Totals};
pub use protocol::time::Instant;
pub use protocol::validate::ConfigError;

/// The examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
