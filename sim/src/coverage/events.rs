//! The events that may come, and what sets them apart beside the state that they meet.

use remuda::{
    Demand, Event, Instant, KindId, Kinds, Limits, OnceOutcome, Outcome, Policy, Resources,
    StartHint, Submit,
};

use super::states;
use crate::model::{Machine, Model, Poll, State};

pub(super) const REQUEST_EVENTS: &[&str] = &[
    "submit",
    "cancel",
    "done ok",
    "done remote",
    "done unreachable",
    "done unused",
];

pub(super) const MACHINE_EVENTS: &[&str] = &[
    "up",
    "join",
    "start-failed",
    "stopped",
    "drain",
    "keep",
    "assign",
    "discard",
    "once",
    "once-done ok",
    "once-done remote",
    "once-done unreachable",
    "once-done machine-lost",
    "forget",
    "polled",
];

pub(super) const ONCE_EVENTS: &[&str] = &["once", "once-done", "forget"];

pub(super) const SINGLE: &[&str] = &[
    "timer: none armed",
    "timer: early",
    "timer: due",
    "timer: after shutdown",
    "shutdown: with a queue",
    "shutdown: with no queue",
    "shutdown: before any event",
    "shutdown: again",
    "polled answered: a poll is out",
    "polled unanswered: a poll is out",
    "assign: held already",
    "discard: held",
    "once: the waiter waits already",
    "submit: procs",
    "submit: several amounts",
    "submit: a whole machine",
    "submit: of some kinds only",
    "submit: with a machine that is preferred",
    "submit: with a machine that is avoided",
    "submit: with a time to give up",
    "submit: under bigslice",
    "done: with no machine",
    "done: with another machine",
    "join: of another kind",
    "limits: a lower max",
    "limits: the same max or a higher one",
    "limits: after shutdown",
    "max-procs: less than before",
    "max-procs: no less than before",
    "max-procs: after shutdown",
    "up: with less than the capacity",
    "up: with more than the capacity",
    "start-failed: retry after, of a pending machine",
    "start-failed: at capacity, of a pending machine",
    "drain: until later",
    "drain: until now",
    "drain: under bigslice",
    "an event at the same instant as the one before",
    "an event with timers due",
];

/// The row and the state of an event that is about a request.
pub(super) fn of_request(model: &Model, event: Event) -> Option<(&'static str, &'static str)> {
    let (row, request) = match event {
        Event::Submit { request, .. } => ("submit", request),
        Event::Cancel { request } => ("cancel", request),
        Event::Done {
            request, outcome, ..
        } => match outcome {
            Outcome::Ok => ("done ok", request),
            Outcome::Remote => ("done remote", request),
            Outcome::Unreachable => ("done unreachable", request),
            _ => ("done unused", request),
        },
        _ => return None,
    };
    Some((row, states::of_request(model, request)))
}

/// The row and the state of an event that is about a machine.
pub(super) fn of_machine(model: &Model, event: Event) -> Option<(&'static str, &'static str)> {
    let (row, machine) = match event {
        Event::Up { machine, .. } => ("up", machine),
        Event::Join { machine, .. } => ("join", machine),
        Event::StartFailed { machine, .. } => ("start-failed", machine),
        Event::Stopped { machine } => ("stopped", machine),
        Event::Drain { machine, .. } => ("drain", machine),
        Event::Keep { machine } => ("keep", machine),
        Event::AssignTask { machine, .. } => ("assign", machine),
        Event::DiscardTask { machine, .. } => ("discard", machine),
        Event::Once { machine, .. } => ("once", machine),
        Event::OnceDone {
            machine, outcome, ..
        } => match outcome {
            OnceOutcome::Ok => ("once-done ok", machine),
            OnceOutcome::Remote => ("once-done remote", machine),
            OnceOutcome::Unreachable => ("once-done unreachable", machine),
            _ => ("once-done machine-lost", machine),
        },
        Event::ForgetOnce { machine, .. } => ("forget", machine),
        Event::Polled { machine, .. } => ("polled", machine),
        _ => return None,
    };
    Some((row, states::of_machine(model, machine)))
}

/// The row and the state of an event that is about work done once.
pub(super) fn of_once(model: &Model, event: Event) -> Option<(&'static str, &'static str)> {
    let (row, machine, key) = match event {
        Event::Once { machine, key, .. } => ("once", machine, key),
        Event::OnceDone { machine, key, .. } => ("once-done", machine, key),
        Event::ForgetOnce { machine, key } => ("forget", machine, key),
        _ => return None,
    };
    Some((row, states::of_once(model, machine, key)?))
}

