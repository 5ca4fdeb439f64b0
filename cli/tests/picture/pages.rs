//! Pages as they are used: what they show, pointer and keys, a million events, texts of others.
use std::fs;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::browser::{Browser, browser};
use crate::page::{Expected, figure, keep};
use crate::support::{Dir, Run, echoes, kill, remuda, wait_for};
use crate::{SCENARIO, drawn, fleet, replay};

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
        let from = browser.eval("Number(new URLSearchParams(location.hash.slice(1)).get('from'))");
        (from.as_f64().unwrap() * 1e9 - figure(&moved, "from")).abs() < 1e6
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
    browser.open(page.as_ref(), "#find=step-123456");
    assert!(browser.text("#picked").contains("Request r123456"));
    let near = browser.drawn();
    assert_eq!(near["mode"], "bars");
    assert!(figure(&near, "bars") >= 1.0 && figure(&near, "lanes") < 100.0);
    keep(&mut browser, "million-found");
}

#[test]
fn names_of_jobs_are_drawn_told_and_found() {
    let dir = Dir::new();
    let mut lines: Vec<String> = SCENARIO.lines().map(str::to_owned).collect();
    for (request, name) in [(1, "compile"), (4, "never ran"), (3, "Link 60")] {
        // Behind the last event of each.
        let event = format!("\"request\": {request}");
        let at = lines
            .iter()
            .rposition(|line| line.contains(&event))
            .unwrap();
        let time = lines[at].split('"').nth(3).unwrap();
        let note = format!(
            r#"{{"time": "{time}", "note": {{"machine": 0, "topic": "job", "text": "r{request} {name}"}}}}"#
        );
        lines.insert(at + 1, note);
    }
    let file = dir.write("named.jsonl", lines.join("\n"));
    let (page, _) = drawn(&dir, &file, &[]);
    let Some(mut browser) = browser("names of jobs are drawn, told and found") else {
        return;
    };
    browser.open(&page, "");
    browser.eval(
        "window.texts = []; const fill = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) { texts.push(text); fill.call(this, text, ...rest); }; 1",
    );
    browser.eval("document.getElementById('canvas').focus()");
    browser.key("0");
    browser.drawn();
    let texts = browser.eval("texts");
    for text in ["r1", "compile", "r3", "Link 60"] {
        assert!(
            texts.as_array().unwrap().iter().any(|it| it == text),
            "no {text:?} in {texts}"
        );
    }
    for (find, request, name) in [
        ("link", "Request r3", "Link 60"),
        ("r1", "Request r1", "compile"),
        ("never", "Request r4, never placed", "never ran"),
    ] {
        browser.open(&page, &format!("#find={find}"));
        let picked = browser.text("#picked");
        assert!(
            picked.contains(request) && picked.contains(name),
            "{picked}"
        );
        assert_eq!(browser.text("#found"), "1/1");
    }
    // A number is the number of a request, or all of a name.
    browser.open(&page, "#find=60");
    assert_eq!(browser.text("#found"), "none");
}

#[test]
fn texts_of_others_are_shown_and_never_run() {
    let dir = Dir::new();
    let evil =
        "</script><script>document.body.dataset.evil = 1</script><img src=x onerror=alert(1)>";
    let name = format!("zebra \"b\" 'c' {evil}");
    let note = format!(
        r#"{{"time": "1.5s", "note": {{"machine": 0, "topic": "job", "text": {}}}}}"#,
        serde_json::to_string(&format!("r2 {}", name.replace(" 'c' ", "\n'c'\u{202e}"))).unwrap()
    );
    let line = r#"{"time": "2s", "event": {"start_failed""#;
    let text = SCENARIO
        .replace(line, &format!("{note}\n{line}"))
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
    // The name of a job, in one line and from left to right.
    browser.open(&page, "#find=zebra");
    browser.drawn();
    let shown = format!("zebra \"b\" | 'c'.{evil}");
    let picked = browser.text("#picked");
    assert!(
        picked.contains("Request r2") && picked.contains(&shown),
        "{picked}"
    );
    assert_eq!(browser.text("#name"), "a<script>b.jsonl");
    assert_eq!(browser.eval("document.body.dataset.evil || 'none'"), "none");
    assert_eq!(browser.eval("document.scripts.length"), 3);
    assert_eq!(browser.eval("document.images.length"), 0);
    browser.key("0");
    assert_eq!(Expected::on(&browser.drawn()), expected);
}

#[test]
fn kinds_drains_and_machines_told_to_stop_are_drawn() {
    let dir = Dir::new();
    let file = dir.write("kinds.jsonl", include_str!("../kinds.jsonl"));
    let (page, mut expected) = drawn(&dir, &file, &[]);
    // One joined.
    expected.lanes += 1;
    let Some(mut browser) = browser("kinds are drawn") else {
        return;
    };
    browser.open(&page, "");
    let said = browser.drawn();
    assert_eq!(Expected::on(&said), expected);
    assert_eq!((figure(&said, "drains"), figure(&said, "told")), (2.0, 2.0));
    keep(&mut browser, "kinds");
    let legend = browser.text("#legend");
    for row in [
        "k1: 8/65536/1",
        "draining",
        "told to stop",
        "memory mib used",
    ] {
        assert!(legend.contains(row), "no {row:?} in {legend}");
    }
    for (find, facts) in [
        ("m0", ["k0", "4/8192", "it was idle"]),
        ("m1", ["4/8000", "drained", "ended, as it was told to"]),
        ("j0", ["joined", "k2", "16"]),
        ("r2", ["6,000", "lost with its machine", "m1"]),
    ] {
        browser.open(&page, &format!("#find={find}"));
        let picked = browser.text("#picked");
        for fact in facts {
            assert!(picked.contains(fact), "no {fact:?} in {picked}");
        }
    }
}
