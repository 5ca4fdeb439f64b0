//! The handshake of a connection, and how records are sealed: the Noise protocol with a key that both sides have.
//!
//! `NNpsk0`: the key goes into the first message already, so a driver answers nobody who does not have it. Keys of each
//! connection are made of it and of two ephemeral ones, so that a key that is stolen later opens no recorded connection.

use super::key::Key;
use super::record::{MAX_DATA, Record};
use super::{SessionError, VERSION};
use snow::{Builder, HandshakeState, StatelessTransportState};
use std::fmt;
use std::sync::Arc;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// Part of the handshake's hash: other protocols that use Noise are none of ours.
const PROLOGUE: &[u8] = b"remuda connects back";

/// The bytes of a message's length, big endian.
const HEADER: usize = 2;

const TAG: usize = 16;

/// The length of each of the two messages of a handshake, in bytes: the length, an ephemeral key, the version, a tag.
pub const HANDSHAKE: usize = HEADER + 32 + 2 + TAG;

/// The longest sealed record: data with its frame of numbers.
const MAX_SEALED: usize = MAX_DATA + 64 + TAG;

/// The worker's side of a handshake.
pub struct Initiator(HandshakeState);

/// The driver's side of a handshake.
pub struct Responder(HandshakeState);

fn builder(key: &Key) -> Builder<'_> {
    let builder = Builder::new(PATTERN.parse().expect("the pattern is one of Noise's"));
    let builder = builder.psk(0, key.bytes()).expect("it is set once");
    builder.prologue(PROLOGUE).expect("it is set once")
}

impl Initiator {
    /// A handshake that has not begun.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn new(key: &Key) -> Result<Initiator, SessionError> {
        let state = builder(key).build_initiator();
        state.map(Initiator).map_err(|_| SessionError::Handshake)
    }

    /// The first message.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn start(&mut self) -> Result<[u8; HANDSHAKE], SessionError> {
        write(&mut self.0)
    }

    /// Takes the driver's answer.
    ///
    /// # Errors
    /// It was not made with the same key, or for another first message, or speaks another version.
    pub fn finish(mut self, answer: &[u8; HANDSHAKE]) -> Result<(Sealer, Opener), SessionError> {
        read(&mut self.0, answer)?;
        transport(self.0)
    }
}

impl Responder {
    /// A handshake that has not begun.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn new(key: &Key) -> Result<Responder, SessionError> {
        let state = builder(key).build_responder();
        state.map(Responder).map_err(|_| SessionError::Handshake)
    }

    /// Takes the first message, and gives the answer to it. That the worker has just made it, and nobody has recorded it,
    /// is known when its first record opens.
    ///
    /// # Errors
    /// It was not made with the same key: nothing is to be answered.
    pub fn answer(
        mut self,
        first: &[u8; HANDSHAKE],
    ) -> Result<([u8; HANDSHAKE], Sealer, Opener), SessionError> {
        read(&mut self.0, first)?;
        let answer = write(&mut self.0)?;
        let (sealer, opener) = transport(self.0)?;
        Ok((answer, sealer, opener))
    }
}

fn write(state: &mut HandshakeState) -> Result<[u8; HANDSHAKE], SessionError> {
    let mut message = [0; HANDSHAKE];
    let length = (HANDSHAKE - HEADER) as u16;
    message[..HEADER].copy_from_slice(&length.to_be_bytes());
    let written = state.write_message(&VERSION.to_le_bytes(), &mut message[HEADER..]);
    match written {
        Ok(written) if written == HANDSHAKE - HEADER => Ok(message),
        _ => Err(SessionError::Handshake),
    }
}

fn read(state: &mut HandshakeState, message: &[u8; HANDSHAKE]) -> Result<(), SessionError> {
    let length = u16::from_be_bytes([message[0], message[1]]);
    if usize::from(length) != HANDSHAKE - HEADER {
        return Err(SessionError::Length(length.into()));
    }
    let mut version = [0; HANDSHAKE];
    let read = state.read_message(&message[HEADER..], &mut version);
    if read.map_err(|_| SessionError::Handshake)? != 2 {
        return Err(SessionError::Handshake);
    }
    match u16::from_le_bytes([version[0], version[1]]) {
        VERSION => Ok(()),
        other => Err(SessionError::Version(other)),
    }
}

