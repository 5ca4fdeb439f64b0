//! Jobs that fail, run for too long, or are ended: tried again, ended in good order, told in words of their own.
mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Dir, Run, mark, remuda, run, wait_for, with_word};

/// A job that fails so many times, then prints which attempt it is.
fn fails(dir: &Dir, times: u32) -> String {
    let count = dir.text("count");
    format!(
        "echo x >> {count}; n=$(wc -l < {count}); echo attempt $REMUDA_ATTEMPT; [ $n -gt {times} ]\n"
    )
}

#[test]
fn a_job_that_fails_is_tried_again_and_only_the_last_attempt_is_told() {
    let dir = Dir::new();
    let log = dir.text("log");
    let finished = run(&["--retries", "2", "--joblog", &log, "-"], &fails(&dir, 2));
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 0 lost and run again; 2 failed and tried again; 1 machine started",
    );
    assert_eq!(finished.out, "attempt 3\n");
    assert_eq!(dir.joblog("log").len(), 1);
    assert_eq!(dir.joblog("log")[0]["attempts"], 3);

    let dir = Dir::new();
    let finished = run(&["--retries", "2", "-"], &fails(&dir, 3));
    finished.ends(
        1,
        "1 job: 0 ok, 1 failed; 0 lost and run again; 2 failed and tried again",
    );
    assert_eq!(
        (finished.out.as_str(), dir.lines("count")),
        ("attempt 3\n", 3)
    );
    // Without the flag, once.
    let dir = Dir::new();
    run(&["-"], &fails(&dir, 1)).ends(1, "1 job: 0 ok, 1 failed; 0 lost and run again; 1 machine");
    assert_eq!(dir.lines("count"), 1);
}

#[test]
fn retries_wait_and_a_job_may_have_its_own() {
    let dir = Dir::new();
    let began = Instant::now();
    run(
        &["--retries", "2", "--retry-delay", "300ms", "-"],
        &fails(&dir, 2),
    )
    .ends(0, "1 job: 1 ok");
    // 0.3 s, then 0.6 s.
    assert!(began.elapsed() >= Duration::from_millis(900));
    let dir = Dir::new();
    let job = fails(&dir, 1).trim().replace('"', "\\\"");
    let job = format!("{{\"cmd\": \"{job}\", \"retries\": 1}}\n{{\"cmd\": \"false\"}}");
    run(&["--format", "jsonl", "-"], &job).ends(
        1,
        "2 jobs: 1 ok, 1 failed; 0 lost and run again; 1 failed and tried again",
    );
}

#[test]
fn a_job_that_runs_for_too_long_is_asked_to_end_and_told_in_a_word_of_its_own() {
    let (mark, dir) = (mark(), Dir::new());
    let log = dir.text("log");
    let job = format!("trap 'echo cleaned up; exit 0' TERM; echo begun; sleep {mark} & wait\n");
    let finished = run(
        &["--timeout", "300ms", "--joblog", &log, "-"],
        &(job + "echo quick\n"),
    );
    finished.ends(1, "2 jobs: 1 ok, 0 failed, 1 timed out; ");
    finished.says("remuda: job 1 timed out after 300ms\n");
    assert!(finished.out.contains("begun\ncleaned up\n") && finished.out.contains("quick\n"));
    let states: Vec<_> = dir
        .joblog("log")
        .iter()
        .map(|line| line["state"].clone())
        .collect();
    assert!(
        states.contains(&"timeout".into()) && states.contains(&"ok".into()),
        "{states:?}"
    );
    assert_eq!(with_word(&mark), Vec::<u32>::new());
}

#[test]
fn a_job_that_ignores_its_time_out_is_killed_after_its_grace() {
    let mark = mark();
    let job = format!(
        "{{\"cmd\": \"trap '' TERM; echo on; sleep {mark}; echo never\", \"timeout\": 0.2}}\n"
    );
    let finished = run(&["--grace", "0.3s", "--format", "jsonl", "-"], &job);
    finished.ends(1, "1 job: 0 ok, 0 failed, 1 timed out; ");
    assert_eq!(finished.out, "on\n");
    assert!(finished.took < Duration::from_secs(60));
    assert_eq!(with_word(&mark), Vec::<u32>::new());
}

