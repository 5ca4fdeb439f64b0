//! What clients do.

use remuda::{Config, Policy};

use super::faults::Odds;
use super::ids::Ids;
use crate::rng::Rng;

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
    /// The largest demand in procs (and never more than a machine of its kind has).
    pub procs: u32,
    /// Chance that a single proc is asked for.
    pub single: Odds,
    /// Chance that a whole machine is asked for.
    pub whole: Odds,
    /// Chance that each other amount is asked for too.
    pub others: Odds,
    /// Chance that only some kinds are accepted.
    pub kinds: Odds,
    /// Chance that a machine is preferred.
    pub prefer: Odds,
    /// Chance that a machine is avoided.
    pub avoid: Odds,
    /// Chance that a request is given up in time.
    pub give_up: Odds,
    /// Ticks until then, at most.
    pub give_up_after: u64,
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

/// The most procs that a machine of any kind has.
pub(super) fn most_procs(config: &Config) -> u32 {
    let procs = config.kinds.iter().map(|kind| kind.capacity.proc_count());
    procs.max().unwrap_or(1)
}

impl Traffic {
    /// Moderate traffic, of requests for procs or whole machines.
    pub(super) fn moderate(config: &Config) -> Traffic {
        Traffic {
            flood: 1,
            gap: 3,
            weights: [8, 1, 1, 1, 1, 1],
            requests: 20,
            priorities: 3,
            procs: most_procs(config),
            single: 32,
            whole: 16,
            others: 0,
            kinds: 0,
            prefer: 0,
            avoid: 0,
            give_up: 0,
            give_up_after: 60,
            work: 20,
            start: 20,
            stop: 3,
            outcomes: [13, 1, 1, 1],
            names: 6,
            ids: Ids::Count { from: 0, by: 1 },
        }
    }

    pub(super) fn draw(rng: &mut Rng, config: &Config) -> Traffic {
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
        let procs = most_procs(config);
        let mut traffic = Traffic {
            flood: 1,
            gap: rng.pick(&[0, 1, 1, 2, 4, 8, 20]),
            weights,
            requests: rng.pick(&[2, 5, 10, 20, 40]),
            priorities: rng.pick(&[1, 2, 3]),
            procs: match rng.below(3) {
                0 => 1,
                1 => procs.div_ceil(2),
                _ => procs,
            },
            single: rng.pick(&[0, 64, 160]),
            whole: rng.pick(&[0, 16, 64, 128]),
            work: rng.pick(&[0, 2, 8, 30, 60]),
            start: rng.pick(&[0, 2, 8, 40]),
            stop: rng.pick(&[0, 3, 40, 300]),
            outcomes,
            names: rng.pick(&[1, 2, 4, 8]),
            ids: Ids::draw(rng),
            ..Traffic::moderate(config)
        };
        traffic.draw_limits(rng, config);
        traffic
    }

    /// What requests say beside their procs and priority.
    fn draw_limits(&mut self, rng: &mut Rng, config: &Config) {
        self.give_up = rng.pick(&[0, 0, 32, 128]);
        self.give_up_after = rng.pick(&[0, 4, 20, 100]);
        // Under bigslice's policy the rest is ignored or can never be satisfied: it is rare.
        let rare = if config.policy == Policy::Fit { 1 } else { 8 };
        self.others = rng.pick(&[0, 64, 128, 224]) / rare;
        self.kinds = rng.pick(&[0, 32, 96, 192]) / rare;
        self.prefer = rng.pick(&[0, 0, 32, 128]) / rare;
        self.avoid = rng.pick(&[0, 0, 32, 128]) / rare;
    }
}
