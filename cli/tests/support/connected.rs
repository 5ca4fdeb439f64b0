//! A worker that connects back to a run.
#![allow(dead_code)] // Each test file uses its own part.
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::support::{Dir, REMUDA, wait_for};

/// A port that was free a moment ago.
pub(crate) fn address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

/// A new key of a cluster.
pub(crate) fn key(dir: &Dir) -> String {
    let file = dir.text("key");
    let status = Command::new(REMUDA).args(["key", &file]).status();
    assert!(status.expect("it runs").success());
    file
}

/// `remuda worker --connect`; killed when it is dropped.
pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    pub(crate) fn start(address: &str, key: &str, words: &[&str]) -> Worker {
        let mut command = Command::new(REMUDA);
        command.args(["worker", "--connect", address, "--key-file", key]);
        command
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        Worker(command.spawn().expect("it runs"))
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().expect("it is ours").is_some()
    }

    /// Its exit status, and what it said.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        wait_for("the worker's end", || self.is_over());
        let mut said = String::new();
        let stderr = self.0.stderr.as_mut().expect("it is piped");
        std::io::Read::read_to_string(stderr, &mut said).expect("text");
        (self.0.wait().expect("it is ours").code(), said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
