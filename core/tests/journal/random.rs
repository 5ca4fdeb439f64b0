//! Random events for the property tests: any event at all, and runs whose events make sense often
//! enough to lead somewhere. They shrink to few and small events.

use core::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use remuda::{
    Config, Demand, Event, Instant, Kind, KindId, Kinds, Limits, MachineId, Manager, OnceKey,
    OnceOutcome, Outcome, Packing, RequestId, Resources, StartHint, Submit, TaskId, WaiterId,
};

/// A step of a random run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    clock: Clock,
    event: Event,
    /// The nth machine that there is takes the place of the event's own.
    machine: Option<u8>,
}

/// How the clock moves first, in nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Clock {
    On(u64),
    Back(u64),
    /// A third of all time.
    Far,
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
        let mut event = self.event;
        let nth = self
            .machine
            .and_then(|nth| manager.machines().nth(nth.into()));
        if let Some(nth) = nth
            && let Some(machine) = machine_of(&mut event)
        {
            *machine = nth.id();
        }
        event
    }
}

/// Where an event names a machine that should be there.
fn machine_of(event: &mut Event) -> Option<&mut MachineId> {
    match event {
        Event::Done { machine, .. } => machine.as_mut(),
        Event::Up { machine, .. }
        | Event::StartFailed { machine, .. }
        | Event::Stopped { machine }
        | Event::Drain { machine, .. }
        | Event::Keep { machine }
        | Event::AssignTask { machine, .. }
        | Event::DiscardTask { machine, .. }
        | Event::Once { machine, .. }
        | Event::OnceDone { machine, .. }
        | Event::ForgetOnce { machine, .. }
        | Event::Polled { machine, .. } => Some(machine),
        _ => None,
    }
}

/// Where the parts of random events come from.
#[derive(Clone)]
struct Pools {
    /// Ids of requests, tasks, waiters.
    ids: BoxedStrategy<u64>,
    machines: BoxedStrategy<MachineId>,
    joined: BoxedStrategy<MachineId>,
    priorities: BoxedStrategy<i64>,
    amounts: BoxedStrategy<Resources>,
    kinds: BoxedStrategy<u8>,
    sets: BoxedStrategy<Kinds>,
    instants: BoxedStrategy<Instant>,
    spans: BoxedStrategy<Duration>,
    machine_counts: BoxedStrategy<u32>,
    procs: BoxedStrategy<u64>,
}

impl Pools {
    /// Every value there is.
    fn any() -> Pools {
        let spans = (any::<u64>(), 0u32..1_000_000_000);
        Pools {
            ids: any::<u64>().boxed(),
            machines: any::<u64>().prop_map(MachineId).boxed(),
            joined: any::<u64>().prop_map(MachineId).boxed(),
            priorities: any::<i64>().boxed(),
            amounts: any::<[u32; 4]>().prop_map(Resources::new).boxed(),
            kinds: any::<u8>().boxed(),
            sets: any::<u64>().prop_map(Kinds::from_bits).boxed(),
            instants: any::<u64>().prop_map(Instant).boxed(),
            spans: spans.prop_map(|it| Duration::new(it.0, it.1)).boxed(),
            machine_counts: any::<u32>().boxed(),
            procs: any::<u64>().boxed(),
        }
    }

