//! What is printed and recorded: the flags about output.
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::values::seconds;

#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    /// Write one line of JSON for each job that ends to this file.
    ///
    /// Its fields: name, command, machine, start, end, exit or signal, attempts; error where a job failed otherwise; peak_memory
    /// where it took more than it asked for.
    /// Example: --joblog log.jsonl, then: jq -r 'select(.exit != 0).name' log.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Record the run in this file, to be played again: every event, and a hash of what was decided.
    ///
    /// If it can be written no more, say because the disk is full, recording ends and the run goes on. Example:
    /// --journal run.journal, then: remuda replay run.journal
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// How long an event may wait before it is written to the journal.
    ///
    /// What is not written is lost if this program is killed. Example: --journal-flush 0.1
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "journal")]
    pub(crate) journal_flush: Duration,

    /// Print the output of the jobs in the order of the file, not as they end.
    ///
    /// Example: remuda run --keep-order jobs.txt > all.txt
    #[arg(long)]
    pub(crate) keep_order: bool,

    /// Show a progress bar on standard error.
    ///
    /// auto: if it is a terminal, unless standard output is a pipe, whose reader may well write there too. always: also
    /// elsewhere, as a line now and then. Example: --progress never
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
    /// Not at all.
    Never,
}
