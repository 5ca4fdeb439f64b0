//! What lives on machines: tasks (S14, S15) and once-work (S16).

use remuda::{Action, MachineId, OnceKey, OnceOutcome, Reject, TaskId, WaiterId};

use super::{Mark, Model, Place, Waiter};

impl Model {
    /// Whether the machine has not come up yet, with the rejection if so.
    fn is_still_pending(&mut self, machine: MachineId) -> bool {
        let pending = self.machine(machine).is_some_and(|m| !m.is_up());
        if pending {
            self.reject(Reject::MachineNotInService { machine });
        }
        pending
    }

    /// S14.
    pub(super) fn assign(&mut self, machine: MachineId, task: TaskId) {
        if !self.is_known(machine) || self.is_still_pending(machine) {
            return;
        }
        match self.machine(machine) {
            None => self.act(Place::LostTask, Action::TaskLost { task, machine }),
            Some(record) if record.tasks.contains(&task) => self.mark(Mark::S14AssignedAgain),
            Some(record) => record.tasks.push(task),
        }
    }

    /// S15.
    pub(super) fn discard(&mut self, machine: MachineId, task: TaskId) {
        if !self.is_known(machine) {
            return;
        }
        let held = self.machine(machine).and_then(|record| {
            let at = record.tasks.iter().position(|t| *t == task)?;
            Some(record.tasks.remove(at))
        });
        if held.is_some() {
            self.act(Place::LostTask, Action::TaskLost { task, machine });
            self.act(Place::Drop, Action::DropTask { task, machine });
        } else {
            self.mark(Mark::S15DiscardOfNothing);
        }
    }

    /// S16.
    pub(super) fn once(&mut self, machine: MachineId, key: OnceKey, waiter: WaiterId) {
        if !self.is_known(machine) || self.is_still_pending(machine) {
            return;
        }
        if self.waiters.iter().any(|w| w.id == waiter) {
            return self.reject(Reject::DuplicateWaiter { waiter });
        }
        let Some(record) = self.machine(machine) else {
            return self.ready(waiter, key, OnceOutcome::MachineLost);
        };
        match record.once.iter().find(|(k, _)| *k == key) {
            Some((_, Some(outcome))) => {
                let outcome = *outcome;
                if outcome != OnceOutcome::Ok {
                    self.mark(Mark::S16ErrorRemembered);
                }
                return self.ready(waiter, key, outcome);
            }
            Some((_, None)) => self.mark(Mark::S16AskedWhileRunning),
            None => {
                record.once.push((key, None));
                self.act(Place::RunOnce, Action::RunOnce { machine, key });
            }
        }
        self.waiters.push(Waiter {
            id: waiter,
            machine,
            key,
        });
    }

    fn ready(&mut self, waiter: WaiterId, key: OnceKey, outcome: OnceOutcome) {
        let ready = Action::OnceReady {
            waiter,
            key,
            outcome,
        };
        self.act(Place::Once, ready);
    }

    /// S16.
    pub(super) fn once_done(&mut self, machine: MachineId, key: OnceKey, outcome: OnceOutcome) {
        if !self.is_serving(machine) {
            return;
        }
        let record = self.machine(machine).expect("it is in service");
        match record.once.iter_mut().find(|(k, _)| *k == key) {
            None => return self.reject(Reject::OnceUnknown { machine, key }),
            Some((_, Some(_))) => return self.reject(Reject::OnceNotRunning { machine, key }),
            Some(_) if outcome == OnceOutcome::MachineLost => {
                return self.reject(Reject::OnceMachineLost { machine, key });
            }
            Some((_, result)) => *result = Some(outcome),
        }
        let asked = |w: &mut Waiter| (w.machine, w.key) == (machine, key);
        let answered: Vec<Waiter> = self.waiters.extract_if(.., asked).collect();
        if answered.len() > 1 {
            self.mark(Mark::S16SeveralAnswered);
        }
        for waiter in answered {
            self.ready(waiter.id, key, outcome);
        }
    }

    /// S16.
    pub(super) fn forget(&mut self, machine: MachineId, key: OnceKey) {
        if !self.is_serving(machine) {
            return;
        }
        let record = self.machine(machine).expect("it is in service");
        match record.once.iter().position(|(k, _)| *k == key) {
            None => self.reject(Reject::OnceUnknown { machine, key }),
            Some(at) if record.once[at].1.is_none() => {
                self.reject(Reject::OnceRunning { machine, key });
            }
            Some(at) => {
                record.once.remove(at);
            }
        }
    }
}