    /// Small values, and now and then an extreme one.
    fn small() -> Pools {
        let amounts = ([1u32..=9, 0..=2, 0..=1, 0..=1], 0u32..50);
        let amounts = amounts.prop_map(|(amounts, odd)| match odd {
            0 => Resources::ZERO,
            1 => Resources::new([u32::MAX; 4]),
            _ => Resources::new(amounts),
        });
        let secs = |most: u64| (0..=most).prop_map(Duration::from_secs);
        Pools {
            ids: prop_oneof![40 => 0u64..24, 1 => Just(u64::MAX)].boxed(),
            machines: prop_oneof![9 => 0u64..40, 1 => Just(u64::MAX)]
                .prop_map(MachineId)
                .boxed(),
            joined:
                prop_oneof![9 => (0u64..40).prop_map(MachineId::joined), 1 => Just(MachineId(3))]
                    .boxed(),
            priorities: prop_oneof![6 => -2i64..3, 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
                .boxed(),
            amounts: amounts.boxed(),
            kinds: (0u8..4).boxed(),
            sets: prop_oneof![3 => Just(Kinds::ALL), 1 => (0u64..16).prop_map(Kinds::from_bits)]
                .boxed(),
            instants: prop_oneof![9 => 0u64..200, 1 => Just(u64::MAX)]
                .prop_map(Instant::from_secs)
                .boxed(),
            spans: prop_oneof![9 => secs(60), 1 => Just(Duration::MAX)].boxed(),
            machine_counts: prop_oneof![9 => 0u32..6, 1 => Just(u32::MAX)].boxed(),
            procs: prop_oneof![9 => 0u64..60, 1 => Just(u64::MAX)].boxed(),
        }
    }

    fn spec(&self) -> impl Strategy<Value = Submit> + use<> {
        let demand = prop_oneof![
            8 => self.amounts.clone().prop_map(Demand::Amounts),
            1 => Just(Demand::Machine),
        ];
        let of_old = prop_oneof![
            8 => (1u32..=9).prop_map(Submit::procs),
            1 => Just(Submit::machine()),
        ];
        let machine = || option::weighted(0.2, self.machines.clone());
        let give_up = option::weighted(0.2, self.instants.clone());
        let full = (demand, self.sets.clone(), machine(), machine(), give_up);
        let full = full.prop_map(|(demand, kinds, prefer, avoid, give_up)| {
            let mut spec = Submit::new(demand).kinds(kinds);
            (spec.prefer, spec.avoid, spec.give_up) = (prefer, avoid, give_up);
            spec
        });
        let spec = prop_oneof![of_old, full];
        (self.priorities.clone(), spec).prop_map(|(priority, spec)| spec.priority(priority))
    }

    fn requests(&self) -> BoxedStrategy<Event> {
        let request = || self.ids.clone().prop_map(RequestId);
        let submit = (request(), self.spec());
        let outcome = prop_oneof![
            4 => Just(Outcome::Ok),
            1 => Just(Outcome::Remote),
            2 => Just(Outcome::Unreachable),
            1 => Just(Outcome::Unused),
        ];
        let machine = option::weighted(0.2, self.machines.clone());
        let done = (request(), machine, outcome);
        prop_oneof![
            30 => submit.prop_map(|(request, spec)| Event::Submit { request, spec }),
            6 => request().prop_map(|request| Event::Cancel { request }),
            25 => done.prop_map(|(request, machine, outcome)| Event::Done { request, machine, outcome }),
        ]
        .boxed()
    }

    fn machines(&self) -> BoxedStrategy<Event> {
        let machine = || self.machines.clone();
        let kind = || self.kinds.clone().prop_map(KindId);
        let offer = || option::weighted(0.3, self.amounts.clone());
        let hint = prop_oneof![
            4 => Just(None),
            1 => self.spans.clone().prop_map(|after| Some(StartHint::RetryAfter(after))),
            1 => Just(Some(StartHint::AtCapacity)),
        ];
        let join = (self.joined.clone(), kind(), offer());
        let until = option::of(self.instants.clone());
        let counts = || self.machine_counts.clone();
        let limits = (counts(), counts(), counts(), option::of(self.spans.clone()));
        let limits = limits.prop_map(|(min, max, spare, idle)| Limits {
            min,
            max,
            spare,
            idle,
        });
        prop_oneof![
            4 => join.prop_map(|(machine, kind, offer)| Event::Join { machine, kind, offer }),
            25 => (machine(), offer()).prop_map(|(machine, offer)| Event::Up { machine, offer }),
            6 => (machine(), hint).prop_map(|(machine, hint)| Event::StartFailed { machine, hint }),
            4 => machine().prop_map(|machine| Event::Stopped { machine }),
            3 => (machine(), until).prop_map(|(machine, until)| Event::Drain { machine, until }),
            2 => machine().prop_map(|machine| Event::Keep { machine }),
            2 => (kind(), limits).prop_map(|(kind, limits)| Event::SetLimits { kind, limits }),
            1 => self.procs.clone().prop_map(|max_procs| Event::SetMaxProcs { max_procs }),
        ]
        .boxed()
    }

    fn work(&self) -> BoxedStrategy<Event> {
        let machine = || self.machines.clone();
        let task = || self.ids.clone().prop_map(TaskId);
        let key = (0u32..2, self.ids.clone().prop_map(|id| id % 3));
        let key = || key.clone().prop_map(|(kind, key)| OnceKey { kind, key });
        let waiter = self.ids.clone().prop_map(WaiterId);
        let outcome = prop_oneof![
            3 => Just(OnceOutcome::Ok),
            1 => Just(OnceOutcome::Remote),
            1 => Just(OnceOutcome::Unreachable),
            1 => Just(OnceOutcome::MachineLost),
        ];
        let once = (machine(), key(), waiter);
        let once_done = (machine(), key(), outcome);
        prop_oneof![
            4 => (machine(), task()).prop_map(|(machine, task)| Event::AssignTask { machine, task }),
            2 => (machine(), task()).prop_map(|(machine, task)| Event::DiscardTask { machine, task }),
            4 => once.prop_map(|(machine, key, waiter)| Event::Once { machine, key, waiter }),
            3 => once_done
                .prop_map(|(machine, key, outcome)| Event::OnceDone { machine, key, outcome }),
            2 => (machine(), key()).prop_map(|(machine, key)| Event::ForgetOnce { machine, key }),
            8 => (machine(), any::<bool>())
                .prop_map(|(machine, answered)| Event::Polled { machine, answered }),
            4 => Just(Event::Timer),
        ]
        .boxed()
    }
}

/// Any event with any values.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let pools = Pools::any();
    prop_oneof![
        3 => pools.requests(),
        8 => pools.machines(),
        6 => pools.work(),
        1 => Just(Event::Shutdown),
    ]
}

