//! Runs that are no whole runs, and times and ids that are no usual ones.
use std::fs;
use std::time::Duration;

use remuda::journal::Writer;
use remuda::{Config, Event, MachineId, Manager, Outcome, RequestId, Submit};
use serde_json::Value;

use crate::browser::browser;
use crate::page::{Expected, figure};
use crate::support::Dir;
use crate::{SCENARIO, drawn, replay};

#[test]
fn a_part_of_a_run_and_one_that_diverges_are_drawn() {
    let dir = Dir::new();
    let file = dir.write("scenario.jsonl", SCENARIO);
    let page = dir.text("part.html");
    replay(&[&file, "--html", &page, "--from", "5s", "--to", "35s"]).ends(0, "remuda: ");
    let lines = replay(&[&file, "--json"]).out;
    let wrong = lines.replacen(r#""max_procs":8"#, r#""max_procs":4"#, 1);
    let diverged = dir.text("diverged.html");
    let finished = replay(&[&dir.write("wrong.jsonl", wrong), "--html", &diverged]);
    assert_eq!(finished.status, Some(1), "{}", finished.err);
    assert!(
        finished.out.contains("diverges at event #2"),
        "{}",
        finished.out
    );
    let empty = dir.text("empty.html");
    replay(&[&file, "--html", &empty, "--from", "99s"]).ends(0, "remuda: ");
    let Some(mut browser) = browser("a part of a run and one that diverges are drawn") else {
        return;
    };
    browser.open(page.as_ref(), "");
    let said = browser.drawn();
    // The first machine, and the one that replaces what failed; the failed one was before.
    let drawn = Expected::on(&said);
    let expected = Expected {
        lanes: 2,
        bars: 2,
        probations: 1,
        ..Expected::default()
    };
    assert_eq!(drawn, expected, "{said}");
    assert_eq!(figure(&said, "to") - figure(&said, "from"), 29e9);
    browser.open(diverged.as_ref(), "");
    let said = browser.text("#trouble");
    assert!(
        said.contains(
            "Not the whole run: event #2 goes another way than it was recorded: other config"
        ),
        "{said}"
    );
    assert_eq!(Expected::on(&browser.drawn()).lanes, 1);
    browser.open(empty.as_ref(), "");
    assert_eq!(Expected::on(&browser.drawn()).bars, 0);
}

#[test]
fn times_and_ids_at_the_end_of_all_numbers_are_drawn() {
    let dir = Dir::new();
    let last = u64::MAX;
    let text = format!(
        r#"{{"config": {{"machine_procs": 65536, "max_procs": 131072}}}}
{{"time": "0s", "event": {{"submit": {{"request": {last}, "priority": {}, "demand": "machine"}}}}}}
{{"time": "0s", "event": {{"submit": {{"request": 0, "priority": {}, "demand": {{"procs": 65536}}}}}}}}
{{"time": "18446744073.709551614s", "event": {{"up": {{"machine": 0}}}}}}
{{"time": "18446744073.709551615s", "event": {{"done": {{"request": {last}, "outcome": "remote"}}}}}}
"#,
        i64::MIN,
        i64::MAX,
    );
    let file = dir.write("far.jsonl", text);
    let (page, expected) = drawn(&dir, &file, &[]);
    assert_eq!((expected.lanes, expected.bars), (2, 2));
    let late = dir.text("late.html");
    replay(&[&file, "--html", &late, "--from", "#4"]).ends(0, "remuda: ");
    let Some(mut browser) = browser("times and ids at the end of all numbers are drawn") else {
        return;
    };
    browser.open(&page, &format!("#find=r{last}"));
    let picked = browser.text("#picked");
    assert!(picked.contains(&format!("Request r{last}\n")), "{picked}");
    assert!(
        picked.contains(&i64::MIN.to_string()) && picked.contains("remote error"),
        "{picked}"
    );
    browser.key("0");
    assert_eq!(Expected::on(&browser.drawn()), expected);
    for _ in 0..200 {
        browser.key("+");
    }
    let near = browser.drawn();
    assert!(figure(&near, "to") - figure(&near, "from") < 1e9, "{near}");
    browser.open(late.as_ref(), "");
    assert_eq!(Expected::on(&browser.drawn()).bars, 2);
}

#[test]
fn what_late_timers_bring_about_is_drawn_when_it_happened() {
    let dir = Dir::new();
    // Seconds since 1970.
    let at = |secs: u64| format!("{}s", 1_790_000_000 + secs);
    let text = [
        r#"{"config": {"machine_procs": 1, "max_procs": 1, "poll_interval": "0s", "summary_interval": "0s"}}"#.to_owned(),
        format!(r#"{{"time": "{}", "event": {{"submit": {{"request": 1, "priority": 0, "demand": "machine"}}}}}}"#, at(0)),
        format!(r#"{{"time": "{}", "event": {{"up": {{"machine": 0}}}}}}"#, at(1)),
        format!(r#"{{"time": "{}", "event": {{"done": {{"request": 1, "outcome": "unreachable"}}}}}}"#, at(2)),
        format!(r#"{{"time": "{}", "event": {{"submit": {{"request": 2, "priority": 0, "demand": "machine"}}}}}}"#, at(3)),
        format!(r#"{{"time": "{}", "event": {{"done": {{"request": 2, "outcome": "ok"}}}}}}"#, at(40)),
    ];
    let file = dir.write("late.jsonl", text.join("\n"));
    let (page, expected) = drawn(&dir, &file, &[]);
    assert_eq!((expected.bars, expected.probations), (2, 1));
    let summary = replay(&[&file]).out;
    assert!(
        summary.contains("2 granted, 0 lost, 0 cancelled; at the end 0 queued, 0 running"),
        "{summary}"
    );
    let trace = dir.text("trace.json");
    replay(&[&file, "--perfetto", &trace]).ends(0, "remuda: ");
    let trace: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let probation = events.iter().find(|it| it["name"] == "probation").unwrap();
    assert_eq!(
        probation["dur"], 30e6,
        "thirty seconds, not until the event"
    );
    let Some(mut browser) = browser("what late timers bring about is drawn") else {
        return;
    };
    // It ended as it began: as near as can be, and the axis is drawn all the same.
    browser.open(&page, "#find=r2");
    let near = browser.drawn();
    assert!(figure(&near, "to") - figure(&near, "from") < 1e6, "{near}");
    assert!(
        browser.text("#picked").contains("waited\n37 s"),
        "{}",
        browser.text("#picked")
    );
    browser.key("0");
    assert_eq!(Expected::on(&browser.drawn()), expected);
}

#[test]
fn a_journal_that_begins_in_mid_run_is_drawn() {
    let dir = Dir::new();
    let config = Config::new(1, 2).unwrap().poll_interval(Duration::ZERO);
    let mut manager = Manager::new(config).unwrap();
    let secs = remuda::Instant::from_secs;
    let (request, machine) = (RequestId, MachineId);
    for n in 0..4 {
        let submit = Event::Submit {
            request: request(n),
            spec: Submit::procs(1).priority(7),
        };
        let _ = manager.handle(submit, secs(0));
    }
    // One runs, three wait; the other machine is still asked for.
    let up = Event::Up {
        machine: machine(0),
        offer: None,
    };
    let _ = manager.handle(up, secs(1));
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    let done = |n| Event::Done {
        request: request(n),
        machine: None,
        outcome: Outcome::Ok,
    };
    for (event, at) in [
        (done(0), 10),
        (
            Event::StartFailed {
                machine: machine(1),
                hint: None,
            },
            15,
        ),
        (done(1), 20),
        (done(2), 30),
        (done(3), 40),
    ] {
        let actions = manager.handle(event, secs(at));
        writer.record(secs(at), &event, &actions, &manager, &mut bytes);
    }
    let file = dir.write("middle.journal", bytes);
    let (page, trace) = (dir.text("page.html"), dir.text("trace.json"));
    replay(&[&file, "--html", &page, "--perfetto", &trace]).ends(0, "remuda: ");
    let trace: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let queue = events.iter().filter(|it| it["name"] == "queue length");
    let queue: Vec<_> = queue
        .map(|it| it["args"]["requests"].as_u64().unwrap())
        .collect();
    // From the first event on.
    assert_eq!(queue, [2, 1, 0]);
    let compared = replay(&[&file, "--diff", &file]).out;
    let utilisation = "100.0 % of 39.000 s";
    for said in ["starts failed ", utilisation] {
        assert!(compared.contains(said), "no {said:?} in {compared}");
    }
    let Some(mut browser) = browser("a journal that begins in mid-run is drawn") else {
        return;
    };
    browser.open(page.as_ref(), "#find=r0");
    let said = browser.drawn();
    assert_eq!(figure(&said, "peak"), 2.0);
    let picked = browser.text("#picked");
    assert!(
        picked.contains("not known") && picked.contains("came before the record"),
        "{picked}"
    );
    browser.open(page.as_ref(), "#find=r2");
    let picked = browser.text("#picked");
    assert!(picked.contains("priority\n7"), "{picked}");
}
