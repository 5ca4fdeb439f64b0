//! The threads that run calls. A thread is started when needed and reused. There is no limit, because the manager bounds the
//! number of calls.

use crate::sync::lock;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use std::{io, thread};

/// An idle thread ends after this time.
const IDLE: Duration = Duration::from_secs(60);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

impl Pool {
    /// Runs `work` on an idle thread or a new one.
    ///
    /// # Errors
    /// No thread exists and none can be started: `work` is then dropped. (If other threads exist, `work` waits for one.)
    pub(crate) fn run(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.queue.push_back(Box::new(work));
        if state.queue.len() <= state.idle {
            self.filled.notify_one();
            return Ok(());
        }
        let pool = Arc::clone(self);
        match thread::Builder::new()
            .name("remuda-call".into())
            .spawn(move || pool.serve())
        {
            Ok(_) => state.threads += 1,
            Err(error) if state.threads == 0 => {
                state.queue.pop_back();
                return Err(error);
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn serve(&self) {
        while let Some(work) = self.take() {
            // The panic of a function is caught elsewhere. This catches a panic of the worker's own code, so that the count
            // of threads stays right.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    }

    fn take(&self) -> Option<Work> {
        let mut state = lock(&self.state);
        loop {
            if let Some(work) = state.queue.pop_front() {
                return Some(work);
            }
            state.idle += 1;
            let (guard, timeout) = self
                .filled
                .wait_timeout(state, IDLE)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_call_that_blocks_keeps_no_other_waiting_and_threads_are_used_again() {
        let pool = Arc::new(Pool::default());
        let (release, blocked) = channel::<()>();
        pool.run(move || blocked.recv().unwrap_or_default())
            .expect("a thread");
        for _ in 0..50 {
            let (done, wait) = channel();
            pool.run(move || done.send(()).expect("the test waits"))
                .expect("a thread");
            wait.recv().expect("it runs although the first blocks");
            // The thread is idle a little after its work said so.
            while lock(&pool.state).idle == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(lock(&pool.state).threads, 2);
        drop(release);
    }

    #[test]
    fn a_panic_ends_no_thread() {
        let pool = Arc::new(Pool::default());
        pool.run(|| panic!("of the test")).expect("a thread");
        while lock(&pool.state).idle == 0 {
            thread::yield_now();
        }
        let (done, wait) = channel();
        pool.run(move || done.send(()).expect("the test waits"))
            .expect("a thread");
        wait.recv().expect("it runs");
        assert_eq!(lock(&pool.state).threads, 1);
    }
}
