//! A story: what happens in a world, one thing after the other, drawn from a seed.

use std::time::Duration;

use remuda::{Config, Demand, Outcome, Resources, StartHint};
use remuda_sim::Rng;

use crate::check::Part;

/// What happens, and how long after the last.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    /// None: at the manager's next deadline.
    pub(crate) after: Option<Duration>,
    /// It comes before a deadline of the same instant.
    pub(crate) first: bool,
    pub(crate) what: Move,
}

/// One of those who could do it is picked by a number; where nobody could, nothing happens. So a story of which a part is
/// left out still is one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Move {
    Ask {
        demand: Demand,
        priority: i64,
        give_up: Option<Duration>,
    },
    /// A client whose work was lost asks again.
    AskAgain(u64),
    GoAway(u64),
    /// The one whose turn is next.
    FirstGoesAway,
    Up(u64),
    StartFails(u64, Option<StartHint>),
    WorkEnds(u64, Outcome),
    /// A machine that was told to stop has ended.
    Stops(u64),
    /// A machine ends by itself.
    Dies(u64),
    /// Its work ends unreachable, then it ends.
    Breaks(u64),
    /// It answers no polls any more; once more: it does again.
    FallsSilent(u64),
    MustGo(u64, Duration),
    Shutdown,
    Pass,
}

/// So often each kind of move is drawn.
const WEIGHTS: [u8; 12] = [60, 10, 16, 50, 14, 50, 24, 8, 4, 8, 6, 6];

/// The steps of a seed.
pub(crate) fn draw(seed: u64, steps: usize, config: &Config, without: &[Part]) -> Vec<Step> {
    let mut rng = Rng::new(seed);
    let mut weights = WEIGHTS;
    for part in without {
        for &at in moves_of(*part) {
            weights[at] = 0;
        }
    }
    let give_ups = !without.contains(&Part::GiveUps);
    let early_ends = !without.contains(&Part::EarlyEnds);
    let hints = !without.contains(&Part::Hints);
    let mut story = Vec::with_capacity(steps);
    while story.len() < steps {
        if rng.chance(10) && !without.contains(&Part::Cancels) {
            story.extend(goes_away_as_it_is_granted(&mut rng));
            continue;
        }
        if rng.chance(5) && !without.contains(&Part::SilentMachines) {
            story.extend(ends_after_its_loss(&mut rng));
            continue;
        }
        story.push(Step {
            after: (!rng.chance(20)).then(|| pause(&mut rng)),
            first: rng.chance(128),
            what: one(&mut rng, &weights, config, give_ups, hints),
        });
    }
    story.truncate(steps);
    // Now and then the end comes while there is much to do.
    let at = steps.checked_sub(rng.range(1, 8) as usize);
    if let Some(at) = at.filter(|_| rng.chance(80) && early_ends) {
        story[at].what = Move::Shutdown;
    }
    story
}

/// A machine is set aside, requests wait for it, and the client of the first goes away at the very instant at which the
/// machine is given to it again: too rare to come about by itself.
fn goes_away_as_it_is_granted(rng: &mut Rng) -> Vec<Step> {
    let step = |after, what| Step {
        after,
        first: true,
        what,
    };
    let now = Some(Duration::ZERO);
    let asks = || Move::Ask {
        demand: Demand::Machine,
        priority: 0,
        give_up: None,
    };
    let nth = rng.next() >> 32;
    vec![
        step(now, Move::WorkEnds(nth, Outcome::Unreachable)),
        step(now, asks()),
        step(now, asks()),
        step(None, Move::FirstGoesAway),
    ]
}

/// A machine falls silent until it is lost. The clients ask again, and have other machines, when the work there ends after all.
fn ends_after_its_loss(rng: &mut Rng) -> Vec<Step> {
    let step = |seconds, what| Step {
        after: Some(Duration::from_secs(seconds)),
        first: false,
        what,
    };
    let nth = rng.next() >> 32;
    vec![
        step(0, Move::FallsSilent(nth)),
        step(40, Move::AskAgain(nth)),
        step(0, Move::Up(nth)),
        step(0, Move::WorkEnds(0, Outcome::Ok)),
    ]
}

/// The moves that belong to a part, by their place in [`WEIGHTS`].
fn moves_of(part: Part) -> &'static [usize] {
    match part {
        Part::Cancels => &[2],
        Part::FailedStarts => &[4],
        Part::LostMachines => &[7, 8],
        Part::SilentMachines => &[9],
        Part::Drains => &[10],
        Part::GiveUps | Part::Hints | Part::EarlyEnds => &[],
    }
}

/// Whole milliseconds, for those whose clock knows no less.
fn pause(rng: &mut Rng) -> Duration {
    let most = [0, 50, 2_000, 20_000][rng.weighted(&[80, 80, 70, 26])];
    Duration::from_millis(rng.range(0, most))
}

fn one(rng: &mut Rng, weights: &[u8], config: &Config, give_ups: bool, hints: bool) -> Move {
    let which = rng.weighted(weights);
    let nth = rng.next() >> 32;
    match which {
        0 => Move::Ask {
            demand: demand(rng, config),
            priority: [0, 0, 0, -1, 1][rng.below(5) as usize],
            give_up: (rng.chance(64) && give_ups)
                .then(|| Duration::from_millis(rng.range(0, 9_000))),
        },
        1 => Move::AskAgain(nth),
        2 => Move::GoAway(nth),
        3 => Move::Up(nth),
        4 => {
            let hint = match rng.below(6) {
                0 => Some(StartHint::RetryAfter(Duration::from_secs(rng.range(1, 5)))),
                1 => Some(StartHint::AtCapacity),
                _ => None,
            };
            Move::StartFails(nth, hint.filter(|_| hints))
        }
        5 => {
            let outcomes = [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ];
            Move::WorkEnds(nth, outcomes[rng.weighted(&[110, 25, 45, 20])])
        }
        6 => Move::Stops(nth),
        7 => Move::Dies(nth),
        8 => Move::Breaks(nth),
        9 => Move::FallsSilent(nth),
        10 => Move::MustGo(nth, Duration::from_millis(rng.range(0, 10_000))),
        _ => Move::Pass,
    }
}

/// What some machine could hold.
fn demand(rng: &mut Rng, config: &Config) -> Demand {
    if rng.chance(40) {
        return Demand::Machine;
    }
    let kind = &config.kinds[rng.below(config.kinds.len() as u64) as usize];
    let most = u64::from(kind.capacity.proc_count()).max(1);
    let procs = rng.range(1, most) as u32;
    Resources::procs(procs).into()
}
