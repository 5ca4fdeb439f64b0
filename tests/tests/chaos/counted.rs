//! A runtime that knows how many of its tasks have not ended.

use std::future::Future;
use std::io;
use std::process::Command;
use std::sync::Arc;

use remuda::Instant;
use remuda_driver::{Child, Runtime};

/// Another runtime, counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted<R> {
    runtime: R,
    tasks: Arc<()>,
}

impl<R: Runtime> Counted<R> {
    pub(crate) fn new(runtime: R) -> Self {
        let tasks = Arc::new(());
        Counted { runtime, tasks }
    }

    /// How many tasks have not ended: each holds the count once, and each task's own runtimes are none.
    pub(crate) fn tasks(&self) -> usize {
        Arc::weak_count(&self.tasks)
    }
}

impl<R: Runtime> Runtime for Counted<R> {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = Arc::downgrade(&self.tasks);
        self.runtime.spawn(async move {
            let _running = running;
            task.await;
        });
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.runtime.sleep_until(at)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        self.runtime.start(command)
    }
}
