//! Carries a worker's two streams over one connection after another. The reader (the serve loop's thread) receives, renews
//! the lease and connects anew after a cut; it never writes to a connection that is in use. The writer's thread sends.

use super::Connect;
use super::dial::{DialError, Dialled, ReportTo, dial_until};
use crate::clock;
use crate::jobs::Jobs;
use crate::outbox::{Outbox, Sink};
use crate::session::{
    Accept, MAX_DATA, Open, Opener, Outgoing, Purpose, Record, Sealer, SessionId,
};
use crate::sync::lock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The writer seals about so much at once.
const BATCH: usize = 128 * 1024;

/// So many bytes of the driver's stream are acknowledged at once, if nothing is sent meanwhile.
const ACKNOWLEDGE: u64 = 64 * 1024;

/// In its lease's time a worker sends at least so many signs of life.
const BEATS: u32 = 8;

/// It sends them at least so often.
const BEAT: Duration = Duration::from_secs(2);

/// After so many of them without an answer it tries another connection.
const MISSED: u32 = 3;

/// What reader and writer share.
pub(crate) struct Carrier {
    state: Mutex<State>,
    /// Signalled when the writer may have something to do, or room.
    changed: Condvar,
}

struct State {
    /// How many drivers there were before this one.
    generation: u64,
    connection: Option<Connection>,
    outgoing: Outgoing,
    /// How many bytes of the driver's stream are here, and how many the driver knows to be.
    received: u64,
    acknowledged: u64,
    /// A record is to be sent although there is no data: an acknowledgement, or a sign of life.
    owed: bool,
}

/// The sending side of a connection.
struct Connection {
    socket: Arc<TcpStream>,
    sealer: Sealer,
}

/// Connects to the driver and begins a session. Returns when the driver has accepted it.
///
/// # Errors
/// One line: why there is no connection after the time that the worker may take to come back, or why the driver refuses it.
pub(crate) fn begin(connect: Connect) -> Result<(Reader, Writer), String> {
    let session = SessionId::random().map_err(|error| error.to_string())?;
    let open = Open {
        session,
        purpose: Purpose::Begin {
            machine: connect.machine,
            kind: connect.kind.clone(),
            reconnect_ms: clock::millis(connect.reconnect),
        },
    };
    let deadline = clock::now() + connect.reconnect;
    let pause = |time| {
        thread::sleep(time);
        None
    };
    let address = &connect.address;
    let asked = clock::now();
    let window = connect.reconnect;
    let dialled = dial_until(address, &connect.key, &open, deadline, window, pause);
    let dialled = dialled.map_err(|error| match error {
        DialError::Again(error) => format!("cannot connect to the driver at {address}: {error}"),
        DialError::Refused(reason) => format!("the driver at {address} refuses it: {reason}"),
    })?;
    let carrier = Arc::new(Carrier {
        state: Mutex::new(State {
            generation: 0,
            connection: None,
            outgoing: Outgoing::default(),
            received: 0,
            acknowledged: 0,
            owed: false,
        }),
        changed: Condvar::new(),
    });
    let window = Duration::from_millis(dialled.accept.reconnect_ms).min(connect.reconnect);
    let mut reader = Reader {
        carrier: carrier.clone(),
        connect,
        session,
        window,
        epoch: dialled.accept.epoch,
        dialled: None,
        renewed: asked,
        told: Duration::ZERO,
        heard: clock::now(),
        next_beat: clock::now(),
        socket: None,
        raw: vec![0; 64 * 1024],
        bytes: Vec::new(),
        taken: 0,
    };
    reader.resume(dialled)?;
    let writer = Writer {
        carrier,
        plain: Vec::new(),
        sealed: Vec::new(),
    };
    Ok((reader, writer))
}

