//! What a recorded run asked of its manager, whatever the manager decided: submits and how long each grant was held,
//! how long machines took to start, and when they were lost.
use std::collections::HashMap;
use std::time::Duration;

use remuda::{Demand, Event, Instant, KindId, Limits, Outcome, RequestId, Submit};

use super::super::decisions::{Decision, Decisions};
use super::super::input::Input;
use super::super::items::Head;
use super::super::lives::{End, Life, Lives, Point};
use super::fates::{Fates, Usual};

/// A workload, to be given to another manager.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(super) head: Head,
    pub(super) events: usize,
    /// In the order of their submits.
    pub(super) jobs: Vec<Job>,
    /// For each of the first jobs, what its client submits when it is over; empty where clients wait for nothing.
    pub(super) next: Vec<Option<Next>>,
    pub(super) machines: Fates,
    pub(super) usual: Usual,
    pub(super) changes: Vec<(Point, Change)>,
    /// Whether clients say where it was that they are done.
    pub(super) says_where: bool,
    /// The greatest id of a request.
    pub(super) ids_to: u64,
    /// Jobs that did not end in the record: they are held as long as others like them.
    pub(crate) guessed: usize,
    /// Events on tasks and once-per-machine work, which decide nothing about placement.
    pub(crate) left_out: usize,
}

/// A request and what its client does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) request: RequestId,
    pub(super) spec: Submit,
    pub(super) submitted: Point,
    pub(super) cancelled: Option<Point>,
    /// From its grant to its end.
    pub(super) held: Duration,
    pub(super) outcome: Outcome,
    /// The event that ended it.
    pub(super) ended: u64,
    /// When it was over in the record, if it was.
    pub(super) over: Option<Instant>,
    pub(super) was_granted: bool,
    /// It was lost with its machine, so what its client did then is among the jobs.
    pub(super) was_lost: bool,
}

/// What a client submits when a job of its is over, and how long after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) job: usize,
    pub(super) think: Duration,
}

impl Job {
    /// Moves it to another time, with its cancel and its give-up time.
    pub(super) fn submit_at(&mut self, time: Instant) {
        let was = self.submitted.time;
        let moved = |at: Instant| time + (at.max(was) - was);
        self.spec.give_up = self.spec.give_up.map(moved);
        if let Some(at) = &mut self.cancelled {
            at.time = moved(at.time);
        }
        self.submitted.time = time;
    }
}

/// Limits that were changed in the run (E3).
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Limits(KindId, Limits),
    MaxProcs(u64),
}

impl Workload {
    /// Whether a machine was lost because it answered no polls.
    pub(crate) fn loses_in_silence(&self) -> bool {
        self.machines.all.iter().any(|fate| fate.silent)
    }

    /// What this run asked for.
    ///
    /// # Errors
    /// One line: it does not begin at the beginning, or cannot be read.
    pub(crate) fn of(input: &Input) -> Result<Workload, String> {
        if !input.head.fresh {
            return Err(format!(
                "{}: it begins in mid-run, so it is not known what the machines at its beginning were asked for: this needs a run from its start on",
                input.name
            ));
        }
        let mut decisions = Decisions::new(input)?;
        let mut lives = Lives::new(decisions.manager());
        let mut machines = Fates::new(input.head.config.kinds.len());
        let (mut changes, mut says_where, mut left_out) = (Vec::new(), false, 0);
        let mut events = 0;
        while let Some(decision) = decisions.next()? {
            events += 1;
            let Decision {
                number,
                time,
                event,
                actions,
            } = &decision;
            lives.take_in(*number, *time, *event, actions);
            machines.take_in(&decision, lives.now);
            let at = Point {
                time: lives.now,
                number: *number,
            };
            match *event {
                Event::SetLimits { kind, limits } => {
                    changes.push((at, Change::Limits(kind, limits)));
                }
                Event::SetMaxProcs { max_procs } => changes.push((at, Change::MaxProcs(max_procs))),
                Event::Done { machine, .. } => says_where |= machine.is_some(),
                Event::AssignTask { .. }
                | Event::DiscardTask { .. }
                | Event::Once { .. }
                | Event::OnceDone { .. }
                | Event::ForgetOnce { .. } => left_out += 1,
                _ => {}
            }
        }
        let held = Held::of(&lives.all);
        let mut guessed = 0;
        let jobs = lives.all.iter().filter_map(|life| {
            job(life, lives.now, || {
                guessed += 1;
                held.usual(life)
            })
        });
        let jobs: Vec<_> = jobs.collect();
        let ids_to = jobs.iter().map(|job| job.request.0).max().unwrap_or(0);
        Ok(Workload {
            head: input.head.clone(),
            events,
            jobs,
            next: Vec::new(),
            usual: machines.end(lives.now),
            machines,
            changes,
            says_where,
            ids_to,
            guessed,
            left_out,
        })
    }
}

/// A life as its client saw it.
fn job(life: &Life, over: Instant, guess: impl FnOnce() -> Duration) -> Option<Job> {
    let (held, outcome, ended) = match (life.granted, life.end) {
        (Some((granted, _)), Some((at, End::Done(outcome)))) => {
            (at.time - granted.time, outcome, at.number)
        }
        (Some((granted, _)), Some((at, _))) => (at.time - granted.time, Outcome::Ok, at.number),
        // It runs when the record ends, so it is held longer than that.
        (Some((granted, _)), None) => {
            let held = guess().max(over - granted.time);
            (held, Outcome::Ok, u64::MAX)
        }
        (None, _) => (guess(), Outcome::Ok, u64::MAX),
    };
    // What the shutdown cancelled, its client did not.
    Some(Job {
        request: life.key.0,
        spec: life.spec,
        submitted: life.submitted?,
        cancelled: life.cancelled,
        held,
        outcome,
        ended,
        over: life.end.map(|(at, _)| at.time),
        was_granted: life.granted.is_some(),
        was_lost: matches!(life.end, Some((_, End::Lost))),
    })
}

/// How long grants are held on average: of one priority and size, and of all.
#[derive(Debug, Default)]
struct Held {
    alike: HashMap<(i64, Demand), (u128, u32)>,
    all: (u128, u32),
}

impl Held {
    fn of(lives: &[Life]) -> Held {
        let mut usual = Held::default();
        for life in lives {
            let (Some((granted, _)), Some((ended, End::Done(_)))) = (life.granted, life.end) else {
                continue;
            };
            let held = (ended.time - granted.time).as_nanos();
            let alike = (life.spec.priority, life.spec.demand);
            let alike = usual.alike.entry(alike).or_default();
            for (sum, n) in [alike, &mut usual.all] {
                *sum += held;
                *n += 1;
            }
        }
        usual
    }

    fn usual(&self, life: &Life) -> Duration {
        let alike = self.alike.get(&(life.spec.priority, life.spec.demand));
        let (sum, n) = alike.copied().unwrap_or(self.all);
        let mean = sum.checked_div(n.into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }
}
