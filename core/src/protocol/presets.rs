//! Configs for machines of one kind, among them those of bigslice's policy (S1, F1).

use core::time::Duration;

use super::config::{Config, Packing, Policy};
use super::id::KindId;
use super::kind::Kind;
use super::resources::Resources;
use super::validate::{ConfigError, check_machine_procs};

impl Config {
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
