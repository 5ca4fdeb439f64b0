//! A run of more than ten thousand events that ends in a planted bug is cut down to the few that show it, by the search
//! that `remuda minimise` does.

use std::time::Instant;

use remuda::Config;
use remuda_planted::{Planted, flaws};
use remuda_sim::find::{Find, Found};
use remuda_sim::shrink::{Run, Verdict, minimise};
use remuda_sim::{Cluster, Plan, Rng};

/// The seed of a run, the bug that shows late in it, and how many events may be left.
const CASES: [(u64, &str, usize); 3] = [
    (
        8,
        "one that was granted a machine in a step is granted another in the same step",
        16,
    ),
    (
        8,
        "a joiner counts for the limit of procs with its kind's capacity, not its offer",
        16,
    ),
    (
        8,
        "a request is queued though all kinds that it fits have a maximum of zero",
        16,
    ),
];

/// Played in the search for the smallest, all candidates told: a manager and the model do some million a second.
const MOST_PLAYED: usize = 500_000;

/// A cluster under faults, as it goes with a manager that is right.
fn long_run(seed: u64) -> Run {
    let mut plan = Plan::draw(&mut Rng::new(!seed));
    // Or there would be nothing after it.
    plan.faults.shutdown = 0;
    let config = plan.config.clone();
    let manager = Planted::new(config.clone(), None);
    let mut cluster = Cluster::new(plan, seed, manager);
    cluster.run(20_000).expect("nothing is wrong with it");
    Run {
        config,
        events: cluster.log().to_vec(),
    }
}

/// The smallest, how many runs were tried, and how many events they had.
fn smallest(run: &Run, found: &Found, make: &impl Fn(Config) -> Planted) -> (Run, usize, usize) {
    let (mut tries, mut played) = (0, 0);
    let small = minimise(run.clone(), found.events, |run| {
        tries += 1;
        match found.again(run, make) {
            Some(found) => {
                played += found.events;
                Verdict::Fails(found.events)
            }
            None => {
                played += run.events.len();
                Verdict::Passes
            }
        }
    });
    (small, tries, played)
}

#[test]
fn ten_thousand_events_are_cut_down_to_less_than_twenty() {
    for (seed, what, most) in CASES {
        let flaw = flaws::all().position(|flaw| flaw.what == what).expect(what);
        let right = |config| Planted::new(config, None);
        let wrong = |config| Planted::new(config, Some(flaw));
        let run = long_run(seed);
        assert_eq!(Find::Violation.first(&run, &right), None, "{what}");
        let found = Find::Violation.first(&run, &wrong).expect(what);
        let events = found.events;
        assert!(events >= 10_000, "{what}: {events} events");
        let began = Instant::now();
        let (small, tries, played) = smallest(&run, &found, &wrong);
        let (left, secs) = (small.events.len(), began.elapsed().as_secs_f64());
        println!(
            "{events} -> {left} events, {tries} runs, {played} events played, {secs:.2} s: {what}"
        );
        assert!(left <= most && most <= 20, "{what}: {left} events are left");
        assert!(played <= MOST_PLAYED, "{what}: {played} events");
        assert_eq!(
            found.again(&small, &wrong).map(|it| it.events),
            Some(left),
            "{what}"
        );
        assert_eq!(Find::Violation.first(&small, &right), None, "{what}");
        for gone in 0..left {
            let mut less = small.clone();
            less.events.remove(gone);
            assert_eq!(found.again(&less, &wrong), None, "{what}: event {gone}");
        }
    }
}

#[test]
fn the_same_run_gives_the_same_smallest_and_a_stop_the_smallest_so_far() {
    let (seed, what, _) = CASES[0];
    let flaw = flaws::all().position(|flaw| flaw.what == what).expect(what);
    let wrong = |config| Planted::new(config, Some(flaw));
    let run = long_run(seed);
    let found = Find::Violation.first(&run, &wrong).expect(what);
    let (small, tries, _) = smallest(&run, &found, &wrong);
    assert_eq!(smallest(&run, &found, &wrong).0, small);
    let mut left = tries / 20;
    let mut shown = 0;
    let half_way = minimise(run.clone(), found.events, |run| {
        if left == 0 {
            return Verdict::Stop;
        }
        left -= 1;
        let again = found.again(run, &wrong).map(|it| it.events);
        shown = again.unwrap_or(shown);
        again.map_or(Verdict::Passes, Verdict::Fails)
    });
    assert_eq!(half_way.events.len(), shown);
    let again = found.again(&half_way, &wrong).map(|it| it.events);
    assert_eq!(again, Some(shown));
    assert!(shown < found.events && shown > small.events.len());
}
