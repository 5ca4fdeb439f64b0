//! Snapshots: the whole manager, to begin in the middle of a journal.

use alloc::vec::Vec;
use core::mem::take;

use super::error::Error;
use super::varint::{Bytes, put};
use crate::manager::Manager;
use crate::time::Instant;

/// The layout of the manager that is written; raised with each change of it.
const VERSION: u64 = 1;

/// A manager as it stands in a journal, not read yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen<'a> {
    /// How many events were before it.
    pub events: u64,
    /// The time of the last of them.
    pub time: Instant,
    pub(super) offset: usize,
    bytes: &'a [u8],
}

impl Frozen<'_> {
    /// The manager. It is not believed, but checked as a whole.
    ///
    /// # Errors
    /// It is not sound.
    pub fn thaw(&self) -> Result<Manager, Error> {
        postcard::from_bytes(self.bytes).map_err(|_| Error::Malformed {
            offset: self.offset,
            what: "a snapshot that is no sound manager",
        })
    }

    /// Whether `manager` is the one that stands here, byte for byte. Faster than to thaw and compare.
    pub fn is(&self, manager: &Manager) -> bool {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        put_manager(&mut bytes, manager);
        bytes == self.bytes
    }
}

pub(super) fn put_snapshot(out: &mut Vec<u8>, manager: &Manager, events: u64, time: Instant) {
    put(out, events);
    put(out, time.0);
    put(out, VERSION);
    put_manager(out, manager);
}

fn put_manager(out: &mut Vec<u8>, manager: &Manager) {
    let extended = postcard::to_extend(manager, take(out));
    *out = extended.expect("a vector takes all there is, and a manager can always be written");
}

/// Where a snapshot stands, which every version knows, and the snapshot, if its layout is known.
pub(super) struct Standing<'a> {
    pub(super) events: u64,
    pub(super) time: Instant,
    pub(super) frozen: Option<Frozen<'a>>,
}

pub(super) fn snapshot(body: &[u8], offset: usize) -> Result<Standing<'_>, Error> {
    let what = "a snapshot's head";
    standing(Bytes(body), offset).ok_or(Error::Malformed { offset, what })
}

fn standing(mut body: Bytes<'_>, offset: usize) -> Option<Standing<'_>> {
    let events = body.varint()?;
    let time = Instant(body.varint()?);
    let known = body.varint()? == VERSION;
    let frozen = Frozen {
        events,
        time,
        offset,
        bytes: body.0,
    };
    Some(Standing {
        events,
        time,
        frozen: known.then_some(frozen),
    })
}
