//! Events and actions change the tables.

use remuda::{
    Action, Demand, Event, Instant, KindId, Loss, MachineId, Notice, RequestId, Resources,
    StartHint,
};

use super::{Grant, Known, Ledger, take};

impl Ledger {
    /// Notes an event, what the manager was told the time is, and the actions that answered it.
    pub fn note(&mut self, event: Event, now: Instant, actions: &[Action]) {
        let rejected = actions.iter().any(|a| matches!(a, Action::Reject(_)));
        if !rejected {
            self.before(event);
        }
        // Timers that were due fire before the event, so their actions count before it.
        for action in actions {
            self.action(*action, now);
        }
        if !rejected {
            self.after(event);
        }
        self.check_after(event, now, actions);
        self.ending = None;
        self.coming_up = None;
        self.just_gone.clear();
        self.granted_avoided.clear();
    }

    /// What an event adds.
    fn before(&mut self, event: Event) {
        match event {
            Event::Submit { request, spec } => self.queued.push((request, spec)),
            Event::Once {
                machine, waiter, ..
            } => self.waiting.push((waiter, machine)),
            Event::AssignTask { machine, task } if !self.tasks.contains(&(task, machine)) => {
                self.tasks.push((task, machine));
            }
            Event::Done { request, .. } => self.ending = Some(request),
            Event::Up { machine, .. } => {
                // Timers that were due may ask for it in this very call.
                let to_come = !machine.is_joined() && machine.0 >= self.minted;
                let starting = to_come || self.starting.contains(&machine);
                self.coming_up = starting.then_some(machine);
            }
            Event::Shutdown => self.is_ending = true,
            Event::Join {
                machine,
                kind,
                offer,
            } => self.joins(machine, kind, offer),
            _ => {}
        }
    }

    fn joins(&mut self, machine: MachineId, kind: KindId, offer: Option<Resources>) {
        let capacity = self.capacity(kind);
        let known = Known {
            up: true,
            ..Known::pending(kind, offer.unwrap_or(capacity).min(capacity))
        };
        self.machines.push((machine, known));
        self.serving.push(machine);
        self.next_joiner = (machine.0 - MachineId::joined(0).0).saturating_add(1);
    }

    fn capacity(&self, kind: KindId) -> Resources {
        let kind = self.kinds.get(usize::from(kind.0));
        kind.map_or(Resources::ZERO, |kind| kind.capacity)
    }

    /// What an event ends.
    fn after(&mut self, event: Event) {
        match event {
            Event::Cancel { request } => {
                take(&mut self.queued, |(r, _)| *r == request);
            }
            Event::Done {
                request, machine, ..
            } => {
                let done = take(&mut self.running, |g| g.request == request);
                let there = |grant: Grant| machine.is_none_or(|m| m == grant.machine);
                self.ensure(done.is_some_and(there), || {
                    format!("{request} is done where it does not run")
                });
            }
            Event::Up { machine, offer } => self.is_up(machine, offer),
            Event::StartFailed { machine, hint } => {
                if let Some(StartHint::RetryAfter(pause)) = hint {
                    self.longest_hint = self.longest_hint.max(pause);
                }
                self.gone(machine);
                self.stopping.retain(|m| *m != machine);
            }
            Event::Stopped { machine } => {
                // Of one that was up it is told what becomes of it.
                if self.known(machine).is_some_and(|known| !known.up) {
                    self.gone(machine);
                }
                self.stopping.retain(|m| *m != machine);
            }
            Event::Shutdown => self.shut_down = true,
            Event::OnceDone { machine, key, .. } => {
                take(&mut self.once, |o| *o == (machine, key));
            }
            Event::Polled { machine, .. } => {
                take(&mut self.polled, |m| *m == machine);
            }
            Event::SetLimits { kind, limits } => {
                if let Some(kind) = self.kinds.get_mut(usize::from(kind.0)) {
                    (kind.min, kind.max, kind.spare) = (limits.min, limits.max, limits.spare);
                    kind.idle = limits.idle;
                }
            }
            Event::SetMaxProcs { max_procs } => self.max_procs = max_procs,
            _ => {}
        }
    }

    /// It may be told to stop in the same call. (One that was told so just before is taken for one
    /// that came up: that can be seen from no action.)
    fn is_up(&mut self, machine: MachineId, offer: Option<Resources>) {
        if self.coming_up != Some(machine) {
            return;
        }
        let capacity = self.known(machine).map(|known| self.capacity(known.kind));
        take(&mut self.starting, |m| *m == machine);
        if let (Some(known), Some(capacity)) = (self.known_mut(machine), capacity) {
            known.offer = offer.unwrap_or(capacity).min(capacity);
            known.up = true;
            self.serving.push(machine);
        }
    }

    fn known_mut(&mut self, machine: MachineId) -> Option<&mut Known> {
        let found = self.machines.iter_mut().find(|(id, _)| *id == machine);
        found.map(|(_, known)| known)
    }

    /// All that is known of a machine is over, but for its grants, tasks and waiters, of which each
    /// is told.
    fn gone(&mut self, machine: MachineId) {
        take(&mut self.machines, |(m, _)| *m == machine);
        take(&mut self.starting, |m| *m == machine);
        take(&mut self.serving, |m| *m == machine);
        self.polled.retain(|m| *m != machine);
        self.once.retain(|(m, _)| *m != machine);
    }

