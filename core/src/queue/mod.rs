//! The queued requests in their order (P1; under bigslice's policy S3).

mod ask;
mod class;
mod demands;
mod limits;

use alloc::vec::Vec;

use crate::index::{Queued, Request, Requests};
use crate::protocol::config::Policy;
use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, Kinds, MachineId, RequestId};
use crate::protocol::resources::{Demand, Resources, Totals};
use crate::protocol::time::Instant;
use crate::storage::list::Moves;
use crate::storage::table::Table;
use crate::storage::tree::Tree;

pub(crate) use ask::{Ask, Spot};
pub(crate) use class::{Class, ClassKey};
pub(crate) use demands::{Demands, Home};
use limits::Limits;

/// The queue. The records of its requests are in [`Requests`], which every method that changes one
/// is given.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    policy: Policy,
    classes: Table<Class>,
    /// The class of the last request that came.
    last_found: u32,
    order: Tree<Class>,
    /// The arrival of the next request.
    next_arrival: u64,
    /// What is asked for, by growth (G1).
    pub(crate) demands: Demands,
    /// The class of a demand that is new since the last plan of growth.
    new_demand: Option<u32>,
    /// What few requests have: a preferred machine, a time to give up.
    limits: Limits,
    /// Classes that avoid a machine.
    avoiding: u32,
    len: u64,
    whole: u64,
    need: Totals,
}

impl Queue {
    pub(crate) fn new(policy: Policy) -> Queue {
        Queue {
            policy,
            classes: Table::new(),
            last_found: 0,
            order: Tree::EMPTY,
            next_arrival: 0,
            demands: Demands::new(),
            new_demand: None,
            limits: Limits::new(),
            avoiding: 0,
            len: 0,
            whole: 0,
            need: Totals::default(),
        }
    }

    /// Queued requests; those of them for a whole machine (R5); the amounts of the others (R6).
    pub(crate) const fn counts(&self) -> (u64, u64, Totals) {
        (self.len, self.whole, self.need)
    }

    /// Appends a request of a group. `granted` is what had been granted on the group's kinds when it
    /// came (P4), and on any (G5).
    pub(crate) fn push(
        &mut self,
        requests: &mut Requests,
        id: RequestId,
        spec: &Submit,
        group: Kinds,
        granted: (u64, u64),
    ) -> u32 {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let key = ClassKey::of(spec);
        let class = match self.find(&key) {
            Some(class) => class,
            None => self.add_class(key, group, arrival),
        };
        self.last_found = class;
        let queued = Queued {
            class,
            arrival,
            granted: granted.0,
            granted_anywhere: granted.1,
        };
        let slot = requests.insert(Request::queue(id, queued));
        let record = &mut self.classes[class];
        record.members.push_back(requests.records_mut(), slot);
        record.len += 1;
        self.demands.count(record.demand, 1);
        if record.counted {
            self.order.refresh(self.classes.records_mut(), class);
        }
        self.limits.add(id, arrival, spec);
        self.len += 1;
        match spec.demand {
            Demand::Amounts(amounts) => self.need.add(amounts),
            Demand::Machine => self.whole += 1,
        }
        slot
    }

    /// Takes a request out of the queue; its record stays, in no list. Gives what it asks for, and its
    /// group.
    pub(crate) fn take(&mut self, requests: &mut Requests, slot: u32) -> (Demand, Kinds) {
        let request = &requests[slot];
        let Some(Queued { class, arrival, .. }) = request.queued() else {
            unreachable!("the caller knows that it is queued");
        };
        self.limits.remove(request.id, arrival);
        let record = &mut self.classes[class];
        let was_first = record.members.head() == Some(slot);
        record.members.remove(requests.records_mut(), slot);
        record.len -= 1;
        let (demand, key, group) = (record.demand, record.key, record.group);
        if record.len == 0 {
            self.remove_class(class);
        } else if record.counted {
            self.order.refresh(self.classes.records_mut(), class);
        } else if was_first {
            self.move_class(requests, class);
        }
        self.demands.discount(demand);
        self.len -= 1;
        match key.ask.demand {
            Demand::Amounts(amounts) => self.need.subtract(amounts),
            Demand::Machine => self.whole -= 1,
        }
        (key.ask.demand, group)
    }

    /// The first class in order whose requests fit on a machine and are not excluded (P2).
    #[inline]
    pub(crate) fn first_fit(&self, spot: &Spot, excluded: impl Fn(&Class) -> bool) -> Option<u32> {
        let fits = |class: &Class| class.key.ask.fits(spot) && !excluded(class);
        self.order
            .search(self.classes.records(), |least| least.may_fit(spot), fits)
    }

