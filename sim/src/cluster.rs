//! A virtual cluster on virtual time: clients, machines and the clock, played against a manager.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use remuda::{
    Action, Demand, Event, Instant, MachineId, OnceKey, OnceOutcome, Outcome, RequestId, TaskId,
    WaiterId,
};

use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::script::Script;
use crate::subject::Subject;

/// A virtual cluster that plays driver, clients and workers against a [`Subject`], by its
/// [`Plan`] and a seed.
///
/// ```
/// use remuda::{Config, Manager};
/// use remuda_sim::{Cluster, Plan};
///
/// let mut plan = Plan::new(Config::new(4, 16)?);
/// plan.faults.start_fails = 64; // one in four
/// let mut cluster = Cluster::new(plan.clone(), 7, Manager::new(plan.config)?);
/// cluster.run(200).expect("nobody is wronged");
/// cluster.calm().expect("all that can be served is, once faults cease");
/// println!("{}", cluster.script());
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Cluster<S> {
    subject: S,
    plan: Plan,
    rng: Rng,
    now: Instant,
    agenda: BinaryHeap<Reverse<(Instant, u64, Item)>>,
    /// Numbers the agenda's items: those of one instant keep their order.
    number: u64,
    timer: Option<Instant>,
    ledger: Ledger,
    next_request: u64,
    log: Vec<(Instant, Event)>,
    actions: Vec<Action>,
    deep: bool,
}

/// Something that will happen. Ordered only to please the heap: numbers are unique.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// A client does something.
    Act,
    Event(Event),
}

impl PartialEq for Item {
    fn eq(&self, _: &Item) -> bool {
        true
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    fn cmp(&self, _: &Item) -> core::cmp::Ordering {
        core::cmp::Ordering::Equal
    }
}

impl<S: Subject> Cluster<S> {
    /// A cluster around a fresh `subject` that was made with the plan's config.
    pub fn new(plan: Plan, seed: u64, subject: S) -> Cluster<S> {
        let mut cluster = Cluster {
            subject,
            rng: Rng::new(seed),
            now: plan.origin,
            agenda: BinaryHeap::new(),
            number: 0,
            timer: None,
            ledger: Ledger::new(plan.config.machine_procs),
            next_request: 1,
            log: Vec::new(),
            actions: Vec::new(),
            deep: false,
            plan,
        };
        cluster.later(0, Item::Act);
        cluster
    }

    /// Also asks for [`Subject::check`] after every event.
    pub fn check_deeply(&mut self, deep: bool) {
        self.deep = deep;
    }

    /// What it drives.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// What it drove, when that is over.
    pub fn into_subject(self) -> S {
        self.subject
    }

    /// What the outside knows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The events so far, each with what the manager was told the time is.
    pub fn log(&self) -> &[(Instant, Event)] {
        &self.log
    }

    /// The run so far as text, with the actions of a fresh manager.
    pub fn script(&self) -> Script {
        Script::new(self.plan.config, &self.log).played()
    }

    /// Goes on for so many events.
    ///
    /// # Errors
    /// The first thing that was not as it should be: see [`Ledger::check`] and [`Subject::check`].
    pub fn run(&mut self, events: usize) -> Result<(), String> {
        (0..events).try_for_each(|_| self.step())
    }

    /// Goes on by one event and what it leads to.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn step(&mut self) -> Result<(), String> {
        let event = self.next_event();
        let mut told = self.now;
        if self.rng.chance(self.plan.faults.clock_steps_back) {
            let back = self.ticks(self.rng.clone().range(1, 40));
            told = Instant(told.0.saturating_sub(back.as_nanos() as u64));
        }
        let result = self.feed(event, told);
        self.react();
        result
    }

