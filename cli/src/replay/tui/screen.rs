//! What the screen shows: machines, queue, timeline and log.
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline};
use remuda::{Demand, Health, Kinds, MachineView, Resources};
use remuda_sim::script;

use super::app::App;
use super::timeline::Mark;

const KEYS: &str = "←/→ step  PgUp/PgDn 100  Home/End  t time  e event  r request, n/N its life  g grant  x loss  p probation (G X P back)  ↑/↓ machines  q quit";

/// Cells of a machine's bar.
const BAR: usize = 16;

pub(super) fn draw(frame: &mut Frame<'_>, app: &App) {
    let [head, body, timeline, log, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(6),
        Constraint::Length(6),
        Constraint::Length(10),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [machines, queue] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Fill(1)]).areas(body);
    draw_head(frame, head, app);
    draw_machines(frame, machines, app);
    draw_queue(frame, queue, app);
    draw_timeline(frame, timeline, app);
    draw_log(frame, log, app);
    draw_foot(frame, foot, app);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let (at, all) = (app.scene.at, app.timeline.len());
    let place = match at {
        0 => "before the first event".to_owned(),
        at => {
            let (time, _) = app.timeline.step(at - 1);
            format!("after event #{} at {time}", app.timeline.number(at - 1))
        }
    };
    let line = Line::from(vec![
        Span::from(format!(" {} ", app.name)).bold().reversed(),
        Span::from(format!(" {place}  ({at} of {all} events)")),
    ]);
    frame.render_widget(line, area);
}

