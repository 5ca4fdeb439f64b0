//! Two runs side by side, and a recorded one under another config.
mod support;

use std::process::Command;

use remuda::journal::Writer;
use remuda::{Config, Event, Instant, Manager};
use rustix::process::Signal;
use serde_json::Value;

use support::{Dir, Finished, REMUDA, Run, echoes, kill, remuda, wait_for};

/// `remuda replay` with these words.
fn replay(words: &[&str]) -> Finished {
    let mut command = Command::new(REMUDA);
    command.arg("replay").args(words);
    Run::start(command, "").finish()
}

#[track_caller]
fn prints(finished: &Finished, text: &str) {
    let Finished {
        out, err, status, ..
    } = finished;
    assert!(out.contains(text), "no {text:?} in:\n{out}\n{err}");
    assert_eq!(*status, Some(0), "{out}\n{err}");
}

/// One machine at a time, which takes 1 s to start; m0 is lost with r3, so r4 is what r3's client does then.
const STORY: &str = r#"{"config": {"machine_procs": 2, "max_procs": 2, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 2}}}}
{"time": "0s", "event": {"submit": {"request": 2, "priority": 1, "demand": {"procs": 1}}}}
{"time": "0s", "event": {"submit": {"request": 3, "priority": 0, "demand": "machine"}}}
{"time": "1s", "event": {"up": {"machine": 0}}}
{"time": "3s", "event": {"done": {"request": 1, "outcome": "ok"}}}
{"time": "5s", "event": {"stopped": {"machine": 0}}}
{"time": "5s", "event": {"submit": {"request": 4, "priority": 0, "demand": "machine"}}}
{"time": "6s", "event": {"up": {"machine": 1}}}
{"time": "8s", "event": {"done": {"request": 4, "outcome": "ok"}}}
{"time": "9s", "event": {"done": {"request": 2, "outcome": "ok"}}}
"#;

#[test]
fn what_if_there_had_been_more_machines() {
    let dir = Dir::new();
    let file = dir.write("story.jsonl", STORY);
    let report = replay(&[&file, "--with", "max_procs=6"]);
    prints(
        &report,
        "\
requests                                        4                        4
granted                                         4                        4
lost                                            1                        0
machines up                                     2                        3
machines lost                                   1                        1
last request over                              9s                       7s
utilisation                    92.8 % of 14.000 s       40.6 % of 32.000 s
mean wait at prio 0                       1.666 s               666.666 ms
p99 wait at prio 0                        3.000 s                  1.000 s
longest wait at prio 0                    3.000 s                  1.000 s
mean wait at prio 1                       8.000 s                  1.000 s
p99 wait at prio 1                        8.000 s                  1.000 s
longest wait at prio 1                    8.000 s                  1.000 s
placed       1 at the same time, 3 earlier (mean 3.333 s, most 7.000 s: r2), 0 later
differs      first at event #2 at 0s: submit r2 prio 1 procs 1
  first      nothing
  second     start m1
earlier      r2 prio 1 procs 1: 7.000 s earlier, m1 at 8s -> m2 at 1s
             r3 prio 0 procs 2: 2.000 s earlier, m0 at 3s -> m1 at 1s
             r4 prio 0 procs 2: 1.000 s earlier, m1 at 6s -> m1 at 5s
simulated    the recorded workload, simulated under both configs; under that of the run, 4 of 4 placements are at the recorded time
",
    );
    // The run that would have been is a run like any other: m0 is lost with nobody on it.
    let events = replay(&[&file, "--with", "max_procs=6", "--events", "--from", "3s"]);
    prints(
        &events,
        "\
#8 3s done r1 ok
#9 3s done r3 ok -> clear-timer
#10 5s stopped m0 -> notice machine-lost m0 stopped
#11 5s submit r4 prio 0 machine -> grant r4 m1
#12 7s done r4 ok
",
    );
    let json = replay(&[&file, "--with", "max_procs=6", "--json"]);
    let made = dir.write("made.jsonl", &json.out);
    prints(&replay(&[&made]), "requests     4 granted, 0 lost, ");
    let same = replay(&[&made, "--diff", &made]);
    prints(
        &same,
        "placed       4 at the same time, 0 earlier, 0 later\ndiffers      nowhere\n",
    );
}

