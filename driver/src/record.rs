//! The trait of recorders: a recorder receives every event of the manager, so that a run can be replayed.

use std::sync::Arc;

use remuda::journal::Note;
use remuda::{Action, Event, Instant, Manager};

/// Waits until everything that was recorded so far is safe. See [`Recorder::barrier`].
pub type Barrier = Arc<dyn Fn() + Send + Sync>;

/// Receives each event in the order in which the manager handles them, with the actions that it caused.
///
/// The methods are called under the cluster's lock: they must not block and must not call the cluster. After a panic the
/// recorder is not called again; the cluster continues.
pub trait Recorder: Send + 'static {
    /// Called once, before any event: the new manager, and the time on the runtime's clock. Not called for a cluster that is
    /// [resumed](crate::Cluster::resume).
    fn begin(&mut self, now: Instant, manager: &Manager);

    /// The manager handled `event` at `now` and returned `actions`; `manager` is its state after that.
    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager);

    /// A remark about a machine that does not influence the manager. Its topic is `name`, `start failed`, `stopped`,
    /// `figures` or `job`. Ignored by default.
    fn note(&mut self, note: &Note<'_>) {
        let _ = note;
    }

    /// What the cluster calls before it carries out what the manager has decided, outside its lock: asked for once. By default
    /// nothing is waited for.
    fn barrier(&self) -> Option<Barrier> {
        None
    }
}
