//! Placement: which request is given which machine (S5).

use alloc::vec::Vec;

use crate::action::Action;
use crate::id::RequestId;
use crate::manager::Manager;
use crate::places::Vacant;

impl Manager {
    /// Grants until nothing more can be placed.
    #[inline(never)]
    pub(crate) fn place(&mut self, actions: &mut Vec<Action>) {
        while let Some((class, machine)) = self.next_placement() {
            self.machines.withdraw(machine);
            let (request, procs) = self.requests.take_first(class);
            self.grant(request, procs, machine, actions);
            self.machines.offer(machine);
        }
    }

    /// The machine that a new request gets at once, if it gets one.
    ///
    /// As nothing that waits can be placed, nothing but the new request can be: it moves those behind it on to machines with
    /// as many free procs or fewer, and those before it stay where they are. So S5 asks whether it fits on the machine that
    /// has its rank.
    #[inline]
    pub(crate) fn vacancy(&mut self, priority: i64, procs: u32) -> Option<u32> {
        if self.machines.ready.len() == 0 {
            return None;
        }
        let rank = self.requests.classes.rank(priority, procs);
        self.machines.ready.at(rank, procs)
    }

    /// Grants a new request, in the place that was found for it, which needs no queue.
    pub(crate) fn grant_new(
        &mut self,
        at: Vacant,
        request: RequestId,
        procs: u32,
        slot: u32,
        actions: &mut Vec<Action>,
    ) {
        self.machines.withdraw(slot);
        let (place, machine) = self.machines.occupy(slot, request, procs);
        self.machines.offer(slot);
        self.requests.enter(at, request, place);
        actions.push(Action::Grant { request, machine });
    }

    /// Puts a machine that has just become freer back into the order of S4. Where no other has procs free, as in a cluster
    /// under load, it need not go there and back: only the first of the queue can have it, and no other while that waits.
    pub(crate) fn place_on(&mut self, machine: u32, actions: &mut Vec<Action>) {
        let Some(mut free) = self.machines.free_in_hand(machine) else {
            return;
        };
        if self.machines.ready.len() == 0 {
            while free > 0
                && let Some((request, procs)) = self.requests.take_first_within(free)
            {
                self.grant(request, procs, machine, actions);
                free -= procs;
            }
        }
        if free > 0 {
            self.machines.list(machine, free);
        }
    }

    /// Grants a request that was taken out of the queue a machine that is out of the order of S4.
    #[inline(always)]
    fn grant(&mut self, request: RequestId, procs: u32, slot: u32, actions: &mut Vec<Action>) {
        let (place, machine) = self.machines.occupy(slot, request, procs);
        self.requests.start(request, place);
        actions.push(Action::Grant { request, machine });
    }

    /// The class whose first request is placed next, and the machine it gets.
    ///
    /// S5 asks for the smallest i with `procs(r_i) <= free(f_i)`. The machines with `free` procs
    /// are those of rank `ahead` to `ahead + count - 1`, so among them it is the first request that
    /// asks for `free` or less, if its rank is below `ahead + count`. That rank is `ahead` or more: those
    /// before it ask for more than some machine has that is freer than these.
    ///
    /// Only the first request of a class can be it: were it a later one, the first would stand
    /// beside a machine with as many free procs or more, and would have been found.
    pub(crate) fn next_placement(&mut self) -> Option<(u32, u32)> {
        let (mut ahead, mut bound) = (0, self.machines.procs + 1);
        loop {
            let (free, count, lowest) = self.machines.ready.below(bound)?;
            // Who asks for more than this asks for more than all that follow.
            let (class, rank) = self.requests.classes.first_fit(free)?;
            if rank < ahead + count {
                return Some((class, lowest));
            }
            ahead += count;
            bound = free;
        }
    }
}
