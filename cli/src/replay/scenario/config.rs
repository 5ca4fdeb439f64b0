//! The config as a scenario writes it, and changed by `--with`.
use std::time::Duration;

use remuda::{Config, Kind, Packing, Policy, Resources};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::values::{Amounts, Span, is_procs_only};

/// A config; what is left out is the default of its policy.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigLine {
    /// One kind of machines of so many procs, with no limits; in place of `kinds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_procs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<KindLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_procs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packing: Option<PackingLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patience: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_limit: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probation: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probation_cap: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flaps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_backoff_base: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_backoff_cap: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settle: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_polls: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_interval: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_interval: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_with_tasks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdraw: Option<bool>,
    /// What the four amounts are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<[String; Resources::COUNT]>,
}

/// The names of the fields, in the order in which a user is told of them.
const FIELDS: [&str; 19] = [
    "machine_procs",
    "max_procs",
    "policy",
    "packing",
    "patience",
    "hold_limit",
    "probation",
    "probation_cap",
    "flaps",
    "start_backoff_base",
    "start_backoff_cap",
    "settle",
    "silent_polls",
    "poll_interval",
    "summary_interval",
    "stop_with_tasks",
    "withdraw",
    "kinds",
    "names",
];

/// Those that bigslice's policy has too; the others are as it needs them.
const OF_BIGSLICE: [&str; 9] = [
    "machine_procs",
    "kinds",
    "max_procs",
    "probation",
    "start_backoff_base",
    "start_backoff_cap",
    "silent_polls",
    "poll_interval",
    "summary_interval",
];

/// A kind of machine; what is left out is as [`Kind::new`] has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KindLine {
    capacity: Amounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spare: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startable: Option<bool>,
}

const FIELDS_OF_KIND: [&str; 9] = [
    "capacity",
    "min",
    "max",
    "spare",
    "max_pending",
    "batch",
    "idle",
    "cost",
    "startable",
];

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum PackingLine {
    /// First fit if all kinds have an idle limit, else best fit.
    ByKinds,
    BestFit,
    FirstFit,
}

impl KindLine {
    fn of(kind: &Kind) -> KindLine {
        let base = Kind::new(kind.capacity);
        let number = |now: u32, default: u32| (now != default).then_some(now);
        KindLine {
            capacity: Amounts(kind.capacity),
            min: number(kind.min, base.min),
            max: number(kind.max, base.max),
            spare: number(kind.spare, base.spare),
            max_pending: number(kind.max_pending, base.max_pending),
            batch: number(kind.batch, base.batch),
            idle: kind.idle.map(Span),
            cost: number(kind.cost, base.cost),
            startable: (!kind.startable).then_some(false),
        }
    }

    fn kind(&self) -> Kind {
        let mut kind = Kind::new(self.capacity.0);
        let numbers = [
            (self.min, &mut kind.min),
            (self.max, &mut kind.max),
            (self.spare, &mut kind.spare),
            (self.max_pending, &mut kind.max_pending),
            (self.batch, &mut kind.batch),
            (self.cost, &mut kind.cost),
        ];
        for (number, field) in numbers {
            *field = number.unwrap_or(*field);
        }
        kind.idle = self.idle.map(|it| it.0);
        kind.startable = self.startable.unwrap_or(true);
        kind
    }
}

impl ConfigLine {
    pub(super) fn of(config: &Config) -> ConfigLine {
        let span = |span: Duration| Some(Span(span));
        let plain = match config.kinds[..] {
            [kind] if is_plain(&kind) => Some(kind.capacity.proc_count()),
            _ => None,
        };
        let base = ConfigLine {
            machine_procs: plain,
            kinds: match plain {
                Some(_) => None,
                None => Some(config.kinds.iter().map(KindLine::of).collect()),
            },
            max_procs: Some(config.max_procs),
            policy: Some(config.policy),
            probation: span(config.probation),
            start_backoff_base: span(config.start_backoff_base),
            start_backoff_cap: span(config.start_backoff_cap),
            silent_polls: Some(config.silent_polls),
            poll_interval: span(config.poll_interval),
            summary_interval: span(config.summary_interval),
            names: (config.names != Resources::NAMES).then(|| config.names.clone()),
            ..ConfigLine::default()
        };
        if config.policy == Policy::Bigslice {
            return base;
        }
        ConfigLine {
            packing: config.packing.map(|packing| match packing {
                Packing::FirstFit => PackingLine::FirstFit,
                _ => PackingLine::BestFit,
            }),
            patience: Some(config.patience),
            hold_limit: config.hold_limit.map(Span),
            probation_cap: span(config.probation_cap),
            flaps: Some(config.flaps),
            settle: span(config.settle),
            stop_with_tasks: Some(config.stop_with_tasks),
            withdraw: Some(config.withdraw),
            ..base
        }
    }

