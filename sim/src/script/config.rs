//! How a config is written in a script.

use core::fmt;
use core::time::Duration;

use remuda::{Config, ConfigError, Kind, Packing, Policy, Resources};

use super::words::Span;

/// How a config line says what a machine offers (S1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Capacity {
    /// `procs 4 max 8`: the procs of a machine and of all machines, as they are; or kinds on lines
    /// of their own.
    Procs,
    /// `maxprocs 16 load 0.9 max 64`: [`Config::with_max_load`].
    MaxLoad(Load),
    /// `bigslice 16 load 0.9 max 64`: [`Config::bigslice`].
    Bigslice(Load),
}

/// A share of machines: the arguments of [`Config::with_max_load`] and [`Config::bigslice`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// The procs of a machine.
    pub maxprocs: u32,
    /// The share of them that is offered.
    pub load: f64,
    /// The procs of all machines.
    pub max: u64,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} load {} max {}", self.maxprocs, self.load, self.max)
    }
}

impl Capacity {
    /// The config that it stands for, with the defaults that need no word; none for
    /// [`Capacity::Procs`], which says nothing by itself.
    pub(super) fn config(self) -> Option<Result<Config, ConfigError>> {
        match self {
            Capacity::Procs => None,
            Capacity::MaxLoad(of) => Some(Config::with_max_load(of.maxprocs, of.max, of.load)),
            Capacity::Bigslice(of) => Some(Config::bigslice(of.maxprocs, of.max, of.load)),
        }
    }
}

/// A config of this policy with no kinds, and the defaults that need no word.
pub(super) fn empty(policy: Policy) -> Config {
    match policy {
        Policy::Bigslice => {
            let mut config = Config::bigslice_machines(1, u64::MAX);
            config.kinds.clear();
            config
        }
        _ => Config::empty(),
    }
}

/// The same with one kind of machine that has procs only.
pub(super) fn plain(policy: Policy, procs: u32, max: u64) -> Config {
    let config = empty(policy).kind(Kind::new(Resources::procs(procs)));
    config.max_procs(max)
}

/// The durations that a config line may name.
pub(super) fn durations(config: &mut Config) -> [(&'static str, &mut Duration); 7] {
    [
        ("probation", &mut config.probation),
        ("backoff", &mut config.start_backoff_base),
        ("cap", &mut config.start_backoff_cap),
        ("poll", &mut config.poll_interval),
        ("summary", &mut config.summary_interval),
        ("probation-cap", &mut config.probation_cap),
        ("settle", &mut config.settle),
    ]
}

/// The numbers that a config line may name.
pub(super) fn numbers(config: &mut Config) -> [(&'static str, &mut u32); 3] {
    [
        ("silent", &mut config.silent_polls),
        ("patience", &mut config.patience),
        ("flaps", &mut config.flaps),
    ]
}

/// The words that a config line may have with nothing after them.
pub(super) fn flags(config: &mut Config) -> [(&'static str, &mut bool); 2] {
    [
        ("stop-with-tasks", &mut config.stop_with_tasks),
        ("withdraw", &mut config.withdraw),
    ]
}

/// The numbers that the line of a kind may name.
pub(super) fn numbers_of_kind(kind: &mut Kind) -> [(&'static str, &mut u32); 6] {
    [
        ("min", &mut kind.min),
        ("max", &mut kind.max),
        ("spare", &mut kind.spare),
        ("max-pending", &mut kind.max_pending),
        ("batch", &mut kind.batch),
        ("cost", &mut kind.cost),
    ]
}

/// The ways to place requests, by their words.
pub(super) const PACKINGS: [(&str, Option<Packing>); 3] = [
    ("by-kinds", None),
    ("best-fit", Some(Packing::BestFit)),
    ("first-fit", Some(Packing::FirstFit)),
];

/// What of a name would not stand for itself in a line.
fn is_awkward(c: char) -> bool {
    c == '/' || c == '%' || c.is_ascii_whitespace() || c.is_control()
}

/// The four names in one word; awkward characters as `%2f;`.
struct Names<'a>(&'a [String; Resources::COUNT]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, name) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("/")?;
            }
            for c in name.chars() {
                match is_awkward(c) {
                    true => write!(f, "%{:x};", u32::from(c))?,
                    false => write!(f, "{c}")?,
                }
            }
        }
        Ok(())
    }
}

