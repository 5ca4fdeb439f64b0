//! What can be wrong with the bytes of the other side.

use std::fmt;

/// What is wrong with a stream of frames. Each is final: the stream has no further messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// A frame is longer than the protocol allows.
    TooLong {
        /// The length of its body, in bytes.
        length: usize,
        /// The most it may be: [`MAX_FRAME`](super::MAX_FRAME).
        limit: usize,
    },
    /// The body of a frame is no message.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The stream ended within a frame.
    Truncated {
        /// The bytes of the frame that came, its length included.
        have: usize,
        /// The bytes it has, its length and its line feed included; 4 where its length did not come whole.
        need: usize,
    },
    /// The worker speaks another version of the protocol.
    Version {
        /// Its version.
        found: u16,
        /// Ours: [`VERSION`](super::VERSION).
        supported: u16,
    },
    /// So much came and no hello that this is no worker.
    NoMagic {
        /// The last of what came instead, as text.
        banner: String,
        /// The most that may come before a hello: [`MAX_BANNER`](super::MAX_BANNER).
        limit: usize,
    },
    /// The stream ended before the hello.
    NoHello {
        /// What came instead, as text, shortened; may be empty.
        banner: String,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::TooLong { length, limit } => {
                write!(f, "frame of {length} bytes, over the limit of {limit}")
            }
            WireError::Malformed { reason } => write!(f, "malformed frame: {reason}"),
            WireError::Truncated { have, need } => {
                write!(f, "the stream ended after {have} of a frame's {need} bytes")
            }
            WireError::Version { found, supported } => {
                write!(
                    f,
                    "the worker speaks version {found} of the protocol, we speak {supported}"
                )
            }
            WireError::NoMagic { banner, limit } => {
                write!(
                    f,
                    "no worker's hello in the first {limit} bytes; they end {banner:?}"
                )
            }
            WireError::NoHello { banner } if banner.is_empty() => {
                f.write_str("the output ended before a worker's hello")
            }
            WireError::NoHello { banner } => write!(
                f,
                "the output ended before a worker's hello; it was {banner:?}"
            ),
        }
    }
}

impl std::error::Error for WireError {}
