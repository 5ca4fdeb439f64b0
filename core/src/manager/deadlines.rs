//! Deadlines: what is due, in which order it fires, and the one timer (F10, S20, S21).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::Timer;
use crate::protocol::action::{Action, Notice, Recovery};
use crate::protocol::config::Policy;
use crate::protocol::id::{KindId, RequestId};
use crate::protocol::time::Instant;

/// When the next summary is due (S20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Summary {
    /// The first event says from when on to count.
    NotBegun,
    Never,
    Due(Instant),
}

/// What a deadline is for. At the same time they fire in this order; an idle limit does not fire, as
/// every step looks at it (E2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// The probation of the machine in this slot is over (S10).
    Probation(u32),
    /// The machine in this slot is told to stop whatever runs there (D1).
    DrainEnd(u32),
    /// The machine in this slot has stayed up for long enough (G3).
    Settle(u32),
    /// A hold has lasted for as long as it may (P4).
    HoldEnd,
    /// A request is given up (Q1).
    GiveUp(RequestId),
    /// Machines of a kind may be asked for again (F7, G3).
    Backoff(KindId),
    /// The machine in this slot is to be polled (S17).
    Poll(u32),
    /// S20.
    Summary,
}

impl Manager {
    /// The time for which a timer is wanted, if any: the one that the timer actions speak of (S21).
    /// After a shutdown there is none (S22).
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.shutdown {
            return None;
        }
        let fires = self.next_due().map(|(at, _)| at);
        let idle = self.next_idle_limit();
        fires.into_iter().chain(idle).min()
    }

    /// What fires first, and when.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let machine = self.machines.next_timer().map(|(at, timer, slot)| {
            let due = match timer {
                Timer::Probation => Due::Probation(slot),
                Timer::DrainEnd => Due::DrainEnd(slot),
                Timer::Settle => Due::Settle(slot),
                Timer::Poll => Due::Poll(slot),
            };
            (at, due)
        });
        let hold = self.holds.next_end().map(|at| (at, Due::HoldEnd));
        let give_up = self
            .queue
            .next_give_up()
            .map(|(at, id)| (at, Due::GiveUp(id)));
        let backoff = (0..).zip(&self.growth).filter_map(|(kind, growth)| {
            growth.deadline().map(|at| (at, Due::Backoff(KindId(kind))))
        });
        let summary = match self.summary {
            Summary::Due(at) => Some((at, Due::Summary)),
            Summary::NotBegun | Summary::Never => None,
        };
        let all = machine
            .into_iter()
            .chain(hold)
            .chain(give_up)
            .chain(summary);
        all.chain(backoff).min()
    }

    /// Fires what has become due meanwhile as if the timer had come punctually (F10).
    #[inline]
    pub(super) fn fire_due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        // Nothing is due before the deadline that is armed (S21).
        if self.summary == Summary::NotBegun || self.armed.is_some_and(|at| at <= now) {
            self.catch_up(now, actions);
        }
    }

    #[cold]
    fn catch_up(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.summary == Summary::NotBegun {
            self.summary = self.summary_after(now);
        }
        self.deadlines_dirty = true;
        while let Some(at) = self.next_timeout()
            && at <= now
        {
            self.now = at;
            let step = actions.len();
            let mut last = None;
            while let Some((next, due)) = self.next_due()
                && next <= at
                && !self.ends_step(last, due)
            {
                self.fire(due, now, actions);
                last = Some(due);
            }
            self.settle(step, actions);
        }
    }

    /// Whether what is due belongs to a step of its own: under bigslice's policy all but give-ups.
    fn ends_step(&self, last: Option<Due>, due: Due) -> bool {
        let together = matches!(
            (last, due),
            (None, _) | (Some(Due::GiveUp(_)), Due::GiveUp(_))
        );
        self.config.policy == Policy::Bigslice && !together
    }

    fn fire(&mut self, due: Due, now: Instant, actions: &mut Vec<Action>) {
        match due {
            Due::Probation(slot) => self.recover(slot, Recovery::Timeout, actions),
            Due::DrainEnd(slot) => self.stop(slot, actions),
            Due::Settle(slot) => self.end_trial(slot),
            Due::HoldEnd => self.end_holds_due(),
            Due::GiveUp(request) => self.expire(request, actions),
            Due::Backoff(kind) => self.growth[usize::from(kind.0)].end_pauses(self.now),
            Due::Poll(slot) => self.poll(slot, actions),
            Due::Summary => {
                let machines = self.counts().machines;
                actions.push(Action::Notice(Notice::Summary {
                    pending: machines.pending,
                    ok: machines.ok,
                    probation: machines.probation,
                    lost: machines.lost,
                }));
                // However late: one summary, and the next counts from now (F10).
                self.summary = self.summary_after(now);
            }
        }
    }

    fn summary_after(&self, now: Instant) -> Summary {
        let interval = self.config.summary_interval;
        let next = now.checked_add(interval).filter(|_| !interval.is_zero());
        next.map_or(Summary::Never, Summary::Due)
    }

    /// S21: says so when the deadline has changed, and always to a timer.
    #[inline]
    pub(super) fn rearm(&mut self, always: bool, actions: &mut Vec<Action>) {
        let dirty = self.deadlines_dirty | self.machines.deadlines_dirty;
        if !dirty && !always {
            return;
        }
        (self.deadlines_dirty, self.machines.deadlines_dirty) = (false, false);
        let next = self.next_timeout();
        if next != self.armed || always {
            actions.push(next.map_or(Action::ClearTimer, |at| Action::SetTimer { at }));
            self.armed = next;
        }
    }
}
