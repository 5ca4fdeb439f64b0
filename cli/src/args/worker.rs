//! The flags of `remuda worker` and `remuda launch`.
use std::ffi::OsString;
use std::num::NonZeroU32;

use clap::Args;

use super::connect::ConnectArgs;
use crate::values::count;

/// Be a machine: serve a driver over standard input and output, as `remuda run` starts it, or connect back to one.
///
/// Example: remuda run --launch 'ssh host remuda worker --procs {procs}' jobs.txt
#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// How many procs to offer [default: what Slurm gave its task, or else all cores].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) procs: Option<NonZeroU32>,

    #[command(flatten, next_help_heading = "Connecting back")]
    pub(crate) connect: ConnectArgs,
}

/// Run a command that starts a worker elsewhere, and end it when the driver is gone.
///
/// `remuda run` puts this before launch commands that may be queued. Standard input is the driver's; when it is closed at its
/// other end, the command has some seconds to end by itself before it gets SIGTERM, and some more before it is killed.
#[derive(Args, Debug)]
#[command(hide = true)]
pub(crate) struct LaunchArgs {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}
