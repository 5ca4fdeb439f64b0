//! Events as a scenario writes them: what need not be said may be left out, and those of the first edition are read.
use remuda::{
    Event, KindId, Kinds, Limits, OnceKey, OnceOutcome, Outcome, RequestId, StartHint, Submit,
    TaskId, WaiterId,
};
use serde::{Deserialize, Serialize};

use super::values::{Amounts, DemandLine, Machine, Moment, Span};

/// An event in JSON.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum EventLine {
    Submit(SubmitLine),
    Cancel {
        request: RequestId,
    },
    Done {
        request: RequestId,
        #[serde(skip_serializing_if = "Option::is_none")]
        machine: Option<Machine>,
        outcome: Outcome,
    },
    Join {
        machine: Machine,
        kind: KindId,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<Amounts>,
    },
    Up {
        machine: Machine,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<Amounts>,
    },
    StartFailed {
        machine: Machine,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<HintLine>,
    },
    Stopped {
        machine: Machine,
    },
    Drain {
        machine: Machine,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Moment>,
    },
    Keep {
        machine: Machine,
    },
    SetLimits {
        kind: KindId,
        min: u32,
        max: u32,
        spare: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        idle: Option<Span>,
    },
    SetMaxProcs {
        max_procs: u64,
    },
    #[serde(alias = "assign")]
    AssignTask {
        machine: Machine,
        task: TaskId,
    },
    #[serde(alias = "discard")]
    DiscardTask {
        machine: Machine,
        task: TaskId,
    },
    Once {
        machine: Machine,
        key: OnceKey,
        waiter: WaiterId,
    },
    OnceDone {
        machine: Machine,
        key: OnceKey,
        outcome: OnceOutcome,
    },
    #[serde(alias = "forget")]
    ForgetOnce {
        machine: Machine,
        key: OnceKey,
    },
    Polled {
        machine: Machine,
        answered: bool,
    },
    Timer,
    Shutdown,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitLine {
    request: RequestId,
    #[serde(default)]
    priority: i64,
    demand: DemandLine,
    /// The numbers of the kinds; all if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<KindId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefer: Option<Machine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avoid: Option<Machine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    give_up: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HintLine {
    RetryAfter(Span),
    AtCapacity,
}

impl SubmitLine {
    fn of(request: RequestId, spec: Submit) -> SubmitLine {
        let number = |number: &KindId| spec.kinds.contains(*number);
        SubmitLine {
            request,
            priority: spec.priority,
            demand: spec.demand.into(),
            kinds: (spec.kinds != Kinds::ALL).then(|| (0..64).map(KindId).filter(number).collect()),
            prefer: spec.prefer.map(Machine),
            avoid: spec.avoid.map(Machine),
            give_up: spec.give_up.map(Moment),
        }
    }

    fn spec(self) -> Submit {
        let mut spec = Submit::new(self.demand).priority(self.priority);
        if let Some(kinds) = self.kinds {
            spec.kinds = kinds.into_iter().fold(Kinds::NONE, Kinds::with);
        }
        spec.prefer = self.prefer.map(|it| it.0);
        spec.avoid = self.avoid.map(|it| it.0);
        spec.give_up = self.give_up.map(|it| it.0);
        spec
    }
}

