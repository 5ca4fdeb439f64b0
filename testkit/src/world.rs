//! The world that an adapter under test acts on: it carries out nothing, and writes everything down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use remuda::{Event, Instant, KindId, MachineId, RequestId};

use crate::happening::Deed;
use crate::ledger::Ledger;

/// The world around an adapter under test. Clones are the same one.
///
/// An adapter does here what the manager asks for, and says what it tells the manager.
#[derive(Clone, Debug)]
pub struct World(Arc<Mutex<Ledger>>);

impl World {
    pub(crate) fn new(ledger: Ledger) -> World {
        World(Arc::new(Mutex::new(ledger)))
    }

    /// A panic of the adapter does not happen under this lock; one of ours is told elsewhere.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time. It moves only between two calls of the adapter.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.ledger().now
    }

    /// Say each event, with its time, when you hand it to [`Manager::handle`](remuda::Manager::handle): before or after, but
    /// before the next. What it answers need not be said: another manager is told the same, and says the same (F6).
    pub fn told(&self, event: &Event, now: Instant) {
        self.ledger().told(*event, now);
    }

    /// Starts a machine, for [`Action::Start`](remuda::Action::Start): once for each.
    pub fn start(&self, machine: MachineId, kind: KindId) {
        self.ledger().does(Deed::Start { machine, kind });
    }

    /// Has a machine stop, for [`Action::Stop`](remuda::Action::Stop); or gives up its start, if it is not up yet.
    pub fn stop(&self, machine: MachineId) {
        self.ledger().does(Deed::Stop { machine });
    }

    /// The client of this request has the machine, for [`Action::Grant`](remuda::Action::Grant): its work begins there.
    pub fn run(&self, request: RequestId, machine: MachineId) {
        self.ledger().does(Deed::Run { request, machine });
    }

    /// Asks work to end, as its client is [gone](crate::Happening::Gone). It says when it has.
    pub fn cancel(&self, request: RequestId, machine: MachineId) {
        self.ledger().does(Deed::Cancel { request, machine });
    }

    /// Asks a machine for its figures, for [`Action::Poll`](remuda::Action::Poll).
    pub fn poll(&self, machine: MachineId) {
        self.ledger().does(Deed::Poll { machine });
    }

    /// Tells a client that its request was given up in time, for [`Action::Expired`](remuda::Action::Expired).
    pub fn expired(&self, request: RequestId) {
        self.ledger().does(Deed::Expired { request });
    }

    /// Tells a client that all is shut down, for [`Action::Cancelled`](remuda::Action::Cancelled).
    pub fn cancelled(&self, request: RequestId) {
        self.ledger().does(Deed::Cancelled { request });
    }

    /// Tells a client that its machine is lost, for [`Action::RequestLost`](remuda::Action::RequestLost).
    pub fn lost(&self, request: RequestId, machine: MachineId) {
        self.ledger().does(Deed::Lost { request, machine });
    }

    /// Tells a client that the adapter gives its request up for a reason of its own, as where no machine can be started. The
    /// manager is told *cancel*.
    pub fn gave_up(&self, request: RequestId) {
        self.ledger().does(Deed::GaveUp { request });
    }
}
