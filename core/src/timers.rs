//! Timers: what is due, in which order it fires, and the one deadline (F10, S21).

use alloc::vec::Vec;

use crate::action::{Action, Notice, Recovery};
use crate::manager::{Manager, Summary};
use crate::time::Instant;

/// What a deadline is for. At the same time they fire in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// The probation of the machine in this slot is over (S10).
    Probation(u32),
    /// Machines may be asked for again (F7).
    Backoff,
    /// The machine in this slot is to be polled (S17).
    Poll(u32),
    /// S20.
    Summary,
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Manager {
    /// The time for which a timer is wanted, if any: the one that the timer actions speak of (S21). After a shutdown
    /// there is none (S22).
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.shutdown {
            return None;
        }
        let summary = match self.summary {
            Summary::Due(at) => Some(at),
            Summary::Unborn | Summary::Never => None,
        };
        let probation = self.machines.next_probation().map(|(at, _)| at);
        let poll = self.machines.next_poll().map(|(at, _)| at);
        let growth = self.growth.deadline();
        [probation, growth, poll].into_iter().fold(summary, earlier)
    }

    /// What fires first of what is due at this time, which is the next timeout.
    fn due(&self, at: Instant) -> Due {
        match (self.machines.next_probation(), self.machines.next_poll()) {
            (Some((until, slot)), _) if until == at => Due::Probation(slot),
            _ if self.growth.deadline() == Some(at) => Due::Backoff,
            (_, Some((due, slot))) if due == at => Due::Poll(slot),
            _ => Due::Summary,
        }
    }

    /// Fires what has become due meanwhile as if the timer had come punctually (F10).
    #[inline]
    pub(crate) fn advance(&mut self, actions: &mut Vec<Action>) {
        // Nothing is due before the deadline that is armed (S21).
        if self.summary == Summary::Unborn || self.armed.is_some_and(|at| at <= self.now) {
            self.catch_up(actions);
        }
    }

    #[inline(never)]
    fn catch_up(&mut self, actions: &mut Vec<Action>) {
        let now = self.now;
        if self.summary == Summary::Unborn {
            self.summary = self.summary_after(now);
        }
        self.machines.deadlines_moved = true;
        while let Some(at) = self.next_timeout()
            && at <= now
        {
            self.now = at;
            self.fire(self.due(at), now, actions);
            self.settle(actions);
        }
        self.now = now;
    }

    fn fire(&mut self, due: Due, now: Instant, actions: &mut Vec<Action>) {
        match due {
            Due::Probation(slot) => self.recover(slot, Recovery::Timeout, actions),
            Due::Backoff => self.growth.held = false,
            Due::Poll(slot) => self.poll(slot, actions),
            Due::Summary => {
                let counts = self.machines.counts;
                actions.push(Action::Notice(Notice::Summary {
                    pending: counts.pending,
                    ok: counts.ok,
                    probation: counts.probation,
                    lost: counts.lost,
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
    pub(crate) fn rearm(&mut self, always: bool, actions: &mut Vec<Action>) {
        let moved = core::mem::take(&mut self.machines.deadlines_moved);
        if !moved && !always {
            return;
        }
        let next = self.next_timeout();
        if next != self.armed || always {
            actions.push(next.map_or(Action::ClearTimer, |at| Action::SetTimer { at }));
            self.armed = next;
        }
    }
}
