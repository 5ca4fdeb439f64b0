//! How many machines of each kind are asked for (G1, G2), and which are stopped so that others can
//! be (G5) or because they are not wanted any more (E4).
//!
//! A plan is made in every step in which a kind may grow. It counts in *shares* of a machine: a
//! demand of which an empty machine holds n takes 1/n of one, in units of 2^-32.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::Manager;
use crate::machines::KindState;
use crate::protocol::action::{Action, Notice};
use crate::protocol::id::{KindId, RequestId};
use crate::protocol::resources::{Demand, Resources};
use crate::queue::{Ask, Home, Spot};
use crate::storage::list::MAX_RECORDS;

/// A whole machine, in shares.
const ONE: u64 = 1 << 32;

/// What a plan says of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct KindPlan {
    /// Shares that are free on pending machines, and on machines on probation for the first time
    /// (H1); the latter alone.
    pool: u64,
    on_probation: u64,
    /// Shares that the queue takes of those, and of machines asked for now.
    taken: u64,
    asked_shares: u64,
    /// Machines asked for now: by the queue, and in all.
    for_queue: u64,
    asked: u64,
    /// Shares that the queue may still ask for: what is left of the machines asked for, and those
    /// that the limits allow.
    may_ask: u64,
    /// Whether one more might be asked for if there were no `max_procs`.
    may_grow: bool,
    /// No share is less.
    least_share: u64,
}

/// A plan: of each kind, and procs asked for over all kinds.
#[derive(Clone, Debug, Default)]
struct Plan {
    kinds: Vec<KindPlan>,
    procs: u64,
    /// Whether a demand lacks nothing but `max_procs`, and the procs that are kept for its machine
    /// from what is leaving (G5).
    waiting: bool,
    kept: u64,
    /// The first requests of the demands of which it has to be said that they have no home (G1).
    no_home: Vec<RequestId>,
}

impl Plan {
    /// Whether something is left to give to the queue, or others may be stopped for it (G5).
    fn may_give(&self) -> bool {
        self.kinds.iter().any(|kind| {
            kind.pool.max(kind.may_ask) >= kind.least_share || !self.waiting && kind.may_grow
        })
    }

    /// Takes shares of pending machines for `left` requests, in the order in which homes are chosen:
    /// so a second plan takes what the first has asked for. Gives how many are left.
    fn take_pending(&mut self, homes: &[Home], mut left: u64) -> u64 {
        for home in homes {
            let kind = &mut self.kinds[home.kind];
            let taken = left.min(kind.pool / home.share);
            kind.pool -= taken * home.share;
            kind.taken += taken * home.share;
            left -= taken;
        }
        left
    }
}

impl Manager {
    /// G1, G2, G5, E4.
    #[inline]
    pub(crate) fn grow_fit(&mut self, actions: &mut Vec<Action>) {
        if self.may_plan() && !self.shutdown {
            self.grow_by_plan(actions);
        }
    }

    #[inline(never)]
    fn grow_by_plan(&mut self, actions: &mut Vec<Action>) {
        let mut plan = self.plan_of_pending();
        self.plan_queue(&mut plan, actions);
        for &request in &plan.no_home {
            actions.push(Action::Notice(Notice::NoHome { request }));
        }
        self.plan_mins_and_spares(&mut plan);
        for index in 0..plan.kinds.len() {
            // At most 64 kinds.
            self.start(KindId(index as u8), plan.kinds[index].asked, actions);
        }
        if self.config.withdraw {
            self.withdraw(&plan, actions);
        }
    }

    /// Whether there may be anything to ask for, to stop or to say. Where all procs are there and in
    /// use this is seen at a glance.
    #[inline]
    pub(in super::super) fn may_plan(&self) -> bool {
        let queued = self.queue.counts().0 > 0;
        let left = self.max_procs.saturating_sub(self.machines.procs());
        // G5, where nothing but `max_procs` is in the way: machines that may be of no use are there.
        let replaces = || {
            queued
                && (self.growth.len() > 1
                    || self.machines.any_idle()
                    || self.machines.kinds[0].sums.offers_less > 0)
        };
        (left >= self.least_procs || replaces()) && self.may_start() || self.may_say_or_withdraw()
    }

