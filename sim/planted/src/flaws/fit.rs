//! What can be wrong with placement under the policy Fit (P1, P2, P3) and the summaries that it searches by.

use super::{Flaw, edit};

const FIT: &str = "manager/placement/fit.rs";
const FREE: &str = "machines/free.rs";
const CLASS: &str = "queue/class.rs";
const QUEUE: &str = "queue/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "P1",
        "a higher priority value goes first",
        &[
            edit(
                QUEUE,
                "Policy::Fit => ((«key.priority», arrival), false)",
                "!key.priority",
            ),
            edit(
                QUEUE,
                "(«self.classes[slot].key.priority», first",
                "!self.classes[slot].key.priority",
            ),
        ],
    ),
    Flaw::new(
        "P1",
        "a class of requests keeps its place in the queue when its first has left",
        &[edit(
            QUEUE,
            "next.is_none_or(|next| order < self.classes[next].order)",
            "true",
        )],
    ),
    Flaw::new(
        "P1",
        "the priority is not looked at",
        &[
            edit(
                QUEUE,
                "Policy::Fit => ((«key.priority», arrival), false)",
                "0",
            ),
            edit(QUEUE, "(«self.classes[slot].key.priority», first", "0"),
        ],
    ),
    Flaw::new(
        "P2",
        "one that was granted a machine in a step is granted another in the same step",
        &[edit(FIT, "next.grants < grants", "false")],
    )
    .shown_in(20),
    Flaw::new(
        "P2",
        "a machine is looked at once in a step, however much is free there",
        &[edit(
            FIT,
            "grants += 1; «push(&mut candidates, self.candidate(next.machine, grants));»",
            "",
        )],
    ),
    Flaw::new(
        "P3",
        "a machine that is gone does not allow a request the one that it avoids",
        &[edit(
            "manager/mod.rs",
            "self.machines.health_changes != self.health_changes_placed",
            "false",
        )],
    ),
    Flaw::new(
        "P3",
        "that a machine left good health does not allow a request the one that it avoids",
        &[edit(FIT, "self.touch_avoided();", "")],
    ),
    Flaw::new(
        "P3",
        "a queued request is never given the machine that it avoids",
        &[edit(
            FIT,
            "!self.may_have(&class.key, record.id)",
            "class.key.avoid == Some(record.id)",
        )],
    ),
    Flaw::new(
        "P3",
        "a queued request may be given the machine that it avoids",
        &[edit(FIT, "!self.may_have(&class.key, record.id)", "false")],
    ),
    Flaw::new(
        "P3",
        "a new request may be given the machine that it avoids",
        &[edit(
            FREE,
            "Some(without) => «self.ids.peek_other(without)»",
            "self.ids.peek()",
        )],
    ),
    Flaw::new(
        "P3",
        "one other machine in good health does not keep a request off the one that it avoids",
        &[edit(
            FIT,
            "fitting == u64::from(itself)",
            "fitting <= 1 + u64::from(itself)",
        )],
    ),
    Flaw::new(
        "P3",
        "a machine too small for a request keeps it off the one that it avoids",
        &[edit("machines/kind.rs", "asked.fits(**offer)", "true")],
    ),
    Flaw::new(
        "P3",
        "the machine that a request prefers is not looked at",
        &[edit(
            FIT,
            "prefer.and_then(|id| self.machines.find(id))",
            "None::<u32>",
        )],
    ),
    Flaw::new(
        "P3",
        "a request is given the first of several machines that became free, not the best",
        &[edit(
            FIT,
            "self.machines.touched().len() == 1 && self.holds.is_empty()",
            "true",
        )],
    ),
    Flaw::new(
        "P3",
        "of machines that a step changed the one with the least free is given under first fit",
        &[edit(
            FIT,
            "Packing::FirstFit => «(Resources::ZERO, record.id)»",
            "(record.free, record.id)",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "P3",
        "of machines that a step changed the one with the lowest id is given under best fit",
        &[edit(
            FIT,
            "Packing::BestFit => «(record.free, record.id)»",
            "(Resources::ZERO, record.id)",
        )],
    ),
    Flaw::new(
        "P3",
        "a new request is given the first machine under best fit",
        &[edit(
            FREE,
            "Packing::BestFit => «self.best_fit(ask, without)»",
            "self.first_fit(ask, without)",
        )],
    ),
    Flaw::new(
        "P3",
        "a new request is given the fullest machine under first fit",
        &[edit(
            FREE,
            "Packing::FirstFit => «self.first_fit(ask, without)»",
            "self.best_fit(ask, without)",
        )],
    ),
    Flaw::new(
        "P3",
        "of machines of several kinds that are equally free not the lowest id is taken",
        &[edit(FREE, "best = best.min(other);", "")],
    )
    .shown_in(20),
    Flaw::new(
        "P3",
        "machines with as many procs free are taken for equally free",
        &[edit(
            FREE,
            "self.sets[next as usize].spot.free == free",
            "self.sets[next as usize].spot.free.proc_count() == free.proc_count()",
        )],
    ),
    Flaw::new(
        "R5",
        "a whole machine may be one on which something runs, for a new request",
        &[edit(
            FREE,
            "_ if !«ask.fits(&self.spot)» => None",
            "ask.could_fit(self.spot.kind, self.spot.free)",
        )],
    ),
    Flaw::new(
        "R5",
        "a whole machine may be one on which something runs, for a queued request",
        &[edit(
            QUEUE,
            "«class.key.ask.fits(spot)» && !excluded(class)",
            "class.key.ask.could_fit(spot.kind, spot.free)",
        )],
    ),
    Flaw::new(
        "R3",
        "a new request may be given a machine of any kind",
        &[edit(
            FREE,
            "_ if !«ask.fits(&self.spot)» => None",
            "Ask { kinds: Kinds::ALL, ..*ask }.fits(&self.spot)",
        )],
    ),
    Flaw::new(
        "R3",
        "a queued request may be given a machine of any kind",
        &[edit(
            QUEUE,
            "«class.key.ask.fits(spot)» && !excluded(class)",
            "Ask { kinds: Kinds::ALL, ..class.key.ask }.fits(spot)",
        )],
    ),
    Flaw::new(
        "P2",
        "of several sets of machines not the most of each amount is known, but the best by procs",
        &[edit(
            FREE,
            "a.free.max(b.free)",
            "core::cmp::max(a.free, b.free)",
        )],
    ),
    Flaw::new(
        "P2",
        "of several sets of machines the kinds of the first are known alone",
        &[edit(FREE, "a.kinds.or(b.kinds)", "a.kinds")],
    ),
    Flaw::new(
        "P2",
        "of several sets of machines the kinds of empty ones of the first are known alone",
        &[edit(FREE, "a.empty.or(b.empty)", "a.empty")],
    ),
    Flaw::new(
        "P3",
        "of several sets of machines the lowest id of the first is known alone",
        &[edit(FREE, "a.lowest.min(b.lowest)", "a.lowest")],
    ),
    Flaw::new(
        "P2",
        "of several requests not the least of each amount is known, but the least by procs",
        &[edit(
            CLASS,
            "a.amounts.min(b.amounts)",
            "core::cmp::min(a.amounts, b.amounts)",
        )],
    ),
    Flaw::new(
        "P2",
        "of several requests the kinds of the first are known alone",
        &[edit(CLASS, "a.kinds.or(b.kinds)", "a.kinds")],
    ),
    Flaw::new(
        "P2",
        "of several requests for a whole machine the kinds of the first are known alone",
        &[edit(CLASS, "a.whole.or(b.whole)", "a.whole")],
    ),
    Flaw::new(
        "P2",
        "a request for a whole machine does not fit where the others do not",
        &[edit(
            CLASS,
            "|| («spot.empty && self.whole.contains(spot.kind)»)",
            "false",
        )],
    ),
    Flaw::new(
        "P2",
        "a search of the queue or of the free machines does not look left of the root",
        &[edit(
            "storage/tree/search.rs",
            "search_below(slab, record.branch().children[LEFT], may, is)",
            "None",
        )],
    ),
    Flaw::new(
        "P3",
        "the search for the lowest id does not look right of the root",
        &[edit(
            "storage/tree/search.rs",
            "cheapest_below(slab, record.branch().children[RIGHT], of_set, of_one, best);",
            "",
        )],
    ),
];