/// What else is worth a row of its own.
pub(super) fn single(model: &Model, event: Event, now: Instant, mut hit: impl FnMut(&str)) {
    let overdue = model.next_timeout().is_some_and(|at| at <= now);
    if now == model.now() {
        hit("an event at the same instant as the one before");
    }
    if overdue {
        hit("an event with timers due");
    }
    match event {
        Event::Timer => hit(match model.next_timeout() {
            _ if model.is_shut_down() => "timer: after shutdown",
            _ if overdue => "timer: due",
            Some(_) => "timer: early",
            None => "timer: none armed",
        }),
        Event::Shutdown => hit(match (model.begun(), model.queue.is_empty()) {
            _ if model.is_shut_down() => "shutdown: again",
            (false, _) => "shutdown: before any event",
            (true, true) => "shutdown: with no queue",
            (true, false) => "shutdown: with a queue",
        }),
        Event::Submit { spec, .. } => single_submit(model, &spec, hit),
        Event::SetLimits { kind, limits } => single_limits(model, kind, limits, hit),
        Event::SetMaxProcs { max_procs } => hit(match max_procs < model.config().max_procs {
            _ if model.is_shut_down() => "max-procs: after shutdown",
            true => "max-procs: less than before",
            false => "max-procs: no less than before",
        }),
        Event::Join {
            kind: KindId(1..), ..
        } => hit("join: of another kind"),
        Event::Done {
            request, machine, ..
        } => {
            let running = model.running.iter().find(|r| r.id == request);
            match (running, machine) {
                (Some(_), None) => hit("done: with no machine"),
                (Some(running), Some(machine)) if machine != running.machine => {
                    hit("done: with another machine");
                }
                _ => {}
            }
        }
        Event::Drain { until, .. } => {
            if let Some(until) = until {
                let now = now.max(model.now());
                hit(match until > now {
                    true => "drain: until later",
                    false => "drain: until now",
                });
            }
            if model.config().policy == Policy::Bigslice {
                hit("drain: under bigslice");
            }
        }
        _ => single_of_machine(model, event, hit),
    }
}

fn single_submit(model: &Model, spec: &Submit, mut hit: impl FnMut(&str)) {
    hit(match spec.demand {
        Demand::Machine => "submit: a whole machine",
        Demand::Amounts(amounts) if amounts == Resources::procs(amounts.proc_count()) => {
            "submit: procs"
        }
        Demand::Amounts(_) => "submit: several amounts",
    });
    let said = [
        (spec.kinds != Kinds::ALL, "submit: of some kinds only"),
        (
            spec.prefer.is_some(),
            "submit: with a machine that is preferred",
        ),
        (
            spec.avoid.is_some(),
            "submit: with a machine that is avoided",
        ),
        (spec.give_up.is_some(), "submit: with a time to give up"),
        (
            model.config().policy == Policy::Bigslice,
            "submit: under bigslice",
        ),
    ];
    said.iter()
        .filter(|(is, _)| *is)
        .for_each(|(_, row)| hit(row));
}

fn single_limits(model: &Model, kind: KindId, limits: Limits, mut hit: impl FnMut(&str)) {
    let Some(before) = model.config().kinds.get(usize::from(kind.0)) else {
        return;
    };
    hit(match limits.max < before.max {
        _ if model.is_shut_down() => "limits: after shutdown",
        true => "limits: a lower max",
        false => "limits: the same max or a higher one",
    });
}

fn single_of_machine(model: &Model, event: Event, mut hit: impl FnMut(&str)) {
    let there = |id, what: &dyn Fn(&Machine) -> bool| states::machine(model, id).is_some_and(what);
    match event {
        Event::Polled { machine, answered } if there(machine, &|m| m.poll == Poll::Out) => {
            hit(match answered {
                true => "polled answered: a poll is out",
                false => "polled unanswered: a poll is out",
            });
        }
        Event::AssignTask { machine, task } if there(machine, &|m| m.tasks.contains(&task)) => {
            hit("assign: held already");
        }
        Event::DiscardTask { machine, task } if there(machine, &|m| m.tasks.contains(&task)) => {
            hit("discard: held");
        }
        Event::Once { waiter, .. } if model.waiters.iter().any(|w| w.id == waiter) => {
            hit("once: the waiter waits already");
        }
        Event::Up {
            machine,
            offer: Some(offer),
        } => {
            let of = states::machine(model, machine).map(|m| m.kind);
            let kind = of.and_then(|kind| model.config().kinds.get(usize::from(kind.0)));
            if kind.is_some_and(|kind| !kind.capacity.fits(offer)) {
                hit("up: with less than the capacity");
            }
            if kind.is_some_and(|kind| !offer.fits(kind.capacity)) {
                hit("up: with more than the capacity");
            }
        }
        Event::StartFailed {
            machine,
            hint: Some(hint),
        } if there(machine, &|m| m.state == State::Pending) => hit(match hint {
            StartHint::RetryAfter(_) => "start-failed: retry after, of a pending machine",
            _ => "start-failed: at capacity, of a pending machine",
        }),
        _ => {}
    }
}
