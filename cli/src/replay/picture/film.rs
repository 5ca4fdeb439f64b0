//! What there is to draw of a run, or a part of it: machines, grants, and the requests that were never granted; and what
//! changes while it goes on.
use std::collections::HashMap;
use std::io;

use remuda::journal::Note;
use remuda::{
    Action, Event, Health, Instant, Loss, MachineId, Manager, Notice, Recovery, RequestId,
};

use super::machine::{Ending, Machine, until};
use super::slots::{Run, Slots};
use crate::replay::fleet::{Fleet, Reason};
use crate::replay::items::Step;
use crate::replay::lives::{End as LifeEnd, Life, Lives, Point};
use crate::replay::names::named;
use crate::replay::play::Watch;

/// Is told of each event, and keeps what is to be drawn.
#[derive(Debug, Default)]
pub(crate) struct Film {
    pub(super) lives: Lives,
    fleet: Fleet,
    /// In the order in which they were asked for or joined.
    pub(super) machines: Vec<Machine>,
    by_id: HashMap<MachineId, usize>,
    /// Of each request of `lives`, in the same order.
    pub(super) placed: Vec<Placed>,
    /// When it began, if something was there before the first event.
    pub(super) before: Option<Instant>,
    /// All that has changed, in order.
    pub(super) changes: Vec<Change>,
    /// The number of the first event of the part, and its time and the last one's.
    pub(super) part: Option<(u64, Instant, Instant)>,
}

/// Where a request is drawn, and what it is for.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Its machine: its place among them.
    pub(super) lane: Option<usize>,
    /// The procs of its machine that it is drawn on: it is the same for the same run, and no two overlap.
    pub(super) slots: Vec<Run>,
    /// Empty where none is known.
    pub(super) name: Box<str>,
}

/// What is not as it was: a machine or a request, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Lane(usize),
    Request(usize),
}

/// What a picture shows.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) begin: Instant,
    pub(super) end: Instant,
    pub(super) lanes: Vec<Lane<'a>>,
    /// Those that got no machine, by when they were submitted.
    pub(super) waiters: Vec<Waiter<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter<'a> {
    pub(super) life: &'a Life,
    pub(super) name: &'a str,
}

/// A machine and its grants, by when they began.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) machine: &'a Machine,
    pub(super) grants: Vec<Grant<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Grant<'a> {
    pub(super) life: &'a Life,
    pub(super) from: Point,
    pub(super) slots: &'a [Run],
    pub(super) name: &'a str,
}

impl Watch for Film {
    fn begin(&mut self, manager: &Manager) {
        self.lives = Lives::new(manager);
        self.fleet = Fleet::new(manager);
        let now = manager.now();
        for machine in manager.machines() {
            let health = machine.health();
            let since = |is: bool| match is {
                true => vec![(now, None)],
                false => Vec::new(),
            };
            self.add(Machine {
                kind: machine.kind(),
                offer: machine.offer(),
                up: (health != Health::Pending).then_some(now),
                probations: since(machine.on_probation()),
                until: until(&machine),
                drains: since(matches!(health, Health::Draining { .. })),
                ..Machine::new(machine.id(), now)
            });
        }
        let all: Vec<usize> = (0..self.lives.all.len()).collect();
        self.place(&all, 0);
        let some = !self.machines.is_empty() || !all.is_empty();
        self.before = some.then_some(now);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        let failed = match step.event {
            Event::Done { request, .. } => self.lives.runs_on(request),
            _ => None,
        };
        self.lives
            .take_in(step.number, step.time, step.event, actions);
        let at = Point {
            time: self.lives.now,
            number: step.number,
        };
        let rejected = actions.iter().any(|it| matches!(it, Action::Reject(_)));
        self.fleet.event(&step.event, actions, rejected);
        if let Event::Join { machine, .. } = step.event
            && !rejected
        {
            self.add(Machine::new(machine, at.time));
            self.came_up(machine, at.time);
        }
        for action in actions {
            self.answer(action, step, at, manager);
        }
        self.fleet.after(&step.event, rejected);
        self.watch_probation(failed, actions, manager);
        if !rejected {
            match step.event {
                Event::Up { machine, .. } => self.came_up(machine, at.time),
                Event::StartFailed { machine, .. } | Event::Stopped { machine } => {
                    if let Some(machine) = self.machine(machine)
                        && machine.up.is_none()
                    {
                        machine.end.get_or_insert((at, Ending::StartFailed));
                    }
                }
                _ => {}
            }
        }
        let mut touched = std::mem::take(&mut self.lives.touched);
        touched.sort_unstable();
        touched.dedup();
        self.place(&touched, step.number);
        self.lives.touched = touched;
        if selected {
            let (first, begin, _) = self.part.unwrap_or((step.number, at.time, at.time));
            self.part = Some((first, begin, at.time));
        }
        Ok(())
    }

