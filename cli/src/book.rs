//! What becomes of each job: it waits for others, is asked for, runs, is lost and asked for again, fails and is tried again,
//! is skipped; and when the rest is given up. A state machine without I/O or a clock: events in, [`Step`]s out.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use remuda_cli::jobs::Job;

use crate::ended::Ended;
use crate::summary::Tally;

/// A job's number, from 0 up in the order they were read.
pub(crate) type Id = usize;

/// The delay before a retry grows up to this.
const MOST_DELAY: Duration = Duration::from_secs(300);

/// What a run does with its jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rules {
    /// How often a job may be lost with its machine.
    pub(crate) attempts: u32,
    /// How often a job that failed is run again, unless it says so itself.
    pub(crate) retries: u32,
    /// The delay before the first retry; it doubles with each.
    pub(crate) retry_delay: Duration,
    pub(crate) halt: Option<Halt>,
    /// How many jobs to hold at a time.
    pub(crate) window: usize,
    /// Some job waits for another, or may: names are remembered.
    pub(crate) names: bool,
    /// This is the rest of a run: what was done before counts.
    pub(crate) goes_on: bool,
}

/// When to give up the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Halt {
    /// What runs is ended too; otherwise it may go on to its end.
    pub(crate) now: bool,
    pub(crate) on: What,
    pub(crate) limit: Limit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Fail,
    Success,
    Done,
}

/// How many of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    Count(usize),
    /// Of all jobs, or of those that are through where their number is not known yet.
    Percent(f64),
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<T> {
    /// Ask for a lease for this job.
    Ask(Id),
    /// Say [`Book::again`] after this time.
    Later(Id, Duration),
    /// The job is through. What its last attempt left comes with it, if it had one.
    Through {
        id: Id,
        job: Job,
        ended: Ended,
        left: Option<T>,
    },
    /// Nothing new is started any more.
    Stop,
    /// Attempts that run are to be ended.
    EndRunning,
}

/// All jobs that were read and are not through. `T` is what an attempt leaves.
#[derive(Debug)]
pub(crate) struct Book<T> {
    rules: Rules,
    entries: BTreeMap<Id, Entry>,
    names: HashMap<String, Known>,
    steps: VecDeque<Step<T>>,
    next: Id,
    running: usize,
    source_ended: bool,
    stopped: bool,
    tally: Tally,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    state: State,
    lost: u32,
    failed: u32,
    /// Runs that count as neither.
    more: u32,
}

/// Why an attempt says nothing of its job, which is run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The machine was lost under the job. If it was to go in any case, that does not count (`spared`).
    Lost { why: String, spared: bool },
    /// The machine could not run the job.
    Unfit(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many jobs must be through before.
    Waiting(usize),
    /// Asked for, or about to be.
    Asked,
    Running,
}

/// What is known of a name.
#[derive(Debug)]
enum Known {
    /// Not through, or not even read: these wait for it, and whether it must succeed.
    Ahead(Vec<(Id, bool)>),
    /// Through: whether it succeeded.
    Through(bool),
}

impl<T> Book<T> {
    /// Without jobs. `total` is how many will come, if that is known.
    pub(crate) fn new(rules: Rules, total: Option<usize>) -> Book<T> {
        Book {
            rules,
            entries: BTreeMap::new(),
            names: HashMap::new(),
            steps: VecDeque::new(),
            next: 0,
            running: 0,
            source_ended: false,
            stopped: false,
            tally: Tally {
                total,
                ..Tally::default()
            },
        }
    }

