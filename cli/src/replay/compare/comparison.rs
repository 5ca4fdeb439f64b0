//! Two runs side by side, request by request: which were placed earlier or later, and the first decision that differs.
use std::collections::{HashMap, HashSet};

use remuda::{Action, Event, Instant, MachineId, Notice, RequestId};
use serde::Serialize;

use crate::replay::decisions::{Decision, Decisions};
use crate::replay::input::Input;
use crate::replay::lives::{self, End, Key, Life, Lives};
use crate::replay::waits::Waits;

/// Two runs, compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(super) names: [String; 2],
    pub(super) sums: [Sums; 2],
    /// Placed at the same time in both.
    pub(super) same: Vec<Moved>,
    /// Placed in neither.
    pub(super) neither: Vec<Moved>,
    pub(super) earlier: Vec<Moved>,
    pub(super) later: Vec<Moved>,
    /// Placed in one of them only.
    pub(super) only: [Vec<Moved>; 2],
    /// Requests that the other run does not have.
    pub(super) alone: [u64; 2],
    pub(super) first: Option<First>,
    /// What to know about the second run, if it was made up of the first.
    pub(super) remarks: Vec<String>,
}

/// A request, and where and when it was placed in each run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Moved {
    pub(super) request: RequestId,
    /// How many had gone by this id before.
    pub(super) nth: u32,
    pub(super) priority: i64,
    pub(super) procs: u32,
    pub(super) a: Option<Placed>,
    pub(super) b: Option<Placed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Placed {
    pub(super) time: Instant,
    pub(super) machine: MachineId,
}

impl Moved {
    /// Nanoseconds by which the second is later, where both are placed.
    pub(super) fn by(&self) -> i128 {
        match (self.a, self.b) {
            (Some(a), Some(b)) => i128::from(b.time.0) - i128::from(a.time.0),
            _ => 0,
        }
    }
}

/// The same event, and another decision.
#[derive(Debug, Serialize)]
pub(super) struct First {
    pub(super) number: u64,
    pub(super) time: Instant,
    #[serde(flatten)]
    pub(super) what: Differs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Differs {
    /// The events are the same so far.
    Decision {
        event: Event,
        a: Vec<Action>,
        b: Vec<Action>,
    },
    /// The decisions are the same so far; none is the end.
    Event { a: Option<Event>, b: Option<Event> },
}

/// What a run comes to; times in nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct Sums {
    pub(super) requests: u64,
    pub(super) granted: u64,
    pub(super) lost: u64,
    pub(super) cancelled: u64,
    /// Given up in time (Q1).
    pub(super) expired: u64,
    /// No machine could hold them (F2, R3).
    pub(super) refused: u64,
    pub(super) machines_up: u64,
    pub(super) starts_failed: u64,
    pub(super) machines_lost: u64,
    /// As they were told to before the shutdown.
    pub(super) machines_ended: u64,
    pub(super) waits: Waits,
    /// When the last request ended.
    pub(super) over: Instant,
    #[serde(skip)]
    pub(super) procs: lives::Procs,
}

/// Two recorded runs.
///
/// # Errors
/// One line: one of them cannot be read.
pub(crate) fn diff(a: &Input, b: &Input) -> Result<Comparison, String> {
    let (mut one, mut two) = (Decisions::new(a)?, Decisions::new(b)?);
    let mut lives = [&one, &two].map(|it| Lives::new(it.manager()));
    let mut first = None;
    loop {
        let (one, two) = (one.next()?, two.next()?);
        if one.is_none() && two.is_none() {
            break;
        }
        first = first.or_else(|| differs(one.as_ref(), two.as_ref()));
        for (lives, decision) in lives.iter_mut().zip([one, two]) {
            if let Some(decision) = decision {
                let Decision {
                    number,
                    time,
                    event,
                    actions,
                } = &decision;
                lives.take_in(*number, *time, *event, actions);
            }
        }
    }
    let inputs = [a, b];
    let sums = lives.each_ref().map(Sums::of);
    let names = inputs.map(|it| it.name.clone());
    Ok(align(names, sums, &lives, first))
}

