//! Plays a world, and holds each wait against its bound.

use std::collections::BTreeMap;
use std::time::Duration;

use remuda::{
    Action, Config, Event, Health, Instant, Kind, KindId, Kinds, MachineId, Manager, Notice,
    Outcome, RequestId, Resources, Submit,
};
use remuda_sim::Rng;
use remuda_sim::quality::Agenda;

use crate::world::*;

/// A queued request, and what happened since its submit.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) ask: Ask,
    pub(crate) watched: bool,
    pub(crate) stream: Option<usize>,
    /// Requests of its priority that were queued before it.
    pub(crate) older: u64,
    /// More urgent requests: queued before it, and after.
    pub(crate) urgent: u64,
    pub(crate) changes: u64,
    /// Ticks in which a machine in good health could take it.
    pub(crate) served: u64,
    pub(crate) could_be: bool,
}

/// What happens outside the manager.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Stopped(MachineId),
    Up(MachineId),
    End(RequestId, MachineId),
    Trouble(Trouble),
    Trickle(usize),
    Watched(usize),
}

/// The longest wait of a world, in thousandths of its bound: in a plain world, and of the others.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Worst {
    pub(crate) plain: u64,
    pub(crate) other: u64,
    pub(crate) requests: u64,
    pub(crate) holds: u64,
}

impl Worst {
    pub(crate) fn with(self, other: Worst) -> Worst {
        Worst {
            plain: self.plain.max(other.plain),
            other: self.other.max(other.other),
            requests: self.requests + other.requests,
            holds: self.holds + other.holds,
        }
    }
}

/// A world that is played.
pub(crate) struct Play<'a> {
    pub(crate) world: &'a World,
    pub(crate) manager: Manager,
    pub(crate) rng: Rng,
    pub(crate) now: Instant,
    pub(crate) timer: Option<Instant>,
    pub(crate) agenda: Agenda<Next>,
    pub(crate) actions: Vec<Action>,
    pub(crate) queued: BTreeMap<RequestId, Queued>,
    pub(crate) running: BTreeMap<RequestId, MachineId>,
    pub(crate) asked: u64,
    /// Of each stream.
    pub(crate) of_stream: Vec<u64>,
    pub(crate) joined: u64,
    /// Watched requests that are still to be served.
    pub(crate) left: usize,
    pub(crate) changed: bool,
    pub(crate) worst: Worst,
}

