// Cut down from 131 events of run.journal: r1 is lost with m0, which stopped.

use std::time::Duration;

use remuda::{Action, Config, Demand, Event, Instant, Loss, MachineId, Manager, Notice, RequestId};

#[test]
fn minimised_loss() {
    let config = Config {
        poll_interval: Duration::ZERO,
        summary_interval: Duration::ZERO,
        ..Config::new(1, 4).unwrap()
    };
    let mut manager = Manager::new(config).unwrap();

    let actions = manager.handle(Event::Submit { request: RequestId(1), priority: 0, demand: Demand::procs(1).unwrap() }, Instant::from_secs(0));
    let expected = [
        Action::Start { first: MachineId(0), count: 1 },
    ];
    assert_eq!(actions, expected);

    let actions = manager.handle(Event::Up { machine: MachineId(0) }, Instant::from_secs(0));
    let expected = [
        Action::Grant { request: RequestId(1), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);

    let actions = manager.handle(Event::Stopped { machine: MachineId(0) }, Instant::from_secs(0));
    let expected = [
        Action::Notice(Notice::MachineLost { machine: MachineId(0), by: Loss::Stopped }),
        Action::RequestLost { request: RequestId(1), machine: MachineId(0) },
    ];
    assert_eq!(actions, expected);
}
