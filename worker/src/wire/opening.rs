//! The start of a worker's stream: a banner perhaps, the magic, the version.

use super::{Decoder, FromWorker, MAGIC, MAX_BANNER, VERSION, WireError};

/// How much of a banner an error shows, in bytes.
const SHOWN: usize = 400;

/// What a worker writes before its first frame.
#[must_use]
pub fn hello_preamble() -> [u8; 10] {
    let mut preamble = [0; 10];
    preamble[..8].copy_from_slice(&MAGIC);
    preamble[8..].copy_from_slice(&VERSION.to_le_bytes());
    preamble
}

/// The driver's side of the preamble: passes over at most [`MAX_BANNER`] bytes, finds [`MAGIC`] wherever the reads cut it,
/// checks the version and hands the rest to a [`Decoder`]. The first message of that should be a [`FromWorker::Hello`].
#[derive(Debug, Default)]
pub struct Opening {
    /// All that came.
    buffer: Vec<u8>,
    /// No magic begins before this index.
    scanned: usize,
}

/// A stream whose preamble is complete.
#[derive(Debug)]
pub struct Opened {
    /// What came before the magic.
    pub banner: Vec<u8>,
    /// Holds what came after the version already.
    pub decoder: Decoder<FromWorker>,
}

impl Opening {
    /// An opening that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Opening::default()
    }

    /// Takes in what was read; `Some` once the preamble is complete, after which this is to be dropped.
    ///
    /// # Errors
    /// [`WireError::NoMagic`] where more than [`MAX_BANNER`] bytes came before a magic, [`WireError::Version`] where the
    /// version is not ours.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Opened>, WireError> {
        self.buffer.extend_from_slice(bytes);
        let window = &self.buffer[..self.buffer.len().min(MAX_BANNER + MAGIC.len())];
        let found = window[self.scanned..]
            .windows(MAGIC.len())
            .position(|bytes| bytes == MAGIC);
        let Some(found) = found else {
            if window.len() == MAX_BANNER + MAGIC.len() {
                return Err(WireError::NoMagic {
                    banner: shown(&self.buffer),
                    limit: MAX_BANNER,
                });
            }
            // A magic may have begun in the last bytes.
            self.scanned = window.len().saturating_sub(MAGIC.len() - 1);
            return Ok(None);
        };
        self.scanned += found;
        let magic_end = self.scanned + MAGIC.len();
        let Some((version, frames)) = self.buffer[magic_end..].split_first_chunk() else {
            return Ok(None);
        };
        let version = u16::from_le_bytes(*version);
        if version != VERSION {
            self.buffer.truncate(self.scanned);
            return Err(WireError::Version {
                found: version,
                supported: VERSION,
            });
        }
        let mut decoder = Decoder::new();
        decoder.push(frames);
        self.buffer.truncate(self.scanned);
        Ok(Some(Opened {
            banner: std::mem::take(&mut self.buffer),
            decoder,
        }))
    }

    /// What came so far and is not known to be the preamble, for a message.
    #[must_use]
    pub fn banner(&self) -> &[u8] {
        &self.buffer
    }

    /// What to say of a stream that ended here: [`WireError::NoHello`].
    #[must_use]
    pub fn finish(&self) -> WireError {
        WireError::NoHello {
            banner: shown(&self.buffer),
        }
    }
}

/// The last lines of a banner, as text: what went wrong stands there.
fn shown(banner: &[u8]) -> String {
    let mut end = &banner[banner.len().saturating_sub(SHOWN)..];
    if end.len() < banner.len()
        && let Some(line) = end.iter().position(|&byte| byte == b'\n')
        && line + 1 < end.len()
    {
        end = &end[line + 1..];
    }
    String::from_utf8_lossy(end).trim_end().to_owned()
}
