//! What becomes of each machine: whether it came up, what it ran and how that went, how long it was idle.
use std::collections::HashMap;

use remuda::{
    Action, Event, Health, Instant, KindId, Limits, MachineId, Manager, Notice, Outcome, RequestId,
};

use super::{Finding, Names, Point, Some3, Sort, count, limits};
use crate::replay::span::Brief;

/// A machine on which at least so many requests ended, all of them badly, is told of.
const ALL_FAIL: u64 = 3;

/// Machines that were idle for less than this in all are not worth a word.
const IDLE: u128 = 10_000_000_000;

/// All machines of a run.
#[derive(Debug, Default)]
pub(super) struct Stories {
    all: Vec<Story>,
    /// Those that are there.
    there: HashMap<MachineId, usize>,
    running: HashMap<RequestId, MachineId>,
    /// How many of each kind are there, and how many of these are not up yet.
    counts: Vec<u64>,
    pending: Vec<u64>,
    limits: Vec<Limits>,
    /// Requests that ended well, anywhere.
    well: u64,
}

#[derive(Clone, Debug)]
struct Story {
    machine: MachineId,
    kind: KindId,
    /// None: it joined, or was there at the beginning.
    asked: Option<Point>,
    up: Option<Point>,
    failed: Option<Point>,
    gone: Option<Point>,
    on_probation: bool,
    running: u32,
    grants: u64,
    well: u64,
    badly: Vec<u64>,
    idle_since: Option<Point>,
    idle: u64,
    longest: Option<(Point, Point)>,
}

impl Stories {
    pub(super) fn begin(&mut self, manager: &Manager) {
        self.counts = vec![0; manager.config().kinds.len()];
        self.pending = self.counts.clone();
        self.limits = limits(manager.config());
        let at = Point {
            time: manager.now(),
            number: 0,
        };
        for machine in manager.machines() {
            let pending = machine.health() == Health::Pending;
            self.add(machine.id(), machine.kind(), None);
            if !pending {
                self.up(machine.id(), at);
            }
            for request in machine.running() {
                self.grant(request, machine.id(), at);
            }
        }
    }

    /// How many of a kind are there: asked for, up, or on their way out.
    pub(super) fn there(&self, kind: KindId) -> u64 {
        self.counts.get(usize::from(kind.0)).copied().unwrap_or(0)
    }

    /// Whether some of them are not up yet.
    pub(super) fn is_pending(&self, kind: KindId) -> bool {
        self.pending
            .get(usize::from(kind.0))
            .is_some_and(|it| *it > 0)
    }

    pub(super) fn limits(&self, kind: KindId) -> Option<Limits> {
        self.limits.get(usize::from(kind.0)).copied()
    }

    /// How long machines of a kind took to come up, on average; no time if none did.
    pub(super) fn mean_boot(&self, kind: KindId) -> u64 {
        let of_kind = self.all.iter().filter(|it| it.kind == kind);
        let boots: Vec<u128> = of_kind
            .filter_map(|it| Some(u128::from(it.up?.time.0 - it.asked?.time.0)))
            .collect();
        let sum: u128 = boots.iter().sum();
        let mean = sum.checked_div(boots.len() as u128).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }

    /// An event that was not rejected, and the actions of the step.
    pub(super) fn step(
        &mut self,
        event: Option<&Event>,
        actions: &[Action],
        at: Point,
        shut_down: bool,
    ) {
        match event {
            Some(&Event::Join { machine, kind, .. }) => {
                self.add(machine, kind, None);
                self.up(machine, at);
            }
            Some(&Event::Up { machine, .. }) => self.up(machine, at),
            Some(&Event::Done {
                request, outcome, ..
            }) => self.end(request, Some(outcome), at),
            Some(&Event::SetLimits { kind, limits }) => {
                if let Some(known) = self.limits.get_mut(usize::from(kind.0)) {
                    *known = limits;
                }
            }
            _ => {}
        }
        for action in actions {
            match *action {
                Action::Start { kind, first, count } => {
                    for id in first.0..first.0.saturating_add(count.into()) {
                        self.add(MachineId(id), kind, Some(at));
                    }
                }
                Action::Grant { request, machine } => self.grant(request, machine, at),
                Action::RequestLost { request, .. } => self.end(request, None, at),
                Action::Notice(Notice::MachineLost { machine, .. } | Notice::Ended { machine }) => {
                    self.remove(machine, at);
                }
                Action::Notice(Notice::Probation { machine }) => {
                    self.on_probation(machine, true, at);
                }
                Action::Notice(Notice::Recovered { machine, .. }) => {
                    self.on_probation(machine, false, at);
                }
                _ => {}
            }
        }
        // Those that never came up. After a shutdown that says nothing of them.
        if let Some(&(Event::StartFailed { machine, .. } | Event::Stopped { machine })) = event
            && let Some(index) = self.remove(machine, at)
            && !shut_down
        {
            self.all[index].failed = Some(at);
        }
    }

