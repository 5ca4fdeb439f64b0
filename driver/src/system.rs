//! The trait `System`: how machines are started, stopped, polled and called; and a start and a call as a system receives them.

use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::mpsc;
use futures::future::select;
use futures::{SinkExt as _, StreamExt as _};
use remuda::{KindId, MachineId, RequestId, Resources, TaskId};
use remuda_worker::wire::{Figures, Stream};

use crate::error::{CallError, StartError};
use crate::signal::Signal;

/// How machines start, stop, are polled and called.
///
/// Implement it for another kind of machine. The driver calls the methods in its own tasks and never under a lock. A future
/// may take any time; those with a time-out (start, stop, poll) are dropped after it. A panic counts as a failure.
///
/// To test a system without a cluster, make its calls with [`Invocation::new`].
pub trait System: Send + Sync + 'static {
    /// A running machine.
    type Machine: Send + Sync + 'static;

    /// Starts a machine and resolves when it can take calls (S8, S19). The future is dropped when the start time-out has
    /// passed, when the machine is no longer wanted, or when the cluster shuts down; all that it started must then end.
    fn start(&self, start: Start)
    -> impl Future<Output = Result<Self::Machine, StartError>> + Send;

    /// Starts several machines of one kind, with ids in a row (G4), and returns a future for each, in the same order. Each
    /// resolves, and may be dropped, on its own, as that of [`start`](System::start), which the default calls for each.
    ///
    /// Implement it where one call starts them all, such as `sbatch --array`: the futures can share that call (see
    /// [`FutureExt::shared`](futures::FutureExt::shared)). They are polled by one task until their machines are up.
    fn start_many(
        &self,
        starts: Vec<Start>,
    ) -> Vec<impl Future<Output = Result<Self::Machine, StartError>> + Send> {
        starts.into_iter().map(|start| self.start(start)).collect()
    }

    /// What a machine that has come up offers, of its kind's `capacity`; by default all of it. More is not used (R4). If it
    /// offers less, its start has failed (F9), unless [`Options::admit_less`](crate::Options::admit_less) admits it.
    fn offer(&self, machine: &Self::Machine, capacity: Resources) -> Resources {
        let _ = machine;
        capacity
    }

    /// Resolves with the reason when the machine has ended and none of its processes runs any more (S12).
    fn stopped(&self, machine: &Self::Machine) -> impl Future<Output = String> + Send;

    /// Resolves when the machine says that it must go, with the time it has: it is drained until then (D1). It is asked
    /// again after that, as the time may become shorter. Never resolves by default.
    fn leaving(&self, machine: &Self::Machine) -> impl Future<Output = Duration> + Send {
        let _ = machine;
        std::future::pending()
    }

    /// Asks the machine to end; [`stopped`](System::stopped) must resolve when it has. The driver calls [`kill`](System::kill) if [`stopped`](System::stopped) does not resolve
    /// within the stop time-out.
    fn stop(&self, machine: &Self::Machine) -> impl Future<Output = ()> + Send;

    /// Ends the machine by force. Must return at once.
    fn kill(&self, machine: &Self::Machine);

    /// How long after [`kill`](System::kill) the machine may still run something, where it cannot be reached. The driver waits
    /// at least so long for [`stopped`](System::stopped), whatever [`Options::kill_timeout`](crate::Options::kill_timeout) says,
    /// before it gives the machine's work to others. Zero by default.
    fn kill_limit(&self, machine: &Self::Machine) -> Duration {
        let _ = machine;
        Duration::ZERO
    }

    /// Resolves when nothing runs any more of what this system has still to end after all: of starts that were given up, say. A
    /// shutdown waits for it when all machines have ended. Resolves at once by default.
    fn finished(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Asks for the machine's figures. Each part is independent (S17): a part that could not be read is `None`.
    fn poll(&self, machine: &Self::Machine) -> impl Future<Output = Figures> + Send;

    /// Calls a function on the machine. Must resolve only when the call has ended on the machine, also after a cancel
    /// (F12); see [`Invocation::cancelled`].
    fn call(
        &self,
        machine: &Self::Machine,
        call: Invocation,
    ) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send;

    /// Tells the machine to drop the result of a task (S15). An error is only logged. Does nothing by default.
    fn discard(
        &self,
        machine: &Self::Machine,
        task: TaskId,
    ) -> impl Future<Output = Result<(), String>> + Send {
        let _ = (machine, task);
        async { Ok(()) }
    }

    /// By what the machine can be found again when the driver was killed and is [resumed](crate::Cluster::resume): it is
    /// written to the journal. None, by default, if it ends with its driver.
    fn token(&self, machine: &Self::Machine) -> Option<String> {
        let _ = machine;
        None
    }

    /// In a cluster that is resumed: resolves with a machine of the earlier driver when it comes back, or with `None` when
    /// nothing that it ran can be alive any more. By default that is at once, as is right where machines end with their
    /// driver and all of them have ended.
    fn adopt(&self, adopt: Adopt) -> impl Future<Output = Option<Self::Machine>> + Send {
        let _ = adopt;
        async { None }
    }

    /// In a cluster that is resumed: a machine with this [token](System::token) had ended before, and no note of topic `ended`
    /// says that the system was through with it. Ignored by default.
    fn ended(&self, id: MachineId, token: String) {
        let _ = (id, token);
    }

    /// The machine's name in messages; its id by default.
    fn name(&self, id: MachineId, machine: &Self::Machine) -> String {
        let _ = machine;
        id.to_string()
    }
}

