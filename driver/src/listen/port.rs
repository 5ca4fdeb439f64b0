//! The port: what it may admit, its sessions, and the starts that wait for a worker.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use remuda::{KindId, MachineId};
use remuda_worker::session::{Key, SessionId};

use super::accept;
use super::session::{Adopted, Session};
use super::system::ConnectedWorker;
use crate::runtime::Runtime;
use crate::signal::Signal;

/// What a port for workers is to be like. [`bind`](Listen::bind) opens it. See the [module](crate::listen).
#[derive(Clone, Debug)]
pub struct Listen {
    pub(super) key: Key,
    pub(super) kinds: Vec<(String, KindId)>,
    pub(super) default_kind: KindId,
    pub(super) functions: Option<Vec<String>>,
    pub(super) hello_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) unfinished: usize,
    pub(super) reconnect: Duration,
    pub(super) epoch: u64,
}

impl Listen {
    /// A port for workers that have this key.
    pub fn new(key: Key) -> Listen {
        Listen {
            key,
            kinds: Vec::new(),
            default_kind: KindId(0),
            functions: None,
            hello_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            unfinished: 256,
            reconnect: Duration::from_secs(300),
            epoch: 0,
        }
    }

    /// A name for a kind, which workers that join may say instead of its number. The first kind that is named is also that of
    /// workers that say none; without a name it is kind 0.
    #[must_use]
    pub fn kind(mut self, name: impl Into<String>, kind: KindId) -> Listen {
        if self.kinds.is_empty() {
            self.default_kind = kind;
        }
        self.kinds.push((name.into(), kind));
        self
    }

    /// The functions that every worker must have, and no others (S19). Without this call they are not compared.
    #[must_use]
    pub fn functions(mut self, functions: impl IntoIterator<Item = impl Into<String>>) -> Listen {
        self.functions = Some(functions.into_iter().map(Into::into).collect());
        self
    }

    /// How long a worker that has proven its key may take to send its hello; default 30 s.
    #[must_use]
    pub fn hello_timeout(mut self, timeout: Duration) -> Listen {
        self.hello_timeout = timeout;
        self
    }

    /// How long a connection may take to prove the key and say what it is for; default 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Listen {
        self.handshake_timeout = timeout;
        self
    }

    /// How many connections there may be that have not done so yet; default 256. Above that the oldest is closed for each new
    /// one, though none in its first second: meanwhile the operating system keeps new ones waiting.
    #[must_use]
    pub fn unfinished(mut self, connections: usize) -> Listen {
        self.unfinished = connections.max(1);
        self
    }

    /// For how long at most a worker that is cut off may keep its jobs, whatever it says itself; default 5 minutes.
    #[must_use]
    pub fn reconnect(mut self, time: Duration) -> Listen {
        self.reconnect = time;
        self
    }

    /// The number of this driver among those of one run: 1 for the first, [`Past::epoch`](crate::Past::epoch) for one that goes
    /// on. Workers keep what a driver after it may ask for, and never again take one of a lower number. Default 0: this driver
    /// will not be started again.
    #[must_use]
    pub fn epoch(mut self, epoch: u64) -> Listen {
        self.epoch = epoch;
        self
    }

    /// Opens the port at `address` (port 0: one that is free), until the last clone of the result is dropped.
    ///
    /// # Errors
    /// The address cannot be bound, or the runtime cannot listen.
    pub fn bind<R: Runtime>(self, runtime: &R, address: SocketAddr) -> io::Result<Listener<R>> {
        self.on(runtime, TcpListener::bind(address)?)
    }

    /// Like [`bind`](Listen::bind), on what is bound already.
    ///
    /// # Errors
    /// The runtime cannot listen on it.
    pub fn on<R: Runtime>(self, runtime: &R, listener: TcpListener) -> io::Result<Listener<R>> {
        let address = listener.local_addr()?;
        let incoming = runtime.listen(listener)?;
        let closed = Signal::default();
        let port = Arc::new(Port {
            runtime: runtime.clone(),
            settings: self,
            state: Mutex::default(),
            told_replaced: AtomicBool::new(false),
        });
        runtime.spawn(accept::run(port.clone(), address, incoming, closed.clone()));
        Ok(Listener {
            port,
            address,
            _open: Arc::new(CloseOnDrop(closed)),
        })
    }
}

/// An open port for workers. Clones are handles of the same port; it is closed when the last one is dropped, and the workers
/// that are there stay.
pub struct Listener<R> {
    pub(super) port: Arc<Port<R>>,
    address: SocketAddr,
    _open: Arc<CloseOnDrop>,
}

impl<R> Clone for Listener<R> {
    fn clone(&self) -> Self {
        Listener {
            port: self.port.clone(),
            address: self.address,
            _open: self._open.clone(),
        }
    }
}

