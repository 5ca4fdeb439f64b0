//! Plays a world, and counts what is started and stopped when all should have settled.

use std::collections::{BTreeMap, BTreeSet};

use remuda::{
    Action, Event, Instant, KindId, MachineId, Manager, Notice, Outcome, RequestId, Submit,
};
use remuda_sim::quality::Agenda;
use remuda_sim::{Rng, script};

use crate::world::*;

/// What was counted in the window.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) starts: u64,
    pub(crate) stops: u64,
    pub(crate) grants: u64,
    /// Machines that were told to stop and had no grant.
    pub(crate) vain: u64,
    /// Starts that failed, and machines that were lost.
    pub(crate) failures: u64,
    pub(crate) passages: u64,
}

impl Counted {
    /// What is a storm in this.
    pub(crate) fn storm(&self, world: &World) -> Option<String> {
        let wrong = |what: &str| Some(format!("{what}: {self:?}"));
        if world.is_still() && (self.starts, self.stops) != (0, 0) {
            return wrong("machines are started or stopped where nothing changes");
        }
        // All that is ever asked for, each time the back-off ends.
        let wanted = world.wants.iter().map(|want| want.count);
        let beside = world
            .sorts
            .iter()
            .map(|sort| u64::from(sort.kind.min + sort.kind.spare));
        let most = wanted.chain(beside).sum::<u64>();
        // Where there are too few machines for all, requests that end change places, and machines with them (G5).
        let changes = match world.is_tight() {
            true => self.grants,
            false => 0,
        };
        // What was lost or doubted before the window may be replaced in it.
        let edge = match world.machines_fail() || world.machines_are_silent() {
            true => most,
            false => 0,
        };
        if self.vain > self.passages + self.failures + changes + edge {
            return wrong("machines are started in vain");
        }
        // A trial ends with the first work that is done, too (G3).
        let lengths = world.wants.iter().filter_map(|want| want.length);
        let trial = lengths.fold(world.settle, u64::min);
        let dying = world
            .sorts
            .iter()
            .filter(|sort| sort.fails > 0 || sort.life.is_some());
        let rounds = dying.map(|sort| match sort.life {
            // It lives beyond its trial: there is no back-off, but each takes so long.
            Some(life) if life >= trial => WINDOW / (life + sort.boot).max(1) + 2,
            // Machines that do come up end the back-off.
            _ if sort.fails < 255 && sort.life.is_none() => WINDOW,
            _ => WINDOW / BACKOFF_CAP + 2,
        });
        let by_backoff = most * rounds.sum::<u64>();
        if self.failures > by_backoff {
            return wrong("more starts than the back-off allows");
        }
        // Those that are pending at the window's end have come to nothing yet.
        // For each that failed, another may have been stopped (G5), and started again.
        let failures = 2 * self.failures;
        if self.starts > failures + self.grants + 2 * self.passages + most + changes {
            return wrong("more starts than grants");
        }
        None
    }
}

/// What happens outside the manager.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Stopped(MachineId),
    Up(MachineId),
    Lost(MachineId),
    End(RequestId, MachineId),
}

/// What is known of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) sort: usize,
    pub(crate) granted: bool,
    pub(crate) stopping: bool,
}

pub(crate) struct Play<'a> {
    pub(crate) world: &'a World,
    pub(crate) manager: Manager,
    pub(crate) rng: Rng,
    pub(crate) now: Instant,
    pub(crate) timer: Option<Instant>,
    pub(crate) agenda: Agenda<Next>,
    pub(crate) actions: Vec<Action>,
    pub(crate) machines: BTreeMap<MachineId, Known>,
    /// Which want each request is one of.
    pub(crate) wants: BTreeMap<RequestId, usize>,
    pub(crate) running: BTreeMap<RequestId, MachineId>,
    /// Requests that are to be asked for again.
    pub(crate) again: BTreeSet<RequestId>,
    pub(crate) counted: Counted,
    /// What was said and answered, if that is wanted.
    pub(crate) log: Option<String>,
}

