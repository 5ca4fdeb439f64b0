//! Runs cut down to a failure: by what this program knows and by commands, to files, and when it goes wrong.
mod support;

use std::process::{Command, Stdio};

use remuda::journal::Writer;
use remuda::{Action, Config, Event, Instant, MachineId, Manager, RequestId, Submit};
use remuda_sim::Script;
use rustix::process::Signal;

use support::{Dir, Finished, REMUDA, Run, echoes, kill, mark, remuda, wait_for, with_word};

/// Tests that the command wrote, which pass: see `the_committed_examples_are_what_it_writes`.
mod examples {
    mod words {
        include!("minimised/words.rs");
    }

    mod loss {
        include!("minimised/loss.rs");
    }

    mod lost {
        include!("minimised/lost.rs");
    }
}

fn minimise(words: &[&str]) -> Finished {
    minimise_of("", words)
}

/// With a text on standard input.
fn minimise_of(input: &str, words: &[&str]) -> Finished {
    Run::start(command("minimise", words), input).finish()
}

fn command(name: &str, words: &[&str]) -> Command {
    let mut command = Command::new(REMUDA);
    command.arg(name).args(words);
    command
}

impl Finished {
    #[track_caller]
    fn exits(&self, status: i32) -> &Finished {
        let Finished { out, err, .. } = self;
        assert_eq!(self.status, Some(status), "{out}\n{err}");
        self
    }
}

/// A run in which r1 is lost with m0, which answers no poll, and r2 and t5 with m1, which stops.
const SCENARIO: &str = r#"{"config": {"machine_procs": 2, "max_procs": 4, "silent_polls": 2}}
{"time": "0.25s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
{"time": "0.5s", "event": {"submit": {"request": 2, "priority": 3, "demand": "machine"}}}
{"time": "1.5s", "event": {"up": {"machine": 0}}}
{"time": "1.5s", "event": {"up": {"machine": 1}}}
{"time": "2s", "event": {"assign": {"machine": 0, "task": 4}}}
{"time": "2s", "event": {"discard": {"machine": 0, "task": 4}}}
{"time": "3s", "event": {"polled": {"machine": 0, "answered": false}}}
{"time": "3s", "event": {"polled": {"machine": 1, "answered": true}}}
{"time": "13s", "event": "timer"}
{"time": "14s", "event": {"polled": {"machine": 0, "answered": false}}}
{"time": "15s", "event": {"assign": {"machine": 1, "task": 5}}}
{"time": "16s", "event": {"stopped": {"machine": 1}}}
"#;

/// The script that a search printed, which is what a manager decides.
#[track_caller]
fn script(finished: &Finished) -> Script {
    let script = Script::parse(&finished.out).expect("it is a script");
    assert_eq!(script.to_string(), finished.out);
    assert_eq!(script.played(), script);
    script
}

fn is_lost(script: &Script) -> bool {
    let mut steps = script.played().steps.into_iter();
    steps.any(|step| {
        let lost = |action: &Action| matches!(action, Action::RequestLost { .. });
        step.actions.iter().any(lost)
    })
}

#[test]
fn a_run_with_a_killed_worker_is_cut_down_to_the_loss() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let sizes = ["--max-procs", "2", "--machine-procs", "1"];
    let words = [&sizes[..], &["--journal", &journal, "--joblog", &log]].concat();
    // A worker that is killed has a job: more than one waits at any time.
    let jobs = "sleep 0.01\n".repeat(300) + &echoes(700);
    let run = Run::start(remuda(&words), &jobs);
    wait_for("jobs to end", || dir.lines("log") >= 50);
    kill(run.workers()[0], Signal::KILL);
    run.finish().ends(0, "1000 jobs: 1000 ok, 0 failed; ");

    let out = dir.text("lost");
    let finished = minimise(&[&journal, "--find", "loss", "-o", &out]);
    finished
        .exits(0)
        .says(" events cut down to 3: r1 is lost with m0, which stopped; ");
    assert_eq!(
        (finished.out.as_str(), finished.err.lines().count()),
        ("", 1)
    );
    let read = |name: &str| std::fs::read_to_string(dir.at(name)).unwrap();
    let (text, test) = (read("lost.txt"), read("lost.rs"));
    let script = Script::parse(&text).unwrap();
    assert_eq!(script.to_string(), text);
    assert_eq!(script.played(), script);
    assert!(is_lost(&script), "{text}");
    for gone in 0..script.steps.len() {
        let mut less = script.clone();
        less.steps.remove(gone);
        assert!(!is_lost(&less), "without event {gone}: {text}");
    }
    // But for its heading it is the test that is compiled above.
    let body = |test: &str| test.split_once('\n').map(|(_, body)| body.to_owned());
    assert_eq!(body(&test), body(include_str!("minimised/lost.rs")));
    let replayed = Run::start(command("replay", &[&dir.text("lost.jsonl")]), "").finish();
    replayed
        .exits(0)
        .says("3 events replayed, 3 of them compared and equal; ");
    let again = minimise(&[&journal, "--find", "loss"]);
    assert_eq!(again.exits(0).out, text);
}

