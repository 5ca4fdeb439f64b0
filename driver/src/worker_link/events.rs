//! The queue of events of one call, from the reader of the worker's output, which never waits, to the task of the call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use remuda_worker::wire::{Failure, MAX_CHUNK};

use crate::system::Chunk;

/// One event of a call.
#[derive(Debug)]
pub(super) enum CallEvent {
    Output(Chunk),
    Reply(Result<Vec<u8>, Failure>),
}

/// The reader's end. If it is dropped without a reply, the call is lost.
#[derive(Debug)]
pub(super) struct Sender(Arc<Mutex<Queue>>);

/// The call's end.
#[derive(Debug)]
pub(super) struct Receiver(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// The credits of the call bound the bytes in it.
    chunks: VecDeque<Chunk>,
    reply: Option<Result<Vec<u8>, Failure>>,
    closed: bool,
    waiting: Option<Waker>,
}

pub(super) fn channel() -> (Sender, Receiver) {
    let queue = Arc::new(Mutex::new(Queue::default()));
    (Sender(queue.clone()), Receiver(queue))
}

impl Sender {
    /// Queues output. Small pieces are joined, because credits count bytes only and not the overhead of a chunk.
    pub(super) fn output(&self, chunk: Chunk) {
        let mut queue = lock(&self.0);
        match queue.chunks.back_mut() {
            Some(last)
                if last.stream == chunk.stream
                    && last.bytes.len() + chunk.bytes.len() <= MAX_CHUNK =>
            {
                last.bytes.extend(chunk.bytes);
            }
            _ => queue.chunks.push_back(chunk),
        }
        wake(queue);
    }

    /// Queues the reply, which ends the call.
    pub(super) fn reply(self, result: Result<Vec<u8>, Failure>) {
        lock(&self.0).reply = Some(result);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.closed = true;
        wake(queue);
    }
}

impl Receiver {
    /// The next event, or `None` if the call is lost.
    pub(super) async fn next(&mut self) -> Option<CallEvent> {
        poll_fn(|cx| {
            let mut queue = lock(&self.0);
            if let Some(chunk) = queue.chunks.pop_front() {
                return Poll::Ready(Some(CallEvent::Output(chunk)));
            }
            if queue.closed {
                return Poll::Ready(queue.reply.take().map(CallEvent::Reply));
            }
            queue.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unlocks, then wakes the call's task.
fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waiting = queue.waiting.take();
    drop(queue);
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use remuda_worker::wire::Stream;

    fn chunk(stream: Stream, length: usize) -> Chunk {
        Chunk {
            stream,
            bytes: vec![b'x'; length],
        }
    }

    #[test]
    fn pieces_are_joined_within_a_stream_and_a_chunk() {
        let (sender, mut receiver) = channel();
        for length in [1, 2, MAX_CHUNK - 3, 1] {
            sender.output(chunk(Stream::Stdout, length));
        }
        sender.output(chunk(Stream::Stderr, 5));
        sender.output(chunk(Stream::Stdout, 7));
        sender.reply(Ok(vec![9]));
        let mut lengths = Vec::new();
        while let Some(Some(CallEvent::Output(chunk))) = receiver.next().now_or_never() {
            lengths.push((chunk.stream, chunk.bytes.len()));
        }
        let expected = [
            (Stream::Stdout, MAX_CHUNK),
            (Stream::Stdout, 1),
            (Stream::Stderr, 5),
            (Stream::Stdout, 7),
        ];
        assert_eq!(lengths, expected);
    }

    #[test]
    fn a_sender_that_goes_without_a_reply_loses_the_call() {
        let (sender, mut receiver) = channel();
        drop(sender);
        assert!(matches!(receiver.next().now_or_never(), Some(None)));
    }
}
