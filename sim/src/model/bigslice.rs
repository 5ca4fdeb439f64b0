//! Placement and growth under `Policy::Bigslice` (S3–S5, S7, T1, T2): one kind of machine.

use core::cmp::Reverse;

use remuda::{Demand, KindId, RequestId};

use super::{Mark, Model, Pause};

impl Model {
    /// R5: a whole machine is as many procs as a machine has.
    pub(super) fn bigslice_procs(&self, demand: Demand) -> u32 {
        match demand {
            Demand::Amounts(amounts) => amounts.proc_count(),
            Demand::Machine => self.config.kinds[0].capacity.proc_count(),
        }
    }

    /// S3: by priority, then more procs first; a stable sort: then by arrival (T1).
    pub(super) fn bigslice_order(&self) -> Vec<(RequestId, u32)> {
        let mut order: Vec<_> = self.queue.iter().collect();
        order.sort_by_key(|r| (r.spec.priority, Reverse(self.bigslice_procs(r.spec.demand))));
        let with_procs = order.into_iter().map(|r| (r.id, r.spec.demand));
        with_procs
            .map(|(id, demand)| (id, self.bigslice_procs(demand)))
            .collect()
    }

    /// S5, until nothing more can be placed.
    pub(super) fn bigslice_place(&mut self) {
        while !self.queue.is_empty() {
            let requests = self.bigslice_order();
            let good = self.machines.iter().filter(|m| m.is_good());
            let free = |id| self.free(id).proc_count();
            let mut order: Vec<_> = good.map(|m| (Reverse(free(m.id)), m.id)).collect();
            order.sort(); // S4, T2
            let mut both = requests.iter().zip(&order);
            let Some(i) = both.position(|((_, procs), (Reverse(free), _))| procs <= free) else {
                return;
            };
            let (Reverse(free), reserved) = order[i];
            let equals = order.iter().filter(|(f, _)| *f == Reverse(free));
            let Some(machine) = equals.map(|(_, id)| *id).min() else {
                return;
            };
            if i > 0 {
                self.mark(Mark::S5PassesBlocked);
            }
            if machine != reserved {
                self.mark(Mark::T2LowerThanReserved);
            }
            if order[i + 1..].iter().any(|(f, _)| *f == Reverse(free)) {
                self.mark(Mark::T2LowestOfEquals);
            }
            self.grant(requests[i].0, machine);
        }
    }

    /// S7, held back by F7 and S22. What drains or stops still counts for `max_procs` (D1).
    pub(super) fn bigslice_grow(&mut self) {
        let kind = KindId(0);
        loop {
            let counts = self.counts();
            let (need, there) = (counts.need[0], counts.have[0] + counts.pending[0]);
            if self.shut_down || there >= need {
                return;
            }
            let leaving = self.procs_there() - there;
            let max_procs = self.config.max_procs.saturating_sub(leaving);
            if there >= max_procs {
                return self.mark(Mark::S7AtMaximum);
            }
            if self.kinds[0].backoff != Pause::No {
                return self.mark(Mark::F7HeldBack);
            }
            let wanted = need.min(max_procs) - there;
            let procs = u64::from(self.config.kinds[0].capacity.proc_count());
            let machines = wanted.div_ceil(procs);
            let limit = u64::from(self.config.kinds[0].batch);
            if machines > limit {
                self.mark(Mark::S7SplitInTens);
            }
            self.start(kind, machines.min(limit) as u32);
        }
    }
}
