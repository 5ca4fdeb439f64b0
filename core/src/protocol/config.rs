//! What a manager is told once, at the beginning.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::kind::{Kind, MAX_START_BATCH};
use super::resources::Resources;

/// Which rules place requests and grow the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Policy {
    /// Rules P and G: each request that fits a machine is granted, in the order of priority and
    /// arrival; a request that is passed by for long has a machine held for it.
    #[default]
    Fit,
    /// Rules S3, S4, S5 and S7: the behaviour of bigslice's machine manager (2018), decision for
    /// decision. For one kind of machine and procs only.
    Bigslice,
}

/// Which machine a request is given of those that it fits on (P3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Packing {
    /// The one with the least free, so that large requests fit elsewhere.
    BestFit,
    /// The one with the lowest id, so that the latest become idle and can be stopped.
    FirstFit,
}

/// How a manager behaves. Start from one of the constructors and change fields by the methods of
/// their names; [`Manager::new`](crate::Manager::new) validates.
///
/// ```
/// use core::time::Duration;
/// use remuda::{Config, Kind, Manager, Packing, Resources};
///
/// // Machines of 4 procs, at most 16 procs in all.
/// let manager = Manager::new(Config::new(4, 16)?.packing(Packing::FirstFit))?;
///
/// // Two kinds; both are stopped after two idle minutes.
/// let idle = Duration::from_secs(120);
/// let config = Config::empty()
///     .kind(Kind::new(Resources::procs(8).memory_mib(32_768)).max(20).idle(idle))
///     .kind(Kind::new(Resources::procs(32).memory_mib(131_072).gpus(4)).cost(12).max(2).idle(idle));
/// let manager = Manager::new(config)?;
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(remote = "Self")
)]
#[non_exhaustive]
pub struct Config {
    /// The rules of placement and growth.
    pub policy: Policy,
    /// The kinds of machine, 1 to 64 (R2); a [`KindId`](crate::KindId) is an index of this.
    pub kinds: Vec<Kind>,
    /// What the four amounts are called, for people only (R1).
    pub names: [String; Resources::COUNT],
    /// At most so many procs over all kinds (R2).
    pub max_procs: u64,
    /// Which machine a request is given (P3). `None`: first fit if every startable kind has an idle
    /// limit, else best fit.
    pub packing: Option<Packing>,
    /// After how many times the procs of its kinds have been granted to others a request has its
    /// turn, and a machine is held for it (P4); 4. Zero: no holds.
    pub patience: u32,
    /// How long a machine is held for one request at the most (P4); `None`: no limit.
    pub hold_limit: Option<Duration>,
    /// How long a machine stays on probation without news, the first time (S10); not zero. 30 s.
    pub probation: Duration,
    /// How long at the most, however often it was there (H2); 10 minutes.
    pub probation_cap: Duration,
    /// At the how-many-th probation in a row a machine is drained and replaced (H3); 3. Zero: never.
    pub flaps: u32,
    /// The first step of the start back-off; each further one is twice as long (F7). 1 s. Zero:
    /// machines are asked for again at once.
    pub start_backoff_base: Duration,
    /// The longest step of the start back-off (F7); 1 minute.
    pub start_backoff_cap: Duration,
    /// A machine that is lost so soon after *up* is a failed start (G3); 10 s. Zero: none is.
    pub settle: Duration,
    /// So many unanswered polls in a row make a machine lost (F8); 4. Zero: never.
    pub silent_polls: u32,
    /// From a poll's answer to the next poll (S17); 10 s. Zero: no polls.
    pub poll_interval: Duration,
    /// From one summary to the next (S20), the first counted from the first event; 1 minute. Zero:
    /// no summaries.
    pub summary_interval: Duration,
    /// Whether a machine with tasks can be idle (E1), and so be stopped with them; false.
    pub stop_with_tasks: bool,
    /// Whether pending machines that are not wanted any more are told to stop (E4); false.
    pub withdraw: bool,
}

