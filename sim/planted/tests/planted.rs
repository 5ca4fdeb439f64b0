//! The short swarm, which guards the core, finds each planted bug, soon, and shows it in a short script.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use remuda::{Config, Manager};
use remuda_planted::{Flaw, Planted, flaws};
use remuda_sim::shrink::Run;
use remuda_sim::swarm::{Report, replay};
use remuda_sim::{Script, Swarm};

/// The schedules of the short swarm, in which each bug must be found; most are in the first hundred.
const SCHEDULES: u64 = 20_000;

/// The short swarm, on the thread at hand: the first failure is that of the lowest seed.
fn short_swarm(schedules: u64, flaw: Option<usize>) -> Report {
    let swarm = Swarm {
        schedules,
        threads: 1,
        ..Swarm::default()
    };
    swarm.run_on(|config| Planted::new(config, flaw))
}

/// A line of the table.
fn found(number: usize, flaw: &Flaw) -> Result<String, String> {
    let began = Instant::now();
    let report = short_swarm(SCHEDULES, Some(number));
    let failure = report.failure.ok_or("is not found")?;
    let text = failure.to_string();
    // What is printed can be pasted: read again, it fails again, and only with the bug.
    let script = Script::parse(&text).map_err(|error| error.to_string())?;
    let run = Run {
        config: script.config.clone(),
        events: script.steps.iter().map(|s| (s.at, s.event)).collect(),
    };
    if replay(&run, &|config| Planted::new(config, Some(number))).is_ok() {
        return Err(format!("does not fail again:\n{text}"));
    }
    let right = |config: Config| Manager::new(config).expect("a valid config");
    if let Err((_, what)) = replay(&run, &right) {
        return Err(format!("fails without it, {what}:\n{text}"));
    }
    let events = script.steps.len();
    if events > flaw.events {
        let most = flaw.events;
        return Err(format!("takes {events} events and not {most}:\n{text}"));
    }
    let actions: usize = script.steps.iter().map(|step| step.actions.len()).sum();
    Ok(format!(
        "{:<4} | {:<92} | {:>9} | {:>6} | {:>5} | {:>7.1} | {}",
        flaw.rule,
        flaw.what,
        report.schedules + 1,
        events,
        1 + events + actions,
        began.elapsed().as_secs_f64(),
        shown_by(&failure.what_shrunk)
    ))
}

fn shown_by(what: &str) -> &str {
    match what {
        _ if what.starts_with("it answers otherwise") => "its actions",
        _ if what.starts_with("it counts") => "its counts",
        _ if what.starts_with("it panics") => "a panic",
        other => other,
    }
}

#[test]
fn no_bug_is_counted_twice() {
    let edits = |flaw: &Flaw| -> Vec<_> {
        let edits = flaw.edits.iter();
        edits.map(|it| (it.file, it.right, it.wrong)).collect()
    };
    let mut all: Vec<_> = flaws::all().map(|flaw| (edits(flaw), flaw.what)).collect();
    all.sort_unstable();
    for pair in all.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1);
    }
    let mut told: Vec<_> = flaws::all().map(|flaw| flaw.what).collect();
    told.sort_unstable();
    for pair in told.windows(2) {
        assert_ne!(pair[0], pair[1], "told of twice");
    }
}

#[test]
fn the_copy_is_right_while_no_bug_is_switched_on() {
    let report = short_swarm(1_000, None);
    if let Some(failure) = report.failure {
        panic!("\n{failure}");
    }
    assert_eq!(report.schedules, 1_000);
}

#[test]
fn each_bug_is_found_by_the_short_swarm_and_shown_in_a_short_script() {
    let flaws: Vec<&Flaw> = flaws::all().collect();
    assert!(flaws.len() >= 220);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..Swarm::default().threads {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(flaw) = flaws.get(number)
                {
                    let result = found(number, flaw);
                    let mut results = results.lock().expect("no thread panics with it");
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panicked with it");
    results.sort_by_key(|(number, _)| *number);
    assert_eq!(results.len(), flaws.len());
    let (mut table, mut wrong) = (String::new(), String::new());
    for (number, result) in results {
        let Flaw { rule, what, .. } = flaws[number];
        match result {
            Ok(line) => writeln!(table, "{line}"),
            Err(why) => writeln!(wrong, "{rule}: \"{what}\" {why}\n"),
        }
        .expect("strings take all");
    }
    println!(
        "{:<4} | {:<92} | schedules | events | lines | seconds | shown by\n{table}",
        "rule", "planted bug"
    );
    assert!(wrong.is_empty(), "\n{wrong}");
}
