//! What the driver asks of an async runtime: four things.

use std::fmt;
use std::future::Future;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::io::{AsyncRead, AsyncWrite};
use remuda::Instant;

/// An async runtime, as a value that can be used from any thread.
///
/// Leases and requests may be dropped on a thread that knows nothing of the runtime, so every method must work
/// without an ambient one: keep a handle inside.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Runs `task` to its end, in the background.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Resolves once [`now`](Runtime::now) has reached `at`.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static;

    /// The time since an origin of the runtime's choice; it never steps back.
    fn now(&self) -> Instant;

    /// Starts a child process with its standard input, output and error piped, killed when the [`Child`] is dropped.
    ///
    /// # Errors
    /// Whatever the operating system says of a command that cannot be started.
    fn start(&self, command: Command) -> io::Result<Child>;
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
    /// Sends SIGKILL. A process that has ended already is no error.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn kill(&mut self) -> io::Result<()>;

    /// Resolves when the process has ended; may be asked again after a dropped wait.
    fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>>;
}

/// Resolves like `future`, or with `None` once `limit` has passed.
pub(crate) async fn timeout<R: Runtime, F: Future>(
    runtime: &R,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let sleep = std::pin::pin!(runtime.sleep_until(runtime.now() + limit));
    match select(std::pin::pin!(future), sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