/// `REMUDA_BLESS=1 cargo test -p remuda-cli minimise` writes them.
#[test]
fn the_committed_examples_are_what_it_writes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/minimised");
    let dir = Dir::new();
    let bless = std::env::var_os("REMUDA_BLESS").is_some_and(|value| value == "1");
    // A run of the first edition, and one of today.
    for (journal, stem) in [("run.journal", "loss"), ("run2.journal", "lost")] {
        let journal = format!("{folder}/{journal}");
        let out = if bless {
            format!("{folder}/{stem}")
        } else {
            dir.text(stem)
        };
        minimise(&[&journal, "--find", "loss", "--force", "-o", &out]).exits(0);
        for ending in [".jsonl", ".txt", ".rs"] {
            let read = |stem: &str| std::fs::read_to_string(format!("{stem}{ending}")).unwrap();
            let written = read(&format!("{folder}/{stem}"));
            assert_eq!(read(&out), written, "{stem}{ending}");
        }
    }
}

#[test]
fn each_kind_of_loss_is_cut_down_to_itself() {
    for (words, what, events) in [
        (&[][..], "r1 is lost with m0, which answered no polls", 4),
        (&["--request", "2"], "r1 is lost with m0, which stopped", 3),
        (
            &["--request", "r2", "--machine", "m1"],
            "r1 is lost with m0, which stopped",
            3,
        ),
        (&["--machine", "1"], "r1 is lost with m0, which stopped", 3),
    ] {
        let words = [&["-", "--find", "loss"], words].concat();
        let finished = minimise_of(SCENARIO, &words);
        finished
            .exits(0)
            .says(&format!("12 events cut down to {events}: {what}; "));
        assert_eq!(script(&finished).steps.len(), events);
    }
    // Of a task alone: nobody asks any more when its machine stops.
    let tasks = SCENARIO.replace(
        r#"{"time": "16s""#,
        "{\"time\": \"15s\", \"event\": {\"done\": {\"request\": 2, \"outcome\": \"ok\"}}}\n{\"time\": \"16s\"",
    );
    let finished = minimise_of(&tasks, &["-", "--find", "loss", "--machine", "1"]);
    finished
        .exits(0)
        .says("t1 is lost with m0, which stopped; ");
    assert_eq!(script(&finished).steps.len(), 4);
}

#[test]
fn a_check_is_given_each_candidate_and_says_by_status_0_that_it_fails() {
    let dir = Dir::new();
    let seen = dir.text("seen");
    for check in [
        format!("echo >> {seen}; '{REMUDA}' replay \"$1\" --events | grep -q 'request-lost .* m0'"),
        format!(
            "echo >> {seen}; '{REMUDA}' replay \"$REMUDA_SCENARIO\" --events | grep -q 'request-lost .* m0'"
        ),
        // What is replayed is there already.
        "grep -q '\"request_lost\":{\"request\":[0-9]*,\"machine\":0,' < \"$1\" || exit 3"
            .to_owned(),
    ] {
        let finished = minimise_of(SCENARIO, &["-", "--check", &check]);
        finished
            .exits(0)
            .says("12 events cut down to 4: the check still says so: ");
        assert!(is_lost(&script(&finished)));
    }
    assert!(dir.lines("seen") > 20, "{} candidates", dir.lines("seen"));
}

