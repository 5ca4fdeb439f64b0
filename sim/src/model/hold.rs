//! Patience: machines are held for requests whose turn has come (P4).

use core::cmp::Reverse;

use remuda::{Action, Kinds, MachineId, Notice, RequestId, Submit};

use super::place::fits_offer;
use super::{Held, Machine, Mark, Model, Place, Queued};

/// A hold that may be given in this step.
struct Candidate {
    /// Its rank by P1: the priority, then the place in the queue, which is in the order of arrival.
    rank: (i64, usize),
    group: Kinds,
    request: RequestId,
    machine: MachineId,
}

impl Model {
    /// The kinds that a request accepts and whose capacity takes its demand.
    pub(super) fn group_of(&self, spec: &Submit) -> Kinds {
        let accepted = self.accepted(spec.kinds).into_iter();
        let fits = accepted.filter(|kind| {
            let capacity = self.config.kinds[usize::from(kind.0)].capacity;
            fits_offer(spec.demand, capacity)
        });
        fits.fold(Kinds::NONE, Kinds::with)
    }

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
        let group = request.group;
        let good = self.machines.iter();
        let good = good.filter(|m| m.is_good() && group.contains(m.kind));
        let procs: u64 = good.map(|m| u64::from(m.offer.proc_count())).sum();
        let wanted = procs.saturating_mul(u64::from(self.config.patience));
        let since = request.granted_before.max(self.hold_mark(group));
        wanted > 0 && self.granted(group).saturating_sub(since) >= wanted
    }

    /// The part of a step after placement: what lost its machine gets another; then, again and
    /// again, the first by P1 of all groups' candidates gets its hold, each group one at most.
    pub(super) fn hold(&mut self) {
        self.choose_again();
        let mut groups: Vec<Kinds> = self.queue.iter().map(|r| r.group).collect();
        groups.sort();
        groups.dedup();
        let mut given: Vec<Kinds> = Vec::new();
        loop {
            let not_given = groups.iter().filter(|group| !given.contains(group));
            let candidates = not_given.filter_map(|group| self.candidate(*group));
            let candidates: Vec<Candidate> = candidates.collect();
            let Some(first) = candidates.iter().min_by_key(|it| it.rank) else {
                break;
            };
            if candidates.iter().any(|it| it.group < first.group) {
                self.mark(Mark::P4FirstByP1);
            }
            given.push(first.group);
            self.give_hold(first);
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
            match holder.and_then(|holder| self.machine_not_held(&holder.spec)) {
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

    /// Who of the group may be given a hold: without one, the first by P1 whose turn has come and
    /// for which there is a machine; else the first that may take it over, machine and all, which
    /// is more urgent than the holder.
    fn candidate(&self, group: Kinds) -> Option<Candidate> {
        let held = self.holds.iter().find(|held| held.group == group);
        let mut order: Vec<(usize, &Queued)> = self.queue.iter().enumerate().collect();
        order.sort_by_key(|(at, r)| (r.spec.priority, *at));
        let in_turn = order
            .into_iter()
            .filter(|(_, r)| r.group == group && self.has_turn(r));
        let mut candidates = in_turn.filter_map(|(at, r)| {
            let machine = match held {
                None => self.machine_to_hold(&r.spec)?,
                Some(held) => self.may_take_over(r, held).then_some(held.machine)?,
            };
            Some(Candidate {
                rank: (r.spec.priority, at),
                group,
                request: r.id,
                machine,
            })
        });
        candidates.next()
    }

    /// It is more urgent than the holder, and could hold the machine of that hold.
    fn may_take_over(&self, request: &Queued, held: &Held) -> bool {
        let spec = &request.spec;
        let machine = self.machines.iter().find(|m| m.id == held.machine);
        self.is_less_urgent(held, spec)
            && machine.is_some_and(|m| fits_offer(spec.demand, m.offer) && !self.avoids(spec, m))
    }

    fn is_less_urgent(&self, held: &Held, than: &Submit) -> bool {
        let holder = self.queue.iter().find(|r| r.id == held.request);
        holder.is_some_and(|r| than.priority < r.spec.priority)
    }

    /// Its group's hold passes to it, or it gets one; a hold of another group on the machine ends,
    /// and no mark moves.
    fn give_hold(&mut self, to: &Candidate) {
        let &Candidate {
            group,
            request,
            machine,
            ..
        } = to;
        let taken_over = self.holds.iter().any(|held| held.group == group);
        let yielded = self
            .holds
            .iter()
            .any(|held| held.machine == machine && held.group != group);
        self.mark(match taken_over {
            true => Mark::P4TakenOver,
            false => Mark::P4Held,
        });
        if yielded {
            self.mark(Mark::P4Yielded);
        }
        self.holds
            .retain(|held| held.group != group && held.machine != machine);
        self.holds.push(Held {
            request,
            group,
            machine,
            until: self.hold_end(),
        });
        self.say_held(request, machine);
    }

    /// One that is not held, else one that is held for a less urgent request of another group.
    fn machine_to_hold(&self, spec: &Submit) -> Option<MachineId> {
        self.machine_not_held(spec).or_else(|| {
            self.best_to_hold(spec, |machine| {
                let held = self.holds.iter().find(|held| held.machine == machine);
                held.is_some_and(|held| self.is_less_urgent(held, spec))
            })
        })
    }

    fn machine_not_held(&self, spec: &Submit) -> Option<MachineId> {
        self.best_to_hold(spec, |machine| !self.is_held(machine))
    }

    /// Of these machines, in good health, accepted, not avoided, large enough: an empty one, else
    /// the one whose oldest running grant is the newest; then the lowest id.
    fn best_to_hold(&self, spec: &Submit, of: impl Fn(MachineId) -> bool) -> Option<MachineId> {
        let candidates = self.machines.iter().filter(|m| {
            m.is_good()
                && spec.kinds.contains(m.kind)
                && fits_offer(spec.demand, m.offer)
                && of(m.id)
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
