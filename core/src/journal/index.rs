//! The snapshots of a journal, to go to any event without a replay of all before it.

use alloc::vec::Vec;

use super::error::Error;
use super::frame::{EVENT, SNAPSHOT, frame};
use super::header;
use super::snapshot::{Frozen, snapshot};
use crate::protocol::time::Instant;

/// Where a journal's snapshots are. It is made in one pass that decodes no event.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    snapshots: Vec<Frozen<'a>>,
    events: u64,
    end: usize,
    error: Option<Error>,
}

impl<'a> Index<'a> {
    /// Finds the snapshots of a journal, up to where it is cut or cannot be followed.
    ///
    /// # Errors
    /// Its header cannot be read.
    pub fn new(bytes: &'a [u8]) -> Result<Index<'a>, Error> {
        let (_, begin) = header::read(bytes)?;
        let mut index = Index {
            snapshots: Vec::new(),
            events: 0,
            end: begin,
            error: None,
        };
        while index.end < bytes.len() && index.error.is_none() {
            if let Err(error) = index.step(bytes) {
                index.error = Some(error);
            }
        }
        Ok(index)
    }

    fn step(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        let raw = frame(bytes, self.end, |kind| kind == SNAPSHOT)?;
        match raw.kind {
            EVENT => self.events += 1,
            SNAPSHOT => self.snapshots.extend(snapshot(raw.body, self.end)?.frozen),
            _ => {}
        }
        self.end = raw.end;
        Ok(())
    }

    /// The last snapshot with no more than so many events before it.
    pub fn before_event(&self, events: u64) -> Option<Frozen<'a>> {
        self.last(|snapshot| snapshot.events <= events)
    }

    /// The last snapshot of a time before `time`.
    pub fn before(&self, time: Instant) -> Option<Frozen<'a>> {
        self.last(|snapshot| snapshot.time < time)
    }

    fn last(&self, keep: impl Fn(&Frozen<'a>) -> bool) -> Option<Frozen<'a>> {
        self.snapshots.iter().copied().rfind(keep)
    }

    /// All of them, in order.
    pub fn snapshots(&self) -> &[Frozen<'a>] {
        &self.snapshots
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Why the pass ended before the end, if it did; all before the error's offset was read.
    pub fn error(&self) -> Option<Error> {
        self.error
    }
}
