//! Configs of both policies, by chance.

use core::time::Duration;

use remuda::{Config, Kind, Packing, Resources};

use crate::rng::Rng;

/// One schedule in so many of 256 is under bigslice's policy.
const BIGSLICE: u8 = 85;

/// All durations are whole ticks.
pub(super) fn draw(rng: &mut Rng, tick: Duration) -> Config {
    match rng.chance(BIGSLICE) {
        true => bigslice(rng, tick),
        false => fit(rng, tick),
    }
}

fn procs(rng: &mut Rng) -> u32 {
    let procs = rng.pick(&[1, 2, 3, 4, 4, 8, 8, 100, 100]);
    if procs == 100 && rng.chance(32) {
        // A manager of such machines takes long to make.
        return Config::MAX_MACHINE_PROCS;
    }
    procs
}

fn ticks(rng: &mut Rng, tick: Duration, least: u64, most: u64) -> Duration {
    tick.saturating_mul(rng.range(least, most) as u32)
}

/// The same, or nothing.
fn ticks_or_off(rng: &mut Rng, tick: Duration, least: u64, most: u64, off: u8) -> Duration {
    let value = ticks(rng, tick, least, most);
    match rng.chance(off) {
        true => Duration::ZERO,
        false => value,
    }
}

/// What both policies have.
fn common(rng: &mut Rng, tick: Duration, config: Config) -> Config {
    config
        .probation(ticks(rng, tick, 1, 30))
        .start_backoff_base(ticks_or_off(rng, tick, 1, 4, 64))
        .start_backoff_cap(ticks_or_off(rng, tick, 1, 30, 12))
        .poll_interval(ticks_or_off(rng, tick, 3, 40, 96))
        .summary_interval(ticks_or_off(rng, tick, 5, 60, 128))
        .silent_polls(rng.pick(&[0, 1, 1, 2, 4, 8, 20]))
}

fn bigslice(rng: &mut Rng, tick: Duration) -> Config {
    let procs = procs(rng);
    let machines = rng.pick(&[1, 2, 2, 3, 3, 4, 6, 8, 25]);
    let max_procs = match rng.below(8) {
        0 => 1,
        1 => u64::from(procs) * machines + 1,
        2 => u64::MAX,
        _ => u64::from(procs) * machines,
    };
    common(rng, tick, Config::bigslice_machines(procs, max_procs))
}

fn fit(rng: &mut Rng, tick: Duration) -> Config {
    let mut config = Config::empty();
    let amounts = rng.pick(&[1, 1, 2, 2, 3, 4]);
    let idle = rng.pick(&[0, 64, 160, 255]);
    for n in 0..rng.pick(&[1, 1, 2, 2, 3]) {
        let kind = kind(rng, tick, amounts, idle);
        // Of the first there can always be machines.
        config = config.kind(kind.startable(n == 0 || !rng.chance(32)));
    }
    let procs = |kind: &Kind| u64::from(kind.capacity.proc_count());
    let all: u64 = config.kinds.iter().map(procs).sum();
    let least = config.kinds.iter().map(procs).min().unwrap_or(1);
    let most = config.kinds.iter().map(procs).max().unwrap_or(1);
    config.max_procs = match rng.below(8) {
        0 => least,
        1 => most,
        2 => u64::MAX,
        3 => all + 1,
        _ => most * rng.range(1, 6),
    };
    let packing = rng.pick(&[None, None, Some(Packing::BestFit), Some(Packing::FirstFit)]);
    let hold_limit = ticks(rng, tick, 1, 60);
    config.packing = packing;
    config.hold_limit = rng.chance(32).then_some(hold_limit);
    let config = config
        .patience(rng.pick(&[0, 1, 1, 2, 4, 4]))
        .flaps(rng.pick(&[0, 1, 2, 3, 3]))
        .settle(ticks_or_off(rng, tick, 1, 12, 64))
        .probation_cap(ticks_or_off(rng, tick, 1, 90, 48))
        .stop_with_tasks(rng.chance(64))
        .withdraw(rng.chance(96));
    common(rng, tick, config)
}

fn kind(rng: &mut Rng, tick: Duration, amounts: usize, idle: u8) -> Kind {
    let mut capacity = [0; Resources::COUNT];
    capacity[0] = procs(rng);
    for amount in &mut capacity[1..amounts] {
        *amount = rng.pick(&[0, 1, 2, 4, 64, 64]);
    }
    let mut kind = Kind::new(Resources::new(capacity))
        .cost(rng.pick(&[1, 1, 2, 5, 12]))
        .batch(rng.pick(&[10, 10, 1, 2]))
        .max(rng.pick(&[u32::MAX, u32::MAX, 0, 1, 2, 3, 3, 6]));
    if rng.chance(48) {
        kind.max_pending = rng.pick(&[1, 2, 3]);
    }
    if rng.chance(64) {
        kind.min = rng.pick(&[1, 1, 2, 3]).min(kind.max);
    }
    if rng.chance(64) {
        kind.spare = rng.pick(&[1, 1, 2]).min(kind.max);
    }
    let limit = ticks(rng, tick, 1, 40);
    if rng.chance(idle) {
        kind.idle = Some(limit);
    }
    kind
}