#[test]
fn of_many_priorities_ranges_are_compared_and_json_has_all() {
    let mut story = String::from(
        r#"{"config": {"machine_procs": 100, "max_procs": 100, "poll_interval": "0s", "summary_interval": "0s"}}"#,
    );
    for n in 0..100 {
        let priority = n * 1000;
        story += &format!(
            "\n{{\"time\": \"0s\", \"event\": {{\"submit\": {{\"request\": {n}, \"priority\": {priority}, \"demand\": {{\"procs\": 1}}}}}}}}"
        );
    }
    story += "\n{\"time\": \"1s\", \"event\": {\"up\": {\"machine\": 0}}}\n";
    let dir = Dir::new();
    let file = dir.write("story.jsonl", &story);
    let report = replay(&[&file, "--diff", &file]);
    prints(
        &report,
        "
mean wait at prio 0 to 7000                          1.000 s                  1.000 s
p99 wait at prio 0 to 7000                           1.000 s                  1.000 s
longest wait at prio 0 to 7000                       1.000 s                  1.000 s
mean wait at prio 8000 to 15000                      1.000 s                  1.000 s
",
    );
    prints(
        &report,
        "
longest wait at prio 91000 to 99000                  1.000 s                  1.000 s
(100 priorities in 12 ranges; --json lists each priority)
placed       100 at the same time",
    );
    let waits = |line: &&str| line.contains(" wait at prio ");
    assert_eq!(report.out.lines().filter(waits).count(), 36);
    let json = replay(&[&file, "--diff", &file, "--json"]);
    let last: Value = serde_json::from_str(json.out.lines().next_back().unwrap()).unwrap();
    assert_eq!(last["diff"]["a"]["waits"].as_array().unwrap().len(), 100);
}

#[test]
fn who_is_lost_only_now_runs_again() {
    let dir = Dir::new();
    let file = dir.write(
        "story.jsonl",
        r#"{"config": {"machine_procs": 1, "max_procs": 2, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 1}}}}
{"time": "0s", "event": {"submit": {"request": 2, "priority": 1, "demand": {"procs": 1}}}}
{"time": "1s", "event": {"up": {"machine": 0}}}
{"time": "1s", "event": {"up": {"machine": 1}}}
{"time": "2s", "event": {"done": {"request": 1, "outcome": "ok"}}}
{"time": "5s", "event": {"stopped": {"machine": 0}}}
{"time": "9s", "event": {"done": {"request": 2, "outcome": "ok"}}}
"#,
    );
    // Both are on m0 now, r2 still when that is lost.
    let changes = ["--with", "max_procs=2,machine_procs=2"];
    let words = [&[file.as_str()], &changes[..]].concat();
    let events = replay(&[&words[..], &["--events"]].concat());
    prints(
        &events,
        "\
#3 1s up m0 -> grant r1 m0, grant r2 m0, set-timer 11s
#4 2s done r1 ok -> clear-timer
#5 5s stopped m0 -> notice machine-lost m0 stopped, request-lost r2 m0
#6 5s submit r3 prio 1 procs 1 -> start m1
#7 6s up m1 -> grant r3 m1, set-timer 16s
#8 14s done r3 ok -> clear-timer
",
    );
    prints(&replay(&words), ", 1 that the first does not have\n");
}