/// The start of one machine, as a [`System`] receives it.
#[derive(Debug)]
pub struct Start {
    /// The id of the machine. It is never used for another.
    pub id: MachineId,
    /// The kind of machine that is wanted (R2).
    pub kind: KindId,
    /// What a machine of this kind has.
    pub capacity: Resources,
    /// How long the machine should wait for a word of its driver before it ends by itself (F8), see
    /// [`worker_silence`](crate::worker_silence). Zero: for ever.
    pub silence: Duration,
    progress: Progress,
}

impl Start {
    /// A start without a limit of silence, and the driver's end of it. You need it to test a [`System`] without a cluster.
    pub fn new(id: MachineId, kind: KindId, capacity: Resources) -> (Start, Progress) {
        let progress = Progress::default();
        let start = Start {
            id,
            kind,
            capacity,
            silence: Duration::ZERO,
            progress: progress.clone(),
        };
        (start, progress)
    }

    /// Says that the start is accepted, and queued elsewhere (in a batch system, say) for a time that is not known: the
    /// start time-out does not run until [`booting`](Start::booting).
    ///
    /// ```
    /// use remuda_driver::Start;
    /// use remuda_driver::remuda::{KindId, MachineId, Resources};
    ///
    /// let (start, progress) = Start::new(MachineId(0), KindId(0), Resources::procs(2));
    /// start.queued();
    /// assert!(progress.is_queued());
    /// start.booting();
    /// assert!(!progress.is_queued());
    /// ```
    pub fn queued(&self) {
        self.progress.queued.raise();
    }

    /// Says that the machine boots now: the start time-out begins, again if it ran before. Only the first call counts.
    pub fn booting(&self) {
        self.progress.booting.raise();
    }
}

/// A machine of an earlier driver, as a [`System`] is to find it again. See [`System::adopt`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adopt {
    /// Its id.
    pub id: MachineId,
    /// Its kind.
    pub kind: KindId,
    /// What [`System::token`] said of it.
    pub token: Option<String>,
    /// What was granted there.
    pub running: Vec<RequestId>,
    /// How long it waits for a word of its driver before it ends by itself ([`Start::silence`]).
    pub silence: Duration,
}

/// What a [`Start`] has said of itself.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    queued: Signal,
    booting: Signal,
}

impl Progress {
    /// Whether the start is queued elsewhere.
    pub fn is_queued(&self) -> bool {
        self.queued.is_raised() && !self.booting.is_raised()
    }

    /// Resolves when the start is queued elsewhere, or the machine boots.
    pub(crate) async fn untimed(&self) {
        let queued = std::pin::pin!(self.queued.wait());
        select(queued, std::pin::pin!(self.booting.wait())).await;
    }

    /// Resolves when the machine boots.
    pub(crate) async fn booting(&self) {
        self.booting.wait().await;
    }
}

/// One call of a function, as a [`System`] receives it.
#[derive(Debug)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// Its arguments, encoded with postcard.
    pub args: Vec<u8>,
    /// Where the call's output goes.
    pub output: Output,
    pub(crate) orders: Orders,
    /// The number that a worker knows the call by: the same whichever driver makes it.
    pub(crate) number: Option<u64>,
}

/// What the client wants of a running call: that it is over, or that it ends by itself. Each is said once.
#[derive(Debug)]
pub(crate) struct Orders {
    cancel: Option<Signal>,
    end: Option<Ending>,
}

/// An order to a running call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Its result is no longer wanted.
    Cancel,
    /// It is to end within this time.
    End(Duration),
}

/// Raised when a call is to end by itself, with the time that it has.
#[derive(Clone, Debug, Default)]
struct Ending(Arc<(OnceLock<Duration>, Signal)>);

