//! Frames: messages to bytes and bytes to messages.

use super::{FromWorker, MAX_FRAME, Stream, ToWorker, WireError};
use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::Bytes;
use std::marker::PhantomData;

/// The bytes of a frame's length.
const HEADER: usize = 4;

/// The last byte of a frame. Relays such as `srun` pass output on line by line: so no frame waits in one for the next.
const END: u8 = b'\n';

/// An empty buffer keeps its memory up to this size, so that one large frame does not cost a megabyte for ever.
const KEEP: usize = 256 * 1024;

/// The two kinds of message: [`ToWorker`] and [`FromWorker`].
pub trait Message: Serialize + DeserializeOwned + sealed::Sealed {}

impl Message for ToWorker {}
impl Message for FromWorker {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ToWorker {}
    impl Sealed for super::FromWorker {}
}

/// Appends `message` as one frame to `out`.
///
/// # Errors
/// [`WireError::TooLong`] where its body is longer than [`MAX_FRAME`]; `out` is then as it was.
pub fn encode<M: Message>(message: &M, out: &mut Vec<u8>) -> Result<(), WireError> {
    frame(message, out)
}

/// Appends a [`FromWorker::Output`] without owning its bytes, so that a read buffer is copied once.
pub(crate) fn encode_output(
    call: u64,
    stream: Stream,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    // Postcard writes an enum as the variant's index and its fields in order, which a tuple gives too.
    const OUTPUT: u32 = 1;
    frame(&(OUTPUT, call, stream, Bytes::new(bytes)), out)
}

fn frame<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    out.extend([0; HEADER]);
    if let Err(error) = postcard::to_extend(message, Tail(out)) {
        out.truncate(start);
        return Err(WireError::Malformed {
            reason: error.to_string(),
        });
    }
    let length = out.len() - start - HEADER;
    match u32::try_from(length) {
        Ok(header) if length <= MAX_FRAME => {
            out[start..start + HEADER].copy_from_slice(&header.to_le_bytes());
            out.push(END);
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(WireError::TooLong {
                length,
                limit: MAX_FRAME,
            })
        }
    }
}

/// Appends to a borrowed buffer; postcard wants to own what it extends.
struct Tail<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Tail<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

/// Turns bytes, cut anywhere, back into messages.
///
/// It holds what was pushed and not yet taken: with [`next`](Decoder::next) called until it says `None` after each push,
/// that is less than one frame, at most [`MAX_FRAME`] bytes and the length before them. The cost is linear in the bytes, however they are
/// cut. After an error every call says the same error: behind a bad frame there is no way to find the next.
#[derive(Debug)]
pub struct Decoder<M> {
    buffer: Vec<u8>,
    /// Where the first frame not yet taken begins.
    start: usize,
    failed: Option<WireError>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Decoder<M> {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Decoder {
            buffer: Vec::new(),
            start: 0,
            failed: None,
            message: PhantomData,
        }
    }

    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.start > 0 {
            // What stays is less than a frame whenever the caller took all there was, and moves once a push at most.
            // Where much was left, move it only when at least as much is free: amortised O(1) a byte.
            let left = self.held();
            if left <= self.start {
                self.buffer.copy_within(self.start.., 0);
                self.buffer.truncate(left);
                self.start = 0;
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, or `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`WireError::TooLong`] as soon as the length is read, [`WireError::Malformed`] for a body that is no message or has
    /// bytes to spare, and for a frame that does not end in a line feed.
    #[allow(clippy::should_implement_trait)] // It is fallible and resumes after None, which Iterator would hide.
    pub fn next(&mut self) -> Result<Option<M>, WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let taken = self.take();
        if let Err(error) = &taken {
            self.failed = Some(error.clone());
            self.buffer = Vec::new();
            self.start = 0;
        }
        taken
    }

    /// Says whether the stream may end here.
    ///
    /// # Errors
    /// [`WireError::Truncated`] within a frame; the error that [`next`](Decoder::next) found, if it did.
    pub fn finish(&self) -> Result<(), WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.held() {
            0 => Ok(()),
            have => Err(WireError::Truncated {
                have,
                need: self.length().map_or(HEADER, |length| HEADER + length + 1),
            }),
        }
    }

    /// The bytes that were pushed and not yet taken.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The bytes of memory it has for them. It grows with what is pushed, never with what a length announces.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The length of the next body, once its bytes are here.
    fn length(&self) -> Option<usize> {
        let header = self.buffer.get(self.start..self.start + HEADER)?;
        let header = u32::from_le_bytes(
            header
                .try_into()
                .expect("the slice has the header's length"),
        );
        Some(usize::try_from(header).unwrap_or(usize::MAX))
    }

    fn take(&mut self) -> Result<Option<M>, WireError> {
        let Some(length) = self.length() else {
            return Ok(None);
        };
        if length > MAX_FRAME {
            return Err(WireError::TooLong {
                length,
                limit: MAX_FRAME,
            });
        }
        let body = self.start + HEADER;
        let Some((end, bytes)) = self
            .buffer
            .get(body..=body + length)
            .and_then(<[u8]>::split_last)
        else {
            return Ok(None);
        };
        if *end != END {
            return Err(WireError::Malformed {
                reason: format!("it ends in byte {end:#04x} and not in a line feed"),
            });
        }
        let message = decode(bytes)?;
        self.start = body + length + 1;
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            self.buffer.shrink_to(KEEP);
        }
        Ok(Some(message))
    }
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Decoder::new()
    }
}

fn decode<M: Message>(body: &[u8]) -> Result<M, WireError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(WireError::Malformed {
            reason: format!("{} bytes too many at its end", rest.len()),
        }),
        Err(error) => Err(WireError::Malformed {
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_output_is_the_same_frame() {
        for (call, stream, bytes) in [
            (0, Stream::Stdout, vec![]),
            (1 << 40, Stream::Stderr, vec![7; 300]),
        ] {
            let (mut owned, mut borrowed) = (Vec::new(), Vec::new());
            encode_output(call, stream, &bytes, &mut borrowed).expect("small");
            encode(
                &FromWorker::Output {
                    call,
                    stream,
                    bytes,
                },
                &mut owned,
            )
            .expect("small");
            assert_eq!(borrowed, owned);
        }
    }
}
