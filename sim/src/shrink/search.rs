//! The search for a smaller run.

use std::collections::HashSet;

use super::ids::close_up;
use super::run::{Run, Verdict, hash};

/// In longer runs than this, not every pair is tried.
pub(super) const LONG: usize = 100;

/// The smallest run so far, and who judges the next.
pub(super) struct Search<F> {
    pub(super) best: Run,
    pub(super) judge: F,
    /// Those that do not fail, by their hash: many ways lead to the same run.
    pub(super) passed: HashSet<u64>,
    pub(super) over: bool,
}

impl<F: FnMut(&Run) -> Verdict> Search<F> {
    /// Keeps the change if the run still fails.
    pub(super) fn try_run(&mut self, mut changed: Run) -> bool {
        if self.over || changed == self.best {
            return false;
        }
        let hash = hash(&changed);
        if self.passed.contains(&hash) {
            return false;
        }
        match (self.judge)(&changed) {
            Verdict::Fails(events) => {
                changed.events.truncate(events);
                self.best = changed;
                true
            }
            Verdict::Passes => {
                self.passed.insert(hash);
                false
            }
            Verdict::Stop => {
                self.over = true;
                false
            }
        }
    }

    /// The same; if it does not fail, with the machines that it names closed up.
    pub(super) fn try_or_close_up(&mut self, changed: Run) {
        let mut closed = changed.clone();
        close_up(&mut closed);
        let other = closed != changed;
        if !self.try_run(changed) && other {
            self.try_run(closed);
        }
    }
}
