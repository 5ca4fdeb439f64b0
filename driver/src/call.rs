//! A call of a function on a machine: its output and its result.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use remuda::{Event, MachineId, RequestId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CallError;
use crate::machine::Machine;
use crate::panics::catch_panic_in;
use crate::runtime::{Runtime, pass};
use crate::shared::Shared;
use crate::signal::Signal;
use crate::system::{Caller, Chunk, Invocation, System};
use crate::tables::{CallEnd, RequestEntry};
use crate::worker_link::call_number;

/// How many chunks of unread output are discarded in one poll.
const READ_AT_ONCE: usize = 64;

/// Most arguments have no more bytes.
const ARGS: usize = 256;

/// A running call. Await it for the result; [`output`](Call::output) returns what it prints meanwhile.
///
/// Output that is not read is discarded when the result is awaited. Dropping a call cancels it.
#[must_use = "dropping a call cancels it"]
pub struct Call<T> {
    /// Cancels the call when it is dropped.
    caller: Caller,
    result: oneshot::Receiver<Result<Vec<u8>, CallError>>,
    result_type: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    /// The next piece of output, or `None` when the call has ended. If the client reads slowly, the call is slowed down;
    /// its output does not pile up in memory.
    pub async fn output(&mut self) -> Option<Chunk> {
        self.caller.output().await
    }

    /// Asks the machine to end the call. The call resolves when it has ended there (F12), or after
    /// [`Options::cancel_timeout`](crate::Options::cancel_timeout).
    pub fn cancel(&self) {
        self.caller.cancel();
    }

    /// Asks the machine to have the call end by itself, within a time: a job gets SIGTERM, and SIGKILL after that time. Its
    /// output and its result come as ever. Only the first time counts; [`cancel`](Call::cancel) ends it sooner.
    pub fn end(&self, grace: Duration) {
        self.caller.end(grace);
    }
}

impl<T: DeserializeOwned> Future for Call<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        for read in 1.. {
            let Poll::Ready(Some(_)) = self.caller.poll_output(cx) else {
                break;
            };
            // A call that prints without end must not block the other work of the client's task.
            if read == READ_AT_ONCE {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let Poll::Ready(result) = self.result.poll_unpin(cx) else {
            return Poll::Pending;
        };
        let result = result.unwrap_or_else(|_| {
            Err(CallError::Unreachable(
                "the call ended without an answer".into(),
            ))
        });
        Poll::Ready(result.and_then(|bytes| decode(&bytes)))
    }
}

