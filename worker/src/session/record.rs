//! What is in a sealed record. The encoding is postcard's, as that of the wire protocol's frames.

use super::SessionError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::num::ParseIntError;
use std::str::FromStr;

/// The most bytes of the stream in one record.
pub const MAX_DATA: usize = 32 * 1024;

/// The most bytes of the name of a kind, and of the reason of a refusal.
pub const MAX_NAME: usize = 1024;

/// Names a session. The worker makes it up, and nobody without the key ever sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId([u8; 16]);

impl SessionId {
    pub(crate) fn new(bytes: [u8; 16]) -> SessionId {
        SessionId(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A name that no other session has.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn random() -> io::Result<SessionId> {
        super::key::random().map(SessionId)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for SessionId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<SessionId, ParseIntError> {
        let number = u128::from_str_radix(text, 16)?;
        Ok(SessionId(number.to_be_bytes()))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first record of a worker on each connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The session.
    pub session: SessionId,
    /// What the connection is for.
    pub purpose: Purpose,
}

/// What a connection is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To begin a session.
    Begin {
        /// The number of the machine whose start waits for this worker; none: the worker joins.
        machine: Option<u64>,
        /// The kind of a worker that joins: a number, or a name that the driver knows.
        kind: Option<String>,
        /// For how long the worker keeps its jobs when it is cut off, in milliseconds.
        reconnect_ms: u64,
    },
    /// To go on with it.
    Resume {
        /// How many bytes of the driver's stream the worker has.
        received: u64,
        /// The epoch of the driver that it had last, whose streams these are.
        epoch: u64,
    },
    /// To end it: the worker's guard says that the worker is gone and nothing that it ran is alive.
    Ended,
}

/// The driver's answer to [`Open`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// How many bytes of the worker's stream the driver has.
    pub received: u64,
    /// The driver's epoch: if it is above that of the last driver, both streams begin anew. 0: it will not be started again,
    /// so nothing need be kept for another.
    pub epoch: u64,
    /// For how long the worker is to keep its jobs when it is cut off: what it said, or less.
    pub reconnect_ms: u64,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// The driver wants nothing of this worker, which is to end.
    Refuse {
        /// Why, for a message.
        reason: String,
    },
    /// The worker says what the connection is for.
    Open(Open),
    /// The driver goes on.
    Accept(Accept),
    /// The next bytes of the stream in this direction, perhaps none.
    Data {
        /// How many bytes of the other direction's stream the sender has.
        acknowledged: u64,
        /// From a worker: its clock, in milliseconds. From the driver: the latest that it has of that. What a worker knows
        /// the driver to have heard of it renews its lease.
        time: u64,
        /// The bytes, at most [`MAX_DATA`].
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// The driver has the worker end at once, with all that it runs.
    Kill,
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        postcard::to_extend(self, Tail(out)).expect("a record is plain data");
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Record<'a>, SessionError> {
        let malformed = |reason: &str| SessionError::Malformed(reason.to_owned());
        match postcard::take_from_bytes(bytes) {
            Ok((Record::Data { bytes, .. }, _)) if bytes.len() > MAX_DATA => {
                Err(malformed("too much data"))
            }
            Ok((record, [])) => Ok(record),
            Ok(_) => Err(malformed("bytes too many at its end")),
            Err(error) => Err(malformed(&error.to_string())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_their_encoding_and_nonsense_is_refused() {
        let session = SessionId::random().expect("random bytes");
        let open = |purpose| Record::Open(Open { session, purpose });
        let records = [
            Record::Refuse {
                reason: "no".into(),
            },
            open(Purpose::Begin {
                machine: Some(7),
                kind: Some("gpu".into()),
                reconnect_ms: 30_000,
            }),
            open(Purpose::Resume {
                received: 1 << 50,
                epoch: 7,
            }),
            open(Purpose::Ended),
            Record::Accept(Accept {
                received: 3,
                epoch: 2,
                reconnect_ms: 0,
            }),
            Record::Data {
                acknowledged: 1,
                time: 2,
                bytes: &[1, 2, 3],
            },
            Record::Kill,
        ];
        for record in records {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            assert_eq!(Record::decode(&bytes), Ok(record));
            bytes.push(0);
            assert!(Record::decode(&bytes).is_err());
        }
        for nonsense in [&b""[..], &[9], &[3, 0, 0, 200], &[255; 40]] {
            assert!(Record::decode(nonsense).is_err(), "{nonsense:?}");
        }
    }
}
