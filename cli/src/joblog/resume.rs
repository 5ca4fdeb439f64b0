//! What an earlier run has done, by its job log. A job is known by its name (or the number of its line) and its command.
use std::collections::HashMap;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};

use remuda_cli::jobs::{Command, Job};
use serde::Deserialize;

/// A name and a command: 128 bits of them, so that a log of a million jobs is a few megabytes here.
type Key = (u64, u64);

/// The jobs that need not be run.
#[derive(Debug, Default)]
pub(crate) struct Done(HashMap<Key, bool>);

/// What one line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    /// It succeeded.
    pub(super) ok: bool,
    /// It was brought to its end, well or not, and not ended with its run.
    pub(super) through: bool,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    command: Command,
    exit: Option<i32>,
    state: Option<String>,
}

impl Done {
    pub(super) fn add(&mut self, found: &Found) {
        self.0.insert(found.key, found.ok);
    }

    pub(super) fn remove(&mut self, found: &Found) {
        self.0.remove(&found.key);
    }

    /// Whether it succeeded, if it is done.
    pub(crate) fn find(&self, job: &Job) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        let key = key(job.name().as_bytes(), &job.command.line());
        self.0.get(&key).copied()
    }
}

pub(super) fn key(name: &[u8], command: &OsStr) -> Key {
    let half = |seed: u8| {
        // Its keys are fixed, and the hashes do not leave this process.
        let mut hasher = DefaultHasher::new();
        (seed, name, command).hash(&mut hasher);
        hasher.finish()
    };
    (half(0), half(1))
}

/// What a line of our own format says; none if it was cut.
pub(super) fn json(line: &[u8]) -> Option<Found> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let through = !matches!(line.state.as_deref(), Some("interrupted" | "skipped"));
    Some(Found {
        key: key(line.name.as_bytes(), &line.command.line()),
        ok: line.exit == Some(0),
        through,
    })
}
