//! What can be wrong with a journal, and where.

use core::fmt;

use super::FORMAT;
use crate::protocol::validate::ConfigError;

/// Why a journal, or a frame of it, cannot be read. Offsets are bytes from the beginning.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as a journal does.
    NotAJournal,
    /// It was written in a newer format.
    Format {
        /// Its format.
        version: u16,
    },
    /// Its config contradicts itself.
    Config(ConfigError),
    /// Its config has something that a newer version writes and that changes what a manager
    /// decides.
    UnknownSetting {
        /// What it is: `policy`, `packing`, `field of the config`, `field of a kind`.
        what: &'static str,
        /// The number that it has in the journal.
        number: u64,
    },
    /// It ends within the frame (or the header) that begins here. All before is sound: the writer
    /// was stopped, or the rest was lost.
    Cut {
        /// Where the last whole frame ends.
        offset: usize,
    },
    /// The checksum of the frame (or the header) that begins here does not hold: it was changed
    /// after it was written.
    Corrupt {
        /// Where it begins.
        offset: usize,
    },
    /// The checksum holds, but the frame makes no sense.
    Malformed {
        /// Where it begins.
        offset: usize,
        /// What makes no sense.
        what: &'static str,
    },
    /// A frame of a kind that a newer version writes, and that must not be passed over.
    UnknownFrame {
        /// Where it begins.
        offset: usize,
        /// Its kind.
        kind: u8,
    },
    /// An event that a newer version writes.
    UnknownEvent {
        /// Where its frame begins.
        offset: usize,
        /// Its number.
        kind: u64,
    },
}

impl Error {
    /// The first byte of what cannot be read.
    pub fn offset(&self) -> usize {
        match *self {
            Error::NotAJournal
            | Error::Format { .. }
            | Error::Config(_)
            | Error::UnknownSetting { .. } => 0,
            Error::Cut { offset }
            | Error::Corrupt { offset }
            | Error::Malformed { offset, .. }
            | Error::UnknownFrame { offset, .. }
            | Error::UnknownEvent { offset, .. } => offset,
        }
    }

    /// Whether the frames after this one can be read: it is whole, and only not understood.
    pub fn can_be_skipped(&self) -> bool {
        matches!(
            self,
            Error::UnknownFrame { .. } | Error::UnknownEvent { .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::NotAJournal => write!(f, "it does not begin as a journal does"),
            Error::Format { version } => write!(
                f,
                "it is of format {version}, and this version reads up to format {FORMAT}"
            ),
            Error::Config(error) => write!(f, "its config is not valid: {error}"),
            Error::UnknownSetting { what, number } => write!(
                f,
                "its config has {what} {number}, which this version does not know"
            ),
            Error::Cut { offset } => {
                write!(f, "it is cut: the frame at byte {offset} is not whole")
            }
            Error::Corrupt { offset } => write!(
                f,
                "it is corrupt: the checksum of the frame at byte {offset} does not hold"
            ),
            Error::Malformed { offset, what } => {
                write!(f, "the frame at byte {offset} makes no sense: {what}")
            }
            Error::UnknownFrame { offset, kind } => write!(
                f,
                "the frame at byte {offset} is of kind {kind}, which this version does not know"
            ),
            Error::UnknownEvent { offset, kind } => write!(
                f,
                "the event at byte {offset} is of kind {kind}, which this version does not know"
            ),
        }
    }
}

impl core::error::Error for Error {}
