//! What a simulated cluster is like: its config, its traffic, and what goes wrong in it.

use core::time::Duration;

use remuda::{Config, Instant, RequestId};

use crate::rng::Rng;

/// A chance out of 256: 0 is never.
pub type Odds = u8;

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

/// What clients do.
#[derive(Clone, PartialEq, Debug)]
pub struct Traffic {
    /// So many acts of clients at once, in the beginning.
    pub flood: u64,
    /// Ticks from one act of a client to the next, at most.
    pub gap: u64,
    /// Weights of what they do: submit, cancel, assign, discard, ask for once-work, forget it.
    pub weights: [u8; 6],
    /// No more requests than this wait or run at once.
    pub requests: usize,
    /// How many priorities there are, from 0 up.
    pub priorities: u64,
    /// The largest demand in procs (and never more than a machine has).
    pub procs: u32,
    /// Chance that a single proc is asked for.
    pub single: Odds,
    /// Chance that a whole machine is asked for.
    pub whole: Odds,
    /// Ticks that a grant is worked with, at most.
    pub work: u64,
    /// Ticks that a machine takes to start, at most.
    pub start: u64,
    /// Ticks that a machine takes to stop, at most.
    pub stop: u64,
    /// Weights of the outcomes ok, remote, unreachable, unused.
    pub outcomes: [u8; 4],
    /// How many tasks, once-keys and waiters there are.
    pub names: u64,
    /// How requests are numbered.
    pub ids: Ids,
}

/// How requests are numbered: the ids of the first, the second, and so on, no two the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ids {
    /// From this on, in such steps; zero follows the greatest.
    Count {
        /// The first.
        from: u64,
        /// From one to the next.
        by: u64,
    },
    /// By so many clients in turns, each of which counts in a range of its own.
    Ranges(u64),
    /// Anywhere.
    Scattered,
}

impl Ids {
    /// The id of the nth request, from 0 up.
    pub fn of(self, n: u64) -> RequestId {
        RequestId(match self {
            Ids::Count { from, by } => from.wrapping_add(n.wrapping_mul(by)),
            Ids::Ranges(clients) => ((n % clients) << 40) + n / clients,
            // The second half of splitmix64, which no two numbers come out of alike.
            Ids::Scattered => {
                let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                n ^ (n >> 31)
            }
        })
    }

    fn draw(rng: &mut Rng) -> Ids {
        match rng.below(8) {
            0 => Ids::Count { from: 0, by: 2 },
            1 => Ids::Count {
                from: (1 << 32) - rng.below(60),
                by: rng.pick(&[1, 17, u64::MAX]),
            },
            2 => Ids::Ranges(rng.range(2, 5)),
            3 => Ids::Scattered,
            _ => Ids::Count { from: 0, by: 1 },
        }
    }
}

