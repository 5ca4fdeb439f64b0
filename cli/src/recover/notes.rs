//! What is written to the journal besides: which request is for which job, and what is printed.
use std::collections::HashMap;

use jiff::Timestamp;
use remuda::journal::Note;
use remuda::{MachineId, RequestId};
use remuda_tokio::Recording;

use super::streams::{self, Mark, Marks};
use crate::summary::Tally;

/// The topics of our notes.
const ATTEMPT: &str = "attempt";
const PRINTS: &str = "prints";
const PRINTED: &str = "printed";

/// What a cluster knows that a machine is done with by, stop command and all.
const ENDED: &str = "ended";

/// Says it of all jobs: how many there are.
const JOBS: &str = "jobs";

/// Writes them.
#[derive(Clone, Debug)]
pub(crate) struct Notes(pub(crate) Recording);

/// What is said of a job that is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Where it had its last attempt.
    pub(crate) machine: MachineId,
    pub(crate) ok: bool,
}

impl Notes {
    /// Nothing is left to be read: there are so many jobs.
    pub(crate) fn all_read(&self, jobs: usize) {
        self.0.note(MachineId(0), JOBS, &jobs.to_string());
    }

    /// A job has its lease. It is written when this returns: only then may the job be started.
    pub(crate) fn begins(&self, job: usize, request: RequestId, machine: MachineId, begun: Begun) {
        let Begun { attempt, slot, at } = begun;
        let text = format!(
            "{job} {} {attempt} {slot} {}",
            request.0,
            at.as_millisecond()
        );
        self.0.note(machine, ATTEMPT, &text);
        self.0.write_now();
    }

    /// The output of a job is about to be printed, and nothing is printed meanwhile. It is written when this returns.
    pub(crate) fn prints(&self, job: usize, noted: Noted) {
        let [out, err] = streams::now().map(|mark| match mark {
            Some(mark) => mark.to_string(),
            None => "-".into(),
        });
        let text = format!("{job} {out} {err}");
        self.0.note(noted.machine, PRINTS, &text);
        self.0.write_now();
    }

    /// The output of a job is printed. It is written with what follows, or by [`write_now`](Notes::write_now).
    pub(crate) fn printed(&self, job: usize, noted: Noted) {
        let how = if noted.ok { "ok" } else { "failed" };
        let text = format!("{job} {how}");
        self.0.note(noted.machine, PRINTED, &text);
    }

    /// The stop command for a machine is through. It is written with what follows.
    pub(crate) fn ended(&self, machine: MachineId) {
        self.0.note(machine, ENDED, "");
    }

    pub(crate) fn write_now(&self) {
        self.0.write_now();
    }
}

/// An attempt that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// From 1 up.
    pub(crate) attempt: u32,
    /// `REMUDA_SLOT`.
    pub(crate) slot: usize,
    pub(crate) at: Timestamp,
}

impl Begun {
    /// Of the words behind the request.
    fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Begun> {
        let mut number = || words.next()?.parse::<u64>().ok();
        let (attempt, slot, at) = (number()?, number()?, number()?);
        Some(Begun {
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            slot: usize::try_from(slot).ok()?,
            at: Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?,
        })
    }
}

/// What the notes of a journal say, the last word on each job.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// Jobs whose output is printed, and whether they succeeded.
    printed: HashMap<usize, bool>,
    /// The last attempts of others.
    begun: HashMap<usize, Begun>,
    requests: HashMap<RequestId, usize>,
    /// What was being printed.
    printing: Option<(usize, Marks)>,
    /// How many jobs there are, if that was known.
    jobs: Option<usize>,
}

