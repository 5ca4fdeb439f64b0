//! One direction of a session's stream, at its sender: the bytes that the other side has not acknowledged.

use super::SessionError;
use std::collections::VecDeque;

/// With so many bytes not acknowledged, nothing more is to be added to a stream.
pub const UNACKNOWLEDGED: usize = 1 << 20;

/// The bytes that the other side has not acknowledged, and which of them were sent on this connection.
///
/// ```
/// use remuda_worker::session::Outgoing;
///
/// let mut stream = Outgoing::default();
/// stream.push(b"abcdef");
/// let mut sent = Vec::new();
/// assert!(stream.next(4, &mut sent));
/// assert_eq!(sent, b"abcd");
/// stream.acknowledge(3)?; // it has "abc"
///
/// stream.resume(3)?; // on the next connection
/// sent.clear();
/// assert!(stream.next(100, &mut sent));
/// assert_eq!(sent, b"def");
/// assert!(!stream.next(100, &mut sent));
/// # Ok::<(), remuda_worker::session::SessionError>(())
/// ```
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The bytes from `first` on.
    kept: VecDeque<u8>,
    /// Where in the stream the first byte that is kept is.
    first: u64,
    /// How many of the kept bytes were sent on this connection.
    sent: usize,
}

impl Outgoing {
    /// Adds bytes to the end of the stream. The caller adds none while it [is full](Outgoing::is_full).
    pub fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
    }

    /// Whether as much is kept as should be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kept.len() >= UNACKNOWLEDGED
    }

    /// Appends the next bytes to send, at most `most`, to `out`. Returns whether there were any.
    pub fn next(&mut self, most: usize, out: &mut Vec<u8>) -> bool {
        let end = self.kept.len().min(self.sent.saturating_add(most));
        let (front, back) = self.kept.as_slices();
        let part = |slice: &[u8], offset: usize| {
            let from = self.sent.clamp(offset, offset + slice.len()) - offset;
            let to = end.clamp(offset, offset + slice.len()) - offset;
            from..to
        };
        out.extend_from_slice(&front[part(front, 0)]);
        out.extend_from_slice(&back[part(back, front.len())]);
        let any = end > self.sent;
        self.sent = end;
        any
    }

    /// Whether there is something to send.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.sent < self.kept.len()
    }

    /// The other side has so many bytes of the stream: they are not kept any longer.
    ///
    /// # Errors
    /// So many were not sent.
    pub fn acknowledge(&mut self, received: u64) -> Result<(), SessionError> {
        let number = self.index(received, self.sent)?;
        self.kept.drain(..number);
        self.first = received;
        self.sent -= number;
        if self.kept.is_empty() {
            // One burst does not cost a megabyte for ever.
            self.kept.shrink_to(16 * 1024);
        }
        Ok(())
    }

    /// A new connection: the other side has so many bytes of the stream, and what follows is sent (again).
    ///
    /// # Errors
    /// It has less than it acknowledged, or more than there is.
    pub fn resume(&mut self, received: u64) -> Result<(), SessionError> {
        let number = self.index(received, self.kept.len())?;
        self.sent = number;
        self.acknowledge(received)?;
        self.sent = 0;
        Ok(())
    }

    /// Where a byte of the stream is among those that are kept.
    fn index(&self, said: u64, most: usize) -> Result<usize, SessionError> {
        let index = said.checked_sub(self.first).filter(|&n| n <= most as u64);
        index.map(|n| n as usize).ok_or(SessionError::Position {
            said,
            first: self.first,
            last: self.first + most as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is pushed, sent, acknowledged and cut: the other side has the stream, each byte once and in order.
        #[test]
        fn what_arrives_is_the_stream(steps in proptest::collection::vec((0..5_u8, 0..90_usize), 1..200)) {
            let mut stream = Outgoing::default();
            let (mut pushed, mut arrived, mut acknowledged) = (Vec::new(), Vec::new(), 0);
            for (step, number) in steps {
                match step {
                    0 => {
                        let bytes: Vec<u8> = (0..number).map(|n| ((pushed.len() + n) % 251) as u8).collect();
                        stream.push(&bytes);
                        pushed.extend(bytes);
                    }
                    1 => drop(stream.next(number, &mut arrived)),
                    2 => {
                        acknowledged = (acknowledged + number).min(arrived.len());
                        stream.acknowledge(acknowledged as u64).expect("it was sent");
                    }
                    // A cut: some of what was sent did not arrive.
                    3 => {
                        let lost = number.min(arrived.len() - acknowledged);
                        arrived.truncate(arrived.len() - lost);
                        acknowledged = arrived.len();
                        stream.resume(arrived.len() as u64).expect("it was sent");
                    }
                    _ => {
                        prop_assert!(stream.acknowledge(arrived.len() as u64 + 1).is_err());
                        if acknowledged > 0 {
                            prop_assert!(stream.resume(acknowledged as u64 - 1).is_err());
                        }
                        prop_assert!(stream.resume(pushed.len() as u64 + 1).is_err());
                    }
                }
                prop_assert_eq!(&arrived[..], &pushed[..arrived.len()]);
                prop_assert_eq!(stream.has_unsent(), arrived.len() < pushed.len());
                prop_assert!(stream.kept.len() <= pushed.len() - acknowledged);
            }
            stream.next(usize::MAX, &mut arrived);
            prop_assert_eq!(arrived, pushed);
        }
    }

    #[test]
    fn it_is_full_until_enough_is_acknowledged() {
        let mut stream = Outgoing::default();
        stream.push(&vec![1; UNACKNOWLEDGED]);
        assert!(stream.is_full());
        stream.next(10, &mut Vec::new());
        stream.acknowledge(1).expect("it was sent");
        assert!(!stream.is_full());
    }
}
