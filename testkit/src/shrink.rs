//! Makes a story that breaks a rule short and plain, as long as it breaks the same one.

use std::time::Duration;

use remuda::Resources;

use crate::story::{Move, Step};

/// So many stories are tried at the most.
const MOST_TRIES: usize = 3_000;

struct Search<F> {
    breaks: F,
    best: Vec<Step>,
    tries: usize,
}

/// The shortest story that was found of which `breaks` says that it still breaks the rule.
pub(crate) fn shrink(steps: Vec<Step>, breaks: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut search = Search {
        breaks,
        best: steps,
        tries: 0,
    };
    search.leave_out();
    search.plain();
    search.leave_out();
    search.best
}

impl<F: FnMut(&[Step]) -> bool> Search<F> {
    fn take(&mut self, steps: Vec<Step>) -> bool {
        self.tries += 1;
        let better = self.tries <= MOST_TRIES && (self.breaks)(&steps);
        if better {
            self.best = steps;
        }
        better
    }

    /// Rows of steps, shorter and shorter, until no single one can be left out.
    fn leave_out(&mut self) {
        let mut length = self.best.len().div_ceil(2);
        while length > 0 {
            let (mut at, mut shorter) = (0, false);
            while at < self.best.len() {
                let mut steps = self.best.clone();
                let end = (at + length).min(steps.len());
                let times = steps[at..end].iter().filter_map(|step| step.after);
                let time: Duration = times.sum();
                steps.drain(at..end);
                let hasty = steps.clone();
                // The time may be what counts.
                if let Some(after) = steps.get_mut(at).and_then(|next| next.after.as_mut()) {
                    *after += time;
                }
                if self.take(hasty) || self.take(steps) {
                    shorter = true;
                } else {
                    at += length;
                }
            }
            length = if shorter && length == 1 {
                1
            } else {
                length / 2
            };
        }
    }

    /// No time between steps, or whole seconds; the first of those who could; the plainest wishes.
    fn plain(&mut self) {
        for at in 0..self.best.len() {
            let step = self.best[at].clone();
            let seconds = step.after.map_or(0, |after| after.as_secs() + 1);
            for seconds in [0, seconds] {
                let after = Some(Duration::from_secs(seconds));
                let plain = Step {
                    after,
                    ..step.clone()
                };
                if self.with(at, plain) {
                    break;
                }
            }
            let late = Step {
                first: false,
                ..self.best[at].clone()
            };
            self.with(at, late);
            for what in plainer(&step.what) {
                let plain = Step {
                    what,
                    ..self.best[at].clone()
                };
                if self.with(at, plain) {
                    break;
                }
            }
        }
    }

    fn with(&mut self, at: usize, step: Step) -> bool {
        if self.best[at] == step {
            return false;
        }
        let mut steps = self.best.clone();
        steps[at] = step;
        self.take(steps)
    }
}

/// What a move may become, the plainest first.
fn plainer(what: &Move) -> Vec<Move> {
    match *what {
        Move::Ask {
            demand,
            priority,
            give_up,
        } => {
            let one = Resources::procs(1).into();
            let asks = |demand, priority, give_up| Move::Ask {
                demand,
                priority,
                give_up,
            };
            vec![
                asks(one, 0, None),
                asks(demand, 0, None),
                asks(one, 0, give_up),
                asks(demand, priority, None),
            ]
        }
        Move::AskAgain(_) => vec![Move::AskAgain(0)],
        Move::GoAway(_) => vec![Move::GoAway(0)],
        Move::Up(_) => vec![Move::Up(0)],
        Move::StartFails(nth, hint) => {
            vec![
                Move::StartFails(0, None),
                Move::StartFails(0, hint),
                Move::StartFails(nth, None),
            ]
        }
        Move::WorkEnds(nth, outcome) => {
            let ok = remuda::Outcome::Ok;
            vec![
                Move::WorkEnds(0, ok),
                Move::WorkEnds(0, outcome),
                Move::WorkEnds(nth, ok),
            ]
        }
        Move::Stops(_) => vec![Move::Stops(0)],
        Move::Dies(_) => vec![Move::Dies(0)],
        Move::Breaks(_) => vec![Move::Dies(0), Move::Breaks(0)],
        Move::FallsSilent(_) => vec![Move::FallsSilent(0)],
        Move::MustGo(_, within) => vec![
            Move::MustGo(0, Duration::from_secs(1)),
            Move::MustGo(0, within),
        ],
        Move::FirstGoesAway => vec![Move::GoAway(0)],
        Move::Shutdown | Move::Pass => Vec::new(),
    }
}
