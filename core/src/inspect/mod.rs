//! Ways to look at a manager; nothing here changes one.

pub(crate) mod explain;
pub(crate) mod invariants;
pub(crate) mod outstanding;
pub(crate) mod snapshot;
#[cfg(feature = "serde")]
mod thaw;
pub(crate) mod view;
