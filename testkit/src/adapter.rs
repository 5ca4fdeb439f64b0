//! What a loop around a manager shows to be tested.

use remuda::Instant;

use crate::happening::Happening;

/// A loop around a [`Manager`](remuda::Manager), one turn at a time.
///
/// It is made with a [`World`](crate::World), which it acts on from within these calls. Each call returns when there is
/// nothing more to do now: a loop with a channel handles what is in the channel.
pub trait Adapter {
    /// Something happens. Tell the manager, and do what it asks for.
    fn happens(&mut self, happening: Happening);

    /// When to [wake](Adapter::wake) it, if nothing happens before: at the manager's
    /// [`next_timeout`](remuda::Manager::next_timeout) or before it, and when a time-out of its own ends, such as that of a
    /// poll. `None`: never.
    fn wake_at(&mut self) -> Option<Instant>;

    /// The time has come that [`wake_at`](Adapter::wake_at) said.
    fn wake(&mut self);
}