impl<R> fmt::Debug for Listener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

struct CloseOnDrop(Signal);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

impl<R: Runtime> Listener<R> {
    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes in workers that join, from now on, and none before: `kinds` is how many kinds there are.
    pub(crate) fn joining(&self, kinds: usize) -> mpsc::UnboundedReceiver<Joining> {
        let (sender, receiver) = mpsc::unbounded();
        self.port.lock().joins = Some(Joins { sender, kinds });
        receiver
    }
}

/// A worker that wants to join.
pub(crate) struct Joining {
    pub(crate) kind: KindId,
    pub(crate) worker: ConnectedWorker,
}

/// What the connections of one port share.
pub(super) struct Port<R> {
    pub(super) runtime: R,
    pub(super) settings: Listen,
    state: Mutex<State>,
    /// It was said that another driver has taken this one's place.
    told_replaced: AtomicBool,
}

#[derive(Default)]
struct State {
    sessions: HashMap<SessionId, Known>,
    /// The starts that wait for their worker.
    expected: HashMap<u64, Expected>,
    joins: Option<Joins>,
    /// Sessions of the driver before this one, whose workers may come back.
    away: HashMap<SessionId, Away>,
}

/// A session of the driver before this one.
struct Away {
    back: Expected,
    /// For how long its worker keeps its jobs when it is cut off.
    window: Duration,
}

/// A session, as connections see it.
#[derive(Clone)]
struct Known {
    connections: mpsc::UnboundedSender<Adopted>,
    ended: Signal,
}

struct Joins {
    sender: mpsc::UnboundedSender<Joining>,
    kinds: usize,
}

/// What a start waits for: that its worker has begun a session, then its hello.
type Expected = oneshot::Sender<oneshot::Receiver<ConnectedWorker>>;

/// A connection that is of no use, and why, for the worker.
pub(super) type Refused = Box<(Adopted, String)>;

/// Who receives the worker of a session.
pub(super) enum Wanted {
    Start(oneshot::Sender<ConnectedWorker>),
    Join(KindId, mpsc::UnboundedSender<Joining>),
}

impl<R: Runtime> Port<R> {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Only code of this file runs under the lock, and it does not panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session, or goes on with it if the worker has not learnt that it has begun. An error is for the worker.
    pub(super) fn begin(
        self: &Arc<Self>,
        id: SessionId,
        machine: Option<u64>,
        kind: Option<&str>,
        reconnect: Duration,
        adopted: Adopted,
    ) -> Result<(), Refused> {
        // Dropped after the lock, as a task wakes then.
        let _begun;
        let mut state = self.lock();
        if let Some(known) = state.sessions.get(&id) {
            let known = known.clone();
            drop(state);
            return hand_over(&known, adopted);
        }
        // The driver before this one began it, and the worker has not learnt of that: it has run nothing.
        _begun = state.away.remove(&id);
        let wanted = match machine {
            Some(machine) => {
                let Some(expected) = state.expected.remove(&machine) else {
                    let why = format!("no start waits for machine {}", MachineId(machine));
                    return Err(Box::new((adopted, why)));
                };
                let (sender, worker) = oneshot::channel();
                if expected.send(worker).is_err() {
                    let why = format!("machine {} is no longer wanted", MachineId(machine));
                    return Err(Box::new((adopted, why)));
                }
                Wanted::Start(sender)
            }
            None => match self.joining(&state, kind) {
                Ok((kind, sender)) => Wanted::Join(kind, sender),
                Err(why) => return Err(Box::new((adopted, why))),
            },
        };
        let window = reconnect.min(self.settings.reconnect);
        self.spawn(&mut state, id, window, (wanted, false), adopted);
        Ok(())
    }

    /// Starts the task of a session; `again`: its worker has served another driver.
    fn spawn(
        self: &Arc<Self>,
        state: &mut State,
        id: SessionId,
        window: Duration,
        (wanted, again): (Wanted, bool),
        adopted: Adopted,
    ) {
        let (connections, receiver) = mpsc::unbounded();
        let ended = Signal::default();
        let known = Known {
            connections,
            ended: ended.clone(),
        };
        state.sessions.insert(id, known);
        let session = Session::new(self.clone(), id, window, (wanted, again), receiver, ended);
        self.runtime.spawn(session.run(adopted));
    }

