//! Pictures of runs: pages in a real browser, counted against what `--json` says of the same run, and traces. What was on the
//! screen is left in the folder `pictures` of cargo's `target/tmp`, to be looked at.
#[path = "support/browser.rs"]
mod browser;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use remuda::journal::Writer;
use remuda::{Config, Demand, Event, MachineId, Manager, Outcome, RequestId};
use rustix::process::Signal;
use serde_json::Value;

use browser::{Browser, browser};
use page::{Expected, figure, keep};
use support::{Dir, Finished, REMUDA, Run, echoes, kill, remuda, wait_for};

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

#[test]
fn a_scenario_written_by_hand_is_drawn_and_tells_of_what_is_under_the_pointer() {
    let dir = Dir::new();
    let file = dir.write("scenario.jsonl", SCENARIO);
    let (page, expected) = drawn(&dir, &file, &[]);
    assert!(
        expected.bars == 3 && expected.lost_requests == 2,
        "{expected:?}"
    );
    let Some(mut browser) = browser("a scenario written by hand is drawn") else {
        return;
    };
    browser.open(&page, "");
    let said = browser.drawn();
    assert_eq!(Expected::on(&said), expected);
    assert_eq!((figure(&said, "from"), figure(&said, "to")), (0.0, 44e9));
    assert_eq!(figure(&said, "peak"), 3.0);
    keep(&mut browser, "scenario");

    // Lanes begin below the charts; the axis is 44 s wide.
    let axis = |browser: &mut Browser, secs: f64| {
        let width = browser.eval("document.getElementById('stage').clientWidth");
        136.0 + secs / 44.0 * (width.as_f64().unwrap() - 146.0)
    };
    let top = browser.eval("document.getElementById('stage').getBoundingClientRect().top");
    let lane = top.as_f64().unwrap() + 26.0 + 78.0 + 80.0 + 4.0 + 20.0;
    let x = axis(&mut browser, 3.0);
    browser.pointer("mouseMoved", (x, lane));
    let tip = browser.text("#tip");
    let facts = [
        "Request r2",
        "-1",
        "m0 build7",
        "1.5 s",
        "2.5 s",
        "unreachable",
    ];
    for fact in facts {
        assert!(tip.contains(fact), "no {fact:?} in {tip}");
    }
    // The machine itself, by its name in the margin, and the one that failed to start.
    browser.pointer("mouseMoved", (40.0, lane));
    let tip = browser.text("#tip");
    assert!(
        tip.contains("Machine m0 build7") && tip.contains("lost: it stopped"),
        "{tip}"
    );
    browser.eval("document.getElementById('find').focus()");
    for key in ["m", "1", "Enter"] {
        browser.key(key);
    }
    browser.drawn();
    let picked = browser.text("#picked");
    assert!(
        picked.contains("failed to start") && picked.contains("no route to host"),
        "{picked}"
    );
    // How it stood, in the charts.
    browser.open(&page, "");
    let x = axis(&mut browser, 6.5);
    browser.pointer("mouseMoved", (x, lane - 150.0));
    let tip = browser.text("#tip");
    let tip: Vec<_> = tip.split_whitespace().skip(2).collect();
    let stood = "queue 3 in service 1 on probation 1 starting 1";
    assert_eq!(tip.join(" "), stood);
    // Who was never placed is found too.
    browser.open(&page, "#find=r4");
    let picked = browser.text("#picked");
    assert!(
        picked.contains("Request r4, never placed") && picked.contains("cancelled"),
        "{picked}"
    );
    let waits = browser.text("#waits");
    assert!(waits.contains("-1") && waits.contains("1.5 s"), "{waits}");
}

