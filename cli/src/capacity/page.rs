//! A plan as a page of its own: waits over cost, and a bar for each cluster. It needs no network and runs no script.
use std::fmt::Write as _;

use super::Row;
use super::measure::Figures;
use super::table::{Report, amount};
use super::want::{Figure, Want};
use crate::replay::span::Brief;

const CSS: &str = include_str!("page.css");

/// The picture is so wide.
const WIDTH: f64 = 1000.0;
/// Of the first chart: where it is drawn.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 180.0;
const TOP: f64 = 20.0;
const HEIGHT: f64 = 320.0;
/// Of the second: the columns, and how high a row is.
const NAMES: f64 = 260.0;
const BARS: f64 = 560.0;
const ROW: f64 = 22.0;
const HEAD: f64 = 34.0;

/// As many colours as `page.css` has.
const COLOURS: usize = 6;

/// Marks of an axis of times, in nanoseconds.
const TIMES: [(u64, &str); 12] = [
    (1_000_000, "1 ms"),
    (10_000_000, "10 ms"),
    (100_000_000, "100 ms"),
    (1_000_000_000, "1 s"),
    (10_000_000_000, "10 s"),
    (60_000_000_000, "1 m"),
    (600_000_000_000, "10 m"),
    (3_600_000_000_000, "1 h"),
    (21_600_000_000_000, "6 h"),
    (86_400_000_000_000, "1 d"),
    (864_000_000_000_000, "10 d"),
    (8_640_000_000_000_000, "100 d"),
];

