//! Kinds of machine: what one has, how many there may be.

use core::time::Duration;

use super::event::Limits;
use super::resources::Resources;

/// At most so many machines are asked for in one action, unless a kind says otherwise.
pub(super) const MAX_START_BATCH: u32 = 10;

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
            batch: MAX_START_BATCH,
            idle: None,
            cost: 1,
            startable: true,
        }
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

setters! {
    Kind:
    /// At least so many machines (G2).
    min(machines: u32) = machines;
    /// At most so many machines.
    max(machines: u32) = machines;
    /// So many machines more than are in use (G2).
    spare(machines: u32) = machines;
    /// At most so many machines that are asked for and not yet answered.
    max_pending(machines: u32) = machines;
    /// At most so many machines in one start.
    batch(machines: u32) = machines;
    /// A machine that has been idle for this long is stopped (E2).
    idle(idle: Duration) = Some(idle);
    /// The price of one machine for a while, relative to the other kinds (G1).
    cost(cost: u32) = cost;
    /// Whether machines of this kind can be asked for.
    startable(startable: bool) = startable;
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
