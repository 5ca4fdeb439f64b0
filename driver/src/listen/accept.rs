//! Connections up to their first record. A connection without the key gets no answer, and whatever comes in whatever
//! numbers, memory and descriptors are bounded.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use remuda::Instant;
use remuda_worker::session::{
    Accept as Accepted, HANDSHAKE, Open, Opener, Purpose, Record, Responder, Sealer,
};

use super::port::Port;
use super::session::Adopted;
use crate::runtime::{Accept, Connection, Runtime, timeout};
use crate::signal::Signal;

/// A connection is not closed for a newer one in this time.
const GRACE: Duration = Duration::from_secs(1);

/// After an error of the operating system, such as too many open files, no connection is accepted for this time.
const PAUSE: Duration = Duration::from_millis(200);

/// How often connections that failed are logged, at most.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// How many handshakes are remembered, so that none is answered again.
const REMEMBERED: usize = 65_536;

/// What the connections of a port share before their first record.
struct Admission<R> {
    port: Arc<Port<R>>,
    address: SocketAddr,
    state: Mutex<State>,
    /// Raised, and replaced, when a connection has finished or failed.
    changed: Mutex<Signal>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Since when each unfinished connection is there, and what closes it.
    unfinished: BTreeMap<u64, (Instant, oneshot::Sender<()>)>,
    replays: Replays,
    failures: Failures,
}

/// Accepts connections until the port is closed.
pub(super) async fn run<R: Runtime>(
    port: Arc<Port<R>>,
    address: SocketAddr,
    incoming: Box<dyn Accept>,
    closed: Signal,
) {
    let runtime = port.runtime.clone();
    let state = State {
        failures: Failures::new(),
        ..State::default()
    };
    let admission = Arc::new(Admission {
        port,
        address,
        state: Mutex::new(state),
        changed: Mutex::default(),
    });
    let accepting = std::pin::pin!(accept_all(runtime, admission, incoming));
    select(accepting, std::pin::pin!(closed.wait())).await;
}

async fn accept_all<R: Runtime>(
    runtime: R,
    admission: Arc<Admission<R>>,
    mut incoming: Box<dyn Accept>,
) {
    loop {
        let connection = match incoming.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                admission.failed(None, &format!("cannot accept connections: {error}"));
                runtime.sleep_until(runtime.now() + PAUSE).await;
                continue;
            }
        };
        let (number, close) = admission.admit().await;
        let greeting = greet(admission.clone(), connection, number, close);
        runtime.spawn(greeting);
    }
}

/// Takes a connection from its first byte to its first record.
async fn greet<R: Runtime>(
    admission: Arc<Admission<R>>,
    connection: Connection,
    number: u64,
    close: oneshot::Receiver<()>,
) {
    let peer = connection.peer;
    let limit = admission.port.settings.handshake_timeout;
    let runtime = &admission.port.runtime;
    let greeted = timeout(runtime, limit, handshake(&admission, connection));
    let failed = match select(std::pin::pin!(greeted), close).await {
        Either::Left((Some(Ok(greeted)), _)) => {
            admission.finished(number);
            dispatch(&admission.port, greeted).await;
            return;
        }
        Either::Left((Some(Err(why)), _)) => why,
        Either::Left((None, _)) => format!("it took longer than {limit:?} to prove its key"),
        Either::Right(_) => "newer ones took its place before it had proven its key".into(),
    };
    admission.finished(number);
    admission.failed(Some(peer), &failed);
}

/// A connection whose other side has proven its key.
struct Greeted {
    connection: Connection,
    sealer: Sealer,
    opener: Opener,
    open: Open,
}

async fn handshake<R: Runtime>(
    admission: &Admission<R>,
    mut connection: Connection,
) -> Result<Greeted, String> {
    let mut first = [0; HANDSHAKE];
    let cut = |_| "it closed the connection within its handshake".to_owned();
    // The length is looked at first, so that somebody who speaks another protocol is not listened to for long.
    let (length, rest) = first.split_at_mut(2);
    connection.reader.read_exact(length).await.map_err(cut)?;
    if usize::from(u16::from_be_bytes([length[0], length[1]])) != HANDSHAKE - 2 {
        return Err("it does not begin with a handshake".into());
    }
    connection.reader.read_exact(rest).await.map_err(cut)?;
    let responder =
        Responder::new(&admission.port.settings.key).map_err(|error| error.to_string())?;
    let answered = responder
        .answer(&first)
        .map_err(|error| error.to_string())?;
    let (answer, sealer, mut opener) = answered;
    if !admission.lock().replays.is_new(&first) {
        return Err("it repeats the handshake of another connection".into());
    }
    let sent = connection.writer.write_all(&answer).await;
    sent.map_err(cut)?;
    connection.writer.flush().await.map_err(cut)?;
    let mut buffer = [0; 2048];
    loop {
        let record = opener.next().map_err(|error| error.to_string())?;
        match record {
            Some(Record::Open(open)) => {
                return Ok(Greeted {
                    connection,
                    sealer,
                    opener,
                    open,
                });
            }
            Some(_) => return Err("its first record does not open a session".into()),
            None => match connection.reader.read(&mut buffer).await {
                Ok(read) if read > 0 => opener.push(&buffer[..read]),
                _ => return Err("it closed the connection before its first record".into()),
            },
        }
    }
}

