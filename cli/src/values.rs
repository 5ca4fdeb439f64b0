//! Values that flags of more than one command take.
use std::num::NonZeroU32;
use std::time::Duration;

use remuda::MachineId;

/// Seconds, from a tenth up.
///
/// # Errors
/// What would be right.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.1..=1e6).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds from 0.1 to 1000000".into())
}

/// `7` or `r7`.
pub(crate) fn id(text: &str, letter: char) -> Result<u64, String> {
    let number = text.strip_prefix(letter).unwrap_or(text);
    let number = number.parse();
    number.map_err(|_| format!("expected a number such as 7, or {letter}7"))
}

/// `7`, `m7`, or `j7` for a machine that joined by itself.
pub(crate) fn machine(text: &str) -> Result<MachineId, String> {
    let found = match text.strip_prefix('j') {
        Some(number) => number.parse().map(MachineId::joined),
        None => text
            .strip_prefix('m')
            .unwrap_or(text)
            .parse()
            .map(MachineId),
    };
    let wrong = "expected a number such as 7, or m7, or j7 for one that joined by itself";
    found.map_err(|_: std::num::ParseIntError| wrong.to_owned())
}

/// A whole number from 1 up.
pub(crate) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number from 1 to {}", u32::MAX))
}

/// The words of a command, as a shell would split them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    let words = arguments(text)?;
    match words.first().is_none_or(String::is_empty) {
        true => Err("no program is named".into()),
        false => Ok(words),
    }
}

/// Words that may be none.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn arguments(text: &str) -> Result<Vec<String>, String> {
    match shlex::split(text) {
        None => Err("a quote is not closed, or a backslash has nothing after it".into()),
        Some(words) if words.iter().any(|word| word.contains('\0')) => {
            Err("it has a NUL character".into())
        }
        Some(words) => Ok(words),
    }
}
