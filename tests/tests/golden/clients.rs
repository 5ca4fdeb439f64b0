//! The clients of a script: they say what it says, and hear what the driver tells them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::Stream as _;
use futures::future::BoxFuture;
use remuda::{
    Action, Instant, KindId, Loss, MachineId, OnceKey, OnceOutcome, Outcome, Reject, RequestId,
    Resources, Submit, WaiterId,
};
use remuda_driver::{
    Call, CallError, Cluster, Lease, LostTask, LostTasks, OnceError, Request, RequestError, Runtime,
};
use remuda_tests::virtual_time::Virtual;

use crate::stage::{Heard, Stage};

type Time<R> = Virtual<R>;

/// Everything that clients hold.
pub(crate) struct Clients<R: Runtime> {
    pub(crate) cluster: Cluster<Time<R>, Stage>,
    stage: Stage,
    tasks: LostTasks,
    /// How many ids the driver has given away: to requests, to those who ask for work done once, to calls.
    ids: u64,
    /// The driver's ids of requests, by the script's.
    names: BTreeMap<RequestId, RequestId>,
    /// Those who wait.
    requests: BTreeMap<RequestId, Request<Time<R>, Stage>>,
    /// Those who have a machine, in the order of the grants.
    leases: Vec<Held<R>>,
    /// The calls that run under leases that were given up.
    given_up: BTreeMap<RequestId, Call<()>>,
    askers: BTreeMap<WaiterId, (OnceKey, BoxFuture<'static, Result<(), OnceError>>)>,
    shutdowns: Vec<BoxFuture<'static, ()>>,
}

struct Held<R: Runtime> {
    request: RequestId,
    /// None once it was lost before it was seen.
    lease: Option<Lease<Time<R>, Stage>>,
    machine: MachineId,
    /// That it was lost was recorded.
    lost: bool,
}

/// Writes down that somebody was woken.
struct Note(Stage, fn(u64) -> Heard, u64);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.0.book().heard.push(self.1(self.2));
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

impl<R: Runtime> Clients<R> {
    pub(crate) fn new(cluster: Cluster<Time<R>, Stage>, stage: Stage) -> Self {
        Clients {
            tasks: cluster.lost_tasks(),
            cluster,
            stage,
            ids: 0,
            names: BTreeMap::new(),
            requests: BTreeMap::new(),
            leases: Vec::new(),
            given_up: BTreeMap::new(),
            askers: BTreeMap::new(),
            shutdowns: Vec::new(),
        }
    }

    fn note(&self, kind: fn(u64) -> Heard, id: u64) -> Waker {
        Waker::from(Arc::new(Note(self.stage.clone(), kind, id)))
    }

    fn answer(&self, action: Action) {
        self.stage.book().heard.push(Heard::Answer(action));
    }

    fn refused(&self, answer: Result<(), Reject>) {
        if let Err(reject) = answer {
            self.answer(Action::Reject(reject));
        }
    }

    /// The driver's id of the script's request.
    pub(crate) fn name(&self, request: RequestId) -> RequestId {
        self.names[&request]
    }

    pub(crate) fn submit(&mut self, id: RequestId, spec: Submit, now: Instant) {
        self.names.insert(id, RequestId(self.ids));
        self.ids += 1;
        let mut request = self.cluster.request(spec.demand);
        request = request.priority(spec.priority).kinds(spec.kinds);
        if let Some(machine) = spec.prefer {
            request = request.prefer(machine);
        }
        if let Some(machine) = spec.avoid {
            request = request.avoid(machine);
        }
        if let Some(at) = spec.give_up {
            request = request.timeout(Duration::from_nanos(at.0.saturating_sub(now.0)));
        }
        let waker = self.note(|id| Heard::Request(RequestId(id)), id.0);
        match poll(&mut request, &waker) {
            Poll::Pending => drop(self.requests.insert(id, request)),
            Poll::Ready(answer) => {
                let action = self.granted(id, answer);
                self.answer(action);
            }
        }
    }

    /// What a request's answer says, in a script's words.
    fn granted(
        &mut self,
        request: RequestId,
        answer: Result<Lease<Time<R>, Stage>, RequestError>,
    ) -> Action {
        let (machine, lease) = match answer {
            Ok(lease) => (lease.id(), Some(lease)),
            Err(RequestError::Lost(machine)) => (machine, None),
            Err(RequestError::Shutdown) => return Action::Cancelled { request },
            Err(RequestError::Expired) => return Action::Expired { request },
            Err(RequestError::Rejected(reject)) => return Action::Reject(about(request, reject)),
            Err(error) => panic!("{request}: {error}"),
        };
        let told = lease.as_ref().map(Lease::request);
        assert!(told.is_none_or(|told| told == self.name(request)));
        self.leases.push(Held {
            request,
            lease,
            machine,
            lost: false,
        });
        Action::Grant { request, machine }
    }

    fn position(&self, request: RequestId) -> Option<usize> {
        self.leases.iter().position(|held| held.request == request)
    }

    /// The client goes away. One that has its machine already holds the lease: nothing is dropped before it says done,
    /// unless that was lost.
    pub(crate) fn cancel(&mut self, request: RequestId) {
        match (self.requests.remove(&request), self.position(request)) {
            (Some(waits), _) => drop(waits),
            (None, Some(at)) if self.leases[at].lost => drop(self.leases.remove(at)),
            (None, Some(_)) => {}
            (None, None) => panic!("no client has {request}: is this step for the core only?"),
        }
    }

