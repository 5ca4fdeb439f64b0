//! Events as bytes. A number stands for the same event, with the same fields, for ever.
//!
//! The numbers 1 to 14 are those of the first edition. An event that has fields which the first
//! edition did not know keeps its old number, and so its old bytes, while it does not use them.

use alloc::vec::Vec;

use super::bytes::{Bytes, put, put_all, put_amounts, put_option, put_span, zigzag};
use crate::protocol::event::{Event, Limits, OnceOutcome, Outcome, StartHint, Submit};
use crate::protocol::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;

const SUBMIT: u64 = 1;
const CANCEL: u64 = 2;
const DONE: u64 = 3;
const UP: u64 = 4;
const START_FAILED: u64 = 5;
const STOPPED: u64 = 6;
const ASSIGN_TASK: u64 = 7;
const DISCARD_TASK: u64 = 8;
const ONCE: u64 = 9;
const ONCE_DONE: u64 = 10;
const FORGET_ONCE: u64 = 11;
const POLLED: u64 = 12;
const TIMER: u64 = 13;
const SHUTDOWN: u64 = 14;
const SUBMIT_SPEC: u64 = 15;
const DONE_ON: u64 = 16;
const UP_OFFER: u64 = 17;
const START_FAILED_RETRY: u64 = 18;
const START_FAILED_CAPACITY: u64 = 19;
const JOIN: u64 = 20;
const DRAIN: u64 = 21;
const KEEP: u64 = 22;
const SET_LIMITS: u64 = 23;
const SET_MAX_PROCS: u64 = 24;

// What a submit of number 15 gives beside request and priority, in this order.
const AMOUNTS: u8 = 1;
const KINDS: u8 = 2;
const PREFER: u8 = 4;
const AVOID: u8 = 8;
const GIVE_UP: u8 = 16;

/// Appends an event.
pub(super) fn put_event(out: &mut Vec<u8>, event: &Event) {
    match *event {
        Event::Submit { request, spec } => put_submit(out, request, &spec),
        Event::Cancel { request } => put_all(out, [CANCEL, request.0]),
        Event::Done {
            request,
            machine,
            outcome,
        } => {
            let outcome = outcome_number(outcome);
            match machine {
                None => put_all(out, [DONE, request.0, outcome]),
                Some(machine) => put_all(out, [DONE_ON, request.0, machine.0, outcome]),
            }
        }
        Event::Join {
            machine,
            kind,
            offer,
        } => {
            put_all(out, [JOIN, machine.0, kind.0.into()]);
            put_option(out, offer, put_amounts);
        }
        Event::Up {
            machine,
            offer: None,
        } => put_all(out, [UP, machine.0]),
        Event::Up {
            machine,
            offer: Some(offer),
        } => {
            put_all(out, [UP_OFFER, machine.0]);
            put_amounts(out, offer);
        }
        Event::StartFailed { machine, hint } => match hint {
            None => put_all(out, [START_FAILED, machine.0]),
            Some(StartHint::RetryAfter(after)) => {
                put_all(out, [START_FAILED_RETRY, machine.0]);
                put_span(out, after);
            }
            Some(StartHint::AtCapacity) => put_all(out, [START_FAILED_CAPACITY, machine.0]),
        },
        Event::Stopped { machine } => put_all(out, [STOPPED, machine.0]),
        Event::Drain { machine, until } => {
            put_all(out, [DRAIN, machine.0]);
            put_option(out, until, put_instant);
        }
        Event::Keep { machine } => put_all(out, [KEEP, machine.0]),
        Event::SetLimits { kind, limits } => put_limits(out, kind, limits),
        Event::SetMaxProcs { max_procs } => put_all(out, [SET_MAX_PROCS, max_procs]),
        Event::AssignTask { machine, task } => put_all(out, [ASSIGN_TASK, machine.0, task.0]),
        Event::DiscardTask { machine, task } => put_all(out, [DISCARD_TASK, machine.0, task.0]),
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
        Event::ForgetOnce { machine, key } => {
            put_all(out, [FORGET_ONCE, machine.0, key.kind.into(), key.key]);
        }
        Event::Polled { machine, answered } => {
            put_all(out, [POLLED, machine.0, answered.into()]);
        }
        Event::Timer => put(out, TIMER),
        Event::Shutdown => put(out, SHUTDOWN),
    }
}

