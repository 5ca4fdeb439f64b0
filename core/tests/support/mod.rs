//! What the stories are told with: a manager whose every call is followed by a check of all
//! invariants, and short names for events and actions.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub(crate) mod random;

use core::time::Duration;

use remuda::{
    Action, Config, Counts, Demand, Event, Health, Instant, MachineId, Manager, Notice, OnceKey,
    OnceOutcome, Outcome, Recovery, Reject, RequestId, TaskId, WaiterId,
};

/// Machines of so many procs, without polls, summaries and limits to distract.
pub(crate) fn quiet(machine_procs: u32) -> Config {
    Config {
        poll_interval: Duration::ZERO,
        summary_interval: Duration::ZERO,
        ..Config::new(machine_procs, 1 << 40).unwrap()
    }
}

pub(crate) struct World {
    pub(crate) manager: Manager,
    pub(crate) now: Instant,
}

impl World {
    pub(crate) fn new(config: Config) -> World {
        World {
            manager: Manager::new(config).unwrap(),
            now: Instant::ZERO,
        }
    }

    /// A quiet cluster of `machines` ready machines that cannot grow further.
    pub(crate) fn with_machines(machine_procs: u32, machines: u64) -> World {
        let max_procs = u64::from(machine_procs) * machines;
        World::grown(
            Config {
                max_procs,
                ..quiet(machine_procs)
            },
            machines,
        )
    }

    /// A cluster of `machines` ready machines m0, m1, …, made by requests that are done again.
    pub(crate) fn grown(config: Config, machines: u64) -> World {
        let mut world = World::new(config);
        for n in 0..machines {
            world.whole(1_000_000 + n);
        }
        for n in 0..machines {
            world.up(n);
        }
        for n in 0..machines {
            world.done(1_000_000 + n, Outcome::Ok);
        }
        assert_eq!(world.counts().machines.ok, machines);
        assert_eq!(world.counts().need, 0);
        world
    }

    pub(crate) fn handle(&mut self, event: Event) -> Vec<Action> {
        let actions = self.manager.handle(event, self.now);
        if let Err(violation) = self.manager.check_invariants() {
            panic!("after {event:?} at {}: {violation}", self.now);
        }
        actions
    }

    /// Like `handle`, for stories that are not about timers.
    pub(crate) fn untimed(&mut self, event: Event) -> Vec<Action> {
        let mut actions = self.handle(event);
        actions.retain(|action| !matches!(action, Action::SetTimer { .. } | Action::ClearTimer));
        actions
    }

    pub(crate) fn at(&mut self, secs: u64) -> &mut World {
        self.now = Instant::from_secs(secs);
        self
    }

    pub(crate) fn submit(&mut self, request: u64, priority: i64, procs: u32) -> Vec<Action> {
        self.untimed(submit(request, priority, procs))
    }

    pub(crate) fn whole(&mut self, request: u64) -> Vec<Action> {
        let request = RequestId(request);
        self.untimed(Event::Submit {
            request,
            priority: 0,
            demand: Demand::Machine,
        })
    }

    pub(crate) fn cancel(&mut self, request: u64) -> Vec<Action> {
        self.untimed(Event::Cancel {
            request: RequestId(request),
        })
    }

    pub(crate) fn done(&mut self, request: u64, outcome: Outcome) -> Vec<Action> {
        self.untimed(Event::Done {
            request: RequestId(request),
            outcome,
        })
    }

    pub(crate) fn up(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::Up {
            machine: MachineId(machine),
        })
    }

    pub(crate) fn start_failed(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::StartFailed {
            machine: MachineId(machine),
        })
    }

    pub(crate) fn stopped(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::Stopped {
            machine: MachineId(machine),
        })
    }

    pub(crate) fn assign(&mut self, machine: u64, task: u64) -> Vec<Action> {
        self.untimed(Event::Assign {
            machine: MachineId(machine),
            task: TaskId(task),
        })
    }

    pub(crate) fn discard(&mut self, machine: u64, task: u64) -> Vec<Action> {
        self.untimed(Event::Discard {
            machine: MachineId(machine),
            task: TaskId(task),
        })
    }

    pub(crate) fn once(&mut self, machine: u64, key: OnceKey, waiter: u64) -> Vec<Action> {
        self.untimed(Event::Once {
            machine: MachineId(machine),
            key,
            waiter: WaiterId(waiter),
        })
    }

    pub(crate) fn once_done(
        &mut self,
        machine: u64,
        key: OnceKey,
        outcome: OnceOutcome,
    ) -> Vec<Action> {
        self.untimed(Event::OnceDone {
            machine: MachineId(machine),
            key,
            outcome,
        })
    }

    pub(crate) fn forget(&mut self, machine: u64, key: OnceKey) -> Vec<Action> {
        self.untimed(Event::Forget {
            machine: MachineId(machine),
            key,
        })
    }

    pub(crate) fn polled(&mut self, machine: u64, answered: bool) -> Vec<Action> {
        self.untimed(Event::Polled {
            machine: MachineId(machine),
            answered,
        })
    }

    pub(crate) fn timer(&mut self) -> Vec<Action> {
        self.untimed(Event::Timer)
    }

    pub(crate) fn shutdown(&mut self) -> Vec<Action> {
        self.untimed(Event::Shutdown)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.manager.counts()
    }

    pub(crate) fn health(&self, machine: u64) -> Option<Health> {
        self.manager
            .machine(MachineId(machine))
            .map(|machine| machine.health())
    }

    pub(crate) fn used(&self, machine: u64) -> u32 {
        self.manager.machine(MachineId(machine)).unwrap().used()
    }
}

