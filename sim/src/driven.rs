//! A subject with the outside's tables beside it: told of events, checked after each, and brought to rest.

use core::time::Duration;

use remuda::{Action, Config, Event, Instant};

use crate::ledger::Ledger;
use crate::subject::Subject;

/// A [`Subject`] and what the outside knows of it.
///
/// ```
/// use remuda::{Config, Demand, Event, Instant, Manager, RequestId};
/// use remuda_sim::Driven;
///
/// let config = Config::new(4, 16)?;
/// let mut driven = Driven::new(config, Manager::new(config)?);
/// let submit = Event::Submit { request: RequestId(1), priority: 0, demand: Demand::Machine };
/// driven.feed(submit, Instant::ZERO).expect("nobody is wronged");
/// assert_eq!(driven.ledger().starting.len(), 1);
/// driven.calm().expect("the machine comes up, the request is granted, and done");
/// assert_eq!(driven.ledger().granted, 1);
/// # Ok::<(), remuda::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Driven<S> {
    subject: S,
    config: Config,
    ledger: Ledger,
    now: Instant,
    pub(crate) actions: Vec<Action>,
    told: usize,
    deep: usize,
}

impl<S: Subject> Driven<S> {
    /// A fresh `subject` that was made with this config.
    pub fn new(config: Config, subject: S) -> Driven<S> {
        Driven {
            subject,
            config,
            ledger: Ledger::new(config.machine_procs),
            now: Instant::ZERO,
            actions: Vec::new(),
            told: 0,
            deep: 0,
        }
    }

    /// Also asks for [`Subject::check`] after every `every`-th event; 0: never.
    pub fn check_deeply(&mut self, every: usize) {
        self.deep = every;
    }

    /// What is driven.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// What was driven, when that is over.
    pub fn into_subject(self) -> S {
        self.subject
    }

    /// What the outside knows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The latest time it was told.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How the last event was answered.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Tells the subject of an event.
    ///
    /// # Errors
    /// The first thing that was not as it should be: see [`Ledger::check`], [`Subject::verdict`] and
    /// [`Subject::check`].
    pub fn feed(&mut self, event: Event, now: Instant) -> Result<(), String> {
        self.actions.clear();
        self.told += 1;
        self.now = self.now.max(now);
        self.subject.handle_into(event, now, &mut self.actions);
        self.ledger.note(event, &self.actions);
        self.subject.verdict()?;
        self.ledger.check()?;
        if self.deep > 0 && self.told.is_multiple_of(self.deep) {
            self.subject.check()
        } else {
            Ok(())
        }
    }

    /// Faults cease: everything owed is answered, well, until nothing is owed. Then all that can be satisfied must
    /// have been granted, with no more machines started than that takes.
    ///
    /// # Errors
    /// What is stuck, who was not served, or a start too many; and as [`feed`](Self::feed).
    pub fn calm(&mut self) -> Result<(), String> {
        self.calm_noting(|_, _| ())
    }

    /// As [`calm`](Self::calm), with word of each event before it is told.
    pub(crate) fn calm_noting(
        &mut self,
        mut word: impl FnMut(Event, Instant),
    ) -> Result<(), String> {
        let config = self.config;
        let (before, minted, granted) = (
            self.subject.counts(),
            self.ledger.minted,
            self.ledger.granted,
        );
        let waits = self.ledger.queued.len() as u64;
        let wanted = before.need.min(config.max_procs);
        let missing = wanted.saturating_sub(before.have + before.pending);
        let starts = missing.div_ceil(u64::from(config.machine_procs));
        let shortest = config.probation.max(config.start_backoff_cap) + Duration::from_nanos(1);
        let mut patience = 1000 + 100 * (before.need.min(1000) + before.machines.ok);
        let mut waited = false;
        loop {
            patience = patience.checked_sub(1).ok_or("it never comes to rest")?;
            let started = self.ledger.minted - minted;
            if started > starts {
                return Err(format!("{started} machines started where {starts} do"));
            }
            if let Some(event) = self.ledger.owed() {
                // Polls come again and again and are no news.
                waited &= matches!(event, Event::Polled { .. });
                word(event, self.now);
                self.feed(event, self.now)?;
                continue;
            }
            if self.ledger.queued.is_empty() {
                break;
            }
            // One wait as long as the longest pause must bring news, unless time ends before.
            let Some(later) = self.now.checked_add(shortest) else {
                return Ok(());
            };
            if waited {
                return Err(format!("{} waits for ever", self.ledger.queued[0].0));
            }
            waited = true;
            word(Event::Timer, later);
            self.feed(Event::Timer, later)?;
        }
        let after = self.subject.counts();
        let zero = (after.need, after.queued, after.running, after.pending);
        if zero != (0, 0, 0, 0) || (self.ledger.shut_down && after.have > 0) {
            return Err(format!("something is left at rest: {after:?}"));
        }
        if let Some((waiter, machine)) = self.ledger.waiting.first() {
            return Err(format!("{waiter} waits for work on {machine} for ever"));
        }
        if self.ledger.granted - granted != waits {
            return Err("not every request was granted once".to_owned());
        }
        Ok(())
    }
}
