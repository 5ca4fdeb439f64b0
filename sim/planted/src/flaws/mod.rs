//! The planted bugs: each a mistake that somebody could make in the core, and the rule that it breaks.

mod bigslice;
mod drains;
mod fit;
mod growth;
mod health;
mod holdings;
mod holds;
mod lifecycle;
mod requests;
mod shortcut;
mod shrinking;
mod starts;
mod storage;
mod timers;

/// A planted bug.
#[derive(Clone, Copy, Debug)]
pub struct Flaw {
    /// The rule that it breaks.
    pub rule: &'static str,
    /// What the manager does.
    pub what: &'static str,
    /// How the source differs.
    pub edits: &'static [Edit],
    /// How many events the script may have that shows it.
    pub events: usize,
}

/// A change of the core's source.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// The file, below `src` of the core.
    pub file: &'static str,
    /// What stands there, once; white space does not count. Whole statements, or a part of an expression: all of it is
    /// replaced, or the part between « and » if there are these marks.
    pub right: &'static str,
    /// What is done instead.
    pub wrong: &'static str,
}

impl Flaw {
    /// A bug that a dozen events show, or two more.
    const fn new(rule: &'static str, what: &'static str, edits: &'static [Edit]) -> Flaw {
        Flaw {
            rule,
            what,
            edits,
            events: 14,
        }
    }

    /// One that takes more to come into play: nine failed starts, ten machines in one heap.
    const fn shown_in(self, events: usize) -> Flaw {
        Flaw { events, ..self }
    }
}

const fn edit(file: &'static str, right: &'static str, wrong: &'static str) -> Edit {
    Edit { file, right, wrong }
}

const BY_SUBJECT: [&[Flaw]; 14] = [
    requests::FLAWS,
    fit::FLAWS,
    holds::FLAWS,
    bigslice::FLAWS,
    shortcut::FLAWS,
    growth::FLAWS,
    starts::FLAWS,
    lifecycle::FLAWS,
    shrinking::FLAWS,
    drains::FLAWS,
    health::FLAWS,
    holdings::FLAWS,
    timers::FLAWS,
    storage::FLAWS,
];

/// All there are, by what they are about.
pub fn all() -> impl Iterator<Item = &'static Flaw> {
    BY_SUBJECT.into_iter().flatten()
}
