//! What is wrong with a config.

use core::fmt;
use core::time::Duration;

use super::config::{Config, Packing, Policy};
use super::id::KindId;
use super::kind::Kind;
use super::resources::Resources;

impl Config {
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

pub(super) fn check_machine_procs(kind: KindId, procs: u64) -> Result<(), ConfigError> {
    if procs == 0 || procs > u64::from(Config::MAX_MACHINE_PROCS) {
        return Err(ConfigError::MachineProcs {
            kind,
            procs,
            limit: Config::MAX_MACHINE_PROCS,
        });
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, Kind, Resources};
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
}
