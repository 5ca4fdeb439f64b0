//! The flags of `remuda worker`.
use std::num::NonZeroU32;

use clap::Args;

use super::connect::ConnectArgs;
use crate::values::count;

/// Be a machine: serve a driver over standard input and output, as `remuda run` starts it, or connect back to one.
///
/// Example: remuda run --launch 'ssh host remuda worker --procs {procs}' jobs.txt
#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// How many procs to offer [default: all cores].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) procs: Option<NonZeroU32>,

    #[command(flatten, next_help_heading = "Connecting back")]
    pub(crate) connect: ConnectArgs,
}
