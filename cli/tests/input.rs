//! Bad input and wrong use: one line that names what and where, exit status 2, and nothing started.
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use support::{Dir, Run, remuda, run};

/// Runs with jobs that would leave a trace, and expects a refusal.
#[track_caller]
fn refused(words: &[&str], jobs: impl AsRef<[u8]>) -> String {
    let dir = Dir::new();
    let trace = dir.at("trace");
    let mut input = format!("touch {}\n", trace.display()).into_bytes();
    input.extend_from_slice(jobs.as_ref());
    let file = dir.write("jobs.txt", input);
    // The launcher leaves a trace as well.
    let launch = format!("touch {}", trace.display());
    let mut all = words.to_vec();
    if !words.contains(&"--launch") {
        all.extend(["--launch", &launch]);
    }
    if !words
        .iter()
        .any(|word| word.ends_with(".jsonl") || word.starts_with("/no/"))
    {
        all.push(&file);
    }
    let finished = run(&all, "");
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
    assert_eq!(finished.out, "");
    assert!(!trace.exists(), "something was started");
    finished.err.replace(&file, "FILE")
}

#[test]
fn a_line_that_is_not_utf8() {
    assert_eq!(
        refused(&[], b"echo \xff\n"),
        "remuda: FILE: line 2: byte 6 of the line is not UTF-8 (0xff)\n"
    );
}

#[test]
fn a_command_with_a_nul() {
    assert_eq!(
        refused(&[], b"echo \0\n"),
        "remuda: FILE: line 2: a NUL character in the command\n"
    );
}

