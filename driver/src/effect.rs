//! Effects: what the actions of the manager bring about outside the lock.

use std::any::Any;
use std::sync::Arc;
use std::task::Waker;

use futures::channel::oneshot;
use remuda::{Event, MachineId, Notice, OnceKey, Reject, TaskId};

use crate::error::OnceError;
use crate::lost_tasks::LostTask;
use crate::machine::Machine;
use crate::record::Recorder;
use crate::signal::Signal;
use crate::system::System;
use crate::tables::{OnceWaiter, OnceWork, RequestEntry};

/// What is to be done outside the lock, in order.
pub(crate) enum Effect<S: System> {
    Wake(Waker),
    Raise(Signal),
    DropEntry(RequestEntry<S>),
    /// Starts a task on the runtime.
    Spawn(Task<S>),
    OnceReady(OnceWaiter, Result<(), OnceError>),
    TaskLost(LostTask),
    Notice {
        notice: Notice,
        about: Option<String>,
        expected: bool,
    },
    Rejected(Event, Reject),
    Close(oneshot::Sender<()>),
    /// A recorder that panicked, and what it threw.
    EndRecording(Box<dyn Recorder>, Box<dyn Any + Send>),
}

/// A task that the driver runs for a machine.
pub(crate) enum Task<S: System> {
    /// Starts the machine and watches it until it is dead.
    Run(MachineId),
    /// Ends the machine; urgent: kills it at once.
    Stop {
        machine: Arc<Machine<S>>,
        urgent: bool,
    },
    /// Asks for the machine's figures (S17).
    Poll(Arc<Machine<S>>),
    /// Drops a task's result (S15).
    Discard {
        machine: Arc<Machine<S>>,
        task: TaskId,
    },
    /// Does work once (S16).
    RunOnce {
        machine: MachineId,
        key: OnceKey,
        work: OnceWork,
    },
}
