//! Worlds in which what is asked for stays the same.

use std::time::Duration;

use remuda::{Config, Kind, KindId, Kinds, Resources};
use remuda_sim::Rng;

/// A kind of machines, and what its machines do.
#[derive(Clone, Debug)]
pub(crate) struct Sort {
    pub(crate) kind: Kind,
    /// Less than the capacity, if it says anything.
    pub(crate) offer: Option<Resources>,
    pub(crate) boot: u64,
    pub(crate) stop: u64,
    /// So many of 256 starts fail.
    pub(crate) fails: u8,
    /// A machine is lost so many ticks after it came up.
    pub(crate) life: Option<u64>,
    /// So many of 256 ends of work on one of its first machines are not answered.
    pub(crate) silent: u8,
}

/// Like requests.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    /// `None`: a whole machine.
    pub(crate) amounts: Option<Resources>,
    pub(crate) kinds: Kinds,
    pub(crate) priority: i64,
    pub(crate) count: u64,
    /// How long one runs before it is done and asked for again; `None`: for ever.
    pub(crate) length: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) sorts: Vec<Sort>,
    pub(crate) wants: Vec<Want>,
    pub(crate) max_procs: u64,
    pub(crate) patience: u32,
    pub(crate) withdraw: bool,
    /// In ticks.
    pub(crate) settle: u64,
    pub(crate) flaps: u32,
}

/// Whether pending machines are only withdrawn (E4) when they have been unwanted for a while. They are not (yet): worlds
/// in which requests end have no withdrawal.
pub(crate) const WITHDRAWAL_RESTS: bool = false;

pub(crate) const TICK: Duration = Duration::from_secs(1);
pub(crate) const BACKOFF_CAP: u64 = 32;
/// Ticks until all should have settled, and ticks in which starts and stops are counted.
pub(crate) const CALM: u64 = 1_000;
pub(crate) const WINDOW: u64 = 500;
/// More steps than any world takes that is not in a storm.
pub(crate) const MOST_STEPS: u64 = 100_000;

pub(crate) fn ticks(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).expect("worlds are short")
}

impl Sort {
    pub(crate) fn draw(rng: &mut Rng, trouble: u64) -> Sort {
        let procs = rng.pick(&[1, 2, 3, 4, 6, 8, 16]);
        let capacity = Resources::procs(procs).memory_mib(rng.pick(&[0, 4, 8, 64]));
        let max = rng.pick(&[1, 2, 3, 5, u32::MAX, u32::MAX]);
        let few = |rng: &mut Rng| match rng.below(3) {
            0 => (rng.range(0, 3) as u32).min(max),
            _ => 0,
        };
        let mut kind = Kind::new(capacity)
            .max(max)
            .min(few(rng))
            .spare(few(rng))
            .cost(rng.range(1, 5) as u32);
        if rng.chance(200) {
            kind = kind.idle(ticks(rng.range(1, 40)));
        }
        if rng.chance(40) {
            kind = kind.max_pending(rng.range(1, 2) as u32);
        }
        let offer = rng.chance(50).then(|| {
            let [procs, memory, ..] = capacity.amounts();
            let less =
                |rng: &mut Rng, amount: u32| rng.range((amount / 2).into(), amount.into()) as u32;
            Resources::procs(less(rng, procs)).memory_mib(less(rng, memory))
        });
        let mut sort = Sort {
            kind,
            offer,
            boot: rng.pick(&[0, 1, 5, 20]),
            stop: rng.pick(&[0, 1, 5, 20]),
            fails: 0,
            life: None,
            silent: 0,
        };
        match trouble {
            1 if rng.chance(128) => sort.fails = rng.pick(&[64, 255]),
            1 if rng.chance(128) => sort.life = Some(rng.pick(&[1, 2, 5, 30, 200])),
            2 if rng.chance(200) => sort.silent = rng.pick(&[16, 128, 255]),
            _ => {}
        }
        sort
    }
}

impl Want {
    pub(crate) fn draw(rng: &mut Rng, sorts: &[Sort], ever: bool) -> Want {
        let all = (1 << sorts.len()) - 1;
        let kinds = match rng.chance(80) {
            true => Kinds::ALL,
            false => Kinds::from_bits(rng.range(1, all)),
        };
        let accepted = (0..)
            .zip(sorts)
            .filter(|(kind, _)| kinds.contains(KindId(*kind)));
        let accepted: Vec<&Sort> = accepted.map(|(_, sort)| sort).collect();
        let [procs, memory, ..] = rng.pick(&accepted).kind.capacity.amounts();
        let amounts = rng.chance(220).then(|| {
            let memory = if rng.chance(128) {
                rng.range(0, memory.into()) as u32
            } else {
                0
            };
            Resources::procs(rng.range(1, procs.into()) as u32).memory_mib(memory)
        });
        Want {
            amounts,
            kinds,
            priority: rng.below(3) as i64,
            count: rng.range(1, 4),
            length: match ever {
                true => None,
                false => Some(rng.range(3, 60)),
            },
        }
    }
}

impl World {
    pub(crate) fn draw(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let (trouble, ever) = (rng.below(4), rng.chance(128));
        let sorts: Vec<Sort> = (0..rng.range(1, 4))
            .map(|_| Sort::draw(&mut rng, trouble))
            .collect();
        let wants = (0..rng.range(1, 5)).map(|_| Want::draw(&mut rng, &sorts, ever));
        let wants = wants.collect();
        let mins = sorts
            .iter()
            .map(|sort| sort.kind.min * sort.kind.capacity.proc_count());
        let mins: u32 = mins.sum();
        World {
            seed,
            wants,
            max_procs: match rng.below(3) {
                0 => u64::MAX,
                // Mins alone may be too much.
                1 => rng.range(16, 40),
                _ => u64::from(mins) + rng.range(16, 60),
            },
            patience: rng.pick(&[0, 1, 4]),
            withdraw: rng.chance(80) && (ever || WITHDRAWAL_RESTS),
            settle: rng.pick(&[0, 1, 10]),
            flaps: rng.pick(&[0, 2, 3]),
            sorts,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let kinds = self.sorts.iter().map(|sort| sort.kind);
        let quiet = Duration::ZERO;
        kinds
            .fold(Config::empty(), Config::kind)
            .max_procs(self.max_procs)
            .patience(self.patience)
            .withdraw(self.withdraw)
            .settle(ticks(self.settle))
            .flaps(self.flaps)
            .probation(TICK * 8)
            .probation_cap(TICK * 32)
            .start_backoff_cap(ticks(BACKOFF_CAP))
            .poll_interval(quiet)
            .summary_interval(quiet)
    }

    /// Whether there may be too few machines for all requests at once.
    pub(crate) fn is_tight(&self) -> bool {
        self.max_procs < u64::MAX || self.sorts.iter().any(|sort| sort.kind.max < u32::MAX)
    }

    pub(crate) fn machines_fail(&self) -> bool {
        self.sorts
            .iter()
            .any(|sort| sort.fails > 0 || sort.life.is_some())
    }

    pub(crate) fn machines_are_silent(&self) -> bool {
        self.sorts.iter().any(|sort| sort.silent > 0)
    }

    /// Whether every request runs for ever once it is granted, or always has a place to be granted again.
    pub(crate) fn is_still(&self) -> bool {
        let ever = self.wants.iter().all(|want| want.length.is_none());
        let no_limit = self.max_procs == u64::MAX
            && self
                .sorts
                .iter()
                .all(|sort| sort.kind.max == u32::MAX && sort.offer.is_none());
        (ever || no_limit) && !self.machines_fail() && !self.machines_are_silent()
    }
}
