//! Gives a recorded workload to a manager of another config: what if?
//!
//! Clients and machines do what they did: a request is submitted when it was, and its grant held as long as it was; the
//! first machine that is asked for starts, and is lost, as the first one did, and so on. What was not seen is made up:
//! - machines beyond those recorded start as these did, one after the other, and neither fail nor are lost;
//! - a request that did not end is held as long as others of its priority and size were, and no longer than until its
//!   cancel if it was cancelled in the queue;
//! - one that was lost in the run, and now is not, ends when it was lost; one that is lost only now is submitted again at
//!   once, under a new id;
//! - an id that is still in use is submitted when it is free again;
//! - a machine that was lost in silence answers its polls as it did, all others at once;
//! - timers fire when they are due, and a shutdown is left out.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use remuda::journal::RULES;
use remuda::{Action, Config, Event, Instant, MachineId, Manager, Reject, RequestId};

use super::super::input::Input;
use super::super::items::Head;
use super::super::scenario::Line;
use super::workload::{Fate, Job, Workload};

/// A run of this many times the recorded events, and a million, is not worth waiting for.
const MOST: usize = 20;

/// What happens next: when, after what, and what it is.
type Next = Reverse<(Instant, u128, u64, What)>;

/// What clients and machines do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Submit(usize),
    Cancel(usize),
    /// The work of a grant ends; which grant of the job it is.
    Done(usize),
    Up(MachineId),
    StartFailed(MachineId),
    Stopped(MachineId),
    Polled(MachineId, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Before,
    Queued,
    Running,
    Over,
}

struct Simulation<'a> {
    workload: &'a Workload,
    manager: Manager,
    jobs: Vec<(Job, State)>,
    /// The jobs that are queued or running.
    open: HashMap<RequestId, usize>,
    /// Those whose id is in use, first come first served.
    blocked: HashMap<RequestId, VecDeque<usize>>,
    /// How often each was polled.
    polls: HashMap<MachineId, usize>,
    heap: BinaryHeap<Next>,
    pushed: u64,
    /// Of `heap`, those that are no answers to polls.
    living: usize,
    left: usize,
    next_id: u64,
    /// When a job or a machine last got further.
    moved: Instant,
    lines: Vec<Line>,
}

/// The run as it would have been.
///
/// # Errors
/// One line: it would not end.
pub(super) fn simulate(workload: &Workload, config: Config, name: String) -> Result<Input, String> {
    let mut simulation = Simulation {
        workload,
        manager: Manager::new(config).map_err(|error| error.to_string())?,
        jobs: workload
            .jobs
            .iter()
            .map(|job| (*job, State::Before))
            .collect(),
        open: HashMap::new(),
        blocked: HashMap::new(),
        polls: HashMap::new(),
        heap: BinaryHeap::new(),
        pushed: 0,
        living: 0,
        left: workload.jobs.len(),
        next_id: workload.ids_to,
        moved: Instant::ZERO,
        lines: Vec::new(),
    };
    simulation.run()?;
    let head = Head {
        is_journal: false,
        config,
        config_hash: None,
        crate_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        rules: Some(RULES),
        ..workload.head.clone()
    };
    Ok(Input::made(name, head, simulation.lines))
}

/// After the event of this number; what it would have brought itself comes later.
fn after(number: u64) -> u128 {
    2 * u128::from(number)
}

