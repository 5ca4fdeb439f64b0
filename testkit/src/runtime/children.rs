//! The promises of `start`, and of the children that it starts.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::future::{Either, join_all, select};
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use remuda_driver::{Child, Runtime};

use super::{elsewhere, in_time, limit};

fn start<R: Runtime>(runtime: &R, command: Command) -> Child {
    match runtime.start(command) {
        Ok(child) => child,
        Err(error) => panic!("start: a command cannot be started: {error}"),
    }
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

async fn read(mut from: impl futures::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    let read = in_time(
        "start: a pipe is read to its end",
        from.read_to_string(&mut text),
    )
    .await;
    read.expect("start: a pipe can be read");
    text
}

/// `start` pipes the child's standard input, output and error, each for itself.
pub async fn start_pipes_what_a_child_reads_and_writes<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("cat; echo problem >&2"));
    // More than a pipe holds, so that both sides have to go on by turns.
    let text = "0123456789abcdef".repeat(16_384);
    let mut stdin = child.stdin;
    let bytes = text.clone().into_bytes();
    let writes = async move {
        let written = stdin.write_all(&bytes).await;
        written.expect("start: a child's standard input can be written to");
        stdin
            .close()
            .await
            .expect("start: a child's standard input can be closed");
    };
    let both = futures::future::join3(writes, read(child.stdout), read(child.stderr));
    let ((), out, err) = in_time("start: a child reads and writes", both).await;
    assert!(
        out == text,
        "start: standard output has {} bytes of {}",
        out.len(),
        text.len()
    );
    assert_eq!(
        err, "problem\n",
        "start: standard error is piped for itself"
    );
    let status = in_time(
        "start: a child ends when its input does",
        child.process.wait(),
    )
    .await;
    assert!(status.expect("start: a child can be waited for").success());
}

/// The status of a child is that with which it ended.
pub async fn start_says_how_a_child_ended<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("exit 7"));
    let status = in_time("start: a child is waited for", child.process.wait()).await;
    let code = status.expect("start: a child can be waited for").code();
    assert_eq!(code, Some(7), "start: the exit status of a child");
    let again = in_time(
        "start: a child that has ended is waited for again",
        child.process.wait(),
    )
    .await;
    let code = again
        .expect("start: a child can be waited for again")
        .code();
    assert_eq!(
        code,
        Some(7),
        "start: the exit status of a child, asked for again"
    );
    let killed = child.process.kill();
    killed.expect("start: it is no error to kill a child that has ended");
}

/// `start` works on a thread outside of the runtime.
pub async fn start_works_on_any_thread<R: Runtime>(runtime: R) {
    let on = runtime.clone();
    let child = elsewhere(move || start(&on, sh("echo here")));
    assert_eq!(
        read(child.stdout).await,
        "here\n",
        "start: on another thread"
    );
}

/// `start` of what is no command is an error.
pub async fn start_refuses_what_is_no_command<R: Runtime>(runtime: R) {
    let error = runtime.start(Command::new("/nonexistent/command"));
    let kind = error.map(|child| child.id).map_err(|error| error.kind());
    let missing = Err(io::ErrorKind::NotFound);
    assert_eq!(kind, missing, "start: a command that does not exist");
}

/// Many children run at once, and each is waited for.
pub async fn start_runs_many_children<R: Runtime>(runtime: R) {
    let children: Vec<Child> = (0..32)
        .map(|n| start(&runtime, sh(&format!("read line; exit {n}"))))
        .collect();
    let ends = children.into_iter().map(|mut child| async move {
        drop(child.stdin);
        let status = child.process.wait().await;
        status.expect("start: a child can be waited for").code()
    });
    let codes = in_time("start: each of many children ends", join_all(ends)).await;
    let expected: Vec<_> = (0..32).map(Some).collect();
    assert_eq!(codes, expected, "start: each child's own exit status");
}

/// A wait that was dropped takes nothing with it.
pub async fn start_waits_again_after_a_wait_was_dropped<R: Runtime>(runtime: R) {
    let mut child = start(&runtime, sh("read line; exit 3"));
    {
        let wait = child.process.wait();
        let short = std::pin::pin!(runtime.sleep_until(runtime.now() + Duration::from_millis(20)));
        let first = in_time("sleep_until: a sleep ends", select(wait, short)).await;
        assert!(
            matches!(first, Either::Right(_)),
            "start: a child that runs has ended"
        );
    }
    drop(child.stdin);
    let status = in_time("start: the second wait ends", child.process.wait()).await;
    let code = status
        .expect("start: a child can be waited for again")
        .code();
    assert_eq!(
        code,
        Some(3),
        "start: the exit status after a wait that was dropped"
    );
}

/// `kill` ends a child that does nothing to end.
pub async fn start_kills_a_child<R: Runtime>(runtime: R) {
    let mut child = start(
        &runtime,
        sh("trap '' TERM INT HUP; echo ready; while :; do sleep 1; done"),
    );
    let mut ready = [0; 6];
    let read = in_time("start: a child writes", child.stdout.read_exact(&mut ready)).await;
    read.expect("start: a pipe can be read");
    child.process.kill().expect("start: a child can be killed");
    let status = in_time("start: a child that was killed ends", child.process.wait()).await;
    let code = status.expect("start: a child can be waited for").code();
    assert_eq!(
        code, None,
        "start: a child that was killed has no exit status"
    );
}

/// Whether a process runs: one that has ended and was not waited for does not.
fn runs(id: u32) -> bool {
    let ps = Command::new("ps")
        .args(["-o", "stat=", "-p", &id.to_string()])
        .stderr(Stdio::null())
        .output();
    let state = ps.expect("ps is there").stdout;
    let state = String::from_utf8_lossy(&state);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

/// A child that is dropped is killed.
pub async fn start_kills_a_child_that_is_dropped<R: Runtime>(runtime: R) {
    let mut command = Command::new("sleep");
    command.arg("600");
    let child = start(&runtime, command);
    let id = child.id;
    assert!(runs(id), "start: the id of a child is that of its process");
    drop(child);
    let began = std::time::Instant::now();
    while runs(id) {
        assert!(
            began.elapsed() < limit(),
            "start: a child that was dropped still runs"
        );
        in_time(
            "sleep_until: a sleep ends",
            runtime.sleep_until(runtime.now() + Duration::from_millis(10)),
        )
        .await;
    }
}
