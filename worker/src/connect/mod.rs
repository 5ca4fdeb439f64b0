//! Workers that connect back to their driver over TCP, on plain threads. `dial.rs` makes one connection, `carrier.rs` carries
//! the worker's streams over one connection after another.

mod carrier;
mod dial;

pub(crate) use carrier::{Carrier, Read, Reader, begin, take_stdin};
pub(crate) use dial::{ReportTo, report_end};

use crate::session::Key;
use std::time::Duration;

/// For how long a worker keeps its jobs when it is cut off, unless it is told otherwise.
const RECONNECT: Duration = Duration::from_secs(30);

/// Where a worker connects to, and as what. See [`Worker::connect`](crate::Worker::connect).
///
/// ```no_run
/// use remuda_worker::{Connect, Registry, Worker, session::Key};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let key = Key::read("cluster.key".as_ref())?;
///     Worker::new(Registry::new().exec()).connect(Connect::new("head-node:7000", key).kind("gpu"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Connect {
    pub(crate) address: String,
    pub(crate) key: Key,
    pub(crate) machine: Option<u64>,
    pub(crate) kind: Option<String>,
    pub(crate) reconnect: Duration,
}

impl Connect {
    /// To a driver at `address`, a host (name or number) and a port, with its key. The worker joins the cluster, as a machine
    /// of the kind that the driver has for those that say none.
    pub fn new(address: impl Into<String>, key: Key) -> Connect {
        Connect {
            address: address.into(),
            key,
            machine: None,
            kind: None,
            reconnect: RECONNECT,
        }
    }

    /// Answers the driver's start of the machine with this number, instead of joining.
    #[must_use]
    pub fn machine(mut self, number: u64) -> Connect {
        self.machine = Some(number);
        self
    }

    /// Joins as a machine of this kind: its number, or a name that the driver has for it.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Connect {
        self.kind = Some(kind.into());
        self
    }

    /// For how long the worker keeps its jobs when it is cut off from the driver, and tries to come back; default 30 s. The
    /// driver may set less.
    #[must_use]
    pub fn reconnect(mut self, time: Duration) -> Connect {
        self.reconnect = time;
        self
    }
}
