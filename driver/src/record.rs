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
    /// `figures`, `job` or, by the caller, [`ended`](crate::System::ended). Ignored by default.
    fn note(&mut self, note: &Note<'_>) {
        let _ = note;
    }

    /// What the cluster calls before it carries out what the manager has decided, outside its lock: asked for once. By default
    /// nothing is waited for.
    fn barrier(&self) -> Option<Barrier> {
        None
    }
}

/// Both are told, in this order, and both are waited for.
impl<A: Recorder, B: Recorder> Recorder for (A, B) {
    fn begin(&mut self, now: Instant, manager: &Manager) {
        self.0.begin(now, manager);
        self.1.begin(now, manager);
    }

    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager) {
        self.0.record(now, event, actions, manager);
        self.1.record(now, event, actions, manager);
    }

    fn note(&mut self, note: &Note<'_>) {
        self.0.note(note);
        self.1.note(note);
    }

    fn barrier(&self) -> Option<Barrier> {
        match (self.0.barrier(), self.1.barrier()) {
            (Some(first), Some(second)) => Some(Arc::new(move || {
                first();
                second();
            })),
            (first, second) => first.or(second),
        }
    }
}

/// One that may not be there.
impl<R: Recorder> Recorder for Option<R> {
    fn begin(&mut self, now: Instant, manager: &Manager) {
        if let Some(recorder) = self {
            recorder.begin(now, manager);
        }
    }

    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager) {
        if let Some(recorder) = self {
            recorder.record(now, event, actions, manager);
        }
    }

    fn note(&mut self, note: &Note<'_>) {
        if let Some(recorder) = self {
            recorder.note(note);
        }
    }

    fn barrier(&self) -> Option<Barrier> {
        self.as_ref().and_then(Recorder::barrier)
    }
}
