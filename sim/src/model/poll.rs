//! Polls (S17) and silence (F8).

use remuda::{Action, Loss, MachineId, Reject};

use super::{Mark, Model, Place, Poll};

impl Model {
    pub(super) fn poll(&mut self, machine: MachineId) {
        if let Some(record) = self.machine(machine) {
            record.poll = Poll::Out;
        }
        self.act(Place::Poll, Action::Poll { machine });
    }

    /// S17: the first, when a machine enters service.
    pub(super) fn first_poll(&mut self, machine: MachineId) {
        if !self.config.poll_interval.is_zero() {
            self.poll(machine);
        }
    }

    /// S17, F8.
    pub(super) fn polled(&mut self, machine: MachineId, answered: bool) {
        if !self.is_serving(machine) {
            return;
        }
        let next = self.now.checked_add(self.config.poll_interval);
        let (limit, shut_down) = (self.config.silent_polls, self.shut_down);
        let Some(record) = self.machine(machine).filter(|m| m.poll == Poll::Out) else {
            return self.reject(Reject::UnexpectedPolled { machine });
        };
        record.poll = match next {
            Some(at) if !shut_down => Poll::Due(at),
            _ => Poll::Never,
        };
        record.silence = if answered {
            0
        } else {
            record.silence.saturating_add(1)
        };
        let leaving = !record.is_active();
        if !answered && limit > 0 && record.silence >= limit {
            if leaving {
                self.mark(Mark::F8SilentWhileLeaving);
            }
            self.lose(machine, Loss::Silence);
            self.act(Place::Stop, Action::Stop { machine });
        }
    }
}
