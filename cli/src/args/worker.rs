//! The flags of `remuda worker`.
use std::num::NonZeroU32;

use clap::Args;

use crate::values::count;

/// Be a machine: serve a driver over standard input and output. `remuda run` starts these.
///
/// Example: remuda run --launch 'ssh host remuda worker --procs {procs}' jobs.txt
#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// How many procs to offer [default: all cores].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) procs: Option<NonZeroU32>,
}
