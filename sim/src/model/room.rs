//! Room under `max_procs` for a request that lacks nothing else (G5).

use core::cmp::Reverse;

use remuda::{KindId, MachineId};

use super::grow::{DemandKey, Plan, Queued};
use super::place::fits_offer;
use super::{Machine, Mark, Model, Place};

impl Model {
    /// G5: idle machines of no use to the queue are stopped; if that is not enough, the emptiest
    /// of another kind is drained for a request whose turn has come.
    pub(super) fn make_room(&mut self, plan: &Plan) {
        let blocked = plan.demands.iter().filter(|demand| demand.left > 0);
        let mut blocked =
            blocked.filter_map(|demand| Some((demand, self.blocked_kind(demand, plan)?)));
        let Some((demand, kind)) = blocked.next() else {
            return;
        };
        self.mark(Mark::G5OnlyMaxProcs);
        while self.lack(kind, plan) > 0 {
            let Some(machine) = self.useless_idle() else {
                break;
            };
            self.mark(Mark::G5IdleStopped);
            self.tell_to_stop(machine, Place::Resize);
        }
        if self.lack(kind, plan) > 0 && self.is_desperate(demand) {
            self.drain_emptiest(&demand.key);
        }
    }

    /// The cheapest accepted kind that could grow but for `max_procs`.
    fn blocked_kind(&self, demand: &Queued, plan: &Plan) -> Option<KindId> {
        let accepted = self.accepted(demand.key.kinds).into_iter();
        let blocked = accepted.filter_map(|kind| {
            let share = self.share(demand.key.demand, kind)?;
            let only_procs = self.may_ask_but_for_procs(kind, &plan.asked);
            only_procs.then(|| (self.price(kind, share), kind))
        });
        blocked.min().map(|(_, kind)| kind)
    }

    /// Procs that must still go, beside those that are going already.
    fn lack(&self, kind: KindId, plan: &Plan) -> u64 {
        let leaving = self.machines.iter().filter(|m| !m.is_active());
        let leaving: u64 = leaving.map(|m| u64::from(m.offer.proc_count())).sum();
        self.procs_lacking(kind, &plan.asked)
            .saturating_sub(leaving)
    }

    /// The longest idle machine above its kind's `min` on which no queued request fits; of equals
    /// the highest id.
    fn useless_idle(&self) -> Option<MachineId> {
        let idle = self.machines.iter().filter(|m| {
            let min = u64::from(self.config.kinds[usize::from(m.kind.0)].min);
            self.is_idle(m) && self.counted_of(m.kind) > min && !self.is_of_use(m)
        });
        let longest = idle.min_by_key(|m| (m.idle_from, Reverse(m.id)));
        longest.map(|m| m.id)
    }

    fn is_of_use(&self, machine: &Machine) -> bool {
        self.queue.iter().any(|r| {
            r.spec.kinds.contains(machine.kind) && fits_offer(r.spec.demand, machine.offer)
        })
    }

    /// The demand's first request has its turn (P4), and no machine that could be held for it.
    fn is_desperate(&self, demand: &Queued) -> bool {
        let first = self.queue.iter().find(|r| r.id == demand.first);
        first.is_some_and(|first| self.has_turn(first))
            && !self
                .machines
                .iter()
                .any(|m| m.is_good() && could_take(&demand.key, m))
    }

    /// The machine with the least procs in use that could not take the demand and is not held; of
    /// equals the lowest id.
    fn drain_emptiest(&mut self, key: &DemandKey) {
        let others = self
            .machines
            .iter()
            .filter(|m| m.is_active() && m.is_up() && !self.is_held(m.id) && !could_take(key, m));
        let emptiest = others.min_by_key(|m| (self.used(m.id).proc_count(), m.id));
        let Some(machine) = emptiest.map(|m| m.id) else {
            return;
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
