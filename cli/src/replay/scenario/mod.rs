//! Scenarios: a header line with a config, then an event a line, in JSON. `remuda replay --json` writes them, and anyone can.
mod actions;
mod config;
mod events;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use remuda::journal::{Label, Note, RULES, hash};
use remuda::{Action, Event, Instant, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::items::{Head, Item, Place, Recorded, Step};
use actions::ActionsLine;
use config::ConfigLine;
use events::EventLine;
use values::{Machine, moment};

pub(crate) use config::{changed, config_hash, kind_lines};

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
    fn is_hashed(&self) -> bool {
        matches!(self, Line::Event { hash: Some(_), .. })
    }

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
                machine: note.machine.0,
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
    event: Option<EventLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<ActionsLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Remark>,
    /// What `--json` ends with; nothing to replay.
    #[serde(skip_serializing)]
    summary: Option<Value>,
    #[serde(skip_serializing)]
    divergence: Option<Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remark {
    machine: Machine,
    topic: String,
    text: String,
}

impl OtherLine {
    /// An event with its actions.
    pub(crate) fn event(step: &Step<'_>, actions: &[Action]) -> OtherLine {
        OtherLine {
            number: Some(step.number),
            time: Some(step.time.to_string()),
            event: EventLine::of(&step.event),
            actions: Some(ActionsLine::Written(actions.to_vec())),
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
                machine: Machine(note.machine),
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

/// Reads a scenario.
///
/// # Errors
/// The first line that is wrong, what is wrong there, and what would be right.
pub(crate) fn parse(text: &str) -> Result<Scenario, String> {
    let lines = (1..).zip(text.lines());
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let (at, first) = lines.next().ok_or("it is empty")?;
    let of_header = |error| {
        format!(
            "line {at}, the header: {error}; the least is {{\"config\":{{\"machine_procs\":4,\"max_procs\":16}}}}"
        )
    };
    let first: HeadLine = serde_json::from_str(first).map_err(|error| of_header(json(&error)))?;
    let config = first.config.clone();
    let mut head = head(first).map_err(of_header)?;
    let (mut events, mut read) = (0, Vec::new());
    for (at, line) in lines {
        let line = one(at, line, &mut events).map_err(|error| format!("line {at}: {error}"))?;
        read.extend(line);
    }
    // A recording of the first edition, which had no other.
    if config.says_no_policy() && (head.config_hash.is_some() || read.iter().any(Line::is_hashed)) {
        head.config = config.config(Policy::Bigslice).map_err(of_header)?;
    }
    Ok(Scenario { head, lines: read })
}

/// What serde says, without the line, which is always the first.
fn json(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    format!("column {}: {said}", error.column())
}

fn head(line: HeadLine) -> Result<Head, String> {
    let HeadLine {
        config,
        config_hash,
        crate_version,
        rules,
        origin,
        labels,
    } = line;
    let labels = labels.into_iter();
    Ok(Head {
        is_journal: false,
        config: config.config(Policy::Fit)?,
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

fn one(at: usize, line: &str, events: &mut u64) -> Result<Option<Line>, String> {
    let line: OtherLine = serde_json::from_str(line).map_err(|error| json(&error))?;
    if line.summary.is_some() || line.divergence.is_some() {
        return Ok(None);
    }
    let time = line
        .time
        .ok_or("it has no time, such as \"time\":\"1.5s\"")?;
    let time = moment(&time).map_err(|error| format!("time: {error}"))?;
    match (line.event, line.note) {
        (Some(event), None) => {
            *events += 1;
            if let Some(number) = line.number.filter(|number| number != events) {
                return Err(format!(
                    "event {number} where event {events} is expected: a part of a run cannot be replayed by itself"
                ));
            }
            let actions = line.actions.map(actions::actions).transpose()?;
            if let (Some(actions), Some(said)) = (&actions, line.hash)
                && hash(actions) != said
            {
                return Err("its actions are not those of its hash: it was changed".into());
            }
            Ok(Some(Line::Event {
                number: *events,
                line: at,
                time,
                event: event.event(),
                actions,
                hash: line.hash,
            }))
        }
        (None, Some(note)) => Ok(Some(Line::Note { time, note })),
        _ => Err("it has neither an event nor a note, or both; an event is such as {\"time\":\"1s\",\"event\":{\"up\":{\"machine\":0}}}".into()),
    }
}
