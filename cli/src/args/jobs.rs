//! What to run: the flags about jobs.
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use remuda_cli::jobs;

use crate::values::count;

#[derive(Args, Debug)]
pub(crate) struct JobArgs {
    /// The job file; `-`, or none, is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How the job file is written [default: jsonl if FILE ends in .jsonl, else lines].
    ///
    /// Example: generate-jobs | remuda run --format jsonl -
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,

    /// How often a job may be lost with its machine before it counts as failed.
    ///
    /// What was lost with a machine that drained, or because this computer slept, does not count. Example: --attempts 1 never runs a job again.
    #[arg(long, value_name = "N", default_value = "5", value_parser = count)]
    pub(crate) attempts: NonZeroU32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// One shell command a line.
    Lines,
    /// One JSON object a line.
    Jsonl,
}

impl JobArgs {
    /// How the job file is written: as told, or as its name tells.
    pub(crate) fn format(&self) -> jobs::Format {
        let by_name = || {
            let extension = self.file.as_ref().and_then(|file| file.extension());
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
        };
        let jsonl = self
            .format
            .map_or_else(by_name, |format| format == FormatName::Jsonl);
        if jsonl {
            jobs::Format::Jsonl
        } else {
            jobs::Format::Lines
        }
    }
}
