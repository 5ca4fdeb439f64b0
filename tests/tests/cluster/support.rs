//! What these tests share: clusters, demands, wakers that count, and what must hold when all is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use remuda::{Config, Demand, Outcome};
use remuda_driver::{Cluster, Lease, Options, Runtime};
use remuda_tests::scripted::Scripted;
use remuda_tests::{eventually, within};

pub(crate) const SHORT: Duration = Duration::from_millis(20);

pub(crate) fn procs(n: u32) -> Demand {
    Demand::procs(n).unwrap()
}

/// Machines of 2 procs, 4 procs in all.
pub(crate) fn config() -> Config {
    Config::new(2, 4).unwrap()
}

/// One machine of so many procs.
pub(crate) fn one_machine(procs: u32) -> Config {
    Config::new(procs, u64::from(procs)).unwrap()
}

pub(crate) fn cluster<R: Runtime>(
    runtime: &R,
    system: &Scripted,
    config: Config,
) -> Cluster<R, Scripted> {
    cluster_with(runtime, system, config, Options::default())
}

pub(crate) fn cluster_with<R: Runtime>(
    runtime: &R,
    system: &Scripted,
    config: Config,
    options: Options,
) -> Cluster<R, Scripted> {
    Cluster::new(runtime.clone(), system.clone(), config, options).unwrap()
}

/// A lease of so many procs.
pub(crate) async fn lease<R: Runtime>(
    runtime: &R,
    cluster: &Cluster<R, Scripted>,
    n: u32,
) -> Lease<R, Scripted> {
    let request = cluster.request(procs(n));
    within(runtime, "a lease", request).await.unwrap()
}

/// Nobody needs anything, nothing runs, and the driver remembers nobody.
pub(crate) fn idle<R: Runtime>(cluster: &Cluster<R, Scripted>, system: &Scripted) -> bool {
    let counts = cluster.counts();
    let tables = format!("{cluster:?}").contains("requests: 0, waiters: 0");
    (counts.need.procs(), counts.queued, counts.running) == (0, 0, 0)
        && tables
        && system.book().calls == 0
}

/// The cluster comes to rest, has lost no proc (a whole machine is granted), and shuts down.
pub(crate) async fn rests<R: Runtime>(
    runtime: &R,
    cluster: &Cluster<R, Scripted>,
    system: &Scripted,
) {
    eventually(runtime, "the cluster is idle", || idle(cluster, system)).await;
    let whole = cluster.request(Demand::Machine);
    let whole = within(runtime, "a whole machine is granted", whole).await;
    whole.unwrap().finish(Outcome::Ok);
    // Work that is done once goes on without its askers, with pauses between its calls.
    eventually(runtime, "the cluster is idle again", || {
        idle(cluster, system)
    })
    .await;
    within(runtime, "the shutdown ends", cluster.shutdown()).await;
    assert_eq!(cluster.counts().have.procs(), 0);
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that runs a closure.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: Fn() + Send + Sync + 'static> Run<F> {
    pub(crate) fn waker(f: F) -> Waker {
        Waker::from(Arc::new(Run(f)))
    }
}

impl<F: Fn() + Send + Sync + 'static> Wake for Run<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// Polls once with `waker`.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A request that waits, polled once with `waker`.
pub(crate) fn queued<R: Runtime>(
    cluster: &Cluster<R, Scripted>,
    demand: Demand,
    waker: &Waker,
) -> remuda_driver::Request<R, Scripted> {
    let mut request = cluster.request(demand);
    assert!(poll(&mut request, waker).is_pending(), "{request:?}");
    request
}

/// Runs a future to its end on this thread, which belongs to no runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let this = std::thread::current();
    let waker = Run::waker(move || this.unpark());
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

/// Nothing of the driver is left, once the cluster was dropped: the test's is the last handle of the system.
pub(crate) async fn gone<R: Runtime>(runtime: &R, system: &Scripted) {
    eventually(runtime, "nothing holds the system", || {
        system.handles() == 1
    })
    .await;
}
