//! Shrinking: idle machines (E1, E2), and pending ones that nobody wants any more (E4).

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

    /// E2: of the kind's idle machines that count (or do not, H1), the longest idle one with its
    /// limit; of equals the highest id.
    fn longest_idle(&self, kind: KindId, counted: bool) -> Option<(Instant, MachineId)> {
        let kind_config = &self.config.kinds[usize::from(kind.0)];
        let limit = kind_config.idle.filter(|_| kind_config.startable)?;
        let idle = self.idle_of(kind);
        let longest = idle
            .iter()
            .filter(|m| m.is_counted() == counted)
            .min_by_key(|m| (m.idle_from, Reverse(m.id)))?;
        Some((longest.idle_from.checked_add(limit)?, longest.id))
    }

    pub(super) fn idle_of(&self, kind: KindId) -> Vec<&Machine> {
        let of_kind = self.machines.iter().filter(|m| m.kind == kind);
        of_kind.filter(|m| self.is_idle(m)).collect()
    }

    /// E2: the limits of the kind that are still to come; one that has passed is no deadline.
    pub(super) fn idle_deadlines(&self, kind: KindId) -> Vec<Instant> {
        let longest = [true, false].map(|counted| self.longest_idle(kind, counted));
        let limits = longest.into_iter().flatten().map(|(at, _)| at);
        limits.filter(|at| *at > self.now).collect()
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
    /// machines and `spare` idle ones.
    fn next_idle_stop(&mut self, kind: KindId) -> Option<MachineId> {
        let limits = &self.config.kinds[usize::from(kind.0)];
        let (min, spare) = (u64::from(limits.min), u64::from(limits.spare));
        let idle = self.idle_of(kind);
        let idle = idle.iter().filter(|m| m.is_counted()).count() as u64;
        let counted = self.counted_of(kind);
        let mut candidates = Vec::new();
        for counts in [true, false] {
            let Some((limit, machine)) = self.longest_idle(kind, counts) else {
                continue;
            };
            let one = u64::from(counts);
            let dispensable = counted >= min + one && idle >= spare + one;
            match limit <= self.now {
                true if dispensable => candidates.push((limit, Reverse(machine))),
                true => self.mark(Mark::E2Blocked),
                false => {}
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
