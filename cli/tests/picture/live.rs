//! The page of a run that goes on, as `remuda run --serve` serves it.
use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use crate::browser::{Browser, browser};
use crate::page::{Expected, figure, keep};
use crate::served::Served;
use crate::support::{Dir, peak_kib, wait_for};

/// A run of these jobs, served, with so many machines of a proc each.
fn start(dir: &Dir, jobs: &[Value], machines: u32) -> Served {
    let lines: Vec<_> = jobs.iter().map(ToString::to_string).collect();
    let jobs = dir.write("jobs.jsonl", lines.join("\n"));
    let machines = machines.to_string();
    let sizes = ["--max-procs", &machines, "--machine-procs", "1"];
    Served::start(&[&sizes[..], &[&jobs]].concat(), dir)
}

/// It ends, and says so.
fn ends(served: Served, summary: &str, dir: &Dir) {
    let finished = served.run.finish();
    let said = fs::read_to_string(dir.at("err")).unwrap();
    assert_eq!(finished.status, Some(0), "{said}");
    assert!(said.contains(summary), "no {summary:?} in {said}");
}

/// A job that waits for a file of this name.
fn waits_for(gate: &str, name: &str) -> Value {
    json!({ "cmd": format!("until [ -e {gate} ]; do sleep 0.05; done"), "name": name })
}

#[test]
fn a_run_is_watched_while_it_goes_on() {
    let dir = Dir::new();
    let evil = "</script><img src=x onerror=document.body.dataset.evil=1>\u{202e}\"'";
    let mut jobs: Vec<_> = (1..=3)
        .map(|n| waits_for("first", &format!("compile {n}")))
        .collect();
    jobs.extend((1..=5).map(|n| waits_for("second", &format!("link {n}"))));
    jobs.push(waits_for("second", evil));
    let Some(mut browser) = browser("a run is watched while it goes on") else {
        return;
    };
    let served = start(&dir, &jobs, 2);
    browser.open_at(&served.printed);
    let stands = |browser: &mut Browser, running: f64, queued: f64| {
        wait_for("the page to show how it stands", || {
            let said = browser.drawn();
            said["running"].is_string()
                && figure(&said, "running") == running
                && figure(&said, "queued") == queued
        });
    };
    stands(&mut browser, 2.0, 7.0);
    let state = served.state();
    let said = browser.drawn();
    assert_eq!(
        (&state["running"], &state["queued"]),
        (&json!(2), &json!(7))
    );
    assert_eq!(
        figure(&said, "lanes") as usize,
        state["machines"].as_array().unwrap().len()
    );
    assert_eq!(
        (figure(&said, "bars"), figure(&said, "machines")),
        (2.0, 2.0)
    );
    assert_eq!(browser.text("#live"), "live");

    // The queue, by name; texts of others are texts.
    wait_for("the queue to be listed", || {
        browser.text("#waiting").contains("link 5")
    });
    let listed = browser.text("#waiting");
    assert!(
        listed.contains("compile 3") && listed.contains("</script><img src=x"),
        "{listed}"
    );
    assert!(!listed.contains('\u{202e}'), "{listed}");
    assert_eq!(browser.eval("document.body.dataset.evil || 'none'"), "none");
    // A click says why.
    browser.eval("document.querySelector('#waiting button').click()");
    wait_for("the explanation", || {
        browser.text("#why").contains("waits for 1 proc")
    });
    let picked = browser.text("#picked");
    assert!(
        picked.contains("waiting") && picked.contains("compile 3"),
        "{picked}"
    );
    keep(&mut browser, "live-run");

    fs::write(dir.at("first"), "").unwrap();
    stands(&mut browser, 2.0, 4.0);
    // What waited and was picked runs or is over.
    wait_for("the panel to follow", || browser.text("#why").is_empty());
    let picked = browser.text("#picked");
    assert!(
        picked.contains("compile 3") && picked.contains("from – to"),
        "{picked}"
    );
    for key in ["/", "l", "i", "n", "k", " ", "1", "Enter"] {
        browser.key(key);
    }
    let picked = browser.text("#picked");
    assert!(
        picked.contains("link 1") && picked.contains("still running"),
        "{picked}"
    );

    fs::write(dir.at("second"), "").unwrap();
    wait_for("the end", || {
        browser.eval("document.body.dataset.live") == "over"
    });
    ends(served, "9 jobs: 9 ok, 0 failed", &dir);
    // Out of the field of the search, to the whole run.
    for key in ["Escape", "0"] {
        browser.key(key);
    }
    let said = browser.drawn();
    let drawn = Expected::on(&said);
    assert_eq!(
        (drawn.bars, drawn.lost, figure(&said, "queued")),
        (9, 0, 0.0)
    );
    // Nothing was asked of anybody else.
    let own = browser
        .requests
        .iter()
        .all(|url| url == "about:blank" || url.contains("127.0.0.1"));
    assert!(own, "{:?}", browser.requests);
}

#[test]
fn ten_pages_one_that_is_closed_and_readers_that_do_not_read_hold_up_nothing() {
    let dir = Dir::new();
    let mut jobs = vec![waits_for("go", "gate")];
    jobs.extend(
        (0..2000).map(|n| json!({ "cmd": "true", "name": format!("job {n} {}", "x".repeat(80)) })),
    );
    jobs.push(waits_for("end", "last"));
    // A browser has six connections to a server at most.
    let Some(mut first) = browser("ten pages hold up nothing") else {
        return;
    };
    let mut second = browser("ten pages hold up nothing").expect("as the first");
    let served = start(&dir, &jobs, 4);
    first.open_at(&served.printed);
    second.open_at(&served.printed);
    let tabs: Vec<_> = (0..4).map(|_| first.tab(&served.printed)).collect();
    for _ in 0..4 {
        second.tab(&served.printed);
    }
    let idle = (0..3).map(|_| {
        let mut stream = served.connect();
        let head = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", served.local());
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
    let idle: Vec<_> = idle.collect();
    first.close_tab(&tabs[0]);
    // Who is hidden is told too.
    for browser in [&mut first, &mut second] {
        browser.come_to_front();
    }
    fs::write(dir.at("go"), "").unwrap();
    served.until("the last job", |state| {
        state["running"] == 1 && state["queued"] == 0
    });
    for browser in [&mut first, &mut second] {
        wait_for("the page to show all jobs", || {
            let said = browser.drawn();
            Expected::on(&said).bars == 2002 && figure(&said, "running") == 1.0
        });
    }
    // Those who never read cost no memory of their own.
    let peak = peak_kib(served.run.pid()).expect("it runs");
    assert!(peak < 200 << 10, "{peak} KiB");
    fs::write(dir.at("end"), "").unwrap();
    ends(served, "2002 jobs: 2002 ok, 0 failed", &dir);
    drop(idle);
}

#[test]
fn a_run_that_is_killed_is_said_to_be_lost() {
    let dir = Dir::new();
    let Some(mut browser) = browser("a run that is killed is said to be lost") else {
        return;
    };
    let mut served = start(&dir, &[waits_for("never", "stuck")], 1);
    browser.open_at(&served.printed);
    served.run.child().kill().unwrap();
    wait_for("the page to notice", || {
        browser.eval("document.body.dataset.live") == "lost"
    });
    assert_eq!(browser.text("#live"), "connection lost");
}
