//! Machines that are stopped for a request that lacks nothing but `max_procs` (G5).

use core::cmp::Reverse;

use remuda::{KindId, Kinds};

use super::grow::{DemandKey, Plan, Queued};
use super::place::fits_offer;
use super::{Machine, Mark, Model, Place};

impl Model {
    /// G5, for the first demand that has found no home and lacks nothing but `max_procs`: idle
    /// machines on which no queued request fits are stopped if they are enough; else the emptiest
    /// of another kind is drained for a request that was passed by for long.
    pub(super) fn replace_others(&mut self, plan: &mut Plan, at: usize) {
        let demand = plan.demands[at].clone();
        let Some(kind) = self.blocked_kind(&demand, plan) else {
            return;
        };
        self.mark(Mark::G5OnlyMaxProcs);
        plan.waiting = Some(kind);
        self.stop_idle_for(self.lack(kind, plan));
        let lack = self.lack(kind, plan);
        if lack > 0 && self.may_drain_for(&demand) {
            self.drain_emptiest(&demand.key, lack);
        }
        if self.lack(kind, plan) == 0 {
            self.mark(Mark::G5ProcsKept);
            plan.kept = self.procs_of_one(kind);
        }
    }

    /// G5: once all that is leaving is gone, procs are left for this machine and for the one that
    /// they are kept for.
    pub(super) fn leaves_kept_procs(&self, kind: KindId, plan: &Plan) -> bool {
        let active = self.machines.iter().filter(|m| m.is_active());
        let active: u64 = active.map(|m| u64::from(m.offer.proc_count())).sum();
        let procs = active + self.procs_asked(&plan.asked) + self.procs_of_one(kind);
        plan.kept == 0 || procs + plan.kept <= self.config.max_procs
    }

    /// The cheapest accepted kind that could grow but for `max_procs`.
    fn blocked_kind(&self, demand: &Queued, plan: &Plan) -> Option<KindId> {
        let mut kinds = self.by_price(&demand.key).into_iter();
        let kind = kinds.find(|(kind, _)| self.may_ask_but_for_procs(*kind, &plan.asked));
        kind.map(|(kind, _)| kind)
    }

    /// Procs that must still go, beside those that are going already.
    fn lack(&self, kind: KindId, plan: &Plan) -> u64 {
        let leaving = self.machines.iter().filter(|m| !m.is_active());
        let leaving: u64 = leaving.map(|m| u64::from(m.offer.proc_count())).sum();
        self.procs_lacking(kind, &plan.asked)
            .saturating_sub(leaving)
    }

    /// As many idle machines as it takes are stopped, the longest idle first, then the highest id;
    /// none if even all of them would not be enough. No queued request fits on them, and each
    /// leaves its kind's `min`.
    fn stop_idle_for(&mut self, lack: u64) {
        let idle = self.machines.iter();
        let idle = idle.filter(|m| self.is_idle(m) && !self.fits_queued(m));
        let mut idle: Vec<&Machine> = idle.collect();
        idle.sort_by_key(|m| (m.idle_from, Reverse(m.id)));
        let taken = self.above_min(idle);
        let mut stopped = Vec::new();
        let mut procs = 0;
        for machine in &taken {
            if procs < lack {
                procs += u64::from(machine.offer.proc_count());
                stopped.push(machine.id);
            }
        }
        if procs < lack {
            if !taken.is_empty() {
                self.mark(Mark::G5IdleNotEnough);
            }
            return;
        }
        for machine in stopped {
            self.mark(Mark::G5IdleStopped);
            self.tell_to_stop(machine, Place::Resize);
        }
    }

    /// Those, one after the other, without which and those before them their kind still has its
    /// `min`.
    fn above_min<'a>(&self, machines: Vec<&'a Machine>) -> Vec<&'a Machine> {
        let mut taken: Vec<&Machine> = Vec::new();
        for machine in machines {
            let kind = machine.kind;
            let before = taken.iter().filter(|m| m.kind == kind && m.is_counted());
            let left = self.counted_of(kind) - before.count() as u64;
            if left > u64::from(self.config.kinds[usize::from(kind.0)].min) {
                taken.push(machine);
            }
        }
        taken
    }

    fn fits_queued(&self, machine: &Machine) -> bool {
        self.queue.iter().any(|r| {
            r.spec.kinds.contains(machine.kind) && fits_offer(r.spec.demand, machine.offer)
        })
    }

    /// The demand's first request was passed by for long, as P4 counts it but over all kinds, and
    /// there is no machine that could be held for it.
    fn may_drain_for(&self, demand: &Queued) -> bool {
        let good = self.machines.iter().filter(|m| m.is_good());
        let procs: u64 = good.map(|m| u64::from(m.offer.proc_count())).sum();
        let wanted = procs.saturating_mul(u64::from(self.config.patience));
        let first = self.queue.iter().find(|r| r.id == demand.first);
        let granted = first.map_or(0, |first| {
            self.granted(Kinds::ALL)
                .saturating_sub(first.all_granted_before)
        });
        wanted > 0
            && granted >= wanted
            && !self
                .machines
                .iter()
                .any(|m| m.is_good() && could_take(&demand.key, m))
    }

    /// Of the machines that could not take the demand, are not held, and whose kind has more than
    /// its `min`, the one with the least procs in use, then the lowest id; none if even all of them
    /// were not enough.
    fn drain_emptiest(&mut self, key: &DemandKey, lack: u64) {
        let others = self
            .machines
            .iter()
            .filter(|m| m.is_active() && m.is_up() && !self.is_held(m.id) && !could_take(key, m));
        let mut others: Vec<&Machine> = others.collect();
        others.sort_by_key(|m| (self.used(m.id).proc_count(), m.id));
        let taken = self.above_min(others);
        let procs: u64 = taken.iter().map(|m| u64::from(m.offer.proc_count())).sum();
        let Some(machine) = taken.first().map(|m| m.id).filter(|_| procs >= lack) else {
            return self.mark(Mark::G5NothingToDrain);
        };
        self.mark(Mark::G5Drained);
        self.begin_drain_at(machine, None, Place::Resize);
        if self.is_empty(machine) {
            self.tell_to_stop(machine, Place::Resize);
        }
    }
}

/// Whether the machine is of an accepted kind and offers enough.
fn could_take(key: &DemandKey, machine: &Machine) -> bool {
    key.kinds.contains(machine.kind) && fits_offer(key.demand, machine.offer)
}
