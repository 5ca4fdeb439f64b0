//! What a manager is told once, at the beginning.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::event::Limits;
use super::id::KindId;
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
    /// The one with the least free, so that large requests find room elsewhere.
    BestFit,
    /// The one with the lowest id, so that the latest become idle and can be stopped.
    FirstFit,
}

/// A kind of machine: what one has, how many there may be, and when they are stopped (R2).
///
/// ```
/// use core::time::Duration;
/// use remuda::{Kind, Resources};
///
/// let kind = Kind::new(Resources::procs(8).memory_mib(32_768))
///     .max(20)
///     .idle(Duration::from_secs(120));
/// assert_eq!((kind.min, kind.max), (0, 20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Kind {
    /// What one machine has; at least one proc.
    pub capacity: Resources,
    /// At least so many machines, from the first event on (G2); 0.
    pub min: u32,
    /// At most so many machines; no limit.
    pub max: u32,
    /// So many machines more than are in use (G2); 0.
    pub spare: u32,
    /// At most so many machines that are asked for and not yet answered; no limit.
    pub max_pending: u32,
    /// At most so many machines in one [`Action::Start`](crate::Action::Start); 10.
    pub batch: u32,
    /// A machine that has been idle for this long is stopped (E2); `None`: never.
    pub idle: Option<Duration>,
    /// The price of one machine for a while, relative to the other kinds (G1); 1.
    pub cost: u32,
    /// Whether machines of this kind can be asked for; if not, they only join (J1). True.
    pub startable: bool,
}

impl Kind {
    /// A kind with the defaults named at the fields.
    pub const fn new(capacity: Resources) -> Kind {
        Kind {
            capacity,
            min: 0,
            max: u32::MAX,
            spare: 0,
            max_pending: u32::MAX,
            batch: Config::MAX_START_BATCH,
            idle: None,
            cost: 1,
            startable: true,
        }
    }

    /// At least so many machines (G2).
    #[must_use]
    pub const fn min(mut self, machines: u32) -> Kind {
        self.min = machines;
        self
    }

    /// At most so many machines.
    #[must_use]
    pub const fn max(mut self, machines: u32) -> Kind {
        self.max = machines;
        self
    }

    /// So many machines more than are in use (G2).
    #[must_use]
    pub const fn spare(mut self, machines: u32) -> Kind {
        self.spare = machines;
        self
    }

    /// At most so many machines that are asked for and not yet answered.
    #[must_use]
    pub const fn max_pending(mut self, machines: u32) -> Kind {
        self.max_pending = machines;
        self
    }

    /// At most so many machines in one start.
    #[must_use]
    pub const fn batch(mut self, machines: u32) -> Kind {
        self.batch = machines;
        self
    }

    /// A machine that has been idle for this long is stopped (E2).
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Kind {
        self.idle = Some(idle);
        self
    }

    /// The price of one machine for a while, relative to the other kinds (G1).
    #[must_use]
    pub const fn cost(mut self, cost: u32) -> Kind {
        self.cost = cost;
        self
    }

    /// Whether machines of this kind can be asked for.
    #[must_use]
    pub const fn startable(mut self, startable: bool) -> Kind {
        self.startable = startable;
        self
    }

    /// The same with other limits.
    pub(crate) const fn with_limits(mut self, limits: Limits) -> Kind {
        let Limits {
            min,
            max,
            spare,
            idle,
        } = limits;
        (self.min, self.max, self.spare, self.idle) = (min, max, spare, idle);
        self
    }

    /// The limits that [`Event::SetLimits`](crate::Event::SetLimits) changes.
    pub const fn limits(&self) -> Limits {
        Limits {
            min: self.min,
            max: self.max,
            spare: self.spare,
            idle: self.idle,
        }
    }
}

/// Whether limits do not contradict themselves (R2, E3).
pub(crate) fn are_sound(limits: Limits) -> bool {
    let Limits {
        min,
        max,
        spare,
        idle,
    } = limits;
    min <= max && spare <= max && idle != Some(Duration::ZERO)
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
    /// The kinds of machine, 1 to 64 (R2); a [`KindId`] is an index of this.
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

/// Methods that change one field each.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl Config {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Config {
                self.$name = $name;
                self
            })*
        }
    };
}

