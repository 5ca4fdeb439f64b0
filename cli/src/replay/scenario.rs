//! Scenarios: a header line with a config, then an event a line, in JSON. `remuda replay --json` writes them, and anyone can.
use std::collections::BTreeMap;
use std::time::Duration;

use remuda::journal::{Label, Note, RULES, hash};
use remuda::{Action, Config, Event, Instant, MachineId};
use serde::{Deserialize, Serialize};

use super::items::{Head, Item, Place, Recorded, Step};
use super::span;

/// A scenario that was read.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) head: Head,
    pub(crate) lines: Vec<Line>,
}

/// A line after the header.
#[derive(Debug)]
pub(crate) enum Line {
    Event {
        number: u64,
        line: usize,
        time: Instant,
        event: Event,
        actions: Option<Vec<Action>>,
        hash: Option<u32>,
    },
    Note {
        time: Instant,
        note: Remark,
    },
}

impl Line {
    pub(crate) fn item(&self) -> Item<'_> {
        match self {
            Line::Event {
                number,
                line,
                time,
                event,
                actions,
                hash,
            } => Item::Step(Step {
                number: *number,
                time: *time,
                event: *event,
                recorded: match (actions, hash) {
                    (Some(actions), _) => Recorded::Actions(actions),
                    (None, Some(hash)) => Recorded::Hash(*hash),
                    (None, None) => Recorded::Nothing,
                },
                place: Place::Line(*line),
            }),
            Line::Note { time, note } => Item::Note(Note {
                time: *time,
                machine: note.machine,
                topic: &note.topic,
                text: &note.text,
            }),
        }
    }
}

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct HeadLine {
    config: ConfigLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config_hash: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crate_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

/// A config; what is left out is what `Config::new` says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ConfigLine {
    machine_procs: u32,
    max_procs: u64,
    #[serde(default)]
    probation: Option<String>,
    #[serde(default)]
    start_backoff_base: Option<String>,
    #[serde(default)]
    start_backoff_cap: Option<String>,
    #[serde(default)]
    silent_polls: Option<u32>,
    #[serde(default)]
    poll_interval: Option<String>,
    #[serde(default)]
    summary_interval: Option<String>,
}

/// Any other line.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtherLine {
    /// Which event it is, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<Action>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Remark>,
    /// What `--json` ends with; nothing to replay.
    #[serde(skip_serializing)]
    summary: Option<serde_json::Value>,
    #[serde(skip_serializing)]
    divergence: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remark {
    machine: MachineId,
    topic: String,
    text: String,
}

impl OtherLine {
    /// An event with its actions.
    pub(crate) fn event(step: &Step<'_>, actions: &[Action]) -> OtherLine {
        OtherLine {
            number: Some(step.number),
            time: Some(step.time.to_string()),
            event: Some(step.event),
            actions: Some(actions.to_vec()),
            hash: Some(hash(actions)),
            ..OtherLine::default()
        }
    }

    /// An event of whose actions nothing is known.
    pub(crate) fn unanswered(step: &Step<'_>) -> OtherLine {
        OtherLine {
            actions: None,
            hash: None,
            ..OtherLine::event(step, &[])
        }
    }

    /// A remark.
    pub(crate) fn note(note: &Note<'_>) -> OtherLine {
        OtherLine {
            time: Some(note.time.to_string()),
            note: Some(Remark {
                machine: note.machine,
                topic: note.topic.to_owned(),
                text: note.text.to_owned(),
            }),
            ..OtherLine::default()
        }
    }
}

/// The header line of what was read.
pub(crate) fn head_line(head: &Head) -> String {
    let labels = head.labels.iter();
    let line = HeadLine {
        config: ConfigLine::of(&head.config),
        config_hash: Some(config_hash(&head.config)),
        crate_version: head.crate_version.clone(),
        rules: Some(head.rules.unwrap_or(RULES)),
        origin: head.origin,
        labels: labels
            .map(|it| (it.name.clone(), it.value.clone()))
            .collect(),
    };
    serde_json::to_string(&line).expect("all of it is plain data")
}

