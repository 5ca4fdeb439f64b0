//! Every request is served (P4): random worlds with streams that have no end, in which each wait is held against a
//! bound. `STARVATION_WORLDS=120000 cargo test -p remuda-sim --test starvation -- --nocapture` is the long form.
//!
//! **Plain worlds**: one group of requests on M like machines of P procs that stay. A request of p procs with N older
//! ones of its priority and none more urgent, before it or after, waits at most `(N + 2) * (ceil(patience * P / (P - p +
//! 1)) + 1) * D` where no grant is longer than D. That is P4's own bound.
//!
//! **All others**: more urgent requests that come later, machines that are lost, drained, replaced,
//! join and go on probation. Here the bound is `(N + U + K + 2) * (2 * patience * P + 2) * D`, N being all
//! requests that go before it at its submit, U the more urgent ones that come later, K the changes of machines
//! (one comes, leaves, changes its health) while it is queued, P the procs of the largest machine; and only the time
//! counts in which a machine in good health could take it. Why: while it is queued each such machine runs a grant or
//! is held and grants something within D, so within 2 D each grants a proc or more; a turn comes after
//! `patience * P` procs for each machine, and a held machine is empty after D more. One such period is spent on each of
//! N and U, on a hold of another group, and on each change, which may undo what one hold was waiting for.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::time::Duration;

use remuda::{
    Action, Config, Event, Health, Instant, Kind, KindId, Kinds, MachineId, Manager, Notice,
    Outcome, Packing, RequestId, Resources, Submit,
};
use remuda_sim::Rng;
use remuda_sim::quality::Agenda;

/// A request, but for its id.
#[derive(Clone, Copy, Debug)]
struct Ask {
    /// `None`: a whole machine.
    procs: Option<u32>,
    priority: i64,
    kinds: Kinds,
}

/// How long grants of a stream last.
#[derive(Clone, Copy, Debug)]
enum Length {
    Longest,
    Shortest,
    Any,
}

/// Requests without end.
#[derive(Clone, Copy, Debug)]
enum Stream {
    /// So many are always queued.
    Queued {
        ask: Ask,
        depth: usize,
        length: Length,
    },
    /// One proc on each machine, asked for just before the last one ends: no machine is ever empty, and as little as
    /// possible is granted.
    Trickle { priority: i64 },
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Lose,
    Drain,
    Join(u8),
}

#[derive(Clone, Debug)]
struct World {
    seed: u64,
    /// Procs and machines of each kind.
    kinds: Vec<(u32, u32)>,
    patience: u32,
    packing: Packing,
    /// D, in ticks: no grant is longer.
    longest: u64,
    streams: Vec<Stream>,
    /// When each request is submitted whose grant ends the world, once all have theirs.
    watched: Vec<(u64, Ask)>,
    troubles: Vec<(u64, Trouble)>,
    /// So many of 256 grants end with a machine that does not answer.
    unreachable: u8,
    /// The priority of those that are watched. More urgent requests go before them by right (P1), so these come to an
    /// end.
    least: i64,
}

/// So many requests of a stream that is more urgent than those that are watched.
const MOST_URGENT: u64 = 20;

