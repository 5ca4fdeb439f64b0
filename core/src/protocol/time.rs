//! Points in time, as the manager sees them: it reads no clock, the caller says what time it is.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// Nanoseconds since an origin that the caller chooses (584 years fit).
///
/// There is no `now()`. Arithmetic with [`Duration`] saturates at both ends.
///
/// ```
/// use core::time::Duration;
/// use remuda::Instant;
///
/// let start = Instant::from_secs(3);
/// let later = start + Duration::from_millis(1500);
/// assert_eq!(later - start, Duration::from_millis(1500));
/// assert_eq!(start - later, Duration::ZERO);
/// assert_eq!(later.to_string(), "4.5s");
/// assert_eq!(Instant::MAX + Duration::MAX, Instant::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Instant(pub u64);

impl Instant {
    /// The origin.
    pub const ZERO: Instant = Instant(0);
    /// The end of time.
    pub const MAX: Instant = Instant(u64::MAX);

    /// `secs` seconds after the origin, [`Instant::MAX`] at the most.
    pub const fn from_secs(secs: u64) -> Instant {
        Instant(secs.saturating_mul(1_000_000_000))
    }

    /// `millis` milliseconds after the origin, [`Instant::MAX`] at the most.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// The point `after` from here; `None` when that is past the end of time (S21: such a deadline
    /// is none).
    #[inline]
    pub fn checked_add(self, after: Duration) -> Option<Instant> {
        let nanos = u64::try_from(after.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Instant)
    }
}

// Nanoseconds since the origin.
number!(Instant, u64);
debug_as_display!(Instant);

impl Add<Duration> for Instant {
    type Output = Instant;

    #[inline]
    fn add(self, after: Duration) -> Instant {
        self.checked_add(after).unwrap_or(Instant::MAX)
    }
}

impl Sub for Instant {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nanos == 0 {
            return write!(f, "{secs}s");
        }
        let (mut digits, mut width) = (nanos, 9);
        while digits % 10 == 0 {
            digits /= 10;
            width -= 1;
        }
        write!(f, "{secs}.{digits:0width$}s")
    }
}

#[cfg(test)]
mod tests {
    use super::Instant;
    use alloc::string::ToString;
    use core::time::Duration;

    #[test]
    fn the_time_between_is_none_backwards() {
        let (early, late) = (Instant(2_500_000_000), Instant::from_secs(4));
        assert_eq!(late - early, Duration::from_millis(1500));
        assert_eq!(early - late, Duration::ZERO);
    }

    #[test]
    fn a_time_is_written_in_seconds_with_the_digits_it_needs() {
        let texts = [
            (0, "0s"),
            (3_000_000_000, "3s"),
            (4_500_000_000, "4.5s"),
            (1, "0.000000001s"),
            (1_050_000_000, "1.05s"),
            (10_000_000_100, "10.0000001s"),
            (61_123_456_789, "61.123456789s"),
            (u64::MAX, "18446744073.709551615s"),
        ];
        for (nanos, text) in texts {
            assert_eq!(Instant(nanos).to_string(), text);
            assert_eq!(alloc::format!("{:?}", Instant(nanos)), text);
        }
    }
}
