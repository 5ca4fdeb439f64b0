//! Order among jobs, and what else a line of JSON says: time-outs, variables, folders, files.
mod support;

use support::{Dir, run};

const WORDS: [&str; 5] = ["--max-procs", "4", "--format", "jsonl", "-"];

#[test]
fn jobs_run_after_those_they_name() {
    let dir = Dir::new();
    let file = dir.write(
        "a.jsonl",
        r#"{"cmd": "echo c", "name": "c", "after": ["a", "b"]}
{"cmd": "sleep 0.3; echo a", "name": "a"}
{"cmd": "echo b", "name": "b", "after": ["a"]}
"#,
    );
    let finished = run(&["--max-procs", "4", &file], "");
    finished.ends(0, "3 jobs: 3 ok");
    assert_eq!(finished.out, "a\nb\nc\n");
}

#[test]
fn what_depends_on_a_failure_is_skipped_told_and_logged() {
    let dir = Dir::new();
    let log = dir.text("log");
    let jobs = r#"{"cmd": "exit 3", "name": "a"}
{"cmd": "echo b", "name": "b", "after": ["a"]}
{"cmd": "echo c", "name": "c", "after": ["b"]}
{"cmd": "echo d", "name": "d", "after_any": ["a", "c"]}
"#;
    let finished = run(&[&["--joblog", &log], &WORDS[..]].concat(), jobs);
    finished.ends(1, "4 jobs: 1 ok, 1 failed, 2 skipped; ");
    finished.says("remuda: job b skipped: job a did not succeed\n");
    finished.says("remuda: job c skipped: job b did not succeed\n");
    assert_eq!(finished.out, "d\n");
    let lines = dir.joblog("log");
    let skipped: Vec<_> = lines
        .iter()
        .filter(|line| line["state"] == "skipped")
        .collect();
    assert_eq!(skipped.len(), 2);
    assert_eq!(
        (&skipped[0]["name"], &skipped[0]["attempts"]),
        (&"b".into(), &0.into())
    );
    // Gone on with, once the first is mended.
    let jobs = jobs.replace("exit 3", "true");
    let finished = run(
        &[&["--resume-failed", "--joblog", &log], &WORDS[..]].concat(),
        &jobs,
    );
    finished.ends(0, "4 jobs: 3 ok, 0 failed, 1 done before; ");
}

#[test]
fn unknown_names_and_circles_are_told_before_anything_runs() {
    let dir = Dir::new();
    let trace = dir.text("trace");
    let job = |name: &str, after: &str| {
        format!("{{\"cmd\": \"touch {trace}\", \"name\": \"{name}\", \"after\": [{after}]}}\n")
    };
    for (jobs, said) in [
        (
            job("a", "") + &job("b", "\"x\""),
            "a.jsonl: line 2: no job is named \"x\"\n",
        ),
        (
            job("z", "") + &job("a", "\"b\"") + &job("b", "\"a\""),
            "a.jsonl: jobs wait for each other in a circle: a after b after a\n",
        ),
    ] {
        let file = dir.write("a.jsonl", jobs);
        let finished = run(&[&file], "");
        assert_eq!(finished.status, Some(2));
        finished.says(said);
        assert!(!dir.at("trace").exists());
    }
}

#[test]
fn a_job_has_its_variables_its_folder_and_its_input() {
    let dir = Dir::new();
    dir.write("in", "read me\n");
    let path = dir.path().display();
    let jobs = format!(
        r#"{{"cmd": "cat; pwd; echo $A $B", "stdin": "in", "cwd": "{path}", "env": {{"A": "a b"}}}}
"#
    );
    let finished = run(
        &[&["--env", "B=c", "--env", "A=no"], &WORDS[..]].concat(),
        &jobs,
    );
    finished.ends(0, "1 job: 1 ok");
    let real = std::fs::canonicalize(dir.path()).unwrap();
    assert_eq!(
        finished.out,
        format!("read me\n{}\na b c\n", real.display())
    );
    let finished = run(&["--cwd", "/usr", "-"], "pwd\n");
    assert_eq!(finished.out, "/usr\n");
    let finished = run(&["--env", "NO_SUCH_VARIABLE", "-"], "true\n");
    assert_eq!(finished.status, Some(2));
    finished.says("remuda: --env NO_SUCH_VARIABLE: there is no such variable here\n");
    let jobs = "{\"cmd\": \"cat\", \"stdin\": \"/no/such\"}\n";
    run(&WORDS, jobs)
        .ends(1, "1 job: 0 ok, 1 failed")
        .says("its input \"/no/such\": No such file");
}

#[test]
fn a_job_knows_its_machine_and_its_slot() {
    let job = "echo $REMUDA_MACHINE $REMUDA_SLOT; sleep 0.5\n";
    let finished = run(
        &["--max-procs", "3", "--machine-procs", "3", "-"],
        &job.repeat(3),
    );
    assert_eq!(finished.sorted(), ["m0 1", "m0 2", "m0 3"]);
    let finished = run(&["--max-procs", "1", "-"], &"echo $REMUDA_SLOT\n".repeat(3));
    assert_eq!(finished.out, "1\n1\n1\n");
}

#[test]
fn a_job_may_prefer_the_machine_of_another() {
    // Two machines of one proc, both free: each goes where its own one was, in whatever order.
    for order in [[0, 1], [1, 0]] {
        let dir = Dir::new();
        let mut jobs = String::new();
        for at in 0..2 {
            jobs +=
                &format!("{{\"cmd\": \"echo $REMUDA_MACHINE; sleep 0.5\", \"name\": \"a{at}\"}}\n");
        }
        for at in order {
            jobs += &format!(
                "{{\"cmd\": \"echo $REMUDA_MACHINE\", \"name\": \"b{at}\", \"after\": [\"a0\", \"a1\"], \"prefer\": \"a{at}\"}}\n"
            );
        }
        let file = dir.write("a.jsonl", jobs);
        let words = ["--max-procs", "2", "--machine-procs", "1", "--tag", &file];
        let finished = run(&words, "");
        finished.ends(0, "4 jobs: 4 ok");
        for at in 0..2 {
            let machine = |name: &str| {
                let mut lines = finished.out.lines();
                lines.find_map(|line| line.strip_prefix(name).map(str::trim))
            };
            let (a, b) = (machine(&format!("a{at}\t")), machine(&format!("b{at}\t")));
            assert!(a.is_some() && a == b, "{}", finished.out);
        }
    }
}
