//! What must hold of every manager, whatever its rules are in detail: looked at from outside.

use remuda::{Action, Demand, Event, Instant, Loss, MachineId, Notice, Policy, RequestId, Submit};

use super::{Known, Ledger};

impl Ledger {
    /// A request is granted only a machine that may be given to it.
    pub(super) fn check_grant(&mut self, request: RequestId, spec: &Submit, machine: MachineId) {
        let Some(known) = self.known(machine).copied() else {
            return self.wrong(format!(
                "{request} is granted on {machine}, which is not there"
            ));
        };
        if known.probation || known.draining || known.told_to_stop {
            self.wrong(format!(
                "{request} is granted on {machine}, which may not be given: {known:?}"
            ));
        }
        if !spec.kinds.contains(known.kind) {
            self.wrong(format!(
                "{request} is granted on {machine} of kind {}, which it does not accept",
                known.kind
            ));
        }
    }

    /// What runs on a machine is not cut off without a reason.
    pub(super) fn check_stop(&mut self, machine: MachineId, now: Instant) {
        let Some(known) = self.known(machine).copied() else {
            return;
        };
        let over = known.draining && known.until.is_some_and(|until| until <= now);
        let mut there = self.running.iter().filter(|g| g.machine == machine);
        let runs = there.find(|grant| Some(grant.request) != self.ending);
        if let Some(grant) = runs.copied()
            && !over
            && !known.told_to_stop
            && !self.is_ending
        {
            self.wrong(format!(
                "{machine} is told to stop while {} runs there",
                grant.request
            ));
        }
    }

    /// One that was told to stop has ended when it stops, any other is lost.
    pub(super) fn check_loss(&mut self, machine: MachineId, by: Loss) {
        let known = self.known(machine).copied();
        let as_told = known.is_some_and(|known| match by {
            Loss::Drained => known.told_to_stop,
            Loss::Stopped => known.up && (!known.told_to_stop || self.shut_down),
            _ => known.up,
        });
        self.ensure(as_told, || {
            format!("{machine} is gone ({by:?}) and was {known:?}")
        });
    }

    /// Who has a machine held is queued and could have it.
    pub(super) fn check_hold(&mut self, request: RequestId, machine: MachineId) {
        let queued = self.queued.iter().find(|(r, _)| *r == request);
        let spec = queued.map(|(_, spec)| *spec);
        let known = self.known(machine).copied();
        let could = match (spec, known) {
            (Some(spec), Some(known)) => {
                // One that comes up with this event has its offer noted after it.
                let fits = !known.up || fits_offer(&spec, &known);
                spec.kinds.contains(known.kind) && fits && !known.draining && !known.told_to_stop
            }
            _ => false,
        };
        self.ensure(could, || {
            format!("{machine} is held for {request}: {known:?}, {spec:?}")
        });
    }

    /// What must hold between two calls.
    pub(super) fn check_after(&mut self, event: Event, now: Instant, actions: &[Action]) {
        if actions.iter().any(|a| matches!(a, Action::Grant { .. })) {
            self.check_offers();
            self.check_avoided(event, actions);
        }
        // These may have come after timers that were due, and what those started.
        let limits = matches!(
            event,
            Event::SetLimits { .. } | Event::SetMaxProcs { .. } | Event::Join { .. }
        );
        if !limits && self.policy == Policy::Fit {
            self.check_limits(actions);
        }
        let queued = &self.queued;
        self.held
            .retain(|(r, _)| queued.iter().any(|(q, _)| q == r));
        self.check_queue(now);
    }

    /// No machine has more granted than it offers.
    fn check_offers(&mut self) {
        for i in 0..self.running.len() {
            let machine = self.running[i].machine;
            let Some(known) = self.known(machine).copied().filter(|known| known.up) else {
                return self.wrong(format!("a grant on {machine}, which is not in service"));
            };
            let there = self.running.iter().filter(|g| g.machine == machine);
            let (mut used, mut count, mut whole) = ([0; 4], 0, 0);
            for grant in there {
                let amounts = grant.amounts.amounts();
                used.iter_mut()
                    .zip(amounts)
                    .for_each(|(sum, n)| *sum += u64::from(n));
                count += 1;
                whole += u32::from(grant.whole);
            }
            let mut both = used.iter().zip(known.offer.amounts());
            if both.any(|(used, offer)| *used > u64::from(offer)) {
                let offer = known.offer;
                self.wrong(format!("{machine} has {used:?} granted and offers {offer}"));
            }
            if whole > 0 && count > 1 {
                self.wrong(format!("{machine} is granted as a whole and to others too"));
            }
        }
    }

