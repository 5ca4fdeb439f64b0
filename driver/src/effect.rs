//! The effects: what the driver does outside the lock after an action of the manager.

use std::any::Any;
use std::sync::Arc;
use std::task::Waker;

use futures::channel::oneshot;
use remuda::{Event, KindId, MachineId, Notice, OnceKey, Reject, TaskId};

use crate::error::OnceError;
use crate::lost_tasks::LostTask;
use crate::machine::Machine;
use crate::record::Recorder;
use crate::signal::Signal;
use crate::system::{Adopt, System};
use crate::tables::{OnceWaiter, OnceWork, RequestEntry};

/// One thing to do outside the lock. Effects are done in the order in which they were queued.
pub(crate) enum Effect<S: System> {
    /// Wakes a client's task, or the timer task.
    Wake(Waker),
    /// Cancels a call, or gives a start up.
    Raise(Signal),
    /// Drops the record of a request, which may hold a client's waker.
    DropEntry(RequestEntry<S>),
    /// Starts a task on the runtime.
    Spawn(Task<S>),
    /// Answers a caller of work done once (S16).
    OnceReady(OnceWaiter, Result<(), OnceError>),
    /// Reports a lost task to the subscribers (S14).
    TaskLost(LostTask),
    /// Logs a notice. `about` is the reason of a machine's end; `expected` is true after a shutdown.
    Notice {
        notice: Notice,
        about: Option<String>,
        expected: bool,
    },
    /// Logs a rejected event.
    Rejected(Event, Reject),
    /// Drops a sender, whose receiver waits for that.
    Close(oneshot::Sender<()>),
    /// Drops a recorder that panicked, and the payload of its panic.
    EndRecording(Box<dyn Recorder>, Box<dyn Any + Send>),
}

/// A task that the driver runs in the background.
pub(crate) enum Task<S: System> {
    /// Starts machines of one kind, each with the flag that gives its start up.
    Start {
        kind: KindId,
        machines: Vec<(MachineId, Signal)>,
    },
    /// Waits for a machine of an earlier driver to come back.
    Adopt(Adopt),
    /// Ends the machine. If `urgent`, it is killed at once, else it is asked to end first.
    Stop {
        machine: Arc<Machine<S>>,
        urgent: bool,
    },
    /// Asks for the machine's figures (S17).
    Poll(Arc<Machine<S>>),
    /// Has the machine drop the result of a task (S15).
    Discard {
        machine: Arc<Machine<S>>,
        task: TaskId,
    },
    /// Does work once on the machine (S16).
    RunOnce {
        machine: MachineId,
        key: OnceKey,
        work: OnceWork,
    },
}
