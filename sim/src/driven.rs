//! A subject with the outside's tables beside it: told of events, checked after each, and brought to rest.

use core::time::Duration;

use remuda::{Action, Config, Event, Instant, Kind, KindId, Limits, MachineId, Policy, RequestId};

use crate::ledger::Ledger;
use crate::subject::Subject;

/// A kind that is at its quota is tried again after so long (G3).
const AT_CAPACITY: Duration = Duration::from_secs(60);

/// A [`Subject`] and what the outside knows of it.
///
/// ```
/// use remuda::{Config, Event, Instant, Manager, RequestId, Submit};
/// use remuda_sim::Driven;
///
/// let config = Config::new(4, 16)?;
/// let mut driven = Driven::new(config.clone(), Manager::new(config)?);
/// let submit = Event::Submit { request: RequestId(1), spec: Submit::machine() };
/// driven.feed(submit, Instant::ZERO).expect("all promises are kept");
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
            ledger: Ledger::new(&config),
            config,
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
        self.ledger.note(event, self.now, &self.actions);
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
    /// Whoever runs the cluster first sets right what they can: machines that offer less than their kind are drained,
    /// and under [`Policy::Fit`] limits are those of the config (or, where these are too low for some request, more)
    /// and tasks are discarded.
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
        for event in self.amends() {
            word(event, self.now);
            self.feed(event, self.now)?;
        }
        let before = self.subject.counts();
        let (minted, granted, expired) =
            (self.ledger.minted, self.ledger.granted, self.ledger.expired);
        let mut waits = self.ledger.queued.len() as u64;
        let starts = self.most_starts();
        let shortest = self.longest_pause();
        let running = before.running + before.queued + before.machines.ok;
        let mut budget = 1000 + 100 * (before.need[0].min(1000) + running.min(1000));
        let mut waited = false;
        loop {
            budget = budget.checked_sub(1).ok_or("it never comes to rest")?;
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
                let request = self.hopeless()?;
                waits -= 1;
                waited = false;
                let event = Event::Cancel { request };
                word(event, self.now);
                self.feed(event, self.now)?;
                continue;
            }
            waited = true;
            word(Event::Timer, later);
            self.feed(Event::Timer, later)?;
        }
        waits -= self.ledger.expired - expired;
        self.check_rest(self.ledger.granted - granted, waits)
    }

    /// What whoever runs the cluster sets right when faults cease.
    fn amends(&self) -> Vec<Event> {
        let mut events = match self.config.policy {
            Policy::Fit => self.limits_that_suffice(),
            _ => Vec::new(),
        };
        let less = |machine: MachineId| {
            let known = self.ledger.known(machine);
            known.is_some_and(|known| {
                self.config.kinds[usize::from(known.kind.0)].capacity != known.offer
            })
        };
        let short = self.ledger.serving.iter().copied().filter(|id| less(*id));
        let until = None;
        events.extend(short.map(|machine| Event::Drain { machine, until }));
        if self.config.policy == Policy::Fit {
            // A machine with tasks is not idle, and is not stopped for another (E1, G5).
            let tasks = self.ledger.tasks.iter();
            events.extend(tasks.map(|&(task, machine)| Event::DiscardTask { machine, task }));
        }
        events
    }

    /// Limits under which there can be a machine of each kind.
    fn limits_that_suffice(&self) -> Vec<Event> {
        let kinds = || (0..).map(KindId).zip(&self.config.kinds);
        let procs = |kind: &Kind| u64::from(kind.capacity.proc_count());
        let largest = kinds().map(|(_, kind)| procs(kind)).max().unwrap_or(0);
        // Machines that must always be there may leave no procs for those that are wanted.
        let mins = kinds().map(|(_, kind)| u64::from(kind.min) * procs(kind));
        let fits = mins.sum::<u64>() + largest <= self.config.max_procs;
        let max_procs = self.config.max_procs.max(largest);
        let mut events = vec![Event::SetMaxProcs { max_procs }];
        for (id, kind) in kinds() {
            let limits = Limits {
                min: if fits { kind.min } else { 0 },
                max: kind.max.max(1),
                ..kind.limits()
            };
            events.push(Event::SetLimits { kind: id, limits });
        }
        events
    }

    /// No more machines are started than this until all that is queued is served.
    fn most_starts(&self) -> u64 {
        let counts = self.subject.counts();
        if self.config.policy == Policy::Bigslice {
            let procs = u64::from(self.config.kinds[0].capacity.proc_count());
            let wanted = counts.need[0].min(self.config.max_procs);
            let there = counts.have[0] + counts.pending[0];
            return wanted.saturating_sub(there).div_ceil(procs);
        }
        // One for each request at the most, and what there must be beside. Twice that, because
        // machines may be stopped for others, and be started again (G5).
        let limits = self
            .ledger
            .kinds()
            .map(|(_, kind)| u64::from(kind.min) + u64::from(kind.spare));
        2 * (counts.queued + counts.running + limits.sum::<u64>())
    }

    /// However long it is before something happens by itself that a queued request waits for.
    fn longest_pause(&self) -> Duration {
        let config = &self.config;
        let mut longest = config.probation.max(config.start_backoff_cap);
        if config.policy == Policy::Fit {
            let fit = [config.probation_cap, AT_CAPACITY, config.settle];
            longest = fit.into_iter().fold(longest, Duration::max);
        }
        longest = longest.max(self.ledger.longest_hint);
        longest.saturating_add(Duration::from_nanos(1))
    }

    /// A request for which no machine can be started: it waits for one that joins.
    fn hopeless(&self) -> Result<RequestId, String> {
        let queued = &self.ledger.queued;
        let mut joined = queued
            .iter()
            .filter(|(_, spec)| !self.ledger.can_be_started_for(spec));
        match joined.next() {
            Some((request, _)) => Ok(*request),
            None => Err(format!("{} waits for ever", queued[0].0)),
        }
    }

    /// Nothing runs, waits or is pending, and so many requests were granted since faults ceased.
    fn check_rest(&self, granted: u64, waits: u64) -> Result<(), String> {
        let after = self.subject.counts();
        let (need, pending, have) = (after.need[0], after.pending[0], after.have[0]);
        let left = (need, after.queued, after.running, pending, after.whole) != (0, 0, 0, 0, 0);
        if left || (self.ledger.shut_down && have > 0) {
            return Err(format!("something is left at rest: {after:?}"));
        }
        if let Some((waiter, machine)) = self.ledger.waiting.first() {
            return Err(format!("{waiter} waits for work on {machine} for ever"));
        }
        if granted != waits {
            return Err("not every request was granted once".to_owned());
        }
        Ok(())
    }
}
