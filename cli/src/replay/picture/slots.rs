//! Where in a machine's lane its grants are drawn: on the lowest procs that are free, side by side if they fit so.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The first of so many procs.
pub(super) type Run = (u32, u32);

/// The procs of a machine.
#[derive(Debug)]
pub(super) struct Slots {
    /// In order, never side by side.
    free: Vec<Run>,
    /// What is taken, by the event that gives it back.
    taken: BinaryHeap<Reverse<(u64, Vec<Run>)>>,
}

impl Slots {
    pub(super) fn new(procs: u32) -> Slots {
        Slots {
            free: vec![(0, procs)],
            taken: BinaryHeap::new(),
        }
    }

    /// Gives back what was taken until this event.
    pub(super) fn release(&mut self, event: u64) {
        while let Some(Reverse((until, _))) = self.taken.peek()
            && *until <= event
        {
            let Some(Reverse((_, runs))) = self.taken.pop() else {
                return;
            };
            for run in runs {
                self.give_back(run);
            }
        }
    }

    /// Takes so many procs until an event; fewer where there are no more.
    pub(super) fn take(&mut self, procs: u32, until: u64) -> Vec<Run> {
        let mut runs = Vec::with_capacity(1);
        if let Some(at) = self.free.iter().position(|(_, len)| *len >= procs) {
            runs.push(self.cut(at, procs));
        } else {
            let mut left = procs;
            while left > 0 && !self.free.is_empty() {
                let run = self.cut(0, left);
                left -= run.1;
                runs.push(run);
            }
        }
        self.taken.push(Reverse((until, runs.clone())));
        runs
    }

    /// The first of a free run, at most so many.
    fn cut(&mut self, at: usize, procs: u32) -> Run {
        let (first, len) = self.free[at];
        let procs = procs.min(len);
        if procs == len {
            self.free.remove(at);
        } else {
            self.free[at] = (first + procs, len - procs);
        }
        (first, procs)
    }

    fn give_back(&mut self, (first, len): Run) {
        let at = self.free.partition_point(|(other, _)| *other < first);
        self.free.insert(at, (first, len));
        if let Some(&(next, more)) = self.free.get(at + 1)
            && next == first + len
        {
            self.free[at].1 += more;
            self.free.remove(at + 1);
        }
        if let Some(before) = at.checked_sub(1)
            && self.free[before].0 + self.free[before].1 == first
        {
            self.free[before].1 += self.free[at].1;
            self.free.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_take_the_lowest_free_procs_side_by_side_if_they_fit_so() {
        let mut slots = Slots::new(8);
        assert_eq!(slots.take(2, 10), [(0, 2)]);
        assert_eq!(slots.take(3, 5), [(2, 3)]);
        assert_eq!(slots.take(1, 20), [(5, 1)]);
        slots.release(5);
        assert_eq!(slots.take(2, 11), [(2, 2)]);
        // Procs 4, 6 and 7 are free.
        assert_eq!(slots.take(3, 12), [(4, 1), (6, 2)]);
        assert_eq!(slots.take(1, 12), []);
        slots.release(20);
        assert_eq!(slots.take(8, 30), [(0, 8)]);
    }
}
