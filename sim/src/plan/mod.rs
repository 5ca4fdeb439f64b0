//! What a simulated cluster is like: its config, its traffic, and what goes wrong in it.

mod config;
mod faults;
mod ids;
mod traffic;

use core::time::Duration;

use remuda::{Config, Instant, Kind, Policy, Resources};

use crate::rng::Rng;

pub use faults::{Faults, Odds};
pub use ids::Ids;
pub use traffic::Traffic;

/// What a [`Cluster`](crate::Cluster) is like.
///
/// All delays are whole [`ticks`](Plan::tick), so that much happens at the same instant.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The manager's config.
    pub config: Config,
    /// When it begins.
    pub origin: Instant,
    /// The unit of all delays.
    pub tick: Duration,
    /// What clients do.
    pub traffic: Traffic,
    /// What goes wrong.
    pub faults: Faults,
}

impl Plan {
    /// Moderate traffic in a perfect world.
    pub fn new(config: Config) -> Plan {
        Plan {
            traffic: Traffic::moderate(&config),
            config,
            origin: Instant::ZERO,
            tick: Duration::from_secs(1),
            faults: Faults::none(),
        }
    }

    /// A plan of its own for every seed: policy, kinds, sizes, priorities, traffic and faults, some
    /// kinds off.
    pub fn draw(rng: &mut Rng) -> Plan {
        let tick = match rng.below(8) {
            0 => Duration::from_nanos(1),
            1 => Duration::from_millis(100),
            2 => Duration::from_secs(7),
            _ => Duration::from_secs(1),
        };
        let origin = match rng.below(16) {
            0 => Instant(rng.next()),
            1 => Instant(u64::MAX - rng.below(100 * tick.as_nanos() as u64)),
            _ => Instant::ZERO,
        };
        let config = config::draw(rng, tick);
        let faults = Faults::draw(rng);
        let mut traffic = Traffic::draw(rng, &config);
        if faults.shutdown > 0 && rng.chance(128) {
            // Or hardly a machine would be on probation when all ends.
            traffic.outcomes = [2, 4, 8, 4];
        }
        let mut plan = Plan {
            config,
            origin,
            tick,
            traffic,
            faults,
        };
        if plan.faults.shutdown > 0 && plan.config.policy == Policy::Fit {
            // From a copy: what is drawn after it is as it was.
            let mut rng = rng.clone();
            match rng.below(8) {
                4..=6 => plan.late_once(&mut rng),
                7 => plan.late_probation(&mut rng),
                _ => {}
            }
        }
        if rng.chance(16) {
            plan.crowd(rng);
        } else if rng.chance(40) && plan.config.policy == Policy::Fit {
            plan.alike(rng);
        }
        plan
    }

    /// A queue of requests that are alike, most of the time, for a few machines of one kind without free procs: what one
    /// gives back, the next takes. In some schedules several machines are back from probation at once.
    fn alike(&mut self, rng: &mut Rng) {
        let procs = rng.pick(&[1, 1, 2, 4]);
        self.config.kinds = vec![Kind::new(Resources::procs(procs))];
        self.config.max_procs = u64::from(procs) * rng.range(1, 4);
        // Or a turn would come with every grant.
        self.config.patience = rng.pick(&[0, 0, 4, 30]);
        self.traffic.flood = rng.range(5, 30);
        self.traffic.weights = [24, rng.range(0, 2) as u8, 0, 0, 0, 0];
        self.traffic.requests = rng.pick(&[6, 12, 40]);
        self.traffic.gap = rng.pick(&[0, 1, 2]);
        self.traffic.priorities = 1;
        self.traffic.procs = 1;
        self.traffic.kinds = rng.pick(&[0, 0, 0, 16]);
        self.traffic.work = rng.pick(&[2, 8, 30]);
        self.traffic.start = rng.pick(&[0, 2]);
        self.traffic.outcomes = [16, rng.range(0, 2) as u8, rng.range(0, 4) as u8, 0];
        self.traffic.whole = rng.pick(&[0, 0, 0, 4]);
        self.traffic.give_up = rng.pick(&[0, 0, 4, 128]);
        self.traffic.prefer = rng.pick(&[0, 0, 4, 128]);
        self.traffic.avoid = rng.pick(&[0, 0, 4, 255]);
        if rng.chance(96) {
            self.config.probation = self.tick * 3;
            self.traffic.outcomes[2] = 12;
            self.traffic.prefer = 128;
        }
        if rng.chance(96) {
            self.config.probation_cap = self.config.probation;
            self.config.flaps = 0;
        }
        if rng.chance(40) {
            // More than memory is kept for: when most are gone, the others are moved together.
            self.traffic.flood = rng.range(66, 90);
            self.traffic.requests = 120;
        }
    }

    /// Work done once runs for long, and fails, on machines that drain when all ends.
    fn late_once(&mut self, rng: &mut Rng) {
        self.traffic.weights[4] = 8;
        self.traffic.work = rng.pick(&[8, 30, 60]);
        self.faults.drains = rng.range(8, 32) as u8;
        (self.faults.once_never, self.faults.once_fails) = (0, 160);
    }

    /// Several requests run on each machine, some of them beyond the end of all, and most machines are on probation.
    fn late_probation(&mut self, rng: &mut Rng) {
        self.config.probation = self.tick * 200;
        self.config.flaps = 0;
        self.traffic.outcomes = [1, 2, 8, 4];
        (self.traffic.single, self.traffic.whole) = (224, 0);
        self.traffic.work = rng.pick(&[8, 30, 60]);
        self.faults.stop_never = 192;
    }

    /// Many small machines, which are idle after a flood of requests and stop now and then: deep heaps, in which
    /// something leaves from the middle.
    fn crowd(&mut self, rng: &mut Rng) {
        let procs = rng.pick(&[1, 1, 2]);
        let kind = Kind::new(Resources::procs(procs));
        self.config.kinds = match self.config.policy {
            Policy::Fit if rng.chance(128) => vec![kind, kind.cost(2)],
            _ => vec![kind],
        };
        self.config.max_procs = 64 * u64::from(procs);
        if rng.chance(192) {
            self.config.poll_interval = Duration::ZERO;
        }
        self.traffic.flood = rng.range(10, 50);
        self.traffic.weights = [24, rng.range(0, 2) as u8, 0, 0, 0, 0];
        self.traffic.requests = 64;
        self.traffic.gap = rng.pick(&[1, 2, 4]);
        self.traffic.procs = procs;
        self.traffic.start = rng.pick(&[0, 2, 8]);
        self.traffic.work = rng.pick(&[2, 8, 30]);
        self.faults.stops = rng.range(16, 96) as u8;
    }
}
