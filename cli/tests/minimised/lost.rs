// Cut down from 18 events of run2.journal: r1 is lost with m0, which stopped.

use std::time::Duration;

use remuda::{Action, Config, Event, Instant, KindId, Loss, MachineId, Manager, Notice, RequestId, Submit};

#[test]
fn minimised_lost() {
    let config = Config::new(1, 4).unwrap()
        .poll_interval(Duration::ZERO)
        .summary_interval(Duration::ZERO);
    let mut manager = Manager::new(config).unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(1), spec: Submit::procs(1) }, Instant::from_secs(0));
    let expected = [
        Action::Start { kind: KindId(0), first: MachineId(0), count: 1 },
    ];
    assert_eq!(actions, expected);

    let actions = manager.handle(Event::Up { machine: MachineId(0), offer: None }, Instant::from_secs(0));
    let expected = [
        Action::Grant { request: RequestId(1), machine: MachineId(0) },
        Action::SetTimer { at: Instant::from_secs(10) },
    ];
    assert_eq!(actions, expected);

    let actions = manager.handle(Event::Stopped { machine: MachineId(0) }, Instant::from_secs(0));
    let expected = [
        Action::Notice(Notice::MachineLost { machine: MachineId(0), by: Loss::Stopped }),
        Action::RequestLost { request: RequestId(1), machine: MachineId(0), by: Loss::Stopped },
        Action::SetTimer { at: Instant::from_secs(1) },
    ];
    assert_eq!(actions, expected);
}
