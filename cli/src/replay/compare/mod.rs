//! Two runs side by side, request by request: who was placed earlier or later, and the first decision that differs.
mod decisions;
mod report;
mod simulate;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::{HashMap, HashSet};

use remuda::{Action, Config, Event, Instant, MachineId, Notice, RequestId};
use serde::Serialize;

use super::input::Input;
use super::lives::{self, End, Key, Life, Lives};
use super::waits::{Wait, Waits};
use decisions::{Decision, Decisions};
use workload::Workload;

pub(crate) use report::print;

/// Two runs, compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    names: [String; 2],
    sums: [Sums; 2],
    /// Placed at the same time in both.
    same: Vec<Moved>,
    /// Placed in neither.
    neither: Vec<Moved>,
    earlier: Vec<Moved>,
    later: Vec<Moved>,
    /// Placed in one of them only.
    only: [Vec<Moved>; 2],
    /// Requests that the other run does not have.
    alone: [u64; 2],
    first: Option<First>,
    /// What to know about the second run, if it was made up of the first.
    remarks: Vec<String>,
}

/// A request, and where and when it was placed in each run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Moved {
    request: RequestId,
    /// How many had gone by this id before.
    nth: u32,
    priority: i64,
    procs: u32,
    a: Option<Placed>,
    b: Option<Placed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Placed {
    time: Instant,
    machine: MachineId,
}

impl Moved {
    /// Nanoseconds by which the second is later, where both are placed.
    fn by(&self) -> i128 {
        match (self.a, self.b) {
            (Some(a), Some(b)) => i128::from(b.time.0) - i128::from(a.time.0),
            _ => 0,
        }
    }
}

/// The same event, and another decision.
#[derive(Debug, Serialize)]
struct First {
    number: u64,
    time: Instant,
    #[serde(flatten)]
    what: Differs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Differs {
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
struct Sums {
    requests: u64,
    granted: u64,
    lost: u64,
    cancelled: u64,
    /// No machine could hold them (F2).
    refused: u64,
    machines_up: u64,
    starts_failed: u64,
    machines_lost: u64,
    waits: Vec<Wait>,
    /// When the last request ended.
    over: Instant,
    #[serde(skip)]
    procs: lives::Procs,
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
    Ok(align(
        names,
        sums,
        &lives,
        a.head.config.machine_procs,
        first,
    ))
}

/// A recorded run, and what would have been under another config.
///
/// # Errors
/// One line: it cannot be read, or the other would not end.
pub(crate) fn what_if(input: &Input, config: Config, changes: &str) -> Result<Comparison, String> {
    let workload = Workload::of(input)?;
    let as_was = simulate::simulate(&workload, input.head.config, "as it was".into())?;
    let other = simulate::simulate(&workload, config, format!("with {changes}"))?;
    let recorded = diff(input, &as_was)?;
    let mut comparison = diff(&as_was, &other)?;
    comparison.remarks = report::remarks(&workload, &recorded);
    Ok(comparison)
}

/// The run that would have been, to be looked at by itself.
///
/// # Errors
/// As [`what_if`].
pub(crate) fn made(input: &Input, config: Config, changes: &str) -> Result<Input, String> {
    let name = format!("{} with {changes}", input.name);
    simulate::simulate(&Workload::of(input)?, config, name)
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
    machine_procs: u32,
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
            priority: one.priority,
            procs: one.procs(machine_procs),
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
            refused: 0,
            machines_up: lives.machines.up,
            starts_failed: lives.machines.failed,
            machines_lost: lives.machines.lost,
            waits: Vec::new(),
            over: Instant::ZERO,
            procs: lives.procs,
        };
        let mut waits = Waits::default();
        for life in &lives.all {
            if let Some((granted, _)) = life.granted {
                sums.granted += 1;
                if let Some(submitted) = life.submitted {
                    waits.add(life.priority, granted.time.0 - submitted.time.0);
                }
            }
            if let Some((at, end)) = life.end {
                sums.over = sums.over.max(at.time);
                match end {
                    End::Done(_) => {}
                    End::Cancelled => sums.cancelled += 1,
                    End::Lost => sums.lost += 1,
                    End::Refused => sums.refused += 1,
                }
            }
        }
        sums.waits = waits.sums();
        sums
    }
}
