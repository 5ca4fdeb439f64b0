//! The algorithm that the manager comes from, ported to the letter from bigslice's `exec/slicemachine.go`: two binary
//! heaps whose records know their index, and a search that shelves what does not fit and puts it back afterwards.
//!
//! What its goroutines did around that (starts, polls, tasks) is left out.
//!
//! Which of equal entries a heap gives first depends on all that was done to it before. [`Ordered`] puts in their place what
//! the manager does (T1, T2): requests by arrival, machines by id, and of machines as free as the one that the search comes
//! to, the lowest. A test holds the manager against that.

use remuda::Outcome;

use crate::carrier::Carrier;

/// How long probation lasts, in nanoseconds.
const PROBATION: u64 = 30_000_000_000;

/// In no heap.
const NOWHERE: usize = usize::MAX;

/// A request that has a machine.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The request, as the workload calls it.
    pub request: u64,
    /// The machine, from 0 up.
    pub machine: u32,
    /// The procs.
    pub procs: u32,
}

/// A heap of indices into an arena, as `container/heap` does it.
#[derive(Clone, Debug, Default)]
struct Heap(Vec<u32>);

/// Records that know where in a heap they are.
trait Arena {
    fn less(&self, a: u32, b: u32) -> bool;
    fn index(&mut self, of: u32) -> &mut usize;
}

impl Heap {
    fn swap<A: Arena>(&mut self, arena: &mut A, i: usize, j: usize) {
        self.0.swap(i, j);
        *arena.index(self.0[i]) = i;
        *arena.index(self.0[j]) = j;
    }

    fn push<A: Arena>(&mut self, arena: &mut A, record: u32) {
        *arena.index(record) = self.0.len();
        self.0.push(record);
        self.up(arena, self.0.len() - 1);
    }

    fn pop<A: Arena>(&mut self, arena: &mut A) -> u32 {
        let last = self.0.len() - 1;
        self.swap(arena, 0, last);
        self.down(arena, 0, last);
        self.take_last(arena)
    }

    fn remove<A: Arena>(&mut self, arena: &mut A, i: usize) {
        let last = self.0.len() - 1;
        if last != i {
            self.swap(arena, i, last);
            if !self.down(arena, i, last) {
                self.up(arena, i);
            }
        }
        self.take_last(arena);
    }

    fn fix<A: Arena>(&mut self, arena: &mut A, i: usize) {
        if !self.down(arena, i, self.0.len()) {
            self.up(arena, i);
        }
    }

    fn take_last<A: Arena>(&mut self, arena: &mut A) -> u32 {
        let record = self.0.pop().expect("it is not empty");
        *arena.index(record) = NOWHERE;
        record
    }

    fn up<A: Arena>(&mut self, arena: &mut A, mut j: usize) {
        while j > 0 {
            let i = (j - 1) / 2;
            if !arena.less(self.0[j], self.0[i]) {
                break;
            }
            self.swap(arena, i, j);
            j = i;
        }
    }

    fn down<A: Arena>(&mut self, arena: &mut A, start: usize, n: usize) -> bool {
        let mut i = start;
        loop {
            let left = 2 * i + 1;
            if left >= n {
                break;
            }
            let mut j = left;
            let right = left + 1;
            if right < n && arena.less(self.0[right], self.0[left]) {
                j = right;
            }
            if !arena.less(self.0[j], self.0[i]) {
                break;
            }
            self.swap(arena, i, j);
            i = j;
        }
        i > start
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Health {
    Ok,
    Probation,
}

#[derive(Clone, Debug)]
struct Machine {
    max_procs: u32,
    procs: u32,
    health: Health,
    last_failure: u64,
    index: usize,
}

/// By load.
#[derive(Clone, Debug)]
struct ByLoad<const ORDERED: bool>(Vec<Machine>);

impl<const ORDERED: bool> ByLoad<ORDERED> {
    fn free(&self, of: u32) -> u32 {
        self.0[of as usize].max_procs - self.0[of as usize].procs
    }
}

impl<const ORDERED: bool> Arena for ByLoad<ORDERED> {
    fn less(&self, a: u32, b: u32) -> bool {
        let free = |of: u32| self.free(of);
        free(b) < free(a) || ORDERED && free(b) == free(a) && a < b
    }

    fn index(&mut self, of: u32) -> &mut usize {
        &mut self.0[of as usize].index
    }
}

/// By the time of the last failure.
struct ByFailure<'a, const ORDERED: bool>(&'a mut Vec<Machine>);

impl<const ORDERED: bool> Arena for ByFailure<'_, ORDERED> {
    fn less(&self, a: u32, b: u32) -> bool {
        let at = |of: u32| self.0[of as usize].last_failure;
        at(a) < at(b) || ORDERED && at(a) == at(b) && a < b
    }

    fn index(&mut self, of: u32) -> &mut usize {
        &mut self.0[of as usize].index
    }
}

#[derive(Clone, Debug)]
struct Request {
    id: u64,
    priority: i64,
    procs: u32,
    index: usize,
}

/// By priority, then more procs first.
#[derive(Clone, Debug, Default)]
struct Requests<const ORDERED: bool>(Vec<Request>);

impl<const ORDERED: bool> Arena for Requests<ORDERED> {
    fn less(&self, a: u32, b: u32) -> bool {
        let (a, b) = (&self.0[a as usize], &self.0[b as usize]);
        if a.priority != b.priority {
            return a.priority < b.priority;
        }
        // The ids that workloads give ascend.
        a.procs > b.procs || ORDERED && a.procs == b.procs && a.id < b.id
    }

    fn index(&mut self, of: u32) -> &mut usize {
        &mut self.0[of as usize].index
    }
}

