//! A real terminal, which tmux is.
#![allow(dead_code)] // Each test file uses its own part.
use std::process::{Command, Output};

use crate::support::{Dir, wait_for};

/// A server of its own, which is gone with the test.
pub(crate) struct Tmux(String);

impl Tmux {
    /// A terminal of 120 by 36 with a command, or nothing where there is no tmux.
    pub(crate) fn start(dir: &Dir, words: &[&str]) -> Option<Tmux> {
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

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command
            .arg("-S")
            .arg(&self.0)
            .args(words)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color");
        command.output().expect("tmux runs")
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        let pressed = self.run(&[&["send-keys"], keys].concat());
        assert!(pressed.status.success(), "{pressed:?}");
    }

    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        wait_for(text, || self.screen().contains(text));
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.run(&["kill-server"]);
    }
}
