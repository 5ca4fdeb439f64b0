//! A lease: procs of one machine that a client has until it finishes the lease.

use std::collections::hash_map::Entry::Occupied;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use remuda::{Event, Outcome, Reject, RequestId, TaskId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::effect::Effect;
use crate::machine::Machine;
use crate::runtime::Runtime;
use crate::shared::Handle;
use crate::system::System;
use crate::tables::{End, RequestEntry};

/// Procs of one machine. Derefs to the [`Machine`].
///
/// Report the outcome of the work with [`finish`](Lease::finish). A lease that is dropped reports *unused* if nothing was
/// called on it (S13), *unreachable* if a call got no valid answer (S9), else *remote* (S11). In all cases its running calls
/// are cancelled, and the procs are free when the machine has confirmed the end of the calls, or is lost (F12; but see
/// [`Options::cancel_timeout`](crate::Options::cancel_timeout)). A lease may be dropped on any thread.
pub struct Lease<R: Runtime, S: System> {
    cluster: Handle<R, S>,
    request: RequestId,
    machine: Arc<Machine<S>>,
    end: End,
}

impl<R: Runtime, S: System> Lease<R, S> {
    pub(crate) fn new(cluster: Handle<R, S>, request: RequestId, machine: Arc<Machine<S>>) -> Self {
        Lease {
            cluster,
            request,
            machine,
            end: End::Dropped,
        }
    }

    /// The id of the request that got this lease.
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// Whether the machine was lost (F4). Finishing the lease then changes nothing.
    pub fn is_lost(&self) -> bool {
        self.cluster
            .shared()
            .read(|state| !state.requests.contains_key(&self.request))
    }

    /// Calls `function` on the machine. The call starts at once and runs in the background. Dropping the [`Call`] cancels
    /// it.
    pub fn call<A: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        function: &str,
        args: &A,
    ) -> Call<T> {
        Call::start(
            self.cluster.shared(),
            &self.machine,
            Some(self.request),
            function,
            args,
        )
    }

    /// Records that this machine holds the result of `task` (S14). If the machine is lost, the task is reported lost at once.
    ///
    /// # Errors
    /// None for the machine of a lease, which always exists.
    pub fn assign(&self, task: TaskId) -> Result<(), Reject> {
        let machine = self.machine.id();
        self.cluster
            .shared()
            .handle(Event::AssignTask { machine, task })
            .map_or(Ok(()), Err)
    }

    /// Tells the recorder what this lease is for: a note on its machine, of topic `job`, with the request and this name. It
    /// decides nothing; `remuda replay` shows it.
    pub fn record_name(&self, name: &str) {
        let (request, machine) = (self.request, self.machine.id());
        let note = format_args!("{request} {name}");
        self.cluster
            .shared()
            .with(|state| state.note(machine, "job", note));
    }

    /// Reports the outcome of the work, from which the manager judges the machine's health (S9–S11, S13).
    pub fn finish(mut self, outcome: Outcome) {
        self.end = End::Finished(outcome);
    }
}

impl<R: Runtime, S: System> Deref for Lease<R, S> {
    type Target = Machine<S>;

    fn deref(&self) -> &Machine<S> {
        &self.machine
    }
}

impl<R: Runtime, S: System> Drop for Lease<R, S> {
    fn drop(&mut self) {
        let (request, end) = (self.request, self.end);
        self.cluster.shared().with(|state| {
            // No entry: the machine was lost, and the manager has already forgotten the request (F4).
            let Occupied(mut entry) = state.requests.entry(request) else {
                return;
            };
            let RequestEntry::Leased(leased) = entry.get_mut() else {
                return;
            };
            if leased.calls.is_empty() {
                let outcome = leased.outcome(end);
                entry.remove();
                state.feed(Event::Done {
                    request,
                    machine: Some(self.machine.id()),
                    outcome,
                });
            } else {
                leased.ended = Some(end);
                let cancels: Vec<_> = leased
                    .calls
                    .iter()
                    .map(|(_, cancel)| Effect::Raise(cancel.clone()))
                    .collect();
                cancels.into_iter().for_each(|cancel| state.push(cancel));
            }
        });
    }
}

impl<R: Runtime, S: System> fmt::Debug for Lease<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("request", &self.request)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