#[test]
fn two_configs_are_compared_on_the_same_events() {
    let dir = Dir::new();
    let (a, b) = ("a.jsonl", "b.jsonl");
    let a = dir.write(a, STORY);
    let b = dir.write(b, STORY.replace(r#""time": "1s""#, r#""time": "2s""#));
    let report = replay(&[&a, "--diff", &b]);
    prints(
        &report,
        "placed       3 at the same time, 0 earlier, 1 later (mean 1.000 s, most 1.000 s: r1)\n",
    );
    prints(
        &report,
        "differs      first in its events, at #4 at 1s\n  first      up m0\n  second     up m0\n",
    );
    prints(
        &report,
        "later        r1 prio 0 procs 2: 1.000 s later, m0 at 1s -> m0 at 2s\n",
    );
    let one = replay(&[&a, "--diff", &b, "--request", "3"]);
    prints(&one, "r3 prio 0 procs 2: m0 at 3s -> m0 at 3s\n");
    prints(
        &replay(&[&a, "--diff", &b, "--request", "9"]),
        "r9 is not in both runs\n",
    );

    let json = replay(&[&a, "--diff", &b, "--json"]);
    let lines: Vec<Value> = json
        .out
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{}", json.out);
    assert_eq!(lines[0]["moved"]["b"]["time"], 2_000_000_000_u64);
    assert_eq!(lines[1]["diff"]["later"]["n"], 1);
    assert_eq!(lines[1]["diff"]["same"], 3);
}

/// What another version decided stands in its scenario, and is taken as it stands.
#[test]
fn two_versions_are_compared_by_what_they_decided() {
    let dir = Dir::new();
    let a = replay(&[&dir.write("story.jsonl", STORY), "--json"]);
    let mut other = String::new();
    for line in a.out.lines().filter(|line| !line.contains("summary\":{")) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Value::Object(fields) = &mut line {
            // It gave the machine to the small one first.
            if fields.get("number") == Some(&4.into()) {
                fields["actions"][0]["grant"]["request"] = 2.into();
            }
            fields.remove("hash");
        }
        other += &format!("{line}\n");
    }
    let (a, b) = (dir.write("a.jsonl", &a.out), dir.write("b.jsonl", other));
    let report = replay(&[&a, "--diff", &b]);
    prints(
        &report,
        "differs      first at event #4 at 1s: up m0\n  first      grant r1 m0\n  second     grant r2 m0\n",
    );
    prints(
        &report,
        "lost         r1 prio 0 procs 2: m0 at 1s -> nowhere\n",
    );
}

#[test]
fn a_recorded_run_with_a_worker_killed_goes_as_it_went() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let sizes = ["--max-procs", "4", "--machine-procs", "1"];
    let words = [&sizes[..], &["--journal", &journal, "--joblog", &log]].concat();
    let run = Run::start(remuda(&words), &echoes(500));
    wait_for("jobs to end", || dir.lines("log") >= 100);
    kill(run.workers()[0], Signal::KILL);
    run.finish().ends(0, "500 jobs: 500 ok, 0 failed; ");

    let report = replay(&[&journal, "--with", "max_procs=4"]);
    prints(&report, "differs      nowhere\n");
    prints(&report, " placements are at the recorded time\n");
    let report = replay(&[&journal, "--with", "max_procs=1"]);
    prints(
        &report,
        "machines up                                     5                        ",
    );
    prints(&report, " later (mean ");
    let diff = replay(&[&journal, "--diff", &journal]);
    prints(
        &diff,
        " at the same time, 0 earlier, 0 later\ndiffers      nowhere\n",
    );
}

#[test]
fn what_cannot_be_compared_is_said_in_a_line() {
    let dir = Dir::new();
    let file = dir.write("story.jsonl", STORY);
    for (words, said) in [
        (
            ["--with", "maxprocs=4"],
            "--with: a config has no \"maxprocs\"; it has machine_procs, max_procs, ",
        ),
        (
            ["--with", "max_procs"],
            "\"max_procs\" is no change such as max_procs=64",
        ),
        (
            ["--with", "max_procs=-1"],
            "max_procs: expected a whole number",
        ),
        (
            ["--with", "max_procs=0"],
            "--with: max procs 0 is less than one machine needs",
        ),
        (
            ["--with", "probation=soon"],
            "probation: expected a time such as 3s",
        ),
        (["--diff", "/nowhere"], "/nowhere: "),
    ] {
        let finished = replay(&[&[file.as_str()], &words[..]].concat());
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.err);
        assert!(finished.err.contains(said), "{words:?}: {}", finished.err);
        assert_eq!(
            finished.err.lines().count(),
            1,
            "{words:?}: {}",
            finished.err
        );
    }
}

