//! Machines of which the run has learnt that they are worse than others: they cannot run jobs at all, or jobs fail there that
//! succeed elsewhere (`--suspect`).
use std::collections::{HashMap, HashSet};

use remuda::MachineId;

/// What is held against machines.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    /// After how many jobs in a row a machine is set aside; without it none is.
    limit: Option<u32>,
    /// How many jobs in a row have failed on a machine and succeeded elsewhere.
    failed: HashMap<MachineId, u32>,
    /// Machines of which it was said that they cannot run jobs.
    unfit: HashSet<MachineId>,
}

impl Suspects {
    pub(crate) fn new(limit: Option<u32>) -> Suspects {
        Suspects {
            limit,
            ..Suspects::default()
        }
    }

    /// Whether a job that has failed is to be run once more elsewhere.
    pub(crate) fn watches(&self) -> bool {
        self.limit.is_some()
    }

    /// A job has succeeded on a machine.
    pub(crate) fn succeeded(&mut self, machine: MachineId) {
        self.failed.remove(&machine);
    }

    /// A job that has failed on `machine` has succeeded elsewhere. Says how many in a row there were if that is enough to set
    /// it aside.
    pub(crate) fn failed_only(&mut self, machine: MachineId) -> Option<u32> {
        let count = self.failed.entry(machine).or_default();
        *count += 1;
        // Those that were under way when it was set aside say nothing new.
        (Some(*count) == self.limit).then_some(*count)
    }

    /// A machine could not run a job. Whether this is news.
    pub(crate) fn cannot_run(&mut self, machine: MachineId) -> bool {
        self.unfit.insert(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_in_a_row_are_enough_and_they_are_said_once() {
        let mut suspects = Suspects::new(Some(2));
        let machine = MachineId(7);
        assert_eq!(suspects.failed_only(machine), None);
        assert_eq!(suspects.failed_only(MachineId(8)), None);
        suspects.succeeded(machine);
        assert_eq!(suspects.failed_only(machine), None);
        assert_eq!(suspects.failed_only(machine), Some(2));
        assert_eq!(suspects.failed_only(machine), None);
        assert!(!Suspects::new(None).watches());
    }
}
