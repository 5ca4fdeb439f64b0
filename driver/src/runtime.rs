//! The trait of async runtimes, with four methods and one that may be left out, and the types of a child process and of a
//! TCP connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::io::{AsyncRead, AsyncWrite};
use remuda::Instant;

/// An async runtime, as a value that can be used from any thread.
///
/// Leases and requests may be dropped on a thread outside the runtime, so every method must work on any thread. Keep a
/// handle of the runtime inside the value.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Runs `task` in the background until it completes.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Resolves once [`now`](Runtime::now) has reached `at`.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static;

    /// The time since an origin that the runtime chooses. It must never decrease.
    fn now(&self) -> Instant;

    /// Starts a child process with its standard input, output and error piped, killed when the [`Child`] is dropped.
    ///
    /// # Errors
    /// The error of the operating system, if the command cannot be started.
    fn start(&self, command: Command) -> io::Result<Child>;

    /// Accepts TCP connections on `listener`, which is bound. Only workers that connect back need it
    /// ([`Listener`](crate::Listener)): by default it is an error.
    ///
    /// # Errors
    /// The runtime cannot take the listener over.
    fn listen(&self, listener: TcpListener) -> io::Result<Box<dyn Accept>> {
        drop(listener);
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this runtime does not listen",
        ))
    }
}

/// A TCP listener of a runtime.
pub trait Accept: Send {
    /// The next connection, with `TCP_NODELAY` set. May be called again after an earlier future was dropped.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>>;
}

/// A TCP connection. It is closed when both halves are dropped.
pub struct Connection {
    /// The address of the other side.
    pub peer: SocketAddr,
    /// What the other side sends.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What is sent to it.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A running child process and its three pipes.
pub struct Child {
    /// The process id.
    pub id: u32,
    /// The writing end of the child's standard input.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// The reading end of the child's standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// The reading end of the child's standard error.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// The process itself.
    pub process: Box<dyn Process>,
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A child process that can be killed and waited for. Dropping it kills the process.
pub trait Process: Send {
    /// Sends SIGKILL. It is not an error if the process has already ended.
    ///
    /// # Errors
    /// The error of the operating system.
    fn kill(&mut self) -> io::Result<()>;

    /// Resolves when the process has ended. May be called again after an earlier future was dropped.
    fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>>;
}

/// A sleep that ends later than this was slept through: this process was stopped, or its host slept.
const SLEPT_THROUGH: Duration = Duration::from_secs(1);

/// Resolves once `limit` has passed in which this process ran. If it was stopped meanwhile, what it waits for may have come
/// long ago and not be read yet: it waits anew.
pub(crate) async fn pass<R: Runtime>(runtime: &R, limit: Duration) {
    loop {
        let deadline = runtime.now() + limit;
        runtime.sleep_until(deadline).await;
        if runtime.now() <= deadline + SLEPT_THROUGH {
            return;
        }
    }
}

/// Resolves like `future`, or with `None` once `limit` has [passed](pass).
pub(crate) async fn timeout<R: Runtime, F: Future>(
    runtime: &R,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let sleep = std::pin::pin!(pass(runtime, limit));
    match select(std::pin::pin!(future), sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
