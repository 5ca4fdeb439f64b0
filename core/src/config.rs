//! What a manager is told once, at the beginning.

use core::fmt;
use core::time::Duration;

/// How a manager behaves. Start from one of the constructors and change fields;
/// [`Manager::new`](crate::Manager::new) validates.
///
/// ```
/// use core::time::Duration;
/// use remuda::{Config, Manager};
///
/// let config = Config { probation: Duration::from_secs(5), ..Config::new(8, 64)? };
/// let manager = Manager::new(config)?;
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Unchecked")
)]
pub struct Config {
    /// Procs of one machine (S1): 1 to [`Config::MAX_MACHINE_PROCS`].
    pub machine_procs: u32,
    /// No machine is asked for once so many procs are there or asked for (S7); at least 1. When it
    /// is no multiple of `machine_procs`, up to `machine_procs - 1` more are used.
    pub max_procs: u64,
    /// How long a machine stays on probation without news (S10); not zero.
    pub probation: Duration,
    /// The first step of the start back-off; each further one is twice as long (F7). Zero: machines
    /// are asked for again at once.
    pub start_backoff_base: Duration,
    /// The longest step of the start back-off (F7).
    pub start_backoff_cap: Duration,
    /// So many unanswered polls in a row make a machine lost (F8). Zero: never.
    pub silent_polls: u32,
    /// From a poll's answer to the next poll (S17). Zero: no polls.
    pub poll_interval: Duration,
    /// From one summary to the next (S20), the first counted from the first event. Zero: no
    /// summaries.
    pub summary_interval: Duration,
}

impl Config {
    /// At most so many machines are asked for in one action (S7).
    pub const MAX_START_BATCH: u32 = 10;
    /// The most procs a machine may have.
    pub const MAX_MACHINE_PROCS: u32 = 65_536;

    /// The defaults a user should want, for machines of `machine_procs` procs and never more than
    /// `max_procs` in all: that is rounded down to whole machines (S1).
    ///
    /// # Errors
    /// `machine_procs` is zero or above the limit; `max_procs` is less than one machine.
    pub fn new(machine_procs: u32, max_procs: u64) -> Result<Config, ConfigError> {
        check_machine_procs(u64::from(machine_procs))?;
        let machines = max_procs / u64::from(machine_procs);
        if machines == 0 {
            return Err(ConfigError::MaxProcs {
                max_procs,
                least: machine_procs,
            });
        }
        Ok(Config::defaults(
            machine_procs,
            machines * u64::from(machine_procs),
        ))
    }

    /// The seed's behaviour to the letter: `max_load` of each machine's `maxprocs` is used and
    /// `max_procs` rounded up to whole machines (S1), failed starts are tried again at once (F7),
    /// silent machines are left to the layer below (F8).
    ///
    /// ```
    /// let config = remuda::Config::bigslice(100, 1000, 0.29)?;
    /// assert_eq!(config.machine_procs, 29); // not 28 (F1)
    /// # Ok::<(), remuda::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// `maxprocs` or `max_procs` is zero; `max_load` is negative or not finite; a machine would
    /// have more procs than the limit.
    pub fn bigslice(maxprocs: u32, max_procs: u64, max_load: f64) -> Result<Config, ConfigError> {
        let config = match loaded_procs(maxprocs, max_load)? {
            0 => Config::defaults(1, max_procs.div_ceil(u64::from(maxprocs))),
            procs => Config::defaults(procs, max_procs),
        };
        let config = Config {
            start_backoff_base: Duration::ZERO,
            silent_polls: 0,
            ..config
        };
        config.validate()?;
        Ok(config)
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

    fn defaults(machine_procs: u32, max_procs: u64) -> Config {
        Config {
            machine_procs,
            max_procs,
            probation: Duration::from_secs(30),
            start_backoff_base: Duration::from_secs(1),
            start_backoff_cap: Duration::from_secs(60),
            silent_polls: 4,
            poll_interval: Duration::from_secs(10),
            summary_interval: Duration::from_secs(60),
        }
    }

    /// Whether every field is within its bounds, as [`Manager::new`](crate::Manager::new) asks.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_machine_procs(u64::from(self.machine_procs))?;
        if self.max_procs == 0 {
            return Err(ConfigError::MaxProcs {
                max_procs: 0,
                least: 1,
            });
        }
        if self.probation.is_zero() {
            return Err(ConfigError::ZeroProbation);
        }
        Ok(())
    }
}

fn check_machine_procs(procs: u64) -> Result<(), ConfigError> {
    if procs == 0 || procs > u64::from(Config::MAX_MACHINE_PROCS) {
        return Err(ConfigError::MachineProcs {
            procs,
            limit: Config::MAX_MACHINE_PROCS,
        });
    }
    Ok(())
}

/// S1 and F1: `floor(maxprocs * max_load)`, where a product within 1e-9 of an integer is that
/// integer. This is the one place that computes with floats.
fn loaded_procs(maxprocs: u32, max_load: f64) -> Result<u32, ConfigError> {
    check_machine_procs(u64::from(maxprocs.min(1)))?;
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
        check_machine_procs(procs)?;
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
        /// What was asked for.
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
    /// Probation of no length would put nobody aside.
    ZeroProbation,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ConfigError::MachineProcs { procs, limit } => {
                write!(f, "a machine must have 1 to {limit} procs, not {procs}")
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
        }
    }
}

impl core::error::Error for ConfigError {}

/// What a [`Config`] is read from, so that none is made without validation.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Unchecked {
    machine_procs: u32,
    max_procs: u64,
    probation: Duration,
    start_backoff_base: Duration,
    start_backoff_cap: Duration,
    silent_polls: u32,
    poll_interval: Duration,
    summary_interval: Duration,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for Config {
    type Error = ConfigError;

    fn try_from(u: Unchecked) -> Result<Config, ConfigError> {
        let config = Config {
            machine_procs: u.machine_procs,
            max_procs: u.max_procs,
            probation: u.probation,
            start_backoff_base: u.start_backoff_base,
            start_backoff_cap: u.start_backoff_cap,
            silent_polls: u.silent_polls,
            poll_interval: u.poll_interval,
            summary_interval: u.summary_interval,
        };
        config.validate()?;
        Ok(config)
    }
}
