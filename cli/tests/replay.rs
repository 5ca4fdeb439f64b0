//! Replays: of runs with workers killed on the way, of scenarios written by hand, and of what goes another way than it did.
mod support;

use std::process::Command;

use remuda::journal::{Index, Writer};
use remuda::{Config, Event, Instant, MachineId, Manager, RequestId, Submit};
use rustix::process::Signal;

use support::{Dir, Finished, REMUDA, Run, echoes, kill, remuda, wait_for};

/// `remuda replay` with these words.
fn replay(words: &[&str]) -> Finished {
    replay_of("", words)
}

/// The same, with a text on standard input.
fn replay_of(input: &str, words: &[&str]) -> Finished {
    let mut command = Command::new(REMUDA);
    command.arg("replay").args(words);
    Run::start(command, input).finish()
}

impl Finished {
    #[track_caller]
    fn prints(&self, text: &str) -> &Finished {
        let Finished { out, err, .. } = self;
        assert!(out.contains(text), "no {text:?} in:\n{out}\n{err}");
        self
    }

    #[track_caller]
    fn exits(&self, status: i32) -> &Finished {
        let Finished { out, err, .. } = self;
        assert_eq!(self.status, Some(status), "{out}\n{err}");
        self
    }
}

const SCENARIO: &str = r#"{"config": {"machine_procs": 4, "max_procs": 4, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
{"time": "1.5s", "event": {"up": {"machine": 0}}}

{"time": "2s", "event": {"submit": {"request": 2, "priority": -1, "demand": "machine"}}}
{"time": "3s", "note": {"machine": 0, "topic": "name", "text": "build7"}}
{"time": "4s", "event": {"done": {"request": 1, "outcome": "unreachable"}}}
{"time": "5s", "event": {"done": {"request": 9, "outcome": "ok"}}}
{"time": "34s", "event": "timer"}
{"time": "44s", "event": {"stopped": {"machine": 0}}}
"#;

#[test]
fn findings_are_of_whole_runs() {
    let dir = Dir::new();
    let mut text = SCENARIO.lines().next().unwrap().to_owned() + "\n";
    for line in [
        r#""time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 4}}}"#,
        r#""time": "1s", "event": {"up": {"machine": 0}}"#,
        r#""time": "2s", "event": {"submit": {"request": 2, "priority": 0, "demand": {"procs": 4}}}"#,
        r#""time": "30s", "event": {"done": {"request": 1, "outcome": "ok"}}"#,
    ] {
        text += &format!("{{{line}}}\n");
    }
    let file = dir.write("x.jsonl", text);
    let whole = "\nfindings     a larger max_procs would have ended waits: k0 could not grow";
    replay(&[&file]).exits(0).prints(whole);
    let json = replay(&[&file, "--json"]);
    json.exits(0)
        .prints(r#""findings":[{"events":[3],"finding":"larger_max","text":"#);
    for words in [
        &["--to", "1s"][..],
        &["--json", "--to", "1s"],
        &["--events"],
    ] {
        let finished = replay(&[&[&*file], words].concat());
        finished.exits(0);
        assert!(!finished.out.contains("findings"), "{}", finished.out);
    }
}

#[test]
fn f06_a_run_with_workers_killed_on_the_way_replays_with_every_hash_equal() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let sizes = ["--max-procs", "4", "--machine-procs", "1"];
    let words = [&sizes[..], &["--journal", &journal, "--joblog", &log]].concat();
    let run = Run::start(remuda(&words), &echoes(2000));
    for after in [200, 700] {
        wait_for("jobs to end", || dir.lines("log") >= after);
        kill(run.workers()[0], Signal::KILL);
    }
    let finished = run.finish();
    finished.ends(0, "2000 jobs: 2000 ok, 0 failed; ");
    finished.says(" started, 2 lost; ");

    let replayed = replay(&[&journal]);
    replayed.exits(0);
    replayed.prints("run          by remuda ");
    replayed.prints("label        command: remuda run\n");
    replayed.prints("submit 200");
    replayed.prints("; 2 lost (2 stopped, 0 silent), ");
    replayed.prints("at the end 0 queued, 0 running\n");
    replayed.prints("utilisation  ");
    let all = Index::new(&std::fs::read(&journal).unwrap())
        .unwrap()
        .events();
    let said = format!("{all} events replayed, {all} of them compared and equal; ");
    replayed.says(&said);

    // As JSON lines it replays as well, and gives the same lines.
    let json = replay(&[&journal, "--json"]);
    json.exits(0);
    let file = dir.write("run.jsonl", &json.out);
    let again = replay(&[&file, "--json"]);
    again.exits(0).says(&said);
    assert!(again.out == json.out, "the same lines");
    let summary = json.out.lines().next_back().unwrap();
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    let summary = &summary["summary"];
    assert_eq!(summary["machines"]["lost_stopped"], 2);
    let granted = summary["requests"]["granted"].as_u64().unwrap();
    let waits = summary["waits"][0]["n"].as_u64().unwrap();
    assert!(granted >= 2000 && waits == granted, "{summary}");

    // A request that had to wait: four machines had been asked for when it came, and none was up.
    let why = replay(&[&journal, "--at", "#15", "--explain", "r12"]);
    why.exits(0)
        .prints("r12 (13) waits for 1 proc; before it: 12 requests.\n");
    why.prints("4 machines (m0, m1, m2, m3): each is not up yet.\n");
    why.prints(" of the 12 that wait before it end (r0 (1), ");
    why.prints("In the run it was placed on m");
    why.prints("Growth: max_procs (4) is reached; pending: 4 machines.\n");

    // One lost machine's life: its name, its loss.
    let lost = json
        .out
        .lines()
        .find(|line| line.contains("machine_lost"))
        .unwrap();
    let lost: serde_json::Value = serde_json::from_str(lost).unwrap();
    let machine = lost["event"]["stopped"]["machine"].to_string();
    let life = replay(&[&journal, "--machine", &machine]);
    life.exits(0);
    life.prints(&format!("start m{machine}"));
    life.prints(&format!(" m{machine} name: "));
    life.prints(&format!("notice machine-lost m{machine} stopped"));
}

