//! What the stories are told with: a manager whose every call is followed by a check of all
//! invariants, and short names for events and actions.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub(crate) mod random;
/// Random runs of all events under both policies.
#[path = "../journal/random.rs"]
pub(crate) mod runs;

use core::time::Duration;

use remuda::{
    Action, Config, Counts, Event, Health, Instant, Kind, KindId, Kinds, Limits, Loss, MachineId,
    Manager, Notice, OnceKey, OnceOutcome, Outcome, Recovery, Reject, RequestId, Resources,
    StartHint, Submit, TaskId, WaiterId,
};

/// Bigslice's policy with machines of so many procs, with a back-off and without polls, summaries
/// and limits to distract.
pub(crate) fn quiet(machine_procs: u32) -> Config {
    silence(Config::bigslice_machines(machine_procs, 1 << 40))
}

/// The policy Fit for these kinds of machine, without polls and summaries to distract; a machine
/// that comes up counts as started at once.
pub(crate) fn fit(kinds: &[Kind]) -> Config {
    let config = kinds
        .iter()
        .fold(Config::empty(), |config, &kind| config.kind(kind));
    silence(config).settle(Duration::ZERO)
}

fn silence(config: Config) -> Config {
    config
        .poll_interval(Duration::ZERO)
        .summary_interval(Duration::ZERO)
}

