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

impl Manager {
    /// The time for which a timer is wanted, if any: the one that the timer actions speak of (S21).
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_due().map(|(at, _)| at)
    }

    /// What is due first. After a shutdown nothing is (S22).
    fn next_due(&self) -> Option<(Instant, Due)> {
        if self.shutdown {
            return None;
        }
        let summary = match self.summary {
            Summary::Due(at) => Some((at, Due::Summary)),
            Summary::Unborn | Summary::Never => None,
        };
        let candidates = [
            self.machines
                .next_probation()
                .map(|(at, slot)| (at, Due::Probation(slot))),
            self.growth.deadline().map(|at| (at, Due::Backoff)),
            self.machines
                .next_poll()
                .map(|(at, slot)| (at, Due::Poll(slot))),
            summary,
        ];
        // Of equal times, this takes the first.
        candidates.into_iter().flatten().min_by_key(|&(at, _)| at)
    }

    /// Moves time on, and fires what is due on the way as if the timer had come punctually (F10).
    pub(crate) fn advance(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let now = now.max(self.now);
        if self.summary == Summary::Unborn {
            self.summary = self.summary_after(now);
        }
        while let Some((at, due)) = self.next_due()
            && at <= now
        {
            self.now = at;
            self.fire(due, now, actions);
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
        let next = self.next_timeout();
        if next != self.armed || always {
            actions.push(next.map_or(Action::ClearTimer, |at| Action::SetTimer { at }));
            self.armed = next;
        }
    }
}
