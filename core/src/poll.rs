//! Polls: when a machine is asked for its figures, and what silence means (S17, F8).

use alloc::vec::Vec;

use crate::action::{Action, Loss};
use crate::id::MachineId;
use crate::machines::Poll;
use crate::manager::Manager;
use crate::reject::Reject;

impl Manager {
    /// Asks a machine for its figures.
    pub(crate) fn poll(&mut self, slot: u32, actions: &mut Vec<Action>) {
        self.machines.set_poll(slot, Poll::Out);
        actions.push(Action::Poll {
            machine: self.machines.id(slot),
        });
    }

    /// A poll came back.
    pub(crate) fn polled(
        &mut self,
        machine: MachineId,
        answered: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        let record = self.machines.get_mut(slot);
        if record.poll != Poll::Out {
            return Err(Reject::UnexpectedPolled { machine });
        }
        record.silent = if answered {
            0
        } else {
            record.silent.saturating_add(1)
        };
        let limit = self.config.silent_polls;
        if limit > 0 && record.silent >= limit {
            self.lose(slot, Loss::Silence, actions);
            actions.push(Action::Stop { machine });
            return Ok(());
        }
        let next = self.now.checked_add(self.config.poll_interval);
        self.machines
            .set_poll(slot, next.map_or(Poll::Never, Poll::Due));
        Ok(())
    }
}
