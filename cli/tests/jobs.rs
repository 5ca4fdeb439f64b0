//! Jobs that run: each once, its output once and in one piece, its end in the exit status, the summary and the job log.
mod support;

use support::{Dir, Run, echoed, echoes, remuda_after, run};

#[test]
fn two_thousand_jobs_on_four_machines_print_each_line_once() {
    let finished = run(
        &["--max-procs", "4", "--machine-procs", "1", "-"],
        &echoes(2000),
    );
    finished.ends(
        0,
        "2000 jobs: 2000 ok, 0 failed; 0 lost and run again; 4 machines started, 0 lost; ",
    );
    assert_eq!(finished.sorted(), echoed(2000));
}

#[test]
fn with_nothing_said_it_runs_a_file_on_this_computer() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/jobs.txt");
    let finished = run(&[example], "");
    finished.ends(
        0,
        "10 jobs: 10 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    finished.says("this goes to standard error");
    assert!(finished.out.contains("1 to 100000 add up to 5000050000\n"));
    let lines =
        "line 1 of one job stays with the others\nline 2 of one job stays with the others\n";
    assert!(finished.out.contains(lines));
}

#[test]
fn a_file_of_json_says_more() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/jobs.jsonl");
    let finished = run(&["--max-procs", "1", example], "");
    finished.ends(0, "5 jobs: 5 ok");
    // One proc: strictly by priority, then in order of the file (S3).
    assert_eq!(
        finished.out,
        "a lower one runs first\nJOB SHELL, ATTEMPT 1\nno shell: $HOME; | are only text\n\
         nothing else ran on this machine meanwhile\na higher priority value runs later\n"
    );
}

