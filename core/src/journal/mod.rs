//! A journal: what a manager was told and when, to be played again (feature `journal`).
//!
//! Nothing here does I/O: a [`Writer`] appends bytes to the caller's buffer, a [`Reader`] reads them
//! from a slice. The same events at the same times give the same actions (F6), so the events are
//! enough; with each stands a hash of the actions that it caused, which tells whether a replay goes
//! as the run went.
//!
//! ```
//! use remuda::journal::{Body, Label, Reader, Writer, hash};
//! use remuda::{Config, Event, Instant, Manager, RequestId, Submit};
//!
//! let mut manager = Manager::new(Config::new(4, 16)?)?;
//! let mut bytes = Vec::new();
//! let mut writer = Writer::new(&manager, None, &[Label::new("host", "build7")], &mut bytes);
//!
//! let submit = Event::Submit { request: RequestId(1), spec: Submit::machine() };
//! let actions = manager.handle(submit, Instant::ZERO);
//! writer.record(Instant::ZERO, &submit, &actions, &manager, &mut bytes);
//!
//! let reader = Reader::new(&bytes)?;
//! let mut again = Manager::new(reader.header().config.clone())?;
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
//! # The format, version 2
//!
//! A *varint* is an unsigned number, seven bits a byte, the lowest first, the top bit set on all but
//! the last; *zigzag* maps signed numbers to unsigned ones, 0 −1 1 −2 to 0 1 2 3. A *text* is its
//! length as a varint, then UTF-8. A *span* is seconds, then nanoseconds of the last one, below
//! 10^9. An *option* is 0, or 1 and the value. *Amounts* are the four of
//! [`Resources`](crate::Resources). Numbers whose size is given are little-endian, all others are
//! varints.
//!
//! ```text
//!  header   magic (8 bytes), format version (u16), length of the rest (u32), CRC-32 (u32) of all but
//!           magic and itself; then crate version (text), version of the rules, begins (0 with a
//!           fresh manager, 1 with the snapshot that follows), config, origin (option: nanoseconds
//!           since 1970 at instant zero), labels (count, then two texts each)
//!  config   length of all its fields, fields
//!  field    number, length of the body, body
//!     1     policy: 0 fit, 1 bigslice
//!     2     a kind, which consists of fields; once for each kind
//!       1     capacity (amounts)       4   spare            7   idle (option of a span)
//!       2     min                      5   max_pending      8   cost
//!       3     max                      6   batch            9   startable: 0, 1
//!     3     max_procs                                   4   packing: 0 none, 1 best fit, 2 first fit
//!     5     patience                                    6   hold_limit (option of a span)
//!     7     probation (span)                            8   probation_cap (span)
//!     9     flaps                                      10   start_backoff_base (span)
//!    11     start_backoff_cap (span)                   12   settle (span)
//!    13     silent_polls                               14   poll_interval (span)
//!    15     summary_interval (span)                    16   stop_with_tasks: 0, 1
//!    17     withdraw: 0, 1                           0x80   names (four texts)
//!  frame    kind (u8), length of the body, CRC-32 (u32) of kind, length and body, body
//!     1     event: time since the last event (zigzag), hash of the actions (u32), its number, its
//!           fields (below)
//!  0x80     snapshot: events before it, time of the last of them, version of its layout, the manager
//!  0x81     note: time since the last event (zigzag), machine, topic (text), text
//!
//!  event    its number and its fields
//!     1     submit: request, priority (zigzag), procs or 0 for a whole machine
//!     2     cancel: request                             3   done: request, outcome
//!     4     up: machine                                 5   start failed: machine
//!     6     stopped: machine                            7   assign task: machine, task
//!     8     discard task: machine, task                 9   once: machine, key (2), waiter
//!    10     once done: machine, key (2), outcome       11   forget once: machine, key (2)
//!    12     polled: machine, answered: 0, 1            13   timer
//!    14     shutdown
//!    15     submit: request, priority (zigzag), what follows (sum of 1 amounts, 2 kinds, 4 prefer,
//!           8 avoid, 16 give_up; without amounts a whole machine, without kinds all), that
//!    16     done: request, machine, outcome            17   up: machine, offer (amounts)
//!    18     start failed: machine, retry after (span)  19   start failed, at capacity: machine
//!    20     join: machine, kind, offer (option)        21   drain: machine, until (option)
//!    22     keep: machine                              24   set max procs: procs
//!    23     set limits: kind, min, max, spare, idle (option of a span)
//! ```
//!
//! A number of an event stands for the same fields for ever; an event that needs none of the fields
//! from 15 up is written under its old number. Fields of a config and of a kind stand in ascending
//! order, and every one named above is written.
//!
//! What a newer version may add: frames and fields from 0x80 up, which are passed over by a reader
//! that does not know them, as is what follows the labels; and frames, events, fields, policies and
//! packings with other numbers, which such a reader refuses with an [`Error`] that names them. After
//! an unknown frame or event it may be asked for the next frame. A newer version leaves out a new
//! field while nothing is decided differently for it.
//!
//! Snapshots are coded by a derive, all else by hand. Version 2 of their layout is the manager in
//! [postcard](https://docs.rs/postcard). A layout that a reader does not know is passed over.
//!
//! # Version 1
//!
//! Journals of the first edition are read for ever. They differ in three ways: events are of the
//! numbers 1 to 14 only; the config is eight figures (procs of a machine, max_procs, probation,
//! start_backoff_base and start_backoff_cap, silent_polls, poll_interval, summary_interval), read as
//! [`Config::bigslice_machines`](crate::Config::bigslice_machines) with these figures; and the layout
//! of snapshots is version 1. They replay with every hash and every snapshot equal.

mod action;
mod bytes;
mod config;
mod error;
mod event;
mod frame;
mod header;
mod index;
mod note;
mod reader;
mod snapshot;
mod snapshot_v1;
#[cfg(test)]
mod tests;
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
pub const FORMAT: u16 = 2;

/// The version of the rules: raised with a release in which the same events may cause other actions
/// than in the one before.
pub const RULES: u32 = 2;

/// The first bytes of a journal. The first is in no text; the last ones show whether a transfer
/// changed line ends.
pub const MAGIC: [u8; 8] = *b"\xf2RMDJ\r\n\x1a";
