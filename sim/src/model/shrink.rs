//! Shrinking: idle machines (E1, E2), and pending ones that are not wanted any more (E4).

use core::cmp::Reverse;

use remuda::{Instant, KindId, MachineId};

use super::grow::Plan;
use super::{Machine, Mark, Model, Place};

impl Model {
    /// E1: nothing runs there, it is not held, and no tasks live there, unless they do not count.
    pub(super) fn is_idle(&self, machine: &Machine) -> bool {
        machine.is_up()
            && machine.is_active()
            && self.is_empty(machine.id)
            && !self.is_held(machine.id)
            && (machine.tasks.is_empty() || self.config.stop_with_tasks)
    }

    /// E2: of the kind's idle machines that count (or do not, H1), each with its limit, the longest
    /// idle one first; of equals the highest id.
    fn by_idleness(&self, kind: KindId, counted: bool) -> Vec<(Instant, MachineId)> {
        let kind_config = &self.config.kinds[usize::from(kind.0)];
        let Some(limit) = kind_config.idle.filter(|_| kind_config.startable) else {
            return Vec::new();
        };
        let mut idle = self.idle_of(kind);
        idle.retain(|m| m.is_counted() == counted);
        idle.sort_by_key(|m| (m.idle_from, Reverse(m.id)));
        // A limit past the end of time is none.
        let limits = idle
            .into_iter()
            .filter_map(|m| Some((m.idle_from.checked_add(limit)?, m.id)));
        limits.collect()
    }

    pub(super) fn idle_of(&self, kind: KindId) -> Vec<&Machine> {
        let of_kind = self.machines.iter().filter(|m| m.kind == kind);
        of_kind.filter(|m| self.is_idle(m)).collect()
    }

    fn counted_idle(&self, kind: KindId) -> u64 {
        let idle = self.idle_of(kind).into_iter();
        idle.filter(|m| m.is_counted()).count() as u64
    }

    /// E2: the limits of the kind that are still to come and may matter; one that has passed is no
    /// deadline.
    pub(super) fn idle_deadlines(&self, kind: KindId) -> Vec<Instant> {
        let spare = u64::from(self.config.kinds[usize::from(kind.0)].spare);
        let to_come = |(at, _): &(Instant, MachineId)| *at > self.now;
        let counted = self.by_idleness(kind, true);
        let mut deadlines = Vec::new();
        // While the first has not passed that is the one; then, where there are more than the spare that
        // have to be idle for as long, the next.
        let more = spare > 0 && self.idle_of(kind).len() as u64 > spare;
        if counted.first().is_some_and(to_come) || more {
            deadlines.extend(counted.iter().copied().find(to_come));
        }
        let others = self.by_idleness(kind, false);
        deadlines.extend(others.first().copied().filter(to_come));
        deadlines.into_iter().map(|(at, _)| at).collect()
    }

    /// E2, by kind.
    pub(super) fn stop_idle(&mut self) {
        if self.shut_down {
            return;
        }
        for number in 0..self.config.kinds.len() {
            while let Some(machine) = self.next_idle_stop(KindId(number as u8)) {
                self.mark(Mark::E2Stopped);
                self.tell_to_stop(machine, Place::Resize);
            }
        }
    }

    /// E2: the machine that has been idle for too long and without which there still are `min`
    /// machines and `spare` idle ones that have been idle for as long.
    fn next_idle_stop(&mut self, kind: KindId) -> Option<MachineId> {
        let limits = &self.config.kinds[usize::from(kind.0)];
        let (min, spare) = (u64::from(limits.min), u64::from(limits.spare));
        let rested = self.by_idleness(kind, true).into_iter();
        let rested = rested.filter(|(limit, _)| *limit <= self.now).count() as u64;
        let idle = self.counted_idle(kind);
        let counted = self.counted_of(kind);
        let mut candidates = Vec::new();
        for counts in [true, false] {
            let longest = self.by_idleness(kind, counts).into_iter().next();
            let Some((limit, machine)) = longest.filter(|(limit, _)| *limit <= self.now) else {
                continue;
            };
            let one = u64::from(counts);
            if counted < min + one || idle < spare + one {
                self.mark(Mark::E2Blocked);
            } else if rested < spare + one {
                self.mark(Mark::E2SpareNotRested);
            } else {
                candidates.push((limit, Reverse(machine)));
            }
        }
        let first = candidates.into_iter().min();
        first.map(|(_, Reverse(machine))| machine)
    }

    /// E4: pending machines that are not wanted any more, latest first. Those that the queue takes
    /// its shares of are wanted, whatever else is idle.
    pub(super) fn withdraw(&mut self, plan: &Plan, wanted: &[u64]) {
        if !self.config.withdraw {
            return;
        }
        for (number, wanted) in wanted.iter().enumerate() {
            let kind = KindId(number as u8);
            if plan.asked[number] > 0 {
                continue;
            }
            let pending: Vec<MachineId> = self.pending_of(kind).iter().map(|m| m.id).collect();
            let up = self.counted_of(kind) - pending.len() as u64;
            let needed = self.target(kind, *wanted).saturating_sub(up).max(*wanted);
            for machine in pending.into_iter().skip(needed as usize).rev() {
                self.mark(Mark::E4Withdrawn);
                self.tell_to_stop(machine, Place::Resize);
            }
        }
    }
}
