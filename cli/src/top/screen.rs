//! What the screen shows: how far the run is, its kinds, its machines, the queue and the last news.
use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::app::App;
use crate::replay::span::Brief;
use crate::serve::state::{Kind, Machine, Queued, State};

const KEYS: &str = "↑/↓ PgUp/PgDn Home/End machines  q quit";

/// Cells of a machine's bar.
const BAR: usize = 10;

/// Rows of the kinds' box, at most, and of the news.
const KINDS: usize = 8;
const NEWS: u16 = 8;

/// Rows that show all machines and the first of the queue, or as many as make sense on paper.
pub(super) fn height(app: &App) -> u16 {
    let machines = app.state.machines.len().min(200);
    let rows = machines.max(app.state.queue.len().min(20)).max(2) as u16;
    rows + kinds_height(app) + NEWS + 5
}

fn kinds_height(app: &App) -> u16 {
    app.state.kinds.len().min(KINDS) as u16 + 2
}

pub(super) fn draw(frame: &mut Frame<'_>, app: &App) {
    let [head, waits, kinds, body, news, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(kinds_height(app)),
        Constraint::Min(4),
        Constraint::Length(NEWS),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [machines, queue] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Fill(1)]).areas(body);
    draw_head(frame, head, app);
    draw_waits(frame, waits, &app.state);
    draw_kinds(frame, kinds, &app.state);
    draw_machines(frame, machines, app);
    draw_queue(frame, queue, &app.state);
    draw_news(frame, news, &app.state);
    draw_foot(frame, foot, app);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let state = &app.state;
    let ended = |how: &str| state.ended.get(how).copied().unwrap_or(0);
    let mut counts = format!(
        " {}  {} wait, {} run, {} ok, {} failed",
        brief(state.time),
        state.queued,
        state.running,
        ended("ok"),
        ended("failed"),
    );
    for (how, said) in [
        ("lost", "lost"),
        ("unreachable", "unreachable"),
        ("cancelled", "cancelled"),
    ] {
        if ended(how) > 0 {
            counts += &format!(", {} {said}", ended(how));
        }
    }
    let line = Line::from(vec![
        Span::from(format!(" {} ", state.source)).bold().reversed(),
        Span::from(counts),
    ]);
    frame.render_widget(line, area);
}

fn draw_waits(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let first = { state.queue.iter() }
        .filter_map(|it| it.since)
        .fold(state.time, f64::min);
    let mut line = format!(
        " waits: {} on average, {} at most, of {} granted",
        brief(state.waits.mean),
        brief(state.waits.longest),
        state.waits.granted
    );
    if !state.queue.is_empty() {
        line += &format!("; {} by now in the queue", brief(state.time - first));
    }
    let lost: u64 = state.lost.values().sum();
    let by = { state.lost.iter() }
        .filter(|(_, count)| **count > 0)
        .map(|(by, count)| format!("{count} by {by}"))
        .collect::<Vec<_>>();
    if lost > 0 {
        line += &format!("   machines lost: {}", by.join(", "));
    }
    if let Some(part) = state.utilisation {
        line += &format!("   utilisation {:.1} %", part * 100.0);
    }
    frame.render_widget(Line::from(line), area);
}

