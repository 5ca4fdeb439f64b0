//! The actions and rejections that a manager may answer with.

use remuda::{Action, KindId, Loss, Notice, OnceOutcome, Recovery, Reject};

pub(super) const REJECTS: &[&str] = &[
    "unknown-request",
    "duplicate-request",
    "no-procs",
    "too-many-procs",
    "too-large",
    "request-not-running",
    "request-not-there",
    "unknown-machine",
    "machine-stopping",
    "join-id",
    "unknown-kind",
    "limits",
    "not-in-bigslice",
    "machine-not-pending",
    "machine-not-in-service",
    "unexpected-polled",
    "duplicate-waiter",
    "once-unknown",
    "once-not-running",
    "once-running",
    "once-machine-lost",
];

pub(super) const ACTIONS: &[&str] = &[
    "grant",
    "start",
    "start of another kind",
    "stop",
    "expired",
    "request-lost stopped",
    "request-lost silence",
    "request-lost drained",
    "task-lost",
    "drop-task",
    "run-once",
    "once-ready ok",
    "once-ready remote or unreachable",
    "once-ready machine-lost",
    "poll",
    "cancelled",
    "set-timer",
    "clear-timer",
    "notice probation",
    "notice recovered: success",
    "notice recovered: timeout",
    "notice machine-lost: stopped",
    "notice machine-lost: silence",
    "notice ended",
    "notice draining",
    "notice draining until",
    "notice kept",
    "notice held",
    "notice no-home",
    "notice starts-failing",
    "notice summary",
    "notice summary with probation",
];

/// The row of [`ACTIONS`].
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Grant { .. } => "grant",
        Action::Start {
            kind: KindId(0), ..
        } => "start",
        Action::Start { .. } => "start of another kind",
        Action::Stop { .. } => "stop",
        Action::Expired { .. } => "expired",
        Action::RequestLost { by, .. } => match by {
            Loss::Stopped => "request-lost stopped",
            Loss::Silence => "request-lost silence",
            _ => "request-lost drained",
        },
        Action::TaskLost { .. } => "task-lost",
        Action::DropTask { .. } => "drop-task",
        Action::RunOnce { .. } => "run-once",
        Action::OnceReady { outcome, .. } => match outcome {
            OnceOutcome::Ok => "once-ready ok",
            OnceOutcome::MachineLost => "once-ready machine-lost",
            _ => "once-ready remote or unreachable",
        },
        Action::Poll { .. } => "poll",
        Action::Cancelled { .. } => "cancelled",
        Action::SetTimer { .. } => "set-timer",
        Action::ClearTimer => "clear-timer",
        Action::Notice(notice) => noticed(notice),
        Action::Reject(_) => "a rejection is no row of this table",
    }
}

fn noticed(notice: Notice) -> &'static str {
    match notice {
        Notice::Probation { .. } => "notice probation",
        Notice::Recovered { by, .. } => match by {
            Recovery::Success => "notice recovered: success",
            _ => "notice recovered: timeout",
        },
        Notice::MachineLost { by, .. } => match by {
            Loss::Stopped => "notice machine-lost: stopped",
            _ => "notice machine-lost: silence",
        },
        Notice::Ended { .. } => "notice ended",
        Notice::Draining { until: None, .. } => "notice draining",
        Notice::Draining { .. } => "notice draining until",
        Notice::Kept { .. } => "notice kept",
        Notice::Held { .. } => "notice held",
        Notice::NoHome { .. } => "notice no-home",
        Notice::StartsFailing { .. } => "notice starts-failing",
        Notice::Summary { probation: 0, .. } => "notice summary",
        Notice::Summary { .. } => "notice summary with probation",
        _ => "a notice of no name",
    }
}

/// The row of [`REJECTS`].
pub(super) fn reject(reject: Reject) -> &'static str {
    match reject {
        Reject::UnknownRequest { .. } => "unknown-request",
        Reject::DuplicateRequest { .. } => "duplicate-request",
        Reject::NoProcs { .. } => "no-procs",
        Reject::TooManyProcs { .. } => "too-many-procs",
        Reject::TooLarge { .. } => "too-large",
        Reject::RequestNotRunning { .. } => "request-not-running",
        Reject::RequestNotThere { .. } => "request-not-there",
        Reject::UnknownMachine { .. } => "unknown-machine",
        Reject::MachineStopping { .. } => "machine-stopping",
        Reject::JoinId { .. } => "join-id",
        Reject::UnknownKind { .. } => "unknown-kind",
        Reject::Limits { .. } => "limits",
        Reject::NotInBigslice => "not-in-bigslice",
        Reject::MachineNotPending { .. } => "machine-not-pending",
        Reject::MachineNotInService { .. } => "machine-not-in-service",
        Reject::UnexpectedPolled { .. } => "unexpected-polled",
        Reject::DuplicateWaiter { .. } => "duplicate-waiter",
        Reject::OnceUnknown { .. } => "once-unknown",
        Reject::OnceNotRunning { .. } => "once-not-running",
        Reject::OnceRunning { .. } => "once-running",
        Reject::OnceMachineLost { .. } => "once-machine-lost",
        _ => "a rejection of no name",
    }
}