/// What is due fires before an event is taken in: r2 has the machine by the time its client cancels it, and runs.
#[test]
fn a_cancel_that_comes_with_the_grant_comes_too_late() {
    let dir = Dir::new();
    let file = dir.write(
        "late.jsonl",
        r#"{"config": {"machine_procs": 1, "max_procs": 1, "poll_interval": "0s", "summary_interval": "0s"}}
{"time": "0s", "event": {"submit": {"request": 1, "priority": 0, "demand": {"procs": 1}}}}
{"time": "1s", "event": {"up": {"machine": 0}}}
{"time": "2s", "event": {"submit": {"request": 2, "priority": 0, "demand": {"procs": 1}}}}
{"time": "3s", "event": {"done": {"request": 1, "outcome": "unreachable"}}}
{"time": "33s", "event": {"cancel": {"request": 2}}}
{"time": "40s", "event": {"done": {"request": 2, "outcome": "ok"}}}
"#,
    );
    let summary = replay(&[&file]);
    prints(
        &summary,
        "requests     2 granted, 0 lost, 0 cancelled; at the end 0 queued, 0 running\n",
    );
    prints(&summary, "utilisation  23.0 %: 9.000 of 39.000 ");
    let report = replay(&[&file, "--with", "probation=10s"]);
    // When to look again is not a decision.
    prints(&report, "differs      first in its events, at #6 at 13s\n");
    prints(
        &report,
        "earlier      r2 prio 0 procs 1: 20.000 s earlier, m0 at 33s -> m0 at 13s\n",
    );
}

/// A scenario of one machine of one proc at a time, or of so many.
fn scenario(max_procs: u32, more: &str, events: &[(&str, &str)]) -> String {
    let mut text = format!(
        "{{\"config\": {{\"machine_procs\": 1, \"max_procs\": {max_procs}, \"summary_interval\": \"0s\"{more}}}}}\n"
    );
    for (time, event) in events {
        text += &format!("{{\"time\": \"{time}\", \"event\": {event}}}\n");
    }
    text
}

