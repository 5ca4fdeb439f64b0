//! The connection to one worker, as the driver's tasks share it: the frames to write, and the tasks that wait for an answer.
//! Nothing here does I/O.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::RequestId;
use remuda_worker::wire::{Failure, Figures, FromWorker, MAX_CHUNK, ToWorker, WINDOW, encode};

use super::events::{self, CallEvent, Receiver, Sender};
use crate::error::CallError;
use crate::ids::IdMap;
use crate::signal::{Defer, Signal};
use crate::system::{Chunk, Invocation, Order};
use crate::text::{Keep, harmless};

/// The size in bytes at which a batch is full. A single frame may be larger.
const BATCH: usize = 64 * 1024;

/// A call is so much longer as a frame than its arguments, about.
const FRAME: usize = 32;

/// The most counters that are kept of a worker, and the most bytes of the name of each.
const MAX_COUNTERS: usize = 1000;
const MAX_NAME: usize = 200;

/// Calls are numbered by the request and their place in its lease, so that a driver that was started again knows them; others
/// have this bit.
const UNNUMBERED: u64 = 1 << 63;

/// The most calls of a lease that are numbered so.
const NUMBERED: u32 = 1 << 12;

/// The number of a call, the `nth` of a request.
pub(crate) fn call_number(request: RequestId, nth: u32) -> Option<u64> {
    let base = request.0.checked_mul(NUMBERED.into())?;
    (nth < NUMBERED && base < UNNUMBERED).then(|| base + u64::from(nth))
}

/// Whether a call is one of a request.
fn is_of(call: u64, request: RequestId) -> bool {
    call & UNNUMBERED == 0 && call / u64::from(NUMBERED) == request.0
}

/// The connection to one worker.
#[derive(Debug)]
pub(crate) struct Link {
    /// The worker's functions. A call sends the index of its function.
    functions: Vec<String>,
    outgoing: Mutex<Outgoing>,
    waiting: Mutex<Waiting>,
    /// The worker keeps calls until they are released.
    keeps: bool,
    /// Raised to kill the process.
    pub(crate) kill: Signal,
}

#[derive(Debug, Default)]
struct Outgoing {
    /// Frames that overtake calls: credits, cancels, polls, goodbye.
    control: Vec<u8>,
    /// Calls that are not written yet: id and frame.
    calls: VecDeque<(u64, Vec<u8>)>,
    closed: bool,
    writer: Option<Waker>,
}

/// The tasks that wait for an answer.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    calls: IdMap<u64, CallSlot>,
    /// Calls of the driver before this one, whether they ran when the worker came back, and their events.
    taken_over: IdMap<u64, (bool, Receiver)>,
    polls: IdMap<u64, oneshot::Sender<Figures>>,
    discards: HashMap<u64, Vec<oneshot::Sender<Result<(), String>>>>,
    said_goodbye: bool,
    leaving: Leaving,
    /// Why the worker has ended, once it has.
    dead: Option<String>,
}

/// Whether the worker must go.
#[derive(Debug, Default)]
struct Leaving {
    /// The least time that it ever said.
    least: Option<Duration>,
    /// What it has said and is not read yet.
    said: Option<Duration>,
    listener: Option<Waker>,
}

#[derive(Debug)]
struct CallSlot {
    events: Sender,
    /// How many bytes of output the worker may still send for this call.
    credit: u32,
}

impl Link {
    pub(crate) fn new(functions: Vec<String>) -> Self {
        Link {
            functions,
            outgoing: Mutex::default(),
            waiting: Mutex::default(),
            keeps: false,
            kill: Signal::default(),
        }
    }

    /// The connection to a worker that has these calls of another driver, each with whether it runs. With `keeps` it keeps
    /// those of this driver too, for another.
    pub(crate) fn taken_over(functions: Vec<String>, keeps: bool, calls: Vec<(u64, bool)>) -> Self {
        let mut waiting = Waiting::default();
        for (call, runs) in calls {
            let (events, receiver) = events::channel();
            let credit = WINDOW;
            waiting.calls.insert(call, CallSlot { events, credit });
            waiting.taken_over.insert(call, (runs, receiver));
        }
        Link {
            keeps,
            waiting: Mutex::new(waiting),
            ..Link::new(functions)
        }
    }

