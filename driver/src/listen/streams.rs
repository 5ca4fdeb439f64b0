//! The two streams of a session, as its reader and its writer share them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use remuda::Instant;
use remuda_worker::session::{MAX_DATA, Outgoing, Record, Sealer, SessionError};

use crate::worker_link::Link;

/// The writer seals about so much at once.
const BATCH: usize = 128 * 1024;

/// So many bytes of the worker's stream are acknowledged at once, if nothing is sent meanwhile.
const ACKNOWLEDGE: u64 = 64 * 1024;

pub(super) struct Streams {
    state: Mutex<State>,
    /// The worker's link, once its hello is here.
    pub(super) link: OnceLock<Arc<Link>>,
    writer: AtomicWaker,
}

struct State {
    outgoing: Outgoing,
    /// How many bytes of the worker's stream are here, and how many the worker knows to be.
    received: u64,
    acknowledged: u64,
    /// The latest time of the worker's clock that came.
    time: u64,
    /// A record is to be sent although there is no data.
    owed: bool,
    /// When anything came last that counts.
    heard: Instant,
    /// The last record: nothing follows it.
    last: Last,
}

enum Last {
    No,
    Due(Record<'static>),
    Sent,
}

impl Streams {
    pub(super) fn new(now: Instant) -> Streams {
        Streams {
            state: Mutex::new(State {
                outgoing: Outgoing::default(),
                received: 0,
                acknowledged: 0,
                time: 0,
                owed: false,
                heard: now,
                last: Last::No,
            }),
            link: OnceLock::new(),
            writer: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only code of this file runs under the lock, and it does not panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection, whose worker has so many bytes. Returns how many of its own are here.
    pub(super) fn resume(&self, received: u64, now: Instant) -> Result<u64, SessionError> {
        let mut state = self.lock();
        state.outgoing.resume(received)?;
        state.heard = now;
        state.acknowledged = state.received;
        Ok(state.received)
    }

    /// A record of data has come.
    pub(super) fn on_data(
        &self,
        acknowledged: u64,
        time: u64,
        length: usize,
        now: Instant,
    ) -> Result<(), SessionError> {
        let mut state = self.lock();
        let was_full = state.outgoing.is_full();
        state.outgoing.acknowledge(acknowledged)?;
        state.received += length as u64;
        state.time = state.time.max(time);
        if let Last::No = state.last {
            state.heard = now;
        }
        // A record without data wants an answer.
        state.owed |= length == 0 || state.received - state.acknowledged >= ACKNOWLEDGE;
        let wake = state.owed || was_full;
        drop(state);
        if wake {
            self.writer.wake();
        }
        Ok(())
    }

    /// Whether the worker has said goodbye.
    pub(super) fn said_goodbye(&self) -> bool {
        self.link.get().is_some_and(|link| link.said_goodbye())
    }

    /// When anything came last that counts.
    pub(super) fn heard(&self) -> Instant {
        self.lock().heard
    }

    /// Sends this record, and nothing after it: the lease of the worker is not renewed any more, so what is heard of it from
    /// now on does not count.
    pub(super) fn finish(&self, last: Record<'static>, now: Instant) {
        let mut state = self.lock();
        if let Last::No = state.last {
            state.last = Last::Due(last);
            state.heard = now;
        }
        drop(state);
        self.writer.wake();
    }

    /// Wakes the writer, which may have a link now.
    pub(super) fn wake(&self) {
        self.writer.wake();
    }

    /// Appends what is to be sent next, sealed, to `sealed`. Whether more can come.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        sealer: &mut Sealer,
        plain: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
    ) -> Poll<bool> {
        self.writer.register(cx.waker());
        let mut state = self.lock();
        match std::mem::replace(&mut state.last, Last::Sent) {
            Last::No => state.last = Last::No,
            Last::Due(last) => {
                sealer.seal(&last, sealed);
                return Poll::Ready(false);
            }
            Last::Sent => return Poll::Ready(false),
        }
        if !state.outgoing.is_full()
            && let Some(link) = self.link.get()
            && let Poll::Ready(Some(batch)) = link.poll_batch(cx)
        {
            state.outgoing.push(&batch);
        }
        while sealed.len() < BATCH {
            plain.clear();
            if !state.outgoing.next(MAX_DATA, plain) && !state.owed {
                break;
            }
            state.owed = false;
            state.acknowledged = state.received;
            let data = Record::Data {
                acknowledged: state.received,
                time: state.time,
                bytes: plain,
            };
            sealer.seal(&data, sealed);
        }
        match sealed.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(true),
        }
    }
}