fn transport(state: HandshakeState) -> Result<(Sealer, Opener), SessionError> {
    let state = state.into_stateless_transport_mode();
    let cipher = Arc::new(state.map_err(|_| SessionError::Handshake)?);
    let sealer = Sealer {
        cipher: cipher.clone(),
        nonce: 0,
        plain: Vec::new(),
    };
    let opener = Opener {
        cipher,
        nonce: 0,
        buffer: Vec::new(),
        start: 0,
        plain: Vec::new(),
    };
    Ok((sealer, opener))
}

/// Seals the records of one connection, in their order.
pub struct Sealer {
    cipher: Arc<StatelessTransportState>,
    nonce: u64,
    plain: Vec<u8>,
}

impl Sealer {
    /// Appends a sealed record to `out`.
    ///
    /// # Panics
    /// The record is longer than any of ours: the caller cuts data to [`MAX_DATA`] bytes, and texts to less.
    pub fn seal(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.plain.clear();
        record.encode(&mut self.plain);
        let sealed = self.plain.len() + TAG;
        assert!(sealed <= MAX_SEALED, "a record of {sealed} bytes");
        out.extend((sealed as u16).to_be_bytes());
        let start = out.len();
        out.resize(start + sealed, 0);
        let written = self
            .cipher
            .write_message(self.nonce, &self.plain, &mut out[start..]);
        assert_eq!(written.ok(), Some(sealed), "the buffer has that length");
        self.nonce += 1;
    }
}

/// Opens the records of one connection: bytes, cut anywhere, back into records.
///
/// It holds less than one sealed record, if [`next`](Opener::next) is called until it says `None` after each push.
pub struct Opener {
    cipher: Arc<StatelessTransportState>,
    nonce: u64,
    buffer: Vec<u8>,
    /// Where the first record not yet opened begins.
    start: usize,
    plain: Vec<u8>,
}

impl Opener {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next record, or `None` where more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no record that the other side has sealed as its next one. There is no further record then.
    #[allow(clippy::should_implement_trait)] // It is fallible and lends, which Iterator cannot.
    pub fn next(&mut self) -> Result<Option<Record<'_>>, SessionError> {
        let waiting = &self.buffer[self.start..];
        let Some((length, rest)) = waiting.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if !(TAG..=MAX_SEALED).contains(&length) {
            return Err(SessionError::Length(length));
        }
        let Some(sealed) = rest.get(..length) else {
            return Ok(None);
        };
        self.plain.resize(length, 0);
        let read = self
            .cipher
            .read_message(self.nonce, sealed, &mut self.plain);
        let read = read.map_err(|_| SessionError::Seal)?;
        self.nonce += 1;
        self.start += HEADER + length;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        Record::decode(&self.plain[..read]).map(Some)
    }

    /// The bytes that were pushed and not yet opened.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }
}

