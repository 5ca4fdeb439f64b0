//! Job files: one shell command a line, or one JSON object a line. Bytes in, jobs out; total on any input.
mod command;
mod duration;
mod order;

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use serde::Deserialize;

use command::Word;
pub use command::{Command, quoted};
pub use duration::duration;
pub use order::{OrderError, check as check_order};

use crate::memory::MemoryMib;
use crate::offers::Offers;

/// How a job file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One shell command a line; blank lines and lines that start with `#` are skipped.
    Lines,
    /// One JSON object a line: `{"cmd": "…" or ["argv", …], "procs": 2, "memory": "2GiB", "gpus": 1, "machine": true,
    /// "kind": "…", "priority": 5, "name": "…"}`.
    Jsonl,
    /// Shell commands of any bytes, each up to a NUL; empty ones are skipped.
    Nul,
}

impl Format {
    /// The byte that ends a job.
    pub fn end(self) -> u8 {
        match self {
            Format::Lines | Format::Jsonl => b'\n',
            Format::Nul => 0,
        }
    }
}

/// One job of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its line in the file, from 1 up.
    pub line: usize,
    /// What it was named; without a name it goes by its line (see [`Job::name`]).
    pub given_name: Option<String>,
    /// What to run.
    pub command: Command,
    /// How much of a machine it takes.
    pub size: Size,
    /// How much memory it takes, in MiB; 0 if it does not say.
    pub memory_mib: u32,
    /// How many GPUs it takes.
    pub gpus: u32,
    /// Its place in the queue: lower runs first (S3). Default 0.
    pub priority: i64,
    /// What few jobs say: a job without it stays small.
    pub extra: Option<Box<Extra>>,
}

/// What a job may say besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The kind of machine that it wants, by its name or a label; any if it does not say.
    pub kind: Option<String>,
    /// It is ended after this time.
    pub timeout: Option<Duration>,
    /// How often it is run again when it fails.
    pub retries: Option<u32>,
    /// Variables of its environment.
    pub env: Vec<(String, OsString)>,
    /// The directory it runs in.
    pub cwd: Option<OsString>,
    /// The file it reads as its standard input.
    pub stdin: Option<OsString>,
    /// The name of a job: it had best run on the machine that ran that one.
    pub prefer: Option<String>,
    /// Names of jobs that must have succeeded before it runs.
    pub after: Vec<String>,
    /// Names of jobs that must be through before it runs, whatever became of them.
    pub after_any: Vec<String>,
    /// What its lines of output are marked with, if not its name.
    pub tag: Option<String>,
}

/// How much of a machine a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many procs, from 1 up to what a machine has.
    Procs(u32),
    /// A whole machine, however large (F2).
    Machine,
}

