//! The tasks of one worker: a writer, a reader that never waits for another task, and an owner, which waits for the end of
//! the process.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, Shared as SharedFuture, select};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use remuda_worker::wire::{Decoder, FromWorker};

use super::LATE;
use super::group::{EXIT_GRACE, Group};
use super::tail::Tail;
use crate::runtime::{Runtime, timeout};
use crate::worker_link::Link;

/// How long a killed process may take to end, and its output to end after that.
pub(super) const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// Resolves with the reason when a worker has ended.
pub(super) type Exit = SharedFuture<oneshot::Receiver<String>>;

/// Starts the tasks of a worker. The result resolves when the process and all that it ran have ended.
pub(super) fn run<R: Runtime>(
    runtime: &R,
    link: Arc<Link>,
    pipes: Pipes,
    process: Group,
    decoder: Decoder<FromWorker>,
    tail: Tail,
    silence: Duration,
) -> Exit {
    let Pipes { stdin, stdout } = pipes;
    let (fault, faulted) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let (dead_sender, dead) = oneshot::channel();
    let dead = dead.shared();
    runtime.spawn(write(stdin, link.clone(), dead.clone()));
    let reading = read_frames(stdout, link.clone(), decoder, fault, end);
    runtime.spawn(run_until_dead(dead.clone(), reading));
    let owner = Owner {
        runtime: runtime.clone(),
        link,
        process,
        tail,
        silence,
    };
    runtime.spawn(owner.run(faulted, ended.shared(), dead_sender));
    dead
}

/// The two pipes of the protocol.
pub(super) struct Pipes {
    pub(super) stdin: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) stdout: Box<dyn AsyncRead + Send + Unpin>,
}

/// Runs `task` until the worker has ended. A process that escaped the worker may hold its pipes open for ever.
async fn run_until_dead(dead: Exit, task: impl Future<Output = ()>) {
    select(Box::pin(task), dead).await;
}

/// Reads some bytes; 0 is the end. An error counts as the end too, because the other side may be killed at any time.
pub(crate) async fn read(
    source: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut [u8],
) -> usize {
    source.read(buffer).await.unwrap_or(0)
}

async fn write(stdin: Box<dyn AsyncWrite + Send + Unpin>, link: Arc<Link>, dead: Exit) {
    let mut stdin = stdin;
    let writing = async {
        while let Some(batch) = link.next_batch().await {
            // A broken pipe: the reader and the owner see the end of the worker.
            if stdin.write_all(&batch).await.is_err() || stdin.flush().await.is_err() {
                return;
            }
        }
    };
    run_until_dead(dead, writing).await;
}

/// Reads the frames of the worker. After a breach of the protocol it continues to read to the end of the output, because the
/// end proves that all that the worker ran has ended.
async fn read_frames(
    mut stdout: Box<dyn AsyncRead + Send + Unpin>,
    link: Arc<Link>,
    mut decoder: Decoder<FromWorker>,
    fault: oneshot::Sender<String>,
    end: oneshot::Sender<Option<String>>,
) {
    let mut fault = Some(fault);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if fault.is_some()
            && let Err(breach) = drain(&mut decoder, &link)
        {
            fault.take().map(|fault| fault.send(breach));
        }
        match read(&mut stdout, &mut buffer).await {
            0 => break,
            n if fault.is_some() => decoder.push(&buffer[..n]),
            _ => {}
        }
    }
    let cut = match fault {
        Some(_) => decoder.finish().err().map(|error| error.to_string()),
        None => None,
    };
    let _ = end.send(cut);
}

fn drain(decoder: &mut Decoder<FromWorker>, link: &Link) -> Result<(), String> {
    while let Some(message) = decoder.next().map_err(|error| error.to_string())? {
        link.on_message(message)?;
    }
    Ok(())
}

/// The task that owns the process.
struct Owner<R> {
    runtime: R,
    link: Arc<Link>,
    process: Group,
    tail: Tail,
    /// How long the worker waits for a word of the driver's before it ends what it runs.
    silence: Duration,
}

/// The exit status of ssh, and of launchers like it, when a connection breaks; otherwise it is the remote command's.
const CONNECTION_LOST: i32 = 255;

