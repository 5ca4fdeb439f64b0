//! What few requests have: a machine that they prefer (P3), a time to give up (Q1).

use alloc::collections::{BTreeMap, BTreeSet};

use crate::index::Requests;
use crate::protocol::event::Submit;
use crate::protocol::id::{MachineId, RequestId};
use crate::protocol::time::Instant;

/// The preferences and limits of queued requests.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    of: BTreeMap<RequestId, (Option<MachineId>, Option<Instant>)>,
    /// By time, then arrival.
    give_ups: BTreeSet<(Instant, u64, RequestId)>,
}

impl Limits {
    pub(super) const fn new() -> Limits {
        Limits {
            of: BTreeMap::new(),
            give_ups: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(super) fn add(&mut self, id: RequestId, arrival: u64, spec: &Submit) {
        if spec.prefer.is_some() || spec.give_up.is_some() {
            self.of.insert(id, (spec.prefer, spec.give_up));
        }
        if let Some(at) = spec.give_up {
            self.give_ups.insert((at, arrival, id));
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, id: RequestId, arrival: u64) {
        if !self.of.is_empty()
            && let Some((_, Some(at))) = self.of.remove(&id)
        {
            self.give_ups.remove(&(at, arrival, id));
        }
    }

    #[inline]
    pub(super) fn of(&self, id: RequestId) -> (Option<MachineId>, Option<Instant>) {
        match self.of.is_empty() {
            true => (None, None),
            false => self.of.get(&id).copied().unwrap_or_default(),
        }
    }

    /// The next request that is given up, and when.
    pub(super) fn next(&self) -> Option<(Instant, RequestId)> {
        self.give_ups.first().map(|&(at, _, id)| (at, id))
    }

    /// Whether all are of queued requests.
    pub(super) fn check(&self, requests: &Requests) -> bool {
        let arrival = |id| requests.find(&id).and_then(|slot| requests[slot].queued());
        let known = |(&id, &(_, give_up)): (&RequestId, &(_, Option<Instant>))| {
            arrival(id).is_some_and(|queued| {
                give_up.is_none_or(|at| self.give_ups.contains(&(at, queued.arrival, id)))
            })
        };
        let timed = self.of.values().filter(|(_, give_up)| give_up.is_some());
        self.of.iter().all(known) && timed.count() == self.give_ups.len()
    }
}
