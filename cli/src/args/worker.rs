//! The flags of `remuda worker` and `remuda launch`.
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use remuda_cli::memory::MemoryMib;

use super::connect::ConnectArgs;
use crate::values::{count, seconds};

/// Be a machine: serve a driver over standard input and output, as `remuda run` starts it, or connect back to one.
///
/// Example: remuda run --launch 'ssh host remuda worker --procs {procs}' jobs.txt
#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// How many procs to offer [default: what Slurm gave its task, or else all cores].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) procs: Option<NonZeroU32>,

    /// How much memory to offer [default: all of this computer's, or of the container].
    ///
    /// Example: --memory 16GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<MemoryMib>,

    /// How many GPUs to offer [default: those that CUDA_VISIBLE_DEVICES names, else those that nvidia-smi lists].
    ///
    /// A job that asks for GPUs finds its own in CUDA_VISIBLE_DEVICES. Example: --gpus 2
    #[arg(long, value_name = "N")]
    pub(crate) gpus: Option<u32>,

    /// How long jobs may still run after SIGTERM.
    ///
    /// From SIGTERM on this worker gets no more jobs, and it ends when none runs any more, or when this time is over;
    /// then jobs that still ran are run again elsewhere. A second SIGTERM ends it at once. Example: --grace 25 under
    /// Kubernetes, which waits for 30 seconds.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) grace: Duration,

    /// A command that ends with exit status 0 when this computer will be taken away in two minutes.
    ///
    /// It is run every five seconds, by sh -c. Then this worker gets no more jobs, as after SIGTERM. Example, on EC2:
    /// --spot-notice 'curl -sf http://169.254.169.254/latest/meta-data/spot/instance-action'
    #[arg(long, value_name = "COMMAND")]
    pub(crate) spot_notice: Option<String>,

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
