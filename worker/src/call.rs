//! One running call: its credits, whether it is cancelled, whether its reply is queued.

use crate::outbox::Outbox;
use crate::sync::{Wake, lock};
use crate::wire::{MAX_CHUNK, Stream, WINDOW};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    cancelled: AtomicBool,
    state: Mutex<State>,
    /// Signalled when credits arrive, or the call is cancelled or ends.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many bytes of output the call may send now.
    credits: u64,
    /// The reply is queued: nothing may follow.
    replied: bool,
    /// It is to end by itself within this time, which has not been acted upon yet.
    end: Option<Duration>,
    /// Wakes the thread that polls for this call, and whether it waits for credits.
    wake: Option<Arc<Wake>>,
    starved: bool,
}

impl Call {
    fn new(id: u64) -> Call {
        let state = State {
            credits: WINDOW.into(),
            replied: false,
            end: None,
            wake: None,
            starved: false,
        };
        Call {
            id,
            cancelled: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn cancel(&self) {
        let state = lock(&self.state);
        self.cancelled.store(true, Ordering::Release);
        self.changed.notify_all();
        if let Some(wake) = &state.wake {
            wake.signal();
        }
    }

    fn end(&self, grace: Duration) {
        let mut state = lock(&self.state);
        state.end = Some(grace);
        if let Some(wake) = &state.wake {
            wake.signal();
        }
    }

    /// Within what time it is to end, said once.
    pub(crate) fn take_end(&self) -> Option<Duration> {
        lock(&self.state).end.take()
    }

    fn credit(&self, bytes: u32) {
        let mut state = lock(&self.state);
        state.credits = state.credits.saturating_add(bytes.into());
        self.changed.notify_all();
        if std::mem::take(&mut state.starved)
            && let Some(wake) = &state.wake
        {
            wake.signal();
        }
    }

    /// Sends as much of `bytes` as credits and the size of a chunk allow. Without credits it waits until it can send at least
    /// one byte.
    pub(crate) fn write(&self, outbox: &Outbox, stream: Stream, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        loop {
            if state.replied {
                return Err(io::Error::other("the call is over"));
            }
            if self.is_cancelled() {
                return Err(io::Error::other("the call is cancelled"));
            }
            let length = bytes
                .len()
                .min(MAX_CHUNK)
                .min(usize::try_from(state.credits).unwrap_or(usize::MAX));
            if length > 0 || bytes.is_empty() {
                // Queued under the lock, so that no output can follow the reply.
                state.send(outbox, self.id, stream, &bytes[..length]);
                return Ok(length);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends bytes for which [`allowance`](Call::allowance) has just been seen.
    pub(crate) fn send(&self, outbox: &Outbox, stream: Stream, bytes: &[u8]) {
        lock(&self.state).send(outbox, self.id, stream, bytes);
    }

    /// How many bytes may be sent now. After a 0, the next credit signals the wake.
    pub(crate) fn allowance(&self) -> usize {
        let mut state = lock(&self.state);
        state.starved = state.credits == 0;
        usize::try_from(state.credits).unwrap_or(usize::MAX)
    }

    /// Sets what a cancel, or a credit after an allowance of 0, wakes.
    pub(crate) fn set_wake(&self, wake: Option<Arc<Wake>>) {
        lock(&self.state).wake = wake;
    }

    /// Ends it: `reply` queues the last frame of the call.
    fn finish(&self, reply: impl FnOnce()) {
        let mut state = lock(&self.state);
        state.replied = true;
        state.wake = None;
        self.changed.notify_all();
        reply();
    }
}

impl State {
    fn send(&mut self, outbox: &Outbox, call: u64, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.credits = self.credits.saturating_sub(bytes.len() as u64);
        outbox
            .output(call, stream, bytes)
            .expect("a chunk is far below the limit of a frame");
    }
}

/// The calls that run, by the driver's number.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<HashMap<u64, Arc<Call>>>);

impl Calls {
    /// `None`: the number is in use.
    pub(crate) fn begin(&self, id: u64) -> Option<Arc<Call>> {
        let mut calls = lock(&self.0);
        if calls.contains_key(&id) {
            return None;
        }
        let call = Arc::new(Call::new(id));
        calls.insert(id, Arc::clone(&call));
        Some(call)
    }

    /// Adds credits to a call. Ignored if the call has ended, as is a cancel.
    pub(crate) fn credit(&self, id: u64, bytes: u32) {
        if let Some(call) = self.get(id) {
            call.credit(bytes);
        }
    }

    pub(crate) fn cancel(&self, id: u64) {
        if let Some(call) = self.get(id) {
            call.cancel();
        }
    }

    pub(crate) fn end(&self, id: u64, grace: Duration) {
        if let Some(call) = self.get(id) {
            call.end(grace);
        }
    }

    /// Ends a call: `reply` queues its last frame, at a time when the driver may use the number again.
    pub(crate) fn finish(&self, call: &Call, reply: impl FnOnce()) {
        lock(&self.0).remove(&call.id);
        call.finish(reply);
    }

    fn get(&self, id: u64) -> Option<Arc<Call>> {
        lock(&self.0).get(&id).cloned()
    }
}
