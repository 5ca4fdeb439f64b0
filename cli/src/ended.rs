//! How a job ended.
use std::time::Duration;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ran and exited.
    Exit(i32),
    /// It ran and a signal ended it.
    Signal(i32),
    /// It could not be run, or not to its end.
    Error(String),
    /// It ran for longer than this, and was ended.
    TimedOut(Duration),
    /// It was ended because the run was.
    Interrupted,
    /// It did not run: it was to run after this one, which did not succeed.
    Skipped(String),
}

impl Ended {
    pub(crate) fn is_ok(&self) -> bool {
        *self == Ended::Exit(0)
    }

    /// In a word.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Ended::Exit(0) => "ok",
            Ended::Exit(_) | Ended::Signal(_) | Ended::Error(_) => "failed",
            Ended::TimedOut(_) => "timeout",
            Ended::Interrupted => "interrupted",
            Ended::Skipped(_) => "skipped",
        }
    }

    /// What to say of a job of this name; nothing if it went well.
    pub(crate) fn told(&self, name: &str) -> Option<String> {
        let failed = |how: &str| Some(format!("job {name} failed: {how}"));
        match self {
            Ended::Exit(0) => None,
            Ended::Exit(code) => failed(&format!("exit status {code}")),
            Ended::Signal(signal) => match signal_hook::low_level::signal_name(*signal) {
                Some(word) => failed(&format!("killed by signal {signal} ({word})")),
                None => failed(&format!("killed by signal {signal}")),
            },
            Ended::Error(error) => failed(error),
            Ended::TimedOut(limit) => Some(format!("job {name} timed out after {limit:?}")),
            Ended::Interrupted => Some(format!(
                "job {name} was interrupted: its output is what it had printed by then"
            )),
            Ended::Skipped(other) => {
                Some(format!("job {name} skipped: job {other} did not succeed"))
            }
        }
    }
}
