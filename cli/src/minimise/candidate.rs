//! A candidate: the manager it is played on, and its form in JSON lines.
use remuda::journal::{Label, RULES};
use remuda::{Action, Config, Manager};
use remuda_sim::shrink::Run;

use crate::replay::items::{Head, Place, Recorded, Step};
use crate::replay::scenario::{OtherLine, head_line};

pub(super) fn manager(config: Config) -> Manager {
    Manager::new(config).expect("configs that are not valid are not tried")
}

/// A run in JSON lines.
pub(super) fn scenario(run: &Run, answers: &[Vec<Action>], what: Option<&str>) -> String {
    let label = what.map(|what| Label::new("minimised", what));
    let mut text = head_line(&head(run.config.clone(), label.into_iter().collect()));
    text.push('\n');
    for (number, (time, event)) in (1..).zip(&run.events) {
        let step = Step {
            number,
            time: *time,
            event: *event,
            recorded: Recorded::Nothing,
            place: Place::Line(0),
        };
        let line = match answers.get(number as usize - 1) {
            Some(actions) => OtherLine::event(&step, actions),
            None => OtherLine::unanswered(&step),
        };
        text += &serde_json::to_string(&line).expect("all of it is plain data");
        text.push('\n');
    }
    text
}

fn head(config: Config, labels: Vec<Label>) -> Head {
    Head {
        is_journal: false,
        config,
        config_hash: None,
        fresh: true,
        crate_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        rules: Some(RULES),
        origin: None,
        labels,
    }
}