    /// The requests before the first that fits, and its class (S5).
    pub(crate) fn first_fit_and_rank(&self, spot: &Spot) -> Option<(u32, u64)> {
        let class = self.first_fit(spot, |_| false)?;
        let before = self
            .order
            .before(self.classes.records(), &self.classes[class].order);
        Some((class, before.map_or(0, |least| least.count)))
    }

    /// Takes the first of all requests for the shortcut: if it asks for just `amounts` on machines of
    /// that kind, its class goes on without it and stays the first, and it has no limits of its own.
    #[inline]
    pub(crate) fn take_first_alike(
        &mut self,
        requests: &mut Requests,
        amounts: Resources,
        kind: KindId,
    ) -> Option<u32> {
        let first = self.order.alone(self.classes.records())?;
        let class = &mut self.classes[first];
        let alike = class.key.ask.demand == Demand::Amounts(amounts)
            && class.key.ask.kinds.contains(kind)
            && class.key.avoid.is_none()
            && !class.counted;
        if !alike || class.len < 2 || !self.limits.is_empty() {
            return None;
        }
        let slot = class.members.head()?;
        class.members.remove(requests.records_mut(), slot);
        class.len -= 1;
        let next = class.members.head()?;
        class.order.1 = requests[next].queued()?.arrival;
        self.demands.discount(class.demand);
        self.len -= 1;
        self.need.subtract(amounts);
        Some(slot)
    }

    pub(crate) fn class(&self, class: u32) -> &Class {
        &self.classes[class]
    }

    /// The first request of a class.
    pub(crate) fn first(&self, class: u32) -> u32 {
        let head = self.classes[class].members.head();
        head.expect("a class that is there has a request")
    }

    /// The classes in order.
    pub(crate) fn classes(&self) -> impl Iterator<Item = u32> {
        self.order.iter(self.classes.records())
    }

    pub(crate) fn first_class(&self) -> Option<u32> {
        self.order.first(self.classes.records())
    }

    /// The first class of a less urgent priority.
    pub(crate) fn first_less_urgent(&self, priority: i64) -> Option<u32> {
        let early = |class: &Class| class.order.0 <= priority;
        let last = self
            .order
            .last_early(self.classes.records(), |_| true, early)?;
        self.order.next(self.classes.records(), last)
    }

    pub(crate) fn next_class(&self, class: u32) -> Option<u32> {
        self.order.next(self.classes.records(), class)
    }

    /// The class of a demand that is new since the last plan of growth.
    #[inline]
    pub(crate) const fn new_demand(&self) -> Option<u32> {
        self.new_demand
    }

    /// Begins a plan of growth, which looks at each demand once.
    pub(crate) fn begin_plan(&mut self) {
        self.new_demand = None;
        self.demands.begin_plan();
    }

    /// The demand of a class and how many requests ask for that in all, if this plan of growth sees
    /// it for the first time.
    pub(crate) fn see_demand(&mut self, class: u32) -> Option<(u32, u64)> {
        self.demands.see(&self.classes[class])
    }

    /// Whether it was said that the class's demand has no home; from now on it was.
    pub(crate) fn say_no_home(&mut self, class: u32) -> bool {
        self.demands.say_no_home(&self.classes[class])
    }

    /// The requests in order.
    pub(crate) fn iter(&self, requests: &Requests) -> impl Iterator<Item = u32> {
        let mut all: Vec<u32> = Vec::new();
        for class in self.classes() {
            all.extend(self.members(requests, class));
        }
        let order = |slot: &u32| {
            let arrival = |queued: Queued| {
                let (priority, order) = self.classes[queued.class].order;
                match self.policy {
                    Policy::Bigslice => (priority, order, queued.arrival),
                    Policy::Fit => (priority, queued.arrival, 0),
                }
            };
            requests[*slot].queued().map(arrival)
        };
        all.sort_unstable_by_key(order);
        all.into_iter()
    }

    /// What a queued request was submitted with.
    pub(crate) fn spec(&self, id: RequestId, class: u32) -> Submit {
        let ClassKey {
            priority,
            ask: Ask { demand, kinds },
            avoid,
        } = self.classes[class].key;
        let spec = Submit::new(demand).priority(priority).kinds(kinds);
        let (prefer, give_up) = self.limits.of(id);
        Submit {
            prefer,
            avoid,
            give_up,
            ..spec
        }
    }

    /// The machine that a request prefers.
    #[inline]
    pub(crate) fn preferred(&self, id: RequestId) -> Option<MachineId> {
        self.limits.of(id).0
    }

