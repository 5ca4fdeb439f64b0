//! What is printed and recorded: the flags about output.
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::values::seconds;

#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    /// Write one line of JSON for each job that is through behind what this file holds.
    ///
    /// Its fields: name, command, machine, start, end, state (ok, failed, timeout, interrupted or skipped), exit or signal,
    /// attempts; error where it is neither; peak_memory where a job took more than it asked for; procs where it took not one, whole
    /// where it took a whole machine. One run at a time may write to it; a new one is readable by its owner alone.
    /// Example: --joblog log.jsonl, then: jq -r 'select(.state != "ok").name' log.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// How the job log is written: as lines of JSON, or as GNU parallel writes it.
    ///
    /// Example: --joblog log.tsv --joblog-format gnu
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "json",
        requires = "joblog"
    )]
    pub(crate) joblog_format: LogFormatName,

    /// Record the run in this file, to be played again: every event, and a hash of what was decided.
    ///
    /// If it can be written no more, say because the disk is full, recording ends and the run goes on. Example:
    /// --journal run.journal, then: remuda replay run.journal
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// Go on with the run that was killed while it wrote this journal, and write on to it.
    ///
    /// Give the same jobs and flags, and write behind what was printed. Jobs whose output was printed are not run again; those
    /// that run on workers that connect back are taken over if these come back in time; all others are run again. If standard
    /// output is the same file, what the run was printing when it was killed is taken back there first; in a pipe or a terminal
    /// the output of that one job may be there twice. Jobs of a pipe cannot be recovered.
    /// Example: remuda run --journal run.journal jobs.txt >> out.txt, then: remuda run --recover run.journal jobs.txt >> out.txt
    #[arg(long, value_name = "FILE", conflicts_with_all = ["journal", "resume", "resume_failed", "dry_run"])]
    pub(crate) recover: Option<PathBuf>,

    /// How long an event may wait before it is written to the journal.
    ///
    /// What is not written is lost if this program is killed; what a run needs to be recovered is written at once.
    /// Example: --journal-flush 0.1
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "journal")]
    pub(crate) journal_flush: Duration,

    /// Print the output of the jobs in the order of the file, not as they end.
    ///
    /// Example: remuda run --keep-order jobs.txt > all.txt
    #[arg(long, short = 'k')]
    pub(crate) keep_order: bool,

    /// Print each line of output as it comes, and not a job's output in one piece when it is done.
    ///
    /// What an attempt printed that was lost or failed is then there as well. Example: --line-buffer --tag
    #[arg(long, alias = "lb", conflicts_with = "keep_order")]
    pub(crate) line_buffer: bool,

    /// Begin each line of output with the job's arguments, or else its name, and a tab.
    ///
    /// Example: remuda run --tag 'wc -l {}' ::: *.txt
    #[arg(long)]
    pub(crate) tag: bool,

    /// Keep each job's output in this folder as well, in NAME/stdout and NAME/stderr.
    ///
    /// Example: --results out, then: grep -l Error out/*/stderr
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,

    /// Show a progress bar on standard error.
    ///
    /// auto: if it is a terminal, unless standard output is a pipe, whose reader may well write there too. always: also
    /// elsewhere, as a line now and then. full: with a line for each machine. Example: --progress never
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,

    /// Print no progress, no warnings and no line for a failed job; the last line still tells.
    ///
    /// Example: remuda run --quiet jobs.txt
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Tell more of what happens to machines: once for what is decided, twice for everything.
    ///
    /// The variable REMUDA_LOG says it in more detail. Example: REMUDA_LOG=remuda_driver=debug
    #[arg(long, short, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// If standard error is a terminal, and standard output no pipe.
    Auto,
    /// Also if it is not.
    Always,
    /// As always, with a line for each machine.
    Full,
    /// Not at all.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormatName {
    /// A line of JSON for each job.
    Json,
    /// The columns of GNU parallel.
    Gnu,
}
