//! How long requests waited, by priority: mean, middle, the slowest in a hundred, the longest.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

/// A printed table has figures of at most so many priorities, or ranges of them.
const ROWS: usize = 12;

/// Nanoseconds waited, by priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits(BTreeMap<i64, Vec<u64>>);

/// What the waits of one priority come to.
#[derive(Serialize)]
struct OfPriority {
    priority: i64,
    #[serde(flatten)]
    figures: Figures,
}

/// What some waits come to, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    pub(crate) n: u64,
    pub(crate) mean: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// The priorities of one row of a table: from the lowest to the highest, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: i64,
    last: i64,
}

impl Waits {
    pub(crate) fn add(&mut self, priority: i64, nanos: u64) {
        self.0.entry(priority).or_default().push(nanos);
    }

    /// All priorities that occur.
    pub(crate) fn priorities(&self) -> BTreeSet<i64> {
        self.0.keys().copied().collect()
    }

    /// The figures of all waits within a range together; none if there are no waits in it.
    pub(crate) fn within(&self, range: Range) -> Option<Figures> {
        let waits = self.0.range(range.first..=range.last);
        Figures::of(waits.flat_map(|(_, waits)| waits).copied().collect())
    }
}

/// One object for each priority, the most urgent first; never ranges.
impl Serialize for Waits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter_map(|(priority, waits)| {
            Some(OfPriority {
                priority: *priority,
                figures: Figures::of(waits.clone())?,
            })
        }))
    }
}

impl Figures {
    fn of(mut waits: Vec<u64>) -> Option<Figures> {
        waits.sort_unstable();
        let max = *waits.last()?;
        let n = waits.len();
        let rank = |percent: usize| nearest_rank(&waits, percent).unwrap_or(max);
        let sum: u128 = waits.iter().map(|it| u128::from(*it)).sum();
        Some(Figures {
            n: n as u64,
            mean: (sum / n as u128) as u64,
            p50: rank(50),
            p99: rank(99),
            max,
        })
    }
}

/// The nearest rank of sorted waits: so many in a hundred waited no longer. None of no wait.
pub(crate) fn nearest_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The rows of a table about these priorities, the most urgent first: one each; if they are too many for that,
/// ranges that hold equally many of them, give or take one.
pub(crate) fn ranges(priorities: &BTreeSet<i64>) -> Vec<Range> {
    let priorities: Vec<i64> = priorities.iter().copied().collect();
    let (n, rows) = (priorities.len(), priorities.len().min(ROWS));
    let row = |row: usize| {
        let (begin, end) = (row * n / rows, (row + 1) * n / rows);
        Range {
            first: priorities[begin],
            last: priorities[end - 1],
        }
    };
    (0..rows).map(row).collect()
}

/// The line under a table that has ranges; none if each priority has a row of its own.
pub(crate) fn remark(priorities: &BTreeSet<i64>) -> Option<String> {
    let n = priorities.len();
    (n > ROWS).then(|| format!("{n} priorities in {ROWS} ranges; --json lists each priority"))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { first, last } = self;
        match first == last {
            true => write!(f, "{first}"),
            false => write!(f, "{first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(priorities: impl IntoIterator<Item = i64>) -> Vec<String> {
        let ranges = ranges(&priorities.into_iter().collect());
        ranges.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn few_priorities_have_a_row_each() {
        assert!(shown([]).is_empty());
        assert_eq!(shown([7, i64::MIN, 0]), ["-9223372036854775808", "0", "7"]);
        assert_eq!(shown(0..12).len(), 12);
        assert_eq!(remark(&(0..12).collect()), None);
    }

    #[test]
    fn many_priorities_share_rows() {
        let rows = shown(0..13);
        assert_eq!((rows.len(), rows[0].as_str()), (12, "0"));
        assert_eq!(rows[11], "11 to 12");
        let said = remark(&(0..13).collect()).unwrap();
        assert_eq!(
            said,
            "13 priorities in 12 ranges; --json lists each priority"
        );
    }

    proptest! {
        #[test]
        fn every_wait_is_in_one_row(waits in prop::collection::vec((any::<i64>(), any::<u64>()), 0..200)) {
            let mut all = Waits::default();
            for (priority, nanos) in &waits {
                all.add(*priority, *nanos);
            }
            let rows = ranges(&all.priorities());
            prop_assert!(rows.len() <= ROWS);
            prop_assert!(rows.is_sorted_by(|a, b| a.last < b.first));
            let figures: Vec<_> = rows.iter().filter_map(|row| all.within(*row)).collect();
            prop_assert_eq!(figures.len(), rows.len());
            prop_assert_eq!(figures.iter().map(|it| it.n).sum::<u64>(), waits.len() as u64);
            let longest = waits.iter().map(|(_, nanos)| *nanos).max();
            prop_assert_eq!(figures.iter().map(|it| it.max).max(), longest);
        }
    }
}
