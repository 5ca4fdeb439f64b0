//! Placement: which request is given which machine.

pub(crate) mod hold;

mod bigslice;
mod fit;

use alloc::vec::Vec;

use super::Manager;
use crate::protocol::action::Action;
use crate::protocol::resources::Demand;
pub(super) use fit::Candidates;

impl Manager {
    /// Grants a queued request a machine on which it fits.
    #[inline]
    fn grant(&mut self, request: u32, machine: u32, actions: &mut Vec<Action>) {
        self.deadlines_dirty |= self.queue.next_give_up().is_some();
        let (demand, group) = self.queue.take(&mut self.requests, request);
        self.occupy(request, demand, machine, actions);
        self.grant_ends_hold(request);
        self.holds.leave(group);
    }

    /// Gives a machine to a request that is in no list.
    #[inline]
    fn occupy(&mut self, request: u32, demand: Demand, machine: u32, actions: &mut Vec<Action>) {
        let taken = self.machines.taken(machine, demand);
        self.machines
            .occupy(&mut self.requests, machine, request, taken, self.now);
        actions.push(Action::Grant {
            request: self.requests[request].id,
            machine: self.machines.get(machine).id,
        });
    }
}
