//! Tasks: results that stay on a machine (S14, S15).

use alloc::vec::Vec;

use super::Manager;
use crate::protocol::action::Action;
use crate::protocol::id::{MachineId, TaskId};
use crate::protocol::reject::Reject;
use crate::storage::list::MAX_RECORDS;

impl Manager {
    /// S14.
    #[inline(never)]
    pub(super) fn assign_task(
        &mut self,
        machine: MachineId,
        task: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.in_service_or_gone(machine)? else {
            actions.push(Action::TaskLost { task, machine });
            return Ok(());
        };
        if self.machines.holdings.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        self.machines.assign(slot, task);
        Ok(())
    }

    /// S15.
    #[inline(never)]
    pub(super) fn discard_task(
        &mut self,
        machine: MachineId,
        task: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.known(machine)? else {
            return Ok(());
        };
        if self.machines.discard(slot, task) {
            actions.push(Action::TaskLost { task, machine });
            actions.push(Action::DropTask { task, machine });
        }
        Ok(())
    }
}
