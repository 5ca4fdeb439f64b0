//! How a config is written in a script.

use core::fmt;
use core::time::Duration;

use remuda::{Config, ConfigError};

use super::words::Span;

/// How a config line says what a machine offers (S1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Capacity {
    /// `procs 4 max 8`: the procs of a machine and of all machines, as they are.
    Procs,
    /// `maxprocs 16 load 0.9 max 64`: [`Config::with_max_load`].
    MaxLoad(Load),
    /// `bigslice 16 load 0.9 max 64`: [`Config::bigslice`].
    Bigslice(Load),
}

/// A share of machines: the arguments of [`Config::with_max_load`] and [`Config::bigslice`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// The procs of a machine.
    pub maxprocs: u32,
    /// The share of them that is offered.
    pub load: f64,
    /// The procs of all machines.
    pub max: u64,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} load {} max {}", self.maxprocs, self.load, self.max)
    }
}

impl Capacity {
    /// A config of this capacity, with the defaults that need no word; for [`Capacity::Procs`] of
    /// so many.
    pub(super) fn config(self, procs: u32, max: u64) -> Result<Config, ConfigError> {
        match self {
            Capacity::Procs => Ok(plain(procs, max)),
            Capacity::MaxLoad(of) => Config::with_max_load(of.maxprocs, of.max, of.load),
            Capacity::Bigslice(of) => Config::bigslice(of.maxprocs, of.max, of.load),
        }
    }
}

fn plain(procs: u32, max: u64) -> Config {
    Config {
        machine_procs: procs,
        max_procs: max,
        ..Config::new(1, 1).expect("machines of one proc are fine")
    }
}

/// The durations that a config line may name.
pub(super) fn durations(config: &mut Config) -> [(&'static str, &mut Duration); 5] {
    [
        ("probation", &mut config.probation),
        ("backoff", &mut config.start_backoff_base),
        ("cap", &mut config.start_backoff_cap),
        ("poll", &mut config.poll_interval),
        ("summary", &mut config.summary_interval),
    ]
}

pub(super) struct Line<'a>(pub(super) Capacity, pub(super) &'a Config);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut config = *self.1;
        let (procs, max) = (config.machine_procs, config.max_procs);
        // One that does not fit the config is passed over.
        let fits = |base: &Config| (base.machine_procs, base.max_procs) == (procs, max);
        let base = self.0.config(procs, max).ok().filter(fits);
        let (capacity, mut base) = match base {
            Some(base) => (self.0, base),
            None => (Capacity::Procs, plain(procs, max)),
        };
        match capacity {
            Capacity::Procs => write!(f, "config procs {procs} max {max}")?,
            Capacity::MaxLoad(of) => write!(f, "config maxprocs {of}")?,
            Capacity::Bigslice(of) => write!(f, "config bigslice {of}")?,
        }
        if config.silent_polls != base.silent_polls {
            write!(f, " silent {}", config.silent_polls)?;
        }
        let pairs = durations(&mut config).into_iter().zip(durations(&mut base));
        for ((name, value), (_, default)) in pairs {
            if value != default {
                write!(f, " {name} {}", Span(*value))?;
            }
        }
        Ok(())
    }
}
