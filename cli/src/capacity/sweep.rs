//! Sweeps: which settings of a cluster are tried, `--sweep 'max=4..64,idle=30s|never'`.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use remuda::{Config, Kind, Resources};
use remuda_cli::jobs::duration;

/// A range has at most so many values; with a bound to keep, those between are tried where it matters.
const STEPS: usize = 12;

/// The values of one setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) key: Key,
    pub(crate) values: Vec<Value>,
    /// They stand for all whole numbers between them.
    pub(crate) is_range: bool,
}

/// A setting of a cluster: of one kind, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: Option<String>,
    pub(crate) field: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Max,
    Min,
    Spare,
    Procs,
    Cost,
    MaxPending,
    Idle,
    Boot,
    MaxProcs,
    Patience,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Span(Duration),
    Never,
}

const FIELDS: [(&str, Field); 10] = [
    ("max", Field::Max),
    ("min", Field::Min),
    ("spare", Field::Spare),
    ("procs", Field::Procs),
    ("cost", Field::Cost),
    ("max_pending", Field::MaxPending),
    ("idle", Field::Idle),
    ("boot", Field::Boot),
    ("max_procs", Field::MaxProcs),
    ("patience", Field::Patience),
];

/// All settings of a `--sweep`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sweep(pub(crate) Vec<Axis>);

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Sweep, String> {
        let axes: Result<Vec<Axis>, String> = text.split(',').map(axis).collect();
        axes.map(Sweep)
    }
}

fn axis(text: &str) -> Result<Axis, String> {
    let wrong = |what: &str| {
        format!(
            "{text:?}: {what}: expected such as max=4..64, idle=30s..15m, idle=1m|never or big.max=1|2|8"
        )
    };
    let (key, values) = text.split_once('=').ok_or_else(|| wrong("there is no ="))?;
    let (kind, name) = match key.trim().rsplit_once('.') {
        Some((kind, name)) => (Some(kind.to_owned()), name),
        None => (None, key.trim()),
    };
    let found = FIELDS.iter().find(|(it, _)| *it == name);
    let (_, field) = *found.ok_or_else(|| {
        let names = FIELDS.map(|(name, _)| name).join(", ");
        wrong(&format!("{name} is none of {names}"))
    })?;
    if kind.is_some() && matches!(field, Field::MaxProcs | Field::Patience | Field::Boot) {
        return Err(wrong(&format!("{name} is not a setting of one kind")));
    }
    let value = |text: &str| field.value(text.trim()).map_err(|error| wrong(&error));
    let (values, is_range) = match values.split_once("..") {
        Some((from, to)) => match (value(from)?, value(to)?) {
            (Value::Count(from), Value::Count(to)) if from <= to => {
                let counts = steps(from, to).into_iter().map(Value::Count);
                (counts.collect(), true)
            }
            (Value::Span(from), Value::Span(to)) if from <= to => (doubled(from, to), false),
            _ => return Err(wrong("a range goes up")),
        },
        None => {
            let values: Result<_, String> = values.split('|').map(value).collect();
            (values?, false)
        }
    };
    let key = Key { kind, field };
    Ok(Axis {
        key,
        values,
        is_range,
    })
}

/// Whole numbers from one to the other: all, or so many that each is about as much larger than the one before.
fn steps(from: u64, to: u64) -> Vec<u64> {
    if to - from < STEPS as u64 {
        return (from..=to).collect();
    }
    let low = from.max(1) as f64;
    let factor = (to as f64 / low).powf(1.0 / (STEPS - 1) as f64);
    let step = |at: usize| (low * factor.powi(at as i32)).round() as u64;
    let mut steps = vec![from];
    steps.extend((0..STEPS - 1).map(step));
    steps.push(to);
    steps.dedup();
    steps
}

/// From one time to the other, each twice the one before.
fn doubled(from: Duration, to: Duration) -> Vec<Value> {
    let mut values = vec![Value::Span(from)];
    let mut at = from.max(Duration::from_millis(1)) * 2;
    while at < to {
        values.push(Value::Span(at));
        at *= 2;
    }
    if from < to {
        values.push(Value::Span(to));
    }
    values
}

impl Field {
    fn value(self, text: &str) -> Result<Value, String> {
        match self {
            Field::Idle if text == "never" => Ok(Value::Never),
            Field::Idle | Field::Boot => {
                let span = duration(text).map_err(|error| format!("{text}: {error}"))?;
                match self == Field::Idle && span.is_zero() {
                    true => Err("idle is more than 0".into()),
                    false => Ok(Value::Span(span)),
                }
            }
            _ => {
                let count = text.parse::<u32>();
                let count = count.map_err(|_| format!("{text:?} is no whole number"))?;
                let may_be_none = matches!(
                    self,
                    Field::Min | Field::Spare | Field::Patience | Field::Cost
                );
                match count == 0 && !may_be_none {
                    true => Err("at least 1".into()),
                    false => Ok(Value::Count(count.into())),
                }
            }
        }
    }
}