    /// Starts, for the queue or by a `min` or `spare`, if procs are left.
    fn may_start(&self) -> bool {
        let queued = self.queue.counts().0 > 0;
        let mut kinds = self.machines.kinds.iter().enumerate();
        kinds.any(|(index, kind)| {
            let wanted = queued || kind.kind.min > 0 || kind.kind.spare > 0;
            wanted && self.may_ask_but_for_procs(index, 0) > 0
        })
    }

    /// A demand without a home, where machines offered less than their kind has; a pending machine
    /// that is not wanted any more.
    fn may_say_or_withdraw(&self) -> bool {
        let unseen = self.machines.expected_changed || self.queue.new_demand().is_some();
        let unseen = unseen && self.queue.counts().0 > 0;
        self.machines.kinds.iter().any(|kind| {
            let short = unseen && kind.expected != kind.kind.capacity;
            short || self.config.withdraw && !kind.pending.is_empty()
        })
    }

    /// How many more machines of a kind may be asked for, beside what the plan asks for.
    fn may_ask(&self, index: usize, plan: &Plan) -> u64 {
        let (there, leaving) = (self.machines.procs(), self.machines.procs_leaving());
        let left = self
            .max_procs
            .saturating_sub(there.saturating_add(plan.procs));
        // G5: once what is leaving is gone, the machine that procs are kept for has to fit.
        let active = (there - leaving)
            .saturating_add(plan.procs)
            .saturating_add(plan.kept);
        let beside = match plan.kept {
            0 => u64::MAX,
            _ => self.max_procs.saturating_sub(active),
        };
        let but_for_procs = self.may_ask_but_for_procs(index, plan.kinds[index].asked);
        (left.min(beside) / self.procs_of_one(index)).min(but_for_procs)
    }

    /// The same if there were no `max_procs`.
    fn may_ask_but_for_procs(&self, index: usize, asked: u64) -> u64 {
        let (kind, growth) = (&self.machines.kinds[index], &self.growth[index]);
        if !kind.kind.startable || growth.is_paused() {
            return 0;
        }
        let by_max = u64::from(kind.kind.max).saturating_sub(kind.sums.machines_there() + asked);
        let by_pending =
            u64::from(kind.kind.max_pending).saturating_sub(kind.sums.machines.pending + asked);
        let by_memory = u64::from(MAX_RECORDS).saturating_sub(self.machines.len() as u64 + asked);
        let by_caution = growth.most_pending().map_or(u64::MAX, |most| {
            most.saturating_sub(self.pending_since_last_step(index) + asked)
        });
        by_max.min(by_pending).min(by_memory).min(by_caution)
    }

    /// Pending machines that were asked for since the last step of the back-off.
    pub(crate) fn pending_since_last_step(&self, index: usize) -> u64 {
        let steps = self.growth[index].steps;
        let pending = self.machines.kinds[index].pending.values();
        let since = pending.filter(|&&slot| self.machines.get(slot).asked_at() == Some(steps));
        since.count() as u64
    }

    /// What pending machines hold, and those on probation for the first time (H1).
    fn plan_of_pending(&self) -> Plan {
        let pool = |kind: &KindState| {
            let pending = kind.sums.machines.pending * ONE;
            let free = kind.first_probation().map(|slot| {
                let machine = self.machines.get(slot);
                let (free, offer) = (machine.free.proc_count(), machine.offer.proc_count());
                (ONE * u64::from(free))
                    .checked_div(u64::from(offer))
                    .unwrap_or(0)
            });
            let on_probation = free.sum();
            // A request asks for one proc at least.
            let most = u64::from(kind.expected.proc_count()).max(1);
            KindPlan {
                pool: pending + on_probation,
                on_probation,
                least_share: ONE / most,
                ..KindPlan::default()
            }
        };
        Plan {
            kinds: self.machines.kinds.iter().map(pool).collect(),
            ..Plan::default()
        }
    }

