//! How events and actions are written in a script.

use core::fmt;
use core::time::Duration;

use remuda::{Action, Demand, Event, Loss, Notice, OnceOutcome, Outcome, Recovery, Reject};

pub(super) struct EventWords<'a>(pub(super) &'a Event);
pub(super) struct ActionWords<'a>(pub(super) &'a Action);
pub(super) struct Span(pub(super) Duration);

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Remote => "remote",
        Outcome::Unreachable => "unreachable",
        Outcome::Unused => "unused",
    }
}

pub(super) fn once_outcome(outcome: OnceOutcome) -> &'static str {
    match outcome {
        OnceOutcome::Ok => "ok",
        OnceOutcome::Remote => "remote",
        OnceOutcome::Unreachable => "unreachable",
        OnceOutcome::MachineLost => "machine-lost",
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            return write!(f, "{secs}s");
        }
        let digits = format!("{nanos:09}");
        write!(f, "{secs}.{}s", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for EventWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Event::Submit {
                request,
                priority,
                demand,
            } => {
                write!(f, "submit {request} prio {priority} ")?;
                match demand {
                    Demand::Procs(n) => write!(f, "procs {n}"),
                    Demand::Machine => write!(f, "machine"),
                }
            }
            Event::Cancel { request } => write!(f, "cancel {request}"),
            Event::Done {
                request,
                outcome: o,
            } => write!(f, "done {request} {}", outcome(o)),
            Event::Up { machine } => write!(f, "up {machine}"),
            Event::StartFailed { machine } => write!(f, "start-failed {machine}"),
            Event::Stopped { machine } => write!(f, "stopped {machine}"),
            Event::Assign { machine, task } => write!(f, "assign {task} {machine}"),
            Event::Discard { machine, task } => write!(f, "discard {task} {machine}"),
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
            Event::Forget { machine, key } => write!(f, "forget {key} {machine}"),
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

impl fmt::Display for ActionWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Action::Grant { request, machine } => write!(f, "grant {request} {machine}"),
            Action::Start { first, count: 1 } => write!(f, "start {first}"),
            Action::Start { first, count } => write!(f, "start {first} count {count}"),
            Action::Stop { machine } => write!(f, "stop {machine}"),
            Action::RequestLost { request, machine } => {
                write!(f, "request-lost {request} {machine}")
            }
            Action::TaskLost { task, machine } => write!(f, "task-lost {task} {machine}"),
            Action::DropTask { task, machine } => write!(f, "drop-task {task} {machine}"),
            Action::RunOnce { machine, key } => write!(f, "run-once {key} {machine}"),
            Action::OnceReady {
                waiter,
                key,
                outcome,
            } => write!(f, "once-ready {waiter} {key} {}", once_outcome(outcome)),
            Action::Poll { machine } => write!(f, "poll {machine}"),
            Action::Cancelled { request } => write!(f, "cancelled {request}"),
            Action::SetTimer { at } => write!(f, "set-timer {at}"),
            Action::ClearTimer => write!(f, "clear-timer"),
            Action::Notice(notice) => write_notice(f, notice),
            Action::Reject(reject) => write_reject(f, reject),
        }
    }
}

fn write_notice(f: &mut fmt::Formatter<'_>, notice: Notice) -> fmt::Result {
    match notice {
        Notice::Probation { machine } => write!(f, "notice probation {machine}"),
        Notice::Recovered { machine, by } => {
            let by = match by {
                Recovery::Success => "success",
                Recovery::Timeout => "timeout",
            };
            write!(f, "notice recovered {machine} {by}")
        }
        Notice::MachineLost { machine, by } => {
            let by = match by {
                Loss::Stopped => "stopped",
                Loss::Silence => "silence",
            };
            write!(f, "notice machine-lost {machine} {by}")
        }
        Notice::StartsFailing { failures } => write!(f, "notice starts-failing {failures}"),
        Notice::Summary {
            pending,
            ok,
            probation,
            lost,
        } => write!(
            f,
            "notice summary pending {pending} ok {ok} probation {probation} lost {lost}"
        ),
        other => write!(f, "notice {other:?}"),
    }
}

fn write_reject(f: &mut fmt::Formatter<'_>, reject: Reject) -> fmt::Result {
    match reject {
        Reject::UnknownRequest { request } => write!(f, "reject unknown-request {request}"),
        Reject::DuplicateRequest { request } => write!(f, "reject duplicate-request {request}"),
        Reject::TooManyProcs {
            request,
            procs,
            limit,
        } => write!(
            f,
            "reject too-many-procs {request} procs {procs} limit {limit}"
        ),
        Reject::RequestNotRunning { request } => {
            write!(f, "reject request-not-running {request}")
        }
        Reject::UnknownMachine { machine } => write!(f, "reject unknown-machine {machine}"),
        Reject::MachineNotPending { machine } => write!(f, "reject machine-not-pending {machine}"),
        Reject::MachineNotInService { machine } => {
            write!(f, "reject machine-not-in-service {machine}")
        }
        Reject::UnexpectedPolled { machine } => write!(f, "reject unexpected-polled {machine}"),
        Reject::DuplicateWaiter { waiter } => write!(f, "reject duplicate-waiter {waiter}"),
        Reject::OnceUnknown { machine, key } => write!(f, "reject once-unknown {key} {machine}"),
        Reject::OnceNotRunning { machine, key } => {
            write!(f, "reject once-not-running {key} {machine}")
        }
        Reject::OnceRunning { machine, key } => write!(f, "reject once-running {key} {machine}"),
        Reject::OnceMachineLost { machine, key } => {
            write!(f, "reject once-machine-lost {key} {machine}")
        }
        Reject::Full { limit } => write!(f, "reject full limit {limit}"),
        other => write!(f, "reject {other:?}"),
    }
}
