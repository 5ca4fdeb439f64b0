//! Work that runs once on each machine, however many ask for it (S16).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::{Asked, Once};
use crate::protocol::action::Action;
use crate::protocol::event::OnceOutcome;
use crate::protocol::id::{MachineId, OnceKey, WaiterId};
use crate::protocol::reject::Reject;
use crate::storage::list::MAX_RECORDS;

impl Manager {
    #[inline(never)]
    pub(super) fn once(
        &mut self,
        machine: MachineId,
        key: OnceKey,
        waiter: WaiterId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service_or_gone(machine)?;
        if self.machines.holdings.is_waiting(waiter) {
            return Err(Reject::DuplicateWaiter { waiter });
        }
        let Some(slot) = slot else {
            let outcome = OnceOutcome::MachineLost;
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
            return Ok(());
        };
        if self.machines.holdings.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        match self.machines.holdings.ask(slot, key, waiter, self.now) {
            Asked::Run => actions.push(Action::RunOnce { machine, key }),
            Asked::Wait => {}
            Asked::Known(outcome) => actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            }),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn once_done(
        &mut self,
        machine: MachineId,
        key: OnceKey,
        outcome: OnceOutcome,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        if self.known_once(machine, slot, key)?.result.is_some() {
            return Err(Reject::OnceNotRunning { machine, key });
        }
        if outcome == OnceOutcome::MachineLost {
            return Err(Reject::OnceMachineLost { machine, key });
        }
        for waiter in self.machines.holdings.end_once(slot, key, outcome) {
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn forget_once(&mut self, machine: MachineId, key: OnceKey) -> Result<(), Reject> {
        let slot = self.in_service(machine)?;
        if self.known_once(machine, slot, key)?.result.is_none() {
            return Err(Reject::OnceRunning { machine, key });
        }
        self.machines.holdings.forget_once(slot, key);
        Ok(())
    }

    /// Work that was asked for on a machine, which is in this slot.
    fn known_once(&self, machine: MachineId, slot: u32, key: OnceKey) -> Result<Once, Reject> {
        let once = self.machines.holdings.once(slot, key);
        once.ok_or(Reject::OnceUnknown { machine, key })
    }
}
