//! What a swarm met: which event in which state, every rejection, every action, every mark of the
//! rules, with how often.

use core::fmt;

use remuda::{
    Action, Demand, Event, Instant, Loss, MachineId, Notice, OnceKey, OnceOutcome, Outcome,
    Recovery, Reject, RequestId,
};

use crate::model::{Fate, Mark, Model, Poll, State};

const PHASES: [&str; 2] = ["", ", after shutdown"];

const REQUEST_EVENTS: [&str; 7] = [
    "submit procs",
    "submit machine",
    "cancel",
    "done ok",
    "done remote",
    "done unreachable",
    "done unused",
];
const REQUEST_STATES: [&str; 4] = [
    "unknown request",
    "queued request",
    "request running on an ok machine",
    "request running on probation",
];
const QUEUED: usize = 1;

const MACHINE_EVENTS: [&str; 12] = [
    "up",
    "start-failed",
    "stopped",
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
const MACHINE_STATES: [&str; 6] = [
    "machine never asked for",
    "pending machine",
    "ok machine",
    "machine on probation",
    "lost machine",
    "machine that failed to start",
];

const ONCE_EVENTS: [&str; 3] = ["once", "once-done", "forget"];
const ONCE_STATES: [&str; 4] = [
    "nobody asked for",
    "that runs",
    "that worked",
    "that failed",
];

const SINGLE: [&str; 15] = [
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
    "an event at the same instant as the one before",
    "an event with timers due",
];

const REJECTS: [&str; 13] = [
    "unknown-request",
    "duplicate-request",
    "too-many-procs",
    "request-not-running",
    "unknown-machine",
    "machine-not-pending",
    "machine-not-in-service",
    "unexpected-polled",
    "duplicate-waiter",
    "once-unknown",
    "once-not-running",
    "once-running",
    "once-machine-lost",
];

const ACTIONS: [&str; 20] = [
    "grant",
    "start",
    "stop",
    "request-lost",
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
    "notice recovered",
    "notice machine-lost",
    "notice starts-failing",
    "notice summary",
    "notice summary with probation",
];

/// How often each cell was hit.
#[derive(Clone, Debug)]
pub struct Coverage {
    requests: [[[u64; 2]; 4]; 7],
    machines: [[[u64; 2]; 6]; 12],
    once: [[u64; 4]; 3],
    single: [u64; 15],
    rejects: [u64; 13],
    actions: [u64; 20],
    /// Recovered by success and by time, lost by stop and by silence.
    notices: [[u64; 2]; 2],
    marks: [u64; Mark::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage {
            requests: Default::default(),
            machines: Default::default(),
            once: Default::default(),
            single: Default::default(),
            rejects: Default::default(),
            actions: Default::default(),
            notices: Default::default(),
            marks: [0; Mark::ALL.len()],
        }
    }
}

impl Coverage {
    /// Nothing hit yet.
    pub fn new() -> Coverage {
        Coverage::default()
    }

    /// Every cell that a swarm should hit, with how often it did.
    pub fn cells(&self) -> Vec<(String, u64)> {
        let mut cells = Vec::new();
        for (e, event) in REQUEST_EVENTS.iter().enumerate() {
            for (s, state) in REQUEST_STATES.iter().enumerate() {
                for (p, phase) in PHASES.iter().enumerate() {
                    // Nothing is queued after a shutdown (S22).
                    if (s, p) != (QUEUED, 1) {
                        let hits = self.requests[e][s][p];
                        cells.push((format!("{event}: {state}{phase}"), hits));
                    }
                }
            }
        }
        for (e, event) in MACHINE_EVENTS.iter().enumerate() {
            for (s, state) in MACHINE_STATES.iter().enumerate() {
                for (p, phase) in PHASES.iter().enumerate() {
                    let hits = self.machines[e][s][p];
                    cells.push((format!("{event}: {state}{phase}"), hits));
                }
            }
        }
        for (e, event) in ONCE_EVENTS.iter().enumerate() {
            for (s, state) in ONCE_STATES.iter().enumerate() {
                cells.push((format!("{event}: work {state}"), self.once[e][s]));
            }
        }
        let mut list = |kind: &str, names: &[&str], hits: &[u64]| {
            for (name, hits) in names.iter().zip(hits) {
                cells.push((format!("{kind}{name}"), *hits));
            }
        };
        list("", &SINGLE, &self.single);
        list("reject ", &REJECTS, &self.rejects);
        list("-> ", &ACTIONS, &self.actions);
        list(
            "-> notice recovered: ",
            &["success", "timeout"],
            &self.notices[0],
        );
        list(
            "-> notice machine-lost: ",
            &["stopped", "silence"],
            &self.notices[1],
        );
        for mark in Mark::ALL {
            cells.push((mark.words().to_owned(), self.marks[*mark as usize]));
        }
        cells
    }

    /// The cells that were hit fewer than `least` times.
    pub fn below(&self, least: u64) -> Vec<(String, u64)> {
        let mut cells = self.cells();
        cells.retain(|(_, hits)| *hits < least);
        cells
    }

    /// Adds the marks that the model made on its way.
    pub fn marked(&mut self, model: &Model) {
        for mark in Mark::ALL {
            self.marks[*mark as usize] += model.marks().count(*mark);
        }
    }

    /// Adds what others met.
    pub fn add(&mut self, other: &Coverage) {
        fn sum(to: &mut [u64], from: &[u64]) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        sum(
            self.requests.as_flattened_mut().as_flattened_mut(),
            other.requests.as_flattened().as_flattened(),
        );
        sum(
            self.machines.as_flattened_mut().as_flattened_mut(),
            other.machines.as_flattened().as_flattened(),
        );
        sum(self.once.as_flattened_mut(), other.once.as_flattened());
        sum(&mut self.single, &other.single);
        sum(&mut self.rejects, &other.rejects);
        sum(&mut self.actions, &other.actions);
        sum(
            self.notices.as_flattened_mut(),
            other.notices.as_flattened(),
        );
        sum(&mut self.marks, &other.marks);
    }

    /// Notes the state that an event meets at this time.
    pub(crate) fn met(&mut self, model: &Model, event: Event, now: Instant) {
        let overdue = model.next_timeout().is_some_and(|at| at <= now);
        self.single[13] += u64::from(now == model.now());
        self.single[14] += u64::from(overdue);
        let phase = usize::from(model.is_shut_down());
        match event {
            Event::Submit {
                request, demand, ..
            } => {
                let row = usize::from(demand == Demand::Machine);
                self.requests[row][request_state(model, request)][phase] += 1;
            }
            Event::Cancel { request } => {
                self.requests[2][request_state(model, request)][phase] += 1;
            }
            Event::Done { request, outcome } => {
                let row = match outcome {
                    Outcome::Ok => 3,
                    Outcome::Remote => 4,
                    Outcome::Unreachable => 5,
                    Outcome::Unused => 6,
                };
                self.requests[row][request_state(model, request)][phase] += 1;
            }
            Event::Timer => {
                let cell = match model.next_timeout() {
                    _ if phase == 1 => 3,
                    _ if overdue => 2,
                    Some(_) => 1,
                    None => 0,
                };
                self.single[cell] += 1;
            }
            Event::Shutdown => {
                let cell = match (phase, model.begun(), model.queue.is_empty()) {
                    (1, ..) => 7,
                    (_, false, _) => 6,
                    (_, true, true) => 5,
                    (_, true, false) => 4,
                };
                self.single[cell] += 1;
            }
            _ => self.met_machine(model, event, phase),
        }
    }

    fn met_machine(&mut self, model: &Model, event: Event, phase: usize) {
        let (row, machine) = match event {
            Event::Up { machine } => (0, machine),
            Event::StartFailed { machine } => (1, machine),
            Event::Stopped { machine } => (2, machine),
            Event::Assign { machine, task } => {
                self.single[10] += u64::from(holds(model, machine, |m| m.tasks.contains(&task)));
                (3, machine)
            }
            Event::Discard { machine, task } => {
                self.single[11] += u64::from(holds(model, machine, |m| m.tasks.contains(&task)));
                (4, machine)
            }
            Event::Once {
                machine,
                key,
                waiter,
            } => {
                self.met_once(model, 0, machine, key);
                self.single[12] += u64::from(model.waiters.iter().any(|w| w.id == waiter));
                (5, machine)
            }
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => {
                self.met_once(model, 1, machine, key);
                (6 + outcome as usize, machine)
            }
            Event::Forget { machine, key } => {
                self.met_once(model, 2, machine, key);
                (10, machine)
            }
            Event::Polled { machine, answered } => {
                if holds(model, machine, |m| m.poll == Poll::Out) {
                    self.single[9 - usize::from(answered)] += 1;
                }
                (11, machine)
            }
            _ => return,
        };
        self.machines[row][machine_state(model, machine)][phase] += 1;
    }

    fn met_once(&mut self, model: &Model, row: usize, machine: MachineId, key: OnceKey) {
        let Some(machine) = model.machines.iter().find(|m| m.id == machine) else {
            return;
        };
        let state = match machine.once.iter().find(|(k, _)| *k == key) {
            None => 0,
            Some((_, None)) => 1,
            Some((_, Some(OnceOutcome::Ok))) => 2,
            Some(_) => 3,
        };
        self.once[row][state] += 1;
    }

    /// Notes the actions that answer an event.
    pub(crate) fn answered(&mut self, actions: &[Action]) {
        for action in actions {
            let cell = match action {
                Action::Grant { .. } => 0,
                Action::Start { .. } => 1,
                Action::Stop { .. } => 2,
                Action::RequestLost { .. } => 3,
                Action::TaskLost { .. } => 4,
                Action::DropTask { .. } => 5,
                Action::RunOnce { .. } => 6,
                Action::OnceReady { outcome, .. } => match outcome {
                    OnceOutcome::Ok => 7,
                    OnceOutcome::MachineLost => 9,
                    OnceOutcome::Remote | OnceOutcome::Unreachable => 8,
                },
                Action::Poll { .. } => 10,
                Action::Cancelled { .. } => 11,
                Action::SetTimer { .. } => 12,
                Action::ClearTimer => 13,
                Action::Notice(notice) => self.noticed(*notice),
                Action::Reject(reject) => {
                    if let Some(cell) = reject_cell(*reject) {
                        self.rejects[cell] += 1;
                    }
                    continue;
                }
            };
            self.actions[cell] += 1;
        }
    }

    fn noticed(&mut self, notice: Notice) -> usize {
        match notice {
            Notice::Probation { .. } => 14,
            Notice::Recovered { by, .. } => {
                self.notices[0][usize::from(by == Recovery::Timeout)] += 1;
                15
            }
            Notice::MachineLost { by, .. } => {
                self.notices[1][usize::from(by == Loss::Silence)] += 1;
                16
            }
            Notice::StartsFailing { .. } => 17,
            Notice::Summary { probation: 0, .. } => 18,
            _ => 19,
        }
    }
}

fn holds(model: &Model, id: MachineId, what: impl Fn(&crate::model::Machine) -> bool) -> bool {
    model.machines.iter().any(|m| m.id == id && what(m))
}

fn request_state(model: &Model, request: RequestId) -> usize {
    if model.queue.iter().any(|r| r.id == request) {
        return QUEUED;
    }
    match model.running.iter().find(|r| r.id == request) {
        None => 0,
        Some(running) => machine_state(model, running.machine),
    }
}

fn machine_state(model: &Model, machine: MachineId) -> usize {
    match model.fates.get(machine.0 as usize) {
        None => 0,
        Some(Fate::Lost) => 4,
        Some(Fate::Failed) => 5,
        Some(Fate::There) => {
            let record = model.machines.iter().find(|m| m.id == machine);
            match record.expect("it is there").state {
                State::Pending { .. } => 1,
                State::Ok => 2,
                State::Probation { .. } => 3,
            }
        }
    }
}

fn reject_cell(reject: Reject) -> Option<usize> {
    Some(match reject {
        Reject::UnknownRequest { .. } => 0,
        Reject::DuplicateRequest { .. } => 1,
        Reject::TooManyProcs { .. } => 2,
        Reject::RequestNotRunning { .. } => 3,
        Reject::UnknownMachine { .. } => 4,
        Reject::MachineNotPending { .. } => 5,
        Reject::MachineNotInService { .. } => 6,
        Reject::UnexpectedPolled { .. } => 7,
        Reject::DuplicateWaiter { .. } => 8,
        Reject::OnceUnknown { .. } => 9,
        Reject::OnceNotRunning { .. } => 10,
        Reject::OnceRunning { .. } => 11,
        Reject::OnceMachineLost { .. } => 12,
        // Four billion records do not fit into a swarm.
        _ => return None,
    })
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (cell, hits) in self.cells() {
            writeln!(f, "{hits:>12}  {cell}")?;
        }
        Ok(())
    }
}