/// What goes wrong, each by its chance; [`Faults::none`] is a perfect world.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Faults {
    /// A machine's start fails.
    pub start_fails: Odds,
    /// All starts of one action fail, at the same instant.
    pub starts_fail_together: Odds,
    /// A start is answered late, never, or twice.
    pub start_late: Odds,
    /// See `start_late`.
    pub start_never: Odds,
    /// See `start_late`.
    pub start_twice: Odds,
    /// A machine that was told to stop does so late, or never.
    pub stop_late: Odds,
    /// See `stop_late`.
    pub stop_never: Odds,
    /// A machine stops soon after it came up.
    pub flapping: Odds,
    /// A machine stops at the instant of a grant, before it is delivered.
    pub lost_before_delivery: Odds,
    /// A client says done late (a slow one), never, or twice.
    pub done_late: Odds,
    /// See `done_late`.
    pub done_never: Odds,
    /// See `done_late`.
    pub done_twice: Odds,
    /// A cancel races with the grant.
    pub cancel_race: Odds,
    /// A demand is more than any machine has.
    pub oversize: Odds,
    /// A request takes an id that was used before.
    pub id_reused: Odds,
    /// A poll comes back unanswered, never, or twice.
    pub poll_unanswered: Odds,
    /// See `poll_unanswered`.
    pub poll_never: Odds,
    /// See `poll_unanswered`.
    pub poll_twice: Odds,
    /// Once-work fails, is never answered, or twice.
    pub once_fails: Odds,
    /// See `once_fails`.
    pub once_never: Odds,
    /// See `once_fails`.
    pub once_twice: Odds,
    /// The timer fires late, never, or early.
    pub timer_late: Odds,
    /// See `timer_late`.
    pub timer_never: Odds,
    /// See `timer_late`.
    pub timer_early: Odds,
    /// The clock jumps forward.
    pub clock_jumps: Odds,
    /// The clock steps back for one event.
    pub clock_steps_back: Odds,
    /// Instead of a client's act: any machine stops.
    pub stops: Odds,
    /// Instead of a client's act: any event at all, with any ids.
    pub wild: Odds,
    /// Instead of a client's act: the shutdown.
    pub shutdown: Odds,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Each kind off or more or less frequent, by chance.
    fn draw(rng: &mut Rng) -> Faults {
        let mut faults = Faults::none();
        let most = rng.pick(&[0, 32, 32, 96, 160]);
        for odds in faults.all() {
            if rng.chance(112) {
                *odds = rng.range(2, 2 + most) as u8;
            }
        }
        // These end or distort a whole schedule: rare.
        faults.shutdown = if rng.chance(48) {
            rng.range(1, 6) as u8
        } else {
            0
        };
        if faults.shutdown > 0 && rng.chance(192) {
            // Or all would be over at once.
            (faults.stop_never, faults.wild) = (192, rng.range(32, 160) as u8);
            (faults.done_late, faults.id_reused) = (160, 96);
        }
        faults.clock_jumps = faults.clock_jumps.min(16);
        faults
    }

    fn all(&mut self) -> [&mut Odds; 27] {
        [
            &mut self.start_fails,
            &mut self.starts_fail_together,
            &mut self.start_late,
            &mut self.start_never,
            &mut self.start_twice,
            &mut self.stop_late,
            &mut self.stop_never,
            &mut self.flapping,
            &mut self.lost_before_delivery,
            &mut self.done_late,
            &mut self.done_never,
            &mut self.done_twice,
            &mut self.cancel_race,
            &mut self.oversize,
            &mut self.id_reused,
            &mut self.poll_unanswered,
            &mut self.poll_never,
            &mut self.poll_twice,
            &mut self.once_fails,
            &mut self.once_never,
            &mut self.once_twice,
            &mut self.timer_late,
            &mut self.timer_never,
            &mut self.timer_early,
            &mut self.clock_jumps,
            &mut self.clock_steps_back,
            &mut self.wild,
        ]
    }
}

impl Plan {
    /// Moderate traffic in a perfect world.
    pub fn new(config: Config) -> Plan {
        Plan {
            config,
            origin: Instant::ZERO,
            tick: Duration::from_secs(1),
            traffic: Traffic {
                flood: 1,
                gap: 3,
                weights: [8, 1, 1, 1, 1, 1],
                requests: 20,
                priorities: 3,
                procs: config.machine_procs,
                single: 32,
                whole: 16,
                work: 20,
                start: 20,
                stop: 3,
                outcomes: [13, 1, 1, 1],
                names: 6,
                ids: Ids::Count { from: 0, by: 1 },
            },
            faults: Faults::none(),
        }
    }

