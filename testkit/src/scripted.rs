//! A system without processes: its machines do as the test says, when it says so.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::{KindId, MachineId, Resources, TaskId};
use remuda_driver::{
    CallError, Chunk, Figures, Invocation, Start, StartError, Stream, System, Usage,
};

/// A system whose machines a test starts, stops and answers for. Clones are the same one.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Book>>);

/// What a test sets, and what happened.
#[derive(Default)]
pub struct Book {
    /// Starts fail with this, if set.
    pub start_error: Option<StartError>,
    /// Only starts of this kind fail, if set.
    pub failing: Option<KindId>,
    /// Starts say that they are queued elsewhere, if set.
    pub queue_starts: bool,
    /// What machines offer; `None`: all of their kind's capacity.
    pub offer: Option<Resources>,
    /// Starts wait until they are released, if set.
    pub hold_starts: bool,
    /// Polls are not answered, if set.
    pub deaf: bool,
    /// Machines do not end when asked to, if set.
    pub stubborn: bool,
    /// Machines do not even end when killed, if set.
    pub immortal: bool,
    /// Calls go on after their cancel until they are released, if set.
    pub hold_cancels: bool,
    /// What polls answer; `None`: half of the memory is used, and nothing else.
    pub figures: Option<Figures>,
    /// What panics: `start_many`, `start`, `name`, `stopped`, `stop`, `kill`, `poll`, `discard`.
    pub panics: Vec<&'static str>,
    /// How many starts were asked for.
    pub starts: usize,
    /// Batches start only so many machines, if set.
    pub start_few: Option<usize>,
    /// How many machines each call started.
    pub batches: Vec<usize>,
    /// The kind of each start.
    pub kinds: Vec<KindId>,
    /// Polls so far.
    pub polls: usize,
    /// What was asked of machines, in order.
    pub log: Vec<String>,
    running: BTreeMap<MachineId, oneshot::Sender<String>>,
    /// Starts that are held.
    pub held_starts: Vec<oneshot::Sender<()>>,
    /// Starts that are queued elsewhere.
    pub queued_starts: Vec<Start>,
    /// Calls that wait for their release.
    pub held_calls: Vec<oneshot::Sender<()>>,
    /// Calls that run.
    pub calls: usize,
}

/// A machine of [`Scripted`].
pub struct ScriptedMachine {
    /// Its id.
    pub id: MachineId,
    end: Mutex<Option<oneshot::Receiver<String>>>,
}

impl Scripted {
    /// The book, to set and to read. Never hold it across an await.
    ///
    /// # Panics
    /// If a test panicked while it held the book.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panics with the book open")
    }

    /// Ends a machine: its calls are lost. False: it does not run.
    pub fn lose(&self, machine: MachineId, why: &str) -> bool {
        let running = self.book().running.remove(&machine);
        running.is_some_and(|end| end.send(why.to_owned()).is_ok())
    }

    /// Lets the starts that wait go on.
    pub fn release_starts(&self) {
        let held = std::mem::take(&mut self.book().held_starts);
        for start in held {
            // One that nobody waits for any more was given up.
            let _ = start.send(());
        }
    }

    /// Lets the calls that wait after their cancel end.
    pub fn release_calls(&self) {
        let held = std::mem::take(&mut self.book().held_calls);
        for call in held {
            let _ = call.send(());
        }
    }

    /// A machine that runs, to join a cluster as its `nth`.
    pub fn joiner(&self, nth: u64) -> ScriptedMachine {
        self.machine(MachineId::joined(nth))
    }

    fn machine(&self, id: MachineId) -> ScriptedMachine {
        let (running, end) = oneshot::channel();
        self.book().running.insert(id, running);
        ScriptedMachine {
            id,
            end: Mutex::new(Some(end)),
        }
    }

    /// How many handles of it there are: of the test's own and the clusters'.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// How many machines and calls run.
    pub fn alive(&self) -> usize {
        let book = self.book();
        book.running.len() + book.calls
    }

    /// Whether `what` is in the log.
    pub fn logged(&self, what: &str) -> bool {
        self.book().log.iter().any(|line| line == what)
    }

    fn note(&self, what: String) {
        self.book().log.push(what);
    }

    fn may_panic(&self, what: &str) {
        let panics = self.book().panics.contains(&what);
        assert!(!panics, "the system panics in {what}, as a test asked for");
    }

    fn hold_call(&self) -> oneshot::Receiver<()> {
        let (hold, held) = oneshot::channel();
        self.book().held_calls.push(hold);
        held
    }
}

/// Counts a call for as long as it runs.
struct Running(Scripted);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.book().calls -= 1;
    }
}

