//! The standard error of a worker: a task reads it, logs each line, and keeps the last bytes for error messages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Shared as SharedFuture, select};
use futures::io::{AsyncRead, AsyncReadExt as _};
use futures::{AsyncBufReadExt as _, FutureExt as _};
use remuda::MachineId;

use crate::runtime::{Runtime, timeout};
use crate::text::{Keep, harmless};

/// How many bytes of the standard error are kept for an error message.
const TAIL: usize = 2 * 1024;

/// The last bytes of a worker's standard error.
pub(crate) struct Tail {
    text: Arc<Mutex<Vec<u8>>>,
    end: SharedFuture<oneshot::Receiver<()>>,
    /// Ends the task when it is dropped: a process that escaped the worker may hold its standard error open for ever.
    listening: Listening,
}

/// Keeps a standard error open and read, as long as there is a clone.
pub(crate) type Listening = Arc<oneshot::Sender<()>>;

impl Tail {
    /// Starts the task that reads the standard error of a worker.
    pub(crate) fn follow<R: Runtime>(
        runtime: &R,
        id: MachineId,
        stderr: Box<dyn AsyncRead + Send + Unpin>,
    ) -> Tail {
        let text = Arc::new(Mutex::new(Vec::new()));
        let (done, end) = oneshot::channel();
        let (listening, left) = oneshot::channel();
        let draining = log_lines(stderr, id, text.clone(), done);
        runtime.spawn(async {
            select(Box::pin(draining), left).await;
        });
        Tail {
            text,
            end: end.shared(),
            listening: Arc::new(listening),
        }
    }

    /// For a process that must be able to write after the tail is gone.
    pub(crate) fn listening(&self) -> Listening {
        self.listening.clone()
    }

    /// The last bytes as text. Waits for the end of the standard error, at most 200 ms.
    pub(crate) async fn settle<R: Runtime>(&self, runtime: &R) -> String {
        let _ = timeout(runtime, Duration::from_millis(200), self.end.clone()).await;
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        readable(&text)
    }
}

async fn log_lines(
    stderr: Box<dyn AsyncRead + Send + Unpin>,
    id: MachineId,
    tail: Arc<Mutex<Vec<u8>>>,
    done: oneshot::Sender<()>,
) {
    let mut stderr = futures::io::BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        // A very long line is logged in pieces.
        let mut piece = (&mut stderr).take(TAIL as u64);
        match piece.read_until(b'\n', &mut line).await {
            Ok(n) if n > 0 => {}
            _ => break,
        }
        let text = String::from_utf8_lossy(&line);
        tracing::info!(machine = %id, "{}", harmless(&text, Keep::Start(TAIL)));
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.append(&mut line);
        let excess = tail.len().saturating_sub(TAIL);
        tail.drain(..excess);
    }
    drop(done);
}

/// The last characters of what a process printed.
pub(crate) fn readable(bytes: &[u8]) -> String {
    const SHOWN: usize = 300;
    harmless(&String::from_utf8_lossy(bytes), Keep::End(SHOWN))
}