setters! {
    Config:
    /// At most so many procs over all kinds (R2).
    max_procs(max_procs: u64) = max_procs;
    /// After how many times the procs of its kinds a request has its turn (P4).
    patience(patience: u32) = patience;
    /// Which machine a request is given (P3).
    packing(packing: Packing) = Some(packing);
    /// How long a machine is held for one request at the most (P4).
    hold_limit(limit: Duration) = Some(limit);
    /// How long a machine stays on probation, the first time (S10).
    probation(probation: Duration) = probation;
    /// How long at the most (H2).
    probation_cap(probation_cap: Duration) = probation_cap;
    /// At the how-many-th probation a machine is drained (H3).
    flaps(flaps: u32) = flaps;
    /// The first step of the start back-off (F7).
    start_backoff_base(start_backoff_base: Duration) = start_backoff_base;
    /// The longest step of the start back-off (F7).
    start_backoff_cap(start_backoff_cap: Duration) = start_backoff_cap;
    /// A machine that is lost so soon after *up* is a failed start (G3).
    settle(settle: Duration) = settle;
    /// So many unanswered polls in a row make a machine lost (F8).
    silent_polls(silent_polls: u32) = silent_polls;
    /// From a poll's answer to the next poll (S17).
    poll_interval(poll_interval: Duration) = poll_interval;
    /// From one summary to the next (S20).
    summary_interval(summary_interval: Duration) = summary_interval;
    /// Whether a machine with tasks can be idle (E1).
    stop_with_tasks(stop_with_tasks: bool) = stop_with_tasks;
    /// Whether pending machines that are not wanted any more are told to stop (E4).
    withdraw(withdraw: bool) = withdraw;
}

impl Config {
    /// At most so many machines are asked for in one action, unless a kind says otherwise (G1, S7).
    pub const MAX_START_BATCH: u32 = MAX_START_BATCH;
    /// The most procs a machine may have.
    pub const MAX_MACHINE_PROCS: u32 = 65_536;
    /// The most kinds there may be (R2).
    pub const MAX_KINDS: usize = 64;

    /// The same defaults with no kind of machine yet, and no limit of procs: add kinds with
    /// [`Config::kind`].
    pub fn empty() -> Config {
        Config {
            policy: Policy::Fit,
            kinds: Vec::new(),
            names: Resources::NAMES.map(ToOwned::to_owned),
            max_procs: u64::MAX,
            packing: None,
            patience: 4,
            hold_limit: None,
            probation: Duration::from_secs(30),
            probation_cap: Duration::from_secs(600),
            flaps: 3,
            start_backoff_base: Duration::from_secs(1),
            start_backoff_cap: Duration::from_secs(60),
            settle: Duration::from_secs(10),
            silent_polls: 4,
            poll_interval: Duration::from_secs(10),
            summary_interval: Duration::from_secs(60),
            stop_with_tasks: false,
            withdraw: false,
        }
    }

    /// One kind of machine more (R2).
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Config {
        self.kinds.push(kind);
        self
    }

    /// What the four amounts are called, for people only (R1).
    #[must_use]
    pub fn names(mut self, names: [&str; Resources::COUNT]) -> Config {
        self.names = names.map(ToOwned::to_owned);
        self
    }

    /// The packing that decides (P3) at the beginning: the one that is set, or the default for these
    /// kinds. The default follows idle limits that change (E3).
    pub fn packing_in_use(&self) -> Packing {
        self.packing_for(self.kinds.iter())
    }

    /// The packing that decides for kinds with these limits.
    pub(crate) fn packing_for<'a>(&self, mut kinds: impl Iterator<Item = &'a Kind>) -> Packing {
        let stopped = |kind: &Kind| !kind.startable || kind.idle.is_some();
        self.packing.unwrap_or_else(|| match kinds.all(stopped) {
            true => Packing::FirstFit,
            false => Packing::BestFit,
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Config {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Config::serialize(self, serializer)
    }
}

/// None is read that is not valid.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Config {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let config = Config::deserialize(deserializer)?;
        config.validate().map_err(serde::de::Error::custom)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Kind, Packing, Resources};
    use crate::KindId;
    use alloc::string::ToString;
    use core::time::Duration;

    #[test]
    fn p03_first_fit_is_the_default_where_idle_machines_are_stopped() {
        let kind = Kind::new(Resources::procs(8));
        let idle = kind.idle(Duration::from_secs(1));
        let packing = |kinds: &[Kind]| {
            let config = kinds
                .iter()
                .fold(Config::empty(), |config, kind| config.kind(*kind));
            config.packing_in_use()
        };
        assert_eq!(packing(&[kind]), Packing::BestFit);
        assert_eq!(packing(&[idle]), Packing::FirstFit);
        assert_eq!(packing(&[idle, kind]), Packing::BestFit);
        assert_eq!(packing(&[idle, kind.startable(false)]), Packing::FirstFit);
        assert_eq!(KindId(1).to_string(), "k1");
    }
}
