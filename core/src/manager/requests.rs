//! Requests: submit, cancel, done, and giving up (S6, F2, Q).

use alloc::vec::Vec;

use super::Manager;
use crate::machines::KindState;
use crate::protocol::action::Action;
use crate::protocol::config::Policy;
use crate::protocol::event::{Outcome, Submit};
use crate::protocol::id::{KindId, Kinds, MachineId, RequestId};
use crate::protocol::reject::Reject;
use crate::protocol::resources::{Demand, Resources};
use crate::queue::Ask;
use crate::storage::list::MAX_RECORDS;

impl Manager {
    /// Q2: the checks in their order, then placement.
    #[inline]
    pub(super) fn submit(
        &mut self,
        request: RequestId,
        spec: &Submit,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        if self.requests.find(&request).is_some() {
            return Err(Reject::DuplicateRequest { request });
        }
        let group = self.check_size(request, spec)?;
        if self.requests.is_full() {
            return Err(Reject::Full { limit: MAX_RECORDS });
        }
        if self.shutdown {
            actions.push(Action::Cancelled { request });
        } else if spec.give_up.is_some_and(|at| at <= self.now) {
            actions.push(Action::Expired { request });
        } else {
            match self.config.policy {
                Policy::Fit => self.submit_fit(request, spec, group, actions),
                Policy::Bigslice => self.submit_bigslice(request, spec),
            }
            self.deadlines_dirty |= spec.give_up.is_some();
        }
        Ok(())
    }

    /// F2, R3: the group of a request that a machine of an accepted kind could ever take.
    #[inline]
    fn check_size(&self, request: RequestId, spec: &Submit) -> Result<Kinds, Reject> {
        if spec.demand.least().proc_count() == 0 {
            return Err(Reject::NoProcs { request });
        }
        let group = self.machines.group_of(&Ask::of(spec));
        let mut fitting = self.machines.accepted(group);
        match fitting.any(|kind| self.is_usable(kind)) {
            true => Ok(group),
            false => Err(self.too_large(request, spec)),
        }
    }

    /// R3: which amount is too large, on the kind that comes closest.
    #[cold]
    fn too_large(&self, request: RequestId, spec: &Submit) -> Reject {
        let asked = match spec.demand {
            Demand::Amounts(amounts) => amounts,
            Demand::Machine => Resources::ZERO,
        };
        let capacity = |kind: KindId| self.machines.kind(kind).kind.capacity;
        let most = self
            .usable_kinds(spec)
            .map(|kind| capacity(kind).proc_count())
            .max();
        let (kind, limit) = match most {
            Some(limit) if asked.proc_count() > limit => {
                return Reject::TooManyProcs {
                    request,
                    procs: asked.proc_count(),
                    limit,
                };
            }
            Some(_) => {
                // The closest: enough procs, and the fewest amounts that lack.
                let enough = self
                    .usable_kinds(spec)
                    .filter(|&kind| asked.proc_count() <= capacity(kind).proc_count());
                let lacking = |kind: &KindId| {
                    let both = asked.amounts().into_iter().zip(capacity(*kind).amounts());
                    both.filter(|(asked, limit)| asked > limit).count()
                };
                let closest = enough.min_by_key(lacking);
                closest.map_or((KindId(0), Resources::ZERO), |kind| (kind, capacity(kind)))
            }
            None => (
                self.accepted_kinds(spec).next().unwrap_or(KindId(0)),
                Resources::ZERO,
            ),
        };
        let amount = asked.lacks(limit).unwrap_or(0);
        Reject::TooLarge {
            request,
            kind,
            // Below four.
            amount: amount as u8,
            asked: asked.amounts()[amount],
            limit: limit.amounts()[amount],
        }
    }

    fn accepted_kinds(&self, spec: &Submit) -> impl Iterator<Item = KindId> + use<> {
        let kinds = spec.kinds;
        // At most 64.
        let known = self.machines.kinds.len() as u8;
        (0..known)
            .map(KindId)
            .filter(move |kind| kinds.contains(*kind))
    }

    /// Those that join, or can be started within the limits.
    fn usable_kinds(&self, spec: &Submit) -> impl Iterator<Item = KindId> {
        let accepted = self.accepted_kinds(spec);
        accepted.filter(|&kind| self.is_usable(self.machines.kind(kind)))
    }

    #[inline]
    fn is_usable(&self, kind: &KindState) -> bool {
        let kind = &kind.kind;
        let fits = u64::from(kind.capacity.proc_count()) <= self.max_procs;
        !kind.startable || (kind.max > 0 && fits) || self.config.policy == Policy::Bigslice
    }

    /// S6.
    #[inline(never)]
    pub(super) fn cancel(&mut self, request: RequestId) -> Result<(), Reject> {
        let slot = self
            .requests
            .find(&request)
            .ok_or(Reject::UnknownRequest { request })?;
        if self.requests[slot].queued().is_some() {
            self.unqueue(slot);
            self.requests.remove(slot);
        }
        Ok(())
    }

    /// Takes a request out of the queue that is not granted.
    fn unqueue(&mut self, slot: u32) {
        self.deadlines_dirty |= self.queue.next_give_up().is_some();
        let (_, group) = self.queue.take(&mut self.requests, slot);
        self.end_hold_of(slot);
        self.holds.leave(group);
    }

    /// Q1: removes a request whose time is up.
    pub(super) fn expire(&mut self, request: RequestId, actions: &mut Vec<Action>) {
        if let Some(slot) = self.requests.find(&request) {
            self.unqueue(slot);
            self.requests.remove(slot);
            actions.push(Action::Expired { request });
        }
    }

    /// S22: removes all of the queue, in its order.
    pub(super) fn cancel_all(&mut self, actions: &mut Vec<Action>) {
        let all: Vec<u32> = self.queue.iter(&self.requests).collect();
        for slot in all {
            self.unqueue(slot);
            let request = self.requests.remove(slot).id;
            actions.push(Action::Cancelled { request });
        }
    }

    /// The end of a grant.
    #[inline]
    pub(super) fn done(
        &mut self,
        request: RequestId,
        machine: Option<MachineId>,
        outcome: Outcome,
        actions: &mut Vec<Action>,
    ) -> Result<(), Reject> {
        let slot = self
            .requests
            .find(&request)
            .ok_or(Reject::UnknownRequest { request })?;
        let Some(running) = self.requests[slot].running() else {
            return Err(Reject::RequestNotRunning { request });
        };
        // Q3.
        if let Some(machine) = machine
            && self.machines.get(running.machine).id != machine
        {
            return Err(Reject::RequestNotThere { request, machine });
        }
        let machine = self.machines.release(&mut self.requests, slot, self.now);
        self.requests.remove(slot);
        self.judge(machine, outcome, actions);
        Ok(())
    }
}