/// No world takes so many.
pub(crate) const MOST_STEPS: u64 = 200_000;
impl Play<'_> {
    pub(crate) fn new(world: &World) -> Play<'_> {
        let kinds = world.kinds.iter().map(|&(procs, machines)| {
            let kind = Kind::new(Resources::procs(procs));
            kind.min(machines).max(machines)
        });
        let config = kinds.fold(Config::empty(), Config::kind);
        let quiet = Duration::ZERO;
        let config = config
            .packing(world.packing)
            .patience(world.patience)
            .probation(TICK * 2)
            .poll_interval(quiet)
            .summary_interval(quiet);
        Play {
            world,
            manager: Manager::new(config).expect("a valid config"),
            rng: Rng::new(!world.seed),
            now: Instant::ZERO,
            timer: None,
            agenda: Agenda::new(),
            actions: Vec::new(),
            queued: BTreeMap::new(),
            running: BTreeMap::new(),
            asked: 0,
            of_stream: vec![0; world.streams.len()],
            joined: 0,
            left: world.watched.len(),
            changed: false,
            worst: Worst::default(),
        }
    }

    /// Plays until all watched requests are served, and then all others.
    pub(crate) fn run(mut self) -> Result<Worst, String> {
        self.tell(Event::Timer)?;
        while self.agenda.next() == Some(Instant::ZERO) {
            self.step()?;
        }
        self.changed = false;
        for (index, (at, _)) in self.world.watched.iter().enumerate() {
            self.agenda
                .add(Instant::ZERO + ticks(*at), 5, Next::Watched(index));
        }
        for (at, trouble) in &self.world.troubles {
            self.agenda
                .add(Instant::ZERO + ticks(*at), 3, Next::Trouble(*trouble));
        }
        for (index, stream) in self.world.streams.iter().enumerate() {
            if let Stream::Trickle { .. } = stream {
                self.agenda.add(Instant::ZERO, 4, Next::Trickle(index));
            }
        }
        let mut steps = 0;
        while self.left > 0 || !self.queued.is_empty() {
            steps += 1;
            if steps > MOST_STEPS {
                return Err(format!(
                    "after {steps} steps these are queued: {:?}",
                    self.queued
                ));
            }
            self.refill()?;
            if !self.step()? {
                return Err(format!(
                    "nothing happens any more, and {:?} are queued",
                    self.queued
                ));
            }
        }
        Ok(self.worst)
    }

    /// The next thing that happens; false if nothing does.
    pub(crate) fn step(&mut self) -> Result<bool, String> {
        let next = self.agenda.next();
        if let Some(at) = self.timer.filter(|at| next.is_none_or(|next| *at <= next)) {
            self.timer = None;
            self.pass(at)?;
            self.tell(Event::Timer)?;
            return Ok(true);
        }
        let Some((at, next)) = self.agenda.pop() else {
            return Ok(false);
        };
        self.pass(at)?;
        match next {
            Next::Stopped(machine) => self.tell(Event::Stopped { machine })?,
            Next::Up(machine) => self.tell(Event::Up {
                machine,
                offer: None,
            })?,
            Next::End(request, machine) => self.end(request, machine)?,
            Next::Trouble(trouble) => self.trouble(trouble)?,
            Next::Trickle(index) => self.trickle(index)?,
            Next::Watched(index) => {
                let ask = self.world.watched[index].1;
                self.submit(ask, None, true, None)?;
            }
        }
        Ok(true)
    }

    /// Time passes: queued requests wait, none beyond its bound.
    pub(crate) fn pass(&mut self, at: Instant) -> Result<(), String> {
        let passed = (at - self.now).as_secs();
        self.now = at;
        if self.changed {
            self.changed = false;
            for queued in self.queued.values_mut() {
                queued.could_be = could_be_served(&self.manager, &queued.ask);
                queued.changes += 1;
            }
        }
        if passed == 0 {
            return Ok(());
        }
        for (request, queued) in &mut self.queued {
            queued.served += passed * u64::from(queued.could_be);
            let (bound, _) = bound(self.world, queued);
            if queued.served > bound {
                return Err(format!(
                    "{request} waits longer than {bound} ticks: {queued:?}"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, event: Event) -> Result<(), String> {
        let mut actions = std::mem::take(&mut self.actions);
        self.manager.handle_into(event, self.now, &mut actions);
        self.changed |= matches!(
            event,
            Event::Up { .. } | Event::Join { .. } | Event::Stopped { .. }
        );
        for action in actions.drain(..) {
            match action {
                Action::Grant { request, machine } => self.grant(request, machine),
                Action::Start { first, count, .. } => {
                    for id in (first.0..).take(count as usize) {
                        // The first are there before anything else happens.
                        let boot = match self.now == Instant::ZERO && self.asked == 0 {
                            true => 0,
                            false => self.rng.range(0, self.world.longest),
                        };
                        self.agenda
                            .add(self.now + ticks(boot), 1, Next::Up(MachineId(id)));
                    }
                }
                Action::Stop { machine } => {
                    let after = ticks(self.rng.below(3));
                    self.agenda.add(self.now + after, 0, Next::Stopped(machine));
                }
                Action::RequestLost { request, .. } => {
                    self.running.remove(&request);
                }
                Action::SetTimer { at } => self.timer = Some(at),
                Action::ClearTimer => self.timer = None,
                Action::Notice(Notice::Held { .. }) => self.worst.holds += 1,
                Action::Notice(_) => self.changed = true,
                Action::Reject(reject) => return Err(reject.to_string()),
                _ => {}
            }
        }
        self.actions = actions;
        Ok(())
    }

    pub(crate) fn submit(
        &mut self,
        ask: Ask,
        stream: Option<usize>,
        watched: bool,
        prefer: Option<MachineId>,
    ) -> Result<(), String> {
        let before = |urgent: bool| {
            let before = self.queued.values().filter(|queued| match urgent {
                true => queued.ask.priority < ask.priority,
                false => queued.ask.priority == ask.priority,
            });
            before.count() as u64
        };
        let queued = Queued {
            ask,
            watched,
            stream,
            older: before(false),
            urgent: before(true),
            changes: 0,
            served: 0,
            could_be: could_be_served(&self.manager, &ask),
        };
        for other in self.queued.values_mut() {
            other.urgent += u64::from(ask.priority < other.ask.priority);
        }
        let request = RequestId(self.asked);
        self.asked += 1;
        self.queued.insert(request, queued);
        let spec = match ask.procs {
            Some(procs) => Submit::procs(procs),
            None => Submit::machine(),
        };
        let mut spec = spec.priority(ask.priority).kinds(ask.kinds);
        spec.prefer = prefer;
        self.tell(Event::Submit { request, spec })
    }

    pub(crate) fn grant(&mut self, request: RequestId, machine: MachineId) {
        let Some(queued) = self.queued.remove(&request) else {
            return;
        };
        self.left -= usize::from(queued.watched);
        self.running.insert(request, machine);
        let (bound, plain) = bound(self.world, &queued);
        let part = 1000 * queued.served / bound;
        let worst = match plain {
            true => &mut self.worst.plain,
            false => &mut self.worst.other,
        };
        *worst = part.max(*worst);
        self.worst.requests += 1;
        let longest = self.world.longest;
        let length = match queued.stream.map(|index| self.world.streams[index]) {
            Some(Stream::Queued { length, .. }) => length,
            Some(Stream::Trickle { .. }) => Length::Longest,
            None => Length::Any,
        };
        let length = match length {
            Length::Longest => longest,
            Length::Shortest => 1,
            Length::Any => self.rng.range(1, longest),
        };
        self.agenda
            .add(self.now + ticks(length), 2, Next::End(request, machine));
    }

    pub(crate) fn end(&mut self, request: RequestId, machine: MachineId) -> Result<(), String> {
        if self.running.get(&request) != Some(&machine) {
            return Ok(()); // Lost with its machine.
        }
        self.running.remove(&request);
        let outcome = match self.rng.chance(self.world.unreachable) {
            true => Outcome::Unreachable,
            false => Outcome::Ok,
        };
        let machine = Some(machine);
        self.tell(Event::Done {
            request,
            machine,
            outcome,
        })
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        let up = self
            .manager
            .machines()
            .filter(|machine| machine.health() == Health::Ok);
        let up: Vec<MachineId> = up.map(|machine| machine.id()).collect();
        match trouble {
            Trouble::Join(kind) => {
                let (machine, offer) = (MachineId::joined(self.joined), None);
                self.joined += 1;
                let kind = KindId(kind);
                self.tell(Event::Join {
                    machine,
                    kind,
                    offer,
                })
            }
            Trouble::Lose => match self.rng.pick_of(&up) {
                Some(machine) => self.tell(Event::Stopped { machine }),
                None => Ok(()),
            },
            Trouble::Drain => match self.rng.pick_of(&up) {
                Some(machine) => self.tell(Event::Drain {
                    machine,
                    until: None,
                }),
                None => Ok(()),
            },
        }
    }

    /// Streams ask anew, as long as a watched request is not served.
    pub(crate) fn refill(&mut self) -> Result<(), String> {
        if self.left == 0 {
            return Ok(());
        }
        for (index, stream) in self.world.streams.iter().enumerate() {
            let Stream::Queued { ask, depth, .. } = *stream else {
                continue;
            };
            let queued = |play: &Self| {
                let own = play
                    .queued
                    .values()
                    .filter(|queued| queued.stream == Some(index));
                own.count()
            };
            while queued(self) < depth && self.is_endless(index, ask.priority) {
                self.of_stream[index] += 1;
                self.submit(ask, Some(index), false, None)?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_endless(&self, stream: usize, priority: i64) -> bool {
        priority >= self.world.least || self.of_stream[stream] < MOST_URGENT
    }

    pub(crate) fn trickle(&mut self, index: usize) -> Result<(), String> {
        let Stream::Trickle { priority } = self.world.streams[index] else {
            return Ok(());
        };
        if self.left == 0 || !self.is_endless(index, priority) {
            return Ok(());
        }
        let up = self
            .manager
            .machines()
            .filter(|machine| machine.health() == Health::Ok);
        let up: Vec<(MachineId, KindId)> = up.map(|it| (it.id(), it.kind())).collect();
        for (machine, kind) in up {
            let ask = Ask {
                procs: Some(1),
                priority,
                kinds: match self.world.kinds.len() {
                    1 => Kinds::ALL,
                    _ => Kinds::from(kind),
                },
            };
            let own = self
                .queued
                .values()
                .filter(|queued| queued.stream == Some(index));
            if own.count() < 8 {
                self.of_stream[index] += 1;
                self.submit(ask, Some(index), false, Some(machine))?;
            }
        }
        let again = ticks((self.world.longest - 1).max(1));
        self.agenda.add(self.now + again, 4, Next::Trickle(index));
        Ok(())
    }
}

/// Whether a machine in good health could take it if nothing ran there.
pub(crate) fn could_be_served(manager: &Manager, ask: &Ask) -> bool {
    manager.machines().any(|machine| {
        let fits = ask.procs.unwrap_or(1) <= machine.offer().proc_count();
        machine.health() == Health::Ok && ask.kinds.contains(machine.kind()) && fits
    })
}

/// How many ticks a request may wait at the most, and whether that is P4's own bound.
pub(crate) fn bound(world: &World, queued: &Queued) -> (u64, bool) {
    let patience = u64::from(world.patience);
    let procs = world.kinds.iter().map(|(procs, _)| u64::from(*procs)).max();
    let procs = procs.expect("a kind");
    let (older, longest) = (queued.older, world.longest);
    let plain = world.kinds.len() == 1 && queued.urgent == 0 && queued.changes == 0;
    if plain {
        let asked = queued.ask.procs.map_or(procs, u64::from);
        let rounds = (patience * procs).div_ceil(procs - asked + 1) + 1;
        return ((older + 2) * rounds * longest, true);
    }
    let periods = older + queued.urgent + queued.changes + 2;
    (periods * (2 * patience * procs + 2) * longest, false)
}
