//! Findings: what in a run may be worth a look, each with the events behind it.
mod machines;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use remuda::journal::Note;
use remuda::{Action, Config, Instant, KindId, Manager};
use serde::Serialize;

use super::items::{Head, Step};
use super::lives::Point;
use super::play::Watch;
use machines::Stories;
use queue::Waiters;

/// Something that may be worth a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What sort it is.
    pub(crate) finding: Sort,
    pub(crate) text: String,
    /// The numbers of the first events behind it.
    pub(crate) events: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// A kind of which no machine ever came up.
    NeverUp,
    /// Machines that were mostly idle.
    Idle,
    /// Machines that came up and ran nothing.
    Unused,
    /// A machine on which everything fails that goes well elsewhere.
    AllFails,
    /// Requests that waited while a machine on which they fit was held for another (P4).
    BehindHold,
    /// Waits that a larger `max` or `max_procs` would have ended.
    LargerMax,
}

/// Looks on at a run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    names: Names,
    stories: Stories,
    waiters: Waiters,
    now: Instant,
    number: u64,
}

impl Findings {
    /// For kinds of these names, by number.
    pub(crate) fn new(names: Vec<String>) -> Findings {
        Findings {
            names: Names(names),
            ..Findings::default()
        }
    }

    /// All, in the order of [`Sort`]; of the run up to the last event that was seen.
    pub(crate) fn list(&self) -> Vec<Finding> {
        let end = Point {
            time: self.now,
            number: self.number,
        };
        let mut found = self.stories.findings(&self.names, end);
        let boots = |kind| self.stories.mean_boot(kind);
        found.extend(self.waiters.findings(&self.names, end, boots));
        for finding in &mut found {
            finding.events.truncate(LISTED);
        }
        found
    }
}

impl Watch for Findings {
    fn begin(&mut self, manager: &Manager) {
        self.now = manager.now();
        self.stories.begin(manager);
        self.waiters.begin(manager);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        _: bool,
    ) -> io::Result<()> {
        // As in the manager: when the clock steps back, its time stays where it is (F5).
        self.now = manager.now();
        self.number = step.number;
        let at = Point {
            time: self.now,
            number: step.number,
        };
        let rejected = actions.iter().any(|it| matches!(it, Action::Reject(_)));
        let event = (!rejected).then_some(&step.event);
        self.stories
            .step(event, actions, at, manager.is_shut_down());
        self.waiters
            .step(event, actions, at, manager, &self.stories);
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// Prints them, if there are any.
///
/// # Errors
/// Those of `out`.
pub(crate) fn print(findings: &[Finding], out: &mut impl io::Write) -> io::Result<()> {
    for (at, finding) in findings.iter().enumerate() {
        let head = if at == 0 { "findings" } else { "" };
        writeln!(out, "{head:<13}{}", finding.text)?;
    }
    Ok(())
}

/// What kinds of machine are called.
#[derive(Debug, Default)]
struct Names(Vec<String>);

impl Names {
    /// Its number, and its name if it has one.
    fn of(&self, kind: KindId) -> String {
        match self.0.get(usize::from(kind.0)) {
            Some(name) if !name.is_empty() => format!("{kind} ({name})"),
            _ => kind.to_string(),
        }
    }
}

/// The names of the kinds of a recorded run, by number: its labels have them.
pub(crate) fn kind_names(head: &Head) -> Vec<String> {
    let count = head.config.kinds.len();
    let named = |kind: KindId| {
        let name = format!("kind {kind}");
        let label = head.labels.iter().find(|it| it.name == name);
        label.map_or_else(String::new, |label| label.value.clone())
    };
    (0..).map(KindId).take(count).map(named).collect()
}

/// So many of these, then how many more there are.
struct Some3<'a, T>(&'a [T]);

/// So many are named, and so many events listed.
const NAMED: usize = 3;
const LISTED: usize = 20;

impl<T: fmt::Display> fmt::Display for Some3<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.0.iter().take(NAMED).enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{one}")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// `1 machine`, `2 machines`.
pub(super) fn count(many: u64, what: &str) -> String {
    let ending = if many == 1 { "" } else { "s" };
    format!("{many} {what}{ending}")
}

/// The limits of a kind as they are at the moment.
fn limits(config: &Config) -> Vec<remuda::Limits> {
    config.kinds.iter().map(remuda::Kind::limits).collect()
}
