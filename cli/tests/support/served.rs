//! A run that is served, and how it is asked.
#![allow(dead_code)] // Each test file uses its own part.
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{DEADLINE, Dir, Run, remuda, wait_for};

/// A run whose server is there, with its output in `out` and its messages in `err`.
pub(crate) struct Served {
    pub(crate) run: Run,
    /// What it has printed: the whole address.
    pub(crate) printed: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    /// `remuda run --serve 127.0.0.1:0` with these words, in the folder.
    pub(crate) fn start(words: &[&str], dir: &Dir) -> Served {
        Served::spawn(remuda(&[&["--serve", "0"], words].concat()), dir)
    }

    pub(crate) fn spawn(mut command: Command, dir: &Dir) -> Served {
        let file = |name: &str| Stdio::from(fs::File::create(dir.at(name)).expect("it is ours"));
        command
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"));
        let run = Run::spawn(&mut command);
        let printed = || {
            let err = fs::read_to_string(dir.at("err")).unwrap_or_default();
            let line = err.lines().find(|line| line.contains("serving http://"))?;
            // Not one that is still being written.
            err.contains(&format!("{line}\n")).then_some(())?;
            Some(line.split_once("serving ")?.1.to_owned())
        };
        wait_for("the server", || printed().is_some());
        Served {
            run,
            printed: printed().expect("it is there"),
        }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        let plain = self.printed.strip_prefix("http://").expect("it is HTTP");
        plain.split('/').next().expect("a host and a port")
    }

    /// Where a program of this host asks.
    pub(crate) fn local(&self) -> String {
        let port = self.address().rsplit(':').next().expect("a port");
        format!("127.0.0.1:{port}")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let host = self.local();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.send(head.as_bytes()).expect("it answers")
    }

    /// A request with more headers, each with its end.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
        self.send(head.as_bytes()).expect("it answers")
    }

    /// Sends this and reads the answer; none if there is none.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        // It may have answered, and closed, before it has read all.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some(Answer {
            status: head.get(9..12)?.parse().ok()?,
            head: head.to_lowercase(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.local()).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    }

    pub(crate) fn state(&self) -> Value {
        let answer = self.get("/state");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("content-type: application/json"));
        serde_json::from_str(&answer.body).expect("it is JSON")
    }

    /// Waits until the state is so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut state = Value::Null;
        wait_for(what, || {
            state = self.state();
            holds(&state)
        });
        state
    }

    /// The value of a metric, as it is written: `remuda_requests{state="queued"}`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
        value.trim().parse().expect("a number")
    }
}
