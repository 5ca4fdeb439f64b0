//! What can be wrong with patience (P4).

use super::{Flaw, edit};

const HOLD: &str = "manager/placement/hold.rs";
const FIT: &str = "manager/placement/fit.rs";
const MACHINES: &str = "machines/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "P4",
        "grants are not counted, and no turn comes",
        &[edit(
            MACHINES,
            "kind.granted += u64::from(taken.proc_count());",
            "",
        )],
    ),
    Flaw::new(
        "P4",
        "grants are counted, not their procs",
        &[edit(
            MACHINES,
            "kind.granted += u64::from(taken.proc_count());",
            "kind.granted += 1;",
        )],
    ),
    Flaw::new(
        "P4",
        "patience counts machines on probation",
        &[edit(
            "machines/kind.rs",
            "(Phase::Up, None, Some(_)) => «by(&mut machines.probation, 1)»",
            "{ by(&mut machines.probation, 1); by(&mut self.healthy, procs); }",
        )],
    ),
    Flaw::new(
        "P4",
        "a group is who accepts the same kinds, whether they fit or not",
        &[edit(
            "manager/requests.rs",
            "self.submit_fit(request, spec, «group», actions)",
            "spec.kinds",
        )],
    ),
    Flaw::new(
        "P4",
        "a turn is counted from the submit, whatever holds the group had since",
        &[edit(HOLD, "queued.granted.max(mark)", "queued.granted")],
    ),
    Flaw::new(
        "P4",
        "a turn is counted from the group's last hold, whenever the submit was",
        &[edit(HOLD, "queued.granted.max(mark)", "mark")],
    )
    .shown_in(36),
    Flaw::new(
        "P4",
        "a turn comes a proc late",
        &[edit(HOLD, "due > granted", "due >= granted")],
    ),
    Flaw::new(
        "P4",
        "a hold is not taken over by one that is more urgent",
        &[edit(
            HOLD,
            "hold.is_some_and(|hold| key.priority >= hold.priority)",
            "hold.is_some()",
        )],
    ),
    Flaw::new(
        "P4",
        "a hold is taken over by one that is just as urgent",
        &[edit(
            HOLD,
            "key.priority >= hold.priority",
            "key.priority > hold.priority",
        )],
    ),
    Flaw::new(
        "P4",
        "a hold is taken over by one that does not fit the machine",
        &[edit(
            HOLD,
            "slot.filter(|&slot| self.may_hold(key, self.machines.get(slot)))",
            "slot",
        )],
    ),
    Flaw::new(
        "P4",
        "the grant of a holder does not begin the count of the group anew",
        &[edit(
            HOLD,
            "self.holds.groups[index].mark = self.granted(self.holds.groups[index].kinds);",
            "",
        )],
    ),
    Flaw::new(
        "P4",
        "a hold that has lasted for long enough is given to the same one again",
        &[edit(HOLD, "self.holds.groups[index].mark = granted;", "")],
    ),
    Flaw::new(
        "P4",
        "a hold has no limit",
        &[edit(
            HOLD,
            "limit.and_then(|limit| self.now.checked_add(limit))",
            "None",
        )],
    )
    .shown_in(20),
    Flaw::new(
        "P4",
        "a machine is taken from a hold that is as urgent or more",
        &[edit(
            HOLD,
            "self.soonest_empty(key, |record| «!record.held»)",
            "true",
        )],
    ),
    Flaw::new(
        "P4",
        "two groups hold the same machine",
        &[edit(HOLD, "self.end_hold(other);", "")],
    ),
    Flaw::new(
        "P4",
        "a hold of a less urgent request does not yield",
        &[edit(
            HOLD,
            "hold.is_some_and(|hold| «hold.priority > key.priority»)",
            "false",
        )],
    ),
    Flaw::new(
        "P4",
        "a hold of a request as urgent yields",
        &[edit(
            HOLD,
            "hold.is_some_and(|hold| «hold.priority > key.priority»)",
            "hold.priority >= key.priority",
        )],
    ),
    Flaw::new(
        "P4",
        "holds are given in the order of the groups' kinds",
        &[edit(
            HOLD,
            "first.is_none_or(|(other, _)| «hold.order() < other.order()»)",
            "false",
        )],
    ),
    Flaw::new(
        "P4",
        "the machine whose oldest grant is the oldest is held",
        &[edit(
            HOLD,
            "since.map(|running| running.since)",
            "since.map(|running| Instant(u64::MAX - running.since.0))",
        )],
    ),
    Flaw::new(
        "P4",
        "all grants are equally old",
        &[edit(
            MACHINES,
            "machine: slot, taken, since: «now», }",
            "Instant(0)",
        )],
    ),
    Flaw::new(
        "P4",
        "the machine that a request avoids may be held for it",
        &[edit(
            HOLD,
            "self.may_have(key, record.id)",
            "true",
        )],
    ),
    Flaw::new(
        "P4",
        "the machine that a request avoids is never held for it",
        &[edit(
            HOLD,
            "self.may_have(key, record.id)",
            "key.avoid != Some(record.id)",
        )],
    ),
    Flaw::new(
        "P4",
        "a machine that is too small may be held",
        &[edit(
            HOLD,
            "key.ask.could_fit(record.kind, record.offer)",
            "key.ask.kinds.contains(record.kind)",
        )],
    ),
    Flaw::new(
        "P4",
        "a hold stays when its machine leaves good health and there is no other",
        &[edit(HOLD, "None => «self.end_hold(index)»", "()")],
    ),
    Flaw::new(
        "P4",
        "a hold does not move when its machine leaves good health",
        &[edit(HOLD, "self.move_holds(actions);", "")],
    ),
    Flaw::new(
        "P4",
        "a machine that leaves good health is still held",
        &[edit(MACHINES, "machine.held &= machine.is_healthy();", "")],
    )
    .shown_in(24),
    Flaw::new(
        "P4",
        "a machine is held on after its hold has ended",
        &[edit(
            HOLD,
            "self.machines.change(slot, |record| record.held = false);",
            "",
        )],
    ),
    Flaw::new(
        "P4",
        "the turn of a new request is not expected",
        &[edit(FIT, "self.expect_turn(index, granted.0);", "")],
    ),
    Flaw::new(
        "P4",
        "a held machine is in the order of those that are free",
        &[edit(
            "machines/machine.rs",
            "self.is_healthy() && !self.held",
            "self.is_healthy()",
        )],
    ),
    Flaw::new(
        "P4",
        "a queued request that is just as urgent may be given a held machine",
        &[edit(
            FIT,
            "self.is_held_for_other(record, None, priority)",
            "self.is_held_for_other(record, None, priority.saturating_sub(1))",
        )],
    ),
    Flaw::new(
        "P4",
        "a queued request that is more urgent may not be given a held machine",
        &[edit(
            FIT,
            "self.is_held_for_other(record, None, priority)",
            "record.held",
        )],
    ),
    Flaw::new(
        "P4",
        "a new request that is more urgent may not be given a held machine",
        &[edit(
            FIT,
            "self.is_held_for_other(record, request, key.priority)",
            "self.is_held_for_other(record, request, i64::MAX)",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "P4",
        "a new request that is just as urgent may be given a held machine",
        &[edit(
            FIT,
            "self.is_held_for_other(record, request, key.priority)",
            "self.is_held_for_other(record, request, key.priority.saturating_sub(1))",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "P4",
        "a holder may be given the held machine of any other",
        &[edit(
            FIT,
            "self.fits_now(&key, Some(hold.request), machine)",
            "{ let record = self.machines.get(machine); record.is_healthy() && key.ask.fits(&record.spot()) && self.may_have(&key, record.id) }",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "P4",
        "a holder does not go before the others of its priority",
        &[edit(FIT, "without_hold: «false»", "true")],
    ),
    Flaw::new(
        "P2",
        "what was held for one that is granted elsewhere is not looked at again",
        &[edit(
            FIT,
            "push(&mut candidates, self.candidate(slot, grants));",
            "",
        )],
    ),
    Flaw::new(
        "P4",
        "a holder that is cancelled leaves its hold behind",
        &[edit("manager/requests.rs", "self.end_hold_of(slot);", "")],
    ),
    Flaw::new(
        "S21",
        "the timer is not set for the end of a hold",
        &[edit(
            HOLD,
            "group.hold = Some(hold); «self.deadlines_dirty = true;»",
            "",
        )],
    )
    .shown_in(20),
];
