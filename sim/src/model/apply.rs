//! What each event does: requests, machines, polls and the end. See `once.rs` for what lives on
//! machines.

use remuda::{
    Action, Demand, Event, Loss, MachineId, Notice, OnceOutcome, Outcome, Recovery, Reject,
    RequestId,
};

use super::{Fate, Hold, Mark, Model, Place, Poll, Queued, State};

impl Model {
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Submit {
                request,
                priority,
                demand,
            } => self.submit(request, priority, demand),
            Event::Cancel { request } => self.cancel(request),
            Event::Done { request, outcome } => self.done(request, outcome),
            Event::Up { machine } => self.up(machine),
            Event::StartFailed { machine } => {
                if self.is_pending(machine) {
                    self.start_failed(machine);
                }
            }
            Event::Stopped { machine } => self.stopped(machine),
            Event::Assign { machine, task } => self.assign(machine, task),
            Event::Discard { machine, task } => self.discard(machine, task),
            Event::Once {
                machine,
                key,
                waiter,
            } => self.once(machine, key, waiter),
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => self.once_done(machine, key, outcome),
            Event::Forget { machine, key } => self.forget(machine, key),
            Event::Polled { machine, answered } => self.polled(machine, answered),
            Event::Timer => {}
            Event::Shutdown => self.shutdown(),
            _ => unreachable!("the model knows every event"),
        }
    }

    pub(super) fn reject(&mut self, reject: Reject) {
        self.act(Place::News, Action::Reject(reject));
    }

    fn notice(&mut self, notice: Notice) {
        self.act(Place::News, Action::Notice(notice));
    }

    /// F2, S3, S22.
    fn submit(&mut self, request: RequestId, priority: i64, demand: Demand) {
        let limit = self.config.machine_procs;
        let procs = match demand {
            Demand::Procs(n) => n.get(),
            Demand::Machine => limit,
        };
        if self.queue.iter().any(|r| r.id == request)
            || self.running.iter().any(|r| r.id == request)
        {
            return self.reject(Reject::DuplicateRequest { request });
        }
        if procs > limit {
            return self.reject(Reject::TooManyProcs {
                request,
                procs,
                limit,
            });
        }
        if self.shut_down {
            return self.act(Place::News, Action::Cancelled { request });
        }
        if self
            .queue
            .iter()
            .any(|r| (r.priority, r.procs) == (priority, procs))
        {
            self.mark(Mark::T1ArrivalDecides);
        }
        self.queue.push(Queued {
            id: request,
            priority,
            procs,
        });
        // A stable sort: what arrived earlier stays before its equals (T1).
        self.queue.sort_by_key(|r| (r.priority, u32::MAX - r.procs));
    }

    /// S6, F4.
    fn cancel(&mut self, request: RequestId) {
        if let Some(i) = self.queue.iter().position(|r| r.id == request) {
            self.queue.remove(i);
        } else if !self.running.iter().any(|r| r.id == request) {
            self.reject(Reject::UnknownRequest { request });
        }
    }

    /// S9–S11, S13, F4.
    fn done(&mut self, request: RequestId, outcome: Outcome) {
        if self.queue.iter().any(|r| r.id == request) {
            return self.reject(Reject::RequestNotRunning { request });
        }
        let Some(i) = self.running.iter().position(|r| r.id == request) else {
            return self.reject(Reject::UnknownRequest { request });
        };
        let machine = self.running.remove(i).machine;
        let until = self.now.checked_add(self.config.probation);
        let record = self.machine(machine).expect("a grant's machine is there");
        match (record.state, outcome) {
            (State::Ok, Outcome::Unreachable) => {
                record.state = State::Probation { until };
                self.notice(Notice::Probation { machine });
            }
            (State::Probation { .. }, Outcome::Ok) => self.recover(machine, Recovery::Success),
            (State::Probation { .. }, Outcome::Remote | Outcome::Unreachable) => {
                record.state = State::Probation { until };
                self.mark(match outcome {
                    Outcome::Remote => Mark::S10RestartedByRemote,
                    _ => Mark::S10RestartedByUnreachable,
                });
            }
            _ => {}
        }
    }

    pub(super) fn recover(&mut self, machine: MachineId, by: Recovery) {
        let record = self.machine(machine).expect("it is on probation");
        record.state = State::Ok;
        self.notice(Notice::Recovered { machine, by });
    }

    /// Whether the machine is known, and else the rejection.
    pub(super) fn is_known(&mut self, machine: MachineId) -> bool {
        let known = machine.0 < self.fates.len() as u64;
        if !known {
            self.reject(Reject::UnknownMachine { machine });
        }
        known
    }

    /// Whether the machine's start is unanswered, and else the rejection.
    fn is_pending(&mut self, machine: MachineId) -> bool {
        if !self.is_known(machine) {
            return false;
        }
        let pending = self
            .machine(machine)
            .is_some_and(|m| matches!(m.state, State::Pending { .. }));
        if !pending {
            self.reject(Reject::MachineNotPending { machine });
        }
        pending
    }

    /// Whether the machine is in service, and else the rejection.
    pub(super) fn is_serving(&mut self, machine: MachineId) -> bool {
        if !self.is_known(machine) {
            return false;
        }
        let serving = self
            .machine(machine)
            .is_some_and(|m| !matches!(m.state, State::Pending { .. }));
        if !serving {
            self.reject(Reject::MachineNotInService { machine });
        }
        serving
    }

    /// S8, S17, S22.
    fn up(&mut self, machine: MachineId) {
        if !self.is_pending(machine) {
            return;
        }
        if self.hold != Hold::No {
            self.mark(Mark::F7EndedByUp);
        }
        (self.failures, self.step, self.hold) = (0, 0, Hold::No);
        self.machine(machine).expect("it is pending").state = State::Ok;
        if self.shut_down {
            self.act(Place::Stop, Action::Stop { machine });
        } else if !self.config.poll_interval.is_zero() {
            self.poll(machine);
        }
    }

    pub(super) fn poll(&mut self, machine: MachineId) {
        self.machine(machine).expect("it is in service").poll = Poll::Out;
        self.act(Place::Poll, Action::Poll { machine });
    }

    /// S8, F7.
    fn start_failed(&mut self, machine: MachineId) {
        let record = self.machine(machine).expect("it is pending");
        let State::Pending { steps } = record.state else {
            unreachable!("it is pending");
        };
        self.machines.retain(|m| m.id != machine);
        self.fates[machine.0 as usize] = Fate::Failed;
        self.failures += 1;
        if self.failures > 8 {
            let failures = self.failures;
            self.notice(Notice::StartsFailing { failures });
        }
        // Asked for after the last step: the next one.
        if steps == self.steps_ever {
            self.back_off();
        } else {
            self.mark(Mark::F7FailedWithOthers);
        }
    }

    fn back_off(&mut self) {
        self.steps_ever += 1;
        self.step = self.step.saturating_add(1);
        let (base, cap) = (
            self.config.start_backoff_base,
            self.config.start_backoff_cap,
        );
        let doubled = match self.step - 1 {
            k if base.is_zero() || k == 0 => base,
            k if k < 32 => base.saturating_mul(1 << k),
            k => base
                .saturating_mul(1 << 31)
                .saturating_mul(1 << (k - 31).min(31)),
        };
        if doubled > cap {
            self.mark(Mark::F7Capped);
        }
        self.backoff_until = self.now.checked_add(doubled.min(cap));
        self.hold = match self.backoff_until {
            Some(at) if at <= self.now => Hold::No,
            Some(at) => Hold::Until(at),
            None => {
                self.mark(Mark::F7PastTheEndOfTime);
                Hold::Forever
            }
        };
    }

    /// S12, S8, F5.
    fn stopped(&mut self, machine: MachineId) {
        if !self.is_known(machine) {
            return;
        }
        match self.machine(machine).map(|m| m.state) {
            None => {}
            Some(State::Pending { .. }) => self.start_failed(machine),
            Some(_) => self.lose(machine, Loss::Stopped),
        }
    }

    /// S12, F4, S14, S16.
    fn lose(&mut self, machine: MachineId, by: Loss) {
        self.notice(Notice::MachineLost { machine, by });
        let at = self.machines.iter().position(|m| m.id == machine);
        let record = self.machines.remove(at.expect("it is in service"));
        self.fates[machine.0 as usize] = Fate::Lost;
        for running in self.running.extract_if(.., |r| r.machine == machine) {
            let request = running.id;
            let lost = Action::RequestLost { request, machine };
            self.step_actions.push((Place::LostRequest, lost));
        }
        for task in record.tasks {
            self.act(Place::LostTask, Action::TaskLost { task, machine });
        }
        for waiter in self.waiters.extract_if(.., |w| w.machine == machine) {
            let ready = Action::OnceReady {
                waiter: waiter.id,
                key: waiter.key,
                outcome: OnceOutcome::MachineLost,
            };
            self.step_actions.push((Place::Once, ready));
        }
    }

    /// S17, F8.
    fn polled(&mut self, machine: MachineId, answered: bool) {
        if !self.is_serving(machine) {
            return;
        }
        let next = self.now.checked_add(self.config.poll_interval);
        let (limit, shut_down) = (self.config.silent_polls, self.shut_down);
        let record = self.machine(machine).expect("it is in service");
        if record.poll != Poll::Out {
            return self.reject(Reject::UnexpectedPolled { machine });
        }
        record.poll = match next {
            Some(at) if !shut_down => Poll::Due(at),
            _ => Poll::Never,
        };
        record.silence = if answered { 0 } else { record.silence + 1 };
        if !answered && limit > 0 && record.silence >= limit {
            self.lose(machine, Loss::Silence);
            self.act(Place::Stop, Action::Stop { machine });
        }
    }

    /// S22.
    fn shutdown(&mut self) {
        if self.shut_down {
            return;
        }
        self.shut_down = true;
        for queued in std::mem::take(&mut self.queue) {
            let request = queued.id;
            self.act(Place::News, Action::Cancelled { request });
        }
        for machine in &self.machines {
            if !matches!(machine.state, State::Pending { .. }) {
                let machine = machine.id;
                self.step_actions
                    .push((Place::Stop, Action::Stop { machine }));
            }
        }
    }
}