#[test]
fn an_interrupt_lets_jobs_clean_up_and_prints_what_they_had() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mark, dir) = (mark(), Dir::new());
        let log = dir.text("log");
        let job = format!("trap 'echo saved; exit 0' TERM; echo half; sleep {mark} & wait\n");
        let run = Run::start(remuda(&["--joblog", &log, "-"]), &job);
        wait_for("the job", || with_word(&mark).len() == 1);
        run.signal(signal);
        let finished = run.finish();
        finished.ends(130, "1 job: 0 ok, 0 failed, 1 interrupted; ");
        finished.says("remuda: job 1 was interrupted: its output is what it had printed by then\n");
        assert_eq!(finished.out, "half\nsaved\n");
        assert_eq!(dir.joblog("log")[0]["state"], "interrupted");
        assert_eq!(with_word(&mark), Vec::<u32>::new());
    }
}

#[test]
fn a_job_that_ignores_an_interrupt_has_its_grace_and_a_second_one_ends_it_at_once() {
    let stubborn = |grace: &str, mark: &str| {
        let job = format!("trap '' TERM; echo half; sleep {mark}\n");
        let run = Run::start(remuda(&["--grace", grace, "-"]), &job);
        wait_for("the job", || with_word(mark).len() == 1);
        run
    };
    let first = mark();
    let run = stubborn("0.5s", &first);
    run.signal(Signal::INT);
    let finished = run.finish();
    finished.ends(130, "1 job: 0 ok, 0 failed, 1 interrupted; ");
    assert_eq!(finished.out, "half\n");
    assert_eq!(with_word(&first), Vec::<u32>::new());

    let second = mark();
    let mut run = stubborn("10m", &second);
    run.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!run.is_over() && with_word(&second).len() == 1);
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, Some(130));
    wait_for("the job's end", || with_word(&second).is_empty());
}

#[test]
fn a_halt_ends_the_rest_now_or_soon() {
    let mark = mark();
    let jobs = format!(
        "sleep {mark}\nsleep 0.2; exit 3\n{}",
        "echo more\n".repeat(3)
    );
    let words = ["--max-procs", "2", "--machine-procs", "2", "--halt"];
    let finished = run(&[&words[..], &["now,fail=1", "-"]].concat(), &jobs);
    finished.ends(1, "5 jobs: 0 ok, 1 failed, 1 interrupted, 3 not run; ");
    finished
        .says("remuda: --halt: the rest is not run\n")
        .says("job 2 failed: exit status 3");
    assert_eq!(with_word(&mark), Vec::<u32>::new());

    let jobs = "sleep 1; echo end\nexit 3\necho more\n".to_owned() + &"echo more\n".repeat(50);
    let finished = run(&[&words[..], &["soon,fail=1", "-"]].concat(), &jobs);
    assert!(finished.out.contains("end\n"), "{}", finished.out);
    finished.ends(1, "53 jobs: ");

    let jobs = format!("sleep {mark}\nfalse\nsleep 0.2; echo found\nsleep {mark}\n");
    let finished = run(
        &[
            "--max-procs",
            "2",
            "--machine-procs",
            "2",
            "--halt",
            "now,success=1",
            "-",
        ],
        &jobs,
    );
    finished.ends(0, "4 jobs: 1 ok, 1 failed, ");
    assert_eq!(finished.out, "found\n");
    let finished = run(
        &["--max-procs", "1", "--halt", "soon,fail=50%", "-"],
        "false\ntrue\nfalse\ntrue\n",
    );
    finished.ends(1, "4 jobs: 1 ok, 2 failed, 1 not run; ");
}