#[test]
fn a_check_that_does_not_hold_on_the_whole_is_refused_with_its_output() {
    for (check, said) in [
        (
            "echo so it is; echo not >&2; exit 3",
            "it ended with exit status 3, and status 0 would say",
        ),
        (
            "echo so it is; echo not; kill -9 $$",
            "it was ended by signal 9, ",
        ),
        (
            "echo so it is; echo not; exec /no/such/file",
            "it ended with exit status 127, ",
        ),
    ] {
        let finished = minimise_of(SCENARIO, &["-", "--check", check]);
        finished
            .exits(2)
            .says(said)
            .says("; its last output:\nso it is\nnot\n");
        assert_eq!(finished.out, "");
    }
    let finished = minimise_of(SCENARIO, &["-", "--check", "false"]);
    finished.exits(2).says("; it printed nothing\n");
    // Nor is one that holds on nothing.
    let finished = minimise_of(SCENARIO, &["-", "--check", "true"]);
    finished.exits(2).says("even a run of no events fails");
    // Of much output the end is shown, without what a terminal would obey.
    let finished = minimise_of(
        SCENARIO,
        &["-", "--check", "seq 100000; printf '\\033[2J'; false"],
    );
    finished.exits(2).says("\n99999\n100000\n.[2J");
    assert!(finished.err.len() < 3_000, "{}", finished.err.len());
}

#[test]
fn a_check_that_takes_too_long_is_ended_and_says_no() {
    let mark = mark();
    let check = format!("sleep {mark} | cat; true");
    let words = ["-", "--check-timeout", "0.2", "--check", &check];
    let finished = minimise_of(SCENARIO, &words);
    finished
        .exits(2)
        .says("it took longer than 0.2 s (see --check-timeout), ");
    wait_for("the check to be gone", || with_word(&mark).is_empty());
    // Of a candidate it is a plain no.
    let scenario: String = SCENARIO
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    let check = format!("grep -q submit \"$1\" || sleep {mark} | cat");
    let words = ["-", "--check-timeout", "0.5", "--check", &check];
    let finished = minimise_of(&scenario, &words);
    finished.exits(0).says("2 events cut down to 1: ");
    wait_for("the check to be gone", || with_word(&mark).is_empty());
}

#[test]
fn a_signal_gives_the_smallest_so_far_and_leaves_no_check() {
    for signal in [Signal::INT, Signal::TERM] {
        let (dir, mark) = (Dir::new(), mark());
        let file = dir.write("run.jsonl", SCENARIO);
        // The whole run fails, and so does half of it; the third takes long.
        let count = dir.text("count");
        let check = format!("echo >> {count}; [ $(wc -l < {count}) -lt 3 ] || sleep {mark}");
        let run = Run::start(command("minimise", &[&file, "--check", &check]), "");
        wait_for("the third check", || with_word(&mark).len() == 1);
        run.signal(signal);
        let finished = run.finish();
        finished
            .exits(130)
            .says("interrupted: the smallest so far; 12 events cut down to 6: ");
        assert_eq!(script(&finished).steps.len(), 6);
        wait_for("the check to be gone", || with_word(&mark).is_empty());
    }
    let (dir, mark) = (Dir::new(), mark());
    let file = dir.write("run.jsonl", SCENARIO);
    let out = dir.text("out");
    let check = format!("sleep {mark}");
    let run = Run::start(
        command("minimise", &[&file, "--check", &check, "-o", &out]),
        "",
    );
    wait_for("the first check", || with_word(&mark).len() == 1);
    run.signal(Signal::INT);
    let finished = run.finish();
    finished
        .exits(130)
        .says("interrupted before the check of the whole run ended");
    assert_eq!(
        (with_word(&mark), dir.at("out.txt").exists()),
        (vec![], false)
    );
}

/// Whatever is still to be tried: the search ends, and does not merely say no to all the rest.
#[test]
fn a_signal_ends_the_search_in_a_long_run() {
    let (dir, mark) = (Dir::new(), mark());
    let timer = "{\"time\": \"1s\", \"event\": \"timer\"}\n";
    let head = SCENARIO.lines().next().unwrap();
    let file = dir.write("run.jsonl", format!("{head}\n{}", timer.repeat(100_000)));
    let count = dir.text("count");
    let check = format!("echo >> {count}; [ $(wc -l < {count}) -lt 2 ] || sleep {mark}");
    let run = Run::start(command("minimise", &[&file, "--check", &check]), "");
    wait_for("the second check", || with_word(&mark).len() == 1);
    run.signal(Signal::INT);
    let finished = run.finish();
    finished
        .exits(130)
        .says("100000 events cut down to 100000: ");
    assert_eq!(finished.out.matches("timer\n").count(), 100_000);
}

