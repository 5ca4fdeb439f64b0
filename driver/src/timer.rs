//! The timer task: sleeps until the next deadline of the manager (S21) or the driver.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use futures::future::select;

use crate::runtime::Runtime;
use crate::shared::Shared;
use crate::signal::Defer;
use crate::system::System;

/// Sends timer events when they are due, until the cluster has ended. If the runtime drops this task, the runtime is ending,
/// so the cluster is shut down.
pub(crate) fn run<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
) -> impl Future<Output = ()> + Send {
    let dropped = shared.clone();
    let close = Defer::new(move || dropped.close());
    async move {
        run_until_ended(shared).await;
        close.disarm();
    }
}

async fn run_until_ended<R: Runtime, S: System>(shared: Arc<Shared<R, S>>) {
    loop {
        let (ended, deadline) = shared.with(|state| {
            state.timer.changed = false;
            state.timer.sleeping_until = state.next_deadline();
            (state.is_ended(), state.timer.sleeping_until)
        });
        if ended {
            return;
        }
        let changed = std::pin::pin!(changed(&shared));
        match deadline {
            None => changed.await,
            Some(at) => {
                select(std::pin::pin!(shared.sleep_until(at)), changed).await;
            }
        }
        let now = shared.now();
        if deadline.is_some_and(|at| now >= at) {
            shared.with(|state| state.on_time(now));
        }
    }
}

/// Resolves when the deadline is earlier than before, or the cluster has ended.
async fn changed<R: Runtime, S: System>(shared: &Arc<Shared<R, S>>) {
    poll_fn(|cx| {
        // Cloning or dropping a waker may run any code: not under the lock.
        let mut waker = Some(cx.waker().clone());
        let changed = shared.with(|state| {
            if !state.timer.changed {
                std::mem::swap(&mut state.timer.waker, &mut waker);
            }
            state.timer.changed
        });
        drop(waker);
        if changed {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
