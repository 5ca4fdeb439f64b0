//! F10: a timer that fires late, or never, changes nothing: at the next event the manager is the same, and it has
//! said the same, as if each timer had fired punctually.

#[path = "support/runs.rs"]
mod runs;

use remuda::{Action, Config, Event, Instant, Manager};
use remuda_sim::Rng;

use runs::{assert_same, run_of};

const RUNS: u64 = 3000;
const EVENTS: usize = 200;

/// A run of a drawn cluster: its events with their times, never back, without its timers.
fn run(seed: u64) -> (Config, Vec<(Instant, Event)>) {
    let run = run_of(seed, EVENTS, |plan| {
        // A summary counts on from when it was fired, however late: the exception that F10 makes.
        plan.config.summary_interval = core::time::Duration::ZERO;
    });
    let mut now = Instant::ZERO;
    let mut events = Vec::new();
    for (at, event) in run.events {
        now = now.max(at);
        if event != Event::Timer {
            events.push((now, event));
        }
    }
    (run.config, events)
}

/// A manager and what it said but for the timer actions.
struct Told {
    manager: Manager,
    said: Vec<Action>,
}

impl Told {
    fn new(config: Config) -> Told {
        Told {
            manager: Manager::new(config).expect("a valid config"),
            said: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event, now: Instant) {
        let timer =
            |action: &Action| matches!(action, Action::SetTimer { .. } | Action::ClearTimer);
        let actions = self.manager.handle(event, now);
        self.said.extend(actions.into_iter().filter(|a| !timer(a)));
    }
}

#[test]
fn f10_a_timer_that_is_late_or_never_comes_changes_nothing() {
    let (mut fired, mut late) = (0, 0);
    for seed in 0..RUNS {
        let mut rng = Rng::new(!seed);
        let (config, events) = run(seed);
        let [mut punctual, mut never, mut delayed] = [(); 3].map(|()| Told::new(config.clone()));
        for (index, (now, event)) in events.iter().enumerate() {
            while let Some(at) = punctual.manager.next_timeout().filter(|at| at <= now) {
                punctual.tell(Event::Timer, at);
                fired += 1;
            }
            // Late by any time up to the event, or dropped; with some between that were not asked for.
            while let Some(at) = delayed.manager.next_timeout().filter(|at| at <= now) {
                if rng.chance(64) {
                    break;
                }
                let wait = rng.below(u64::max(1, now.0 - at.0));
                delayed.tell(Event::Timer, Instant(at.0 + wait));
                late += u32::from(wait > 0);
            }
            for told in [&mut punctual, &mut never, &mut delayed] {
                told.tell(*event, *now);
            }
            for told in [&never, &delayed] {
                let at = format_args!("seed {seed}, event {index}: {event:?}");
                assert_same(&told.manager, &punctual.manager, at);
                assert_eq!(told.said, punctual.said, "{at}");
            }
            for told in [&mut punctual, &mut never, &mut delayed] {
                told.said.clear();
            }
        }
    }
    // Or the test shows nothing.
    assert!(fired > 10_000, "{fired} timers fired");
    assert!(late > 2_000, "{late} timers fired late");
}
