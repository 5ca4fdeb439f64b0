//! The oracle: a subject and the model side by side, who must agree after every event.

use remuda::{Action, Config, Event, Instant};

use crate::coverage::Coverage;
use crate::model::{Figures, Model};
use crate::subject::Subject;
use crate::views::differences;

/// A [`Subject`] held against the [`Model`]: same actions, counts and deadline after every event.
#[derive(Clone, Debug)]
pub struct Pair<S> {
    /// The one that is held.
    pub subject: S,
    /// The one it is held against.
    pub model: Model,
    /// What the events met, if it is to be counted.
    pub coverage: Option<Box<Coverage>>,
    expected: Vec<Action>,
    agreed: bool,
}

impl<S: Subject> Pair<S> {
    /// Holds a fresh `subject` against a fresh model.
    ///
    /// # Panics
    /// When the config is not valid.
    pub fn new(config: Config, subject: S) -> Pair<S> {
        Pair {
            subject,
            model: Model::new(config).expect("a valid config"),
            coverage: None,
            expected: Vec::new(),
            agreed: true,
        }
    }
}

impl<S: Subject> Subject for Pair<S> {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        let before = actions.len();
        if let Some(coverage) = &mut self.coverage {
            coverage.met(&self.model, event, now);
        }
        self.expected.clear();
        self.model.handle_into(event, now, &mut self.expected);
        self.subject.handle_into(event, now, actions);
        let actions = &actions[before..];
        if let Some(coverage) = &mut self.coverage {
            coverage.answered(actions);
        }
        self.agreed = actions == self.expected && self.subject.counts() == self.model.counts();
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.model.next_timeout()
    }

    fn counts(&self) -> Figures {
        self.model.counts()
    }

    fn verdict(&self) -> Result<(), String> {
        if self.agreed {
            return Ok(());
        }
        let (counts, expected) = (self.subject.counts(), self.model.counts());
        Err(match counts == expected {
            true => "it answers otherwise than the model".to_owned(),
            false => format!("it counts {}", differences(counts, expected)),
        })
    }

    fn check(&self) -> Result<(), String> {
        let (next, expected) = (self.subject.next_timeout(), self.model.next_timeout());
        if next != expected {
            return Err(format!(
                "its next timeout is {next:?}, the model's {expected:?}"
            ));
        }
        self.subject.agrees_in_detail(&self.model)?;
        self.subject.check()
    }
}
