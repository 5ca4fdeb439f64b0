//! Growth: how many machines are asked for, and when (S7, S8, F7).

use alloc::vec::Vec;
use core::time::Duration;

use crate::action::{Action, Notice};
use crate::config::Config;
use crate::id::MachineId;
use crate::machines::State;
use crate::manager::Manager;
use crate::time::Instant;

/// Failed starts in a row that raise no notice yet (S8).
const FAILURES_UNREMARKED: u64 = 8;

/// What growth remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Growth {
    /// The id that the next machine gets.
    pub(crate) next_machine: MachineId,
    /// Failed starts since a machine came up (S8).
    pub(crate) failures: u64,
    /// Steps of the back-off ever made: tells whether a start was asked for before the last one.
    pub(crate) steps: u64,
    /// Steps of the back-off since a machine came up; zero when there is none (F7).
    pub(crate) step: u32,
    /// Whether the back-off holds growth back, and until when; without end when that is past the
    /// end of time.
    pub(crate) held: bool,
    pub(crate) until: Option<Instant>,
}

impl Growth {
    pub(crate) const fn new() -> Growth {
        let next_machine = MachineId(0);
        Growth {
            next_machine,
            failures: 0,
            steps: 0,
            step: 0,
            held: false,
            until: None,
        }
    }

    /// A machine came up: the count of failures begins anew (S8), and the back-off ends (F7).
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.step = 0;
        self.held = false;
        self.until = None;
    }

    /// A start failed that was asked for after so many steps.
    fn failed(&mut self, asked_at: u64, now: Instant, config: &Config) {
        self.failures = self.failures.saturating_add(1);
        if asked_at != self.steps {
            return;
        }
        self.steps = self.steps.saturating_add(1);
        self.step = self.step.saturating_add(1);
        let delay = backoff(config, self.step);
        self.until = now.checked_add(delay);
        self.held = !delay.is_zero();
    }

    /// When the back-off lets machines be asked for again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.until.filter(|_| self.held)
    }
}

/// `min(base * 2^(step - 1), cap)`, for steps from 1.
fn backoff(config: &Config, step: u32) -> Duration {
    let (base, cap) = (
        config.start_backoff_base.as_nanos(),
        config.start_backoff_cap.as_nanos(),
    );
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
    /// Procs of the machines in service (S2).
    pub(crate) fn have(&self) -> u64 {
        let counts = &self.machines.counts;
        (counts.ok + counts.probation) * u64::from(self.config.machine_procs)
    }

    /// Procs of the machines asked for and not yet answered (S2).
    pub(crate) fn pending_procs(&self) -> u64 {
        self.machines.counts.pending * u64::from(self.config.machine_procs)
    }

    /// Procs that S7 wants beyond those of the machines there are; zero while the back-off holds (F7).
    pub(crate) fn lacking(&self) -> u64 {
        // After a shutdown (S22) only what runs is needed, and that is on machines there are.
        let target = self.need.min(self.config.max_procs);
        let there = self.machines.slab.len() as u64 * u64::from(self.config.machine_procs);
        if self.growth.held {
            return 0;
        }
        target.saturating_sub(there)
    }

    /// Whether S7 might want more machines if so many procs more were needed.
    #[inline]
    pub(crate) fn would_lack(&self, procs: u32) -> bool {
        let there = self.machines.slab.len() as u64 * u64::from(self.config.machine_procs);
        there < self.config.max_procs && there < self.need + u64::from(procs)
    }

    /// How many machines S7 wants next; zero when it wants none.
    pub(crate) fn wanted(&self) -> u32 {
        let procs = u64::from(self.config.machine_procs);
        let machines = self.lacking().div_ceil(procs);
        // At most 10.
        machines.min(u64::from(Config::MAX_START_BATCH)) as u32
    }

    /// S7: asks for machines if there are too few.
    #[inline]
    pub(crate) fn grow_if_short(&mut self, actions: &mut Vec<Action>) {
        if self.lacking() > 0 {
            self.grow(actions);
        }
    }

    /// S7: asks for machines.
    #[cold]
    fn grow(&mut self, actions: &mut Vec<Action>) {
        loop {
            let count = self.wanted();
            if count == 0 {
                return;
            }
            let first = self.growth.next_machine;
            // 2^64 machines cannot be asked for.
            self.growth.next_machine.0 += u64::from(count);
            for n in 0..u64::from(count) {
                let steps = self.growth.steps;
                self.machines
                    .add(MachineId(first.0 + n), State::Pending { steps });
            }
            actions.push(Action::Start { first, count });
        }
    }

    /// S8, F7: a machine that was asked for did not come up.
    pub(crate) fn fail_start(&mut self, slot: u32, actions: &mut Vec<Action>) {
        if let State::Pending { steps } = self.machines.get(slot).state {
            self.growth.failed(steps, self.now, &self.config);
        }
        self.machines.remove(slot);
        let failures = self.growth.failures;
        if failures > FAILURES_UNREMARKED {
            actions.push(Action::Notice(Notice::StartsFailing { failures }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::backoff;
    use crate::Config;
    use core::time::Duration;

    #[test]
    fn f07_the_back_off_doubles_to_the_cap_and_never_overflows() {
        let mut config = Config::new(1, 1).unwrap();
        let secs = |config: &Config, step| backoff(config, step).as_secs();
        let steps = [1, 2, 3, 4, 6, 7, 8, 33, 97, 200, u32::MAX];
        let delays = steps.map(|step| secs(&config, step));
        assert_eq!(delays, [1, 2, 4, 8, 32, 60, 60, 60, 60, 60, 60]);
        config.start_backoff_base = Duration::from_nanos(1);
        config.start_backoff_cap = Duration::MAX;
        assert_eq!(backoff(&config, 3), Duration::from_nanos(4));
        assert_eq!(
            backoff(&config, 94),
            Duration::new(9_903_520_314_283_042_199, 192_993_792)
        );
        assert_eq!(backoff(&config, u32::MAX), Duration::MAX);
        config.start_backoff_base = Duration::MAX;
        assert_eq!(backoff(&config, u32::MAX), Duration::MAX);
        config.start_backoff_cap = Duration::ZERO;
        assert_eq!(backoff(&config, 5), Duration::ZERO);
        config.start_backoff_base = Duration::ZERO;
        config.start_backoff_cap = Duration::MAX;
        assert_eq!(backoff(&config, u32::MAX), Duration::ZERO);
    }
}
