//! A journal: what a manager was told and when, to be played again (feature `journal`).
//!
//! Nothing here does I/O: a [`Writer`] appends bytes to the caller's buffer, a [`Reader`] reads them from a slice. Since
//! the same events at the same times give the same actions (F6), the events are enough; a hash of the actions that each
//! caused tells whether a replay goes the way the run went.
//!
//! ```
//! use remuda::journal::{Body, Label, Reader, Writer, hash};
//! use remuda::{Config, Demand, Event, Instant, Manager, RequestId};
//!
//! let mut manager = Manager::new(Config::new(4, 16)?)?;
//! let mut bytes = Vec::new();
//! let mut writer = Writer::new(&manager, None, &[Label::new("host", "build7")], &mut bytes);
//!
//! let submit = Event::Submit { request: RequestId(1), priority: 0, demand: Demand::Machine };
//! let actions = manager.handle(submit, Instant::ZERO);
//! writer.record(Instant::ZERO, &submit, &actions, &manager, &mut bytes);
//!
//! let reader = Reader::new(&bytes)?;
//! let mut again = Manager::new(reader.header().config)?;
//! for frame in reader {
//!     if let Body::Event(recorded) = frame?.body {
//!         let actions = again.handle(recorded.event, recorded.time);
//!         assert_eq!(hash(&actions), recorded.hash);
//!     }
//! }
//! assert_eq!(again, manager);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The format, version 1
//!
//! A *varint* is an unsigned number, seven bits a byte, the lowest first, the top bit set on all but the last; *zigzag*
//! maps signed numbers to unsigned ones, 0 −1 1 −2 to 0 1 2 3. A *text* is its length as a varint, then UTF-8. Other
//! numbers are little-endian.
//!
//! ```text
//!  header   magic (8 bytes), format version (u16), length of the rest (u32), CRC-32 (u32) of all but magic and itself
//!           crate version (text), version of the rules (varint), begins (varint: 0 with a fresh manager, 1 with the
//!           snapshot that follows), config, origin (0, or 1 and varint: nanoseconds since 1970 at instant zero),
//!           labels (count, then two texts each)
//!  frame    kind (u8), length of the body (varint), CRC-32 (u32) of kind, length and body, body
//!   1       event: time since the last event (zigzag), hash of the actions (u32), which event (varint), its fields
//!   0x80    snapshot: events before it, time of the last of them, version of its layout, the manager in postcard
//!   0x81    note: time since the last event (zigzag), machine, topic (text), text
//! ```
//!
//! Kinds from 0x80 up are ancillary: who does not know one passes it over. Another kind, and another event, that is not
//! known is an [`Error`] that names it; the reader may then be asked for the next frame. Nothing is coded by a derive
//! but the snapshot, whose version is raised when its layout changes and which is passed over by who does not know that.

mod action;
mod error;
mod event;
mod frame;
mod header;
mod index;
mod note;
mod reader;
mod snapshot;
mod varint;
mod writer;

pub use action::{hash, hash_with};
pub use error::Error;
pub use header::{Header, Label};
pub use index::Index;
pub use note::Note;
pub use reader::{Body, Frame, Reader, Recorded};
pub use snapshot::Frozen;
pub use writer::Writer;

/// The format that is written, and the newest that is read.
pub const FORMAT: u16 = 1;

/// The version of the rules: raised whenever the same events may cause other actions than before.
pub const RULES: u32 = 1;

/// The first bytes of a journal. The first is no text; the last ones show whether something took it for text.
pub const MAGIC: [u8; 8] = *b"\xf2RMDJ\r\n\x1a";
