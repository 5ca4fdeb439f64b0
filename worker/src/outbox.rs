//! The frames that the worker has queued for the driver, and the loop of the thread that writes them.
//!
//! Two queues: control frames first, then output and replies in order. Putting a frame in never blocks, so that neither the
//! reader nor a poll's answer ever waits for the pipe; what bounds the queue is that output is covered by credits.

use crate::sync::lock;
use crate::wire::{FromWorker, Stream, WireError, encode, encode_output};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Frames are gathered into blocks of about this size, each written at once. A control frame waits for one block at most.
const BLOCK: usize = 64 * 1024;

/// How many written blocks are kept for use again.
const SPARE: usize = 4;

/// What carries the bytes to the driver.
pub(crate) trait Sink {
    /// Writes all bytes, which were queued for the driver of this [generation](Outbox::begin_again).
    fn write(&mut self, bytes: &[u8], generation: u64) -> io::Result<()>;

    /// Somebody has called [`Outbox::kick`].
    fn kicked(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe.
impl<T: Write + AsFd> Sink for T {
    fn write(&mut self, bytes: &[u8], _: u64) -> io::Result<()> {
        write_all(self, bytes)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: Mutex<Queues>,
    /// Signalled when there is something to write.
    filled: Condvar,
    /// Signalled when everything is written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Queues {
    control: Vec<u8>,
    data: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// The writer is writing a block.
    writing: bool,
    /// Nothing more is queued except the goodbye.
    closed: bool,
    /// The writer is to look after its [`Sink`].
    kicked: bool,
    /// How many drivers there were before this one.
    generation: u64,
}

impl Outbox {
    /// Queues bytes ahead of all output: the preamble.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        lock(&self.queues).control.extend_from_slice(bytes);
        self.filled.notify_one();
    }

    /// Queues a frame ahead of all output.
    pub(crate) fn control(&self, message: &FromWorker) -> Result<(), WireError> {
        let mut queues = lock(&self.queues);
        if !queues.closed {
            encode(message, &mut queues.control)?;
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Queues a frame behind all output.
    pub(crate) fn data(&self, message: &FromWorker) -> Result<(), WireError> {
        self.append(|block| encode(message, block))
    }

    /// Queues a chunk of a call's output.
    pub(crate) fn output(&self, call: u64, stream: Stream, bytes: &[u8]) -> Result<(), WireError> {
        self.append(|block| encode_output(call, stream, bytes, block))
    }

    /// Wakes the writer although there may be nothing to write: see [`Sink::kicked`].
    pub(crate) fn kick(&self) {
        lock(&self.queues).kicked = true;
        self.filled.notify_one();
    }

    /// There is a new driver, of this generation: what was queued goes, and it gets `greeting` first.
    pub(crate) fn begin_again(&self, generation: u64, greeting: &[u8]) {
        let mut queues = lock(&self.queues);
        queues.generation = generation;
        queues.data.clear();
        queues.control.clear();
        if !queues.closed {
            queues.control.extend_from_slice(greeting);
        }
        self.filled.notify_one();
    }

    /// Queues nothing more. The output of a job that is killed because the worker ends must not be taken for its result.
    pub(crate) fn close(&self) {
        lock(&self.queues).closed = true;
    }

    /// After [`close`](Outbox::close): queues the goodbye behind everything and waits until all is written, if the time
    /// suffices.
    pub(crate) fn goodbye(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut queues = lock(&self.queues);
        let mut last = Vec::new();
        encode(&FromWorker::Goodbye, &mut last).expect("a goodbye is one byte long");
        queues.data.push_back(last);
        self.filled.notify_one();
        while queues.writing || !queues.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queues = match self.emptied.wait_timeout(queues, left) {
                Ok((queues, _)) => queues,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The writer's loop: it ends with the error that writing gave.
    pub(crate) fn write_to(&self, mut output: impl Sink) -> io::Error {
        let mut control = Vec::new();
        loop {
            let (block, generation) = self.take(&mut control);
            let written = match (control.is_empty(), block.is_empty()) {
                (true, true) => output.kicked(),
                (false, _) => output.write(&control, generation),
                (true, false) => output.write(&block, generation),
            };
            if let Err(error) = written {
                self.discard_all();
                return error;
            }
            self.written(block);
        }
    }

    fn append(
        &self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut queues = lock(&self.queues);
        if queues.closed {
            return Ok(());
        }
        if queues.data.back().is_none_or(|block| block.len() >= BLOCK) {
            let block = queues.spare.pop().unwrap_or_default();
            queues.data.push_back(block);
        }
        let block = queues.data.back_mut().expect("one was just made sure of");
        let result = encode(block);
        if block.is_empty() {
            queues.data.pop_back(); // The frame was refused, and was the first.
        }
        self.filled.notify_one();
        result
    }

    /// Waits for something to write, and for which driver it is: all control frames, or else one block; neither after a kick.
    fn take(&self, control: &mut Vec<u8>) -> (Vec<u8>, u64) {
        control.clear();
        let mut queues = lock(&self.queues);
        while queues.is_empty() && !queues.kicked {
            queues = self
                .filled
                .wait(queues)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        queues.writing = true;
        queues.kicked = false;
        let generation = queues.generation;
        if !queues.control.is_empty() {
            std::mem::swap(control, &mut queues.control);
            return (Vec::new(), generation);
        }
        (queues.data.pop_front().unwrap_or_default(), generation)
    }

    /// The driver no longer reads: drops everything that is queued.
    fn discard_all(&self) {
        let mut queues = lock(&self.queues);
        *queues = Queues {
            closed: true,
            ..Queues::default()
        };
        self.emptied.notify_all();
    }

    fn written(&self, mut block: Vec<u8>) {
        let mut queues = lock(&self.queues);
        queues.writing = false;
        if block.capacity() > 0 && block.capacity() <= 4 * BLOCK && queues.spare.len() < SPARE {
            block.clear();
            queues.spare.push(block);
        }
        if queues.is_empty() {
            self.emptied.notify_all();
        }
    }
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.control.is_empty() && self.data.is_empty()
    }
}

/// Writes all bytes, also to a descriptor that is non-blocking, as the parent process may have set it.
fn write_all(output: &mut (impl Write + AsFd), mut bytes: &[u8]) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let _ = poll(&mut [PollFd::new(&*output, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Decoder, MAX_CHUNK};
    use std::io::Read;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_control_frame_overtakes_all_output_but_what_the_writer_holds() {
        let outbox = Arc::new(Outbox::default());
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let writing = Arc::clone(&outbox);
        thread::spawn(move || writing.write_to(writer));
        // Far more than the pipe holds, and there is no reader yet.
        for _ in 0..64 {
            outbox
                .output(1, Stream::Stdout, &[7; MAX_CHUNK])
                .expect("a chunk");
        }
        outbox.control(&FromWorker::Goodbye).expect("small");
        let (mut decoder, mut buffer, mut before) = (Decoder::new(), vec![0; MAX_CHUNK], 0);
        loop {
            match decoder.next().expect("good frames") {
                Some(FromWorker::Output { bytes, .. }) => before += bytes.len(),
                Some(FromWorker::Goodbye) => break,
                Some(other) => panic!("unexpected {other:?}"),
                None => {
                    let read = reader.read(&mut buffer).expect("the pipe");
                    decoder.push(&buffer[..read]);
                }
            }
        }
        // A full pipe holds one frame, and the writer, which may have been waiting, another.
        assert!(before <= 2 * MAX_CHUNK, "{before} bytes came before it");
    }

    #[test]
    fn after_the_close_only_a_goodbye_goes_out_and_a_reader_that_is_gone_blocks_nothing() {
        let outbox = Outbox::default();
        outbox.output(1, Stream::Stdout, b"before").expect("small");
        outbox.close();
        outbox.output(1, Stream::Stdout, b"after").expect("small");
        outbox
            .control(&FromWorker::Discarded {
                task: 1,
                error: None,
            })
            .expect("small");
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| outbox.goodbye(Duration::from_secs(60)));
            while lock(&outbox.queues).data.len() < 2 {
                thread::yield_now();
            }
            assert!(lock(&outbox.queues).control.is_empty());
            assert_eq!(outbox.write_to(writer).kind(), ErrorKind::BrokenPipe);
        });
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
