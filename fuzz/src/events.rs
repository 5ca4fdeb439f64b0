//! Events of all kinds with few ids, so that they meet, on a manager and on the model, which must agree exactly.
//!
//! The first [`HEAD`] bytes are the config and the time it begins, then each [`RECORD`] bytes are an event: when, which, and
//! three operands.

use core::time::Duration;
use std::thread;

use remuda::{
    Config, Demand, Event, Instant, MachineId, Manager, OnceKey, OnceOutcome, Outcome, RequestId,
    TaskId, WaiterId,
};
use remuda_sim::{Pair, Script, Subject};

/// The bytes of the config and the origin.
pub const HEAD: usize = 9;
/// The bytes of an event.
pub const RECORD: usize = 5;
/// No more events than this are played: the model is naive, and what many can show, few can.
pub const MOST: usize = 300;

/// Which event a record is: the second byte. All others count from here again, but for [`SHUTDOWN`].
pub const SUBMIT: u8 = 0;
/// See [`SUBMIT`].
pub const CANCEL: u8 = 1;
/// See [`SUBMIT`].
pub const DONE: u8 = 2;
/// See [`SUBMIT`].
pub const UP: u8 = 3;
/// See [`SUBMIT`].
pub const START_FAILED: u8 = 4;
/// See [`SUBMIT`].
pub const STOPPED: u8 = 5;
/// See [`SUBMIT`].
pub const ASSIGN: u8 = 6;
/// See [`SUBMIT`].
pub const DISCARD: u8 = 7;
/// See [`SUBMIT`].
pub const ONCE: u8 = 8;
/// See [`SUBMIT`].
pub const ONCE_DONE: u8 = 9;
/// See [`SUBMIT`].
pub const FORGET: u8 = 10;
/// See [`SUBMIT`].
pub const POLLED: u8 = 11;
/// See [`SUBMIT`].
pub const TIMER: u8 = 12;
/// No event: the manager is written, read back and goes on as what was read.
pub const READ_BACK: u8 = 13;
/// One byte alone, for it ends most of what can happen.
pub const SHUTDOWN: u8 = 0xff;

/// In the first byte of a record: the next timeout, give or take some nanoseconds.
pub const AT_TIMEOUT: u8 = 0x88;
/// In the first byte of a record: so many seconds back.
pub const BACK: u8 = 0x90;
/// In the first byte of a record: the end of time.
pub const AT_THE_END: u8 = 0xff;
/// A machine that is there, counted by id from 0 up; less is the id itself.
pub const NTH: u8 = 0x80;

/// Plays the events on a manager and the model.
///
/// # Panics
/// When they disagree, the manager's invariants do not hold, or it is not what is read back. The events so far are then
/// printed as a script.
pub fn run(bytes: &[u8]) {
    play(bytes);
}

/// The same, and says what was played.
///
/// # Panics
/// See [`run`].
pub fn play(bytes: &[u8]) -> (Config, Vec<(Instant, Event)>) {
    let mut head = [0; HEAD];
    let length = bytes.len().min(HEAD);
    head[..length].copy_from_slice(&bytes[..length]);
    let (config, mut now) = begin(&head);

    let manager = Manager::new(config).expect("no figure of the tables is out of bounds");
    let mut pair = Pair::new(config, manager);
    let mut played = Played(config, Vec::new());
    let mut actions = Vec::new();
    let (records, _) = bytes[length..].as_chunks::<RECORD>();
    // The invariants of the largest machines take long to check: fewer events, and not after each.
    let (most, rarely) = if head[0] == u8::MAX {
        (24, 8)
    } else {
        (MOST, 1)
    };
    for (n, record) in (1..).zip(records.iter().take(most)) {
        if kind(record) == READ_BACK {
            pair.subject = read_back(&pair.subject);
            continue;
        }
        now = time(record[0], now, pair.next_timeout());
        let event = event(record, &pair.subject);
        played.1.push((now, event));
        actions.clear();
        pair.handle_into(event, now, &mut actions);
        let checked = pair.verdict().and_then(|()| match n % rarely {
            0 => pair.check(),
            _ => Ok(()),
        });
        if let Err(wrong) = checked {
            panic!("{wrong}; it answered {actions:?}");
        }
    }
    (config, std::mem::take(&mut played.1))
}

/// Prints what was played, should it end in a panic.
struct Played(Config, Vec<(Instant, Event)>);

impl Drop for Played {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", Script::new(self.0, &self.1));
        }
    }
}

/// The config and the origin that the head stands for.
fn begin(head: &[u8; HEAD]) -> (Config, Instant) {
    const PROCS: [u32; 8] = [1, 2, 3, 4, 5, 8, 16, 100];
    const ORIGINS: [u64; 4] = [0, 1, u64::MAX - 90_000_000_000, u64::MAX];
    let config = Config {
        machine_procs: match head[0] {
            u8::MAX => Config::MAX_MACHINE_PROCS,
            index => PROCS[usize::from(index) % PROCS.len()],
        },
        max_procs: match head[1] {
            u8::MAX => u64::MAX,
            procs => 1 + u64::from(procs),
        },
        probation: span(head[2]).max(Duration::from_nanos(1)),
        start_backoff_base: span(head[3]),
        start_backoff_cap: span(head[4]),
        silent_polls: u32::from(head[5] % 4),
        poll_interval: span(head[6]),
        summary_interval: span(head[7]),
    };
    (
        config,
        Instant(ORIGINS[usize::from(head[8]) % ORIGINS.len()]),
    )
}

