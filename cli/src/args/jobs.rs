//! What to run: the flags about jobs.
use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use remuda_cli::jobs::{self, duration};

use super::sources::{Groups, Values};
use crate::book::{Halt, Limit, What};
use crate::values::count;

#[derive(Args, Debug)]
pub(crate) struct JobArgs {
    /// The job file; `-`, or none, is standard input. With `:::`, the command.
    ///
    /// Example: remuda run 'convert {} {.}.png' ::: *.jpg
    #[arg(value_name = "FILE")]
    words: Vec<OsString>,

    /// How the job file is written [default: jsonl if FILE ends in .jsonl, else lines].
    ///
    /// Example: generate-jobs | remuda run --format jsonl -
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,

    /// Take the lines of this file as arguments, as `:::: FILE` does.
    ///
    /// Example: remuda run -a names.txt 'echo {}'
    #[arg(long, short = 'a', value_name = "FILE")]
    arg_file: Vec<PathBuf>,

    /// Jobs, or arguments in files, end with a NUL, not with a line feed.
    ///
    /// Example: find . -name '*.log' -print0 | remuda run -0 'gzip {}' :::: -
    #[arg(long, short = '0')]
    null: bool,

    /// Split each argument into {1}, {2}, … at this text; \t is a tab.
    ///
    /// Example: remuda run --colsep , 'echo {2} {1}' :::: table.csv
    #[arg(long, short = 'C', value_name = "TEXT", value_parser = separator)]
    pub(crate) colsep: Option<Separator>,

    /// How often a job may be lost with its machine before it counts as failed.
    ///
    /// What was lost with a machine that drained, or because this computer slept, does not count. Example: --attempts 1 never
    /// runs a job again that was lost.
    #[arg(long, value_name = "N", default_value = "5", value_parser = count)]
    pub(crate) attempts: NonZeroU32,

    /// How often to run a job again that failed. What it printed before is thrown away.
    ///
    /// Example: --retries 2 --retry-delay 10s
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) retries: u32,

    /// How long to wait before a job that failed is run again; twice as long each time, up to five minutes.
    ///
    /// Example: --retries 5 --retry-delay 1m
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    pub(crate) retry_delay: Duration,

    /// End a job that runs for longer: SIGTERM, and after --grace SIGKILL.
    ///
    /// Example: --timeout 1h30m
    #[arg(long, value_name = "TIME", value_parser = positive)]
    pub(crate) timeout: Option<Duration>,

    /// How long a job has between SIGTERM and SIGKILL [default: 10s after a time-out, 5s when the run ends].
    ///
    /// Example: --grace 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) grace: Option<Duration>,

    /// When to give up the rest: never, or now or soon, then fail, success or done with a number or a part of the jobs.
    ///
    /// now ends what runs, soon lets it go on. Examples: --halt now,fail=1; --halt soon,fail=10%; --halt now,success=1
    #[arg(long, value_name = "WHEN", default_value = "never", value_parser = halt)]
    pub(crate) halt: WhenToHalt,

    /// Run what the job log does not have yet. A job is known by its name (or number) and its command.
    ///
    /// Example: remuda run --joblog log.jsonl --resume jobs.txt
    #[arg(long, requires = "joblog")]
    pub(crate) resume: bool,

    /// Run what the job log does not have, and what failed or was interrupted.
    ///
    /// Example: remuda run --joblog log.jsonl --resume-failed jobs.txt
    #[arg(long, requires = "joblog")]
    pub(crate) resume_failed: bool,

    /// Give jobs a variable of this environment, or one of this value.
    ///
    /// Jobs on this computer see its environment anyway. Example: --env PATH --env LANG=C
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = clap::builder::OsStringValueParser::new())]
    env: Vec<OsString>,

    /// Run jobs in this directory of their machine.
    ///
    /// Example: --cwd /scratch
    #[arg(long, value_name = "DIR", aliases = ["wd", "workdir"])]
    pub(crate) cwd: Option<OsString>,

    /// Print the commands that would be run, and where, and run none.
    ///
    /// Hosts are not asked what they have. Example: remuda run --dry-run 'gzip {}' ::: *.log
    #[arg(long, alias = "dryrun")]
    pub(crate) dry_run: bool,

    /// What stands behind `:::` and the like.
    #[arg(skip)]
    pub(crate) groups: Groups,
}

/// A text that parts columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Separator(pub(crate) Vec<u8>);

/// When to give up the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WhenToHalt(pub(crate) Option<Halt>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// One shell command a line.
    Lines,
    /// One JSON object a line.
    Jsonl,
}

/// What is to be run.
#[derive(Debug)]
pub(crate) enum Given {
    /// The jobs of a file; none is standard input.
    File(Option<PathBuf>),
    /// A command for arguments.
    Command(Vec<u8>, Groups),
}