#[test]
fn a_run_with_a_killed_worker_is_drawn() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let sizes = ["--max-procs", "4", "--machine-procs", "1"];
    let words = [&sizes[..], &["--journal", &journal, "--joblog", &log]].concat();
    let run = Run::start(remuda(&words), &echoes(600));
    wait_for("jobs to end", || dir.lines("log") >= 100);
    kill(run.workers()[0], Signal::KILL);
    run.finish().ends(0, "600 jobs: 600 ok, 0 failed; ");

    let (page, mut expected) = drawn(&dir, &journal, &[]);
    // Those that stop after the shutdown are not lost.
    expected.lost = 1;
    let Some(mut browser) = browser("a run with a killed worker is drawn") else {
        return;
    };
    browser.open(&page, "");
    assert_eq!(Expected::on(&browser.drawn()), expected);
    let about = browser.text("#about");
    assert!(
        about.contains("by") && about.contains("remuda run"),
        "{about}"
    );
    keep(&mut browser, "run");
    // A key goes to the loss, and the panel tells of it.
    browser.key("n");
    browser.drawn();
    let picked = browser.text("#picked");
    assert!(picked.contains("lost: it stopped"), "{picked}");
    // Nothing was asked for but the page itself.
    let asked: Vec<_> = browser
        .requests
        .iter()
        .filter(|url| *url != "about:blank")
        .collect();
    assert!(
        asked.iter().all(|url| url.starts_with("file://")) && asked.len() == 1,
        "{asked:?}"
    );
}

#[test]
fn a_page_zooms_moves_and_finds() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(200, 12_000));
    let (page, expected) = drawn(&dir, &file, &[]);
    assert!(
        expected.lost > 10 && expected.probations > 10,
        "{expected:?}"
    );
    let Some(mut browser) = browser("a page zooms, moves and finds") else {
        return;
    };
    browser.open(&page, "");
    let whole = browser.drawn();
    assert_eq!(Expected::on(&whole), expected);
    keep(&mut browser, "fleet");
    let span = |said: &Value| figure(said, "to") - figure(said, "from");

    // The wheel zooms, and what is under it stays.
    let at = (500.0, 500.0);
    browser.pointer("mouseMoved", at);
    for _ in 0..5 {
        browser.wheel(at, -240.0);
    }
    let near = browser.drawn();
    assert!(span(&near) < span(&whole) / 10.0, "{near}");
    assert!(
        figure(&near, "bars") < figure(&whole, "bars") / 5.0,
        "{near}"
    );
    assert!(figure(&near, "from") > figure(&whole, "from"), "{near}");
    // Dragged to the left, it is later.
    browser.pointer("mousePressed", (900.0, 500.0));
    browser.pointer("mouseMoved", (700.0, 500.0));
    browser.pointer("mouseMoved", (500.0, 500.0));
    browser.pointer("mouseReleased", (500.0, 500.0));
    let moved = browser.drawn();
    assert!(figure(&moved, "from") > figure(&near, "from"), "{moved}");
    assert!((span(&moved) / span(&near) - 1.0).abs() < 1e-9, "{moved}");
    // Its address shows the same to somebody else.
    wait_for("the address to follow", || {
        let hash = browser.eval("location.hash");
        hash.as_str().unwrap().contains("from=")
    });
    let hash = browser.eval("location.hash");
    browser.open(&page, hash.as_str().unwrap());
    let again = browser.drawn();
    let by = figure(&again, "from") - figure(&moved, "from");
    assert!(by.abs() < 1e6, "{again} {moved}");
    assert_eq!(Expected::on(&again), Expected::on(&moved));
    keep(&mut browser, "fleet-near");
    // Keys: out again, in again, higher lanes, and all of it.
    browser.key("0");
    assert_eq!(Expected::on(&browser.drawn()), expected);
    browser.key("+");
    assert!(span(&browser.drawn()) < span(&whole));
    browser.key("0");
    for _ in 0..12 {
        browser.key("]");
    }
    let high = browser.drawn();
    assert_eq!(high["mode"], "bars");
    assert!(figure(&high, "lanes") < 40.0, "{high}");
    // A request by its number.
    browser.key("/");
    for key in ["r", "7", "7", "7", "Enter"] {
        browser.key(key);
    }
    let found = browser.drawn();
    assert_eq!(browser.text("#found"), "1/1");
    let picked = browser.text("#picked");
    assert!(
        picked.contains("Request r777") && picked.contains("rack"),
        "{picked}"
    );
    assert!(figure(&found, "bars") >= 1.0 && span(&found) < span(&whole));
    keep(&mut browser, "fleet-found");
}

