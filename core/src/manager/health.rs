//! Health: what the end of work says about its machine (S9, S10, S11, S13, H).

use alloc::vec::Vec;
use core::time::Duration;

use super::Manager;
use crate::machines::Timer;
use crate::protocol::action::{Action, Notice, Recovery};
use crate::protocol::event::Outcome;

impl Manager {
    /// Work on a machine ended like this.
    #[inline]
    pub(super) fn judge(&mut self, slot: u32, outcome: Outcome, actions: &mut Vec<Action>) {
        let machine = self.machines.get(slot);
        let on_probation = machine.probation.is_some();
        match outcome {
            // S13: nothing ran.
            Outcome::Unused => {}
            Outcome::Ok => {
                if machine.passages > 0 || machine.trial.is_some() || on_probation {
                    self.succeeded(slot, actions);
                }
            }
            // S11.
            Outcome::Remote if !on_probation => {}
            Outcome::Remote | Outcome::Unreachable => {
                if machine.is_stopping() {
                } else if on_probation {
                    self.restart_probation(slot);
                } else {
                    self.begin_probation(slot, actions);
                }
            }
        }
    }

    /// S10, H2, G3: work succeeded on a machine of which there were doubts.
    #[cold]
    fn succeeded(&mut self, slot: u32, actions: &mut Vec<Action>) {
        self.machines.change(slot, |machine| machine.passages = 0);
        self.end_trial(slot);
        if self.machines.get(slot).probation.is_some() {
            self.recover(slot, Recovery::Success, actions);
        }
    }

    /// S9: a passage from good health to probation (H2).
    #[cold]
    fn begin_probation(&mut self, slot: u32, actions: &mut Vec<Action>) {
        let machine = self.machines.get(slot).id;
        actions.push(Action::Notice(Notice::Probation { machine }));
        let passages = self.machines.get(slot).passages.saturating_add(1);
        let until = self.now.checked_add(self.probation(passages));
        self.machines.change(slot, |machine| {
            machine.passages = passages;
            machine.probation = Some(until.into());
        });
        self.machines.set_timer(slot, Timer::Probation, until);
        if self.is_flapping(slot) {
            self.drain(slot, None, actions);
        }
    }

    /// S10: an error on probation restarts the same length.
    fn restart_probation(&mut self, slot: u32) {
        let passages = self.machines.get(slot).passages.max(1);
        let until = self.now.checked_add(self.probation(passages));
        self.machines
            .change(slot, |machine| machine.probation = Some(until.into()));
        self.machines.set_timer(slot, Timer::Probation, until);
    }

    /// S10: probation ends.
    pub(super) fn recover(&mut self, slot: u32, by: Recovery, actions: &mut Vec<Action>) {
        let machine = self.machines.get(slot).id;
        actions.push(Action::Notice(Notice::Recovered { machine, by }));
        self.machines
            .change(slot, |machine| machine.probation = None);
        self.machines.set_timer(slot, Timer::Probation, None);
    }

    /// H2: how long the k-th passage lasts, `k` from 1.
    fn probation(&self, k: u32) -> Duration {
        let cap = self.config.probation_cap.max(self.config.probation);
        super::growth::doubled(self.config.probation, k, cap)
    }

    /// H3: whether a machine that just went on probation did so too often, and others do not.
    fn is_flapping(&self, slot: u32) -> bool {
        let machine = self.machines.get(slot);
        let often = self.config.flaps > 0 && machine.passages >= self.config.flaps;
        if !often || !machine.is_active() || self.shutdown {
            return false;
        }
        let active = |kind: &crate::machines::KindState| {
            let machines = kind.sums.machines;
            machines.ok + machines.probation
        };
        let of_its_kind = active(self.machines.kind_of(slot)) - 1;
        let others = self.machines.kinds.iter().map(active).sum::<u64>() - 1;
        let ok: u64 = self
            .machines
            .kinds
            .iter()
            .map(|kind| kind.sums.machines.ok)
            .sum();
        of_its_kind > 0 && ok * 2 >= others
    }
}
