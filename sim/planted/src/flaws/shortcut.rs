//! What can be wrong with the shortcut: the first of a queue of equals takes the place of one that is done.

use super::{Flaw, edit};

const SHORT: &str = "manager/shortcut.rs";
const QUEUE: &str = "queue/mod.rs";
const HOLD: &str = "manager/placement/hold.rs";
const MACHINES: &str = "machines/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "P4",
        "a grant by the shortcut does not count for the turns of others",
        &[edit(
            MACHINES,
            "kind.granted += u64::from(running.taken.proc_count());",
            "",
        )],
    ),
    Flaw::new(
        "P4",
        "a grant by the shortcut is as old as the one before it",
        &[edit(MACHINES, "since: «now», ..running", "running.since")],
    )
    .shown_in(22),
    Flaw::new(
        "P4",
        "the shortcut passes by one whose turn comes by it",
        &[edit(
            HOLD,
            "self.granted(group.kinds) + u64::from(procs)",
            "self.granted(group.kinds)",
        )],
    ),
    Flaw::new(
        "P4",
        "the shortcut passes by one whose turn has come",
        &[edit(
            HOLD,
            "self.config.patience == 0 || granted < group.check_at",
            "true",
        )],
    ),
    Flaw::new(
        "F10",
        "the shortcut is taken although something is due",
        &[edit(SHORT, "self.armed.is_none_or(|at| at > now)", "true")],
    ),
    Flaw::new(
        "S9",
        "the shortcut gives a machine on probation or draining to the next",
        &[edit(SHORT, "record.is_healthy()", "true")],
    ),
    Flaw::new(
        "H2",
        "by the shortcut a success does not begin the count of passages anew",
        &[edit(SHORT, "record.passages == 0", "true")],
    )
    .shown_in(18),
    Flaw::new(
        "G3",
        "by the shortcut a first success does not end a machine's trial",
        &[edit(SHORT, "record.trial.is_none()", "true")],
    ),
    Flaw::new(
        "P4",
        "the shortcut gives a held machine to the next",
        &[
            edit(SHORT, "!record.held", "true"),
            edit(HOLD, "none && self.holds.is_empty()", "none"),
        ],
    ),
    Flaw::new(
        "Q3",
        "the shortcut does not look at the machine that done names",
        &[edit(
            SHORT,
            "machine.is_none_or(|machine| machine == id)",
            "true",
        )],
    ),
    Flaw::new(
        "P2",
        "by the shortcut one that asks for less takes a place",
        &[edit(
            QUEUE,
            "class.key.ask.demand == Demand::Amounts(amounts)",
            "matches!(class.key.ask.demand, Demand::Amounts(asked) if asked.fits(amounts))",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "P3",
        "by the shortcut a request is given the machine that it avoids",
        &[edit(QUEUE, "class.key.avoid.is_none()", "true")],
    ),
    Flaw::new(
        "Q1",
        "one that is granted by the shortcut is given up all the same",
        &[edit(
            QUEUE,
            "class.len < 2 || !self.limits.is_empty()",
            "class.len < 2",
        )],
    ),
    Flaw::new(
        "F5",
        "the time of an event that the shortcut took is forgotten",
        &[edit(SHORT, "self.now = now;", "")],
    )
    .shown_in(26),
    Flaw::new(
        "G1",
        "by the shortcut the cluster misses a chance to grow",
        &[edit(SHORT, "&& «!self.may_plan()»", "true")],
    ),
];