/// Ten thousand machines, a million events: how long it takes is printed, not held against anything.
#[test]
fn a_page_of_a_million_events_opens_and_zooms() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(10_000, 500_000));
    let page = dir.text("page.html");
    let begun = Instant::now();
    let finished = replay(&[&file, "--html", &page]);
    let took = begun.elapsed();
    let size = fs::metadata(&page).unwrap().len() >> 20;
    println!("{}drawn in {took:.1?}, a page of {size} MiB", finished.out);
    let events = finished.err.split(' ').nth(2).unwrap();
    assert!(events.parse::<u64>().unwrap() > 1_000_000, "{events}");
    let of = |line: &str, word: &str| {
        let line = finished
            .out
            .lines()
            .find(|it| it.starts_with(line))
            .unwrap();
        let before = line.split(word).next().unwrap().trim();
        before.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let (lanes, bars) = (of("machines", "asked for"), of("requests", "granted"));
    let Some(mut browser) = browser("a page of a million events opens") else {
        return;
    };
    let begun = Instant::now();
    browser.open(page.as_ref(), "");
    println!("ready after {:.1?}", begun.elapsed());
    let said = browser.drawn();
    let drawn = Expected::on(&said);
    assert_eq!((drawn.lanes, drawn.bars), (lanes, bars));
    assert_eq!(drawn.lost, of("machines", "lost ("));
    assert_eq!(drawn.failed, of("machines", "failed to start"));
    assert_eq!(said["mode"], "cells");
    let elements = browser.eval("document.querySelectorAll('*').length");
    assert!(elements.as_u64().unwrap() < 1000, "{elements}");
    keep(&mut browser, "million");
    let begun = Instant::now();
    browser.wheel((600.0, 500.0), -240.0);
    browser.drawn();
    println!("zoomed after {:.1?}", begun.elapsed());
    browser.open(page.as_ref(), "#find=r123456");
    let near = browser.drawn();
    assert_eq!(near["mode"], "bars");
    assert!(figure(&near, "bars") >= 1.0 && figure(&near, "lanes") < 100.0);
    keep(&mut browser, "million-found");
}