    /// G1: gives each demand of the queue its shares of pending machines, then a home; stops
    /// others for the first that lacks nothing but `max_procs` (G5). Ends where nothing is left to give.
    fn plan_queue(&mut self, plan: &mut Plan, actions: &mut Vec<Action>) {
        let all = core::mem::take(&mut self.machines.expected_changed);
        if all {
            self.queue.demands.forget_homes();
        }
        let new_demand = self.queue.new_demand();
        self.queue.begin_plan();
        self.measure(plan);
        let mut next = self.queue.first_class();
        while let Some(class) = next
            && (all || plan.may_give())
        {
            next = self.queue.next_class(class);
            if let Some((demand, queued)) = self.queue.see_demand(class) {
                self.plan_demand(plan, class, demand, queued, actions);
            }
        }
        // It may stand behind the end.
        if let Some(class) = new_demand
            && let Some((demand, _)) = self.queue.see_demand(class)
            && self.homes(demand).is_empty()
        {
            self.say_no_home(plan, class);
        }
    }

    fn plan_demand(
        &mut self,
        plan: &mut Plan,
        class: u32,
        demand: u32,
        queued: u64,
        actions: &mut Vec<Action>,
    ) {
        if self.homes(demand).is_empty() {
            return self.say_no_home(plan, class);
        }
        let left = plan.take_pending(self.homes(demand), queued);
        if left == 0 || self.find_homes(plan, demand, left) == 0 || plan.waiting {
            return;
        }
        let mut homes = self.homes(demand).iter();
        if let Some(&Home { kind, .. }) = homes.find(|home| plan.kinds[home.kind].may_grow) {
            plan.waiting = true;
            let ask = *self.queue.demands.key(demand);
            self.replace_others(plan, &ask, class, kind, actions);
            self.measure(plan);
        }
    }

    /// G1: the first request of the class is told of, once.
    fn say_no_home(&mut self, plan: &mut Plan, class: u32) {
        if !self.queue.say_no_home(class) {
            plan.no_home.push(self.requests[self.queue.first(class)].id);
        }
    }

    /// Asks for machines for `left` requests, home by home; gives how many are left.
    fn find_homes(&mut self, plan: &mut Plan, demand: u32, mut left: u64) -> u64 {
        let count = self.homes(demand).len();
        for nth in 0..count {
            let Home { kind: index, share } = self.homes(demand)[nth];
            let kind = &mut plan.kinds[index];
            let placed = left.min(kind.may_ask / share);
            if placed == 0 {
                continue;
            }
            kind.asked_shares += placed * share;
            let machines = kind.asked_shares.div_ceil(ONE);
            plan.procs += (machines - kind.for_queue) * self.procs_of_one(index);
            (kind.for_queue, kind.asked) = (machines, machines);
            left -= placed;
            self.measure(plan);
        }
        left
    }

    /// Finds out how much the queue may still ask for.
    fn measure(&self, plan: &mut Plan) {
        for index in 0..plan.kinds.len() {
            let more = self.may_ask(index, plan);
            let may_grow = self.may_ask_but_for_procs(index, plan.kinds[index].asked) > 0;
            let kind = &mut plan.kinds[index];
            // At most `MAX_RECORDS` machines, so it is below 2^64.
            kind.may_ask = (kind.for_queue + more) * ONE - kind.asked_shares;
            kind.may_grow = may_grow;
        }
    }

    /// The homes of a demand: the accepted kinds that are expected to hold it, the least cost of a
    /// share first, then the lowest number.
    fn homes(&mut self, demand: u32) -> &[Home] {
        let kinds = &self.machines.kinds;
        self.queue.demands.homes(demand, |key| {
            let home = |index: usize| {
                let share = share(key.demand, kinds[index].expected)?;
                Some(Home { kind: index, share })
            };
            // At most 64 kinds.
            let accepted =
                (0..kinds.len()).filter(|&index| key.kinds.contains(KindId(index as u8)));
            let mut homes: Vec<Home> = accepted.filter_map(home).collect();
            let cost = |home: &Home| {
                let cost = u64::from(kinds[home.kind].kind.cost);
                u128::from(cost) * u128::from(home.share)
            };
            homes.sort_by_key(|home| (cost(home), home.kind));
            homes
        })
    }