#[test]
fn a_scenario_written_by_hand_is_played() {
    let events = replay_of(SCENARIO, &["-", "--events"]);
    events.exits(0);
    let expected = "\
#1 0s submit r1 prio 0 procs 2 -> start m0
#2 1.5s up m0 -> grant r1 m0, set-timer 11.5s
#3 2s submit r2 prio -1 machine
note 3s m0 name: build7
#4 4s done r1 unreachable -> notice probation m0
#5 5s done r9 ok -> reject unknown-request r9
#6 34s timer -> notice recovered m0 timeout, grant r2 m0, clear-timer
#7 44s stopped m0 -> notice machine-lost m0 stopped, request-lost r2 m0
";
    assert_eq!(events.out, expected);
    events.says("7 events replayed, 0 of them compared and equal; ");

    let summary = replay_of(SCENARIO, &["-"]);
    let expected = "\
run          of unknown origin
config       machine_procs 4, max_procs 4, probation 30s, back-off 1s to 60s, silent_polls 4, polls 0s, summaries 0s
             best fit, patience 4, settle 10s, flaps 3
time         0s to 44s
events       7: submit 2, done 2, up 1, stopped 1, timer 1; 1 rejected
machines     1 asked for: 1 up, 0 failed to start; 1 lost (1 stopped, 0 silent), 0 ended by the shutdown
probation    1 begun, 0 ended by success, 1 by time
requests     2 granted, 1 lost, 0 cancelled; at the end 0 queued, 0 running
waits            priority          n         mean          p50          p99          max
                       -1          1     32.000 s     32.000 s     32.000 s     32.000 s
                        0          1      1.500 s      1.500 s      1.500 s      1.500 s
utilisation  26.4 %: 45.000 of 170.000 proc-seconds in service were granted
findings     a larger max_procs would have ended waits: k0 could not grow for 42.5 s, first at #2, and 1 request (r2) waited for longer than a machine takes to start, 32.0 s together; the longest: r2, 32.0 s, from #3 to #6
";
    assert_eq!(summary.out, expected);
}

