//! Runs as plain text: what happened and what was decided, readable and ready to paste.
//!
//! ```text
//! config procs 4 max 8
//!
//! at 0s submit r1 prio 0 procs 2
//! -> start m0
//! -> set-timer 60s
//! at 1s up m0
//! -> poll m0
//! -> grant r1 m0
//! ```
//!
//! `config` names what differs from [`Config::new`]. An `at` line is an event, the `->` lines
//! after it are its actions, in order. `#` begins a comment; comments and blank lines stay where
//! they are when a script is read and written again.

mod parse;
mod words;

use core::fmt;
use core::time::Duration;

use remuda::{Action, Config, Event, Instant, Manager};

use crate::subject::Subject;

pub use parse::ParseError;

/// A run as text; see the [module's words](self).
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
            config,
            steps: steps.collect(),
        }
    }

    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is not understood, with its number.
    pub fn parse(text: &str) -> Result<Script, ParseError> {
        parse::script(text)
    }

    /// The same events with the actions with which a fresh manager answers them.
    ///
    /// # Panics
    /// When the config is not valid; one that was read is.
    pub fn played(&self) -> Script {
        self.played_on(&mut Manager::new(self.config).expect("a valid config"))
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
        writeln!(f, "{}", ConfigLine(&self.config))?;
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
        writeln!(f, "at {} {}", self.at, words::EventWords(&self.event))?;
        for action in &self.actions {
            writeln!(f, "-> {}", words::ActionWords(action))?;
        }
        Ok(())
    }
}

/// An action in a script's words.
pub(crate) fn action(action: &Action) -> impl fmt::Display + '_ {
    words::ActionWords(action)
}

/// The durations a config line may name, with the defaults that need no word.
fn durations(config: &mut Config) -> [(&'static str, &mut Duration, Duration); 5] {
    let secs = Duration::from_secs;
    [
        ("probation", &mut config.probation, secs(30)),
        ("backoff", &mut config.start_backoff_base, secs(1)),
        ("cap", &mut config.start_backoff_cap, secs(60)),
        ("poll", &mut config.poll_interval, secs(10)),
        ("summary", &mut config.summary_interval, secs(60)),
    ]
}

const SILENT_POLLS: u32 = 4;

struct ConfigLine<'a>(&'a Config);

impl fmt::Display for ConfigLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut config = *self.0;
        write!(
            f,
            "config procs {} max {}",
            config.machine_procs, config.max_procs
        )?;
        if config.silent_polls != SILENT_POLLS {
            write!(f, " silent {}", config.silent_polls)?;
        }
        for (name, value, default) in durations(&mut config) {
            if *value != default {
                write!(f, " {name} {}", words::Span(*value))?;
            }
        }
        Ok(())
    }
}
