//! What is looked for in a run: a panic, a breach of the rules, a loss, one answer. Found once, it is known again in other
//! runs, so that these can be [made smaller](crate::shrink::minimise).

use core::fmt;

use remuda::{Action, Config, Event, Loss, MachineId, Notice, RequestId};

use crate::pair::Pair;
use crate::panics::{Panicked, caught};
use crate::script;
use crate::shrink::Run;
use crate::subject::Subject;

/// What to look for.
#[derive(Clone, PartialEq, Debug)]
pub enum Find {
    /// The subject panics (F5).
    Panic,
    /// The subject breaks a rule: it panics, answers or counts otherwise than the [`Model`](crate::Model), or one of its
    /// invariants does not hold.
    Violation,
    /// A request or a task is lost with its machine (F4, S14).
    Loss {
        /// Only this request's.
        request: Option<RequestId>,
        /// Only with this machine.
        machine: Option<MachineId>,
    },
    /// This event has just this answer.
    Answer {
        /// The event.
        event: Event,
        /// All its actions.
        actions: Vec<Action>,
    },
}

/// What was found, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// How many events show it.
    pub events: usize,
    /// What it is.
    pub what: String,
    sign: Sign,
}

/// By which it is known again.
#[derive(Clone, PartialEq, Debug)]
enum Sign {
    /// A panic at this place of the source.
    Panic { place: String },
    /// Another answer, or other counts, than the model's.
    Disagrees,
    /// An invariant, or what can be looked at, after the last event.
    Broken,
    /// A loss: of a task, or of a request.
    Loss { of_task: bool, by: Loss },
    /// An answer.
    Answer { event: Event, actions: Vec<Action> },
}

impl Find {
    /// The first place where the run shows it, on a subject that `make` makes.
    pub fn first<S: Subject>(&self, run: &Run, make: &impl Fn(Config) -> S) -> Option<Found> {
        match self {
            Find::Panic => panics(run, make),
            Find::Violation => violation(run, make),
            Find::Loss { request, machine } => {
                let wanted = |lost: &Lost| {
                    machine.is_none_or(|it| it == lost.machine)
                        && (request.is_none() || *request == lost.request())
                };
                answers_until(run, make, |_, actions| losses(actions).find(wanted)).map(
                    |(events, lost)| Found {
                        events,
                        what: lost.to_string(),
                        sign: lost.sign(),
                    },
                )
            }
            Find::Answer { event, actions } => {
                let sign = Sign::Answer {
                    event: *event,
                    actions: actions.clone(),
                };
                let found = Found {
                    events: 0,
                    what: format!("{} is answered so", script::event(event)),
                    sign,
                };
                found.again(run, make)
            }
        }
    }
}

impl Found {
    /// The same in another run, whose ids may be other ones, if that shows it too.
    pub fn again<S: Subject>(&self, run: &Run, make: &impl Fn(Config) -> S) -> Option<Found> {
        run.config.validate().ok()?;
        let (events, what) = match &self.sign {
            Sign::Panic { place } => {
                let found = panics(run, make)?;
                let same = matches!(&found.sign, Sign::Panic { place: it } if it == place);
                return same.then_some(found);
            }
            Sign::Disagrees => beside_the_model(run, make, |pair, _| pair.verdict().err())?,
            Sign::Broken => beside_the_model(run, make, |pair, last| {
                last.then(|| pair.check().err()).flatten()
            })?,
            Sign::Loss { of_task, by } => {
                let same = |lost: &Lost| lost.of_task() == *of_task && lost.by == *by;
                let lost = answers_until(run, make, |_, actions| losses(actions).find(same));
                lost.map(|(events, lost)| (events, lost.to_string()))?
            }
            Sign::Answer { event, actions } => answers_until(run, make, |now, answer| {
                (now == *event && answer == actions).then(|| self.what.clone())
            })?,
        };
        let sign = self.sign.clone();
        Some(Found { events, what, sign })
    }
}

/// What a subject answers to each event of a run, up to the one at which it panics.
pub fn answers<S: Subject>(run: &Run, make: &impl Fn(Config) -> S) -> Vec<Vec<Action>> {
    let mut answers = Vec::new();
    // What it said before the panic is all that is wanted.
    let _ = caught(|| {
        each(run, make(run.config.clone()), &mut 0, |_, _, actions| {
            answers.push(actions.to_vec());
            None::<()>
        });
    });
    answers
}