    /// A call that was taken over, runs, and is of none of these requests. Calls that have ended, and belong to none, are
    /// forgotten.
    pub(crate) fn taken_over_for_none(&self, requests: &[RequestId]) -> Option<u64> {
        let mut waiting = lock(&self.waiting);
        let known = |call| requests.iter().any(|request| is_of(call, *request));
        let others: Vec<(u64, bool)> = waiting
            .taken_over
            .iter()
            .filter(|(call, _)| !known(**call))
            .map(|(call, (runs, _))| (*call, *runs))
            .collect();
        if let Some((call, _)) = others.iter().find(|(_, runs)| *runs) {
            return Some(*call);
        }
        let ended = others.iter();
        let ended: Vec<_> = ended
            .map(|(call, _)| waiting.taken_over.remove(call))
            .collect();
        drop(waiting);
        drop(ended);
        for (call, _) in others {
            self.control(&ToWorker::Release { call });
        }
        None
    }

    /// Queues a frame that overtakes calls.
    pub(crate) fn control(&self, message: &ToWorker) {
        let mut outgoing = lock(&self.outgoing);
        if !outgoing.closed {
            encode(message, &mut outgoing.control).expect("a control frame is a few bytes");
        }
        wake(outgoing);
    }

    /// The next bytes to write, control frames first. `None` when the connection is closed.
    pub(crate) async fn next_batch(&self) -> Option<Vec<u8>> {
        poll_fn(|cx| self.poll_batch(cx)).await
    }

