//! How machines are started, stopped, polled and called: the one trait to implement for another kind of machine.

use std::fmt;
use std::future::Future;

use futures::SinkExt as _;
use futures::channel::mpsc;
use remuda::{MachineId, Outcome, TaskId};
use remuda_worker::wire::{Figures, Stream};

use crate::signal::Signal;

/// How machines start, stop, are polled and called.
///
/// The driver calls these from tasks of its own, never under a lock. Every future may take its time; those with a
/// time-out (start, stop, poll) are dropped when it has passed. A panic in one counts as its failure.
pub trait System: Send + Sync + 'static {
    /// A running machine.
    type Machine: Send + Sync + 'static;

    /// Starts machine `id` and resolves once it can take calls (rules S8, S19, F9). Dropped when the start time-out
    /// has passed or the cluster shuts down: whatever was started so far must then end.
    fn start(
        &self,
        id: MachineId,
    ) -> impl Future<Output = Result<Self::Machine, StartError>> + Send;

    /// Resolves when the machine is dead and nothing of what it ran is running any more, with the reason (S12).
    fn stopped(&self, machine: &Self::Machine) -> impl Future<Output = String> + Send;

    /// Asks the machine to end. If [`stopped`](System::stopped) has not resolved within the stop time-out, the driver kills it.
    fn stop(&self, machine: &Self::Machine) -> impl Future<Output = ()> + Send;

    /// Ends the machine by force, without waiting.
    fn kill(&self, machine: &Self::Machine);

    /// Asks for the machine's figures. Each is independent (S17): what could not be had is `None`.
    fn poll(&self, machine: &Self::Machine) -> impl Future<Output = Figures> + Send;

    /// Calls a function on the machine. Resolves only when the call has truly ended there (F12), also after
    /// [`Invocation::cancelled`].
    fn call(
        &self,
        machine: &Self::Machine,
        call: Invocation,
    ) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send;

    /// Tells the machine to drop a task's result (S15). A failure is only logged.
    fn discard(
        &self,
        machine: &Self::Machine,
        task: TaskId,
    ) -> impl Future<Output = Result<(), String>> + Send {
        let _ = (machine, task);
        async { Ok(()) }
    }

    /// What to call the machine in messages.
    fn name(&self, id: MachineId, machine: &Self::Machine) -> String {
        let _ = machine;
        id.to_string()
    }
}

/// One call of a function, as a [`System`] gets it.
#[derive(Debug)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// Its arguments, encoded with postcard.
    pub args: Vec<u8>,
    /// Where the call's output goes.
    pub output: Output,
    pub(crate) cancel: Signal,
}

impl Invocation {
    /// Resolves when nobody wants the call's result any more: end it, and resolve [`System::call`] when it has ended.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let cancel = self.cancel.clone();
        async move { cancel.wait().await }
    }
}

/// The output of a call on its way to the client.
#[derive(Debug)]
pub struct Output(pub(crate) mpsc::Sender<Chunk>);

impl Output {
    /// Hands a chunk to the client and waits until it is taken. False: the client no longer listens.
    pub async fn send(&mut self, chunk: Chunk) -> bool {
        self.0.send(chunk).await.is_ok()
    }
}

/// A piece of a call's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which of the two streams it belongs to.
    pub stream: Stream,
    /// The bytes; at most 64 KiB from the process system.
    pub bytes: Vec<u8>,
}

/// Why a machine did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(String);

impl StartError {
    /// An error that says `text`.
    pub fn new(text: impl Into<String>) -> Self {
        StartError(text.into())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The function itself failed on the machine; says nothing of the machine's health (S11).
    Remote(String),
    /// The call never got a proper answer: the machinery failed (S9).
    Unreachable(String),
    /// The machine is lost, and what it ran is dead (S12). A system that says so has [`System::stopped`] resolve too:
    /// the client is told after the manager.
    Lost(String),
    /// The call was cancelled and has ended (F12).
    Cancelled,
    /// The call could not be made or its result not be read: no such function, arguments too large, another type.
    Invalid(String),
}

impl CallError {
    /// The outcome to finish the lease with after this error.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            CallError::Remote(_) | CallError::Invalid(_) => Outcome::Remote,
            CallError::Unreachable(_) | CallError::Lost(_) => Outcome::Unreachable,
            CallError::Cancelled => Outcome::Unused,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Remote(text) | CallError::Invalid(text) => f.write_str(text),
            CallError::Unreachable(why) => write!(f, "no answer from the machine: {why}"),
            CallError::Lost(why) => write!(f, "the machine was lost: {why}"),
            CallError::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for CallError {}
