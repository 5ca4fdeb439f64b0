//! The clusters that a plan tries: those of cluster files, of a flag, or that of the record, each with all settings of the sweeps.
use std::path::PathBuf;
use std::time::Duration;

use remuda::{Config, Kind, KindId, Resources};

use super::log::{Log, quiet};
use super::sweep::{Axis, Field, Value};
use crate::cluster::Planned;

/// How long a machine of `--machine-procs` may be idle, as in a run.
const IDLE: Duration = Duration::from_secs(60);

/// Trying more clusters than this at once is a mistake of the one who asks.
const MOST: usize = 1000;

/// A cluster, before the settings of the sweeps.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// Empty where there is no other.
    pub(crate) name: String,
    pub(crate) config: Config,
    pub(crate) kinds: Vec<String>,
    /// Which recorded kind each is; none: it is the very cluster of the record.
    pub(crate) was: Option<Vec<Option<KindId>>>,
}

/// A cluster that is tried.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Which of the bases.
    pub(crate) base: usize,
    pub(crate) name: String,
    /// A value for each axis.
    pub(crate) settings: Vec<Value>,
    /// Its name without what is swept first.
    pub(crate) series: String,
    pub(crate) config: Config,
    pub(crate) boot: Option<Duration>,
}

/// The clusters that are described.
///
/// # Errors
/// One line: a cluster file is wrong, or nothing says which machines there are.
pub(crate) fn bases(
    log: &Log,
    files: &[PathBuf],
    machine_procs: Option<u32>,
) -> Result<Vec<Base>, String> {
    let was = |kinds: &[String]| -> Vec<Option<KindId>> {
        let recorded = || (0..).map(KindId).zip(&log.kinds);
        let same = |name: &String| recorded().find(|(_, it)| *it == name);
        let of = |name: &String| same(name).map(|(kind, _)| kind);
        kinds.iter().map(of).collect()
    };
    let mut bases = Vec::new();
    for path in files {
        let Planned { config, kinds } = Planned::read(path)?;
        let name = match files.len() {
            1 => String::new(),
            _ => path.display().to_string(),
        };
        bases.push(Base {
            name,
            config: quiet(config),
            was: Some(was(&kinds)),
            kinds,
        });
    }
    if let Some(procs) = machine_procs {
        let kind = Kind::new(Resources::procs(procs)).idle(IDLE);
        let kinds = vec![String::new()];
        bases.push(Base {
            name: String::new(),
            config: quiet(Config::empty().kind(kind)),
            was: Some(was(&kinds)),
            kinds,
        });
    }
    if bases.is_empty() {
        let Some(config) = log.own_config() else {
            return Err(format!(
                "{}: it does not say on which machines it ran: say --cluster FILE, or --machine-procs N for machines of N procs",
                log.name
            ));
        };
        bases.push(Base {
            name: String::new(),
            config,
            kinds: log.kinds.clone(),
            was: None,
        });
    }
    Ok(bases)
}

/// All settings of the sweeps, for each base.
///
/// # Errors
/// One line: a setting is wrong for a base, or they are too many.
pub(crate) fn candidates(bases: &[Base], axes: &[Axis]) -> Result<Vec<Candidate>, String> {
    let many = axes.iter().try_fold(bases.len(), |many, axis| {
        many.checked_mul(axis.values.len())
    });
    if many.is_none_or(|many| many > MOST) {
        return Err(format!(
            "--sweep: more than {MOST} clusters to try: give fewer settings or fewer values"
        ));
    }
    let mut all: Vec<Vec<Value>> = vec![Vec::new()];
    for axis in axes {
        let with = |settings: &Vec<Value>| {
            let settings = settings.clone();
            axis.values.iter().map(move |value| {
                let mut settings = settings.clone();
                settings.push(*value);
                settings
            })
        };
        all = all.iter().flat_map(with).collect();
    }
    let mut found = Vec::new();
    for base in 0..bases.len() {
        for settings in &all {
            found.push(candidate(bases, base, axes, settings.clone())?);
        }
    }
    Ok(found)
}

/// A base with these settings.
///
/// # Errors
/// One line: a setting is wrong for it.
pub(crate) fn candidate(
    bases: &[Base],
    base: usize,
    axes: &[Axis],
    settings: Vec<Value>,
) -> Result<Candidate, String> {
    let Base {
        name,
        config,
        kinds,
        ..
    } = &bases[base];
    let mut config = config.clone();
    let swept = |field: Field| axes.iter().any(|axis| axis.key.field == field);
    if swept(Field::Max) && !swept(Field::MaxProcs) {
        config.max_procs = u64::MAX;
    }
    let mut boot = None;
    let limit = bases[base].config.max_procs;
    for (axis, value) in axes.iter().zip(&settings) {
        axis.key.set(*value, &mut config, kinds)?;
        if let (Field::Boot, Value::Span(span)) = (axis.key.field, value) {
            boot = Some(*span);
        }
    }
    // Of kinds without a limit of their own it stays the only one.
    if config.kinds.iter().any(|kind| kind.max == u32::MAX) && !swept(Field::MaxProcs) {
        config.max_procs = limit;
    }
    let said = axes.iter().zip(&settings);
    let said = said.map(|(axis, value)| format!("{}={value}", axis.key));
    let said: Vec<_> = said.collect();
    let called = |settings: &[String]| match (name.is_empty(), settings.join(",")) {
        (true, settings) => settings,
        (false, settings) => format!("{name} {settings}").trim_end().to_owned(),
    };
    let series = called(said.get(1..).unwrap_or_default());
    let name = match called(&said) {
        none if none.is_empty() && bases[base].was.is_none() => "as it was".to_owned(),
        none if none.is_empty() => "as given".to_owned(),
        name => name,
    };
    config
        .validate()
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(Candidate {
        base,
        name,
        settings,
        series,
        config,
        boot,
    })
}

impl Candidate {
    /// The most procs that it may have; none if there is no limit.
    pub(crate) fn size(&self) -> Option<u64> {
        let kinds = self.config.kinds.iter().map(|kind| {
            let most = u64::from(kind.capacity.proc_count()) * u64::from(kind.max);
            (kind.max < u32::MAX).then_some(most)
        });
        let most = kinds.reduce(|one, other| Some(one?.saturating_add(other?)));
        match (most.flatten(), self.config.max_procs) {
            (None, u64::MAX) => None,
            (most, max_procs) => Some(most.unwrap_or(u64::MAX).min(max_procs)),
        }
    }
}
