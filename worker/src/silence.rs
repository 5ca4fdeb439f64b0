//! For how long the driver has been silent (F8), counted only while this process runs.
//!
//! A process that was stopped, or whose host slept, cannot have heard anything meanwhile; nor could a driver that was stopped
//! with it say anything. So the time is counted in short ticks, and of a tick that took much longer only its own length.

use std::time::{Duration, Instant};

/// Into how many ticks the silence is divided.
const TICKS: u32 = 16;

/// The longest tick.
const LONGEST_TICK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Silence {
    /// The worker ends after so much of it; `None`: never.
    limit: Option<Duration>,
    passed: Duration,
    looked: Instant,
}

impl Silence {
    pub(crate) fn new(limit: Duration, now: Instant) -> Silence {
        Silence {
            limit: Some(limit),
            passed: Duration::ZERO,
            looked: now,
        }
    }

    /// Sets the limit, as the driver's welcome says. Zero: never.
    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.limit = (!limit.is_zero()).then_some(limit);
    }

    /// The driver has said something.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.passed = Duration::ZERO;
        self.looked = now;
    }

    /// How long to wait before the next [`look`](Silence::look).
    pub(crate) fn tick(&self) -> Option<Duration> {
        self.limit.map(|limit| (limit / TICKS).min(LONGEST_TICK))
    }

    /// Counts what has passed since the last look. Whether it is too much.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let Some((limit, tick)) = self.limit.zip(self.tick()) else {
            return false;
        };
        let since = now.saturating_duration_since(self.looked);
        self.looked = now;
        // Twice: a busy host wakes it late.
        self.passed += since.min(tick * 2);
        self.passed >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_in_which_the_process_ran_counts() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut silence = Silence::new(Duration::from_secs(16), begun);
        assert_eq!(silence.tick(), Some(Duration::from_secs(1)));
        assert!((1..10).all(|second| !silence.look(at(second))));
        // Stopped for an hour, which counts for two seconds.
        assert!((3600..3605).all(|second| !silence.look(at(second))));
        assert!(silence.look(at(3606)), "{silence:?}");
        silence.heard(at(3606));
        assert!((3607..3622).all(|second| !silence.look(at(second))));
        assert!(silence.look(at(3622)));
        silence.set_limit(Duration::ZERO);
        assert_eq!((silence.tick(), silence.look(at(9999))), (None, false));
    }
}