impl Before {
    /// Takes a note in. One that is none of ours, or makes no sense, is passed over.
    pub(crate) fn see(&mut self, note: &Note<'_>) {
        let mut words = note.text.split(' ');
        let Some(job) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
            return;
        };
        match note.topic {
            JOBS => self.jobs = Some(job),
            ATTEMPT => {
                let request = words.next().and_then(|word| word.parse().ok());
                if let (Some(request), Some(begun)) = (request, Begun::read(words)) {
                    self.requests.insert(RequestId(request), job);
                    self.begun.insert(job, begun);
                }
            }
            PRINTS => {
                let mut mark = || Mark::parse(words.next()?);
                self.printing = Some((job, [mark(), mark()]));
            }
            PRINTED => {
                self.printed.insert(job, words.next() == Some("ok"));
                self.begun.remove(&job);
                self.printing = None;
            }
            _ => {}
        }
    }

    /// Whether a job succeeded, if its output is printed.
    pub(crate) fn find(&self, job: usize) -> Option<bool> {
        self.printed.get(&job).copied()
    }

    /// How many jobs are printed.
    pub(crate) fn count(&self) -> usize {
        self.printed.len()
    }

    /// How many attempts a job has had.
    pub(crate) fn attempts(&self, job: usize) -> u32 {
        self.begun.get(&job).map_or(0, |begun| begun.attempt)
    }

    /// The last attempt of a job that is not printed.
    pub(crate) fn begun(&self, job: usize) -> Option<Begun> {
        self.begun.get(&job).copied()
    }

    /// The job of a request, unless that is through.
    pub(crate) fn job(&self, request: RequestId) -> Option<usize> {
        let job = self.requests.get(&request).copied();
        job.filter(|job| !self.printed.contains_key(job))
    }

    /// Whether all jobs are printed.
    pub(crate) fn is_complete(&self) -> bool {
        self.jobs == Some(self.printed.len())
    }

    /// The count of a run of which nothing is left to do.
    pub(crate) fn tally(&self) -> Tally {
        let count = self.count();
        Tally {
            total: Some(count),
            read: count,
            before: count,
            before_failed: self.printed.values().filter(|ok| !**ok).count(),
            ..Tally::default()
        }
    }

    /// Takes back what was being printed. What to tell the user.
    pub(super) fn take_back(&mut self) -> Vec<String> {
        match self.printing.take() {
            // People count from 1.
            Some((job, marks)) => streams::take_back(&format!("number {}", job + 1), marks),
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remuda::Instant;

    #[test]
    fn the_last_word_on_each_job_counts() {
        let mut before = Before::default();
        let mut see = |topic, text| {
            let (time, machine) = (Instant::ZERO, MachineId(0));
            before.see(&Note {
                time,
                machine,
                topic,
                text,
            });
        };
        see("name", "m0 (pid 1)");
        // The name of a job, for readers, may look like anything.
        see("job", "7 10 1");
        see("attempt", "0 10 1 1 1000");
        see("attempt", "1 11 1 2 1500");
        see("prints", "0 1:2:3 -");
        see("printed", "0 ok");
        see("attempt", "1 12 2 3 2500");
        see("attempt", "x 12 2 3 2500");
        see("attempt", "1 13 3 4");
        see("prints", "1 - 4:5:6");
        assert_eq!((before.find(0), before.find(1)), (Some(true), None));
        assert_eq!([0, 1, 7].map(|job| before.attempts(job)), [0, 2, 0]);
        let begun = before.begun(1).expect("it has begun");
        assert_eq!((begun.slot, begun.at.as_millisecond()), (3, 2500));
        assert_eq!(before.job(RequestId(12)), Some(1));
        assert_eq!(before.job(RequestId(10)), None);
        assert_eq!(before.printing, Some((1, [None, Mark::parse("4:5:6")])));
        assert!(!before.is_complete());
        for (topic, text) in [("printed", "1 failed"), ("jobs", "2")] {
            let (time, machine) = (Instant::ZERO, MachineId(0));
            before.see(&Note {
                time,
                machine,
                topic,
                text,
            });
        }
        assert_eq!(before.find(1), Some(false));
        assert_eq!((before.printing, before.is_complete()), (None, true));
    }
}
