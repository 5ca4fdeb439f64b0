//! The session of a worker that connects back: a byte stream in each direction that outlives the connections which carry it.
//! Sans-IO, and used by both sides. The streams carry the [wire protocol](crate::wire), as pipes do.
//!
//! ```text
//!   worker                                        driver
//!     ├─ Noise, first message (knows the key) ─────▶│  answered by nothing unless the key is the same
//!     │◀──────────── Noise, second message ─────────┤
//!     ├─ Open: begin, resume or ended ─────────────▶│  sealed from here on; it proves that this is no replay
//!     │◀──────────── Accept, or Refuse ─────────────┤
//!     │◀─ Data: bytes, acknowledgement, time ──────▶│
//! ```
//!
//! A driver that was killed and started again has a higher *epoch*. When it accepts a worker, both streams begin anew, and the
//! worker never again takes a driver of a lower epoch.
//!
//! | file | what it owns |
//! |---|---|
//! | `key.rs` | the key that both sides have, and its file |
//! | `noise.rs` | the handshake, and how records are sealed |
//! | `record.rs` | what is in a record |
//! | `stream.rs` | the bytes that are not acknowledged yet, and what is sent again after a cut |

mod key;
mod noise;
mod record;
mod stream;

pub use key::{Key, KeyError};
pub use noise::{HANDSHAKE, Initiator, Opener, Responder, Sealer};
pub use record::{Accept, MAX_DATA, MAX_NAME, Open, Purpose, Record, SessionId};
pub use stream::{Outgoing, UNACKNOWLEDGED};

use std::fmt;

/// The version of handshake and records. Both sides must have the same.
pub const VERSION: u16 = 2;

/// How much later than the worker the driver gives a session up. In between the worker's jobs end: a worker that is stopped
/// learns of nothing, and its guard ends it at most two seconds late, after one more second of waiting.
pub const MARGIN: std::time::Duration = std::time::Duration::from_secs(5);

/// What is wrong with a connection. Each is final for the connection, and not for the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The other side has another key, or it is no side of ours at all.
    Handshake,
    /// A record was changed on its way, or is none of ours.
    Seal,
    /// A record is longer than any of ours, or shorter.
    Length(usize),
    /// A sealed record has no meaning.
    Malformed(String),
    /// The other side speaks another version of the session.
    Version(u16),
    /// It acknowledges, or wants again, what was never sent or is no longer kept.
    Position {
        /// What it says.
        said: u64,
        /// The first byte that it may name.
        first: u64,
        /// The last one.
        last: u64,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Handshake => f.write_str("it does not have our key"),
            SessionError::Seal => f.write_str("a record does not open"),
            SessionError::Length(length) => write!(f, "a record of {length} bytes"),
            SessionError::Malformed(reason) => write!(f, "a malformed record: {reason}"),
            SessionError::Version(version) => write!(
                f,
                "it speaks version {version} of the session, we speak {VERSION}"
            ),
            SessionError::Position { said, first, last } => write!(
                f,
                "it is at byte {said} of a stream of which {first} to {last} are kept"
            ),
        }
    }
}

impl std::error::Error for SessionError {}