impl EventLine {
    /// The event in JSON; none of one that this program does not know.
    pub(super) fn of(event: &Event) -> Option<EventLine> {
        Some(match *event {
            Event::Submit { request, spec } => EventLine::Submit(SubmitLine::of(request, spec)),
            Event::Cancel { request } => EventLine::Cancel { request },
            Event::Done {
                request,
                machine,
                outcome,
            } => EventLine::Done {
                request,
                machine: machine.map(Machine),
                outcome,
            },
            Event::Join {
                machine,
                kind,
                offer,
            } => EventLine::Join {
                machine: Machine(machine),
                kind,
                offer: offer.map(Amounts),
            },
            Event::Up { machine, offer } => EventLine::Up {
                machine: Machine(machine),
                offer: offer.map(Amounts),
            },
            Event::StartFailed { machine, hint } => EventLine::StartFailed {
                machine: Machine(machine),
                hint: match hint {
                    Some(StartHint::RetryAfter(span)) => Some(HintLine::RetryAfter(Span(span))),
                    Some(StartHint::AtCapacity) => Some(HintLine::AtCapacity),
                    _ => None,
                },
            },
            Event::Stopped { machine } => EventLine::Stopped {
                machine: Machine(machine),
            },
            Event::Drain { machine, until } => EventLine::Drain {
                machine: Machine(machine),
                until: until.map(Moment),
            },
            Event::Keep { machine } => EventLine::Keep {
                machine: Machine(machine),
            },
            Event::SetLimits { kind, limits } => EventLine::SetLimits {
                kind,
                min: limits.min,
                max: limits.max,
                spare: limits.spare,
                idle: limits.idle.map(Span),
            },
            Event::SetMaxProcs { max_procs } => EventLine::SetMaxProcs { max_procs },
            Event::AssignTask { machine, task } => EventLine::AssignTask {
                machine: Machine(machine),
                task,
            },
            Event::DiscardTask { machine, task } => EventLine::DiscardTask {
                machine: Machine(machine),
                task,
            },
            Event::Once {
                machine,
                key,
                waiter,
            } => EventLine::Once {
                machine: Machine(machine),
                key,
                waiter,
            },
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => EventLine::OnceDone {
                machine: Machine(machine),
                key,
                outcome,
            },
            Event::ForgetOnce { machine, key } => EventLine::ForgetOnce {
                machine: Machine(machine),
                key,
            },
            Event::Polled { machine, answered } => EventLine::Polled {
                machine: Machine(machine),
                answered,
            },
            Event::Timer => EventLine::Timer,
            Event::Shutdown => EventLine::Shutdown,
            _ => return None,
        })
    }

    pub(super) fn event(self) -> Event {
        match self {
            EventLine::Submit(line) => Event::Submit {
                request: line.request,
                spec: line.spec(),
            },
            EventLine::Cancel { request } => Event::Cancel { request },
            EventLine::Done {
                request,
                machine,
                outcome,
            } => Event::Done {
                request,
                machine: machine.map(|it| it.0),
                outcome,
            },
            EventLine::Join {
                machine,
                kind,
                offer,
            } => Event::Join {
                machine: machine.0,
                kind,
                offer: offer.map(|it| it.0),
            },
            EventLine::Up { machine, offer } => Event::Up {
                machine: machine.0,
                offer: offer.map(|it| it.0),
            },
            EventLine::StartFailed { machine, hint } => Event::StartFailed {
                machine: machine.0,
                hint: hint.map(|hint| match hint {
                    HintLine::RetryAfter(span) => StartHint::RetryAfter(span.0),
                    HintLine::AtCapacity => StartHint::AtCapacity,
                }),
            },
            EventLine::Stopped { machine } => Event::Stopped { machine: machine.0 },
            EventLine::Drain { machine, until } => Event::Drain {
                machine: machine.0,
                until: until.map(|it| it.0),
            },
            EventLine::Keep { machine } => Event::Keep { machine: machine.0 },
            EventLine::SetLimits {
                kind,
                min,
                max,
                spare,
                idle,
            } => Event::SetLimits {
                kind,
                limits: Limits {
                    min,
                    max,
                    spare,
                    idle: idle.map(|it| it.0),
                },
            },
            EventLine::SetMaxProcs { max_procs } => Event::SetMaxProcs { max_procs },
            EventLine::AssignTask { machine, task } => Event::AssignTask {
                machine: machine.0,
                task,
            },
            EventLine::DiscardTask { machine, task } => Event::DiscardTask {
                machine: machine.0,
                task,
            },
            EventLine::Once {
                machine,
                key,
                waiter,
            } => Event::Once {
                machine: machine.0,
                key,
                waiter,
            },
            EventLine::OnceDone {
                machine,
                key,
                outcome,
            } => Event::OnceDone {
                machine: machine.0,
                key,
                outcome,
            },
            EventLine::ForgetOnce { machine, key } => Event::ForgetOnce {
                machine: machine.0,
                key,
            },
            EventLine::Polled { machine, answered } => Event::Polled {
                machine: machine.0,
                answered,
            },
            EventLine::Timer => Event::Timer,
            EventLine::Shutdown => Event::Shutdown,
        }
    }
}
