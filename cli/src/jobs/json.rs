//! A line of JSON that is a job.
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use serde::Deserialize;

use super::command::{Command, Word};
use super::duration::duration;
use super::error::Problem;
use super::job::{self, Extra, Job, Size};
use crate::memory::MemoryMib;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    cmd: Command,
    procs: Option<u32>,
    memory: Option<MemoryMib>,
    gpus: Option<u32>,
    #[serde(default)]
    machine: bool,
    kind: Option<String>,
    #[serde(default)]
    priority: i64,
    name: Option<String>,
    timeout: Option<Seconds>,
    retries: Option<u32>,
    env: Option<BTreeMap<String, Word>>,
    cwd: Option<Word>,
    stdin: Option<Word>,
    prefer: Option<String>,
    after: Option<Vec<String>>,
    after_any: Option<Vec<String>>,
}

/// A time: seconds, or a text such as "1m30s".
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected seconds, or a text such as \"1m30s\"")]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Line {
    /// What few jobs say, checked; none if it says nothing of it.
    fn extra(&mut self) -> Result<Option<Box<Extra>>, Problem> {
        let wrong = |name, reason: &str| Problem::Field {
            name,
            reason: reason.into(),
        };
        let timeout = self.timeout.take().map(|time| match time {
            Seconds::Number(seconds) => duration(&seconds.to_string()),
            Seconds::Text(text) => duration(&text),
        });
        let timeout = timeout.transpose().map_err(|reason| Problem::Field {
            name: "timeout",
            reason,
        })?;
        let path = |name, word: &mut Option<Word>| match word.take() {
            Some(Word(path)) if path.is_empty() || path.as_bytes().contains(&0) => {
                Err(wrong(name, "expected a path"))
            }
            path => Ok(path.map(|Word(path)| path)),
        };
        let env = self.env.take().unwrap_or_default();
        for (name, Word(value)) in &env {
            if name.is_empty() || name.contains(['=', '\0']) || value.as_bytes().contains(&0) {
                return Err(wrong(
                    "env",
                    "a name or value that no environment could hold",
                ));
            }
        }
        let extra = Extra {
            kind: self.kind.take(),
            timeout,
            retries: self.retries,
            env: env
                .into_iter()
                .map(|(name, Word(value))| (name, value))
                .collect(),
            cwd: path("cwd", &mut self.cwd)?,
            stdin: path("stdin", &mut self.stdin)?,
            prefer: self.prefer.take(),
            after: self.after.take().unwrap_or_default(),
            after_any: self.after_any.take().unwrap_or_default(),
            tag: None,
        };
        Ok((extra != Extra::default()).then(|| Box::new(extra)))
    }
}

/// The job of a line; none if the line is blank.
pub(super) fn parse(text: &str) -> Result<Option<Job>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    // A list would be taken for the fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(Problem::NoObject);
    }
    let mut line: Line = serde_json::from_str(text).map_err(|error| json_problem(&error))?;
    let parts = [
        ("procs", line.procs.is_some()),
        ("memory", line.memory.is_some()),
        ("gpus", line.gpus.is_some()),
    ];
    let size = match parts.into_iter().find(|(_, asked)| *asked) {
        Some((part, _)) if line.machine => return Err(Problem::PartAndMachine(part)),
        _ if line.machine => Size::Machine,
        _ => match line.procs.unwrap_or(1) {
            0 => return Err(Problem::NoProcs),
            procs => Size::Procs(procs),
        },
    };
    if line
        .name
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.contains(char::is_control))
    {
        return Err(Problem::BadName);
    }
    Ok(Some(Job {
        extra: line.extra()?,
        given_name: line.name,
        size,
        memory_mib: line.memory.map_or(0, |memory| memory.0),
        gpus: line.gpus.unwrap_or(0),
        priority: line.priority,
        ..job::of(line.cmd)?
    }))
}

/// The parser's own words without its "line 1", which would contradict the file's.
fn json_problem(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    Problem::Json {
        column: error.column(),
        reason: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
    }
}