/// Runs of a few machines and requests, with clocks that jump and step back, and the end of time.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let pools = Pools::small();
    let event = prop_oneof![
        60 => pools.requests(),
        45 => pools.machines(),
        25 => pools.work(),
        1 => Just(Event::Shutdown),
    ];
    let clock = prop_oneof![
        60 => Just(Clock::On(0)),
        60 => (0u64..4).prop_map(|secs| Clock::On(secs * 1_000_000_000)),
        12 => (0u64..100_000_000_000).prop_map(Clock::On),
        6 => (0u64..50_000_000_000).prop_map(Clock::Back),
        1 => Just(Clock::Far),
    ];
    let machine = option::weighted(0.9, 0u8..12);
    let step = (clock, event, machine).prop_map(|(clock, event, machine)| Step {
        clock,
        event,
        machine,
    });
    vec(step, 1..most)
}

fn interval(secs: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), 1..=secs].prop_map(Duration::from_secs)
}

/// Bigslice's policy, and clusters of up to three kinds; small, with short times, each switch on or
/// off.
pub(crate) fn config() -> impl Strategy<Value = Config> {
    let bigslice = (1u32..=8, 1u64..60)
        .prop_map(|(procs, max_procs)| Config::bigslice_machines(procs, max_procs));
    let fit = (fit(), 0u32..4, interval(20), 0u32..4, interval(5)).prop_map(
        |(config, patience, hold_limit, flaps, settle)| {
            let config = config.patience(patience).flaps(flaps).settle(settle);
            match hold_limit.is_zero() {
                true => config,
                false => config.hold_limit(hold_limit),
            }
        },
    );
    let policy = prop_oneof![bigslice, fit];
    let times = (
        1u64..40,
        interval(2),
        interval(20),
        interval(15),
        interval(60),
    );
    (policy, times, 0u32..4).prop_map(|(config, times, silent_polls)| {
        config
            .probation(Duration::from_secs(times.0))
            .start_backoff_base(times.1)
            .start_backoff_cap(times.2)
            .poll_interval(times.3)
            .summary_interval(times.4)
            .silent_polls(silent_polls)
    })
}

fn fit() -> impl Strategy<Value = Config> {
    let packing = option::of(prop_oneof![Just(Packing::BestFit), Just(Packing::FirstFit)]);
    let switches = (any::<bool>(), any::<bool>());
    let max_procs = prop_oneof![4 => 9u64..60, 1 => Just(u64::MAX)];
    (vec(kind(), 1..=3), max_procs, packing, switches).prop_map(
        |(kinds, max_procs, packing, (stop_with_tasks, withdraw))| {
            let config = kinds.into_iter().fold(Config::empty(), Config::kind);
            let config = config.max_procs(max_procs).withdraw(withdraw);
            let config = config.stop_with_tasks(stop_with_tasks);
            match packing {
                None => config,
                Some(packing) => config.packing(packing),
            }
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    let capacity = [1u32..=9, 0..=2, 0..=1, 0..=1].prop_map(Resources::new);
    let machines = (0u32..3, 3u32..6, 0u32..3, 1u32..4, 1u32..4);
    let rest = (interval(30), 0u32..4, any::<bool>());
    (capacity, machines, rest).prop_map(|(capacity, machines, (idle, cost, startable))| {
        let (min, max, spare, max_pending, batch) = machines;
        let kind = Kind::new(capacity)
            .min(min)
            .max(max)
            .spare(spare)
            .cost(cost);
        let kind = kind
            .max_pending(max_pending)
            .batch(batch)
            .startable(startable);
        match idle.is_zero() {
            true => kind,
            false => kind.idle(idle),
        }
    })
}