    /// The machines that queued requests avoid.
    pub(crate) fn avoided(&self) -> impl Iterator<Item = MachineId> {
        let classes = if self.avoiding > 0 {
            self.order
        } else {
            Tree::EMPTY
        };
        let classes = classes.iter(self.classes.records());
        classes.filter_map(|class| self.classes[class].key.avoid)
    }

    /// The next request that is given up, and when (Q1).
    pub(crate) fn next_give_up(&self) -> Option<(Instant, RequestId)> {
        self.limits.next()
    }

    /// The arrival that the next request gets, to be kept and restored.
    pub(crate) const fn next_arrival(&self) -> u64 {
        self.next_arrival
    }

    #[cfg(feature = "serde")]
    pub(crate) fn set_next_arrival(&mut self, arrival: u64) {
        self.next_arrival = arrival;
    }

    /// Follows requests that were moved in memory.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        { self.classes.iter_mut() }.for_each(|class| class.members.follow(moves));
    }

    fn members<'a>(
        &self,
        requests: &'a Requests,
        class: u32,
    ) -> impl Iterator<Item = u32> + use<'a> {
        self.classes[class].members.iter(requests.records())
    }

    fn find(&self, key: &ClassKey) -> Option<u32> {
        // Most often a request is like the one before it.
        let last = self.classes.records().get(self.last_found as usize);
        if last.is_some_and(|class| class.key == *key) {
            return Some(self.last_found);
        }
        self.classes.find(key)
    }

    fn add_class(&mut self, key: ClassKey, group: Kinds, arrival: u64) -> u32 {
        let (demand, is_new) = self.demands.enter(key.ask);
        let (order, counted) = match self.policy {
            Policy::Fit => ((key.priority, arrival), false),
            Policy::Bigslice => (
                (
                    key.priority,
                    u64::from(u32::MAX - key.ask.demand.least().proc_count()),
                ),
                true,
            ),
        };
        let class = Class::new(key, group, order, demand, counted);
        let slot = self.classes.insert(class);
        if is_new {
            self.new_demand = Some(slot);
        }
        self.order.insert(self.classes.records_mut(), slot);
        self.avoiding += u32::from(key.avoid.is_some());
        slot
    }

    fn remove_class(&mut self, slot: u32) {
        self.order.remove(self.classes.records_mut(), slot);
        self.new_demand = self.new_demand.filter(|&class| class != slot);
        let class = self.classes.remove(slot);
        self.avoiding -= u32::from(class.key.avoid.is_some());
        if self.classes.len() == 0 {
            self.classes.compact();
        }
    }

    /// Moves a class to where its first request belongs, after another one has left.
    fn move_class(&mut self, requests: &Requests, slot: u32) {
        let first = requests[self.first(slot)].queued();
        let order = (
            self.classes[slot].key.priority,
            first.map_or(0, |queued| queued.arrival),
        );
        let next = self.order.next(self.classes.records(), slot);
        let stays = next.is_none_or(|next| order < self.classes[next].order);
        if stays {
            self.classes[slot].order = order;
            return;
        }
        self.order.remove(self.classes.records_mut(), slot);
        self.classes[slot].order = order;
        self.order.insert(self.classes.records_mut(), slot);
    }

    /// Whether all is in order and counted right.
    pub(crate) fn check(&self, requests: &Requests) -> bool {
        let (mut len, mut whole, mut need) = (0, 0, Totals::default());
        for class in self.classes() {
            let record = &self.classes[class];
            let count = record.members.check(requests.records());
            if count != Some(record.len as usize) || count == Some(0) {
                return false;
            }
            let first = requests[self.first(class)].queued();
            let ordered =
                record.counted || first.map(|queued| queued.arrival) == Some(record.order.1);
            let members: Vec<Option<Queued>> = self
                .members(requests, class)
                .map(|slot| requests[slot].queued())
                .collect();
            let sorted = members.is_sorted_by_key(|queued| queued.map(|queued| queued.arrival));
            let mine = |queued: &Queued| queued.class == class;
            if !ordered
                || !sorted
                || !members
                    .iter()
                    .all(|queued| queued.as_ref().is_some_and(mine))
            {
                return false;
            }
            len += record.len;
            match record.key.ask.demand {
                Demand::Amounts(amounts) => (0..record.len).for_each(|_| need.add(amounts)),
                Demand::Machine => whole += record.len,
            }
        }
        self.classes.check()
            && self.order.check(self.classes.records()) == Some(self.classes.len())
            && (len, whole, need) == (self.len, self.whole, self.need)
            && self
                .demands
                .check(self.classes.iter().map(|class| (class.demand, class.len)))
            && self.limits.check(requests)
    }
}