/// Gives a connection to its session.
async fn dispatch<R: Runtime>(port: &Arc<Port<R>>, greeted: Greeted) {
    let Greeted {
        connection,
        sealer,
        opener,
        open: Open { session, purpose },
    } = greeted;
    let mut adopted = Adopted {
        connection,
        sealer,
        opener,
        received: 0,
    };
    let refused = match purpose {
        Purpose::Begin {
            machine,
            kind,
            reconnect_ms,
        } => {
            let reconnect = Duration::from_millis(reconnect_ms);
            port.begin(session, machine, kind.as_deref(), reconnect, adopted)
        }
        Purpose::Resume { received, epoch } => {
            adopted.received = received;
            port.resume(session, epoch, adopted)
        }
        Purpose::Ended => {
            port.ended(session);
            let accept = Accepted {
                received: 0,
                epoch: port.settings.epoch,
                reconnect_ms: 0,
            };
            return adopted.answer(&port.runtime, &Record::Accept(accept)).await;
        }
    };
    if let Err(refused) = refused {
        let (adopted, reason) = *refused;
        tracing::info!(peer = %adopted.connection.peer, "a worker is refused: {reason}");
        adopted
            .answer(&port.runtime, &Record::Refuse { reason })
            .await;
    }
}

impl<R: Runtime> Admission<R> {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Only code of this file runs under the lock, and it does not panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection among the unfinished ones; closes the oldest if they are too many.
    async fn admit(&self) -> (u64, oneshot::Receiver<()>) {
        let runtime = &self.port.runtime;
        loop {
            let changed = self.changed().clone();
            let until = {
                let mut state = self.lock();
                let now = runtime.now();
                let full = state.unfinished.len() >= self.port.settings.unfinished;
                let oldest = state.unfinished.values().next().map(|(since, _)| *since);
                match oldest.filter(|_| full).map(|since| since + GRACE) {
                    Some(until) if until > now => until,
                    closable => {
                        let closed = closable.and_then(|_| state.unfinished.pop_first());
                        let (close, closing) = oneshot::channel();
                        let number = state.next;
                        state.next += 1;
                        state.unfinished.insert(number, (now, close));
                        drop(state);
                        // Its task wakes.
                        drop(closed);
                        return (number, closing);
                    }
                }
            };
            let waited = std::pin::pin!(runtime.sleep_until(until));
            select(waited, std::pin::pin!(changed.wait())).await;
        }
    }

    fn changed(&self) -> MutexGuard<'_, Signal> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection is through with its first record, or closed.
    fn finished(&self, number: u64) {
        let entry = self.lock().unfinished.remove(&number);
        drop(entry);
        let changed = std::mem::take(&mut *self.changed());
        changed.raise();
    }

    fn failed(&self, peer: Option<SocketAddr>, why: &str) {
        let now = self.port.runtime.now();
        let Some(count) = self.lock().failures.count(now) else {
            return;
        };
        let (address, seconds) = (self.address, LOG_EVERY.as_secs());
        match peer {
            None => tracing::warn!("{address}: {why}"),
            Some(peer) => tracing::warn!(
                "{address}: a connection from {peer} was closed: {why} ({count} closed since the last such line; \
                 the next comes in {seconds} s at the earliest)"
            ),
        }
    }
}

/// Counts failed connections, of which one in a while is logged.
struct Failures {
    since_last: u64,
    next: Instant,
}

impl Default for Failures {
    fn default() -> Self {
        Failures::new()
    }
}

impl Failures {
    fn new() -> Failures {
        Failures {
            since_last: 0,
            next: Instant::ZERO,
        }
    }

    /// Counts one; how many there were since the last, if it is to be logged.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.since_last += 1;
        (now >= self.next).then(|| {
            self.next = now + LOG_EVERY;
            std::mem::take(&mut self.since_last)
        })
    }
}

/// The handshakes of the past, by their ephemeral keys. Only those with the right key are remembered, so that strangers cannot
/// fill this.
#[derive(Default)]
struct Replays {
    known: HashSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Replays {
    fn is_new(&mut self, first: &[u8; HANDSHAKE]) -> bool {
        let mark = *first[2..].first_chunk().expect("a handshake is longer");
        if !self.known.insert(mark) {
            return false;
        }
        self.order.push_back(mark);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replayed_handshake_is_known_and_the_memory_of_them_is_bounded() {
        let message = |number: u64| {
            let mut message = [0; HANDSHAKE];
            message[2..10].copy_from_slice(&number.to_le_bytes());
            message
        };
        let mut replays = Replays::default();
        let last = REMEMBERED as u64 + 9;
        assert!((0..=last).all(|number| replays.is_new(&message(number))));
        assert_eq!(replays.known.len(), REMEMBERED);
        assert!(!replays.is_new(&message(last)));
        assert!(!replays.is_new(&message(10)));
        assert!(replays.is_new(&message(0)));
    }

    #[test]
    fn failures_are_logged_once_a_minute() {
        let mut failures = Failures::new();
        let at = |seconds| Instant::from_secs(seconds);
        assert_eq!(failures.count(at(5)), Some(1));
        let silent = (0..1000).all(|_| failures.count(at(64)).is_none());
        assert!(silent);
        assert_eq!(failures.count(at(65)), Some(1001));
    }
}
