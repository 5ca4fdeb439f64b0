//! What is found in a run is known again in others, and not taken for something else.

use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};
use remuda_sim::find::{Find, answers};
use remuda_sim::shrink::{Run, Verdict, minimise, shrink};
use remuda_sim::{Figures, Model, Subject};

/// A manager that goes wrong when so many machines stopped.
struct Wrong {
    manager: Manager,
    stopped: u64,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Panics,
    Hides,
}

impl Subject for Wrong {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        if let Event::Stopped { machine } = event {
            self.stopped += 1;
            assert!(
                self.stopped < 3 || matches!(self.how, How::Hides),
                "{machine} is one too many"
            );
        }
        self.manager.handle_into(event, now, actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.manager.next_timeout()
    }

    fn counts(&self) -> Figures {
        self.manager.counts().into()
    }

    fn agrees_in_detail(&self, _: &Model) -> Result<(), String> {
        match self.stopped {
            3 => Err("it hides something".to_owned()),
            _ => Ok(()),
        }
    }
}

fn run() -> Run {
    let config = Config::bigslice_machines(1, 4);
    let events = (0..400).map(|n| {
        let (request, machine) = (RequestId(n), MachineId(n / 4));
        let event = match n % 4 {
            0 => Event::Submit {
                request,
                spec: Submit::machine(),
            },
            1 => Event::Up {
                machine,
                offer: None,
            },
            2 => Event::Timer,
            _ => Event::Stopped { machine },
        };
        (Instant::from_secs(n), event)
    });
    Run {
        config,
        events: events.collect(),
    }
}

fn wrong(how: How) -> impl Fn(Config) -> Wrong {
    move |config| Wrong {
        manager: Manager::new(config).unwrap(),
        stopped: 0,
        how,
    }
}

#[test]
fn f05_a_panic_is_known_by_its_place_and_the_answers_end_before_it() {
    let make = wrong(How::Panics);
    for find in [Find::Panic, Find::Violation] {
        let found = find.first(&run(), &make).unwrap();
        assert_eq!(found.events, 12);
        assert!(found.what.contains("m2 is one too many"), "{}", found.what);
        let small = minimise(run(), found.events, |run| {
            let again = found.again(run, &make);
            again.map_or(Verdict::Passes, |it| Verdict::Fails(it.events))
        });
        assert_eq!(small.events.len(), 3, "{small:?}");
        assert_eq!(answers(&small, &make).len(), 2);
        let other = |config| -> Wrong { panic!("elsewhere, of {config:?}") };
        assert_eq!(found.again(&small, &other), None);
    }
}

#[test]
fn what_is_wrong_to_the_eye_alone_is_a_violation_after_the_last_event() {
    let make = wrong(How::Hides);
    assert_eq!(Find::Panic.first(&run(), &make), None);
    let found = Find::Violation.first(&run(), &make).unwrap();
    assert_eq!(
        (found.events, found.what.as_str()),
        (12, "it hides something")
    );
    let small = minimise(run(), found.events, |run| {
        let again = found.again(run, &make);
        again.map_or(Verdict::Passes, |it| Verdict::Fails(it.events))
    });
    assert_eq!(small.events.len(), 3, "{small:?}");
    let right = |config| Manager::new(config).unwrap();
    assert_eq!(Find::Violation.first(&run(), &right), None);
}

/// A judge may find that a candidate fails sooner at any step of the search.
#[test]
fn a_run_that_fails_sooner_and_sooner_is_cut_there() {
    let mut left = 400;
    let small = minimise(run(), 400, |run| {
        left = run.events.len().min(left).saturating_sub(1).max(1);
        match run.events.is_empty() {
            true => Verdict::Passes,
            false => Verdict::Fails(left.min(run.events.len())),
        }
    });
    assert_eq!(small.events.len(), 1);
    // Only runs whose numbers or times are changed, so that the cuts come there.
    let plain = |run: &Run| run.events.iter().all(|(at, _)| at.0 % 7 == 0);
    let mut tried = 0;
    minimise(run(), 40, |run| {
        tried += 1;
        match run.events.len() >= 20 && !plain(run) {
            true => Verdict::Fails(run.events.len() - tried % 2),
            false => Verdict::Passes,
        }
    });
}

