//! The job log: one line for each job that is through, written when it is. It is appended to, so that a later run can go on
//! where an earlier one ended.
mod gnu;
mod resume;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use remuda::Demand;
use remuda_cli::jobs::{Command, Job};
use remuda_cli::memory::MemoryMib;
use serde::Serialize;

use crate::ended::Ended;
use crate::output::{Files, Mode};

pub(crate) use resume::Done;

/// An open job log. After its first error it is silent.
#[derive(Debug)]
pub(crate) struct Joblog {
    file: File,
    path: PathBuf,
    format: LogFormat,
    failed: bool,
}

/// How a job log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// A line of JSON for each job.
    Json,
    /// The columns of GNU parallel, below a line that names them.
    Gnu,
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

impl Attempt {
    /// Of a job that had none.
    pub(crate) fn none() -> Attempt {
        let now = Timestamp::now();
        Attempt {
            machine: None,
            start: now,
            end: now,
            number: 0,
            over_memory: None,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    command: &'a Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<&'a str>,
    start: String,
    end: String,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<String>,
    /// What it took of its machine, where that was not one proc.
    #[serde(skip_serializing_if = "Option::is_none")]
    procs: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
    attempts: u32,
}

impl Joblog {
    /// Opens a job log, to write behind what it holds.
    ///
    /// # Errors
    /// One line that names the file: also if it holds anything but a job log of this format.
    pub(crate) fn open(
        path: &Path,
        format: LogFormat,
        files: &mut Files,
    ) -> Result<Joblog, String> {
        let mut file = files.open("--joblog", path, Mode::Append, "it is the job log too")?;
        let failed =
            |error: &dyn std::fmt::Display| format!("--joblog {}: {error}", path.display());
        let plain = file.metadata().is_ok_and(|found| found.is_file());
        let empty = if plain {
            check(&mut file, format).map_err(|error| failed(&error))?
        } else {
            true
        };
        let mut log = Joblog {
            file,
            path: path.to_owned(),
            format,
            failed: false,
        };
        if empty && format == LogFormat::Gnu {
            let head = log.file.write_all(gnu::HEAD.as_bytes());
            head.map_err(|error| failed(&error))?;
        }
        Ok(log)
    }

    /// The jobs that it holds; those that did not succeed only if they count as done.
    ///
    /// # Errors
    /// One line that names the file.
    pub(crate) fn done(&self, failed_too: bool) -> Result<Done, String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("--joblog {}: {error}", self.path.display());
        if !self.file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(failed(&"it is no file that an earlier run has left"));
        }
        let mut done = Done::default();
        let read = || -> io::Result<()> {
            let mut file = &self.file;
            file.seek(SeekFrom::Start(0))?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line?;
                let found = match self.format {
                    LogFormat::Json => resume::json(&line),
                    LogFormat::Gnu => gnu::read(&line),
                };
                if let Some(found) = found
                    && (found.ok || failed_too && found.through)
                {
                    done.add(&found);
                } else if let Some(found) = found {
                    // The last word counts.
                    done.remove(&found);
                }
            }
            Ok(())
        };
        let mut read = read;
        read().map_err(|error| failed(&error))?;
        Ok(done)
    }

    /// Writes the line of a job that is through.
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
        // One write for each line, so that a program that follows the file sees whole lines only.
        let bytes = match self.format {
            LogFormat::Json => json(job, attempt, ended)?,
            LogFormat::Gnu => gnu::line(job, attempt, ended),
        };
        self.file.write_all(&bytes)
    }
}

