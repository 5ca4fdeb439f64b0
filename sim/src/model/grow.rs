//! Growth under `Policy::Fit`: what the queue asks for (G1), mins and spares (G2), starts (G4).

use remuda::{Action, Demand, KindId, Kinds, MachineId, Notice, RequestId};

use super::{Leaving, Machine, Mark, Model, Pause, Place, State};

/// One machine, in the unit of shares.
const ONE: u128 = 1 << 32;

/// Requests that ask for the same and accept the same kinds are planned for together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct DemandKey {
    pub(super) demand: Demand,
    pub(super) kinds: Kinds,
}

/// Those of a demand that are queued.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) key: DemandKey,
    /// The first by P1.
    pub(super) first: RequestId,
    /// How many have found no machine yet, pending or asked for in this step.
    pub(super) left: u64,
}

/// What a step asks for.
pub(super) struct Plan {
    /// In P1's order of each one's first request.
    pub(super) demands: Vec<Queued>,
    /// Machines to ask for, by kind.
    pub(super) asked: Vec<u64>,
    /// What demands took of pending machines, by kind, in shares.
    taken: Vec<u128>,
    /// What machines on their first probation can take, by kind, in shares (H1).
    on_probation: Vec<u128>,
    /// The kind of the first demand that lacks nothing but `max_procs` (G5).
    pub(super) waiting: Option<KindId>,
    /// Procs that are kept for one machine of that kind (G5).
    pub(super) kept: u64,
}

impl Model {
    /// G1 with G5, G2, E4.
    pub(super) fn grow(&mut self) {
        if self.shut_down {
            return;
        }
        let mut plan = self.plan_for_queue();
        self.say_no_home(&plan);
        let wanted = self.wanted(&plan);
        self.plan_mins_and_spares(&mut plan, &wanted);
        for number in 0..plan.asked.len() {
            self.start_all(KindId(number as u8), plan.asked[number]);
        }
        self.withdraw(&plan, &wanted);
    }

    /// G1: each demand takes its shares of pending machines, then looks for homes for the rest.
    fn plan_for_queue(&mut self) -> Plan {
        let kinds = self.config.kinds.len();
        let mut plan = Plan {
            demands: self.demands(),
            asked: vec![0; kinds],
            taken: vec![0; kinds],
            on_probation: (0..kinds)
                .map(|n| {
                    let kind = KindId(n as u8);
                    self.pool(kind) - ONE * self.pending_of(kind).len() as u128
                })
                .collect(),
            waiting: None,
            kept: 0,
        };
        let mut pools: Vec<u128> = (0..kinds).map(|n| self.pool(KindId(n as u8))).collect();
        if pools.iter().any(|pool| pool % ONE > 0) {
            self.mark(Mark::G1FirstProbation);
        }
        // What homes were asked for, in shares.
        let mut sums = vec![0; kinds];
        for at in 0..plan.demands.len() {
            let Queued { key, mut left, .. } = plan.demands[at].clone();
            for (kind, share) in self.by_price(&key) {
                let number = usize::from(kind.0);
                let taken = u128::from(left).min(pools[number] / share);
                if taken > 0 {
                    self.mark(Mark::G1TakenFromPending);
                }
                pools[number] -= taken * share;
                plan.taken[number] += taken * share;
                left -= taken as u64;
            }
            let mut home_before = None;
            while left > 0 {
                let Some((kind, share)) = self.home(&key, &plan, &sums) else {
                    self.mark_no_more(&key, &plan.asked);
                    break;
                };
                if home_before.is_some_and(|before| before != kind) {
                    self.mark(Mark::G1SecondHome);
                }
                home_before = Some(kind);
                let number = usize::from(kind.0);
                sums[number] += share;
                plan.asked[number] = sums[number].div_ceil(ONE) as u64;
                left -= 1;
            }
            plan.demands[at].left = left;
            if left > 0 && plan.waiting.is_none() {
                self.replace_others(&mut plan, at);
            }
        }
        plan
    }

    /// What keeps the kinds that could take the demand from growing.
    fn mark_no_more(&mut self, key: &DemandKey, asked: &[u64]) {
        for (kind, _) in self.by_price(key) {
            self.mark(Mark::G1NoMore);
            let number = usize::from(kind.0);
            if self.kinds[number].backoff != Pause::No {
                self.mark(Mark::F7HeldBack);
            }
            if !self.ramp_allows(kind, asked[number]) {
                self.mark(Mark::G3Ramp);
            }
        }
    }