#[test]
fn a_judge_that_stops_is_not_asked_again() {
    for after in [0, 1, 10, 100] {
        let mut asked = 0;
        let small = minimise(run(), 400, |run| {
            assert!(asked <= after, "asked again");
            asked += 1;
            match (asked > after, run.events.len() > 300) {
                (true, _) => Verdict::Stop,
                (false, true) => Verdict::Fails(run.events.len()),
                (false, false) => Verdict::Passes,
            }
        });
        assert!(small.events.len() > 300);
    }
}

/// A loss in silence is not taken for one of a machine that stopped, which would take fewer events.
#[test]
fn f08_a_loss_keeps_its_cause() {
    let config = Config::bigslice_machines(1, 1).silent_polls(2);
    let submit = |n| Event::Submit {
        request: RequestId(n),
        spec: Submit::machine(),
    };
    let up = |machine| Event::Up {
        machine,
        offer: None,
    };
    let (first, second) = (MachineId(0), MachineId(1));
    let unanswered = Event::Polled {
        machine: second,
        answered: false,
    };
    let events = [
        (0, submit(1)),
        (1, up(first)),
        (
            2,
            Event::Done {
                request: RequestId(1),
                machine: Some(first),
                outcome: Outcome::Ok,
            },
        ),
        (3, Event::Stopped { machine: first }),
        (4, submit(2)),
        (5, up(second)),
        (6, unanswered),
        (20, unanswered),
    ];
    let events = events.map(|(at, event)| (Instant::from_secs(at), event));
    let run = Run {
        config,
        events: events.to_vec(),
    };
    let make = |config| Manager::new(config).unwrap();
    let find = Find::Loss {
        request: None,
        machine: None,
    };
    let found = find.first(&run, &make).unwrap();
    assert_eq!(
        (found.events, found.what.as_str()),
        (8, "r2 is lost with m1, which answered no polls")
    );
    // Were r1 not done, it would be lost sooner.
    let mut stopped = run.clone();
    stopped.events.remove(2);
    stopped.events.truncate(3);
    assert_eq!(find.first(&stopped, &make).map(|it| it.events), Some(3));
    assert_eq!(found.again(&stopped, &make), None);
    let small = minimise(run, found.events, |run| {
        let again = found.again(run, &make);
        again.map_or(Verdict::Passes, |it| Verdict::Fails(it.events))
    });
    let stops = |event: &Event| matches!(event, Event::Stopped { .. });
    assert!(
        !small.events.iter().any(|(_, event)| stops(event)),
        "{small:?}"
    );
    assert_eq!(small.events.len(), 4, "{small:?}");
}

/// Here each round finds but a few, and the rounds have an end: what is left then goes one by one.
#[test]
fn no_single_event_can_be_left_out_in_the_end() {
    let config = Config::new(1, 1).unwrap();
    let events: Vec<_> = (0..300)
        .map(|n| (Instant(n * n + 1), Event::Timer))
        .collect();
    // Every third may go, if all before it that may have gone.
    let fails = |run: &Run| {
        let mut left = run.events.iter().peekable();
        let mut kept = None;
        let all = events.iter().enumerate().all(|(n, event)| {
            if left.next_if_eq(&event).is_some() {
                kept = kept.or((n % 3 == 1 && n < 200).then_some(n));
                return true;
            }
            n % 3 == 1 && n < 200 && kept.is_none()
        });
        all && left.next().is_none()
    };
    let run = Run {
        config,
        events: events.clone(),
    };
    let small = shrink(run, fails);
    assert_eq!(small.events.len(), 300 - 67);
    for gone in 0..small.events.len() {
        let mut less = small.clone();
        less.events.remove(gone);
        assert!(!fails(&less), "event {gone}");
    }
}
