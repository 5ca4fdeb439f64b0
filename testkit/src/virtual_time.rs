//! A runtime whose time stands still until a test moves it, and whose tasks run one at a time in the order in which they
//! were woken: the same run every time, however slow the machine is.
//!
//! Tasks are spawned on a real runtime, which polls them on its own threads; here they only wait for their turn. The
//! test takes turns too, and knows when nobody wants one any more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use remuda_driver::remuda::Instant;
use remuda_driver::{Child, Runtime};
use tracing::{Dispatch, dispatcher};

/// The tasks of `R` on virtual time. Clones share their time and their turns.
#[derive(Clone)]
pub struct Virtual<R> {
    runtime: R,
    world: Arc<World>,
}

struct World {
    state: Mutex<State>,
    /// Where all that runs here logs to.
    log: Dispatch,
}

#[derive(Default)]
struct State {
    now: Instant,
    /// Who sleeps, by the end of the sleep.
    sleeps: BTreeMap<(Instant, u64), Waker>,
    /// The tasks that have not ended, with what has the runtime poll them once it has polled them before.
    tasks: HashMap<u64, Option<Waker>>,
    /// The tasks that want a turn, in the order in which they were woken.
    woken: VecDeque<u64>,
    /// Somebody has the turn: a task or the test.
    taken: bool,
    /// The test, when it waits until nobody wants a turn.
    quiet: Option<Waker>,
    next_id: u64,
}

impl State {
    fn mint(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A task has ended, though it may have been woken since its turn began. Its waker is not for dropping under the lock.
    fn end(&mut self, task: u64) -> Option<Waker> {
        self.woken.retain(|&woken| woken != task);
        self.tasks.remove(&task).flatten()
    }

    fn is_quiet(&self) -> bool {
        !self.taken && self.woken.is_empty()
    }

    /// Whom to wake now that something has changed; outside of the lock.
    fn next_up(&mut self) -> Option<Waker> {
        if self.is_quiet() {
            return self.quiet.take();
        }
        let first = self.woken.front().filter(|_| !self.taken)?;
        // One that the runtime has not polled yet is polled in any case.
        self.tasks.get(first)?.clone()
    }
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics under this lock")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let next = {
            let mut state = self.state();
            change(&mut state);
            state.next_up()
        };
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

/// Whoever holds it has the turn.
struct Turn<'a>(&'a World);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.taken = false);
    }
}

impl<R> Virtual<R> {
    /// Time zero, and nobody there. All that runs logs to `log`.
    pub fn new(runtime: R, log: Dispatch) -> Self {
        let state = Mutex::default();
        Virtual {
            runtime,
            world: Arc::new(World { state, log }),
        }
    }

    /// Resolves when nobody wants a turn: then nothing happens before the test does something.
    pub async fn quiet(&self) {
        poll_fn(|cx| {
            let mut state = self.world.state();
            if state.is_quiet() {
                return Poll::Ready(());
            }
            state.quiet = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Time moves on to `at`, and the test takes a turn: nobody else runs before `act` is over. Then those whose sleep is
    /// over are woken, in the order of its end.
    ///
    /// # Panics
    /// When it is not quiet.
    pub fn turn<T>(&self, at: Instant, act: impl FnOnce() -> T) -> T {
        {
            let mut state = self.world.state();
            assert!(state.is_quiet(), "somebody else has the turn");
            state.taken = true;
            state.now = state.now.max(at);
        }
        let turn = Turn(&self.world);
        let result = dispatcher::with_default(&self.world.log, act);
        let over = {
            let mut state = self.world.state();
            let later = (Instant(state.now.0.saturating_add(1)), 0);
            let asleep = state.sleeps.split_off(&later);
            std::mem::replace(&mut state.sleeps, asleep)
        };
        over.into_values().for_each(Waker::wake);
        drop(turn);
        result
    }

    /// When the first sleep ends.
    pub fn next_waking(&self) -> Option<Instant> {
        let state = self.world.state();
        state.sleeps.keys().next().map(|&(at, _)| at)
    }

    /// How many tasks have not ended.
    pub fn tasks(&self) -> usize {
        self.world.state().tasks.len()
    }
}

impl<R: Runtime> Runtime for Virtual<R> {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut id = 0;
        self.world.change(|state| {
            id = state.mint();
            state.tasks.insert(id, None);
            state.woken.push_back(id);
        });
        let world = self.world.clone();
        let waker = Waker::from(Arc::new(Woken {
            id,
            world: world.clone(),
        }));
        self.runtime.spawn(Task {
            id,
            world,
            waker,
            future: Some(Box::pin(task)),
        });
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        let id = self.world.state().mint();
        let world = self.world.clone();
        Sleep { at, id, world }
    }

    fn now(&self) -> Instant {
        self.world.state().now
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        self.runtime.start(command)
    }
}

/// A task that runs when it is its turn.
struct Task {
    id: u64,
    world: Arc<World>,
    waker: Waker,
    /// Until it has ended.
    future: Option<BoxFuture<'static, ()>>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (mine, _last) = {
            let mut state = this.world.state();
            let last = state.tasks.insert(this.id, Some(cx.waker().clone()));
            let mine = !state.taken && state.woken.front() == Some(&this.id);
            if mine {
                state.woken.pop_front();
                state.taken = true;
            }
            (mine, last)
        };
        if !mine {
            return Poll::Pending;
        }
        let _turn = Turn(&this.world);
        dispatcher::with_default(&this.world.log, || {
            let future = this.future.as_mut().expect("it has not ended");
            let polled = future.as_mut().poll(&mut Context::from_waker(&this.waker));
            if polled.is_ready() {
                this.future = None;
                let _last = this.world.state().end(this.id);
            }
            polled
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.future.take().is_some() {
            let id = self.id;
            let mut last = None;
            self.world.change(|state| last = state.end(id));
            drop(last);
        }
    }
}

/// Wakes a task: it wants a turn.
struct Woken {
    id: u64,
    world: Arc<World>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.world.change(|state| {
            if state.tasks.contains_key(&self.id) && !state.woken.contains(&self.id) {
                state.woken.push_back(self.id);
            }
        });
    }
}

struct Sleep {
    at: Instant,
    id: u64,
    world: Arc<World>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.world.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let last = state.sleeps.insert((self.at, self.id), cx.waker().clone());
        drop(state);
        drop(last);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _last = self.world.state().sleeps.remove(&(self.at, self.id));
    }
}
