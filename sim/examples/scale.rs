//! How far a manager goes: `cargo run --release -p remuda-sim --example scale [MACHINES]`
//!
//! Tables of 10 machines of 16 procs and 100 queued requests, then both ten times as many, up to a million machines (or
//! MACHINES) and ten million requests, of a thousand priorities. All machines are full. Prints what an event costs, the median
//! of rounds, and the memory. `fill` is a submit that is granted, `queue` one that is not, `turn` a done of a random grant, which
//! lets another in, or the submit after it, and `drain` the done of whatever runs until no request is queued.

use std::time::{Duration, Instant};

use remuda::{Action, Config, Event, MachineId, Manager, Outcome, RequestId, Submit};
use remuda_sim::Rng;

const PROCS: u32 = 16;
/// Queued requests a machine.
const QUEUED: u64 = 10;
/// A round is so many events at least, or all there are.
const ROUND: u64 = 10_000;

fn main() {
    let most = std::env::args().nth(1);
    let most: u64 = most.map_or(1_000_000, |n| n.parse().expect("how many machines"));
    println!(
        "| machines | queued | running | fill | queue | turn | drain | MiB | bytes a request |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut machines = 10;
    while machines <= most {
        row(machines);
        machines *= 10;
    }
    println!("\nIn ns per event; memory as the process's, without what it had before.");
}

fn row(machines: u64) {
    let before = resident();
    let (running, queued) = (machines * u64::from(PROCS), machines * QUEUED);
    let mut world = World::new(machines);
    let fill = rounds(running, || world.submit());
    let queue = rounds(queued, || world.submit());
    assert_eq!(world.running.len() as u64, running);
    let bytes = resident().saturating_sub(before);
    let turn = rounds(1_000_000, || {
        world.end();
        world.submit();
    }) / 2.0;
    let drain = rounds(queued, || world.end());
    assert_eq!(world.manager.counts().queued, 0);
    println!(
        "| {machines} | {queued} | {running} | {fill:.0} | {queue:.0} | {turn:.0} | {drain:.0} | {} | {} |",
        bytes >> 20,
        bytes / (running + queued)
    );
}

struct World {
    manager: Manager,
    actions: Vec<Action>,
    /// A client knows which of its requests run.
    running: Vec<(RequestId, MachineId)>,
    next: u64,
    rng: Rng,
}

impl World {
    /// So many machines, all up and idle.
    fn new(machines: u64) -> World {
        let config = Config::new(PROCS, machines * u64::from(PROCS)).expect("a good config");
        let config = config
            .start_backoff_base(Duration::ZERO)
            .poll_interval(Duration::ZERO)
            .summary_interval(Duration::ZERO)
            .settle(Duration::ZERO);
        let mut world = World {
            manager: Manager::new(config).expect("a good config"),
            actions: Vec::new(),
            running: Vec::new(),
            next: 0,
            rng: Rng::new(1),
        };
        // Machines are started because requests need them.
        for request in (u64::MAX - machines..u64::MAX).map(RequestId) {
            world.handle(Event::Submit {
                request,
                spec: Submit::machine(),
            });
        }
        for machine in (0..machines).map(MachineId) {
            let offer = None;
            world.handle(Event::Up { machine, offer });
        }
        for (request, machine) in std::mem::take(&mut world.running) {
            world.done(request, machine);
        }
        world
    }

    fn handle(&mut self, event: Event) {
        self.actions.clear();
        let now = self.manager.now();
        self.manager.handle_into(event, now, &mut self.actions);
        for action in &self.actions {
            if let Action::Grant { request, machine } = *action {
                self.running.push((request, machine));
            }
        }
    }

    fn submit(&mut self) {
        let request = RequestId(self.next);
        self.next += 1;
        let priority = (request.0.wrapping_mul(0x9e37_79b9) % 1_000) as i64;
        let spec = Submit::procs(1).priority(priority);
        self.handle(Event::Submit { request, spec });
    }

    /// Ends a random grant.
    fn end(&mut self) {
        let at = self.rng.below(self.running.len() as u64) as usize;
        let (request, machine) = self.running.swap_remove(at);
        self.done(request, machine);
    }

    fn done(&mut self, request: RequestId, machine: MachineId) {
        self.handle(Event::Done {
            request,
            machine: Some(machine),
            outcome: Outcome::Ok,
        });
    }
}

/// The median, over rounds, of the nanoseconds that one of so many steps takes.
fn rounds(steps: u64, mut step: impl FnMut()) -> f64 {
    let mut took = Vec::new();
    let mut left = steps;
    while left > 0 {
        let round = left.min(ROUND);
        let begun = Instant::now();
        (0..round).for_each(|_| step());
        took.push(begun.elapsed().as_nanos() as f64 / round as f64);
        left -= round;
    }
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

/// The bytes of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
