//! Runs that are killed (-9) and go on from their journal: `--recover`.
mod support;

#[path = "support/readme.rs"]
mod readme;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use remuda::journal::{Body, Reader};
use rustix::process::Signal;

use support::{Dir, Run, run, start_appending, wait_for};

/// How often each line is there.
fn counts(file: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(file).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

/// Kills a run (-9) and waits for its end.
fn kill(mut run: Run) {
    run.signal(Signal::KILL);
    wait_for("its end", || run.is_over());
}

fn last_line(dir: &Dir) -> String {
    let err = fs::read_to_string(dir.at("err")).expect("it is there");
    err.lines().last().unwrap_or_default().to_owned()
}

/// A job with a number: it notes that it runs, and whether it does so twice at the same time, then says its number.
fn jobs(count: usize, more: &str) -> String {
    let job = |n| {
        format!(
            "exec 9>lock.{n}; flock -n 9 || echo {n} >> twice; echo {n} >> effects{more}; echo job {n}\n"
        )
    };
    (1..=count).map(job).collect()
}

#[test]
fn what_a_killed_run_has_printed_is_not_run_again() {
    let dir = Dir::new();
    let file = dir.write("jobs", jobs(40, "; sleep 0.05"));
    let words = ["--machine-procs", "1", "--max-procs", "2"];
    let first = start_appending(
        &[&words[..], &["--journal", "journal", &file]].concat(),
        &dir,
    );
    wait_for("some jobs", || dir.lines("out") >= 10);
    kill(first);
    let printed = dir.lines("out");
    let before = counts(&dir.at("out"));
    let again = ["--recover", "journal", "--joblog", "log", &file];
    let mut second = start_appending(&[&words[..], &again].concat(), &dir);
    wait_for("its end", || second.is_over());
    let last = last_line(&dir);
    // The last one may have been printed and not noted: then it was taken back, and printed again.
    let done = |done: usize| format!("40 jobs: {} ok, 0 failed, {done} done before; ", 40 - done);
    assert!(
        last.starts_with(&done(printed)) || last.starts_with(&done(printed - 1)),
        "{printed} were printed: {last}"
    );
    let out = counts(&dir.at("out"));
    assert_eq!(out.len(), 40, "{out:?}");
    assert!(out.values().all(|&count| count == 1), "{out:?}");
    let effects = counts(&dir.at("effects"));
    assert_eq!(effects.len(), 40);
    let again = effects.iter().filter(|(_, count)| **count > 1);
    // Two could run at a time, one of which could be printed at that moment, and one be done and not printed.
    assert!(again.count() <= 3, "{effects:?}");
    for job in before.keys().take(printed - 1) {
        let number = job.strip_prefix("job ").expect("a number");
        assert!(effects[number] <= 2);
    }
    assert!(!dir.at("twice").exists());
    // The journal of both is one journal.
    let replayed = remuda_replay(&dir.text("journal"));
    assert!(replayed.contains("requests"), "{replayed}");
    let labels = replayed.lines().filter(|line| line.starts_with("label"));
    assert_eq!(labels.count(), 2, "{replayed}");
    // What names a request and what is noted of a job's attempts are told apart.
    let notes = topics(&fs::read(dir.at("journal")).expect("it is there"));
    let names = notes.iter().filter(|(topic, ..)| topic == "job");
    assert!(
        names.clone().count() >= 40 && names.into_iter().all(|(_, text, _)| text.starts_with('r'))
    );
    // Once more: nothing is left to do.
    let again = ["--recover", "journal", &file];
    let mut third = start_appending(&[&words[..], &again].concat(), &dir);
    wait_for("its end", || third.is_over());
    assert!(
        last_line(&dir).starts_with("40 jobs: 0 ok, 0 failed, 40 done before; "),
        "{}",
        last_line(&dir)
    );
    assert_eq!(counts(&dir.at("out")), out);
}

fn remuda_replay(journal: &str) -> String {
    let mut command = Command::new(support::REMUDA);
    let output = command.args(["replay", journal]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Over eleven runs each effect is there, none twice at the same time, and each output once.
#[test]
fn a_run_of_two_thousand_jobs_is_killed_ten_times() {
    const JOBS: usize = 2000;
    let dir = Dir::new();
    let file = dir.write("jobs", jobs(JOBS, ""));
    let words = ["--machine-procs", "2", "--max-procs", "4"];
    for kill_number in 0..=10 {
        let how = if kill_number == 0 {
            "--journal"
        } else {
            "--recover"
        };
        let words = [&words[..], &[how, "journal", &file]].concat();
        let mut run = start_appending(&words, &dir);
        if kill_number == 10 {
            wait_for("its end", || run.is_over());
            break;
        }
        let printed = (kill_number + 1) * JOBS / 11;
        wait_for("its jobs", || dir.lines("out") >= printed || run.is_over());
        assert!(
            !run.is_over(),
            "{}",
            fs::read_to_string(dir.at("err")).unwrap()
        );
        kill(run);
    }
    assert!(
        last_line(&dir).starts_with("2000 jobs: "),
        "{}",
        last_line(&dir)
    );
    let effects = counts(&dir.at("effects"));
    assert_eq!(effects.len(), JOBS, "each job's effect at least once");
    assert!(!dir.at("twice").exists(), "no job twice at the same time");
    let out = counts(&dir.at("out"));
    assert_eq!(out.len(), JOBS);
    let twice: Vec<_> = out.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "printed more than once: {twice:?}");
}

#[test]
fn what_cannot_be_recovered_is_one_line_that_says_why() {
    let dir = Dir::new();
    let file = dir.write("jobs", "sleep 0.1; echo a\nsleep 1000\n");
    let other = dir.write("other", "echo a\n");
    let words = ["--machine-procs", "1", "--max-procs", "2"];
    let refused = |words: &[&str], says: &str| {
        let before = fs::read(dir.at("journal")).unwrap_or_default();
        let finished = run(words, "echo a\n");
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.err);
        assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
        finished.says(says);
        assert_eq!(fs::read(dir.at("journal")).unwrap_or_default(), before);
    };
    let journal = dir.text("journal");
    refused(&["--recover", &journal, &file], "No such file");
    let first = start_appending(
        &[&words[..], &["--journal", "journal", &file]].concat(),
        &dir,
    );
    wait_for("the first job", || dir.lines("out") == 1);
    let again = [&words[..], &["--recover", &journal]].concat();
    refused(&[&again[..], &[&file]].concat(), "its run still goes on");
    kill(first);
    refused(
        &[&again[..], &[&other]].concat(),
        "the jobs are not those of the killed run",
    );
    refused(
        &[&again[..], &["-"]].concat(),
        "jobs of a pipe cannot be compared",
    );
    refused(
        &[&again[..], &["sleep {}", ":::", "1000"]].concat(),
        "the jobs are not those of the killed run",
    );
    refused(
        &["--max-procs", "3", "--recover", &journal, &file],
        "the machines are not those of the killed run",
    );
    refused(
        &["--recover", &journal, "--journal", "x", &file],
        "cannot be used with",
    );
    refused(
        &["--recover", &other, &file],
        "it does not begin as a journal does",
    );
    refused(
        &["--recover", "/dev/null", &file],
        "no file that an earlier run has left",
    );

    // Ended by Ctrl-C: that is not killed, and the job log goes on from there.
    let mut second = start_appending(&[&again[..], &[&file]].concat(), &dir);
    wait_for("the second job", || second.workers().len() == 1);
    second.signal(Signal::INT);
    wait_for("its end", || second.is_over());
    refused(&[&again[..], &[&file]].concat(), "its run was not killed");

    // Of a pipe.
    let journal = dir.text("of-a-pipe");
    run(&["--journal", &journal, "-"], "echo a\n").ends(0, "1 job: 1 ok");
    refused(&["--recover", &journal, &file], "its jobs came from a pipe");
}

#[test]
fn a_torn_end_of_the_journal_is_passed_over_and_a_damaged_one_refused() {
    let dir = Dir::new();
    let file = dir.write("jobs", jobs(20, "; sleep 0.05"));
    let first = start_appending(&["--max-procs", "2", "--journal", "journal", &file], &dir);
    wait_for("some jobs", || dir.lines("out") >= 5);
    kill(first);
    let whole = fs::read(dir.at("journal")).expect("it is there");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x40;
    fs::write(dir.at("damaged"), &damaged).expect("it is ours");
    let finished = run(
        &["--max-procs", "2", "--recover", &dir.text("damaged"), &file],
        "",
    );
    assert_eq!(finished.status, Some(2));
    finished.says("checksum");
    // Half a frame, as a kill during a write leaves it.
    fs::write(dir.at("journal"), [&whole[..], &[1, 40, 7, 7]].concat()).expect("it is ours");
    let mut second = start_appending(&["--max-procs", "2", "--recover", "journal", &file], &dir);
    wait_for("its end", || second.is_over());
    assert!(
        last_line(&dir).starts_with("20 jobs: "),
        "{}",
        last_line(&dir)
    );
    assert!(counts(&dir.at("out")).values().all(|&count| count == 1));
    remuda_replay(&dir.text("journal"));
}

/// A kill between the printing of an output and the note of it: the output is taken back and printed again, where it can be.
#[test]
fn an_output_that_was_printed_and_not_noted_is_taken_back() {
    let dir = Dir::new();
    let folder = dir.path().display();
    let until = |reached: &str| format!("cd {folder}; until {reached}; do sleep 0.02; done");
    let jobs = [
        "echo first\n".to_owned(),
        until("grep -q first out") + "; echo second; echo problem >&2; exit 3\n",
        until("test -e go") + "\n",
    ];
    let file = dir.write("jobs", jobs.concat());
    let words = ["--max-procs", "3", "--machine-procs", "3"];
    let first = start_appending(
        &[&words[..], &["--journal", "journal", &file]].concat(),
        &dir,
    );
    wait_for("two jobs", || {
        dir.lines("out") == 2 && dir.lines("err") >= 2
    });
    wait_for("the note", || {
        let bytes = fs::read(dir.at("journal")).expect("it is there");
        topics(&bytes)
            .iter()
            .any(|(topic, text, _)| topic == "printed" && text.starts_with("1 "))
    });
    kill(first);
    // As if it had been killed before that note.
    let bytes = fs::read(dir.at("journal")).expect("it is there");
    let (.., at) = topics(&bytes)
        .into_iter()
        .find(|(topic, text, _)| topic == "printed" && text.starts_with("1 "))
        .expect("it was found before");
    fs::write(dir.at("journal"), &bytes[..at]).expect("it is ours");
    fs::write(dir.at("elsewhere"), &bytes[..at]).expect("it is ours");
    fs::write(dir.at("go"), "").expect("it is ours");

    // Where standard output is another, nothing can be taken back.
    let journal = dir.text("elsewhere");
    let elsewhere = [&words[..], &["--recover", &journal, &file]].concat();
    let finished = run(&elsewhere, "");
    finished.says("job number 2 was being printed when the run was killed: what it printed then may be there twice");
    finished.ends(1, "3 jobs: 1 ok, 1 failed, 1 done before; ");
    assert_eq!(finished.out, "second\n");

    let mut second = start_appending(
        &[&words[..], &["--recover", "journal", &file]].concat(),
        &dir,
    );
    wait_for("its end", || second.is_over());
    let out = fs::read_to_string(dir.at("out")).expect("it is there");
    assert_eq!(out, "first\nsecond\n");
    let err = fs::read_to_string(dir.at("err")).expect("it is there");
    assert_eq!(err.matches("problem").count(), 1, "{err}");
    assert!(
        err.contains("took back the last 7 bytes of the standard output"),
        "{err}"
    );
    assert!(
        last_line(&dir).starts_with("3 jobs: 1 ok, 1 failed, 1 done before; "),
        "{err}"
    );
}

/// The notes of a journal, and where each begins.
fn topics(bytes: &[u8]) -> Vec<(String, String, usize)> {
    let reader = Reader::new(bytes).expect("a header");
    let frames = reader.filter_map(Result::ok);
    let notes = frames.filter_map(|frame| match frame.body {
        Body::Note(note) => Some((note.topic.to_owned(), note.text.to_owned(), frame.offset)),
        _ => None,
    });
    notes.collect()
}

#[test]
fn what_failed_before_and_what_depends_on_it_counts() {
    let dir = Dir::new();
    let job = |name: &str, cmd: &str, after: &str| {
        format!("{{\"cmd\": \"{cmd}; echo {name} >> ran\", \"name\": \"{name}\"{after}}}\n")
    };
    let file = dir.write(
        "jobs.jsonl",
        [
            job("good", "true", ""),
            job("bad", "true; echo bad >> ran; exit 1", ""),
            job("slow", "until test -e go; do sleep 0.02; done", ""),
            job("behind-good", "true", r#", "after": ["good", "slow"]"#),
            job("behind-bad", "true", r#", "after": ["slow", "bad"]"#),
        ]
        .concat(),
    );
    let words = ["--max-procs", "4", "--machine-procs", "1", &file];
    let first = start_appending(&[&["--journal", "journal"], &words[..]].concat(), &dir);
    wait_for("all but the slow one", || {
        let bytes = fs::read(dir.at("journal")).unwrap_or_default();
        bytes.len() > 100 && topics(&bytes).iter().filter(|it| it.0 == "printed").count() == 3
    });
    kill(first);
    fs::write(dir.at("go"), "").expect("it is ours");
    let mut second = start_appending(&[&["--recover", "journal"], &words[..]].concat(), &dir);
    wait_for("its end", || second.is_over());
    let last = last_line(&dir);
    // behind-bad was skipped before the kill.
    assert!(
        last.starts_with("5 jobs: 2 ok, 0 failed, 3 done before (2 failed); "),
        "{last}"
    );
    let status = second.child().wait().expect("it is ours");
    assert_eq!(status.code(), Some(1));
    let ran = counts(&dir.at("ran"));
    assert_eq!(
        ran.keys().collect::<Vec<_>>(),
        ["bad", "behind-good", "good", "slow"]
    );
}

#[test]
fn a_run_that_was_killed_before_its_first_job_or_at_its_end_goes_on() {
    let dir = Dir::new();
    let file = dir.write("jobs", "echo a\n");
    let launched = |script: &str| {
        let path = dir.write("worker", format!("#!/bin/sh\n{script}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("it is ours");
        path
    };
    let launch = launched("exec sleep 1000");
    let words = ["--max-procs", "1", "--launch", &launch, &file];
    let first = start_appending(&[&["--journal", "journal"], &words[..]].concat(), &dir);
    wait_for("a start", || {
        fs::read(dir.at("journal")).is_ok_and(|bytes| bytes.len() > 200)
    });
    kill(first);
    launched(&format!("exec {} worker --procs 1", support::REMUDA));
    let mut second = start_appending(&[&["--recover", "journal"], &words[..]].concat(), &dir);
    wait_for("its end", || second.is_over());
    assert!(
        last_line(&dir).starts_with("1 job: 1 ok, 0 failed; "),
        "{}",
        last_line(&dir)
    );
    fs::write(dir.at("journal"), "").expect("it is ours");
    let finished = run(&["--recover", &dir.text("journal"), &file], "");
    assert_eq!(finished.status, Some(2));
    finished.says("it is empty: its run had not begun");
}

/// What the README tells to type; the first command is killed.
#[test]
fn the_commands_of_the_readme_run() {
    let dir = Dir::new();
    dir.write("jobs.txt", jobs(30, "; sleep 0.05"));
    let commands = readme::command("recover");
    let bin = Path::new(support::REMUDA).parent().expect("a folder");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut started = commands.lines().map(|line| {
        let mut command = Command::new("sh");
        let line = format!("exec {line}");
        command.args(["-euc", &line]).env("PATH", &path);
        command.current_dir(dir.path()).stderr(Stdio::null());
        Run::spawn(&mut command)
    });
    let first = started.next().expect("it is there");
    wait_for("some jobs", || dir.lines("out.txt") >= 5);
    kill(first);
    let mut second = started.next().expect("it is there");
    wait_for("its end", || second.is_over());
    let status = second.child().wait().expect("it is ours");
    assert!(status.success() && started.next().is_none());
    let out = counts(&dir.at("out.txt"));
    assert_eq!(out.len(), 30);
    assert!(out.values().all(|&count| count == 1), "{out:?}");
}
