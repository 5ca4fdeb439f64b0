//! Pictures of runs: pages in a real browser, counted against what `--json` says of the same run, and traces. What was on the
//! screen is left in the folder `pictures` of cargo's `target/tmp`, to be looked at.
#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/fleet.rs"]
mod fleet;
#[path = "../support/page.rs"]
mod page;
#[path = "../support/served.rs"]
mod served;
#[path = "../support/mod.rs"]
mod support;

mod edges;
mod files;
mod live;
mod pages;
mod traces;

use std::path::PathBuf;
use std::process::Command;

use page::Expected;
use support::{Dir, Finished, REMUDA, Run};

const SCENARIO: &str = r#"{"config": {"machine_procs": 4, "max_procs": 8, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
{"time": "0s", "event": {"submit": {"request": 2, "priority": -1, "demand": "machine"}}}
{"time": "1.5s", "event": {"up": {"machine": 0}}}
{"time": "1.5s", "note": {"machine": 0, "topic": "name", "text": "build7"}}
{"time": "2s", "event": {"start_failed": {"machine": 1}}}
{"time": "2s", "note": {"machine": 1, "topic": "start failed", "text": "no route to host"}}
{"time": "4s", "event": {"done": {"request": 2, "outcome": "unreachable"}}}
{"time": "5s", "event": {"submit": {"request": 3, "priority": 0, "demand": {"procs": 1}}}}
{"time": "6s", "event": {"submit": {"request": 4, "priority": 5, "demand": {"procs": 1}}}}
{"time": "7s", "event": {"cancel": {"request": 4}}}
{"time": "34s", "event": "timer"}
{"time": "44s", "event": {"stopped": {"machine": 0}}}
"#;

/// `remuda replay` with these words.
fn replay(words: &[&str]) -> Finished {
    let mut command = Command::new(REMUDA);
    command.arg("replay").args(words);
    Run::start(command, "").finish()
}

/// The page of a run, drawn with `words` too, and what `--json` says of the same.
fn drawn(dir: &Dir, file: &str, words: &[&str]) -> (PathBuf, Expected) {
    let page = dir.text("page.html");
    let finished = replay(&[&[file, "--html", &page], words].concat());
    finished.says(" events replayed, ");
    assert!(finished.out.contains("utilisation"), "{}", finished.out);
    let json = replay(&[&[file, "--json"], words].concat());
    (page.into(), Expected::of(&json.out))
}
