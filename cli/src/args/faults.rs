//! When things fail: the flags about faults.
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use crate::values::{count, seconds};

#[derive(Args, Debug)]
pub(crate) struct FaultArgs {
    /// End the run, with status 3, when jobs wait and no machine has been up for this long.
    ///
    /// The last line but one says why the last start failed. Time in the queue of a batch system does not count. Example:
    /// --give-up-after 60
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) give_up_after: Duration,

    /// Set a machine aside when N jobs in a row have failed there that went well elsewhere [default: never].
    ///
    /// A job that fails is run once more, on another machine if there is one; only if it fails there too it counts as
    /// failed. A machine that is set aside gets no more jobs and is stopped. Example: --suspect 3
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) suspect: Option<NonZeroU32>,
}
