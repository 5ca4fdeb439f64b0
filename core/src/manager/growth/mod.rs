//! Growth: what is remembered of the starts of a kind (S8, F7, G3), and bigslice's rule (S7).

mod plan;

use alloc::vec::Vec;
use core::time::Duration;

use super::Manager;
use crate::machines::{Phase, Timer};
use crate::protocol::action::{Action, Notice};
use crate::protocol::config::{Config, Policy};
use crate::protocol::event::StartHint;
use crate::protocol::id::{KindId, MachineId};
use crate::protocol::kind::Kind;
use crate::protocol::time::Instant;

/// Failed starts in a row that raise no notice yet (S8).
const FAILURES_UNREMARKED: u64 = 8;
/// How long a kind without more capacity is left alone (G3).
const CAPACITY_PAUSE: Duration = Duration::from_secs(60);

/// What growth remembers of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Growth {
    /// Failed starts since a machine stayed up (S8).
    pub(crate) failures: u64,
    /// Steps of the back-off ever made: tells whether a start was asked for before the last one.
    pub(crate) steps: u64,
    /// Steps of the back-off since a machine stayed up; zero when there is none (F7).
    pub(crate) step: u32,
    /// The back-off (F7).
    pub(crate) backoff: Pause,
    /// Whether no machine has come up since the last step: starts grow anew from one (G3).
    pub(crate) cautious: bool,
    /// While it is known to have no more capacity, or until one of its machines is gone (G3).
    pub(crate) capacity: Pause,
}

/// A time in which no machine of a kind is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Pause {
    pub(crate) lasts: bool,
    /// When it ends or has ended; `None` if it has no end, as that is past the end of time.
    pub(crate) until: Option<Instant>,
}

impl Pause {
    pub(crate) const NONE: Pause = Pause {
        lasts: false,
        until: None,
    };

    /// From now on it lasts at least so long.
    fn extend(&mut self, delay: Duration, now: Instant) {
        let until = now.checked_add(delay);
        self.until = match self.lasts {
            true => { self.until.zip(until) }.map(|(before, until)| before.max(until)),
            false => until,
        };
        self.lasts |= !delay.is_zero();
    }

    /// When it ends, while it lasts.
    fn deadline(self) -> Option<Instant> {
        self.until.filter(|_| self.lasts)
    }

    /// The same, where [`Instant::MAX`] stands for never.
    pub(crate) fn end(self) -> Option<Instant> {
        self.lasts.then(|| self.until.unwrap_or(Instant::MAX))
    }

    /// Ends it, if it was to last until now.
    fn end_by(&mut self, now: Instant) {
        self.lasts &= self.until.is_none_or(|until| until > now);
    }
}

impl Growth {
    pub(crate) const fn new() -> Growth {
        Growth {
            failures: 0,
            steps: 0,
            step: 0,
            backoff: Pause::NONE,
            cautious: false,
            capacity: Pause::NONE,
        }
    }

    /// A machine came up: starts need not be careful any more (G3).
    pub(super) fn came_up(&mut self) {
        self.cautious = false;
    }

    /// A machine stayed up: the count of failures begins anew (S8), and the back-off ends (F7).
    pub(super) fn succeeded(&mut self) {
        let (steps, capacity) = (self.steps, self.capacity);
        *self = Growth {
            steps,
            capacity,
            ..Growth::new()
        };
    }

    /// A start failed that was asked for after so many steps.
    fn failed(&mut self, asked_at: u64, now: Instant, config: &Config) {
        self.failures = self.failures.saturating_add(1);
        if asked_at != self.steps {
            return;
        }
        self.steps = self.steps.saturating_add(1);
        self.step = self.step.saturating_add(1);
        self.cautious = true;
        let delay = doubled(
            config.start_backoff_base,
            self.step,
            config.start_backoff_cap,
        );
        // One that lasts longer, as a start was to be tried again only later (G3), stays.
        self.backoff.extend(delay, now);
    }

    /// One of its machines is gone: there may be capacity again (G3).
    pub(super) fn machine_gone(&mut self) {
        self.capacity = Pause::NONE;
    }

    /// When something that keeps the kind from growing ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let (backoff, capacity) = (self.backoff.deadline(), self.capacity.deadline());
        backoff.into_iter().chain(capacity).min()
    }

    /// Ends what has lasted until now.
    pub(super) fn end_pauses(&mut self, now: Instant) {
        self.backoff.end_by(now);
        self.capacity.end_by(now);
    }

    /// Whether a back-off or a lack of capacity keeps the kind from growing.
    pub(crate) fn is_paused(&self) -> bool {
        self.backoff.lasts || self.capacity.lasts
    }

    /// G3: at most so many machines may be pending that were asked for since the last step of the
    /// back-off: one, then 2, 4, …
    pub(crate) fn most_pending(&self) -> Option<u64> {
        let doublings = self.step.saturating_sub(1);
        let most = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.cautious.then_some(most)
    }
}

