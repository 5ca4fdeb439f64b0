//! What a *done* says of its machine: outcomes that make no difference.

use remuda::{Action, Event, Health, MachineId, Manager, Notice, Outcome, Policy, RequestId};
use remuda_sim::Rng;

use crate::runs::{assert_same, run_of};
use crate::{EVENTS, manager};

fn health_under(manager: &Manager, request: RequestId) -> Option<(MachineId, Health)> {
    let mut machines = manager.machines();
    let machine = machines.find(|machine| machine.running().any(|r| r == request))?;
    Some((machine.id(), machine.health()))
}

/// S11, S13: on an ok machine, *remote* changes no health, and is no other than *ok* and *unused*. S10: on probation it
/// is no other than *unreachable*.
#[test]
fn s11_a_remote_error_never_changes_the_health_of_an_ok_machine() {
    let (mut on_ok, mut on_probation) = (0, 0);
    for seed in 0..1500 {
        let run = run_of(seed, EVENTS, |plan| plan.traffic.outcomes = [2, 6, 2, 1]);
        let mut rng = Rng::new(seed);
        let (mut first, mut second) = (manager(&run.config), manager(&run.config));
        let fit = run.config.policy == Policy::Fit;
        for (index, (now, event)) in run.events.into_iter().enumerate() {
            // What is due by then is over when health is looked at.
            assert_eq!(
                first.handle(Event::Timer, now),
                second.handle(Event::Timer, now)
            );
            let (mut other, mut stays_ok) = (event, None);
            if let Event::Done {
                request,
                machine: named,
                outcome,
            } = event
                && let Some((machine, health)) = health_under(&first, request)
            {
                let outcome = match (health, outcome) {
                    // An ok ends trials and forgets passages (G3, H2).
                    (Health::Ok, Outcome::Ok) if fit => outcome,
                    (Health::Ok, Outcome::Ok | Outcome::Remote | Outcome::Unused) => {
                        on_ok += u32::from(outcome == Outcome::Remote);
                        stays_ok = Some(machine);
                        let alike = [Outcome::Remote, Outcome::Unused, Outcome::Ok];
                        rng.pick(&alike[..if fit { 2 } else { 3 }])
                    }
                    (Health::Probation { .. }, Outcome::Remote) => {
                        on_probation += 1;
                        Outcome::Unreachable
                    }
                    (_, outcome) => outcome,
                };
                other = Event::Done {
                    request,
                    machine: named,
                    outcome,
                };
            }
            let said = first.handle(event, now);
            assert_eq!(
                second.handle(other, now),
                said,
                "seed {seed}, event {index}: {event:?}"
            );
            assert_same(
                &first,
                &second,
                format_args!("seed {seed}, event {index}: {event:?}"),
            );
            if let Some(machine) = stays_ok {
                // It may be drained or told to stop in that step, for other reasons (E2, G5).
                assert!(!first.machine(machine).is_some_and(|m| m.on_probation()));
                let news = |a: &Action| matches!(a, Action::Notice(Notice::Probation { .. }));
                assert!(!said.iter().any(news));
            }
        }
    }
    assert!(on_ok > 5_000, "{on_ok}");
    assert!(on_probation > 300, "{on_probation}");
}
