//! One connection to the driver: TCP, the handshake, the first record and its answer. And the guard's connection, which says
//! that the worker is gone.

use crate::clock;
use crate::session::{
    Accept, HANDSHAKE, Initiator, Key, Open, Opener, Purpose, Record, Sealer, SessionError,
    SessionId,
};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// How long TCP may take for a connection: then it is tried anew.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the driver may take for each of its two answers, at most. A connection over which nothing comes is not worth
/// more than a part of the time that there is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The pauses between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A connection on which the session goes on.
pub(super) struct Dialled {
    pub(super) socket: TcpStream,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    pub(super) accept: Accept,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum DialError {
    /// The next attempt may go better.
    Again(String),
    /// The driver says why it wants nothing of this worker.
    Refused(String),
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        DialError::Again(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".into(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                "it closed the connection without an answer (is its key the same?)".into()
            }
            _ => error.to_string(),
        })
    }
}

impl From<SessionError> for DialError {
    fn from(error: SessionError) -> Self {
        DialError::Again(error.to_string())
    }
}

/// Reads from a socket until a time of [`clock`], also where bytes come one by one, or signals come.
struct Until<'a> {
    socket: &'a TcpStream,
    deadline: Duration,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.deadline.saturating_sub(clock::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// Makes one connection. Neither TCP nor one of the two answers is waited for longer than `limit`.
fn dial(address: &str, key: &Key, open: &Open, limit: Duration) -> Result<Dialled, DialError> {
    let limit = limit.max(Duration::from_millis(1));
    let socket = connect(address, CONNECT_TIMEOUT.min(limit))?;
    socket.set_nodelay(true)?;
    let limit = ANSWER_TIMEOUT.min(limit);
    socket.set_write_timeout(Some(limit))?;
    let answer_within = |limit| Until {
        socket: &socket,
        deadline: clock::now() + limit,
    };
    let mut handshake = Initiator::new(key)?;
    (&socket).write_all(&handshake.start()?)?;
    let mut answer = [0; HANDSHAKE];
    answer_within(limit).read_exact(&mut answer)?;
    let (mut sealer, mut opener) = handshake.finish(&answer)?;
    let mut sealed = Vec::new();
    sealer.seal(&Record::Open(open.clone()), &mut sealed);
    (&socket).write_all(&sealed)?;
    let accept = read_accept(answer_within(limit), &mut opener)?;
    if let Purpose::Resume { epoch, .. } = open.purpose
        && accept.epoch < epoch
    {
        // There may be a way to the other one again.
        return Err(DialError::Again(
            "this driver was replaced by another".into(),
        ));
    }
    socket.set_read_timeout(None)?;
    socket.set_write_timeout(None)?;
    Ok(Dialled {
        socket,
        sealer,
        opener,
        accept,
    })
}

fn connect(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_accept(mut input: impl Read, opener: &mut Opener) -> Result<Accept, DialError> {
    let mut buffer = [0; 2048];
    loop {
        match opener.next()? {
            Some(Record::Accept(accept)) => return Ok(accept),
            Some(Record::Refuse { reason }) => return Err(DialError::Refused(reason)),
            Some(_) => return Err(DialError::Again("its first record is no answer".into())),
            None => match input.read(&mut buffer)? {
                0 => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                read => opener.push(&buffer[..read]),
            },
        }
    }
}

/// Makes one attempt after another until one succeeds, the driver refuses, or `deadline` (of [`clock`]) has passed; then the
/// error of the last one. No wait of one is longer than a quarter of `window`. `pause` waits for the time it is given, or says why there is to be no further attempt.
pub(super) fn dial_until(
    address: &str,
    key: &Key,
    open: &Open,
    deadline: Duration,
    window: Duration,
    mut pause: impl FnMut(Duration) -> Option<String>,
) -> Result<Dialled, DialError> {
    let mut wait = PAUSES.0;
    loop {
        let left = deadline.saturating_sub(clock::now());
        match dial(address, key, open, left.min(window / 4)) {
            Err(DialError::Again(error)) => {
                let left = deadline.saturating_sub(clock::now());
                if left.is_zero() {
                    return Err(DialError::Again(error));
                }
                // Workers that were cut off together do not come back at the same instant.
                let spread = wait.mul_f64(0.5 + f64::from(fraction()) / 255.0);
                if let Some(why) = pause(spread.min(left)) {
                    return Err(DialError::Again(why));
                }
                wait = (wait * 2).min(PAUSES.1);
            }
            other => return other,
        }
    }
}

/// A byte at random, or a fixed one.
fn fraction() -> u8 {
    let mut byte = [127];
    let _ = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut byte));
    byte[0]
}

/// What a guard needs to say that its worker is gone. It comes through a pipe, as others may see arguments.
pub(crate) struct ReportTo {
    pub(crate) session: SessionId,
    pub(crate) key: Key,
    pub(crate) address: String,
}

impl ReportTo {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.session.bytes().to_vec();
        bytes.extend(self.key.bytes());
        bytes.extend(self.address.as_bytes());
        bytes
    }

    /// Reads it from what another process has written.
    pub(crate) fn read(input: impl AsFd) -> Option<ReportTo> {
        let input = input.as_fd().try_clone_to_owned().ok()?;
        let mut bytes = Vec::new();
        File::from(input).read_to_end(&mut bytes).ok()?;
        let (session, rest) = bytes.split_first_chunk()?;
        let (key, address) = rest.split_first_chunk()?;
        Some(ReportTo {
            session: SessionId::new(*session),
            key: Key::new(*key),
            address: String::from_utf8(address.to_vec()).ok()?,
        })
    }
}

/// Tells the driver that a worker is gone and nothing that it ran is alive. Gives up at `deadline`: the driver has given the
/// worker up by then.
pub(crate) fn report_end(report_to: &ReportTo, deadline: Duration) {
    let open = Open {
        session: report_to.session,
        purpose: Purpose::Ended,
    };
    let pause = |time| {
        thread::sleep(time);
        None
    };
    let (address, key) = (&report_to.address, &report_to.key);
    let _ = dial_until(address, key, &open, deadline, ANSWER_TIMEOUT * 4, pause);
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_that_comes_byte_by_byte_is_not_waited_for_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let slow = thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("it connects");
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
        });
        let key = Key::generate().expect("random bytes");
        let open = Open {
            session: SessionId::random().expect("random bytes"),
            purpose: Purpose::Ended,
        };
        // All of it would take five seconds.
        let began = clock::now();
        let dialled = dial(&address, &key, &open, Duration::from_secs(1));
        assert!(matches!(dialled, Err(DialError::Again(error)) if error == "it does not answer"));
        assert!(clock::now() - began < Duration::from_secs(4));
        slow.join().expect("it ends with the connection");
    }

    #[test]
    fn where_to_report_is_read_as_it_was_written() {
        let report_to = ReportTo {
            session: SessionId::random().expect("random bytes"),
            key: Key::generate().expect("random bytes"),
            address: "host:1".into(),
        };
        let read = |bytes: &[u8]| {
            let (reader, mut writer) = io::pipe().expect("a pipe");
            writer.write_all(bytes).expect("it fits");
            drop(writer);
            ReportTo::read(reader)
        };
        let bytes = report_to.bytes();
        let found = read(&bytes).expect("it is whole");
        assert!(found.session == report_to.session && found.key == report_to.key);
        assert_eq!(found.address, "host:1");
        assert!(read(&bytes[..47]).is_none());
    }
}
