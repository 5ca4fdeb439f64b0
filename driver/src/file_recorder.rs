//! A recorder that writes a journal: it encodes into a bounded buffer, from which its own thread writes to a file.
//!
//! It never blocks the cluster for long. When a write fails, or the buffer is full because the file is slow, recording ends
//! with a warning. A journal with a gap could not be replayed, and a cluster must not wait for a disk.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use remuda::journal::{Label, Note, Writer};
use remuda::{Action, Event, Instant, MachineId, Manager};

use crate::past::Past;
use crate::record::{Barrier, Recorder};

/// When the buffer holds this many bytes it is written at once, to keep buffers small.
const FLUSH_SIZE: usize = 256 << 10;

/// How a journal is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordOptions {
    /// How long an event may stay in the buffer; default 1 s. If the process is killed, the events in the buffer are lost.
    pub flush_every: Duration,
    /// The size of the buffer in bytes; default 64 MiB, about three million events. When it is full, recording ends.
    pub buffer: usize,
    /// How long [`Recording::finish`] waits until the file has taken the rest; default 10 s.
    pub finish_within: Duration,
    /// Nothing that the manager decides is carried out before it is in the file, so that the run can be resumed from the
    /// journal ([`Cluster::resume`](crate::Cluster::resume)); default false. It outlives the process then, not the host. A
    /// file that does not take a write within [`finish_within`](RecordOptions::finish_within) ends the recording.
    pub ahead: bool,
    /// The labels in the journal's header.
    pub labels: Vec<Label>,
}

impl Default for RecordOptions {
    fn default() -> Self {
        RecordOptions {
            flush_every: Duration::from_secs(1),
            buffer: 64 << 20,
            finish_within: Duration::from_secs(10),
            ahead: false,
            labels: Vec::new(),
        }
    }
}

/// Why a journal ends before its run did. It can be read up to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// A write failed, for example because the disk is full.
    Write(String),
    /// The file was too slow and the buffer is full.
    Slow {
        /// The size of the buffer in bytes.
        buffer: usize,
    },
    /// The rest was not written within [`RecordOptions::finish_within`].
    Stuck,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordingError::Write(error) => f.write_str(error),
            RecordingError::Slow { buffer } => write!(
                f,
                "it is written too slowly: more than {buffer} bytes waited"
            ),
            RecordingError::Stuck => f.write_str("its last bytes are not taken"),
        }
    }
}

impl std::error::Error for RecordingError {}

/// Records a cluster into a file or another writer. When it is dropped, it writes the rest of its buffer.
#[derive(Debug)]
pub struct FileRecorder {
    inner: Arc<Inner>,
    labels: Vec<Label>,
}

/// A handle of a recording. Clones are handles of the same recording.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Inner>);

/// The state that the recorder, its handles and its thread share.
#[derive(Debug)]
struct Inner {
    options: RecordOptions,
    state: Mutex<State>,
    /// Signalled when there are bytes to write, or when recording ends.
    changed: Condvar,
    /// Signalled when bytes are written that were waited for.
    written: Condvar,
    /// Signalled when the thread has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// `None` until the recording begins.
    writer: Option<Writer>,
    /// The time of the last event.
    time: Instant,
    buffer: Vec<u8>,
    /// Bytes that the thread has taken and not written yet.
    in_flight: usize,
    /// Recording has ended: nothing more is appended.
    closed: bool,
    written: u64,
    error: Option<RecordingError>,
    /// The thread was asked to write before `flush_every` has passed.
    flush_requested: bool,
    /// The thread has ended.
    thread_ended: bool,
}

impl FileRecorder {
    /// A recorder that writes to `file` on its own thread, and a handle that ends the recording.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        file: impl Write + Send + 'static,
        options: RecordOptions,
    ) -> io::Result<(FileRecorder, Recording)> {
        FileRecorder::with(file, options, State::default())
    }

    /// Like [`start`](FileRecorder::start), for a cluster that is [resumed](crate::Cluster::resume): goes on with the journal
    /// that was read as `past`. `file` writes behind its [whole frames](Past::length).
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn resume(
        file: impl Write + Send + 'static,
        options: RecordOptions,
        past: &Past,
    ) -> io::Result<(FileRecorder, Recording)> {
        let mut state = State {
            writer: Some(past.writer()),
            time: past.time(),
            ..State::default()
        };
        state.note(MachineId(0), "epoch", &past.epoch().to_string());
        FileRecorder::with(file, options, state)
    }

    fn with(
        file: impl Write + Send + 'static,
        options: RecordOptions,
        state: State,
    ) -> io::Result<(FileRecorder, Recording)> {
        let labels = options.labels.clone();
        let inner = Arc::new(Inner {
            options,
            state: Mutex::new(state),
            changed: Condvar::new(),
            written: Condvar::new(),
            ended: Condvar::new(),
        });
        let on_thread = inner.clone();
        thread::Builder::new()
            .name("remuda-journal".into())
            .spawn(move || on_thread.write_all(file))?;
        let recording = Recording(inner.clone());
        Ok((FileRecorder { inner, labels }, recording))
    }
}

