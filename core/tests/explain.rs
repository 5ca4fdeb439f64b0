//! What `Manager::explain` claims of a queued request comes true: the events are applied, and the
//! grant is seen.

mod support;

use proptest::prelude::*;
use remuda::{
    Action, Config, Event, Explanation, Health, Instant, Kind, KindId, MachineId, MachineView,
    Manager, Obstacle, Outcome, RequestId, Resources, StartHint, Submit, Wait,
};
use support::{World, fit, kind, of_kind, runs, secs};

fn event() -> impl Strategy<Value = Event> {
    let request = || 0..24u64;
    let machine = || (0..8u64).prop_map(MachineId);
    prop_oneof![
        6 => (request(), -1..2i64, 1..5u32).prop_map(|(request, priority, procs)| {
            support::submit(request, priority, procs)
        }),
        3 => (0..8u64).prop_map(support::up),
        1 => machine().prop_map(|machine| Event::StartFailed { machine, hint: None }),
        1 => machine().prop_map(|machine| Event::Stopped { machine }),
        1 => request().prop_map(|request| done(request, Outcome::Ok)),
        1 => request().prop_map(|request| done(request, Outcome::Unreachable)),
    ]
}

fn submit(request: u64, procs: u32) -> Event {
    support::submit(request, 0, procs)
}

fn done(request: u64, outcome: Outcome) -> Event {
    Event::Done {
        request: RequestId(request),
        machine: None,
        outcome,
    }
}

fn up(machine: u64) -> Event {
    support::up(machine)
}

/// An event as the stories write it: done without its machine.
fn plain(event: Event) -> Event {
    match event {
        Event::Done {
            request, outcome, ..
        } => done(request.0, outcome),
        other => other,
    }
}

fn wait(manager: &Manager, request: u64) -> Wait {
    match manager.explain(RequestId(request)) {
        Explanation::Queued(wait) => *wait,
        other => panic!("{other}"),
    }
}

/// Tells a manager of bigslice's machines of four procs all this, a second apart, and asks why r9
/// is queued.
fn why(max_procs: u64, events: &[Event]) -> String {
    let mut manager = Manager::new(Config::bigslice_machines(4, max_procs)).unwrap();
    for (at, &event) in events.iter().enumerate() {
        let _ = manager.handle(event, Instant::from_secs(at as u64));
    }
    manager.explain(RequestId(9)).to_string()
}