    pub(crate) fn done(&mut self, request: RequestId, outcome: Outcome) {
        if let Some(call) = self.given_up.remove(&request) {
            let name = request.to_string();
            let runs = self.stage.book().cancelled.remove(&name);
            let runs = runs.expect("a lease that is given up cancels its call");
            runs.send(()).expect("the call waits for its end");
            return drop(call);
        }
        let at = self.position(request);
        let at = at.unwrap_or_else(|| panic!("{request} has no lease: for the core only?"));
        match self.leases.remove(at).lease {
            Some(lease) if outcome == Outcome::Unused => drop(lease),
            Some(lease) => lease.finish(outcome),
            None => {}
        }
    }

    /// The client begins a call and goes away (F12). The manager hears of it when the call has ended.
    pub(crate) fn give_up(&mut self, request: RequestId) {
        let at = self.position(request).expect("it has a lease");
        let lease = self.leases.remove(at).lease.expect("it was seen");
        let call = lease.call(&request.to_string(), &());
        self.ids += 1;
        drop(lease);
        self.given_up.insert(request, call);
    }

    pub(crate) fn join(&self, machine: MachineId, kind: KindId, offer: Option<Resources>) {
        let joins = self.stage.machine(machine, offer);
        match self.cluster.join(kind, offer, joins) {
            Ok(joined) => assert_eq!(joined, machine, "the id under which it joins"),
            Err(reject) => {
                drop(self.stage.book().running.remove(&machine));
                self.answer(Action::Reject(reject));
            }
        }
    }

    /// An operator asks for something.
    pub(crate) fn operate(&self, ask: impl FnOnce(&Cluster<Time<R>, Stage>) -> Result<(), Reject>) {
        self.refused(ask(&self.cluster));
    }

    pub(crate) fn once(&mut self, machine: MachineId, key: OnceKey, waiter: WaiterId) {
        self.ids += 1;
        let (cluster, stage) = (self.cluster.clone(), self.stage.clone());
        let mut asks: BoxFuture<'static, _> = Box::pin(async move {
            let work = cluster.once(machine, key, move |on| stage.work(on.id(), key));
            work.await
        });
        let waker = self.note(|id| Heard::Waiter(WaiterId(id)), waiter.0);
        match poll(&mut asks, &waker) {
            Poll::Pending => drop(self.askers.insert(waiter, (key, asks))),
            Poll::Ready(answer) => self.answer(told(waiter, key, answer)),
        }
    }

    pub(crate) fn shutdown(&mut self) {
        let cluster = self.cluster.clone();
        let mut shutdown: BoxFuture<'static, _> = Box::pin(async move { cluster.shutdown().await });
        if poll(&mut shutdown, Waker::noop()).is_pending() {
            self.shutdowns.push(shutdown);
        }
    }

    /// What clients have heard, in order: those who were woken look why.
    pub(crate) fn heard(&mut self) -> Vec<Action> {
        let heard = std::mem::take(&mut self.stage.book().heard);
        let mut actions = Vec::new();
        for what in heard {
            match what {
                Heard::Answer(action) => actions.push(action),
                Heard::Request(id) => {
                    let Some(mut request) = self.requests.remove(&id) else {
                        continue;
                    };
                    match poll(&mut request, Waker::noop()) {
                        Poll::Ready(answer) => actions.push(self.granted(id, answer)),
                        Poll::Pending => panic!("{id} was woken for nothing"),
                    }
                }
                Heard::Waiter(id) => {
                    let Some((key, mut asks)) = self.askers.remove(&id) else {
                        continue;
                    };
                    match poll(&mut asks, Waker::noop()) {
                        Poll::Ready(answer) => actions.push(told(id, key, answer)),
                        Poll::Pending => panic!("{id} was woken for nothing"),
                    }
                }
                Heard::Tasks => self.lost_tasks(&mut actions),
            }
        }
        // From now on there is a waker for the next.
        self.lost_tasks(&mut actions);
        actions
    }

    fn lost_tasks(&mut self, actions: &mut Vec<Action>) {
        let waker = self.note(|_| Heard::Tasks, 0);
        let mut cx = Context::from_waker(&waker);
        while let Poll::Ready(lost) = Pin::new(&mut self.tasks).poll_next(&mut cx) {
            let LostTask { task, machine } = lost.expect("the cluster is there");
            actions.push(Action::TaskLost { task, machine });
        }
    }

    /// The leases that were lost since it was last asked. Why, a lease does not say.
    pub(crate) fn lost(&mut self) -> Vec<Action> {
        let held = self.leases.iter_mut().filter(|held| !held.lost);
        let gone = held.filter(|held| held.lease.as_ref().is_none_or(Lease::is_lost));
        gone.map(|held| {
            held.lost = true;
            Action::RequestLost {
                request: held.request,
                machine: held.machine,
                by: Loss::Stopped,
            }
        })
        .collect()
    }
}

/// A rejection, of the script's request.
fn about(request: RequestId, mut reject: Reject) -> Reject {
    match &mut reject {
        Reject::NoProcs { request: named }
        | Reject::TooManyProcs { request: named, .. }
        | Reject::TooLarge { request: named, .. } => *named = request,
        other => panic!("{request}: {other}"),
    }
    reject
}

fn told(waiter: WaiterId, key: OnceKey, answer: Result<(), OnceError>) -> Action {
    let outcome = match answer {
        Ok(()) => OnceOutcome::Ok,
        Err(OnceError::Failed(CallError::Remote(_))) => OnceOutcome::Remote,
        Err(OnceError::Failed(CallError::Unreachable(_))) => OnceOutcome::Unreachable,
        Err(OnceError::MachineLost(_)) => OnceOutcome::MachineLost,
        Err(OnceError::Rejected(reject)) => return Action::Reject(reject),
        Err(error) => panic!("{waiter}: {error}"),
    };
    Action::OnceReady {
        waiter,
        key,
        outcome,
    }
}