    fn add(&mut self, machine: MachineId, kind: KindId, asked: Option<Point>) {
        self.there.insert(machine, self.all.len());
        if let Some(many) = self.counts.get_mut(usize::from(kind.0)) {
            *many += 1;
            self.pending[usize::from(kind.0)] += 1;
        }
        self.all.push(Story {
            machine,
            kind,
            asked,
            up: None,
            failed: None,
            gone: None,
            on_probation: false,
            running: 0,
            grants: 0,
            well: 0,
            badly: Vec::new(),
            idle_since: None,
            idle: 0,
            longest: None,
        });
    }

    fn get(&mut self, machine: MachineId) -> Option<&mut Story> {
        let index = *self.there.get(&machine)?;
        Some(&mut self.all[index])
    }

    fn up(&mut self, machine: MachineId, at: Point) {
        let Some(story) = self.get(machine).filter(|it| it.up.is_none()) else {
            return;
        };
        (story.up, story.idle_since) = (Some(at), Some(at));
        let kind = usize::from(story.kind.0);
        self.pending[kind] -= 1;
    }

    /// One on probation is not idle for want of work.
    fn on_probation(&mut self, machine: MachineId, is: bool, at: Point) {
        if let Some(story) = self.get(machine) {
            story.on_probation = is;
            match is {
                true => story.end_idle(at),
                false => story.begin_idle(at),
            }
        }
    }

    fn grant(&mut self, request: RequestId, machine: MachineId, at: Point) {
        self.running.insert(request, machine);
        if let Some(story) = self.get(machine) {
            story.end_idle(at);
            story.running += 1;
            story.grants += 1;
        }
    }

    /// A request that ran is over; without an outcome it was lost with its machine.
    fn end(&mut self, request: RequestId, outcome: Option<Outcome>, at: Point) {
        let Some(machine) = self.running.remove(&request) else {
            return;
        };
        self.well += u64::from(outcome == Some(Outcome::Ok));
        if let Some(story) = self.get(machine) {
            story.running -= 1;
            if outcome.is_some() {
                story.begin_idle(at);
            }
            match outcome {
                Some(Outcome::Ok) => story.well += 1,
                Some(Outcome::Unused) => {}
                _ => story.badly.push(at.number),
            }
        }
    }

    fn remove(&mut self, machine: MachineId, at: Point) -> Option<usize> {
        let index = self.there.remove(&machine)?;
        let story = &mut self.all[index];
        story.end_idle(at);
        story.gone = Some(at);
        if let Some(many) = self.counts.get_mut(usize::from(story.kind.0)) {
            *many -= 1;
            self.pending[usize::from(story.kind.0)] -= u64::from(story.up.is_none());
        }
        Some(index)
    }

    pub(super) fn findings(&self, names: &Names, end: Point) -> Vec<Finding> {
        let kinds = || (0..).map(KindId).take(self.counts.len());
        let of = |kind: KindId| self.all.iter().filter(move |it| it.kind == kind);
        let mut found = Vec::new();
        found.extend(kinds().filter_map(|kind| never_up(of(kind), &names.of(kind))));
        found.extend(kinds().filter_map(|kind| idle(of(kind), &names.of(kind), end)));
        found.extend(kinds().filter_map(|kind| {
            let limits = self.limits(kind)?;
            // Those are wanted, whatever there is to do.
            match (limits.min, limits.spare) {
                (0, 0) => unused(of(kind), &names.of(kind), end),
                _ => None,
            }
        }));
        if self.well > 0 {
            found.extend(self.all.iter().filter_map(all_fails));
        }
        found
    }
}

impl Story {
    fn begin_idle(&mut self, at: Point) {
        if self.up.is_some() && self.running == 0 && !self.on_probation {
            self.idle_since.get_or_insert(at);
        }
    }