impl Simulation<'_> {
    fn run(&mut self) -> Result<(), String> {
        for index in 0..self.jobs.len() {
            let (job, _) = self.jobs[index];
            self.push(
                job.submitted.time,
                after(job.submitted.number),
                What::Submit(index),
            );
            if let Some(at) = job.cancelled {
                self.push(at.time, after(at.number), What::Cancel(index));
            }
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
            if self.lines.len() > MOST * self.workload.events + 1_000_000 {
                return Err(format!(
                    "simulated up to {}, the run has {} events already: is poll_interval or summary_interval too short?",
                    self.manager.now(),
                    self.lines.len()
                ));
            }
        }
        Ok(())
    }

    fn patience(&self) -> Instant {
        let config = self.manager.config();
        self.moved + config.probation.max(config.start_backoff_cap) + Duration::from_secs(1)
    }

    fn push(&mut self, time: Instant, order: u128, what: What) {
        self.pushed += 1;
        self.living += usize::from(!matches!(what, What::Polled(..)));
        self.heap.push(Reverse((time, order, self.pushed, what)));
    }

    fn happen(&mut self, what: What, now: Instant) {
        if !matches!(what, What::Polled(..)) {
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
                    self.tell(Event::Done { request, outcome }, now);
                    self.unblock(request, now);
                }
            }
            What::Up(machine) => {
                self.tell(Event::Up { machine }, now);
            }
            What::StartFailed(machine) => self.tell(Event::StartFailed { machine }, now),
            What::Stopped(machine) => self.tell(Event::Stopped { machine }, now),
            What::Polled(machine, answered) => {
                self.tell(Event::Polled { machine, answered }, now);
            }
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
        let event = Event::Submit {
            request: job.request,
            priority: job.priority,
            demand: job.demand,
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
            }
            // It still waits for its id.
            State::Before => {
                self.over(index);
                if let Some(blocked) = self.blocked.get_mut(&job.request) {
                    blocked.retain(|it| *it != index);
                }
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
        let actions = self.manager.handle(event, now);
        for action in &actions {
            self.answer(action, now);
        }
        let number = self.lines.len() as u64 + 1;
        self.lines.push(Line::Event {
            number,
            line: self.lines.len() + 2,
            time: now,
            event,
            actions: Some(actions),
            hash: None,
        });
    }

    fn answer(&mut self, action: &Action, now: Instant) {
        match *action {
            Action::Grant { request, .. } => self.grant(request, now),
            Action::RequestLost { request, .. } => self.lose(request, now),
            // A request that no machine can hold (F2); everything else that is told is in order.
            Action::Reject(Reject::TooManyProcs { request, .. }) => {
                if let Some(index) = self.open.get(&request).copied() {
                    self.over(index);
                    self.unblock(request, now);
                }
            }
            Action::Start { first, count } => {
                self.moved = now;
                for machine in first.0..first.0 + u64::from(count) {
                    self.start(MachineId(machine), now);
                }
            }
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
        if !job.was_lost {
            self.next_id = self.next_id.saturating_add(1);
            let again = Job {
                request: RequestId(self.next_id),
                ..job
            };
            self.jobs.push((again, State::Before));
            self.left += 1;
            self.push(now, u128::MAX, What::Submit(self.jobs.len() - 1));
        }
    }

    /// A machine that was lost in silence answers as it did, poll by poll, and after the last none; all others do at once.
    fn poll(&mut self, machine: MachineId, now: Instant) {
        let nth = self.polls.entry(machine).or_insert(0);
        let polls = self.workload.fates.get(machine.0 as usize);
        let polls = polls.filter(|fate| fate.silent).map(|fate| &fate.polls);
        let (took, order, answered) = match polls.and_then(|polls| polls.get(*nth).or(polls.last()))
        {
            Some(poll) => (poll.took, after(poll.number), poll.answered),
            None => (Duration::ZERO, u128::MAX, true),
        };
        *nth += 1;
        self.push(now + took, order, What::Polled(machine, answered));
    }

    fn fate(&self, machine: MachineId) -> Option<&Fate> {
        let index = usize::try_from(machine.0).ok()?;
        self.workload.fates.get(index)
    }

    fn start(&mut self, machine: MachineId, now: Instant) {
        let start = self.fate(machine).and_then(|fate| fate.start);
        let (took, order, came_up) = match start {
            Some(start) => (start.took, after(start.number), start.came_up),
            None => (self.usual_start(machine), u128::MAX, true),
        };
        let what = if came_up {
            What::Up(machine)
        } else {
            What::StartFailed(machine)
        };
        self.push(now + took, order, what);
        if let Some(lost) = self.fate(machine).and_then(|fate| fate.lost) {
            let time = lost.time.max(now + took);
            self.push(time, after(lost.number), What::Stopped(machine));
        }
    }

    /// As the recorded ones, one after the other.
    fn usual_start(&self, machine: MachineId) -> Duration {
        let starts = &self.workload.starts;
        let beyond = machine.0.saturating_sub(self.workload.fates.len() as u64);
        let nth = beyond.checked_rem(starts.len() as u64);
        nth.map_or(Duration::ZERO, |nth| starts[nth as usize])
    }
}