    /// The kind of a worker that joins, and who receives it.
    fn joining(
        &self,
        state: &State,
        kind: Option<&str>,
    ) -> Result<(KindId, mpsc::UnboundedSender<Joining>), String> {
        let Some(joins) = &state.joins else {
            return Err("this driver takes no workers that join by themselves".into());
        };
        let settings = &self.settings;
        let named = |kind: &str| {
            let names = &settings.kinds;
            let known = names.iter().find(|(name, _)| name == kind);
            let number = || kind.strip_prefix('k').unwrap_or(kind).parse().ok();
            known
                .map(|&(_, kind)| kind)
                .or_else(|| number().map(KindId))
                .filter(|kind| usize::from(kind.0) < joins.kinds)
        };
        match kind {
            None => Ok((settings.default_kind, joins.sender.clone())),
            Some(kind) => match named(kind) {
                Some(kind) => Ok((kind, joins.sender.clone())),
                None => {
                    let names: Vec<&str> = settings.kinds.iter().map(|(name, _)| &**name).collect();
                    Err(format!(
                        "there is no such kind here: there are numbers from 0 to {}, and the names: {}",
                        joins.kinds.saturating_sub(1),
                        names.join(", ")
                    ))
                }
            },
        }
    }

    /// Goes on with a session; `epoch` is that of the driver that the worker had last. An error is for the worker.
    pub(super) fn resume(
        self: &Arc<Self>,
        id: SessionId,
        epoch: u64,
        mut adopted: Adopted,
    ) -> Result<(), Refused> {
        let own = self.settings.epoch;
        if epoch > own {
            if !self.told_replaced.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "a worker has another driver by now, of epoch {epoch}: this one, of epoch {own}, was replaced"
                );
            }
            return Ok(());
        }
        if epoch < own {
            // It counts the bytes of the driver before this one.
            adopted.received = 0;
        }
        let mut state = self.lock();
        if let Some(known) = state.sessions.get(&id) {
            let known = known.clone();
            drop(state);
            return hand_over(&known, adopted);
        }
        let Some(Away { back, window }) = state.away.remove(&id) else {
            if epoch < own {
                // This driver may not be waiting for it yet. If it never is, the worker ends when its lease is over.
                return Ok(());
            }
            let why = "this driver does not know it: it has given it up, or was started again";
            return Err(Box::new((adopted, why.into())));
        };
        let (sender, worker) = oneshot::channel();
        if back.send(worker).is_err() {
            return Ok(());
        }
        self.spawn(
            &mut state,
            id,
            window,
            (Wanted::Start(sender), true),
            adopted,
        );
        Ok(())
    }

    /// Lets the worker of a session that the driver before this one had come back. It waits for it from now on, and drops what
    /// it waits with when the worker is gone, by what its guard says.
    pub(super) fn expect_back(
        &self,
        id: SessionId,
        window: Duration,
    ) -> oneshot::Receiver<oneshot::Receiver<ConnectedWorker>> {
        let (back, worker) = oneshot::channel();
        self.lock().away.insert(id, Away { back, window });
        worker
    }

    /// The worker of such a session is not waited for any longer.
    pub(super) fn forget_away(&self, id: SessionId) {
        let away = self.lock().away.remove(&id);
        drop(away);
    }

    /// The worker of a session is gone, with all that it ran.
    pub(super) fn ended(&self, id: SessionId) {
        let mut state = self.lock();
        let known = state.sessions.get(&id).cloned();
        let away = state.away.remove(&id);
        drop(state);
        drop(away);
        if let Some(known) = known {
            known.ended.raise();
        }
    }

    /// Forgets a session that is over.
    pub(super) fn forget(&self, id: SessionId) {
        let known = self.lock().sessions.remove(&id);
        drop(known);
    }

    /// Lets a worker that says this number have the start's place. Dropping the result withdraws that.
    pub(super) fn expect(self: &Arc<Self>, machine: MachineId) -> Waiting<R> {
        let (sender, worker) = oneshot::channel();
        self.lock().expected.insert(machine.0, sender);
        Waiting {
            port: self.clone(),
            machine,
            worker,
        }
    }
}

fn hand_over(known: &Known, adopted: Adopted) -> Result<(), Refused> {
    let sent = known.connections.unbounded_send(adopted);
    sent.map_err(|error| Box::new((error.into_inner(), "it was given up".into())))
}

/// A start that waits for its worker.
pub(super) struct Waiting<R: Runtime> {
    port: Arc<Port<R>>,
    machine: MachineId,
    worker: oneshot::Receiver<oneshot::Receiver<ConnectedWorker>>,
}

impl<R: Runtime> Waiting<R> {
    /// Resolves when the worker has begun its session, with what resolves when it has said hello.
    pub(super) async fn begun(&mut self) -> Option<oneshot::Receiver<ConnectedWorker>> {
        (&mut self.worker).await.ok()
    }
}

impl<R: Runtime> Drop for Waiting<R> {
    fn drop(&mut self) {
        let expected = self.port.lock().expected.remove(&self.machine.0);
        drop(expected);
    }
}
