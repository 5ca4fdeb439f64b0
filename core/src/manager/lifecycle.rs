//! How machines come and go: up, joined, failed, stopped, lost (S8, S12, F4, J, S22).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::{Phase, Timer};
use crate::protocol::action::{Action, Loss, Notice};
use crate::protocol::config::Policy;
use crate::protocol::event::{OnceOutcome, StartHint};
use crate::protocol::id::{KindId, MachineId};
use crate::protocol::reject::Reject;
use crate::protocol::resources::Resources;
use crate::storage::list::MAX_RECORDS;

impl Manager {
    /// S8, R4: a machine that was asked for enters service.
    #[inline(never)]
    pub(super) fn up(
        &mut self,
        machine: MachineId,
        offer: Option<Resources>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self
            .known(machine)?
            .ok_or(Reject::MachineNotPending { machine })?;
        let record = self.machines.get(slot);
        let steps = match record.phase {
            Phase::Pending { steps } => steps,
            Phase::Stopping { .. } => return Ok(()),
            Phase::Up => return Err(Reject::MachineNotPending { machine }),
        };
        let index = usize::from(record.kind.0);
        let kind = &self.machines.kinds[index];
        let offer = offer.unwrap_or(kind.kind.capacity).min(kind.kind.capacity);
        self.machines.expect(index, kind.expected.min(offer));
        let (now, settle) = (self.now, self.config.settle);
        let on_trial = !settle.is_zero() && !self.shutdown;
        let settles = now.checked_add(settle).filter(|_| on_trial);
        self.machines.change(slot, |record| {
            record.phase = Phase::Up;
            (record.offer, record.free) = (offer, offer);
            (record.since, record.idle_since) = (now, now);
            record.trial = on_trial.then_some(steps);
            record.settles = settles;
        });
        self.machines.set_timer(slot, Timer::Settle, settles);
        self.growth[index].came_up();
        if settle.is_zero() {
            self.growth[index].succeeded();
            self.deadlines_dirty = true;
        }
        self.enter_service(slot, actions);
        Ok(())
    }

    /// J1: a machine that was not asked for enters service.
    #[inline(never)]
    pub(super) fn join(
        &mut self,
        machine: MachineId,
        kind: KindId,
        offer: Option<Resources>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        if self.config.policy == Policy::Bigslice {
            return Err(Reject::NotInBigslice);
        }
        let least = self.next_joined;
        if machine < least || machine == MachineId(u64::MAX) {
            return Err(Reject::JoinId { machine, least });
        }
        let state = &self.machines.kinds[self.known_kind(kind)?];
        if self.machines.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        let offer = offer
            .unwrap_or(state.kind.capacity)
            .min(state.kind.capacity);
        let full = state.sums.machines_there() >= u64::from(state.kind.max);
        let procs = self
            .machines
            .procs()
            .saturating_add(u64::from(offer.proc_count()));
        self.next_joined = MachineId(machine.0 + 1);
        let slot = self.machines.add(machine, kind, Phase::Up, offer, self.now);
        if self.shutdown || full || procs > self.max_procs {
            self.stop(slot, actions);
        } else {
            self.enter_service(slot, actions);
        }
        Ok(())
    }

    /// What a machine is told that has come up.
    fn enter_service(&mut self, slot: u32, actions: &mut Vec<Action>) {
        if self.shutdown {
            let machine = self.machines.get(slot).id;
            actions.push(Action::Stop { machine });
        } else if !self.config.poll_interval.is_zero() {
            self.poll(slot, actions);
        }
    }