/// Reads what [`Names`] writes.
pub(super) fn names(word: &str) -> Option<[String; Resources::COUNT]> {
    let names: Option<Vec<_>> = word.split('/').map(name).collect();
    names?.try_into().ok()
}

fn name(word: &str) -> Option<String> {
    let mut parts = word.split('%');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_once(';')?;
        name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        name.push_str(rest);
    }
    Some(name)
}

/// The lines of a config.
pub(super) struct Lines<'a>(pub(super) Capacity, pub(super) &'a Config);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.1;
        // One that does not fit the config is passed over.
        let fits = |base: &Config| {
            (base.policy, base.max_procs) == (config.policy, config.max_procs)
                && base.kinds == config.kinds
        };
        let loaded = self.0.config().and_then(Result::ok).filter(fits);
        f.write_str("config")?;
        if loaded.is_none() && config.policy == Policy::Bigslice {
            f.write_str(" bigslice")?;
        }
        let plain = |kind: &Kind| *kind == Kind::new(Resources::procs(kind.capacity.proc_count()));
        match (&config.kinds[..], self.0, loaded) {
            (_, Capacity::MaxLoad(of), Some(base)) => {
                write!(f, " maxprocs {of}")?;
                write_fields(f, config, base)
            }
            (_, Capacity::Bigslice(of), Some(base)) => {
                write!(f, " bigslice {of}")?;
                write_fields(f, config, base)
            }
            ([kind], ..) if plain(kind) => {
                let procs = kind.capacity.proc_count();
                write!(f, " procs {procs} max {}", config.max_procs)?;
                write_fields(f, config, empty(config.policy))
            }
            (kinds, ..) => {
                let base = empty(config.policy);
                if config.max_procs != base.max_procs {
                    write!(f, " max {}", config.max_procs)?;
                }
                write_fields(f, config, base)?;
                kinds.iter().try_for_each(|kind| write_kind(f, *kind))
            }
        }
    }
}

/// Those that differ from `base`, but for the kinds and max procs.
fn write_fields(f: &mut fmt::Formatter<'_>, config: &Config, mut base: Config) -> fmt::Result {
    let mut config = config.clone();
    for ((name, value), (_, default)) in numbers(&mut config).into_iter().zip(numbers(&mut base)) {
        if value != default {
            write!(f, " {name} {value}")?;
        }
    }
    let pairs = durations(&mut config).into_iter().zip(durations(&mut base));
    for ((name, value), (_, default)) in pairs {
        if value != default {
            write!(f, " {name} {}", Span(*value))?;
        }
    }
    if let Some(limit) = config.hold_limit {
        write!(f, " hold-limit {}", Span(limit))?;
    }
    if config.packing != base.packing {
        let word = PACKINGS.iter().find(|(_, it)| *it == config.packing);
        write!(f, " packing {}", word.map_or("?", |(word, _)| word))?;
    }
    for ((name, value), (_, default)) in flags(&mut config).into_iter().zip(flags(&mut base)) {
        if value != default {
            write!(f, " {name}")?;
        }
    }
    if config.names != base.names {
        write!(f, " names {}", Names(&config.names))?;
    }
    Ok(())
}

fn write_kind(f: &mut fmt::Formatter<'_>, mut kind: Kind) -> fmt::Result {
    let mut base = Kind::new(kind.capacity);
    write!(f, "\nkind {}", kind.capacity)?;
    let pairs = numbers_of_kind(&mut kind)
        .into_iter()
        .zip(numbers_of_kind(&mut base));
    for ((name, value), (_, default)) in pairs {
        if value != default {
            write!(f, " {name} {value}")?;
        }
    }
    if let Some(idle) = kind.idle {
        write!(f, " idle {}", Span(idle))?;
    }
    if !kind.startable {
        write!(f, " joins-only")?;
    }
    Ok(())
}
