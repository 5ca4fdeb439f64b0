//! What can be wrong with heaps, lists and trees, and with requests that are moved in memory.

use super::{Flaw, edit};

const HEAP: &str = "storage/heap.rs";
const LIST: &str = "storage/list.rs";
const TREE: &str = "storage/tree/mod.rs";
const MANAGER: &str = "manager/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "P3",
        "what comes from a heap's end into another branch only goes down",
        &[edit(
            HEAP,
            "hole > 0 && last.0 < self.entries[(hole - 1) / ARITY].0",
            "false",
        )],
    )
    .shown_in(70),
    Flaw::new(
        "P3",
        "a heap looks at three of its four branches",
        &[edit(HEAP, "usize::from(d.0 < c.0)", "0")],
    )
    .shown_in(30),
    Flaw::new(
        "P3",
        "a heap looks at the first two of its four branches",
        &[edit(HEAP, "if lesser { other } else { one }", "one")],
    )
    .shown_in(30),
    Flaw::new(
        "T3",
        "what is new in a heap stays at its end",
        &[edit(HEAP, "above.0 <= entry.0", "true")],
    ),
    Flaw::new(
        "F11",
        "a list whose last leaves does not know its new end",
        &[edit(LIST, "NIL => «self.tail = prev»", "()")],
    ),
    Flaw::new(
        "P2",
        "what is known of a subtree is not told further up while its height stays",
        &[edit(
            TREE,
            "(after.height, after.summary) == (height, summary)",
            "after.height == height",
        )],
    ),
    Flaw::new(
        "P2",
        "the new root of a subtree that turns does not know what is below it",
        &[edit(TREE, "update(slab, at); «update(slab, child);»", "")],
    ),
    Flaw::new(
        "P2",
        "the old root of a subtree that turns does not know what is below it",
        &[edit(
            TREE,
            "branch_mut(slab, inner).parent = at; } «update(slab, at);»",
            "",
        )],
    ),
    Flaw::new(
        "S5",
        "of the requests before another those in left subtrees are not counted",
        &[edit(
            "storage/tree/search.rs",
            "join::<N>(below(slab, left), Some(own))",
            "Some(own)",
        )],
    ),
    Flaw::new(
        "F5",
        "the queue does not follow requests that are moved in memory",
        &[edit(MANAGER, "self.queue.follow(&moves);", "")],
    )
    .shown_in(70),
    Flaw::new(
        "F5",
        "machines do not follow requests that are moved in memory",
        &[edit(MANAGER, "self.machines.follow(&moves);", "")],
    )
    .shown_in(70),
    Flaw::new(
        "F5",
        "holds do not follow requests that are moved in memory",
        &[edit(MANAGER, "self.holds.follow(&moves);", "")],
    )
    .shown_in(80),
    Flaw::new(
        "F5",
        "a request that was moved in memory is not found beside its neighbours",
        &[edit(
            MANAGER,
            "{ self.requests.iter_mut() }.for_each(|request| request.follow(&moves));",
            "",
        )],
    )
    .shown_in(70),
];