#[test]
fn a_divergence_is_cut_down_to_what_gives_the_same_answer() {
    let recorded = Run::start(command("replay", &["-", "--json"]), SCENARIO).finish();
    let right = r#"{"grant":{"request":2,"machine":1}}"#;
    assert!(recorded.out.contains(right), "{}", recorded.out);
    // As if r2 had been given m0, and no hash to tell of the change.
    let mut changed = String::new();
    for line in recorded.out.lines() {
        let line = line.replace(right, r#"{"grant":{"request":2,"machine":0}}"#);
        let mut line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line.as_object_mut().unwrap().remove("hash");
        changed += &format!("{line}\n");
    }
    let finished = minimise_of(&changed, &["-", "--find", "divergence"]);
    finished.exits(0);
    finished.says("the last event is answered otherwise than recorded: poll m1, grant r2 m0");
    let script = script(&finished);
    let last = script.steps.last().unwrap();
    assert_eq!(
        last.event,
        Event::Up {
            machine: MachineId(1),
            offer: None,
        }
    );
    let (request, machine) = (RequestId(2), MachineId(1));
    assert!(last.actions.contains(&Action::Grant { request, machine }));
    assert!(script.steps.len() <= 4, "{}", finished.out);
}

#[test]
fn a_run_that_shows_no_failure_is_refused() {
    let quiet: String = SCENARIO
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    for (find, said) in [
        (&["panic"][..], "the manager does not panic"),
        (&["violation"], "nothing in it breaks a rule"),
        (
            &["divergence"],
            "it does not diverge: every answer that was recorded is the same",
        ),
        (
            &["loss"],
            "no request and no task is lost in it with its machine",
        ),
        (&["loss", "--request", "2"], "that loss is not in it"),
        (&["panic", "--request", "2"], "use them with --find loss"),
    ] {
        let finished = minimise_of(&quiet, &[&["-", "--find"], find].concat());
        finished.exits(2).says(said);
        assert_eq!(
            (finished.out.as_str(), finished.err.lines().count()),
            ("", 1)
        );
    }
    for (words, said) in [
        (&["-"][..], "--find <WHAT>|--check <COMMAND>"),
        (
            &["-", "--find", "loss", "--check", "true"],
            "cannot be used with",
        ),
        (&["-", "--find", "bugs"], "divergence"),
        (
            &["-", "--find", "loss", "--check-timeout", "3"],
            "cannot be used with",
        ),
        (&["-", "--find", "loss", "--force"], "--output"),
        (
            &["-", "--check", "true", "--request", "2"],
            "cannot be used with",
        ),
    ] {
        minimise_of(&quiet, words).exits(2).says(said);
    }
}

/// The journal of a run with a loss, or of its last part.
fn journal(fresh: bool) -> Vec<u8> {
    let mut manager = Manager::new(Config::new(2, 4).unwrap()).unwrap();
    if !fresh {
        let _ = manager.handle(Event::Timer, Instant::from_secs(1));
    }
    let (request, machine) = (RequestId(7), MachineId(0));
    let submit = Event::Submit {
        request,
        spec: Submit::machine(),
    };
    let up = Event::Up {
        machine,
        offer: None,
    };
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    for (at, event) in (1..).zip([submit, up, Event::Stopped { machine }]) {
        let at = Instant::from_secs(at);
        let actions = manager.handle(event, at);
        writer.record(at, &event, &actions, &manager, &mut bytes);
    }
    bytes
}

#[test]
fn what_cannot_be_cut_down_is_refused_in_one_line() {
    let dir = Dir::new();
    let whole = journal(true);
    let mut flipped = whole.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let no_events = SCENARIO.lines().next().unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "it is empty"),
        (
            "garbage",
            b"\x00\xff\x13garbage\n",
            "it is neither a journal",
        ),
        ("header", no_events.as_bytes(), "it has no events"),
        ("bad.jsonl", br#"{"config":{}}"#, "line 1, the header: "),
        (
            "flipped",
            &flipped,
            "`remuda replay` says how far it can be trusted",
        ),
        (
            "resumed",
            &journal(false),
            "only whole runs can be cut down",
        ),
    ];
    for (name, bytes, said) in cases {
        let file = dir.write(name, bytes);
        let finished = minimise(&[&file, "--find", "loss"]);
        finished.exits(2).says(&file).says(said);
        assert_eq!(
            (finished.out.as_str(), finished.err.lines().count()),
            ("", 1)
        );
    }
    minimise(&["/no/such/file", "--find", "loss"])
        .exits(2)
        .says("No such file");
    // Cut, it is used as far as it goes.
    let cut = dir.write("cut", &whole[..whole.len() - 1]);
    let finished = minimise(&[&cut, "--check", "grep -q grant \"$1\""]);
    finished
        .exits(0)
        .says("what is left is used, to event #2")
        .says("2 events cut down to 2: ");
}

