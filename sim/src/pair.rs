//! The oracle: a subject and the model side by side, who must agree after every event.

use remuda::{Action, Config, Counts, Event, Instant, Manager};

use crate::coverage::Coverage;
use crate::model::Model;
use crate::subject::Subject;

/// A [`Subject`] held against the [`Model`]: same actions, counts and deadline after every event.
#[derive(Clone, Debug)]
pub struct Pair<S> {
    /// The one that is held.
    pub subject: S,
    /// The one it is held against.
    pub model: Model,
    /// What the events met, if somebody wants to know.
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

    fn counts(&self) -> Counts {
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

/// The figures that are not as they should be.
fn differences(counts: Counts, expected: Counts) -> String {
    let figures = |c: Counts| {
        let m = c.machines;
        [
            ("need", c.need),
            ("pending procs", c.pending),
            ("procs there", c.have),
            ("queued", c.queued),
            ("running", c.running),
            ("pending machines", m.pending),
            ("ok machines", m.ok),
            ("machines on probation", m.probation),
            ("lost machines", m.lost),
        ]
    };
    let both = figures(counts).into_iter().zip(figures(expected));
    let wrong = both.filter(|(is, should)| is != should);
    let words = wrong.map(|((name, is), (_, should))| format!("{name} {is} (the model: {should})"));
    words.collect::<Vec<_>>().join(", ")
}

/// Whether a manager shows what the model shows: machines, back-off, time.
pub(crate) fn same_views(manager: &Manager, model: &Model) -> Result<(), String> {
    let mut machines = manager.machines();
    for expected in model.machines() {
        let same = machines.next().is_some_and(|machine| {
            machine.id() == expected.id
                && machine.health() == expected.health
                && machine.used() == expected.used
                && machine.running().eq(expected.running.iter().copied())
                && machine.tasks().eq(expected.tasks.iter().copied())
        });
        if !same {
            return Err(format!("it does not show this machine: {expected:?}"));
        }
    }
    if let Some(machine) = machines.next() {
        return Err(format!("it shows one machine more: {machine:?}"));
    }
    let shown = (
        manager.now(),
        manager.start_backoff(),
        manager.is_shut_down(),
    );
    let expected = (model.now(), model.start_backoff(), model.is_shut_down());
    if shown == expected {
        return Ok(());
    }
    Err(format!(
        "its time, back-off and end are {shown:?}, the model's {expected:?}"
    ))
}
