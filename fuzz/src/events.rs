//! Events of all kinds with few ids, so that they meet, on a manager and on the model, which must agree exactly, under either
//! policy and with one to three kinds of machine.
//!
//! The first [`HEAD`] bytes are the config and the time it begins (config.rs), then each [`RECORD`] bytes are an event: when,
//! which, and four operands.

use core::time::Duration;
use std::thread;

use remuda::{
    Config, Event, Instant, KindId, Kinds, Limits, MachineId, Manager, OnceKey, OnceOutcome,
    Outcome, RequestId, Resources, StartHint, Submit, TaskId, WaiterId,
};
use remuda_sim::{Pair, Script, Subject};

use super::config;
pub use super::config::HEAD;

/// The bytes of an event.
pub const RECORD: usize = 6;
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
/// See [`SUBMIT`].
pub const JOIN: u8 = 14;
/// See [`SUBMIT`].
pub const DRAIN: u8 = 15;
/// See [`SUBMIT`].
pub const KEEP: u8 = 16;
/// See [`SUBMIT`].
pub const SET_LIMITS: u8 = 17;
/// See [`SUBMIT`].
pub const SET_MAX_PROCS: u8 = 18;
/// One byte alone, for it ends most of what can happen.
pub const SHUTDOWN: u8 = 0xff;

/// In the first byte of a record: the next timeout, give or take some nanoseconds.
pub const AT_TIMEOUT: u8 = 0x88;
/// In the first byte of a record: so many seconds back.
pub const BACK: u8 = 0x90;
/// In the first byte of a record: the end of time.
pub const AT_THE_END: u8 = 0xff;
/// A machine that is there, counted by id from 0 up; from [`JOINED`] up to this one that joined; less is the id itself.
pub const NTH: u8 = 0x80;
/// See [`NTH`].
pub const JOINED: u8 = 0x70;
/// As the machine of a done: the one that the request runs on.
pub const ITS_OWN: u8 = 0;
/// As the machine of a done: none is named.
pub const UNNAMED: u8 = 1;
/// In the last operand of a submit: the low three bits are the kinds it accepts (none: all); with this it prefers a machine,
/// with [`AVOID`] it avoids one, counted as by [`NTH`] by the three high bits; with both it gives up after a span.
pub const PREFER: u8 = 0x08;
/// See [`PREFER`].
pub const AVOID: u8 = 0x10;

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
    let (config, mut now) = config::read(&head);

    let manager = Manager::new(config.clone()).expect("no figure of the tables is out of bounds");
    let mut pair = Pair::new(config.clone(), manager);
    let mut played = Played(config.clone(), Vec::new());
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
        let event = event(record, now, &pair.subject);
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
            eprintln!("{}", Script::new(self.0.clone(), &self.1));
        }
    }
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
        // What most depends on has several numbers.
        byte => match byte % 24 {
            19 | 20 => SUBMIT,
            21 | 22 => UP,
            23 => DONE,
            kind => kind,
        },
    }
}