impl System for Scripted {
    type Machine = ScriptedMachine;

    fn name(&self, id: MachineId, _: &ScriptedMachine) -> String {
        self.may_panic("name");
        format!("scripted-{id}")
    }

    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<ScriptedMachine, StartError>> + Send> {
        self.may_panic("start_many");
        let mut book = self.book();
        book.batches.push(starts.len());
        let few = book.start_few.unwrap_or(starts.len());
        drop(book);
        let starts = starts.into_iter().take(few);
        starts.map(|start| self.start(start)).collect()
    }

    fn offer(&self, _: &ScriptedMachine, capacity: Resources) -> Resources {
        self.book().offer.unwrap_or(capacity)
    }

    async fn start(&self, start: Start) -> Result<ScriptedMachine, StartError> {
        let id = start.id;
        let hold = {
            let mut book = self.book();
            book.starts += 1;
            book.kinds.push(start.kind);
            let fails = book.failing.is_none_or(|kind| kind == start.kind);
            if let Some(error) = book.start_error.as_ref().filter(|_| fails) {
                return Err(error.clone());
            }
            if book.queue_starts {
                start.queued();
                book.queued_starts.push(start);
            }
            book.hold_starts.then(|| {
                let (hold, held) = oneshot::channel();
                book.held_starts.push(hold);
                held
            })
        };
        if let Some(held) = hold {
            let _ = held.await;
        }
        self.may_panic("start");
        Ok(self.machine(id))
    }

    async fn stopped(&self, machine: &ScriptedMachine) -> String {
        self.may_panic("stopped");
        let end = machine.end.lock().expect("nobody panics here").take();
        let end = end.expect("a machine is watched once");
        end.await.unwrap_or_else(|_| "dropped".into())
    }

    async fn stop(&self, machine: &ScriptedMachine) {
        self.note(format!("stop {}", machine.id));
        self.may_panic("stop");
        if !self.book().stubborn {
            self.lose(machine.id, "stopped");
        }
    }

    fn kill(&self, machine: &ScriptedMachine) {
        self.note(format!("kill {}", machine.id));
        self.may_panic("kill");
        if !self.book().immortal {
            self.lose(machine.id, "killed");
        }
    }

    async fn poll(&self, _: &ScriptedMachine) -> Figures {
        let (deaf, figures) = {
            let mut book = self.book();
            book.polls += 1;
            (book.deaf, book.figures.clone())
        };
        self.may_panic("poll");
        if deaf {
            std::future::pending::<()>().await;
        }
        figures.unwrap_or(Figures {
            memory: Some(Usage { used: 1, total: 2 }),
            ..Figures::default()
        })
    }

    /// `echo`: its arguments. `fail`: a remote error. `unreachable`: no answer. `print`: 100 chunks, or as many as its
    /// argument says, then nothing. `hold`: until it is released or cancelled. `wait`: until it is cancelled. `panic`:
    /// what it says.
    async fn call(
        &self,
        machine: &ScriptedMachine,
        mut call: Invocation,
    ) -> Result<Vec<u8>, CallError> {
        self.book().calls += 1;
        let _running = Running(self.clone());
        self.note(format!("{} {}", call.function, machine.id));
        let mut cancelled = Box::pin(call.cancelled());
        match call.function.as_str() {
            "echo" => Ok(call.args),
            "fail" => Err(CallError::Remote("it failed".into())),
            "unreachable" => Err(CallError::Unreachable("no route".into())),
            "panic" => panic!("the system panics, as a test asked for"),
            "print" => {
                let chunks = call.args.first().copied().unwrap_or(100);
                for n in 0..chunks {
                    let chunk = Chunk {
                        stream: Stream::Stdout,
                        bytes: vec![n; 10],
                    };
                    if let Either::Right(_) =
                        select(Box::pin(call.output.send(chunk)), &mut cancelled).await
                    {
                        return Err(CallError::Cancelled);
                    }
                }
                Ok(Vec::new())
            }
            function => {
                if function == "hold" {
                    let held = self.hold_call();
                    if let Either::Left(_) = select(held, &mut cancelled).await {
                        return Ok(Vec::new());
                    }
                } else {
                    cancelled.await;
                }
                if self.book().hold_cancels {
                    let _ = self.hold_call().await;
                }
                Err(CallError::Cancelled)
            }
        }
    }

    async fn discard(&self, machine: &ScriptedMachine, task: TaskId) -> Result<(), String> {
        self.note(format!("discard {task} {}", machine.id));
        self.may_panic("discard");
        Ok(())
    }
}