    fn note(&mut self, note: &Note<'_>, _: bool) -> io::Result<()> {
        if let Some((request, name)) = named(note) {
            self.name(request, &name);
        }
        if !matches!(note.topic, "name" | "start failed" | "stopped") {
            return Ok(());
        }
        if let Some(machine) = self.machine(note.machine) {
            let said = match note.topic {
                "name" => &mut machine.name,
                _ => &mut machine.remark,
            };
            note.text.clone_into(said);
        }
        Ok(())
    }
}

impl Film {
    /// What a request is for, in one line that is fit to be shown.
    pub(crate) fn name(&mut self, request: RequestId, name: &str) {
        if let Some(at) = self.lives.latest(request)
            && &*self.placed[at].name != name
        {
            self.placed[at].name = name.into();
            self.changes.push(Change::Request(at));
        }
    }

    /// What became of each request.
    #[cfg(feature = "serve")]
    pub(crate) fn lives(&self) -> &Lives {
        &self.lives
    }

    /// A machine, to be changed.
    fn machine(&mut self, id: MachineId) -> Option<&mut Machine> {
        let at = *self.by_id.get(&id)?;
        self.changes.push(Change::Lane(at));
        Some(&mut self.machines[at])
    }

    fn add(&mut self, machine: Machine) {
        let at = self.machines.len();
        self.changes.push(Change::Lane(at));
        self.by_id.insert(machine.id, at);
        self.machines.push(machine);
    }

    /// Gives the grants among these requests, which event `number` has touched, their procs, and takes those back of what has
    /// ended.
    fn place(&mut self, touched: &[usize], number: u64) {
        self.placed
            .resize_with(self.lives.all.len(), Placed::default);
        for &at in touched {
            if self.lives.all[at].end.is_some() {
                self.take_back(at);
            }
            self.changes.push(Change::Request(at));
        }
        for &at in touched {
            let life = &self.lives.all[at];
            let Some((_, id)) = life.granted.filter(|(from, _)| from.number == number) else {
                continue;
            };
            let Some(&lane) = self.by_id.get(&id) else {
                continue;
            };
            let machine = &mut self.machines[lane];
            let procs = machine.offer.proc_count();
            let free = machine.free.get_or_insert_with(|| Slots::new(procs));
            let slots = free.take(life.procs);
            let placed = &mut self.placed[at];
            (placed.lane, placed.slots) = (Some(lane), slots);
            if life.end.is_some() {
                self.take_back(at);
            }
        }
    }

    fn take_back(&mut self, at: usize) {
        let Placed { lane, slots, .. } = &self.placed[at];
        if let Some(free) = lane.and_then(|lane| self.machines[lane].free.as_mut()) {
            free.release(slots);
        }
    }

    fn came_up(&mut self, id: MachineId, now: Instant) {
        let Some(known) = self.fleet.get(id).filter(|it| it.up) else {
            return;
        };
        if let Some(machine) = self.machine(id) {
            machine.up.get_or_insert(now);
            (machine.kind, machine.offer) = (known.kind, known.offer);
        }
    }