    /// Whether more jobs are to be read.
    pub(crate) fn wants_more(&self) -> bool {
        !self.source_ended && !self.stopped && self.entries.len() < self.rules.window
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_over(&self) -> bool {
        self.entries.is_empty() && (self.source_ended || self.stopped)
    }

    pub(crate) fn next_step(&mut self) -> Option<Step<T>> {
        self.steps.pop_front()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// A job that is not through.
    pub(crate) fn job(&self, id: Id) -> &Job {
        &self.entries[&id].job
    }

    /// The job that is read next.
    pub(crate) fn next(&self) -> Id {
        self.next
    }

    /// The number of a job's attempt that is next or runs, from 1 up.
    pub(crate) fn attempt(&self, id: Id) -> u32 {
        let entry = &self.entries[&id];
        let before = entry.lost.saturating_add(entry.failed);
        before.saturating_add(entry.more).saturating_add(1)
    }

    /// A job was read.
    pub(crate) fn add(&mut self, job: Job) {
        self.add_again(job, 0);
    }

    /// A job was read that has had so many attempts before, which count as neither lost nor failed.
    pub(crate) fn add_again(&mut self, job: Job, attempts: u32) {
        let id = self.read();
        if self.stopped {
            return;
        }
        let mut waits = 0;
        let mut failed = None;
        for (name, must_succeed) in job.waits_for() {
            let known = self.names.entry(name.to_owned());
            match known.or_insert_with(|| Known::Ahead(Vec::new())) {
                Known::Ahead(waiting) => {
                    waiting.push((id, must_succeed));
                    waits += 1;
                }
                Known::Through(ok) if *ok || !must_succeed => {}
                Known::Through(_) => failed = failed.or(Some(name.to_owned())),
            }
        }
        let state = match waits {
            0 => State::Asked,
            _ => State::Waiting(waits),
        };
        let entry = Entry {
            job,
            state,
            lost: 0,
            failed: 0,
            more: attempts,
        };
        self.entries.insert(id, entry);
        match failed {
            Some(name) => self.through(id, Ended::Skipped(name), None),
            None if state == State::Asked => self.steps.push_back(Step::Ask(id)),
            None => {}
        }
    }

    /// A job was read that an earlier run has brought to its end, well or not.
    pub(crate) fn add_done(&mut self, job: &Job, ok: bool) -> Id {
        let id = self.read();
        self.tally.before += 1;
        self.tally.before_failed += usize::from(self.rules.goes_on && !ok);
        self.settle(job.given_name.as_deref(), ok);
        id
    }

    /// There are no more jobs.
    pub(crate) fn source_ended(&mut self) {
        self.source_ended = true;
        self.tally.total = Some(self.tally.read);
    }

    /// A job has its lease.
    pub(crate) fn started(&mut self, id: Id) {
        let entry = self.entry(id);
        if entry.state != State::Running {
            entry.state = State::Running;
            self.running += 1;
        }
    }

    /// The time of a [`Step::Later`] is over.
    pub(crate) fn again(&mut self, id: Id) {
        if self.entries.contains_key(&id) {
            self.steps.push_back(Step::Ask(id));
        }
    }

    /// An attempt has ended, or came to nothing.
    pub(crate) fn ended(&mut self, id: Id, ended: Ended, left: T) {
        self.at_rest(id);
        let (stopped, rules) = (self.stopped, self.rules);
        let entry = self.entry(id);
        let own = entry.job.extra.as_ref().and_then(|extra| extra.retries);
        let more = entry.failed < own.unwrap_or(rules.retries);
        if ended.is_ok() || ended == Ended::Interrupted || stopped || !more {
            return self.through(id, ended, Some(left));
        }
        entry.failed += 1;
        let doubled = 2_u32.saturating_pow((entry.failed - 1).min(31));
        let delay = rules
            .retry_delay
            .saturating_mul(doubled)
            .min(MOST_DELAY.max(rules.retry_delay));
        self.tally.retried += 1;
        self.steps.push_back(match delay {
            Duration::ZERO => Step::Ask(id),
            delay => Step::Later(id, delay),
        });
    }

    /// An attempt has failed, and the job is to be run once more before that counts.
    pub(crate) fn once_more(&mut self, id: Id) {
        self.at_rest(id);
        self.entry(id).more += 1;
        self.steps.push_back(Step::Ask(id));
    }

    /// An attempt came to nothing on this machine, if it had one.
    pub(crate) fn lost(&mut self, id: Id, machine: Option<&str>, loss: &Loss, left: T) {
        self.at_rest(id);
        let (stopped, attempts) = (self.stopped, self.rules.attempts);
        let entry = self.entry(id);
        let spared = matches!(loss, Loss::Lost { spared: true, .. });
        *(if spared {
            &mut entry.more
        } else {
            &mut entry.lost
        }) += 1;
        if stopped {
            return self.through(id, Ended::Interrupted, Some(left));
        }
        if entry.lost < attempts {
            self.tally.run_again += 1;
            return self.steps.push_back(Step::Ask(id));
        }
        // Those that do not count were attempts as well.
        let times = match entry.lost + entry.more {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let error = match loss {
            Loss::Lost { why, .. } => {
                format!("lost with its machine {times}, the last time as {why}")
            }
            Loss::Unfit(why) => {
                let machine = machine.unwrap_or("its machine");
                format!("no machine could run it, tried {times}, the last time {machine}: {why}")
            }
        };
        self.through(id, Ended::Error(error), Some(left));
    }

    /// Whether nothing new is started any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Starts nothing any more; what runs is to be ended if it is to be `now`.
    pub(crate) fn stop(&mut self, now: bool) {
        if !self.stopped {
            self.stopped = true;
            self.entries
                .retain(|_, entry| entry.state == State::Running);
            let drop = |step: &Step<T>| matches!(step, Step::Ask(_) | Step::Later(..));
            self.steps.retain(|step| !drop(step));
            self.steps.push_back(Step::Stop);
        }
        if now {
            self.steps.push_back(Step::EndRunning);
        }
    }

    fn read(&mut self) -> Id {
        self.tally.read += 1;
        self.next += 1;
        self.next - 1
    }

    fn entry(&mut self, id: Id) -> &mut Entry {
        self.entries
            .get_mut(&id)
            .expect("a job is held until it is through")
    }

    fn at_rest(&mut self, id: Id) {
        let entry = self.entry(id);
        if std::mem::replace(&mut entry.state, State::Asked) == State::Running {
            self.running -= 1;
        }
    }

    /// A job is through, and with it those that cannot run any more.
    fn through(&mut self, id: Id, ended: Ended, left: Option<T>) {
        let mut left = left;
        // A list of its own: a long chain of jobs is no reason to overflow the stack.
        let mut skipped = VecDeque::from([(id, ended)]);
        while let Some((id, ended)) = skipped.pop_front() {
            let Some(Entry { job, .. }) = self.entries.remove(&id) else {
                continue; // Skipped already, because of another.
            };
            self.tally.count(&ended);
            let name = job.given_name.as_deref();
            for id in self.settle(name, ended.is_ok()) {
                skipped.push_back((id, Ended::Skipped(job.name().into_owned())));
            }
            self.steps.push_back(Step::Through {
                id,
                job,
                ended,
                left: left.take(),
            });
        }
        self.halt_if_due();
    }

    /// Notes what became of a name. Asks for the jobs that waited for nothing else; returns those that cannot run any more.
    fn settle(&mut self, name: Option<&str>, ok: bool) -> Vec<Id> {
        let mut never = Vec::new();
        let Some(name) = name.filter(|_| self.rules.names) else {
            return never;
        };
        let Some(Known::Ahead(waiting)) = self.names.insert(name.to_owned(), Known::Through(ok))
        else {
            return never;
        };
        for (id, must_succeed) in waiting {
            // It may be skipped or given up already.
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if must_succeed && !ok {
                never.push(id);
            } else if let State::Waiting(count) = &mut entry.state {
                *count -= 1;
                if *count == 0 {
                    entry.state = State::Asked;
                    self.steps.push_back(Step::Ask(id));
                }
            }
        }
        never
    }

    fn halt_if_due(&mut self) {
        let Some(Halt { now, on, limit }) = self.rules.halt else {
            return;
        };
        let Tally {
            mut ok,
            mut failed,
            timed_out,
            before,
            before_failed,
            ..
        } = self.tally;
        if self.rules.goes_on {
            ok += before - before_failed;
            failed += before_failed;
        }
        let count = match on {
            What::Fail => failed + timed_out,
            What::Success => ok,
            What::Done => ok + failed + timed_out,
        };
        let due = match limit {
            Limit::Count(limit) => count >= limit,
            Limit::Percent(percent) => {
                let of = self.tally.total.unwrap_or(ok + failed + timed_out);
                count > 0 && count as f64 * 100.0 >= percent * of as f64
            }
        };
        if due && !self.stopped {
            self.tally.succeeded = on == What::Success;
            self.stop(now);
        }
    }
}

#[cfg(test)]
mod tests;
