//! What whoever runs the cluster decides about it, and what the provider of its machines does.

use remuda::{Event, KindId, Limits, MachineId};

use super::{Cluster, Item};
use crate::subject::Subject;

impl<S: Subject> Cluster<S> {
    /// What happens instead of a client's act, if anything.
    pub(super) fn operator_acts(&mut self) -> Option<Event> {
        let faults = self.plan.faults.clone();
        if self.rng.chance(faults.spot_notices) {
            Some(self.spot_notice())
        } else if self.rng.chance(faults.drains) {
            let (machine, until) = (self.some_machine(), None);
            Some(Event::Drain { machine, until })
        } else if self.rng.chance(faults.keeps) {
            let machine = self.some_draining();
            Some(Event::Keep { machine })
        } else if self.rng.chance(faults.joins) {
            Some(self.join())
        } else if self.rng.chance(faults.limits_change) {
            Some(self.change_limits())
        } else if self.rng.chance(faults.max_procs_changes) {
            Some(self.change_max_procs())
        } else {
            None
        }
    }

    /// A machine is to be taken away, and is, at that time or a little before or after it.
    fn spot_notice(&mut self) -> Event {
        let machine = self.some_machine();
        let ticks = self.rng.range(0, 20);
        let until = Some(self.now + self.ticks(ticks));
        let off = self.rng.pick(&[0, 0, 1, 4]);
        let gone = match self.rng.chance(64) {
            true => ticks.saturating_sub(off),
            false => ticks + off,
        };
        self.later(gone, Item::Event(Event::Stopped { machine }));
        Event::Drain { machine, until }
    }

    /// All is to end, some machines first.
    pub(super) fn shutdown(&mut self) -> Event {
        if self.driven.ledger().shut_down || self.rng.chance(64) {
            return Event::Shutdown;
        }
        let machine = self.some_machine();
        let until = self.rng.pick(&[None, Some(self.now)]);
        Event::Drain { machine, until }
    }

    fn some_draining(&mut self) -> MachineId {
        let machines = self.driven.ledger().machines.iter();
        let draining = machines.filter(|(_, known)| known.draining && !known.told_to_stop);
        let draining: Vec<_> = draining.map(|(id, _)| *id).collect();
        match self.rng.pick_of(&draining) {
            Some(machine) if !self.rng.chance(24) => machine,
            _ => self.some_machine(),
        }
    }

    fn join(&mut self) -> Event {
        let kind = KindId(self.rng.below(self.plan.config.kinds.len() as u64) as u8);
        let mut join = (self.some_new_joiner(), kind);
        if self.rng.chance(self.plan.faults.join_wrong) {
            let none = KindId(self.plan.config.kinds.len() as u8);
            let spent = self.some_joiner();
            join = self.rng.pick(&[(spent, kind), (join.0, none)]);
        }
        let (machine, kind) = join;
        let offer = self.offer(kind);
        if self.rng.chance(self.plan.faults.flapping) {
            self.event_later(12, Event::Stopped { machine });
        }
        Event::Join {
            machine,
            kind,
            offer,
        }
    }

    fn some_new_joiner(&mut self) -> MachineId {
        let next = self.driven.ledger().next_joiner;
        let skipped = self.rng.pick(&[0, 0, 0, 1]);
        MachineId::joined(next.saturating_add(skipped))
    }

    /// A joiner that there was, or the next.
    pub(super) fn some_joiner(&mut self) -> MachineId {
        let next = self.driven.ledger().next_joiner;
        MachineId::joined(self.rng.below(next.saturating_add(1)))
    }

    fn change_limits(&mut self) -> Event {
        let kind = self.rng.below(self.plan.config.kinds.len() as u64) as usize;
        let configured = self.plan.config.kinds[kind].limits();
        let max = match self.rng.below(4) {
            0 => configured.max,
            _ => self.rng.below(5) as u32,
        };
        let idle = self.rng.range(1, 40);
        let limits = Limits {
            min: self.rng.pick(&[0, 0, 1, configured.min]).min(max),
            max,
            spare: self.rng.pick(&[0, 0, 1, configured.spare]).min(max),
            idle: match self.rng.below(4) {
                0 => None,
                1 => Some(self.ticks(idle)),
                _ => configured.idle,
            },
        };
        let kind = KindId(kind as u8);
        Event::SetLimits { kind, limits }
    }

    fn change_max_procs(&mut self) -> Event {
        let configured = self.plan.config.max_procs;
        let kinds = self.plan.config.kinds.iter();
        let all: u64 = kinds
            .map(|kind| u64::from(kind.capacity.proc_count()))
            .sum();
        let some = all.saturating_mul(self.rng.below(4)).div_ceil(2);
        let max_procs = self
            .rng
            .pick(&[configured, configured, some, some, u64::MAX]);
        Event::SetMaxProcs { max_procs }
    }
}
