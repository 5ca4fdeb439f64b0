//! What clients do, and what may happen instead.

use remuda::{
    Demand, Event, KindId, Kinds, MachineId, OnceKey, RequestId, Resources, Submit, TaskId,
    WaiterId,
};

use super::Cluster;
use crate::subject::Subject;

impl<S: Subject> Cluster<S> {
    pub(super) fn some_machine(&mut self) -> MachineId {
        match self.rng.pick_of(&self.driven.ledger().serving) {
            Some(machine) if !self.rng.chance(24) => machine,
            _ => MachineId(self.rng.below(self.driven.ledger().minted + 1)),
        }
    }

    pub(super) fn some_key(&mut self) -> OnceKey {
        OnceKey {
            kind: self.rng.below(2) as u32,
            key: self.rng.below(self.plan.traffic.names),
        }
    }

    pub(super) fn some_request(&mut self) -> RequestId {
        let queued = self.driven.ledger().queued.iter().map(|(r, _)| *r);
        let known: Vec<_> = queued
            .chain(self.driven.ledger().running.iter().map(|g| g.request))
            .collect();
        match self.rng.pick_of(&known) {
            Some(request) if !self.rng.chance(24) => request,
            _ => self.any_request(),
        }
    }

    /// A request that there was, or the next.
    fn any_request(&mut self) -> RequestId {
        let n = self.rng.range(0, self.next_request);
        self.plan.traffic.ids.of(n)
    }

    /// What a client does, or what happens instead.
    pub(super) fn act(&mut self) -> Event {
        let (stops, shutdown, wild) = (
            self.plan.faults.stops,
            self.plan.faults.shutdown,
            self.plan.faults.wild,
        );
        if self.rng.chance(stops) {
            let machine = self.some_machine();
            return Event::Stopped { machine };
        }
        if self.rng.chance(wild) {
            return self.wild();
        }
        if self.rng.chance(shutdown) {
            return self.shutdown();
        }
        match self.operator_acts() {
            Some(event) => event,
            None => self.client_acts(),
        }
    }

    fn client_acts(&mut self) -> Event {
        let mut weights = self.plan.traffic.weights;
        let open = self.driven.ledger().queued.len() + self.driven.ledger().running.len();
        if open >= self.plan.traffic.requests {
            weights[0] = 0;
        }
        let task = TaskId(self.rng.below(self.plan.traffic.names));
        match self.rng.weighted(&weights) {
            0 if open >= self.plan.traffic.requests => Event::Timer,
            0 => self.submit(),
            1 => Event::Cancel {
                request: self.some_request(),
            },
            2 => Event::AssignTask {
                machine: self.some_machine(),
                task,
            },
            3 => {
                let held = self.rng.pick_of(&self.driven.ledger().tasks);
                let (task, machine) = match held {
                    Some(held) if !self.rng.chance(64) => held,
                    _ => (task, self.some_machine()),
                };
                Event::DiscardTask { machine, task }
            }
            4 => Event::Once {
                machine: self.some_machine(),
                key: self.some_key(),
                waiter: WaiterId(self.rng.below(4 * self.plan.traffic.names)),
            },
            _ => Event::ForgetOnce {
                machine: self.some_machine(),
                key: self.some_key(),
            },
        }
    }

    fn submit(&mut self) -> Event {
        let mut request = self.plan.traffic.ids.of(self.next_request);
        if self.rng.chance(self.plan.faults.id_reused) {
            request = self.any_request();
        } else {
            self.next_request += 1;
        }
        if self.rng.chance(self.plan.faults.cancel_race) {
            let most = self.plan.traffic.start;
            self.event_later(most, Event::Cancel { request });
        }
        let spec = self.some_spec();
        Event::Submit { request, spec }
    }

    /// What some client asks for.
    pub(super) fn some_spec(&mut self) -> Submit {
        let traffic = self.plan.traffic.clone();
        let kinds = self.plan.config.kinds.len() as u64;
        let kind = self.rng.below(kinds) as usize;
        let mut spec = Submit::new(self.some_demand(kind));
        spec.priority = self.rng.below(traffic.priorities) as i64;
        if self.rng.chance(traffic.kinds) {
            spec.kinds = KindId(kind as u8).into();
            for other in (0..kinds).map(|n| KindId(n as u8)) {
                if self.rng.chance(64) {
                    spec.kinds = spec.kinds.with(other);
                }
            }
            if self.rng.chance(8) {
                let none = KindId(kinds as u8);
                spec.kinds = self.rng.pick(&[Kinds::NONE, none.into()]);
            }
        }
        if self.rng.chance(traffic.prefer) {
            spec.prefer = Some(self.some_machine());
        }
        if self.rng.chance(traffic.avoid) {
            spec.avoid = Some(self.some_machine());
        }
        if self.rng.chance(traffic.give_up) {
            let after = self.rng.range(0, traffic.give_up_after);
            spec.give_up = Some(self.now + self.ticks(after));
        }
        spec
    }

    /// What fits a machine of this kind, unless it is to be too much.
    fn some_demand(&mut self, kind: usize) -> Demand {
        let traffic = self.plan.traffic.clone();
        if self.rng.chance(traffic.whole) {
            return Demand::Machine;
        }
        let mut amounts = self.plan.config.kinds[kind].capacity.amounts();
        let procs = amounts[0].min(traffic.procs);
        amounts[0] = match self.rng.chance(traffic.single) {
            true => 1,
            false => self.rng.range(1, u64::from(procs)) as u32,
        };
        let capacity = self.plan.config.kinds[kind].capacity.amounts();
        for amount in &mut amounts[1..] {
            *amount = match self.rng.chance(traffic.others) {
                true => self.rng.range(0, u64::from(*amount)) as u32,
                false => 0,
            };
        }
        if self.rng.chance(self.plan.faults.oversize) {
            // Procs more often than others.
            let n = self.rng.pick(&[0, 0, 0, 1, 2, 3]);
            amounts[n] = capacity[n] + self.rng.range(1, 3) as u32;
        }
        Demand::Amounts(Resources::new(amounts))
    }
}
