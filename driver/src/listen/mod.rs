//! Workers that connect back: a TCP port on which workers with the right key become machines.
//!
//! For what has no standard input and output that lead here: batch jobs, pods, machines in a cloud. A worker
//! (`remuda worker --connect`, or [`Worker::connect`](https://docs.rs/remuda-worker)) answers a start of the driver's, if it
//! was given the number of the machine, or joins ([`Listener::admit`]). Both sides prove that they have the same key before
//! anything else is said, and everything is sealed. What a cut connection has lost is sent again on the next one.
//!
//! ```no_run
//! use remuda_driver::remuda::{Config, Kind, KindId, Kinds, Resources};
//! use remuda_driver::{ByKind, Cluster, ConnectSystem, Key, Listen, OneOf, Options, ProcessSystem, Runtime};
//!
//! fn cluster<R: Runtime>(runtime: R) -> Result<(), Box<dyn std::error::Error>> {
//!     // Machines of kind 0 are processes of this host; of kind 1 are those that connect back.
//!     let config = Config::empty()
//!         .kind(Kind::new(Resources::procs(4)).max(2))
//!         .kind(Kind::new(Resources::procs(64)).startable(false))
//!         .max_procs(1000);
//!     let processes = ProcessSystem::new(runtime.clone(), vec!["my-worker".into()]);
//!     let listener = Listen::new(Key::read("cluster.key".as_ref())?)
//!         .kind("big", KindId(1))
//!         .bind(&runtime, "127.0.0.1:7000".parse()?)?;
//!     let system = ByKind::new(processes, ConnectSystem::new(&listener), Kinds::from(KindId(1)));
//!     let cluster = Cluster::new(runtime, system, config, Options::default())?;
//!     listener.admit(&cluster, OneOf::Second);
//!     // …
//!     Ok(())
//! }
//! ```
//!
//! | file | what it owns |
//! |---|---|
//! | `port.rs` | the port: what it may admit, its sessions, and the starts that wait for a worker |
//! | `accept.rs` | connections up to their first record: the handshake, its limits, and what is logged of those that fail |
//! | `session.rs` | one worker, over one connection after another, to its end |
//! | `streams.rs` | its two streams: what is to be sent and acknowledged |
//! | `system.rs` | the [`System`](crate::System) of these machines |

mod accept;
mod port;
mod session;
mod streams;
mod system;

pub(crate) use port::Joining;
pub use port::{Listen, Listener};
pub use system::{ConnectSystem, ConnectedWorker};