    /// Tells the manager of one event, whatever the plan says.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn feed(&mut self, event: Event, told: Instant) -> Result<(), String> {
        self.log.push((told, event));
        self.actions.clear();
        self.now = self.now.max(told);
        self.subject.handle_into(event, told, &mut self.actions);
        self.ledger.note(event, &self.actions);
        self.subject.verdict()?;
        self.ledger.check()?;
        if self.deep {
            self.subject.check()
        } else {
            Ok(())
        }
    }

    /// Faults cease: everything owed is answered, well, until nothing is owed. Then all that can
    /// be satisfied must have been granted, with no more machines started than that takes.
    ///
    /// # Errors
    /// What is stuck, who was not served, or a start too many; and as [`run`](Self::run).
    pub fn calm(&mut self) -> Result<(), String> {
        let config = self.plan.config;
        let (before, minted, granted) = (
            self.subject.counts(),
            self.ledger.minted,
            self.ledger.granted,
        );
        let waits = self.ledger.queued.len() as u64;
        let wanted = before.need.min(config.max_procs);
        let missing = wanted.saturating_sub(before.have + before.pending);
        let starts = missing.div_ceil(u64::from(config.machine_procs));
        let shortest = config.probation.max(config.start_backoff_cap) + Duration::from_nanos(1);
        let mut patience = 1000 + 100 * (before.need.min(1000) + before.machines.ok);
        let mut waited = false;
        loop {
            patience = patience.checked_sub(1).ok_or("it never comes to rest")?;
            if let Some(event) = self.ledger.owed() {
                waited = false;
                self.feed(event, self.now)?;
                continue;
            }
            if self.ledger.queued.is_empty() {
                break;
            }
            // One wait as long as the longest pause must bring news, unless time ends before.
            let Some(later) = self.now.checked_add(shortest) else {
                return Ok(());
            };
            if waited {
                return Err(format!("{} waits for ever", self.ledger.queued[0].0));
            }
            waited = true;
            self.feed(Event::Timer, later)?;
        }
        let after = self.subject.counts();
        let zero = (after.need, after.queued, after.running, after.pending);
        if zero != (0, 0, 0, 0) || (self.ledger.shut_down && after.have > 0) {
            return Err(format!("something is left at rest: {after:?}"));
        }
        if let Some((waiter, machine)) = self.ledger.waiting.first() {
            return Err(format!("{waiter} waits for work on {machine} for ever"));
        }
        if self.ledger.granted - granted != waits {
            return Err("not every request was granted once".to_owned());
        }
        let started = self.ledger.minted - minted;
        if started > starts {
            return Err(format!("{started} machines started where {starts} do"));
        }
        Ok(())
    }

    /// The time of what comes next, and what it is.
    fn next_event(&mut self) -> Event {
        if self.rng.chance(self.plan.faults.clock_jumps) {
            let far = if self.rng.chance(16) { u64::MAX / 5 } else { 0 };
            let ticks = self.rng.range(1, 200);
            self.now = self.now + self.ticks(ticks) + Duration::from_nanos(far);
        }
        let agreed = self.agenda.peek().map(|Reverse((at, ..))| *at);
        if let Some(at) = self
            .timer
            .filter(|at| agreed.is_none_or(|agreed| *at < agreed))
        {
            self.timer = None;
            self.now = self.now.max(at);
            return Event::Timer;
        }
        let Some(Reverse((at, _, item))) = self.agenda.pop() else {
            return Event::Timer;
        };
        self.now = self.now.max(at);
        match item {
            Item::Event(event) => event,
            Item::Act => {
                let gap = self.rng.range(0, self.plan.traffic.gap);
                self.later(gap, Item::Act);
                self.act()
            }
        }
    }

    fn ticks(&self, n: u64) -> Duration {
        let nanos = (self.plan.tick.as_nanos() as u64).saturating_mul(n);
        Duration::from_nanos(nanos)
    }

    fn later(&mut self, ticks: u64, item: Item) {
        self.number += 1;
        let at = self.now + self.ticks(ticks);
        self.agenda.push(Reverse((at, self.number, item)));
    }

    fn event_later(&mut self, most: u64, event: Event) {
        let ticks = self.rng.range(0, most);
        self.later(ticks, Item::Event(event));
    }

    fn some_machine(&mut self) -> MachineId {
        match self.rng.pick_of(&self.ledger.serving) {
            Some(machine) if !self.rng.chance(24) => machine,
            _ => MachineId(self.rng.below(self.ledger.minted + 1)),
        }
    }

    fn some_key(&mut self) -> OnceKey {
        OnceKey {
            kind: self.rng.below(2) as u32,
            key: self.rng.below(self.plan.traffic.names),
        }
    }

    fn some_request(&mut self) -> RequestId {
        let queued = self.ledger.queued.iter().map(|(r, _)| *r);
        let known: Vec<_> = queued
            .chain(self.ledger.running.iter().map(|g| g.request))
            .collect();
        match self.rng.pick_of(&known) {
            Some(request) if !self.rng.chance(24) => request,
            _ => RequestId(self.rng.range(0, self.next_request)),
        }
    }

    /// What a client does, or what happens instead.
    fn act(&mut self) -> Event {
        let faults = &self.plan.faults;
        let (stops, shutdown, wild) = (faults.stops, faults.shutdown, faults.wild);
        if self.rng.chance(stops) {
            let machine = self.some_machine();
            return Event::Stopped { machine };
        }
        if self.rng.chance(wild) {
            return self.wild();
        }
        if self.rng.chance(shutdown) {
            return Event::Shutdown;
        }
        let mut weights = self.plan.traffic.weights;
        let open = self.ledger.queued.len() + self.ledger.running.len();
        if open >= self.plan.traffic.requests {
            weights[0] = 0;
        }
        let task = TaskId(self.rng.below(self.plan.traffic.names));
        match self.rng.weighted(&weights) {
            0 if open >= self.plan.traffic.requests => Event::Timer,
            0 => self.submit(),
            1 => Event::Cancel {
                request: self.some_request(),
            },
            2 => Event::Assign {
                machine: self.some_machine(),
                task,
            },
            3 => {
                let held = self.rng.pick_of(&self.ledger.tasks);
                let (task, machine) = match held {
                    Some(held) if !self.rng.chance(64) => held,
                    _ => (task, self.some_machine()),
                };
                Event::Discard { machine, task }
            }
            4 => Event::Once {
                machine: self.some_machine(),
                key: self.some_key(),
                waiter: WaiterId(self.rng.below(4 * self.plan.traffic.names)),
            },
            _ => Event::Forget {
                machine: self.some_machine(),
                key: self.some_key(),
            },
        }
    }

    fn submit(&mut self) -> Event {
        let machine_procs = self.plan.config.machine_procs;
        let mut request = RequestId(self.next_request);
        if self.rng.chance(self.plan.faults.id_reused) {
            request = RequestId(self.rng.range(0, self.next_request));
        } else {
            self.next_request += 1;
        }
        let procs = if self.rng.chance(self.plan.faults.oversize) {
            machine_procs + self.rng.range(1, 3) as u32
        } else if self.rng.chance(self.plan.traffic.single) {
            1
        } else {
            self.rng.range(1, u64::from(self.plan.traffic.procs)) as u32
        };
        let demand = match Demand::procs(procs) {
            Some(demand) if !self.rng.chance(self.plan.traffic.whole) => demand,
            _ => Demand::Machine,
        };
        if self.rng.chance(self.plan.faults.cancel_race) {
            let most = self.plan.traffic.start;
            self.event_later(most, Event::Cancel { request });
        }
        Event::Submit {
            request,
            priority: self.rng.below(self.plan.traffic.priorities) as i64,
            demand,
        }
    }

    /// Any event at all.
    fn wild(&mut self) -> Event {
        let far = self.rng.chance(16);
        let mut any = |most: u64| {
            if far {
                u64::MAX
            } else {
                self.rng.range(0, most)
            }
        };
        let mut request = RequestId(any(self.next_request));
        let mut machine = MachineId(any(self.ledger.minted));
        let task = TaskId(any(self.plan.traffic.names));
        let waiter = WaiterId(any(self.plan.traffic.names));
        if self.rng.chance(128) && !far {
            (request, machine) = (self.some_request(), self.some_machine());
        }
        let answered = self.rng.chance(128);
        let outcome = self.rng.pick(&ONCE_OUTCOMES);
        let key = self.some_key();
        let procs = self.rng.range(1, u64::from(self.plan.traffic.procs) + 1) as u32;
        let priority = self.rng.pick(&[i64::MIN, -1, 0, 1, i64::MAX]);
        match self.rng.below(20) {
            0 => Event::Submit {
                request,
                priority,
                demand: Demand::procs(procs).expect("at least one"),
            },
            1..=3 => Event::Submit {
                request,
                priority,
                demand: Demand::Machine,
            },
            4 => Event::Cancel { request },
            5..=8 => Event::Done {
                request,
                outcome: self.rng.pick(&OUTCOMES),
            },
            9 => Event::Up { machine },
            10 => Event::StartFailed { machine },
            11 => Event::Stopped { machine },
            12 => Event::Assign { machine, task },
            13 => Event::Discard { machine, task },
            14 => Event::Once {
                machine,
                key,
                waiter,
            },
            15 | 16 => Event::OnceDone {
                machine,
                key,
                outcome,
            },
            17 => Event::Forget { machine, key },
            18 => Event::Polled { machine, answered },
            _ => Event::Timer,
        }
    }

    /// What the outside does about the actions at hand.
    fn react(&mut self) {
        let actions = std::mem::take(&mut self.actions);
        for action in &actions {
            match *action {
                Action::Grant { request, machine } => self.granted(request, machine),
                Action::Start { first, count } => self.start(first, count),
                Action::Stop { machine } => self.stop(machine),
                Action::RunOnce { machine, key } => self.run_once(machine, key),
                Action::Poll { machine } => self.poll(machine),
                Action::SetTimer { at } => self.set_timer(at),
                Action::ClearTimer => self.timer = None,
                _ => {}
            }
        }
        self.actions = actions;
    }

    fn set_timer(&mut self, at: Instant) {
        let faults = &self.plan.faults;
        let (late, early, never) = (faults.timer_late, faults.timer_early, faults.timer_never);
        let ticks = self.rng.range(1, 20);
        self.timer = if self.rng.chance(never) {
            None
        } else if self.rng.chance(late) {
            Some(at + self.ticks(ticks))
        } else if self.rng.chance(early) {
            Some(Instant(
                at.0.saturating_sub(self.ticks(1).as_nanos() as u64),
            ))
        } else {
            Some(at)
        };
    }

    fn start(&mut self, first: MachineId, count: u32) {
        let (most, faults) = (self.plan.traffic.start, self.plan.faults.clone());
        let together = self.rng.chance(faults.starts_fail_together);
        let all_after = self.rng.range(0, most);
        for id in first.0..first.0 + u64::from(count) {
            let machine = MachineId(id);
            if together {
                self.later(all_after, Item::Event(Event::StartFailed { machine }));
                continue;
            }
            if self.rng.chance(faults.start_never) {
                continue;
            }
            let answer = match self.rng.chance(faults.start_fails) {
                true if self.rng.chance(64) => Event::Stopped { machine },
                true => Event::StartFailed { machine },
                false => Event::Up { machine },
            };
            let slow = if self.rng.chance(faults.start_late) {
                8
            } else {
                1
            };
            self.event_later(most * slow, answer);
            if self.rng.chance(faults.start_twice) {
                let again = match self.rng.chance(128) {
                    true => Event::StartFailed { machine },
                    false => Event::Up { machine },
                };
                self.event_later(most * 2, again);
            }
            if self.rng.chance(faults.flapping) {
                self.event_later(most * 2 + 4, Event::Stopped { machine });
            }
        }
    }

    fn stop(&mut self, machine: MachineId) {
        let (most, late, never) = (
            self.plan.traffic.stop,
            self.plan.faults.stop_late,
            self.plan.faults.stop_never,
        );
        if self.rng.chance(never) {
            return;
        }
        let slow = if self.rng.chance(late) { 8 } else { 1 };
        self.event_later(most * slow, Event::Stopped { machine });
    }

    fn granted(&mut self, request: RequestId, machine: MachineId) {
        let (most, faults) = (self.plan.traffic.work, self.plan.faults.clone());
        if self.rng.chance(faults.lost_before_delivery) {
            self.later(0, Item::Event(Event::Stopped { machine }));
        }
        if self.rng.chance(faults.cancel_race) {
            self.event_later(1, Event::Cancel { request });
        }
        if self.rng.chance(faults.done_never) {
            return;
        }
        let outcome = OUTCOMES[self.rng.weighted(&self.plan.traffic.outcomes)];
        let slow = if self.rng.chance(faults.done_late) {
            8
        } else {
            1
        };
        self.event_later(most * slow, Event::Done { request, outcome });
        if self.rng.chance(faults.done_twice) {
            self.event_later(most * 2, Event::Done { request, outcome });
        }
    }

    fn run_once(&mut self, machine: MachineId, key: OnceKey) {
        let (most, faults) = (self.plan.traffic.work, self.plan.faults.clone());
        if self.rng.chance(faults.once_never) {
            return;
        }
        let outcome = match self.rng.chance(faults.once_fails) {
            true => self.rng.pick(&ONCE_OUTCOMES),
            false => OnceOutcome::Ok,
        };
        let done = Event::OnceDone {
            machine,
            key,
            outcome,
        };
        self.event_later(most, done);
        if self.rng.chance(faults.once_twice) {
            self.event_later(most, done);
        }
    }

    fn poll(&mut self, machine: MachineId) {
        let faults = &self.plan.faults;
        let (unanswered, never, twice) =
            (faults.poll_unanswered, faults.poll_never, faults.poll_twice);
        if self.rng.chance(never) {
            return;
        }
        let answered = !self.rng.chance(unanswered);
        self.event_later(1, Event::Polled { machine, answered });
        if self.rng.chance(twice) {
            self.event_later(2, Event::Polled { machine, answered });
        }
    }
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Ok,
    Outcome::Remote,
    Outcome::Unreachable,
    Outcome::Unused,
];

const ONCE_OUTCOMES: [OnceOutcome; 4] = [
    OnceOutcome::Ok,
    OnceOutcome::Remote,
    OnceOutcome::Unreachable,
    OnceOutcome::MachineLost,
];