/// Decodes the result of a call. Bytes that are left over are an error: the result then has another type.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CallError> {
    let wrong = |what: String| {
        let name = std::any::type_name::<T>();
        CallError::Invalid(format!("the result is not a {name}: {what}"))
    };
    match postcard::take_from_bytes(bytes) {
        Ok((result, [])) => Ok(result),
        Ok((_, rest)) => Err(wrong(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("cancelled", &self.caller.signal().is_raised())
            .finish_non_exhaustive()
    }
}

impl<T> Call<T> {
    /// Starts a call on `machine`, under the lease of `request` if there is one.
    pub(crate) fn start<R: Runtime, S: System, A: Serialize + ?Sized>(
        shared: &Arc<Shared<R, S>>,
        machine: &Arc<Machine<S>>,
        request: Option<RequestId>,
        function: &str,
        args: &A,
    ) -> Call<T> {
        let (answer, result) = oneshot::channel();
        let (args, invalid) = match postcard::to_extend(args, Vec::with_capacity(ARGS)) {
            Ok(args) => (args, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let (mut invocation, caller) = Invocation::new(function, args);
        let cancel = caller.signal().clone();
        let call = Call {
            caller,
            result,
            result_type: PhantomData,
        };
        if let Some(error) = invalid {
            let _ = answer.send(Err(CallError::Invalid(format!(
                "the arguments of `{function}` do not encode: {error}"
            ))));
            return call;
        }
        let Some(registered) = register(shared, request, &cancel) else {
            let _ = answer.send(Err(CallError::Lost(machine.why_dead().to_string())));
            return call;
        };
        let numbered = registered.map(|(request, _, nth)| (request, nth));
        invocation.number = numbered.and_then(|(request, nth)| call_number(request, nth));
        let registered = registered.map(|(request, id, _)| (request, id));
        let (task, machine) = (shared.clone(), machine.clone());
        // Created outside the async block: a runtime that has ended drops the task without polling it.
        let mut registration = Registration {
            shared: shared.clone(),
            machine: machine.id(),
            registered,
            end: CallEnd::Unreachable,
        };
        shared.runtime.spawn(async move {
            let ended = Box::pin(catch_panic_in(
                task.system.call(machine.handle(), invocation),
            ));
            let ended = select(ended, machine.dead.clone());
            let ended = match task.options.cancel_timeout {
                None => Some(ended.await),
                Some(limit) => {
                    let ignored = Box::pin(ignored(&task.runtime, &cancel, limit));
                    match select(ended, ignored).await {
                        Either::Left((ended, _)) => Some(ended),
                        Either::Right(_) => None,
                    }
                }
            };
            let abandoned = ended.is_none();
            let result = match ended {
                Some(Either::Left((result, _))) => result.unwrap_or_else(|panic| {
                    Err(CallError::Unreachable(format!("the system {panic}")))
                }),
                Some(Either::Right((why, call))) => {
                    drop(call);
                    Err(CallError::Lost(why.map_or_else(
                        |_| "nothing watches it any more".into(),
                        |why| why.to_string(),
                    )))
                }
                None => {
                    let limit = task.options.cancel_timeout.unwrap_or_default();
                    let why = format!("it did not end within {limit:?} after its cancel");
                    Err(CallError::Unreachable(why))
                }
            };
            if let Err(CallError::Lost(_)) = result {
                // The manager before the client: a new request of the client must not be granted the dead machine.
                let _ = machine.dead.clone().await;
            }
            // The lease before the client: what the client does next finds the call ended.
            registration.end = match (&result, abandoned) {
                (_, true) => CallEnd::Abandoned,
                (
                    Err(CallError::Machine(_) | CallError::Unreachable(_) | CallError::Lost(_)),
                    _,
                ) => CallEnd::Unreachable,
                _ => CallEnd::Answered,
            };
            drop(registration);
            let _ = answer.send(result);
        });
        call
    }
}

/// Resolves when a call was cancelled and the time-out has passed since.
async fn ignored<R: Runtime>(runtime: &R, cancel: &Signal, limit: Duration) {
    cancel.wait().await;
    pass(runtime, limit).await;
}

/// Adds a call to its lease, if it has one: the request, the call's id, and how many calls of the lease were before it.
/// Returns `None` if the lease is lost.
fn register<R: Runtime, S: System>(
    shared: &Arc<Shared<R, S>>,
    request: Option<RequestId>,
    cancel: &Signal,
) -> Option<Option<(RequestId, u64, u32)>> {
    let Some(request) = request else {
        return Some(None);
    };
    shared.with(|state| {
        let id = state.new_id();
        let Some(RequestEntry::Leased(leased)) = state.requests.get_mut(&request) else {
            return None;
        };
        leased.calls.push((id, cancel.clone()));
        let nth = leased.made;
        leased.made = nth.saturating_add(1);
        Some(Some((request, id, nth)))
    })
}

/// A running call in the record of its lease, if it has one. Dropped when the call has ended, in whatever way. After the last
/// call of a lease that the client has ended, the manager is told that it is done (F12).
struct Registration<R: Runtime, S: System> {
    shared: Arc<Shared<R, S>>,
    machine: MachineId,
    registered: Option<(RequestId, u64)>,
    end: CallEnd,
}

impl<R: Runtime, S: System> Drop for Registration<R, S> {
    fn drop(&mut self) {
        let Some((request, id)) = self.registered else {
            return;
        };
        let cancel = self.shared.with(|state| {
            let Some(RequestEntry::Leased(leased)) = state.requests.get_mut(&request) else {
                return None;
            };
            let at = leased.calls.iter().position(|&(call, _)| call == id)?;
            let (_, cancel) = leased.calls.swap_remove(at);
            leased.call_ended(self.end);
            if leased.calls.is_empty()
                && let Some(end) = leased.ended
            {
                let outcome = leased.outcome(end);
                state.requests.remove(&request);
                state.feed(Event::Done {
                    request,
                    machine: Some(self.machine),
                    outcome,
                });
            }
            Some(cancel)
        });
        // The last clone of the flag drops wakers: not under the lock.
        drop(cancel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remuda_worker::wire::Stream;

    #[test]
    fn a_result_of_another_type_is_not_taken_for_its_beginning() {
        let bytes = postcard::to_allocvec(&(7_u8, 8_u8)).expect("it encodes");
        assert_eq!(decode(&bytes), Ok((7_u8, 8_u8)));
        let cut = decode::<u8>(&bytes).expect_err("it is longer");
        assert_eq!(
            cut.to_string(),
            "the result is not a u8: 1 bytes are left over"
        );
        let short = decode::<(u8, u8, u8)>(&bytes).expect_err("it is shorter");
        assert!(
            short
                .to_string()
                .starts_with("the result is not a (u8, u8, u8): ")
        );
    }

    #[test]
    fn a_call_that_prints_a_lot_lets_others_run_meanwhile() {
        let (answer, result) = oneshot::channel();
        let (invocation, caller) = Invocation::new("prints", Vec::new());
        let mut call: Call<()> = Call {
            caller,
            result,
            result_type: PhantomData,
        };
        // The capacity of the channel grows by one with each sender.
        for _ in 0..=READ_AT_ONCE * 2 {
            let bytes = Vec::new();
            let stream = Stream::Stdout;
            let sent = invocation
                .output
                .0
                .clone()
                .try_send(Chunk { stream, bytes });
            sent.expect("each sender has its own slot");
        }
        answer.send(Ok(Vec::new())).expect("the call listens");
        let mut polls = 1;
        while (&mut call).now_or_never().is_none() {
            polls += 1;
        }
        assert_eq!(polls, 3);
    }
}