/// Why a job file was refused: the first line that is wrong, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// The line, from 1 up.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line of a job file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A byte that is not UTF-8: its place in the line, from 1 up, and its value.
    NotUtf8 {
        /// Place in the line, from 1 up.
        byte: usize,
        /// The byte.
        value: u8,
    },
    /// Not the JSON object that was expected.
    Json {
        /// Place in the line, from 1 up; 0 where the parser knows none.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A NUL in a command: no operating system could pass it on.
    Nul,
    /// A command without a program.
    EmptyCommand,
    /// A name that is empty or has a control character in it.
    BadName,
    /// No procs at all.
    NoProcs,
    /// More procs than a machine has.
    Procs {
        /// What the line asks for.
        asked: u32,
        /// What a machine has.
        limit: u32,
    },
    /// More memory than a machine has.
    Memory {
        /// What the line asks for.
        asked: MemoryMib,
        /// What a machine has.
        limit: MemoryMib,
    },
    /// More GPUs than a machine has.
    Gpus {
        /// What the line asks for.
        asked: u32,
        /// What a machine has.
        limit: u32,
    },
    /// Some machine has enough of each amount, and none of all at once.
    Together,
    /// No kind of machine is called so.
    Kind {
        /// What the line asks for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Both a whole machine and an amount of it were asked for: the name of that amount.
    PartAndMachine(&'static str),
    /// A list, say, where an object was expected.
    NoObject,
    /// A field that has a value it cannot have.
    Field {
        /// Its name.
        name: &'static str,
        /// What would be right.
        reason: String,
    },
}

/// Reads a job file. `offers` is what the machines have: no job may ask for more (F2).
///
/// # Errors
/// The first line that is wrong, with its number: a file is run whole or not at all.
///
/// # Examples
/// ```
/// use remuda_cli::jobs::{Command, Format, parse};
/// use remuda_cli::offers::Offers;
/// let machines = Offers::procs(4);
/// let jobs = parse(b"# two jobs\necho one\necho two | tr a-z A-Z\n", Format::Lines, &machines)?;
/// assert_eq!(jobs.len(), 2);
/// assert_eq!(jobs[1].command, Command::Shell("echo two | tr a-z A-Z".into()));
/// assert_eq!(jobs[1].name(), "3");
///
/// let error = parse(br#"{"cmd": "make", "procs": 9}"#, Format::Jsonl, &machines).unwrap_err();
/// assert_eq!(error.to_string(), "line 1: procs 9 is more than a machine has (limit 4)");
/// # Ok::<(), remuda_cli::jobs::JobError>(())
/// ```
pub fn parse(bytes: &[u8], format: Format, offers: &Offers) -> Result<Vec<Job>, JobError> {
    let mut parser = Parser::new(format, offers);
    let mut jobs = Vec::new();
    for raw in bytes.split(|&byte| byte == format.end()) {
        jobs.extend(parser.line(raw)?);
    }
    Ok(jobs)
}

/// Reads a job file line by line.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    format: Format,
    offers: &'a Offers,
    line: usize,
}

impl Parser<'_> {
    /// At the beginning of a file. `offers` is what the machines have.
    pub fn new(format: Format, offers: &Offers) -> Parser<'_> {
        Parser {
            format,
            offers,
            line: 0,
        }
    }

    /// The job of the next line, if it has one. The line comes without its end.
    ///
    /// # Errors
    /// What is wrong with it, or that no machine could hold it.
    pub fn line(&mut self, raw: &[u8]) -> Result<Option<Job>, JobError> {
        let raw = match self.line {
            0 if self.format != Format::Nul => raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw),
            _ => raw,
        };
        self.line += 1;
        let line = self.line;
        let without_return = || text(raw.strip_suffix(b"\r").unwrap_or(raw));
        let parsed = match self.format {
            Format::Lines => without_return().and_then(plain),
            Format::Jsonl => without_return().and_then(json),
            Format::Nul if raw.is_empty() => Ok(None),
            Format::Nul => job(Command::Shell(OsStr::from_bytes(raw).to_owned())).map(Some),
        };
        let checked = parsed.and_then(|job| {
            job.as_ref().map_or(Ok(()), |job| self.offers.check(job))?;
            Ok(job)
        });
        match checked {
            Ok(job) => Ok(job.map(|job| Job { line, ..job })),
            Err(problem) => Err(JobError { line, problem }),
        }
    }
}

impl Job {
    /// One proc for this command, by the number of its line.
    ///
    /// # Errors
    /// It is empty, or no operating system could pass it on.
    pub fn new(line: usize, command: Command) -> Result<Job, JobError> {
        match job(command) {
            Ok(job) => Ok(Job { line, ..job }),
            Err(problem) => Err(JobError { line, problem }),
        }
    }

    /// What the job goes by: the name it was given, or else the number of its line.
    pub fn name(&self) -> Cow<'_, str> {
        match &self.given_name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.line.to_string()),
        }
    }

    /// What marks its lines of output.
    pub fn tag(&self) -> Cow<'_, str> {
        let tag = self.extra.as_ref().and_then(|extra| extra.tag.as_deref());
        tag.map_or_else(|| self.name(), Cow::Borrowed)
    }

    /// The kind of machine that it wants, by its name or a label; any if it does not say.
    pub fn kind(&self) -> Option<&str> {
        self.extra.as_ref().and_then(|extra| extra.kind.as_deref())
    }

    /// The names of the jobs it waits for, and whether each must have succeeded.
    pub fn waits_for(&self) -> impl Iterator<Item = (&str, bool)> {
        self.extra.iter().flat_map(|extra| {
            let after = extra.after.iter().map(|name| (name.as_str(), true));
            after.chain(extra.after_any.iter().map(|name| (name.as_str(), false)))
        })
    }

    /// The names of all jobs that it speaks of: those that it waits for, then the one whose machine it prefers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let prefers = self
            .extra
            .iter()
            .filter_map(|extra| extra.prefer.as_deref());
        self.waits_for().map(|(name, _)| name).chain(prefers)
    }
}

