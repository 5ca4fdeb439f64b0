//! Jobs that come from a pipe run as they come, and are not all held; output that is printed as it comes.
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use support::{Dir, Run, peak_kib, remuda, run, wait_for};

/// A run whose standard input stays open.
fn open(
    words: &[&str],
) -> (
    Run,
    std::process::ChildStdin,
    BufReader<std::process::ChildStdout>,
) {
    open_as(remuda(words))
}

fn open_as(
    mut command: Command,
) -> (
    Run,
    std::process::ChildStdin,
    BufReader<std::process::ChildStdout>,
) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut run = Run::spawn(&mut command);
    let stdin = run.child().stdin.take().unwrap();
    let stdout = BufReader::new(run.child().stdout.take().unwrap());
    (run, stdin, stdout)
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_job_of_a_pipe_runs_before_the_next_one_is_there() {
    let (run, mut stdin, mut stdout) = open(&["-"]);
    for job in 1..=3 {
        writeln!(stdin, "echo job {job}").unwrap();
        assert_eq!(line(&mut stdout), format!("job {job}\n"));
    }
    // Half a line is none.
    write!(stdin, "echo job").unwrap();
    writeln!(stdin, " 4").unwrap();
    drop(stdin);
    assert_eq!(line(&mut stdout), "job 4\n");
    assert_eq!(run.finish().status, Some(0));
    // Arguments too.
    let (run, mut stdin, mut stdout) = open(&["echo x", "::::", "-"]);
    writeln!(stdin, "1").unwrap();
    assert_eq!(line(&mut stdout), "x 1\n");
    drop(stdin);
    assert_eq!(run.finish().status, Some(0));
}

#[test]
fn jobs_of_a_pipe_see_gpus_of_their_own_from_the_first_on_that_asks_for_some() {
    let mut command = remuda(&["--format", "jsonl", "-"]);
    command.env("CUDA_VISIBLE_DEVICES", "7,8");
    let (run, mut stdin, mut stdout) = open_as(command);
    for (fields, seen) in [("", "7,8"), (", \"gpus\": 1", "7"), ("", "")] {
        let job = format!("{{\"cmd\": \"echo see=$CUDA_VISIBLE_DEVICES\"{fields}}}");
        writeln!(stdin, "{job}").unwrap();
        assert_eq!(line(&mut stdout), format!("see={seen}\n"));
    }
    // One that asks for too many is refused as it is read.
    writeln!(stdin, "{{\"cmd\": \"echo no\", \"gpus\": 3}}").unwrap();
    assert_eq!(line(&mut stdout), "");
    assert_eq!(run.finish().status, Some(2));
}

#[test]
fn a_bad_line_of_a_pipe_ends_the_reading_and_not_what_was_good() {
    let finished = run(
        &["--format", "jsonl", "-"],
        "{\"cmd\": \"echo a\"}\n{\"cmd\": 3}\n{\"cmd\": \"echo never\"}\n",
    );
    finished.ends(2, "1 job: 1 ok, 0 failed; ");
    finished.says("remuda: standard input: line 2: bad JSON at column 9");
    assert_eq!(finished.out, "a\n");
    // A file is run whole or not at all.
    let dir = Dir::new();
    let file = dir.write("a.jsonl", "{\"cmd\": \"echo a\"}\n{\"cmd\": 3}\n");
    let finished = run(&[&file], "");
    assert_eq!((finished.status, finished.out.as_str()), (Some(2), ""));
}

/// The most a run takes, in KiB, for so many jobs that are not run for long.
fn peak(count: usize, words: &[&str]) -> u64 {
    // The first one keeps all others waiting.
    let dir = Dir::new();
    let go = dir.text("go");
    let (mut run, mut stdin, _stdout) = open(&[&["--max-procs", "1", "--quiet"], words].concat());
    let first = format!("while [ ! -e {go} ]; do sleep 0.05; done; exit 1\n");
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(first.as_bytes());
        for _ in 0..count {
            if stdin
                .write_all(b"true with some words that take their place in memory\n")
                .is_err()
            {
                return;
            }
        }
    });
    let mut most = 0;
    let began = std::time::Instant::now();
    while began.elapsed().as_millis() < 1500 {
        most = peak_kib(run.pid()).unwrap_or(0).max(most);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!run.is_over());
    dir.write("go", "");
    wait_for("the run to end", || {
        most = peak_kib(run.pid()).unwrap_or(0).max(most);
        run.is_over()
    });
    writer.join().unwrap();
    run.finish();
    most
}

#[test]
fn a_million_jobs_are_not_held() {
    // As soon as the first one fails, all is over: what was read by then counts.
    let most = peak(1_000_000, &["--halt", "now,fail=1", "-"]);
    assert!((1..64 * 1024).contains(&most), "{most} KiB");
}

#[test]
fn lines_are_printed_as_they_come_and_tagged() {
    let dir = Dir::new();
    let go = dir.text("go");
    let job =
        format!("printf 'one\\ntw'; until [ -e {go} ]; do sleep 0.02; done; printf 'o\\nthree'");
    let (run, mut stdin, mut stdout) = open(&["--line-buffer", "--tag", "-"]);
    writeln!(stdin, "{job}").unwrap();
    assert_eq!(line(&mut stdout), "1\tone\n");
    dir.write("go", "");
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "1\ttwo\n1\tthree\n");
    assert_eq!(run.finish().status, Some(0));
}

#[test]
fn a_tag_is_the_name_or_the_arguments() {
    let finished = run(
        &["--tag", "-k", "printf '%s\\n'", "{}", ":::", "a b", "c"],
        "",
    );
    assert_eq!(finished.out, "a b\ta b\nc\tc\n");
    let job = r#"{"cmd": "echo x; echo y >&2", "name": "n"}"#;
    let finished = run(&["--tag", "--format", "jsonl", "-"], job);
    assert_eq!(finished.out, "n\tx\n");
    finished.says("n\ty\n");
}

#[test]
fn output_may_be_kept_in_a_folder_for_each_job() {
    for more in [&[][..], &["--line-buffer"]] {
        let dir = Dir::new();
        let out = dir.text("out/deep");
        let jobs = "{\"cmd\": \"echo a; echo b >&2\", \"name\": \"x/y\"}\n{\"cmd\": \"true\"}\n";
        let words = ["--results", &out, "--format", "jsonl", "-"];
        let finished = run(&[more, &words].concat(), jobs);
        finished.ends(0, "2 jobs: 2 ok");
        assert_eq!(finished.out, "a\n");
        let text =
            |path: &str| std::fs::read_to_string(dir.at(&format!("out/deep/{path}"))).unwrap();
        assert_eq!(
            (text("x%2Fy/stdout"), text("x%2Fy/stderr")),
            ("a\n".into(), "b\n".into())
        );
        assert_eq!(
            (text("2/stdout"), text("2/stderr")),
            (String::new(), String::new())
        );
    }
    let finished = run(&["--results", "/proc/none", "-"], "true\n");
    assert_eq!(finished.status, Some(2));
    finished.says("remuda: --results /proc/none: ");
}
