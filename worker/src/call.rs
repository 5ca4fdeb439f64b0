//! One running call: its credits, whether it is cancelled, whether its reply is queued.
//!
//! Where the driver may be replaced by another, the output and the reply of each call are kept until the driver has them for
//! good. A new driver gets both from the beginning.

use crate::kept::{Kept, Place};
use crate::outbox::Outbox;
use crate::sync::{Wake, lock};
use crate::wire::{Failure, FromWorker, MAX_CHUNK, Stream, WINDOW};
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
    /// It has ended: nothing may follow.
    replied: bool,
    /// What another driver would need.
    again: Option<Again>,
    /// It is to end by itself within this time, which has not been acted upon yet.
    end: Option<Duration>,
    /// Wakes the thread that polls for this call, and whether it waits for credits.
    wake: Option<Arc<Wake>>,
    starved: bool,
}

/// What another driver would need of a call, and how much this one was sent.
#[derive(Debug, Default)]
struct Again {
    kept: Kept,
    /// Up to where the output is queued.
    sent: Place,
    /// The driver is new, and is sent what was kept: what the call prints meanwhile waits behind that.
    behind: bool,
    /// What it has printed is not all there: it has to fail, for a new driver to run it elsewhere.
    incomplete: bool,
    reply: Option<Result<Vec<u8>, Failure>>,
}

/// What is said of a call whose output is not all there.
fn incomplete() -> Result<Vec<u8>, Failure> {
    Err(Failure::Machine(
        "what it had printed could not be kept for a new driver".into(),
    ))
}

impl Call {
    fn new(id: u64, keep: bool) -> Call {
        let state = State {
            credits: WINDOW.into(),
            replied: false,
            again: keep.then(Again::default),
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

    fn credit(&self, bytes: u32, outbox: &Outbox) {
        let mut state = lock(&self.state);
        state.credits = state.credits.saturating_add(bytes.into());
        state.catch_up(outbox, self.id);
        self.changed.notify_all();
        if state.allowance() > 0
            && std::mem::take(&mut state.starved)
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
            let length = bytes.len().min(MAX_CHUNK).min(state.allowance());
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
        state.starved = state.allowance() == 0;
        state.allowance()
    }

    /// Sets what a cancel, or a credit after an allowance of 0, wakes.
    pub(crate) fn set_wake(&self, wake: Option<Arc<Wake>>) {
        lock(&self.state).wake = wake;
    }

    /// Ends it, with the last frame of the call, which fits.
    fn finish(&self, outbox: &Outbox, result: Result<Vec<u8>, Failure>) {
        let mut state = lock(&self.state);
        state.replied = true;
        state.wake = None;
        self.changed.notify_all();
        match &mut state.again {
            None => reply(outbox, self.id, result),
            Some(again) => {
                let result = if again.incomplete {
                    incomplete()
                } else {
                    result
                };
                if !again.behind {
                    reply(outbox, self.id, result.clone());
                }
                again.reply = Some(result);
            }
        }
    }
}

fn reply(outbox: &Outbox, call: u64, result: Result<Vec<u8>, Failure>) {
    let reply = FromWorker::Reply { call, result };
    outbox.data(&reply).expect("its length was looked at");
}

impl State {
    /// How many bytes may be sent now.
    fn allowance(&self) -> usize {
        match &self.again {
            Some(again) if again.behind => 0,
            _ => usize::try_from(self.credits).unwrap_or(usize::MAX),
        }
    }

    fn send(&mut self, outbox: &Outbox, call: u64, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(again) = &mut self.again {
            again.kept.push(stream, bytes);
            if again.behind {
                return;
            }
            again.sent = again.kept.end();
        }
        self.credits = self.credits.saturating_sub(bytes.len() as u64);
        outbox
            .output(call, stream, bytes)
            .expect("a chunk is far below the limit of a frame");
    }

    /// Queues what was kept for a new driver, as far as credits allow, and the reply at its end.
    fn catch_up(&mut self, outbox: &Outbox, call: u64) {
        let Some(again) = self.again.as_mut().filter(|again| again.behind) else {
            return;
        };
        while self.credits > 0 {
            let most = usize::try_from(self.credits).unwrap_or(usize::MAX);
            match again.kept.next(&mut again.sent, most) {
                Ok(Some((_, bytes))) if bytes.is_empty() => {}
                Ok(Some((stream, bytes))) => {
                    self.credits = self.credits.saturating_sub(bytes.len() as u64);
                    outbox
                        .output(call, stream, &bytes)
                        .expect("a chunk is far below the limit of a frame");
                }
                Ok(None) => {
                    again.behind = false;
                    if let Some(result) = again.reply.clone() {
                        reply(outbox, call, result);
                    }
                    return;
                }
                Err(_) => {
                    (again.behind, again.incomplete) = (false, true);
                    if again.reply.is_some() {
                        again.reply = Some(incomplete());
                        reply(outbox, call, incomplete());
                    }
                    return;
                }
            }
        }
    }
}

/// The calls that run, by the driver's number.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: Mutex<HashMap<u64, Arc<Call>>>,
    /// Another driver may come: calls are kept until they are released.
    keep: bool,
}

impl Calls {
    pub(crate) fn new(keep: bool) -> Calls {
        Calls {
            calls: Mutex::default(),
            keep,
        }
    }

