//! A comparison as it is printed: a table of sums, the requests that were placed earlier or later, the first decision that differs.
use std::fmt;
use std::io::{self, Write};

use remuda::{Action, Event, RequestId};
use remuda_sim::script;
use serde_json::json;

use super::super::simulate::Workload;
use super::super::span::{Seconds, Shown};
use super::super::waits::{self, Figures};
use super::comparison::{Comparison, Differs, Moved, Placed, Sums};

/// So many of those that moved farthest are shown.
const SHOWN: usize = 10;

/// Prints it: as a report, as JSON lines (each request that moved, then the sums), or one request of it.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn print(
    comparison: &Comparison,
    json: bool,
    request: Option<RequestId>,
    out: &mut impl Write,
) -> io::Result<()> {
    let wanted = |moved: &&Moved| request.is_none_or(|request| moved.request == request);
    if json {
        for moved in comparison.moved().filter(wanted) {
            writeln!(out, "{}", json!({ "moved": moved }))?;
        }
        return writeln!(out, "{}", json!({ "diff": comparison.json() }));
    }
    let Some(request) = request else {
        return write!(out, "{comparison}");
    };
    let unmoved = comparison.same.iter().chain(&comparison.neither);
    let all = comparison.moved().chain(unmoved);
    let mut known = false;
    for moved in all.filter(wanted) {
        writeln!(out, "{moved}")?;
        known = true;
    }
    if !known {
        writeln!(out, "{request} is not in both runs")?;
    }
    Ok(())
}

/// What is to be known of a run that was made up of another.
pub(super) fn remarks(workload: &Workload, recorded: &Comparison) -> Vec<String> {
    let moved = || recorded.earlier.iter().chain(&recorded.later);
    let placed = recorded.same.len() + moved().count();
    let off = moved().map(|moved| moved.by().unsigned_abs()).max();
    let off = off.map_or(String::new(), |off| {
        format!(", the others at most {} off", Shown(off))
    });
    let mut remarks = vec![format!(
        "the recorded workload, simulated under both configs; under that of the run, {} of {placed} placements are at the recorded time{off}",
        recorded.same.len()
    )];
    let [missing, more] = &recorded.only;
    if missing.len() + more.len() > 0 {
        remarks.push(format!(
            "requests that the simulation does not place as the run did: {} missing, {} more",
            missing.len(),
            more.len()
        ));
    }
    if workload.guessed > 0 {
        remarks.push(format!(
            "requests that did not end in the record, and are held as long as others like them: {}",
            workload.guessed
        ));
    }
    if workload.left_out > 0 {
        remarks.push(format!(
            "events on tasks and once-per-machine work, which decide nothing about placement and are left out: {}",
            workload.left_out
        ));
    }
    remarks
}

impl Comparison {
    /// Those that are not placed at the same time, the farthest first.
    fn moved(&self) -> impl Iterator<Item = &Moved> {
        let only = self.only.iter().flatten();
        self.earlier.iter().chain(&self.later).chain(only)
    }

    fn json(&self) -> serde_json::Value {
        let [a, b] = &self.sums;
        let most = |moved: &[Moved]| moved.first().map_or(0, |it| clamp(it.by().unsigned_abs()));
        let part = |moved: &[Moved]| json!({ "n": moved.len(), "mean": clamp(mean(moved)), "max": most(moved) });
        json!({
            "names": self.names,
            "a": a,
            "b": b,
            "same": self.same.len(),
            "neither": self.neither.len(),
            "earlier": part(&self.earlier),
            "later": part(&self.later),
            "only_a": self.only[0].len(),
            "only_b": self.only[1].len(),
            "alone_a": self.alone[0],
            "alone_b": self.alone[1],
            "first": self.first,
            "remarks": self.remarks,
        })
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = &self.names;
        // A long path is told by its end.
        let column = |name: &str| {
            let long = name.chars().count().saturating_sub(22);
            let end: String = name.chars().skip(long).collect();
            if long > 0 { format!("…{end}") } else { end }
        };
        let priorities = self.sums.each_ref().map(|it| it.waits.priorities());
        let priorities = &priorities[0] | &priorities[1];
        let rows = ROWS.map(|(name, value)| (name.to_owned(), self.sums.each_ref().map(value)));
        let rows = rows.into_iter().filter(|(_, values)| *values != ["0", "0"]);
        let waits = waits::ranges(&priorities).into_iter().flat_map(|range| {
            let both = self.sums.each_ref().map(|it| it.waits.within(range));
            WAITS.map(|(name, of)| {
                let values = both.map(|figures| match figures {
                    Some(figures) => Shown(of(&figures).into()).to_string(),
                    None => "-".to_owned(),
                });
                (format!("{name} at prio {range}"), values)
            })
        });
        let rows: Vec<_> = rows.chain(waits).collect();
        let width = rows.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or(0).max(24);
        writeln!(f, "{:width$} {:>24} {:>24}", "", column(a), column(b))?;
        for (name, [a, b]) in rows {
            writeln!(f, "{name:width$} {a:>24} {b:>24}")?;
        }
        if let Some(remark) = waits::remark(&priorities) {
            writeln!(f, "({remark})")?;
        }
        Ok(())
    }
}

