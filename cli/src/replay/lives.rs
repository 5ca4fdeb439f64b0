//! What became of each request of a run, and what the run comes to.
use std::collections::{HashMap, HashSet};

use remuda::{
    Action, Demand, Event, Health, Instant, Loss, MachineId, Manager, Notice, Outcome, Reject,
    RequestId,
};

/// Which request: its id, and how many had gone by it before.
pub(crate) type Key = (RequestId, u32);

/// One request, from its submit to its end.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) key: Key,
    pub(crate) priority: i64,
    pub(crate) demand: Demand,
    /// None: before the record begins.
    pub(crate) submitted: Option<Point>,
    pub(crate) granted: Option<(Point, MachineId)>,
    pub(crate) cancelled: Option<Point>,
    pub(crate) end: Option<(Point, End)>,
}

/// A time, and the number of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) time: Instant,
    pub(crate) number: u64,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done(Outcome),
    Cancelled,
    /// With its machine.
    Lost,
    /// No machine could hold it (F2).
    Refused,
}

/// The requests of a run, in the order of their submits, and its machines.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    pub(crate) all: Vec<Life>,
    /// Those that have not ended.
    open: HashMap<RequestId, usize>,
    used: HashMap<RequestId, u32>,
    pub(crate) machine_procs: u32,
    pub(crate) now: Instant,
    pub(crate) machines: Machines,
    shut_down: bool,
    /// Asked for and not answered.
    pending: HashSet<MachineId>,
    /// Machines in service.
    service: u64,
    /// Procs of the grants that run.
    running: u64,
    pub(crate) procs: Procs,
}

/// How many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machines {
    pub(crate) up: u64,
    pub(crate) failed: u64,
    /// Stopped or silent, but not ended by the shutdown.
    pub(crate) lost: u64,
}

/// In proc-nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Procs {
    pub(crate) granted: u128,
    pub(crate) service: u128,
}

impl Life {
    /// Procs it takes of a machine of so many.
    pub(crate) fn procs(&self, machine_procs: u32) -> u32 {
        match self.demand {
            Demand::Procs(procs) => procs.get(),
            Demand::Machine => machine_procs,
        }
    }
}

impl Lives {
    /// Those that are there when the record begins.
    pub(crate) fn new(manager: &Manager) -> Lives {
        let mut lives = Lives {
            machine_procs: manager.config().machine_procs,
            now: manager.now(),
            ..Lives::default()
        };
        let whole = |procs: u32| Demand::procs(procs).unwrap_or(Demand::Machine);
        for waiting in manager.queue() {
            lives.open(waiting.request, waiting.priority, whole(waiting.procs));
        }
        for machine in manager.machines() {
            if machine.health() == Health::Pending {
                lives.pending.insert(machine.id());
            } else {
                lives.service += 1;
            }
            for (request, procs) in machine.grants() {
                lives.open(request, 0, whole(procs));
                lives.running += u64::from(procs);
                let life = lives.all.last_mut().expect("it was just opened");
                let before = Point {
                    time: lives.now,
                    number: 0,
                };
                life.granted = Some((before, machine.id()));
            }
        }
        lives
    }

    /// The machine that a request runs on.
    pub(crate) fn runs_on(&self, request: RequestId) -> Option<MachineId> {
        let life = &self.all[*self.open.get(&request)?];
        life.granted.map(|(_, machine)| machine)
    }

    fn open(&mut self, request: RequestId, priority: i64, demand: Demand) {
        let used = self.used.entry(request).or_insert(0);
        let key = (request, *used);
        *used += 1;
        self.open.insert(request, self.all.len());
        self.all.push(Life {
            key,
            priority,
            demand,
            submitted: None,
            granted: None,
            cancelled: None,
            end: None,
        });
    }

    /// The next event of the run.
    pub(crate) fn take_in(&mut self, number: u64, time: Instant, event: Event, actions: &[Action]) {
        // As in the manager: when the clock steps back, its time stays where it is (F5).
        let now = self.now.max(time);
        let passed = u128::from(now.0 - self.now.0);
        self.procs.granted += u128::from(self.running) * passed;
        self.procs.service += u128::from(self.service * u64::from(self.machine_procs)) * passed;
        self.now = now;
        let at = Point { time: now, number };
        let rejected = actions.iter().find_map(|action| match action {
            Action::Reject(reject) => Some(reject),
            _ => None,
        });
        if let Event::Submit {
            request,
            priority,
            demand,
        } = event
            && matches!(rejected, None | Some(Reject::TooManyProcs { .. }))
        {
            self.open(request, priority, demand);
            self.all.last_mut().expect("just opened").submitted = Some(at);
            if rejected.is_some() {
                self.end(request, at, End::Refused);
            }
        }
        for action in actions {
            self.answer(action, at);
        }
        // What was due came first (F10): it may have granted what is cancelled or done, or asked for the machine.
        if rejected.is_some() {
            return;
        }
        match event {
            Event::Done { request, outcome } => self.end(request, at, End::Done(outcome)),
            Event::Cancel { request } => self.cancel(request, at),
            Event::Up { machine } => {
                self.pending.remove(&machine);
                self.machines.up += 1;
                self.service += 1;
            }
            Event::StartFailed { machine } | Event::Stopped { machine } => {
                self.machines.failed += u64::from(self.pending.remove(&machine));
            }
            Event::Shutdown => self.shut_down = true,
            _ => {}
        }
    }

    fn answer(&mut self, action: &Action, at: Point) {
        match *action {
            Action::Grant { request, machine } => {
                let Some(life) = self.open.get(&request).map(|it| &mut self.all[*it]) else {
                    return;
                };
                life.granted = Some((at, machine));
                self.running += u64::from(life.procs(self.machine_procs));
            }
            Action::Start { first, count } => {
                let ids = first.0..first.0.saturating_add(count.into());
                self.pending.extend(ids.map(MachineId));
            }
            Action::RequestLost { request, .. } => self.end(request, at, End::Lost),
            Action::Cancelled { request } => self.end(request, at, End::Cancelled),
            Action::Notice(Notice::MachineLost { by, .. }) => {
                self.service = self.service.saturating_sub(1);
                let ended = self.shut_down && by == Loss::Stopped;
                self.machines.lost += u64::from(!ended);
            }
            _ => {}
        }
    }

    /// Cancels what is queued. Of what runs, the client must still say done (S6).
    fn cancel(&mut self, request: RequestId, at: Point) {
        let Some(life) = self.open.get(&request).map(|it| &mut self.all[*it]) else {
            return;
        };
        life.cancelled = Some(at);
        if life.granted.is_none() {
            self.end(request, at, End::Cancelled);
        }
    }

    fn end(&mut self, request: RequestId, at: Point, end: End) {
        let Some(life) = self.open.remove(&request).map(|it| &mut self.all[it]) else {
            return;
        };
        life.end = Some((at, end));
        if life.granted.is_some() {
            self.running -= u64::from(life.procs(self.machine_procs));
        }
    }
}