/// What is decided about requests and machines; when to look again is not of it.
fn decided(decision: &Decision) -> Vec<Action> {
    let decided = decision.actions.iter().filter(|action| {
        !matches!(
            action,
            Action::SetTimer { .. }
                | Action::ClearTimer
                | Action::Poll { .. }
                | Action::Notice(Notice::Summary { .. })
        )
    });
    decided.copied().collect()
}

fn differs(a: Option<&Decision>, b: Option<&Decision>) -> Option<First> {
    let earliest = [a, b].into_iter().flatten().min_by_key(|it| it.time)?;
    let what = match (a, b) {
        (Some(a), Some(b)) if (a.time, a.event) == (b.time, b.event) => {
            let event = a.event;
            let (a, b) = (decided(a), decided(b));
            (a != b).then_some(Differs::Decision { event, a, b })?
        }
        _ => Differs::Event {
            a: a.map(|it| it.event),
            b: b.map(|it| it.event),
        },
    };
    Some(First {
        number: earliest.number,
        time: earliest.time,
        what,
    })
}

fn align(
    names: [String; 2],
    sums: [Sums; 2],
    lives: &[Lives; 2],
    first: Option<First>,
) -> Comparison {
    let mut comparison = Comparison {
        names,
        sums,
        same: Vec::new(),
        neither: Vec::new(),
        earlier: Vec::new(),
        later: Vec::new(),
        only: [Vec::new(), Vec::new()],
        alone: [0, 0],
        first,
        remarks: Vec::new(),
    };
    let [a, b] = lives;
    let known: HashMap<Key, &Life> = b.all.iter().map(|life| (life.key, life)).collect();
    let mut met: HashSet<Key> = HashSet::new();
    for one in &a.all {
        let Some(two) = known.get(&one.key) else {
            comparison.alone[0] += 1;
            continue;
        };
        met.insert(one.key);
        let placed = |life: &Life| {
            let (at, machine) = life.granted?;
            let time = at.time;
            Some(Placed { time, machine })
        };
        let moved = Moved {
            request: one.key.0,
            nth: one.key.1,
            priority: one.spec.priority,
            procs: one.procs,
            a: placed(one),
            b: placed(two),
        };
        match (moved.a, moved.b) {
            (None, None) => comparison.neither.push(moved),
            (Some(_), None) => comparison.only[0].push(moved),
            (None, Some(_)) => comparison.only[1].push(moved),
            (Some(a), Some(b)) if a.time == b.time => comparison.same.push(moved),
            (Some(a), Some(b)) if b.time < a.time => comparison.earlier.push(moved),
            (Some(_), Some(_)) => comparison.later.push(moved),
        }
    }
    comparison.alone[1] = (b.all.len() - met.len()) as u64;
    // The greatest difference first, then as they were submitted.
    comparison.earlier.sort_by_key(Moved::by);
    comparison.later.sort_by_key(|moved| -moved.by());
    comparison
}

impl Sums {
    fn of(lives: &Lives) -> Sums {
        let mut sums = Sums {
            requests: lives.all.len() as u64,
            granted: 0,
            lost: 0,
            cancelled: 0,
            expired: 0,
            refused: 0,
            machines_up: lives.machines.up,
            starts_failed: lives.machines.failed,
            machines_lost: lives.machines.lost,
            machines_ended: lives.machines.ended,
            waits: Waits::default(),
            over: Instant::ZERO,
            procs: lives.procs,
        };
        for life in &lives.all {
            if let Some((granted, _)) = life.granted {
                sums.granted += 1;
                if let Some(submitted) = life.submitted {
                    let waited = granted.time.0 - submitted.time.0;
                    sums.waits.add(life.spec.priority, waited);
                }
            }
            if let Some((at, end)) = life.end {
                sums.over = sums.over.max(at.time);
                match end {
                    End::Done(_) => {}
                    End::Cancelled => sums.cancelled += 1,
                    End::Expired => sums.expired += 1,
                    End::Lost => sums.lost += 1,
                    End::Refused => sums.refused += 1,
                }
            }
        }
        sums
    }
}