fn submit(request: u64) -> String {
    format!(r#"{{"submit": {{"request": {request}, "priority": 0, "demand": {{"procs": 1}}}}}}"#)
}

fn done(request: u64, outcome: &str) -> String {
    format!(r#"{{"done": {{"request": {request}, "outcome": "{outcome}"}}}}"#)
}

const UP: &str = r#"{"up": {"machine": 0}}"#;
const UP_TOO: &str = r#"{"up": {"machine": 1}}"#;

#[test]
fn who_was_never_granted_is_held_as_long_as_others_and_not_after_its_cancel() {
    let dir = Dir::new();
    let [r1, r2, r3] = [1, 2, 3].map(submit);
    let cancel = r#"{"cancel": {"request": 2}}"#;
    let over = done(1, "ok");
    // r1 is held for 6 s; r2 is cancelled, and r3 waits, until the end.
    let events = [
        ("0s", r1.as_str()),
        ("0s", &r2),
        ("0s", &r3),
        ("1s", UP),
        ("4s", cancel),
        ("7s", &over),
    ];
    let file = dir.write("run.jsonl", scenario(1, "", &events));
    let made = replay(&[&file, "--with", "max_procs=3", "--events", "--from", "2s"]);
    for said in ["4s done r2 ok", "7s done r1 ok", "7s done r3 ok"] {
        prints(&made, said);
    }
    prints(
        &replay(&[&file, "--with", "max_procs=3"]),
        "held as long as others like them: 2\n",
    );
}

#[test]
fn an_id_that_is_in_use_waits_until_it_is_free() {
    let dir = Dir::new();
    let (r1, r5, over, other) = (submit(1), submit(5), done(1, "ok"), done(5, "ok"));
    let events = [
        ("0s", r5.as_str()),
        ("0s", &r1),
        ("1s", UP),
        ("1s", UP_TOO),
        ("3s", &other),
        ("3s", &over),
        ("4s", &r1),
        ("6s", &over),
    ];
    let file = dir.write("run.jsonl", scenario(2, "", &events));
    let made = replay(&[&file, "--with", "max_procs=1", "--request", "1"]);
    prints(&made, "5s done r1 ok");
    prints(&made, "5s submit r1 prio 0 procs 1 -> grant r1 m0");
    prints(&made, "7s done r1 ok");
}

#[test]
fn a_machine_that_was_silent_is_silent_again_while_that_loses_it() {
    let dir = Dir::new();
    let (r1, unanswered) = (
        submit(1),
        r#"{"polled": {"machine": 0, "answered": false}}"#,
    );
    let over = done(1, "ok");
    let events = [
        ("0s", r1.as_str()),
        ("1s", UP),
        ("2s", unanswered),
        ("12s", unanswered),
        ("30s", &over),
    ];
    let file = dir.write("run.jsonl", scenario(1, ", \"silent_polls\": 2", &events));
    let report = replay(&[&file, "--with", "silent_polls=2"]);
    prints(
        &report,
        "machines lost                                   1                        1\n",
    );
    let report = replay(&[&file, "--with", "silent_polls=0"]);
    prints(
        &report,
        "machines lost                                   1                        0\n",
    );
}

#[test]
fn what_is_left_out_is_said() {
    let dir = Dir::new();
    let (r1, over) = (submit(1), done(1, "ok"));
    let assign = r#"{"assign": {"machine": 0, "task": 4}}"#;
    let events = [
        ("0s", r1.as_str()),
        ("1s", UP),
        ("2s", assign),
        ("3s", &over),
    ];
    let file = dir.write("run.jsonl", scenario(1, "", &events));
    let report = replay(&[&file, "--with", "max_procs=2"]);
    prints(&report, "are left out: 1\n");

    // A journal that begins in mid-run has no workload from its start on.
    let mut manager = Manager::new(Config::new(1, 1).unwrap()).unwrap();
    let _ = manager.handle(Event::Timer, Instant::from_secs(1));
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&manager, None, &[], &mut bytes);
    let actions = manager.handle(Event::Timer, Instant::from_secs(2));
    writer.record(
        Instant::from_secs(2),
        &Event::Timer,
        &actions,
        &manager,
        &mut bytes,
    );
    let file = dir.write("mid.journal", bytes);
    let refused = replay(&[&file, "--with", "max_procs=2"]);
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.err.contains("it begins in mid-run, "),
        "{}",
        refused.err
    );
    prints(&replay(&[&file, "--diff", &file]), "differs      nowhere\n");
}

#[test]
fn kinds_and_their_limits_may_be_others() {
    let dir = Dir::new();
    let file = dir.write("kinds.jsonl", include_str!("kinds.jsonl"));
    // Nothing is another way, and all of it is at its time: joins, drains, stops, limits.
    let same = replay(&[&file, "--with", "k0.batch=3"]);
    prints(
        &same,
        "under that of the run, 6 of 6 placements are at the recorded time",
    );
    prints(&same, "differs      nowhere\n");
    prints(
        &same,
        "machines ended                                  2                        2\n",
    );
    // Without an idle limit m0 stays.
    let stays = replay(&[&file, "--with", "k0.idle=never", "--events"]);
    prints(
        &stays,
        "#20 26s stopped m1 -> notice ended m1, request-lost r2 m1 drained\n",
    );
    assert!(!stays.out.contains("stop m0"), "{}", stays.out);
    // One kind for all: the joiner does not come, and its requests are refused.
    let one = [r#"kinds=[{"capacity":[16,65536,1]}]"#];
    let one = replay(&[&file, "--with", one[0]]);
    prints(
        &one,
        "refused                                         0                        4\n",
    );
    prints(&one, "r3 prio 5 procs 1: 8.000 s earlier, ");
}
