//! Workloads that were not recorded as they are simulated: jobs of other logs, other kinds of machine, other starts, clients that
//! wait for what they asked for.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use remuda::{Config, Instant, KindId, Kinds, Outcome, RequestId, Submit};

use super::fates::{Fates, Usual};
use super::workload::{Job, Next, Workload};
use crate::replay::items::Head;
use crate::replay::lives::Point;

/// A job of a log that knows nothing of machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) submit: Instant,
    pub(crate) held: Duration,
    pub(crate) spec: Submit,
    /// When it was over, where the log knows.
    pub(crate) over: Option<Instant>,
}

impl Workload {
    /// These jobs, which are in the order of their submits. Machines are up at once, and gone at once.
    pub(crate) fn of_log(head: Head, entries: &[Entry]) -> Workload {
        let kinds = head.config.kinds.len();
        let jobs: Vec<Job> = (1..)
            .zip(entries)
            .map(|(number, entry)| Job {
                request: RequestId(number),
                spec: entry.spec,
                submitted: Point {
                    time: entry.submit,
                    number,
                },
                cancelled: None,
                held: entry.held,
                outcome: Outcome::Ok,
                // Of one instant, ends come before submits.
                ended: 0,
                over: entry.over,
                was_granted: true,
                was_lost: false,
            })
            .collect();
        Workload {
            head,
            events: 2 * jobs.len(),
            ids_to: jobs.len() as u64,
            jobs,
            next: Vec::new(),
            machines: Fates::new(kinds),
            usual: Usual::fixed(Duration::ZERO, kinds),
            changes: Vec::new(),
            says_where: true,
            guessed: 0,
            left_out: 0,
        }
    }

    /// The same requests of a cluster with other machines; `was` says which of the recorded kinds each of its kinds is, if one.
    /// Its machines take as long to start as those of that kind, or as all; they neither fail nor are lost, and none joins.
    pub(crate) fn on_other_kinds(&self, config: Config, was: &[Option<KindId>]) -> Workload {
        let kinds = |accepted: Kinds| {
            let numbered = (0..).map(KindId).zip(was);
            let same = numbered.filter(|(_, was)| was.is_some_and(|was| accepted.contains(was)));
            match accepted {
                Kinds::ALL => Kinds::ALL,
                _ => same.fold(Kinds::NONE, |kinds, (kind, _)| kinds.with(kind)),
            }
        };
        let mut jobs = self.jobs.clone();
        for spec in jobs.iter_mut().map(|job| &mut job.spec) {
            spec.kinds = kinds(spec.kinds);
            // Machines of the record, which are none of these.
            (spec.prefer, spec.avoid) = (None, None);
        }
        Workload {
            head: Head {
                config,
                ..self.head.clone()
            },
            events: self.events,
            jobs,
            next: self.next.clone(),
            machines: Fates::new(was.len()),
            usual: self.usual.of_others(was),
            changes: Vec::new(),
            says_where: self.says_where,
            ids_to: self.ids_to,
            guessed: self.guessed,
            left_out: self.left_out,
        }
    }

    /// All machines that come up take so long for it.
    pub(crate) fn set_boot(&mut self, boot: Duration) {
        self.machines.set_boot(boot);
        let stopping = self.usual.stopping;
        self.usual = Usual::fixed(boot, self.head.config.kinds.len());
        self.usual.stopping = stopping;
    }

    /// So many clients submit the jobs, each its next when its last is over and it has thought about that for as long as the
    /// record says: from the end of the one to the submit of the other. A job goes to the client that had been free for longest.
    pub(crate) fn close(&mut self, clients: usize) {
        let mut next = vec![None; self.jobs.len()];
        let mut last = vec![None; clients];
        // When each is free.
        let mut free: BinaryHeap<_> = (0..clients)
            .map(|client| Reverse((Instant::ZERO, client)))
            .collect();
        for (index, job) in self.jobs.iter().enumerate() {
            let Some(Reverse((since, client))) = free.pop() else {
                return;
            };
            let submitted = job.submitted.time;
            if let Some(before) = last[client].replace(index) {
                let think = submitted - since;
                next[before] = Some(Next { job: index, think });
            }
            let over = job.over.unwrap_or(submitted + job.held);
            free.push(Reverse((over, client)));
        }
        self.next = next;
    }
}
