//! Where in a machine's lane its grants are drawn: on the lowest procs that are free, side by side if they fit so.

/// The first of so many procs.
pub(super) type Run = (u32, u32);

/// The free procs of a machine.
#[derive(Debug)]
pub(super) struct Slots {
    /// In order, never side by side.
    free: Vec<Run>,
}

impl Slots {
    pub(super) fn new(procs: u32) -> Slots {
        Slots {
            free: vec![(0, procs)],
        }
    }

    /// Gives back what was taken.
    pub(super) fn release(&mut self, runs: &[Run]) {
        for run in runs {
            self.give_back(*run);
        }
    }

    /// Takes so many procs; fewer where there are no more.
    pub(super) fn take(&mut self, procs: u32) -> Vec<Run> {
        if let Some(at) = self.free.iter().position(|(_, len)| *len >= procs) {
            return vec![self.cut(at, procs)];
        }
        let mut runs = Vec::new();
        let mut left = procs;
        while left > 0 && !self.free.is_empty() {
            let run = self.cut(0, left);
            left -= run.1;
            runs.push(run);
        }
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
        let short = slots.take(2);
        let middle = slots.take(3);
        let long = slots.take(1);
        assert_eq!(
            (&short[..], &middle[..], &long[..]),
            (&[(0, 2)][..], &[(2, 3)][..], &[(5, 1)][..])
        );
        slots.release(&middle);
        let next = slots.take(2);
        assert_eq!(next, [(2, 2)]);
        // Procs 4, 6 and 7 are free.
        let rest = slots.take(3);
        assert_eq!(rest, [(4, 1), (6, 2)]);
        assert_eq!(slots.take(1), []);
        for runs in [short, long, next, rest] {
            slots.release(&runs);
        }
        assert_eq!(slots.take(8), [(0, 8)]);
    }
}