setters! {
    /// At most so many procs over all kinds (R2).
    max_procs: u64,
    /// After how many times the procs of its kinds a request has its turn (P4).
    patience: u32,
    /// How long a machine stays on probation, the first time (S10).
    probation: Duration,
    /// How long at the most (H2).
    probation_cap: Duration,
    /// At the how-many-th probation a machine is drained (H3).
    flaps: u32,
    /// The first step of the start back-off (F7).
    start_backoff_base: Duration,
    /// The longest step of the start back-off (F7).
    start_backoff_cap: Duration,
    /// A machine that is lost so soon after *up* is a failed start (G3).
    settle: Duration,
    /// So many unanswered polls in a row make a machine lost (F8).
    silent_polls: u32,
    /// From a poll's answer to the next poll (S17).
    poll_interval: Duration,
    /// From one summary to the next (S20).
    summary_interval: Duration,
    /// Whether a machine with tasks can be idle (E1).
    stop_with_tasks: bool,
    /// Whether pending machines that are not wanted any more are told to stop (E4).
    withdraw: bool,
}

impl Config {
    /// At most so many machines are asked for in one action, unless a kind says otherwise (G1, S7).
    pub const MAX_START_BATCH: u32 = 10;
    /// The most procs a machine may have.
    pub const MAX_MACHINE_PROCS: u32 = 65_536;
    /// The most kinds there may be (R2).
    pub const MAX_KINDS: usize = 64;

    /// The defaults a user should want, for one kind of machines of `machine_procs` procs, and never
    /// more than `max_procs` in all: that is rounded down to whole machines (S1).
    ///
    /// # Errors
    /// `machine_procs` is zero or above the limit; `max_procs` is less than one machine.
    pub fn new(machine_procs: u32, max_procs: u64) -> Result<Config, ConfigError> {
        check_machine_procs(KindId(0), u64::from(machine_procs))?;
        let machines = max_procs / u64::from(machine_procs);
        if machines == 0 {
            return Err(ConfigError::MaxProcs {
                max_procs,
                least: machine_procs,
            });
        }
        let kind = Kind::new(Resources::procs(machine_procs));
        Ok(Config::empty()
            .kind(kind)
            .max_procs(machines * u64::from(machine_procs)))
    }

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

    /// The behaviour of bigslice's machine manager, decision for decision: `max_load` of each
    /// machine's `maxprocs` is used and `max_procs` rounded up to whole machines (S1), failed starts
    /// are tried again at once (F7), silent machines are left to the layer below (F8), and nothing
    /// is stopped, held or joined.
    ///
    /// ```
    /// let config = remuda::Config::bigslice(100, 1000, 0.29)?;
    /// assert_eq!(config.kinds[0].capacity.proc_count(), 29); // not 28 (F1)
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// `maxprocs` or `max_procs` is zero; `max_load` is negative or not finite; a machine would
    /// have more procs than the limit.
    pub fn bigslice(maxprocs: u32, max_procs: u64, max_load: f64) -> Result<Config, ConfigError> {
        let (procs, max_procs) = match loaded_procs(maxprocs, max_load)? {
            0 => (1, max_procs.div_ceil(u64::from(maxprocs))),
            procs => (procs, max_procs),
        };
        let config = Config::bigslice_machines(procs, max_procs);
        let config = config.start_backoff_base(Duration::ZERO).silent_polls(0);
        config.validate()?;
        Ok(config)
    }

    /// The policy of bigslice for machines of `machine_procs` procs, with the start back-off and the
    /// limit of silent polls of [`Config::new`]: what a journal of version 1 was written under.
    /// [`Manager::new`](crate::Manager::new) validates.
    pub fn bigslice_machines(machine_procs: u32, max_procs: u64) -> Config {
        let config = Config::empty().kind(Kind::new(Resources::procs(machine_procs)));
        Config {
            policy: Policy::Bigslice,
            max_procs,
            patience: 0,
            flaps: 0,
            settle: Duration::ZERO,
            probation_cap: Duration::ZERO,
            packing: Some(Packing::BestFit),
            ..config
        }
    }

    /// [`Config::new`] for machines of which only `max_load` of their `maxprocs` is to be used
    /// (S1): `max_procs` is never exceeded.
    ///
    /// A load that leaves less than one proc makes a machine one proc, which stands for all of its
    /// `maxprocs` in `max_procs`.
    ///
    /// # Errors
    /// `maxprocs` is zero; `max_load` is negative or not finite; a machine would have more procs
    /// than the limit; `max_procs` is less than one machine.
    pub fn with_max_load(
        maxprocs: u32,
        max_procs: u64,
        max_load: f64,
    ) -> Result<Config, ConfigError> {
        match loaded_procs(maxprocs, max_load)? {
            0 if max_procs < u64::from(maxprocs) => Err(ConfigError::MaxProcs {
                max_procs,
                least: maxprocs,
            }),
            0 => Config::new(1, max_procs / u64::from(maxprocs)),
            procs => Config::new(procs, max_procs),
        }
    }