fn draw_machines(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let manager = &app.scene.manager;
    let counts = manager.counts().machines;
    let leaving = match (counts.draining, counts.stopping) {
        (0, 0) => String::new(),
        (draining, stopping) => format!(", {draining} draining, {stopping} stopping"),
    };
    let title = format!(
        " machines: {} ok, {} on probation, {} pending, {} lost{} ",
        counts.ok, counts.probation, counts.pending, counts.lost, leaving
    );
    let block = Block::bordered().title(title);
    let height = block.inner(area).height.into();
    let shown = manager.machines().skip(app.machine).take(height);
    let lines: Vec<Line<'_>> = shown.map(|machine| machine_line(&machine, app)).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn machine_line<'a>(machine: &MachineView<'_>, app: &App) -> Line<'a> {
    let (health, color) = match machine.health() {
        Health::Pending => ("pending".to_owned(), Color::DarkGray),
        Health::Ok => ("ok".to_owned(), Color::Green),
        Health::Probation { until } => (format!("until {until}"), Color::Yellow),
        Health::Draining { .. } => ("draining".to_owned(), Color::Cyan),
        Health::Stopping => ("told to stop".to_owned(), Color::DarkGray),
        other => (format!("{other:?}"), Color::Gray),
    };
    let kind = match app.scene.manager.config().kinds.len() {
        1 => String::new(),
        _ => format!("{:<4}", machine.kind().to_string()),
    };
    let (used, total) = (machine.used(), machine.offer());
    let [used_procs, total_procs] = [used, total].map(|it| it.proc_count() as usize);
    let cells = (used_procs * BAR).div_ceil(total_procs.max(1)).min(BAR);
    let mut spans = vec![
        Span::from(format!("{:<6}", machine.id().to_string())),
        Span::from(kind),
        Span::from(format!("{health:<14} ")).fg(color),
        Span::from("█".repeat(cells)).fg(color),
        Span::from("░".repeat(BAR - cells)).dim(),
        Span::from(format!(" {} ", share(used, total))),
    ];
    if let Some(request) = machine.held_for() {
        spans.push(Span::from(format!(" held for {request}")).italic());
    }
    for request in machine.running() {
        let style = if app.followed == Some(request) {
            Modifier::REVERSED
        } else {
            Modifier::empty()
        };
        spans.push(Span::styled(
            format!(" {request}"),
            Style::new().add_modifier(style),
        ));
    }
    Line::from(spans)
}

/// What is used of what there is, amount by amount: `2/4`, or `2/4 1024/4096`.
fn share(used: Resources, total: Resources) -> String {
    let last = total.amounts().iter().rposition(|&amount| amount > 0);
    let both = used.amounts().into_iter().zip(total.amounts());
    let parts = both.take(last.unwrap_or(0) + 1);
    let parts = parts.map(|(used, total)| format!("{used}/{total}"));
    parts.collect::<Vec<_>>().join(" ")
}

fn draw_queue(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let manager = &app.scene.manager;
    let counts = manager.counts();
    let title = format!(" queue: {} wait, {} run ", counts.queued, counts.running);
    let block = Block::bordered().title(title);
    let height = block.inner(area).height.into();
    let shown = manager.queue().take(height);
    let lines: Vec<Line<'_>> = shown
        .map(|it| {
            let asks = match it.spec.demand {
                Demand::Amounts(amounts) if amounts == Resources::procs(amounts.proc_count()) => {
                    format!("procs {amounts}")
                }
                Demand::Amounts(amounts) => format!("amounts {amounts}"),
                Demand::Machine => "machine".to_owned(),
            };
            let kinds = match it.spec.kinds {
                Kinds::ALL => String::new(),
                kinds => format!(" on {kinds}"),
            };
            let line = format!(
                "{:<8} prio {:<6} {asks}{kinds}",
                it.request.to_string(),
                it.spec.priority,
            );
            if app.followed == Some(it.request) {
                Line::from(line).reversed()
            } else {
                Line::from(line)
            }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// The queue's length over the events, what stands out below it, and where we are.
fn draw_timeline(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let block = Block::bordered().title(" timeline: how many wait; x lost, p probation ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inner.width);
    let all = app.timeline.len();
    if width == 0 || all == 0 || inner.height < 3 {
        return;
    }
    let column = |event: usize| (event * width / all).min(width - 1);
    let queued = app.timeline.queued();
    let highest = |column: usize| {
        let begin = column * all / width;
        let end = ((column + 1) * all / width).max(begin + 1);
        queued[begin..end]
            .iter()
            .max()
            .map_or(0, |most| u64::from(*most))
    };
    let bars: Vec<u64> = (0..width).map(highest).collect();
    let mut marks = vec![' '; width];
    for (event, mark) in app.timeline.marks() {
        let place = &mut marks[column(*event as usize)];
        match mark {
            Mark::Loss => *place = 'x',
            Mark::Probation if *place == ' ' => *place = 'p',
            Mark::Probation | Mark::Grant => {}
        }
    }
    let cursor = column(app.scene.at.saturating_sub(1));
    let [chart, below, here] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(inner);
    frame.render_widget(Sparkline::default().data(&bars).fg(Color::Cyan), chart);
    frame.render_widget(
        Line::from(marks.into_iter().collect::<String>()).fg(Color::Red),
        below,
    );
    frame.render_widget(Line::from(format!("{}▲", " ".repeat(cursor))).bold(), here);
}

/// The events up to here with their actions, and those that come next.
fn draw_log(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let block = Block::bordered().title(" log ");
    let height = usize::from(block.inner(area).height);
    let timeline = &app.timeline;
    let line = |event: usize| {
        let (time, it) = timeline.step(event);
        format!("#{} {time} {}", timeline.number(event), script::event(&it))
    };
    let at = app.scene.at;
    let coming = (at..timeline.len()).take(height / 3);
    let mut below: Vec<Line<'_>> = coming
        .map(|event| Line::from(format!("  {}", line(event))).dim())
        .collect();
    let mut above: Vec<Line<'_>> = Vec::new();
    let rows = height - below.len();
    for (event, actions) in app.scene.recent.iter().rev() {
        let now = event + 1 == at;
        for action in actions.iter().rev() {
            above.push(Line::from(format!("    -> {}", script::action(action))));
        }
        let text = format!("{} {}", if now { "▶" } else { " " }, line(*event));
        above.push(if now {
            Line::from(text).bold()
        } else {
            Line::from(text)
        });
        if above.len() >= rows {
            break;
        }
    }
    above.truncate(rows);
    above.reverse();
    above.append(&mut below);
    frame.render_widget(Paragraph::new(above).block(block), area);
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let line = match &app.prompt {
        Some((prompt, text)) => Line::from(format!(" {}{text}▏", prompt.text())).bold(),
        None if !app.message.is_empty() => {
            Line::from(format!(" {}", app.message)).fg(Color::Yellow)
        }
        None => {
            // As many keys as fit into the line; the last one is always shown.
            let width = usize::from(area.width).saturating_sub(" q quit".len() + 1);
            let mut keys = String::new();
            for key in KEYS.split("  ").take_while(|key| *key != "q quit") {
                if keys.chars().count() + key.chars().count() + 2 > width {
                    break;
                }
                keys.push_str(key);
                keys.push_str("  ");
            }
            Line::from(format!(" {keys}q quit")).dim()
        }
    };
    frame.render_widget(line, area);
}