/// The first sign of a worker's end.
enum Cause {
    /// The process has exited.
    Exited(io::Result<ExitStatus>),
    /// The worker broke the protocol; the text says how.
    Breach(String),
    /// The worker closed its output.
    Closed,
    /// The driver asks to kill it.
    Killed,
}

impl Cause {
    /// Whether the worker may not know that its driver has lost it.
    fn is_lost_connection(&self) -> bool {
        matches!(self, Cause::Exited(Ok(status)) if status.code() == Some(CONNECTION_LOST))
    }
}

/// Resolves when the worker's output ends, with an error text if it ended in the middle of a frame.
type End = SharedFuture<oneshot::Receiver<Option<String>>>;

impl<R: Runtime> Owner<R> {
    async fn run(
        mut self,
        faulted: oneshot::Receiver<String>,
        ended: End,
        dead_sender: oneshot::Sender<String>,
    ) {
        let mut cause = self.cause(faulted, ended.clone()).await;
        if let Cause::Closed = cause
            && let Some(status) = timeout(&self.runtime, EXIT_GRACE, self.process.wait()).await
        {
            cause = Cause::Exited(status);
        }
        // If the process is a wrapper, its worker may outlive it, and ends when its input ends; so does one that takes SIGTERM
        // for the order to drain.
        self.link.close_input();
        if !matches!(cause, Cause::Exited(_)) {
            self.kill().await;
        }
        // The worker's guard holds the output open until all that the worker ran has ended.
        let cut = match timeout(&self.runtime, EXIT_LIMIT, ended).await {
            Some(cut) => cut.ok().flatten(),
            None => {
                tracing::warn!(
                    "the output of a dead worker is still held open after {EXIT_LIMIT:?}"
                );
                None
            }
        };
        if cause.is_lost_connection() {
            self.outwait().await;
        }
        let why = self.reason(cause, cut).await;
        self.link.close(&why);
        let _ = dead_sender.send(why);
    }

    /// Waits until a worker that is cut off has ended what it runs, so that nothing runs again beside it; a driver that ends
    /// does not wait.
    async fn outwait(&mut self) {
        if self.link.said_goodbye() || !self.link.has_calls() {
            return;
        }
        if self.silence.is_zero() {
            return; // It is on this host, and the end of its pipe is proof.
        }
        // Nothing new is to be placed on it meanwhile.
        let limit = self.silence + LATE;
        self.link.leave(limit);
        let killed = Box::pin(self.link.kill.wait());
        timeout(&self.runtime, limit, killed).await;
    }

    async fn cause(&mut self, faulted: oneshot::Receiver<String>, ended: End) -> Cause {
        let link = self.link.clone();
        let told = select(select(faulted, ended), Box::pin(link.kill.wait()));
        match select(Box::pin(self.process.wait()), told).await {
            Either::Left((status, _)) => Cause::Exited(status),
            Either::Right((Either::Right(_), _)) => Cause::Killed,
            Either::Right((Either::Left((Either::Left((Ok(breach), _)), _)), _)) => {
                Cause::Breach(breach)
            }
            // The reader has dropped its sender without a breach: the output has ended.
            Either::Right((Either::Left(_), _)) => Cause::Closed,
        }
    }

    async fn kill(&mut self) {
        if let Err(error) = self.process.end(&self.runtime).await {
            tracing::warn!("a worker cannot be killed: {error}");
        }
        let _ = timeout(&self.runtime, EXIT_LIMIT, self.process.wait()).await;
    }

    /// Why the worker has ended; `cut`: the error if its output ended in the middle of a frame.
    async fn reason(&mut self, cause: Cause, cut: Option<String>) -> String {
        let mut why = match cause {
            Cause::Exited(Ok(status)) => format!("its process ended ({status})"),
            Cause::Exited(Err(error)) => format!("its process cannot be waited for: {error}"),
            Cause::Breach(breach) => format!("it broke the protocol: {breach}"),
            Cause::Killed => "it was killed by its driver".into(),
            Cause::Closed => "it closed its output".into(),
        };
        if let Some(cut) = cut {
            why = format!("{why}; {cut}");
        }
        if self.link.said_goodbye() {
            return why;
        }
        match self.tail.settle(&self.runtime).await {
            said if said.is_empty() => why,
            said => format!("{why}; it printed: {said}"),
        }
    }
}