    #[inline(never)]
    pub(super) fn start_failed(
        &mut self,
        machine: MachineId,
        hint: Option<StartHint>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self
            .known(machine)?
            .ok_or(Reject::MachineNotPending { machine })?;
        match self.machines.get(slot).phase {
            Phase::Pending { .. } => self.fail_start(slot, hint, actions),
            Phase::Stopping { was_up: false } => self.end(slot, actions),
            Phase::Stopping { was_up: true } | Phase::Up => {
                return Err(Reject::MachineNotPending { machine });
            }
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn stopped(
        &mut self,
        machine: MachineId,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let Some(slot) = self.known(machine)? else {
            return Ok(());
        };
        match self.machines.get(slot).phase {
            Phase::Pending { .. } => self.fail_start(slot, None, actions),
            Phase::Stopping { .. } => self.end(slot, actions),
            Phase::Up => self.lose(slot, Loss::Stopped, actions),
        }
        Ok(())
    }

    /// Tells a machine to stop, whatever runs there.
    pub(super) fn stop(&mut self, slot: u32, actions: &mut Vec<Action>) {
        let now = self.now;
        let machine = self.machines.change(slot, |record| {
            let was_up = record.phase == Phase::Up;
            record.phase = Phase::Stopping { was_up };
            record.stop_since = Some(now);
            (record.probation, record.draining) = (None, None);
            (record.trial, record.settles) = (None, None);
            record.id
        });
        for timer in [Timer::Probation, Timer::DrainEnd, Timer::Settle] {
            self.machines.set_timer(slot, timer, None);
        }
        actions.push(Action::Stop { machine });
    }

    /// S12, F4, S14, S16: a machine is lost with all that was on it.
    pub(super) fn lose(&mut self, slot: u32, by: Loss, actions: &mut Vec<Action>) {
        let record = self.machines.get(slot);
        let (machine, index, trial) = (record.id, usize::from(record.kind.0), record.trial);
        actions.push(Action::Notice(Notice::MachineLost { machine, by }));
        if let Some(steps) = trial {
            // G3: it did not stay up for long enough.
            self.count_failure(index, steps, actions);
        }
        let lost = &mut self.machines.kinds[index].lost;
        *lost = lost.saturating_add(1);
        self.clear(slot, by, actions);
    }

    /// A machine that was told to stop is gone.
    fn end(&mut self, slot: u32, actions: &mut Vec<Action>) {
        let record = self.machines.get(slot);
        let (machine, index) = (record.id, usize::from(record.kind.0));
        actions.push(Action::Notice(Notice::Ended { machine }));
        let ended = &mut self.machines.kinds[index].ended;
        *ended = ended.saturating_add(1);
        self.clear(slot, Loss::Drained, actions);
    }

    /// Ends all that is on a machine, and forgets it.
    fn clear(&mut self, slot: u32, by: Loss, actions: &mut Vec<Action>) {
        let machine = self.machines.get(slot).id;
        while let Some(running) = self.machines.get(slot).running.head() {
            self.machines.release(&mut self.requests, running, self.now);
            let request = self.requests.remove(running).id;
            actions.push(Action::RequestLost {
                request,
                machine,
                by,
            });
        }
        let holdings = &self.machines.holdings;
        for task in holdings.tasks_on(slot) {
            actions.push(Action::TaskLost { task, machine });
        }
        for (waiter, key) in holdings.waiters_on(slot) {
            let outcome = OnceOutcome::MachineLost;
            actions.push(Action::OnceReady {
                waiter,
                key,
                outcome,
            });
        }
        let index = usize::from(self.machines.get(slot).kind.0);
        self.machines.remove(slot);
        self.growth[index].machine_gone();
        self.deadlines_dirty = true;
    }

    /// S22.
    #[inline(never)]
    pub(super) fn shut_down(&mut self, actions: &mut Vec<Action>) {
        if core::mem::replace(&mut self.shutdown, true) {
            return;
        }
        self.deadlines_dirty = true;
        self.cancel_all(actions);
        let slots: Vec<u32> = self.machines.slots().collect();
        for slot in slots {
            let now = self.now;
            let record = self.machines.get(slot);
            let machine = record.id;
            if record.was_up() {
                actions.push(Action::Stop { machine });
            }
            self.machines.change(slot, |record| {
                (record.trial, record.settles) = (None, None);
                if record.was_up() {
                    record.stop_since = record.stop_since.or(Some(now));
                }
            });
            self.machines.set_timer(slot, Timer::Settle, None);
        }
    }
}
