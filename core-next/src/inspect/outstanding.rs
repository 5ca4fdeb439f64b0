//! What was asked for and is not answered yet (A1).

use crate::protocol::action::Action;
use crate::protocol::time::Instant;

/// An action that is not answered yet (A1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outstanding {
    /// The action, as it would be said again.
    pub action: Action,
    /// When it was said first.
    pub since: Instant,
}