#[test]
fn texts_of_others_are_shown_and_never_run() {
    let dir = Dir::new();
    let evil =
        "</script><script>document.body.dataset.evil = 1</script><img src=x onerror=alert(1)>";
    let text = SCENARIO
        .replace("build7", &format!("<b>{evil}"))
        .replace("no route to host", evil)
        .replacen(
            "}}\n",
            &format!("}}, \"labels\": {{\"{evil}\": \"{evil}<!--\"}}}}\n"),
            1,
        );
    let file = dir.write("a<script>b.jsonl", text);
    let (page, expected) = drawn(&dir, &file, &[]);
    let html = fs::read_to_string(&page).unwrap();
    assert!(!html.contains("dataset.evil = 1</script>") && html.contains("\\u003c/script>"));
    let Some(mut browser) = browser("texts of others are shown and never run") else {
        return;
    };
    browser.open(&page, "#find=m0");
    browser.drawn();
    assert!(browser.text("#about").contains(evil), "as text");
    assert!(browser.text("#picked").contains(evil), "as text");
    assert_eq!(browser.text("#name"), "a<script>b.jsonl");
    assert_eq!(browser.eval("document.body.dataset.evil || 'none'"), "none");
    assert_eq!(browser.eval("document.scripts.length"), 3);
    assert_eq!(browser.eval("document.images.length"), 0);
    browser.key("0");
    assert_eq!(Expected::on(&browser.drawn()), expected);
}

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
fn a_trace_has_a_slice_for_each_grant_and_none_overlap() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(30, 3000));
    let (html, trace) = (dir.text("page.html"), dir.text("trace.json"));
    let finished = replay(&[&file, "--perfetto", &trace, "--html", &html]);
    assert_eq!(finished.status, Some(0), "{}", finished.err);
    let expected = Expected::of(&replay(&[&file, "--json"]).out);
    let trace: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    assert_eq!(trace["otherData"]["labels"]["site"], "north hall");
    let events = trace["traceEvents"].as_array().unwrap();
    let named = |name: &str| -> Vec<&Value> {
        let named = events.iter().filter(|it| it["name"] == name);
        named.collect()
    };
    assert_eq!(named("process_name").len() as u64, expected.lanes + 1);
    assert_eq!(named("probation").len() as u64, expected.probations);
    assert_eq!(named("lost: stopped").len() as u64, expected.lost);
    assert_eq!(named("start failed").len() as u64, expected.failed);
    let grants = events.iter().filter(|it| it["args"]["outcome"].is_string());
    assert_eq!(grants.clone().count() as u64, expected.bars);
    let lost = grants.filter(|it| it["args"]["outcome"] == "lost");
    assert_eq!(lost.count() as u64, expected.lost_requests);
    // On a track, one ends before the next begins.
    let nanos = |it: &Value| (it.as_f64().unwrap() * 1000.0).round() as u64;
    let slices = events.iter().filter(|it| it["ph"] == "X");
    let mut slices: Vec<_> = slices
        .map(|it| {
            let begin = nanos(&it["ts"]);
            (
                it["tid"].as_u64().unwrap(),
                begin,
                begin + nanos(&it["dur"]),
            )
        })
        .collect();
    slices.sort_unstable();
    for pair in slices.windows(2) {
        let [(track, _, end), (next, begin, _)] = pair else {
            unreachable!("a window of two")
        };
        assert!(track != next || end <= begin, "{pair:?}");
    }
    // The queue is empty in the end.
    let last = named("queue length").pop().unwrap();
    assert_eq!(last["args"]["requests"], 0);
    let most = named("queue length")
        .into_iter()
        .map(|it| it["args"]["requests"].as_u64().unwrap());
    assert!(most.max().unwrap() > 10);
}

#[test]
fn what_cannot_be_written_is_said_and_leaves_what_was_there() {
    let dir = Dir::new();
    let file = dir.write("run.jsonl", SCENARIO);
    let refused = |words: &[&str], said: &str| {
        let finished = replay(&[&[file.as_str()], words].concat());
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.err);
        assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
        finished.says(said);
    };
    refused(&["--html", &file], "run.jsonl: it is the run itself");
    refused(
        &["--html", "-"],
        "--html -: standard output is for the summary",
    );
    refused(
        &["--perfetto", dir.path().to_str().unwrap()],
        ": it is a directory",
    );
    refused(
        &["--html", "/no/such/x.html"],
        "--html /no/such/x.html: No such file or directory",
    );
    refused(
        &["--html", "/dev/full"],
        "--html /dev/full: No space left on device",
    );
    let both = dir.text("both");
    refused(
        &["--html", &both, "--perfetto", &both],
        "--html and --perfetto are both ",
    );
    refused(&["--html", &both, "--request", "7"], "cannot be used with");
    assert_eq!(fs::read_to_string(&file).unwrap(), SCENARIO);
    assert!(!dir.at("both").exists());

    let from_stdin = format!("exec \"$0\" replay - --html '{file}' < '{file}'");
    let mut command = Command::new("sh");
    command.args(["-c", &from_stdin, REMUDA]);
    let finished = Run::start(command, "").finish();
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    let spelled = format!("{}/./both", dir.path().display());
    refused(
        &["--html", &both, "--perfetto", &spelled],
        "--html and --perfetto are both ",
    );

    // A file that is larger than it may be: what was there stays, and nothing else is left.
    let old = dir.write("old.html", "before");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        r#"ulimit -f 1; exec "$0" "$@""#,
        REMUDA,
        "replay",
        &file,
        "--html",
        &old,
    ]);
    let finished = Run::start(command, "").finish();
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    finished.says("old.html: File too large");
    assert_eq!(fs::read_to_string(&old).unwrap(), "before");
    let left = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().file_name());
    let left = left.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(left, ["old.html", "run.jsonl"].map(Into::into).into());

    // It keeps its mode.
    let secret = dir.write("secret.html", "");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    replay(&[&file, "--html", &secret]).ends(0, "remuda: ");
    let mode = fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A link stays a link, a pipe gets the page.
    std::os::unix::fs::symlink(&old, dir.at("link")).unwrap();
    replay(&[&file, "--html", &dir.text("link")]).ends(0, "remuda: ");
    assert!(
        fs::read_to_string(&old)
            .unwrap()
            .starts_with("<!doctype html>")
    );
    assert!(dir.at("link").is_symlink());
    // Also one to what is not there yet.
    std::os::unix::fs::symlink("new.html", dir.at("dangling")).unwrap();
    replay(&[&file, "--html", &dir.text("dangling")]).ends(0, "remuda: ");
    assert!(dir.at("dangling").is_symlink() && dir.at("new.html").is_file());
    let mut command = Command::new("sh");
    let piped = r#""$0" replay "$1" --html /dev/fd/3 3>&1 >/dev/null 2>&1 | grep -c "<canvas""#;
    command.args(["-c", piped, REMUDA, &file]);
    assert_eq!(Run::start(command, "").finish().out, "2\n");
}