    fn answer(&mut self, action: &Action, step: &Step<'_>, at: Point, manager: &Manager) {
        let stop = self.fleet.action(action);
        match *action {
            Action::Start { kind, first, count } => {
                for id in first.0..first.0.saturating_add(count.into()) {
                    let offer = self.fleet.get(MachineId(id)).map(|it| it.offer);
                    self.add(Machine {
                        kind,
                        offer: offer.unwrap_or_default(),
                        ..Machine::new(MachineId(id), at.time)
                    });
                }
            }
            Action::Stop { machine } => {
                let reason = stop.filter(|it| *it != Reason::Other);
                if let (Some(machine), Some(reason)) = (self.machine(machine), reason) {
                    machine.told.get_or_insert((at.time, reason));
                }
            }
            Action::Notice(Notice::Draining { machine, .. }) => {
                if let Some(machine) = self.machine(machine)
                    && !matches!(machine.drains.last(), Some((_, None)))
                {
                    machine.drains.push((at.time, None));
                }
            }
            Action::Notice(Notice::Kept { machine }) => {
                if let Some((_, to)) = self.machine(machine).and_then(|it| it.drains.last_mut()) {
                    *to = Some(at.time);
                }
            }
            Action::Notice(Notice::Ended { machine }) => {
                if let Some(machine) = self.machine(machine) {
                    machine.recover(at.time);
                    machine.end = Some((at, Ending::Told));
                }
            }
            Action::Notice(Notice::Probation { machine }) => {
                if let Some(machine) = self.machine(machine) {
                    machine.probations.push((at.time, None));
                }
            }
            Action::Notice(Notice::Recovered { machine, by }) => {
                if let Some(machine) = self.machine(machine) {
                    // A timer that fires late changes nothing (F10).
                    let punctual = machine.until.filter(|_| by == Recovery::Timeout);
                    machine.recover(punctual.map_or(at.time, |until| until.min(at.time)));
                }
            }
            Action::Notice(Notice::MachineLost { machine, by }) => {
                let ending = match by {
                    _ if manager.is_shut_down() && step.event != Event::Shutdown => {
                        Ending::Shutdown
                    }
                    Loss::Silence => Ending::Silent,
                    _ => Ending::Stopped,
                };
                if let Some(machine) = self.machine(machine) {
                    machine.recover(at.time);
                    machine.end = Some((at, ending));
                }
            }
            _ => {}
        }
    }

    /// Keeps until when machines are on probation, which each failure of a call makes longer (S10).
    fn watch_probation(
        &mut self,
        failed: Option<MachineId>,
        actions: &[Action],
        manager: &Manager,
    ) {
        let begun = actions.iter().filter_map(|action| match action {
            Action::Notice(Notice::Probation { machine }) => Some(*machine),
            _ => None,
        });
        for id in begun.chain(failed).collect::<Vec<_>>() {
            let ends = manager.machine(id).and_then(|machine| until(&machine));
            if let (Some(ends), Some(machine)) = (ends, self.machine(id)) {
                machine.until = Some(ends);
            }
        }
    }

    /// What there is to draw.
    pub(super) fn scene(&self) -> Scene<'_> {
        let now = self.lives.now;
        let (first, begin, end) = self.part.unwrap_or((u64::MAX, now, now));
        let reaches = |end: Option<u64>| end.is_none_or(|number| number >= first);
        let mut lanes = Vec::new();
        let mut places = vec![None; self.machines.len()];
        for (at, machine) in self.machines.iter().enumerate() {
            if reaches(machine.end.map(|(at, _)| at.number)) {
                places[at] = Some(lanes.len());
                lanes.push(Lane {
                    machine,
                    grants: Vec::new(),
                });
            }
        }
        let mut waiters = Vec::new();
        for (life, placed) in self.lives.all.iter().zip(&self.placed) {
            if !reaches(life.end.map(|(at, _)| at.number)) {
                continue;
            }
            match life.granted {
                Some((from, _)) => {
                    if let Some(lane) = placed.lane.and_then(|lane| places[lane]) {
                        lanes[lane].grants.push(Grant {
                            life,
                            from,
                            slots: &placed.slots,
                            name: &placed.name,
                        });
                    }
                }
                None if !is_shown(life) => {}
                None => waiters.push(Waiter {
                    life,
                    name: &placed.name,
                }),
            }
        }
        for lane in &mut lanes {
            lane.grants.sort_by_key(|it| it.from.number);
        }
        Scene {
            begin,
            end,
            lanes,
            waiters,
        }
    }
}

/// Whether there is something to draw of a request: what was refused never waited.
pub(super) fn is_shown(life: &Life) -> bool {
    life.end.is_none_or(|(_, end)| end != LifeEnd::Refused)
}
