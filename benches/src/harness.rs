//! A carrier that decides nothing: requests are granted in the order they came, on machines that are not told apart. Its
//! cost is the cost of the workload itself: draw a grant at random, take it out of a list, put another in.

use std::collections::VecDeque;

use remuda::Outcome;

use crate::carrier::Carrier;

/// A request that has a machine, and its procs.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The request, as the workload calls it.
    pub request: u64,
    /// The procs.
    pub procs: u32,
}

/// The procs that are free, and the queue.
#[derive(Clone, Debug)]
pub struct Harness {
    free: u64,
    queue: VecDeque<(u64, u32)>,
}

impl Harness {
    fn place(&mut self, grants: &mut Vec<Grant>) {
        while let Some(&(request, procs)) = self.queue.front()
            && u64::from(procs) <= self.free
        {
            self.queue.pop_front();
            self.free -= u64::from(procs);
            grants.push(Grant { request, procs });
        }
    }
}

impl Carrier for Harness {
    type Grant = Grant;

    fn new(machines: u32, procs: u32) -> Harness {
        Harness {
            free: u64::from(machines) * u64::from(procs),
            queue: VecDeque::new(),
        }
    }

    #[inline]
    fn submit(&mut self, request: u64, _: i64, procs: u32, grants: &mut Vec<Grant>) {
        self.queue.push_back((request, procs));
        self.place(grants);
    }

    #[inline]
    fn done(&mut self, grant: Grant, _: Outcome, grants: &mut Vec<Grant>) {
        self.free += u64::from(grant.procs);
        self.place(grants);
    }

    fn by_machine(&self, running: &[Grant]) -> Vec<Vec<Grant>> {
        vec![running.to_vec()]
    }

    fn wait(&mut self, _: u64) {}

    fn on_probation(&self) -> u64 {
        0
    }
}