/// The whole page.
pub(crate) fn page(report: &Report<'_>) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    let name = escaped(&report.log.name);
    let mut add = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    add(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    add(&format!(
        "<title>remuda plan: {name}</title>\n<style>{CSS}</style>"
    ));
    add(&format!(
        "<h1><b>remuda plan</b> {}</h1>",
        escaped(&report.head()[0])
    ));
    for line in &report.head()[1..] {
        add(&format!("<p>{}</p>", escaped(line)));
    }
    let times = Times::of(report.rows);
    add(&trade(report, &times));
    add(&bars(report, &times));
    let mut answer = Vec::new();
    // A vector takes all that is written.
    let _ = report.print(&mut answer);
    add(&format!(
        "<pre>{}</pre>",
        escaped(&String::from_utf8_lossy(&answer))
    ));
    page
}

/// Waits over cost: what each cluster is paid for, and what that buys.
fn trade(report: &Report<'_>, times: &Times) -> String {
    let rows = report.rows;
    let (figure, bound) = wait_wanted(report.wants);
    let wait = |row: &Row| figure.wait(&row.figures).unwrap_or(0);
    let costs = rows
        .iter()
        .any(|row| row.figures.cost_time != row.figures.machine_time);
    let cost = |row: &Row| match costs {
        true => row.figures.cost(),
        false => row.figures.machine_hours(),
    };
    let most = rows.iter().map(cost).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let x = |cost: f64| LEFT + (WIDTH - LEFT - RIGHT) * cost / (most * 1.05);
    let y = |wait: u64| TOP + HEIGHT * (1.0 - times.at(wait));
    let what = if costs { "cost" } else { "machine-hours" };
    let mut svg = format!(
        "<h2>{} wait over {what}</h2>\n<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"wait over {what}\">\n",
        figure.name(),
        TOP + HEIGHT + 40.0
    );
    for (wait, text) in times.marks() {
        let y = y(wait);
        line(&mut svg, "grid", (LEFT, y), (WIDTH - RIGHT, y));
        label(&mut svg, "end", (LEFT - 8.0, y + 4.0), text);
    }
    for mark in linear(most * 1.05) {
        let x = x(mark);
        line(&mut svg, "grid", (x, TOP), (x, TOP + HEIGHT));
        label(&mut svg, "middle", (x, TOP + HEIGHT + 18.0), &amount(mark));
    }
    label(
        &mut svg,
        "middle",
        ((LEFT + WIDTH - RIGHT) / 2.0, TOP + HEIGHT + 36.0),
        what,
    );
    if let Some(bound) = bound {
        let y = y(bound);
        line(&mut svg, "bound", (LEFT, y), (WIDTH - RIGHT, y));
        label(&mut svg, "start", (WIDTH - RIGHT + 6.0, y + 4.0), "wanted");
    }
    // Clusters that differ in what is swept first are joined by a line.
    let mut series: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        let name = &row.candidate.series;
        match series.iter_mut().find(|(it, _)| it == name) {
            Some((_, rows)) => rows.push(row),
            None => series.push((name.clone(), vec![row])),
        }
    }
    for (at, (name, rows)) in series.iter().enumerate() {
        let colour = at % COLOURS;
        let points: Vec<_> = rows
            .iter()
            .map(|row| format!("{:.1},{:.1}", x(cost(row)), y(wait(row))))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline class=\"c{colour}\" points=\"{}\"/>",
            points.join(" ")
        );
        for row in rows {
            let kept = match report.wants.is_empty() || report.keeps(row) {
                true => "",
                false => " missed",
            };
            let _ = writeln!(
                svg,
                "<circle class=\"c{colour}{kept}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\"><title>{}</title></circle>",
                x(cost(row)),
                y(wait(row)),
                escaped(&told(row))
            );
        }
        if at < 12 && series.len() > 1 {
            let y = TOP + 14.0 * at as f64;
            let _ = writeln!(
                svg,
                "<rect class=\"c{colour}\" x=\"{}\" y=\"{}\" width=\"9\" height=\"9\"/>",
                WIDTH - RIGHT + 14.0,
                y
            );
            label(&mut svg, "start", (WIDTH - RIGHT + 28.0, y + 9.0), name);
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The wait that the first bound is on, and the bound in nanoseconds; else the mean.
fn wait_wanted(wants: &[Want]) -> (Figure, Option<u64>) {
    let none = Figures::default();
    let wanted = wants.iter().find(|want| want.figure.wait(&none).is_some());
    wanted.map_or((Figure::Mean, None), |want| {
        (want.figure, Some((want.bound * 1e9) as u64))
    })
}

/// A line for each cluster: its hours, of which jobs had a part, and its waits.
fn bars(report: &Report<'_>, times: &Times) -> String {
    let recorded = report
        .log
        .recorded
        .iter()
        .map(|it| ("as recorded".to_owned(), it, None));
    let planned = report
        .rows
        .iter()
        .map(|row| (row.candidate.name.clone(), &row.figures, Some(row)));
    let all: Vec<_> = recorded.chain(planned).collect();
    let most = all
        .iter()
        .map(|(_, it, _)| it.machine_hours())
        .fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let x = |hours: f64| NAMES + (BARS - NAMES - 40.0) * hours / most;
    let time = |wait: u64| BARS + 20.0 + (WIDTH - BARS - 40.0) * times.at(wait);
    let height = HEAD + ROW * all.len() as f64 + 6.0;
    let mut svg = format!(
        "<h2>each cluster</h2>\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"each cluster\">\n"
    );
    label(
        &mut svg,
        "start",
        (NAMES, 12.0),
        "machine-hours, of which jobs used the dark part",
    );
    label(
        &mut svg,
        "start",
        (BARS + 20.0, 12.0),
        "waits: mean, p95, longest",
    );
    for (wait, text) in times.marks() {
        line(
            &mut svg,
            "grid",
            (time(wait), HEAD - 4.0),
            (time(wait), height),
        );
        label(&mut svg, "middle", (time(wait), HEAD - 8.0), text);
    }
    for (at, (name, figures, row)) in all.iter().enumerate() {
        let y = HEAD + ROW * at as f64;
        let middle = y + ROW / 2.0;
        let kept = row.is_some_and(|row| !report.wants.is_empty() && report.keeps(row));
        let text = if kept {
            format!("{name} *")
        } else {
            name.clone()
        };
        label(
            &mut svg,
            "end",
            (NAMES - 10.0, middle + 4.0),
            &shortened(&text),
        );
        let title = row.map_or_else(|| name.clone(), told);
        let hours = figures.machine_hours();
        let (all, used) = (
            x(hours) - NAMES,
            (x(hours) - NAMES) * figures.utilisation().min(1.0),
        );
        for (class, width) in [("idle", all), ("used", used)] {
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{}\"><title>{}</title></rect>",
                y + 4.0,
                ROW - 8.0,
                escaped(&title)
            );
        }
        label(
            &mut svg,
            "start",
            (x(hours) + 5.0, middle + 4.0),
            &amount(hours),
        );
        let waits = [figures.mean_wait, figures.p95_wait, figures.max_wait].map(time);
        line(
            &mut svg,
            "range",
            (waits[0].min(waits[1]), middle),
            (waits[2], middle),
        );
        for (class, at) in ["mean", "p95", "longest"].iter().zip(waits) {
            let _ = writeln!(
                svg,
                "<circle class=\"{class}\" cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"4\"><title>{}</title></circle>",
                escaped(&title)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A row in words.
fn told(row: &Row) -> String {
    let figures = &row.figures;
    format!(
        "{}: {} machine-hours, {:.1} % used, cost {}; waits: mean {}, p95 {}, longest {}",
        row.candidate.name,
        amount(figures.machine_hours()),
        100.0 * figures.utilisation(),
        amount(figures.cost()),
        Brief(figures.mean_wait.into()),
        Brief(figures.p95_wait.into()),
        Brief(figures.max_wait.into())
    )
}

/// A logarithmic axis of times.
struct Times {
    from: u64,
    to: u64,
}

impl Times {
    fn of(rows: &[Row]) -> Times {
        let waits = rows.iter().flat_map(|row| {
            [
                row.figures.mean_wait,
                row.figures.p95_wait,
                row.figures.max_wait,
            ]
        });
        let waits: Vec<u64> = waits.filter(|wait| *wait > 0).collect();
        let least = waits.iter().min().copied().unwrap_or(TIMES[0].0);
        let most = waits.iter().max().copied().unwrap_or(TIMES[3].0);
        Times {
            from: (least / 2).max(1_000_000),
            to: most.saturating_mul(2).max(10_000_000),
        }
    }

    /// Where a time is, from 0 to 1; what is less than the least there is, and no wait, at 0.
    fn at(&self, wait: u64) -> f64 {
        let log = |nanos: u64| (nanos.clamp(self.from, self.to) as f64).ln();
        (log(wait) - log(self.from)) / (log(self.to) - log(self.from)).max(1e-9)
    }

    fn marks(&self) -> impl Iterator<Item = (u64, &'static str)> {
        // Not so near to 0 that both could not be read.
        let apart = |time: u64| time <= self.to && self.at(time) > 0.06;
        let marks = TIMES.into_iter().filter(move |(time, _)| apart(*time));
        std::iter::once((0, "0")).chain(marks)
    }
}

/// Marks of a linear axis from 0, five or so.
fn linear(to: f64) -> Vec<f64> {
    let rough = to / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * power);
    let step = step.into_iter().find(|it| *it >= rough).unwrap_or(rough);
    let count = (to / step).floor() as u32;
    (0..=count).map(|at| f64::from(at) * step).collect()
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(svg: &mut String, anchor: &str, at: (f64, f64), text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        at.0,
        at.1,
        escaped(text)
    );
}

fn shortened(text: &str) -> String {
    let many = text.chars().count();
    match many > 38 {
        true => format!("…{}", text.chars().skip(many - 37).collect::<String>()),
        false => text.to_owned(),
    }
}

/// For HTML and SVG; control characters are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            _ if char.is_control() => {}
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_marks_that_people_read() {
        assert_eq!(linear(10.5), [0.0, 5.0, 10.0]);
        assert_eq!(linear(0.9), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8]);
        let times = Times {
            from: 500_000_000,
            to: 120_000_000_000,
        };
        let marks: Vec<_> = times.marks().map(|(_, text)| text).collect();
        assert_eq!(marks, ["0", "1 s", "10 s", "1 m"]);
        let near = Times {
            from: 900_000_000,
            ..times
        };
        let marks: Vec<_> = near.marks().map(|(_, text)| text).collect();
        assert_eq!(marks, ["0", "10 s", "1 m"], "1 s is too near to 0");
        assert!(times.at(0) == 0.0 && times.at(u64::MAX) == 1.0);
        assert!(times.at(1_000_000_000) < times.at(10_000_000_000));
        assert_eq!(escaped("<a&\"\u{7}>"), "&lt;a&amp;&quot;&gt;");
    }
}
