//! Values that flags of more than one command take.
use std::time::Duration;

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
