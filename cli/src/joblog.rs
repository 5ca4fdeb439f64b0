//! The job log: one line of JSON for each job that ended, written when it ends.
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use remuda_cli::jobs::{Command, Job};
use remuda_cli::memory::MemoryMib;
use serde::Serialize;

use crate::output;

/// An open job log. After its first error it is silent.
#[derive(Debug)]
pub(crate) struct Joblog {
    file: File,
    path: PathBuf,
    failed: bool,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ran and exited.
    Exit(i32),
    /// It ran and a signal ended it.
    Signal(i32),
    /// It could not be run, or not to its end.
    Error(String),
}

/// When and where a job had its last attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// None: it never got one.
    pub(crate) machine: Option<String>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Its number, from 1 up.
    pub(crate) number: u32,
    /// The most memory that it took, where that was more than it asked for.
    pub(crate) over_memory: Option<MemoryMib>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    command: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<&'a str>,
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<String>,
    attempts: u32,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Shell(&'a str),
    Argv(&'a [String]),
}

impl Joblog {
    /// Opens a job log; what it held before is gone. `jobs` is the job file, which it must not be.
    ///
    /// # Errors
    /// One line that names the file.
    pub(crate) fn open(path: &Path, jobs: Option<&Path>) -> Result<Joblog, String> {
        let file = output::open("--joblog", path, jobs)?;
        Ok(Joblog {
            file,
            path: path.to_owned(),
            failed: false,
        })
    }

    /// Writes the line of a job that ended.
    ///
    /// # Errors
    /// One line that names the file, once.
    pub(crate) fn write(
        &mut self,
        job: &Job,
        attempt: &Attempt,
        ended: &Ended,
    ) -> Result<(), String> {
        if self.failed {
            return Ok(());
        }
        self.append(job, attempt, ended).map_err(|error| {
            self.failed = true;
            format!("--joblog {}: {error}; it ends here", self.path.display())
        })
    }

    /// Whether a line could not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    fn append(&mut self, job: &Job, attempt: &Attempt, ended: &Ended) -> io::Result<()> {
        let (exit, signal, error) = match ended {
            Ended::Exit(code) => (Some(*code), None, None),
            Ended::Signal(signal) => (None, Some(*signal), None),
            Ended::Error(error) => (None, None, Some(error.as_str())),
        };
        let line = Line {
            name: &job.name(),
            command: match &job.command {
                Command::Shell(text) => Words::Shell(text),
                Command::Argv(words) => Words::Argv(words),
            },
            machine: attempt.machine.as_deref(),
            start: format!("{:.3}", attempt.start),
            end: format!("{:.3}", attempt.end),
            exit,
            signal,
            error,
            peak_memory: attempt.over_memory.map(|memory| memory.to_string()),
            attempts: attempt.number,
        };
        // One write for each line, so that a program that follows the file sees whole lines only.
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use remuda_cli::jobs::{Format, parse};
    use remuda_cli::offers::Offers;

    use super::*;

    fn attempt() -> Attempt {
        let start = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let end = Timestamp::from_millisecond(1_700_000_001_000).unwrap();
        Attempt {
            machine: Some("m3".into()),
            start,
            end,
            number: 2,
            over_memory: None,
        }
    }

    #[test]
    fn a_line_tells_what_ran_where_when_and_how_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "an old log").unwrap();
        let jobs = parse(
            br#"{"cmd": ["cp", "a b"], "name": "n"}"#,
            Format::Jsonl,
            &Offers::procs(1),
        )
        .unwrap();
        let mut log = Joblog::open(&path, None).unwrap();
        for ended in [
            Ended::Exit(3),
            Ended::Signal(9),
            Ended::Error("no \"cp\"".into()),
        ] {
            log.write(&jobs[0], &attempt(), &ended).unwrap();
        }
        let lines = |end: &str| {
            format!(
                "{}{end}{}",
                r#"{"name":"n","command":["cp","a b"],"machine":"m3","start":"2023-11-14T22:13:20.123Z","end":"2023-11-14T22:13:21.000Z","#,
                ",\"attempts\":2}\n"
            )
        };
        let expected = [r#""exit":3"#, r#""signal":9"#, r#""error":"no \"cp\"""#]
            .map(lines)
            .concat();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn the_job_file_is_no_job_log() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = dir.path().join("jobs");
        let link = dir.path().join("link");
        std::fs::write(&jobs, "true\n").unwrap();
        std::os::unix::fs::symlink(&jobs, &link).unwrap();
        let error = Joblog::open(&link, Some(&jobs)).unwrap_err();
        assert!(
            error.ends_with("link: it is the job file itself"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&jobs).unwrap(), "true\n");
    }

    #[test]
    fn an_error_is_told_once() {
        let jobs = parse(b"true", Format::Lines, &Offers::procs(1)).unwrap();
        let mut log = Joblog::open(Path::new("/dev/full"), None).unwrap();
        let error = log
            .write(&jobs[0], &attempt(), &Ended::Exit(0))
            .unwrap_err();
        assert!(
            error.starts_with("--joblog /dev/full: ") && log.has_failed(),
            "{error}"
        );
        log.write(&jobs[0], &attempt(), &Ended::Exit(0)).unwrap();
    }
}