#[test]
fn files_are_whole_and_only_overwritten_when_told_to() {
    let dir = Dir::new();
    let file = dir.write("run.jsonl", SCENARIO);
    let out = dir.text("a.b");
    let words = [&file, "--find", "loss", "--request", "2", "-o", &out];
    minimise(&words)
        .exits(0)
        .says("a.b.jsonl, ")
        .says("a.b.txt, ")
        .says("a.b.rs\n");
    let read = |name: &str| std::fs::read_to_string(dir.at(name)).unwrap();
    assert!(read("a.b.rs").contains("fn minimised_a_b() {"));
    dir.write("a.b.txt", "mine");
    std::fs::remove_file(dir.at("a.b.jsonl")).unwrap();
    let finished = minimise(&words);
    finished
        .exits(2)
        .says("a.b.txt is there: --force overwrites it");
    assert_eq!(
        (read("a.b.txt").as_str(), dir.at("a.b.jsonl").exists()),
        ("mine", false)
    );
    minimise(&[&words[..], &["--force"]].concat()).exits(0);
    assert!(read("a.b.txt").starts_with("# Cut down from 12 events of run.jsonl: "));
    // Nothing else is left there.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);

    for (out, said) in [
        (dir.text("run"), "run.jsonl is the input itself"),
        (dir.text("no/such/loss"), "No such file"),
        ("/".to_owned(), "it has no file name"),
    ] {
        let words = [&file, "--find", "loss", "--force", "-o", &out];
        minimise(&words).exits(2).says(said);
    }
    assert_eq!(read("run.jsonl"), SCENARIO);
}

#[test]
fn output_that_cannot_be_written_is_told() {
    let dir = Dir::new();
    let file = dir.write("run.jsonl", SCENARIO);
    let mut full = command("minimise", &[&file, "--find", "loss"]);
    let full = full.stdout(std::fs::File::create("/dev/full").unwrap());
    let out = full.stdin(Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{err}");
    assert!(err.contains("standard output: No space left"), "{err}");
    // A reader that left has seen enough.
    let script =
        format!("{{ sleep 0.5; '{REMUDA}' minimise '{file}' --find loss; echo $? >&2; }} | true");
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(err.ends_with("\n0\n"), "{err}");
}

#[test]
fn a_machine_lost_notice_is_what_makes_a_loss() {
    // A task that is discarded, or assigned to a lost machine, is lost too, but not with it.
    let text = SCENARIO
        .lines()
        .take(7)
        .chain([r#"{"time": "16s", "event": {"done": {"request": 1, "outcome": "ok"}}}"#])
        .chain([r#"{"time": "17s", "event": {"stopped": {"machine": 0}}}"#])
        .chain([r#"{"time": "18s", "event": {"assign": {"machine": 0, "task": 9}}}"#]);
    let text: String = text.map(|line| format!("{line}\n")).collect();
    let replayed = Run::start(command("replay", &["-", "--events"]), &text).finish();
    let out = replayed.out;
    assert_eq!(out.matches("task-lost").count(), 2, "{out}");
    assert!(out.contains("notice machine-lost m0 stopped"), "{out}");
    minimise_of(&text, &["-", "--find", "loss"])
        .exits(2)
        .says("no request and no task is lost");
}