macro_rules! no_secrets {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
no_secrets!(Initiator Responder Sealer Opener);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }

    /// Both ends of a connection: the worker's, then the driver's.
    fn connected() -> ((Sealer, Opener), (Sealer, Opener)) {
        let mut worker = Initiator::new(&key(1)).expect("random bytes");
        let first = worker.start().expect("random bytes");
        let driver = Responder::new(&key(1)).expect("random bytes");
        let (answer, sealer, opener) = driver.answer(&first).expect("the key is the same");
        let worker = worker.finish(&answer).expect("the key is the same");
        (worker, (sealer, opener))
    }

    fn data(bytes: &[u8]) -> Record<'_> {
        Record::Data {
            acknowledged: 1 << 40,
            time: u64::MAX,
            bytes,
        }
    }

    #[test]
    fn records_open_in_both_directions_whatever_the_reads_cut() {
        let ((mut to_driver, mut from_driver), (mut to_worker, mut from_worker)) = connected();
        let large = vec![7; MAX_DATA];
        let pieces = [b"abc".as_slice(), b"", &large];
        let mut bytes = Vec::new();
        for piece in pieces {
            to_driver.seal(&data(piece), &mut bytes);
        }
        let mut opened = 0;
        for cut in bytes.chunks(1000) {
            from_worker.push(cut);
            while let Some(record) = from_worker.next().expect("good records") {
                assert_eq!(record, data(pieces[opened]));
                opened += 1;
            }
        }
        assert_eq!((opened, from_worker.held()), (3, 0));
        bytes.clear();
        to_worker.seal(&Record::Kill, &mut bytes);
        from_driver.push(&bytes);
        assert_eq!(from_driver.next(), Ok(Some(Record::Kill)));
        assert_eq!(from_driver.next(), Ok(None));
    }

    #[test]
    fn another_key_gets_no_answer_and_a_changed_message_neither() {
        let mut worker = Initiator::new(&key(2)).expect("random bytes");
        let first = worker.start().expect("random bytes");
        let answer = |key: &Key, first: &[u8; HANDSHAKE]| {
            Responder::new(key).expect("random bytes").answer(first)
        };
        let refused = answer(&key(1), &first).map(drop);
        assert_eq!(refused, Err(SessionError::Handshake));
        for byte in HEADER..HANDSHAKE {
            let mut changed = first;
            changed[byte] ^= 1;
            assert!(answer(&key(2), &changed).is_err(), "byte {byte}");
        }
        let mut long = first;
        long[0] = 255;
        let refused = answer(&key(2), &long).map(drop);
        assert_eq!(refused, Err(SessionError::Length(0xff32)));
        assert!(answer(&key(2), &first).is_ok());
    }

    #[test]
    fn an_answer_to_a_replayed_message_opens_nothing() {
        let mut worker = Initiator::new(&key(1)).expect("random bytes");
        let first = worker.start().expect("random bytes");
        let driver = || Responder::new(&key(1)).expect("random bytes");
        let (answer, mut sealer, _) = driver().answer(&first).expect("the key is the same");
        let (_, _, mut replayed) = driver().answer(&first).expect("the key is the same");
        // What the worker seals for the first answer does not open behind the second.
        let (mut worker_seals, mut worker_opens) = worker.finish(&answer).expect("the same key");
        let mut bytes = Vec::new();
        worker_seals.seal(&data(b"x"), &mut bytes);
        replayed.push(&bytes);
        assert_eq!(replayed.next(), Err(SessionError::Seal));
        bytes.clear();
        sealer.seal(&data(b"y"), &mut bytes);
        worker_opens.push(&bytes);
        assert_eq!(worker_opens.next(), Ok(Some(data(b"y"))));
    }

    #[test]
    fn records_that_are_changed_left_out_repeated_or_of_a_wrong_length_do_not_open() {
        type Change = fn(&mut Vec<Vec<u8>>);
        let changes: [(Change, SessionError); 6] = [
            (|records| records[0][9] ^= 1, SessionError::Seal),
            (|records| drop(records.remove(0)), SessionError::Seal),
            (
                |records| records[1] = records[0].clone(),
                SessionError::Seal,
            ),
            (|records| records.swap(0, 1), SessionError::Seal),
            (|records| records[0][0] = 255, SessionError::Length(0xff00)),
            (|records| records[0][1] = 15, SessionError::Length(15)),
        ];
        for (change, error) in changes {
            let ((mut sealer, _), (_, mut opener)) = connected();
            let mut records: Vec<Vec<u8>> = (0..3)
                .map(|byte| {
                    let mut bytes = Vec::new();
                    sealer.seal(&data(&[byte; 250 - 34]), &mut bytes);
                    bytes
                })
                .collect();
            change(&mut records);
            opener.push(&records.concat());
            let found = loop {
                match opener.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{error:?} was not found"),
                    Err(found) => break found,
                }
            };
            // The length differs in its low byte.
            match (found, error) {
                (SessionError::Length(found), SessionError::Length(wanted)) => {
                    assert!(found == wanted || found & 0xff00 == wanted);
                }
                (found, error) => assert_eq!(found, error),
            }
        }
    }
}
