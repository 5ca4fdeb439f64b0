//! A system that acts on the kit's world, and does what happens there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::journal::Note;
use remuda::{Action, Event, Instant, MachineId, Manager, Outcome, RequestId, StartHint};
use remuda_driver::{CallError, Figures, Invocation, Recorder, Start, StartError, System, Usage};
use remuda_testkit::World;

/// The system, and the recorder that says what the manager is told. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) world: World,
    /// It carries no stop out: for a test that this is found.
    never_stops: bool,
    book: Arc<Mutex<Book>>,
}

/// Who waits for the world.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) starts: BTreeMap<MachineId, oneshot::Sender<Result<(), Option<StartHint>>>>,
    pub(crate) ends: BTreeMap<MachineId, oneshot::Sender<()>>,
    pub(crate) leaves: BTreeMap<MachineId, oneshot::Sender<Duration>>,
    pub(crate) polls: BTreeMap<MachineId, oneshot::Sender<()>>,
    pub(crate) works: BTreeMap<(RequestId, MachineId), oneshot::Sender<Outcome>>,
    /// The last request that was submitted.
    pub(crate) submitted: Option<RequestId>,
    asked_to_stop: Vec<MachineId>,
}

impl Stage {
    pub(crate) fn new(world: World, never_stops: bool) -> Stage {
        let book = Arc::default();
        Stage {
            world,
            never_stops,
            book,
        }
    }

    /// Never held across an await.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics with the book open")
    }
}

/// A start that waits, unless it is given up before.
struct Starting {
    stage: Stage,
    machine: MachineId,
    answer: oneshot::Receiver<Result<(), Option<StartHint>>>,
    over: bool,
}

impl Starting {
    async fn answered(mut self) -> Result<MachineId, StartError> {
        let answer = (&mut self.answer).await;
        self.over = true;
        let error = StartError::new("the story says so");
        match answer.unwrap_or(Err(None)) {
            Ok(()) => Ok(self.machine),
            Err(None) => Err(error),
            Err(Some(StartHint::RetryAfter(after))) => Err(error.retry_after(after)),
            Err(Some(_)) => Err(error.at_capacity()),
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if !self.over {
            self.stage.world.stop(self.machine);
        }
    }
}

impl System for Stage {
    type Machine = MachineId;

    async fn start(&self, start: Start) -> Result<MachineId, StartError> {
        unreachable!("{} is started by `start_many`", start.id)
    }

    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<MachineId, StartError>> + Send> {
        let starting = starts.into_iter().map(|start| {
            let (says, answer) = oneshot::channel();
            self.book().starts.insert(start.id, says);
            self.world.start(start.id, start.kind);
            let starting = Starting {
                stage: self.clone(),
                machine: start.id,
                answer,
                over: false,
            };
            starting.answered()
        });
        starting.collect()
    }

    async fn stopped(&self, machine: &MachineId) -> String {
        let (says, ends) = oneshot::channel();
        self.book().ends.insert(*machine, says);
        let _ = ends.await;
        "the story says so".into()
    }

    async fn leaving(&self, machine: &MachineId) -> Duration {
        let (says, leaves) = oneshot::channel();
        self.book().leaves.insert(*machine, says);
        match leaves.await {
            Ok(within) => within,
            Err(_) => std::future::pending().await,
        }
    }

    async fn stop(&self, machine: &MachineId) {
        self.book().asked_to_stop.push(*machine);
        if !self.never_stops {
            self.world.stop(*machine);
        }
    }

    /// An order like any other.
    fn kill(&self, machine: &MachineId) {
        if !self.book().asked_to_stop.contains(machine) {
            self.book().asked_to_stop.push(*machine);
            self.world.stop(*machine);
        }
    }

    async fn poll(&self, machine: &MachineId) -> Figures {
        let (says, answered) = oneshot::channel();
        self.book().polls.insert(*machine, says);
        self.world.poll(*machine);
        let memory = answered.await.ok().map(|()| Usage { used: 1, total: 2 });
        Figures {
            memory,
            ..Figures::default()
        }
    }

    /// The function is the number of the request.
    async fn call(&self, machine: &MachineId, call: Invocation) -> Result<Vec<u8>, CallError> {
        let request = RequestId(call.function.parse().expect("a number"));
        let (says, mut ended) = oneshot::channel();
        self.book().works.insert((request, *machine), says);
        let ends = match select(&mut ended, call.cancelled().boxed()).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                self.world.cancel(request, *machine);
                let _ = ended.await;
                return Err(CallError::Cancelled);
            }
        };
        match ends {
            Ok(Outcome::Unreachable) => Err(CallError::Unreachable("the story says so".into())),
            Ok(Outcome::Remote) => Err(CallError::Remote("the story says so".into())),
            Ok(_) => Ok(Vec::new()),
            Err(_) => Err(CallError::Lost("the story says so".into())),
        }
    }
}

impl Recorder for Stage {
    fn begin(&mut self, _: Instant, _: &Manager) {}

    fn record(&mut self, now: Instant, event: &Event, _: &[Action], _: &Manager) {
        self.world.told(event, now);
        if let Event::Submit { request, .. } = event {
            self.book().submitted = Some(*request);
        }
    }

    fn note(&mut self, _: &Note<'_>) {}
}
