//! remuda on [async-std](https://docs.rs/async-std): a [`Runtime`] for it, and the driver's API with this runtime.
//!
//! async-std is discontinued upstream (March 2025, in favour of smol). This adapter is for programs that still
//! use it. New programs use `remuda-tokio`, or implement the four methods of [`Runtime`] for their own runtime.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::process::{Command, ExitStatus, Stdio};

use futures::future::BoxFuture;
use remuda_driver::remuda::Instant;

pub use remuda_driver::*;

/// A cluster on async-std.
pub type Cluster<S = ProcessSystem> = remuda_driver::Cluster<AsyncStd, S>;
/// A request of a cluster on async-std.
pub type Request<S = ProcessSystem> = remuda_driver::Request<AsyncStd, S>;
/// A lease of a cluster on async-std.
pub type Lease<S = ProcessSystem> = remuda_driver::Lease<AsyncStd, S>;
/// A TCP port for workers that connect back, on async-std.
pub type Listener = remuda_driver::Listener<AsyncStd>;
/// Machines that are child processes, on async-std.
pub type ProcessSystem = remuda_driver::ProcessSystem<AsyncStd>;

/// The async-std runtime for the driver. Each process has one, which starts when it is first used.
#[derive(Clone, Debug)]
pub struct AsyncStd {
    origin: std::time::Instant,
}

impl AsyncStd {
    /// The runtime; its clock starts now.
    pub fn new() -> Self {
        AsyncStd {
            origin: std::time::Instant::now(),
        }
    }
}

impl Default for AsyncStd {
    fn default() -> Self {
        AsyncStd::new()
    }
}

/// Runs `main` until it returns.
pub fn run<T>(main: impl AsyncFnOnce(AsyncStd) -> T) -> T {
    async_std::task::block_on(main(AsyncStd::new()))
}

impl Runtime for AsyncStd {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(task);
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        let wait = at - self.now();
        async_std::task::sleep(wait)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        let mut child = async_process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Child {
            id: child.id(),
            stdin: Box::new(stdin.expect("it is piped")),
            stdout: Box::new(stdout.expect("it is piped")),
            stderr: Box::new(stderr.expect("it is piped")),
            process: Box::new(AsyncStdProcess(child)),
        })
    }

    fn listen(&self, listener: TcpListener) -> io::Result<Box<dyn Accept>> {
        listener.set_nonblocking(true)?;
        Ok(Box::new(AsyncStdListener(listener.into())))
    }
}

struct AsyncStdListener(async_std::net::TcpListener);

impl Accept for AsyncStdListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Connection {
                peer,
                reader: Box::new(stream.clone()),
                writer: Box::new(stream),
            })
        })
    }
}

struct AsyncStdProcess(async_process::Child);

impl Process for AsyncStdProcess {
    fn kill(&mut self) -> io::Result<()> {
        match self.0.try_status()? {
            None => self.0.kill(),
            // Waited for already.
            Some(_) => Ok(()),
        }
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<ExitStatus>> {
        Box::pin(self.0.status())
    }
}
