//! Random worlds with streams of requests that have no end.

use std::time::Duration;

use remuda::{KindId, Kinds, Packing};
use remuda_sim::Rng;

/// A request, but for its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// `None`: a whole machine.
    pub(crate) procs: Option<u32>,
    pub(crate) priority: i64,
    pub(crate) kinds: Kinds,
}

/// How long grants of a stream last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Longest,
    Shortest,
    Any,
}

/// Requests without end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// So many are always queued.
    Queued {
        ask: Ask,
        depth: usize,
        length: Length,
    },
    /// One proc on each machine, asked for just before the last one ends: no machine is ever empty, and as little as
    /// possible is granted.
    Trickle { priority: i64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Lose,
    Drain,
    Join(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// Procs and machines of each kind.
    pub(crate) kinds: Vec<(u32, u32)>,
    pub(crate) patience: u32,
    pub(crate) packing: Packing,
    /// D, in ticks: no grant is longer.
    pub(crate) longest: u64,
    pub(crate) streams: Vec<Stream>,
    /// When each request is submitted whose grant ends the world, once all have theirs.
    pub(crate) watched: Vec<(u64, Ask)>,
    pub(crate) troubles: Vec<(u64, Trouble)>,
    /// So many of 256 grants end with a machine that does not answer.
    pub(crate) unreachable: u8,
    /// The priority of those that are watched. More urgent requests go before them by right (P1), so these come to an
    /// end.
    pub(crate) least: i64,
}

/// So many requests of a stream that is more urgent than those that are watched.
pub(crate) const MOST_URGENT: u64 = 20;

impl World {
    pub(crate) fn draw(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let plain = rng.chance(128);
        let kinds = if plain { 1 } else { rng.range(1, 2) };
        let kinds: Vec<(u32, u32)> = (0..kinds)
            .map(|_| (rng.range(1, 8) as u32, rng.range(1, 3) as u32))
            .collect();
        let longest = rng.range(1, 8);
        let least = rng.below(3) as i64;
        let accepted = |rng: &mut Rng| match (kinds.len(), rng.below(3)) {
            (1, _) | (_, 2) => Kinds::ALL,
            (_, kind) => Kinds::from(KindId(kind as u8)),
        };
        let most = |accepted: Kinds| {
            let procs = (0..)
                .zip(&kinds)
                .filter(|(kind, _)| accepted.contains(KindId(*kind)));
            procs.map(|(_, (procs, _))| *procs).max().unwrap_or(1)
        };
        let priority = |rng: &mut Rng, plain: bool| match plain || rng.chance(128) {
            // None is more urgent than those that are watched.
            true => rng.range(least as u64, 2) as i64,
            false => rng.below(3) as i64,
        };
        let streams = (0..rng.range(1, 3)).map(|_| {
            if rng.chance(80) {
                let priority = priority(&mut rng, plain);
                return Stream::Trickle { priority };
            }
            let kinds = accepted(&mut rng);
            let procs = match rng.below(4) {
                0 => rng.range(1, most(kinds).into()) as u32,
                _ => 1,
            };
            Stream::Queued {
                ask: Ask {
                    procs: Some(procs),
                    priority: priority(&mut rng, plain),
                    kinds,
                },
                depth: rng.range(1, 3) as usize,
                length: rng.pick(&[Length::Longest, Length::Shortest, Length::Any]),
            }
        });
        let streams: Vec<Stream> = streams.collect();
        let watched = (0..rng.range(1, 3)).map(|_| {
            let kinds = accepted(&mut rng);
            let procs = match rng.below(4) {
                0 => None,
                1 => Some(most(kinds)),
                _ => Some(rng.range(1, most(kinds).into()) as u32),
            };
            let ask = Ask {
                procs,
                priority: least,
                kinds,
            };
            (rng.range(0, 8 * longest), ask)
        });
        let watched = watched.collect();
        let troubles = if plain { 0 } else { rng.below(8) };
        let troubles = (0..troubles).map(|_| {
            let kind = rng.below(kinds.len() as u64) as u8;
            let trouble = rng.pick(&[Trouble::Lose, Trouble::Drain, Trouble::Join(kind)]);
            (rng.below(20 * longest), trouble)
        });
        let troubles = troubles.collect();
        World {
            seed,
            patience: rng.range(1, 4) as u32,
            packing: rng.pick(&[Packing::BestFit, Packing::FirstFit]),
            longest,
            streams,
            watched,
            troubles,
            least,
            unreachable: if plain { 0 } else { rng.pick(&[0, 0, 2, 8]) },
            kinds,
        }
    }
}

pub(crate) const TICK: Duration = Duration::from_secs(1);

pub(crate) fn ticks(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).expect("worlds are short")
}
