//! The files that a run has to do with: none is destroyed, however it is spelt, and what cannot be written is told in time.
mod support;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use support::{Dir, Finished, Run, echoes, remuda, remuda_after, run, wait_for};

const TRUE: &str = "{\"cmd\": \"true\"}\n";

#[track_caller]
fn refused(finished: &Finished, reason: &str) {
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    assert!(finished.err.contains(reason), "{}", finished.err);
    assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
}

#[test]
fn a_journal_and_a_job_log_are_two_files_however_they_are_spelt() {
    let dir = Dir::new();
    let held = "{\"name\": \"what an earlier run has left\"}\n";
    let file = dir.write("x", held);
    fs::hard_link(&file, dir.at("hard")).unwrap();
    std::os::unix::fs::symlink(&file, dir.at("soft")).unwrap();
    for other in ["./x", "../DIR/x", "hard", "soft"] {
        let name = dir.path().file_name().unwrap().to_str().unwrap();
        let other = other.replace("DIR", name);
        let mut command = remuda(&["--joblog", "x", "--journal", &other, "-"]);
        command.current_dir(dir.path());
        let finished = Run::start(command, "true\n").finish();
        refused(
            &finished,
            &format!("--journal {other}: it is the job log too"),
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), held);
    }
}

#[test]
fn jobs_that_come_from_a_file_are_not_written_over() {
    let dir = Dir::new();
    let file = dir.write("j", TRUE);
    for (words, what) in [
        (
            &["--joblog", "j", "--format", "jsonl", "-"][..],
            "--joblog j: it is the job file itself",
        ),
        (
            &["--journal", "j", "--format", "jsonl"],
            "--journal j: it is the job file itself",
        ),
        (
            &["--joblog", "./j", "echo", ":::", "a", "::::", "j"],
            "--joblog ./j: it is a file of arguments",
        ),
        (
            &["--journal", "./j", "echo", "::::", "-"],
            "--journal ./j: it is a file of arguments",
        ),
    ] {
        let mut command = remuda(words);
        let command = command
            .current_dir(dir.path())
            .stdin(File::open(&file).unwrap());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(what), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), TRUE);
    }
}