/// Tells a subject the events of a run until `look` sees what it looks for; `told` counts them.
fn each<S: Subject, T>(
    run: &Run,
    mut subject: S,
    told: &mut usize,
    mut look: impl FnMut(&S, Event, &[Action]) -> Option<T>,
) -> Option<T> {
    let mut actions = Vec::new();
    for (now, event) in &run.events {
        *told += 1;
        actions.clear();
        subject.handle_into(*event, *now, &mut actions);
        if let Some(seen) = look(&subject, *event, &actions) {
            return Some(seen);
        }
    }
    None
}

/// What is seen in the answers, after how many events; nothing if the subject panics.
fn answers_until<S: Subject, T>(
    run: &Run,
    make: &impl Fn(Config) -> S,
    mut look: impl FnMut(Event, &[Action]) -> Option<T>,
) -> Option<(usize, T)> {
    let mut told = 0;
    let seen = caught(|| {
        each(
            run,
            make(run.config.clone()),
            &mut told,
            |_, event, actions| look(event, actions),
        )
    });
    seen.ok()?.map(|seen| (told, seen))
}

/// What `look` sees in a subject and the model side by side; it is told whether this was the last event.
fn beside_the_model<S: Subject, T>(
    run: &Run,
    make: &impl Fn(Config) -> S,
    mut look: impl FnMut(&Pair<S>, bool) -> Option<T>,
) -> Option<(usize, T)> {
    let (mut told, mut left) = (0, run.events.len());
    let seen = caught(|| {
        let pair = Pair::new(run.config.clone(), make(run.config.clone()));
        each(run, pair, &mut told, |pair, _, _| {
            left -= 1;
            look(pair, left == 0)
        })
    });
    seen.ok()?.map(|seen| (told, seen))
}

fn panics<S: Subject>(run: &Run, make: &impl Fn(Config) -> S) -> Option<Found> {
    let mut told = 0;
    let played = caught(|| {
        each(
            run,
            make(run.config.clone()),
            &mut told,
            |_, _, _| None::<()>,
        );
    });
    played.err().map(|panic| of_panic(told, panic))
}

fn of_panic(events: usize, panic: Panicked) -> Found {
    Found {
        events,
        what: panic.what,
        sign: Sign::Panic { place: panic.place },
    }
}

fn violation<S: Subject>(run: &Run, make: &impl Fn(Config) -> S) -> Option<Found> {
    let mut told = 0;
    let played = caught(|| {
        let pair = Pair::new(run.config.clone(), make(run.config.clone()));
        each(run, pair, &mut told, |pair, _, _| {
            let disagrees = pair.verdict().err().map(|what| (what, Sign::Disagrees));
            disagrees.or_else(|| pair.check().err().map(|what| (what, Sign::Broken)))
        })
    });
    match played {
        Err(panic) => Some(of_panic(told, panic)),
        Ok(seen) => seen.map(|(what, sign)| Found {
            events: told,
            what,
            sign,
        }),
    }
}

/// A request or a task that is lost because its machine is.
struct Lost {
    what: Action,
    machine: MachineId,
    by: Loss,
}

/// Those in an answer. A task that is discarded, or assigned to a machine that is lost already, is none.
fn losses(actions: &[Action]) -> impl Iterator<Item = Lost> + '_ {
    actions.iter().filter_map(|what| {
        let (Action::RequestLost { machine, .. } | Action::TaskLost { machine, .. }) = *what else {
            return None;
        };
        let by = match *what {
            Action::RequestLost { by, .. } => by,
            _ => gone_by(actions, machine)?,
        };
        Some(Lost {
            what: *what,
            machine,
            by,
        })
    })
}

/// Why a machine is gone, if it is by these actions.
fn gone_by(actions: &[Action], machine: MachineId) -> Option<Loss> {
    actions.iter().find_map(|action| match *action {
        Action::Notice(Notice::MachineLost { machine: it, by }) if it == machine => Some(by),
        Action::Notice(Notice::Ended { machine: it }) if it == machine => Some(Loss::Drained),
        _ => None,
    })
}

impl Lost {
    fn request(&self) -> Option<RequestId> {
        match self.what {
            Action::RequestLost { request, .. } => Some(request),
            _ => None,
        }
    }

    fn of_task(&self) -> bool {
        matches!(self.what, Action::TaskLost { .. })
    }

    fn sign(&self) -> Sign {
        Sign::Loss {
            of_task: self.of_task(),
            by: self.by,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Loss::Stopped => "which stopped",
            Loss::Silence => "which answered no polls",
            Loss::Drained => "which was told to stop",
            _ => "which is gone",
        };
        let machine = self.machine;
        match self.what {
            Action::RequestLost { request, .. } => {
                write!(f, "{request} is lost with {machine}, {by}")
            }
            Action::TaskLost { task, .. } => write!(f, "{task} is lost with {machine}, {by}"),
            _ => Ok(()),
        }
    }
}