fn put_submit(out: &mut Vec<u8>, request: RequestId, spec: &Submit) {
    let Submit {
        demand,
        priority,
        kinds,
        prefer,
        avoid,
        give_up,
    } = *spec;
    let flag = |given: bool, flag: u8| if given { flag } else { 0 };
    let flags = flag(kinds != Kinds::ALL, KINDS)
        | flag(prefer.is_some(), PREFER)
        | flag(avoid.is_some(), AVOID)
        | flag(give_up.is_some(), GIVE_UP);
    let old_demand = first_edition_demand(demand);
    if let (0, Some(procs)) = (flags, old_demand) {
        return put_all(out, [SUBMIT, request.0, zigzag(priority), procs.into()]);
    }
    let amounts = match demand {
        Demand::Machine => None,
        Demand::Amounts(amounts) => Some(amounts),
    };
    let flags = flags | flag(amounts.is_some(), AMOUNTS);
    put_all(out, [SUBMIT_SPEC, request.0, zigzag(priority)]);
    put(out, flags.into());
    if let Some(amounts) = amounts {
        put_amounts(out, amounts);
    }
    if kinds != Kinds::ALL {
        put(out, kinds.bits());
    }
    for machine in [prefer, avoid].into_iter().flatten() {
        put(out, machine.0);
    }
    if let Some(give_up) = give_up {
        put(out, give_up.0);
    }
}

/// The number of a demand in the first edition, where zero stands for a whole machine; `None` if
/// it had no such demand.
fn first_edition_demand(demand: Demand) -> Option<u32> {
    match demand {
        Demand::Machine => Some(0),
        Demand::Amounts(amounts) => {
            let procs = amounts.proc_count();
            (procs > 0 && amounts == Resources::procs(procs)).then_some(procs)
        }
    }
}

fn put_instant(out: &mut Vec<u8>, at: Instant) {
    put(out, at.0);
}

fn put_limits(out: &mut Vec<u8>, kind: KindId, limits: Limits) {
    let Limits {
        min,
        max,
        spare,
        idle,
    } = limits;
    put_all(out, [SET_LIMITS, kind.0.into()]);
    put_all(out, [min, max, spare].map(u64::from));
    put_option(out, idle, put_span);
}

/// Why bytes are no event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoEvent {
    Unknown(u64),
    Malformed,
}

/// The event that all the bytes are.
pub(super) fn event(bytes: Bytes<'_>) -> Result<Event, NoEvent> {
    let mut bytes = bytes;
    let number = bytes.varint().ok_or(NoEvent::Malformed)?;
    if !(SUBMIT..=SET_MAX_PROCS).contains(&number) {
        return Err(NoEvent::Unknown(number));
    }
    let event = match number {
        SUBMIT..=SHUTDOWN => first_edition_event(number, &mut bytes),
        _ => new_event(number, &mut bytes),
    };
    event.filter(|_| bytes.is_empty()).ok_or(NoEvent::Malformed)
}

fn request(bytes: &mut Bytes<'_>) -> Option<RequestId> {
    bytes.varint().map(RequestId)
}

fn machine(bytes: &mut Bytes<'_>) -> Option<MachineId> {
    bytes.varint().map(MachineId)
}

fn task(bytes: &mut Bytes<'_>) -> Option<TaskId> {
    bytes.varint().map(TaskId)
}

fn kind(bytes: &mut Bytes<'_>) -> Option<KindId> {
    bytes.number().map(KindId)
}

fn instant(bytes: &mut Bytes<'_>) -> Option<Instant> {
    bytes.varint().map(Instant)
}