    /// The demands of the queue, in P1's order of each one's first request.
    fn demands(&self) -> Vec<Queued> {
        let mut demands: Vec<Queued> = Vec::new();
        let order = self.order_of_requests().into_iter();
        for request in order.filter_map(|id| self.queue.iter().find(|r| r.id == id)) {
            let key = DemandKey {
                demand: request.spec.demand,
                kinds: request.spec.kinds,
            };
            match demands.iter_mut().find(|demand| demand.key == key) {
                Some(demand) => demand.left += 1,
                None => demands.push(Queued {
                    key,
                    first: request.id,
                    left: 1,
                }),
            }
        }
        demands
    }

    /// G1: the share of a machine of the kind that one request takes; none if it does not fit.
    fn share(&self, demand: Demand, kind: KindId) -> Option<u128> {
        let expected = self.kinds[usize::from(kind.0)].expected;
        let times = match demand {
            Demand::Amounts(amounts) => amounts.times_in(expected),
            Demand::Machine => expected.proc_count().min(1),
        };
        (times > 0).then(|| ONE / u128::from(times))
    }

    /// G1, H1: what is to come of the kind: its pending machines, and of those on their first
    /// probation what is free.
    fn pool(&self, kind: KindId) -> u128 {
        let first_probation = self.machines.iter().filter(|m| {
            m.kind == kind && m.is_counted() && matches!(m.state, State::Probation { .. })
        });
        let parts = first_probation
            .filter(|m| m.offer.proc_count() > 0)
            .map(|m| {
                let free = u128::from(self.free(m.id).proc_count());
                ONE * free / u128::from(m.offer.proc_count())
            });
        ONE * self.pending_of(kind).len() as u128 + parts.sum::<u128>()
    }

    /// G1: the cheapest accepted kind that can take one request more, with its share.
    fn home(&self, key: &DemandKey, plan: &Plan, sums: &[u128]) -> Option<(KindId, u128)> {
        self.by_price(key).into_iter().find(|(kind, share)| {
            let number = usize::from(kind.0);
            let left_over = u128::from(plan.asked[number]) * ONE - sums[number];
            left_over >= *share || self.may_ask(*kind, plan)
        })
    }

    /// G1: the accepted kinds that are expected to offer enough, with their shares, by the price
    /// of a share, then by number.
    pub(super) fn by_price(&self, key: &DemandKey) -> Vec<(KindId, u128)> {
        let accepted = self.accepted(key.kinds).into_iter();
        let shares = accepted.filter_map(|kind| Some((kind, self.share(key.demand, kind)?)));
        let mut shares: Vec<_> = shares.collect();
        shares.sort_by_key(|(kind, share)| (self.price(*kind, *share), *kind));
        shares
    }

    fn price(&self, kind: KindId, share: u128) -> u128 {
        u128::from(self.config.kinds[usize::from(kind.0)].cost) * share
    }

    /// Whether one machine more of the kind may be asked for, beside those that are already.
    fn may_ask(&self, kind: KindId, plan: &Plan) -> bool {
        self.may_ask_but_for_procs(kind, &plan.asked)
            && self.procs_lacking(kind, &plan.asked) == 0
            && self.leaves_kept_procs(kind, plan)
    }

    /// R2, G3: the limits of the kind allow one more.
    pub(super) fn may_ask_but_for_procs(&self, kind: KindId, asked: &[u64]) -> bool {
        let number = usize::from(kind.0);
        let (limits, state) = (&self.config.kinds[number], &self.kinds[number]);
        let there = self.machines.iter().filter(|m| m.kind == kind).count() as u64;
        let pending = self.pending_of(kind).len() as u64;
        limits.startable
            && state.backoff == Pause::No
            && state.capacity_stop == Pause::No
            && there + asked[number] < u64::from(limits.max)
            && pending + asked[number] < u64::from(limits.max_pending)
            && self.ramp_allows(kind, asked[number])
    }

    /// How far one machine more would go above `max_procs`; draining and stopping ones count.
    pub(super) fn procs_lacking(&self, kind: KindId, asked: &[u64]) -> u64 {
        let procs = self.procs_there() + self.procs_asked(asked) + self.procs_of_one(kind);
        procs.saturating_sub(self.config.max_procs)
    }