#[test]
fn of_a_thousand_priorities_the_summary_shows_twelve_ranges_and_json_all() {
    let mut scenario = String::from(
        r#"{"config": {"machine_procs": 1000, "max_procs": 1000, "poll_interval": "0s", "summary_interval": "0s"}}"#,
    );
    for n in 0..1000 {
        // One priority each from -500 to 499, in no order; the later it came, the shorter it waited.
        let priority = n * 7919 % 1000 - 500;
        scenario += &format!(
            "\n{{\"time\": \"{n}ms\", \"event\": {{\"submit\": {{\"request\": {n}, \"priority\": {priority}, \"demand\": {{\"procs\": 1}}}}}}}}"
        );
    }
    scenario += "\n{\"time\": \"1s\", \"event\": {\"up\": {\"machine\": 0}}}\n";

    let summary = replay_of(&scenario, &["-"]);
    summary.exits(0);
    let table = summary
        .out
        .lines()
        .skip_while(|it| !it.starts_with("waits"));
    let table: Vec<_> = table.take(15).collect();
    assert!(
        table[1].starts_with("             -500 to -418         83   498.349 ms "),
        "{table:#?}"
    );
    assert!(
        table[12].starts_with("               416 to 499         84   500.357 ms "),
        "{table:#?}"
    );
    assert_eq!(
        table[13],
        "             1000 priorities in 12 ranges; --json lists each priority"
    );
    assert!(table[14].starts_with("utilisation"), "{table:#?}");
    let ranges = table[1..13].iter().map(|row| {
        let words: Vec<_> = row.split_whitespace().collect();
        words[3].parse::<u64>().unwrap()
    });
    assert_eq!(ranges.sum::<u64>(), 1000);
    assert_eq!(replay_of(&scenario, &["-"]).out, summary.out);

    let json = replay_of(&scenario, &["-", "--json"]);
    let last = json.out.lines().next_back().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    let waits = last["summary"]["waits"].as_array().unwrap();
    assert_eq!(waits.len(), 1000);
    assert_eq!(waits[0]["priority"], -500);
    assert_eq!(waits[0]["max"], 1_000_000_000);
}