type Row = (&'static str, fn(&Sums) -> String);

const ROWS: [Row; 12] = [
    ("requests", |it| it.requests.to_string()),
    ("granted", |it| it.granted.to_string()),
    ("lost", |it| it.lost.to_string()),
    ("cancelled", |it| it.cancelled.to_string()),
    ("expired", |it| it.expired.to_string()),
    ("refused", |it| it.refused.to_string()),
    ("machines up", |it| it.machines_up.to_string()),
    ("starts failed", |it| it.starts_failed.to_string()),
    ("machines lost", |it| it.machines_lost.to_string()),
    ("machines ended", |it| it.machines_ended.to_string()),
    ("last request over", |it| it.over.to_string()),
    ("utilisation", |it| {
        let permille = (it.procs.granted * 1000).checked_div(it.procs.service);
        let permille = permille.unwrap_or(0);
        let service = Seconds(it.procs.service);
        format!("{}.{} % of {service} s", permille / 10, permille % 10)
    }),
];

type Part = (&'static str, fn(&Figures) -> u64);

const WAITS: [Part; 3] = [
    ("mean wait", |it| it.mean),
    ("p99 wait", |it| it.p99),
    ("longest wait", |it| it.max),
];

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(f)?;
        let part = |moved: &[Moved]| match moved.first() {
            None => String::new(),
            Some(most) => format!(
                " (mean {}, most {}: {})",
                Shown(mean(moved)),
                Shown(most.by().unsigned_abs()),
                most.request
            ),
        };
        write!(
            f,
            "placed       {} at the same time, {} earlier{}, {} later{}",
            self.same.len(),
            self.earlier.len(),
            part(&self.earlier),
            self.later.len(),
            part(&self.later),
        )?;
        let [one, two] = &self.only;
        let counts = [
            (one.len() as u64, "in the first only"),
            (two.len() as u64, "in the second only"),
            (self.neither.len() as u64, "in neither"),
            (self.alone[0], "that the second does not have"),
            (self.alone[1], "that the first does not have"),
        ];
        for (n, what) in counts {
            if n > 0 {
                write!(f, ", {n} {what}")?;
            }
        }
        writeln!(f)?;
        match &self.first {
            None => writeln!(f, "differs      nowhere")?,
            Some(first) => {
                let (number, time) = (first.number, first.time);
                match &first.what {
                    Differs::Decision { event, a, b } => {
                        let event = script::event(event);
                        writeln!(
                            f,
                            "differs      first at event #{number} at {time}: {event}"
                        )?;
                        list(f, "first", a)?;
                        list(f, "second", b)?;
                    }
                    Differs::Event { a, b } => {
                        writeln!(
                            f,
                            "differs      first in its events, at #{number} at {time}"
                        )?;
                        told(f, "first", a.as_ref())?;
                        told(f, "second", b.as_ref())?;
                    }
                }
            }
        }
        for (name, moved) in [
            ("earlier", &self.earlier),
            ("later", &self.later),
            ("lost", one),
            ("won", two),
        ] {
            for (nth, moved) in moved.iter().take(SHOWN).enumerate() {
                let name = if nth == 0 { name } else { "" };
                writeln!(f, "{name:12} {moved}")?;
            }
            if moved.len() > SHOWN {
                writeln!(f, "{:12} and {} more", "", moved.len() - SHOWN)?;
            }
        }
        for (nth, remark) in self.remarks.iter().enumerate() {
            let name = if nth == 0 { "simulated" } else { "" };
            writeln!(f, "{name:12} {remark}")?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, actions: &[Action]) -> fmt::Result {
    write!(f, "  {name:10}")?;
    if actions.is_empty() {
        write!(f, " nothing")?;
    }
    for (nth, action) in actions.iter().enumerate() {
        let before = if nth == 0 { "" } else { "," };
        write!(f, "{before} {}", script::action(action))?;
    }
    writeln!(f)
}

fn told(f: &mut fmt::Formatter<'_>, name: &str, event: Option<&Event>) -> fmt::Result {
    match event {
        Some(event) => writeln!(f, "  {name:10} {}", script::event(event)),
        None => writeln!(f, "  {name:10} nothing more"),
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.request)?;
        if self.nth > 0 {
            write!(f, " (number {} of this id)", self.nth + 1)?;
        }
        let (priority, procs) = (self.priority, self.procs);
        write!(f, " prio {priority} procs {procs}: ")?;
        let by = self.by();
        if by != 0 {
            let how = if by < 0 { "earlier" } else { "later" };
            write!(f, "{} {how}, ", Shown(by.unsigned_abs()))?;
        }
        let placed = |placed: Option<Placed>| match placed {
            Some(Placed { time, machine }) => format!("{machine} at {time}"),
            None => "nowhere".to_owned(),
        };
        write!(f, "{} -> {}", placed(self.a), placed(self.b))
    }
}

fn mean(moved: &[Moved]) -> u128 {
    let sum: u128 = moved.iter().map(|it| it.by().unsigned_abs()).sum();
    sum.checked_div(moved.len() as u128).unwrap_or(0)
}

fn clamp(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}
