//! Snapshots of the first edition: their layout, frozen, and what it means today.
//!
//! The types here are what the first edition serialised, field for field; nothing in them may
//! change. They share no type with the rest of the crate, so that a change there does not reach
//! them.

use alloc::vec::Vec;
use core::mem::take;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::manager::Manager;

/// A whole manager of the first edition.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Snapshot {
    config: Config,
    now: u64,
    /// In the order of the queue (S3).
    queue: Vec<Queued>,
    /// By id.
    machines: Vec<Machine>,
    lost: u64,
    growth: Growth,
    summary: Summary,
    /// The timer that was said last.
    armed: Option<u64>,
    shutdown: bool,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Config {
    machine_procs: u32,
    max_procs: u64,
    probation: Duration,
    start_backoff_base: Duration,
    start_backoff_cap: Duration,
    silent_polls: u32,
    poll_interval: Duration,
    summary_interval: Duration,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Queued {
    request: u64,
    priority: i64,
    procs: u32,
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Machine {
    machine: u64,
    state: State,
    poll: Poll,
    /// How many polls in a row came back unanswered (F8).
    silent: u32,
    /// Request and procs, in the order of the grants.
    running: Vec<(u64, u32)>,
    /// In the order of assignment.
    tasks: Vec<u64>,
    /// In the order of first asking; those without a result are running.
    onces: Vec<(OnceKey, Option<OnceOutcome>)>,
    /// In the order of asking.
    waiters: Vec<(u64, OnceKey)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct OnceKey {
    kind: u32,
    key: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum OnceOutcome {
    Ok,
    Remote,
    Unreachable,
    MachineLost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum State {
    /// Asked for when the start back-off had made so many steps (F7).
    Pending {
        steps: u64,
    },
    Ok,
    /// Until then, or without end.
    Probation {
        until: Option<u64>,
    },
}

/// The polls of a machine (S17).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Poll {
    Never,
    Out,
    Due(u64),
}

#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Growth {
    next_machine: u64,
    /// Failed starts since a machine came up (S8).
    failures: u64,
    /// Steps of the back-off ever made, and since a machine came up (F7).
    steps: u64,
    step: u32,
    /// Whether the back-off holds growth back, and until when; without end if there is no time.
    held: bool,
    until: Option<u64>,
}

/// When the next summary is due (S20).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Summary {
    /// No event came yet.
    Unborn,
    Never,
    Due(u64),
}

/// The manager that the bytes are; `None` if they are no sound one.
pub(super) fn thaw(bytes: &[u8]) -> Option<Manager> {
    read(bytes)?.manager()
}

/// Appends the manager in this layout; `false` if it has something that the first edition did not.
pub(super) fn put_manager(out: &mut Vec<u8>, manager: &Manager) -> bool {
    let Some(snapshot) = Snapshot::of(manager) else {
        return false;
    };
    let extended = postcard::to_extend(&snapshot, take(out));
    *out = extended.expect("a vector takes all there is, and a snapshot can always be written");
    true
}

fn read(bytes: &[u8]) -> Option<Snapshot> {
    match postcard::take_from_bytes(bytes) {
        Ok((snapshot, [])) => Some(snapshot),
        Ok(_) | Err(_) => None,
    }
}

impl Snapshot {
    /// What stands of a manager in this layout.
    fn of(_manager: &Manager) -> Option<Snapshot> {
        None
    }

    /// The manager of bigslice's policy that this is.
    fn manager(self) -> Option<Manager> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Vec, read};

    /// Where the golden journal of format 1 has a snapshot: behind the frame's kind, length and
    /// checksum, and the snapshot's events, time and version.
    const SNAPSHOT: core::ops::Range<usize> = 0x12b..0x18c;

    #[test]
    fn the_first_editions_layout_is_read_and_written_as_it_was() {
        let journal = include_bytes!("../../tests/journals/format-1.journal");
        let bytes = &journal[SNAPSHOT];
        let snapshot = read(bytes).unwrap();
        assert_eq!(snapshot.config.machine_procs, 4);
        assert_eq!(snapshot.queue.len(), 2);
        assert_eq!(snapshot.machines.len(), 2);
        let written: Vec<u8> = postcard::to_extend(&snapshot, Vec::new()).unwrap();
        assert_eq!(written, bytes);
        assert!(read(&bytes[1..]).is_none());
        assert!(read(&[bytes, &[0]].concat()).is_none());
    }
}
