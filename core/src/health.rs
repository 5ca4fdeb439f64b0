//! Health: what the end of work says about its machine (S9, S10, S11, S13).

use alloc::vec::Vec;

use crate::action::{Action, Notice, Recovery};
use crate::event::Outcome;
use crate::machines::State;
use crate::manager::Manager;

impl Manager {
    /// Work on a machine in service ended like this.
    pub(crate) fn judge(&mut self, slot: u32, outcome: Outcome, actions: &mut Vec<Action>) {
        // Where something ran and is not ok, it is on probation.
        match (self.machines.load(slot).is_ok(), outcome) {
            // S13: nothing ran.
            (_, Outcome::Unused) => {}
            // S9.
            (true, Outcome::Unreachable) => {
                let machine = self.machines.id(slot);
                actions.push(Action::Notice(Notice::Probation { machine }));
                self.put_on_probation(slot);
            }
            // S11.
            (true, Outcome::Ok | Outcome::Remote) => {}
            // S10.
            (false, Outcome::Ok) => self.recover(slot, Recovery::Success, actions),
            (false, Outcome::Remote | Outcome::Unreachable) => self.put_on_probation(slot),
        }
    }

    /// Probation begins, or begins again.
    fn put_on_probation(&mut self, slot: u32) {
        let until = self.now.checked_add(self.config.probation);
        self.machines.set_state(slot, State::Probation { until });
    }

    /// Probation ends (S10).
    pub(crate) fn recover(&mut self, slot: u32, by: Recovery, actions: &mut Vec<Action>) {
        let machine = self.machines.id(slot);
        actions.push(Action::Notice(Notice::Recovered { machine, by }));
        self.machines.set_state(slot, State::Ok);
    }
}