fn text(raw: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(raw).map_err(|error| {
        let at = error.valid_up_to();
        Problem::NotUtf8 {
            byte: at + 1,
            value: raw[at],
        }
    })
}

/// A job without its line: the caller knows that.
fn job(command: Command) -> Result<Job, Problem> {
    let words = command.words();
    let blank = |word: &OsString| word.as_bytes().trim_ascii().is_empty();
    // In text, other blanks than those of ASCII are none of a program either.
    let blank_text = |word: &OsString| word.to_str().is_some_and(|text| text.trim().is_empty());
    if words
        .first()
        .is_none_or(|word| blank(word) || blank_text(word))
    {
        return Err(Problem::EmptyCommand);
    }
    if words.iter().any(|word| word.as_bytes().contains(&0)) {
        return Err(Problem::Nul);
    }
    Ok(Job {
        line: 0,
        given_name: None,
        command,
        size: Size::Procs(1),
        memory_mib: 0,
        gpus: 0,
        priority: 0,
        extra: None,
    })
}

fn plain(text: &str) -> Result<Option<Job>, Problem> {
    let start = text.trim_start();
    if start.is_empty() || start.starts_with('#') {
        return Ok(None);
    }
    job(Command::Shell(text.into())).map(Some)
}

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

fn json(text: &str) -> Result<Option<Job>, Problem> {
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
        ..job(line.cmd)?
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

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotUtf8 { byte, value } => {
                write!(f, "byte {byte} of the line is not UTF-8 (0x{value:02x})")
            }
            Problem::Json { column: 0, reason } => write!(f, "bad JSON: {reason}"),
            Problem::Json { column, reason } => write!(f, "bad JSON at column {column}: {reason}"),
            Problem::Nul => f.write_str("a NUL character in the command"),
            Problem::EmptyCommand => f.write_str("the command is empty"),
            Problem::BadName => f.write_str("the name is empty or has a control character in it"),
            Problem::NoProcs => f.write_str("procs 0: a job takes at least 1"),
            Problem::Procs { asked, limit } => more(f, "procs", asked, limit),
            Problem::Memory { asked, limit } => more(f, "memory", asked, limit),
            Problem::Gpus { asked, limit } => more(f, "gpus", asked, limit),
            Problem::Together => {
                f.write_str("no kind of machine has so much of all that it asks for at once")
            }
            Problem::Kind { asked, known } if known.is_empty() => write!(
                f,
                "kind {asked:?}: the kinds of machine have no names here (see --host and --cluster)"
            ),
            Problem::Kind { asked, known } => write!(
                f,
                "kind {asked:?}: none is called so (there are: {})",
                known.join(", ")
            ),
            Problem::NoObject => f.write_str(
                "a list where an object was expected, such as {\"cmd\": [\"cp\", \"a\", \"b\"]}",
            ),
            Problem::Field { name, reason } => write!(f, "{name}: {reason}"),
            Problem::PartAndMachine(part) => {
                write!(f, "{part} and \"machine\": true exclude each other")
            }
        }
    }
}

fn more(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    asked: &dyn fmt::Display,
    limit: &dyn fmt::Display,
) -> fmt::Result {
    write!(
        f,
        "{what} {asked} is more than a machine has (limit {limit})"
    )
}

