//! How many starts go on at a time: a gate that lets so many through, and the next when one is over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

/// Lets a number of starts through at a time, in the order in which they come. Clones are the same gate.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    queue: VecDeque<oneshot::Sender<Pass>>,
}

/// The leave to start. The next one is let through when it is dropped.
#[derive(Debug)]
pub(super) struct Pass(Option<Gate>);

impl Gate {
    /// A gate that lets `limit` through at a time, one at the least.
    pub(super) fn new(limit: usize) -> Gate {
        Gate(Arc::new(Mutex::new(State {
            free: limit.max(1),
            queue: VecDeque::new(),
        })))
    }

    /// Resolves when it is let through. Calls `queued` if that is not at once.
    pub(super) async fn enter(&self, queued: impl FnOnce()) -> Pass {
        let turn = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Pass(Some(self.clone()));
            }
            let (sender, turn) = oneshot::channel();
            state.queue.push_back(sender);
            turn
        };
        queued();
        turn.await
            .expect("a sender is dropped with the gate alone, or has sent")
    }

    fn leave(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                match state.queue.pop_front() {
                    Some(next) => next,
                    None => {
                        state.free += 1;
                        return;
                    }
                }
            };
            // One that was given up while it was queued hands the pass back.
            match next.send(Pass(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut pass) => pass.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock, so a poisoned lock is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn so_many_are_let_through_and_one_that_is_given_up_blocks_nobody() {
        let gate = Gate::new(2);
        let enter = || Box::pin(gate.enter(|| {}));
        let passes = [enter(), enter()].map(|entering| entering.now_or_never().unwrap());
        let (mut given_up, mut third, mut fourth) = (enter(), enter(), enter());
        for waiting in [&mut given_up, &mut third, &mut fourth] {
            assert!(waiting.now_or_never().is_none());
        }
        drop(given_up);
        let [first, second] = passes;
        drop(first);
        let pass = third.now_or_never().expect("it is its turn");
        assert!((&mut fourth).now_or_never().is_none());
        // Given up after it was let through, and before it looked.
        drop(second);
        drop(fourth);
        drop(pass);
        assert_eq!(gate.lock().free, 2);
    }
}