#[test]
fn bad_json_and_impossible_sizes() {
    let dir = Dir::new();
    let json = |line: &str| {
        let file = dir.write("a.jsonl", format!("{{\"cmd\": \"true\"}}\n\n{line}\n"));
        refused(&["--machine-procs", "4", &file], "").replace(&file, "FILE")
    };
    assert_eq!(
        json("{\"cmd\": true}"),
        "remuda: FILE: line 3: bad JSON at column 12: invalid type: boolean `true`, expected a string or a list of strings as cmd\n"
    );
    assert_eq!(
        json("{\"cmd\": \"a\""),
        "remuda: FILE: line 3: bad JSON at column 11: EOF while parsing an object\n"
    );
    assert_eq!(
        json(r#"{"cmd": "a", "procs": 0}"#),
        "remuda: FILE: line 3: procs 0: a job takes at least 1\n"
    );
    assert_eq!(
        json(r#"{"cmd": "a", "procs": 5}"#),
        "remuda: FILE: line 3: procs 5 is more than a machine has (limit 4)\n"
    );
}

#[test]
fn the_load_limits_what_a_job_may_ask_for() {
    let dir = Dir::new();
    let file = dir.write("a.jsonl", r#"{"cmd": "a", "procs": 3}"#);
    let error = refused(&["--machine-procs", "4", "--max-load", "0.5", &file], "");
    assert!(
        error.ends_with("line 1: procs 3 is more than a machine has (limit 2)\n"),
        "{error}"
    );
}

#[test]
fn a_file_that_cannot_be_read() {
    let error = refused(&["/no/such/file"], "");
    assert_eq!(
        error,
        "remuda: /no/such/file: No such file or directory (os error 2)\n"
    );
    let dir = Dir::new();
    let folder = dir.text("a.jsonl");
    fs::create_dir(&folder).unwrap();
    assert_eq!(
        refused(&[&folder], ""),
        format!("remuda: {folder}: Is a directory (os error 21)\n")
    );
}

#[test]
fn a_job_log_that_cannot_be_written() {
    let error = refused(&["--joblog", "/no/such/dir/log"], "");
    assert_eq!(
        error,
        "remuda: --joblog /no/such/dir/log: No such file or directory (os error 2)\n"
    );
    let error = refused(&["--joblog", "/"], "");
    assert_eq!(error, "remuda: --joblog /: Is a directory (os error 21)\n");
}

#[test]
fn the_job_file_as_job_log() {
    let dir = Dir::new();
    let file = dir.write("jobs.jsonl", "{\"cmd\": \"true\"}\n");
    let error = refused(&["--joblog", &file, &file], "");
    assert_eq!(
        error,
        format!("remuda: --joblog {file}: it is the job file itself\n")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"cmd\": \"true\"}\n");
}

#[test]
fn sizes_that_make_no_sense() {
    for (words, expected) in [
        (
            &["--max-procs", "0"][..],
            "'0' for '--max-procs <N>': expected a whole number from 1",
        ),
        (
            &["--machine-procs", "0"],
            "'0' for '--machine-procs <N>': expected a whole number from 1",
        ),
        (
            &["--machine-procs", "5", "--max-procs", "4"],
            "--machine-procs 5 is more than --max-procs 4",
        ),
        (&["--machine-procs", "70000"], "1 to 65536 procs"),
        (
            &["--machine-procs", "40000", "--max-load", "2"],
            "1 to 65536 procs",
        ),
        (
            &[
                "--machine-procs",
                "2",
                "--max-procs",
                "3",
                "--max-load",
                "2",
            ],
            "--max-procs 3 is less",
        ),
        (
            &["--max-load", "nan"],
            "'nan' for '--max-load <F>': expected a number above 0",
        ),
        (
            &["--max-load=-1"],
            "'-1' for '--max-load <F>': expected a number above 0",
        ),
        (
            &["--attempts", "0"],
            "'0' for '--attempts <N>': expected a whole number from 1",
        ),
        (
            &["--launch", ""],
            "'' for '--launch <TEMPLATE>': no program is named",
        ),
        (&["--launch", "ssh 'x"], "a quote is not closed"),
        (&["--jobs", "4"], "there is no --jobs: see --max-procs"),
        (&["--joobs", "4"], "unexpected argument '--joobs'"),
    ] {
        let error = refused(words, "");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}

#[test]
fn a_temporary_directory_that_is_none() {
    let mut command = remuda(&["-"]);
    command.env("TMPDIR", "/no/such/dir");
    let finished = Run::start(command, "true").finish();
    finished.ends(
        2,
        "remuda: TMPDIR /no/such/dir: output of jobs cannot be kept there: No such file or directory (os error 2)",
    );
}

#[test]
fn a_log_filter_that_cannot_be_understood() {
    let mut command = remuda(&["-"]);
    command.env("REMUDA_LOG", "a=b=c");
    let finished = Run::start(command, "true").finish();
    finished.ends(2, "remuda: REMUDA_LOG: ");
    assert_eq!(finished.err.lines().count(), 1);
}

#[test]
fn help_and_version_are_no_errors() {
    let say = |words: &[&str]| {
        let mut command = std::process::Command::new(support::REMUDA);
        Run::start(
            {
                command.args(words);
                command
            },
            "",
        )
        .finish()
    };
    let version = say(&["--version"]);
    assert_eq!(version.status, Some(0));
    assert_eq!(
        version.out,
        format!("remuda {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = say(&["run", "--help"]);
    assert_eq!((help.status, help.err.as_str()), (Some(0), ""));
    for flag in [
        "--max-procs",
        "--launch",
        "--joblog",
        "--silent-after",
        "Exit status:",
        "TMPDIR",
    ] {
        assert!(help.out.contains(flag), "{flag}");
    }
    let nothing = say(&[]);
    assert_eq!(nothing.status, Some(2));
    assert_eq!(
        nothing.err,
        "remuda: no command given (try: remuda run --help)\n"
    );
}

#[test]
fn a_job_file_that_may_not_be_read() {
    let dir = Dir::new();
    let file = dir.write("a.jsonl", "{\"cmd\": \"true\"}\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_ok() {
        // Root reads everything; then a file whose reading fails for root too.
        let error = refused(&["--format", "lines", "/no/../proc/self/mem"], "");
        assert!(error.contains("/proc/self/mem: "), "{error}");
        return;
    }
    assert_eq!(
        refused(&[&file], ""),
        format!("remuda: {file}: Permission denied (os error 13)\n")
    );
}

/// What a command says and how it ends when `script` gives it a terminal.
fn at_a_terminal(words: &str) -> (String, Option<i32>) {
    let mut command = std::process::Command::new("script");
    command
        .args(["-qec", &format!("{} {words}", support::REMUDA), "/dev/null"])
        .stdin(Stdio::null());
    let output = command
        .output()
        .expect("script(1), of util-linux, is there");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code(),
    )
}

#[test]
fn without_a_file_at_a_terminal_it_says_what_to_do() {
    let (said, status) = at_a_terminal("run");
    assert!(
        said.contains("remuda: no job file: name one, pipe jobs in, or say - to type them here"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(status, Some(2));
}

#[test]
fn a_worker_at_a_terminal_says_that_it_is_none_of_a_persons_business() {
    let (said, status) = at_a_terminal("worker");
    assert!(
        said.contains(": a worker talks to a driver, not to a terminal"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(status, Some(2));
}