    /// One kind of machine more (R2).
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Config {
        self.kinds.push(kind);
        self
    }

    /// Which machine a request is given (P3).
    #[must_use]
    pub fn packing(mut self, packing: Packing) -> Config {
        self.packing = Some(packing);
        self
    }

    /// How long a machine is held for one request at the most (P4).
    #[must_use]
    pub fn hold_limit(mut self, limit: Duration) -> Config {
        self.hold_limit = Some(limit);
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

    /// Whether every field is within its bounds, as [`Manager::new`](crate::Manager::new) asks.
    ///
    /// # Errors
    /// The first that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let kinds = self.kinds.len();
        if kinds == 0 || kinds > Config::MAX_KINDS {
            return Err(ConfigError::Kinds { kinds });
        }
        for (number, kind) in (0..).zip(&self.kinds) {
            check_kind(KindId(number), kind)?;
        }
        if self.max_procs == 0 {
            return Err(ConfigError::MaxProcs {
                max_procs: 0,
                least: 1,
            });
        }
        if self.probation.is_zero() {
            return Err(ConfigError::ZeroProbation);
        }
        if self.hold_limit == Some(Duration::ZERO) {
            return Err(ConfigError::ZeroHoldLimit);
        }
        match self.policy {
            Policy::Fit => Ok(()),
            Policy::Bigslice => self.check_bigslice(),
        }
    }

    /// The first thing that bigslice's manager does not have.
    fn check_bigslice(&self) -> Result<(), ConfigError> {
        let [kind] = self.kinds[..] else {
            return Err(ConfigError::Bigslice { has: "one kind" });
        };
        let plain = Kind::new(Resources::procs(kind.capacity.proc_count()));
        let doubts = [
            (kind.capacity != plain.capacity, "procs only"),
            (kind != plain, "no limits of a kind"),
            (self.patience != 0, "no holds"),
            (self.hold_limit.is_some(), "no holds"),
            (self.flaps != 0, "no limit of probations"),
            (
                self.probation_cap > self.probation,
                "probations of one length",
            ),
            (!self.settle.is_zero(), "no time to settle"),
            (
                self.packing == Some(Packing::FirstFit),
                "an order of its own",
            ),
            (self.stop_with_tasks, "no idle stop"),
            (self.withdraw, "no withdrawal"),
        ];
        match doubts.into_iter().find(|(doubt, _)| *doubt) {
            Some((_, has)) => Err(ConfigError::Bigslice { has }),
            None => Ok(()),
        }
    }
}

fn check_kind(number: KindId, kind: &Kind) -> Result<(), ConfigError> {
    check_machine_procs(number, u64::from(kind.capacity.proc_count()))?;
    let Kind {
        min, max, spare, ..
    } = *kind;
    if min > max || spare > max {
        return Err(ConfigError::Limits {
            kind: number,
            min,
            max,
            spare,
        });
    }
    let zeros = [
        (kind.idle == Some(Duration::ZERO), "idle"),
        (kind.max_pending == 0, "max_pending"),
        (kind.batch == 0, "batch"),
    ];
    match zeros.into_iter().find(|(zero, _)| *zero) {
        Some((_, field)) => Err(ConfigError::Zero {
            kind: number,
            field,
        }),
        None => Ok(()),
    }
}

fn check_machine_procs(kind: KindId, procs: u64) -> Result<(), ConfigError> {
    if procs == 0 || procs > u64::from(Config::MAX_MACHINE_PROCS) {
        return Err(ConfigError::MachineProcs {
            kind,
            procs,
            limit: Config::MAX_MACHINE_PROCS,
        });
    }
    Ok(())
}

/// S1 and F1: `floor(maxprocs * max_load)`, where a product within 1e-9 of an integer is that
/// integer. This is the one place that computes with floats.
fn loaded_procs(maxprocs: u32, max_load: f64) -> Result<u32, ConfigError> {
    check_machine_procs(KindId(0), u64::from(maxprocs.min(1)))?;
    if !max_load.is_finite() || max_load < 0.0 {
        return Err(ConfigError::MaxLoad { max_load });
    }
    let product = f64::from(maxprocs) * max_load;
    // Both casts saturate; a product that large is refused below.
    let nearest = (product + 0.5) as u64;
    let off = product - nearest as f64;
    let procs = if (-1e-9..=1e-9).contains(&off) {
        nearest
    } else {
        product as u64
    };
    if procs > 0 {
        check_machine_procs(KindId(0), procs)?;
    }
    // Checked just now to be at most 65,536.
    Ok(procs as u32)
}