#[test]
fn s05_a_machine_that_is_kept_for_those_ahead_is_named_with_its_like() {
    // Each has two procs free; r5 and r6 ask for three and are before r9, which would fit.
    let begin = [
        submit(1, 2),
        submit(2, 2),
        submit(3, 2),
        submit(4, 2),
        up(0),
        up(1),
        done(2, Outcome::Ok),
    ];
    let ahead = [submit(5, 3), submit(6, 3), submit(9, 2)];
    let last = [done(4, Outcome::Ok)];
    let said = why(8, &[&begin[..], &ahead[..], &last[..]].concat());
    for part in [
        "r9 waits for 2 procs; before it: 2 requests.\n",
        "m0 is kept for requests ahead, as is all there is with 2 procs free: 2 machines.\n",
        "Growth: max_procs (8) is reached; pending: 0 machines.\n",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn f07_growth_that_waits_for_its_back_off_says_until_when() {
    let failed = Event::StartFailed {
        machine: MachineId(0),
        hint: None,
    };
    let said = why(4, &[submit(9, 1), failed]);
    // That time also fires what is due on the way (F10), so no timer is needed.
    let expected = "r9 waits for 1 proc; before it: 0 requests.
Growth: the back-off lasts until 2s; pending: 0 machines.
The shortest sequence known to place it:
  at 2s: m1 comes up";
    assert_eq!(said, expected);
}

#[test]
fn what_runs_or_is_not_known_is_said_too() {
    assert_eq!(why(4, &[submit(9, 1), up(0)]), "r9 runs on m0.");
    assert_eq!(
        why(4, &[submit(1, 1)]),
        "r9 is not known: it was never submitted, or is over."
    );
}

/// The claimed way of r9, after events that happen at one time.
fn way(config: Config, events: &[Event]) -> Option<Vec<Event>> {
    let mut manager = Manager::new(config).unwrap();
    for &event in events {
        let _ = manager.handle(event, Instant::ZERO);
    }
    let way = wait(&manager, 9).placed_by?;
    Some(way.into_iter().map(|(_, event)| plain(event)).collect())
}

/// So many machines of so many procs, under bigslice's policy and under the policy Fit.
fn both(procs: u32, machines: u64) -> [Config; 2] {
    let max_procs = u64::from(procs) * machines;
    [
        Config::bigslice_machines(procs, max_procs),
        Config::new(procs, max_procs).unwrap(),
    ]
}

#[test]
fn s05_each_busy_machine_is_thought_of() {
    // One machine is full of small ones, the other of one that is large.
    let mut events: Vec<_> = (1..5).map(|request| submit(request, 1)).collect();
    events.extend([up(0), submit(5, 4), up(1), submit(9, 4)]);
    for config in both(4, 2) {
        assert_eq!(way(config, &events), Some(vec![done(5, Outcome::Ok)]));
    }
}

#[test]
fn s09_many_idle_machines_on_probation_hide_no_busy_one() {
    let mut events = vec![submit(1, 2), up(0)];
    // They come up, and each answers badly.
    for machine in 1..40 {
        events.extend([submit(100 + machine, 2), up(machine)]);
    }
    for machine in 1..40 {
        events.push(done(100 + machine, Outcome::Unreachable));
    }
    events.push(submit(9, 2));
    // Sooner than that their probation ends.
    for config in both(2, 40) {
        assert_eq!(way(config, &events), Some(vec![done(1, Outcome::Ok)]));
    }
}

#[test]
fn s06_a_cancel_of_what_is_ahead_is_thought_of() {
    let cancel = Event::Cancel {
        request: RequestId(5),
    };
    // r5 wants the whole machine, of which two procs are in use, and keeps the others for itself.
    let events = [submit(1, 2), up(0), submit(5, 4), submit(9, 1)];
    let [bigslice, _] = both(4, 1);
    assert_eq!(way(bigslice, &events), Some(vec![cancel]));
}

#[test]
fn a_way_of_sixty_four_events_is_found_and_no_longer_one() {
    for (procs, found) in [(64, true), (65, false)] {
        let small = (0..u64::from(procs)).map(|n| submit(100 + n, 1));
        let mut events: Vec<_> = small.collect();
        events.extend([up(0), submit(9, procs)]);
        for config in both(procs, 1) {
            let way = way(config, &events);
            assert_eq!(way.map(|way| way.len()), found.then_some(64), "{procs}");
        }
    }
}

fn text(world: &World, request: u64) -> String {
    world.manager.explain(RequestId(request)).to_string()
}

/// Whether all these are lines of a text, or the beginnings of lines.
fn has_lines(said: &str, lines: &[&str]) {
    for line in lines {
        let there = said.lines().any(|one| one.starts_with(line));
        assert!(there, "{line}\nis not in\n{said}");
    }
}

#[test]
fn p04_turns_and_holds_are_explained() {
    let mut world = World::grown(fit(&[kind(4)]).max_procs(4).patience(2), 1);
    world.submit(1, 0, 1);
    world.whole(9);
    let before = wait(&world.manager, 9);
    assert_eq!((before.turn, before.held), (Some(8), None));
    let expected = "r9 waits for a whole machine; before it: 0 requests.
Its turn comes when 8 more procs are granted to others.
m0 runs 1 request, and it needs all of it.
Growth: max_procs (4) is reached; pending: 0 machines.
The shortest sequence known to place it:
  at 0s: r1 is done";
    assert_eq!(text(&world, 9), expected);
    for r in 20..28 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    world.submit(10, 0, 2);
    let held = wait(&world.manager, 9);
    assert_eq!((held.turn, held.held), (Some(0), Some(MachineId(0))));
    has_lines(&text(&world, 9), &["m0 is held for it."]);
    let other = ["m0 is held for r9.", "  at 0s: r9 is cancelled"];
    has_lines(&text(&world, 10), &other);
}

#[test]
fn each_obstacle_of_a_machine_is_named() {
    let big = Kind::new(Resources::procs(4).memory_mib(64));
    let config = fit(&[big, kind(2)]).max_procs(30);
    let mut world = World::new(config);
    let memory = |mib| Submit::new(Resources::procs(1).memory_mib(mib)).kinds(KindId(0));
    for r in [0, 1, 2, 3, 5] {
        world.ask(r, memory(64));
    }
    world.ask(4, of_kind(1, 2));
    // m0 to m4 are of k0, m5 of k1. One offers too little.
    for m in [0, 2, 3, 4, 5] {
        world.up(m);
    }
    world.up_with(1, Resources::procs(4).memory_mib(16));
    world.cancel(5);
    world.drain(2, None);
    world.done(2, Outcome::Unreachable);
    world.drain(4, Some(0));
    world.ask(9, memory(32));
    has_lines(
        &text(&world, 9),
        &[
            "r9 waits for 1 proc, 32 memory_mib; before it: 0 requests.",
            "m0 has 0 memory_mib free, and it needs 32.",
            "m1 offers 16 memory_mib, and it needs 32.",
            "m2 is draining.",
            "m3 is on probation until 30s.",
            "m4 was told to stop.",
            "m5 is of kind k1, which it does not accept.",
            "Growth: a machine is expected to offer 16 memory_mib, and it needs 32",
        ],
    );
    world.ask(10, of_kind(1, 1));
    has_lines(
        &text(&world, 10),
        &[
            "m5 has 0 procs free, and it needs 1.",
            "m6 is not up yet.",
            "Growth: nothing keeps it from growing; pending: 1 machine.",
        ],
    );
}

#[test]
fn p03_a_machine_that_is_avoided_is_named() {
    let mut world = World::fit_machines(2, 2);
    world.ask(1, Submit::procs(2).prefer(MachineId(1)));
    world.ask(9, Submit::procs(1).avoid(MachineId(0)));
    let machines = wait(&world.manager, 9).machines;
    assert_eq!(machines[0], (MachineId(0), Obstacle::Avoided));
    let line = "m0 is to be avoided, and others could take it.";
    has_lines(&text(&world, 9), &[line]);
}

#[test]
fn g01_what_keeps_each_kind_from_growing_is_named() {
    let kinds = [
        kind(4).max(1),
        kind(4).max_pending(1).cost(9),
        kind(4).cost(9),
        kind(4).startable(false),
        kind(1),
        kind(4).cost(9),
    ];
    let mut world = World::new(fit(&kinds).max_procs(19));
    for (r, k) in [(1, 0), (2, 1), (3, 2), (4, 5)] {
        world.ask(r, of_kind(k, 4));
    }
    world.start_failed(2);
    world.start_failed_with(3, StartHint::AtCapacity);
    world.cancel(3);
    world.cancel(4);
    world.up(0);
    let accepted = support::kinds(&[0, 1, 2, 3, 5]);
    world.ask(9, Submit::procs(4).kinds(accepted).priority(1));
    let growth = wait(&world.manager, 9).growth;
    assert_eq!(growth.len(), 5, "k4 is not accepted");
    has_lines(
        &text(&world, 9),
        &[
            "Growth of k0: max (1) is reached; pending: 0 machines.",
            "Growth of k1: max_pending (1) is reached; pending: 1 machine.",
            "Growth of k2: the back-off lasts until 1s; pending: 0 machines.",
            "Growth of k3: its machines join by themselves; pending: 0 machines.",
            "Growth of k5: there is no more capacity, to be tried again at 60s; pending: 0 machines.",
            "The shortest sequence known to place it:",
        ],
    );
}

#[test]
fn g03_the_ramp_after_a_failure_is_named() {
    let mut world = World::new(fit(&[kind(1)]));
    world.submit(1, 0, 1);
    world.submit(9, 0, 1);
    world.start_failed(0);
    world.start_failed(1);
    world.at(1).timer();
    let line = "Growth: after failed starts at most 1 machine at a time until one comes up; pending: 1 machine.";
    has_lines(&text(&world, 9), &[line]);
}

#[test]
fn g05_the_end_of_machines_that_make_way_is_thought_of() {
    let mut world = World::new(fit(&[kind(4), kind(8)]).max_procs(8));
    world.ask(1, of_kind(0, 4));
    world.ask(2, of_kind(0, 4));
    world.up(0);
    world.up(1);
    world.ask(9, of_kind(1, 8));
    world.done(1, Outcome::Ok);
    world.done(2, Outcome::Ok);
    let said = text(&world, 9);
    let expected = "The shortest sequence known to place it:
  at 0s: m0 is gone
  at 0s: m1 is gone
  at 0s: m2 comes up";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn q01_the_end_of_the_patience_of_those_ahead_is_thought_of() {
    // r1 has m0 held for it until it is given up; m0 has a free proc for r9.
    let mut world = World::grown(fit(&[kind(4)]).max_procs(4).patience(1), 1);
    world.submit(2, 0, 3);
    let until = Instant::ZERO + secs(50);
    world.ask(1, Submit::machine().give_up(until));
    for r in 20..24 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    world.submit(9, 0, 1);
    assert_eq!(world.held_for(0), Some(1));
    let way = wait(&world.manager, 9).placed_by.expect("one is found");
    assert_eq!(way.len(), 1, "{way:?}");
    assert!(leads_there(&world.manager, RequestId(9), &way));
    assert!(leads_there(
        &world.manager,
        RequestId(9),
        &[(until, Event::Timer)]
    ));
}

/// Whether a claimed way is right: no event of it is wrong, and the last grants the request.
fn leads_there(manager: &Manager, wanted: RequestId, way: &[(Instant, Event)]) -> bool {
    let mut copy = manager.clone();
    for (n, &(at, event)) in way.iter().enumerate() {
        let actions = copy.handle(event, at);
        let wrong = |it: &Action| matches!(it, Action::Reject(_));
        let granted =
            |it: &Action| matches!(it, Action::Grant { request, .. } if *request == wanted);
        let last = actions.iter().any(granted);
        if last || actions.iter().any(wrong) {
            return last && n + 1 == way.len();
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn s05_the_events_that_are_claimed_place_the_request(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut manager = Manager::new(Config::bigslice_machines(4, 16)).unwrap();
        for (at, event) in events.into_iter().enumerate() {
            let _ = manager.handle(event, Instant::from_secs(at as u64));
        }
        for waiting in manager.queue() {
            let wait = wait(&manager, waiting.request.0);
            for (machine, obstacle) in &wait.machines {
                if let Obstacle::Reserved { free: kept, machines } = obstacle {
                    let free = |it: &MachineView<'_>| {
                        let free = it.offer().minus(it.used()).proc_count();
                        (it.health() == Health::Ok).then_some(free)
                    };
                    let here = manager.machine(*machine).and_then(|it| free(&it));
                    let like = manager.machines().filter(|it| free(it) == Some(*kept));
                    prop_assert_eq!(here, Some(*kept));
                    prop_assert_eq!(*machines, like.count() as u64);
                }
            }
            // So small a cluster has a way for each.
            let way = wait.placed_by.expect("a way is found");
            prop_assert!(leads_there(&manager, waiting.request, &way), "{way:?}");
        }
    }

    #[test]
    fn p02_what_is_claimed_of_any_run_is_so(
        config in runs::config(),
        steps in runs::steps(60),
    ) {
        let mut manager = Manager::new(config).unwrap();
        let mut now = Instant::ZERO;
        for step in &steps {
            now = step.now(now);
            let _ = manager.handle(step.event(&manager), now);
        }
        for (rank, waiting) in manager.queue().enumerate() {
            let wait = wait(&manager, waiting.request.0);
            prop_assert_eq!((wait.ahead, wait.held), (rank as u64, waiting.held));
            prop_assert_eq!(wait.machines.len(), manager.machines().count());
            for (machine, obstacle) in &wait.machines {
                let machine = manager.machine(*machine).unwrap();
                let so = is_so(obstacle, &machine, &waiting.spec);
                prop_assert!(so, "{obstacle:?} {machine:?} {waiting:?}");
            }
            if let Some(way) = &wait.placed_by {
                prop_assert!(leads_there(&manager, waiting.request, way), "{way:?}");
            }
        }
    }
}

/// Whether an obstacle is what the views of a machine say.
fn is_so(obstacle: &Obstacle, machine: &MachineView<'_>, spec: &Submit) -> bool {
    let (offer, health) = (machine.offer(), machine.health());
    let free = offer.minus(machine.used());
    let amount = |of: Resources, lack: &remuda::Lack| of.amounts()[usize::from(lack.amount)];
    match obstacle {
        Obstacle::Pending => health == Health::Pending,
        Obstacle::Stopping => health == Health::Stopping,
        Obstacle::Draining => matches!(health, Health::Draining { .. }),
        Obstacle::Probation { until } => health == Health::Probation { until: *until },
        Obstacle::KindNotAccepted { kind } => {
            *kind == machine.kind() && !spec.kinds.contains(*kind)
        }
        Obstacle::OfferTooSmall(lack) => lack.free == amount(offer, lack) && lack.free < lack.needs,
        Obstacle::TooFewFree(lack) => lack.free == amount(free, lack) && lack.free < lack.needs,
        Obstacle::InUse { running } => {
            *running > 0 && *running as usize == machine.running().count()
        }
        Obstacle::Held { request } => machine.held_for() == Some(*request),
        Obstacle::Avoided => spec.avoid == Some(machine.id()),
        Obstacle::Reserved { free: kept, .. } => free.proc_count() == *kept,
        _ => false,
    }
}
