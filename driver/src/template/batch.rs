//! One call of the start command, and the machines that it starts.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use remuda::MachineId;

use super::command::first_line;
use super::hint::start_error;
use super::stops::Stops;
use super::words::Values;
use crate::error::StartError;
use crate::ongoing::Ongoing;
use crate::runtime::Runtime;
use crate::text::{Keep, harmless};

/// Resolves when the start command is through; an error: why it has failed.
pub(super) type Through = Shared<BoxFuture<'static, Result<(), StartError>>>;

/// One call of the start command.
pub(super) struct Batch<R> {
    words: Vec<String>,
    input: String,
    /// What the names of the stop template stand for, but those of one machine.
    values: Values,
    first: MachineId,
    limit: Duration,
    stops: Stops<R>,
    through: Through,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The machines that are to be ended as soon as there is a handle.
    unwanted: Vec<u64>,
}

enum Phase {
    /// The command has not been run; the sender is told when it is through.
    New(oneshot::Sender<Result<(), StartError>>),
    Running,
    /// It went well, and has printed this handle.
    Started(String),
    Failed,
}

impl<R: Runtime> Batch<R> {
    pub(super) fn new(
        words: Vec<String>,
        input: String,
        values: Values,
        first: MachineId,
        limit: Duration,
        stops: Stops<R>,
    ) -> Arc<Batch<R>> {
        let (sender, through) = oneshot::channel();
        // Without its sender, the runtime ends.
        let through = async { through.await.unwrap_or(Ok(())) };
        Arc::new(Batch {
            words,
            input,
            values,
            first,
            limit,
            stops,
            through: through.boxed().shared(),
            state: Mutex::new(State {
                phase: Phase::New(sender),
                unwanted: Vec::new(),
            }),
        })
    }

    /// A call that an earlier driver has made, as far as it is needed to end its machines.
    pub(super) fn of_earlier_driver(
        handle: String,
        values: Values,
        first: MachineId,
        stops: Stops<R>,
    ) -> Arc<Batch<R>> {
        let batch = Batch::new(
            Vec::new(),
            String::new(),
            values,
            first,
            Duration::ZERO,
            stops,
        );
        batch.state().phase = Phase::Started(handle);
        batch
    }

    /// Runs the command, unless it runs or has run. It goes on when no start waits for it any more: only its handle says how
    /// to end what it has started.
    fn begin(self: &Arc<Self>, runtime: &R, ongoing: &Ongoing) {
        let mut state = self.state();
        match std::mem::replace(&mut state.phase, Phase::Running) {
            Phase::New(sender) => {
                drop(state);
                let (batch, own_runtime) = (self.clone(), runtime.clone());
                let going_on = ongoing.begin();
                runtime.spawn(async move {
                    let through = batch.run(&own_runtime).await;
                    if through.is_err() {
                        batch.state().phase = Phase::Failed;
                    }
                    let _ = sender.send(through);
                    drop(going_on);
                });
            }
            phase => state.phase = phase,
        }
    }

    async fn run(&self, runtime: &R) -> Result<(), StartError> {
        if self.words.is_empty() {
            return Err(StartError::new("the start template is empty"));
        }
        let handle = first_line(runtime, &self.words, &self.input, self.limit);
        let handle = handle.await.map_err(start_error)?;
        if handle.is_empty() && self.stops.want("handle") {
            let command = harmless(&self.words.join(" "), Keep::Start(500));
            return Err(StartError::new(format!(
                "`{command}`: it printed no handle on its standard output, by which to stop what it has started"
            )));
        }
        let command = harmless(&self.words.join(" "), Keep::Start(500));
        let shown = harmless(&handle, Keep::Start(200));
        tracing::info!("`{command}` printed: {shown}");
        let unwanted = {
            let mut state = self.state();
            state.phase = Phase::Started(handle.clone());
            std::mem::take(&mut state.unwanted)
        };
        for index in unwanted {
            self.stop(&handle, index);
        }
        Ok(())
    }

    /// Ends one machine, as soon as it is known how.
    fn end(&self, index: u64) {
        let mut state = self.state();
        let handle = match &state.phase {
            Phase::Started(handle) => handle.clone(),
            Phase::New(_) | Phase::Running => {
                state.unwanted.push(index);
                return;
            }
            Phase::Failed => return,
        };
        drop(state);
        self.stop(&handle, index);
    }

    fn stop(&self, handle: &str, index: u64) {
        let machine = MachineId(self.first.0 + index);
        let values = { self.values.clone() }
            .with("handle", handle)
            .with("index", index)
            .with("machine", machine.0);
        self.stops.push(machine, values);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> fmt::Debug for Batch<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batch").field(&self.words).finish()
    }
}

/// One machine of a call. Dropping it ends the machine.
#[derive(Debug)]
pub(super) struct Member<R: Runtime> {
    batch: Arc<Batch<R>>,
    index: u64,
    ended: AtomicBool,
}

impl<R: Runtime> Member<R> {
    pub(super) fn new(batch: Arc<Batch<R>>, index: u64) -> Member<R> {
        Member {
            batch,
            index,
            ended: AtomicBool::new(false),
        }
    }

    /// Has the start command run, once for all machines of the call.
    pub(super) fn begin(&self, runtime: &R, ongoing: &Ongoing) -> Through {
        self.batch.begin(runtime, ongoing);
        self.batch.through.clone()
    }

    /// Its number in the call, and what the call has printed, if it went well and is through.
    pub(super) fn started(&self) -> Option<(u64, String)> {
        match &self.batch.state().phase {
            Phase::Started(handle) => Some((self.index, handle.clone())),
            Phase::New(_) | Phase::Running | Phase::Failed => None,
        }
    }

    /// Has the stop command run for this machine, once.
    pub(super) fn end(&self) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            self.batch.end(self.index);
        }
    }
}

impl<R: Runtime> Drop for Member<R> {
    fn drop(&mut self) {
        self.end();
    }
}
