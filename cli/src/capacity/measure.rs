//! What a run comes to: how long requests waited, and what its machines took.
use std::collections::HashMap;
use std::io;

use remuda::journal::Note;
use remuda::{Action, Config, Event, Instant, KindId, MachineId, Manager, Notice};

use crate::replay::decisions::Decisions;
use crate::replay::input::Input;
use crate::replay::items::Step;
use crate::replay::lives::{End, Lives};
use crate::replay::play::Watch;
use crate::replay::waits::nearest_rank;

/// The figures of a run. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Requests that got a machine.
    pub(crate) granted: u64,
    /// Requests that no machine can hold (F2, R3).
    pub(crate) refused: u64,
    /// Requests that never got a machine, though one could hold them, and were not cancelled either.
    pub(crate) unplaced: u64,
    pub(crate) mean_wait: u64,
    pub(crate) p50_wait: u64,
    pub(crate) p95_wait: u64,
    pub(crate) p99_wait: u64,
    pub(crate) max_wait: u64,
    /// From the first submit to the end of the last request.
    pub(crate) span: u64,
    /// From when each machine was asked for, or joined, until it was gone, or the last request had ended.
    pub(crate) machine_time: u128,
    /// The same times the cost of its kind.
    pub(crate) cost_time: u128,
    /// Procs that were granted, in proc-nanoseconds.
    pub(crate) work: u128,
    /// Procs of the machines, in proc-nanoseconds of their machine time.
    pub(crate) offered: u128,
    /// The most machines at a time.
    pub(crate) most_machines: u64,
    /// Machines that were asked for.
    pub(crate) starts: u64,
}

impl Figures {
    /// In hours of a machine.
    pub(crate) fn machine_hours(&self) -> f64 {
        self.machine_time as f64 / 3.6e12
    }

    /// In hours of a machine of cost 1.
    pub(crate) fn cost(&self) -> f64 {
        self.cost_time as f64 / 3.6e12
    }

    /// Which part of the machines was used, from 0 to 1; 0 of no machine.
    pub(crate) fn utilisation(&self) -> f64 {
        match self.offered {
            0 => 0.0,
            offered => self.work as f64 / offered as f64,
        }
    }
}

/// Looks on at a run.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    lives: Lives,
    machines: Vec<Machine>,
    /// Those that are there.
    there: HashMap<MachineId, usize>,
    most: u64,
    starts: u64,
}

#[derive(Clone, Copy, Debug)]
struct Machine {
    kind: KindId,
    asked: Instant,
    gone: Option<Instant>,
}

impl Measure {
    /// The figures of a run as it was recorded.
    ///
    /// # Errors
    /// One line: it cannot be read.
    pub(crate) fn recorded(input: &Input) -> Result<Figures, String> {
        let mut decisions = Decisions::new(input)?;
        let mut measure = Measure::default();
        measure.begin(decisions.manager());
        while let Some(it) = decisions.next()? {
            measure.take_in(it.number, it.time, &it.event, &it.actions);
        }
        Ok(measure.figures(&input.head.config))
    }

    fn take_in(&mut self, number: u64, time: Instant, event: &Event, actions: &[Action]) {
        self.lives.take_in(number, time, *event, actions);
        let now = self.lives.now;
        let rejected = actions.iter().any(|it| matches!(it, Action::Reject(_)));
        if let Event::Join { machine, kind, .. } = *event
            && !rejected
        {
            self.add(machine, kind, now);
        }
        for action in actions {
            match *action {
                Action::Start { kind, first, count } => {
                    self.starts += u64::from(count);
                    for id in first.0..first.0.saturating_add(count.into()) {
                        self.add(MachineId(id), kind, now);
                    }
                }
                Action::Notice(Notice::MachineLost { machine, .. } | Notice::Ended { machine }) => {
                    self.remove(machine, now);
                }
                _ => {}
            }
        }
        // Those that never came up.
        if let Event::StartFailed { machine, .. } | Event::Stopped { machine } = *event
            && !rejected
        {
            self.remove(machine, now);
        }
    }

    fn add(&mut self, id: MachineId, kind: KindId, asked: Instant) {
        self.there.insert(id, self.machines.len());
        self.most = self.most.max(self.there.len() as u64);
        let gone = None;
        self.machines.push(Machine { kind, asked, gone });
    }

    fn remove(&mut self, id: MachineId, now: Instant) {
        if let Some(index) = self.there.remove(&id) {
            self.machines[index].gone = Some(now);
        }
    }

    /// What it comes to; `config` is that of the run.
    pub(crate) fn figures(&self, config: &Config) -> Figures {
        let mut figures = Figures {
            most_machines: self.most,
            starts: self.starts,
            ..Figures::default()
        };
        let (mut waits, mut over) = (Vec::new(), None);
        let mut first: Option<Instant> = None;
        for life in &self.lives.all {
            let ended = life.end.map(|(at, _)| at.time);
            over = over.max(ended);
            first = match (first, life.submitted) {
                (Some(first), Some(at)) => Some(first.min(at.time)),
                (first, at) => first.or(at.map(|at| at.time)),
            };
            match (life.granted, life.end) {
                (Some((granted, _)), _) => {
                    figures.granted += 1;
                    if let Some(submitted) = life.submitted {
                        waits.push(granted.time.0 - submitted.time.0);
                    }
                    let until = ended.unwrap_or(self.lives.now);
                    let held = u128::from(until.0 - granted.time.0);
                    figures.work += held * u128::from(life.procs);
                }
                (None, Some((_, End::Refused))) => figures.refused += 1,
                (None, None) => figures.unplaced += 1,
                (None, Some(_)) => {}
            }
        }
        // What runs on has no end.
        let running = self.lives.all.iter().any(|life| life.end.is_none());
        let over = match over {
            Some(over) if !running => over,
            _ => self.lives.now,
        };
        figures.span = over.0 - first.unwrap_or(over).0.min(over.0);
        for machine in &self.machines {
            let until = machine.gone.map_or(over, |gone| gone.min(over));
            let time = until.0.saturating_sub(machine.asked.0);
            let kind = &config.kinds[usize::from(machine.kind.0)];
            let time = u128::from(time);
            figures.machine_time += time;
            figures.cost_time += time * u128::from(kind.cost);
            figures.offered += time * u128::from(kind.capacity.proc_count());
        }
        waits.sort_unstable();
        let sum: u128 = waits.iter().map(|it| u128::from(*it)).sum();
        let mean = sum.checked_div(waits.len() as u128).unwrap_or(0);
        figures.mean_wait = u64::try_from(mean).unwrap_or(u64::MAX);
        figures.max_wait = waits.last().copied().unwrap_or(0);
        let rank = |percent| nearest_rank(&waits, percent).unwrap_or(0);
        figures.p50_wait = rank(50);
        figures.p95_wait = rank(95);
        figures.p99_wait = rank(99);
        figures
    }
}

impl Watch for Measure {
    fn begin(&mut self, manager: &Manager) {
        self.lives = Lives::new(manager);
        for machine in manager.machines() {
            self.add(machine.id(), machine.kind(), manager.now());
        }
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        _: &Manager,
        _: bool,
    ) -> io::Result<()> {
        self.take_in(step.number, step.time, &step.event, actions);
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}