/// A kind of machines of so many procs.
pub(crate) fn kind(procs: u32) -> Kind {
    Kind::new(Resources::procs(procs))
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
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

    /// A quiet cluster under bigslice's policy of `machines` ready machines that cannot grow.
    pub(crate) fn with_machines(machine_procs: u32, machines: u64) -> World {
        let max_procs = u64::from(machine_procs) * machines;
        World::grown(quiet(machine_procs).max_procs(max_procs), machines)
    }

    /// A quiet cluster under the policy Fit of `machines` ready machines of one kind that cannot
    /// grow.
    pub(crate) fn fit_machines(machine_procs: u32, machines: u64) -> World {
        let max_procs = u64::from(machine_procs) * machines;
        World::grown(fit(&[kind(machine_procs)]).max_procs(max_procs), machines)
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
        assert_eq!(world.counts().need.procs(), 0);
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

    pub(crate) fn ask(&mut self, request: u64, spec: Submit) -> Vec<Action> {
        self.untimed(ask(request, spec))
    }

    pub(crate) fn whole(&mut self, request: u64) -> Vec<Action> {
        self.ask(request, Submit::machine())
    }

    pub(crate) fn cancel(&mut self, request: u64) -> Vec<Action> {
        self.untimed(Event::Cancel {
            request: RequestId(request),
        })
    }

    /// Says done of the grant that the request has now.
    pub(crate) fn done(&mut self, request: u64, outcome: Outcome) -> Vec<Action> {
        let request = RequestId(request);
        let machine = self.manager.machine_of(request);
        self.untimed(Event::Done {
            request,
            machine,
            outcome,
        })
    }

    /// Says done of a grant on that machine.
    pub(crate) fn done_on(&mut self, request: u64, machine: u64) -> Vec<Action> {
        self.untimed(Event::Done {
            request: RequestId(request),
            machine: Some(MachineId(machine)),
            outcome: Outcome::Ok,
        })
    }

    pub(crate) fn up(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(up(machine))
    }

    pub(crate) fn up_with(&mut self, machine: u64, offer: Resources) -> Vec<Action> {
        self.untimed(Event::Up {
            machine: MachineId(machine),
            offer: Some(offer),
        })
    }

    pub(crate) fn join(&mut self, n: u64, kind: u8) -> Vec<Action> {
        self.untimed(Event::Join {
            machine: MachineId::joined(n),
            kind: KindId(kind),
            offer: None,
        })
    }

    pub(crate) fn start_failed(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::StartFailed {
            machine: MachineId(machine),
            hint: None,
        })
    }

    pub(crate) fn start_failed_with(&mut self, machine: u64, hint: StartHint) -> Vec<Action> {
        self.untimed(Event::StartFailed {
            machine: MachineId(machine),
            hint: Some(hint),
        })
    }

    pub(crate) fn stopped(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::Stopped {
            machine: MachineId(machine),
        })
    }

    pub(crate) fn drain(&mut self, machine: u64, until: Option<u64>) -> Vec<Action> {
        self.untimed(Event::Drain {
            machine: MachineId(machine),
            until: until.map(Instant::from_secs),
        })
    }

    pub(crate) fn keep(&mut self, machine: u64) -> Vec<Action> {
        self.untimed(Event::Keep {
            machine: MachineId(machine),
        })
    }

    pub(crate) fn set_limits(&mut self, kind: u8, limits: Limits) -> Vec<Action> {
        let kind = KindId(kind);
        self.untimed(Event::SetLimits { kind, limits })
    }

    pub(crate) fn set_max_procs(&mut self, max_procs: u64) -> Vec<Action> {
        self.untimed(Event::SetMaxProcs { max_procs })
    }

    pub(crate) fn assign(&mut self, machine: u64, task: u64) -> Vec<Action> {
        self.untimed(Event::AssignTask {
            machine: MachineId(machine),
            task: TaskId(task),
        })
    }

    pub(crate) fn discard(&mut self, machine: u64, task: u64) -> Vec<Action> {
        self.untimed(Event::DiscardTask {
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
        self.untimed(Event::ForgetOnce {
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

    pub(crate) fn counts_of(&self, kind: u8) -> Counts {
        self.manager.counts_of(KindId(kind)).unwrap()
    }

    pub(crate) fn health(&self, machine: u64) -> Option<Health> {
        self.manager
            .machine(MachineId(machine))
            .map(|machine| machine.health())
    }

    pub(crate) fn used(&self, machine: u64) -> u32 {
        let machine = self.manager.machine(MachineId(machine)).unwrap();
        machine.used().proc_count()
    }

    /// The request that a machine is held for.
    pub(crate) fn held_for(&self, machine: u64) -> Option<u64> {
        let machine = self.manager.machine(MachineId(machine))?;
        machine.held_for().map(|request| request.0)
    }

    /// The step of a kind's start back-off, and its end.
    pub(crate) fn backoff(&self, kind: u8) -> Option<(u32, Instant)> {
        let backoff = self.manager.start_backoff(KindId(kind));
        backoff.map(|backoff| (backoff.step, backoff.until))
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let at = self.manager.next_timeout()?;
        Some((at - Instant::ZERO).as_secs())
    }
}

pub(crate) fn submit(request: u64, priority: i64, procs: u32) -> Event {
    ask(request, Submit::procs(procs).priority(priority))
}

pub(crate) fn ask(request: u64, spec: Submit) -> Event {
    let request = RequestId(request);
    Event::Submit { request, spec }
}

/// A request for so many procs of one kind of machine.
pub(crate) fn of_kind(kind: u8, procs: u32) -> Submit {
    Submit::procs(procs).kinds(KindId(kind))
}

pub(crate) fn kinds(numbers: &[u8]) -> Kinds {
    let numbers = numbers.iter().map(|&number| KindId(number));
    numbers.fold(Kinds::NONE, Kinds::with)
}

pub(crate) fn up(machine: u64) -> Event {
    Event::Up {
        machine: MachineId(machine),
        offer: None,
    }
}

pub(crate) fn grant(request: u64, machine: u64) -> Action {
    Action::Grant {
        request: RequestId(request),
        machine: MachineId(machine),
    }
}

pub(crate) fn start(first: u64, count: u32) -> Action {
    start_of(0, first, count)
}

pub(crate) fn start_of(kind: u8, first: u64, count: u32) -> Action {
    Action::Start {
        kind: KindId(kind),
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
    request_lost_by(request, machine, Loss::Stopped)
}

pub(crate) fn request_silent(request: u64, machine: u64) -> Action {
    request_lost_by(request, machine, Loss::Silence)
}

pub(crate) fn request_drained(request: u64, machine: u64) -> Action {
    request_lost_by(request, machine, Loss::Drained)
}

pub(crate) fn request_lost_by(request: u64, machine: u64, by: Loss) -> Action {
    Action::RequestLost {
        request: RequestId(request),
        machine: MachineId(machine),
        by,
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

pub(crate) fn expired(request: u64) -> Action {
    Action::Expired {
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
        by: Loss::Stopped,
    })
}

pub(crate) fn silent(machine: u64) -> Action {
    let machine = MachineId(machine);
    Action::Notice(Notice::MachineLost {
        machine,
        by: Loss::Silence,
    })
}

pub(crate) fn ended(machine: u64) -> Action {
    Action::Notice(Notice::Ended {
        machine: MachineId(machine),
    })
}

pub(crate) fn draining(machine: u64, until: Option<u64>) -> Action {
    Action::Notice(Notice::Draining {
        machine: MachineId(machine),
        until: until.map(Instant::from_secs),
    })
}

pub(crate) fn kept(machine: u64) -> Action {
    Action::Notice(Notice::Kept {
        machine: MachineId(machine),
    })
}

pub(crate) fn held(request: u64, machine: u64) -> Action {
    Action::Notice(Notice::Held {
        request: RequestId(request),
        machine: MachineId(machine),
    })
}

pub(crate) fn no_home(request: u64) -> Action {
    Action::Notice(Notice::NoHome {
        request: RequestId(request),
    })
}

pub(crate) fn starts_failing(failures: u64) -> Action {
    let kind = KindId(0);
    Action::Notice(Notice::StartsFailing { kind, failures })
}

pub(crate) fn key(kind: u32, key: u64) -> OnceKey {
    OnceKey { kind, key }
}

pub(crate) fn on_probation(secs: u64) -> Option<Health> {
    Some(Health::Probation {
        until: Instant::from_secs(secs),
    })
}

pub(crate) fn is_draining(until: Option<u64>) -> Option<Health> {
    Some(Health::Draining {
        until: until.map_or(Instant::MAX, Instant::from_secs),
    })
}