#[test]
fn a_job_takes_the_procs_it_asks_for() {
    let dir = Dir::new();
    // Each counts who is there with it, by procs. Four procs on one machine.
    let job = |procs: &str, weight: u32| {
        let one = r#"for i in W; do touch D/$$.$i; done; ls D | wc -l; sleep 0.2; rm D/$$.*"#;
        let numbers = (0..weight)
            .map(|i| i.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        let one = one
            .replace('W', &numbers)
            .replace('D', dir.path().to_str().unwrap());
        format!("{{\"cmd\": \"{one}\", {procs}}}\n")
    };
    let jobs = [
        job(r#""procs": 3"#, 3),
        job(r#""procs": 2"#, 2),
        job(r#""machine": true"#, 4),
        job(r#""procs": 1"#, 1),
        job(r#""procs": 2"#, 2),
    ]
    .concat();
    let finished = run(&["--machine-procs", "4", "--format", "jsonl", "-"], &jobs);
    finished.ends(0, "5 jobs: 5 ok");
    for line in finished.out.lines() {
        assert!(line.trim().parse::<u32>().unwrap() <= 4, "{}", finished.out);
    }
}

#[test]
fn failures_are_told_one_by_one_and_counted() {
    let finished = run(
        &["--max-procs", "2", "--machine-procs", "2", "-"],
        "true\nexit 3\nkill -9 $$\nno-such-program\n",
    );
    finished.ends(
        1,
        "4 jobs: 1 ok, 3 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    finished.says("remuda: job 2 failed: exit status 3\n");
    finished.says("remuda: job 3 failed: killed by signal 9 (SIGKILL)\n");
    finished.says("remuda: job 4 failed: exit status 127\n");
    assert!(!finished.err.contains("job 1 "));
}

#[test]
fn a_program_that_cannot_be_started_is_a_failure_that_says_why() {
    let jobs = "{\"cmd\": [\"/no/such/program\"], \"name\": \"odd\"}\n{\"cmd\": [\"/etc\"]}\n";
    let finished = run(&["--format", "jsonl"], jobs);
    finished.ends(1, "2 jobs: 0 ok, 2 failed; ");
    finished
        .says("remuda: job odd failed: ")
        .says("/no/such/program")
        .says("No such file");
    finished
        .says("remuda: job 2 failed: ")
        .says("Permission denied");
}

#[test]
fn a_command_that_is_too_long_fails_alone() {
    let long = format!("true {}\n", "x".repeat(3 << 20));
    let finished = run(&["--max-procs", "1"], &format!("echo a\n{long}echo b\n"));
    finished.ends(1, "3 jobs: 2 ok, 1 failed; 0 lost and run again");
    finished.says("remuda: job 2 failed: ");
    assert_eq!(finished.out, "a\nb\n");
}

#[test]
fn quiet_leaves_the_last_line() {
    let finished = run(
        &["--quiet", "--progress", "always"],
        "exit 3\necho out; echo err >&2\n",
    );
    finished.ends(1, "2 jobs: 1 ok, 1 failed");
    assert_eq!(
        (finished.out.as_str(), finished.err.lines().count()),
        ("out\n", 2)
    );
    finished.says("err\n");
}

#[test]
fn no_jobs_are_no_trouble() {
    let finished = run(&["-"], "\n# nothing\n");
    finished.ends(
        0,
        "0 jobs: 0 ok, 0 failed; 0 lost and run again; 0 machines started, 0 lost; ",
    );
    assert_eq!(finished.err.lines().count(), 1);
}

#[test]
fn output_comes_as_jobs_end_or_in_the_order_of_the_file() {
    let jobs = "sleep 0.6; echo a\nsleep 0.3; echo b; exit 1\necho c\n";
    let words = ["--max-procs", "3", "--machine-procs", "3"];
    let finished = run(&words, jobs);
    assert_eq!(finished.out, "c\nb\na\n");
    let finished = run(&[&words[..], &["--keep-order"]].concat(), jobs);
    finished.ends(1, "3 jobs: 2 ok, 1 failed");
    assert_eq!(finished.out, "a\nb\nc\n");
}

#[test]
fn jobs_that_print_slowly_to_both_streams_do_not_interleave() {
    let job = |name: &str| {
        format!(
            "for i in 1 2 3 4 5; do echo {name} out $i; sleep 0.05; echo {name} err $i >&2; sleep 0.05; done\n"
        )
    };
    // Both streams into one pipe, as on a terminal.
    let command = remuda_after("exec 2>&1", &["--max-procs", "2", "--machine-procs", "1"]);
    let finished = Run::start(command, &(job("a") + &job("b"))).finish();
    let mut lines: Vec<_> = finished.out.lines().collect();
    assert!(lines.pop().unwrap().starts_with("2 jobs: 2 ok"));
    let all_of = |lines: &[&str], name: &str| {
        // Each stream in its own order; which of the two is ahead is up to the machine.
        let stream = |stream: &str| -> Vec<String> {
            let begin = format!("{name} {stream} ");
            let numbers = lines.iter().filter_map(|line| line.strip_prefix(&begin));
            numbers.map(str::to_owned).collect()
        };
        stream("out") == ["1", "2", "3", "4", "5"] && stream("err") == ["1", "2", "3", "4", "5"]
    };
    let (first, second) = lines.split_at(10);
    let apart = |a, b| lines.len() == 20 && all_of(first, a) && all_of(second, b);
    assert!(apart("a", "b") || apart("b", "a"), "{}", finished.out);
}

#[test]
fn bytes_pass_as_they_are() {
    let finished = run(
        &["-"],
        "printf 'no end of line'\nprintf '\\000\\377' | od -An -tx1\nread x || echo no input\n",
    );
    finished.ends(0, "3 jobs: 3 ok");
    for part in ["no end of line", " 00 ff\n", "no input\n"] {
        assert!(finished.out.contains(part), "{}", finished.out);
    }
}

#[test]
fn a_job_knows_its_name_and_attempt() {
    let jobs = r#"{"cmd": ["sh", "-c", "echo $REMUDA_JOB $REMUDA_ATTEMPT"], "name": "a b"}"#;
    assert_eq!(run(&["--format", "jsonl"], jobs).out, "a b 1\n");
}

#[test]
fn the_job_log_has_a_line_for_each_job() {
    let dir = Dir::new();
    let log = dir.text("log");
    let jobs = r#"{"cmd": "exit 3", "name": "three"}
        {"cmd": ["sleep", "0.2"]}
        {"cmd": "kill -TERM $$"}
        {"cmd": ["/no/such/program"]}"#;
    run(
        &["--max-procs", "1", "--format", "jsonl", "--joblog", &log],
        jobs,
    )
    .ends(1, "4 jobs: 1 ok, 3 failed");
    let lines = dir.joblog("log");
    let field = |line: usize, name: &str| lines[line][name].to_string();
    assert_eq!(lines.len(), 4);
    for line in &lines {
        let name = |name: &str| line[name].as_str().unwrap();
        assert!(name("machine") == "m0" && line["attempts"] == 1, "{line}");
        // RFC 3339, UTC, milliseconds: of one length, so they compare as text.
        assert!(name("start") <= name("end"), "{line}");
        assert!(
            name("start").len() == 24 && name("end").ends_with('Z'),
            "{line}"
        );
    }
    assert_eq!(
        (field(0, "name"), field(0, "command"), field(0, "exit")),
        ("\"three\"".into(), "\"exit 3\"".into(), "3".into())
    );
    assert_eq!(
        (field(1, "name"), field(1, "command"), field(1, "exit")),
        ("\"2\"".into(), "[\"sleep\",\"0.2\"]".into(), "0".into())
    );
    assert_eq!(
        (field(2, "signal"), field(2, "exit")),
        ("15".into(), "null".into())
    );
    assert!(field(3, "error").contains("/no/such/program"));
}

#[test]
fn a_machine_is_loaded_only_so_far() {
    // 4 × 0.5: two at a time on each (S1).
    let finished = run(
        &[
            "--machine-procs",
            "4",
            "--max-procs",
            "4",
            "--max-load",
            "0.5",
        ],
        &"sleep 0.5\n".repeat(4),
    );
    finished.ends(
        0,
        "4 jobs: 4 ok, 0 failed; 0 lost and run again; 2 machines started, ",
    );
}

#[test]
fn progress_without_a_terminal_is_a_line_now_and_then() {
    let jobs = "sleep 2.5; exit 1\nsleep 2.5\nsleep 2.5\n";
    let words = ["--max-procs", "2", "--machine-procs", "1", "--progress"];
    let finished = run(&[&words[..], &["always"]].concat(), jobs);
    finished.says("remuda: 0/3 done, 2 running, 1 queued; machines: 2 up, 0 starting, 0 on probation, 0 lost\n");
    let finished = run(&[&words[..], &["auto"]].concat(), "sleep 1.5");
    assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
}
