//! Events in a script's words.

use core::fmt;

use remuda::{Demand, Event, Kinds, Limits, Outcome, Resources, StartHint, Submit};

use super::parts::{Maybe, Span, once_outcome};

pub(in super::super) struct EventWords<'a>(pub(in super::super) &'a Event);

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Remote => "remote",
        Outcome::Unreachable => "unreachable",
        Outcome::Unused => "unused",
        _ => "?",
    }
}

impl fmt::Display for EventWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Event::Submit { request, spec } => write!(f, "submit {request} {}", Spec(spec)),
            Event::Cancel { request } => write!(f, "cancel {request}"),
            Event::Done {
                request,
                machine,
                outcome: o,
            } => {
                write!(f, "done {request} ")?;
                if let Some(machine) = machine {
                    write!(f, "{machine} ")?;
                }
                f.write_str(outcome(o))
            }
            Event::Join {
                machine,
                kind,
                offer,
            } => write!(f, "join {machine} {kind}{}", Maybe("offer", offer)),
            Event::Up { machine, offer } => write!(f, "up {machine}{}", Maybe("offer", offer)),
            Event::StartFailed { machine, hint } => {
                write!(f, "start-failed {machine}")?;
                match hint {
                    None => Ok(()),
                    Some(StartHint::RetryAfter(after)) => {
                        write!(f, " retry-after {}", Span(after))
                    }
                    Some(_) => f.write_str(" at-capacity"),
                }
            }
            Event::Stopped { machine } => write!(f, "stopped {machine}"),
            Event::Drain { machine, until } => {
                write!(f, "drain {machine}{}", Maybe("until", until))
            }
            Event::Keep { machine } => write!(f, "keep {machine}"),
            Event::SetLimits { kind, limits } => write!(f, "limits {kind} {}", LimitWords(limits)),
            Event::SetMaxProcs { max_procs } => write!(f, "max-procs {max_procs}"),
            Event::AssignTask { machine, task } => write!(f, "assign {task} {machine}"),
            Event::DiscardTask { machine, task } => write!(f, "discard {task} {machine}"),
            Event::Once {
                machine,
                key,
                waiter,
            } => write!(f, "once {key} {machine} {waiter}"),
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => write!(f, "once-done {key} {machine} {}", once_outcome(outcome)),
            Event::ForgetOnce { machine, key } => write!(f, "forget {key} {machine}"),
            Event::Polled { machine, answered } => {
                let how = if answered { "answered" } else { "unanswered" };
                write!(f, "polled {machine} {how}")
            }
            Event::Timer => write!(f, "timer"),
            Event::Shutdown => write!(f, "shutdown"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What a request asks for.
struct Spec(Submit);

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.0;
        write!(f, "prio {} ", spec.priority)?;
        match spec.demand {
            Demand::Machine => write!(f, "machine")?,
            Demand::Amounts(amounts) if amounts == Resources::procs(amounts.proc_count()) => {
                write!(f, "procs {amounts}")?;
            }
            Demand::Amounts(amounts) => write!(f, "amounts {amounts}")?,
        }
        if spec.kinds != Kinds::ALL {
            write!(f, " kinds {}", spec.kinds)?;
        }
        let (prefer, avoid) = (Maybe("prefer", spec.prefer), Maybe("avoid", spec.avoid));
        write!(f, "{prefer}{avoid}{}", Maybe("give-up", spec.give_up))
    }
}

struct LimitWords(Limits);

impl fmt::Display for LimitWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits {
            min,
            max,
            spare,
            idle,
        } = self.0;
        let idle = Maybe("idle", idle.map(Span));
        write!(f, "min {min} max {max} spare {spare}{idle}")
    }
}
