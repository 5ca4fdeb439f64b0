//! Machines: up and start failed (S8, R4), joins (J1), stopped (S12, F4), and who is known.

use remuda::{Action, KindId, Loss, MachineId, Notice, OnceOutcome, Reject, Resources, StartHint};

use super::{Fate, Known, Leaving, Machine, Mark, Model, Place, Poll, State, Trial};

impl Model {
    /// Whether the machine is known, and else the rejection.
    pub(super) fn is_known(&mut self, machine: MachineId) -> bool {
        let known = self.fate(machine).is_some();
        if !known {
            self.reject(Reject::UnknownMachine { machine });
        }
        known
    }

    /// Whether the machine is in service, and else the rejection.
    pub(super) fn is_serving(&mut self, machine: MachineId) -> bool {
        if !self.is_known(machine) {
            return false;
        }
        let serving = self.machine(machine).is_some_and(|m| m.is_up());
        if !serving {
            self.reject(Reject::MachineNotInService { machine });
        }
        serving
    }

    /// A new machine, at its place in the order of ids.
    pub(super) fn add(&mut self, machine: Machine) {
        self.known.push(Known {
            id: machine.id,
            kind: machine.kind,
            fate: Fate::There,
        });
        self.machines.push(machine);
        self.machines.sort_by_key(|m| m.id);
    }

    /// A machine as it is when it is first heard of.
    pub(super) fn new_machine(&self, id: MachineId, kind: KindId) -> Machine {
        Machine {
            id,
            kind,
            offer: self.config.kinds[usize::from(kind.0)].capacity,
            state: State::Pending,
            leaving: Leaving::No,
            trial: Trial::No,
            steps: self.kinds[usize::from(kind.0)].steps_ever,
            passages: 0,
            up_at: self.now,
            idle_from: self.now,
            poll: Poll::Never,
            silence: 0,
            tasks: Vec::new(),
            once: Vec::new(),
        }
    }

    /// S8, R4, S17, S22, G3.
    pub(super) fn up(&mut self, machine: MachineId, said: Option<Resources>) {
        if !self.is_known(machine) {
            return;
        }
        let (now, settle, shut_down) = (self.now, self.config.settle, self.shut_down);
        let record = self.machine(machine);
        if record
            .as_ref()
            .is_some_and(|m| m.leaving == Leaving::Stopping)
        {
            return self.mark(Mark::UpWhileStopping);
        }
        let Some(record) = record.filter(|m| m.state == State::Pending) else {
            return self.reject(Reject::MachineNotPending { machine });
        };
        record.state = State::Ok;
        // R4: of more than the capacity the rest is not used.
        record.offer = said.map_or(record.offer, |said| said.min(record.offer));
        (record.up_at, record.idle_from) = (now, now);
        record.trial = match now.checked_add(settle) {
            _ if shut_down || settle.is_zero() => Trial::No,
            Some(at) => Trial::Until(at),
            None => Trial::UntilOk,
        };
        let (kind, offer) = (record.kind, record.offer);
        let state = &mut self.kinds[usize::from(kind.0)];
        state.expected = state.expected.min(offer);
        state.ramp = false;
        if offer != self.config.kinds[usize::from(kind.0)].capacity {
            self.mark(Mark::R4OfferBelowCapacity);
        }
        if settle.is_zero() {
            self.end_back_off(kind);
        }
        match shut_down {
            true => self.act(Place::Stop, Action::Stop { machine }),
            false => self.first_poll(machine),
        }
    }

    /// S8, G3. One that was told to stop before it came up has ended.
    pub(super) fn start_failed(&mut self, machine: MachineId, hint: Option<StartHint>) {
        if !self.is_known(machine) {
            return;
        }
        match self.machine(machine).filter(|m| m.state == State::Pending) {
            None => self.reject(Reject::MachineNotPending { machine }),
            Some(record) if record.leaving == Leaving::Stopping => self.end(machine),
            Some(_) => self.fail(machine, hint),
        }
    }

