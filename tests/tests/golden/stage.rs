//! A system whose machines do what a script says when it says so, and the record of what is seen of a cluster: by its
//! machines, by its clients and in its log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use remuda::{Action, MachineId, OnceKey, OnceOutcome, RequestId, TaskId, WaiterId};
use remuda_driver::{CallError, Figures, Invocation, StartError, System, Usage};
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
    /// What clients heard, in order.
    pub(crate) heard: Vec<Heard>,
    /// The lines of the log.
    pub(crate) log: Vec<String>,
    pub(crate) starts: BTreeMap<MachineId, oneshot::Sender<Result<(), StartError>>>,
    pub(crate) running: BTreeMap<MachineId, oneshot::Sender<()>>,
    pub(crate) polls: BTreeMap<MachineId, oneshot::Sender<Figures>>,
    pub(crate) works: BTreeMap<(MachineId, OnceKey), oneshot::Sender<OnceOutcome>>,
    /// Calls that were told to end, by their function's name.
    pub(crate) cancelled: BTreeMap<String, oneshot::Sender<()>>,
}

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
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

impl System for Stage {
    type Machine = StageMachine;

    async fn start(&self, id: MachineId) -> Result<StageMachine, StartError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut book = self.book();
            book.asked.push(Action::Start {
                first: id,
                count: 1,
            });
            book.starts.insert(id, answer);
        }
        answered
            .await
            .unwrap_or_else(|_| Err(StartError::new("the script is over")))?;
        let (running, end) = oneshot::channel();
        self.book().running.insert(id, running);
        Ok(StageMachine {
            id,
            end: Mutex::new(Some(end)),
        })
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
        // The driver's own news: the manager has none of a start.
        if message == "is up" || message.starts_with("did not start: ") {
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
