//! How machines are started, stopped, polled and called: the one trait to implement for another kind of machine.

use std::future::Future;

use futures::SinkExt as _;
use futures::channel::mpsc;
use remuda::{MachineId, TaskId};
use remuda_worker::wire::{Figures, Stream};

use crate::error::{CallError, StartError};
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
