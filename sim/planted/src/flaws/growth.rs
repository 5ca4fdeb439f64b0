//! What can be wrong with growth and the back-off.

use super::{Flaw, edit};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S7",
        "growth knows no maximum",
        &[edit(
            "grow lacking",
            "self.need.min(self.config.max_procs)",
            "self.need",
        )],
    ),
    Flaw::new(
        "S7",
        "eleven machines in one action",
        &[edit(
            "grow wanted",
            "u64::from(Config::MAX_START_BATCH)",
            "11",
        )],
    )
    .shown_in(16),
    Flaw::new(
        "S7",
        "one start at each event, and no more",
        &[edit(
            "grow grow",
            "actions.push(Action::Start { first, count });",
            "actions.push(Action::Start { first, count }); return;",
        )],
    )
    .shown_in(16),
    Flaw::new(
        "S7",
        "what does not fill a machine is not asked for",
        &[edit(
            "grow wanted",
            "self.lacking().div_ceil(procs)",
            "(self.lacking() / procs)",
        )],
    ),
    Flaw::new(
        "S2",
        "machines on probation are not counted, and are replaced",
        &[
            edit("grow have", "(counts.ok + counts.probation)", "counts.ok"),
            edit(
                "grow lacking",
                "self.machines.slab.len() as u64",
                "(self.machines.counts.ok + self.machines.counts.pending)",
            ),
        ],
    ),
    Flaw::new(
        "S8",
        "a failed start never leaves pending",
        &[edit(
            "grow fail_start",
            "self.machines.remove(slot);",
            "self.machines.remove(slot); self.machines.counts.pending += 1;",
        )],
    ),
    Flaw::new(
        "S8",
        "stopped before up is a loss, and no failed start",
        &[edit(
            "manager stopped",
            "match self.machines.get(slot).state {
            State::Pending { .. } => self.fail_start(slot, actions),
            _ => self.lose(slot, Loss::Stopped, actions),
        }",
            "self.lose(slot, Loss::Stopped, actions);",
        )],
    ),
    Flaw::new(
        "S8",
        "the eighth failure in a row is remarked already",
        &[edit(
            "grow fail_start",
            "failures > FAILURES_UNREMARKED",
            "failures >= FAILURES_UNREMARKED",
        )],
    )
    .shown_in(16),
    Flaw::new(
        "S8",
        "a machine that comes up does not end the run of failures",
        &[edit("grow succeeded", "self.failures = 0;", "")],
    )
    .shown_in(20),
    Flaw::new(
        "F7",
        "each failure of a batch is a step",
        &[edit(
            "grow failed",
            "if asked_at != self.steps {
            return;
        }",
            "",
        )],
    ),
    Flaw::new(
        "F7",
        "a machine that comes up does not end the back-off",
        &[edit("grow succeeded", "self.held = false;", "")],
    ),
    Flaw::new(
        "F7",
        "the first step is as long as the second",
        &[edit(
            "grow backoff",
            "base.checked_shl(doublings).unwrap_or(0).min(cap)",
            "base.checked_shl(doublings.max(1)).unwrap_or(0).min(cap)",
        )],
    ),
    Flaw::new(
        "F7",
        "the back-off has no cap",
        &[edit(
            "grow backoff",
            "base.checked_shl(doublings).unwrap_or(0).min(cap)",
            "base.checked_shl(doublings).unwrap_or(cap)",
        )],
    ),
    Flaw::new(
        "S7",
        "no machine is asked for when one more waits",
        &[edit(
            "full waits_if_near",
            "!self.would_lack(procs)",
            "true",
        )],
    ),
];