impl Recorder for FileRecorder {
    fn begin(&mut self, now: Instant, manager: &Manager) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since = since.ok().and_then(|it| u64::try_from(it.as_nanos()).ok());
        let origin = since.and_then(|nanos| nanos.checked_sub(now.0));
        self.inner.append(|state| {
            let writer = Writer::new(manager, origin, &self.labels, &mut state.buffer);
            (state.writer, state.time) = (Some(writer), now);
        });
    }

    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager) {
        self.inner.append(|state| {
            let State { writer, buffer, .. } = state;
            if let Some(writer) = writer {
                writer.record(now, event, actions, manager, buffer);
            }
            state.time = now;
        });
    }

    fn note(&mut self, note: &Note<'_>) {
        self.inner.append(|state| {
            if let Some(writer) = &mut state.writer {
                writer.note(note, &mut state.buffer);
            }
        });
    }

    fn barrier(&self) -> Option<Barrier> {
        let inner = self.inner.clone();
        let ahead = inner.options.ahead;
        ahead.then(|| Arc::new(move || inner.write_now()) as Barrier)
    }
}

impl Drop for FileRecorder {
    fn drop(&mut self) {
        // The error is ignored: the caller can get it from a `Recording`.
        let _ = self.inner.finish();
    }
}

impl Recording {
    /// Ends the recording, waits until everything is written, and returns the length of the journal in bytes. Later events
    /// are not recorded.
    ///
    /// # Errors
    /// Why the journal ends before the run did.
    pub fn finish(&self) -> Result<u64, RecordingError> {
        self.0.finish()
    }

    /// Adds a remark of the caller's to the journal, at the time of the last event. Does nothing before the cluster is made.
    pub fn note(&self, machine: MachineId, topic: &str, text: &str) {
        self.0.append(|state| state.note(machine, topic, text));
    }

    /// Waits until everything so far is written, at most for [`RecordOptions::finish_within`]: then recording ends.
    pub fn write_now(&self) {
        self.0.write_now();
    }

    /// The error that has ended the recording, if there is one.
    pub fn error(&self) -> Option<RecordingError> {
        self.0.lock().error.clone()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, append: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let before = state.buffer.len();
        append(&mut state);
        if state.buffer.len() > self.options.buffer {
            // Keep only whole frames.
            state.buffer.truncate(before);
            let buffer = self.options.buffer;
            state.error = Some(RecordingError::Slow { buffer });
            state.closed = true;
        }
        let flush_now = state.closed || state.buffer.len() >= FLUSH_SIZE;
        if before == 0 || (flush_now && !state.flush_requested) {
            state.flush_requested = flush_now;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Has the buffer written, and waits for that.
    fn write_now(&self) {
        let mut state = self.lock();
        if state.is_written() {
            return;
        }
        if !state.flush_requested {
            state.flush_requested = true;
            self.changed.notify_one();
        }
        let limit = self.options.finish_within;
        let waited = self
            .written
            .wait_timeout_while(state, limit, |state| !state.is_written());
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            // Later ones do not wait again.
            state.closed = true;
            state.error.get_or_insert(RecordingError::Stuck);
        }
    }

    fn finish(&self) -> Result<u64, RecordingError> {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_one();
        let limit = self.options.finish_within;
        let waited = self
            .ended
            .wait_timeout_while(state, limit, |state| !state.thread_ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &state.error {
            Some(error) => Err(error.clone()),
            None if !state.thread_ended => Err(RecordingError::Stuck),
            None => Ok(state.written),
        }
    }

    /// The loop of the thread: writes the buffer until recording ends.
    fn write_all(&self, mut file: impl Write) {
        let mut taken = Vec::new();
        let error = loop {
            let last = self.take(&mut taken);
            if let Err(error) = file.write_all(&taken) {
                break Some(RecordingError::Write(error.to_string()));
            }
            let mut state = self.lock();
            state.written += taken.len() as u64;
            state.in_flight = 0;
            drop(state);
            self.written.notify_all();
            taken.clear();
            taken.shrink_to(2 * FLUSH_SIZE);
            if last {
                let flushed = file.flush().err();
                break flushed.map(|error| RecordingError::Write(error.to_string()));
            }
        };
        let mut state = self.lock();
        state.closed = true;
        state.error = state.error.take().or(error);
        state.buffer = Vec::new();
        state.in_flight = 0;
        let error = state.error.clone();
        drop(state);
        self.written.notify_all();
        if let Some(error) = error {
            tracing::warn!("recording ends here, the cluster goes on: {error}");
        }
        self.lock().thread_ended = true;
        self.ended.notify_all();
    }

    /// Waits for bytes to write and moves them to `taken`. Returns true if no more will follow.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let idle = |state: &mut State| state.buffer.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        // Wait for more events, so that one write has many.
        let early = |state: &mut State| {
            state.buffer.len() < FLUSH_SIZE && !state.closed && !state.flush_requested
        };
        let limit = self.options.flush_every;
        let waited = self.changed.wait_timeout_while(state, limit, early);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.buffer, taken);
        state.in_flight = taken.len();
        state.flush_requested = false;
        state.closed
    }
}

impl State {
    fn note(&mut self, machine: MachineId, topic: &str, text: &str) {
        let State {
            writer,
            time,
            buffer,
            ..
        } = self;
        if let Some(writer) = writer {
            let note = Note {
                time: *time,
                machine,
                topic,
                text,
            };
            writer.note(&note, buffer);
        }
    }

    /// Whether nothing waits to be written; also when recording has ended.
    fn is_written(&self) -> bool {
        self.closed || self.buffer.is_empty() && self.in_flight == 0
    }
}
