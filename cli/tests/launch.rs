//! Launch commands that wait in a queue, as `srun` does, and how they are ended.
mod support;

use std::time::Duration;

use rustix::process::Signal;

use support::{Dir, REMUDA, Run, mark, remuda, wait_for, with_word};

/// A launcher that starts its worker after some seconds.
fn slow(seconds: &str) -> String {
    format!("sh -c 'sleep {seconds}; exec {REMUDA} worker'")
}

#[test]
fn a_start_that_is_queued_is_not_timed() {
    let run = |seconds: &str, more: &[&str]| {
        let launch = slow(seconds);
        let words = ["--launch", &launch, "--start-timeout", "1"];
        let words = [&words[..], &["--max-procs", "1"], more].concat();
        support::run(&words, "echo done\n")
    };
    let finished = run("3", &["--queued", "--give-up-after", "1"]);
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    assert!(!finished.err.contains("did not start"), "{}", finished.err);
    // Much longer than the time-out: one that is late, as the computer stalls, begins anew.
    let finished = run("60", &[]);
    finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run; ");
    finished.says("it said no hello within 1s");
}

/// A run whose launcher runs a script that never starts a worker, and says so in a file; the script has `mark` in a word.
fn launching(script: &str, more: &[&str]) -> (Run, String, Dir) {
    let (mark, dir) = (mark(), Dir::new());
    let (term, up) = (dir.text("term"), dir.text("up"));
    let script = script.replace("TERM_FILE", &term).replace("SLEEP", &mark);
    let launch = format!("sh -c '{script} touch {up}; while :; do sleep 0.05; done' {mark}");
    let mut words = vec!["--launch", &launch, "--max-procs", "1"];
    words.extend(more);
    let run = Run::start(remuda(&words), "true\n");
    wait_for("the launcher", || dir.at("up").exists());
    (run, mark, dir)
}

#[test]
fn a_launcher_gets_a_signal_before_it_is_killed() {
    for more in [&[][..], &["--queued"]] {
        let script = r#"trap "sleep 0.5; touch TERM_FILE; exit" TERM;"#;
        let (run, mark, dir) = launching(script, more);
        run.signal(Signal::INT);
        run.finish().ends(130, "1 job: 0 ok, 0 failed, 1 not run; ");
        assert!(dir.at("term").exists(), "it did not get SIGTERM");
        assert_eq!(with_word(&mark), Vec::<u32>::new());
    }
}

#[test]
fn a_launcher_that_ignores_the_signal_is_killed() {
    let (run, mark, _dir) = launching("trap : TERM INT HUP;", &["--queued"]);
    run.signal(Signal::INT);
    let finished = run.finish();
    finished.ends(130, "1 job: 0 ok, 0 failed, 1 not run; ");
    assert!(finished.took > Duration::from_secs(5), "it had no time");
    wait_for("its end", || with_word(&mark).is_empty());
}

#[test]
fn a_queued_launcher_ends_with_a_driver_that_was_killed() {
    let script = r#"trap "touch TERM_FILE; exit" TERM;"#;
    let (run, mark, dir) = launching(script, &["--queued"]);
    run.signal(Signal::KILL);
    assert_eq!(run.finish().status, None);
    wait_for("its end", || with_word(&mark).is_empty());
    assert!(dir.at("term").exists());
    // And where it ignores SIGTERM.
    let (run, mark, _dir) = launching("trap : TERM;", &["--queued"]);
    run.signal(Signal::KILL);
    wait_for("its end", || with_word(&mark).is_empty());
}

#[test]
fn a_launcher_that_cannot_be_run_or_fails_is_named_as_it_was_given() {
    for (launch, said) in [
        (
            "./no-such-launcher x",
            "`./no-such-launcher x`: it ended (exit status: 127) before its hello; it printed: remuda: cannot run `./no-such-launcher`: No such file or directory",
        ),
        (
            "sh -c 'echo no account >&2; exit 7'",
            "it ended (exit status: 7) before its hello; it printed: no account",
        ),
        (
            "sh -c 'kill -9 $$'",
            "it ended (signal: 9 (SIGKILL)) before its hello",
        ),
    ] {
        let finished = support::run(&["--queued", "--launch", launch], "true\n");
        finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run; ");
        finished.says(said);
        assert!(!finished.err.contains("launch --"), "{}", finished.err);
    }
}
