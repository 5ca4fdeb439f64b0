//! What a recorded run asked of its manager, whatever the manager decided: submits and how long each grant was held,
//! how long machines took to start, and when they were lost.
use std::collections::HashMap;
use std::time::Duration;

use remuda::{Action, Demand, Event, Instant, Loss, MachineId, Notice, Outcome, RequestId};

use super::super::input::Input;
use super::super::items::Head;
use super::super::lives::{End, Life, Lives, Point};
use super::decisions::{Decision, Decisions};

/// A workload, to be given to another manager.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) head: Head,
    pub(super) events: usize,
    /// In the order of their submits.
    pub(super) jobs: Vec<Job>,
    /// The first machine that was asked for, the second, …
    pub(super) fates: Vec<Fate>,
    /// How long those took that came up.
    pub(super) starts: Vec<Duration>,
    /// The greatest id of a request.
    pub(super) ids_to: u64,
    /// Jobs that did not end in the record: they are held as long as others like them.
    pub(super) guessed: usize,
    /// Events on tasks and once-per-machine work, which decide nothing about placement.
    pub(super) left_out: usize,
}

/// A request and what its client does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) request: RequestId,
    pub(super) priority: i64,
    pub(super) demand: Demand,
    pub(super) submitted: Point,
    pub(super) cancelled: Option<Point>,
    /// From its grant to its end.
    pub(super) held: Duration,
    pub(super) outcome: Outcome,
    /// The event that ended it.
    pub(super) ended: u64,
    pub(super) was_granted: bool,
    /// It was lost with its machine, so what its client did then is among the jobs.
    pub(super) was_lost: bool,
}

/// What became of a machine that was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    asked: Instant,
    pub(super) start: Option<Start>,
    pub(super) lost: Option<Point>,
    /// It was lost because it answered no polls.
    pub(super) silent: bool,
    polled: Instant,
    pub(super) polls: Vec<Poll>,
}

/// How a poll was answered, if it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) took: Duration,
    pub(super) answered: bool,
    pub(super) number: u64,
}

/// How a start was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) took: Duration,
    pub(super) came_up: bool,
    pub(super) number: u64,
}

impl Workload {
    /// What this run asked for.
    ///
    /// # Errors
    /// One line: it does not begin at the beginning, or cannot be read.
    pub(super) fn of(input: &Input) -> Result<Workload, String> {
        if !input.head.fresh {
            return Err(format!(
                "{}: it begins in mid-run, so it is not known what the machines at its beginning were asked for: --with needs a run from its start on",
                input.name
            ));
        }
        let mut decisions = Decisions::new(input)?;
        let mut lives = Lives::new(decisions.manager());
        let (mut fates, mut left_out) = (Fates::default(), 0);
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
            fates.take_in(&decision, lives.now);
            left_out += usize::from(matches!(
                decision.event,
                Event::Assign { .. }
                    | Event::Discard { .. }
                    | Event::Once { .. }
                    | Event::OnceDone { .. }
                    | Event::Forget { .. }
            ));
        }
        let machine_procs = input.head.config.machine_procs;
        let usual = Usual::of(&lives.all, machine_procs);
        let mut guessed = 0;
        let jobs = lives.all.iter().filter_map(|life| {
            job(life, lives.now, || {
                guessed += 1;
                usual.held(life, machine_procs)
            })
        });
        let jobs: Vec<_> = jobs.collect();
        let ids_to = jobs.iter().map(|job| job.request.0).max().unwrap_or(0);
        Ok(Workload {
            head: input.head.clone(),
            events,
            jobs,
            starts: fates.end(lives.now),
            fates: fates.all,
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
        priority: life.priority,
        demand: life.demand,
        submitted: life.submitted?,
        cancelled: life.cancelled,
        held,
        outcome,
        ended,
        was_granted: life.granted.is_some(),
        was_lost: matches!(life.end, Some((_, End::Lost))),
    })
}

