//! A request for procs: a future that resolves to a lease.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use remuda::{Demand, Event, Outcome, RequestId};

use crate::error::RequestError;
use crate::lease::Lease;
use crate::machine::Machine;
use crate::runtime::Runtime;
use crate::shared::Handle;
use crate::state::State;
use crate::system::System;
use crate::tables::{Leased, RequestEntry};

/// A request for procs of one machine, made by [`Cluster::request`](crate::Cluster::request). Nothing is asked for before the first poll;
/// dropping it cancels, and a grant that crosses the drop is handed back unused (S13).
#[must_use = "a request does nothing unless awaited"]
pub struct Request<R: Runtime, S: System> {
    /// Until it resolves: then the lease has it.
    cluster: Option<Handle<R, S>>,
    demand: Demand,
    priority: i64,
    stage: Stage,
}

enum Stage {
    New,
    Made(RequestId),
}

impl<R: Runtime, S: System> Request<R, S> {
    pub(crate) fn new(cluster: Handle<R, S>, demand: Demand) -> Self {
        Request {
            cluster: Some(cluster),
            demand,
            priority: 0,
            stage: Stage::New,
        }
    }

    /// This request is done with.
    fn resolve(
        &mut self,
        request: RequestId,
        answer: Result<Arc<Machine<S>>, RequestError>,
    ) -> Result<Lease<R, S>, RequestError> {
        let cluster = self.cluster.take().expect("it resolves once");
        answer.map(|machine| Lease::new(cluster, request, machine))
    }

    /// Sets the priority; lower values come first, the default is 0 (S3).
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }
}

impl<R: Runtime, S: System> Future for Request<R, S> {
    type Output = Result<Lease<R, S>, RequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let cluster = this.cluster.as_ref();
        let shared = cluster.expect("not polled again once resolved").shared();
        let request = match this.stage {
            Stage::Made(request) => request,
            Stage::New => {
                let (request, machine) = shared.with(|state| {
                    let request = RequestId(state.new_id());
                    this.stage = Stage::Made(request);
                    (request, state.submit(request, this.priority, this.demand))
                });
                // Most are granted when they are made, and need no waker; of others their entries say what became of them.
                if let Some(machine) = machine {
                    return Poll::Ready(this.resolve(request, Ok(machine)));
                }
                request
            }
        };
        // Cloning and dropping a waker may run anybody's code: not under the lock.
        let mut waker = Some(cx.waker().clone());
        let answer = shared.with(|state| poll_entry(state, request, &mut waker));
        let answer = answer.map(|answer| this.resolve(request, answer));
        // Last: should it panic, the lease is there to be dropped.
        drop(waker);
        answer
    }
}

/// Looks what became of a request. While it waits, `waker` changes places with the one it had.
fn poll_entry<S: System>(
    state: &mut State<S>,
    request: RequestId,
    waker: &mut Option<Waker>,
) -> Poll<Result<Arc<Machine<S>>, RequestError>> {
    let entry = state
        .requests
        .get_mut(&request)
        .expect("an entry stays until its client is done");
    match entry {
        RequestEntry::Queued(waiting) => {
            std::mem::swap(waiting, waker);
            Poll::Pending
        }
        RequestEntry::Granted(_) | RequestEntry::Leased(_) => {
            match std::mem::replace(entry, RequestEntry::Leased(Leased::default())) {
                RequestEntry::Granted(machine) => Poll::Ready(Ok(machine)),
                _ => unreachable!("a lease has no request any more"),
            }
        }
        RequestEntry::Ended(_) => match state.requests.remove(&request) {
            Some(RequestEntry::Ended(end)) => Poll::Ready(Err(end)),
            _ => unreachable!("it was there"),
        },
    }
}

impl<R: Runtime, S: System> Drop for Request<R, S> {
    fn drop(&mut self) {
        let (Some(cluster), &Stage::Made(request)) = (&self.cluster, &self.stage) else {
            return;
        };
        let entry = cluster.shared().with(|state| {
            let entry = state.requests.remove(&request);
            match entry {
                Some(RequestEntry::Queued(_)) => drop(state.feed(Event::Cancel { request })),
                Some(RequestEntry::Granted(_)) => drop(state.feed(Event::Done {
                    request,
                    outcome: Outcome::Unused,
                })),
                _ => {}
            }
            entry
        });
        drop(entry);
    }
}

impl<R: Runtime, S: System> fmt::Debug for Request<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("demand", &self.demand)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
