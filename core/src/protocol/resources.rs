//! Amounts: what a machine has, what a request asks for, and sums of them (R1).

use core::fmt;

/// Four amounts: procs, and three that the caller names, by habit memory in MiB, GPUs and one more
/// (R1).
///
/// ```
/// use remuda::Resources;
///
/// let machine = Resources::procs(8).memory_mib(32_768);
/// let job = Resources::procs(2).memory_mib(4_096);
/// assert!(job.fits(machine));
/// assert!(!Resources::procs(2).gpus(1).fits(machine));
/// assert_eq!(job.to_string(), "2/4096");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Resources([u32; Resources::COUNT]);

impl Resources {
    /// How many amounts there are.
    pub const COUNT: usize = 4;
    /// Nothing of anything.
    pub const ZERO: Resources = Resources([0; Resources::COUNT]);
    /// What the amounts are called unless the config says otherwise.
    pub const NAMES: [&'static str; Resources::COUNT] = ["procs", "memory_mib", "gpus", "other"];

    /// The four amounts in their order.
    pub const fn new(amounts: [u32; Resources::COUNT]) -> Resources {
        Resources(amounts)
    }

    /// So many procs and nothing else.
    pub const fn procs(procs: u32) -> Resources {
        Resources([procs, 0, 0, 0])
    }

    /// The same with so much of the second amount.
    #[must_use]
    pub const fn memory_mib(mut self, mib: u32) -> Resources {
        self.0[1] = mib;
        self
    }

    /// The same with so much of the third amount.
    #[must_use]
    pub const fn gpus(mut self, gpus: u32) -> Resources {
        self.0[2] = gpus;
        self
    }

    /// The same with so much of the fourth amount.
    #[must_use]
    pub const fn other(mut self, amount: u32) -> Resources {
        self.0[3] = amount;
        self
    }

    /// The four amounts in their order.
    pub const fn amounts(self) -> [u32; Resources::COUNT] {
        self.0
    }

    /// The first amount.
    pub const fn proc_count(self) -> u32 {
        self.0[0]
    }

    /// Whether no amount is above that of `other` (R1).
    pub const fn fits(self, other: Resources) -> bool {
        let (a, b) = (self.0, other.0);
        // All four comparisons are cheaper than jumps between them.
        (a[0] <= b[0]) & (a[1] <= b[1]) & (a[2] <= b[2]) & (a[3] <= b[3])
    }

    /// The first amount that is above that of `other`, by its index.
    pub fn lacks(self, other: Resources) -> Option<usize> {
        (0..Resources::COUNT).find(|&n| self.0[n] > other.0[n])
    }

    /// The lesser of each amount.
    #[must_use]
    pub fn min(self, other: Resources) -> Resources {
        self.each(other, u32::min)
    }

    /// The greater of each amount.
    #[must_use]
    pub fn max(self, other: Resources) -> Resources {
        self.each(other, u32::max)
    }

    /// The sum of each amount, [`u32::MAX`] at the most.
    #[must_use]
    pub fn plus(self, other: Resources) -> Resources {
        self.each(other, u32::saturating_add)
    }

    /// The difference of each amount, zero at the least.
    #[must_use]
    pub fn minus(self, other: Resources) -> Resources {
        self.each(other, u32::saturating_sub)
    }

    /// How many of these fit into `other` side by side; [`u32::MAX`] if this is nothing.
    pub fn times_in(self, other: Resources) -> u32 {
        let asked = (0..Resources::COUNT).filter(|&n| self.0[n] > 0);
        let times = asked.map(|n| other.0[n] / self.0[n]);
        times.min().unwrap_or(u32::MAX)
    }

    fn each(self, other: Resources, of: impl Fn(u32, u32) -> u32) -> Resources {
        Resources(core::array::from_fn(|n| of(self.0[n], other.0[n])))
    }
}

/// The amounts from the first to the last that is not zero, `8/32768`.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0[0])?;
        let last = self.0.iter().rposition(|&amount| amount > 0).unwrap_or(0);
        self.0[1..=last]
            .iter()
            .try_for_each(|amount| write!(f, "/{amount}"))
    }
}

