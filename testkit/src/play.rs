//! Plays a story: one thing happens after the other, and the adapter is woken when it wants to be.

use std::time::Duration;

use remuda::{Config, Instant};
use remuda_sim::panics::caught;

use crate::adapter::Adapter;
use crate::happening::Happening;
use crate::ledger::Ledger;
use crate::rule::Rule;
use crate::story::Step;
use crate::world::World;

/// So often an adapter may wake at one instant, or with nothing to tell between two happenings.
const MOST_WAKES: u32 = 200;

/// So many rounds of a second each a world takes to come to rest.
const ROUNDS: u32 = 60;

/// Plays the steps on an adapter of its own. Gives back the world: what was broken there, and what was met.
pub(crate) fn play<A: Adapter>(
    steps: &[Step],
    config: &Config,
    poll_timeout: Duration,
    make: &impl Fn(Config, World) -> A,
) -> World {
    let ledger = Ledger::new(config.clone(), poll_timeout);
    let world = World::new(ledger.expect("the config was checked"));
    let played = caught(|| {
        let adapter = make(config.clone(), world.clone());
        let mut player = Player {
            world: &world,
            adapter,
            wakes: 0,
        };
        // None: a rule is broken, and the world knows which.
        let _ = player.play(steps);
    });
    if let Err(panic) = played {
        let mut ledger = world.ledger();
        // What it had broken before is why.
        ledger.breach(Rule::Panicked, panic.what);
    }
    world
}

struct Player<'a, A> {
    world: &'a World,
    adapter: A,
    /// How often it was woken at this instant, or since something was told.
    wakes: u32,
}

impl<A: Adapter> Player<'_, A> {
    fn play(&mut self, steps: &[Step]) -> Option<()> {
        self.settle()?;
        for step in steps {
            let at = match step.after {
                Some(after) => self.later(after),
                None => self.deadline(),
            };
            self.pass(at, step.first)?;
            let happenings = self.world.ledger().draw(&step.what);
            self.happen(happenings)?;
        }
        self.rest(Ledger::is_busy)?;
        if !self.world.ledger().shut_down {
            self.happen(vec![Happening::Shutdown])?;
        }
        self.rest(Ledger::has_machines)?;
        self.world.ledger().over();
        Some(())
    }

    /// Nothing goes wrong any more, as long as that lasts, and not for ever.
    fn rest(&mut self, lasts: impl Fn(&Ledger) -> bool) -> Option<()> {
        for _ in 0..ROUNDS {
            let happenings = self.world.ledger().calm();
            self.happen(happenings)?;
            if !lasts(&self.world.ledger()) {
                break;
            }
            let at = self.later(Duration::from_secs(1));
            self.pass(at, false)?;
        }
        Some(())
    }

    /// The manager's next, if that is soon.
    fn deadline(&self) -> Instant {
        let soon = self.later(Duration::from_secs(60));
        let deadline = self.world.ledger().manager.next_timeout();
        let now = self.world.now();
        deadline
            .filter(|at| (now..=soon).contains(at))
            .unwrap_or(now)
    }

    fn later(&self, after: Duration) -> Instant {
        let now = self.world.now();
        now.checked_add(after).unwrap_or(now)
    }

    fn happen(&mut self, happenings: Vec<Happening>) -> Option<()> {
        for happening in happenings {
            if !self.world.ledger().can(&happening) {
                continue;
            }
            self.world.ledger().happens(&happening);
            self.adapter.happens(happening);
            self.wakes = 0;
            self.settle()?;
        }
        Some(())
    }

    /// Lets the time pass until `at`, but for what is due then, if that comes after.
    fn pass(&mut self, at: Instant, first: bool) -> Option<()> {
        loop {
            let now = self.world.now();
            let answer = self.world.ledger().next_answer();
            let wake = self.adapter.wake_at().map(|at| at.max(now));
            let answer_at = answer.map(|(at, _)| at.max(now));
            let Some(next) = wake.into_iter().chain(answer_at).min() else {
                break;
            };
            if next > at || (next == at && first) {
                break;
            }
            self.world.ledger().now = next;
            match answer {
                Some((_, machine)) if answer_at == Some(next) => {
                    self.happen(vec![Happening::PollAnswered { machine }])?;
                }
                _ => self.wake()?,
            }
        }
        self.world.ledger().now = at;
        Some(())
    }

    fn wake(&mut self) -> Option<()> {
        let before = self.world.ledger().events;
        self.adapter.wake();
        self.settle()?;
        let now = self.world.now();
        let again = self.adapter.wake_at().is_some_and(|at| at <= now);
        let mut ledger = self.world.ledger();
        if ledger.events == before || again {
            self.wakes += 1;
        } else {
            self.wakes = 0;
        }
        if self.wakes < MOST_WAKES {
            return Some(());
        }
        let deadline = ledger.manager.next_timeout();
        match deadline.filter(|deadline| *deadline <= now) {
            Some(deadline) => {
                let what = format!("it is {now}, and the manager's deadline is {deadline}");
                ledger.breach(Rule::TimerNotTold, what);
            }
            None => {
                let what =
                    format!("it wakes at {now} for the {MOST_WAKES}th time with nothing to do");
                ledger.breach(Rule::TimerBusy, what);
            }
        }
        None
    }

    fn settle(&mut self) -> Option<()> {
        let wake_at = self.adapter.wake_at();
        let mut ledger = self.world.ledger();
        ledger.settle(wake_at);
        ledger.broken.is_none().then_some(())
    }
}