/// The receiving side.
pub(crate) struct Reader {
    carrier: Arc<Carrier>,
    connect: Connect,
    session: SessionId,
    /// For how long the jobs are kept when the driver cannot be heard.
    window: Duration,
    /// The epoch of the driver.
    epoch: u64,
    /// A connection to a new driver, before anything is said to it.
    dialled: Option<Dialled>,
    /// The latest of our times that the driver is known to have heard of: the lease begins there.
    renewed: Duration,
    /// Until when the guard was told that the worker may live.
    told: Duration,
    /// When anything came last.
    heard: Duration,
    next_beat: Duration,
    socket: Option<(Arc<TcpStream>, Opener)>,
    raw: Vec<u8>,
    /// Bytes of the driver's stream, and how many of them the serve loop has taken.
    bytes: Vec<u8>,
    taken: usize,
}

impl Reader {
    /// The writer's half, for the end.
    pub(crate) fn carrier(&self) -> Arc<Carrier> {
        self.carrier.clone()
    }

    /// Whether another driver may come.
    pub(crate) fn keeps(&self) -> bool {
        self.epoch > 0
    }

    /// What the guard is to know.
    pub(crate) fn report_to(&self) -> ReportTo {
        ReportTo {
            session: self.session,
            key: self.connect.key.clone(),
            address: self.connect.address.clone(),
        }
    }

    /// The next bytes of the driver's stream, at least one, or that there is a new driver. Sees to the lease and to the
    /// connection meanwhile.
    ///
    /// # Errors
    /// Why the worker must end.
    pub(crate) fn read(
        &mut self,
        jobs: &Jobs,
        outbox: &Outbox,
        buffer: &mut [u8],
    ) -> Result<Read, String> {
        if let Some(dialled) = self.dialled.take() {
            self.resume(dialled)?;
            self.owe(outbox);
        }
        loop {
            let waiting = &self.bytes[self.taken..];
            if !waiting.is_empty() {
                let length = waiting.len().min(buffer.len());
                buffer[..length].copy_from_slice(&waiting[..length]);
                self.taken += length;
                return Ok(Read::Bytes(length));
            }
            self.bytes.clear();
            self.taken = 0;
            let now = clock::now();
            if now >= self.lease() {
                return Err(self.given_up());
            }
            if now >= self.next_beat {
                self.next_beat = now + self.beat();
                self.owe(outbox);
            }
            let silent = self.heard + self.beat() * MISSED;
            if now >= silent {
                if let Some(generation) = self.reconnect(jobs, outbox)? {
                    return Ok(Read::NewDriver { generation });
                }
                continue;
            }
            self.tell_guard(jobs);
            let until = self.lease().min(self.next_beat).min(silent);
            if self.wait(jobs, until.saturating_sub(now))?
                && !self.receive(outbox)?
                && let Some(generation) = self.reconnect(jobs, outbox)?
            {
                return Ok(Read::NewDriver { generation });
            }
        }
    }

    fn lease(&self) -> Duration {
        self.renewed + self.window
    }

    fn beat(&self) -> Duration {
        (self.window / BEATS).clamp(Duration::from_millis(10), BEAT)
    }

    fn given_up(&self) -> String {
        format!(
            "the driver at {} was out of reach for {:?}",
            self.connect.address, self.window
        )
    }

    /// The guard ends what runs when the lease is over, also where this process is stopped. It learns of a later time than the
    /// true one, so that it need not be told so often.
    fn tell_guard(&mut self, jobs: &Jobs) {
        let lease = self.lease();
        if lease + self.beat() / 2 >= self.told {
            self.told = lease + self.beat();
            jobs.send_lease(self.told);
        }
    }

    /// Has the writer send a record in any case.
    fn owe(&self, outbox: &Outbox) {
        lock(&self.carrier.state).owed = true;
        self.carrier.changed.notify_all();
        outbox.kick();
    }

