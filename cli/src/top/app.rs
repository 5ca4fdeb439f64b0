//! What the screen's state is, and what keys and answers do to it.
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::client::Problem;
use crate::serve::state::State;

/// Machines that a page has.
const PAGE: usize = 10;

/// The screen's state.
#[derive(Debug)]
pub(super) struct App {
    /// Where the run is served.
    pub(super) address: String,
    pub(super) state: State,
    /// The first machine that is shown.
    pub(super) machine: usize,
    /// Why the last answer did not come.
    pub(super) trouble: Option<String>,
    /// That nothing more comes, and why.
    pub(super) end: Option<String>,
}

impl App {
    pub(super) fn new(address: String, state: State) -> App {
        App {
            address,
            state,
            machine: 0,
            trouble: None,
            end: None,
        }
    }

    /// Takes an answer of the run.
    pub(super) fn take(&mut self, answer: Result<State, Problem>) {
        self.trouble = None;
        match answer {
            Ok(state) if state.time < self.state.time => {
                self.end = Some("the run has ended; another is served there now".into());
            }
            Ok(state) => {
                self.state = state;
                self.scroll_to(self.machine);
            }
            Err(Problem::Gone(_)) => self.end = Some("the run has ended".into()),
            Err(Problem::Other(error)) => self.trouble = Some(error),
        }
    }

    /// Does what a key says; false to quit.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return false;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Down | KeyCode::Char('j') => self.scroll_to(self.machine + 1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll_to(self.machine.saturating_sub(1)),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll_to(self.machine + PAGE),
            KeyCode::PageUp => self.scroll_to(self.machine.saturating_sub(PAGE)),
            KeyCode::Home => self.scroll_to(0),
            KeyCode::End => self.scroll_to(usize::MAX),
            _ => {}
        }
        true
    }

    fn scroll_to(&mut self, machine: usize) {
        let last = self.state.machines.len().saturating_sub(1);
        self.machine = machine.min(last);
    }
}
