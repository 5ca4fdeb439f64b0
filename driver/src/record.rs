//! Recording: a cluster tells a recorder all that its manager is told, to be played again.

use remuda::journal::Note;
use remuda::{Action, Event, Instant, Manager};

/// Hears of each event in the order the manager is told of them, and what came of it.
///
/// It is called under the cluster's lock: it must neither block nor call the cluster. One that panics is not called
/// again; the cluster goes on.
pub trait Recorder: Send + 'static {
    /// The cluster begins with this manager, `now` on its clock.
    fn begin(&mut self, now: Instant, manager: &Manager);

    /// `event` at `now` caused `actions` and left `manager`.
    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager);

    /// What the manager does not decide on: a machine's `name`, why it has `start failed` or is `stopped`, the `figures`
    /// of a poll.
    fn note(&mut self, note: &Note<'_>) {
        let _ = note;
    }
}
