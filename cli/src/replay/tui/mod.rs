//! `remuda replay --tui`: a run on the screen, stepped through forwards and backwards.
mod app;
mod screen;
#[cfg(test)]
mod tests;
mod timeline;

use std::io::{self, IsTerminal};

use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::input::Input;
use app::App;
use timeline::Timeline;

/// Shows a run until the user quits.
///
/// # Errors
/// One line: there is no terminal, or nothing that can be replayed.
pub(super) fn show(input: &Input) -> Result<u8, String> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err("--tui needs a terminal for input and output".into());
    }
    let mut app = App::new(input.name.clone(), Timeline::load(input)?);
    // It puts the terminal right again also when something panics.
    let mut terminal = ratatui::try_init().map_err(|error| format!("the terminal: {error}"))?;
    let result = run(&mut terminal, &mut app);
    ratatui::restore();
    result
        .map(|()| 0)
        .map_err(|error| format!("the terminal: {error}"))
}

fn run(terminal: &mut ratatui::DefaultTerminal, app: &mut App) -> io::Result<()> {
    loop {
        terminal.draw(|frame| screen::draw(frame, app))?;
        // Anything else, such as another size, is drawn.
        if let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && !app.press(key)
        {
            return Ok(());
        }
    }
}
