//! What the outside does about actions: machines start, work and stop, clients use their grants, well or not.

use remuda::{
    Action, Event, Instant, KindId, MachineId, OnceKey, OnceOutcome, RequestId, Resources,
    StartHint,
};

use super::{Cluster, Item, ONCE_OUTCOMES, OUTCOMES};
use crate::subject::Subject;

impl<S: Subject> Cluster<S> {
    /// What the outside does about the actions at hand.
    pub(super) fn react(&mut self) {
        let actions = std::mem::take(&mut self.driven.actions);
        for action in &actions {
            match *action {
                Action::Grant { request, machine } => self.granted(request, machine),
                Action::Start { kind, first, count } => self.start(kind, first, count),
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

    fn start(&mut self, kind: KindId, first: MachineId, count: u32) {
        let most = self.plan.traffic.start;
        let together = self.rng.chance(self.plan.faults.starts_fail_together);
        let all_after = self.rng.range(0, most);
        for machine in (first.0..first.0 + u64::from(count)).map(MachineId) {
            if together {
                let event = self.start_failed(machine);
                self.later(all_after, Item::Event(event));
            } else if !self.rng.chance(self.plan.faults.start_never) {
                self.start_one(kind, machine);
            }
        }
    }

    fn start_one(&mut self, kind: KindId, machine: MachineId) {
        let (most, faults) = (self.plan.traffic.start, self.plan.faults.clone());
        let answer = match self.rng.chance(faults.start_fails) {
            true if self.rng.chance(64) => Event::Stopped { machine },
            true => self.start_failed(machine),
            false => self.up(kind, machine),
        };
        let slow = if self.rng.chance(faults.start_late) {
            8
        } else {
            1
        };
        let after = self.rng.range(0, most * slow);
        self.later(after, Item::Event(answer));
        if self.rng.chance(faults.start_twice) {
            let again = match self.rng.chance(128) {
                true => self.start_failed(machine),
                false => self.up(kind, machine),
            };
            self.event_later(most * 2, again);
        }
        if self.rng.chance(faults.dies_young) {
            let soon = self.rng.range(0, 3);
            self.later(after + soon, Item::Event(Event::Stopped { machine }));
        }
        if self.rng.chance(faults.flapping) {
            self.event_later(most * 2 + 4, Event::Stopped { machine });
        }
    }

    fn start_failed(&mut self, machine: MachineId) -> Event {
        let hint = match self.rng.chance(self.plan.faults.start_hints) {
            false => None,
            true if self.rng.chance(128) => Some(StartHint::AtCapacity),
            true => {
                let pause = self.rng.pick(&[0, 1, 4, 30, 90]);
                Some(StartHint::RetryAfter(self.ticks(pause)))
            }
        };
        Event::StartFailed { machine, hint }
    }

    fn up(&mut self, kind: KindId, machine: MachineId) -> Event {
        let offer = self.offer(kind);
        Event::Up { machine, offer }
    }

    /// What a machine of this kind says that it has.
    pub(super) fn offer(&mut self, kind: KindId) -> Option<Resources> {
        let faults = &self.plan.faults;
        let (less, more) = (faults.offer_less, faults.offer_more);
        let kind = self.plan.config.kinds.get(usize::from(kind.0))?;
        let mut amounts = kind.capacity.amounts();
        if self.rng.chance(less) {
            for amount in &mut amounts {
                if self.rng.chance(128) {
                    *amount = self.rng.below(u64::from(*amount) + 1) as u32;
                }
            }
            Some(Resources::new(amounts))
        } else if self.rng.chance(more) {
            for amount in &mut amounts {
                *amount = amount.saturating_add(self.rng.below(3) as u32);
            }
            Some(Resources::new(amounts))
        } else {
            None
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
        let named = if self.rng.chance(faults.done_unnamed) {
            None
        } else if self.rng.chance(faults.done_elsewhere) {
            Some(self.some_machine())
        } else {
            Some(machine)
        };
        let done = |machine| Event::Done {
            request,
            machine,
            outcome,
        };
        self.event_later(most * slow, done(named));
        if self.rng.chance(faults.done_twice) {
            self.event_later(most * 2, done(Some(machine)));
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
