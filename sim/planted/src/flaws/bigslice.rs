//! What can be wrong under bigslice's policy (S3, S4, S5, S7, T1, T2).

use super::{Flaw, edit};

const PLACE: &str = "manager/placement/bigslice.rs";
const QUEUE: &str = "queue/mod.rs";
const FREE: &str = "machines/free.rs";
const GROW: &str = "manager/growth/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S3",
        "under bigslice's policy a higher priority value goes first",
        &[edit(
            QUEUE,
            "(«key.priority», u64::from(u32::MAX - key.ask.demand.least().proc_count()),), true",
            "!key.priority",
        )],
    ),
    Flaw::new(
        "S3",
        "within a priority, small requests go first",
        &[edit(
            QUEUE,
            "u64::from(u32::MAX - key.ask.demand.least().proc_count())",
            "u64::from(key.ask.demand.least().proc_count())",
        )],
    ),
    Flaw::new(
        "S5",
        "no machine is kept for large requests: whatever fits somewhere goes",
        &[edit(PLACE, "rank < ahead + count", "true")],
    ),
    Flaw::new(
        "S5",
        "one machine too many is open to those behind a blocked request",
        &[edit(PLACE, "rank < ahead + count", "rank <= ahead + count")],
    ),
    Flaw::new(
        "S5",
        "a blocked request blocks all behind it",
        &[edit(PLACE, "rank < ahead + count", "rank == 0")],
    ),
    Flaw::new(
        "S5",
        "of the machines ahead only those of the last sum are counted",
        &[edit(PLACE, "ahead += count;", "ahead = count;")],
    ),
    Flaw::new(
        "S5",
        "one grant at each event, and no more",
        &[edit(
            PLACE,
            "self.grant(request, machine, actions);",
            "self.grant(request, machine, actions); break;",
        )],
    ),
    Flaw::new(
        "F2",
        "under bigslice's policy a whole machine is one proc",
        &[edit(
            PLACE,
            "Demand::Amounts(self.machines.kinds[0].kind.capacity)",
            "Demand::Amounts(Resources::procs(1))",
        )],
    ),
    Flaw::new(
        "T1",
        "under bigslice's policy requests that name their kinds are apart from the others",
        &[edit(PLACE, "kinds: «Kinds::ALL»", "spec.kinds")],
    ),
    Flaw::new(
        "T1",
        "under bigslice's policy requests that avoid a machine are apart from the others",
        &[edit(PLACE, "avoid: «None»", "spec.avoid")],
    ),
    Flaw::new(
        "T2",
        "of equally free machines not the one with the lowest id is taken",
        &[edit(
            FREE,
            "ids.peek().map_or(lowest, |first| «lowest.min(first)»)",
            "first",
        )],
    ),
    Flaw::new(
        "S5",
        "equally free machines are counted once",
        &[edit(FREE, "count += ids.len() as u64;", "count = 1;")],
    ),
    Flaw::new(
        "S5",
        "of equally free machines those on which nothing runs are counted alone",
        &[edit(
            FREE,
            "count += ids.len() as u64;",
            "count = ids.len() as u64;",
        )],
    ),
    Flaw::new(
        "S7",
        "growth knows no maximum",
        &[edit(GROW, "need.min(limit)", "need")],
    ),
    Flaw::new(
        "S7",
        "what does not fill a machine is not asked for",
        &[edit(
            GROW,
            "lacking.div_ceil(u64::from(kind.kind.capacity.proc_count()))",
            "lacking / u64::from(kind.kind.capacity.proc_count())",
        )],
    ),
    Flaw::new(
        "F7",
        "under bigslice's policy no back-off holds growth",
        &[edit(
            GROW,
            "self.growth[0].backoff.lasts || self.shutdown",
            "self.shutdown",
        )],
    ),
    Flaw::new(
        "S22",
        "under bigslice's policy the cluster grows after the shutdown",
        &[edit(
            GROW,
            "self.growth[0].backoff.lasts || self.shutdown",
            "self.growth[0].backoff.lasts",
        )],
    ),
    Flaw::new(
        "D1",
        "under bigslice's policy a leaving machine is not replaced",
        &[edit(
            GROW,
            "kind.sums.there - kind.sums.leaving",
            "kind.sums.there",
        )],
    ),
    Flaw::new(
        "D1",
        "under bigslice's policy a leaving machine does not count for the maximum",
        &[edit(
            GROW,
            "self.max_procs.saturating_sub(kind.sums.leaving)",
            "self.max_procs",
        )],
    ),
    Flaw::new(
        "S7",
        "under bigslice's policy what is queued alone is what is needed",
        &[edit(
            GROW,
            "self.queue.counts().2.procs() + kind.need.procs()",
            "self.queue.counts().2.procs()",
        )],
    ),
    Flaw::new(
        "G3",
        "under bigslice's policy a hint with a failed start is followed",
        &[edit(
            GROW,
            "hint.filter(|_| self.config.policy == Policy::Fit)",
            "hint",
        )],
    ),
    Flaw::new(
        "E3",
        "under bigslice's policy new limits are taken",
        &[edit(
            "manager/shrink.rs",
            "limits: Limits, actions: &mut Vec<Action>, ) -> Result<(), Reject> { if «self.config.policy == Policy::Bigslice»",
            "false",
        )],
    ),
    Flaw::new(
        "J1",
        "under bigslice's policy machines may join",
        &[edit(
            "manager/lifecycle.rs",
            "self.config.policy == Policy::Bigslice",
            "false",
        )],
    ),
];
