//! What a plan prints: a table with a line for each cluster, and which keeps what is wanted.
use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroU32;

use serde_json::json;

use super::Row;
use super::log::Log;
use super::measure::Figures;
use super::want::Want;
use crate::replay::findings::{self, Finding};
use crate::replay::span::Brief;

/// A plan that was made.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(super) log: &'a Log,
    pub(super) rows: &'a [Row],
    pub(super) wants: &'a [Want],
    clients: Option<NonZeroU32>,
    /// Of the cluster that is [`Report::one`].
    pub(super) findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        log: &'a Log,
        rows: &'a [Row],
        wants: &'a [Want],
        clients: Option<NonZeroU32>,
    ) -> Report<'a> {
        Report {
            log,
            rows,
            wants,
            clients,
            findings: Vec::new(),
        }
    }

    /// Whether a cluster keeps all that is wanted. One that refuses what another one can hold does not.
    pub(super) fn keeps(&self, row: &Row) -> bool {
        keeps(self.wants, self.rows, row)
    }

    /// The smallest that keeps it, of equally small ones the cheapest.
    pub(crate) fn smallest(&self) -> Option<&'a Row> {
        let kept = self.rows.iter().filter(|row| self.keeps(row));
        kept.min_by(|one, other| {
            let size = |row: &Row| row.candidate.size().unwrap_or(u64::MAX);
            let cost = |row: &Row| row.figures.cost_time;
            (size(one), cost(one)).cmp(&(size(other), cost(other)))
        })
    }

    /// The one that is worth a closer look: the only one, or the smallest that keeps what is wanted.
    pub(super) fn one(&self) -> Option<&'a Row> {
        match self.rows {
            [row] => Some(row),
            _ if self.wants.is_empty() => None,
            _ => self.smallest(),
        }
    }

    /// The cheapest that keeps it.
    fn cheapest(&self) -> Option<&Row> {
        let kept = self.rows.iter().filter(|row| self.keeps(row));
        kept.min_by_key(|row| row.figures.cost_time)
    }

    /// What the log is, in lines.
    pub(super) fn head(&self) -> Vec<String> {
        let most = self.rows.first().map(|row| row.figures);
        let jobs = most.map_or(0, |it| it.granted + it.refused + it.unplaced);
        let mut lines = vec![format!("{}: {jobs} requests", self.log.name)];
        if let Some(clients) = self.clients {
            let clients = match clients.get() {
                1 => "1 client that submits its next when its last is over".to_owned(),
                many => format!("{many} clients that submit their next when their last is over"),
            };
            lines.push(format!("by {clients}"));
        }
        let refused = self.rows.iter().map(|row| row.figures.refused).min();
        if let Some(refused @ 1..) = refused {
            lines.push(format!(
                "{refused} of them ask for more than any machine has, and are left out"
            ));
        }
        lines.extend(self.log.notes.iter().cloned());
        lines
    }

    /// # Errors
    /// Those of `out`.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for (at, line) in self.head().iter().enumerate() {
            match at {
                0 => writeln!(out, "log          {line}")?,
                _ => writeln!(out, "             {line}")?,
            }
        }
        writeln!(out)?;
        for line in self.lines() {
            writeln!(out, "{line}")?;
        }
        self.answer(out)?;
        if let (Some(one), false) = (self.one(), self.findings.is_empty()) {
            writeln!(out, "\nunder {}:", one.candidate.name)?;
            findings::print(&self.findings, out)?;
        }
        Ok(())
    }

    /// The table.
    fn lines(&self) -> Vec<String> {
        let recorded = self.log.recorded.iter().map(|it| ("as recorded", it, None));
        let planned = self.rows.iter().map(|row| {
            let keeps = (!self.wants.is_empty()).then(|| self.keeps(row));
            (&*row.candidate.name, &row.figures, keeps)
        });
        let all: Vec<_> = recorded.chain(planned).collect();
        let costs = all.iter().any(|(_, it, _)| it.cost_time != it.machine_time);
        let left = |it: &Figures| it.refused + it.unplaced;
        let differs = |(_, it, _): &(_, &Figures, _)| left(it) != left(all[0].1) || it.unplaced > 0;
        let not_placed = all.iter().any(differs);
        let width = all.iter().map(|(name, ..)| name.chars().count()).max();
        let width = width.unwrap_or(0).max("cluster".len());
        let mut head = format!("{:<width$}", "cluster");
        let mut columns = vec!["machines", "hours"];
        columns.extend(costs.then_some("cost"));
        columns.extend(["utilisation", "mean wait", "p95 wait", "max wait"]);
        columns.extend(not_placed.then_some("not placed"));
        for column in &columns {
            head += &format!("  {column:>11}");
        }
        let mut lines = vec![head];
        for (name, figures, keeps) in all {
            let mut cells = vec![
                figures.most_machines.to_string(),
                amount(figures.machine_hours()),
            ];
            cells.extend(costs.then(|| amount(figures.cost())));
            cells.push(format!("{:.1} %", 100.0 * figures.utilisation()));
            let waits = [figures.mean_wait, figures.p95_wait, figures.max_wait];
            cells.extend(waits.map(|wait| Brief(wait.into()).to_string()));
            cells.extend(not_placed.then(|| left(figures).to_string()));
            let mut line = format!("{name:<width$}");
            for cell in cells {
                line += &format!("  {cell:>11}");
            }
            if keeps == Some(true) {
                line += "  *";
            }
            lines.push(line);
        }
        lines
    }

    fn answer(&self, out: &mut impl Write) -> io::Result<()> {
        if self.wants.is_empty() {
            return Ok(());
        }
        let wants: Vec<_> = self.wants.iter().map(ToString::to_string).collect();
        let wants = wants.join(", ");
        let (Some(smallest), Some(cheapest)) = (self.smallest(), self.cheapest()) else {
            return writeln!(out, "\nnone of these keeps {wants}");
        };
        writeln!(out, "\n* keeps {wants}")?;
        writeln!(out, "smallest     {}", Answer(smallest))?;
        let size = smallest.candidate.size();
        let alike = self.rows.iter().filter(|row| {
            self.keeps(row)
                && row.candidate.size() == size
                && row.candidate.name != smallest.candidate.name
        });
        for row in alike {
            writeln!(out, "  as small   {}", Answer(row))?;
        }
        if cheapest.candidate.name != smallest.candidate.name {
            writeln!(out, "cheapest     {}", Answer(cheapest))?;
        }
        Ok(())
    }

    /// A line for each cluster, and one for what was recorded.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(figures) = &self.log.recorded {
            writeln!(out, "{}", json!({ "recorded": object(figures) }))?;
        }
        let smallest = self.smallest().map(|row| &row.candidate.name);
        for row in self.rows {
            let mut line = json!({
                "cluster": row.candidate.name,
                "procs": row.candidate.size(),
                "figures": object(&row.figures),
            });
            if self
                .one()
                .is_some_and(|one| one.candidate.name == row.candidate.name)
            {
                line["findings"] = json!(self.findings);
            }
            if !self.wants.is_empty() {
                line["keeps"] = self.keeps(row).into();
                line["smallest"] = (smallest == Some(&row.candidate.name)).into();
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// The same, of these clusters.
pub(super) fn keeps(wants: &[Want], rows: &[Row], row: &Row) -> bool {
    let refused = rows.iter().map(|row| row.figures.refused).min();
    refused == Some(row.figures.refused) && wants.iter().all(|want| want.is_kept(&row.figures))
}

fn object(figures: &Figures) -> serde_json::Value {
    json!({
        "granted": figures.granted,
        "refused": figures.refused,
        "unplaced": figures.unplaced,
        "mean_wait": figures.mean_wait,
        "p50_wait": figures.p50_wait,
        "p95_wait": figures.p95_wait,
        "p99_wait": figures.p99_wait,
        "max_wait": figures.max_wait,
        "span": figures.span,
        "machines": figures.most_machines,
        "starts": figures.starts,
        "machine_time": u64::try_from(figures.machine_time).unwrap_or(u64::MAX),
        "machine_hours": figures.machine_hours(),
        "cost": figures.cost(),
        "utilisation": figures.utilisation(),
    })
}

/// One cluster in a sentence.
struct Answer<'a>(&'a Row);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { candidate, figures } = self.0;
        write!(
            f,
            "{}: {} machine-hours",
            candidate.name,
            amount(figures.machine_hours())
        )?;
        if figures.cost_time != figures.machine_time {
            write!(f, ", cost {}", amount(figures.cost()))?;
        }
        write!(
            f,
            ", mean wait {}, p95 {}, max {}",
            Brief(figures.mean_wait.into()),
            Brief(figures.p95_wait.into()),
            Brief(figures.max_wait.into())
        )
    }
}

/// A number with as many digits as tell something.
pub(super) fn amount(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        ..0.1 => format!("{number:.5}"),
        ..100.0 => format!("{number:.2}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_brief() {
        let amounts = [0.0, 0.0123, 1.234, 99.5, 12_345.6].map(amount);
        assert_eq!(amounts, ["0", "0.01230", "1.23", "99.50", "12346"]);
    }
}
