//! The vocabulary of a manager: what it is told, what it says, and what it is made with. It depends
//! on nothing else in the crate.

pub(crate) mod action;
pub(crate) mod config;
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod reject;
pub(crate) mod resources;
pub(crate) mod time;
