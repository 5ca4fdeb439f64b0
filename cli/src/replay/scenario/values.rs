//! Values as a scenario writes them: spans and moments as texts, amounts as lists, machines by number or name.
use std::fmt;
use std::time::Duration;

use remuda::{Demand, Instant, MachineId, Resources};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::span;
use crate::values::machine;

/// A span: a text such as `1m30s`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A time of the run's clock, a text such as `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Instant);

/// The amounts from the first to the last that is not zero: `[8, 32768]`; or a number of procs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amounts(pub(super) Resources);

/// A machine: its number; of one that joined by itself a text such as `j3`, since its number is more than many readers of
/// JSON can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine(pub(super) MachineId);

/// What a request asks for: `{"procs": 2}`, `{"amounts": [2, 4096]}` or `"machine"`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DemandLine {
    Procs(u32),
    Amounts(Amounts),
    Machine,
}

impl From<Demand> for DemandLine {
    fn from(demand: Demand) -> DemandLine {
        match demand {
            Demand::Machine => DemandLine::Machine,
            Demand::Amounts(amounts) if is_procs_only(amounts) => {
                DemandLine::Procs(amounts.proc_count())
            }
            Demand::Amounts(amounts) => DemandLine::Amounts(Amounts(amounts)),
        }
    }
}

impl From<DemandLine> for Demand {
    fn from(line: DemandLine) -> Demand {
        match line {
            DemandLine::Machine => Demand::Machine,
            DemandLine::Procs(procs) => Resources::procs(procs).into(),
            DemandLine::Amounts(Amounts(amounts)) => amounts.into(),
        }
    }
}

/// Whether these amounts are procs and nothing else.
pub(super) fn is_procs_only(amounts: Resources) -> bool {
    amounts == Resources::procs(amounts.proc_count())
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&span::exact(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"1m30s\", or a number of seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                span::parse(text).map(Span).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Duration::from_secs(seconds)))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
                let span = Duration::try_from_secs_f64(seconds);
                span.map(Span).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        moment(&text).map(Moment).map_err(D::Error::custom)
    }
}

/// A time of the run's clock.
///
/// # Errors
/// What would be right.
pub(super) fn moment(text: &str) -> Result<Instant, String> {
    let after = span::parse(text)?;
    let moment = Instant::ZERO.checked_add(after);
    moment.ok_or_else(|| "that is too far away".to_owned())
}

impl Serialize for Amounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amounts = self.0.amounts();
        let last = amounts.iter().rposition(|&amount| amount > 0).unwrap_or(0);
        serializer.collect_seq(&amounts[..=last])
    }
}

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amounts, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Amounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one to four amounts such as [8, 32768], or a number of procs")
            }

            fn visit_u64<E: Error>(self, procs: u64) -> Result<Amounts, E> {
                let procs = u32::try_from(procs).map_err(E::custom)?;
                Ok(Amounts(Resources::procs(procs)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Amounts, A::Error> {
                let (mut amounts, mut count) = ([0; Resources::COUNT], 0);
                while let Some(amount) = list.next_element()? {
                    let place = amounts.get_mut(count);
                    *place.ok_or_else(|| A::Error::invalid_length(count + 1, &self))? = amount;
                    count += 1;
                }
                match count {
                    0 => Err(A::Error::invalid_length(0, &self)),
                    _ => Ok(Amounts(Resources::new(amounts))),
                }
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl Serialize for Machine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_joined() {
            true => serializer.collect_str(&self.0),
            false => serializer.serialize_u64(self.0.0),
        }
    }
}

impl<'de> Deserialize<'de> for Machine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Machine, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Machine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a machine such as 3, or \"j3\" for one that joined by itself")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Machine, E> {
                Ok(Machine(MachineId(number)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Machine, E> {
                machine(text).map(Machine).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reads)
    }
}