impl World {
    fn draw(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let plain = rng.chance(128);
        let kinds = if plain { 1 } else { rng.range(1, 2) };
        let kinds: Vec<(u32, u32)> = (0..kinds)
            .map(|_| (rng.range(1, 8) as u32, rng.range(1, 3) as u32))
            .collect();
        let longest = rng.range(1, 8);
        let least = rng.below(3) as i64;
        let accepted = |rng: &mut Rng| match (kinds.len(), rng.below(3)) {
            (1, _) | (_, 2) => Kinds::ALL,
            (_, kind) => Kinds::from(KindId(kind as u8)),
        };
        let most = |accepted: Kinds| {
            let procs = (0..)
                .zip(&kinds)
                .filter(|(kind, _)| accepted.contains(KindId(*kind)));
            procs.map(|(_, (procs, _))| *procs).max().unwrap_or(1)
        };
        let priority = |rng: &mut Rng, plain: bool| match plain || rng.chance(128) {
            // None is more urgent than those that are watched.
            true => rng.range(least as u64, 2) as i64,
            false => rng.below(3) as i64,
        };
        let streams = (0..rng.range(1, 3)).map(|_| {
            if rng.chance(80) {
                let priority = priority(&mut rng, plain);
                return Stream::Trickle { priority };
            }
            let kinds = accepted(&mut rng);
            let procs = match rng.below(4) {
                0 => rng.range(1, most(kinds).into()) as u32,
                _ => 1,
            };
            Stream::Queued {
                ask: Ask {
                    procs: Some(procs),
                    priority: priority(&mut rng, plain),
                    kinds,
                },
                depth: rng.range(1, 3) as usize,
                length: rng.pick(&[Length::Longest, Length::Shortest, Length::Any]),
            }
        });
        let streams: Vec<Stream> = streams.collect();
        let watched = (0..rng.range(1, 3)).map(|_| {
            let kinds = accepted(&mut rng);
            let procs = match rng.below(4) {
                0 => None,
                1 => Some(most(kinds)),
                _ => Some(rng.range(1, most(kinds).into()) as u32),
            };
            let ask = Ask {
                procs,
                priority: least,
                kinds,
            };
            (rng.range(0, 8 * longest), ask)
        });
        let watched = watched.collect();
        let troubles = if plain { 0 } else { rng.below(8) };
        let troubles = (0..troubles).map(|_| {
            let kind = rng.below(kinds.len() as u64) as u8;
            let trouble = rng.pick(&[Trouble::Lose, Trouble::Drain, Trouble::Join(kind)]);
            (rng.below(20 * longest), trouble)
        });
        let troubles = troubles.collect();
        World {
            seed,
            patience: rng.range(1, 4) as u32,
            packing: rng.pick(&[Packing::BestFit, Packing::FirstFit]),
            longest,
            streams,
            watched,
            troubles,
            least,
            unreachable: if plain { 0 } else { rng.pick(&[0, 0, 2, 8]) },
            kinds,
        }
    }
}

/// A queued request, and what happened since its submit.
#[derive(Clone, Debug)]
struct Queued {
    ask: Ask,
    watched: bool,
    stream: Option<usize>,
    /// Requests of its priority that were queued before it.
    older: u64,
    /// More urgent requests: queued before it, and after.
    urgent: u64,
    changes: u64,
    /// Ticks in which a machine in good health could take it.
    served: u64,
    could_be: bool,
}

/// What happens outside the manager.
#[derive(Clone, Copy, Debug)]
enum Next {
    Stopped(MachineId),
    Up(MachineId),
    End(RequestId, MachineId),
    Trouble(Trouble),
    Trickle(usize),
    Watched(usize),
}

/// The longest wait of a world, in thousandths of its bound: in a plain world, and of the others.
#[derive(Clone, Copy, Default, Debug)]
struct Worst {
    plain: u64,
    other: u64,
    requests: u64,
    holds: u64,
}

impl Worst {
    fn with(self, other: Worst) -> Worst {
        Worst {
            plain: self.plain.max(other.plain),
            other: self.other.max(other.other),
            requests: self.requests + other.requests,
            holds: self.holds + other.holds,
        }
    }
}

/// A world that is played.
struct Play<'a> {
    world: &'a World,
    manager: Manager,
    rng: Rng,
    now: Instant,
    timer: Option<Instant>,
    agenda: Agenda<Next>,
    actions: Vec<Action>,
    queued: BTreeMap<RequestId, Queued>,
    running: BTreeMap<RequestId, MachineId>,
    asked: u64,
    /// Of each stream.
    of_stream: Vec<u64>,
    joined: u64,
    /// Watched requests that are still to be served.
    left: usize,
    changed: bool,
    worst: Worst,
}

/// No world takes so many.
const MOST_STEPS: u64 = 200_000;
const TICK: Duration = Duration::from_secs(1);

fn ticks(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).expect("worlds are short")
}

