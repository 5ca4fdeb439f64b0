//! Job files: one shell command a line, or one JSON object a line. Bytes in, jobs out; total on any input.
mod command;
mod duration;
mod error;
mod job;
mod json;
mod order;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

pub use command::{Command, quoted};
pub use duration::duration;
pub use error::{JobError, Problem};
pub use job::{Extra, Job, Size};
pub use order::{OrderError, check as check_order};

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
            Format::Jsonl => without_return().and_then(json::parse),
            Format::Nul if raw.is_empty() => Ok(None),
            Format::Nul => job::of(Command::Shell(OsStr::from_bytes(raw).to_owned())).map(Some),
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

fn text(raw: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(raw).map_err(|error| {
        let at = error.valid_up_to();
        Problem::NotUtf8 {
            byte: at + 1,
            value: raw[at],
        }
    })
}

fn plain(text: &str) -> Result<Option<Job>, Problem> {
    let start = text.trim_start();
    if start.is_empty() || start.starts_with('#') {
        return Ok(None);
    }
    job::of(Command::Shell(text.into())).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

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