/// `min(base * 2^(step - 1), cap)`, for steps from 1.
pub(super) fn doubled(base: Duration, step: u32, cap: Duration) -> Duration {
    let (base, cap) = (base.as_nanos(), cap.as_nanos());
    let doublings = step - 1;
    // Where the product does not fit, it is above any cap.
    let fits = base == 0 || base.leading_zeros() > doublings;
    let nanos = if fits {
        base.checked_shl(doublings).unwrap_or(0).min(cap)
    } else {
        cap
    };
    // At most the cap, which is a duration.
    Duration::new(
        (nanos / 1_000_000_000) as u64,
        (nanos % 1_000_000_000) as u32,
    )
}

impl Manager {
    /// S8, F7, G3: a machine that was asked for did not come up.
    pub(super) fn fail_start(
        &mut self,
        slot: u32,
        hint: Option<StartHint>,
        actions: &mut Vec<Action>,
    ) {
        let record = self.machines.get(slot);
        let Phase::Pending { steps } = record.phase else {
            unreachable!("the caller knows that it is pending");
        };
        let index = usize::from(record.kind.0);
        self.machines.remove(slot);
        self.deadlines_dirty = true;
        match hint.filter(|_| self.config.policy == Policy::Fit) {
            Some(StartHint::AtCapacity) => {
                self.growth[index].capacity.extend(CAPACITY_PAUSE, self.now);
            }
            hint => {
                self.count_failure(index, steps, actions);
                self.growth[index].machine_gone();
                if let Some(StartHint::RetryAfter(delay)) = hint
                    && !delay.is_zero()
                {
                    self.growth[index].backoff.extend(delay, self.now);
                }
            }
        }
    }

    /// S8, F7: one failed start more of a kind.
    pub(super) fn count_failure(&mut self, index: usize, steps: u64, actions: &mut Vec<Action>) {
        self.growth[index].failed(steps, self.now, &self.config);
        let failures = self.growth[index].failures;
        if failures > FAILURES_UNREMARKED {
            // At most 64 kinds.
            let kind = KindId(index as u8);
            actions.push(Action::Notice(Notice::StartsFailing { kind, failures }));
        }
    }

    /// G3: a machine has shown that it stays up.
    pub(super) fn end_trial(&mut self, slot: u32) {
        let index = usize::from(self.machines.get(slot).kind.0);
        let trial = self.machines.change(slot, |record| {
            record.settles = None;
            record.trial.take()
        });
        self.machines.set_timer(slot, Timer::Settle, None);
        if trial.is_some() {
            self.growth[index].succeeded();
        }
    }

    /// Asks for machines of a kind, in actions of at most its batch (G4).
    fn start(&mut self, kind: KindId, count: u64, actions: &mut Vec<Action>) {
        let index = usize::from(kind.0);
        let Kind {
            capacity, batch, ..
        } = self.machines.kinds[index].kind;
        let steps = self.growth[index].steps;
        let mut left = count;
        while left > 0 {
            let first = self.next_machine;
            let count = left.min(u64::from(batch));
            for n in 0..count {
                let phase = Phase::Pending { steps };
                self.machines
                    .add(MachineId(first.0 + n), kind, phase, capacity, self.now);
            }
            self.next_machine = MachineId(first.0 + count);
            left -= count;
            // A batch is a u32.
            let count = count as u32;
            actions.push(Action::Start { kind, first, count });
        }
    }

    /// S7, F7: bigslice's growth. Draining machines count for the limit alone (D1).
    #[inline(never)]
    pub(crate) fn grow_bigslice(&mut self, actions: &mut Vec<Action>) {
        let wanted = self.wanted_by_bigslice();
        if wanted > 0 {
            self.start(KindId(0), wanted, actions);
        }
    }

    /// How many machines S7 asks for.
    pub(crate) fn wanted_by_bigslice(&self) -> u64 {
        let kind = &self.machines.kinds[0];
        if self.growth[0].backoff.lasts || self.shutdown {
            return 0;
        }
        let need = self.queue.counts().2.procs() + kind.need.procs();
        let limit = self.max_procs.saturating_sub(kind.sums.leaving);
        let there = kind.sums.there - kind.sums.leaving;
        let lacking = need.min(limit).saturating_sub(there);
        lacking.div_ceil(u64::from(kind.kind.capacity.proc_count()))
    }
}

#[cfg(test)]
mod tests {
    use super::doubled;
    use core::time::Duration;

    #[test]
    fn f07_the_back_off_doubles_to_the_cap_and_never_overflows() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let steps = [1, 2, 3, 4, 6, 7, 8, 33, 97, 200, u32::MAX];
        let delays = steps.map(|step| doubled(second, step, minute).as_secs());
        assert_eq!(delays, [1, 2, 4, 8, 32, 60, 60, 60, 60, 60, 60]);
        let nano = Duration::from_nanos(1);
        assert_eq!(doubled(nano, 3, Duration::MAX), Duration::from_nanos(4));
        assert_eq!(
            doubled(nano, 94, Duration::MAX),
            Duration::new(9_903_520_314_283_042_199, 192_993_792)
        );
        assert_eq!(doubled(nano, u32::MAX, Duration::MAX), Duration::MAX);
        assert_eq!(
            doubled(Duration::MAX, u32::MAX, Duration::MAX),
            Duration::MAX
        );
        assert_eq!(doubled(Duration::MAX, 5, Duration::ZERO), Duration::ZERO);
        assert_eq!(
            doubled(Duration::ZERO, u32::MAX, Duration::MAX),
            Duration::ZERO
        );
    }
}
