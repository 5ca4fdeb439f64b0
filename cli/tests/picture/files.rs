//! The files that pictures go to, and signals.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{Dir, REMUDA, Run, wait_for};
use crate::{SCENARIO, fleet, replay};

#[test]
fn what_cannot_be_written_is_said_and_leaves_what_was_there() {
    let dir = Dir::new();
    let file = dir.write("run.jsonl", SCENARIO);
    let refused = |words: &[&str], said: &str| {
        let finished = replay(&[&[file.as_str()], words].concat());
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.err);
        assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
        finished.says(said);
    };
    refused(&["--html", &file], "run.jsonl: it is the run itself");
    refused(
        &["--html", "-"],
        "--html -: standard output is for the summary",
    );
    refused(
        &["--perfetto", dir.path().to_str().unwrap()],
        ": it is a directory",
    );
    refused(
        &["--html", "/no/such/x.html"],
        "--html /no/such/x.html: No such file or directory",
    );
    refused(
        &["--html", "/dev/full"],
        "--html /dev/full: No space left on device",
    );
    let both = dir.text("both");
    refused(
        &["--html", &both, "--perfetto", &both],
        "--html and --perfetto are both ",
    );
    refused(&["--html", &both, "--request", "7"], "cannot be used with");
    assert_eq!(fs::read_to_string(&file).unwrap(), SCENARIO);
    assert!(!dir.at("both").exists());

    let from_stdin = format!("exec \"$0\" replay - --html '{file}' < '{file}'");
    let mut command = Command::new("sh");
    command.args(["-c", &from_stdin, REMUDA]);
    let finished = Run::start(command, "").finish();
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    let spelled = format!("{}/./both", dir.path().display());
    refused(
        &["--html", &both, "--perfetto", &spelled],
        "--html and --perfetto are both ",
    );

    // A file that is larger than it may be: what was there stays, and nothing else is left.
    let old = dir.write("old.html", "before");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        r#"ulimit -f 1; exec "$0" "$@""#,
        REMUDA,
        "replay",
        &file,
        "--html",
        &old,
    ]);
    let finished = Run::start(command, "").finish();
    assert_eq!(finished.status, Some(2), "{}", finished.err);
    finished.says("old.html: File too large");
    assert_eq!(fs::read_to_string(&old).unwrap(), "before");
    let left = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().file_name());
    let left = left.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(left, ["old.html", "run.jsonl"].map(Into::into).into());

    // It keeps its mode.
    let secret = dir.write("secret.html", "");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    replay(&[&file, "--html", &secret]).ends(0, "remuda: ");
    let mode = fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A link stays a link, a pipe gets the page.
    std::os::unix::fs::symlink(&old, dir.at("link")).unwrap();
    replay(&[&file, "--html", &dir.text("link")]).ends(0, "remuda: ");
    assert!(
        fs::read_to_string(&old)
            .unwrap()
            .starts_with("<!doctype html>")
    );
    assert!(dir.at("link").is_symlink());
    // Also one to what is not there yet.
    std::os::unix::fs::symlink("new.html", dir.at("dangling")).unwrap();
    replay(&[&file, "--html", &dir.text("dangling")]).ends(0, "remuda: ");
    assert!(dir.at("dangling").is_symlink() && dir.at("new.html").is_file());
    let mut command = Command::new("sh");
    let piped = r#""$0" replay "$1" --html /dev/fd/3 3>&1 >/dev/null 2>&1 | grep -c "<canvas""#;
    command.args(["-c", piped, REMUDA, &file]);
    assert_eq!(Run::start(command, "").finish().out, "2\n");
}

#[test]
fn an_interrupt_leaves_no_half_picture() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(1000, 100_000));
    let out = Dir::new();
    let mut command = Command::new(REMUDA);
    command.args(["replay", &file, "--perfetto", &out.text("trace.json")]);
    let left = || fs::read_dir(out.path()).unwrap().count();
    let mut run = Run::start(command, "");
    wait_for("the trace to be begun", || left() > 0 || run.is_over());
    if run.is_over() {
        eprintln!("SKIPPED: the trace was written before it could be interrupted");
        return;
    }
    run.signal(Signal::INT);
    let finished = run.finish();
    // It may have been just done.
    match finished.status {
        None => assert_eq!(left(), 0, "{}", finished.err),
        status => assert!(status == Some(0) && out.at("trace.json").exists()),
    }
}

#[test]
fn an_interrupt_after_the_picture_ends_it_as_ever() {
    let dir = Dir::new();
    let file = dir.write("fleet.journal", fleet::journal(100, 10_000));
    let mut command = Command::new(REMUDA);
    command.args(["replay", &file, "--events", "--html", &dir.text("run.html")]);
    let mut run = Run::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    wait_for("the picture", || dir.at("run.html").exists());
    assert!(!run.is_over(), "more is printed than a pipe holds");
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, None);
}