fn json(job: &Job, attempt: &Attempt, ended: &Ended) -> io::Result<Vec<u8>> {
    let (mut exit, mut signal, mut error) = (None, None, None);
    match ended {
        Ended::Exit(code) => exit = Some(*code),
        Ended::Signal(number) => signal = Some(*number),
        Ended::Error(text) => error = Some(text.clone()),
        Ended::TimedOut(limit) => error = Some(format!("timed out after {limit:?}")),
        Ended::Interrupted => {}
        Ended::Skipped(other) => error = Some(format!("job {other} did not succeed")),
    }
    let line = Line {
        name: &job.name(),
        command: &job.command,
        machine: attempt.machine.as_deref(),
        start: format!("{:.3}", attempt.start),
        end: format!("{:.3}", attempt.end),
        state: ended.state(),
        exit,
        signal,
        error: error.as_deref(),
        peak_memory: attempt.over_memory.map(|memory| memory.to_string()),
        procs: match job.demand() {
            Demand::Amounts(amounts) => Some(amounts.proc_count()).filter(|procs| *procs != 1),
            Demand::Machine => None,
        },
        whole: job.demand() == Demand::Machine,
        attempts: attempt.number,
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Whether a file is empty; if not, it must be a log of this format. A line that was cut is ended.
fn check(file: &mut File, format: LogFormat) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::Start(0))?;
    let mut first = [0; 4];
    let read = file.read(&mut first)?;
    let found = match &first[..read] {
        b"Seq\t" => Some(LogFormat::Gnu),
        [b'{', ..] => Some(LogFormat::Json),
        _ => None,
    };
    if found != Some(format) {
        return Err(io::Error::other(match found {
            None => "it holds something else, and is left alone",
            Some(LogFormat::Gnu) => "it is in the format of GNU parallel (see --joblog-format)",
            Some(LogFormat::Json) => "it is in our own format (see --joblog-format)",
        }));
    }
    file.seek(SeekFrom::Start(length - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use remuda_cli::jobs::Format;
    use remuda_cli::offers::Offers;

    use super::*;

    fn parse(file: &[u8], format: Format) -> Vec<Job> {
        remuda_cli::jobs::parse(file, format, &Offers::procs(1)).unwrap()
    }

    fn open(path: &Path, format: LogFormat) -> Result<Joblog, String> {
        Joblog::open(path, format, &mut Files::new())
    }

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
        let jobs = parse(br#"{"cmd": ["cp", "a b"], "name": "n"}"#, Format::Jsonl);
        let mut log = open(&path, LogFormat::Json).unwrap();
        for ended in [
            Ended::Exit(0),
            Ended::Exit(3),
            Ended::Signal(9),
            Ended::Error("no \"cp\"".into()),
            Ended::TimedOut(std::time::Duration::from_millis(1500)),
            Ended::Interrupted,
            Ended::Skipped("a".into()),
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
        let expected = [
            r#""state":"ok","exit":0"#,
            r#""state":"failed","exit":3"#,
            r#""state":"failed","signal":9"#,
            r#""state":"failed","error":"no \"cp\"""#,
            r#""state":"timeout","error":"timed out after 1.5s""#,
            r#""state":"interrupted""#,
            r#""state":"skipped","error":"job a did not succeed""#,
        ]
        .map(lines)
        .concat();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        let over = Attempt {
            over_memory: Some(MemoryMib(1536)),
            ..attempt()
        };
        log.write(&jobs[0], &over, &Ended::Exit(0)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.ends_with(",\"exit\":0,\"peak_memory\":\"1536MiB\",\"attempts\":2}\n"),
            "{text}"
        );
    }

    #[test]
    fn a_line_tells_what_a_job_took_if_not_one_proc() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = open(&path, LogFormat::Json).unwrap();
        let file = br#"{"cmd": "a", "procs": 3}
{"cmd": "b", "machine": true}"#;
        let offers = Offers::procs(4);
        for job in remuda_cli::jobs::parse(file, Format::Jsonl, &offers).unwrap() {
            log.write(&job, &attempt(), &Ended::Exit(0)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let ends: Vec<_> = text
            .lines()
            .map(|line| line.split_once("\"exit\":0,").unwrap().1)
            .collect();
        assert_eq!(
            ends,
            [
                "\"procs\":3,\"attempts\":2}",
                "\"whole\":true,\"attempts\":2}"
            ]
        );
    }

    #[test]
    fn it_is_appended_to_and_what_is_no_log_is_left_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (held, format, expected) in [
            (
                "my thesis",
                LogFormat::Json,
                "it holds something else, and is left alone",
            ),
            ("{}\n", LogFormat::Gnu, "our own format"),
            ("Seq\tHost\n", LogFormat::Json, "the format of GNU parallel"),
        ] {
            std::fs::write(&path, held).unwrap();
            let error = open(&path, format).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), held);
        }
        std::fs::write(&path, "{\"cut").unwrap();
        let jobs = parse(b"true", Format::Lines);
        let mut log = open(&path, LogFormat::Json).unwrap();
        log.write(&jobs[0], &attempt(), &Ended::Exit(0)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"cut\n{\"name\":\"1\""), "{text}");
        // A second writer is refused, until the first is gone.
        let error = open(&path, LogFormat::Json).unwrap_err();
        assert!(error.ends_with("log: another run writes to it"), "{error}");
        drop(log);
        open(&path, LogFormat::Json).unwrap();
        std::fs::remove_file(&path).unwrap();
        open(&path, LogFormat::Json).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_done_is_what_was_said_last_of_a_name_and_command() {
        let dir = tempfile::tempdir().unwrap();
        let file = br#"{"cmd": "a", "name": "x"}
{"cmd": "b", "name": "x"}
{"cmd": ["c", "d e"]}
{"cmd": "f\udcff\ng"}
{"cmd": "h"}"#;
        let mut jobs = parse(file, Format::Jsonl);
        for format in [LogFormat::Json, LogFormat::Gnu] {
            if format == LogFormat::Gnu {
                // It has no names.
                jobs.iter_mut().for_each(|job| job.given_name = None);
            }
            let path = dir.path().join(format!("{format:?}"));
            let mut log = open(&path, format).unwrap();
            for (job, ended) in [
                (0, Ended::Exit(0)),
                (1, Ended::Exit(3)),
                (2, Ended::Exit(3)),
                (2, Ended::Exit(0)),
                (3, Ended::Exit(0)),
                (3, Ended::Interrupted),
            ] {
                log.write(&jobs[job], &attempt(), &ended).unwrap();
            }
            let done = |failed_too: bool| -> Vec<_> {
                let done = log.done(failed_too).unwrap();
                jobs.iter().map(|job| done.find(job)).collect()
            };
            assert_eq!(
                done(false),
                [Some(true), None, Some(true), None, None],
                "{format:?}"
            );
            assert_eq!(
                done(true),
                [Some(true), Some(false), Some(true), None, None],
                "{format:?}"
            );
        }
    }

    #[test]
    fn an_error_is_told_once() {
        let jobs = parse(b"true", Format::Lines);
        let mut log = open(Path::new("/dev/full"), LogFormat::Json).unwrap();
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
