//! Plays many stories on an adapter, and tells the first that breaks a rule in as few steps as it takes.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use remuda::{Config, Kind, Resources};

use crate::adapter::Adapter;
use crate::ledger::{Breach, Line};
use crate::play::play;
use crate::rule::Rule;
use crate::shrink::shrink;
use crate::story::{self, Step};
use crate::world::World;

/// What may be left out of a world that does not have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Clients go away.
    Cancels,
    /// Requests that give up when they have waited for long (Q1).
    GiveUps,
    /// Starts fail.
    FailedStarts,
    /// Starts that fail say when to try again, or that a quota is used up (G3).
    Hints,
    /// Machines end by themselves.
    LostMachines,
    /// Machines answer no polls.
    SilentMachines,
    /// Machines say that they must go (D1).
    Drains,
    /// All is to end while there is still much to do (S22).
    EarlyEnds,
}

/// The tests of an adapter: so many stories, each drawn from its seed, the same every time and everywhere.
#[derive(Clone, Debug)]
pub struct Check {
    config: Config,
    seeds: Range<u64>,
    steps: usize,
    poll_timeout: Duration,
    without: Vec<Part>,
}

impl Default for Check {
    /// Two kinds of machine, few of each, of which idle ones are stopped, silent ones lost, and suspect ones set aside, all
    /// soon.
    fn default() -> Self {
        let idle = Duration::from_secs(20);
        let small = Kind::new(Resources::procs(2))
            .max(3)
            .spare(1)
            .batch(2)
            .idle(idle);
        let large = Kind::new(Resources::procs(4)).max(1).cost(3).idle(idle);
        let config = Config::empty().kind(small).kind(large);
        let config = config
            .withdraw(true)
            .silent_polls(2)
            .settle(Duration::from_secs(2));
        Check::new(config.probation(Duration::from_secs(3)))
    }
}

impl Check {
    /// Tests of an adapter whose manager has this config.
    #[must_use]
    pub fn new(config: Config) -> Check {
        Check {
            config,
            seeds: 0..300,
            steps: 40,
            poll_timeout: Duration::from_secs(5),
            without: Vec::new(),
        }
    }

    /// Plays the stories of these seeds; 0 to 299 unless said otherwise.
    #[must_use]
    pub fn seeds(mut self, seeds: Range<u64>) -> Check {
        self.seeds = seeds;
        self
    }

    /// Plays the story of this seed alone, as the end of a failure says.
    #[must_use]
    pub fn seed(self, seed: u64) -> Check {
        self.seeds(seed..seed + 1)
    }

    /// So many steps a story; 40 unless said otherwise. Then all comes to rest, and is shut down.
    #[must_use]
    pub fn steps(mut self, steps: usize) -> Check {
        self.steps = steps;
        self
    }

    /// How long the adapter may wait for the answer to a poll; five seconds unless said otherwise (S17).
    #[must_use]
    pub fn poll_timeout(mut self, timeout: Duration) -> Check {
        self.poll_timeout = timeout;
        self
    }

    /// Leaves out what does not happen in the adapter's world.
    #[must_use]
    pub fn without(mut self, part: Part) -> Check {
        self.without.push(part);
        self
    }

    /// Plays the stories, each on an adapter that `make` makes.
    ///
    /// # Errors
    /// A rule is broken: which, and the shortest story that was found for it.
    ///
    /// # Panics
    /// When the config is not valid.
    pub fn run<A: Adapter>(&self, make: impl Fn(Config, World) -> A) -> Result<Report, Broken> {
        self.config.validate().expect("a valid config");
        let mut report = Report::default();
        for seed in self.seeds.clone() {
            let steps = story::draw(seed, self.steps, &self.config, &self.without);
            let world = self.play(&steps, &make);
            let ledger = world.ledger();
            report.stories += 1;
            for (what, times) in &ledger.met {
                *report.met.entry(what).or_default() += times;
            }
            let Some(breach) = ledger.broken.clone() else {
                continue;
            };
            drop(ledger);
            return Err(self.shortest(seed, steps, breach.rule, &make));
        }
        Ok(report)
    }

    /// Which rule each story breaks, if any: to see how surely a mistake is found.
    pub fn survey<A: Adapter>(&self, make: impl Fn(Config, World) -> A) -> Vec<Option<Rule>> {
        let seeds = self.seeds.clone();
        let rules = seeds.map(|seed| {
            let steps = story::draw(seed, self.steps, &self.config, &self.without);
            let world = self.play(&steps, &make);
            let ledger = world.ledger();
            ledger.broken.as_ref().map(|breach| breach.rule)
        });
        rules.collect()
    }

    fn play<A: Adapter>(&self, steps: &[Step], make: &impl Fn(Config, World) -> A) -> World {
        play(steps, &self.config, self.poll_timeout, make)
    }

    fn shortest<A: Adapter>(
        &self,
        seed: u64,
        steps: Vec<Step>,
        rule: Rule,
        make: &impl Fn(Config, World) -> A,
    ) -> Broken {
        let breaks = |steps: &[Step]| {
            let world = self.play(steps, make);
            let ledger = world.ledger();
            ledger
                .broken
                .as_ref()
                .is_some_and(|breach| breach.rule == rule)
        };
        let steps = shrink(steps, breaks);
        let world = self.play(&steps, make);
        let ledger = world.ledger();
        let breach = ledger.broken.clone();
        let breach = breach.unwrap_or_else(|| Breach {
            rule,
            what: "but not again: the adapter does not do the same every time".to_owned(),
        });
        Broken {
            rule: breach.rule,
            seed,
            what: breach.what,
            lines: ledger.lines.clone(),
        }
    }
}

/// What was played, and nothing was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many stories.
    pub stories: u64,
    /// How often each thing happened and each thing was done, by a word for it. What is not there was not tested.
    pub met: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stories, no rule broken:", self.stories)?;
        let mut between = "";
        for (what, times) in &self.met {
            write!(f, "{between} {what} {times}")?;
            between = ",";
        }
        Ok(())
    }
}

/// A rule that an adapter breaks. It prints the story: what happened, with `>` what the manager was told, with `=` what was
/// done.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// The seed of the story in which it was found.
    pub seed: u64,
    /// What breaks it.
    pub what: String,
    lines: Vec<Line>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.rule)?;
        let mut number = 0;
        for line in &self.lines {
            match line {
                Line::Happened(at, what) => {
                    number += 1;
                    let at = at.to_string();
                    writeln!(f, "{number:4}. {at:<8} {what}")?;
                }
                Line::Told(what) => writeln!(f, "{:15}> {what}", "")?,
                Line::Done(what) => writeln!(f, "{:15}= {what}", "")?,
            }
        }
        writeln!(f, "      broken:  {}", self.what)?;
        write!(f, "Again: the same check with .seed({})", self.seed)
    }
}

/// As [`Display`](fmt::Display), so that `unwrap` shows the story.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Broken {}
