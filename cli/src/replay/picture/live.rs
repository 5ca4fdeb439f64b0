//! A page of a run that goes on: one that carries nothing, and the messages that it is sent: first the whole run so far, then
//! what has changed.
//!
//! A message is JSON in one line. It has the words and the numbers of a page that stands in a file; in all but the first, only
//! those that changed. What it costs to make one, and how long it is, goes by how much has changed.
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::film::{Change, Film, Grant, Waiter, is_shown};
use super::numbers::Numbers;
use super::page::{Page, amounts, head_words, jobs, said, summary, texts};
use crate::replay::items::Head;
use crate::replay::tally::Tally;

/// A page is told what the run comes to no more often.
const SUMMARY: Duration = Duration::from_secs(1);

/// Nor does summing up take more than this part of the time: it looks at all waits.
const PART: u32 = 50;

/// A run as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Going<'a> {
    pub(crate) name: &'a str,
    pub(crate) head: &'a Head,
    pub(crate) film: &'a Film,
    pub(crate) tally: &'a Tally,
    /// The time on its clock, which goes on between events.
    pub(crate) now: remuda::Instant,
    /// Why nothing comes any more, if that is so.
    pub(crate) end: Option<End>,
}

/// Why nothing comes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The run is over.
    Over,
    /// It is no longer followed.
    Behind,
}

/// What one page was told.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    begun: bool,
    over: bool,
    /// So many changes of the film.
    changes: usize,
    /// The places of the priorities in its list.
    priorities: HashMap<i64, u64>,
    /// From when on it is told what the run comes to; none: at once.
    summary_from: Option<Instant>,
    /// What it was told last of that still holds.
    summed_up: bool,
}

/// The page itself, which asks for `events` beside it.
pub(crate) fn page() -> String {
    let mut bytes = Vec::new();
    let page = Page {
        words: json!({ "live": true }),
        numbers: Vec::new(),
        may: "; connect-src 'self'",
    };
    let written = page.write(&mut bytes);
    written.expect("memory takes all that is written");
    String::from_utf8(bytes).expect("the template is text")
}

/// What a page must be told next; none if there is nothing.
pub(crate) fn message(run: &Going<'_>, since: &mut Cursor) -> Option<String> {
    let is_over = run.end.is_some();
    let now = run.film.lives.now;
    let (begin, end) = match run.film.part {
        Some((_, begin, end)) if is_over => (begin, end),
        Some((_, begin, end)) => (begin, end.max(run.now)),
        None if is_over => (now, now),
        None => return None,
    };
    let known = run.film.changes.len();
    let changed = known > since.changes || is_over && !since.over;
    since.summed_up &= !changed;
    let is_due =
        !since.summed_up && (is_over || since.summary_from.is_none_or(|at| at <= Instant::now()));
    if since.begun && !changed && !is_due {
        return None;
    }
    // Nothing is before it.
    let base = run.film.before.map_or(begin, |before| before.min(begin));
    let mut message = match since.begun {
        true => json!({}),
        false => head_words(run.name, run.head),
    };
    if !since.begun {
        message["live"] = true.into();
        message["base"] = base.0.into();
        message["begin"] = (begin.0 - base.0).into();
        let mut lives = run.film.lives.all.iter();
        message["wide"] = lives.any(|it| it.key.0.0 >> 52 != 0).into();
    }
    message["end"] = (end.0 - base.0).into();
    add_changes(run, base, since, &mut message);
    if is_due {
        let begun = Instant::now();
        message["summary"] = summary(run.tally);
        message["permille"] = run.tally.permille().into();
        let wait = SUMMARY.max(begun.elapsed() * PART);
        since.summary_from = Instant::now().checked_add(wait);
        since.summed_up = true;
    }
    message["over"] = match run.end {
        None => Value::Null,
        Some(End::Over) => "over".into(),
        Some(End::Behind) => "behind".into(),
    };
    (since.begun, since.over, since.changes) = (true, is_over, known);
    Some(message.to_string())
}

/// Machines and requests that are not as the page knows them.
fn add_changes(run: &Going<'_>, base: remuda::Instant, since: &mut Cursor, message: &mut Value) {
    let film = run.film;
    let (mut lanes, mut requests) = (Vec::new(), Vec::new());
    if since.begun {
        for change in &film.changes[since.changes..] {
            match *change {
                Change::Lane(at) => lanes.push(at),
                Change::Request(at) => requests.push(at),
            }
        }
        for list in [&mut lanes, &mut requests] {
            list.sort_unstable();
            list.dedup();
        }
    } else {
        lanes.extend(0..film.machines.len());
        requests.extend(0..film.placed.len());
    }
    let lanes: Vec<_> = lanes
        .iter()
        .map(|&at| (at as u64, &film.machines[at]))
        .collect();
    let (mut waiters, mut grants, mut new) = (Vec::new(), Vec::new(), Vec::new());
    for at in requests {
        let (life, placed) = (&film.lives.all[at], &film.placed[at]);
        if !is_shown(life) {
            continue;
        }
        let next = since.priorities.len() as u64;
        since
            .priorities
            .entry(life.spec.priority)
            .or_insert_with(|| {
                new.push(life.spec.priority);
                next
            });
        let (at, name) = (at as u64, &*placed.name);
        match (life.granted, placed.lane) {
            (Some((from, _)), Some(lane)) => {
                let grant = Grant {
                    life,
                    from,
                    slots: &placed.slots,
                    name,
                };
                grants.push((at, lane as u64, grant));
            }
            _ => waiters.push((at, Waiter { life, name })),
        }
    }
    grants.sort_by_key(|(_, _, grant)| grant.from.number);
    let names = waiters.iter().map(|(_, it)| it.name);
    let names: Vec<_> = names.chain(grants.iter().map(|(.., it)| it.name)).collect();
    let mut numbers = Numbers::new(&since.priorities, base, amounts(&run.head.config));
    numbers.lanes(&lanes);
    numbers.waiters(&waiters);
    numbers.grants(&grants);
    message["numbers"] = BASE64.encode(&numbers.bytes).into();
    for (name, words) in [
        ("said", said(&lanes)),
        ("jobs", jobs(&names)),
        ("priorities", texts(&new)),
    ] {
        let is_empty = words.as_array().is_some_and(Vec::is_empty) || words == "";
        if !is_empty || !since.begun {
            message[name] = words;
        }
    }
}
