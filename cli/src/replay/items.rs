//! What a recorded run consists of, in a journal and in a scenario alike: a head, then events, snapshots and notes.
use std::fmt;

use remuda::journal::{Frozen, Label, Note};
use remuda::{Action, Config, Event, Instant};

/// What stands at its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// A journal or a scenario.
    pub(crate) is_journal: bool,
    pub(crate) config: Config,
    /// The hash of the config it was recorded with, where a scenario says so.
    pub(crate) config_hash: Option<u32>,
    pub(crate) fresh: bool,
    /// Unknown of what was written by hand.
    pub(crate) crate_version: Option<String>,
    pub(crate) rules: Option<u32>,
    pub(crate) origin: Option<u64>,
    pub(crate) labels: Vec<Label>,
}

/// One after the other.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    Step(Step<'a>),
    Snapshot(Frozen<'a>),
    Note(Note<'a>),
}

/// An event, and what is known of its actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) number: u64,
    pub(crate) time: Instant,
    pub(crate) event: Event,
    pub(crate) recorded: Recorded<'a>,
    pub(crate) place: Place,
}

/// What is known of the actions that an event caused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded<'a> {
    Nothing,
    Hash(u32),
    Actions(&'a [Action]),
}

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Byte(usize),
    Line(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Byte(at) => write!(f, "byte {at}"),
            Place::Line(at) => write!(f, "line {at}"),
        }
    }
}
