//! What clients do, and what may happen instead.

use remuda::{Demand, Event, MachineId, OnceKey, RequestId, TaskId, WaiterId};

use super::{Cluster, ONCE_OUTCOMES, OUTCOMES};
use crate::subject::Subject;

impl<S: Subject> Cluster<S> {
    fn some_machine(&mut self) -> MachineId {
        match self.rng.pick_of(&self.driven.ledger().serving) {
            Some(machine) if !self.rng.chance(24) => machine,
            _ => MachineId(self.rng.below(self.driven.ledger().minted + 1)),
        }
    }

    fn some_key(&mut self) -> OnceKey {
        OnceKey {
            kind: self.rng.below(2) as u32,
            key: self.rng.below(self.plan.traffic.names),
        }
    }

    fn some_request(&mut self) -> RequestId {
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
        let faults = &self.plan.faults;
        let (stops, shutdown, wild) = (faults.stops, faults.shutdown, faults.wild);
        if self.rng.chance(stops) {
            let machine = self.some_machine();
            return Event::Stopped { machine };
        }
        if self.rng.chance(wild) {
            return self.wild();
        }
        if self.rng.chance(shutdown) {
            return Event::Shutdown;
        }
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
            2 => Event::Assign {
                machine: self.some_machine(),
                task,
            },
            3 => {
                let held = self.rng.pick_of(&self.driven.ledger().tasks);
                let (task, machine) = match held {
                    Some(held) if !self.rng.chance(64) => held,
                    _ => (task, self.some_machine()),
                };
                Event::Discard { machine, task }
            }
            4 => Event::Once {
                machine: self.some_machine(),
                key: self.some_key(),
                waiter: WaiterId(self.rng.below(4 * self.plan.traffic.names)),
            },
            _ => Event::Forget {
                machine: self.some_machine(),
                key: self.some_key(),
            },
        }
    }

    fn submit(&mut self) -> Event {
        let machine_procs = self.plan.config.machine_procs;
        let mut request = self.plan.traffic.ids.of(self.next_request);
        if self.rng.chance(self.plan.faults.id_reused) {
            request = self.any_request();
        } else {
            self.next_request += 1;
        }
        let procs = if self.rng.chance(self.plan.faults.oversize) {
            machine_procs + self.rng.range(1, 3) as u32
        } else if self.rng.chance(self.plan.traffic.single) {
            1
        } else {
            self.rng.range(1, u64::from(self.plan.traffic.procs)) as u32
        };
        let demand = match Demand::procs(procs) {
            Some(demand) if !self.rng.chance(self.plan.traffic.whole) => demand,
            _ => Demand::Machine,
        };
        if self.rng.chance(self.plan.faults.cancel_race) {
            let most = self.plan.traffic.start;
            self.event_later(most, Event::Cancel { request });
        }
        Event::Submit {
            request,
            priority: self.rng.below(self.plan.traffic.priorities) as i64,
            demand,
        }
    }

    /// Any event at all.
    fn wild(&mut self) -> Event {
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
        let answered = self.rng.chance(128);
        let outcome = self.rng.pick(&ONCE_OUTCOMES);
        let key = self.some_key();
        let procs = self.rng.range(1, u64::from(self.plan.traffic.procs) + 1) as u32;
        let priority = self.rng.pick(&[i64::MIN, -1, 0, 1, i64::MAX]);
        match self.rng.below(20) {
            0 => Event::Submit {
                request,
                priority,
                demand: Demand::procs(procs).expect("at least one"),
            },
            1..=3 => Event::Submit {
                request,
                priority,
                demand: Demand::Machine,
            },
            4 => Event::Cancel { request },
            5..=8 => Event::Done {
                request,
                outcome: self.rng.pick(&OUTCOMES),
            },
            9 => Event::Up { machine },
            10 => Event::StartFailed { machine },
            11 => Event::Stopped { machine },
            12 => Event::Assign { machine, task },
            13 => Event::Discard { machine, task },
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
            17 => Event::Forget { machine, key },
            18 => Event::Polled { machine, answered },
            _ => Event::Timer,
        }
    }
}
