//! Gives a recorded workload to a manager of another config: what if?
//!
//! Clients and machines do what they did: a request is submitted when it was, and its grant held as long as it was; the
//! first machine of a kind that is asked for starts, offers, drains and is lost as the first one of that kind did, and so on;
//! machines join when they did. Limits are changed as they were. What was not seen is made up:
//! - machines beyond those recorded start as these did, one after the other, and neither fail nor are lost; those of a kind
//!   that the run did not have start as all others;
//! - a machine that is told to stop is gone as long after that as it was in the run, else as others were, else at once;
//! - machines of a kind that the config does not have do not join, and under bigslice's policy none does;
//! - a request that did not end is held as long as others of its priority and size were, and no longer than until its
//!   cancel if it was cancelled in the queue;
//! - one that was lost in the run, and now is not, ends when it was lost; one that is lost only now is submitted again at
//!   once, under a new id;
//! - an id that is still in use is submitted when it is free again;
//! - a machine that was lost in silence answers its polls as it did, all others at once;
//! - timers fire when they are due, and a shutdown is left out.
mod cast;
mod fates;
mod made;
mod workload;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::time::Duration;

use remuda::journal::{Note, RULES};
use remuda::{
    Action, Config, Event, Health, Instant, KindId, MachineId, Manager, Policy, Reject, RequestId,
};

use super::input::Input;
use super::items::{Head, Place, Recorded, Step};
use super::play::Watch;
use super::scenario::Line;
use cast::Cast;
use fates::Told;
use workload::{Change, Job, Next};

pub(crate) use made::Entry;
pub(crate) use workload::Workload;

/// A run of this many times the recorded events, and a million, is not worth waiting for.
const MOST: u64 = 20;

/// What happens next: when, after what, and what it is.
type Due = Reverse<(Instant, u128, u64, What)>;

/// What clients and machines do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Submit(usize),
    Cancel(usize),
    /// The work of a grant ends; which grant of the job it is.
    Done(usize),
    /// A request that is still queued is given up.
    GiveUp(usize),
    /// A start is answered.
    Started(MachineId),
    /// A recorded machine joins.
    Join(usize),
    Stopped(MachineId),
    Polled(MachineId, bool),
    /// A recorded machine is drained or kept: which of its.
    Told(usize, usize),
    Change(usize),
}

