//! What became of each request of a run, and what the run comes to.
use std::collections::HashMap;

use remuda::{
    Action, Demand, Event, Instant, Loss, MachineId, Manager, Notice, Outcome, Reject, RequestId,
    Resources, Submit,
};

use super::fleet::Fleet;

/// Which request: its id, and how many had gone by it before.
pub(crate) type Key = (RequestId, u32);

/// One request, from its submit to its end.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) key: Key,
    /// What it asked for.
    pub(crate) spec: Submit,
    /// What it takes of its machine; nothing before its grant.
    pub(crate) taken: Resources,
    /// The procs that it takes; before its grant those that it asks for, of a whole machine those of the largest kind.
    pub(crate) procs: u32,
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
    /// It was given up in time (Q1).
    Expired,
    /// With its machine.
    Lost,
    /// No machine could hold it (F2, R3).
    Refused,
}

/// The requests of a run, in the order of their submits, and its machines.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    pub(crate) all: Vec<Life>,
    /// Those that have not ended.
    open: HashMap<RequestId, usize>,
    /// How many went by each id, and the last of them.
    used: HashMap<RequestId, (u32, usize)>,
    /// What the last event opened, granted or ended; something may be there twice.
    pub(crate) touched: Vec<usize>,
    fleet: Fleet,
    pub(crate) now: Instant,
    pub(crate) machines: Machines,
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
    /// As they were told to before the shutdown.
    pub(crate) ended: u64,
}

/// In proc-nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Procs {
    pub(crate) granted: u128,
    pub(crate) service: u128,
}

impl Lives {
    /// Those that are there when the record begins.
    pub(crate) fn new(manager: &Manager) -> Lives {
        let mut lives = Lives {
            fleet: Fleet::new(manager),
            now: manager.now(),
            ..Lives::default()
        };
        for waiting in manager.queue() {
            lives.open(waiting.request, waiting.spec);
        }
        for machine in manager.machines() {
            for (request, taken) in machine.grants() {
                lives.open(request, Submit::new(taken));
                lives.running += u64::from(taken.proc_count());
                let life = lives.all.last_mut().expect("it was just opened");
                let before = Point {
                    time: lives.now,
                    number: 0,
                };
                life.granted = Some((before, machine.id()));
                life.taken = taken;
            }
        }
        lives
    }

    /// The machine that a request runs on.
    pub(crate) fn runs_on(&self, request: RequestId) -> Option<MachineId> {
        let life = &self.all[*self.open.get(&request)?];
        life.granted.map(|(_, machine)| machine)
    }

    /// The last that went by this id.
    pub(crate) fn latest(&self, request: RequestId) -> Option<usize> {
        self.used.get(&request).map(|(_, last)| *last)
    }

    /// The request that goes by this id and has not ended.
    #[cfg(feature = "serve")]
    pub(crate) fn living(&self, request: RequestId) -> Option<&Life> {
        Some(&self.all[*self.open.get(&request)?])
    }

    /// Whether any request has gone by this id.
    #[cfg(feature = "serve")]
    pub(crate) fn has(&self, request: RequestId) -> bool {
        self.used.contains_key(&request)
    }

    fn open(&mut self, request: RequestId, spec: Submit) {
        let at = self.all.len();
        let (used, last) = self.used.entry(request).or_insert((0, at));
        let key = (request, *used);
        *used += 1;
        *last = at;
        self.touched.push(at);
        self.open.insert(request, at);
        let procs = match spec.demand {
            Demand::Amounts(amounts) => amounts.proc_count(),
            Demand::Machine => self.fleet.largest(),
        };
        self.all.push(Life {
            key,
            spec,
            taken: Resources::ZERO,
            procs,
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
        self.procs.service += u128::from(self.fleet.procs_in_service()) * passed;
        self.now = now;
        let at = Point { time: now, number };
        self.touched.clear();
        let rejected = actions.iter().find_map(|action| match action {
            Action::Reject(reject) => Some(reject),
            _ => None,
        });
        self.fleet.event(&event, actions, rejected.is_some());
        if let Event::Submit { request, spec } = event
            && rejected.is_none_or(is_refusal)
        {
            self.open(request, spec);
            self.all.last_mut().expect("just opened").submitted = Some(at);
            if rejected.is_some() {
                self.end(request, at, End::Refused);
            }
        }
        for action in actions {
            self.answer(action, at);
        }
        let never_up = self.fleet.after(&event, rejected.is_some());
        self.machines.failed += u64::from(never_up.is_some_and(|it| !it.stopping));
        // What was due came first (F10): it may have granted what is cancelled or done.
        if rejected.is_some() {
            return;
        }
        match event {
            Event::Done {
                request, outcome, ..
            } => self.end(request, at, End::Done(outcome)),
            Event::Cancel { request } => self.cancel(request, at),
            Event::Up { machine, .. } | Event::Join { machine, .. } => {
                self.machines.up += u64::from(self.fleet.get(machine).is_some_and(|it| it.up));
            }
            _ => {}
        }
    }

    fn answer(&mut self, action: &Action, at: Point) {
        self.fleet.action(action);
        match *action {
            Action::Grant { request, machine } => {
                let Some(&index) = self.open.get(&request) else {
                    return;
                };
                self.touched.push(index);
                let life = &mut self.all[index];
                life.granted = Some((at, machine));
                life.taken = self.fleet.taken(machine, life.spec.demand);
                life.procs = life.taken.proc_count();
                self.running += u64::from(life.procs);
            }
            Action::RequestLost { request, .. } => self.end(request, at, End::Lost),
            Action::Cancelled { request } => self.end(request, at, End::Cancelled),
            Action::Expired { request } => self.end(request, at, End::Expired),
            Action::Notice(Notice::MachineLost { by, .. }) => {
                let ended = self.fleet.is_shut_down() && by == Loss::Stopped;
                self.machines.lost += u64::from(!ended);
            }
            Action::Notice(Notice::Ended { .. }) => self.machines.ended += 1,
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
        let Some(index) = self.open.remove(&request) else {
            return;
        };
        self.touched.push(index);
        let life = &mut self.all[index];
        life.end = Some((at, end));
        if life.granted.is_some() {
            self.running -= u64::from(life.procs);
        }
    }
}

/// Whether a submit is refused because no machine could hold it (F2, R3).
pub(crate) fn is_refusal(reject: &Reject) -> bool {
    matches!(
        reject,
        Reject::TooManyProcs { .. } | Reject::TooLarge { .. } | Reject::NoProcs { .. }
    )
}
