//! Scripts of anything at all, whether it makes sense or not.

use core::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use remuda::{
    Action, Config, Demand, Event, Instant, Kind, KindId, Kinds, Limits, Loss, MachineId, Notice,
    OnceKey, OnceOutcome, Outcome, Packing, Recovery, Reject, RequestId, Resources, StartHint,
    Submit, TaskId, WaiterId,
};
use remuda_sim::Script;
use remuda_sim::script::Step;

pub(crate) fn script() -> BoxedStrategy<Script> {
    let step = (instant(), event(), vec(action(), 0..6));
    let step = step.prop_map(|(at, event, actions)| Step {
        notes: Vec::new(),
        at,
        event,
        actions,
    });
    (config(), vec(step, 0..20))
        .prop_map(|(config, steps)| {
            let mut script = Script::new(config, &[]);
            script.steps = steps;
            script
        })
        .boxed()
}

/// Small ones more often, and the largest there is.
fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![8 => 0..9_u64, 2 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn small() -> impl Strategy<Value = u32> + Clone {
    prop_oneof![8 => 0..9_u32, 2 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn span() -> impl Strategy<Value = Duration> + Clone {
    prop_oneof![
        (0..200_u64).prop_map(Duration::from_secs),
        number().prop_map(Duration::from_nanos),
        (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
    ]
}

fn instant() -> impl Strategy<Value = Instant> + Clone {
    prop_oneof![
        (0..200_u64).prop_map(Instant::from_secs),
        number().prop_map(Instant)
    ]
}

fn request() -> impl Strategy<Value = RequestId> + Clone {
    number().prop_map(RequestId)
}

/// One that was asked for, or one that joined.
fn machine() -> impl Strategy<Value = MachineId> + Clone {
    let joined = |n| MachineId::joined(n);
    prop_oneof![3 => number().prop_map(MachineId), 1 => number().prop_map(joined)]
}

fn kind_id() -> impl Strategy<Value = KindId> + Clone {
    prop_oneof![4 => 0..4_u8, 1 => any::<u8>()].prop_map(KindId)
}

fn kinds() -> impl Strategy<Value = Kinds> + Clone {
    let some = prop_oneof![3 => 0..16_u64, 1 => any::<u64>(), 3 => Just(u64::MAX)];
    some.prop_map(Kinds::from_bits)
}

fn amounts() -> impl Strategy<Value = Resources> + Clone {
    let all = [small(), small(), small(), small()].prop_map(Resources::new);
    prop_oneof![small().prop_map(Resources::procs), all]
}

fn key() -> impl Strategy<Value = OnceKey> + Clone {
    (small(), number()).prop_map(|(kind, key)| OnceKey { kind, key })
}

fn once_outcome() -> impl Strategy<Value = OnceOutcome> + Clone {
    select(vec![
        OnceOutcome::Ok,
        OnceOutcome::Remote,
        OnceOutcome::Unreachable,
        OnceOutcome::MachineLost,
    ])
}

fn kind() -> BoxedStrategy<Kind> {
    let capacity = ([1..70_u32, 0..9, 0..9, 0..9], any::<bool>());
    let limits = (0..4_u32, 0..4_u32, select(vec![4, 5, u32::MAX]));
    let others = (1..12_u32, 1..12_u32, small());
    let idle = option::of(span());
    (capacity, limits, others, idle, any::<bool>())
        .prop_map(
            |((all, procs_only), (min, spare, max), (pending, batch, cost), idle, startable)| {
                let capacity = match procs_only {
                    true => Resources::procs(all[0]),
                    false => Resources::new(all),
                };
                let mut kind = Kind::new(capacity).startable(startable).cost(cost);
                (kind.min, kind.spare, kind.max) = (min, spare, max);
                (kind.max_pending, kind.batch) = (pending, batch);
                kind.idle = idle.filter(|idle| !idle.is_zero());
                kind
            },
        )
        .boxed()
}

fn config() -> BoxedStrategy<Config> {
    let bigslice = (1..70_u32, 1..400_u64).prop_map(|(p, max)| Config::bigslice_machines(p, max));
    let plain = (1..70_u32, 1..400_u64).prop_map(|(procs, max)| {
        let kind = Kind::new(Resources::procs(procs));
        Config::empty().kind(kind).max_procs(max)
    });
    let bigslice = (bigslice, durations()).prop_map(|(config, lasts)| timed(config, lasts));
    prop_oneof![1 => bigslice, 1 => changed(plain), 2 => changed(of_kinds())].boxed()
}

fn of_kinds() -> BoxedStrategy<Config> {
    (vec(kind(), 1..4), number())
        .prop_map(|(kinds, max)| {
            let config = kinds.into_iter().fold(Config::empty(), Config::kind);
            config.max_procs(max.max(1))
        })
        .boxed()
}

fn durations() -> BoxedStrategy<[Duration; 5]> {
    [span(), span(), span(), span(), span()].boxed()
}

fn timed(config: Config, lasts: [Duration; 5]) -> Config {
    let [probation, base, cap, poll, summary] = lasts;
    config
        .probation(probation.max(Duration::from_nanos(1)))
        .start_backoff_base(base)
        .start_backoff_cap(cap)
        .poll_interval(poll)
        .summary_interval(summary)
}

/// Every other field is something, or what it was.
fn changed(config: impl Strategy<Value = Config> + 'static) -> BoxedStrategy<Config> {
    let numbers = option::of((small(), small(), small()));
    let lasts = option::of((durations(), span(), span()));
    let packing = select(vec![None, Some(Packing::BestFit), Some(Packing::FirstFit)]);
    let hold = option::of((1..999_u64).prop_map(Duration::from_millis));
    let flags = (any::<bool>(), any::<bool>());
    let names = option::of(["[a-z]{0,3}", ".{0,3}", "[ /%;\\n]{1,3}", "ß%2f;"]);
    (config, numbers, lasts, (packing, hold), flags, names)
        .prop_map(
            |(mut config, numbers, lasts, (packing, hold), flags, names)| {
                if let Some(numbers) = numbers {
                    (config.silent_polls, config.patience, config.flaps) = numbers;
                }
                if let Some((lasts, cap, settle)) = lasts {
                    config = timed(config, lasts).probation_cap(cap).settle(settle);
                }
                (config.packing, config.hold_limit) = (packing, hold);
                (config.stop_with_tasks, config.withdraw) = flags;
                if let Some(names) = names {
                    config.names = names;
                }
                config
            },
        )
        .boxed()
}

fn spec() -> BoxedStrategy<Submit> {
    let demand = prop_oneof![4 => amounts().prop_map(Demand::Amounts), 1 => Just(Demand::Machine)];
    let machines = (option::of(machine()), option::of(machine()));
    let limits = (any::<i64>(), kinds(), option::of(instant()));
    (demand, machines, limits)
        .prop_map(|(demand, (prefer, avoid), (priority, kinds, give_up))| {
            let mut spec = Submit::new(demand).priority(priority).kinds(kinds);
            (spec.prefer, spec.avoid, spec.give_up) = (prefer, avoid, give_up);
            spec
        })
        .boxed()
}

fn event() -> BoxedStrategy<Event> {
    prop_oneof![of_client(), of_machine(), of_operator()].boxed()
}

fn of_client() -> BoxedStrategy<Event> {
    let outcome = select(vec![
        Outcome::Ok,
        Outcome::Remote,
        Outcome::Unreachable,
        Outcome::Unused,
    ]);
    let done = (request(), option::of(machine()), outcome);
    let task = || (machine(), number().prop_map(TaskId));
    let once = (machine(), key(), number().prop_map(WaiterId));
    let submit = (request(), spec());
    prop_oneof![
        4 => submit.prop_map(|(request, spec)| Event::Submit { request, spec }),
        1 => request().prop_map(|request| Event::Cancel { request }),
        2 => done.prop_map(|(request, machine, outcome)| Event::Done { request, machine, outcome }),
        1 => task().prop_map(|(machine, task)| Event::AssignTask { machine, task }),
        1 => task().prop_map(|(machine, task)| Event::DiscardTask { machine, task }),
        1 => once.prop_map(|(machine, key, waiter)| Event::Once { machine, key, waiter }),
        1 => (machine(), key()).prop_map(|(machine, key)| Event::ForgetOnce { machine, key }),
    ]
    .boxed()
}

fn of_machine() -> BoxedStrategy<Event> {
    let hint = prop_oneof![
        span().prop_map(StartHint::RetryAfter),
        Just(StartHint::AtCapacity)
    ];
    let done = (machine(), key(), once_outcome());
    let up = (machine(), option::of(amounts()));
    let failed = (machine(), option::of(hint));
    let polled = (machine(), any::<bool>());
    prop_oneof![
        up.prop_map(|(machine, offer)| Event::Up { machine, offer }),
        failed.prop_map(|(machine, hint)| Event::StartFailed { machine, hint }),
        machine().prop_map(|machine| Event::Stopped { machine }),
        done.prop_map(|(machine, key, outcome)| Event::OnceDone {
            machine,
            key,
            outcome
        }),
        polled.prop_map(|(machine, answered)| Event::Polled { machine, answered }),
    ]
    .boxed()
}

fn of_operator() -> BoxedStrategy<Event> {
    let limits = (small(), small(), small(), option::of(span()));
    let limits = limits.prop_map(|(min, max, spare, idle)| Limits {
        min,
        max,
        spare,
        idle,
    });
    let join = (machine(), kind_id(), option::of(amounts()));
    let drain = (machine(), option::of(instant()));
    prop_oneof![
        join.prop_map(|(machine, kind, offer)| Event::Join {
            machine,
            kind,
            offer
        }),
        drain.prop_map(|(machine, until)| Event::Drain { machine, until }),
        machine().prop_map(|machine| Event::Keep { machine }),
        (kind_id(), limits).prop_map(|(kind, limits)| Event::SetLimits { kind, limits }),
        number().prop_map(|max_procs| Event::SetMaxProcs { max_procs }),
        Just(Event::Timer),
        Just(Event::Shutdown),
    ]
    .boxed()
}

fn action() -> BoxedStrategy<Action> {
    let notice = notice().prop_map(Action::Notice);
    let reject = reject().prop_map(Action::Reject);
    prop_oneof![2 => of_requests(), 2 => of_machines(), 2 => notice, 2 => reject].boxed()
}

fn loss() -> BoxedStrategy<Loss> {
    select(vec![Loss::Stopped, Loss::Silence, Loss::Drained]).boxed()
}

fn of_requests() -> BoxedStrategy<Action> {
    let lost = (request(), machine(), loss());
    let grant = (request(), machine());
    let ready = (number().prop_map(WaiterId), key(), once_outcome());
    prop_oneof![
        grant.prop_map(|(request, machine)| Action::Grant { request, machine }),
        request().prop_map(|request| Action::Expired { request }),
        request().prop_map(|request| Action::Cancelled { request }),
        lost.prop_map(|(request, machine, by)| Action::RequestLost {
            request,
            machine,
            by
        }),
        ready.prop_map(|(waiter, key, outcome)| Action::OnceReady {
            waiter,
            key,
            outcome
        }),
    ]
    .boxed()
}

fn of_machines() -> BoxedStrategy<Action> {
    let start = (kind_id(), machine(), small());
    let task = || (number().prop_map(TaskId), machine());
    prop_oneof![
        start.prop_map(|(kind, first, count)| Action::Start { kind, first, count }),
        machine().prop_map(|machine| Action::Stop { machine }),
        machine().prop_map(|machine| Action::Poll { machine }),
        task().prop_map(|(task, machine)| Action::TaskLost { task, machine }),
        task().prop_map(|(task, machine)| Action::DropTask { task, machine }),
        (machine(), key()).prop_map(|(machine, key)| Action::RunOnce { machine, key }),
        instant().prop_map(|at| Action::SetTimer { at }),
        Just(Action::ClearTimer),
    ]
    .boxed()
}

fn notice() -> BoxedStrategy<Notice> {
    let recovery = select(vec![Recovery::Success, Recovery::Timeout]);
    let summary = [number(), number(), number(), number()];
    let draining = (machine(), option::of(instant()));
    prop_oneof![
        machine().prop_map(|machine| Notice::Probation { machine }),
        (machine(), recovery).prop_map(|(machine, by)| Notice::Recovered { machine, by }),
        (machine(), loss()).prop_map(|(machine, by)| Notice::MachineLost { machine, by }),
        machine().prop_map(|machine| Notice::Ended { machine }),
        draining.prop_map(|(machine, until)| Notice::Draining { machine, until }),
        machine().prop_map(|machine| Notice::Kept { machine }),
        (request(), machine()).prop_map(|(request, machine)| Notice::Held { request, machine }),
        request().prop_map(|request| Notice::NoHome { request }),
        (kind_id(), number()).prop_map(|(kind, failures)| Notice::StartsFailing { kind, failures }),
        summary.prop_map(|[pending, ok, probation, lost]| Notice::Summary {
            pending,
            ok,
            probation,
            lost,
        }),
    ]
    .boxed()
}

fn reject() -> BoxedStrategy<Reject> {
    prop_oneof![reject_of_request(), reject_of_machine(), reject_of_other()].boxed()
}

fn reject_of_request() -> BoxedStrategy<Reject> {
    let too_many = (request(), small(), small());
    let too_large = (request(), kind_id(), (any::<u8>(), small(), small()));
    prop_oneof![
        request().prop_map(|request| Reject::UnknownRequest { request }),
        request().prop_map(|request| Reject::DuplicateRequest { request }),
        request().prop_map(|request| Reject::NoProcs { request }),
        too_many.prop_map(|(request, procs, limit)| Reject::TooManyProcs {
            request,
            procs,
            limit
        }),
        too_large.prop_map(|(request, kind, (amount, asked, limit))| Reject::TooLarge {
            request,
            kind,
            amount,
            asked,
            limit,
        }),
        request().prop_map(|request| Reject::RequestNotRunning { request }),
        (request(), machine())
            .prop_map(|(request, machine)| Reject::RequestNotThere { request, machine }),
    ]
    .boxed()
}

fn reject_of_machine() -> BoxedStrategy<Reject> {
    let both = || (machine(), key());
    prop_oneof![
        machine().prop_map(|machine| Reject::UnknownMachine { machine }),
        machine().prop_map(|machine| Reject::MachineStopping { machine }),
        (machine(), machine()).prop_map(|(machine, least)| Reject::JoinId { machine, least }),
        machine().prop_map(|machine| Reject::MachineNotPending { machine }),
        machine().prop_map(|machine| Reject::MachineNotInService { machine }),
        machine().prop_map(|machine| Reject::UnexpectedPolled { machine }),
        both().prop_map(|(machine, key)| Reject::OnceUnknown { machine, key }),
        both().prop_map(|(machine, key)| Reject::OnceNotRunning { machine, key }),
        both().prop_map(|(machine, key)| Reject::OnceRunning { machine, key }),
        both().prop_map(|(machine, key)| Reject::OnceMachineLost { machine, key }),
    ]
    .boxed()
}

fn reject_of_other() -> BoxedStrategy<Reject> {
    let waiter = number().prop_map(WaiterId);
    prop_oneof![
        kind_id().prop_map(|kind| Reject::UnknownKind { kind }),
        kind_id().prop_map(|kind| Reject::Limits { kind }),
        Just(Reject::NotInBigslice),
        waiter.prop_map(|waiter| Reject::DuplicateWaiter { waiter }),
        small().prop_map(|limit| Reject::Full { limit }),
    ]
    .boxed()
}