    /// S12, S8, F5, D1.
    pub(super) fn stopped(&mut self, machine: MachineId) {
        if !self.is_known(machine) {
            return;
        }
        let record = self.machine(machine).map(|m| (m.leaving, m.state));
        match record {
            None => {}
            Some((Leaving::Stopping, _)) => self.end(machine),
            Some((_, State::Pending)) => self.fail(machine, None),
            Some(_) => self.lose(machine, Loss::Stopped),
        }
    }

    /// A pending machine did not start (S8, F7, G3).
    fn fail(&mut self, machine: MachineId, hint: Option<StartHint>) {
        if let Some(gone) = self.remove(machine, Fate::Failed) {
            self.count_failure(gone.kind, gone.steps, hint);
        }
    }

    /// A machine that was told to stop is gone: what was left there is lost with it (D1).
    fn end(&mut self, machine: MachineId) {
        self.act(Place::News, Action::Notice(Notice::Ended { machine }));
        if let Some(gone) = self.remove(machine, Fate::Ended) {
            self.gone_with(gone, Loss::Drained);
        }
    }

    /// S12, F4, S14, S16; G3: one that is on trial is a failed start too.
    pub(super) fn lose(&mut self, machine: MachineId, by: Loss) {
        let notice = Notice::MachineLost { machine, by };
        self.act(Place::News, Action::Notice(notice));
        let Some(gone) = self.remove(machine, Fate::Lost) else {
            return;
        };
        if gone.trial != Trial::No {
            self.mark(Mark::G3LostOnTrial);
            self.count_failure(gone.kind, gone.steps, None);
        } else {
            self.lift_capacity_stop(gone.kind);
        }
        self.gone_with(gone, by);
    }

    fn remove(&mut self, machine: MachineId, fate: Fate) -> Option<Machine> {
        let at = self.machines.iter().position(|m| m.id == machine)?;
        let known = self.known.iter_mut().find(|known| known.id == machine)?;
        known.fate = fate;
        let gone = self.machines.remove(at);
        if fate == Fate::Ended {
            self.lift_capacity_stop(gone.kind);
        }
        Some(gone)
    }

    /// F4, S14, S16: each grant, task and waiter there is told, once.
    fn gone_with(&mut self, gone: Machine, by: Loss) {
        let machine = gone.id;
        for running in self.running.extract_if(.., |r| r.machine == machine) {
            let request = running.id;
            let lost = Action::RequestLost {
                request,
                machine,
                by,
            };
            self.step_actions.push((Place::LostRequest, lost));
        }
        for task in gone.tasks {
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

    /// J1.
    pub(super) fn join(&mut self, machine: MachineId, kind: KindId, said: Option<Resources>) {
        if self.is_bigslice() {
            return self.reject(Reject::NotInBigslice);
        }
        let highest = self.highest_joined();
        let least = highest.map_or(MachineId::joined(0), |id| MachineId(id.0.saturating_add(1)));
        // The last id of all could have no successor.
        let last = machine == MachineId(u64::MAX);
        if last || !machine.is_joined() || highest.is_some_and(|highest| machine <= highest) {
            return self.reject(Reject::JoinId { machine, least });
        }
        let Some(limits) = self.config.kinds.get(usize::from(kind.0)) else {
            return self.reject(Reject::UnknownKind { kind });
        };
        let offer = said.map_or(limits.capacity, |said| said.min(limits.capacity));
        let of_kind = self.machines.iter().filter(|m| m.kind == kind).count() as u64;
        let procs = self.procs_there() + u64::from(offer.proc_count());
        let within_limits =
            !self.shut_down && of_kind < u64::from(limits.max) && procs <= self.config.max_procs;
        self.add(Machine {
            state: State::Ok,
            offer,
            ..self.new_machine(machine, kind)
        });
        match within_limits {
            true => self.first_poll(machine),
            false => {
                self.mark(Mark::J1AboveTheLimits);
                self.tell_to_stop(machine, Place::Stop);
            }
        }
    }

    /// Procs of all machines that are not gone, draining and stopping ones too.
    pub(super) fn procs_there(&self) -> u64 {
        let procs = self.machines.iter();
        procs.map(|m| u64::from(m.offer.proc_count())).sum()
    }
}