    fn procs_of_one(&self, index: usize) -> u64 {
        u64::from(self.machines.kinds[index].kind.capacity.proc_count())
    }

    /// G2: machines beside those that the queue asks for, first up to each kind's `min`, then up to
    /// its `spare`. No spares while a demand lacks nothing but `max_procs` (G5).
    fn plan_mins_and_spares(&self, plan: &mut Plan) {
        for spares in [false, true] {
            if spares && plan.waiting {
                return;
            }
            for index in 0..plan.kinds.len() {
                let kind = &self.machines.kinds[index].kind;
                let target = match spares {
                    false => u64::from(kind.min),
                    true => self.target(index, plan),
                };
                let there = self.counted(index) + plan.kinds[index].asked;
                let lacking = target.saturating_sub(there).min(self.may_ask(index, plan));
                plan.kinds[index].asked += lacking;
                plan.procs += lacking * self.procs_of_one(index);
            }
        }
    }

    /// G2: so many machines there should be in service and pending.
    fn target(&self, index: usize, plan: &Plan) -> u64 {
        let kind = &self.machines.kinds[index];
        let used =
            u64::from(kind.in_use()) + Manager::wanted(index, plan) + u64::from(kind.kind.spare);
        used.max(u64::from(kind.kind.min))
    }

    /// G1: so many pending machines the queue wants, those asked for now among them. What machines on
    /// probation can take comes first.
    fn wanted(index: usize, plan: &Plan) -> u64 {
        let kind = &plan.kinds[index];
        let pending = kind.taken.saturating_sub(kind.on_probation);
        pending.div_ceil(ONE) + kind.for_queue
    }

    /// The machines of a kind that are in service and count for growth, and the pending ones (H1).
    pub(in super::super) fn counted(&self, index: usize) -> u64 {
        let sums = &self.machines.kinds[index].sums;
        u64::from(sums.counted) + sums.machines.pending
    }

    /// G5: stops idle machines so that one of `kind` can be started for a demand; if they are not
    /// enough, and its turn has come and it has no machine to hold, drains the emptiest of the others.
    fn replace_others(
        &mut self,
        plan: &mut Plan,
        ask: &Ask,
        class: u32,
        kind: usize,
        actions: &mut Vec<Action>,
    ) {
        for slot in self.idle_to_replace(self.lacking(plan, kind)) {
            self.stop(slot, actions);
        }
        self.machines.relist();
        let lacking = self.lacking(plan, kind);
        if lacking > 0
            && self.has_waited(class)
            && !self.has_machine(ask)
            && let Some(slot) = self.one_to_drain(ask, lacking)
        {
            self.drain(slot, None, actions);
            self.stop_drained(actions);
            self.machines.relist();
        }
        if self.lacking(plan, kind) == 0 {
            plan.kept = self.procs_of_one(kind);
        }
    }

    /// Procs that have to go for one machine of a kind, beside those that are leaving already.
    fn lacking(&self, plan: &Plan, kind: usize) -> u64 {
        let (there, leaving) = (self.machines.procs(), self.machines.procs_leaving());
        let wanted = there
            .saturating_add(plan.procs)
            .saturating_add(self.procs_of_one(kind));
        wanted
            .saturating_sub(self.max_procs)
            .saturating_sub(leaving)
    }