    pub(super) fn procs_asked(&self, asked: &[u64]) -> u64 {
        let asked = (0..).map(KindId).zip(asked);
        asked
            .map(|(kind, count)| count * self.procs_of_one(kind))
            .sum()
    }

    pub(super) fn procs_of_one(&self, kind: KindId) -> u64 {
        let capacity = self.config.kinds[usize::from(kind.0)].capacity;
        u64::from(capacity.proc_count())
    }

    /// The machines of the kind that are asked for and not told to stop.
    pub(super) fn pending_of(&self, kind: KindId) -> Vec<&Machine> {
        let pending = |m: &&Machine| m.state == State::Pending && m.leaving == Leaving::No;
        let of_kind = self.machines.iter().filter(|m| m.kind == kind);
        of_kind.filter(pending).collect()
    }

    /// G1: no machine of an accepted kind is expected to offer enough; said once while the demand
    /// is queued.
    fn say_no_home(&mut self, plan: &Plan) {
        let queued = |key: &DemandKey| plan.demands.iter().any(|demand| demand.key == *key);
        self.no_home_said.retain(queued);
        for demand in &plan.demands {
            let key = demand.key;
            if self.by_price(&key).is_empty() && !self.no_home_said.contains(&key) {
                self.mark(Mark::G1NoHome);
                self.no_home_said.push(key);
                let request = demand.first;
                self.act(Place::Resize, Action::Notice(Notice::NoHome { request }));
            }
        }
    }

    /// G2: how many machines of each kind the queue wants, pending ones and new ones.
    fn wanted(&self, plan: &Plan) -> Vec<u64> {
        let wanted = (0..plan.asked.len()).map(|number| {
            // What is on probation takes its part first, and is there anyway (H1).
            let taken = plan.taken[number].saturating_sub(plan.on_probation[number]);
            taken.div_ceil(ONE) as u64 + plan.asked[number]
        });
        wanted.collect()
    }

    /// G2: mins of all kinds, then spares of all kinds; no spares while a demand lacks nothing but
    /// `max_procs` (G5).
    fn plan_mins_and_spares(&mut self, plan: &mut Plan, wanted: &[u64]) {
        for spares in [false, true] {
            if spares && plan.waiting.is_some() {
                return;
            }
            for (number, wanted) in wanted.iter().enumerate() {
                let kind = KindId(number as u8);
                let target = match spares {
                    false => u64::from(self.config.kinds[number].min),
                    true => self.target(kind, *wanted),
                };
                let counted = self.counted_of(kind);
                while counted + plan.asked[number] < target && self.may_ask(kind, plan) {
                    self.mark(if spares { Mark::G2Spare } else { Mark::G2Min });
                    plan.asked[number] += 1;
                }
            }
        }
    }

    /// G2: so many of the kind there should be, pending or in service.
    pub(super) fn target(&self, kind: KindId, wanted: u64) -> u64 {
        let limits = &self.config.kinds[usize::from(kind.0)];
        let in_use = |m: &&Machine| m.is_counted() && m.is_up() && !self.is_idle(m);
        let of_kind = self.machines.iter().filter(|m| m.kind == kind);
        let in_use = of_kind.filter(in_use).count() as u64;
        u64::from(limits.min).max(in_use + wanted + u64::from(limits.spare))
    }

    /// H1, G2: machines of the kind in service and pending.
    pub(super) fn counted_of(&self, kind: KindId) -> u64 {
        let of_kind = self.machines.iter().filter(|m| m.kind == kind);
        of_kind.filter(|m| m.is_counted()).count() as u64
    }

    /// G1: in actions of at most a batch.
    fn start_all(&mut self, kind: KindId, mut count: u64) {
        let batch = u64::from(self.config.kinds[usize::from(kind.0)].batch);
        if count > batch {
            self.mark(Mark::S7SplitInTens);
        }
        while count > 0 {
            let some = count.min(batch);
            self.start(kind, some as u32);
            count -= some;
        }
    }

    /// G4: ids ascend from 0 over all kinds.
    pub(super) fn start(&mut self, kind: KindId, count: u32) {
        let asked_for = self.known.iter().filter(|known| !known.id.is_joined());
        let first = MachineId(asked_for.count() as u64);
        for n in 0..u64::from(count) {
            self.add(self.new_machine(MachineId(first.0 + n), kind));
        }
        let start = Action::Start { kind, first, count };
        self.act(Place::Resize, start);
    }
}
