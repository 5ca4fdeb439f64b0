//! What a snapshot of the first edition means today, and what of today's state it can hold.

use alloc::vec;
use alloc::vec::Vec;

use super::{
    Config, Growth, Machine, OnceKey, OnceOutcome, Poll, Queued, Snapshot, State, Summary,
};
use crate::inspect::snapshot as today;
use crate::machines::{self, Phase};
use crate::manager;
use crate::protocol::config::Policy;
use crate::protocol::event::Submit;
use crate::protocol::id::{KindId, MachineId, RequestId, TaskId, WaiterId};
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;
use crate::protocol::{self, event, id};

impl Snapshot {
    /// The state of a manager of bigslice's policy. What the first edition did not keep, and that
    /// policy does not look at, is as if it had begun now.
    pub(super) fn into_today(self) -> today::Snapshot {
        let (now, shutdown) = (Instant(self.now), self.shutdown);
        let growth = self.growth;
        let config = self.config.into_today();
        let kind = config.kinds[0];
        let queue = (0..).zip(self.queue);
        let queue: Vec<_> = queue
            .map(|(arrival, one)| one.into_today(arrival))
            .collect();
        let machines = self.machines.into_iter();
        let machines = machines.map(|one| one.into_today(kind.capacity, now, shutdown));
        today::Snapshot {
            max_procs: config.max_procs,
            config,
            now,
            next_arrival: queue.len() as u64,
            queue,
            machines: machines.collect(),
            next_machine: MachineId(growth.next_machine),
            kinds: vec![today::OneKind {
                limits: kind.limits(),
                expected: kind.capacity,
                granted: 0,
                lost: self.lost,
                ended: 0,
                growth: growth.into_today(),
            }],
            next_joined: MachineId::joined(0),
            groups: Vec::new(),
            no_home: Vec::new(),
            summary: match self.summary {
                Summary::Unborn => manager::Summary::NotBegun,
                Summary::Never => manager::Summary::Never,
                Summary::Due(at) => manager::Summary::Due(Instant(at)),
            },
            armed: self.armed.map(Instant),
            shutdown,
        }
    }

    /// This state in the first edition's words; `None` if it had none for something.
    pub(super) fn of(today: &today::Snapshot) -> Option<Snapshot> {
        let [kind] = &today.kinds[..] else {
            return None;
        };
        let same = kind.ended == 0
            && today.max_procs == today.config.max_procs
            && today.next_joined == MachineId::joined(0);
        let capacity = today.config.kinds.first()?.capacity;
        let machines = today.machines.iter();
        let machines = machines.map(|one| Machine::of(one, capacity));
        let snapshot = Snapshot {
            config: Config::of(&today.config)?,
            now: today.now.0,
            queue: today.queue.iter().map(Queued::of).collect::<Option<_>>()?,
            machines: machines.collect::<Option<_>>()?,
            lost: kind.lost,
            growth: Growth::of(&kind.growth, today.next_machine),
            summary: match today.summary {
                manager::Summary::NotBegun => Summary::Unborn,
                manager::Summary::Never => Summary::Never,
                manager::Summary::Due(at) => Summary::Due(at.0),
            },
            armed: today.armed.map(u64::from),
            shutdown: today.shutdown,
        };
        same.then_some(snapshot)
    }
}

impl Config {
    fn into_today(self) -> protocol::config::Config {
        protocol::config::Config::bigslice_machines(self.machine_procs, self.max_procs)
            .probation(self.probation)
            .start_backoff_base(self.start_backoff_base)
            .start_backoff_cap(self.start_backoff_cap)
            .silent_polls(self.silent_polls)
            .poll_interval(self.poll_interval)
            .summary_interval(self.summary_interval)
    }

    fn of(today: &protocol::config::Config) -> Option<Config> {
        if today.policy != Policy::Bigslice {
            return None;
        }
        Some(Config {
            machine_procs: today.kinds.first()?.capacity.proc_count(),
            max_procs: today.max_procs,
            probation: today.probation,
            start_backoff_base: today.start_backoff_base,
            start_backoff_cap: today.start_backoff_cap,
            silent_polls: today.silent_polls,
            poll_interval: today.poll_interval,
            summary_interval: today.summary_interval,
        })
    }
}

impl Queued {
    fn into_today(self, arrival: u64) -> today::OneQueued {
        today::OneQueued {
            request: RequestId(self.request),
            spec: Submit::procs(self.procs).priority(self.priority),
            arrival,
            granted: 0,
            granted_anywhere: 0,
        }
    }

    fn of(today: &today::OneQueued) -> Option<Queued> {
        let Demand::Amounts(amounts) = today.spec.demand else {
            return None;
        };
        today.spec.give_up.is_none().then_some(Queued {
            request: today.request.0,
            priority: today.spec.priority,
            procs: amounts.proc_count(),
        })
    }
}

