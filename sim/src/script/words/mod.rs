//! How events and actions are written in a script.

mod actions;
mod events;
mod parts;

pub(super) use actions::ActionWords;
pub(super) use events::EventWords;
pub(super) use parts::Span;
