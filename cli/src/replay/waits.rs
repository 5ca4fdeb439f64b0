//! How long requests waited, by priority: mean, middle, the slowest in a hundred, the longest.
use std::collections::BTreeMap;

use serde::Serialize;

/// Nanoseconds waited, by priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits(BTreeMap<i64, Vec<u64>>);

/// What the waits of one priority come to, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Wait {
    pub(crate) priority: i64,
    pub(crate) n: u64,
    pub(crate) mean: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl Waits {
    pub(crate) fn add(&mut self, priority: i64, nanos: u64) {
        self.0.entry(priority).or_default().push(nanos);
    }

    /// Of each priority, the most urgent first.
    pub(crate) fn sums(&self) -> Vec<Wait> {
        let sums = self.0.iter().map(|(priority, waits)| {
            let mut waits = waits.clone();
            waits.sort_unstable();
            let n = waits.len();
            // The nearest rank: that many in a hundred waited no longer.
            let rank = |percent: usize| waits[(n * percent).div_ceil(100).max(1) - 1];
            let sum: u128 = waits.iter().map(|it| u128::from(*it)).sum();
            Wait {
                priority: *priority,
                n: n as u64,
                mean: (sum / n as u128) as u64,
                p50: rank(50),
                p99: rank(99),
                max: waits[n - 1],
            }
        });
        sums.collect()
    }
}
