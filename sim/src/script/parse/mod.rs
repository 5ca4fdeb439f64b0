//! Reads a script.

mod actions;
mod config;
mod events;
mod tokens;

use core::fmt;

use remuda::Config;

use super::config::Capacity;
use super::text::{Script, Step};
use tokens::Words;

/// The line of a script that was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for ParseError {}

/// The config and where it was read.
struct Read {
    line: usize,
    capacity: Capacity,
    config: Config,
    /// Whether lines of kinds may follow.
    open: bool,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is not understood, with its number.
    pub fn parse(text: &str) -> Result<Script, ParseError> {
        script(text)
    }
}

fn script(text: &str) -> Result<Script, ParseError> {
    let mut notes = Vec::new();
    let mut read: Option<Read> = None;
    let mut heading = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |what| ParseError {
            line: index + 1,
            what,
        };
        let mut words = Words(line.split_ascii_whitespace());
        match words.0.next() {
            None => notes.push(line.to_owned()),
            Some(word) if word.starts_with('#') => notes.push(line.to_owned()),
            Some("config") if read.is_none() && steps.is_empty() => {
                let (capacity, config, open) = words.config().map_err(at)?;
                let line = index + 1;
                read = Some(Read {
                    line,
                    capacity,
                    config,
                    open,
                });
                heading = std::mem::take(&mut notes);
            }
            Some("kind") if steps.is_empty() && notes.is_empty() => {
                let open = read.as_mut().filter(|read| read.open);
                let read = open.ok_or_else(|| at("the config has its kind already".to_owned()))?;
                read.config.kinds.push(words.kind().map_err(at)?);
            }
            Some("at") => {
                let when = words.instant().map_err(at)?;
                let event = words.event().and_then(|e| words.end(e)).map_err(at)?;
                // One blank line between the config and the first event goes without saying.
                if steps.is_empty() && notes == [""] {
                    notes.clear();
                }
                steps.push(Step {
                    notes: std::mem::take(&mut notes),
                    at: when,
                    event,
                    actions: Vec::new(),
                });
            }
            Some("->") => {
                let action = words.action().and_then(|a| words.end(a)).map_err(at)?;
                let step = steps.last_mut();
                let step = step.ok_or_else(|| at("an action before the first event".to_owned()))?;
                step.actions.push(action);
            }
            Some(other) => {
                let what = format!("expected config (once, first), at, -> or #, not {other}");
                return Err(at(what));
            }
        }
    }
    let read = read.ok_or_else(|| ParseError {
        line: 1,
        what: "no config line".to_owned(),
    })?;
    read.config.validate().map_err(|wrong| ParseError {
        line: read.line,
        what: wrong.to_string(),
    })?;
    Ok(Script {
        heading,
        capacity: read.capacity,
        config: read.config,
        steps,
    })
}
