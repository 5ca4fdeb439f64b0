//! A request for part of a machine: a future that resolves to a lease.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use remuda::{Demand, Event, Kinds, MachineId, Outcome, RequestId, Submit};

use crate::error::RequestError;
use crate::lease::Lease;
use crate::machine::Machine;
use crate::runtime::Runtime;
use crate::shared::Handle;
use crate::state::State;
use crate::system::System;
use crate::tables::{Leased, RequestEntry};

/// A request for part of a machine, or all of it, made by [`Cluster::request`](crate::Cluster::request). It is submitted at the
/// first poll. Dropping it cancels it (S6). If it was granted and the client has not seen that, the grant is returned as
/// *unused* (S13).
///
/// ```
/// # use std::time::Duration;
/// # use remuda_driver::{Cluster, Lease, RequestError, Runtime, System};
/// # use remuda_driver::remuda::{KindId, Resources};
/// # async fn f<R: Runtime, S: System>(cluster: Cluster<R, S>) -> Result<Lease<R, S>, RequestError> {
/// let lease = cluster
///     .request(Resources::procs(2).memory_mib(4_096))
///     .priority(3)
///     .kinds(KindId(1))
///     .timeout(Duration::from_secs(60))
///     .await?;
/// # Ok(lease)
/// # }
/// ```
#[must_use = "a request does nothing unless awaited"]
pub struct Request<R: Runtime, S: System> {
    /// `None` once resolved: then the lease holds it.
    cluster: Option<Handle<R, S>>,
    spec: Submit,
    timeout: Option<Duration>,
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
            spec: Submit::new(demand),
            timeout: None,
            stage: Stage::New,
        }
    }

    /// A request of a cluster that is resumed, which was submitted before.
    pub(crate) fn made(cluster: Handle<R, S>, request: RequestId, spec: Submit) -> Self {
        Request {
            cluster: Some(cluster),
            spec,
            timeout: None,
            stage: Stage::Made(request),
        }
    }

    /// Resolves this request.
    fn resolve(
        &mut self,
        request: RequestId,
        answer: Result<Arc<Machine<S>>, RequestError>,
    ) -> Result<Lease<R, S>, RequestError> {
        let cluster = self.cluster.take().expect("it resolves once");
        answer.map(|machine| Lease::new(cluster, request, machine))
    }

    /// Its id, by which the manager, a journal and [`Lease::request`] know it; `None` before it is submitted.
    pub fn id(&self) -> Option<RequestId> {
        match self.stage {
            Stage::New => None,
            Stage::Made(request) => Some(request),
        }
    }

    /// Sets the priority. Lower values are served first; the default is 0 (P1).
    pub fn priority(mut self, priority: i64) -> Self {
        self.spec = self.spec.priority(priority);
        self
    }

    /// Accepts machines of these kinds only (R3); by default of all.
    pub fn kinds(mut self, kinds: impl Into<Kinds>) -> Self {
        self.spec = self.spec.kinds(kinds);
        self
    }

    /// Is given this machine if it fits there (P3). Whether or not it does, the request waits for no machine in particular.
    pub fn prefer(mut self, machine: MachineId) -> Self {
        self.spec = self.spec.prefer(machine);
        self
    }

    /// Is given this machine only while no other could ever take it (P3), say because the work has failed there.
    pub fn avoid(mut self, machine: MachineId) -> Self {
        self.spec = self.spec.avoid(machine);
        self
    }

    /// Resolves to [`RequestError::Expired`] if it was not granted within this time of its first poll (Q1).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
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
                    (request, state.submit(request, this.spec, this.timeout))
                });
                // Most requests are granted at once and need no waker. Otherwise look at the entry below.
                if let Some(machine) = machine {
                    shared.make_safe();
                    return Poll::Ready(this.resolve(request, Ok(machine)));
                }
                request
            }
        };
        // Cloning or dropping a waker may run any code: not under the lock.
        let mut waker = Some(cx.waker().clone());
        let answer = shared.with(|state| poll_entry(state, request, &mut waker));
        let answer = answer.map(|answer| this.resolve(request, answer));
        // Dropped last: if that panics, the lease exists and is dropped too.
        drop(waker);
        answer
    }
}

/// Returns the answer to a request. While it is queued, `waker` is stored, and the former waker is in `waker` after that.
fn poll_entry<S: System>(
    state: &mut State<S>,
    request: RequestId,
    waker: &mut Option<Waker>,
) -> Poll<Result<Arc<Machine<S>>, RequestError>> {
    let entry = state
        .requests
        .get_mut(&request)
        .expect("an entry stays until its request is dropped");
    match entry {
        RequestEntry::Queued(waiting) => {
            std::mem::swap(waiting, waker);
            Poll::Pending
        }
        RequestEntry::Granted(_) | RequestEntry::Leased(_) => {
            match std::mem::replace(entry, RequestEntry::Leased(Leased::default())) {
                RequestEntry::Granted(machine) => Poll::Ready(Ok(machine)),
                _ => unreachable!("a request that has resolved is not polled"),
            }
        }
        RequestEntry::Ended(_) => match state.requests.remove(&request) {
            Some(RequestEntry::Ended(end)) => Poll::Ready(Err(end)),
            _ => unreachable!("the entry was just found"),
        },
    }
}

impl<R: Runtime, S: System> Drop for Request<R, S> {
    fn drop(&mut self) {
        let (Some(cluster), &Stage::Made(request)) = (&self.cluster, &self.stage) else {
            return;
        };
        let entry = cluster.shared().with(|state| {
            let queued = match state.requests.get_mut(&request) {
                Some(entry @ RequestEntry::Queued(_)) => {
                    Some(std::mem::replace(entry, RequestEntry::Queued(None)))
                }
                _ => None,
            };
            if queued.is_some() {
                // The entry stays meanwhile: a timer that is due before may grant the request, which is then not cancelled.
                state.feed(Event::Cancel { request });
                // It was granted on a machine of an earlier driver that has not come back yet.
                if let Some(machine) = state.manager.machine_of(request)
                    && state.away.contains(&machine)
                {
                    state.feed(Event::Done {
                        request,
                        machine: Some(machine),
                        outcome: Outcome::Unused,
                    });
                }
            }
            let entry = state.requests.remove(&request);
            if let Some(RequestEntry::Granted(machine)) = &entry {
                let machine = Some(machine.id());
                let outcome = Outcome::Unused;
                state.feed(Event::Done {
                    request,
                    machine,
                    outcome,
                });
            }
            (queued, entry)
        });
        drop(entry);
    }
}

impl<R: Runtime, S: System> fmt::Debug for Request<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("demand", &self.spec.demand)
            .field("priority", &self.spec.priority)
            .finish_non_exhaustive()
    }
}
