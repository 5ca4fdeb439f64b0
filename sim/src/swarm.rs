//! The random swarm: many schedules, each with a plan of its own, each held against the model
//! after every event and brought to rest at its end; a failure comes back as a short script.

use core::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use remuda::{Action, Config, Manager};

use crate::cluster::Cluster;
use crate::coverage::Coverage;
use crate::driven::Driven;
use crate::model::Model;
use crate::pair::Pair;
use crate::panics::no_panic;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::script::Script;
use crate::shrink::{Run, shrink};
use crate::subject::Subject;

/// How many schedules, how long, from which seed.
///
/// ```
/// use remuda_sim::Swarm;
///
/// let report = Swarm { seed: 7, schedules: 100, events: 50, ..Swarm::default() }.run();
/// assert!(report.failure.is_none(), "{}", report.failure.unwrap());
/// assert_eq!(report.schedules, 100);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Swarm {
    /// Schedule n has seed `seed + n`.
    pub seed: u64,
    /// So many schedules.
    pub schedules: u64,
    /// So many events in each, before it is brought to rest.
    pub events: usize,
    /// On so many threads.
    pub threads: usize,
    /// One schedule in so many is checked to the bottom after every event (invariants, views), the
    /// others at their end.
    pub deep_every: u64,
}

impl Default for Swarm {
    fn default() -> Swarm {
        Swarm {
            seed: 1,
            schedules: 20_000,
            events: 200,
            threads: std::thread::available_parallelism().map_or(1, core::num::NonZero::get),
            deep_every: 1,
        }
    }
}

/// What a swarm saw.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many schedules ended.
    pub schedules: u64,
    /// How many events they had, with those that brought them to rest.
    pub events: u64,
    /// What was met.
    pub coverage: Coverage,
    /// The first failure, with which the swarm ended.
    pub failure: Option<Failure>,
}

/// A schedule that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The schedule's seed.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What is wrong with the shrunk run.
    pub what_shrunk: String,
    /// The shrunk run, with the actions that the model expects.
    pub script: Script,
    /// What the subject did instead, at the last event; none if it panicked.
    pub actions: Option<Vec<Action>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# seed {}: {}", self.seed, self.what)?;
        writeln!(f, "# shrunk, with what the model expects:")?;
        write!(f, "{}", self.script)?;
        writeln!(f, "# {}", self.what_shrunk)?;
        let expected = self.script.steps.last().map(|step| &step.actions);
        match &self.actions {
            Some(actions) if Some(actions) == expected => Ok(()),
            Some(actions) => {
                writeln!(f, "# at the last event it says instead:")?;
                for action in actions {
                    writeln!(f, "# -> {}", crate::script::action(action))?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Swarm {
    /// Runs the swarm against [`Manager`].
    pub fn run(&self) -> Report {
        self.run_on(|config| Manager::new(config).expect("plans have valid configs"))
    }

    /// Runs the swarm against whatever `make` makes: a wrapper of a manager, say.
    pub fn run_on<S: Subject>(&self, make: impl Fn(Config) -> S + Sync) -> Report {
        let next = AtomicU64::new(0);
        let failed = AtomicBool::new(false);
        let total = Mutex::new(Report {
            schedules: 0,
            events: 0,
            coverage: Coverage::new(),
            failure: None,
        });
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    let mut part = Part::default();
                    while !failed.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.schedules {
                            break;
                        }
                        if let Err(failure) = self.schedule(number, &make, &mut part) {
                            failed.store(true, Ordering::Relaxed);
                            part.failure = Some(*failure);
                        }
                    }
                    let mut total = total.lock().expect("no thread panics with it");
                    total.schedules += part.schedules;
                    total.events += part.events;
                    total.coverage.add(&part.coverage);
                    if total.failure.is_none() {
                        total.failure = part.failure;
                    }
                });
            }
        });
        total.into_inner().expect("no thread panicked with it")
    }

    fn schedule<S: Subject>(
        &self,
        number: u64,
        make: &impl Fn(Config) -> S,
        part: &mut Part,
    ) -> Result<(), Box<Failure>> {
        let seed = self.seed.wrapping_add(number);
        let plan = Plan::draw(&mut Rng::new(!seed));
        let config = plan.config.clone();
        let mut pair = Pair::new(config.clone(), make(config.clone()));
        pair.coverage = Some(std::mem::take(&mut part.coverage));
        let mut cluster = Cluster::new(plan, seed, pair);
        if number.is_multiple_of(self.deep_every.max(1)) {
            // The invariants go through all numbers of procs that a machine may have free.
            let procs = config.kinds.iter().map(|kind| kind.capacity.proc_count());
            let many = procs.max().is_some_and(|most| most > 1000);
            cluster.check_deeply(if many { 50 } else { 1 });
        }
        let ran = no_panic(|| {
            cluster.run(self.events)?;
            cluster.calm()?;
            cluster.subject().check()
        });
        part.events += cluster.log().len() as u64;
        let events = cluster.log().to_vec();
        let pair = cluster.into_subject();
        part.coverage = pair.coverage.expect("it was put there");
        part.coverage.marked(&pair.model);
        if let Err(what) = ran {
            return Err(Box::new(failure(seed, what, Run { config, events }, make)));
        }
        part.schedules += 1;
        Ok(())
    }
}

/// What one thread saw.
#[derive(Default)]
struct Part {
    schedules: u64,
    events: u64,
    coverage: Box<Coverage>,
    failure: Option<Failure>,
}

/// Tells a subject of all events of a run and brings it to rest.
///
/// # Errors
/// What was wrong, with how many events it took; more than the run has if it was on the way to
/// rest.
pub fn replay<S: Subject>(run: &Run, make: &impl Fn(Config) -> S) -> Result<(), (usize, String)> {
    let mut told = 0;
    let result = no_panic(|| {
        let pair = Pair::new(run.config.clone(), make(run.config.clone()));
        let mut driven = Driven::new(run.config.clone(), pair);
        driven.check_deeply(1);
        for (now, event) in &run.events {
            told += 1;
            driven.feed(*event, *now)?;
        }
        told += 1;
        driven.calm()
    });
    result.map_err(|what| (told, what))
}

fn failure<S: Subject>(seed: u64, what: String, run: Run, make: &impl Fn(Config) -> S) -> Failure {
    let small = shrink(run, |run| replay(run, make).is_err());
    let what_shrunk = replay(&small, make).err();
    let mut script = Script::new(small.config.clone(), &small.events);
    if let Ok(mut model) = Model::new(small.config.clone()) {
        script = script.played_on(&mut model);
    }
    let last = no_panic(|| Ok(script.played_on(&mut make(small.config.clone()))));
    Failure {
        seed,
        what,
        what_shrunk: match what_shrunk {
            Some((_, what)) => what,
            None => "it does not fail when it is run again".to_owned(),
        },
        actions: last
            .ok()
            .and_then(|mut played| Some(played.steps.pop()?.actions)),
        script,
    }
}