debug_as_display!(Resources);

/// What a request asks for.
///
/// ```
/// use remuda::{Demand, Resources};
///
/// assert_eq!(Demand::procs(2), Some(Demand::Amounts(Resources::procs(2))));
/// assert_eq!(Demand::procs(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Demand {
    /// Part of a machine: these amounts, of which the procs must not be zero (R1).
    Amounts(Resources),
    /// A whole machine: one on which nothing runs, with all it offers (R5).
    Machine,
}

impl Demand {
    /// So many procs; `None` for zero, which would be rejected.
    pub const fn procs(procs: u32) -> Option<Demand> {
        match procs {
            0 => None,
            procs => Some(Demand::Amounts(Resources::procs(procs))),
        }
    }

    /// These amounts; `None` if there are no procs among them, which would be rejected.
    pub const fn amounts(amounts: Resources) -> Option<Demand> {
        match amounts.proc_count() {
            0 => None,
            _ => Some(Demand::Amounts(amounts)),
        }
    }

    /// What a machine must offer to take it: for a whole machine any that has a proc will do (R5).
    pub(crate) const fn least(self) -> Resources {
        match self {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine => Resources::procs(1),
        }
    }
}

impl From<Resources> for Demand {
    fn from(amounts: Resources) -> Demand {
        Demand::Amounts(amounts)
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Demand::Amounts(amounts) => amounts.fmt(f),
            Demand::Machine => f.write_str("machine"),
        }
    }
}

/// Sums of each amount over many requests or machines (R6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Totals([u64; Resources::COUNT]);

impl Totals {
    /// The four sums in their order.
    pub const fn new(amounts: [u64; Resources::COUNT]) -> Totals {
        Totals(amounts)
    }

    /// The four sums in their order.
    pub const fn amounts(self) -> [u64; Resources::COUNT] {
        self.0
    }

    /// The sum of the first amount.
    pub const fn procs(self) -> u64 {
        self.0[0]
    }

    /// Adds the amounts of one. (Fewer than 2^32 of less than 2^32 each: this never overflows.)
    pub(crate) fn add(&mut self, amounts: Resources) {
        for (sum, amount) in self.0.iter_mut().zip(amounts.0) {
            *sum += u64::from(amount);
        }
    }

    /// Takes away the amounts of one that was added.
    pub(crate) fn subtract(&mut self, amounts: Resources) {
        for (sum, amount) in self.0.iter_mut().zip(amounts.0) {
            *sum -= u64::from(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Resources;
    use alloc::string::ToString;

    #[test]
    fn r01_no_amount_may_be_above() {
        let machine = Resources::new([8, 100, 2, 1]);
        assert!(machine.fits(machine));
        for n in 0..Resources::COUNT {
            let mut more = machine.amounts();
            more[n] += 1;
            let more = Resources::new(more);
            assert!(!more.fits(machine) && machine.fits(more));
            assert_eq!((more.lacks(machine), machine.lacks(more)), (Some(n), None));
        }
    }

    #[test]
    fn as_many_fit_as_the_scarcest_amount_allows() {
        let machine = Resources::new([8, 100, 0, 0]);
        assert_eq!(Resources::procs(3).times_in(machine), 2);
        assert_eq!(Resources::procs(1).memory_mib(40).times_in(machine), 2);
        assert_eq!(Resources::procs(1).gpus(1).times_in(machine), 0);
        assert_eq!(Resources::ZERO.times_in(machine), u32::MAX);
    }

    #[test]
    fn amounts_are_written_up_to_the_last() {
        assert_eq!(Resources::procs(3).to_string(), "3");
        assert_eq!(Resources::procs(3).gpus(1).to_string(), "3/0/1");
        assert_eq!(Resources::ZERO.to_string(), "0");
    }
}
