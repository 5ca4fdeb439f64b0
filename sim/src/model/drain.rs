//! Draining (D1, D2), and the state of a machine that was told to stop.

use remuda::{Action, Instant, MachineId, Notice, Reject};

use super::{Leaving, Mark, Model, Place, State, Trial};

impl Model {
    /// D1.
    pub(super) fn drain(&mut self, machine: MachineId, until: Option<Instant>) {
        if !self.is_known(machine) || self.shut_down {
            return;
        }
        let Some(record) = self.machine(machine) else {
            return;
        };
        match (record.leaving, record.state) {
            (Leaving::Stopping, _) => return,
            (Leaving::No, State::Pending) => {
                return self.tell_to_stop(machine, Place::Stop);
            }
            (Leaving::No, _) => self.begin_drain(machine, until),
            (Leaving::Draining { until: before }, _) => {
                let earlier = until.is_some_and(|at| before.is_none_or(|before| at < before));
                if !earlier {
                    return self.mark(Mark::D1LaterDrain);
                }
                self.begin_drain(machine, until);
            }
        }
        if until.is_some_and(|at| at <= self.now) {
            self.mark(Mark::D1UntilPassed);
            self.tell_to_stop(machine, Place::Stop);
        }
    }

    /// The notice, and no new grants from now on.
    pub(super) fn begin_drain(&mut self, machine: MachineId, until: Option<Instant>) {
        self.begin_drain_at(machine, until, Place::News);
    }

    pub(super) fn begin_drain_at(
        &mut self,
        machine: MachineId,
        until: Option<Instant>,
        place: Place,
    ) {
        if let Some(record) = self.machine(machine) {
            record.leaving = Leaving::Draining { until };
        }
        let notice = Notice::Draining { machine, until };
        self.act(place, Action::Notice(notice));
    }

    /// It leaves all counts but those for `max` and `max_procs`; its probation and its trial are
    /// over, polls go on.
    pub(super) fn tell_to_stop(&mut self, machine: MachineId, place: Place) {
        if let Some(record) = self.machine(machine) {
            record.leaving = Leaving::Stopping;
            record.trial = Trial::No;
            if record.state != State::Pending {
                record.state = State::Ok;
            }
        }
        self.act(place, Action::Stop { machine });
    }

    /// D1: draining machines on which nothing runs are told to stop, by id.
    pub(super) fn stop_drained(&mut self) {
        if self.shut_down {
            return;
        }
        let draining = self.machines.iter();
        let draining = draining.filter(|m| matches!(m.leaving, Leaving::Draining { .. }));
        let empty = draining.map(|m| m.id).filter(|id| self.is_empty(*id));
        for machine in empty.collect::<Vec<_>>() {
            self.tell_to_stop(machine, Place::Stop);
        }
    }

    /// D2: with the health it had, also above `max`; its passages are forgotten (H2).
    pub(super) fn keep(&mut self, machine: MachineId) {
        if !self.is_known(machine) || self.shut_down {
            return;
        }
        let Some(record) = self.machine(machine) else {
            return;
        };
        match record.leaving {
            Leaving::No => {}
            Leaving::Stopping => self.reject(Reject::MachineStopping { machine }),
            Leaving::Draining { .. } => {
                record.leaving = Leaving::No;
                record.passages = 0;
                if record.state != State::Ok {
                    self.mark(Mark::D2KeptOnProbation);
                }
                self.act(Place::News, Action::Notice(Notice::Kept { machine }));
            }
        }
    }
}
