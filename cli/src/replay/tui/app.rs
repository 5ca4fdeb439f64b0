//! What the keys do.
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use remuda::{Instant, RequestId};

use super::timeline::{Mark, Scene, Timeline};
use crate::replay::span;

/// Events that a page has.
const PAGE: usize = 100;

/// The screen's state.
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) timeline: Timeline,
    pub(super) scene: Scene,
    /// The first machine that is shown.
    pub(super) machine: usize,
    /// The request that is followed.
    pub(super) followed: Option<RequestId>,
    pub(super) prompt: Option<(Prompt, String)>,
    /// What could not be done.
    pub(super) message: String,
}

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    Time,
    Event,
    Request,
}

impl Prompt {
    pub(super) fn text(self) -> &'static str {
        match self {
            Prompt::Time => "go to the time (such as 1m30s): ",
            Prompt::Event => "go to the event: #",
            Prompt::Request => "follow the request: r",
        }
    }
}

impl App {
    pub(super) fn new(name: String, timeline: Timeline) -> App {
        App {
            name,
            scene: timeline.go(0),
            machine: 0,
            followed: None,
            prompt: None,
            message: timeline.trouble.clone().unwrap_or_default(),
            timeline,
        }
    }

    /// Does what a key says; false to quit.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return false;
        }
        self.message.clear();
        if let Some((prompt, mut text)) = self.prompt.take() {
            match key.code {
                KeyCode::Enter => self.answer(prompt, text.trim()),
                KeyCode::Esc => {}
                KeyCode::Backspace => {
                    text.pop();
                    self.prompt = Some((prompt, text));
                }
                KeyCode::Char(letter) => {
                    text.push(letter);
                    self.prompt = Some((prompt, text));
                }
                _ => self.prompt = Some((prompt, text)),
            }
            return true;
        }
        let at = self.scene.at;
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Right | KeyCode::Char('l' | ' ') if at == self.timeline.len() => {
                self.message = "this is the end".into();
            }
            KeyCode::Right | KeyCode::Char('l' | ' ') => self.timeline.advance(&mut self.scene),
            KeyCode::Left | KeyCode::Char('h') if at == 0 => {
                self.message = "this is the beginning".into();
            }
            KeyCode::Left | KeyCode::Char('h') => self.go(at - 1),
            KeyCode::PageDown => self.go(at + PAGE),
            KeyCode::PageUp => self.go(at.saturating_sub(PAGE)),
            KeyCode::Home => self.go(0),
            KeyCode::End => self.go(self.timeline.len()),
            KeyCode::Down | KeyCode::Char('j') => {
                let count = self.scene.manager.machines().count();
                self.machine = (self.machine + 1).min(count.saturating_sub(1));
            }
            KeyCode::Up | KeyCode::Char('k') => self.machine = self.machine.saturating_sub(1),
            KeyCode::Char('g') => self.go_to_mark(Mark::Grant, true),
            KeyCode::Char('G') => self.go_to_mark(Mark::Grant, false),
            KeyCode::Char('x') => self.go_to_mark(Mark::Loss, true),
            KeyCode::Char('X') => self.go_to_mark(Mark::Loss, false),
            KeyCode::Char('p') => self.go_to_mark(Mark::Probation, true),
            KeyCode::Char('P') => self.go_to_mark(Mark::Probation, false),
            KeyCode::Char('t') => self.prompt = Some((Prompt::Time, String::new())),
            KeyCode::Char('e' | '#') => self.prompt = Some((Prompt::Event, String::new())),
            KeyCode::Char('r') => self.prompt = Some((Prompt::Request, String::new())),
            KeyCode::Char('n') => self.follow(true),
            KeyCode::Char('N') => self.follow(false),
            _ => {}
        }
        true
    }

    fn go(&mut self, at: usize) {
        self.scene = self.timeline.go(at);
    }

    fn go_to_mark(&mut self, mark: Mark, forward: bool) {
        match self.timeline.marked(self.scene.at, mark, forward) {
            Some(at) => self.go(at),
            None => {
                let what = match mark {
                    Mark::Grant => "grant",
                    Mark::Loss => "loss",
                    Mark::Probation => "probation",
                };
                let where_to = if forward { "after" } else { "before" };
                self.message = format!("there is no {what} {where_to} this");
            }
        }
    }

    fn answer(&mut self, prompt: Prompt, text: &str) {
        match prompt {
            Prompt::Time => match span::parse(text) {
                Ok(span) => self.go(self.timeline.at_time(Instant::ZERO + span)),
                Err(error) => self.message = error,
            },
            Prompt::Event => match text.trim_start_matches('#').parse() {
                Ok(number) => self.go(self.timeline.at_number(number)),
                Err(_) => self.message = format!("`{text}` is not the number of an event"),
            },
            Prompt::Request => match text.trim_start_matches('r').parse().map(RequestId) {
                Ok(request) => self.follow_from_its_beginning(request),
                Err(_) => self.message = format!("`{text}` is not the number of a request"),
            },
        }
    }

    fn follow_from_its_beginning(&mut self, request: RequestId) {
        let first = self.timeline.life(request).next();
        match first {
            Some(at) => {
                self.followed = Some(request);
                self.go(at);
            }
            None => self.message = format!("there is no {request} in this run"),
        }
    }

    /// To the next event of the request that is followed, or the one before.
    fn follow(&mut self, forward: bool) {
        let Some(request) = self.followed else {
            self.message = "no request is followed: press r".into();
            return;
        };
        let at = self.scene.at;
        let found = {
            let mut life = self.timeline.life(request);
            if forward {
                life.find(|next| *next > at)
            } else {
                life.rfind(|last| *last < at)
            }
        };
        match found {
            Some(at) => self.go(at),
            None => self.message = format!("that is all of {request}"),
        }
    }
}
