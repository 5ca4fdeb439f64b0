//! The timers: what is due when, and in which order (F10, S21).

use remuda::{Action, Instant, KindId, Kinds, MachineId, Notice, Recovery};

use super::{Leaving, Mark, Model, Pause, Place, Poll, State, Trial};

/// A timer that is due; at one instant they fire in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// T3.
    Probation(MachineId),
    DrainEnd(MachineId),
    Settle(MachineId),
    HoldLimit(Kinds),
    GiveUps,
    BackOff(KindId),
    CapacityStop(KindId),
    Idle(KindId),
    Poll(MachineId),
    Summary,
}

impl Model {
    /// F10: fires what is due by `now`, each instant's at its own time, as a step. Under Bigslice
    /// each timer is a step.
    pub(super) fn fire_due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut before: Option<(Instant, Due)> = None;
        while let Some((at, due)) = self.earliest().filter(|(at, _)| *at <= now) {
            self.mark_order(before, (at, due), now);
            before = Some((at, due));
            self.now = at;
            self.fire(due, now);
            let mut last = due;
            while let Some(next) = self.next_at(at, last).filter(|_| !self.is_bigslice()) {
                self.mark_order(before, (at, next), now);
                before = Some((at, next));
                self.fire(next, now);
                last = next;
            }
            self.finish_step(actions);
        }
    }

    /// The next after `last` that is due at the same instant, as things are now.
    fn next_at(&self, at: Instant, last: Due) -> Option<Due> {
        let due = self.deadlines().into_iter();
        let due = due.filter(|(when, due)| *when <= at && *due > last);
        due.map(|(_, due)| due).min()
    }

    fn fire(&mut self, due: Due, now: Instant) {
        match due {
            Due::Probation(machine) => self.recover(machine, Recovery::Timeout),
            Due::DrainEnd(machine) => {
                self.mark(Mark::D1UntilPassed);
                self.tell_to_stop(machine, Place::Stop);
            }
            Due::Settle(machine) => {
                self.mark(Mark::G3Settled);
                self.trial_went_well(machine);
            }
            Due::HoldLimit(group) => self.hold_timed_out(group),
            Due::GiveUps => self.expire(),
            Due::BackOff(kind) => self.kinds[usize::from(kind.0)].backoff = Pause::No,
            Due::CapacityStop(kind) => self.lift_capacity_stop(kind),
            // E2 comes in every step.
            Due::Idle(_) => {}
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
        } else if matches!((earlier, due), (Due::Poll(_), Due::Poll(_))) {
            self.mark(Mark::PollsDueTogether);
        } else if core::mem::discriminant(&earlier) != core::mem::discriminant(&due) {
            self.mark(Mark::UnlikeTimersTogether);
        }
    }

    /// All that is armed; nothing after a shutdown (S22).
    fn deadlines(&self) -> Vec<(Instant, Due)> {
        if self.shut_down {
            return Vec::new();
        }
        let mut all = Vec::new();
        all.extend(self.summary.map(|at| (at, Due::Summary)));
        let give_ups = self.queue.iter().filter_map(|r| r.spec.give_up);
        all.extend(give_ups.map(|at| (at, Due::GiveUps)));
        for held in &self.holds {
            all.extend(held.until.map(|at| (at, Due::HoldLimit(held.group))));
        }
        for (number, state) in self.kinds.iter().enumerate() {
            let kind = KindId(number as u8);
            if let Pause::Until(at) = state.backoff {
                all.push((at, Due::BackOff(kind)));
            }
            if let Pause::Until(at) = state.capacity_stop {
                all.push((at, Due::CapacityStop(kind)));
            }
            let idle = self.idle_deadlines(kind).into_iter();
            all.extend(idle.map(|at| (at, Due::Idle(kind))));
        }
        for machine in &self.machines {
            let id = machine.id;
            if let State::Probation { until: Some(at) } = machine.state {
                all.push((at, Due::Probation(id)));
            }
            if let Leaving::Draining { until: Some(at) } = machine.leaving {
                all.push((at, Due::DrainEnd(id)));
            }
            if let Trial::Until(at) = machine.trial {
                all.push((at, Due::Settle(id)));
            }
            if let Poll::Due(at) = machine.poll {
                all.push((at, Due::Poll(id)));
            }
        }
        all
    }

    fn earliest(&self) -> Option<(Instant, Due)> {
        self.deadlines().into_iter().min()
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
}
