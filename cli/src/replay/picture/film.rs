//! What there is to draw of a run, or a part of it: machines, grants, and the requests that were never granted.
use std::collections::HashMap;
use std::io;

use remuda::journal::Note;
use remuda::{
    Action, Event, Health, Instant, KindId, Loss, MachineId, MachineView, Manager, Notice,
    Recovery, Resources,
};

use super::slots::{Run, Slots};
use crate::replay::fleet::{Fleet, Reason};
use crate::replay::items::Step;
use crate::replay::lives::{End as LifeEnd, Life, Lives, Point};
use crate::replay::play::Watch;

/// Is told of each event, and keeps what is to be drawn.
#[derive(Debug, Default)]
pub(crate) struct Film {
    lives: Lives,
    fleet: Fleet,
    /// In the order in which they were asked for or joined.
    machines: Vec<Machine>,
    by_id: HashMap<MachineId, usize>,
    /// The number of the first event of the part, and its time and the last one's.
    part: Option<(u64, Instant, Instant)>,
}

/// A machine, from when it was asked for to its end.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: MachineId,
    pub(super) kind: KindId,
    /// What it offers; before it is up, its kind's capacity.
    pub(super) offer: Resources,
    pub(super) asked: Instant,
    pub(super) up: Option<Instant>,
    pub(super) end: Option<(Point, Ending)>,
    /// From when to when it was on probation.
    pub(super) probations: Vec<(Instant, Option<Instant>)>,
    /// When the last of them ends by itself (S10).
    until: Option<Instant>,
    /// From when to when it drained, unless that was to its end.
    pub(super) drains: Vec<(Instant, Option<Instant>)>,
    /// When it was told to stop, and why.
    pub(super) told: Option<(Instant, Reason)>,
    pub(super) name: String,
    /// What its adapter said of its end, or of why it did not start.
    pub(super) remark: String,
}

/// How a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It stopped by itself.
    Stopped,
    /// It answered no polls.
    Silent,
    /// After the shutdown.
    Shutdown,
    StartFailed,
    /// As it was told to.
    Told,
}

/// What a picture shows.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) begin: Instant,
    pub(super) end: Instant,
    pub(super) lanes: Vec<Lane<'a>>,
    /// Those that got no machine, by when they were submitted.
    pub(super) waiters: Vec<&'a Life>,
}

/// A machine and its grants, by when they began.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) machine: &'a Machine,
    pub(super) grants: Vec<Grant<'a>>,
}

#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) life: &'a Life,
    pub(super) from: Point,
    /// The procs of its machine that it is drawn on: it is the same for the same run, and no two overlap.
    pub(super) slots: Vec<Run>,
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
        if selected {
            let (first, begin, _) = self.part.unwrap_or((step.number, at.time, at.time));
            self.part = Some((first, begin, at.time));
        }
        Ok(())
    }

    fn note(&mut self, note: &Note<'_>, _: bool) -> io::Result<()> {
        if let Some(machine) = self.machine(note.machine) {
            match note.topic {
                "name" => note.text.clone_into(&mut machine.name),
                "start failed" | "stopped" => note.text.clone_into(&mut machine.remark),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Machine {
    fn new(id: MachineId, asked: Instant) -> Machine {
        Machine {
            id,
            kind: KindId(0),
            offer: Resources::ZERO,
            asked,
            up: None,
            end: None,
            probations: Vec::new(),
            until: None,
            drains: Vec::new(),
            told: None,
            name: String::new(),
            remark: String::new(),
        }
    }
}

impl Film {
    /// What became of each request.
    #[cfg(feature = "serve")]
    pub(crate) fn lives(&self) -> &Lives {
        &self.lives
    }

    fn machine(&mut self, id: MachineId) -> Option<&mut Machine> {
        let at = *self.by_id.get(&id)?;
        Some(&mut self.machines[at])
    }

    fn add(&mut self, machine: Machine) {
        self.by_id.insert(machine.id, self.machines.len());
        self.machines.push(machine);
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
        let machines = self.machines.iter();
        let mut lanes: Vec<_> = machines
            .filter(|it| reaches(it.end.map(|(at, _)| at.number)))
            .map(|machine| Lane {
                machine,
                grants: Vec::new(),
            })
            .collect();
        lanes.sort_by_key(|lane| lane.machine.id);
        let places = lanes.iter().enumerate();
        let places: HashMap<_, _> = places.map(|(at, lane)| (lane.machine.id, at)).collect();
        let mut waiters = Vec::new();
        for life in &self.lives.all {
            if !reaches(life.end.map(|(at, _)| at.number)) {
                continue;
            }
            match life.granted {
                Some((from, machine)) => {
                    if let Some(lane) = places.get(&machine) {
                        lanes[*lane].grants.push(Grant {
                            life,
                            from,
                            slots: Vec::new(),
                        });
                    }
                }
                None if life.end.is_some_and(|(_, end)| end == LifeEnd::Refused) => {}
                None => waiters.push(life),
            }
        }
        for lane in &mut lanes {
            let mut slots = Slots::new(lane.machine.offer.proc_count());
            lane.grants.sort_by_key(|it| it.from.number);
            for grant in &mut lane.grants {
                slots.release(grant.from.number);
                let until = grant.life.end.map_or(u64::MAX, |(at, _)| at.number);
                grant.slots = slots.take(grant.life.procs, until);
            }
        }
        Scene {
            begin,
            end,
            lanes,
            waiters,
        }
    }
}

fn until(machine: &MachineView<'_>) -> Option<Instant> {
    match machine.health() {
        Health::Probation { until } => Some(until),
        _ => None,
    }
}

impl Machine {
    fn recover(&mut self, now: Instant) {
        if let Some((_, to @ None)) = self.probations.last_mut() {
            *to = Some(now);
        }
    }
}
