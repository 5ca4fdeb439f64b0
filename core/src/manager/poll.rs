//! Polls: when a machine is asked for its figures, and what silence means (S17, F8).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::Poll;
use crate::protocol::action::{Action, Loss};
use crate::protocol::id::MachineId;
use crate::protocol::reject::Reject;

impl Manager {
    /// Asks a machine for its figures.
    pub(super) fn poll(&mut self, slot: u32, actions: &mut Vec<Action>) {
        self.machines.set_poll(slot, Poll::Out(self.now));
        let machine = self.machines.get(slot).id;
        actions.push(Action::Poll { machine });
    }

    /// A poll came back.
    #[inline(never)]
    pub(super) fn polled(
        &mut self,
        machine: MachineId,
        answered: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        let record = self.machines.get(slot);
        if !matches!(record.poll, Poll::Out(_)) {
            return Err(Reject::UnexpectedPolled { machine });
        }
        let silent = if answered {
            0
        } else {
            record.silent.saturating_add(1)
        };
        let limit = self.config.silent_polls;
        if limit > 0 && silent >= limit {
            self.lose(slot, Loss::Silence, actions);
            actions.push(Action::Stop { machine });
            return Ok(());
        }
        self.machines.set_silent(slot, silent);
        let next = self.now.checked_add(self.config.poll_interval);
        self.machines
            .set_poll(slot, next.map_or(Poll::Never, Poll::Due));
        Ok(())
    }
}
