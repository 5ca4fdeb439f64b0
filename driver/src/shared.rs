//! What all handles and tasks of one cluster share: the state behind its mutex, the system, the runtime.
//!
//! Everything that may run somebody else's code (a waker, a `System`, a `tracing` subscriber, a destructor) is put into the
//! outbox under the lock, first in, first out, and run by one drainer after unlocking. So clients hear of things in the order
//! the manager decided them, and nothing they do in return can deadlock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use remuda::{Event, Manager, Notice, Reject};

use crate::effect::{Effect, Task};
use crate::lost_tasks::LostTask;
use crate::options::Options;
use crate::panics::{catch_panic, drop_payload};
use crate::record::Recorder;
use crate::runtime::Runtime;
use crate::state::State;
use crate::system::System;

/// What all handles of one cluster share.
pub(crate) struct Shared<R, S: System> {
    pub(crate) runtime: R,
    pub(crate) system: S,
    pub(crate) options: Options,
    /// Resolves when the cluster shuts down: starts under way are given up.
    pub(crate) closing: SharedFuture<oneshot::Receiver<()>>,
    /// Starts a task on the runtime. Tasks use what is here, so this is given and not imported.
    spawn: fn(&Arc<Self>, Task<S>),
    state: Mutex<State<S>>,
}

/// The users' share of a cluster, which the cluster, its requests and its leases hold. When the last clone is dropped, the
/// cluster shuts down. The driver's own tasks hold the [`Shared`] inside and do not keep the cluster open.
pub(crate) struct Handle<R: Runtime, S: System>(Arc<CloseOnDrop<R, S>>);

struct CloseOnDrop<R: Runtime, S: System>(Arc<Shared<R, S>>);

impl<R: Runtime, S: System> Drop for CloseOnDrop<R, S> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<R: Runtime, S: System> Clone for Handle<R, S> {
    fn clone(&self) -> Self {
        Handle(self.0.clone())
    }
}

impl<R: Runtime, S: System> Handle<R, S> {
    pub(crate) fn new(shared: Arc<Shared<R, S>>) -> Self {
        Handle(Arc::new(CloseOnDrop(shared)))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<R, S>> {
        &self.0.0
    }
}

impl<R: Runtime, S: System> Shared<R, S> {
    pub(crate) fn new(
        runtime: R,
        system: S,
        options: Options,
        manager: Manager,
        recorder: Option<Box<dyn Recorder>>,
        spawn: fn(&Arc<Self>, Task<S>),
    ) -> Arc<Self> {
        let (open, closing) = oneshot::channel();
        let clock = runtime.clone();
        let state = State::new(manager, recorder, Box::new(move || clock.now()), open);
        Arc::new(Shared {
            runtime,
            system,
            options,
            closing: closing.shared(),
            spawn,
            state: Mutex::new(state),
        })
    }

    /// Tells the manager of `event`; the rejection, if it was one.
    pub(crate) fn handle(self: &Arc<Self>, event: Event) -> Option<Reject> {
        self.with(|state| state.feed(event))
    }

    /// Changes the state under the lock, then does what that brought about. `change` must run nobody else's code.
    pub(crate) fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut State<S>) -> T) -> T {
        let mut state = self.lock();
        let answer = change(&mut state);
        self.drain(state);
        answer
    }

    /// Looks at the state under the lock.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State<S>) -> T) -> T {
        read(&self.lock())
    }

    /// Only our own code runs under the lock: a panic there is reported by itself, and what is dropped while it
    /// unwinds must not panic again.
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the outbox, unless somebody is at it: then that one will come to what was just put in.
    fn drain<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State<S>>) {
        if state.draining {
            return;
        }
        while let Some(effect) = state.outbox.pop_front() {
            state.draining = true;
            drop(state);
            // What panics here is a client's waker or destructor, and was reported by the panic hook. It must neither
            // keep the rest from being done, nor take along whoever happens to be at it: a machine's task, or a drop.
            catch_panic(|| self.run(effect));
            state = self.lock();
        }
        state.draining = false;
    }

    /// Shuts down: no start goes on, the manager tells every machine to stop.
    pub(crate) fn close(self: &Arc<Self>) {
        self.with(|state| {
            let Some(open) = state.open.take() else {
                return;
            };
            state.feed(Event::Shutdown);
            state.push(Effect::Close(open));
            if state.is_ended() {
                state.wake_timer();
            }
        });
    }

    fn run(self: &Arc<Self>, effect: Effect<S>) {
        match effect {
            Effect::Wake(waker) => waker.wake(),
            Effect::Raise(signal) => signal.raise(),
            Effect::DropEntry(entry) => drop(entry),
            Effect::Spawn(task) => (self.spawn)(self, task),
            Effect::OnceReady(waiter, answer) => drop(waiter.answer.send(answer)),
            Effect::TaskLost(lost) => self.send_task_lost(lost),
            Effect::Notice {
                notice,
                about,
                expected,
            } => log_notice(&notice, about.as_deref(), expected),
            Effect::Rejected(event, reject) => log_rejection(&event, &reject),
            Effect::Close(sender) => drop(sender),
            Effect::EndRecording(recorder, payload) => {
                drop_payload(payload);
                tracing::warn!("recording ends here, the cluster goes on: the recorder panicked");
                drop(recorder);
            }
        }
    }

    fn send_task_lost(self: &Arc<Self>, lost: LostTask) {
        let listeners = self.read(|state| state.subscribers.clone());
        let gone = listeners
            .iter()
            .filter(|listener| listener.unbounded_send(lost).is_err())
            .count();
        if gone > 0 {
            let closed = self.with(State::closed_subscribers);
            drop(closed);
        }
    }
}

fn log_notice(notice: &Notice, about: Option<&str>, expected: bool) {
    match notice {
        Notice::MachineLost { machine, .. } if expected => {
            tracing::info!(%machine, "ended: {}", about.unwrap_or_default());
        }
        Notice::MachineLost { machine, .. } => {
            tracing::warn!(%machine, "was lost: {}", about.unwrap_or_default());
        }
        Notice::Summary { .. } | Notice::Recovered { .. } => tracing::info!("{notice}"),
        _ => tracing::warn!("{notice}"),
    }
}

/// A done or a cancel that crosses a loss is expected (F4); every other rejection tells of a mistake.
fn log_rejection(event: &Event, reject: &Reject) {
    tracing::debug!(?event, "rejected: {reject}");
}
