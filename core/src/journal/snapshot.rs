//! Snapshots: the whole manager, so that a replay can begin in the middle of a journal.

use alloc::vec::Vec;
use core::mem::take;

use super::bytes::{Bytes, put};
use super::error::Error;
use super::snapshot_v1;
use crate::manager::Manager;
use crate::protocol::time::Instant;

/// The layout of a manager's bytes. A change of it gets a number of its own, and the old one a
/// reader and writer that stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    /// That of the first edition.
    V1 = 1,
    /// The manager of today in postcard: the one that is written.
    V2 = 2,
}

impl Layout {
    fn of(number: u64) -> Option<Layout> {
        match number {
            1 => Some(Layout::V1),
            2 => Some(Layout::V2),
            _ => None,
        }
    }
}

/// A manager as it stands in a journal, not read yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen<'a> {
    /// How many events were before it.
    pub events: u64,
    /// The time of the last of them.
    pub time: Instant,
    pub(super) offset: usize,
    layout: Layout,
    bytes: &'a [u8],
}

impl Frozen<'_> {
    /// The manager. Its bytes are not trusted: the whole is checked.
    ///
    /// # Errors
    /// It is not sound.
    pub fn thaw(&self) -> Result<Manager, Error> {
        let manager = match self.layout {
            Layout::V1 => snapshot_v1::thaw(self.bytes),
            Layout::V2 => match postcard::take_from_bytes(self.bytes) {
                Ok((manager, [])) => Some(manager),
                Ok(_) | Err(_) => None,
            },
        };
        manager.ok_or(Error::Malformed {
            offset: self.offset,
            what: "a snapshot that is no sound manager",
        })
    }

    /// Whether `manager` is the one that stands here: whether its bytes in the layout of this
    /// snapshot are these. Faster than to thaw and compare.
    pub fn is(&self, manager: &Manager) -> bool {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let written = match self.layout {
            Layout::V1 => snapshot_v1::put_manager(&mut bytes, manager),
            Layout::V2 => {
                put_manager(&mut bytes, manager);
                true
            }
        };
        written && bytes == self.bytes
    }
}

pub(super) fn put_snapshot(out: &mut Vec<u8>, manager: &Manager, events: u64, time: Instant) {
    put(out, events);
    put(out, time.0);
    put(out, Layout::V2 as u64);
    put_manager(out, manager);
}

fn put_manager(out: &mut Vec<u8>, manager: &Manager) {
    let extended = postcard::to_extend(manager, take(out));
    *out = extended.expect("a vector takes all there is, and a manager can always be written");
}

/// Where a snapshot stands, which every version can read, and the snapshot, if its layout is known.
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
    let layout = Layout::of(body.varint()?);
    let frozen = layout.map(|layout| Frozen {
        events,
        time,
        offset,
        layout,
        bytes: body.0,
    });
    Some(Standing {
        events,
        time,
        frozen,
    })
}
