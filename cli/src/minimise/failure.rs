//! What a run is cut down to, and how a candidate is known to show it.
use clap::ValueEnum;
use remuda_sim::find::Found;

use super::check::Check;

/// A failure that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Known {
    /// The manager panics, always at the same place.
    Panic,
    /// It panics, decides otherwise than the model of the rules, or breaks an invariant.
    Violation,
    /// The first event with another answer than the recorded one still gets the answer it gets in a whole replay.
    Divergence,
    /// A request or a task is lost with its machine.
    Loss,
}

/// What is looked for, and how it is known in a candidate.
pub(super) enum Failure {
    Known(Known, Found),
    Check(Check),
}