/// What is wrong with a [`Config`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A machine has no procs, or more than the manager can place.
    MachineProcs {
        /// Its kind.
        kind: KindId,
        /// Its procs.
        procs: u64,
        /// The most there may be.
        limit: u32,
    },
    /// Not one machine fits into the procs allowed.
    MaxProcs {
        /// The procs allowed.
        max_procs: u64,
        /// The least that makes sense.
        least: u32,
    },
    /// The load is negative or not finite.
    MaxLoad {
        /// The load.
        max_load: f64,
    },
    /// A probation of no length would have no effect.
    ZeroProbation,
    /// A hold of no length would have no effect.
    ZeroHoldLimit,
    /// There is no kind, or there are too many.
    Kinds {
        /// How many there are.
        kinds: usize,
    },
    /// The limits of a kind contradict themselves.
    Limits {
        /// The kind.
        kind: KindId,
        /// At least so many machines.
        min: u32,
        /// At most so many.
        max: u32,
        /// So many more than are in use.
        spare: u32,
    },
    /// A field of a kind is zero and must not be.
    Zero {
        /// The kind.
        kind: KindId,
        /// The field.
        field: &'static str,
    },
    /// The policy of bigslice has no such thing.
    Bigslice {
        /// What it has.
        has: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ConfigError::MachineProcs { kind, procs, limit } => {
                write!(
                    f,
                    "a machine of kind {kind} must have 1 to {limit} procs, not {procs}"
                )
            }
            ConfigError::MaxProcs { max_procs, least } => {
                write!(
                    f,
                    "max procs {max_procs} is less than one machine needs: {least}"
                )
            }
            ConfigError::MaxLoad { max_load } => {
                write!(f, "max load must be a number from 0 up, not {max_load}")
            }
            ConfigError::ZeroProbation => write!(f, "the probation time must not be zero"),
            ConfigError::ZeroHoldLimit => write!(f, "the hold limit must not be zero"),
            ConfigError::Kinds { kinds } => {
                write!(
                    f,
                    "there must be 1 to {} kinds of machine, not {kinds}",
                    Config::MAX_KINDS
                )
            }
            ConfigError::Limits {
                kind,
                min,
                max,
                spare,
            } => write!(
                f,
                "kind {kind}: min {min} and spare {spare} must not be above max {max}"
            ),
            ConfigError::Zero { kind, field } => write!(f, "kind {kind}: {field} must not be zero"),
            ConfigError::Bigslice { has } => write!(f, "the policy bigslice has {has}"),
        }
    }
}

impl core::error::Error for ConfigError {}

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
    use super::{Config, ConfigError, Kind, Packing, Resources};
    use crate::KindId;
    use alloc::string::ToString;
    use core::time::Duration;

    #[test]
    fn r02_what_contradicts_itself_is_an_error_that_names_the_kind_and_the_figures() {
        let kind = Kind::new(Resources::procs(8));
        let error = |bad| {
            let config = Config::empty().kind(kind).kind(bad);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            error(kind.min(3).max(2)),
            "kind k1: min 3 and spare 0 must not be above max 2"
        );
        assert_eq!(
            error(kind.spare(3).max(2)),
            "kind k1: min 0 and spare 3 must not be above max 2"
        );
        assert_eq!(
            error(kind.idle(Duration::ZERO)),
            "kind k1: idle must not be zero"
        );
        assert_eq!(
            error(Kind::new(Resources::ZERO.memory_mib(4))),
            "a machine of kind k1 must have 1 to 65536 procs, not 0"
        );
        assert_eq!(
            Config::empty().validate(),
            Err(ConfigError::Kinds { kinds: 0 })
        );
    }

    #[test]
    fn bigslice_has_one_kind_and_procs_only() {
        let config = Config::bigslice(4, 16, 1.0).unwrap();
        assert_eq!(config.validate(), Ok(()));
        let more = config.clone().kind(Kind::new(Resources::procs(4)));
        assert_eq!(
            more.validate(),
            Err(ConfigError::Bigslice { has: "one kind" })
        );
        assert_eq!(
            config.patience(4).validate(),
            Err(ConfigError::Bigslice { has: "no holds" })
        );
    }

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
