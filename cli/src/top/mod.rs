//! `remuda top`: a run that goes on, on a terminal. It asks the run's server for its state, again and again.
mod app;
mod client;
mod screen;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::args::TopArgs;
use crate::serve::Token;
use crate::serve::state::State;
use app::App;
use client::{Client, Problem};

/// How often the run is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long to wait for a key, before it is looked whether there is an answer.
const KEYS: Duration = Duration::from_millis(50);

/// The width of what is printed without a terminal.
const COLUMNS: u16 = 120;

/// Shows a run until the user quits or the run ends; gives the exit status.
///
/// # Errors
/// One line: there is no run, or no terminal.
pub(crate) fn top(args: &TopArgs) -> Result<u8, String> {
    let token = args.token_file.as_deref().map(|path| {
        let failed = |error: String| format!("--token-file {}: {error}", path.display());
        if !path.exists() {
            return Err(failed("there is no such file".into()));
        }
        Token::of_file(path).map_err(failed)
    });
    let client = Client::new(&args.address, token.transpose()?.as_ref())?;
    let first = client.state().map_err(|problem| match problem {
        Problem::Gone(error) => format!(
            "{}: no run is served there ({error}); remuda run --serve {} jobs.txt would be",
            client.address, args.address
        ),
        Problem::Other(error) => error,
    })?;
    let mut app = App::new(client.address.clone(), first);
    if args.once {
        return print(&app).map(|()| 0);
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err("this needs a terminal for input and output; --once prints it once".into());
    }
    // It puts the terminal right again also when something panics.
    let mut terminal = ratatui::try_init().map_err(|error| format!("the terminal: {error}"))?;
    let (wanted, wants) = channel();
    let (sender, answers) = channel();
    std::thread::spawn(move || ask(&client, &wants, &sender));
    let shown = show(&mut terminal, &mut app, &wanted, &answers);
    ratatui::restore();
    shown.map_err(|error| format!("the terminal: {error}"))?;
    if let Some(end) = &app.end {
        let _ = writeln!(io::stderr(), "remuda: {}: {end}", app.address);
    }
    Ok(0)
}

/// Asks whenever it is wanted, until nobody wants it any more.
fn ask(client: &Client, wants: &Receiver<()>, sender: &Sender<Result<State, Problem>>) {
    while wants.recv().is_ok() {
        if sender.send(client.state()).is_err() {
            return;
        }
    }
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    app: &mut App,
    wanted: &Sender<()>,
    answers: &Receiver<Result<State, Problem>>,
) -> io::Result<()> {
    let mut next = std::time::Instant::now() + EVERY;
    let mut is_asked = false;
    let mut is_changed = true;
    loop {
        if is_changed {
            terminal.draw(|frame| screen::draw(frame, app))?;
            is_changed = false;
        }
        if let Ok(answer) = answers.try_recv() {
            app.take(answer);
            (is_asked, is_changed) = (false, true);
            next = std::time::Instant::now() + EVERY;
        }
        if !is_asked && app.end.is_none() && std::time::Instant::now() >= next {
            is_asked = wanted.send(()).is_ok();
        }
        if event::poll(KEYS)? {
            is_changed = true;
            // Anything else, such as another size, is drawn.
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && !app.press(key)
            {
                return Ok(());
            }
        }
    }
}

/// Prints one screen as text, without what is empty at the end of its lines and below.
fn print(app: &App) -> Result<(), String> {
    let text = text(app, COLUMNS, screen::height(app));
    let written = io::stdout().lock().write_all(text.as_bytes());
    match written {
        // A reader that left early has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

fn text(app: &App, columns: u16, rows: u16) -> String {
    let mut terminal = match Terminal::new(TestBackend::new(columns, rows)) {
        Ok(terminal) => terminal,
        Err(never) => match never {},
    };
    let drawn = terminal.draw(|frame| screen::draw(frame, app));
    match drawn {
        Ok(frame) => lines(frame.buffer),
        Err(never) => match never {},
    }
}

fn lines(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content().chunks(width) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text += line.trim_end();
        text += "\n";
    }
    text
}
