//! Events a line, for people and as JSON lines.
use std::io::{self, Write};

use remuda::journal::Note;
use remuda::{Action, Manager};
use remuda_sim::script;
use remuda_tokio::{Keep, harmless};

use super::items::Step;
use super::play::Watch;
use super::scenario::OtherLine;
use super::select::Selection;
use super::tally::Tally;

/// Prints events, and counts them.
#[derive(Debug)]
pub(crate) struct Lines<W> {
    out: W,
    json: bool,
    selection: Selection,
    pub(crate) tally: Tally,
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(out: W, json: bool, selection: Selection) -> Lines<W> {
        Lines {
            out,
            json,
            selection,
            tally: Tally::default(),
        }
    }

    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    fn json(&mut self, line: &OtherLine) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        writeln!(self.out)
    }
}

impl<W: Write> Watch for Lines<W> {
    fn begin(&mut self, manager: &Manager) {
        self.tally.begin(manager);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        self.tally.step(step, actions, manager, selected)?;
        if !selected || !self.selection.wants(&step.event, actions) {
            return Ok(());
        }
        if self.json {
            return self.json(&OtherLine::event(step, actions));
        }
        write!(
            self.out,
            "#{} {} {}",
            step.number,
            step.time,
            script::event(&step.event)
        )?;
        for (nth, action) in actions.iter().enumerate() {
            let before = if nth == 0 { " ->" } else { "," };
            write!(self.out, "{before} {}", script::action(action))?;
        }
        writeln!(self.out)
    }

    fn note(&mut self, note: &Note<'_>, selected: bool) -> io::Result<()> {
        if !selected || !self.selection.wants_note(note.machine) {
            return Ok(());
        }
        if self.json {
            return self.json(&OtherLine::note(note));
        }
        let Note {
            time,
            machine,
            topic,
            text,
        } = note;
        writeln!(
            self.out,
            "note {time} {machine} {topic}: {}",
            harmless(text, Keep::Start(1000))
        )
    }
}
