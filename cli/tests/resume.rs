//! A run that goes on where an earlier one ended, by its job log.
mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;
use support::{Dir, Run, mark, remuda, run, wait_for, with_word};

#[test]
fn what_the_log_has_is_not_run_again() {
    for format in ["json", "gnu"] {
        let dir = Dir::new();
        let (log, count) = (dir.text("log"), dir.text("count"));
        let file = dir.write(
            "jobs",
            format!("echo a >> {count}\necho b >> {count}; exit 3\necho c >> {count}\n"),
        );
        let words = [
            "--max-procs",
            "1",
            "--joblog",
            &log,
            "--joblog-format",
            format,
        ];
        let with = |more: &[&str]| run(&[&words[..], more].concat(), "");
        with(&[&file]).ends(1, "3 jobs: 2 ok, 1 failed; ");
        // Nothing is left to be done.
        with(&["--resume", &file]).ends(
            0,
            "3 jobs: 0 ok, 0 failed, 3 done before; 0 lost and run again; 0 machines started",
        );
        assert_eq!(dir.lines("count"), 3);
        with(&["--resume-failed", &file]).ends(1, "3 jobs: 0 ok, 1 failed, 2 done before; ");
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "a\nb\nc\nb\n");
        // Another command in the same line is another job.
        let text = std::fs::read_to_string(&file)
            .unwrap()
            .replace("exit 3", "exit 0");
        dir.write("jobs", text + "echo d\n");
        with(&["--resume", &file]).ends(0, "4 jobs: 2 ok, 0 failed, 2 done before; ");
        // And what was tried again and went well is done.
        with(&["--resume-failed", &file]).ends(0, "4 jobs: 0 ok, 0 failed, 4 done before; ");
    }
}

#[test]
fn what_an_interrupt_ended_is_run_again() {
    let (mark, dir) = (mark(), Dir::new());
    let (log, go) = (dir.text("log"), dir.text("go"));
    let jobs = format!("true\nif [ ! -e {go} ]; then sleep {mark}; fi; echo done\necho last\n");
    let file = dir.write("jobs", jobs);
    let words = ["--max-procs", "1", "--joblog", &log, "--resume", &file];
    let first = Run::start(remuda(&words), "");
    wait_for("the sleeper", || with_word(&mark).len() == 1);
    first.signal(Signal::INT);
    first
        .finish()
        .ends(130, "3 jobs: 1 ok, 0 failed, 1 interrupted, 1 not run; ");
    dir.write("go", "");
    let second = run(&words, "");
    second.ends(0, "3 jobs: 2 ok, 0 failed, 1 done before; ");
    assert_eq!(second.out, "done\nlast\n");
}

#[test]
fn names_tell_jobs_apart_that_move_in_their_file() {
    let dir = Dir::new();
    let log = dir.text("log");
    let job = |name: &str| format!("{{\"cmd\": \"echo {name}\", \"name\": \"{name}\"}}\n");
    let file = dir.write("a.jsonl", [job("a"), job("b")].concat());
    run(&["--joblog", &log, &file], "").ends(0, "2 jobs: 2 ok");
    dir.write("a.jsonl", [job("new"), job("b"), job("a")].concat());
    let finished = run(&["--joblog", &log, "--resume", &file], "");
    finished.ends(0, "3 jobs: 1 ok, 0 failed, 2 done before; ");
    assert_eq!(finished.out, "new\n");
}

#[test]
fn a_log_in_the_format_of_gnu_parallel_has_its_columns() {
    let dir = Dir::new();
    let log = dir.text("log");
    let words = [
        "--max-procs",
        "1",
        "--joblog",
        &log,
        "--joblog-format",
        "gnu",
        ":::",
        "exit 3",
        "kill -9 $$",
        "true",
    ];
    run(&words, "").ends(1, "3 jobs: 1 ok, 2 failed; ");
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "Seq",
            "Host",
            "Starttime",
            "JobRuntime",
            "Send",
            "Receive",
            "Exitval",
            "Signal",
            "Command"
        ]
    );
    let columns: Vec<_> = lines[1..]
        .iter()
        .map(|line| [line[0], line[6], line[7], line[8]])
        .collect();
    assert_eq!(
        columns,
        [
            ["1", "3", "0", "exit 3"],
            ["2", "0", "9", "kill -9 $$"],
            ["3", "0", "0", "true"]
        ]
    );
    for line in &lines[1..] {
        assert!(
            line[2].parse::<f64>().unwrap() > 1e9 && line[3].trim().parse::<f64>().unwrap() >= 0.0
        );
    }
    // One of the other format is not gone on with.
    let finished = run(&["--joblog", &log, "-"], "true\n");
    assert_eq!(finished.status, Some(2));
    finished.says("it is in the format of GNU parallel (see --joblog-format)");
}

#[test]
fn what_was_done_before_holds_up_nothing_that_is_printed_in_order() {
    let dir = Dir::new();
    let (log, go) = (dir.text("log"), dir.text("go"));
    let first = dir.write("jobs", "echo a\n");
    run(&["--joblog", &log, &first], "").ends(0, "1 job: 1 ok");
    let file = dir.write(
        "jobs",
        format!("echo a\necho b\nuntil [ -e {go} ]; do sleep 0.02; done; echo c\n"),
    );
    let mut command = remuda(&["-k", "--joblog", &log, "--resume", &file]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut run = Run::spawn(&mut command);
    let mut out = BufReader::new(run.child().stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "b\n");
    dir.write("go", "");
    assert_eq!(run.finish().status, Some(0));
}
