//! What can be wrong with requests: their checks (Q2, F2, R3), cancel (S6), done (Q3), giving up (Q1).

use super::{Flaw, edit};

const FILE: &str = "manager/requests.rs";
const LIMITS: &str = "queue/limits.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "F5",
        "an id that is known is taken for a new request",
        &[edit(
            FILE,
            "return Err(Reject::DuplicateRequest { request });",
            "",
        )],
    ),
    Flaw::new(
        "R1",
        "a demand without procs is taken",
        &[edit(
            FILE,
            "if «spec.demand.least().proc_count() == 0»",
            "false",
        )],
    ),
    Flaw::new(
        "F2",
        "a request that no machine could ever take is queued",
        &[edit(FILE, "self.machines.accepted(«group»)", "spec.kinds")],
    ),
    Flaw::new(
        "R3",
        "a request is queued though all kinds that it fits have a maximum of zero",
        &[edit(FILE, "(«kind.max > 0 && fits»)", "fits")],
    ),
    Flaw::new(
        "R3",
        "a request is queued for a kind that is larger than the limit of procs",
        &[edit(FILE, "(«kind.max > 0 && fits»)", "kind.max > 0")],
    ),
    Flaw::new(
        "R3",
        "a kind that only joins is judged by its maximum",
        &[edit(FILE, "«!kind.startable» || (kind.max", "false")],
    ),
    Flaw::new(
        "R3",
        "the limit of procs is looked at under bigslice's policy",
        &[edit(
            FILE,
            "|| «self.config.policy == Policy::Bigslice»",
            "false",
        )],
    ),
    Flaw::new(
        "R3",
        "too many procs are said like too much of another amount",
        &[edit(
            FILE,
            "Some(limit) if «asked.proc_count() > limit» =>",
            "false",
        )],
    ),
    Flaw::new(
        "R3",
        "too many procs are said with the limit of the smallest kind",
        &[edit(
            FILE,
            "self.usable_kinds(spec).map(|kind| capacity(kind).proc_count()).max()",
            "self.usable_kinds(spec).map(|kind| capacity(kind).proc_count()).min()",
        )],
    ),
    Flaw::new(
        "R3",
        "of what is too large the kind that lacks most is named",
        &[edit(
            FILE,
            "enough.min_by_key(lacking)",
            "enough.max_by_key(lacking)",
        )],
    ),
    Flaw::new(
        "R3",
        "a kind with too few procs may be named as the closest",
        &[edit(
            FILE,
            "asked.proc_count() <= capacity(kind).proc_count()",
            "asked.proc_count() < u32::MAX",
        )],
    ),
    Flaw::new(
        "R3",
        "where no accepted kind can be used, the last is named",
        &[edit(
            FILE,
            "self.accepted_kinds(spec).next()",
            "self.accepted_kinds(spec).last()",
        )],
    ),
    Flaw::new(
        "Q1",
        "a request that is to be given up at once is queued",
        &[edit(
            FILE,
            "spec.give_up.is_some_and(|at| at <= self.now)",
            "spec.give_up.is_some_and(|at| at < self.now)",
        )],
    ),
    Flaw::new(
        "S22",
        "a submit after the shutdown is served",
        &[edit(
            FILE,
            "if «self.shutdown» { actions.push(Action::Cancelled",
            "false",
        )],
    ),
    Flaw::new(
        "Q2",
        "a submit after the shutdown that is to be given up at once has expired",
        &[edit(
            FILE,
            "if «self.shutdown» { actions.push(Action::Cancelled",
            "self.shutdown && !spec.give_up.is_some_and(|at| at <= self.now)",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew for a request that will be given up",
        &[edit(
            FILE,
            "self.deadlines_dirty |= spec.give_up.is_some();",
            "",
        )],
    ),
    Flaw::new(
        "S6",
        "a cancel ends what runs",
        &[edit(
            FILE,
            "if self.requests[slot].queued().is_some() {
                self.unqueue(slot);
                self.requests.remove(slot);
            }",
            "if self.requests[slot].queued().is_some() {
                self.unqueue(slot);
            } else {
                self.machines.release(&mut self.requests, slot, self.now);
            }
            self.requests.remove(slot);",
        )],
    ),
    Flaw::new(
        "F5",
        "the id of a cancelled request is remembered",
        &[edit(
            FILE,
            "if self.requests[slot].queued().is_some() { self.unqueue(slot); «self.requests.remove(slot);»",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when the next to be given up is cancelled",
        &[edit(
            FILE,
            "self.deadlines_dirty |= self.queue.next_give_up().is_some();",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when the next to be given up is granted",
        &[edit(
            "manager/placement/mod.rs",
            "self.deadlines_dirty |= self.queue.next_give_up().is_some();",
            "",
        )],
    ),
    Flaw::new(
        "Q1",
        "that a request was given up is not said",
        &[edit(
            FILE,
            "self.requests.remove(slot); «actions.push(Action::Expired { request });»",
            "",
        )],
    ),
    Flaw::new(
        "Q1",
        "those given up at one instant are told by id, not by arrival",
        &[
            edit(LIMITS, "self.give_ups.insert((at, «arrival», id));", "id.0"),
            edit(
                LIMITS,
                "self.give_ups.remove(&(at, «arrival», id));",
                "id.0",
            ),
        ],
    ),
    Flaw::new(
        "P3",
        "a preference is forgotten unless there is a time to give up",
        &[edit(
            LIMITS,
            "spec.prefer.is_some() || spec.give_up.is_some()",
            "spec.give_up.is_some()",
        )],
    ),
    Flaw::new(
        "S22",
        "the queue is cancelled from its end on",
        &[edit(
            FILE,
            "self.queue.iter(&self.requests).collect()",
            "self.queue.iter(&self.requests).collect::<Vec<u32>>().into_iter().rev().collect()",
        )],
    ),
    Flaw::new(
        "S22",
        "the queue is cancelled by arrival alone",
        &[edit(
            "queue/mod.rs",
            "Policy::Fit => «(priority, queued.arrival, 0)»",
            "(0, queued.arrival, 0)",
        )],
    ),
    Flaw::new(
        "S22",
        "under bigslice's policy the queue is cancelled by priority and arrival, not by procs",
        &[edit(
            "queue/mod.rs",
            "Policy::Bigslice => «(priority, order, queued.arrival)»",
            "(priority, 0, queued.arrival)",
        )],
    ),
    Flaw::new(
        "Q3",
        "done ends a grant on another machine than it names",
        &[edit(
            FILE,
            "return Err(Reject::RequestNotThere { request, machine });",
            "",
        )],
    ),
    Flaw::new(
        "F5",
        "the id of a request that is done is remembered",
        &[edit(FILE, "«self.requests.remove(slot);» self.judge(", "")],
    ),
    Flaw::new(
        "S9",
        "how work ended is not looked at",
        &[edit(FILE, "self.judge(machine, outcome, actions);", "")],
    ),
    Flaw::new(
        "R5",
        "a whole machine takes as much as its kind has, not what it offers",
        &[edit(
            "machines/mod.rs",
            "Demand::Machine => «self.records[slot as usize].offer»",
            "self.kind_of(slot).kind.capacity",
        )],
    ),
    Flaw::new(
        "R5",
        "a machine that offers no procs is a whole machine",
        &[edit(
            "machines/machine.rs",
            "empty: «self.grants == 0 && self.free.proc_count() > 0»",
            "self.grants == 0",
        )],
    ),
    Flaw::new(
        "R6",
        "what a draining machine offers is still to be had",
        &[edit(
            "machines/kind.rs",
            "if «machine.is_active()» {",
            "machine.phase == crate::machines::Phase::Up",
        )],
    ),
];
