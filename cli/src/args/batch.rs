//! The flags about machines that wait in a queue before they start.
use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::values::seconds;

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
}