impl JobArgs {
    /// What is to be run.
    ///
    /// # Errors
    /// One line, if more than one job file is named.
    pub(crate) fn given(&self) -> Result<Given, String> {
        let mut groups = self.groups.clone();
        // As GNU parallel has it, in front of what the command line says.
        let files = self
            .arg_file
            .iter()
            .map(|path| vec![Values::File(path.clone())]);
        groups.splice(0..0, files);
        if !groups.is_empty() {
            let words: Vec<&[u8]> = self.words.iter().map(|word| word.as_bytes()).collect();
            return Ok(Given::Command(words.join(&b' '), groups));
        }
        match self.words.as_slice() {
            [] => Ok(Given::File(None)),
            [file] if file == "-" => Ok(Given::File(None)),
            [file] => Ok(Given::File(Some(file.into()))),
            [_, second, ..] => Err(format!(
                "one job file, please, and not {} as well (a command for arguments has ::: behind it; try --help)",
                second.display()
            )),
        }
    }

    /// Whether to wait for jobs that someone types.
    pub(crate) fn is_told_to_read_stdin(&self) -> bool {
        self.words.iter().any(|word| word == "-")
    }

    /// How the job file is written: as told, or as its name tells.
    pub(crate) fn format(&self) -> jobs::Format {
        let by_name = || {
            let extension = self
                .words
                .first()
                .and_then(|file| Path::new(file).extension());
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
        };
        let jsonl = self
            .format
            .map_or_else(by_name, |format| format == FormatName::Jsonl);
        match (jsonl, self.null) {
            (true, _) => jobs::Format::Jsonl,
            (false, true) => jobs::Format::Nul,
            (false, false) => jobs::Format::Lines,
        }
    }

    /// Whether arguments in files end with a NUL.
    pub(crate) fn null(&self) -> bool {
        self.null
    }

    /// The variables for every job.
    ///
    /// # Errors
    /// One line, if one is not there or has no name.
    pub(crate) fn env(&self) -> Result<Vec<(OsString, OsString)>, String> {
        let variable = |word: &OsString| -> Result<(OsString, OsString), String> {
            let mut parts = word.as_bytes().splitn(2, |&byte| byte == b'=');
            let name = OsStr::from_bytes(parts.next().unwrap_or_default()).to_owned();
            let value = match parts.next() {
                Some(value) => Some(OsStr::from_bytes(value).to_owned()),
                None if name.is_empty() => None,
                None => std::env::var_os(&name),
            };
            match value {
                Some(value) if !name.is_empty() => Ok((name, value)),
                _ => Err(format!(
                    "--env {}: there is no such variable here",
                    word.display()
                )),
            }
        };
        self.env.iter().map(variable).collect()
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a time above 0".into()),
        time => Ok(time),
    }
}

fn separator(text: &str) -> Result<Separator, String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => bytes.push(match rest.next() {
                Some('t') => b'\t',
                Some('n') => b'\n',
                Some('0') => 0,
                Some('\\') => b'\\',
                _ => {
                    return Err("expected a text, in which \\t, \\n, \\0 and \\\\ are known".into());
                }
            }),
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if bytes.is_empty() {
        return Err("expected a text between columns".into());
    }
    Ok(Separator(bytes))
}

fn halt(text: &str) -> Result<WhenToHalt, String> {
    let wrong = || {
        "expected never, or now or soon and fail, success or done, as in now,fail=1 or soon,fail=10%".to_owned()
    };
    if text == "never" {
        return Ok(WhenToHalt(None));
    }
    let (when, why) = text.split_once(',').ok_or_else(wrong)?;
    let now = match when {
        "now" => true,
        "soon" => false,
        _ => return Err(wrong()),
    };
    let (on, limit) = why.split_once('=').ok_or_else(wrong)?;
    let on = match on {
        "fail" => What::Fail,
        "success" => What::Success,
        "done" => What::Done,
        _ => return Err(wrong()),
    };
    let limit = match limit.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.parse().ok();
            Limit::Percent(
                percent
                    .filter(|percent| *percent > 0.0 && *percent <= 100.0)
                    .ok_or_else(wrong)?,
            )
        }
        None => Limit::Count(
            limit
                .parse()
                .ok()
                .filter(|&count| count > 0)
                .ok_or_else(wrong)?,
        ),
    };
    Ok(WhenToHalt(Some(Halt { now, on, limit })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_says_when_and_why() {
        let of = |text: &str| halt(text).map(|halt| halt.0);
        assert_eq!(of("never"), Ok(None));
        let expected = Halt {
            now: true,
            on: What::Fail,
            limit: Limit::Count(3),
        };
        assert_eq!(of("now,fail=3"), Ok(Some(expected)));
        let expected = Halt {
            now: false,
            on: What::Success,
            limit: Limit::Percent(12.5),
        };
        assert_eq!(of("soon,success=12.5%"), Ok(Some(expected)));
        for text in [
            "",
            "now",
            "now,fail",
            "now,fail=0",
            "later,fail=1",
            "now,fail=101%",
            "soon,x=1",
        ] {
            of(text).expect_err(text);
        }
    }

    #[test]
    fn a_separator_may_be_a_tab() {
        assert_eq!(separator(r"\t"), Ok(Separator(b"\t".to_vec())));
        assert_eq!(separator(r"a\\ü"), Ok(Separator("a\\ü".into())));
        separator("").expect_err("nothing parts nothing");
        separator(r"\").expect_err("half an escape");
    }
}
