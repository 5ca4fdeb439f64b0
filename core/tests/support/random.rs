//! Random runs under bigslice's policy, of the events that the first edition had: ids from small
//! pools, hostile values, clocks that jump and step back. Shrinks to few and small events.

use core::time::Duration;

use proptest::prelude::*;
use remuda::{
    Config, Event, Instant, MachineId, Manager, OnceKey, OnceOutcome, Outcome, RequestId, Submit,
    TaskId, WaiterId,
};

/// A machine, meant for a manager that is not known yet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// The n-th of those it has, if it has so many.
    Nth(u8),
    Raw(u64),
}

/// A step of a random run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) clock: Clock,
    pub(crate) what: What,
}

/// How the clock moves first, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    On(u64),
    Back(u64),
    /// A third of all time.
    Far,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Plain(Event),
    Up(Pick),
    StartFailed(Pick),
    Stopped(Pick),
    Assign(Pick, TaskId),
    Discard(Pick, TaskId),
    Once(Pick, OnceKey, WaiterId),
    OnceDone(Pick, OnceKey, OnceOutcome),
    Forget(Pick, OnceKey),
    Polled(Pick, bool),
}

impl Step {
    pub(crate) fn now(&self, now: Instant) -> Instant {
        match self.clock {
            Clock::On(nanos) => now + Duration::from_nanos(nanos),
            Clock::Back(nanos) => Instant(now.0.saturating_sub(nanos)),
            Clock::Far => Instant(now.0.saturating_add(u64::MAX / 3)),
        }
    }

    pub(crate) fn event(&self, manager: &Manager) -> Event {
        let machine = |pick| match pick {
            Pick::Nth(n) => {
                let nth = manager.machines().nth(n.into());
                nth.map_or(MachineId(n.into()), |machine| machine.id())
            }
            Pick::Raw(id) => MachineId(id),
        };
        match self.what {
            What::Plain(event) => event,
            What::Up(pick) => Event::Up {
                machine: machine(pick),
                offer: None,
            },
            What::StartFailed(pick) => Event::StartFailed {
                machine: machine(pick),
                hint: None,
            },
            What::Stopped(pick) => Event::Stopped {
                machine: machine(pick),
            },
            What::Assign(pick, task) => Event::AssignTask {
                machine: machine(pick),
                task,
            },
            What::Discard(pick, task) => Event::DiscardTask {
                machine: machine(pick),
                task,
            },
            What::Once(pick, key, waiter) => Event::Once {
                machine: machine(pick),
                key,
                waiter,
            },
            What::OnceDone(pick, key, outcome) => Event::OnceDone {
                machine: machine(pick),
                key,
                outcome,
            },
            What::Forget(pick, key) => Event::ForgetOnce {
                machine: machine(pick),
                key,
            },
            What::Polled(pick, answered) => Event::Polled {
                machine: machine(pick),
                answered,
            },
        }
    }
}

/// Small clusters with short times, each switch on or off.
pub(crate) fn config() -> impl Strategy<Value = Config> {
    let interval = |secs: u64| prop_oneof![Just(0), 1..=secs].prop_map(Duration::from_secs);
    let numbers = (1u32..=8, 1u64..60, 0u32..4);
    let times = (
        1u64..40,
        interval(2),
        interval(20),
        interval(15),
        interval(60),
    );
    (numbers, times).prop_map(|((machine_procs, max_procs, silent_polls), times)| {
        Config::bigslice_machines(machine_procs, max_procs)
            .silent_polls(silent_polls)
            .probation(Duration::from_secs(times.0))
            .start_backoff_base(times.1)
            .start_backoff_cap(times.2)
            .poll_interval(times.3)
            .summary_interval(times.4)
    })
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        (clock(), what()).prop_map(|(clock, what)| Step { clock, what }),
        1..most,
    )
}

fn clock() -> impl Strategy<Value = Clock> {
    prop_oneof![
        10 => Just(Clock::On(0)),
        10 => (0u64..4).prop_map(|secs| Clock::On(secs * 1_000_000_000)),
        2 => (0u64..100_000_000_000).prop_map(Clock::On),
        1 => (0u64..50_000_000_000).prop_map(Clock::Back),
    ]
}

/// The end of time and other extremes, for runs that are only to survive.
pub(crate) fn hostile_steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let clock = prop_oneof![20 => clock(), 1 => Just(Clock::Far)];
    proptest::collection::vec(
        (clock, what()).prop_map(|(clock, what)| Step { clock, what }),
        1..most,
    )
}

fn request() -> impl Strategy<Value = RequestId> {
    prop_oneof![40 => 0u64..24, 1 => Just(u64::MAX)].prop_map(RequestId)
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        20 => (0u8..12).prop_map(Pick::Nth),
        2 => (0u64..40).prop_map(Pick::Raw),
        1 => Just(Pick::Raw(u64::MAX)),
    ]
}

fn demand() -> impl Strategy<Value = Submit> {
    prop_oneof![
        20 => (1u32..=9).prop_map(Submit::procs),
        4 => Just(Submit::machine()),
        1 => Just(Submit::procs(u32::MAX)),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Ok),
        1 => Just(Outcome::Remote),
        2 => Just(Outcome::Unreachable),
        1 => Just(Outcome::Unused),
    ]
}

fn what() -> impl Strategy<Value = What> {
    let task = || (0u64..6).prop_map(TaskId);
    let waiter = (0u64..8).prop_map(WaiterId);
    let key = || (0u32..2, 0u64..2).prop_map(|(kind, key)| OnceKey { kind, key });
    let result = prop_oneof![
        Just(OnceOutcome::Ok),
        Just(OnceOutcome::Remote),
        Just(OnceOutcome::Unreachable),
        Just(OnceOutcome::MachineLost),
    ];
    let priority = prop_oneof![6 => -2i64..3, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let submit = (request(), priority, demand()).prop_map(|(request, priority, spec)| {
        let spec = spec.priority(priority);
        What::Plain(Event::Submit { request, spec })
    });
    let done = (request(), outcome()).prop_map(|(request, outcome)| {
        let machine = None;
        What::Plain(Event::Done {
            request,
            machine,
            outcome,
        })
    });
    prop_oneof![
        30 => submit,
        25 => done,
        6 => request().prop_map(|request| What::Plain(Event::Cancel { request })),
        25 => pick().prop_map(What::Up),
        5 => pick().prop_map(What::StartFailed),
        3 => pick().prop_map(What::Stopped),
        4 => (pick(), task()).prop_map(|(pick, task)| What::Assign(pick, task)),
        2 => (pick(), task()).prop_map(|(pick, task)| What::Discard(pick, task)),
        4 => (pick(), key(), waiter).prop_map(|(pick, key, waiter)| What::Once(pick, key, waiter)),
        3 => (pick(), key(), result).prop_map(|(pick, key, result)| What::OnceDone(pick, key, result)),
        2 => (pick(), key()).prop_map(|(pick, key)| What::Forget(pick, key)),
        8 => (pick(), any::<bool>()).prop_map(|(pick, answered)| What::Polled(pick, answered)),
        4 => Just(What::Plain(Event::Timer)),
    ]
}