fn event(record: &[u8; RECORD], now: Instant, manager: &Manager) -> Event {
    let &[_, _, a, b, c, d] = record;
    let request = RequestId(id(a));
    let machine = || machine(a, manager);
    let task = TaskId(id(b));
    let key = OnceKey {
        kind: (b >> 4).into(),
        key: (b & 3).into(),
    };
    match kind(record) {
        SUBMIT => {
            let spec = submit(b, c, d, now, manager);
            Event::Submit { request, spec }
        }
        CANCEL => Event::Cancel { request },
        DONE => Event::Done {
            request,
            machine: match c {
                ITS_OWN => manager.machine_of(request),
                UNNAMED => None,
                _ => Some(self::machine(c, manager)),
            },
            outcome: [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ][usize::from(b % 4)],
        },
        JOIN => Event::Join {
            machine: joining(a, manager),
            kind: KindId(b % 4),
            offer: offer(c),
        },
        UP => {
            let (machine, offer) = (machine(), offer(b));
            Event::Up { machine, offer }
        }
        START_FAILED => Event::StartFailed {
            machine: machine(),
            hint: match b % 3 {
                0 => None,
                1 => Some(StartHint::AtCapacity),
                _ => Some(StartHint::RetryAfter(config::span(c))),
            },
        },
        STOPPED => Event::Stopped { machine: machine() },
        DRAIN => Event::Drain {
            machine: machine(),
            until: (b > 0).then(|| now + config::span(b)),
        },
        KEEP => Event::Keep { machine: machine() },
        SET_LIMITS => Event::SetLimits {
            kind: KindId(a % 4),
            limits: Limits {
                min: (b % 4).into(),
                max: config::at_most(b >> 4),
                spare: (b / 4 % 4).into(),
                idle: (c > 0).then(|| config::span(c)),
            },
        },
        SET_MAX_PROCS => Event::SetMaxProcs {
            max_procs: config::max_procs(a),
        },
        ASSIGN => {
            let machine = machine();
            Event::AssignTask { machine, task }
        }
        DISCARD => {
            let machine = machine();
            Event::DiscardTask { machine, task }
        }
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
        FORGET => {
            let machine = machine();
            Event::ForgetOnce { machine, key }
        }
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
    match byte {
        NTH.. => {
            let nth = manager.machines().nth((byte - NTH).into());
            nth.map_or(MachineId(u64::MAX), |machine| machine.id())
        }
        JOINED.. => MachineId::joined((byte - JOINED).into()),
        _ => MachineId(byte.into()),
    }
}

/// From [`NTH`] up one that comes after all that are there, or the last id; else any id.
fn joining(byte: u8, manager: &Manager) -> MachineId {
    let joined = manager.machines().map(|machine| machine.id());
    match byte {
        u8::MAX => MachineId(u64::MAX),
        NTH.. => match joined.filter(|id| id.is_joined()).last() {
            Some(last) => MachineId(last.0.saturating_add(u64::from(byte - NTH) + 1)),
            None => MachineId::joined((byte - NTH).into()),
        },
        _ => machine(byte, manager),
    }
}

/// Nothing is said, or few procs and little of the rest.
fn offer(byte: u8) -> Option<Resources> {
    let amounts = [byte % 9, byte / 16, byte / 64, 0].map(u32::from);
    (byte > 0).then(|| Resources::new(amounts))
}

/// Few priorities, and the two ends.
fn priority(byte: u8) -> i64 {
    match byte {
        0x80 => i64::MIN,
        0x7f => i64::MAX,
        byte => (byte % 4).into(),
    }
}

/// `b` is the priority, and in its high bits amounts beside procs; `c` the procs, of which zero is a whole machine; `d` as
/// [`PREFER`] says.
fn submit(b: u8, c: u8, d: u8, now: Instant, manager: &Manager) -> Submit {
    let procs = manager.config().kinds[0].capacity.proc_count();
    // What fits, or a little more.
    let some = u32::from(c) % procs.saturating_add(2);
    let rest = match b {
        0x7f | 0x80 => 0,
        _ => b,
    };
    let amounts = Resources::procs(some)
        .memory_mib((rest / 4 % 8).into())
        .gpus((rest / 32 % 2).into())
        .other((rest / 64 % 2).into());
    let spec = match c {
        0 => Submit::machine(),
        0xff => Submit::procs(u32::MAX),
        _ => Submit::new(amounts),
    };
    let spec = spec.priority(priority(b)).kinds(match d & 7 {
        0 => Kinds::ALL,
        bits => Kinds::from_bits(bits.into()),
    });
    let of_all = machine(NTH + d / 32, manager);
    match d & (PREFER | AVOID) {
        0 => spec,
        PREFER => spec.prefer(of_all),
        AVOID => spec.avoid(of_all),
        _ => spec.give_up(now + config::span(d / 32)),
    }
}

/// The manager as it is read back from what it is written as, which must be the same.
fn read_back(manager: &Manager) -> Manager {
    let bytes = postcard::to_allocvec(manager).expect("a manager can always be written");
    let back = postcard::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(*manager, back, "the manager and what was read back");
    back
}