    /// Like [`next_batch`](Link::next_batch).
    pub(crate) fn poll_batch(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut outgoing = lock(&self.outgoing);
        let mut batch = std::mem::take(&mut outgoing.control);
        while batch.len() < BATCH
            && let Some((_, call)) = outgoing.calls.pop_front()
        {
            batch.extend(call);
        }
        if !batch.is_empty() {
            return Poll::Ready(Some(batch));
        }
        if outgoing.closed {
            return Poll::Ready(None);
        }
        outgoing.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Handles a message of the worker. The error describes a breach of the protocol.
    pub(crate) fn on_message(&self, message: FromWorker) -> Result<(), String> {
        match message {
            FromWorker::Hello { .. } => return Err("it said hello twice".into()),
            FromWorker::Running { .. } => return Err("it says unasked what runs there".into()),
            FromWorker::Output {
                call,
                stream,
                bytes,
            } => {
                let length = bytes.len();
                // It would cost no credit and a record each.
                if length == 0 {
                    return Err("it sent an empty chunk of output".into());
                }
                if length > MAX_CHUNK {
                    return Err(format!(
                        "it sent a chunk of {length} bytes, over the limit of {MAX_CHUNK}"
                    ));
                }
                let mut waiting = lock(&self.waiting);
                let slot = waiting.calls.get_mut(&call);
                let slot = slot.ok_or("it sent output of a call that does not run")?;
                let left = slot.credit.checked_sub(length as u32);
                slot.credit = left.ok_or_else(|| {
                    let allowed = slot.credit;
                    format!("it sent {length} bytes of output with {allowed} allowed")
                })?;
                slot.events.output(Chunk { stream, bytes });
            }
            FromWorker::Reply { call, result } => {
                let slot = lock(&self.waiting).calls.remove(&call);
                let slot = slot.ok_or("it answered a call that does not run")?;
                slot.events.reply(result);
                if self.keeps {
                    self.control(&ToWorker::Release { call });
                }
            }
            FromWorker::Figures { poll, mut figures } => {
                // They are kept for as long as the machine is known.
                if let Some(counters) = &mut figures.counters {
                    counters.truncate(MAX_COUNTERS);
                    counters.shrink_to_fit();
                    for (name, _) in counters {
                        name.truncate(name.floor_char_boundary(MAX_NAME));
                        name.shrink_to_fit();
                    }
                }
                // Not found if it came after the time-out.
                if let Some(reply) = lock(&self.waiting).polls.remove(&poll) {
                    let _ = reply.send(figures);
                }
            }
            FromWorker::Discarded { task, error } => {
                let replies = lock(&self.waiting).discards.remove(&task);
                for reply in replies.into_iter().flatten() {
                    let _ = reply.send(error.clone().map_or(Ok(()), Err));
                }
            }
            FromWorker::Goodbye => lock(&self.waiting).said_goodbye = true,
            FromWorker::Leaving { within_ms } => self.leave(Duration::from_millis(within_ms)),
        }
        Ok(())
    }

    /// Notes that the worker must go. Said again, it counts only if there is at most half of the time: a worker cannot make
    /// its driver think of it without end.
    pub(crate) fn leave(&self, within: Duration) {
        let mut waiting = lock(&self.waiting);
        let leaving = &mut waiting.leaving;
        if leaving.least.is_some_and(|least| within > least / 2) {
            return;
        }
        leaving.least = Some(within);
        leaving.said = Some(within);
        let listener = leaving.listener.take();
        drop(waiting);
        if let Some(listener) = listener {
            listener.wake();
        }
    }

    /// Resolves when the worker says that it must go, with the time that it has.
    pub(crate) async fn leaving(&self) -> Duration {
        poll_fn(|cx| {
            let mut waiting = lock(&self.waiting);
            match waiting.leaving.said.take() {
                Some(within) => Poll::Ready(within),
                None => {
                    waiting.leaving.listener = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Whether calls are at the worker.
    pub(crate) fn has_calls(&self) -> bool {
        !lock(&self.waiting).calls.is_empty()
    }

    pub(crate) fn said_goodbye(&self) -> bool {
        lock(&self.waiting).said_goodbye
    }

    /// Drops what is queued and ends the writer, which closes the worker's standard input.
    pub(crate) fn close_input(&self) {
        let mut outgoing = lock(&self.outgoing);
        outgoing.closed = true;
        outgoing.control.clear();
        outgoing.calls.clear();
        wake(outgoing);
    }

    /// The worker has ended: every call is lost, and nothing more is written.
    pub(crate) fn close(&self, why: &str) {
        let mut waiting = lock(&self.waiting);
        waiting.dead = Some(why.to_owned());
        let calls = std::mem::take(&mut waiting.calls);
        let taken_over = std::mem::take(&mut waiting.taken_over);
        let polls = std::mem::take(&mut waiting.polls);
        let discards = std::mem::take(&mut waiting.discards);
        drop(waiting);
        drop((calls, taken_over, polls, discards));
        self.close_input();
    }

    /// Asks for the figures. `None` if the worker ends before it answers.
    pub(crate) async fn poll(&self) -> Option<Figures> {
        let (reply, answer) = oneshot::channel();
        let poll = {
            let mut waiting = lock(&self.waiting);
            if waiting.dead.is_some() {
                return None;
            }
            let poll = waiting.new_id();
            waiting.polls.insert(poll, reply);
            poll
        };
        let _timed_out = Defer::new(|| drop(lock(&self.waiting).polls.remove(&poll)));
        self.control(&ToWorker::Poll { poll });
        answer.await.ok()
    }

    /// Has the worker drop the result of a task (S15).
    pub(crate) async fn discard(&self, task: u64) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.dead.is_none() {
                waiting.discards.entry(task).or_default().push(reply);
            }
        }
        self.control(&ToWorker::Discard { task });
        // A worker that has ended holds no results, so this is a success.
        answer.await.unwrap_or(Ok(()))
    }

    /// Calls a function, and passes its output to the client as fast as the client reads it.
    pub(crate) async fn call(&self, invocation: Invocation) -> Result<Vec<u8>, CallError> {
        let Invocation {
            function,
            args,
            mut output,
            mut orders,
            number,
        } = invocation;
        let taken_over = number.and_then(|number| lock(&self.waiting).taken_over.remove(&number));
        let (id, mut events) = match number.zip(taken_over) {
            Some((number, (_, events))) => (number, events),
            None => self.send_call(&function, args, number)?,
        };
        let mut consumed = 0;
        loop {
            let event = match select(pin!(events.next()), pin!(orders.next())).await {
                Either::Left((event, _)) => event,
                Either::Right((order, _)) => {
                    self.order(id, order);
                    continue;
                }
            };
            match event {
                Some(CallEvent::Output(chunk)) => {
                    consumed += chunk.bytes.len() as u32;
                    let mut sent = pin!(output.send(chunk));
                    while !orders.cancelled() {
                        match select(sent.as_mut(), pin!(orders.next())).await {
                            Either::Left(_) => break,
                            Either::Right((order, _)) => self.order(id, order),
                        }
                    }
                    // After a cancel, output is discarded, so that a slow client cannot delay the end of the call.
                    if consumed >= WINDOW / 2 {
                        self.credit(id, consumed);
                        consumed = 0;
                    }
                }
                Some(CallEvent::Reply(Ok(result))) => return Ok(result),
                Some(CallEvent::Reply(Err(Failure::Remote(text)))) => {
                    return Err(CallError::Remote(text));
                }
                Some(CallEvent::Reply(Err(Failure::Cancelled))) => {
                    return Err(CallError::Cancelled);
                }
                Some(CallEvent::Reply(Err(Failure::Machine(why)))) => {
                    return Err(CallError::Machine(why));
                }
                None => return Err(self.lost()),
            }
        }
    }

    fn send_call(
        &self,
        function: &str,
        args: Vec<u8>,
        number: Option<u64>,
    ) -> Result<(u64, Receiver), CallError> {
        // Not a binary search: the list comes from the worker and may be unsorted.
        let named = self.functions.iter().position(|name| name == function);
        let Some(index) = named else {
            let has = harmless(&self.functions.join("`, `"), Keep::Start(500));
            return Err(CallError::Invalid(format!(
                "the machine has no function `{function}`; it has `{has}`"
            )));
        };
        let (events, receiver) = events::channel();
        let call = {
            let mut waiting = lock(&self.waiting);
            if waiting.dead.is_some() {
                drop(waiting);
                return Err(self.lost());
            }
            let call = number.unwrap_or_else(|| waiting.new_id() | UNNUMBERED);
            waiting.calls.insert(
                call,
                CallSlot {
                    events,
                    credit: WINDOW,
                },
            );
            call
        };
        let function = index as u32;
        let mut frame = Vec::with_capacity(args.len() + FRAME);
        if let Err(error) = encode(
            &ToWorker::Call {
                call,
                function,
                args,
            },
            &mut frame,
        ) {
            drop(lock(&self.waiting).calls.remove(&call));
            return Err(CallError::Invalid(format!(
                "the call cannot be sent: {error}"
            )));
        }
        let mut outgoing = lock(&self.outgoing);
        if !outgoing.closed {
            outgoing.calls.push_back((call, frame));
        }
        wake(outgoing);
        Ok((call, receiver))
    }

    /// Passes an order for a call on to the worker. If the call is not written yet, it is removed instead, because the order
    /// would overtake it.
    fn order(&self, call: u64, order: Order) {
        let mut outgoing = lock(&self.outgoing);
        let unsent = outgoing.calls.iter().position(|&(id, _)| id == call);
        let taken_back = unsent.and_then(|at| outgoing.calls.remove(at));
        drop(outgoing);
        if taken_back.is_none() {
            return self.control(&match order {
                Order::Cancel => ToWorker::Cancel { call },
                Order::End(grace) => ToWorker::End {
                    call,
                    grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
                },
            });
        }
        if let Some(slot) = lock(&self.waiting).calls.remove(&call) {
            slot.events.reply(Err(Failure::Cancelled));
        }
    }

    fn credit(&self, call: u64, bytes: u32) {
        let mut waiting = lock(&self.waiting);
        let Some(slot) = waiting.calls.get_mut(&call) else {
            return;
        };
        slot.credit += bytes;
        drop(waiting);
        self.control(&ToWorker::Credit { call, bytes });
    }

    fn lost(&self) -> CallError {
        let why = lock(&self.waiting).dead.clone();
        CallError::Lost(why.unwrap_or_else(|| "its process was let go".into()))
    }
}

impl Waiting {
    fn new_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Ignores poisoning: only code of this file runs under these locks, and it does not panic in the middle of a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unlocks, then wakes the writer.
fn wake(mut outgoing: MutexGuard<'_, Outgoing>) {
    let writer = outgoing.writer.take();
    drop(outgoing);
    if let Some(writer) = writer {
        writer.wake();
    }
}