#[test]
fn the_streams_are_no_job_log() {
    let dir = Dir::new();
    for (option, stream) in [("--joblog", "1"), ("--journal", "1"), ("--joblog", "2")] {
        let prelude = format!("cd {}; exec {stream}>out", dir.path().display());
        let finished =
            Run::start(remuda_after(&prelude, &[option, "./out", "-"]), "true\n").finish();
        assert_eq!(finished.status, Some(2));
        let said = finished.err + &fs::read_to_string(dir.at("out")).unwrap();
        let name = if stream == "1" { "output" } else { "error" };
        assert!(
            said.contains(&format!("./out: it is the standard {name} too")),
            "{said}"
        );
    }
    // A pipe, or a device, may be both.
    let words = ["--joblog", "/dev/stderr", "-"];
    let finished = run(&words, "echo a\n");
    finished.ends(0, "1 job: 1 ok").says("\"state\":\"ok\"");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_of_its_write_and_no_death() {
    // No signal is ignored here: SIGXFSZ would end the run without a word.
    let dir = Dir::new();
    let log = dir.text("log");
    let words = ["--max-procs", "1", "--joblog", &log, "-"];
    let long = format!(": {}\n", "x".repeat(4000)).repeat(200);
    let finished = Run::start(remuda_after("ulimit -f 512", &words), &long).finish();
    finished
        .ends(1, "200 jobs: 200 ok, 0 failed; ")
        .says("log: File too large (os error 27); it ends here");

    let jobs = "echo before\nhead -c 8000000 /dev/zero; sleep 600\necho after\n";
    let finished = Run::start(remuda_after("ulimit -f 2048", &words[..2]), jobs).finish();
    finished
        .ends(1, "3 jobs: 2 ok, 1 failed; ")
        .says("File too large");
    assert_eq!(finished.out, "before\nafter\n");

    let journal = dir.text("journal");
    let words = ["--max-procs", "1", "--journal", &journal, "-"];
    let finished =
        Run::start(remuda_after("ulimit -f 32", &words), &"true\n".repeat(1500)).finish();
    finished
        .ends(0, "1500 jobs: 1500 ok, 0 failed; ")
        .says("File too large");
    // Jobs are killed by it as ever.
    let job = format!("head -c 9000000 /dev/zero > {}\n", dir.text("big"));
    let finished = Run::start(remuda_after("ulimit -f 2048", &["-"]), &job).finish();
    finished.ends(1, "1 job: 0 ok, 1 failed; ");
}

#[test]
fn a_place_for_output_that_has_none_is_told_before_the_first_job() {
    let dir = Dir::new();
    let trace = dir.text("trace");
    let job = format!("touch {trace}\n");
    let run = |tmpdir: &str, prelude: &str| {
        let mut command = remuda_after(prelude, &["-"]);
        command.env("TMPDIR", tmpdir);
        Run::start(command, &job).finish()
    };
    // No byte may be written: as on a disk that is full.
    refused(
        &run("/tmp", "ulimit -f 0; trap '' XFSZ"),
        "TMPDIR /tmp: output of jobs cannot be kept there: File too large",
    );
    // A place where none may write, for root as well.
    refused(
        &run("/proc", "true"),
        "TMPDIR /proc: output of jobs cannot be kept there: ",
    );
    assert!(!dir.at("trace").exists());
    // Nothing said is as if it was not said.
    run("", "cd /proc").ends(0, "1 job: 1 ok");
    assert!(dir.at("trace").exists());
}

#[test]
fn a_job_log_is_its_owners_alone() {
    let dir = Dir::new();
    let log = dir.text("log");
    run(&["--joblog", &log, "-"], "true\n").ends(0, "1 job: 1 ok");
    assert_eq!(
        fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_pipe_that_nothing_reads_is_told() {
    let dir = Dir::new();
    let fifo = dir.text("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    for option in ["--joblog", "--journal"] {
        let finished = run(&[option, &fifo, "-"], "true\n");
        refused(
            &finished,
            &format!("{option} {fifo}: it is a pipe that nothing reads; start its reader first"),
        );
    }
    // With a reader it is a log as any other.
    let mut reader = Command::new("cat");
    let reader = reader.arg(&fifo).stdout(Stdio::piped()).spawn().unwrap();
    let mut finished = run(&["--joblog", &fifo, "-"], "true\n");
    while finished.status == Some(2) {
        // The reader was not there yet.
        finished = run(&["--joblog", &fifo, "-"], "true\n");
    }
    finished.ends(0, "1 job: 1 ok");
    let read = reader.wait_with_output().unwrap().stdout;
    assert!(
        String::from_utf8(read)
            .unwrap()
            .contains("\"state\":\"ok\"")
    );
}

#[test]
fn two_runs_do_not_share_a_job_log() {
    let dir = Dir::new();
    let (log, begun, go) = (dir.text("log"), dir.text("begun"), dir.text("go"));
    let job = format!("touch {begun}; while [ ! -e {go} ]; do sleep 0.05; done\n");
    let first = Run::start(remuda(&["--joblog", &log, "-"]), &job);
    // The log is there a little before the run has locked it.
    wait_for("the first job to begin", || dir.at("begun").exists());
    refused(
        &run(&["--joblog", &log, "-"], "true\n"),
        "log: another run writes to it",
    );
    dir.write("go", "");
    first.finish().ends(0, "1 job: 1 ok");
    run(&["--joblog", &log, "-"], "true\n").ends(0, "1 job: 1 ok");
    assert_eq!(dir.lines("log"), 2);
}

#[test]
fn what_is_no_job_log_is_left_alone() {
    let dir = Dir::new();
    let thesis = dir.write("thesis", "Chapter 1\n");
    refused(
        &run(&["--joblog", &thesis, "-"], "true\n"),
        "it holds something else, and is left alone",
    );
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "Chapter 1\n");
}

#[test]
fn too_few_files_are_told_and_enough_are_enough() {
    for few in [4, 8, 12, 16, 20] {
        let finished = Run::start(
            remuda_after(&format!("ulimit -n {few}"), &["--max-procs", "1", "-"]),
            "echo a\n",
        )
        .finish();
        let said = &finished.err;
        assert!(!said.contains("panicked"), "{few}: {said}");
        // Below that the shell or the loader itself may have no file to open.
        if few >= 8 {
            assert_eq!(finished.status, Some(2), "{few}: {said}");
            assert!(
                said.contains(&format!(
                    "only {few} files may be open at a time, and a run needs 24"
                )),
                "{few}: {said}"
            );
        }
    }
    let words = ["--max-procs", "1", "-"];
    let finished = Run::start(remuda_after("ulimit -n 24", &words), &echoes(50)).finish();
    finished.ends(
        0,
        "50 jobs: 50 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
}

#[test]
fn a_message_is_no_longer_than_a_few_lines() {
    let name = "n".repeat(100_000);
    let jobs =
        format!("{{\"cmd\": \"exit 3\", \"name\": \"{name}\"}}\n{{\"cmd\": [\"/{name}\"]}}\n");
    let finished = run(&["--format", "jsonl", "-"], &jobs);
    finished
        .ends(1, "2 jobs: 0 ok, 2 failed")
        .says("job nnn")
        .says("nnn failed: exit status 3");
    assert!(finished.err.lines().all(|line| line.len() < 1000));
    let finished = run(&[&name], "");
    assert!(
        finished.status == Some(2) && finished.err.len() < 1000,
        "{}",
        finished.err
    );
}

#[test]
fn a_list_is_no_job() {
    let dir = Dir::new();
    let file = dir.write("a.jsonl", "[\"echo\", 1]\n");
    refused(
        &run(&[&file], ""),
        "a.jsonl: line 1: a list where an object was expected, such as {\"cmd\": ",
    );
}

#[test]
fn a_picture_for_a_folder_that_is_not_there_is_named_as_it_was_said() {
    let dir = Dir::new();
    let journal = dir.text("journal");
    run(&["--journal", &journal, "-"], "true\n").ends(0, "1 job: 1 ok");
    let missing = dir.text("none/x.html");
    let mut command = Command::new(support::REMUDA);
    let output = command
        .args(["replay", &journal, "--html", &missing])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&missing) && said.contains("No such file") && !said.contains(".remuda-"),
        "{said}"
    );
}