impl Orders {
    /// The next order; never, if none comes.
    pub(crate) async fn next(&mut self) -> Order {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Whether the cancel has come.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_none()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Order> {
        if let Some(cancel) = &self.cancel
            && cancel.poll_wait(cx).is_ready()
        {
            self.cancel = None;
            return Poll::Ready(Order::Cancel);
        }
        if let Some(Ending(end)) = &self.end
            && end.1.poll_wait(cx).is_ready()
        {
            let grace = end.0.get().copied().unwrap_or_default();
            self.end = None;
            return Poll::Ready(Order::End(grace));
        }
        Poll::Pending
    }
}

impl Invocation {
    /// A call of `function`, and the caller's end of it. The driver makes calls with it; you need it to test a [`System`]
    /// without a cluster. `args` are encoded with postcard.
    ///
    /// ```
    /// use futures::FutureExt as _;
    /// use remuda_driver::{Chunk, Invocation, Stream};
    ///
    /// let (mut call, mut caller) = Invocation::new("echo", b"hi".to_vec());
    /// let stream = Stream::Stdout;
    /// let chunk = Chunk { stream, bytes: call.args.clone() };
    /// assert_eq!(call.output.send(chunk.clone()).now_or_never(), Some(true));
    /// assert_eq!(caller.output().now_or_never(), Some(Some(chunk)));
    ///
    /// let cancelled = call.cancelled();
    /// caller.cancel();
    /// assert_eq!(cancelled.now_or_never(), Some(()));
    /// ```
    pub fn new(function: impl Into<String>, args: Vec<u8>) -> (Invocation, Caller) {
        let (sender, output) = mpsc::channel(1);
        let (cancel, end) = (Signal::default(), Ending::default());
        let orders = Orders {
            cancel: Some(cancel.clone()),
            end: Some(end.clone()),
        };
        let invocation = Invocation {
            function: function.into(),
            args,
            output: Output(sender),
            orders,
            number: None,
        };
        let caller = Caller {
            output,
            cancel,
            end,
        };
        (invocation, caller)
    }

    /// Resolves when the result of the call is no longer wanted. End the call, and resolve [`System::call`] when it has
    /// ended.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let cancel = self.orders.cancel.clone();
        async move {
            // It is taken only by `Orders::next`, which resolves then.
            if let Some(cancel) = cancel {
                cancel.wait().await;
            }
        }
    }

    /// Resolves when the call is to end by itself, with the time it has for that. Its output and result count as ever. A
    /// system that cannot pass this on may ignore it.
    ///
    /// ```
    /// use futures::FutureExt as _;
    /// use remuda_driver::Invocation;
    /// use std::time::Duration;
    ///
    /// let (call, caller) = Invocation::new("echo", Vec::new());
    /// assert_eq!(call.ending().now_or_never(), None);
    /// caller.end(Duration::from_secs(5));
    /// assert_eq!(call.ending().now_or_never(), Some(Duration::from_secs(5)));
    /// ```
    pub fn ending(&self) -> impl Future<Output = Duration> + Send + 'static {
        let end = self.orders.end.clone();
        async move {
            let Some(Ending(end)) = end else {
                return Duration::ZERO;
            };
            end.1.wait().await;
            end.0.get().copied().unwrap_or_default()
        }
    }
}

/// The caller's end of an [`Invocation`]. Dropping it cancels the call.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct Caller {
    output: mpsc::Receiver<Chunk>,
    cancel: Signal,
    end: Ending,
}

impl Caller {
    /// The next piece of output, or `None` when the [`Output`] is dropped and everything is read.
    pub async fn output(&mut self) -> Option<Chunk> {
        self.output.next().await
    }

    /// Asks for the end of the call: [`Invocation::cancelled`] resolves.
    pub fn cancel(&self) {
        self.cancel.raise();
    }

    /// Asks the call to end by itself within a time: [`Invocation::ending`] resolves. Only the first time counts.
    pub fn end(&self, grace: Duration) {
        let Ending(end) = &self.end;
        let _ = end.0.set(grace);
        end.1.raise();
    }

    pub(crate) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.output.poll_next_unpin(cx)
    }

    /// The flag that [`cancel`](Caller::cancel) raises.
    pub(crate) fn signal(&self) -> &Signal {
        &self.cancel
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.cancel.raise();
    }
}

/// The output of a call on its way to the client.
#[derive(Debug)]
pub struct Output(pub(crate) mpsc::Sender<Chunk>);

impl Output {
    /// Sends a chunk to the client and waits until there is space for it. Returns false if the client has dropped the call.
    pub async fn send(&mut self, chunk: Chunk) -> bool {
        self.0.send(chunk).await.is_ok()
    }
}

/// A piece of a call's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which of the two streams it belongs to.
    pub stream: Stream,
    /// The bytes. The process system sends at most 64 KiB in a chunk.
    pub bytes: Vec<u8>,
}