impl Play<'_> {
    fn new(world: &World) -> Play<'_> {
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
    fn run(mut self) -> Result<Worst, String> {
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
    fn step(&mut self) -> Result<bool, String> {
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
    fn pass(&mut self, at: Instant) -> Result<(), String> {
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

    fn tell(&mut self, event: Event) -> Result<(), String> {
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

    fn submit(
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

    fn grant(&mut self, request: RequestId, machine: MachineId) {
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

    fn end(&mut self, request: RequestId, machine: MachineId) -> Result<(), String> {
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

    fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
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
    fn refill(&mut self) -> Result<(), String> {
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

    fn is_endless(&self, stream: usize, priority: i64) -> bool {
        priority >= self.world.least || self.of_stream[stream] < MOST_URGENT
    }

    fn trickle(&mut self, index: usize) -> Result<(), String> {
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
fn could_be_served(manager: &Manager, ask: &Ask) -> bool {
    manager.machines().any(|machine| {
        let fits = ask.procs.unwrap_or(1) <= machine.offer().proc_count();
        machine.health() == Health::Ok && ask.kinds.contains(machine.kind()) && fits
    })
}

/// How many ticks a request may wait at the most, and whether that is P4's own bound.
fn bound(world: &World, queued: &Queued) -> (u64, bool) {
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

/// Plays worlds on all cores.
fn play_all(worlds: u64) -> Worst {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let play = |thread: u64| {
        let seeds = (0..worlds).filter(move |seed| seed % threads == thread);
        seeds.fold(Worst::default(), |worst, seed| {
            let world = World::draw(seed);
            match Play::new(&world).run() {
                Ok(of_world) => worst.with(of_world),
                Err(error) => panic!("seed {seed}: {error}\n{world:#?}"),
            }
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || play(thread)))
            .collect();
        let worsts = threads
            .into_iter()
            .map(|thread| thread.join().expect("no wait beyond its bound"));
        worsts.fold(Worst::default(), Worst::with)
    })
}

#[test]
fn no_request_waits_beyond_its_bound() {
    let worlds = match std::env::var("STARVATION_WORLDS") {
        Ok(number) => number.parse().expect("STARVATION_WORLDS is a number"),
        Err(_) => 20_000,
    };
    let worst = play_all(worlds);
    println!("{worlds} worlds: {worst:?}");
    // Waits come near the bound, or the worlds are not adversarial.
    assert!(worst.plain > 400 && worst.holds > worlds / 2, "{worst:?}");
}

fn kinds(kinds: &[u8]) -> Kinds {
    kinds
        .iter()
        .fold(Kinds::NONE, |all, kind| all.with(KindId(*kind)))
}

fn ask(procs: Option<u32>, priority: i64, kinds: Kinds) -> Ask {
    Ask {
        procs,
        priority,
        kinds,
    }
}

fn always(ask: Ask, depth: usize, length: Length) -> Stream {
    Stream::Queued { ask, depth, length }
}

fn world(kinds: &[(u32, u32)], patience: u32, streams: &[Stream], watched: Ask) -> World {
    World {
        seed: 1,
        kinds: kinds.to_vec(),
        patience,
        packing: Packing::FirstFit,
        longest: 5,
        streams: streams.to_vec(),
        watched: vec![(40, watched)],
        troubles: Vec::new(),
        unreachable: 0,
        least: watched.priority,
    }
}

#[test]
fn a_younger_request_that_fits_fewer_machines_does_not_take_the_turn_of_an_older_one() {
    let streams = [
        always(ask(Some(3), 0, Kinds::ALL), 3, Length::Longest),
        always(ask(Some(1), 0, kinds(&[1])), 3, Length::Shortest),
        always(ask(Some(1), 0, Kinds::ALL), 1, Length::Longest),
    ];
    let world = world(&[(4, 1), (2, 2)], 3, &streams, ask(None, 0, Kinds::ALL));
    Play::new(&world).run().expect("it is served");
}

#[test]
fn a_hold_of_a_less_urgent_request_of_another_group_does_not_stop_a_more_urgent_one() {
    let streams = [
        always(ask(Some(1), 1, kinds(&[0])), 2, Length::Any),
        always(ask(None, 2, kinds(&[0])), 1, Length::Any),
    ];
    let world = world(&[(2, 1), (1, 0)], 4, &streams, ask(None, 0, kinds(&[0, 1])));
    Play::new(&world).run().expect("it is served");
}

#[test]
fn groups_take_turns() {
    let streams = [
        always(ask(None, 0, kinds(&[0])), 1, Length::Any),
        always(ask(None, 0, kinds(&[0, 1])), 1, Length::Any),
    ];
    let sorts = [(2, 1), (2, 0), (2, 0)];
    let world = world(&sorts, 1, &streams, ask(None, 0, kinds(&[0, 1, 2])));
    Play::new(&world).run().expect("it is served");
}