/// How long grants are held on average: of one priority and size, and of all.
#[derive(Debug, Default)]
struct Usual {
    alike: HashMap<(i64, u32), (u128, u32)>,
    all: (u128, u32),
}

impl Usual {
    fn of(lives: &[Life], machine_procs: u32) -> Usual {
        let mut usual = Usual::default();
        for life in lives {
            let (Some((granted, _)), Some((ended, End::Done(_)))) = (life.granted, life.end) else {
                continue;
            };
            let held = (ended.time - granted.time).as_nanos();
            let alike = (life.priority, life.procs(machine_procs));
            let alike = usual.alike.entry(alike).or_default();
            for (sum, n) in [alike, &mut usual.all] {
                *sum += held;
                *n += 1;
            }
        }
        usual
    }

    fn held(&self, life: &Life, machine_procs: u32) -> Duration {
        let alike = self.alike.get(&(life.priority, life.procs(machine_procs)));
        let (sum, n) = alike.copied().unwrap_or(self.all);
        let mean = sum.checked_div(n.into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }
}

#[derive(Debug, Default)]
struct Fates {
    all: Vec<Fate>,
    shut_down: bool,
}

impl Fates {
    fn take_in(&mut self, decision: &Decision, now: Instant) {
        let at = Point {
            time: now,
            number: decision.number,
        };
        for action in &decision.actions {
            match *action {
                Action::Start { count, .. } => {
                    let fate = Fate {
                        asked: now,
                        ..Fate::default()
                    };
                    let count = usize::try_from(count).expect("at most ten");
                    self.all.resize(self.all.len() + count, fate);
                }
                Action::Poll { machine } => {
                    if let Some(fate) = self.fate(machine) {
                        fate.polled = now;
                    }
                }
                Action::Notice(Notice::MachineLost { machine, by }) if !self.shut_down => {
                    let Some(fate) = self.fate(machine) else {
                        continue;
                    };
                    match by {
                        Loss::Stopped => fate.lost = Some(at),
                        Loss::Silence => fate.silent = true,
                    }
                }
                _ => {}
            }
        }
        // What was due came before the event, and may have asked for the machine.
        let rejected = |it: &Action| matches!(it, Action::Reject(_));
        if !decision.actions.iter().any(rejected) {
            match decision.event {
                Event::Up { machine } => self.start(machine, at, true),
                Event::StartFailed { machine } | Event::Stopped { machine } if !self.shut_down => {
                    self.start(machine, at, false);
                }
                Event::Polled { machine, answered } => {
                    if let Some(fate) = self.fate(machine) {
                        fate.polls.push(Poll {
                            took: at.time - fate.polled,
                            answered,
                            number: at.number,
                        });
                    }
                }
                Event::Shutdown => self.shut_down = true,
                _ => {}
            }
        }
    }

    /// How long those took that came up; those not answered when the record ends take longer than that.
    fn end(&mut self, over: Instant) -> Vec<Duration> {
        let starts = self.all.iter().filter_map(|fate| fate.start);
        let up = starts.filter(|start| start.came_up);
        let starts: Vec<_> = up.map(|start| start.took).collect();
        let unanswered = self.all.iter_mut().filter(|fate| fate.start.is_none());
        for (nth, fate) in unanswered.enumerate() {
            let usual = nth.checked_rem(starts.len()).map(|nth| starts[nth]);
            fate.start = Some(Start {
                took: usual.unwrap_or_default().max(over - fate.asked),
                came_up: true,
                number: u64::MAX,
            });
        }
        starts
    }

    /// Machines are numbered as they are asked for, from 0.
    fn fate(&mut self, machine: MachineId) -> Option<&mut Fate> {
        self.all.get_mut(usize::try_from(machine.0).ok()?)
    }

    fn start(&mut self, machine: MachineId, at: Point, came_up: bool) {
        let Some(fate) = self.fate(machine) else {
            return;
        };
        if fate.start.is_none() {
            fate.start = Some(Start {
                took: at.time - fate.asked,
                came_up,
                number: at.number,
            });
        }
    }
}
