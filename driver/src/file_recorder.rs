//! A recorder that writes a journal: into a bounded buffer, from which a thread of its own writes to a file.
//!
//! Nothing of it holds up the cluster. When the file takes no more, or so slowly that the buffer is full, recording ends
//! with a warning: a journal with a hole could not be replayed, and a cluster that waits for a disk is worse than either.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use remuda::journal::{Label, Note, Writer};
use remuda::{Action, Event, Instant, Manager};

use crate::record::Recorder;

/// So much is written at once, before its time, to keep buffers small.
const FLUSH_SIZE: usize = 256 << 10;

/// How a journal is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordOptions {
    /// How long an event may wait to be written; default 1 s. What a killed process has not written is lost.
    pub flush_every: Duration,
    /// How many bytes may wait; default 64 MiB, three million events. Beyond that recording ends.
    pub buffer: usize,
    /// How long the end waits for a file that does not take the rest; default 10 s.
    pub finish_within: Duration,
    /// What stands in the journal's header.
    pub labels: Vec<Label>,
}

impl Default for RecordOptions {
    fn default() -> Self {
        RecordOptions {
            flush_every: Duration::from_secs(1),
            buffer: 64 << 20,
            finish_within: Duration::from_secs(10),
            labels: Vec::new(),
        }
    }
}

/// Why a journal has not all of a run. What it has is whole up to there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// It could not be written, say because the disk is full.
    Write(String),
    /// It was written too slowly: so many bytes waited.
    Slow {
        /// The size of the buffer.
        buffer: usize,
    },
    /// It was not written to its end within the time for that.
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

/// Records a cluster into a file, or whatever takes bytes. Dropped, it writes what is left.
#[derive(Debug)]
pub struct FileRecorder {
    inner: Arc<Inner>,
    writer: Option<Writer>,
    labels: Vec<Label>,
}

/// A handle of a recording that goes on. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Inner>);

/// What the recorder and its thread share.
#[derive(Debug)]
struct Inner {
    options: RecordOptions,
    state: Mutex<State>,
    /// There is something to write, or no more to come.
    changed: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    /// Nothing is recorded any more.
    closed: bool,
    written: u64,
    error: Option<RecordingError>,
    /// The thread was asked to write before its time.
    flush_requested: bool,
    /// The thread has ended.
    thread_ended: bool,
}

impl FileRecorder {
    /// A recorder that writes to `file`, on a thread of its own, and a handle to end it with.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(
        file: impl Write + Send + 'static,
        options: RecordOptions,
    ) -> io::Result<(FileRecorder, Recording)> {
        let labels = options.labels.clone();
        let inner = Arc::new(Inner {
            options,
            state: Mutex::default(),
            changed: Condvar::new(),
            ended: Condvar::new(),
        });
        let on_thread = inner.clone();
        thread::Builder::new()
            .name("remuda-journal".into())
            .spawn(move || on_thread.write_all(file))?;
        let recording = Recording(inner.clone());
        let recorder = FileRecorder {
            inner,
            writer: None,
            labels,
        };
        Ok((recorder, recording))
    }

    /// Appends to the buffer, unless recording has ended.
    fn append(&mut self, append: impl FnOnce(&mut Writer, &mut Vec<u8>)) {
        if let Some(writer) = &mut self.writer {
            self.inner.append(|buffer| append(writer, buffer));
        }
    }
}

impl Recorder for FileRecorder {
    fn begin(&mut self, now: Instant, manager: &Manager) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since = since.ok().and_then(|it| u64::try_from(it.as_nanos()).ok());
        let origin = since.and_then(|nanos| nanos.checked_sub(now.0));
        let mut writer = None;
        self.inner.append(|buffer| {
            writer = Some(Writer::new(manager, origin, &self.labels, buffer));
        });
        self.writer = writer;
    }

    fn record(&mut self, now: Instant, event: &Event, actions: &[Action], manager: &Manager) {
        self.append(|writer, buffer| writer.record(now, event, actions, manager, buffer));
    }

    fn note(&mut self, note: &Note<'_>) {
        self.append(|writer, buffer| writer.note(note, buffer));
    }
}

impl Drop for FileRecorder {
    fn drop(&mut self) {
        // Whoever wants to know has a handle.
        let _ = self.inner.finish();
    }
}

impl Recording {
    /// Ends the recording and waits until all is written; how many bytes that were. What is told the recorder later is
    /// passed over.
    ///
    /// # Errors
    /// Why the journal ends before the run did.
    pub fn finish(&self) -> Result<u64, RecordingError> {
        self.0.finish()
    }

    /// Why it has ended already, if it has.
    pub fn error(&self) -> Option<RecordingError> {
        self.0.lock().error.clone()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, append: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let before = state.buffer.len();
        append(&mut state.buffer);
        if state.buffer.len() > self.options.buffer {
            // Only whole frames are kept.
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

    /// The thread: writes what comes until no more does.
    fn write_all(&self, mut file: impl Write) {
        let mut taken = Vec::new();
        let error = loop {
            let last = self.take(&mut taken);
            if let Err(error) = file.write_all(&taken) {
                break Some(RecordingError::Write(error.to_string()));
            }
            self.lock().written += taken.len() as u64;
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
        let error = state.error.clone();
        drop(state);
        if let Some(error) = error {
            tracing::warn!("recording ends here, the cluster goes on: {error}");
        }
        self.lock().thread_ended = true;
        self.ended.notify_all();
    }

    /// Waits for something to write and takes it; whether it is the last.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let idle = |state: &mut State| state.buffer.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        // Time for more to come.
        let early = |state: &mut State| state.buffer.len() < FLUSH_SIZE && !state.closed;
        let limit = self.options.flush_every;
        let waited = self.changed.wait_timeout_while(state, limit, early);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.buffer, taken);
        state.flush_requested = false;
        state.closed
    }
}
