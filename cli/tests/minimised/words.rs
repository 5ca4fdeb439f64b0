// Every event and every kind of action and of notice, for the test in Rust that is written of them.

use std::time::Duration;

use remuda::{Action, Config, Demand, Event, Instant, Loss, MachineId, Manager, Notice, OnceKey, OnceOutcome, Outcome, Recovery, Reject, RequestId, TaskId, WaiterId};

#[test]
fn minimised_words() {
    let config = Config {
        silent_polls: 1,
        probation: Duration::from_secs(5),
        start_backoff_base: Duration::ZERO,
        ..Config::new(2, 4).unwrap()
    };
    let mut manager = Manager::new(config).unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(1), priority: -3, demand: Demand::procs(1).unwrap() }, Instant::from_secs(0));
    let expected = [
        Action::Start { first: MachineId(0), count: 1 },
        Action::SetTimer { at: Instant::from_secs(60) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(2), priority: 1, demand: Demand::Machine }, Instant(500_000_000));
    let expected = [
        Action::Start { first: MachineId(1), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Up { machine: MachineId(0) }, Instant::from_secs(1));
    let expected = [
        Action::Poll { machine: MachineId(0) },
        Action::Grant { request: RequestId(1), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Up { machine: MachineId(1) }, Instant::from_secs(1));
    let expected = [
        Action::Poll { machine: MachineId(1) },
        Action::Grant { request: RequestId(2), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(3), priority: 10_000, demand: Demand::procs(2).unwrap() }, Instant::from_secs(1));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Cancel { request: RequestId(3) }, Instant::from_secs(1));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(4), priority: 0, demand: Demand::procs(3).unwrap() }, Instant::from_secs(1));
    let expected = [
        Action::Reject(Reject::TooManyProcs { request: RequestId(4), limit: 2, procs: 3 }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Assign { task: TaskId(1), machine: MachineId(0) }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Assign { task: TaskId(2), machine: MachineId(0) }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Discard { task: TaskId(2), machine: MachineId(0) }, Instant::from_secs(2));
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

    let actions = manager.handle(Event::Forget { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }, Instant::from_secs(2));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Forget { machine: MachineId(0), key: OnceKey { kind: 1, key: 7 } }, Instant::from_secs(2));
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

    let actions = manager.handle(Event::Done { request: RequestId(2), outcome: Outcome::Unreachable }, Instant::from_secs(3));
    let expected = [
        Action::Notice(Notice::Probation { machine: MachineId(1) }),
        Action::SetTimer { at: Instant::from_secs(8) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(2), priority: 0, demand: Demand::procs(1).unwrap() }, Instant::from_secs(3));
    let expected = [
        Action::Grant { request: RequestId(2), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(2), outcome: Outcome::Ok }, Instant::from_secs(4));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(5), priority: 0, demand: Demand::Machine }, Instant::from_secs(4));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(5), outcome: Outcome::Unreachable }, Instant::from_secs(5));
    let expected = [
        Action::Reject(Reject::RequestNotRunning { request: RequestId(5) }),
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant(10_500_000_000));
    let expected = [
        Action::Notice(Notice::Recovered { machine: MachineId(1), by: Recovery::Timeout }),
        Action::Grant { request: RequestId(5), machine: MachineId(1) },
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
        Action::RequestLost { request: RequestId(1), machine: MachineId(0) },
        Action::TaskLost { task: TaskId(1), machine: MachineId(0) },
        Action::OnceReady { waiter: WaiterId(2), key: OnceKey { kind: 2, key: 7 }, outcome: OnceOutcome::MachineLost },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(5), outcome: Outcome::Ok }, Instant::from_secs(12));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(6), priority: 0, demand: Demand::procs(1).unwrap() }, Instant::from_secs(13));
    let expected = [
        Action::Grant { request: RequestId(6), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(7), priority: 0, demand: Demand::procs(1).unwrap() }, Instant::from_secs(13));
    let expected = [
        Action::Grant { request: RequestId(7), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(6), outcome: Outcome::Unreachable }, Instant::from_secs(14));
    let expected = [
        Action::Notice(Notice::Probation { machine: MachineId(1) }),
        Action::SetTimer { at: Instant::from_secs(19) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Done { request: RequestId(7), outcome: Outcome::Ok }, Instant::from_secs(14));
    let expected = [
        Action::Notice(Notice::Recovered { machine: MachineId(1), by: Recovery::Success }),
        Action::SetTimer { at: Instant::from_secs(21) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Timer, Instant::from_secs(62));
    let expected = [
        Action::Poll { machine: MachineId(1) },
        Action::Notice(Notice::Summary { lost: 1, ok: 1, pending: 0, probation: 0 }),
        Action::SetTimer { at: Instant::from_secs(122) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(9), priority: 0, demand: Demand::Machine }, Instant(62_500_000_000));
    let expected = [
        Action::Grant { request: RequestId(9), machine: MachineId(1) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(10), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(63));
    let expected = [
        Action::Start { first: MachineId(2), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(2) }, Instant::from_secs(63));
    let expected = [
        Action::Start { first: MachineId(3), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(11), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(64));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(3) }, Instant::from_secs(64));
    let expected = [
        Action::Start { first: MachineId(4), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(12), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(65));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(4) }, Instant::from_secs(65));
    let expected = [
        Action::Start { first: MachineId(5), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(13), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(66));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(5) }, Instant::from_secs(66));
    let expected = [
        Action::Start { first: MachineId(6), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(14), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(67));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(6) }, Instant::from_secs(67));
    let expected = [
        Action::Start { first: MachineId(7), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(15), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(68));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(7) }, Instant::from_secs(68));
    let expected = [
        Action::Start { first: MachineId(8), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(16), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(69));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(8) }, Instant::from_secs(69));
    let expected = [
        Action::Start { first: MachineId(9), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(17), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(70));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(9) }, Instant::from_secs(70));
    let expected = [
        Action::Start { first: MachineId(10), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(18), priority: 0, demand: Demand::procs(2).unwrap() }, Instant::from_secs(71));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::StartFailed { machine: MachineId(10) }, Instant::from_secs(71));
    let expected = [
        Action::Notice(Notice::StartsFailing { failures: 9 }),
        Action::Start { first: MachineId(11), count: 1 },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(40), priority: 0, demand: Demand::Machine }, Instant::from_secs(80));
    assert!(actions.is_empty(), "{actions:?}");
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Up { machine: MachineId(11) }, Instant::from_secs(81));
    let expected = [
        Action::Poll { machine: MachineId(11) },
        Action::Grant { request: RequestId(10), machine: MachineId(11) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Shutdown, Instant::from_secs(82));
    let expected = [
        Action::Cancelled { request: RequestId(11) },
        Action::Cancelled { request: RequestId(12) },
        Action::Cancelled { request: RequestId(13) },
        Action::Cancelled { request: RequestId(14) },
        Action::Cancelled { request: RequestId(15) },
        Action::Cancelled { request: RequestId(16) },
        Action::Cancelled { request: RequestId(17) },
        Action::Cancelled { request: RequestId(18) },
        Action::Cancelled { request: RequestId(40) },
        Action::Stop { machine: MachineId(1) },
        Action::Stop { machine: MachineId(11) },
        Action::ClearTimer,
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(30), priority: 0, demand: Demand::procs(1).unwrap() }, Instant::from_secs(83));
    let expected = [
        Action::Cancelled { request: RequestId(30) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();

    let actions = manager.handle(Event::Stopped { machine: MachineId(11) }, Instant::from_secs(84));
    let expected = [
        Action::Notice(Notice::MachineLost { machine: MachineId(11), by: Loss::Stopped }),
        Action::RequestLost { request: RequestId(10), machine: MachineId(11) },
    ];
    assert_eq!(actions, expected);
    manager.check_invariants().unwrap();
}