/// The fields of an event that the first edition wrote, too.
fn first_edition_event(number: u64, bytes: &mut Bytes<'_>) -> Option<Event> {
    let event = match number {
        SUBMIT => Event::Submit {
            request: request(bytes)?,
            spec: first_edition_spec(bytes)?,
        },
        CANCEL => Event::Cancel {
            request: request(bytes)?,
        },
        DONE => Event::Done {
            request: request(bytes)?,
            machine: None,
            outcome: outcome(bytes.byte()?)?,
        },
        UP => Event::Up {
            machine: machine(bytes)?,
            offer: None,
        },
        START_FAILED => Event::StartFailed {
            machine: machine(bytes)?,
            hint: None,
        },
        STOPPED => Event::Stopped {
            machine: machine(bytes)?,
        },
        ASSIGN_TASK => Event::AssignTask {
            machine: machine(bytes)?,
            task: task(bytes)?,
        },
        DISCARD_TASK => Event::DiscardTask {
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
        FORGET_ONCE => Event::ForgetOnce {
            machine: machine(bytes)?,
            key: key(bytes)?,
        },
        POLLED => Event::Polled {
            machine: machine(bytes)?,
            answered: bytes.flag()?,
        },
        TIMER => Event::Timer,
        SHUTDOWN => Event::Shutdown,
        _ => return None,
    };
    Some(event)
}

/// The fields of an event whose number is not of the first edition.
fn new_event(number: u64, bytes: &mut Bytes<'_>) -> Option<Event> {
    let event = match number {
        SUBMIT_SPEC => Event::Submit {
            request: request(bytes)?,
            spec: spec(bytes)?,
        },
        DONE_ON => Event::Done {
            request: request(bytes)?,
            machine: machine(bytes).map(Some)?,
            outcome: outcome(bytes.byte()?)?,
        },
        UP_OFFER => Event::Up {
            machine: machine(bytes)?,
            offer: bytes.amounts().map(Some)?,
        },
        START_FAILED_RETRY => Event::StartFailed {
            machine: machine(bytes)?,
            hint: bytes.span().map(StartHint::RetryAfter).map(Some)?,
        },
        START_FAILED_CAPACITY => Event::StartFailed {
            machine: machine(bytes)?,
            hint: Some(StartHint::AtCapacity),
        },
        JOIN => Event::Join {
            machine: machine(bytes)?,
            kind: kind(bytes)?,
            offer: bytes.option(Bytes::amounts)?,
        },
        DRAIN => Event::Drain {
            machine: machine(bytes)?,
            until: bytes.option(instant)?,
        },
        KEEP => Event::Keep {
            machine: machine(bytes)?,
        },
        SET_LIMITS => Event::SetLimits {
            kind: kind(bytes)?,
            limits: Limits {
                min: bytes.number()?,
                max: bytes.number()?,
                spare: bytes.number()?,
                idle: bytes.option(Bytes::span)?,
            },
        },
        SET_MAX_PROCS => Event::SetMaxProcs {
            max_procs: bytes.varint()?,
        },
        _ => return None,
    };
    Some(event)
}

fn first_edition_spec(bytes: &mut Bytes<'_>) -> Option<Submit> {
    let priority = bytes.signed()?;
    let demand = Demand::procs(bytes.number()?).unwrap_or(Demand::Machine);
    Some(Submit::new(demand).priority(priority))
}

fn spec(bytes: &mut Bytes<'_>) -> Option<Submit> {
    let priority = bytes.signed()?;
    let flags = bytes.byte()?;
    if flags > (AMOUNTS | KINDS | PREFER | AVOID | GIVE_UP) {
        return None;
    }
    let given = |flag: u8| flags & flag != 0;
    let mut spec = Submit::machine().priority(priority);
    if given(AMOUNTS) {
        spec.demand = Demand::Amounts(bytes.amounts()?);
    }
    if given(KINDS) {
        spec.kinds = Kinds::from_bits(bytes.varint()?);
    }
    if given(PREFER) {
        spec.prefer = machine(bytes).map(Some)?;
    }
    if given(AVOID) {
        spec.avoid = machine(bytes).map(Some)?;
    }
    if given(GIVE_UP) {
        spec.give_up = instant(bytes).map(Some)?;
    }
    Some(spec)
}

fn key(bytes: &mut Bytes<'_>) -> Option<OnceKey> {
    Some(OnceKey {
        kind: bytes.number()?,
        key: bytes.varint()?,
    })
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
