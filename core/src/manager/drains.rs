//! Draining: a machine gets no new grants and is told to stop when it is empty (D).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::{Ends, KindState, Phase, Timer};
use crate::protocol::action::{Action, Notice};
use crate::protocol::id::MachineId;
use crate::protocol::reject::Reject;
use crate::protocol::time::Instant;

impl Manager {
    /// D1.
    #[inline(never)]
    pub(super) fn drain_event(
        &mut self,
        machine: MachineId,
        until: Option<Instant>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.known(machine)?.filter(|_| !self.shutdown) else {
            return Ok(());
        };
        match self.machines.get(slot).phase {
            Phase::Pending { .. } => self.stop(slot, actions),
            Phase::Stopping { .. } => {}
            Phase::Up => self.drain(slot, until, actions),
        }
        Ok(())
    }

    /// Begins to drain a machine in service, or brings the end of its drain forward.
    pub(super) fn drain(&mut self, slot: u32, until: Option<Instant>, actions: &mut Vec<Action>) {
        let machine = self.machines.get(slot).id;
        let ends = Ends::from(until);
        let before = self.machines.get(slot).draining;
        if before.is_some_and(|before| before <= ends) {
            return;
        }
        self.machines
            .change(slot, |record| record.draining = Some(ends));
        self.machines.set_timer(slot, Timer::DrainEnd, until);
        actions.push(Action::Notice(Notice::Draining { machine, until }));
        if until.is_some_and(|until| until <= self.now) {
            self.stop(slot, actions);
        }
    }

    /// D2.
    #[inline(never)]
    pub(super) fn keep(
        &mut self,
        machine: MachineId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.known(machine)?.filter(|_| !self.shutdown) else {
            return Ok(());
        };
        let record = self.machines.get(slot);
        if record.is_stopping() {
            return Err(Reject::MachineStopping { machine });
        }
        if record.draining.is_some() {
            self.machines.change(slot, |record| {
                record.draining = None;
                record.passages = 0;
            });
            self.machines.set_timer(slot, Timer::DrainEnd, None);
            actions.push(Action::Notice(Notice::Kept { machine }));
        }
        Ok(())
    }

    /// D1: the machines that drain and on which nothing runs any more are told to stop.
    #[inline]
    pub(super) fn stop_drained(&mut self, actions: &mut Vec<Action>) {
        let drains = |kind: &KindState| kind.sums.machines.draining > 0;
        if self.shutdown || !self.machines.kinds.iter().any(drains) {
            return;
        }
        let is_drained = |slot: &u32| {
            let record = self.machines.get(*slot);
            record.phase == Phase::Up && record.draining.is_some() && record.grants == 0
        };
        let mut drained: Vec<u32> = { self.machines.touched().iter().copied() }
            .filter(is_drained)
            .collect();
        drained.sort_unstable_by_key(|slot| self.machines.get(*slot).id);
        for slot in drained {
            self.stop(slot, actions);
        }
    }
}
