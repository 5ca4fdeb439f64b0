// Every event and every kind of action and of notice, for the test in Rust that is written of them.

use std::time::Duration;

use remuda::{Action, Config, Event, Instant, Kind, KindId, Kinds, Limits, Loss, MachineId, Manager, Notice, OnceKey, OnceOutcome, Outcome, Recovery, Reject, RequestId, Resources, StartHint, Submit, TaskId, WaiterId};

#[test]
fn minimised_words() {
    let config = Config::empty()
        .kind(Kind::new(Resources::procs(2)).max(3))
        .kind(Kind::new(Resources::procs(4).memory_mib(100)).max(2).idle(Duration::from_secs(30)))
        .kind(Kind::new(Resources::procs(8)).startable(false))
        .max_procs(64)
        .patience(1)
        .silent_polls(1)
        .probation(Duration::from_secs(5))
        .start_backoff_base(Duration::ZERO)
        .settle(Duration::ZERO);
    let mut manager = Manager::new(config).unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(1), spec: Submit::procs(1).priority(-3).kinds(Kinds::from_bits(0b1)) }, Instant::from_secs(0));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(0), count: 1 },
        Action::SetTimer { at: Instant::from_secs(60) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(2), spec: Submit::new(Resources::procs(3).memory_mib(50)).priority(1) }, Instant(500_000_000));
    let expected = [
        Action::Start { kind: KindId(1), first: MachineId(1), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Up { machine: MachineId(0), offer: None }, Instant::from_secs(1));
    let expected = [
        Action::Poll { machine: MachineId(0) },
        Action::Grant { request: RequestId(1), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Up { machine: MachineId(1), offer: Some(Resources::procs(4).memory_mib(60)) }, Instant::from_secs(1));
    let expected = [
        Action::Poll { machine: MachineId(1) },
        Action::Grant { request: RequestId(2), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(3), spec: Submit::procs(2).priority(10_000).kinds(Kinds::from_bits(0b1)) }, Instant::from_secs(1));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(2), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Cancel { request: RequestId(3) }, Instant::from_secs(1));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(4), spec: Submit::procs(9) }, Instant::from_secs(1));
    let expected = [
        Action::Reject(Reject::TooManyProcs { request: RequestId(4), limit: 8, procs: 9 }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(4), spec: Submit::new(Resources::procs(1).memory_mib(200)) }, Instant::from_secs(1));
    let expected = [
        Action::Reject(Reject::TooLarge { kind: KindId(0), request: RequestId(4), amount: 1, asked: 200, limit: 0 }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(4), spec: Submit::procs(1).kinds(Kinds::from_bits(0b10)).prefer(MachineId(1)).avoid(MachineId(0)) }, Instant::from_secs(1));
    let expected = [
        Action::Grant { request: RequestId(4), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::AssignTask { task: TaskId(1), machine: MachineId(0) }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::AssignTask { task: TaskId(2), machine: MachineId(0) }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::DiscardTask { task: TaskId(2), machine: MachineId(0) }, Instant::from_secs(2));
    let expected = [
        Action::TaskLost { task: TaskId(2), machine: MachineId(0) },
        Action::DropTask { task: TaskId(2), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Once { waiter: WaiterId(1), machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }, Instant::from_secs(2));
    let expected = [
        Action::RunOnce { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::OnceDone { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 }, outcome: OnceOutcome::Ok }, Instant::from_secs(2));
    let expected = [
        Action::OnceReady { waiter: WaiterId(1), key: OnceKey { kind: 1, key: 7 }, outcome: OnceOutcome::Ok },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::ForgetOnce { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::ForgetOnce { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }, Instant::from_secs(2));
    let expected = [
        Action::Reject(Reject::OnceUnknown { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Once { waiter: WaiterId(2), machine: MachineId(0), key: OnceKey { kind: 2, key: 7 } }, Instant::from_secs(2));
    let expected = [
        Action::RunOnce { machine: MachineId(0), key: OnceKey { kind: 2, key: 7 } },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(5), spec: Submit::machine().kinds(Kinds::from_bits(0b10)).give_up(Instant::from_secs(4)) }, Instant::from_secs(2));
    let expected = [
        Action::Start { kind: KindId(1), first: MachineId(3), count: 1 },
        Action::SetTimer { at: Instant::from_secs(4) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(2), machine: Some(MachineId(1)), outcome: Outcome::Unreachable }, Instant::from_secs(3));
    let expected = [
        Action::Notice(Notice::Probation { machine: MachineId(1) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(2), hint: Some(StartHint::RetryAfter(Duration::from_secs(3))) }, Instant::from_secs(3));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant::from_secs(4));
    let expected = [
        Action::Expired { request: RequestId(5) },
        Action::SetTimer { at: Instant::from_secs(6) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(4), machine: Some(MachineId(0)), outcome: Outcome::Ok }, Instant::from_secs(5));
    let expected = [
        Action::Reject(Reject::RequestNotThere { request: RequestId(4), machine: MachineId(0) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant::from_secs(8));
    let expected = [
        Action::Notice(Notice::Recovered { machine: MachineId(1), by: Recovery::Timeout }),
        Action::SetTimer { at: Instant::from_secs(60) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Polled { machine: MachineId(1), answered: true }, Instant::from_secs(11));
    let expected = [
        Action::SetTimer { at: Instant::from_secs(21) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Stopped { machine: MachineId(0) }, Instant::from_secs(12));
    let expected = [
        Action::Notice(Notice::MachineLost { machine: MachineId(0), by: Loss::Stopped }),
        Action::RequestLost { request: RequestId(1), machine: MachineId(0), by: Loss::Stopped },
        Action::TaskLost { task: TaskId(1), machine: MachineId(0) },
        Action::OnceReady { waiter: WaiterId(2), key: OnceKey { kind: 2, key: 7 }, outcome: OnceOutcome::MachineLost },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(6), spec: Submit::procs(1).kinds(Kinds::from_bits(0b10)) }, Instant::from_secs(13));
    let expected = [
        Action::Grant { request: RequestId(6), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(7), spec: Submit::procs(1).kinds(Kinds::from_bits(0b10)) }, Instant::from_secs(13));
    let expected = [
        Action::Grant { request: RequestId(7), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(4), machine: Some(MachineId(1)), outcome: Outcome::Unreachable }, Instant::from_secs(14));
    let expected = [
        Action::Notice(Notice::Probation { machine: MachineId(1) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(6), machine: Some(MachineId(1)), outcome: Outcome::Ok }, Instant::from_secs(14));
    let expected = [
        Action::Notice(Notice::Recovered { machine: MachineId(1), by: Recovery::Success }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Join { kind: KindId(2), machine: MachineId::joined(0), offer: Some(Resources::procs(8)) }, Instant::from_secs(15));
    let expected = [
        Action::Poll { machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Join { kind: KindId(2), machine: MachineId::joined(0), offer: None }, Instant::from_secs(15));
    let expected = [
        Action::Reject(Reject::JoinId { machine: MachineId::joined(0), least: MachineId::joined(1) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(8), spec: Submit::machine().kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(15));
    let expected = [
        Action::Grant { request: RequestId(8), machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Drain { machine: MachineId::joined(0), until: Some(Instant::from_secs(40)) }, Instant::from_secs(15));
    let expected = [
        Action::Notice(Notice::Draining { machine: MachineId::joined(0), until: Some(Instant::from_secs(40)) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Keep { machine: MachineId::joined(0) }, Instant::from_secs(16));
    let expected = [
        Action::Notice(Notice::Kept { machine: MachineId::joined(0) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(8), machine: Some(MachineId::joined(0)), outcome: Outcome::Ok }, Instant::from_secs(17));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(20), spec: Submit::procs(5).kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(18));
    let expected = [
        Action::Grant { request: RequestId(20), machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(21), spec: Submit::procs(3).kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(18));
    let expected = [
        Action::Grant { request: RequestId(21), machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(22), spec: Submit::machine().kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(19));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(21), machine: Some(MachineId::joined(0)), outcome: Outcome::Ok }, Instant::from_secs(20));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(23), spec: Submit::procs(3).kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(20));
    let expected = [
        Action::Grant { request: RequestId(23), machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(23), machine: Some(MachineId::joined(0)), outcome: Outcome::Ok }, Instant::from_secs(21));
    let expected = [
        Action::Poll { machine: MachineId(1) },
        Action::SetTimer { at: Instant::from_secs(60) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(24), spec: Submit::procs(3).kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(21));
    let expected = [
        Action::Grant { request: RequestId(24), machine: MachineId::joined(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(24), machine: Some(MachineId::joined(0)), outcome: Outcome::Ok }, Instant::from_secs(22));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(25), spec: Submit::procs(3).kinds(Kinds::from_bits(0b100)) }, Instant::from_secs(22));
    let expected = [
        Action::Grant { request: RequestId(25), machine: MachineId::joined(0) },
        Action::Notice(Notice::Held { request: RequestId(22), machine: MachineId::joined(0) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Drain { machine: MachineId::joined(0), until: Some(Instant::from_secs(30)) }, Instant::from_secs(23));
    let expected = [
        Action::Notice(Notice::Draining { machine: MachineId::joined(0), until: Some(Instant::from_secs(30)) }),
        Action::SetTimer { at: Instant::from_secs(30) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant::from_secs(30));
    let expected = [
        Action::Stop { machine: MachineId::joined(0) },
        Action::SetTimer { at: Instant::from_secs(60) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Stopped { machine: MachineId::joined(0) }, Instant::from_secs(31));
    let expected = [
        Action::Notice(Notice::Ended { machine: MachineId::joined(0) }),
        Action::RequestLost { request: RequestId(20), machine: MachineId::joined(0), by: Loss::Drained },
        Action::RequestLost { request: RequestId(25), machine: MachineId::joined(0), by: Loss::Drained },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(12), spec: Submit::new(Resources::procs(1).memory_mib(80)).kinds(Kinds::from_bits(0b10)) }, Instant::from_secs(31));
    let expected = [
        Action::Notice(Notice::NoHome { request: RequestId(12) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Cancel { request: RequestId(12) }, Instant::from_secs(31));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::SetLimits { kind: KindId(1), limits: Limits { min: 0, max: 2, spare: 0, idle: Some(Duration::from_secs(60)) } }, Instant::from_secs(32));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::SetMaxProcs { max_procs: 32 }, Instant::from_secs(32));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant::from_secs(62));
    let expected = [
        Action::Notice(Notice::Summary { lost: 1, ok: 1, pending: 1, probation: 0 }),
        Action::SetTimer { at: Instant::from_secs(122) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(10), spec: Submit::procs(2).kinds(Kinds::from_bits(0b1)) }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(4), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(3), hint: None }, Instant::from_secs(63));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(4), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(5), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(5), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(6), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(6), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(7), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(7), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(8), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(8), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(9), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(9), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(10), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(10), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(11), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(11), hint: None }, Instant::from_secs(63));
    let expected = [
        Action::Notice(Notice::StartsFailing { kind: KindId(0), failures: 9 }),
        Action::Start { kind: KindId(0), first: MachineId(12), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(12), hint: Some(StartHint::AtCapacity) }, Instant::from_secs(64));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(11), spec: Submit::new(Resources::procs(1).memory_mib(80)).kinds(Kinds::from_bits(0b10)) }, Instant::from_secs(64));
    let expected = [
        Action::Start { kind: KindId(1), first: MachineId(13), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Shutdown, Instant::from_secs(82));
    let expected = [
        Action::Cancelled { request: RequestId(22) },
        Action::Cancelled { request: RequestId(10) },
        Action::Cancelled { request: RequestId(11) },
        Action::Stop { machine: MachineId(1) },
        Action::ClearTimer,
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(30), spec: Submit::procs(1) }, Instant::from_secs(83));
    let expected = [
        Action::Cancelled { request: RequestId(30) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Stopped { machine: MachineId(1) }, Instant::from_secs(84));
    let expected = [
        Action::Notice(Notice::MachineLost { machine: MachineId(1), by: Loss::Stopped }),
        Action::RequestLost { request: RequestId(7), machine: MachineId(1), by: Loss::Stopped },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();
}
