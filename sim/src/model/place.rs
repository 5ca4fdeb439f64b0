//! Placement under `Policy::Fit` (P1–P3).

use remuda::{Action, Demand, MachineId, Packing, RequestId, Resources, Submit};

use super::{Machine, Mark, Model, Place, Running};

impl Model {
    /// P2: the first request that fits a machine that it may have is granted, until there is none.
    pub(super) fn place(&mut self) {
        while let Some((request, machine)) = self.first_that_fits() {
            self.grant(request, machine);
        }
    }

    fn first_that_fits(&mut self) -> Option<(RequestId, MachineId)> {
        let order = self.order_of_placement();
        let fits = |id: &RequestId| Some((*id, self.choose(*id)?));
        let (at, found) = order
            .iter()
            .enumerate()
            .find_map(|(at, id)| Some((at, fits(id)?)))?;
        if at > 0 {
            self.mark(Mark::P2PassesBlocked);
        }
        Some(found)
    }

    /// P1: by priority, then by arrival. (The queue is in the order of arrival, the sort stable.)
    pub(super) fn order_of_requests(&self) -> Vec<RequestId> {
        let mut order: Vec<_> = self.queue.iter().collect();
        order.sort_by_key(|r| r.spec.priority);
        order.into_iter().map(|r| r.id).collect()
    }

    /// P1 and P4: who has a machine held goes before all of its priority.
    fn order_of_placement(&self) -> Vec<RequestId> {
        let mut order: Vec<_> = self.queue.iter().collect();
        order.sort_by_key(|r| (r.spec.priority, self.hold_of(r.id).is_none()));
        order.into_iter().map(|r| r.id).collect()
    }

    /// P3.
    fn choose(&self, request: RequestId) -> Option<MachineId> {
        let spec = self.queue.iter().find(|r| r.id == request)?.spec;
        let fits = self
            .machines
            .iter()
            .filter(|m| self.may_have(request, &spec, m) && self.fits_now(spec.demand, m));
        let fits: Vec<&Machine> = fits.collect();
        if let Some(preferred) = fits.iter().find(|m| spec.prefer == Some(m.id)) {
            return Some(preferred.id);
        }
        let best = fits
            .iter()
            .min_by_key(|m| match self.config.packing_in_use() {
                // Amounts are compared in their order: procs first.
                Packing::FirstFit => (Resources::ZERO, m.id),
                _ => (self.free(m.id), m.id),
            });
        best.map(|m| m.id)
    }

    /// P2: in good health, accepted, not avoided (P3), not held for another (P4).
    fn may_have(&self, request: RequestId, spec: &Submit, machine: &Machine) -> bool {
        let held = self.holds.iter().find(|held| held.machine == machine.id);
        let held_for_another = held.is_some_and(|held| {
            let holder = self.queue.iter().find(|r| r.id == held.request);
            let more_urgent = holder.is_some_and(|r| spec.priority < r.spec.priority);
            held.request != request && !more_urgent
        });
        machine.is_good()
            && spec.kinds.contains(machine.kind)
            && !held_for_another
            && !self.avoids(spec, machine)
    }

    /// P3: it is told to avoid the machine, and another could take it some time.
    pub(super) fn avoids(&self, spec: &Submit, machine: &Machine) -> bool {
        let mut others = self.machines.iter().filter(|m| m.id != machine.id);
        spec.avoid == Some(machine.id)
            && others.any(|m| {
                m.is_good() && spec.kinds.contains(m.kind) && fits_offer(spec.demand, m.offer)
            })
    }

    /// R1, R5: with what runs there.
    fn fits_now(&self, demand: Demand, machine: &Machine) -> bool {
        match demand {
            Demand::Amounts(amounts) => amounts.fits(self.free(machine.id)),
            Demand::Machine => self.is_empty(machine.id) && fits_offer(demand, machine.offer),
        }
    }

    /// Whether nothing runs there.
    pub(super) fn is_empty(&self, machine: MachineId) -> bool {
        !self.running.iter().any(|r| r.machine == machine)
    }

    /// What runs on the machine takes so much.
    pub(super) fn used(&self, machine: MachineId) -> Resources {
        let on_it = self.running.iter().filter(|r| r.machine == machine);
        on_it.fold(Resources::ZERO, |used, r| used.plus(r.amounts))
    }

    /// What it offers less what runs there.
    pub(super) fn free(&self, machine: MachineId) -> Resources {
        let record = self.machines.iter().find(|m| m.id == machine);
        let offer = record.map_or(Resources::ZERO, |m| m.offer);
        offer.minus(self.used(machine))
    }

    /// A request gets a machine; P4 counts its procs.
    pub(super) fn grant(&mut self, request: RequestId, machine: MachineId) {
        let queued = self.queue.iter().position(|r| r.id == request);
        let record = self.machines.iter().find(|m| m.id == machine);
        let (Some(at), Some(record)) = (queued, record) else {
            return;
        };
        let (kind, offer) = (record.kind, record.offer);
        let queued = self.queue.remove(at);
        let amounts = match queued.spec.demand {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine if self.is_bigslice() => self.config.kinds[0].capacity,
            Demand::Machine => offer,
        };
        if queued.spec.prefer == Some(machine) {
            self.mark(Mark::P3Preferred);
        }
        if queued.spec.avoid == Some(machine) {
            self.mark(Mark::P3AvoidedInVain);
        }
        self.running.push(Running {
            id: request,
            machine,
            amounts,
            since: self.now,
        });
        let state = &mut self.kinds[usize::from(kind.0)];
        state.granted = state
            .granted
            .saturating_add(u64::from(amounts.proc_count()));
        self.holder_granted(request);
        self.act(Place::Grant, Action::Grant { request, machine });
    }
}

/// Whether an empty machine that offers so much could take the demand (R1, R5).
pub(super) fn fits_offer(demand: Demand, offer: Resources) -> bool {
    match demand {
        Demand::Amounts(amounts) => amounts.fits(offer),
        Demand::Machine => offer.proc_count() > 0,
    }
}
