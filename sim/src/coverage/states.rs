//! The states that an event may meet.

use remuda::{MachineId, OnceKey, OnceOutcome, RequestId};

use crate::model::{Fate, Leaving, Machine, Model, State};

pub(super) const REQUEST_STATES: &[&str] = &[
    "unknown request",
    "queued request",
    "request running on an ok machine",
    "request running on probation",
    "request running on a draining machine",
    "request running on a stopping machine",
];

pub(super) const MACHINE_STATES: &[&str] = &[
    "machine never asked for",
    "pending machine",
    "ok machine",
    "machine on probation",
    "draining machine",
    "stopping machine that was up",
    "stopping machine that was pending",
    "lost machine",
    "machine that ended",
    "machine that failed to start",
];

pub(super) const ONCE_STATES: &[&str] =
    &["not asked for", "that runs", "that worked", "that failed"];

/// Nothing is queued after a shutdown (S22).
pub(super) fn may_be_after_shutdown(state: &str) -> bool {
    state != "queued request"
}

pub(super) fn machine(model: &Model, id: MachineId) -> Option<&Machine> {
    model.machines.iter().find(|m| m.id == id)
}

pub(super) fn of_request(model: &Model, request: RequestId) -> &'static str {
    if model.queue.iter().any(|r| r.id == request) {
        return "queued request";
    }
    let running = model.running.iter().find(|r| r.id == request);
    let Some(machine) = running.and_then(|r| machine(model, r.machine)) else {
        return "unknown request";
    };
    match (machine.leaving, machine.state) {
        (Leaving::Stopping, _) => "request running on a stopping machine",
        (Leaving::Draining { .. }, _) => "request running on a draining machine",
        (Leaving::No, State::Probation { .. }) => "request running on probation",
        (Leaving::No, _) => "request running on an ok machine",
    }
}

pub(super) fn of_machine(model: &Model, id: MachineId) -> &'static str {
    let Some(machine) = machine(model, id) else {
        return match model.fate(id) {
            Some(Fate::Failed) => "machine that failed to start",
            Some(Fate::Ended) => "machine that ended",
            Some(_) => "lost machine",
            None => "machine never asked for",
        };
    };
    match (machine.leaving, machine.state) {
        (Leaving::Stopping, State::Pending) => "stopping machine that was pending",
        (Leaving::Stopping, _) => "stopping machine that was up",
        (Leaving::Draining { .. }, _) => "draining machine",
        (Leaving::No, State::Pending) => "pending machine",
        (Leaving::No, State::Ok) => "ok machine",
        (Leaving::No, State::Probation { .. }) => "machine on probation",
    }
}

pub(super) fn of_once(model: &Model, id: MachineId, key: OnceKey) -> Option<&'static str> {
    let machine = machine(model, id)?;
    Some(match machine.once.iter().find(|(k, _)| *k == key) {
        None => "not asked for",
        Some((_, None)) => "that runs",
        Some((_, Some(OnceOutcome::Ok))) => "that worked",
        Some(_) => "that failed",
    })
}
