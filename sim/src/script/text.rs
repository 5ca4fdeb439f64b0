//! A run as text.

use core::fmt;

use remuda::{Action, Config, Event, Instant, Manager};

use super::config::{Capacity, Lines};
use super::words::{ActionWords, EventWords};
use crate::subject::Subject;

/// A run as text; see the [module's words](crate::script).
///
/// ```
/// use remuda_sim::Script;
///
/// let text = "\
/// config procs 4 max 8
///
/// at 0s submit r1 prio 0 procs 2
/// -> start m0
/// -> set-timer 60s
/// at 1s up m0
/// -> poll m0
/// -> grant r1 m0
/// -> set-timer 11s
/// ";
/// let script = Script::parse(text)?;
/// assert_eq!(script.to_string(), text);
/// assert_eq!(script.played().to_string(), text); // a manager decides just that
/// # Ok::<(), remuda_sim::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// Comments and blank lines before the config.
    pub heading: Vec<String>,
    /// How the first line of the config says what a machine offers.
    pub capacity: Capacity,
    /// The config.
    pub config: Config,
    /// The events, in order.
    pub steps: Vec<Step>,
}

/// One event of a [`Script`] and what it led to.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Comments and blank lines before it.
    pub notes: Vec<String>,
    /// What the manager was told the time is.
    pub at: Instant,
    /// The event.
    pub event: Event,
    /// The actions that answer it.
    pub actions: Vec<Action>,
}

impl Script {
    /// The script of these events, with no actions yet.
    pub fn new(config: Config, events: &[(Instant, Event)]) -> Script {
        let steps = events.iter().map(|(at, event)| Step {
            notes: Vec::new(),
            at: *at,
            event: *event,
            actions: Vec::new(),
        });
        Script {
            heading: Vec::new(),
            capacity: Capacity::Procs,
            config,
            steps: steps.collect(),
        }
    }

    /// The same events with the actions with which a fresh manager answers them.
    ///
    /// # Panics
    /// When the config is not valid; one that was read is.
    pub fn played(&self) -> Script {
        self.played_on(&mut Manager::new(self.config.clone()).expect("a valid config"))
    }

    /// The same events with the actions with which `subject` answers them.
    pub fn played_on(&self, subject: &mut impl Subject) -> Script {
        let mut script = self.clone();
        for step in &mut script.steps {
            step.actions.clear();
            subject.handle_into(step.event, step.at, &mut step.actions);
        }
        script
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.heading {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{}", Lines(self.capacity, &self.config))?;
        if self.steps.first().is_some_and(|step| step.notes.is_empty()) {
            writeln!(f)?;
        }
        for step in &self.steps {
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.notes {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "at {} {}", self.at, EventWords(&self.event))?;
        for action in &self.actions {
            writeln!(f, "-> {}", ActionWords(action))?;
        }
        Ok(())
    }
}
