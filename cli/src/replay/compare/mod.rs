//! Comparisons: of two recorded runs, and of a recorded run with the same workload under another config.
mod comparison;
mod report;
#[cfg(test)]
mod tests;

use remuda::Config;

use super::input::Input;
use super::simulate::{Workload, simulate};
use comparison::Comparison;

pub(crate) use comparison::diff;
pub(crate) use report::print;

/// A recorded run, and what would have been under another config.
///
/// # Errors
/// One line: it cannot be read, or the other would not end.
pub(crate) fn what_if(input: &Input, config: Config, changes: &str) -> Result<Comparison, String> {
    let workload = Workload::of(input)?;
    let as_was = simulate(&workload, input.head.config.clone(), "as it was".into())?;
    let other = simulate(&workload, config, format!("with {changes}"))?;
    let recorded = diff(input, &as_was)?;
    let mut comparison = diff(&as_was, &other)?;
    comparison.remarks = report::remarks(&workload, &recorded);
    Ok(comparison)
}

/// The run that would have been, to be looked at by itself.
///
/// # Errors
/// As [`what_if`].
pub(crate) fn made(input: &Input, config: Config, changes: &str) -> Result<Input, String> {
    let name = format!("{} with {changes}", input.name);
    simulate(&Workload::of(input)?, config, name)
}