    /// A machine that a request avoids is given to it only while no other could take it (P3).
    fn check_avoided(&mut self, event: Event, actions: &[Action]) {
        // Another may have been in good health only after the grant.
        let better = |action: &Action| {
            matches!(
                action,
                Action::Notice(Notice::Recovered { .. } | Notice::Kept { .. })
            )
        };
        let enters = matches!(event, Event::Up { .. } | Event::Join { .. });
        if self.policy != Policy::Fit || enters || actions.iter().any(better) {
            return;
        }
        for i in 0..self.granted_avoided.len() {
            let (request, spec, machine) = self.granted_avoided[i];
            let other = self.machines.iter().find(|(id, known)| {
                *id != machine
                    && known.takes_grants()
                    && spec.kinds.contains(known.kind)
                    && fits_offer(&spec, known)
            });
            if let Some((other, _)) = other {
                let other = *other;
                self.wrong(format!(
                    "{request} is granted on {machine}, which it avoids, and there is {other}"
                ));
            }
        }
    }

    /// No machine is started above the limits. (There may be more: limits change, machines join.)
    fn check_limits(&mut self, actions: &[Action]) {
        for action in actions {
            let Action::Start { kind, .. } = *action else {
                continue;
            };
            let (mut procs, mut there) = (0, 0);
            for (_, known) in &self.machines {
                procs += u64::from(known.offer.proc_count());
                there += u32::from(known.kind == kind);
            }
            let max = self.kinds[usize::from(kind.0)].max;
            if procs > self.max_procs || there > max {
                self.wrong(format!(
                    "{procs} procs are there, of {}, and {there} machines of kind {kind}, of {max}",
                    self.max_procs
                ));
            }
        }
    }

    /// No request waits longer than it wants to (Q1), or although it fits a machine that it may have
    /// (P2).
    fn check_queue(&mut self, now: Instant) {
        let late = |(_, spec): &&(RequestId, Submit)| spec.give_up.is_some_and(|at| at <= now);
        if let Some((request, _)) = self.queued.iter().find(late) {
            return self.wrong(format!("{request} is not given up in time"));
        }
        if self.policy != Policy::Fit {
            return;
        }
        let free = self
            .machines
            .iter()
            .filter(|(_, known)| known.takes_grants());
        for (machine, known) in free {
            let idle = self.running.iter().all(|g| g.machine != *machine);
            let whole = self
                .running
                .iter()
                .any(|g| g.machine == *machine && g.whole);
            let left = known.offer.minus(self.used(*machine));
            for (request, spec) in &self.queued {
                let fits = match spec.demand {
                    Demand::Machine => idle && known.offer.proc_count() > 0,
                    Demand::Amounts(amounts) => amounts.fits(left) && !whole,
                };
                let may = spec.kinds.contains(known.kind) && spec.avoid != Some(*machine);
                if fits && may && !self.is_kept_from(*request, spec, *machine) {
                    let what = format!("{request} waits although it fits {machine}");
                    return self.wrong(what);
                }
            }
        }
    }

    /// Whether a machine may be held for another request.
    fn is_kept_from(&self, request: RequestId, spec: &Submit, machine: MachineId) -> bool {
        let held = self.held.iter().find(|(_, m)| *m == machine);
        let Some((holder, _)) = held.filter(|(holder, _)| *holder != request) else {
            return false;
        };
        let queued = self.queued.iter().find(|(r, _)| r == holder);
        queued.is_some_and(|(_, of)| of.priority <= spec.priority)
    }
}

/// Whether it would fit there if nothing else ran.
fn fits_offer(spec: &Submit, known: &Known) -> bool {
    match spec.demand {
        Demand::Machine => known.offer.proc_count() > 0,
        Demand::Amounts(amounts) => amounts.fits(known.offer),
    }
}
