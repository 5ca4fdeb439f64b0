//! Bytes as a config: of either policy, with one to three kinds, from nothing set to all of it.

use core::time::Duration;

use remuda::{Config, Instant, Kind, Packing, Resources};

/// The bytes of a config and the time it begins. All zero: machines of one proc and one of them at most, no times.
pub const HEAD: usize = 16;

/// In [`POLICY`]: one to three kinds under Fit, and bigslice's policy, which has one.
pub const TWO_KINDS: u8 = 1;
/// See [`TWO_KINDS`].
pub const THREE_KINDS: u8 = 2;
/// See [`TWO_KINDS`].
pub const BIGSLICE: u8 = 3;
/// In [`POLICY`]: first fit (with [`BEST_FIT`] too: that one).
pub const FIRST_FIT: u8 = 4;
/// In [`POLICY`]: best fit.
pub const BEST_FIT: u8 = 8;
/// In [`POLICY`]: machines with tasks may be stopped.
pub const STOP_WITH_TASKS: u8 = 16;
/// In [`POLICY`]: pending machines may be withdrawn.
pub const WITHDRAW: u8 = 32;

/// The byte of the policy, the number of kinds and what is on.
pub const POLICY: usize = 9;
/// The byte of the patience, and in steps of five the limit of flaps.
pub const PATIENCE: usize = 10;
/// The byte of the time to settle, and in steps of ten the hold limit.
pub const SETTLE: usize = 11;
/// The byte of min, spare (two bits each) and max of the first kind.
pub const LIMITS: usize = 12;
/// The byte of the idle limit, and in steps of ten of the batch and the limit of pending machines.
pub const IDLE: usize = 13;
/// The byte of what else there is: two bits of memory, two of GPUs, one each for kinds that only join.
pub const REST: usize = 14;
/// The byte of the longest probation.
pub const PROBATION_CAP: usize = 15;

/// The config and the origin that the bytes stand for.
pub fn read(head: &[u8; HEAD]) -> (Config, Instant) {
    const ORIGINS: [u64; 4] = [0, 1, u64::MAX - 90_000_000_000, u64::MAX];
    let origin = Instant(ORIGINS[usize::from(head[8]) % ORIGINS.len()]);
    let config = match head[POLICY] % 4 {
        BIGSLICE => Config::bigslice_machines(procs(head[0]), max_procs(head[1])),
        more => {
            let kinds = (0..=more).map(|nth| kind(nth, head));
            let config = kinds.fold(Config::empty(), Config::kind);
            fit(config.max_procs(max_procs(head[1])), head)
        }
    };
    let config = config
        .probation(some(head[2]))
        .start_backoff_base(span(head[3]))
        .start_backoff_cap(span(head[4]))
        .silent_polls((head[5] % 4).into())
        .poll_interval(span(head[6]))
        .summary_interval(span(head[7]));
    (config, origin)
}

/// What bigslice's policy does not have.
fn fit(mut config: Config, head: &[u8; HEAD]) -> Config {
    let on = |bit: u8| head[POLICY] & bit != 0;
    if on(FIRST_FIT) {
        config = config.packing(Packing::FirstFit);
    }
    if on(BEST_FIT) {
        config = config.packing(Packing::BestFit);
    }
    if head[SETTLE] >= 10 {
        config = config.hold_limit(some(head[SETTLE] / 10));
    }
    config
        .patience((head[PATIENCE] % 5).into())
        .flaps((head[PATIENCE] / 5 % 4).into())
        .settle(span(head[SETTLE] % 10))
        .probation_cap(span(head[PROBATION_CAP]))
        .stop_with_tasks(on(STOP_WITH_TASKS))
        .withdraw(on(WITHDRAW))
}

/// The nth kind: each is another turn of the same bits.
fn kind(nth: u8, head: &[u8; HEAD]) -> Kind {
    let limits = head[LIMITS].rotate_left((3 * nth).into());
    let rest = head[REST].rotate_right((2 * nth).into());
    let capacity = Resources::procs(procs(head[0].saturating_add(nth)))
        .memory_mib((rest % 4 * 3).into())
        .gpus((rest / 4 % 4).into())
        .other((rest / 16 % 2).into());
    let (min, spare) = (u32::from(limits % 4), u32::from(limits / 4 % 4));
    let mut kind = Kind::new(capacity)
        .min(min)
        .spare(spare)
        .max(at_most(limits / 16).max(min).max(spare))
        .startable(head[REST] & (0x40 << nth) == 0)
        .cost((3 + u32::from(nth) * u32::from(head[REST])) % 7);
    let idle = head[IDLE];
    if idle > 0 {
        kind = kind.idle(some(idle % 10));
    }
    if idle >= 10 {
        let few = u32::from(idle / 10 % 5) + 1;
        kind = kind.batch(few).max_pending(2 * few);
    }
    kind
}

fn procs(byte: u8) -> u32 {
    const PROCS: [u32; 8] = [1, 2, 3, 4, 5, 8, 16, 100];
    match byte {
        u8::MAX => Config::MAX_MACHINE_PROCS,
        index => PROCS[usize::from(index) % PROCS.len()],
    }
}

/// A limit of procs over all kinds.
pub(crate) fn max_procs(byte: u8) -> u64 {
    match byte {
        u8::MAX => u64::MAX,
        procs => 1 + u64::from(procs),
    }
}

/// A limit of machines; zero: none.
pub(crate) fn at_most(byte: u8) -> u32 {
    match byte {
        0 => u32::MAX,
        machines => u32::from(machines) - 1,
    }
}

/// Times from none to more than there is.
pub(crate) fn span(byte: u8) -> Duration {
    const SPANS: [Duration; 10] = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(300),
        Duration::from_secs(1),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(3600),
        Duration::from_nanos(u64::MAX),
        Duration::MAX,
    ];
    SPANS[usize::from(byte) % SPANS.len()]
}

/// The same, but not none.
fn some(byte: u8) -> Duration {
    span(byte).max(Duration::from_nanos(1))
}