impl Machine {
    fn into_today(self, capacity: Resources, now: Instant, shutdown: bool) -> today::OneMachine {
        let (phase, probation) = match self.state {
            State::Pending { steps } => (Phase::Pending { steps }, None),
            State::Ok => (Phase::Up, None),
            State::Probation { until } => (Phase::Up, Some(until.map(Instant))),
        };
        let running = self.running.into_iter();
        let running = running.map(|(request, procs)| today::OneRunning {
            request: RequestId(request),
            taken: Resources::procs(procs),
            since: now,
        });
        let onces = self.onces.into_iter();
        let onces = onces.map(|(key, result)| today::OneOnce {
            key: key.into_today(),
            result: result.map(OnceOutcome::into_today),
            since: now,
        });
        let waiters = self.waiters.into_iter();
        let waiters = waiters.map(|(waiter, key)| (WaiterId(waiter), key.into_today()));
        today::OneMachine {
            machine: MachineId(self.machine),
            kind: KindId(0),
            phase,
            offer: capacity,
            since: now,
            // Each in service was told to stop (S22).
            stop_since: (shutdown && phase == Phase::Up).then_some(now),
            idle_since: now,
            probation: probation.map(machines::Ends::from),
            passages: probation.is_some().into(),
            draining: None,
            trial: None,
            settles: None,
            poll: match self.poll {
                Poll::Never => machines::Poll::Never,
                Poll::Out => machines::Poll::Out(now),
                Poll::Due(at) => machines::Poll::Due(Instant(at)),
            },
            silent: self.silent,
            running: running.collect(),
            tasks: self.tasks.into_iter().map(TaskId).collect(),
            onces: onces.collect(),
            waiters: waiters.collect(),
        }
    }

    fn of(today: &today::OneMachine, capacity: Resources) -> Option<Machine> {
        let state = match (today.phase, today.probation) {
            (Phase::Pending { steps }, None) => State::Pending { steps },
            (Phase::Up, None) => State::Ok,
            (Phase::Up, Some(until)) => State::Probation {
                until: until.at().map(|at| at.0),
            },
            (Phase::Pending { .. }, Some(_)) | (Phase::Stopping { .. }, _) => return None,
        };
        let same = today.offer == capacity
            && today.draining.is_none()
            && today.trial.is_none()
            && today.kind == KindId(0);
        let running = today.running.iter();
        let onces = today.onces.iter();
        let waiters = today.waiters.iter();
        same.then(|| Machine {
            machine: today.machine.0,
            state,
            poll: match today.poll {
                machines::Poll::Never => Poll::Never,
                machines::Poll::Out(_) => Poll::Out,
                machines::Poll::Due(at) => Poll::Due(at.0),
            },
            silent: today.silent,
            running: running
                .map(|one| (one.request.0, one.taken.proc_count()))
                .collect(),
            tasks: today.tasks.iter().map(|task| task.0).collect(),
            onces: onces
                .map(|one| (OnceKey::of(one.key), one.result.map(OnceOutcome::of)))
                .collect(),
            waiters: waiters
                .map(|(waiter, key)| (waiter.0, OnceKey::of(*key)))
                .collect(),
        })
    }
}

impl OnceKey {
    fn into_today(self) -> id::OnceKey {
        id::OnceKey {
            kind: self.kind,
            key: self.key,
        }
    }

    fn of(today: id::OnceKey) -> OnceKey {
        OnceKey {
            kind: today.kind,
            key: today.key,
        }
    }
}

impl OnceOutcome {
    fn into_today(self) -> event::OnceOutcome {
        match self {
            OnceOutcome::Ok => event::OnceOutcome::Ok,
            OnceOutcome::Remote => event::OnceOutcome::Remote,
            OnceOutcome::Unreachable => event::OnceOutcome::Unreachable,
            OnceOutcome::MachineLost => event::OnceOutcome::MachineLost,
        }
    }

    fn of(today: event::OnceOutcome) -> OnceOutcome {
        match today {
            event::OnceOutcome::Ok => OnceOutcome::Ok,
            event::OnceOutcome::Remote => OnceOutcome::Remote,
            event::OnceOutcome::Unreachable => OnceOutcome::Unreachable,
            event::OnceOutcome::MachineLost => OnceOutcome::MachineLost,
        }
    }
}

impl Growth {
    fn into_today(self) -> manager::Growth {
        manager::Growth {
            failures: self.failures,
            steps: self.steps,
            step: self.step,
            backoff: manager::Pause {
                lasts: self.held,
                until: self.until.map(Instant),
            },
            // Bigslice's policy does not look at it; *up* ended both.
            cautious: self.step > 0,
            ..manager::Growth::new()
        }
    }

    fn of(today: &manager::Growth, next_machine: MachineId) -> Growth {
        Growth {
            next_machine: next_machine.0,
            failures: today.failures,
            steps: today.steps,
            step: today.step,
            held: today.backoff.lasts,
            until: today.backoff.until.map(u64::from),
        }
    }
}
