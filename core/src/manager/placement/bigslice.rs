//! S5: the placement of bigslice's machine manager. Large requests keep machines for themselves until
//! these are free enough, and small ones run elsewhere meanwhile.

use alloc::vec::Vec;

use super::super::Manager;
use crate::machines::Phase;
use crate::protocol::action::Action;
use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, Kinds, RequestId};
use crate::protocol::resources::{Demand, Resources};
use crate::queue::{Ask, Spot};

impl Manager {
    /// What is queued of a new request. A whole machine is as many procs as a machine has (R5).
    pub(crate) fn queued_in_bigslice(&self, spec: &Submit) -> Submit {
        let demand = match spec.demand {
            Demand::Machine => Demand::Amounts(self.machines.kinds[0].kind.capacity),
            amounts => amounts,
        };
        // There is one kind, and it is accepted (R3).
        Submit {
            demand,
            kinds: Kinds::ALL,
            prefer: None,
            avoid: None,
            ..*spec
        }
    }

    /// Queues a new request.
    #[inline(never)]
    pub(in super::super) fn submit_bigslice(&mut self, request: RequestId, spec: &Submit) {
        let spec = self.queued_in_bigslice(spec);
        let group = self.machines.group_of(&Ask::of(&spec));
        self.queue
            .push(&mut self.requests, request, &spec, group, (0, 0));
        self.holds.enter(group);
    }

    /// Grants until nothing more can be placed (S5).
    #[inline(never)]
    pub(in super::super) fn place_bigslice(&mut self, actions: &mut Vec<Action>) {
        if self.shutdown {
            return;
        }
        while let Some((request, machine)) = self.next_placement() {
            self.grant(request, machine, actions);
            self.machines.relist();
        }
    }

    /// The request that is placed next, and the machine it gets.
    ///
    /// S5 asks for the smallest i with `procs(r_i) <= free(f_i)`. The machines with `free` procs
    /// are those of rank `ahead` to `ahead + count - 1`, so among them it is the first request that
    /// asks for `free` or less, if its rank is below `ahead + count`. That rank is `ahead` or more:
    /// those before it ask for more than some machine has that is freer than these.
    ///
    /// Only the first request of a class can be it: were it a later one, the first would stand
    /// beside a machine with as many free procs or more, and would have been found.
    pub(crate) fn next_placement(&self) -> Option<(u32, u32)> {
        let (mut ahead, mut bound) = (0, u32::MAX);
        loop {
            let (free, count, lowest) = self.machines.free.freest_below(bound)?;
            let spot = Spot {
                free: Resources::procs(free),
                kind: KindId(0),
                empty: false,
            };
            // A request that asks for more than this asks for more than all that follow.
            let (class, rank) = self.queue.first_fit_and_rank(&spot)?;
            if rank < ahead + count {
                debug_assert!(self.machines.get(lowest).phase == Phase::Up);
                return Some((self.queue.first(class), lowest));
            }
            ahead += count;
            bound = free;
        }
    }
}
