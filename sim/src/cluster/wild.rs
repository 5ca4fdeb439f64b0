//! Any event at all, with any ids.

use remuda::{
    Demand, Event, KindId, Kinds, Limits, MachineId, RequestId, Resources, StartHint, Submit,
    TaskId, WaiterId,
};

use super::{Cluster, ONCE_OUTCOMES, OUTCOMES};
use crate::subject::Subject;

/// The ids that an event may name.
struct Names {
    request: RequestId,
    machine: MachineId,
    task: TaskId,
    waiter: WaiterId,
}

impl<S: Subject> Cluster<S> {
    pub(super) fn wild(&mut self) -> Event {
        let names = self.wild_names();
        match self.rng.chance(160) {
            true => self.wild_of_old(names),
            false => self.wild_of_operator(names.machine),
        }
    }

    fn wild_names(&mut self) -> Names {
        let far = self.rng.chance(16);
        let mut any = |most: u64| {
            if far {
                u64::MAX
            } else {
                self.rng.range(0, most)
            }
        };
        let mut request = match any(self.next_request) {
            u64::MAX => RequestId(u64::MAX),
            n => self.plan.traffic.ids.of(n),
        };
        let mut machine = MachineId(any(self.driven.ledger().minted));
        let task = TaskId(any(self.plan.traffic.names));
        let waiter = WaiterId(any(self.plan.traffic.names));
        if self.rng.chance(128) && !far {
            (request, machine) = (self.some_request(), self.some_machine());
        }
        Names {
            request,
            machine,
            task,
            waiter,
        }
    }

    /// Any of what a request, a machine, a task or a client is the subject of.
    fn wild_of_old(&mut self, names: Names) -> Event {
        let Names {
            request,
            machine,
            task,
            waiter,
        } = names;
        let answered = self.rng.chance(128);
        let outcome = self.rng.pick(&ONCE_OUTCOMES);
        let key = self.some_key();
        match self.rng.below(20) {
            0..=3 => Event::Submit {
                request,
                spec: self.wild_spec(),
            },
            4 => Event::Cancel { request },
            5..=8 => Event::Done {
                request,
                machine: match self.rng.below(4) {
                    0 => Some(machine),
                    1 => None,
                    _ => self.machine_of(request),
                },
                outcome: self.rng.pick(&OUTCOMES),
            },
            9 => Event::Up {
                machine,
                offer: self.wild_offer(),
            },
            10 => Event::StartFailed {
                machine,
                hint: self.rng.pick(&[None, None, Some(StartHint::AtCapacity)]),
            },
            11 => Event::Stopped { machine },
            12 => Event::AssignTask { machine, task },
            13 => Event::DiscardTask { machine, task },
            14 => Event::Once {
                machine,
                key,
                waiter,
            },
            15 | 16 => Event::OnceDone {
                machine,
                key,
                outcome,
            },
            17 => Event::ForgetOnce { machine, key },
            18 => Event::Polled { machine, answered },
            _ => Event::Timer,
        }
    }

    fn machine_of(&self, request: RequestId) -> Option<MachineId> {
        let mut running = self.driven.ledger().running.iter();
        running.find(|g| g.request == request).map(|g| g.machine)
    }

    fn wild_spec(&mut self) -> Submit {
        let mut spec = self.some_spec();
        spec.priority = self.rng.pick(&[i64::MIN, -1, 0, 1, i64::MAX]);
        match self.rng.below(32) {
            0 => spec.demand = Demand::Amounts(Resources::ZERO),
            1 => spec.kinds = Kinds::from_bits(self.rng.next()),
            2..=15 => spec.demand = Demand::Machine,
            _ => {}
        }
        spec
    }

    fn wild_offer(&mut self) -> Option<Resources> {
        let amounts = self.rng.pick(&[0, 1, u32::MAX]);
        let offer = Resources::new([amounts; Resources::COUNT]);
        self.rng.pick(&[None, None, None, Some(offer)])
    }

    /// Any of what whoever runs the cluster decides.
    fn wild_of_operator(&mut self, machine: MachineId) -> Event {
        let kind = self.some_kind_or_none();
        let later = self.rng.pick(&[0, 0, 1, 5, 50]);
        let until = self.now + self.ticks(later);
        match self.rng.below(16) {
            0..=3 => Event::Drain {
                machine,
                until: self.rng.pick(&[None, Some(until)]),
            },
            4..=7 => Event::Keep { machine },
            8..=10 => Event::Join {
                machine: match self.rng.chance(64) {
                    true => machine,
                    false => self.some_joiner(),
                },
                kind,
                offer: self.wild_offer(),
            },
            11..=14 => Event::SetLimits {
                kind,
                limits: self.wild_limits(),
            },
            _ => Event::SetMaxProcs {
                max_procs: self.rng.pick(&[0, 1, 8, 100, u64::MAX]),
            },
        }
    }

    fn some_kind_or_none(&mut self) -> KindId {
        let kinds = self.plan.config.kinds.len() as u64;
        match self.rng.chance(24) {
            true => KindId(self.rng.pick(&[kinds as u8, 63, 64, u8::MAX])),
            false => KindId(self.rng.below(kinds) as u8),
        }
    }

    fn wild_limits(&mut self) -> Limits {
        let mut any = || self.rng.below(4) as u32;
        let (min, spare, max) = (any(), any(), any() + any());
        let idle = self.rng.pick(&[None, Some(1), Some(5), Some(0)]);
        Limits {
            min,
            max,
            spare,
            idle: idle.map(|ticks| self.ticks(ticks)),
        }
    }
}
