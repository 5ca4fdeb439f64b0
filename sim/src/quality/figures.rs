//! What is measured in a replay, in whole numbers.

use super::swf::Job;

/// A shorter job counts as this long in the slowdown, in milliseconds.
const SHORTEST: u64 = 10_000;

/// The figures of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// How many jobs there were.
    pub jobs: u64,
    /// The mean time from submit to grant, in milliseconds.
    pub mean_wait: u64,
    /// The wait that 99 of 100 jobs do not exceed, in milliseconds.
    pub p99_wait: u64,
    /// The longest wait, in milliseconds.
    pub max_wait: u64,
    /// The mean bounded slowdown in thousandths: (wait + run) / run, where a run is taken for 10 s at
    /// the least, and the result for 1.
    pub slowdown: u64,
    /// What part of the machines' procs was used while they were there, in thousandths: of machines
    /// that are always there, from the first submit to the last end.
    pub utilisation: u64,
    /// What the jobs took: procs times milliseconds.
    pub work: u64,
    /// From each machine's start to its stop, in milliseconds, added up.
    pub machine_time: u64,
    /// Machine time times procs, by the jobs' work, in thousandths.
    pub ratio: u64,
    /// How many machines were started.
    pub starts: u64,
    /// How many holds were given (P4).
    pub holds: u64,
}

/// Means of waits and slowdowns; `waits` are those of `jobs`, in milliseconds.
pub(super) fn of_waits(jobs: &[Job], waits: &[u64]) -> Figures {
    let mut sorted = waits.to_vec();
    sorted.sort_unstable();
    let count = jobs.len() as u64;
    let slowdowns = jobs.iter().zip(waits).map(|(job, wait)| {
        let run = job.run.max(SHORTEST);
        // A wait, then a run that may be shorter than what it is taken for.
        (1000 * (wait + job.run) / run).max(1000)
    });
    let mean = |sum: u64| sum.checked_div(count).unwrap_or(0);
    Figures {
        jobs: count,
        mean_wait: mean(waits.iter().sum()),
        p99_wait: nearest_rank(&sorted, 99),
        max_wait: sorted.last().copied().unwrap_or(0),
        slowdown: mean(slowdowns.sum()),
        work: jobs.iter().map(|job| job.run * u64::from(job.procs)).sum(),
        ..Figures::default()
    }
}

/// The least of the sorted numbers that so many percent of them do not exceed.
fn nearest_rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// `part` by `whole` in thousandths; 0 of nothing.
pub(super) fn thousandths(part: u64, whole: u64) -> u64 {
    let part = u128::from(part) * 1000;
    // Far below 2^64 in any log.
    part.checked_div(u128::from(whole)).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::{Job, nearest_rank, of_waits};

    #[test]
    fn the_means_of_two_jobs() {
        let job = |run| Job {
            submit: 0,
            wait: None,
            run,
            procs: 3,
        };
        // 0 + 1 s, of which 10 s are made: 1. 30 + 20 s: 2.5.
        let figures = of_waits(&[job(1000), job(20_000)], &[0, 30_000]);
        assert_eq!((figures.mean_wait, figures.max_wait), (15_000, 30_000));
        assert_eq!((figures.slowdown, figures.work), (1750, 63_000));
        assert_eq!(of_waits(&[], &[]).mean_wait, 0);
    }

    #[test]
    fn p99_is_a_wait_that_was() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(nearest_rank(&hundred, 99), 99);
        assert_eq!(nearest_rank(&[7], 99), 7);
        assert_eq!(nearest_rank(&[], 99), 0);
    }
}