    /// `None`: the number is in use.
    pub(crate) fn begin(&self, id: u64) -> Option<Arc<Call>> {
        let mut calls = lock(&self.calls);
        if calls.contains_key(&id) {
            return None;
        }
        let call = Arc::new(Call::new(id, self.keep));
        calls.insert(id, Arc::clone(&call));
        Some(call)
    }

    /// Adds credits to a call. Ignored if the call has ended, as is a cancel.
    pub(crate) fn credit(&self, id: u64, bytes: u32, outbox: &Outbox) {
        if let Some(call) = self.get(id) {
            call.credit(bytes, outbox);
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

    /// Ends a call with its last frame, which fits: the driver may use the number again, unless calls are kept.
    pub(crate) fn finish(&self, call: &Call, outbox: &Outbox, result: Result<Vec<u8>, Failure>) {
        if !self.keep {
            lock(&self.calls).remove(&call.id);
        }
        call.finish(outbox, result);
    }

    /// The driver has the reply of a call for good.
    pub(crate) fn release(&self, id: u64) {
        let mut calls = lock(&self.calls);
        if calls.get(&id).is_some_and(|call| lock(&call.state).replied) {
            calls.remove(&id);
        }
    }

    /// There is a new driver. Everything that was queued for the old one goes; `greeting` makes what the new one gets first of
    /// the calls that there are, each with whether it runs. What they have printed, and their replies, are queued again.
    pub(crate) fn begin_again(
        &self,
        outbox: &Outbox,
        generation: u64,
        greeting: impl FnOnce(Vec<(u64, bool)>) -> Vec<u8>,
    ) {
        let calls = lock(&self.calls);
        let mut states: Vec<_> = calls
            .values()
            .map(|call| (call, lock(&call.state)))
            .collect();
        let there = states.iter().map(|(call, state)| (call.id, !state.replied));
        // No call can queue anything in between, as its lock is held.
        outbox.begin_again(generation, &greeting(there.collect()));
        for (call, state) in &mut states {
            state.credits = WINDOW.into();
            let Some(again) = &mut state.again else {
                continue;
            };
            (again.sent, again.behind) = (Place::default(), true);
            if again.kept.is_lost() {
                again.incomplete = true;
                again.reply = again.reply.take().map(|_| incomplete());
                call.cancelled.store(true, Ordering::Release);
                if let Some(wake) = &state.wake {
                    wake.signal();
                }
            }
            state.catch_up(outbox, call.id);
            call.changed.notify_all();
        }
    }

    fn get(&self, id: u64) -> Option<Arc<Call>> {
        lock(&self.calls).get(&id).cloned()
    }
}