impl What {
    /// Whether a job or a machine gets further by it.
    fn brings_on(self) -> bool {
        !matches!(self, What::Polled(..) | What::GiveUp(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Before,
    Queued,
    Running,
    Over,
}

struct Simulation<'a, W> {
    workload: &'a Workload,
    watch: &'a mut W,
    manager: Manager,
    jobs: Vec<(Job, State)>,
    /// The jobs that are queued or running.
    open: HashMap<RequestId, usize>,
    /// Those whose id is in use, first come first served.
    blocked: HashMap<RequestId, VecDeque<usize>>,
    cast: Cast<'a>,
    heap: BinaryHeap<Due>,
    pushed: u64,
    /// Of `heap`, those that bring a job or a machine on.
    living: usize,
    left: usize,
    next_id: u64,
    /// When a job or a machine last got further.
    moved: Instant,
    /// What is submitted after each job, by a client that waits for it.
    next: Vec<Option<Next>>,
    told: u64,
    actions: Vec<Action>,
    /// The first error of the one that looks on.
    failed: Option<io::Error>,
}

/// The run as it would have been.
///
/// # Errors
/// One line: it would not end.
pub(crate) fn simulate(workload: &Workload, config: Config, name: String) -> Result<Input, String> {
    let mut lines = Lines(Vec::new());
    simulate_for(workload, config.clone(), &mut lines)?;
    let head = Head {
        is_journal: false,
        config,
        config_hash: None,
        crate_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        rules: Some(RULES),
        ..workload.head.clone()
    };
    Ok(Input::made(name, head, lines.0))
}

/// The same, for one that looks on.
///
/// # Errors
/// One line: it would not end, or `watch` cannot write.
pub(crate) fn simulate_for(
    workload: &Workload,
    config: Config,
    watch: &mut impl Watch,
) -> Result<(), String> {
    let cast = Cast::new(
        &workload.machines,
        &workload.usual,
        &workload.head.config,
        &config,
    );
    let manager = Manager::new(config).map_err(|error| error.to_string())?;
    watch.begin(&manager);
    let jobs = workload.jobs.iter();
    let mut simulation = Simulation {
        workload,
        watch,
        manager,
        jobs: jobs.map(|job| (*job, State::Before)).collect(),
        open: HashMap::new(),
        blocked: HashMap::new(),
        cast,
        heap: BinaryHeap::new(),
        pushed: 0,
        living: 0,
        left: workload.jobs.len(),
        next_id: workload.ids_to,
        moved: Instant::ZERO,
        next: workload.next.clone(),
        told: 0,
        actions: Vec::new(),
        failed: None,
    };
    simulation.run()
}

/// Keeps all events.
struct Lines(Vec<Line>);

impl Watch for Lines {
    fn begin(&mut self, _: &Manager) {}

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        _: &Manager,
        _: bool,
    ) -> io::Result<()> {
        self.0.push(Line::Event {
            number: step.number,
            line: self.0.len() + 2,
            time: step.time,
            event: step.event,
            actions: Some(actions.to_vec()),
            hash: None,
        });
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// After the event of this number; what it would have brought itself comes later.
fn after(number: u64) -> u128 {
    2 * u128::from(number)
}

/// After that event if there is one, else after all others of its time.
fn order(number: Option<u64>) -> u128 {
    number.map_or(u128::MAX, after)
}

impl<W: Watch> Simulation<'_, W> {
    fn run(&mut self) -> Result<(), String> {
        let mut follows = vec![false; self.jobs.len()];
        for next in self.next.iter().flatten() {
            follows[next.job] = true;
        }
        for index in (0..self.jobs.len()).filter(|index| !follows[*index]) {
            self.come(index);
        }
        for (index, fate) in self.workload.machines.all.iter().enumerate() {
            if let Some(at) = fate.joined {
                self.push(at.time, after(at.number), What::Join(index));
            }
            for (nth, (at, _)) in fate.told.iter().enumerate() {
                self.push(at.time, after(at.number), What::Told(index, nth));
            }
        }
        for (index, (at, _)) in self.workload.changes.iter().enumerate() {
            self.push(at.time, after(at.number), What::Change(index));
        }
        while self.left > 0 {
            let next = self.heap.peek().map(|Reverse((time, ..))| *time);
            let due = self.manager.next_timeout();
            match (next, due) {
                // What is due at the instant of an event fires before it in any case (F10).
                (Some(next), due) if due.is_none_or(|due| next < due) => {
                    let Some(Reverse((time, _, _, what))) = self.heap.pop() else {
                        return Ok(());
                    };
                    self.happen(what, time);
                }
                (_, Some(due)) => {
                    // No job is left that could go on, and no probation or back-off that could change that.
                    if self.living == 0 && due > self.patience() {
                        return Ok(());
                    }
                    self.tell(Event::Timer, due);
                }
                _ => return Ok(()),
            }
            if let Some(error) = self.failed.take() {
                return Err(error.to_string());
            }
            if self.told > MOST * self.workload.events as u64 + 1_000_000 {
                return Err(format!(
                    "simulated up to {}, the run has {} events already: is poll_interval or summary_interval too short?",
                    self.manager.now(),
                    self.told
                ));
            }
        }
        Ok(())
    }

    /// A job comes when it is submitted, and what its client does to it then.
    fn come(&mut self, index: usize) {
        let (job, _) = self.jobs[index];
        let submitted = job.submitted;
        self.push(submitted.time, after(submitted.number), What::Submit(index));
        if let Some(at) = job.cancelled {
            self.push(at.time, after(at.number), What::Cancel(index));
        }
    }

    /// A job is over: its client thinks, and submits its next.
    fn follow(&mut self, index: usize, now: Instant) {
        if let Some(next) = self.next.get_mut(index).and_then(Option::take) {
            self.jobs[next.job].0.submit_at(now + next.think);
            self.come(next.job);
        }
    }

    fn patience(&self) -> Instant {
        let config = self.manager.config();
        let idle = config.kinds.iter().filter_map(|kind| kind.idle);
        let spans = [
            config.probation,
            config.probation_cap,
            config.start_backoff_cap,
            // How long a kind is at capacity (G3).
            match config.policy {
                Policy::Bigslice => Duration::ZERO,
                _ => Duration::from_secs(60),
            },
        ];
        let longest = spans.into_iter().chain(idle).chain(config.hold_limit).max();
        self.moved + longest.unwrap_or_default() + Duration::from_secs(1)
    }

    fn push(&mut self, time: Instant, order: u128, what: What) {
        self.pushed += 1;
        self.living += usize::from(what.brings_on());
        self.heap.push(Reverse((time, order, self.pushed, what)));
    }

    fn happen(&mut self, what: What, now: Instant) {
        if what.brings_on() {
            self.living -= 1;
            self.moved = self.moved.max(now);
        }
        match what {
            What::Submit(index) => self.submit(index, now),
            What::Cancel(index) => self.cancel(index, now),
            What::Done(index) => {
                let (job, state) = self.jobs[index];
                if state == State::Running {
                    self.over(index);
                    let (request, outcome) = (job.request, job.outcome);
                    let machine = match self.workload.says_where {
                        true => self.manager.machine_of(request),
                        false => None,
                    };
                    let done = Event::Done {
                        request,
                        machine,
                        outcome,
                    };
                    self.tell(done, now);
                    self.unblock(request, now);
                    self.follow(index, now);
                }
            }
            What::GiveUp(index) => {
                if self.jobs[index].1 == State::Queued {
                    self.tell(Event::Timer, now);
                }
            }
            What::Started(machine) => self.started(machine, now),
            What::Join(index) => self.join(index, now),
            What::Stopped(machine) => {
                if self.manager.machine(machine).is_some() {
                    self.tell(Event::Stopped { machine }, now);
                }
            }
            What::Polled(machine, answered) => {
                self.tell(Event::Polled { machine, answered }, now);
            }
            What::Told(index, nth) => {
                let (_, told) = self.workload.machines.all[index].told[nth];
                if let Some(machine) = self.cast.of_fate(index)
                    && self.manager.machine(machine).is_some()
                {
                    let event = match told {
                        Told::Drain(until) => Event::Drain { machine, until },
                        Told::Keep => Event::Keep { machine },
                    };
                    self.tell(event, now);
                }
            }
            What::Change(index) => {
                if self.policy() != Policy::Bigslice {
                    let event = match self.workload.changes[index].1 {
                        Change::Limits(kind, limits) => Event::SetLimits { kind, limits },
                        Change::MaxProcs(max_procs) => Event::SetMaxProcs { max_procs },
                    };
                    self.tell(event, now);
                }
            }
        }
    }

    fn policy(&self) -> Policy {
        self.manager.config().policy
    }

    /// The answer to a start, if it is still waited for.
    fn started(&mut self, machine: MachineId, now: Instant) {
        let health = self.manager.machine(machine).map(|it| it.health());
        if health != Some(Health::Pending) {
            return;
        }
        self.tell(self.cast.started(machine), now);
    }

    fn join(&mut self, index: usize, now: Instant) {
        if self.policy() == Policy::Bigslice {
            return;
        }
        if let Some(join @ Event::Join { machine, .. }) = self.cast.join(index) {
            self.lose_as_recorded(machine, now);
            self.tell(join, now);
        }
    }

    fn submit(&mut self, index: usize, now: Instant) {
        let (job, _) = self.jobs[index];
        if self.open.contains_key(&job.request) {
            self.blocked
                .entry(job.request)
                .or_default()
                .push_back(index);
            return;
        }
        self.open.insert(job.request, index);
        self.jobs[index].1 = State::Queued;
        if let Some(at) = job.spec.give_up {
            self.push(at.max(now), u128::MAX, What::GiveUp(index));
        }
        let event = Event::Submit {
            request: job.request,
            spec: self.cast.spec(job.spec),
        };
        self.tell(event, now);
    }

    fn cancel(&mut self, index: usize, now: Instant) {
        let (job, state) = self.jobs[index];
        match state {
            State::Queued => {
                self.over(index);
                let request = job.request;
                self.tell(Event::Cancel { request }, now);
                self.unblock(request, now);
                self.follow(index, now);
            }
            // It still waits for its id.
            State::Before => {
                self.over(index);
                if let Some(blocked) = self.blocked.get_mut(&job.request) {
                    blocked.retain(|it| *it != index);
                }
                self.follow(index, now);
            }
            State::Running | State::Over => {}
        }
    }

    fn over(&mut self, index: usize) {
        let (job, state) = &mut self.jobs[index];
        if *state != State::Before {
            self.open.remove(&job.request);
        }
        *state = State::Over;
        self.left -= 1;
    }

    /// Submits the next job that waited for this id, which is free now.
    fn unblock(&mut self, request: RequestId, now: Instant) {
        let next = self.blocked.get_mut(&request).and_then(VecDeque::pop_front);
        if let Some(next) = next {
            self.push(now, 0, What::Submit(next));
        }
    }

    /// Tells the manager, writes it down, and does what it says.
    fn tell(&mut self, event: Event, now: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        actions.clear();
        self.manager.handle_into(event, now, &mut actions);
        for action in &actions {
            self.answer(action, now);
        }
        self.told += 1;
        let step = Step {
            number: self.told,
            time: now,
            event,
            recorded: Recorded::Nothing,
            place: Place::Line(0),
        };
        let told = self.watch.step(&step, &actions, &self.manager, true);
        self.failed = self.failed.take().or(told.err());
        self.actions = actions;
    }

    fn answer(&mut self, action: &Action, now: Instant) {
        match *action {
            Action::Grant { request, .. } => self.grant(request, now),
            Action::RequestLost { request, .. } => self.lose(request, now),
            // A request that no machine can hold (F2); everything else that is told is in order.
            Action::Reject(
                Reject::TooManyProcs { request, .. }
                | Reject::TooLarge { request, .. }
                | Reject::NoProcs { request },
            )
            | Action::Expired { request } => {
                if let Some(index) = self.open.get(&request).copied() {
                    self.over(index);
                    self.unblock(request, now);
                    self.follow(index, now);
                }
            }
            Action::Start { kind, first, count } => {
                self.moved = now;
                for machine in first.0..first.0 + u64::from(count) {
                    self.start(MachineId(machine), kind, now);
                }
            }
            Action::Stop { machine } => self.stop(machine, now),
            Action::Poll { machine } => self.poll(machine, now),
            _ => {}
        }
    }

    fn grant(&mut self, request: RequestId, now: Instant) {
        let Some(index) = self.open.get(&request).copied() else {
            return;
        };
        self.moved = now;
        self.jobs[index].1 = State::Running;
        let (job, _) = self.jobs[index];
        let end = now + job.held;
        // Its client had no use for it after that.
        let end = match job.cancelled {
            Some(at) if !job.was_granted => end.min(at.time.max(now)),
            _ => end,
        };
        let order = after(job.ended) + u128::from(job.was_lost);
        self.push(end, order, What::Done(index));
    }

    fn lose(&mut self, request: RequestId, now: Instant) {
        let Some(index) = self.open.get(&request).copied() else {
            return;
        };
        self.over(index);
        self.unblock(request, now);
        let (job, _) = self.jobs[index];
        if job.was_lost {
            self.follow(index, now);
        } else {
            self.next_id = self.next_id.saturating_add(1);
            let again = Job {
                request: RequestId(self.next_id),
                ..job
            };
            self.jobs.push((again, State::Before));
            // Its client waits for this one now.
            let next = self.next.get_mut(index).and_then(Option::take);
            if next.is_some() {
                self.next.resize(self.jobs.len(), None);
                self.next[self.jobs.len() - 1] = next;
            }
            self.left += 1;
            self.push(now, u128::MAX, What::Submit(self.jobs.len() - 1));
        }
    }

    fn poll(&mut self, machine: MachineId, now: Instant) {
        let ((took, number), answered) = self.cast.poll(machine);
        self.push(now + took, order(number), What::Polled(machine, answered));
    }

    fn start(&mut self, machine: MachineId, kind: KindId, now: Instant) {
        let (took, number) = self.cast.start(machine, kind);
        self.push(now + took, order(number), What::Started(machine));
        self.lose_as_recorded(machine, now + took);
    }

    /// It stops when it did, but not before it is up.
    fn lose_as_recorded(&mut self, machine: MachineId, up: Instant) {
        if let Some(lost) = self.cast.loss(machine) {
            let time = lost.time.max(up);
            self.push(time, after(lost.number), What::Stopped(machine));
        }
    }

    /// It is told to stop. One that is lost is gone already.
    fn stop(&mut self, machine: MachineId, now: Instant) {
        if self.manager.machine(machine).is_some() {
            let (took, number) = self.cast.stop(machine);
            self.push(now + took, order(number), What::Stopped(machine));
        }
    }
}