fn span(byte: u8) -> Duration {
    const SPANS: [Duration; 10] = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(300),
        Duration::from_secs(1),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(3600),
        Duration::from_nanos(u64::MAX),
        Duration::MAX,
    ];
    SPANS[usize::from(byte) % SPANS.len()]
}

/// What the time is for a record, with what it was and the deadline that is armed.
fn time(byte: u8, now: Instant, timeout: Option<Instant>) -> Instant {
    match byte {
        0x00..=0x3f => now + Duration::from_secs(byte.into()),
        0x40..=0x7f => now + Duration::from_millis(100 * u64::from(byte - 0x40)),
        0x80..=0x8f => match timeout {
            Some(timeout) if byte < AT_TIMEOUT => {
                Instant(timeout.0.saturating_sub((AT_TIMEOUT - byte).into()))
            }
            Some(timeout) => timeout + Duration::from_nanos((byte - AT_TIMEOUT).into()),
            None => now,
        },
        0x90..=0x9f => Instant(now.0.saturating_sub(u64::from(byte - BACK) * 1_000_000_000)),
        0xa0..=0xaf => now + Duration::from_nanos(1 << (4 * (byte - 0xa0))),
        0xb0..=0xfe => now,
        AT_THE_END => Instant::MAX,
    }
}

fn kind(record: &[u8; RECORD]) -> u8 {
    match record[1] {
        SHUTDOWN => SHUTDOWN,
        // What most depends on has two numbers.
        byte => match byte % 16 {
            14 => SUBMIT,
            15 => UP,
            kind => kind,
        },
    }
}

fn event(record: &[u8; RECORD], manager: &Manager) -> Event {
    let &[_, _, a, b, c] = record;
    let request = RequestId(id(a));
    let machine = || machine(a, manager);
    let task = TaskId(id(b));
    let key = OnceKey {
        kind: (b >> 4).into(),
        key: (b & 3).into(),
    };
    match kind(record) {
        SUBMIT => Event::Submit {
            request,
            priority: priority(b),
            demand: demand(c, manager.config().machine_procs),
        },
        CANCEL => Event::Cancel { request },
        DONE => Event::Done {
            request,
            outcome: [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ][usize::from(b % 4)],
        },
        UP => Event::Up { machine: machine() },
        START_FAILED => Event::StartFailed { machine: machine() },
        STOPPED => Event::Stopped { machine: machine() },
        ASSIGN => Event::Assign {
            machine: machine(),
            task,
        },
        DISCARD => Event::Discard {
            machine: machine(),
            task,
        },
        ONCE => Event::Once {
            machine: machine(),
            key,
            waiter: WaiterId(id(c)),
        },
        ONCE_DONE => Event::OnceDone {
            machine: machine(),
            key,
            outcome: [
                OnceOutcome::Ok,
                OnceOutcome::Remote,
                OnceOutcome::Unreachable,
                OnceOutcome::MachineLost,
            ][usize::from(c % 4)],
        },
        FORGET => Event::Forget {
            machine: machine(),
            key,
        },
        POLLED => Event::Polled {
            machine: machine(),
            answered: b % 2 == 1,
        },
        SHUTDOWN => Event::Shutdown,
        _ => Event::Timer,
    }
}

/// Few ids, and the last one.
fn id(byte: u8) -> u64 {
    match byte {
        u8::MAX => u64::MAX,
        byte => (byte % 32).into(),
    }
}

fn machine(byte: u8, manager: &Manager) -> MachineId {
    if byte < NTH {
        return MachineId(byte.into());
    }
    let nth = manager.machines().nth((byte - NTH).into());
    nth.map_or(MachineId(u64::MAX), |machine| machine.id())
}

/// Few priorities, and the two ends.
fn priority(byte: u8) -> i64 {
    match byte {
        0x80 => i64::MIN,
        0x7f => i64::MAX,
        byte => (byte % 4).into(),
    }
}

/// Zero is a whole machine; otherwise what fits, or a little more.
fn demand(byte: u8, machine_procs: u32) -> Demand {
    let most = machine_procs.saturating_add(1);
    match byte {
        0xff => Demand::procs(u32::MAX),
        byte => Demand::procs(u32::from(byte) % most.saturating_add(1)),
    }
    .unwrap_or(Demand::Machine)
}

/// The manager as it is read back from what it is written as, which must be the same.
fn read_back(manager: &Manager) -> Manager {
    let bytes = postcard::to_allocvec(manager).expect("a manager can always be written");
    let back = postcard::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(*manager, back, "the manager and what was read back");
    back
}
