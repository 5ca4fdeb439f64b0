//! `remuda replay --tui` on a real terminal, which tmux is.
mod support;
#[path = "support/tmux.rs"]
mod tmux;

use std::path::Path;
use std::process::Command;

use support::{Dir, REMUDA, remuda, wait_for};
use tmux::Tmux;

#[test]
fn a_recorded_run_is_stepped_through_on_a_terminal() {
    let dir = Dir::new();
    let (journal, jobs) = (dir.text("run.journal"), dir.text("jobs"));
    std::fs::write(&jobs, "true\n".repeat(40)).unwrap();
    let words = [
        "--max-procs",
        "2",
        "--machine-procs",
        "1",
        "--journal",
        &journal,
        &jobs,
    ];
    assert!(remuda(&words).output().unwrap().status.success());
    let Some(tmux) = Tmux::start(&dir, &[REMUDA, "replay", &journal, "--tui"]) else {
        return;
    };
    tmux.shows("before the first event");
    tmux.press(&["Right"]);
    tmux.shows("after event #1 ");
    tmux.press(&["g"]);
    tmux.shows("-> grant r0");
    let first = tmux.screen();
    tmux.press(&["Right"]);
    wait_for("a step", || tmux.screen() != first);
    tmux.press(&["Left"]);
    wait_for("the step back", || tmux.screen() == first);
    tmux.press(&["End"]);
    tmux.shows("0 wait, 0 run");
    // Another size is drawn at once.
    let _ = tmux.run(&["resize-window", "-x", "60", "-y", "20"]);
    wait_for("the smaller screen", || {
        tmux.screen().lines().count() <= 20 && tmux.screen().contains("queue")
    });
    tmux.press(&["q"]);
    // With its only window the server ends.
    wait_for("the end", || !tmux.run(&["has-session"]).status.success());
}

#[test]
fn without_a_terminal_it_says_so() {
    let dir = Dir::new();
    let scenario = dir.text("run.jsonl");
    std::fs::write(
        Path::new(&scenario),
        "{\"config\": {\"machine_procs\": 1, \"max_procs\": 1}}\n",
    )
    .unwrap();
    let mut command = Command::new(REMUDA);
    let output = command
        .args(["replay", &scenario, "--tui"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--tui needs a terminal"), "{said}");
}
