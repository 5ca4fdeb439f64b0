//! The options of a cluster.

use std::time::Duration;

use remuda::Config;

/// What the driver decides, and not the manager: time-outs, and what is admitted as a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a machine may take to come up before its start has failed (S8); default 60 s. A start that is queued
    /// elsewhere is not timed, see [`Start::queued`](crate::Start::queued).
    pub start_timeout: Duration,
    /// How long a machine may take to answer a poll (S17); default 5 s.
    pub poll_timeout: Duration,
    /// How long a machine may take to end after it was asked to, before it is killed; default 5 s.
    pub stop_timeout: Duration,
    /// How long a machine may take to end after it was killed, before the driver counts it as ended; default 15 s.
    pub kill_timeout: Duration,
    /// How long a call may go on after it was cancelled; default `None`: for ever, and its procs are not granted again before
    /// it has ended (F12). After this time the call resolves as [`CallError::Unreachable`](crate::CallError::Unreachable),
    /// and its lease ends as *unreachable*, whatever it was finished with: the machine goes on probation (S9). The procs are
    /// free then, although the call may still run.
    pub cancel_timeout: Option<Duration>,
    /// Queued requests fail with [`RequestError::NoMachines`](crate::RequestError::NoMachines) when no machine has been in
    /// service for this time while there were any, and no start is queued elsewhere; default `None`: they fail so only if no machine was ever up (F7).
    pub no_machines_timeout: Option<Duration>,
    /// Whether a machine that offers less than its kind's capacity enters service with what it offers (R4). Default false:
    /// its start has failed (F9). A machine must offer at least one proc in any case.
    pub admit_less: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            start_timeout: Duration::from_secs(60),
            poll_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            kill_timeout: Duration::from_secs(15),
            cancel_timeout: None,
            no_machines_timeout: None,
            admit_less: false,
        }
    }
}

/// How long a worker waits for a word of its driver before it kills its jobs and exits (F8). Zero: for ever.
///
/// The driver counts a machine as lost after `silent_polls` polls without an answer, and has its jobs run again elsewhere.
/// Where the network has parted the two, the first worker must have given up by then, so it does so one poll and one poll's
/// time-out sooner. This takes three such polls at least; with fewer, or where silence loses no machine, the time is long. A
/// driver that does not poll is silent by itself, so its workers wait for ever.
///
/// ```
/// use std::time::Duration;
/// use remuda_driver::{Options, worker_silence};
/// use remuda_driver::remuda::Config;
///
/// // Polls every ten seconds, five seconds each, of which four may go unanswered: lost after fifty seconds at the earliest.
/// let config = Config::new(1, 1)?.poll_interval(Duration::from_secs(10)).silent_polls(4);
/// assert_eq!(worker_silence(&config, &Options::default()), Duration::from_secs(35));
/// # Ok::<(), remuda_driver::remuda::ConfigError>(())
/// ```
#[must_use]
pub fn worker_silence(config: &Config, options: &Options) -> Duration {
    let (interval, timeout) = (config.poll_interval, options.poll_timeout);
    let polls = config.silent_polls;
    if interval.is_zero() {
        return Duration::ZERO;
    }
    match polls {
        // From the last word that the worker has heard, the poll whose answer was the first to be missed, to the loss.
        3.. => lost_after(polls - 1, interval, timeout),
        _ => LONG_SILENCE.max(lost_after(4, interval, timeout)),
    }
}

/// The time from the first of so many unanswered polls to the end of the last.
fn lost_after(polls: u32, interval: Duration, timeout: Duration) -> Duration {
    let waits = interval.saturating_mul(polls.saturating_sub(1));
    timeout.saturating_mul(polls).saturating_add(waits)
}

/// How long a worker waits where its driver does not count it as lost for being silent.
const LONG_SILENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f08_a_worker_gives_up_sooner_than_its_driver_by_more_than_a_poll() {
        let seconds = Duration::from_secs;
        for (interval, timeout, polls) in [(10, 5, 4), (1, 1, 3), (60, 1, 10)] {
            let (interval, timeout) = (seconds(interval), seconds(timeout));
            let config = Config::new(1, 1).expect("a good config");
            let config = config.poll_interval(interval).silent_polls(polls);
            let options = Options {
                poll_timeout: timeout,
                ..Options::default()
            };
            let silence = worker_silence(&config, &options);
            assert!(
                silence + interval < lost_after(polls, interval, timeout),
                "{silence:?}"
            );
            // While the driver polls it never waits so long for a word.
            assert!(silence > interval + timeout, "{silence:?}");
            let never = worker_silence(&config.clone().silent_polls(0), &options);
            assert!(never >= LONG_SILENCE);
            let config = config.poll_interval(Duration::ZERO);
            assert_eq!(worker_silence(&config, &options), Duration::ZERO);
        }
    }
}