    /// A plan of its own for every seed: sizes, priorities, traffic and faults, some kinds off.
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
        let config = draw_config(rng, tick);
        let mut faults = Faults::draw(rng);
        faults.stops = if rng.chance(128) {
            rng.range(2, 48) as u8
        } else {
            0
        };
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
        if rng.chance(16) {
            plan.crowd(rng);
        }
        plan
    }

    /// Many small machines, which are idle after a flood of requests and stop now and then: deep heaps, in which
    /// something leaves from the middle.
    fn crowd(&mut self, rng: &mut Rng) {
        self.config.machine_procs = rng.pick(&[1, 1, 2]);
        self.config.max_procs = 64 * u64::from(self.config.machine_procs);
        if rng.chance(192) {
            self.config.poll_interval = Duration::ZERO;
        }
        self.traffic.flood = rng.range(10, 50);
        self.traffic.weights = [24, rng.range(0, 2) as u8, 0, 0, 0, 0];
        self.traffic.requests = 64;
        self.traffic.gap = rng.pick(&[1, 2, 4]);
        self.traffic.procs = self.config.machine_procs;
        self.traffic.start = rng.pick(&[0, 2, 8]);
        self.traffic.work = rng.pick(&[2, 8, 30]);
        self.faults.stops = rng.range(16, 96) as u8;
    }
}

impl Traffic {
    fn draw(rng: &mut Rng, config: &Config) -> Traffic {
        let mut weights = [rng.range(4, 24) as u8, 0, 0, 0, 0, 0];
        for weight in &mut weights[1..] {
            if rng.chance(160) {
                *weight = rng.range(1, 6) as u8;
            }
        }
        let mut outcomes = [rng.range(1, 8) as u8, 0, 0, 0];
        for weight in &mut outcomes[1..] {
            if rng.chance(128) {
                *weight = rng.range(1, 6) as u8;
            }
        }
        Traffic {
            flood: 1,
            gap: rng.pick(&[0, 1, 1, 2, 4, 8, 20]),
            weights,
            requests: rng.pick(&[2, 5, 10, 20, 40]),
            priorities: rng.pick(&[1, 2, 3]),
            procs: match rng.below(3) {
                0 => 1,
                1 => config.machine_procs.div_ceil(2),
                _ => config.machine_procs,
            },
            single: rng.pick(&[0, 64, 160]),
            whole: rng.pick(&[0, 16, 64, 128]),
            work: rng.pick(&[0, 2, 8, 30, 60]),
            start: rng.pick(&[0, 2, 8, 40]),
            stop: rng.pick(&[0, 3, 40, 300]),
            outcomes,
            names: rng.pick(&[1, 2, 4, 8]),
            ids: Ids::draw(rng),
        }
    }
}

fn draw_config(rng: &mut Rng, tick: Duration) -> Config {
    let mut machine_procs = rng.pick(&[1, 2, 3, 4, 4, 8, 8, 100, 100]);
    if machine_procs == 100 && rng.chance(32) {
        // A manager of such machines takes long to make.
        machine_procs = Config::MAX_MACHINE_PROCS;
    }
    let machines = rng.pick(&[1, 2, 2, 3, 3, 4, 6, 8, 25]);
    let max_procs = match rng.below(8) {
        0 => 1,
        1 => u64::from(machine_procs) * machines + 1,
        2 => u64::MAX,
        _ => u64::from(machine_procs) * machines,
    };
    let mut ticks = |least, most| tick.saturating_mul(rng.range(least, most) as u32);
    let probation = ticks(1, 30);
    let (base, cap) = (ticks(1, 4), ticks(1, 30));
    let (poll_interval, summary_interval) = (ticks(3, 40), ticks(5, 60));
    let off = |rng: &mut Rng, odds, value| {
        if rng.chance(odds) {
            Duration::ZERO
        } else {
            value
        }
    };
    Config {
        machine_procs,
        max_procs,
        probation,
        start_backoff_base: off(rng, 64, base),
        start_backoff_cap: off(rng, 12, cap),
        silent_polls: rng.pick(&[0, 1, 1, 2, 4, 8, 20]),
        poll_interval: off(rng, 96, poll_interval),
        summary_interval: off(rng, 128, summary_interval),
    }
}