impl core::error::Error for JobError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(bytes: &[u8], format: Format) -> String {
        parse(bytes, format, &Offers::procs(8))
            .expect_err("this file is wrong")
            .to_string()
    }

    #[test]
    fn a_line_is_a_command_and_comments_and_blank_lines_are_none() {
        let jobs = parse(
            b"\xef\xbb\xbfecho a\r\n\n  # not me\n\t\n  echo '# b'\n",
            Format::Lines,
            &Offers::procs(1),
        )
        .unwrap();
        let commands: Vec<_> = jobs
            .iter()
            .map(|job| (job.line, job.command.clone(), job.name()))
            .collect();
        assert_eq!(
            commands,
            [
                (1, Command::Shell("echo a".into()), "1".into()),
                (5, Command::Shell("  echo '# b'".into()), "5".into()),
            ]
        );
        assert!(
            jobs.iter()
                .all(|job| job.size == Size::Procs(1) && job.priority == 0)
        );
    }

    #[test]
    fn a_json_line_says_what_and_how_much() {
        let file = br#"{"cmd": "make -j2", "procs": 2, "priority": -5, "name": "build"}

{"cmd": ["echo", "a b", ""], "machine": true}
{"cmd": "x", "machine": false, "name": null, "procs": null}"#;
        let jobs = parse(file, Format::Jsonl, &Offers::procs(2)).unwrap();
        assert_eq!(jobs.len(), 3);
        assert_eq!(
            jobs[0],
            Job {
                line: 1,
                given_name: Some("build".into()),
                command: Command::Shell("make -j2".into()),
                size: Size::Procs(2),
                memory_mib: 0,
                gpus: 0,
                priority: -5,
                extra: None,
            }
        );
        assert_eq!(
            jobs[1].command,
            Command::Argv(vec!["echo".into(), "a b".into(), "".into()])
        );
        assert_eq!((jobs[1].size, jobs[1].name()), (Size::Machine, "3".into()));
        assert_eq!((jobs[2].size, jobs[2].name()), (Size::Procs(1), "4".into()));
    }

    #[test]
    fn a_wrong_line_is_named_with_its_reason() {
        assert_eq!(
            refused(b"ok\nab\xffcd\n", Format::Lines),
            "line 2: byte 3 of the line is not UTF-8 (0xff)"
        );
        assert_eq!(
            refused(b"a\0b", Format::Lines),
            "line 1: a NUL character in the command"
        );
        let json = |text: &str| refused(format!("\n{text}").as_bytes(), Format::Jsonl);
        assert_eq!(
            json(r#"{"cmd": "a", "procs": 0}"#),
            "line 2: procs 0: a job takes at least 1"
        );
        assert_eq!(
            json(r#"{"cmd": "a", "procs": 9}"#),
            "line 2: procs 9 is more than a machine has (limit 8)"
        );
        assert_eq!(
            json(r#"{"cmd": "a", "procs": 5000000000}"#),
            "line 2: bad JSON at column 32: invalid value: integer `5000000000`, expected u32"
        );
        assert_eq!(
            json(r#"{"cmd": "a", "procs": 1, "machine": true}"#),
            "line 2: procs and \"machine\": true exclude each other"
        );
        for part in [r#""memory": "1GiB""#, r#""gpus": 0"#] {
            let error = json(&format!(r#"{{"cmd": "a", "machine": true, {part}}}"#));
            assert!(
                error.ends_with(" and \"machine\": true exclude each other"),
                "{error}"
            );
        }
        assert_eq!(
            json(r#"{"cmd": "a", "memory": "2"}"#),
            "line 2: bad JSON at column 26: invalid value: string \"2\", expected an amount of memory with its unit, such as \"2GiB\""
        );
        assert_eq!(
            json(r#"{"cmd": "a", "kind": "b"}"#),
            "line 2: kind \"b\": the kinds of machine have no names here (see --host and --cluster)"
        );
        assert_eq!(json(r#"{"cmd": []}"#), "line 2: the command is empty");
        assert_eq!(json(r#"{"cmd": " "}"#), "line 2: the command is empty");
        assert_eq!(json(r#"{"cmd": [""]}"#), "line 2: the command is empty");
        assert_eq!(
            json(r#"{"cmd": "a\u0000"}"#),
            "line 2: a NUL character in the command"
        );
        assert_eq!(
            json(r#"{"cmd": "a", "name": "x\ny"}"#),
            "line 2: the name is empty or has a control character in it"
        );
        assert_eq!(
            json(r#"{"cmd": "a", "proc": 1}"#),
            "line 2: bad JSON at column 19: unknown field `proc`, expected one of `cmd`, `procs`, `memory`, `gpus`, `machine`, `kind`, `priority`, `name`, `timeout`, `retries`, `env`, `cwd`, `stdin`, `prefer`, `after`, `after_any`"
        );
        assert_eq!(
            json(r#"{"cmd": 3}"#),
            "line 2: bad JSON at column 9: invalid type: integer `3`, expected a string or a list of strings as cmd"
        );
        assert!(json(r#"{"cmd": "a", "procs": -1}"#).contains("invalid value: integer `-1`"));
        assert!(json("{}").contains("missing field `cmd`"));
        assert!(json("echo a").starts_with("line 2: bad JSON at column 1: "));
        assert!(json(&"{\"cmd\":".repeat(10_000)).starts_with("line 2: bad JSON at column "));
    }

    #[test]
    fn a_json_line_says_what_few_jobs_say() {
        let file = br#"{"cmd": "x", "timeout": 1.5, "retries": 2, "env": {"A": "\udcff"}, "cwd": "/tmp", "stdin": "in", "prefer": "p", "after": ["a"], "after_any": ["b"]}
{"cmd": "x", "timeout": "1m30s", "after": []}
{"cmd": "x", "after": null, "env": {}}"#;
        let jobs = parse(file, Format::Jsonl, &Offers::procs(2)).unwrap();
        let extra = Extra {
            kind: None,
            timeout: Some(Duration::from_millis(1500)),
            retries: Some(2),
            env: vec![("A".into(), OsStr::from_bytes(b"\xff").to_owned())],
            cwd: Some("/tmp".into()),
            stdin: Some("in".into()),
            prefer: Some("p".into()),
            after: vec!["a".into()],
            after_any: vec!["b".into()],
            tag: None,
        };
        assert_eq!(jobs[0].extra.as_deref(), Some(&extra));
        let waits: Vec<_> = jobs[0].waits_for().collect();
        assert_eq!(waits, [("a", true), ("b", false)]);
        assert_eq!(jobs[0].names().collect::<Vec<_>>(), ["a", "b", "p"]);
        let timeout = jobs[1].extra.as_ref().unwrap().timeout;
        assert_eq!(timeout, Some(Duration::from_secs(90)));
        assert_eq!(jobs[2].extra, None);
        for (line, error) in [
            (
                r#"{"cmd": "x", "timeout": -1}"#,
                "line 1: timeout: expected a time",
            ),
            (
                r#"{"cmd": "x", "timeout": "soon"}"#,
                "line 1: timeout: expected a time",
            ),
            (
                r#"{"cmd": "x", "timeout": []}"#,
                "line 1: bad JSON at column 27: expected seconds, or a text",
            ),
            (r#"{"cmd": "x", "cwd": ""}"#, "line 1: cwd: expected a path"),
            (
                r#"{"cmd": "x", "env": {"A=B": "c"}}"#,
                "line 1: env: a name or value",
            ),
            (
                r#"["echo", 1]"#,
                "line 1: a list where an object was expected",
            ),
        ] {
            let said = refused(line.as_bytes(), Format::Jsonl);
            assert!(said.starts_with(error), "{line}: {said}");
        }
    }

    #[test]
    fn commands_that_end_with_nul_may_have_any_bytes() {
        let jobs = parse(b"rm a\xff\0\0# b\nc\0", Format::Nul, &Offers::procs(2)).unwrap();
        let commands: Vec<_> = jobs
            .iter()
            .map(|job| (job.line, job.command.clone()))
            .collect();
        let shell = |bytes: &[u8]| Command::Shell(OsStr::from_bytes(bytes).to_owned());
        assert_eq!(commands, [(1, shell(b"rm a\xff")), (3, shell(b"# b\nc"))]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_jobs_or_an_error_that_names_a_line(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for format in [Format::Lines, Format::Jsonl, Format::Nul] {
                let lines = bytes.split(|&byte| byte == format.end()).count();
                match parse(&bytes, format, &Offers::procs(4)) {
                    Ok(jobs) => prop_assert!(jobs.len() <= lines),
                    Err(error) => prop_assert!((1..=lines).contains(&error.line) && !error.to_string().is_empty()),
                }
            }
        }

        #[test]
        fn near_json_never_panics(text in r#"(\{"cmd": ?("[a-z ]*"|\["a"\]|3)(, ?"(procs|memory|gpus|machine|kind|priority|name|x)": ?(-?[0-9]{1,22}|true|"[a-z]*"|null))*\}?\n?){0,4}"#) {
            if let Ok(jobs) = parse(text.as_bytes(), Format::Jsonl, &Offers::procs(4)) {
                for job in jobs {
                    let fits = match job.size { Size::Procs(procs) => (1..=4).contains(&procs), Size::Machine => true };
                    prop_assert!(fits);
                }
            }
        }
    }
}
