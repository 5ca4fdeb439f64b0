//! Limits that change while it runs (E3).

use core::cmp::Reverse;
use core::time::Duration;

use remuda::{KindId, Limits, MachineId, Reject};

use super::{Machine, Mark, Model, Place, State};

impl Model {
    /// E3, R4. After a shutdown only the figures change.
    pub(super) fn set_limits(&mut self, kind: KindId, limits: Limits) {
        if self.is_bigslice() {
            return self.reject(Reject::NotInBigslice);
        }
        let number = usize::from(kind.0);
        let Some(config) = self.config.kinds.get_mut(number) else {
            return self.reject(Reject::UnknownKind { kind });
        };
        let Limits {
            min,
            max,
            spare,
            idle,
        } = limits;
        if min > max || spare > max || idle == Some(Duration::ZERO) {
            return self.reject(Reject::Limits { kind });
        }
        (config.min, config.max, config.spare, config.idle) = (min, max, spare, idle);
        self.kinds[number].expected = config.capacity;
        self.reduce(
            |model| {
                let of_kind = |m: &&Machine| m.kind == kind && m.is_active();
                let active = model.machines.iter().filter(of_kind).count();
                active as u64 > u64::from(max)
            },
            |m| m.kind == kind,
        );
    }

    /// E3.
    pub(super) fn set_max_procs(&mut self, max_procs: u64) {
        if self.is_bigslice() {
            return self.reject(Reject::NotInBigslice);
        }
        self.config.max_procs = max_procs;
        self.reduce(
            |model| {
                let active = model.machines.iter().filter(|m| m.is_active());
                let procs: u64 = active.map(|m| u64::from(m.offer.proc_count())).sum();
                procs > max_procs
            },
            |_| true,
        );
    }

    /// E3: while there is too much, of these machines pending ones (highest id first), then idle
    /// ones (longest idle first, then the highest id) are told to stop, then the latest up (then
    /// the highest id) are drained.
    fn reduce(&mut self, too_much: impl Fn(&Model) -> bool, of: impl Fn(&Machine) -> bool) {
        while !self.shut_down && too_much(self) {
            let these = self.machines.iter().filter(|m| of(m) && m.is_active());
            let these: Vec<&Machine> = these.collect();
            let pending = these.iter().filter(|m| m.state == State::Pending);
            let idle = these.iter().filter(|m| self.is_idle(m));
            let id = |m: &&Machine| m.id;
            let pending: Option<MachineId> = pending.max_by_key(|m| m.id).map(id);
            let idle = idle.min_by_key(|m| (m.idle_from, Reverse(m.id))).map(id);
            let latest = these.iter().max_by_key(|m| (m.up_at, m.id)).map(id);
            match (pending, idle, latest) {
                (Some(machine), ..) => {
                    self.mark(Mark::E3PendingStopped);
                    self.tell_to_stop(machine, Place::Stop);
                }
                (None, Some(machine), _) => {
                    self.mark(Mark::E3IdleStopped);
                    self.tell_to_stop(machine, Place::Stop);
                }
                (None, None, Some(machine)) => {
                    self.mark(Mark::E3Drained);
                    self.begin_drain(machine, None);
                }
                (None, None, None) => return,
            }
        }
    }
}
