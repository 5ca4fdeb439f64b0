//! remuda on [tokio](https://docs.rs/tokio): a [`Runtime`] for it, and the driver's API with this runtime.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use futures::future::BoxFuture;
use remuda_driver::remuda::Instant;
use tokio::runtime::Handle;
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

pub use remuda_driver::*;

/// A cluster on tokio.
pub type Cluster<S = ProcessSystem> = remuda_driver::Cluster<Tokio, S>;
/// A request of a cluster on tokio.
pub type Request<S = ProcessSystem> = remuda_driver::Request<Tokio, S>;
/// A lease of a cluster on tokio.
pub type Lease<S = ProcessSystem> = remuda_driver::Lease<Tokio, S>;
/// A TCP port for workers that connect back, on tokio.
pub type Listener = remuda_driver::Listener<Tokio>;
/// Machines that are child processes, on tokio.
pub type ProcessSystem = remuda_driver::ProcessSystem<Tokio>;

/// A tokio runtime for the driver. It holds a handle, so leases may be dropped on any thread.
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Handle,
    origin: tokio::time::Instant,
}

impl Tokio {
    /// The runtime behind `handle`, which must have time and I/O enabled. Its clock starts now.
    pub fn new(handle: Handle) -> Self {
        let origin = {
            let _context = handle.enter();
            tokio::time::Instant::now()
        };
        Tokio { handle, origin }
    }

    /// The runtime that the caller runs in. Its clock starts now.
    ///
    /// # Panics
    /// The caller is outside a tokio runtime.
    pub fn current() -> Self {
        Tokio::new(Handle::current())
    }
}

/// Builds a runtime on the current thread and runs `main` on it until it returns. Other tasks of the runtime are dropped then.
///
/// # Errors
/// The runtime cannot be built.
pub fn run<T>(main: impl AsyncFnOnce(Tokio) -> T) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(main(Tokio::new(runtime.handle().clone()))))
}

impl Runtime for Tokio {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        // A time that tokio cannot represent is replaced by one in thirty years.
        let far = Duration::from_secs(30 * 365 * 24 * 60 * 60);
        let deadline = self.origin + Duration::from_nanos(at.0).min(far);
        let _context = self.handle.enter();
        tokio::time::sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        let _context = self.handle.enter();
        let mut child = tokio::process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Child {
            id: child.id().unwrap_or_default(),
            stdin: Box::new(stdin.expect("it is piped").compat_write()),
            stdout: Box::new(stdout.expect("it is piped").compat()),
            stderr: Box::new(stderr.expect("it is piped").compat()),
            process: Box::new(TokioProcess(child)),
        })
    }

    fn listen(&self, listener: TcpListener) -> io::Result<Box<dyn Accept>> {
        listener.set_nonblocking(true)?;
        let _context = self.handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Box::new(TokioListener(listener)))
    }
}

struct TokioListener(tokio::net::TcpListener);

impl Accept for TokioListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            let (reader, writer) = stream.into_split();
            Ok(Connection {
                peer,
                reader: Box::new(reader.compat()),
                writer: Box::new(writer.compat_write()),
            })
        })
    }
}

struct TokioProcess(tokio::process::Child);

impl Process for TokioProcess {
    fn kill(&mut self) -> io::Result<()> {
        match self.0.id() {
            Some(_) => self.0.start_kill(),
            // Waited for already.
            None => Ok(()),
        }
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>> {
        Box::pin(self.0.wait())
    }
}
