//! `remuda replay --tui` on a real terminal, which tmux is.
mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{Dir, REMUDA, remuda, wait_for};

/// A server of its own, which is gone with the test.
struct Tmux(String);

impl Tmux {
    /// A terminal of 120 by 36 with a command, or nothing where there is no tmux.
    fn start(dir: &Dir, words: &[&str]) -> Option<Tmux> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("SKIPPED: there is no tmux");
            return None;
        }
        let tmux = Tmux(dir.text("tmux"));
        let size = ["-x", "120", "-y", "36"];
        let begun =
            tmux.run(&[&["-f", "/dev/null", "new-session", "-d"], &size[..], words].concat());
        assert!(begun.status.success(), "{begun:?}");
        Some(tmux)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command
            .arg("-S")
            .arg(&self.0)
            .args(words)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color");
        command.output().expect("tmux runs")
    }

    fn press(&self, keys: &[&str]) {
        let pressed = self.run(&[&["send-keys"], keys].concat());
        assert!(pressed.status.success(), "{pressed:?}");
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    fn shows(&self, text: &str) {
        wait_for(text, || self.screen().contains(text));
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.run(&["kill-server"]);
    }
}

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
