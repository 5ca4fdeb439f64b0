//! What a run comes to, in words and tables.
use std::fmt;

use super::super::span::{Seconds, Shown};
use super::super::waits::{self, Figures};
use super::{EVENTS, Machines, Probation, Procs, Requests, Stops, Tally};

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((from, to)) = self.span else {
            return writeln!(f, "events       none");
        };
        writeln!(f, "time         {from} to {to}")?;
        write!(f, "events       {}", self.events.iter().sum::<u64>())?;
        let events = EVENTS.iter().zip(self.events);
        let events = events.filter(|(_, count)| *count > 0);
        for (nth, (name, count)) in events.enumerate() {
            write!(f, "{} {name} {count}", if nth == 0 { ":" } else { "," })?;
        }
        writeln!(f, "; {} rejected", self.rejected)?;
        self.write_machines(f)?;
        let Probation {
            begun,
            ended_by_success,
            ended_by_time,
        } = self.probation;
        writeln!(
            f,
            "probation    {begun} begun, {ended_by_success} ended by success, {ended_by_time} by time"
        )?;
        self.write_requests(f)?;
        self.write_waits(f)?;
        self.write_kinds(f)?;
        let Procs {
            granted,
            in_service,
        } = self.procs;
        let permille = self.permille().unwrap_or(0);
        writeln!(
            f,
            "utilisation  {}.{} %: {} of {} proc-seconds in service were granted",
            permille / 10,
            permille % 10,
            Seconds(granted),
            Seconds(in_service)
        )
    }
}

impl Tally {
    fn write_machines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machines {
            asked_for,
            up,
            start_failed,
            lost_stopped,
            lost_silent,
            ended,
        } = self.machines;
        writeln!(
            f,
            "machines     {asked_for} asked for: {up} up, {start_failed} failed to start; {} lost ({lost_stopped} stopped, {lost_silent} silent), {ended} ended by the shutdown",
            lost_stopped + lost_silent
        )?;
        if self.stops == Stops::default() {
            return Ok(());
        }
        let Stops {
            joined,
            drains,
            kept,
            idle,
            drained,
            withdrawn,
            ended,
        } = self.stops;
        writeln!(
            f,
            "             {joined} joined; {drains} drains, {kept} kept; told to stop: {idle} idle, {drained} drained, {withdrawn} pending; {ended} ended as they were told to"
        )
    }

    fn write_requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Requests {
            granted,
            lost,
            cancelled,
            expired,
            held,
            no_home,
            queued,
            running,
        } = self.requests;
        write!(
            f,
            "requests     {granted} granted, {lost} lost, {cancelled} cancelled"
        )?;
        if expired > 0 {
            write!(f, ", {expired} expired")?;
        }
        writeln!(f, "; at the end {queued} queued, {running} running")?;
        if held + no_home > 0 {
            writeln!(
                f,
                "             a machine was held {held} times; {no_home} times no machine is expected to hold what is asked for"
            )?;
        }
        Ok(())
    }

    /// A row for each kind, if there are several.
    fn write_kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kinds.len() < 2 {
            return Ok(());
        }
        let rows = self.kinds.iter().enumerate();
        let rows = rows.map(|(n, kind)| (format!("k{n} {}", kind.capacity), kind));
        let rows: Vec<_> = rows.collect();
        let width = rows.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or(0).max(12);
        writeln!(
            f,
            "kinds        {:<width$} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>14}",
            "kind",
            "asked for",
            "joined",
            "up",
            "failed",
            "lost",
            "ended",
            "grants",
            "proc-seconds"
        )?;
        for (name, kind) in rows {
            let (asked_for, joined, up) = (kind.asked_for, kind.joined, kind.up);
            let (failed, lost, ended) = (kind.start_failed, kind.lost, kind.ended);
            let (granted, procs) = (kind.granted, Seconds(kind.procs_granted).to_string());
            writeln!(
                f,
                "             {name:<width$} {asked_for:>9} {joined:>7} {up:>7} {failed:>7} {lost:>7} {ended:>7} {granted:>9} {procs:>14}"
            )?;
        }
        Ok(())
    }

    fn write_waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let priorities = self.waits.priorities();
        if priorities.is_empty() {
            return writeln!(f, "waits        none");
        }
        let rows = waits::ranges(&priorities).into_iter().filter_map(|range| {
            let figures = self.waits.within(range)?;
            Some((range.to_string(), figures))
        });
        let rows: Vec<_> = rows.collect();
        let width = rows.iter().map(|(range, _)| range.len()).max();
        let width = width.unwrap_or(0).max(12);
        writeln!(
            f,
            "waits        {:>width$} {:>10} {:>12} {:>12} {:>12} {:>12}",
            "priority", "n", "mean", "p50", "p99", "max"
        )?;
        for (range, figures) in rows {
            let shown = |nanos: u64| Shown(nanos.into()).to_string();
            let Figures {
                n,
                mean,
                p50,
                p99,
                max,
            } = figures;
            let [mean, p50, p99, max] = [mean, p50, p99, max].map(shown);
            writeln!(
                f,
                "             {range:>width$} {n:>10} {mean:>12} {p50:>12} {p99:>12} {max:>12}"
            )?;
        }
        if let Some(remark) = waits::remark(&priorities) {
            writeln!(f, "             {remark}")?;
        }
        Ok(())
    }
}
