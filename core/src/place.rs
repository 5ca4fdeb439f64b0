//! Placement: which request is given which machine (S5).

use alloc::vec::Vec;

use crate::action::Action;
use crate::manager::Manager;
use crate::requests::Request;

impl Manager {
    /// Grants until nothing more can be placed.
    pub(crate) fn place(&mut self, actions: &mut Vec<Action>) {
        while let Some((class, machine)) = self.next_placement() {
            let request = self.requests.start_first(class, machine);
            let Request { id, procs, .. } = *self.requests.get(request);
            self.machines.occupy(machine, request, procs);
            actions.push(Action::Grant {
                request: id,
                machine: self.machines.get(machine).id,
            });
        }
    }

    /// The class whose first request is placed next, and the machine it gets.
    ///
    /// S5 asks for the smallest i with `procs(r_i) <= free(f_i)`. The machines with `free` procs
    /// are those of rank `ahead` to `ahead + count - 1`, so among them it is the first request from
    /// rank `ahead` on that asks for `free` or less, if its rank is below `ahead + count`.
    ///
    /// Only the first request of a class can be it: were it a later one, the first would stand
    /// beside a machine with as many free procs or more, and would have been found.
    pub(crate) fn next_placement(&self) -> Option<(u32, u32)> {
        let waiting = self.requests.classes.requests();
        if waiting == 0 || self.machines.ready() == 0 {
            return None;
        }
        let least = self.requests.classes.least();
        let (mut ahead, mut bound) = (0, self.machines.procs + 1);
        while ahead < waiting {
            let (free, count, lowest) = self.machines.ready_below(bound)?;
            if free < least {
                return None;
            }
            if let Some((class, rank)) = self.requests.classes.first_fit(ahead, free)
                && rank < ahead + count
            {
                return Some((class, lowest));
            }
            ahead += count;
            bound = free;
        }
        None
    }
}