/// The port.
pub type Port = Ported<false>;

/// The port with an order of what the original takes for equal.
pub type Ordered = Ported<true>;

/// The port, in either form.
#[derive(Clone, Debug)]
pub struct Ported<const ORDERED: bool> {
    machines: ByLoad<ORDERED>,
    by_load: Heap,
    probation: Heap,
    requests: Requests<ORDERED>,
    /// Records of requests that were granted: what the garbage collector does in the original.
    unused: Vec<u32>,
    queue: Heap,
    now: u64,
}

impl<const ORDERED: bool> Ported<ORDERED> {
    /// The best request that fits a machine when each before it keeps one for itself.
    fn schedule(&mut self) -> Option<(u32, u32)> {
        let mut shelved_requests = Vec::new();
        let mut shelved_machines = Vec::new();
        let mut found = None;
        while let (Some(&request), Some(&machine)) = (self.queue.0.first(), self.by_load.0.first())
        {
            let free = self.machines.free(machine);
            if free == 0 {
                break;
            }
            if self.requests.0[request as usize].procs <= free {
                // T2: of machines as free as this one, the first of those that were shelved.
                let alike = |&&other: &&u32| self.machines.free(other) == free;
                let first = match ORDERED {
                    true => shelved_machines.iter().find(alike).copied(),
                    false => None,
                };
                found = Some((request, first.unwrap_or(machine)));
                break;
            }
            shelved_requests.push(self.queue.pop(&mut self.requests));
            shelved_machines.push(self.by_load.pop(&mut self.machines));
        }
        for (request, machine) in shelved_requests.into_iter().zip(shelved_machines) {
            self.queue.push(&mut self.requests, request);
            self.by_load.push(&mut self.machines, machine);
        }
        found
    }

    fn place(&mut self, grants: &mut Vec<Grant>) {
        while let Some((request, machine)) = self.schedule() {
            let Request {
                id, procs, index, ..
            } = self.requests.0[request as usize];
            let record = &mut self.machines.0[machine as usize];
            record.procs += procs;
            let at = record.index;
            self.by_load.fix(&mut self.machines, at);
            self.queue.remove(&mut self.requests, index);
            self.unused.push(request);
            grants.push(Grant {
                request: id,
                machine,
                procs,
            });
        }
    }

    fn end_probation(&mut self, grants: &mut Vec<Grant>) {
        while let Some(&machine) = self.probation.0.first() {
            if self.machines.0[machine as usize].last_failure + PROBATION > self.now {
                return;
            }
            self.machines.0[machine as usize].health = Health::Ok;
            self.probation
                .remove(&mut ByFailure::<ORDERED>(&mut self.machines.0), 0);
            self.by_load.push(&mut self.machines, machine);
            self.place(grants);
        }
    }
}

impl<const ORDERED: bool> Carrier for Ported<ORDERED> {
    type Grant = Grant;

    fn new(machines: u32, procs: u32) -> Ported<ORDERED> {
        let machine = Machine {
            max_procs: procs,
            procs: 0,
            health: Health::Ok,
            last_failure: 0,
            index: NOWHERE,
        };
        let mut port = Ported {
            machines: ByLoad(vec![machine; machines as usize]),
            by_load: Heap::default(),
            probation: Heap::default(),
            requests: Requests(Vec::new()),
            unused: Vec::new(),
            queue: Heap::default(),
            now: 0,
        };
        for machine in 0..machines {
            port.by_load.push(&mut port.machines, machine);
        }
        port
    }

    #[inline]
    fn submit(&mut self, request: u64, priority: i64, procs: u32, grants: &mut Vec<Grant>) {
        self.end_probation(grants);
        let record = Request {
            id: request,
            priority,
            procs,
            index: NOWHERE,
        };
        let slot = match self.unused.pop() {
            Some(slot) => {
                self.requests.0[slot as usize] = record;
                slot
            }
            None => {
                self.requests.0.push(record);
                self.requests.0.len() as u32 - 1
            }
        };
        self.queue.push(&mut self.requests, slot);
        self.place(grants);
    }

    #[inline]
    fn done(&mut self, grant: Grant, outcome: Outcome, grants: &mut Vec<Grant>) {
        self.end_probation(grants);
        let slot = grant.machine;
        let now = self.now;
        let machine = &mut self.machines.0[slot as usize];
        machine.procs -= grant.procs;
        let index = machine.index;
        match (outcome, machine.health) {
            (Outcome::Unreachable, Health::Ok) => {
                machine.health = Health::Probation;
                machine.last_failure = now;
                self.by_load.remove(&mut self.machines, index);
                self.probation
                    .push(&mut ByFailure::<ORDERED>(&mut self.machines.0), slot);
            }
            (Outcome::Ok, Health::Probation) => {
                machine.health = Health::Ok;
                self.probation
                    .remove(&mut ByFailure::<ORDERED>(&mut self.machines.0), index);
                self.by_load.push(&mut self.machines, slot);
            }
            (_, Health::Probation) => {
                machine.last_failure = now;
                self.probation
                    .fix(&mut ByFailure::<ORDERED>(&mut self.machines.0), index);
            }
            (_, Health::Ok) => self.by_load.fix(&mut self.machines, index),
        }
        self.place(grants);
    }

    fn by_machine(&self, running: &[Grant]) -> Vec<Vec<Grant>> {
        let mut by_machine = vec![Vec::new(); self.machines.0.len()];
        for &grant in running {
            by_machine[grant.machine as usize].push(grant);
        }
        by_machine
    }

    fn wait(&mut self, nanos: u64) {
        self.now += nanos;
    }

    fn on_probation(&self) -> u64 {
        self.probation.0.len() as u64
    }
}
