//! `Signal`, a flag that is raised once and that tasks can wait for; and `Defer`, a closure that runs when it is dropped.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A flag that is raised once. Any clone can raise it, and any number of tasks can wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: AtomicBool,
    /// One waker for each task that waits now or waited before.
    wakers: Mutex<Vec<Waker>>,
}

impl Signal {
    /// Raises the flag and wakes the tasks that wait for it. Wakers may run any code: never call this under the state's lock.
    pub(crate) fn raise(&self) {
        self.0.raised.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut *self.0.wakers());
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| self.poll_wait(cx)).await;
    }

    pub(crate) fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_raised() {
            return Poll::Ready(());
        }
        // Cloning or dropping a waker may run any code, so both happen outside the lock.
        let mut waker = Some(cx.waker().clone());
        let mut wakers = self.0.wakers();
        if self.is_raised() {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            wakers.extend(waker.take());
        }
        drop(wakers);
        Poll::Pending
    }
}

impl Inner {
    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        // No code that can panic runs under this lock, so a poisoned lock is sound.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs its closure when it is dropped: at the end of a scope, while unwinding, or when a runtime drops a task.
pub(crate) struct Defer<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Defer<F> {
    pub(crate) fn new(f: F) -> Self {
        Defer(Some(f))
    }

    /// Drops the closure without running it.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Defer<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A system may wait for a cancel in several tasks, and repeatedly in each.
    #[test]
    fn a_signal_wakes_all_who_wait_and_each_once() {
        let signal = Signal::default();
        let counts = [0; 3].map(|_| Arc::new(Count(AtomicUsize::new(0))));
        let wakers = counts.clone().map(Waker::from);
        let mut waits = Vec::new();
        for n in 0..30 {
            let mut wait = Box::pin(signal.wait());
            let mut cx = Context::from_waker(&wakers[n % 3]);
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            waits.push(wait);
        }
        signal.raise();
        signal.raise();
        for count in &counts {
            assert_eq!(count.0.load(Ordering::SeqCst), 1);
        }
        for mut wait in waits {
            let mut cx = Context::from_waker(&wakers[0]);
            assert!(wait.as_mut().poll(&mut cx).is_ready());
        }
    }
}