    /// Waits for input. An error: why the worker must end.
    fn wait(&self, jobs: &Jobs, limit: Duration) -> Result<bool, String> {
        let limit = Timespec {
            tv_sec: limit.as_secs().cast_signed(),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // The only event on the guard's pipe is an error, when the guard has ended.
        let mut fds = vec![PollFd::new(jobs.guard(), PollFlags::empty())];
        if let Some((socket, _)) = &self.socket {
            fds.push(PollFd::new(&**socket, PollFlags::IN));
        }
        match poll(&mut fds, Some(&limit)) {
            Ok(_) if !fds[0].revents().is_empty() => {
                Err("the guard process has ended (was it killed?)".into())
            }
            Ok(_) => Ok(fds.get(1).is_some_and(|fd| !fd.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(format!("cannot wait for the driver: {error}")),
        }
    }

    /// Reads what has come. False: the connection is of no use any more. An error: why the worker must end.
    fn receive(&mut self, outbox: &Outbox) -> Result<bool, String> {
        let Some((socket, opener)) = &mut self.socket else {
            return Ok(false);
        };
        match (&**socket).read(&mut self.raw) {
            Ok(0) => return Ok(false),
            Ok(read) => opener.push(&self.raw[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(_) => return Ok(false),
        }
        let mut state = lock(&self.carrier.state);
        loop {
            match opener.next() {
                Ok(Some(Record::Data {
                    acknowledged,
                    time,
                    bytes,
                })) => {
                    if state.outgoing.acknowledge(acknowledged).is_err() {
                        return Ok(false);
                    }
                    state.received += bytes.len() as u64;
                    self.bytes.extend_from_slice(bytes);
                    let now = clock::now();
                    self.heard = now;
                    self.renewed = self.renewed.max(Duration::from_millis(time).min(now));
                }
                Ok(Some(Record::Kill)) => return Err("the driver has it killed".into()),
                Ok(Some(Record::Refuse { reason })) => {
                    return Err(format!("the driver wants it no more: {reason}"));
                }
                Ok(Some(_)) | Err(_) => return Ok(false),
                Ok(None) => break,
            }
        }
        // Room, perhaps.
        self.carrier.changed.notify_all();
        if state.received - state.acknowledged >= ACKNOWLEDGE {
            drop(state);
            self.owe(outbox);
        }
        Ok(true)
    }

    /// Comes back to the driver on another connection. If that is a new driver: how many there were before it.
    fn reconnect(&mut self, jobs: &Jobs, outbox: &Outbox) -> Result<Option<u64>, String> {
        self.socket = None;
        let received = {
            let mut state = lock(&self.carrier.state);
            state.disconnect();
            state.received
        };
        let open = Open {
            session: self.session,
            purpose: Purpose::Resume {
                received,
                epoch: self.epoch,
            },
        };
        let pause = |time| {
            let deadline = Instant::now() + time;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                if let Err(why) = self.wait(jobs, left) {
                    return Some(why);
                }
            }
        };
        let (address, key) = (&self.connect.address, &self.connect.key);
        let dialled = dial_until(address, key, &open, self.lease(), self.window, pause);
        match dialled {
            Ok(dialled) if dialled.accept.epoch > self.epoch => {
                self.epoch = dialled.accept.epoch;
                self.bytes.clear();
                self.taken = 0;
                self.dialled = Some(dialled);
                Ok(Some(lock(&self.carrier.state).begin_again()))
            }
            Ok(dialled) => {
                self.resume(dialled)?;
                self.owe(outbox);
                Ok(None)
            }
            Err(DialError::Again(_)) => {
                self.wait(jobs, Duration::ZERO)?;
                Err(self.given_up())
            }
            Err(DialError::Refused(reason)) => {
                Err(format!("the driver wants it no more: {reason}"))
            }
        }
    }

    /// Goes on with the session on a new connection.
    fn resume(&mut self, dialled: Dialled) -> Result<(), String> {
        let Dialled {
            socket,
            sealer,
            opener,
            accept: Accept { received, .. },
        } = dialled;
        let socket = Arc::new(socket);
        self.heard = clock::now();
        self.socket = Some((socket.clone(), opener));
        let mut state = lock(&self.carrier.state);
        let resumed = state.outgoing.resume(received);
        resumed.map_err(|error| format!("the driver has lost the thread: {error}"))?;
        state.connection = Some(Connection { socket, sealer });
        drop(state);
        self.carrier.changed.notify_all();
        Ok(())
    }
}

/// What [`Reader::read`] gives.
pub(crate) enum Read {
    /// So many bytes.
    Bytes(usize),
    /// There is a new driver: nothing that the last one said or was told counts. What is to be said to it is queued for this
    /// generation, before the next read.
    NewDriver { generation: u64 },
}

impl State {
    /// Both streams begin anew.
    fn begin_again(&mut self) -> u64 {
        self.generation += 1;
        self.outgoing = Outgoing::default();
        (self.received, self.acknowledged) = (0, 0);
        self.generation
    }

    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Wakes the writer where it waits for the other side to read, and the reader.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }
}

/// The sending side: what the outbox writes to.
pub(crate) struct Writer {
    carrier: Arc<Carrier>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

impl Writer {
    /// Sends all that is queued. Waits for a connection if there is none, and, with `until_room`, until more may be queued.
    fn send(&mut self, until_room: bool) {
        let carrier = self.carrier.clone();
        let mut state = lock(&carrier.state);
        loop {
            let room = !until_room || !state.outgoing.is_full();
            let due = state.owed || state.outgoing.has_unsent();
            if room && !due {
                return;
            }
            if !due || state.connection.is_none() {
                let changed = carrier.changed.wait(state);
                state = changed.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let socket = self.seal(&mut state);
            drop(state);
            let sent = (&*socket).write_all(&self.sealed);
            state = lock(&carrier.state);
            let current = state.connection.as_ref();
            if sent.is_err() && current.is_some_and(|current| Arc::ptr_eq(&current.socket, &socket))
            {
                state.disconnect();
            }
        }
    }

    /// Seals the next records of the connection, which must be there.
    fn seal(&mut self, state: &mut State) -> Arc<TcpStream> {
        let State {
            connection,
            outgoing,
            received,
            acknowledged,
            owed,
            ..
        } = state;
        let connection = connection.as_mut().expect("the caller has looked");
        self.sealed.clear();
        while self.sealed.len() < BATCH {
            self.plain.clear();
            if !outgoing.next(MAX_DATA, &mut self.plain) && !*owed {
                break;
            }
            *owed = false;
            *acknowledged = *received;
            let data = Record::Data {
                acknowledged: *received,
                time: clock::millis(clock::now()),
                bytes: &self.plain,
            };
            connection.sealer.seal(&data, &mut self.sealed);
        }
        connection.socket.clone()
    }
}

impl Sink for Writer {
    fn write(&mut self, bytes: &[u8], generation: u64) -> io::Result<()> {
        self.send(true);
        let mut state = lock(&self.carrier.state);
        // What was queued for a driver that is no more goes nowhere.
        if state.generation == generation {
            state.outgoing.push(bytes);
        }
        drop(state);
        self.send(false);
        Ok(())
    }

    fn kicked(&mut self) -> io::Result<()> {
        self.send(false);
        Ok(())
    }
}

impl Carrier {
    /// After the last bytes were sent: waits until the driver has read them, if the time suffices. A connection that is closed
    /// with bytes to read would be reset, and what is on its way be lost.
    pub(crate) fn finish(&self, limit: Duration) {
        let socket = {
            let state = lock(&self.state);
            state
                .connection
                .as_ref()
                .map(|connection| connection.socket.clone())
        };
        let Some(socket) = socket else { return };
        let _ = socket.shutdown(Shutdown::Write);
        let deadline = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match (&*socket).read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }
}

/// Puts /dev/null in the place of the standard input, so that no function reads what is not meant for it.
pub(crate) fn take_stdin() -> io::Result<()> {
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(())
}
