//! The end of each step (placement S5, growth S7, order F11), and the timers (F10, S21).

use core::cmp::Reverse;

use remuda::{Action, Config, Instant, MachineId, Notice, Recovery};

use super::{Fate, Hold, Machine, Mark, Model, Place, Poll, Running, State};

/// A timer that is due; at one instant they fire in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    Probation(MachineId),
    BackOff,
    Poll(MachineId),
    Summary,
}

impl Model {
    /// F10: fires what is due by `now`, each at its own time, each with placement and growth.
    pub(super) fn fire_due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut before: Option<(Instant, Due)> = None;
        while let Some((at, due)) = self.earliest().filter(|(at, _)| *at <= now) {
            self.mark_order(before, (at, due), now);
            before = Some((at, due));
            self.now = at;
            self.fire(due, now);
            self.finish_step(actions);
        }
    }

    fn fire(&mut self, due: Due, now: Instant) {
        match due {
            Due::Probation(machine) => self.recover(machine, Recovery::Timeout),
            Due::BackOff => self.hold = Hold::No,
            Due::Poll(machine) => self.poll(machine),
            Due::Summary => {
                let counts = self.counts().machines;
                let (pending, ok, probation, lost) =
                    (counts.pending, counts.ok, counts.probation, counts.lost);
                let summary = Notice::Summary {
                    pending,
                    ok,
                    probation,
                    lost,
                };
                self.act(Place::News, Action::Notice(summary));
                // Once, however late, and on from now (F10).
                self.summary = self.summary_after(now);
            }
        }
    }

    fn mark_order(
        &mut self,
        before: Option<(Instant, Due)>,
        (at, due): (Instant, Due),
        now: Instant,
    ) {
        if at < now {
            self.mark(Mark::F10FiredLate);
        }
        let Some((last, earlier)) = before else {
            return;
        };
        if last < at {
            self.mark(Mark::F10SeveralInOneCall);
        } else if matches!((earlier, due), (Due::Probation(_), Due::Probation(_))) {
            self.mark(Mark::T3ProbationsEndTogether);
        } else if core::mem::discriminant(&earlier) == core::mem::discriminant(&due) {
            self.mark(Mark::PollsDueTogether);
        } else {
            self.mark(Mark::UnlikeTimersTogether);
        }
    }

    /// All that is armed, and the first of it; nothing after a shutdown (S22).
    fn earliest(&self) -> Option<(Instant, Due)> {
        if self.shut_down {
            return None;
        }
        let mut first = self.summary.map(|at| (at, Due::Summary));
        let mut offer = |at, due| {
            if first.is_none_or(|first| (at, due) < first) {
                first = Some((at, due));
            }
        };
        if let Hold::Until(at) = self.hold {
            offer(at, Due::BackOff);
        }
        for machine in &self.machines {
            if let State::Probation { until: Some(at) } = machine.state {
                offer(at, Due::Probation(machine.id));
            }
            if let Poll::Due(at) = machine.poll {
                offer(at, Due::Poll(machine.id));
            }
        }
        first
    }

    /// As [`Manager::next_timeout`](remuda::Manager::next_timeout) (S21).
    pub fn next_timeout(&self) -> Option<Instant> {
        self.earliest().map(|(at, _)| at)
    }

    /// S21: said when it changed, and always to a timer event.
    pub(super) fn timer_action(&mut self, asked: bool, actions: &mut Vec<Action>) {
        let next = self.next_timeout();
        if next == self.armed {
            if !asked {
                return;
            }
            self.mark(Mark::S21TimerChangedNothing);
        }
        self.armed = next;
        actions.push(match next {
            Some(at) => Action::SetTimer { at },
            None => Action::ClearTimer,
        });
    }

    pub(super) fn summary_after(&self, now: Instant) -> Option<Instant> {
        let every = self.config.summary_interval;
        (!every.is_zero()).then(|| now.checked_add(every)).flatten()
    }

    /// Placement, growth, and the actions of the step in order.
    pub(super) fn finish_step(&mut self, actions: &mut Vec<Action>) {
        self.place();
        self.grow();
        self.step_actions.sort_by_key(|(place, _)| *place);
        actions.extend(self.step_actions.drain(..).map(|(_, action)| action));
    }

    pub(super) fn free(&self, machine: MachineId) -> u32 {
        let on_it = self.running.iter().filter(|r| r.machine == machine);
        self.config.machine_procs - on_it.map(|r| r.procs).sum::<u32>()
    }

    /// S5, until nothing more can be placed.
    fn place(&mut self) {
        while !self.queue.is_empty() {
            let ok = self.machines.iter().filter(|m| m.state == State::Ok);
            let mut order: Vec<_> = ok.map(|m| (Reverse(self.free(m.id)), m.id)).collect();
            order.sort(); // S4, T2
            let both = self.queue.iter().zip(&order);
            let fits = both.map(|(request, (Reverse(free), _))| request.procs <= *free);
            let Some(i) = fits.into_iter().position(|fits| fits) else {
                return;
            };
            let (Reverse(free), reserved) = order[i];
            let lowest = order
                .iter()
                .filter(|(f, _)| *f == Reverse(free))
                .map(|(_, id)| *id);
            let machine = lowest.min().expect("order[i] is one of them");
            if i > 0 {
                self.mark(Mark::S5PassesBlocked);
            }
            if machine != reserved {
                self.mark(Mark::T2LowerThanReserved);
            }
            if order[i + 1..].iter().any(|(f, _)| *f == Reverse(free)) {
                self.mark(Mark::T2LowestOfEquals);
            }
            let request = self.queue.remove(i);
            self.running.push(Running {
                id: request.id,
                machine,
                procs: request.procs,
            });
            let request = request.id;
            self.act(Place::Grant, Action::Grant { request, machine });
        }
    }

    /// S7, held back by F7 and S22.
    fn grow(&mut self) {
        loop {
            let counts = self.counts();
            let there = counts.have + counts.pending;
            if self.shut_down || there >= counts.need {
                return;
            }
            if there >= self.config.max_procs {
                self.mark(Mark::S7AtMaximum);
                return;
            }
            if self.hold != Hold::No {
                self.mark(Mark::F7HeldBack);
                return;
            }
            let wanted = counts.need.min(self.config.max_procs) - there;
            let machines = wanted.div_ceil(u64::from(self.config.machine_procs));
            let limit = u64::from(Config::MAX_START_BATCH);
            if machines > limit {
                self.mark(Mark::S7SplitInTens);
            }
            self.start(machines.min(limit) as u32);
        }
    }

    fn start(&mut self, count: u32) {
        let first = MachineId(self.fates.len() as u64);
        for n in 0..count {
            self.machines.push(Machine {
                id: MachineId(first.0 + u64::from(n)),
                state: State::Pending {
                    steps: self.steps_ever,
                },
                poll: Poll::Never,
                silence: 0,
                tasks: Vec::new(),
                once: Vec::new(),
            });
            self.fates.push(Fate::There);
        }
        self.act(Place::Start, Action::Start { first, count });
    }
}
