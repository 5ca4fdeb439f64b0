//! Each finding in a run that has it, and in one that does not.
use super::super::input::Input;
use super::super::play::play;
use super::super::select::Selection;
use super::*;

/// The findings of a scenario: a config, then events as `time event`.
fn of(config: &str, events: &[(&str, &str)]) -> Vec<Finding> {
    let mut text = format!("{{\"config\": {config}}}\n");
    for (time, event) in events {
        let event = match event.contains(':') {
            true => format!("{{{event}}}"),
            false => (*event).to_owned(),
        };
        text += &format!("{{\"time\": \"{time}\", \"event\": {event}}}\n");
    }
    let input = Input::of("x".into(), text.into_bytes()).unwrap();
    let mut findings = Findings::new(kind_names(&input.head));
    play(&input, &Selection::default(), &mut findings).unwrap();
    findings.list()
}

/// The one of this sort.
fn found(findings: &[Finding], sort: Sort) -> Option<&Finding> {
    findings.iter().find(|it| it.finding == sort)
}

#[track_caller]
fn says(findings: &[Finding], sort: Sort, text: &str, events: &[u64]) {
    let found = found(findings, sort).unwrap_or_else(|| panic!("none in {findings:?}"));
    assert!(found.text.contains(text), "{}", found.text);
    assert_eq!(found.events, events);
}

const QUIET: &str = "\"poll_interval\": \"0s\", \"summary_interval\": \"0s\"";

/// One kind of machines of 2 procs, with these settings.
fn kind(settings: &str) -> String {
    format!("{{\"kinds\": [{{\"capacity\": [2]{settings}}}], {QUIET}}}")
}

const SUBMIT: &str = r#""submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}"#;

fn submit(request: u32) -> String {
    SUBMIT.replace("1,", &format!("{request},"))
}

