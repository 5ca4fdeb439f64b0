//! Whether this process was stopped, or its host asleep, a short while ago: machines that are lost then have waited for it in
//! vain, and that is no fault of theirs or of their jobs.
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// How often the clocks are to be looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A look that comes so much later than the last was slept through.
const SLEPT: Duration = Duration::from_secs(4);

/// How long after it woke losses are put down to the sleep, at least: connections take their time to fail.
const LEAST_AFTER: Duration = Duration::from_secs(60);

/// A clock that goes on while the host sleeps, and one that may not.
type Clocks = [Duration; 2];

#[derive(Debug)]
pub(crate) struct Awake {
    looked: Clocks,
    /// When it woke last.
    woke: Option<Duration>,
    after: Duration,
}

impl Awake {
    /// Losses are noticed within `noticed`.
    pub(crate) fn new(noticed: Duration) -> Awake {
        Awake {
            looked: clocks(),
            woke: None,
            after: LEAST_AFTER.max(noticed * 2),
        }
    }

    /// To be called every [`LOOK_EVERY`].
    pub(crate) fn look(&mut self) {
        self.look_at(clocks());
    }

    /// Whether it has slept lately.
    pub(crate) fn slept_lately(&mut self) -> bool {
        self.look();
        self.woke
            .is_some_and(|woke| self.looked[0].saturating_sub(woke) < self.after)
    }

    fn look_at(&mut self, now: Clocks) {
        let slept = |(now, looked): (&Duration, &Duration)| now.saturating_sub(*looked) > SLEPT;
        if now.iter().zip(&self.looked).any(slept) {
            self.woke = Some(now[0]);
        }
        self.looked = now;
    }
}

fn clocks() -> Clocks {
    #[cfg(target_os = "linux")]
    let wakeful = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let wakeful = ClockId::Monotonic;
    [wakeful, ClockId::Monotonic].map(|clock| {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
        let (seconds, nanos) = (u64::try_from(tv_sec), u32::try_from(tv_nsec));
        Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_either_clock_is_a_sleep_and_is_forgotten_after_a_while() {
        // Stopped: both clocks go on. The lid closed: one does.
        for gap in [[100, 100], [100, 0]] {
            let at = |seconds: [u64; 2]| seconds.map(Duration::from_secs);
            let mut awake = Awake {
                looked: at([10, 10]),
                woke: None,
                after: Duration::from_secs(60),
            };
            awake.look_at(at([11, 11]));
            awake.look_at(at([14, 14]));
            assert_eq!(awake.woke, None);
            let (boot, mono) = (14 + gap[0], 14 + gap[1]);
            awake.look_at(at([boot, mono]));
            assert_eq!(awake.woke, Some(Duration::from_secs(boot)), "{gap:?}");
        }
        let mut awake = Awake::new(Duration::ZERO);
        assert!(!awake.slept_lately());
        awake.woke = Some(awake.looked[0]);
        assert!(awake.slept_lately());
        awake.woke = Some(awake.looked[0].saturating_sub(LEAST_AFTER));
        assert!(!awake.slept_lately());
    }
}
