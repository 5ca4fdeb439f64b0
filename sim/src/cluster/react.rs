//! What the outside does about actions: machines start, work and stop, clients use their grants, well or not.

use remuda::{Action, Event, Instant, MachineId, OnceKey, OnceOutcome, RequestId};

use super::{Cluster, Item, ONCE_OUTCOMES, OUTCOMES};
use crate::subject::Subject;

impl<S: Subject> Cluster<S> {
    /// What the outside does about the actions at hand.
    pub(super) fn react(&mut self) {
        let actions = std::mem::take(&mut self.driven.actions);
        for action in &actions {
            match *action {
                Action::Grant { request, machine } => self.granted(request, machine),
                Action::Start { first, count } => self.start(first, count),
                Action::Stop { machine } => self.stop(machine),
                Action::RunOnce { machine, key } => self.run_once(machine, key),
                Action::Poll { machine } => self.poll(machine),
                Action::SetTimer { at } => self.set_timer(at),
                Action::ClearTimer => self.timer = None,
                _ => {}
            }
        }
        self.driven.actions = actions;
    }

    fn set_timer(&mut self, at: Instant) {
        let faults = &self.plan.faults;
        let (late, early, never) = (faults.timer_late, faults.timer_early, faults.timer_never);
        let ticks = self.rng.range(1, 20);
        self.timer = if self.rng.chance(never) {
            None
        } else if self.rng.chance(late) {
            Some(at + self.ticks(ticks))
        } else if self.rng.chance(early) {
            Some(Instant(
                at.0.saturating_sub(self.ticks(1).as_nanos() as u64),
            ))
        } else {
            Some(at)
        };
    }

    fn start(&mut self, first: MachineId, count: u32) {
        let (most, faults) = (self.plan.traffic.start, self.plan.faults.clone());
        let together = self.rng.chance(faults.starts_fail_together);
        let all_after = self.rng.range(0, most);
        for id in first.0..first.0 + u64::from(count) {
            let machine = MachineId(id);
            if together {
                self.later(all_after, Item::Event(Event::StartFailed { machine }));
                continue;
            }
            if self.rng.chance(faults.start_never) {
                continue;
            }
            let answer = match self.rng.chance(faults.start_fails) {
                true if self.rng.chance(64) => Event::Stopped { machine },
                true => Event::StartFailed { machine },
                false => Event::Up { machine },
            };
            let slow = if self.rng.chance(faults.start_late) {
                8
            } else {
                1
            };
            self.event_later(most * slow, answer);
            if self.rng.chance(faults.start_twice) {
                let again = match self.rng.chance(128) {
                    true => Event::StartFailed { machine },
                    false => Event::Up { machine },
                };
                self.event_later(most * 2, again);
            }
            if self.rng.chance(faults.flapping) {
                self.event_later(most * 2 + 4, Event::Stopped { machine });
            }
        }
    }

    fn stop(&mut self, machine: MachineId) {
        let (most, late, never) = (
            self.plan.traffic.stop,
            self.plan.faults.stop_late,
            self.plan.faults.stop_never,
        );
        if self.rng.chance(never) {
            return;
        }
        let slow = if self.rng.chance(late) { 8 } else { 1 };
        self.event_later(most * slow, Event::Stopped { machine });
    }

    fn granted(&mut self, request: RequestId, machine: MachineId) {
        let (most, faults) = (self.plan.traffic.work, self.plan.faults.clone());
        if self.rng.chance(faults.lost_before_delivery) {
            self.later(0, Item::Event(Event::Stopped { machine }));
        }
        if self.rng.chance(faults.cancel_race) {
            self.event_later(1, Event::Cancel { request });
        }
        if self.rng.chance(faults.done_never) {
            return;
        }
        let outcome = OUTCOMES[self.rng.weighted(&self.plan.traffic.outcomes)];
        let slow = if self.rng.chance(faults.done_late) {
            8
        } else {
            1
        };
        self.event_later(most * slow, Event::Done { request, outcome });
        if self.rng.chance(faults.done_twice) {
            self.event_later(most * 2, Event::Done { request, outcome });
        }
    }

    fn run_once(&mut self, machine: MachineId, key: OnceKey) {
        let (most, faults) = (self.plan.traffic.work, self.plan.faults.clone());
        if self.rng.chance(faults.once_never) {
            return;
        }
        let outcome = match self.rng.chance(faults.once_fails) {
            true => self.rng.pick(&ONCE_OUTCOMES),
            false => OnceOutcome::Ok,
        };
        let done = Event::OnceDone {
            machine,
            key,
            outcome,
        };
        self.event_later(most, done);
        if self.rng.chance(faults.once_twice) {
            self.event_later(most, done);
        }
    }

    fn poll(&mut self, machine: MachineId) {
        let faults = &self.plan.faults;
        let (unanswered, never, twice) =
            (faults.poll_unanswered, faults.poll_never, faults.poll_twice);
        if self.rng.chance(never) {
            return;
        }
        let answered = !self.rng.chance(unanswered);
        self.event_later(1, Event::Polled { machine, answered });
        if self.rng.chance(twice) {
            self.event_later(2, Event::Polled { machine, answered });
        }
    }
}
