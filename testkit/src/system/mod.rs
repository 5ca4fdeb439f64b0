//! The promises of a [`System`]: [`SystemCheck`] starts, calls, polls, cancels, stops, kills and drops what a system has, by
//! itself and in a cluster, and says which promise is broken.
//!
//! ```
//! use remuda_testkit::scripted::Scripted;
//! use remuda_testkit::system::SystemCheck;
//!
//! let system = Scripted::default();
//! let all = system.clone();
//! let check = SystemCheck::new(move || system.clone(), move || all.alive())
//!     .quick("echo", Vec::new())
//!     .endless("wait", Vec::new())
//!     .prints("print", vec![20], 200);
//! remuda_tokio::run(async |runtime| check.run(runtime).await)?.unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```

mod calls;
mod clusters;
mod machines;
mod promise;

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{Either, select};
use remuda::{KindId, MachineId, Resources};
use remuda_driver::{Runtime, Start, System};

pub use promise::Promise;

/// A promise of a system that is broken.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenPromise {
    /// Which.
    pub promise: Promise,
    /// What happened instead.
    pub what: String,
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

impl fmt::Debug for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for BrokenPromise {}

type Kept = Result<(), BrokenPromise>;

fn broken<T>(promise: Promise, what: impl Into<String>) -> Result<T, BrokenPromise> {
    let what = what.into();
    Err(BrokenPromise { promise, what })
}

/// A function of the machines, with its arguments.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    args: Vec<u8>,
}

/// The tests of a system.
pub struct SystemCheck<S> {
    make: Box<dyn Fn() -> S + Send + Sync>,
    alive: Box<dyn Fn() -> usize + Send + Sync>,
    kind: KindId,
    capacity: Resources,
    limit: Duration,
    quick: Option<Function>,
    endless: Option<Function>,
    prints: Option<(Function, usize)>,
}

impl<S> fmt::Debug for SystemCheck<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = (&self.quick, &self.endless, &self.prints);
        f.debug_struct("SystemCheck")
            .field("functions", &functions)
            .finish_non_exhaustive()
    }
}

impl<S: System> SystemCheck<S> {
    /// Tests of the systems that `make` makes, each of which is used for a while. `alive` says how much of what all of them
    /// have started still runs: processes, say, or instances; nothing else may count.
    pub fn new(
        make: impl Fn() -> S + Send + Sync + 'static,
        alive: impl Fn() -> usize + Send + Sync + 'static,
    ) -> Self {
        SystemCheck {
            make: Box::new(make),
            alive: Box::new(alive),
            kind: KindId(0),
            capacity: Resources::procs(2),
            limit: Duration::from_secs(20),
            quick: None,
            endless: None,
            prints: None,
        }
    }

    /// What the machines have; two procs unless said otherwise.
    #[must_use]
    pub fn capacity(mut self, capacity: Resources) -> Self {
        self.capacity = capacity;
        self
    }

    /// How long anything may take; 20 seconds unless said otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// A function that ends well, and soon. Its arguments are encoded with postcard, as [`Invocation`] has them.
    ///
    /// [`Invocation`]: remuda_driver::Invocation
    #[must_use]
    pub fn quick(mut self, name: impl Into<String>, args: Vec<u8>) -> Self {
        let name = name.into();
        self.quick = Some(Function { name, args });
        self
    }

    /// A function that ends when it is cancelled, and not before.
    #[must_use]
    pub fn endless(mut self, name: impl Into<String>, args: Vec<u8>) -> Self {
        let name = name.into();
        self.endless = Some(Function { name, args });
        self
    }

    /// A function that prints so many bytes and ends well.
    #[must_use]
    pub fn prints(mut self, name: impl Into<String>, args: Vec<u8>, bytes: usize) -> Self {
        let name = name.into();
        self.prints = Some((Function { name, args }, bytes));
        self
    }

    /// Tests one promise after the other, but for those on functions that were not named.
    ///
    /// # Errors
    /// The first promise that is broken. What that has left may still run.
    pub async fn run<R: Runtime>(&self, runtime: R) -> Kept {
        let all = async {
            self.machines(&runtime).await?;
            self.calls(&runtime).await?;
            self.clusters(&runtime).await
        };
        match AssertUnwindSafe(all).catch_unwind().await {
            Ok(kept) => kept,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
                broken(Promise::NoPanic, text.unwrap_or_default())
            }
        }
    }

    /// What `future` gives within the limit; else that promise is broken.
    async fn within<R: Runtime, T>(
        &self,
        runtime: &R,
        promise: Promise,
        future: impl Future<Output = T>,
    ) -> Result<T, BrokenPromise> {
        let limit = std::pin::pin!(runtime.sleep_until(runtime.now() + self.limit));
        match select(std::pin::pin!(future), limit).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => broken(promise, format!("not within {:?}", self.limit)),
        }
    }

    /// Waits until so much is alive.
    async fn rests<R: Runtime>(&self, runtime: &R, promise: Promise, most: usize) -> Kept {
        let end = runtime.now() + self.limit;
        loop {
            let alive = (self.alive)();
            if alive <= most {
                return Ok(());
            }
            if runtime.now() >= end {
                let what = format!(
                    "{alive} still alive after {:?}, of which {most} may be",
                    self.limit
                );
                return broken(promise, what);
            }
            runtime
                .sleep_until(runtime.now() + Duration::from_millis(5))
                .await;
        }
    }

    fn start(&self, id: u64) -> Start {
        Start::new(MachineId(id), self.kind, self.capacity).0
    }

    /// A machine that is up.
    async fn machine<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        id: u64,
    ) -> Result<S::Machine, BrokenPromise> {
        let promise = Promise::StartMakesAMachine;
        match self
            .within(runtime, promise, system.start(self.start(id)))
            .await?
        {
            Ok(machine) => Ok(machine),
            Err(error) => broken(promise, error.to_string()),
        }
    }

    /// Kills a machine: it ends, and nothing of it is left.
    async fn end<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        machine: &S::Machine,
        stopped: impl Future<Output = String>,
        left: usize,
    ) -> Kept {
        let began = std::time::Instant::now();
        system.kill(machine);
        let took = began.elapsed();
        if took > self.limit / 2 {
            return broken(Promise::KillReturnsAtOnce, format!("after {took:?}"));
        }
        self.ended(runtime, system, machine, stopped, left).await
    }

    /// A machine that was killed ends, and nothing of it is left.
    async fn ended<R: Runtime>(
        &self,
        runtime: &R,
        system: &S,
        machine: &S::Machine,
        stopped: impl Future<Output = String>,
        left: usize,
    ) -> Kept {
        let more = runtime.sleep_until(runtime.now() + self.limit + system.kill_limit(machine));
        let stopped = std::pin::pin!(stopped);
        if let Either::Right(_) = select(stopped, std::pin::pin!(more)).await {
            let what = format!("not within {:?} after it", self.limit);
            return broken(Promise::StoppedAfterKill, what);
        }
        match (self.alive)() {
            alive if alive > left => broken(
                Promise::NothingRunsAfterStopped,
                format!("{alive} still alive"),
            ),
            _ => Ok(()),
        }
    }
}