fn done(request: u32, outcome: &str) -> String {
    format!(r#""done": {{"request": {request}, "outcome": "{outcome}"}}"#)
}

#[test]
fn a_kind_that_never_comes_up() {
    let failed = [
        ("0s", SUBMIT),
        ("1s", r#""start_failed": {"machine": 0}"#),
        ("5s", r#""timer""#),
        ("6s", r#""start_failed": {"machine": 1}"#),
        ("20s", r#""timer""#),
    ];
    let findings = of(&kind(""), &failed);
    let text = "k0 never came up: 3 machines were asked for, 2 failed to start (#2, #4)";
    says(&findings, Sort::NeverUp, text, &[2, 4]);
    // The third comes up.
    let mut up = failed.to_vec();
    up.push(("21s", r#""up": {"machine": 2}"#));
    assert_eq!(found(&of(&kind(""), &up), Sort::NeverUp), None);
    // What fails because all is shut down says nothing.
    let shut = [
        ("0s", SUBMIT),
        ("1s", r#""shutdown""#),
        ("2s", r#""start_failed": {"machine": 0}"#),
    ];
    assert_eq!(of(&kind(""), &shut), []);
}

#[test]
fn machines_that_are_mostly_idle() {
    let done_1 = done(1, "ok");
    let (submit_2, done_2) = (submit(2), done(2, "ok"));
    let run = |again: &'static str, end: &'static str| {
        of(
            &kind(""),
            &[
                ("0s", SUBMIT),
                ("1s", r#""up": {"machine": 0}"#),
                ("31s", &done_1),
                (again, &submit_2),
                (end, &done_2),
            ],
        )
    };
    let findings = run("91s", "101s");
    let text = "machines of k0 were idle for 60 % of the 1m40s that they were up; the longest: m0 for 1m00s, from #3 to #4";
    says(&findings, Sort::Idle, text, &[3, 4]);
    assert_eq!(run("41s", "101s"), []);
}

#[test]
fn machines_that_nobody_used() {
    let submit_2 = submit(2);
    let cancel = r#""cancel": {"request": 2}"#;
    let (done_1, idle) = (done(1, "ok"), ", \"idle\": \"10s\"");
    let run = |config: &str, second: &str| {
        of(
            config,
            &[
                ("0s", SUBMIT),
                ("0s", &submit_2),
                ("1s", r#""up": {"machine": 0}"#),
                ("2s", second),
                ("3s", r#""up": {"machine": 1}"#),
                ("14s", r#""timer""#),
                ("15s", r#""stopped": {"machine": 1}"#),
                ("16s", &done_1),
            ],
        )
    };
    let findings = run(&kind(idle), cancel);
    let text = "a machine of k0 was started and ran nothing: m1, first asked for at #2; up for 12.0 s in all";
    says(&findings, Sort::Unused, text, &[2]);
    // It has something to do.
    assert_eq!(
        found(
            &run(&kind(idle), r#""cancel": {"request": 9}"#),
            Sort::Unused
        ),
        None
    );
    // It is to be there, used or not.
    let spare = format!("{idle}, \"spare\": 1");
    assert_eq!(found(&run(&kind(&spare), cancel), Sort::Unused), None);
}

#[test]
fn a_machine_on_which_everything_fails() {
    let runs = |outcome: &'static str| {
        let mut events = vec![
            ("0s".to_owned(), submit(1)),
            ("0s".to_owned(), submit(2)),
            ("1s".to_owned(), r#""up": {"machine": 0}"#.to_owned()),
            ("1s".to_owned(), r#""up": {"machine": 1}"#.to_owned()),
            ("2s".to_owned(), done(1, "ok")),
            ("2s".to_owned(), submit(3)),
        ];
        // What is granted next goes where the last one failed.
        for (at, request) in [(3, 2), (4, 4), (5, 5)] {
            events.push((format!("{at}s"), done(request, outcome)));
            events.push((format!("{at}s"), submit(request.max(3) + 1)));
        }
        let events: Vec<_> = events
            .iter()
            .map(|(time, event)| (&**time, &**event))
            .collect();
        of(&kind(""), &events)
    };
    let text = "everything fails on m1: 3 requests ended badly there, none well (#7, #9, #11); elsewhere some do";
    says(&runs("remote"), Sort::AllFails, text, &[7, 9, 11]);
    assert_eq!(found(&runs("ok"), Sort::AllFails), None);
    assert_eq!(found(&runs("unused"), Sort::AllFails), None);
}

#[test]
fn requests_that_wait_behind_a_hold() {
    let one = |request: u32| submit(request).replace("\"procs\": 2", "\"procs\": 1");
    let held = |patience: u32| {
        // The whole machine is asked for while small ones run in turn.
        let config =
            kind(", \"max\": 1").replacen('{', &format!("{{\"patience\": {patience}, "), 1);
        let mut events = vec![
            ("0s".to_owned(), one(1)),
            ("0s".to_owned(), one(2)),
            ("1s".to_owned(), r#""up": {"machine": 0}"#.to_owned()),
            ("2s".to_owned(), submit(3)),
            ("2s".to_owned(), one(4)),
            ("2s".to_owned(), one(5)),
            ("2s".to_owned(), one(6)),
        ];
        for (at, request) in [(3, 1), (4, 2), (5, 4), (9, 5), (10, 3), (11, 6)] {
            events.push((format!("{at}s"), done(request, "ok")));
        }
        let events: Vec<_> = events
            .iter()
            .map(|(time, event)| (&**time, &**event))
            .collect();
        of(&config, &events)
    };
    let findings = held(1);
    let finding = found(&findings, Sort::BehindHold).unwrap_or_else(|| panic!("{findings:?}"));
    assert!(
        finding
            .text
            .contains("waited while a machine on which they fit was held for another"),
        "{}",
        finding.text
    );
    assert!(finding.text.contains("m0 for r3, "), "{}", finding.text);
    assert_eq!(found(&held(0), Sort::BehindHold), None);
}

#[test]
fn waits_that_a_larger_max_would_have_ended() {
    let (submit_2, done_1, done_2) = (submit(2), done(1, "ok"), done(2, "ok"));
    let run = |config: &str, done_at: &'static str| {
        of(
            config,
            &[
                ("0s", SUBMIT),
                ("5s", r#""up": {"machine": 0}"#),
                ("6s", &submit_2),
                (done_at, &done_1),
                ("90s", &done_2),
            ],
        )
    };
    let findings = run(&kind(", \"max\": 1"), "26s");
    let text = "a larger max would have ended waits: k0 could not grow for 1m25s, first at #2, and 1 request (r2) waited for longer than a machine takes to start, 20.0 s together; the longest: r2, 20.0 s, from #3 to #4";
    says(&findings, Sort::LargerMax, text, &[3]);
    // It waits for less than the 5 s that a machine takes to start.
    assert_eq!(
        found(&run(&kind(", \"max\": 1"), "10s"), Sort::LargerMax),
        None
    );
    // There is room for another one.
    assert_eq!(
        found(&run(&kind(", \"max\": 2"), "26s"), Sort::LargerMax),
        None
    );
    let all = kind("").replacen('{', "{\"max_procs\": 3, ", 1);
    says(
        &run(&all, "26s"),
        Sort::LargerMax,
        "a larger max_procs would",
        &[3],
    );
}

#[test]
fn kinds_are_told_by_their_names() {
    let names = Names(vec![String::new(), "big".into()]);
    let of = [0, 1, 2].map(|kind| names.of(KindId(kind)));
    assert_eq!(of, ["k0", "k1 (big)", "k2"]);
    assert_eq!(Some3(&[1, 2, 3, 4, 5]).to_string(), "1, 2, 3 and 2 more");
    assert_eq!(Some3(&[1, 2]).to_string(), "1, 2");
}
