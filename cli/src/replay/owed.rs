//! `--owed`: what the manager asked for and was not answered, oldest first, each with its age.
use std::io::{self, Write};

use remuda::{Action, Manager, Outstanding};
use remuda_sim::script;
use serde_json::{Value, json};

use super::span::Shown;

/// Prints it as lines, or as one of JSON.
///
/// # Errors
/// `out` cannot be written.
pub(super) fn print(manager: &Manager, json: bool, out: &mut impl Write) -> io::Result<()> {
    let now = manager.now();
    // No one answers the timer.
    let timer = |it: &Outstanding| matches!(it.action, Action::SetTimer { .. });
    let mut owed = manager.outstanding();
    owed.retain(|it| !timer(it));
    owed.sort_by_key(|it| it.since);
    let age = |it: &Outstanding| now.0.saturating_sub(it.since.0);
    if json {
        let list = owed
            .iter()
            .map(|it| json!({ "action": it.action, "since": it.since, "age": age(it) }));
        let list: Vec<Value> = list.collect();
        return writeln!(out, "{}", json!({ "owed": list, "now": now }));
    }
    if owed.is_empty() {
        return writeln!(
            out,
            "At {now} nothing is owed: all that was asked for is answered."
        );
    }
    let rows = owed.iter().map(|it| {
        let words = script::action(&it.action).to_string();
        (
            words,
            it.since.to_string(),
            Shown(age(it).into()).to_string(),
        )
    });
    let rows: Vec<_> = rows.collect();
    let width = |of: fn(&(String, String, String)) -> &str, least: usize| {
        let longest = rows.iter().map(|row| of(row).len()).max();
        longest.unwrap_or(0).max(least)
    };
    let (first, second) = (width(|row| &row.0, 16), width(|row| &row.1, 10));
    writeln!(out, "Owed at {now}:")?;
    writeln!(
        out,
        "  {:<first$} {:>second$} {:>12}",
        "asked for", "since", "age"
    )?;
    for (words, since, age) in &rows {
        writeln!(out, "  {words:<first$} {since:>second$} {age:>12}")?;
    }
    Ok(())
}