impl<'a> Play<'a> {
    pub(crate) fn new(world: &'a World, log: bool) -> Play<'a> {
        Play {
            world,
            manager: Manager::new(world.config()).expect("a valid config"),
            rng: Rng::new(!world.seed),
            now: Instant::ZERO,
            timer: None,
            agenda: Agenda::new(),
            actions: Vec::new(),
            machines: BTreeMap::new(),
            wants: BTreeMap::new(),
            running: BTreeMap::new(),
            again: BTreeSet::new(),
            counted: Counted::default(),
            log: log.then(String::new),
        }
    }

    /// What is counted in the window, and the log.
    pub(crate) fn run(mut self) -> (Counted, Option<String>) {
        for (index, want) in self.world.wants.iter().enumerate() {
            for _ in 0..want.count {
                let request = RequestId(self.wants.len() as u64);
                self.wants.insert(request, index);
                self.submit(request);
            }
        }
        let calm = Instant::ZERO + ticks(CALM);
        let mut before = Counted::default();
        let mut settled = false;
        let mut steps = 0;
        while let Some(at) = self.next() {
            steps += 1;
            if at > calm + ticks(WINDOW) || steps > MOST_STEPS {
                break;
            }
            if at > calm && !settled {
                settled = true;
                before = self.counted;
            }
            self.step();
            while let Some(request) = self.again.pop_first() {
                self.submit(request);
            }
        }
        if !settled && steps <= MOST_STEPS {
            before = self.counted;
        }
        let all = self.counted;
        let counted = Counted {
            starts: all.starts - before.starts,
            stops: all.stops - before.stops,
            grants: all.grants - before.grants,
            vain: all.vain - before.vain,
            failures: all.failures - before.failures,
            passages: all.passages - before.passages,
        };
        (counted, self.log)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.timer.into_iter().chain(self.agenda.next()).min()
    }

    pub(crate) fn step(&mut self) {
        let next = self.agenda.next();
        if let Some(at) = self.timer.filter(|at| next.is_none_or(|next| *at <= next)) {
            (self.now, self.timer) = (at, None);
            return self.tell(Event::Timer);
        }
        let Some((at, next)) = self.agenda.pop() else {
            return;
        };
        self.now = at;
        match next {
            Next::Stopped(machine) => {
                if self.machines.remove(&machine).is_some() {
                    self.tell(Event::Stopped { machine });
                }
            }
            Next::Lost(machine) => {
                if self.machines.remove(&machine).is_some() {
                    self.counted.failures += 1;
                    self.tell(Event::Stopped { machine });
                }
            }
            Next::Up(machine) => self.up(machine),
            Next::End(request, machine) => self.end(request, machine),
        }
    }

    pub(crate) fn up(&mut self, machine: MachineId) {
        let Some(known) = self.machines.get(&machine) else {
            return;
        };
        let sort = &self.world.sorts[known.sort];
        if known.stopping {
            return;
        }
        if self.rng.chance(sort.fails) {
            self.counted.failures += 1;
            self.machines.remove(&machine);
            let hint = None;
            return self.tell(Event::StartFailed { machine, hint });
        }
        if let Some(life) = sort.life {
            self.agenda
                .add(self.now + ticks(life), 1, Next::Lost(machine));
        }
        let offer = sort.offer;
        self.tell(Event::Up { machine, offer });
    }

    pub(crate) fn end(&mut self, request: RequestId, machine: MachineId) {
        if self.running.get(&request) != Some(&machine) {
            return; // Lost with its machine.
        }
        self.running.remove(&request);
        let sort = self.machines.get(&machine).map(|known| known.sort);
        let silent = sort.map_or(0, |sort| self.world.sorts[sort].silent);
        let first = machine.0 < 8;
        let outcome = match first && self.rng.chance(silent) {
            true => Outcome::Unreachable,
            false => Outcome::Ok,
        };
        self.again.insert(request);
        let machine = Some(machine);
        self.tell(Event::Done {
            request,
            machine,
            outcome,
        });
    }

    pub(crate) fn submit(&mut self, request: RequestId) {
        let want = &self.world.wants[self.wants[&request]];
        let spec = want.amounts.map_or(Submit::machine(), Submit::new);
        let spec = spec.priority(want.priority).kinds(want.kinds);
        self.tell(Event::Submit { request, spec });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        self.manager.handle_into(event, self.now, &mut actions);
        if let Some(log) = &mut self.log {
            let told = script::event(&event);
            log.push_str(&format!("at {} {told}\n", self.now));
            for action in &actions {
                log.push_str(&format!("-> {}\n", script::action(action)));
            }
        }
        for action in actions.drain(..) {
            match action {
                Action::Grant { request, machine } => self.grant(request, machine),
                Action::Start { kind, first, count } => self.start(kind, first, count),
                Action::Stop { machine } => self.stop(machine),
                Action::RequestLost { request, .. } => {
                    self.running.remove(&request);
                    self.again.insert(request);
                }
                Action::SetTimer { at } => self.timer = Some(at),
                Action::ClearTimer => self.timer = None,
                Action::Notice(Notice::Probation { .. }) => self.counted.passages += 1,
                Action::Reject(_) => {
                    if let Event::Submit { request, .. } = event {
                        self.again.remove(&request); // It never fits: it is not asked for again.
                    }
                }
                _ => {}
            }
        }
        self.actions = actions;
    }

    pub(crate) fn grant(&mut self, request: RequestId, machine: MachineId) {
        self.counted.grants += 1;
        self.running.insert(request, machine);
        if let Some(known) = self.machines.get_mut(&machine) {
            known.granted = true;
        }
        let want = &self.world.wants[self.wants[&request]];
        if let Some(length) = want.length {
            self.agenda
                .add(self.now + ticks(length), 3, Next::End(request, machine));
        }
    }

    pub(crate) fn start(&mut self, kind: KindId, first: MachineId, count: u32) {
        self.counted.starts += u64::from(count);
        let sort = usize::from(kind.0);
        for id in (first.0..).take(count as usize).map(MachineId) {
            let (granted, stopping) = (false, false);
            let known = Known {
                sort,
                granted,
                stopping,
            };
            self.machines.insert(id, known);
            let boot = ticks(self.world.sorts[sort].boot);
            self.agenda.add(self.now + boot, 2, Next::Up(id));
        }
    }

    pub(crate) fn stop(&mut self, machine: MachineId) {
        let Some(known) = self.machines.get_mut(&machine) else {
            return;
        };
        known.stopping = true;
        self.counted.stops += 1;
        self.counted.vain += u64::from(!known.granted);
        let after = ticks(self.world.sorts[known.sort].stop);
        self.agenda.add(self.now + after, 0, Next::Stopped(machine));
    }
}

pub(crate) fn storm(world: &World) -> Option<String> {
    let (counted, _) = Play::new(world, false).run();
    counted.storm(world)
}
