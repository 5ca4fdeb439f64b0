//! The context of a call: what a function gets besides its argument.

use crate::call::Call;
use crate::devices::Devices;
use crate::figures::{Counter, Counters};
use crate::jobs::Jobs;
use crate::memory::Memory;
use crate::outbox::Outbox;
use crate::wire::Stream;
use std::io::{self, Write};
use std::sync::Arc;

/// The call that a function runs for. Cheap to clone; a clone may outlive the call, which then takes no more output.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) call: Arc<Call>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) memory: Arc<Memory>,
}

impl Context {
    /// The driver's number of the call.
    #[must_use]
    pub fn call(&self) -> u64 {
        self.call.id
    }

    /// The call's standard output.
    #[must_use]
    pub fn stdout(&self) -> Output {
        self.output(Stream::Stdout)
    }

    /// The call's standard error.
    #[must_use]
    pub fn stderr(&self) -> Output {
        self.output(Stream::Stderr)
    }

    /// Whether the driver has cancelled this call. A function that runs long checks this now and then and returns early; its
    /// result is ignored. The procs of the call are free only when the function has returned (F12).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.is_cancelled()
    }

    /// The worker's counter of this name, made at 0 when first asked for. The driver sees it with each poll (S17).
    #[must_use]
    pub fn counter(&self, name: &str) -> Counter {
        self.counters.get(name)
    }

    fn output(&self, stream: Stream) -> Output {
        Output {
            call: Arc::clone(&self.call),
            outbox: Arc::clone(&self.outbox),
            stream,
        }
    }
}

/// Writes to an output of a call. Each write is sent as it is, in pieces of at most 64 KiB, so wrap it in a
/// [`BufWriter`](io::BufWriter) for many small ones. A write waits while the driver has not taken what was sent before.
///
/// # Errors
/// Writing fails once the call is cancelled or over.
#[derive(Clone, Debug)]
pub struct Output {
    call: Arc<Call>,
    outbox: Arc<Outbox>,
    stream: Stream,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call.write(&self.outbox, self.stream, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
