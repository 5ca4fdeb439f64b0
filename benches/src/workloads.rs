//! The workloads: each is set up once, and then goes on for as many steps as the clock wants.
//!
//! An event is one done or one submit, with the grant it causes.

use remuda::Outcome;
use remuda_sim::Rng;

use crate::carrier::Carrier;

/// Procs of a machine.
const PROCS: u32 = 16;

/// How many of the grants that end next are drawn at once.
const DRAWN: usize = 32;

/// Full machines, and a queue of requests of one proc. A step ends a random grant, which lets the first of the queue in, and
/// submits another: two events.
///
/// The grants to end are drawn for 32 steps at once: a real client knows what it has just finished, while the list of all that
/// run is as large as the manager, and a cache miss for each entry of it would be counted as the manager's time. Drawn
/// together, these misses overlap.
#[derive(Clone, Debug)]
pub struct Steady<C: Carrier> {
    carrier: C,
    running: Vec<C::Grant>,
    /// They run, and end next.
    drawn: Vec<C::Grant>,
    next: u64,
    rng: Rng,
}

impl<C: Carrier> Steady<C> {
    /// So many machines and queued requests.
    pub fn new(machines: u32, queued: u64) -> Steady<C> {
        let mut carrier = C::new(machines, PROCS);
        let mut running = Vec::new();
        let full = u64::from(machines) * u64::from(PROCS);
        for request in 0..full + queued {
            carrier.submit(request, 0, 1, &mut running);
        }
        assert_eq!(running.len() as u64, full);
        assert!(full > 2 * DRAWN as u64, "some are drawn, others run");
        Steady {
            carrier,
            running,
            drawn: Vec::with_capacity(DRAWN),
            next: full + queued,
            rng: Rng::new(1),
        }
    }

    /// Until four times as many have ended as run at a time: of the first ones one in fifty is left.
    pub fn settle(mut self) -> Steady<C> {
        for _ in 0..4 * self.running.len() {
            self.step();
        }
        self
    }

    /// Two events.
    #[inline(always)]
    pub fn step(&mut self) {
        self.end_one(Outcome::Ok);
        self.submit_one();
    }

    /// Two events, of which one in twenty dones is unreachable, while time moves on.
    pub fn step_in_trouble(&mut self, nanos: u64) {
        self.carrier.wait(nanos);
        let outcome = match self.rng.below(20) {
            0 => Outcome::Unreachable,
            _ => Outcome::Ok,
        };
        self.end_one(outcome);
        self.submit_one();
    }

    #[inline(always)]
    fn end_one(&mut self, outcome: Outcome) {
        if self.drawn.is_empty() {
            self.draw();
        }
        let grant = self.drawn.pop().expect("some were drawn");
        self.carrier.done(grant, outcome, &mut self.running);
    }

    #[inline(never)]
    fn draw(&mut self) {
        for _ in 0..DRAWN {
            let at = self.rng.below(self.running.len() as u64) as usize;
            self.drawn.push(self.running.swap_remove(at));
        }
    }

    #[inline(always)]
    fn submit_one(&mut self) {
        self.carrier.submit(self.next, 0, 1, &mut self.running);
        self.next += 1;
    }

    /// What it runs on.
    pub fn carrier(&self) -> &C {
        &self.carrier
    }
}

/// Requests of one proc that are pushed into a queue, while all machines are taken, and then drained through them.
#[derive(Clone, Debug)]
pub struct Flood<C: Carrier> {
    carrier: C,
    running: Vec<C::Grant>,
}

impl<C: Carrier> Flood<C> {
    /// So many machines, all taken.
    pub fn new(machines: u32) -> Flood<C> {
        let mut carrier = C::new(machines, PROCS);
        let mut running = Vec::new();
        for machine in 0..u64::from(machines) {
            carrier.submit(u64::MAX / 2 + machine, i64::MIN, PROCS, &mut running);
        }
        Flood { carrier, running }
    }

    /// One event a request.
    pub fn push(&mut self, requests: u64, priorities: u64) {
        let mut rng = Rng::new(3);
        for request in 0..requests {
            let priority = rng.below(priorities);
            self.carrier
                .submit(request, priority as i64, 1, &mut self.running);
        }
    }

    /// One event a request: the oldest grant ends, until none is left. How many there were.
    pub fn drain(&mut self) -> u64 {
        let mut oldest = 0;
        while oldest < self.running.len() {
            let grant = self.running[oldest];
            self.carrier.done(grant, Outcome::Ok, &mut self.running);
            oldest += 1;
        }
        oldest as u64
    }

    /// What it ran on.
    pub fn into_carrier(self) -> C {
        self.carrier
    }
}

/// Machines with 2 to 8 procs busy, and whole-machine requests of higher priority that none of them can satisfy. A step
/// submits a request of one proc, which is granted at once, and ends the one of a hundred steps ago: two events.
#[derive(Clone, Debug)]
pub struct Blocked<C: Carrier> {
    carrier: C,
    running: std::collections::VecDeque<C::Grant>,
    grants: Vec<C::Grant>,
    next: u64,
}

impl<C: Carrier> Blocked<C> {
    /// So many machines, and so many blocked requests, all of one priority or each of its own.
    pub fn new(machines: u32, blocked: u64, alike: bool) -> Blocked<C> {
        let mut carrier = C::new(machines, PROCS);
        let (mut grants, mut next, mut rng) = (Vec::new(), 0, Rng::new(2));
        while next < u64::from(machines) * u64::from(PROCS) {
            carrier.submit(next, 1_000_000, 1, &mut grants);
            next += 1;
        }
        for mut on in carrier.by_machine(&std::mem::take(&mut grants)) {
            let busy = rng.range(2, 8) as usize;
            for grant in on.drain(busy..) {
                carrier.done(grant, Outcome::Ok, &mut grants);
            }
        }
        for n in 0..blocked {
            let priority = if alike { 0 } else { n as i64 };
            carrier.submit(next, priority, PROCS, &mut grants);
            next += 1;
        }
        assert!(grants.is_empty(), "they can never be satisfied");
        let mut blocked = Blocked {
            carrier,
            running: std::collections::VecDeque::new(),
            grants,
            next,
        };
        for _ in 0..100 {
            blocked.submit();
        }
        blocked
    }

    fn submit(&mut self) {
        self.carrier
            .submit(self.next, 1_000_000, 1, &mut self.grants);
        self.next += 1;
        self.running.extend(self.grants.drain(..));
    }

    /// Two events.
    pub fn step(&mut self) {
        self.submit();
        let oldest = self.running.pop_front().expect("a hundred run");
        self.carrier.done(oldest, Outcome::Ok, &mut self.grants);
    }
}
