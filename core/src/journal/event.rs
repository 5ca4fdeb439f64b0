//! Events as bytes. A number stands for the same event, with the same fields, for ever.

use alloc::vec::Vec;

use super::varint::{Bytes, put, zigzag};
use crate::event::{Demand, Event, OnceOutcome, Outcome};
use crate::id::{MachineId, OnceKey, RequestId, TaskId, WaiterId};

// A larger one would be slower to hand on, and longer to write.
const _: () = assert!(size_of::<Event>() <= 40);

const SUBMIT: u64 = 1;
const CANCEL: u64 = 2;
const DONE: u64 = 3;
const UP: u64 = 4;
const START_FAILED: u64 = 5;
const STOPPED: u64 = 6;
const ASSIGN: u64 = 7;
const DISCARD: u64 = 8;
const ONCE: u64 = 9;
const ONCE_DONE: u64 = 10;
const FORGET: u64 = 11;
const POLLED: u64 = 12;
const TIMER: u64 = 13;
const SHUTDOWN: u64 = 14;

/// Appends an event.
pub(super) fn put_event(out: &mut Vec<u8>, event: &Event) {
    match *event {
        Event::Submit {
            request,
            priority,
            demand,
        } => {
            put_all(out, [SUBMIT, request.0, zigzag(priority)]);
            put(out, demand_number(demand));
        }
        Event::Cancel { request } => put_all(out, [CANCEL, request.0]),
        Event::Done { request, outcome } => {
            put_all(out, [DONE, request.0, outcome_number(outcome)]);
        }
        Event::Up { machine } => put_all(out, [UP, machine.0]),
        Event::StartFailed { machine } => put_all(out, [START_FAILED, machine.0]),
        Event::Stopped { machine } => put_all(out, [STOPPED, machine.0]),
        Event::Assign { machine, task } => put_all(out, [ASSIGN, machine.0, task.0]),
        Event::Discard { machine, task } => put_all(out, [DISCARD, machine.0, task.0]),
        Event::Once {
            machine,
            key,
            waiter,
        } => put_all(out, [ONCE, machine.0, key.kind.into(), key.key, waiter.0]),
        Event::OnceDone {
            machine,
            key,
            outcome,
        } => {
            put_all(out, [ONCE_DONE, machine.0, key.kind.into(), key.key]);
            put(out, once_outcome_number(outcome));
        }
        Event::Forget { machine, key } => {
            put_all(out, [FORGET, machine.0, key.kind.into(), key.key]);
        }
        Event::Polled { machine, answered } => {
            put_all(out, [POLLED, machine.0, answered.into()]);
        }
        Event::Timer => put(out, TIMER),
        Event::Shutdown => put(out, SHUTDOWN),
    }
}

pub(super) fn put_all<const N: usize>(out: &mut Vec<u8>, numbers: [u64; N]) {
    for number in numbers {
        put(out, number);
    }
}

/// Why bytes are no event.
pub(super) enum NoEvent {
    Unknown(u64),
    Malformed,
}

/// The event that all the bytes are.
pub(super) fn event(bytes: Bytes<'_>) -> Result<Event, NoEvent> {
    let mut bytes = bytes;
    let kind = bytes.varint().ok_or(NoEvent::Malformed)?;
    if !(SUBMIT..=SHUTDOWN).contains(&kind) {
        return Err(NoEvent::Unknown(kind));
    }
    let event = fields(kind, &mut bytes).filter(|_| bytes.is_empty());
    event.ok_or(NoEvent::Malformed)
}

fn fields(kind: u64, bytes: &mut Bytes<'_>) -> Option<Event> {
    let request = |bytes: &mut Bytes<'_>| bytes.varint().map(RequestId);
    let machine = |bytes: &mut Bytes<'_>| bytes.varint().map(MachineId);
    let task = |bytes: &mut Bytes<'_>| bytes.varint().map(TaskId);
    let event = match kind {
        SUBMIT => Event::Submit {
            request: request(bytes)?,
            priority: bytes.signed()?,
            demand: demand(bytes.number()?),
        },
        CANCEL => Event::Cancel {
            request: request(bytes)?,
        },
        DONE => Event::Done {
            request: request(bytes)?,
            outcome: outcome(bytes.byte()?)?,
        },
        UP => Event::Up {
            machine: machine(bytes)?,
        },
        START_FAILED => Event::StartFailed {
            machine: machine(bytes)?,
        },
        STOPPED => Event::Stopped {
            machine: machine(bytes)?,
        },
        ASSIGN => Event::Assign {
            machine: machine(bytes)?,
            task: task(bytes)?,
        },
        DISCARD => Event::Discard {
            machine: machine(bytes)?,
            task: task(bytes)?,
        },
        ONCE => Event::Once {
            machine: machine(bytes)?,
            key: key(bytes)?,
            waiter: bytes.varint().map(WaiterId)?,
        },
        ONCE_DONE => Event::OnceDone {
            machine: machine(bytes)?,
            key: key(bytes)?,
            outcome: once_outcome(bytes.byte()?)?,
        },
        FORGET => Event::Forget {
            machine: machine(bytes)?,
            key: key(bytes)?,
        },
        POLLED => Event::Polled {
            machine: machine(bytes)?,
            answered: match bytes.byte()? {
                0 => false,
                1 => true,
                _ => return None,
            },
        },
        TIMER => Event::Timer,
        SHUTDOWN => Event::Shutdown,
        _ => return None,
    };
    Some(event)
}

fn key(bytes: &mut Bytes<'_>) -> Option<OnceKey> {
    Some(OnceKey {
        kind: bytes.number()?,
        key: bytes.varint()?,
    })
}

/// A whole machine is zero.
fn demand_number(demand: Demand) -> u64 {
    match demand {
        Demand::Machine => 0,
        Demand::Procs(procs) => procs.get().into(),
    }
}

fn demand(number: u32) -> Demand {
    Demand::procs(number).unwrap_or(Demand::Machine)
}

const fn outcome_number(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Remote => 1,
        Outcome::Unreachable => 2,
        Outcome::Unused => 3,
    }
}

const fn outcome(number: u8) -> Option<Outcome> {
    Some(match number {
        0 => Outcome::Ok,
        1 => Outcome::Remote,
        2 => Outcome::Unreachable,
        3 => Outcome::Unused,
        _ => return None,
    })
}

pub(super) const fn once_outcome_number(outcome: OnceOutcome) -> u64 {
    match outcome {
        OnceOutcome::Ok => 0,
        OnceOutcome::Remote => 1,
        OnceOutcome::Unreachable => 2,
        OnceOutcome::MachineLost => 3,
    }
}

const fn once_outcome(number: u8) -> Option<OnceOutcome> {
    Some(match number {
        0 => OnceOutcome::Ok,
        1 => OnceOutcome::Remote,
        2 => OnceOutcome::Unreachable,
        3 => OnceOutcome::MachineLost,
        _ => return None,
    })
}
