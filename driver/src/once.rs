//! Work that is done once per machine, whatever the number of callers (S16).

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use futures::channel::oneshot;
use remuda::{Event, MachineId, OnceKey, OnceOutcome, WaiterId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::error::{CallError, OnceError};
use crate::machine::Machine;
use crate::panics::catch_panic_in;
use crate::runtime::Runtime;
use crate::shared::Shared;
use crate::signal::Defer;
use crate::system::System;
use crate::tables::{OnceWaiter, OnceWork};

/// The machine on which work is done once (S16). Derefs to the [`Machine`]. Its calls belong to no lease.
pub struct OnceMachine<R: Runtime, S: System> {
    shared: Arc<Shared<R, S>>,
    machine: Arc<Machine<S>>,
}

impl<R: Runtime, S: System> OnceMachine<R, S> {
    /// Calls `function` on the machine, like [`Lease::call`](crate::Lease::call).
    pub fn call<A: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        function: &str,
        args: &A,
    ) -> Call<T> {
        Call::start(&self.shared, &self.machine, None, function, args)
    }
}

impl<R: Runtime, S: System> Deref for OnceMachine<R, S> {
    type Target = Machine<S>;

    fn deref(&self) -> &Machine<S> {
        &self.machine
    }
}

impl<R: Runtime, S: System> fmt::Debug for OnceMachine<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceMachine").field(&self.machine).finish()
    }
}

pub(crate) async fn ask<R, S, F, Fut>(
    shared: &Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    work: F,
) -> Result<(), OnceError>
where
    R: Runtime,
    S: System,
    F: FnOnce(OnceMachine<R, S>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), CallError>> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    // The client's work may have a destructor, so it is dropped outside the lock in every case.
    let mut work = Some(work);
    let mut answer = Some(answer);
    let (waiter, reject) = shared.with(|state| {
        let waiter = WaiterId(state.new_id());
        let entry = state.machines.get(&machine);
        let bound = entry.and_then(|entry| -> Option<OnceWork> {
            let work = work.take()?;
            let target = OnceMachine {
                shared: shared.clone(),
                machine: entry.machine.clone(),
            };
            Some(Box::new(move || Box::pin(work(target))))
        });
        state.waiters.extend(answer.take().map(|answer| {
            let entry = OnceWaiter {
                machine,
                answer,
                work: bound,
            };
            (waiter, entry)
        }));
        (
            waiter,
            state.feed(Event::Once {
                machine,
                key,
                waiter,
            }),
        )
    });
    // If this future is dropped, its entry is removed; the work continues.
    let _remove_on_drop = Defer::new(|| drop(shared.with(|state| state.waiters.remove(&waiter))));
    match reject {
        Some(reject) => Err(OnceError::Rejected(reject)),
        None => answered
            .await
            .unwrap_or(Err(OnceError::MachineLost(machine))),
    }
}

/// Does work once on a machine. The callers get an answer also when the runtime drops the task, even before its first poll.
pub(crate) fn run<R: Runtime, S: System>(
    shared: Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    work: OnceWork,
) -> impl Future<Output = ()> + Send {
    let dropped = shared.clone();
    let unanswered = Defer::new(move || {
        let error = CallError::Unreachable("the work ended without an answer".into());
        done(&dropped, machine, key, Err(error));
    });
    async move {
        let result = catch_panic_in(async { work().await }).await;
        unanswered.disarm();
        let result = result.unwrap_or_else(|panic| {
            let error = CallError::Unreachable(format!("the work {panic}"));
            Err(error)
        });
        done(&shared, machine, key, result);
    }
}

fn done<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    machine: MachineId,
    key: OnceKey,
    result: Result<(), CallError>,
) {
    let outcome = match &result {
        Ok(()) => OnceOutcome::Ok,
        Err(CallError::Machine(_) | CallError::Unreachable(_) | CallError::Lost(_)) => {
            OnceOutcome::Unreachable
        }
        Err(_) => OnceOutcome::Remote,
    };
    shared.with(|state| {
        if let Err(error) = result
            && state.machines.contains_key(&machine)
        {
            state.once_errors.insert((machine, key), error);
        }
        state.feed(Event::OnceDone {
            machine,
            key,
            outcome,
        });
    });
}
