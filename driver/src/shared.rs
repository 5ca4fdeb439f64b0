//! `Shared`, which all handles and tasks of one cluster hold: the runtime, the system, and the state behind its mutex.
//!
//! Under the lock, work that may run code of clients or systems (wakers, `System` methods, `tracing` subscribers,
//! destructors) is only queued in the outbox. After unlocking, one thread at a time drains the outbox, first in, first out.
//! So clients see grants and losses in the order in which the manager decided them, and may call the cluster in return
//! without a deadlock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::Shared as SharedFuture;
use remuda::{Event, Instant, Manager, Notice, Reject};

use crate::effect::{Effect, Task};
use crate::lost_tasks::LostTask;
use crate::options::{Options, worker_silence};
use crate::panics::{catch_panic, drop_payload};
use crate::record::{Barrier, Recorder};
use crate::runtime::Runtime;
use crate::state::State;
use crate::system::System;
use crate::text::{Keep, harmless};

/// Everything that the handles and tasks of one cluster share.
pub(crate) struct Shared<R, S: System> {
    pub(crate) runtime: R,
    pub(crate) system: S,
    pub(crate) options: Options,
    /// How long workers wait for a word of the driver (F8).
    pub(crate) silence: Duration,
    /// How much the manager's time is ahead of the runtime's: that of a cluster which is resumed goes on.
    ahead: Duration,
    /// What is waited for before anything is carried out.
    barrier: Option<Barrier>,
    /// Resolves when the cluster shuts down: running starts are then dropped.
    pub(crate) closing: SharedFuture<oneshot::Receiver<()>>,
    /// Starts a task on the runtime. The tasks import this file, so the function is passed in and not imported.
    spawn: fn(&Arc<Self>, Task<S>),
    state: Mutex<State<S>>,
}

/// Keeps a cluster open. The cluster, its requests and its leases hold one; when the last clone is dropped, the cluster
/// shuts down. The driver's own tasks hold a [`Shared`], which does not keep the cluster open.
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
        ahead: Duration,
        spawn: fn(&Arc<Self>, Task<S>),
    ) -> Arc<Self> {
        let (open, closing) = oneshot::channel();
        let clock = runtime.clone();
        let clock = Box::new(move || clock.now() + ahead);
        let barrier = recorder.as_ref().and_then(|recorder| recorder.barrier());
        let silence = worker_silence(manager.config(), &options);
        let state = State::new(manager, recorder, clock, open, &options);
        Arc::new(Shared {
            runtime,
            system,
            options,
            silence,
            ahead,
            barrier,
            closing: closing.shared(),
            spawn,
            state: Mutex::new(state),
        })
    }

    /// The manager's time.
    pub(crate) fn now(&self) -> Instant {
        self.runtime.now() + self.ahead
    }

    /// A time of the runtime's, as the manager has it.
    pub(crate) fn managers_time(&self, at: Instant) -> Instant {
        at.checked_add(self.ahead).unwrap_or(Instant::MAX)
    }

    /// Resolves once the manager's time has reached `at`.
    pub(crate) fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send {
        let ahead = u64::try_from(self.ahead.as_nanos()).unwrap_or(u64::MAX);
        self.runtime
            .sleep_until(Instant(at.0.saturating_sub(ahead)))
    }

    /// Waits until what was recorded is safe, before anything is done because of it. Not under the lock.
    pub(crate) fn make_safe(&self) {
        if let Some(barrier) = &self.barrier {
            barrier();
        }
    }

    /// Has the manager handle `event`. Returns the rejection, if there is one.
    pub(crate) fn handle(self: &Arc<Self>, event: Event) -> Option<Reject> {
        self.with(|state| state.feed(event))
    }

    /// Changes the state under the lock, then drains the outbox. `change` must run no code of clients or systems.
    pub(crate) fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut State<S>) -> T) -> T {
        let mut state = self.lock();
        let answer = change(&mut state);
        self.drain(state);
        answer
    }

    /// Reads the state under the lock.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State<S>) -> T) -> T {
        read(&self.lock())
    }

    /// Ignores poisoning: only the driver's own code runs under the lock. If that panics, the panic hook reports it, and
    /// a destructor that takes the lock while unwinding must not panic again.
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drains the outbox. If another thread, or a caller of this one, is already draining, it will do the new effects too.
    fn drain<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State<S>>) {
        if state.draining {
            return;
        }
        while let Some(effect) = state.outbox.pop_front() {
            state.draining = true;
            drop(state);
            self.make_safe();
            // A client's waker or destructor may panic, which the panic hook reports. That must not prevent the other
            // effects, and must not unwind into this caller, which may be a machine's task or a destructor.
            catch_panic(|| self.run(effect));
            state = self.lock();
        }
        state.draining = false;
    }

    /// Shuts the cluster down (S22): running starts are dropped, and the manager stops every machine.
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
    let shown = |or: &str| harmless(about.unwrap_or(or), Keep::Start(1500));
    match notice {
        Notice::Ended { machine } => {
            tracing::info!(%machine, "ended, as it was told to: {}", shown("it was not up yet"));
        }
        Notice::MachineLost { machine, .. } if expected => {
            tracing::info!(%machine, "ended: {}", shown(""));
        }
        Notice::MachineLost { machine, .. } => {
            tracing::warn!(%machine, "was lost: {}", shown(""));
        }
        Notice::Probation { .. } | Notice::StartsFailing { .. } | Notice::NoHome { .. } => {
            tracing::warn!("{notice}");
        }
        _ => tracing::info!("{notice}"),
    }
}

/// Logged at debug level, because a rejected done or cancel is expected when it crosses a loss (F4).
fn log_rejection(event: &Event, reject: &Reject) {
    tracing::debug!(?event, "rejected: {reject}");
}