fn draw_kinds(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let block = Block::bordered().title(" kinds ");
    let height = block.inner(area).height.into();
    let lines = { state.kinds.iter() }
        .take(height)
        .map(|kind| kind_line(kind, state));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

fn kind_line(kind: &Kind, state: &State) -> Line<'static> {
    let it = &kind.machines;
    let mut text = format!("{:<12} {} ok", called(kind), it.ok);
    for (count, what) in [
        (it.pending, "pending"),
        (it.probation, "on probation"),
        (it.draining, "draining"),
        (it.stopping, "stopping"),
        (it.lost, "lost"),
        (it.ended, "ended"),
        (kind.held, "held"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    let mut total = kind.used.clone();
    for (name, free) in &kind.free {
        *total.entry(name.clone()).or_default() += free;
    }
    text += &format!("   in use {}", share(&kind.used, &total, state, true));
    if let Some(until) = kind.backoff_until {
        text += &format!("   no starts for {}", brief(until - state.time));
    }
    let line = Line::from(text);
    match kind.backoff_until.is_some() || it.probation > 0 {
        true => line.fg(Color::Yellow),
        false => line,
    }
}

fn called(kind: &Kind) -> String {
    match kind.name.is_empty() {
        true => kind.kind.clone(),
        false => format!("{} {}", kind.kind, kind.name),
    }
}

fn draw_machines(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let machines = &app.state.machines;
    let title = match app.machine {
        0 => format!(" machines: {} ", machines.len()),
        first => format!(" machines: from {} of {} ", first + 1, machines.len()),
    };
    let block = Block::bordered().title(title);
    let height = block.inner(area).height.into();
    let shown = machines.iter().skip(app.machine).take(height);
    let lines: Vec<_> = shown.map(|it| machine_line(it, &app.state)).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn machine_line(machine: &Machine, state: &State) -> Line<'static> {
    let color = match machine.state.as_str() {
        "ok" => Color::Green,
        "probation" => Color::Yellow,
        "draining" => Color::Cyan,
        _ => Color::DarkGray,
    };
    let kind = match state.kinds.len() {
        1 => String::new(),
        _ => format!("{:<4}", machine.kind),
    };
    let first = state.resources.first().map_or("procs", String::as_str);
    let procs = |of: &BTreeMap<String, u64>| of.get(first).copied().unwrap_or(0) as usize;
    let (used, offer) = (procs(&machine.used), procs(&machine.offer));
    let cells = (used * BAR).div_ceil(offer.max(1)).min(BAR);
    let mut spans = vec![
        Span::from(format!("{:<6}", machine.machine)),
        Span::from(kind),
        Span::from(format!("{:<10} ", machine.state)).fg(color),
        Span::from("█".repeat(cells)).fg(color),
        Span::from("░".repeat(BAR - cells)).dim(),
        Span::from(format!(
            " {} ",
            share(&machine.used, &machine.offer, state, false)
        )),
    ];
    if let Some(request) = &machine.held_for {
        spans.push(Span::from(format!(" held for {request}")).italic());
    }
    for it in &machine.running {
        let job = match it.job.is_empty() {
            true => &it.request,
            false => &it.job,
        };
        let since = it.since.map(|since| brief(state.time - since));
        let since = since.map_or_else(String::new, |since| format!(" {since}"));
        spans.push(Span::from(format!(" {job}")).bold());
        spans.push(Span::from(since).dim());
    }
    Line::from(spans)
}

/// What is used of what there is, amount by amount: `2/4`, or `2/4 1024/4096`; named, `2/4 procs`.
fn share(
    used: &BTreeMap<String, u64>,
    total: &BTreeMap<String, u64>,
    state: &State,
    named: bool,
) -> String {
    let parts = state.resources.iter().filter_map(|name| {
        let total = total.get(name)?;
        let used = used.get(name).copied().unwrap_or(0);
        Some(match named {
            true => format!("{used}/{total} {name}"),
            false => format!("{used}/{total}"),
        })
    });
    parts
        .collect::<Vec<_>>()
        .join(if named { ", " } else { " " })
}

fn draw_queue(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let block = Block::bordered().title(format!(" queue: {} wait ", state.queued));
    let height = usize::from(block.inner(area).height);
    let shown = state.queue.iter().take(height);
    let mut lines: Vec<Line<'_>> = shown.map(|it| Line::from(queued(it, state))).collect();
    if state.queued > lines.len() as u64 {
        lines.truncate(height.saturating_sub(1));
        let more = state.queued - lines.len() as u64;
        lines.push(Line::from(format!("… and {more} more")).dim());
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn queued(it: &Queued, state: &State) -> String {
    let job = match it.job.is_empty() {
        true => &it.request,
        false => &it.job,
    };
    let asks = match &it.asks {
        None => "a whole machine".to_owned(),
        Some(asks) => { state.resources.iter() }
            .filter_map(|name| {
                Some(match (asks.get(name)?, name.as_str()) {
                    (1, "procs") => "1 proc".to_owned(),
                    (amount, name) => format!("{amount} {name}"),
                })
            })
            .collect::<Vec<_>>()
            .join(", "),
    };
    let since = it.since.map(|since| brief(state.time - since));
    let held = { it.held.iter() }
        .map(|machine| format!("  {machine} is held for it"))
        .collect::<String>();
    let priority = match it.priority {
        0 => String::new(),
        priority => format!("  prio {priority}"),
    };
    format!(
        "{job:<12} {:>7}  {asks}{priority}{held}",
        since.unwrap_or_default()
    )
}

fn draw_news(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let block = Block::bordered().title(" news ");
    let height = block.inner(area).height.into();
    let last = state.news.iter().rev().take(height);
    let mut lines: Vec<_> = last
        .map(|it| Line::from(format!("{:>8}  {}", brief(it.time), it.text)))
        .collect();
    lines.reverse();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let line = match (&app.end, &app.trouble) {
        (Some(end), _) => Line::from(format!(" {end}: this is the last that was heard  q quit"))
            .bold()
            .reversed(),
        (None, Some(trouble)) => Line::from(format!(" {trouble}")).fg(Color::Yellow),
        (None, None) if app.state.over => Line::from(" the run is ending  q quit").bold(),
        (None, None) => Line::from(format!(" {KEYS}  {}", app.address)).dim(),
    };
    frame.render_widget(line, area);
}

/// Seconds in few characters.
fn brief(seconds: f64) -> String {
    Brief((seconds.max(0.0) * 1e9) as u128).to_string()
}
