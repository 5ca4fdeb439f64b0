//! What can be wrong with draining (D).

use super::{Flaw, edit};

const FILE: &str = "manager/drains.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S22",
        "a machine drains after the shutdown",
        &[edit(
            FILE,
            "«self.known(machine)?.filter(|_| !self.shutdown)» else { return Ok(()); }; match",
            "self.known(machine)?",
        )],
    ),
    Flaw::new(
        "S22",
        "keep is taken after the shutdown",
        &[edit(
            FILE,
            "«self.known(machine)?.filter(|_| !self.shutdown)» else { return Ok(()); }; let record",
            "self.known(machine)?",
        )],
    ),
    Flaw::new(
        "D1",
        "a pending machine that is to drain is waited for all the same",
        &[edit(
            FILE,
            "Phase::Pending { .. } => «self.stop(slot, actions)»",
            "()",
        )],
    ),
    Flaw::new(
        "D1",
        "a stopping machine that is to drain is told to stop again",
        &[edit(
            FILE,
            "Phase::Stopping { .. } => «{}»",
            "self.stop(slot, actions);",
        )],
    ),
    Flaw::new(
        "D1",
        "of two ends of a drain the second counts, though it is later",
        &[edit(
            FILE,
            "before <= ends",
            "before == ends || ends == Ends::Never",
        )],
    ),
    Flaw::new(
        "D1",
        "a second drain without an end takes the end of the first away",
        &[edit(
            FILE,
            "before <= ends",
            "before <= ends && (ends != Ends::Never || before == Ends::Never)",
        )],
    ),
    Flaw::new(
        "D1",
        "a drain that has no end is never given one",
        &[edit(
            FILE,
            "before <= ends",
            "before <= ends || before == Ends::Never",
        )],
    ),
    Flaw::new(
        "D1",
        "that a machine drains again with the same end is said again",
        &[edit(
            FILE,
            "before <= ends",
            "before < ends || ends == Ends::Never",
        )],
    ),
    Flaw::new(
        "D1",
        "the end of a drain is not waited for",
        &[edit(
            FILE,
            "self.machines.set_timer(slot, Timer::DrainEnd, until);",
            "",
        )],
    ),
    Flaw::new(
        "D1",
        "a drain that ends at once waits for the timer",
        &[edit(
            FILE,
            "until.is_some_and(|until| until <= self.now)",
            "until.is_some_and(|until| until < self.now)",
        )],
    ),
    Flaw::new(
        "D2",
        "keep for a stopping machine is no rejection",
        &[edit(
            FILE,
            "return Err(Reject::MachineStopping { machine });",
            "return Ok(());",
        )],
    ),
    Flaw::new(
        "D2",
        "a machine that is kept keeps its passages",
        &[edit(FILE, "record.passages = 0;", "")],
    ),
    Flaw::new(
        "D2",
        "a machine that is kept is in good health, whatever it was before",
        &[edit(
            FILE,
            "record.passages = 0;",
            "record.passages = 0; record.probation = None;",
        )],
    ),
    Flaw::new(
        "D2",
        "a machine that is kept is told to stop at its drain's end",
        &[edit(
            FILE,
            "self.machines.set_timer(slot, Timer::DrainEnd, None);",
            "",
        )],
    ),
    Flaw::new(
        "D2",
        "that a machine is kept is said of one that does not drain",
        &[edit(
            FILE,
            "if «record.draining.is_some()» {",
            "!record.is_pending()",
        )],
    ),
    Flaw::new(
        "S22",
        "a draining machine that is empty after the shutdown is told to stop again",
        &[edit(
            FILE,
            "self.shutdown || !self.machines.kinds.iter().any(drains)",
            "!self.machines.kinds.iter().any(drains)",
        )],
    ),
    Flaw::new(
        "D1",
        "a machine that drains is told to stop while something runs there",
        &[edit(
            FILE,
            "record.draining.is_some() && record.grants == 0",
            "record.draining.is_some()",
        )],
    ),
    Flaw::new(
        "D1",
        "a machine that drains is not told to stop while tasks live there",
        &[edit(
            FILE,
            "record.draining.is_some() && record.grants == 0",
            "record.draining.is_some() && record.grants == 0 && record.tasks == 0",
        )],
    ),
    Flaw::new(
        "F11",
        "draining machines that are empty in the same step are stopped from the highest id on",
        &[edit(
            FILE,
            "drained.sort_unstable_by_key(|slot| self.machines.get(*slot).id);",
            "drained.sort_unstable_by_key(|slot| core::cmp::Reverse(self.machines.get(*slot).id));",
        )],
    ),
];
