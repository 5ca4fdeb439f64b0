//! What is counted since the run began: starts, losses, ends of requests, holds, and how long requests waited.
use std::collections::HashMap;
use std::io;

use remuda::journal::Note;
use remuda::{
    Action, Event, Instant, KindId, Loss, MachineId, Manager, Notice, Outcome, RequestId,
};

use crate::replay::fleet::Fleet;
use crate::replay::items::Step;
use crate::replay::lives::is_refusal;
use crate::replay::play::Watch;

/// Upper bounds of the buckets of waits, in seconds.
pub(super) const BOUNDS: [f64; 12] = [
    0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0,
];

/// Classes of priorities: a lower one runs first, and the default is 0.
pub(super) const CLASSES: [&str; 3] = ["below 0", "0", "above 0"];

/// How requests end.
pub(super) const OUTCOMES: [&str; 8] = [
    "ok",
    "failed",
    "unreachable",
    "unused",
    "lost",
    "cancelled",
    "expired",
    "refused",
];

/// What becomes of starts.
pub(super) const STARTS: [&str; 3] = ["up", "failed", "given up"];

/// How losses of machines are noticed.
pub(super) const LOSSES: [&str; 3] = ["stopped", "silence", "drained"];

/// Counts a run, event by event.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) sums: Sums,
    fleet: Fleet,
    /// What is queued: since when, if that is known, and its priority.
    queued: HashMap<RequestId, (Option<Instant>, i64)>,
}

/// The counts, by the words above.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) outcomes: [u64; OUTCOMES.len()],
    /// Of each kind.
    pub(super) starts: Vec<[u64; STARTS.len()]>,
    pub(super) losses: [u64; LOSSES.len()],
    pub(super) holds: u64,
    pub(super) waits: [Waits; CLASSES.len()],
}

/// How long requests have waited that were granted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    pub(super) count: u64,
    /// In nanoseconds.
    pub(super) sum: u128,
    pub(super) longest: u64,
    /// How many waited no longer than each bound, and longer than the one before; then the others.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
}

impl Waits {
    fn add(&mut self, nanos: u64) {
        self.count += 1;
        self.sum += u128::from(nanos);
        self.longest = self.longest.max(nanos);
        let seconds = nanos as f64 / 1e9;
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket] += 1;
    }
}

impl Totals {
    /// Since when a request is queued, if it is and that is known.
    pub(super) fn queued_since(&self, request: RequestId) -> Option<Instant> {
        self.queued.get(&request).and_then(|(since, _)| *since)
    }

    fn take_in(&mut self, event: &Event, now: Instant) {
        match *event {
            Event::Submit { request, spec } => {
                self.queued.insert(request, (Some(now), spec.priority));
            }
            // Of what runs, the client must still say done (S6).
            Event::Cancel { request } if self.queued.remove(&request).is_some() => self.ended(5),
            Event::Done { outcome, .. } => self.ended(match outcome {
                Outcome::Ok => 0,
                Outcome::Remote => 1,
                Outcome::Unreachable => 2,
                _ => 3,
            }),
            Event::Up { machine, .. } => {
                if let Some(machine) = self.fleet.get(machine).filter(|it| it.up) {
                    self.started(machine.kind, 0);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, action: &Action, now: Instant, shut_down: bool) {
        match *action {
            Action::Grant { request, .. } => {
                if let Some((Some(since), priority)) = self.queued.remove(&request) {
                    let class = (priority.signum() + 1) as usize;
                    self.sums.waits[class].add(now.0.saturating_sub(since.0));
                }
            }
            Action::RequestLost { .. } => self.ended(4),
            Action::Cancelled { request } => {
                self.queued.remove(&request);
                self.ended(5);
            }
            Action::Expired { request } => {
                self.queued.remove(&request);
                self.ended(6);
            }
            Action::Notice(Notice::MachineLost { by, .. }) if !shut_down => {
                self.sums.losses[match by {
                    Loss::Stopped => 0,
                    Loss::Silence => 1,
                    _ => 2,
                }] += 1;
            }
            Action::Notice(Notice::Ended { machine }) => self.never_up(machine),
            Action::Notice(Notice::Held { .. }) => self.sums.holds += 1,
            _ => {}
        }
        self.fleet.action(action);
    }

    /// A start that was given up has ended.
    fn never_up(&mut self, machine: MachineId) {
        if let Some(machine) = self.fleet.get(machine).filter(|it| !it.up) {
            self.started(machine.kind, 2);
        }
    }

    fn ended(&mut self, outcome: usize) {
        self.sums.outcomes[outcome] += 1;
    }

    fn started(&mut self, kind: KindId, result: usize) {
        if let Some(starts) = self.sums.starts.get_mut(usize::from(kind.0)) {
            starts[result] += 1;
        }
    }
}

impl Watch for Totals {
    fn begin(&mut self, manager: &Manager) {
        self.fleet = Fleet::new(manager);
        self.sums.starts = vec![[0; STARTS.len()]; manager.config().kinds.len()];
        let waiting = manager.queue();
        let waiting = waiting.map(|it| (it.request, (None, it.spec.priority)));
        self.queued.extend(waiting);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        _: bool,
    ) -> io::Result<()> {
        let rejected = actions.iter().find_map(|action| match action {
            Action::Reject(reject) => Some(reject),
            _ => None,
        });
        if rejected.is_some_and(is_refusal) && matches!(step.event, Event::Submit { .. }) {
            self.ended(7);
        }
        let is_rejected = rejected.is_some();
        self.fleet.event(&step.event, actions, is_rejected);
        // What was due came before the event (F10), and may have granted what is then cancelled.
        let late = matches!(step.event, Event::Cancel { .. });
        let now = manager.now();
        if !is_rejected && !late {
            self.take_in(&step.event, now);
        }
        let shut_down = manager.is_shut_down();
        for action in actions {
            self.answer(action, now, shut_down);
        }
        if !is_rejected && late {
            self.take_in(&step.event, now);
        }
        if let Some(machine) = self.fleet.after(&step.event, is_rejected) {
            let given_up = machine.stopping || shut_down;
            self.started(machine.kind, if given_up { 2 } else { 1 });
        }
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}
