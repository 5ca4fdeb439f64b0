//! The flags about machines that are queued, or started by a command that ends at once.
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::values::{seconds, words};

/// Names of the start command that stand for nothing in the stop command, which ends machines of several calls.
const START_ONLY: [&str; 7] = [
    "{kind}",
    "{first}",
    "{count}",
    "{last_index}",
    "{procs}",
    "{memory_mib}",
    "{gpus}",
];

/// Launchers that are known to wait for an allocation.
const QUEUED: [&str; 2] = ["srun", "salloc"];

#[derive(Args, Debug)]
pub(crate) struct BatchArgs {
    /// The launch command may wait in a queue, for hours if need be, before it starts its worker.
    ///
    /// A start is timed from its first output on, and the command is ended by SIGTERM when this program is gone, however it
    /// went. Understood where the command begins with srun or salloc. Example: --queued --launch 'qrsh remuda worker'
    #[arg(long, requires = "launch")]
    queued: bool,

    /// How long a worker may take to say hello, before its start has failed.
    ///
    /// Example: --start-timeout 300 --launch './boot-and-ssh remuda worker'
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) start_timeout: Duration,

    /// A command that starts machines elsewhere, many by one call if it can, and ends; their workers connect back.
    ///
    /// Split into words as a shell would, but never run by one. In a word, {first} stands for the number of the first
    /// machine, {count} for how many are wanted, {last_index} for one less, {procs}, {memory_mib} and {gpus} for what each
    /// has, {address} and {key} for what the workers need. Without {count} and {last_index} it is run for each machine. The
    /// first line that it prints is their handle. Example: --start 'sbatch --parsable --array=0-{last_index} --wrap "remuda
    /// worker --connect {address} --key-file {key} --id {first}+$SLURM_ARRAY_TASK_ID"'
    #[arg(long, value_name = "TEMPLATE", value_parser = template, requires = "listen", conflicts_with_all = ["launch", "host", "hosts", "cluster"])]
    start: Option<Template>,

    /// What the start command reads, with the same names filled in.
    ///
    /// Example: --start 'kubectl create -f - -o name' --start-input worker.yaml
    #[arg(long, value_name = "FILE", requires = "start")]
    start_input: Option<PathBuf>,

    /// A command that ends machines of the start command: those that have ended in whatever way, or are not wanted.
    ///
    /// {handle} stands for what the start command has printed, {index} for the machine's number in that call, from 0 on,
    /// {machine} for its number. A word with one of these stands once for each machine that is to be ended. Example: --stop
    /// 'scancel {handle}_{index}'
    #[arg(long, value_name = "TEMPLATE", value_parser = stop_template, requires = "start")]
    stop: Option<Template>,
}

/// The words of a command.
#[derive(Clone, Debug)]
struct Template(Vec<String>);

/// The commands that start and end machines elsewhere.
#[derive(Debug)]
pub(crate) struct StartCommands {
    pub(crate) start: Vec<String>,
    pub(crate) input: String,
    pub(crate) stop: Vec<String>,
}

impl BatchArgs {
    /// Whether machines that this command starts may be queued first.
    pub(crate) fn is_queued(&self, launch: &[String]) -> bool {
        let program = launch.first().map(Path::new).and_then(Path::file_name);
        self.queued
            || QUEUED
                .iter()
                .any(|&known| program.is_some_and(|it| it == known))
    }

    /// Whether a command starts machines elsewhere.
    pub(crate) fn has_start(&self) -> bool {
        self.start.is_some()
    }

    /// The commands that start and end machines elsewhere, if there are any.
    ///
    /// # Errors
    /// The start command's input cannot be read.
    pub(crate) fn start_commands(&self) -> Result<Option<StartCommands>, String> {
        let Some(Template(start)) = &self.start else {
            return Ok(None);
        };
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file);
            text.map_err(|error| format!("--start-input {}: {error}", file.display()))
        };
        Ok(Some(StartCommands {
            start: start.clone(),
            input: self
                .start_input
                .as_ref()
                .map(read)
                .transpose()?
                .unwrap_or_default(),
            stop: self
                .stop
                .clone()
                .map(|Template(stop)| stop)
                .unwrap_or_default(),
        }))
    }
}

fn template(text: &str) -> Result<Template, String> {
    words(text).map(Template)
}

fn stop_template(text: &str) -> Result<Template, String> {
    match START_ONLY.iter().find(|name| text.contains(**name)) {
        Some(name) => Err(format!(
            "{name} is not known when machines are ended; {{machine}} is the number of one, {{handle}} what its start command printed"
        )),
        None => template(text),
    }
}
