//! A machine in service, as leases and the driver's tasks share it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use remuda::MachineId;

use crate::signal::Signal;
use crate::system::System;

/// A machine in service, as its leases see it.
pub struct Machine<S: System> {
    id: MachineId,
    name: String,
    handle: S::Machine,
    /// Resolves with the reason when the machine has ended and the manager was told so.
    pub(crate) dead: SharedFuture<oneshot::Receiver<Arc<str>>>,
    /// It drains, or was told to stop.
    leaving: AtomicBool,
    /// Raised when the machine was killed and did not end within the time-out.
    pub(crate) abandoned: Signal,
}

impl<S: System> Machine<S> {
    /// A machine that is up, and the sender of the reason of its end.
    pub(crate) fn new(
        id: MachineId,
        name: String,
        handle: S::Machine,
    ) -> (Self, oneshot::Sender<Arc<str>>) {
        let (dead_sender, dead) = oneshot::channel();
        let machine = Machine {
            id,
            name,
            handle,
            dead: dead.shared(),
            leaving: AtomicBool::new(false),
            abandoned: Signal::default(),
        };
        (machine, dead_sender)
    }

    /// The machine's id.
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// The machine's name in messages, from [`System::name`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The system's own value for the machine.
    pub fn handle(&self) -> &S::Machine {
        &self.handle
    }

    /// Whether the machine drains or was told to stop, or did so at its end: what was lost with it was bound to be.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    pub(crate) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Release);
    }

    /// The reason of the machine's end, or a general text while it is not known.
    pub(crate) fn why_dead(&self) -> Arc<str> {
        // `peek` would see only what another clone has polled, so poll a clone.
        match self.dead.clone().now_or_never() {
            Some(Ok(why)) => why,
            _ => "it no longer serves".into(),
        }
    }
}

impl<S: System> fmt::Debug for Machine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
