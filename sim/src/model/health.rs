//! Health: probation and its length (S9–S11, S13, H2), machines that come back to it again and
//! again (H3), which count for growth (H1).

use core::time::Duration;

use remuda::{Action, MachineId, Notice, Outcome, Recovery};

use super::{Leaving, Machine, Mark, Model, Place, State};

impl Machine {
    /// Neither draining nor stopping.
    pub(super) fn is_active(&self) -> bool {
        self.leaving == Leaving::No
    }

    /// It came up, whatever it does now.
    pub(super) fn is_up(&self) -> bool {
        self.state != State::Pending
    }

    /// In good health, and neither draining nor stopping.
    pub(super) fn is_good(&self) -> bool {
        self.is_active() && self.state == State::Ok
    }

    /// H1: counts for growth and idle stops. From its second passage on, one on probation does not.
    pub(super) fn is_counted(&self) -> bool {
        let on_probation = matches!(self.state, State::Probation { .. });
        self.is_active() && (!on_probation || self.passages <= 1)
    }
}

impl Model {
    /// S9–S11, S13: what the end of a grant says of its machine's health.
    pub(super) fn judge(&mut self, machine: MachineId, outcome: Outcome) {
        if outcome == Outcome::Ok {
            self.trial_went_well(machine);
        }
        let Some(record) = self.machine(machine) else {
            return;
        };
        if outcome == Outcome::Ok {
            record.passages = 0;
        }
        // A machine that was told to stop is on no probation any more.
        if record.leaving == Leaving::Stopping {
            return;
        }
        match (record.state, outcome) {
            (State::Ok, Outcome::Unreachable) => self.begin_probation(machine),
            (State::Probation { .. }, Outcome::Ok) => self.recover(machine, Recovery::Success),
            (State::Probation { .. }, Outcome::Remote | Outcome::Unreachable) => {
                let length = self.passage_length(machine);
                self.set_probation(machine, length);
                self.mark(match outcome {
                    Outcome::Remote => Mark::S10RestartedByRemote,
                    _ => Mark::S10RestartedByUnreachable,
                });
            }
            _ => {}
        }
    }

    /// S9, H2, H3.
    fn begin_probation(&mut self, machine: MachineId) {
        if let Some(record) = self.machine(machine) {
            record.passages = record.passages.saturating_add(1);
        }
        let length = self.passage_length(machine);
        self.set_probation(machine, length);
        self.act(Place::News, Action::Notice(Notice::Probation { machine }));
        if self.flaps(machine) {
            self.mark(Mark::H3Drained);
            self.begin_drain(machine, None);
        }
    }

    fn set_probation(&mut self, machine: MachineId, length: Duration) {
        let until = self.now.checked_add(length);
        if let Some(record) = self.machine(machine) {
            record.state = State::Probation { until };
        }
    }

    /// H2: the k-th passage lasts `probation * 2^(k-1)`, within the cap, which is never below
    /// `probation`.
    fn passage_length(&mut self, machine: MachineId) -> Duration {
        let passages = self.machine(machine).map_or(1, |record| record.passages);
        let cap = self.config.probation_cap.max(self.config.probation);
        let mut length = self.config.probation;
        for _ in 1..passages.min(128) {
            length = length.saturating_mul(2);
        }
        if length > cap {
            self.mark(Mark::H2Capped);
        }
        length.min(cap)
    }

    /// H3: whether this passage is one too many; not when the fault seems to be shared.
    fn flaps(&mut self, id: MachineId) -> bool {
        let flaps = self.config.flaps;
        let Some(record) = self.machine(id) else {
            return false;
        };
        let kind = record.kind;
        if flaps == 0 || record.passages < flaps || !record.is_active() || self.shut_down {
            return false;
        }
        let others = self.machines.iter();
        let others = others.filter(|m| m.id != id && m.is_active() && m.is_up());
        let others: Vec<&Machine> = others.collect();
        let good = others.iter().filter(|m| m.is_good()).count();
        let last_of_kind = !others.iter().any(|m| m.kind == kind);
        let spared = last_of_kind || good * 2 < others.len();
        if spared {
            self.mark(Mark::H3Spared);
        }
        !spared
    }

    /// S10.
    pub(super) fn recover(&mut self, machine: MachineId, by: Recovery) {
        if let Some(record) = self.machine(machine) {
            record.state = State::Ok;
        }
        self.act(
            Place::News,
            Action::Notice(Notice::Recovered { machine, by }),
        );
    }
}