impl Key {
    /// Puts a value into a config; `kinds` are the names of its kinds.
    ///
    /// # Errors
    /// One line: there is no such kind.
    pub(crate) fn set(
        &self,
        value: Value,
        config: &mut Config,
        kinds: &[String],
    ) -> Result<(), String> {
        let count = match value {
            // They are read as such.
            Value::Count(count) => u32::try_from(count).unwrap_or(u32::MAX),
            Value::Span(_) | Value::Never => 0,
        };
        match self.field {
            Field::MaxProcs => config.max_procs = count.into(),
            Field::Patience => config.patience = count,
            Field::Boot => {}
            _ => {
                let mut found = false;
                for (kind, name) in config.kinds.iter_mut().zip(kinds) {
                    if self.kind.as_ref().is_none_or(|wanted| wanted == name) {
                        found = true;
                        self.set_kind(kind, value, count);
                    }
                }
                if !found {
                    let known = kinds.join(", ");
                    return Err(format!("{self}: there is no such kind, but: {known}"));
                }
            }
        }
        Ok(())
    }

    fn set_kind(&self, kind: &mut Kind, value: Value, count: u32) {
        match self.field {
            Field::Max => {
                kind.max = count;
                (kind.min, kind.spare) = (kind.min.min(count), kind.spare.min(count));
            }
            Field::Min => kind.min = count,
            Field::Spare => kind.spare = count,
            Field::Cost => kind.cost = count,
            Field::MaxPending => kind.max_pending = count,
            Field::Procs => {
                let [_, rest @ ..] = kind.capacity.amounts();
                kind.capacity = Resources::new([count, rest[0], rest[1], rest[2]]);
            }
            Field::Idle => {
                kind.idle = match value {
                    Value::Span(span) => Some(span),
                    _ => None,
                }
            }
            Field::Boot | Field::MaxProcs | Field::Patience => {}
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = FIELDS.iter().find(|(_, field)| *field == self.field);
        let name = found.map_or("", |(name, _)| name);
        match &self.kind {
            Some(kind) => write!(f, "{kind}.{name}"),
            None => f.write_str(name),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(count) => count.fmt(f),
            Value::Never => f.write_str("never"),
            Value::Span(span) => {
                let millis = span.as_millis();
                let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
                let (seconds, part) = (millis / 1000 % 60, millis % 1000);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                match (seconds, part) {
                    (0, 0) if millis > 0 => Ok(()),
                    (_, 0) => write!(f, "{seconds}s"),
                    _ => write!(f, "{seconds}.{part:03}s"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let Sweep(axes) = text.parse().unwrap();
        let of = |axis: &Axis| {
            let values: Vec<_> = axis.values.iter().map(ToString::to_string).collect();
            format!("{}: {}", axis.key, values.join(" "))
        };
        axes.iter().map(of).collect()
    }

    #[test]
    fn settings_have_lists_and_ranges_of_values() {
        assert_eq!(
            values("max=1..4,idle=30s..5m,boot=90"),
            ["max: 1 2 3 4", "idle: 30s 1m 2m 4m 5m", "boot: 1m30s"]
        );
        assert_eq!(
            values("big.max=1|8, idle=1h|never|1.5s"),
            ["big.max: 1 8", "idle: 1h never 1.500s"]
        );
        assert_eq!(
            values("max=4..64"),
            ["max: 4 5 7 9 11 14 18 23 30 39 50 64"]
        );
        assert_eq!(values("min=0..100")[0].split(' ').count(), 13);
        assert_eq!(values("max=3..3"), ["max: 3"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (text, reason) in [
            ("max", "there is no ="),
            ("mx=3", "mx is none of max, min"),
            ("max=0", "at least 1"),
            ("max=4..2", "a range goes up"),
            ("max=a", "\"a\" is no whole number"),
            ("max=4294967296", "is no whole number"),
            ("idle=soon", "expected a time such as"),
            ("idle=0", "idle is more than 0"),
            ("idle=1m..never", "a range goes up"),
            ("a.max_procs=3", "max_procs is not a setting of one kind"),
            ("", "there is no ="),
        ] {
            let error = text.parse::<Sweep>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains("expected such as max=4..64"), "{error}");
        }
    }
}
