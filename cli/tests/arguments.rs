//! Commands made of arguments, as GNU parallel makes them.
mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use support::{Dir, Finished, Run, remuda, run};

/// With `-k`, one at a time in order, and nothing on standard input.
#[track_caller]
fn out(words: &[&str]) -> String {
    let finished = run(&[&["-k", "--max-procs", "2"], words].concat(), "");
    assert_eq!(finished.status, Some(0), "{}", finished.err);
    finished.out
}

#[test]
fn a_command_runs_for_each_argument() {
    assert_eq!(
        out(&["echo", "{}", ":::", "a", "b c", "$HOME", "it's"]),
        "a\nb c\n$HOME\nit's\n"
    );
    // Without a place, at the end; with flags of its own; with pipes.
    assert_eq!(out(&["echo", "-n", ":::", "a", "b"]), "ab");
    assert_eq!(out(&["echo {} | tr a-z A-Z", ":::", "a"]), "A\n");
    // Without a command, the arguments are commands.
    assert_eq!(out(&[":::", "echo a", "echo b"]), "a\nb\n");
    assert_eq!(out(&["echo", ":::"]), "");
}

#[test]
fn several_sources_are_combined_or_linked() {
    assert_eq!(
        out(&["echo {1}{2}", ":::", "a", "b", ":::", "1", "2"]),
        "a1\na2\nb1\nb2\n"
    );
    assert_eq!(
        out(&["echo {2}-{1}", ":::", "a", "b", ":::+", "1", "2"]),
        "1-a\n2-b\n"
    );
    assert_eq!(out(&["echo {#} {%} {}", ":::", "a"]), "1 1 a\n");
    assert_eq!(
        out(&["echo {.} {/} {//} {/.}", ":::", "d/f.tar.gz"]),
        "d/f.tar f.tar.gz d f.tar\n"
    );
}

#[test]
fn arguments_may_be_lines_of_a_file_or_of_a_pipe() {
    let dir = Dir::new();
    let file = dir.write("f", "a,b\nc,d e\n");
    assert_eq!(out(&["echo", "::::", &file]), "a,b\nc,d e\n");
    assert_eq!(out(&["-a", &file, "echo"]), "a,b\nc,d e\n");
    assert_eq!(
        out(&["--colsep", ",", "echo {2} {1}", "::::", &file]),
        "b a\nd e c\n"
    );
    let finished = run(&["-k", "echo x", "::::", "-"], "1\n2\n");
    assert_eq!(finished.out, "x 1\nx 2\n");
    let finished = run(&["-k", "-0", "echo x", "::::", "-"], "1\n2\0\x33\0");
    assert_eq!(finished.out, "x 1\n2\nx 3\n");
}

#[test]
fn names_need_not_be_text() {
    let dir = Dir::new();
    let odd = dir.path().join(OsStr::from_bytes(b"a \xff"));
    let there = |odd: &std::path::Path| {
        fs::write(odd, "").unwrap();
        odd.exists()
    };
    let gone = |finished: Finished| {
        finished.ends(0, "1 job: 1 ok");
        !odd.exists()
    };
    assert!(there(&odd));
    let mut command = remuda(&["rm", ":::"]);
    command.arg(&odd);
    assert!(gone(Run::start(command, "").finish()));
    // As a command that ends with NUL, and in JSON, where Python's way of saying it is known.
    assert!(there(&odd));
    let mut list = b"rm ".to_vec();
    list.extend(
        shlex::bytes::try_quote(odd.as_os_str().as_bytes())
            .unwrap()
            .iter(),
    );
    list.push(0);
    fs::write(dir.at("list"), list).unwrap();
    assert!(gone(run(&["-0", &dir.text("list")], "")));
    assert!(there(&odd));
    let log = dir.text("log");
    let json = format!(
        "{{\"cmd\": [\"rm\", \"{}/a \\udcff\"]}}\n",
        dir.path().display()
    );
    let jsonl = dir.write("odd.jsonl", json);
    assert!(gone(run(&["--joblog", &log, &jsonl], "")));
    assert!(fs::read_to_string(&log).unwrap().contains("/a \\udcff\"]"));
}

#[test]
fn a_dry_run_says_what_would_run_and_runs_nothing() {
    let dir = Dir::new();
    let trace = dir.text("trace");
    let finished = run(
        &[
            "--dry-run",
            "--max-procs",
            "2",
            "--machine-procs",
            "1",
            "touch",
            &trace,
            "{}",
            ":::",
            "a b",
            "c",
            "d",
        ],
        "",
    );
    assert_eq!(
        finished.out,
        format!("touch {trace} 'a b'\ntouch {trace} c\ntouch {trace} d\n")
    );
    assert_eq!(finished.status, Some(0));
    finished.says("would run 3 jobs on up to 2 machines of 1 proc, each started by: ");
    assert!(!dir.at("trace").exists());
}

#[test]
fn what_is_missing_is_said() {
    for (words, said) in [
        (&["echo", "::::"][..], ":::: has no file behind it"),
        (&["echo", "::::", "/no/such"], "/no/such: No such file"),
        (
            &["echo {}"],
            "echo {}: No such file or directory (os error 2) (to run it as a command, say for what: remuda run COMMAND ::: ARGUMENT...)",
        ),
        (&["a", "b"], "one job file, please, and not b as well"),
    ] {
        let finished = run(words, "");
        assert_eq!(finished.status, Some(2), "{}", finished.err);
        finished.says(said);
    }
}