/// Tells whether a config is the one that a run was recorded with.
pub(crate) fn config_hash(config: &Config) -> u32 {
    let spans = [
        config.probation,
        config.start_backoff_base,
        config.start_backoff_cap,
        config.poll_interval,
        config.summary_interval,
    ];
    // FNV-1a of the fields, each of eight bytes or more.
    let numbers = [
        config.machine_procs.into(),
        config.max_procs,
        config.silent_polls.into(),
    ];
    let spans = spans.map(|span| span.as_nanos().to_le_bytes());
    let numbers = numbers.map(u64::to_le_bytes);
    let bytes = numbers.as_flattened().iter().chain(spans.as_flattened());
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Reads a scenario.
///
/// # Errors
/// The first line that is wrong, what is wrong there, and what would be right.
pub(crate) fn parse(text: &str) -> Result<Scenario, String> {
    let lines = (1..).zip(text.lines());
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let (at, first) = lines.next().ok_or("it is empty")?;
    let head = head(first).map_err(|error| {
        format!(
            "line {at}, the header: {error}; the least is {{\"config\":{{\"machine_procs\":4,\"max_procs\":16}}}}"
        )
    })?;
    let (mut events, mut read) = (0, Vec::new());
    for (at, line) in lines {
        let line = one(at, line, &mut events).map_err(|error| format!("line {at}: {error}"))?;
        read.extend(line);
    }
    Ok(Scenario { head, lines: read })
}

/// What serde says, without the line, which is always the first.
fn json(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    format!("column {}: {said}", error.column())
}

fn head(line: &str) -> Result<Head, String> {
    let HeadLine {
        config,
        config_hash,
        crate_version,
        rules,
        origin,
        labels,
    } = serde_json::from_str(line).map_err(|error| json(&error))?;
    let labels = labels.into_iter();
    Ok(Head {
        is_journal: false,
        config: config.config()?,
        config_hash,
        fresh: true,
        crate_version,
        rules,
        origin,
        labels: labels
            .map(|(name, value)| Label::new(name, value))
            .collect(),
    })
}

/// A config with some of its fields changed, as in `max_procs=64,probation=10s`.
///
/// # Errors
/// The first that is wrong, and what there is.
pub(crate) fn changed(config: &Config, changes: &str) -> Result<Config, String> {
    let line = serde_json::to_value(ConfigLine::of(config)).expect("all of it is plain data");
    let serde_json::Value::Object(mut fields) = line else {
        unreachable!("a struct is an object");
    };
    for change in changes.split(',').map(str::trim) {
        let (name, value) = change
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .ok_or_else(|| format!("{change:?} is no change such as max_procs=64"))?;
        let Some(field) = fields.get_mut(name) else {
            let known = fields.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(format!("a config has no {name:?}; it has {known}"));
        };
        *field = if field.is_number() {
            let number = value.parse::<u64>();
            let number = number.map_err(|_| format!("{name}: expected a whole number"))?;
            number.into()
        } else {
            value.into()
        };
    }
    let line: ConfigLine =
        serde_json::from_value(fields.into()).map_err(|error| error.to_string())?;
    line.config()
}

impl ConfigLine {
    fn of(config: &Config) -> ConfigLine {
        let span = |span: Duration| Some(span::exact(span));
        ConfigLine {
            machine_procs: config.machine_procs,
            max_procs: config.max_procs,
            probation: span(config.probation),
            start_backoff_base: span(config.start_backoff_base),
            start_backoff_cap: span(config.start_backoff_cap),
            silent_polls: Some(config.silent_polls),
            poll_interval: span(config.poll_interval),
            summary_interval: span(config.summary_interval),
        }
    }

    fn config(self) -> Result<Config, String> {
        let (procs, max_procs) = (self.machine_procs, self.max_procs);
        // The exact number, which the constructor rounds.
        let config = Config::new(procs.clamp(1, Config::MAX_MACHINE_PROCS), u64::MAX);
        let mut config = config.map_err(|error| error.to_string())?;
        (config.machine_procs, config.max_procs) = (procs, max_procs);
        let spans = [
            ("probation", self.probation, &mut config.probation),
            (
                "start_backoff_base",
                self.start_backoff_base,
                &mut config.start_backoff_base,
            ),
            (
                "start_backoff_cap",
                self.start_backoff_cap,
                &mut config.start_backoff_cap,
            ),
            (
                "poll_interval",
                self.poll_interval,
                &mut config.poll_interval,
            ),
            (
                "summary_interval",
                self.summary_interval,
                &mut config.summary_interval,
            ),
        ];
        for (name, text, field) in spans {
            if let Some(text) = text {
                *field = span::parse(&text).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        config.silent_polls = self.silent_polls.unwrap_or(config.silent_polls);
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

fn one(at: usize, line: &str, events: &mut u64) -> Result<Option<Line>, String> {
    let line: OtherLine = serde_json::from_str(line).map_err(|error| json(&error))?;
    if line.summary.is_some() || line.divergence.is_some() {
        return Ok(None);
    }
    let time = line
        .time
        .ok_or("it has no time, such as \"time\":\"1.5s\"")?;
    let time = span::parse(&time).map_err(|error| format!("time: {error}"))?;
    let time = Instant::ZERO
        .checked_add(time)
        .ok_or("time: that is too far away")?;
    match (line.event, line.note) {
        (Some(event), None) => {
            *events += 1;
            if let Some(number) = line.number.filter(|number| number != events) {
                return Err(format!(
                    "event {number} where event {events} is expected: a part of a run cannot be replayed by itself"
                ));
            }
            if let (Some(actions), Some(said)) = (&line.actions, line.hash)
                && hash(actions) != said
            {
                return Err("its actions are not those of its hash: it was changed".into());
            }
            Ok(Some(Line::Event {
                number: *events,
                line: at,
                time,
                event,
                actions: line.actions,
                hash: line.hash,
            }))
        }
        (None, Some(note)) => Ok(Some(Line::Note { time, note })),
        _ => Err("it has neither an event nor a note, or both; an event is such as {\"time\":\"1s\",\"event\":{\"up\":{\"machine\":0}}}".into()),
    }
}
