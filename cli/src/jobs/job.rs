//! A job.
use core::time::Duration;
use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::command::Command;
use super::error::{JobError, Problem};

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

impl Job {
    /// One proc for this command, by the number of its line.
    ///
    /// # Errors
    /// It is empty, or no operating system could pass it on.
    pub fn new(line: usize, command: Command) -> Result<Job, JobError> {
        match of(command) {
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

/// A job without its line: the caller knows that.
pub(super) fn of(command: Command) -> Result<Job, Problem> {
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