pub(crate) fn submit(request: u64, priority: i64, procs: u32) -> Event {
    let demand = Demand::procs(procs).unwrap();
    Event::Submit {
        request: RequestId(request),
        priority,
        demand,
    }
}

pub(crate) fn grant(request: u64, machine: u64) -> Action {
    Action::Grant {
        request: RequestId(request),
        machine: MachineId(machine),
    }
}

pub(crate) fn start(first: u64, count: u32) -> Action {
    Action::Start {
        first: MachineId(first),
        count,
    }
}

pub(crate) fn stop(machine: u64) -> Action {
    Action::Stop {
        machine: MachineId(machine),
    }
}

pub(crate) fn poll(machine: u64) -> Action {
    Action::Poll {
        machine: MachineId(machine),
    }
}

pub(crate) fn request_lost(request: u64, machine: u64) -> Action {
    Action::RequestLost {
        request: RequestId(request),
        machine: MachineId(machine),
    }
}

pub(crate) fn task_lost(task: u64, machine: u64) -> Action {
    Action::TaskLost {
        task: TaskId(task),
        machine: MachineId(machine),
    }
}

pub(crate) fn drop_task(task: u64, machine: u64) -> Action {
    Action::DropTask {
        task: TaskId(task),
        machine: MachineId(machine),
    }
}

pub(crate) fn run_once(machine: u64, key: OnceKey) -> Action {
    Action::RunOnce {
        machine: MachineId(machine),
        key,
    }
}

pub(crate) fn once_ready(waiter: u64, key: OnceKey, outcome: OnceOutcome) -> Action {
    Action::OnceReady {
        waiter: WaiterId(waiter),
        key,
        outcome,
    }
}

pub(crate) fn cancelled(request: u64) -> Action {
    Action::Cancelled {
        request: RequestId(request),
    }
}

pub(crate) fn set_timer(secs: u64) -> Action {
    Action::SetTimer {
        at: Instant::from_secs(secs),
    }
}

pub(crate) fn reject(reject: Reject) -> Vec<Action> {
    vec![Action::Reject(reject)]
}

pub(crate) fn unknown_request(request: u64) -> Vec<Action> {
    reject(Reject::UnknownRequest {
        request: RequestId(request),
    })
}

pub(crate) fn unknown_machine(machine: u64) -> Vec<Action> {
    reject(Reject::UnknownMachine {
        machine: MachineId(machine),
    })
}

pub(crate) fn not_pending(machine: u64) -> Vec<Action> {
    reject(Reject::MachineNotPending {
        machine: MachineId(machine),
    })
}

pub(crate) fn not_in_service(machine: u64) -> Vec<Action> {
    reject(Reject::MachineNotInService {
        machine: MachineId(machine),
    })
}

pub(crate) fn probation(machine: u64) -> Action {
    Action::Notice(Notice::Probation {
        machine: MachineId(machine),
    })
}

pub(crate) fn recovered(machine: u64, by: Recovery) -> Action {
    Action::Notice(Notice::Recovered {
        machine: MachineId(machine),
        by,
    })
}

pub(crate) fn lost(machine: u64) -> Action {
    let machine = MachineId(machine);
    Action::Notice(Notice::MachineLost {
        machine,
        by: remuda::Loss::Stopped,
    })
}

pub(crate) fn silent(machine: u64) -> Action {
    let machine = MachineId(machine);
    Action::Notice(Notice::MachineLost {
        machine,
        by: remuda::Loss::Silence,
    })
}

pub(crate) fn starts_failing(failures: u64) -> Action {
    Action::Notice(Notice::StartsFailing { failures })
}

pub(crate) fn key(kind: u32, key: u64) -> OnceKey {
    OnceKey { kind, key }
}

pub(crate) fn on_probation(secs: u64) -> Option<Health> {
    Some(Health::Probation {
        until: Instant::from_secs(secs),
    })
}