#[test]
fn a_part_of_a_run_is_selected() {
    let numbers = |words: &[&str]| {
        let words = [&["-", "--events"], words].concat();
        let finished = replay_of(SCENARIO, &words);
        finished.exits(0);
        let lines = finished
            .out
            .lines()
            .map(|line| line.split(' ').next().unwrap().to_owned());
        lines.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(numbers(&["--from", "2s", "--to", "#4"]), "#3 note #4");
    assert_eq!(numbers(&["--from", "#6"]), "#6 #7");
    assert_eq!(numbers(&["--to", "1500ms"]), "#1 #2");
    assert_eq!(numbers(&["--request", "r2"]), "#3 #6 #7");
    assert_eq!(numbers(&["--machine", "0", "--to", "4s"]), "#1 #2 note #4");
    assert_eq!(numbers(&["--request", "1", "--from", "1s"]), "#2 #4");
    let finished = replay_of(SCENARIO, &["-", "--from", "#4"]);
    finished.prints("events       4: done 2, stopped 1, timer 1; 1 rejected\n");
    finished.prints(" 25.0 %: 40.000 of 160.000 proc-seconds in service were granted\n");
    let wrong = replay_of(SCENARIO, &["-", "--from", "12"]);
    wrong
        .exits(2)
        .says("expected a time such as 3s, 1m30s, 1.5s or 250ms, or the number of an event");
}

/// A journal of a small run; `spoil` says what is written in place of the truth.
fn journal(spoil: impl Fn(u64, &mut Manager, &mut Vec<remuda::Action>)) -> Vec<u8> {
    let mut manager = Manager::new(Config::new(4, 8).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    for n in 0..20 {
        let submit = Event::Submit {
            request: RequestId(n),
            spec: Submit::machine(),
        };
        let event = if n == 3 {
            Event::Up {
                machine: MachineId(0),
                offer: None,
            }
        } else {
            submit
        };
        let mut actions = manager.handle(event, Instant::from_secs(n));
        let mut recorded = manager.clone();
        spoil(n + 1, &mut recorded, &mut actions);
        writer.record(
            Instant::from_secs(n),
            &event,
            &actions,
            &recorded,
            &mut bytes,
        );
        if n == 10 {
            writer.snapshot(&recorded, &mut bytes);
        }
    }
    bytes
}

#[test]
fn a_divergence_names_the_first_event_the_actions_the_state_and_the_cause() {
    let dir = Dir::new();
    let truth = journal(|_, _, _| {});
    let file = dir.write("truth", &truth);
    replay(&[&file])
        .exits(0)
        .says("20 events replayed, 20 of them compared and equal; ");

    // A flipped bit.
    let mut flipped = truth.clone();
    let at = flipped.len() / 2;
    flipped[at] ^= 4;
    let finished = replay(&[&dir.write("flipped", &flipped)]);
    finished
        .exits(1)
        .says("it is corrupt: the checksum of the frame at byte ");
    finished.says("cause: corrupt file: ");

    // The end is missing.
    let finished = replay(&[&dir.write("cut", &truth[..truth.len() - 3])]);
    finished.exits(0).says("it is cut: the frame at byte ");
    finished.says("it was replayed to event #19\n");

    // Another answer.
    let other = journal(|n, _, actions| {
        if n == 4 {
            actions.pop();
        }
    });
    let finished = replay(&[&dir.write("other", &other)]);
    finished.exits(1);
    finished.prints("diverges at event #4 at 3s (byte ");
    finished.prints("): up m0\nrecorded: actions with hash ");
    finished.prints("replayed:\n  -> poll m0\n  -> grant r0 m0\n");
    finished.prints(
        "state before it:\n  procs: need 0, have 0, pending 8; 3 requests for a whole machine\n  m0: pending, 0 of 4 procs used\n",
    );
    finished.prints("  queued: r0 prio 0 machine\n");
    finished.prints("cause: nondeterminism: ");
    let json = replay(&[&dir.text("other"), "--json"]);
    json.exits(1).prints(r#""cause":"nondeterminism""#);

    // The same answers from another manager.
    let state = journal(|n, manager, _| {
        if n == 11 {
            let request = RequestId(9);
            let _ = manager.handle(Event::Cancel { request }, Instant::from_secs(10));
        }
    });
    let finished = replay(&[&dir.write("state", &state)]);
    finished
        .exits(1)
        .prints("diverges after event #11 at 10s: all actions are the same");
    let config = journal(|n, manager, _| {
        if n == 11 {
            *manager = Manager::new(Config::new(4, 80).unwrap()).unwrap();
        }
    });
    let finished = replay(&[&dir.write("config", &config)]);
    finished.exits(1).prints("cause: other config: ");

    // JSON lines that were changed.
    let lines = replay(&[&file, "--json"]).out;
    let edited = |from: &str, to: &str| {
        assert!(lines.contains(from), "{from} in {lines}");
        replay_of(&lines.replacen(from, to, 1), &["-"])
    };
    let finished = edited(r#""max_procs":8"#, r#""max_procs":12"#);
    finished.exits(1).prints("cause: other config: ");
    finished.prints("diverges at event #3 at 2s (line 4): submit r2 prio 0 machine\nrecorded: nothing\nreplayed:\n  -> start m2\n");
    let other_rules = lines.replacen(r#""rules":2"#, r#""rules":0"#, 1);
    replay_of(&other_rules, &["-"]).exits(0);
    let event = r#""submit":{"request":2,"#;
    let other_event = r#""submit":{"request":1,"#;
    let finished = replay_of(&other_rules.replacen(event, other_event, 1), &["-"]);
    finished
        .exits(1)
        .prints("replayed:\n  -> reject duplicate-request r1\n");
    finished.prints("cause: other version of the rules: it was recorded by remuda ");
    let finished = edited(event, other_event);
    finished
        .exits(1)
        .prints("cause: corrupt file: JSON lines carry no checksum");
    let finished = edited(r#"{"poll":{"machine":0}},"#, "");
    finished
        .exits(2)
        .says("line 5: its actions are not those of its hash: it was changed");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_the_place_and_what_would_be_right() {
    let dir = Dir::new();
    let refused = |text: &str| {
        let finished = replay_of(text, &["-"]);
        finished.exits(2);
        assert_eq!(
            (finished.out.as_str(), finished.err.lines().count()),
            ("", 1),
            "{}",
            finished.err
        );
        finished.err
    };
    let header = r#"{"config": {"machine_procs": 4, "max_procs": 4}}"#;
    for (text, said) in [
        (
            String::new(),
            "standard input: it is empty: nothing was recorded",
        ),
        ("#!/bin/sh\n".into(), "nor a scenario in JSON lines"),
        (
            "{}".into(),
            "line 1, the header: column 2: missing field `config`; the least is {\"config\"",
        ),
        (
            header.replace('4', "0"),
            "line 1, the header: a machine of kind k0 must have 1 to 65536 procs, not 0",
        ),
        (
            header.replace("max_procs", "procs"),
            "unknown field `procs`",
        ),
        (
            format!("{header}\n{{\"time\": 3}}"),
            "line 2: column 10: invalid type: integer `3`, expected a string",
        ),
        (
            format!("{header}\n{{\"event\": \"timer\"}}"),
            "line 2: it has no time, such as",
        ),
        (
            format!("{header}\n{{\"time\": \"3\", \"event\": \"timer\"}}"),
            "line 2: time: expected a time such as 3s",
        ),
        (
            format!("{header}\n{{\"time\": \"3s\"}}"),
            "line 2: it has neither an event nor a note",
        ),
        (
            format!("{header}\n{{\"time\": \"3s\", \"event\": \"tick\"}}"),
            "line 2: column 30: unknown variant `tick`",
        ),
        (
            format!("{header}\n{{\"number\": 7, \"time\": \"3s\", \"event\": \"timer\"}}"),
            "line 2: event 7 where event 1 is expected",
        ),
    ] {
        let err = refused(&text);
        assert!(err.contains(said), "no {said:?} in {err}");
    }
    replay(&["/no/such/file"])
        .exits(2)
        .says("/no/such/file: No such file");
    let header = journal(|_, _, _| {});
    let newer = [&header[..8], &[3], &header[9..]].concat();
    replay(&[&dir.write("damaged", newer)])
        .exits(2)
        .says("it is corrupt: ");
    replay(&[&dir.write("short", &header[..20])])
        .exits(2)
        .says("it ends within its header");
}

#[test]
fn s05_a_long_wait_is_explained_in_classes_counts_and_times() {
    let dir = Dir::new();
    let mut text = SCENARIO.lines().next().unwrap().to_owned() + "\n";
    let mut add = |time: &str, event: String| {
        text += &format!("{{\"time\": \"{time}\", \"event\": {{{event}}}}}\n");
    };
    let submit = |request: u32, procs: u32| {
        format!(
            r#""submit": {{"request": {request}, "priority": 0, "demand": {{"procs": {procs}}}}}"#
        )
    };
    let done = |request: u32| format!(r#""done": {{"request": {request}, "outcome": "ok"}}"#);
    add("0s", submit(100, 1));
    add("1s", r#""up": {"machine": 0}"#.into());
    add("3.5s", done(100));
    // Four run; one that wants all of it and eight small ones wait.
    for request in 0..4 {
        add("4s", submit(request, 1));
    }
    add("4s", submit(4, 4));
    for request in 5..13 {
        add("4s", submit(request, 1));
    }
    for request in 0..13 {
        add(&format!("{}s", 5 + request), done(request));
    }
    let file = dir.write("x.jsonl", text);
    let explain = |request: &str| replay(&[&file, "--at", "4s", "--explain", request]);
    let why = explain("12");
    why.exits(0)
        .prints("r12 waits for 1 proc; before it: 8 requests.\n");
    why.prints(
        "The shortest sequence known to place it:\n  at 4s: 8 of the 12 that run or wait before it end: 1 of the 4 that run, 7 of the 8 that wait before it (r3, r5, …, r11)\n    8 for 1 proc, which took 2.5 s on average so far\n",
    );
    why.prints("In the run it was placed on m0, ");
    let why = explain("4");
    why.exits(0).prints(
        "  at 4s: 12 requests end: 4 of the 4 that run, 8 that come behind it (r3, r5, …, r0)\n",
    );
    // Few events are told one by one, each with its time in the run.
    let why = explain("5");
    why.prints("\n  at 4s: r3 is done (in the run: 4.0 s later, at event #");
    // Where the run ends, nothing is known of what comes then.
    let why = replay(&[&file, "--explain", "12"]);
    why.exits(0).prints("r12 is not known");
}

#[test]
fn s05_a_request_that_waits_is_explained() {
    let explain = |words: &[&str]| replay_of(SCENARIO, &[&["-", "--explain"], words].concat());
    explain(&["2", "--at", "3s"])
        .exits(0)
        .prints("r2 waits for a whole machine; before it: 0 requests.")
        .prints("m0 runs 1 request, and it needs all of it.")
        .prints("Growth: max_procs (4) is reached")
        .prints("at 2s: r1 is done");
    explain(&["1", "--at", "#2"])
        .exits(0)
        .prints("r1 runs on m0.");
    explain(&["7"]).exits(0).prints("r7 is not known");
    explain(&["2", "--at", "4s", "--json"])
        .exits(0)
        .prints(r#""probation":{"until":"#);
}

/// Two kinds that are started and one that joins, of three resources; drains, a machine that is idle, a request that expires.
const KINDS: &str = include_str!("kinds.jsonl");

#[test]
fn kinds_drains_joins_and_limits_are_played_and_counted() {
    let events = replay_of(KINDS, &["-", "--events"]);
    events.exits(0);
    for line in [
        "#3 0s submit r3 prio 5 amounts 1/1024/1 -> start k1 m2\n",
        "#5 2s up m1 offer 4/8000 -> grant r2 m1\n",
        "#7 4s join j0 k2\n",
        "#16 15s drain m1 until 25s -> notice draining m1 until 25s, set-timer 25s\n",
        "#18 18s keep m3 -> notice kept m3\n",
        "#20 26s stopped m1 -> notice ended m1, request-lost r2 m1 drained\n",
        "#21 32s timer -> stop m0, set-timer 60s\n",
        "#25 60s timer -> expired r5, clear-timer\n",
    ] {
        events.prints(line);
    }
    let summary = replay_of(KINDS, &["-"]);
    for line in [
        "             first fit, patience 1, settle 0s, flaps 3\n",
        "             k1: 8/65536/1, max 1, idle 30s, cost 5\n",
        "             k2: 16, joins only\n",
        "machines     5 asked for: 3 up, 1 failed to start; 0 lost (0 stopped, 0 silent), 0 ended by the shutdown\n",
        "             1 joined; 2 drains, 1 kept; told to stop: 1 idle, 1 drained, 0 pending; 2 ended as they were told to\n",
        "requests     6 granted, 1 lost, 0 cancelled, 1 expired; at the end 0 queued, 2 running\n",
        "             k0 4/8192            3       0       2       0       0       2         2         68.000\n",
        "             k2 16                0       1       0       0       0       0         3       1052.000\n",
        "utilisation  67.1 %: 1180.000 of 1756.000 proc-seconds in service were granted\n",
    ] {
        summary.prints(line);
    }
    let json = replay_of(KINDS, &["-", "--json"]);
    let again = replay_of(&json.out, &["-", "--json"]);
    again
        .exits(0)
        .says("26 events replayed, 26 of them compared and equal; ");
    assert_eq!(again.out, json.out);
    let of_joiner = replay_of(KINDS, &["-", "--machine", "j0"]);
    of_joiner.exits(0).prints("#11 6s done r6 j0 ok\n");
    assert_eq!(of_joiner.out.lines().count(), 5);
    let why = replay_of(KINDS, &["-", "--explain", "5", "--at", "7s"]);
    why.exits(0)
        .prints("m0 is of kind k0, which it does not accept.\n");
}

#[test]
fn a01_what_is_owed_is_listed_with_its_age() {
    let owed = replay_of(KINDS, &["-", "--owed"]);
    let expected = "\
Owed at 70s:
  asked for             since          age
  grant r4 j0              4s     66.000 s
  grant r7 j0              6s     64.000 s
  start m4                40s     30.000 s
";
    assert_eq!(owed.exits(0).out, expected);
    let owed = replay_of(KINDS, &["-", "--owed", "--at", "#6", "--json"]);
    owed.exits(0).prints(
        r#"{"action":{"grant":{"machine":0,"request":1}},"age":1000000000,"since":2000000000}"#,
    );
    let nothing = SCENARIO.lines().take(1).collect::<String>();
    replay_of(&nothing, &["-", "--owed"])
        .exits(0)
        .prints("At 0s nothing is owed");
    replay_of(KINDS, &["-", "--owed", "--explain", "1"]).exits(2);
}