    /// The idle machines that make up for so many procs: the longest idle first, then the highest id, of
    /// the kinds that are above their `min`, that no queued request fits on. None if all of them are not
    /// enough.
    fn idle_to_replace(&self, lacking: u64) -> Vec<u32> {
        let get = |slot: u32| self.machines.get(slot);
        if lacking == 0 || !self.machines.any_idle() {
            return Vec::new();
        }
        let mut above = self.above_min();
        let kinds = self.machines.kinds.iter().enumerate();
        let kinds = kinds.filter(|(index, _)| above[*index] > 0);
        let mut idle: Vec<u32> = kinds.flat_map(|(_, kind)| kind.idle_slots()).collect();
        idle.sort_unstable_by_key(|&slot| (get(slot).idle_since, core::cmp::Reverse(get(slot).id)));
        let (mut stops, mut procs) = (Vec::new(), 0);
        // Machines that are alike are held against the queue once.
        let mut wanted = BTreeMap::new();
        let mut is_wanted = |spot: Spot| {
            let first = || self.queue.first_fit(&spot, |_| false).is_some();
            *wanted.entry(spot).or_insert_with(first)
        };
        for slot in idle {
            let machine = get(slot);
            let above = &mut above[usize::from(machine.kind.0)];
            let mut spot = machine.spot();
            spot.free = machine.offer;
            if *above > 0 && !is_wanted(spot) {
                *above -= u64::from(machine.counts());
                procs += u64::from(machine.offer.proc_count());
                stops.push(slot);
            }
            if procs >= lacking {
                return stops;
            }
        }
        Vec::new()
    }

    /// How many machines of each kind there are above its `min`.
    fn above_min(&self) -> Vec<u64> {
        let kinds = self.machines.kinds.iter().enumerate();
        kinds
            .map(|(index, kind)| self.counted(index).saturating_sub(u64::from(kind.kind.min)))
            .collect()
    }

    /// Whether a machine in good health could ever take the demand.
    fn has_machine(&self, ask: &Ask) -> bool {
        let mut kinds = self.machines.accepted(ask.kinds);
        kinds.any(|kind| kind.healthy_that_fit(ask.demand) > 0)
    }

    /// The machine to drain for a demand that it could not take: the one with the fewest procs used,
    /// then the lowest id, that is not held and whose kind is above its `min`. None if all such
    /// machines together would not be enough.
    fn one_to_drain(&self, ask: &Ask, lacking: u64) -> Option<u32> {
        let get = |slot: u32| self.machines.get(slot);
        let useless = |slot: &u32| {
            let machine = get(*slot);
            let fits = ask.could_fit(machine.kind, machine.offer);
            machine.is_active() && !machine.held && !fits
        };
        let mut others: Vec<u32> = self.machines.slots().filter(useless).collect();
        others.sort_by_key(|&slot| get(slot).offer.minus(get(slot).free).proc_count());
        let mut above = self.above_min();
        let mut emptiest = None;
        let mut procs = 0;
        for slot in others {
            let machine = get(slot);
            let above = &mut above[usize::from(machine.kind.0)];
            if *above > 0 {
                *above -= u64::from(machine.counts());
                emptiest = emptiest.or(Some(slot));
                procs += u64::from(machine.offer.proc_count());
            }
        }
        emptiest.filter(|_| procs >= lacking)
    }

    /// E4: pending machines that are not wanted any more are told to stop, the latest first.
    fn withdraw(&mut self, plan: &Plan, actions: &mut Vec<Action>) {
        for index in 0..plan.kinds.len() {
            let kind = &self.machines.kinds[index];
            if plan.kinds[index].asked > 0 || kind.pending.is_empty() {
                continue;
            }
            let beside = self
                .target(index, plan)
                .saturating_sub(u64::from(kind.sums.counted));
            let needed = beside.max(Manager::wanted(index, plan));
            let surplus = kind.sums.machines.pending.saturating_sub(needed);
            for _ in 0..surplus {
                let latest = self.machines.kinds[index]
                    .pending
                    .values()
                    .next_back()
                    .copied();
                if let Some(slot) = latest {
                    self.stop(slot, actions);
                }
            }
        }
    }
}

/// The part of a machine that one request takes, if it is expected to fit.
fn share(demand: Demand, expected: Resources) -> Option<u64> {
    let times = match demand {
        Demand::Amounts(amounts) => amounts.times_in(expected),
        Demand::Machine => expected.proc_count().min(1),
    };
    ONE.checked_div(u64::from(times))
}
