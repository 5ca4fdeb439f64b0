//! What events and actions have in common.

use core::fmt;
use core::time::Duration;

use remuda::OnceOutcome;

/// A duration in seconds, with the digits that it needs.
pub(in super::super) struct Span(pub(in super::super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            return write!(f, "{secs}s");
        }
        let digits = format!("{nanos:09}");
        write!(f, "{secs}.{}s", digits.trim_end_matches('0'))
    }
}

/// A word and what comes after it, if there is any.
pub(super) struct Maybe<T>(pub(super) &'static str, pub(super) Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.1 {
            Some(value) => write!(f, " {} {value}", self.0),
            None => Ok(()),
        }
    }
}

pub(super) fn once_outcome(outcome: OnceOutcome) -> &'static str {
    match outcome {
        OnceOutcome::Ok => "ok",
        OnceOutcome::Remote => "remote",
        OnceOutcome::Unreachable => "unreachable",
        OnceOutcome::MachineLost => "machine-lost",
        _ => "?",
    }
}