    fn action(&mut self, action: Action, now: Instant) {
        match action {
            Action::Grant { request, machine } => self.grant(request, machine),
            Action::Start { kind, first, count } => self.start(kind, first, count),
            Action::Stop { machine } => self.stop(machine, now),
            Action::Expired { request } => {
                self.expired += 1;
                let found = take(&mut self.queued, |(r, _)| *r == request);
                let due = found.is_some_and(|(_, spec)| spec.give_up.is_some_and(|at| at <= now));
                self.ensure(due, || {
                    format!("{request} is given up and does not wait, or not so long")
                });
            }
            Action::RequestLost {
                request,
                machine,
                by,
            } => {
                let there = |g: &Grant| (g.request, g.machine) == (request, machine);
                let found = take(&mut self.running, there).is_some();
                self.ensure(found, || {
                    format!("{request} is lost and was not on {machine}")
                });
                let told = self.just_gone.contains(&(machine, by));
                self.ensure(told, || {
                    format!("{request} is lost with {machine} for another reason than is told")
                });
            }
            Action::Cancelled { request } => {
                let found = take(&mut self.queued, |(r, _)| *r == request).is_some();
                self.ensure(found, || {
                    format!("{request} is cancelled and does not wait")
                });
            }
            Action::Notice(notice) => self.notice(notice),
            _ => self.action_on_machine(action),
        }
    }

    fn action_on_machine(&mut self, action: Action) {
        match action {
            Action::TaskLost { task, machine } => {
                let found = take(&mut self.tasks, |t| *t == (task, machine)).is_some();
                self.ensure(found, || format!("{task} is lost and was not on {machine}"));
            }
            Action::RunOnce { machine, key } => {
                if self.once.contains(&(machine, key)) {
                    self.wrong(format!("{key} runs twice on {machine}"));
                }
                self.once.push((machine, key));
            }
            Action::OnceReady { waiter, .. } => {
                let found = take(&mut self.waiting, |(w, _)| *w == waiter).is_some();
                self.ensure(found, || format!("{waiter} is answered and does not wait"));
            }
            Action::Poll { machine } => {
                if self.polled.contains(&machine) {
                    self.wrong(format!("{machine} is polled twice at once"));
                }
                self.polled.push(machine);
            }
            _ => {}
        }
    }

    fn grant(&mut self, request: RequestId, machine: MachineId) {
        self.granted += 1;
        let Some((_, spec)) = take(&mut self.queued, |(r, _)| *r == request) else {
            return self.wrong(format!("{request} is granted and does not wait"));
        };
        self.check_grant(request, &spec, machine);
        if spec.avoid == Some(machine) {
            self.granted_avoided.push((request, spec, machine));
        }
        // The machine may come up with this event, and its offer be known only then.
        let (amounts, whole) = match spec.demand {
            Demand::Amounts(amounts) => (amounts, false),
            Demand::Machine => (Resources::ZERO, true),
        };
        self.running.push(Grant {
            request,
            machine,
            amounts,
            whole,
        });
    }

    fn start(&mut self, kind: KindId, first: MachineId, count: u32) {
        let of = self.kinds.get(usize::from(kind.0)).copied();
        let most = of.filter(|of| of.startable).map_or(0, |of| of.batch);
        if first.0 != self.minted || !(1..=most).contains(&count) {
            self.wrong(format!("start of {count} of kind {kind} from {first} on"));
        }
        self.minted = first.0 + u64::from(count);
        let capacity = self.capacity(kind);
        for machine in (first.0..self.minted).map(MachineId) {
            self.starting.push(machine);
            let known = Known::pending(kind, capacity);
            self.machines.push((machine, known));
        }
    }

    fn stop(&mut self, machine: MachineId, now: Instant) {
        self.check_stop(machine, now);
        if let Some(known) = self.known_mut(machine) {
            known.told_to_stop = true;
        }
        take(&mut self.starting, |m| *m == machine);
        if !self.stopping.contains(&machine) {
            self.stopping.push(machine);
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Probation { machine } => self.change(machine, |known| known.probation = true),
            Notice::Recovered { machine, .. } => {
                self.change(machine, |known| known.probation = false);
            }
            Notice::Draining { machine, until } => self.change(machine, |known| {
                known.draining = true;
                known.until = until;
            }),
            Notice::Kept { machine } => self.change(machine, |known| {
                known.draining = false;
                known.until = None;
            }),
            Notice::MachineLost { machine, by } => self.lost(machine, by),
            Notice::Ended { machine } => self.lost(machine, Loss::Drained),
            Notice::Held { request, machine } => {
                self.check_hold(request, machine);
                self.held.retain(|(r, m)| *r != request && *m != machine);
                self.held.push((request, machine));
            }
            Notice::NoHome { request } => {
                let queued = self.queued.iter().any(|(r, _)| *r == request);
                self.ensure(queued, || {
                    format!("{request} has no home and does not wait")
                });
            }
            _ => {}
        }
    }

    fn change(&mut self, machine: MachineId, change: impl FnOnce(&mut Known)) {
        let coming_up = self.coming_up == Some(machine);
        match self.known_mut(machine) {
            Some(known) if known.up || coming_up => change(known),
            _ => self.wrong(format!("news of {machine}, which is not in service")),
        }
    }

    /// Grants, tasks and waiters of a lost machine are told one by one.
    fn lost(&mut self, machine: MachineId, by: Loss) {
        self.check_loss(machine, by);
        self.just_gone.push((machine, by));
        self.gone(machine);
    }
}