#[test]
fn an_interrupt_leaves_no_half_picture() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(1000, 100_000));
    let out = Dir::new();
    let mut command = Command::new(REMUDA);
    command.args(["replay", &file, "--perfetto", &out.text("trace.json")]);
    let left = || fs::read_dir(out.path()).unwrap().count();
    let mut run = Run::start(command, "");
    wait_for("the trace to be begun", || left() > 0 || run.is_over());
    if run.is_over() {
        eprintln!("SKIPPED: the trace was written before it could be interrupted");
        return;
    }
    run.signal(Signal::INT);
    let finished = run.finish();
    // It may have been just done.
    match finished.status {
        None => assert_eq!(left(), 0, "{}", finished.err),
        status => assert!(status == Some(0) && out.at("trace.json").exists()),
    }
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

/// What is printed after it goes into a pipe that nobody reads.
#[test]
fn an_interrupt_after_the_picture_ends_it_as_ever() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(100, 10_000));
    let mut command = Command::new(REMUDA);
    command.args(["replay", &file, "--events", "--html", &dir.text("run.html")]);
    let mut run = Run::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    wait_for("the picture", || dir.at("run.html").exists());
    assert!(!run.is_over(), "more is printed than a pipe holds");
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, None);
}

/// Clocks of the wall, timers that come late, and a grant that is placed and ended by one event.
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

/// What waited and ran when the record begins: who waits is in the queue until it is placed.
#[test]
fn a_journal_that_begins_in_mid_run_is_drawn() {
    let dir = Dir::new();
    let config = Config {
        poll_interval: Duration::ZERO,
        ..Config::new(1, 2).unwrap()
    };
    let mut manager = Manager::new(config).unwrap();
    let secs = remuda::Instant::from_secs;
    let (request, machine) = (RequestId, MachineId);
    for n in 0..4 {
        let demand = Demand::procs(1).unwrap();
        manager.handle(
            Event::Submit {
                request: request(n),
                priority: 7,
                demand,
            },
            secs(0),
        );
    }
    // One runs, three wait; the other machine is still asked for.
    manager.handle(
        Event::Up {
            machine: machine(0),
        },
        secs(1),
    );
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    let done = |n| Event::Done {
        request: request(n),
        outcome: Outcome::Ok,
    };
    for (event, at) in [
        (done(0), 10),
        (
            Event::StartFailed {
                machine: machine(1),
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
