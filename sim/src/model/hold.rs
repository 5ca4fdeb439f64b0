//! Patience: machines are held for requests whose turn has come (P4).

use core::cmp::Reverse;

use remuda::{Action, Kinds, MachineId, Notice, RequestId, Submit};

use super::place::fits_offer;
use super::{Held, Machine, Mark, Model, Place, Queued};

impl Model {
    /// Procs of all grants made on machines of these kinds.
    pub(super) fn granted(&self, kinds: Kinds) -> u64 {
        let accepted = self.accepted(kinds).into_iter();
        let granted = accepted.map(|kind| self.kinds[usize::from(kind.0)].granted);
        granted.fold(0, u64::saturating_add)
    }

    /// What the group had been granted when its last holder was.
    fn hold_mark(&self, group: Kinds) -> u64 {
        let mark = self.hold_marks.iter().find(|(of, _)| *of == group);
        mark.map_or(0, |(_, granted)| *granted)
    }

    fn move_mark(&mut self, group: Kinds) {
        let granted = self.granted(group);
        self.hold_marks.retain(|(of, _)| *of != group);
        self.hold_marks.push((group, granted));
    }

    /// Whether so much was granted since its submit, and since the last holder of its group was
    /// served, that its turn has come; asked anew each time.
    pub(super) fn has_turn(&self, request: &Queued) -> bool {
        let spec = &request.spec;
        let procs: u64 = self
            .machines
            .iter()
            .filter(|m| m.is_good() && spec.kinds.contains(m.kind))
            .filter(|m| {
                let capacity = self.config.kinds[usize::from(m.kind.0)].capacity;
                fits_offer(spec.demand, capacity)
            })
            .map(|m| u64::from(m.offer.proc_count()))
            .sum();
        let wanted = procs.saturating_mul(u64::from(self.config.patience));
        let since = request.granted_before.max(self.hold_mark(spec.kinds));
        wanted > 0 && self.granted(spec.kinds).saturating_sub(since) >= wanted
    }

    /// The part of a step after placement: what lost its machine gets another; then each group
    /// without a hold may give one, and one with a hold may hand it over. Groups ascend by their
    /// bits.
    pub(super) fn hold(&mut self) {
        self.choose_again();
        let mut groups: Vec<Kinds> = self.queue.iter().map(|r| r.spec.kinds).collect();
        groups.sort();
        groups.dedup();
        for group in &groups {
            match self.holds.iter().position(|held| held.group == *group) {
                None => self.give_hold(*group),
                Some(at) => self.take_over(at),
            }
        }
        self.hold_marks.retain(|(group, _)| groups.contains(group));
    }

    /// The held machine is in good health no more: another, or the hold ends.
    fn choose_again(&mut self) {
        self.holds.sort_by_key(|held| held.group);
        let is_good = |model: &Model, id| model.machines.iter().any(|m| m.id == id && m.is_good());
        let mut at = 0;
        while at < self.holds.len() {
            let held = self.holds[at].clone();
            if is_good(self, held.machine) {
                at += 1;
                continue;
            }
            let holder = self.queue.iter().find(|r| r.id == held.request);
            match holder.and_then(|holder| self.machine_to_hold(&holder.spec)) {
                Some(machine) => {
                    self.mark(Mark::P4ChosenAgain);
                    self.holds[at].machine = machine;
                    self.say_held(held.request, machine);
                    at += 1;
                }
                None => {
                    self.mark(Mark::P4NothingToHold);
                    self.holds.remove(at);
                }
            }
        }
    }

    /// The first by P1 whose turn has come and for which there is a machine.
    fn give_hold(&mut self, group: Kinds) {
        let first = self.by_p1(group).into_iter().find_map(|request| {
            let machine = self.machine_to_hold(&request.spec)?;
            self.has_turn(request).then_some((request.id, machine))
        });
        if let Some((request, machine)) = first {
            self.mark(Mark::P4Held);
            self.holds.push(Held {
                request,
                group,
                machine,
                until: self.hold_end(),
            });
            self.say_held(request, machine);
        }
    }

    /// A more urgent one whose turn has come takes the hold over, machine and all.
    fn take_over(&mut self, at: usize) {
        let Held {
            request: holder,
            group,
            machine,
            ..
        } = self.holds[at];
        let priority = self.queue.iter().find(|r| r.id == holder);
        let priority = priority.map(|r| r.spec.priority);
        let Some(record) = self.machines.iter().find(|m| m.id == machine) else {
            return;
        };
        let taker = self.by_p1(group).into_iter().find(|r| {
            priority.is_some_and(|priority| r.spec.priority < priority)
                && self.has_turn(r)
                && fits_offer(r.spec.demand, record.offer)
                && !self.avoids(&r.spec, record)
        });
        if let Some(request) = taker.map(|r| r.id) {
            self.mark(Mark::P4TakenOver);
            self.holds[at].request = request;
            self.holds[at].until = self.hold_end();
            self.say_held(request, machine);
        }
    }

    /// Those of the group in P1's order.
    fn by_p1(&self, group: Kinds) -> Vec<&Queued> {
        let order = self.order_of_requests().into_iter();
        let requests = order.filter_map(|id| self.queue.iter().find(|r| r.id == id));
        requests.filter(|r| r.spec.kinds == group).collect()
    }

    /// In good health, accepted, not held, not avoided, large enough: an empty one, else the one
    /// whose oldest running grant is the newest; then the lowest id.
    fn machine_to_hold(&self, spec: &Submit) -> Option<MachineId> {
        let candidates = self.machines.iter().filter(|m| {
            m.is_good()
                && spec.kinds.contains(m.kind)
                && fits_offer(spec.demand, m.offer)
                && !self.is_held(m.id)
                && !self.avoids(spec, m)
        });
        let oldest = |m: &Machine| {
            let on_it = self.running.iter().filter(|r| r.machine == m.id);
            on_it.map(|r| r.since).min()
        };
        // `None` is below `Some`: an empty machine comes first.
        let first = candidates.min_by_key(|m| (oldest(m).map(Reverse), m.id));
        first.map(|m| m.id)
    }

    fn hold_end(&self) -> Option<remuda::Instant> {
        let limit = self.config.hold_limit?;
        self.now.checked_add(limit)
    }

    fn say_held(&mut self, request: RequestId, machine: MachineId) {
        let notice = Notice::Held { request, machine };
        self.act(Place::Held, Action::Notice(notice));
    }

    /// The machine that is held for the request.
    pub(super) fn hold_of(&self, request: RequestId) -> Option<MachineId> {
        let held = self.holds.iter().find(|held| held.request == request)?;
        Some(held.machine)
    }

    pub(super) fn is_held(&self, machine: MachineId) -> bool {
        self.holds.iter().any(|held| held.machine == machine)
    }

    /// Its hold has done its work: the group's count starts anew.
    pub(super) fn holder_granted(&mut self, request: RequestId) {
        if let Some(held) = self.end_hold_of(request) {
            self.move_mark(held.group);
        }
    }

    /// Granted, cancelled or expired.
    pub(super) fn end_hold_of(&mut self, request: RequestId) -> Option<Held> {
        let at = self.holds.iter().position(|held| held.request == request)?;
        Some(self.holds.remove(at))
    }

    /// The hold has lasted for `hold_limit`. The count starts anew, so that it is not given to the
    /// same one at once.
    pub(super) fn hold_timed_out(&mut self, group: Kinds) {
        self.mark(Mark::P4TimedOut);
        self.holds.retain(|held| held.group != group);
        self.move_mark(group);
    }
}