    /// Whether it says neither a policy nor kinds, as those of the first edition.
    pub(super) fn says_no_policy(&self) -> bool {
        self.policy.is_none() && self.kinds.is_none()
    }

    /// The config, of this policy unless it says one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn config(&self, policy: Policy) -> Result<Config, String> {
        let policy = self.policy.unwrap_or(policy);
        // Taken as they are: the constructors round.
        let mut config = match policy {
            Policy::Bigslice => Config::bigslice_machines(1, u64::MAX),
            _ => Config::empty(),
        };
        config.kinds = match (self.machine_procs, &self.kinds) {
            (Some(procs), None) => vec![Kind::new(Resources::procs(procs))],
            (None, Some(kinds)) => kinds.iter().map(KindLine::kind).collect(),
            (None, None) => return Err("it has neither machine_procs nor kinds".to_owned()),
            (Some(_), Some(_)) => return Err("it has both machine_procs and kinds".to_owned()),
        };
        if self.machine_procs.is_some() && self.max_procs.is_none() {
            return Err("with machine_procs it has to say max_procs".to_owned());
        }
        config.max_procs = self.max_procs.unwrap_or(config.max_procs);
        config.packing = match self.packing {
            None => config.packing,
            Some(PackingLine::ByKinds) => None,
            Some(PackingLine::BestFit) => Some(Packing::BestFit),
            Some(PackingLine::FirstFit) => Some(Packing::FirstFit),
        };
        config.hold_limit = self.hold_limit.map(|it| it.0);
        let spans = [
            (self.probation, &mut config.probation),
            (self.probation_cap, &mut config.probation_cap),
            (self.start_backoff_base, &mut config.start_backoff_base),
            (self.start_backoff_cap, &mut config.start_backoff_cap),
            (self.settle, &mut config.settle),
            (self.poll_interval, &mut config.poll_interval),
            (self.summary_interval, &mut config.summary_interval),
        ];
        for (span, field) in spans {
            *field = span.map_or(*field, |it| it.0);
        }
        let numbers = [
            (self.patience, &mut config.patience),
            (self.flaps, &mut config.flaps),
            (self.silent_polls, &mut config.silent_polls),
        ];
        for (number, field) in numbers {
            *field = number.unwrap_or(*field);
        }
        config.stop_with_tasks = self.stop_with_tasks.unwrap_or(config.stop_with_tasks);
        config.withdraw = self.withdraw.unwrap_or(config.withdraw);
        if let Some(names) = &self.names {
            config.names.clone_from(names);
        }
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

/// Whether machines of this kind have procs only, and the kind no limits.
pub(super) fn is_plain(kind: &Kind) -> bool {
    is_procs_only(kind.capacity) && *kind == Kind::new(kind.capacity)
}

/// A config with some of its fields changed, as in `max_procs=64,k0.idle=60s`.
///
/// # Errors
/// The first that is wrong, and what there is.
pub(crate) fn changed(config: &Config, changes: &str) -> Result<Config, String> {
    let line = serde_json::to_value(ConfigLine::of(config)).expect("all of it is plain data");
    let Value::Object(mut fields) = line else {
        unreachable!("a struct is an object");
    };
    let changes = split(changes).into_iter().map(|change| {
        let (name, value) = change
            .split_once('=')
            .ok_or_else(|| format!("{change:?} is no change such as max_procs=64"))?;
        Ok((name.trim(), value.trim()))
    });
    let changes = changes.collect::<Result<Vec<_>, String>>()?;
    for (_, value) in changes.iter().filter(|(name, _)| *name == "policy") {
        if *value == "bigslice" {
            fields.retain(|name, _| OF_BIGSLICE.contains(&name.as_str()));
        }
    }
    for (name, value) in changes {
        change(config, &mut fields, name, value)?;
    }
    let line: ConfigLine =
        serde_json::from_value(fields.into()).map_err(|error| error.to_string())?;
    line.config(config.policy)
}

/// At the commas that stand in no brackets and no quotes.
fn split(changes: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin) = (0_i32, false, 0);
    let mut parts = Vec::new();
    for (at, letter) in changes.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                parts.push(&changes[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&changes[begin..]);
    parts.into_iter().map(str::trim).collect()
}

fn change(
    config: &Config,
    fields: &mut Map<String, Value>,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let one_kind = config.kinds.len() == 1;
    if let Some((kind, field)) = name.split_once('.') {
        let kind = kind.strip_prefix('k').and_then(|it| it.parse().ok());
        let kind = kind.filter(|kind: &usize| *kind < config.kinds.len());
        let kind = kind.ok_or_else(|| {
            let last = config.kinds.len() - 1;
            format!("{name}: the config has the kinds k0 to k{last}")
        })?;
        return change_kind(config, fields, kind, field, value);
    }
    if !FIELDS.contains(&name) {
        let known = FIELDS.join(", ");
        return Err(format!(
            "a config has no {name:?}; it has {known}, and of a kind, such as k0.max: {}",
            FIELDS_OF_KIND.join(", ")
        ));
    }
    if name == "kinds" {
        fields.remove("machine_procs");
    }
    if name == "machine_procs" && fields.contains_key("kinds") {
        if !one_kind {
            return Err("machine_procs: it has several kinds: say k0.capacity".to_owned());
        }
        let mut amounts = config.kinds[0].capacity.amounts();
        amounts[0] = number(name, value)?;
        let capacity = serde_json::to_string(&amounts).expect("numbers are plain data");
        return change_kind(config, fields, 0, "capacity", &capacity);
    }
    set(fields, name, name, value)?;
    // Told by the name of the field, which an error of the whole would not have.
    let alone: Map<String, Value> = fields
        .get_key_value(name)
        .map(|(name, value)| (name.clone(), value.clone()))
        .into_iter()
        .collect();
    let alone = serde_json::from_value::<ConfigLine>(alone.into());
    alone.map(drop).map_err(|error| wrong(name, &error))
}

fn change_kind(
    config: &Config,
    fields: &mut Map<String, Value>,
    kind: usize,
    field: &str,
    value: &str,
) -> Result<(), String> {
    if !FIELDS_OF_KIND.contains(&field) {
        let known = FIELDS_OF_KIND.join(", ");
        return Err(format!("a kind has no {field:?}; it has {known}"));
    }
    if fields.remove("machine_procs").is_some() || !fields.contains_key("kinds") {
        let kinds: Vec<_> = config.kinds.iter().map(KindLine::of).collect();
        let kinds = serde_json::to_value(kinds).expect("all of it is plain data");
        fields.insert("kinds".to_owned(), kinds);
    }
    let name = format!("k{kind}.{field}");
    let of_kind = fields
        .get_mut("kinds")
        .and_then(|kinds| kinds.get_mut(kind)?.as_object_mut());
    let of_kind = of_kind.ok_or_else(|| format!("{name}: there is no such kind"))?;
    set(of_kind, field, &name, value)?;
    let alone = serde_json::from_value::<KindLine>(of_kind.clone().into());
    alone.map(drop).map_err(|error| wrong(&name, &error))
}

/// A number or a list as it is, anything else as a text; `never` takes away a limit.
fn set(
    fields: &mut Map<String, Value>,
    field: &str,
    name: &str,
    value: &str,
) -> Result<(), String> {
    if value == "never" && matches!(field, "idle" | "hold_limit") {
        fields.remove(field);
        return Ok(());
    }
    let read = match value.starts_with(['[', '{', '"']) {
        true => serde_json::from_str(value).map_err(|error| format!("{name}: {error}"))?,
        false => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    };
    fields.insert(field.to_owned(), read);
    Ok(())
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    let number = value.parse();
    number.map_err(|_| format!("{name}: expected a whole number"))
}

fn wrong(name: &str, error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.contains("expected u") {
        true => format!("{name}: expected a whole number"),
        false => format!("{name}: {said}"),
    }
}

/// Tells whether a config is the one that a run was recorded with. Of bigslice's policy it is the hash that the first edition
/// wrote.
pub(crate) fn config_hash(config: &Config) -> u32 {
    let mut bytes = Vec::new();
    let mut number = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
    let machine_procs = config.kinds[0].capacity.proc_count();
    number(machine_procs.into());
    number(config.max_procs);
    number(config.silent_polls.into());
    for span in [
        config.probation,
        config.start_backoff_base,
        config.start_backoff_cap,
        config.poll_interval,
        config.summary_interval,
    ] {
        bytes.extend_from_slice(&span.as_nanos().to_le_bytes());
    }
    if config.policy != Policy::Bigslice {
        let line = serde_json::to_string(&ConfigLine::of(config));
        bytes.extend(line.expect("all of it is plain data").bytes());
    }
    // FNV-1a.
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The kinds in words, a line each, as in `k0: 8/32768, max 20, idle 120s`; none if there is one with no limits.
pub(crate) fn kind_lines(config: &Config) -> Vec<String> {
    let line = |(n, kind): (usize, &Kind)| {
        let fields = serde_json::to_value(KindLine::of(kind)).expect("all of it is plain data");
        let mut line = format!("k{n}: {}", kind.capacity);
        for name in FIELDS_OF_KIND {
            match &fields[name] {
                _ if name == "capacity" => {}
                Value::Null => {}
                Value::Bool(_) => line += ", joins only",
                Value::String(text) => line += &format!(", {name} {text}"),
                value => line += &format!(", {name} {value}"),
            }
        }
        line
    };
    match config.kinds[..] {
        [kind] if is_plain(&kind) => Vec::new(),
        _ => config.kinds.iter().enumerate().map(line).collect(),
    }
}
