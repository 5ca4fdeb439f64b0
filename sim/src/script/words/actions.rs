//! Actions in a script's words.

use core::fmt;

use remuda::{Action, KindId, Loss, Notice, Recovery, Reject};

use super::parts::{Maybe, once_outcome};

pub(in super::super) struct ActionWords<'a>(pub(in super::super) &'a Action);

impl fmt::Display for ActionWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Action::Grant { request, machine } => write!(f, "grant {request} {machine}"),
            Action::Start { kind, first, count } => {
                write!(f, "start {}{first}", Other(kind))?;
                match count {
                    1 => Ok(()),
                    count => write!(f, " count {count}"),
                }
            }
            Action::Stop { machine } => write!(f, "stop {machine}"),
            Action::Expired { request } => write!(f, "expired {request}"),
            Action::RequestLost {
                request,
                machine,
                by: Loss::Stopped,
            } => write!(f, "request-lost {request} {machine}"),
            Action::RequestLost {
                request,
                machine,
                by,
            } => write!(f, "request-lost {request} {machine} {}", loss(by)),
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

/// A kind, unless it is the first.
struct Other(KindId);

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            KindId(0) => Ok(()),
            kind => write!(f, "{kind} "),
        }
    }
}

fn loss(by: Loss) -> &'static str {
    match by {
        Loss::Stopped => "stopped",
        Loss::Silence => "silence",
        Loss::Drained => "drained",
        _ => "?",
    }
}

fn write_notice(f: &mut fmt::Formatter<'_>, notice: Notice) -> fmt::Result {
    match notice {
        Notice::Probation { machine } => write!(f, "notice probation {machine}"),
        Notice::Recovered { machine, by } => {
            let by = match by {
                Recovery::Success => "success",
                _ => "timeout",
            };
            write!(f, "notice recovered {machine} {by}")
        }
        Notice::MachineLost { machine, by } => {
            write!(f, "notice machine-lost {machine} {}", loss(by))
        }
        Notice::Ended { machine } => write!(f, "notice ended {machine}"),
        Notice::Draining { machine, until } => {
            write!(f, "notice draining {machine}{}", Maybe("until", until))
        }
        Notice::Kept { machine } => write!(f, "notice kept {machine}"),
        Notice::Held { request, machine } => write!(f, "notice held {request} {machine}"),
        Notice::NoHome { request } => write!(f, "notice no-home {request}"),
        Notice::StartsFailing { kind, failures } => {
            write!(f, "notice starts-failing {}{failures}", Other(kind))
        }
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
    f.write_str("reject ")?;
    match reject {
        Reject::UnknownRequest { request } => write!(f, "unknown-request {request}"),
        Reject::DuplicateRequest { request } => write!(f, "duplicate-request {request}"),
        Reject::NoProcs { request } => write!(f, "no-procs {request}"),
        Reject::TooManyProcs {
            request,
            procs,
            limit,
        } => write!(f, "too-many-procs {request} procs {procs} limit {limit}"),
        Reject::TooLarge {
            request,
            kind,
            amount,
            asked,
            limit,
        } => write!(
            f,
            "too-large {request} {kind} amount {amount} asked {asked} limit {limit}"
        ),
        Reject::RequestNotRunning { request } => write!(f, "request-not-running {request}"),
        Reject::RequestNotThere { request, machine } => {
            write!(f, "request-not-there {request} {machine}")
        }
        Reject::UnknownMachine { machine } => write!(f, "unknown-machine {machine}"),
        Reject::MachineStopping { machine } => write!(f, "machine-stopping {machine}"),
        Reject::JoinId { machine, least } => write!(f, "join-id {machine} least {least}"),
        Reject::UnknownKind { kind } => write!(f, "unknown-kind {kind}"),
        Reject::Limits { kind } => write!(f, "limits {kind}"),
        Reject::NotInBigslice => write!(f, "not-in-bigslice"),
        Reject::MachineNotPending { machine } => write!(f, "machine-not-pending {machine}"),
        Reject::MachineNotInService { machine } => write!(f, "machine-not-in-service {machine}"),
        Reject::UnexpectedPolled { machine } => write!(f, "unexpected-polled {machine}"),
        Reject::DuplicateWaiter { waiter } => write!(f, "duplicate-waiter {waiter}"),
        Reject::OnceUnknown { machine, key } => write!(f, "once-unknown {key} {machine}"),
        Reject::OnceNotRunning { machine, key } => write!(f, "once-not-running {key} {machine}"),
        Reject::OnceRunning { machine, key } => write!(f, "once-running {key} {machine}"),
        Reject::OnceMachineLost { machine, key } => write!(f, "once-machine-lost {key} {machine}"),
        Reject::Full { limit } => write!(f, "full limit {limit}"),
        other => write!(f, "{other:?}"),
    }
}
