//! A machine in service, as leases and the driver's tasks share it.

use std::fmt;
use std::sync::Arc;

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
    /// Resolves with the reason when the machine is dead and the manager was told.
    pub(crate) dead: SharedFuture<oneshot::Receiver<Arc<str>>>,
    /// Raised when the machine does not die although it was killed.
    pub(crate) abandoned: Signal,
}

impl<S: System> Machine<S> {
    /// A machine that is up, and the sender that says why it is dead.
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
            abandoned: Signal::default(),
        };
        (machine, dead_sender)
    }

    /// The machine's id.
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// What the system calls it in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The system's own record of it.
    pub fn handle(&self) -> &S::Machine {
        &self.handle
    }

    /// Why the machine is dead, if it is.
    pub(crate) fn why_dead(&self) -> Arc<str> {
        // Not peeked at: that sees only what some other clone has polled.
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
