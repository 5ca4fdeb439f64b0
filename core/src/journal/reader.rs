//! Reading: frame by frame, up to the first that is damaged.

use core::iter::FusedIterator;

use super::bytes::Bytes;
use super::error::Error;
use super::event::{NoEvent, event};
use super::frame::{EVENT, NOTE, Raw, SNAPSHOT, frame};
use super::header::{self, Header};
use super::note::{Note, note};
use super::snapshot::{Frozen, Standing, snapshot};
use crate::protocol::event::Event;
use crate::protocol::time::Instant;

/// Reads the frames of a journal, as an iterator. It allocates nothing but the header.
///
/// A journal that ends within a frame gives all before it, then [`Error::Cut`]; damage gives an
/// error with its offset. After an error there is nothing more, unless it
/// [can be skipped](Error::can_be_skipped).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    header: Header,
    bytes: &'a [u8],
    offset: usize,
    events: u64,
    last: Instant,
    over: bool,
}

/// A frame of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Where it begins.
    pub offset: usize,
    /// What it holds.
    pub body: Body<'a>,
}

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Body<'a> {
    /// Something that happened.
    Event(Recorded),
    /// The manager as all events before leave it.
    Snapshot(Frozen<'a>),
    /// A remark.
    Note(Note<'a>),
    /// Something of a newer version that may be passed over.
    Unknown {
        /// Its kind.
        kind: u8,
    },
}

/// An event as it was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Which event it is, counted from 1.
    pub number: u64,
    /// When it was told to the manager.
    pub time: Instant,
    /// The event.
    pub event: Event,
    /// The [`hash`](super::hash) of the actions it caused.
    pub hash: u32,
}

impl<'a> Reader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no journal, a newer one, or damaged.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Error> {
        let (header, offset) = header::read(bytes)?;
        Ok(Reader {
            header,
            bytes,
            offset,
            events: 0,
            last: Instant::ZERO,
            over: false,
        })
    }

    /// What stands at the beginning.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the next frame begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many events were read, or passed over on the way to a snapshot.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Goes on behind a snapshot, which [`Frozen::thaw`] makes a manager: the next frame is the one
    /// that follows it.
    ///
    /// # Errors
    /// There is no whole frame where the snapshot should be.
    pub fn resume(&mut self, snapshot: &Frozen<'_>) -> Result<(), Error> {
        let raw = frame(self.bytes, snapshot.offset, |_| true)?;
        self.offset = raw.end;
        self.events = snapshot.events;
        self.last = snapshot.time;
        self.over = false;
        Ok(())
    }

    fn body(&mut self, raw: &Raw<'a>, offset: usize) -> Result<Body<'a>, Error> {
        let malformed = |what| Error::Malformed { offset, what };
        match raw.kind {
            EVENT => self.event(Bytes(raw.body), offset).map(Body::Event),
            SNAPSHOT => {
                let Standing {
                    events,
                    time,
                    frozen,
                } = snapshot(raw.body, offset)?;
                // Times and numbers go on from these: it may be what the journal begins with.
                (self.events, self.last) = (events, time);
                Ok(frozen.map_or(Body::Unknown { kind: SNAPSHOT }, Body::Snapshot))
            }
            NOTE => {
                let mut bytes = Bytes(raw.body);
                let note = note(&mut bytes, self.last).ok_or(malformed("a note"))?;
                Ok(Body::Note(note))
            }
            kind if kind >= SNAPSHOT => Ok(Body::Unknown { kind }),
            kind => Err(Error::UnknownFrame { offset, kind }),
        }
    }

    fn event(&mut self, mut bytes: Bytes<'_>, offset: usize) -> Result<Recorded, Error> {
        let what = "an event";
        let malformed = Error::Malformed { offset, what };
        let since = bytes.signed().ok_or(malformed)?;
        let hash = u32::from_le_bytes(bytes.array().ok_or(malformed)?);
        // Counted even if it is not known, so that those after it keep their time and number.
        self.last = Instant(self.last.0.wrapping_add(since as u64));
        self.events += 1;
        let event = event(bytes).map_err(|error| match error {
            NoEvent::Unknown(kind) => Error::UnknownEvent { offset, kind },
            NoEvent::Malformed => malformed,
        })?;
        Ok(Recorded {
            number: self.events,
            time: self.last,
            event,
            hash,
        })
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Frame<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        if self.over || offset == self.bytes.len() {
            return None;
        }
        let read = frame(self.bytes, offset, |_| true).and_then(|raw| {
            let body = self.body(&raw, offset);
            self.offset = raw.end;
            body
        });
        match read {
            Ok(body) => Some(Ok(Frame { offset, body })),
            Err(error) => {
                self.over = !error.can_be_skipped();
                if self.over {
                    self.offset = offset;
                }
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Reader<'_> {}
