//! Requests: what is checked at a submit (Q2, R3, F2), cancel (S6), done (Q3, S9–S13), give-up
//! (Q1).

use remuda::{Action, Demand, KindId, Kinds, MachineId, Outcome, Reject, RequestId, Submit};

use super::{Mark, Model, Place, Queued};

impl Model {
    /// Q2: known, F2, shut down (S22), given up already (Q1); then it is queued.
    pub(super) fn submit(&mut self, request: RequestId, spec: Submit) {
        if self.queue.iter().any(|r| r.id == request)
            || self.running.iter().any(|r| r.id == request)
        {
            return self.reject(Reject::DuplicateRequest { request });
        }
        if matches!(spec.demand, Demand::Amounts(amounts) if amounts.proc_count() == 0) {
            return self.reject(Reject::NoProcs { request });
        }
        if let Some(reject) = self.too_large(request, &spec) {
            return self.reject(reject);
        }
        if self.shut_down {
            return self.act(Place::News, Action::Cancelled { request });
        }
        if spec.give_up.is_some_and(|at| at <= self.now) {
            self.mark(Mark::Q1DueAtSubmit);
            return self.act(Place::Expired, Action::Expired { request });
        }
        self.mark_equals(&spec);
        let group = self.group_of(&spec);
        let alike = |r: &Queued| r.group == group && r.spec.kinds != spec.kinds;
        if self.queue.iter().any(alike) {
            self.mark(Mark::P4OneGroup);
        }
        self.queue.push(Queued {
            id: request,
            spec,
            group,
            granted_before: self.granted(group),
            all_granted_before: self.granted(Kinds::ALL),
        });
    }

    /// T1 and P1: whether another of its rank was there before.
    fn mark_equals(&mut self, spec: &Submit) {
        let rank = |spec: &Submit| match self.is_bigslice() {
            true => (spec.priority, self.bigslice_procs(spec.demand)),
            false => (spec.priority, 0),
        };
        if self.queue.iter().any(|r| rank(&r.spec) == rank(spec)) {
            self.mark(Mark::T1ArrivalDecides);
        }
    }

    /// The kinds of the config that are in the set.
    pub(super) fn accepted(&self, kinds: Kinds) -> Vec<KindId> {
        let all = (0..self.config.kinds.len()).map(|number| KindId(number as u8));
        all.filter(|kind| kinds.contains(*kind)).collect()
    }

    /// R3: machines of the kind join, or may be started within the limits.
    fn is_usable(&self, kind: KindId) -> bool {
        let kind = &self.config.kinds[usize::from(kind.0)];
        let procs = u64::from(kind.capacity.proc_count());
        let startable = kind.max > 0 && (self.is_bigslice() || procs <= self.config.max_procs);
        !kind.startable || startable
    }

    /// R3, F2: the rejection of a request that no machine could ever hold.
    fn too_large(&self, request: RequestId, spec: &Submit) -> Option<Reject> {
        let capacity = |kind: KindId| self.config.kinds[usize::from(kind.0)].capacity;
        let accepted = self.accepted(spec.kinds);
        let usable = accepted.iter().copied().filter(|k| self.is_usable(*k));
        let usable: Vec<KindId> = usable.collect();
        let asked = match spec.demand {
            Demand::Machine => 0,
            Demand::Amounts(amounts) => amounts.proc_count(),
        };
        if usable.is_empty() {
            return Some(Reject::TooLarge {
                request,
                kind: accepted.first().copied().unwrap_or_default(),
                amount: 0,
                asked,
                limit: 0,
            });
        }
        let Demand::Amounts(amounts) = spec.demand else {
            return None;
        };
        if usable.iter().any(|kind| amounts.fits(capacity(*kind))) {
            return None;
        }
        let most = usable
            .iter()
            .map(|kind| capacity(*kind).proc_count())
            .max()?;
        if asked > most {
            return Some(Reject::TooManyProcs {
                request,
                procs: asked,
                limit: most,
            });
        }
        let lacking = |kind: &KindId| {
            let both = amounts.amounts().into_iter().zip(capacity(*kind).amounts());
            both.filter(|(asked, limit)| asked > limit).count()
        };
        let enough_procs = usable
            .iter()
            .filter(|kind| asked <= capacity(**kind).proc_count());
        // Of equals the first, which has the lowest number.
        let kind = *enough_procs.min_by_key(|kind| lacking(kind))?;
        let amount = amounts.lacks(capacity(kind))?;
        Some(Reject::TooLarge {
            request,
            kind,
            amount: amount as u8,
            asked: amounts.amounts()[amount],
            limit: capacity(kind).amounts()[amount],
        })
    }

    /// S6, F4.
    pub(super) fn cancel(&mut self, request: RequestId) {
        if let Some(i) = self.queue.iter().position(|r| r.id == request) {
            self.queue.remove(i);
            self.end_hold_of(request);
        } else if !self.running.iter().any(|r| r.id == request) {
            self.reject(Reject::UnknownRequest { request });
        }
    }

    /// Q1: all that give up by now are removed, in the order of arrival.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        let due = |r: &mut Queued| r.spec.give_up.is_some_and(|at| at <= now);
        let expired: Vec<Queued> = self.queue.extract_if(.., due).collect();
        if expired.len() > 1 {
            self.mark(Mark::Q1SeveralExpire);
        }
        for queued in expired {
            let request = queued.id;
            self.end_hold_of(request);
            self.act(Place::Expired, Action::Expired { request });
        }
    }

    /// Q3, F4; what it says of the machine is for [`Model::judge`] (S9–S13).
    pub(super) fn done(&mut self, request: RequestId, there: Option<MachineId>, outcome: Outcome) {
        if self.queue.iter().any(|r| r.id == request) {
            return self.reject(Reject::RequestNotRunning { request });
        }
        let Some(i) = self.running.iter().position(|r| r.id == request) else {
            return self.reject(Reject::UnknownRequest { request });
        };
        if let Some(machine) = there.filter(|there| *there != self.running[i].machine) {
            return self.reject(Reject::RequestNotThere { request, machine });
        }
        let machine = self.running.remove(i).machine;
        let now = self.now;
        if let Some(record) = self.machine(machine) {
            record.idle_from = now;
        }
        self.judge(machine, outcome);
    }
}