    fn end_idle(&mut self, at: Point) {
        let Some(since) = self.idle_since.take() else {
            return;
        };
        let spell = |(from, to): (Point, Point)| to.time - from.time;
        self.idle += at.time.0 - since.time.0;
        if self
            .longest
            .is_none_or(|it| spell(it) < at.time - since.time)
        {
            self.longest = Some((since, at));
        }
    }

    /// With what is idle still.
    fn until(&self, end: Point) -> Story {
        let mut story = self.clone();
        story.end_idle(end);
        story
    }

    /// How long it was up.
    fn service(&self, end: Instant) -> u128 {
        let Some(up) = self.up else { return 0 };
        let gone = self.gone.map_or(end, |gone| gone.time);
        u128::from(gone.0 - up.time.0)
    }
}

fn never_up<'a>(all: impl Iterator<Item = &'a Story>, kind: &str) -> Option<Finding> {
    let all: Vec<_> = all.collect();
    let failed: Vec<u64> = all
        .iter()
        .filter_map(|it| Some(it.failed?.number))
        .collect();
    if failed.is_empty() || all.iter().any(|it| it.up.is_some()) {
        return None;
    }
    let (asked, tried) = (all.len() as u64, failed.len() as u64);
    let asked = match asked == 1 {
        true => "1 machine was asked for".to_owned(),
        false => format!("{asked} machines were asked for"),
    };
    Some(Finding {
        finding: Sort::NeverUp,
        text: format!(
            "{kind} never came up: {asked}, {tried} failed to start ({})",
            Some3(&numbers(&failed))
        ),
        events: failed,
    })
}

fn idle<'a>(all: impl Iterator<Item = &'a Story>, kind: &str, end: Point) -> Option<Finding> {
    let all: Vec<Story> = all
        // Those that ran nothing are told of apart.
        .filter(|it| it.grants > 0)
        .map(|it| it.until(end))
        .collect();
    let idle: u128 = all.iter().map(|it| u128::from(it.idle)).sum();
    let service: u128 = all.iter().map(|it| it.service(end.time)).sum();
    if idle < IDLE || idle < service / 2 {
        return None;
    }
    let longest = |it: &&Story| it.longest.map_or(0, |(from, to)| to.time.0 - from.time.0);
    let most = all.iter().max_by_key(longest)?;
    let (from, to) = most.longest?;
    let percent = idle * 100 / service.max(1);
    Some(Finding {
        finding: Sort::Idle,
        text: format!(
            "machines of {kind} were idle for {percent} % of the {} that they were up; the longest: {} for {}, from #{} to #{}; a shorter idle limit stops them sooner",
            Brief(service),
            most.machine,
            Brief(longest(&most).into()),
            from.number,
            to.number
        ),
        events: vec![from.number, to.number],
    })
}

fn unused<'a>(all: impl Iterator<Item = &'a Story>, kind: &str, end: Point) -> Option<Finding> {
    let unused: Vec<&Story> = all
        .filter(|it| it.grants == 0 && it.asked.is_some() && it.up.is_some())
        .collect();
    let first = unused.first()?;
    let time: u128 = unused.iter().map(|it| it.service(end.time)).sum();
    let machines: Vec<_> = unused.iter().map(|it| it.machine).collect();
    let events = unused.iter().filter_map(|it| Some(it.asked?.number));
    let events: Vec<u64> = events.collect();
    let (what, verb) = match unused.len() {
        1 => (format!("a machine of {kind}"), "was"),
        many => (format!("{many} machines of {kind}"), "were"),
    };
    Some(Finding {
        finding: Sort::Unused,
        text: format!(
            "{what} {verb} started and ran nothing: {}, first asked for at #{}; up for {} in all",
            Some3(&machines),
            first.asked.map_or(0, |at| at.number),
            Brief(time)
        ),
        events,
    })
}

fn all_fails(story: &Story) -> Option<Finding> {
    let many = story.badly.len() as u64;
    if many < ALL_FAIL || story.well > 0 {
        return None;
    }
    Some(Finding {
        finding: Sort::AllFails,
        text: format!(
            "everything fails on {}: {} ended badly there, none well ({}); elsewhere some do",
            story.machine,
            count(many, "request"),
            Some3(&numbers(&story.badly))
        ),
        events: story.badly.clone(),
    })
}

fn numbers(events: &[u64]) -> Vec<String> {
    events.iter().map(|number| format!("#{number}")).collect()
}
