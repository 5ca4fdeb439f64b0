//! What goes from the run to the mirror: events, notes and names, in the order in which they came. The run hands them over and
//! waits for nobody.
use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant as Clock;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Shared as SharedFuture, poll_fn};
use futures::task::AtomicWaker;
use remuda::journal::Note;
use remuda::{Action, Event, Instant, MachineId, Manager, RequestId};
use remuda_tokio::Recorder;
use std::task::Poll;

/// So many may wait for the mirror, some 100 MB. A mirror that is further behind is given up, not the run.
const MOST: usize = 1 << 20;

/// Clones are handles of the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Of the task that feeds the mirror.
    waker: AtomicWaker,
    /// Resolves when the queue's `open` is dropped.
    over: SharedFuture<oneshot::Receiver<()>>,
}

impl Default for Shared {
    fn default() -> Shared {
        let (open, over) = oneshot::channel();
        let open = Some(open);
        Shared {
            queue: Mutex::new(Queue {
                open,
                ..Queue::default()
            }),
            waker: AtomicWaker::default(),
            over: over.shared(),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    items: Vec<Item>,
    /// A time of the run's clock, and what this host's clock said then.
    clock: Option<(Instant, Clock)>,
    end: Option<End>,
    /// There as long as there is no end.
    open: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
pub(super) enum Item {
    Event(Instant, Event),
    Note {
        time: Instant,
        machine: MachineId,
        topic: String,
        text: String,
    },
    /// What a request is for.
    Name(RequestId, String),
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The run is over.
    Over,
    /// The mirror was too slow.
    Behind,
}

impl Feed {
    /// Says what a request is for, which the manager is not told.
    pub(crate) fn name(&self, request: RequestId, name: &str) {
        self.push(|_| Item::Name(request, name.to_owned()));
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.lock().close(End::Over);
        self.0.waker.wake();
    }

    /// Takes what waits.
    pub(super) fn take(&self) -> Vec<Item> {
        mem::take(&mut self.lock().items)
    }

    /// Why nothing more comes, if that is so.
    pub(super) fn ended(&self) -> Option<End> {
        self.lock().end
    }

    /// Resolves when nothing more comes.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.over.clone().map(|_| ())
    }

    /// The time on the run's clock; none before the first event.
    pub(super) fn now(&self) -> Option<Instant> {
        let (then, clock) = self.lock().clock?;
        then.checked_add(clock.elapsed())
    }

    /// Resolves once something waits; false at the end.
    pub(super) async fn waits(&self) -> bool {
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            let queue = self.lock();
            match (queue.items.is_empty(), queue.end) {
                (false, _) => Poll::Ready(true),
                (true, Some(_)) => Poll::Ready(false),
                (true, None) => Poll::Pending,
            }
        })
        .await
    }

    fn push(&self, item: impl FnOnce(&mut Queue) -> Item) {
        let mut queue = self.lock();
        if queue.end.is_some() {
            return;
        }
        let item = item(&mut queue);
        if queue.items.len() >= MOST {
            queue.items = Vec::new();
            queue.close(End::Behind);
            return;
        }
        queue.items.push(item);
        let first = queue.items.len() == 1;
        drop(queue);
        if first {
            self.0.waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn close(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.open = None;
    }
}

impl Recorder for Feed {
    fn begin(&mut self, now: Instant, _: &Manager) {
        self.lock().clock = Some((now, Clock::now()));
    }

    fn record(&mut self, now: Instant, event: &Event, _: &[Action], _: &Manager) {
        self.push(|queue| {
            // A run that goes on after another has no beginning.
            queue.clock.get_or_insert_with(|| (now, Clock::now()));
            Item::Event(now, *event)
        });
    }

    fn note(&mut self, note: &Note<'_>) {
        // Nothing shows the figures of polls.
        if note.topic == "figures" {
            return;
        }
        self.push(|_| Item::Note {
            time: note.time,
            machine: note.machine,
            topic: note.topic.to_owned(),
            text: note.text.to_owned(),
        });
    }
}
