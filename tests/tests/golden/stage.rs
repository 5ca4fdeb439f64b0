//! A system whose machines do what a script says when it says so, and the record of what is seen of a cluster: by its
//! machines, by its clients and in its log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use remuda::{Action, MachineId, OnceKey, OnceOutcome, RequestId, Resources, TaskId, WaiterId};
use remuda_driver::{CallError, Figures, Invocation, Start, StartError, System, Usage};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Why a machine stopped.
pub(crate) const STOPPED: &str = "the script says so";

/// The system, and the log. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Mutex<Book>>);

/// What has happened since it was last looked at, and who waits for the script to go on.
#[derive(Default)]
pub(crate) struct Book {
    /// What was asked of machines, in order.
    pub(crate) asked: Vec<Action>,
    /// The machines whose start was given up.
    pub(crate) given_up: BTreeSet<MachineId>,
    /// What clients heard, in order.
    pub(crate) heard: Vec<Heard>,
    /// The lines of the log.
    pub(crate) log: Vec<String>,
    pub(crate) starts: BTreeMap<MachineId, oneshot::Sender<StartAnswer>>,
    pub(crate) running: BTreeMap<MachineId, oneshot::Sender<()>>,
    pub(crate) polls: BTreeMap<MachineId, oneshot::Sender<Figures>>,
    pub(crate) works: BTreeMap<(MachineId, OnceKey), oneshot::Sender<OnceOutcome>>,
    /// Calls that were told to end, by their function's name.
    pub(crate) cancelled: BTreeMap<String, oneshot::Sender<()>>,
}

/// How a start ended; for a machine that is up, what it offers, if that is less than all.
pub(crate) type StartAnswer = Result<Option<Resources>, StartError>;

/// How a client was told of something.
pub(crate) enum Heard {
    /// At once, in the answer to what it said.
    Answer(Action),
    /// Its request woke it.
    Request(RequestId),
    /// Its question about work done once woke it.
    Waiter(WaiterId),
    /// There are lost tasks.
    Tasks,
}

impl Stage {
    /// The book. Never held across an await.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panics with the book open")
    }

    /// How many handles of it there are.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn asked(&self, action: Action) {
        self.book().asked.push(action);
    }

    /// A machine that is up until the script says that it has stopped.
    pub(crate) fn machine(&self, id: MachineId, offer: Option<Resources>) -> StageMachine {
        let (running, end) = oneshot::channel();
        self.book().running.insert(id, running);
        StageMachine {
            id,
            offer,
            end: Mutex::new(Some(end)),
        }
    }

    /// Does work once on a machine: it ends when the script says so, or when nobody can any more.
    pub(crate) async fn work(self, machine: MachineId, key: OnceKey) -> Result<(), CallError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut book = self.book();
            book.asked.push(Action::RunOnce { machine, key });
            book.works.insert((machine, key), answer);
        }
        match answered.await {
            Ok(OnceOutcome::Ok) => Ok(()),
            Ok(OnceOutcome::Remote) => Err(CallError::Remote(STOPPED.into())),
            _ => Err(CallError::Unreachable(STOPPED.into())),
        }
    }
}

pub(crate) struct StageMachine {
    id: MachineId,
    offer: Option<Resources>,
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

/// A start that waits for its answer, unless it is given up before.
struct Waiting {
    stage: Stage,
    machine: MachineId,
    answer: oneshot::Receiver<StartAnswer>,
    over: bool,
}

impl Waiting {
    async fn answered(mut self) -> Result<StageMachine, StartError> {
        let answer = (&mut self.answer).await;
        self.over = true;
        let offer = answer.unwrap_or_else(|_| Err(StartError::new("the script is over")))?;
        Ok(self.stage.machine(self.machine, offer))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.over {
            self.stage.book().given_up.insert(self.machine);
        }
    }
}

impl System for Stage {
    type Machine = StageMachine;

    async fn start(&self, start: Start) -> Result<StageMachine, StartError> {
        unreachable!("{} is started by `start_many`", start.id)
    }

    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<StageMachine, StartError>> + Send> {
        let ids = starts.iter().map(|start| start.id.0);
        assert!(ids.eq((starts[0].id.0..).take(starts.len())), "{starts:?}");
        self.asked(Action::Start {
            kind: starts[0].kind,
            first: starts[0].id,
            count: starts.len() as u32,
        });
        let waiting = starts.into_iter().map(|start| {
            let (answer, answered) = oneshot::channel();
            self.book().starts.insert(start.id, answer);
            let waiting = Waiting {
                stage: self.clone(),
                machine: start.id,
                answer: answered,
                over: false,
            };
            waiting.answered()
        });
        waiting.collect()
    }

    fn offer(&self, machine: &StageMachine, capacity: Resources) -> Resources {
        machine.offer.unwrap_or(capacity)
    }

    async fn stopped(&self, machine: &StageMachine) -> String {
        let end = machine.end.lock().expect("nobody panics here").take();
        // Sent or dropped: the machine is dead.
        let _ = end.expect("a machine is watched once").await;
        STOPPED.into()
    }

    async fn stop(&self, machine: &StageMachine) {
        self.asked(Action::Stop {
            machine: machine.id,
        });
    }

    /// To the machines of a script, force is an order like any other.
    fn kill(&self, machine: &StageMachine) {
        self.asked(Action::Stop {
            machine: machine.id,
        });
    }

    async fn poll(&self, machine: &StageMachine) -> Figures {
        let (answer, answered) = oneshot::channel();
        {
            let mut book = self.book();
            let machine = machine.id;
            book.asked.push(Action::Poll { machine });
            book.polls.insert(machine, answer);
        }
        answered.await.unwrap_or_default()
    }

    /// Goes on until it is cancelled, and on until the script lets it end.
    async fn call(&self, _: &StageMachine, call: Invocation) -> Result<Vec<u8>, CallError> {
        call.cancelled().await;
        let (answer, answered) = oneshot::channel();
        self.book().cancelled.insert(call.function, answer);
        let _ = answered.await;
        Err(CallError::Cancelled)
    }

    async fn discard(&self, machine: &StageMachine, task: TaskId) -> Result<(), String> {
        let machine = machine.id;
        self.asked(Action::DropTask { task, machine });
        Ok(())
    }
}

/// The figures of a poll.
pub(crate) fn figures(answered: bool) -> Figures {
    Figures {
        memory: answered.then_some(Usage { used: 1, total: 2 }),
        ..Figures::default()
    }
}

/// A line of the log, as `m0 was lost: why`.
#[derive(Default)]
struct Line {
    machine: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = match field.name() {
            "machine" => &mut self.machine,
            "message" => &mut self.message,
            name => unreachable!("the driver's notices have no {name}"),
        };
        write!(text, "{value:?}").expect("a string takes everything");
    }
}

/// The log: what the driver tells an operator of.
impl Subscriber for Stage {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("remuda") && *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let Line { machine, message } = line;
        // The driver's own news: the manager has none of a start or of who joined.
        if ["is up", "has joined"].contains(&&*message) || message.contains(" did not start") {
            return;
        }
        let line = match machine.as_str() {
            "" => message,
            machine => format!("{machine} {message}"),
        };
        self.book().log.push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
