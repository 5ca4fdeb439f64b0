//! The whole run that an input holds, and where it diverges.
use remuda::journal::Error;
use remuda_sim::Find;
use remuda_sim::script;
use remuda_sim::shrink::Run;

use crate::replay::input::Input;
use crate::replay::items::{Item, Recorded};
use crate::replay::player::Player;

/// The events of an input, and a remark if it ends before its end.
///
/// # Errors
/// It has none, does not begin at the beginning, or cannot be read.
pub(super) fn run(input: &Input) -> Result<(Run, Option<String>), String> {
    if !input.head.fresh {
        let what = "it begins in mid-run with a snapshot, and only whole runs can be cut down";
        return Err(what.into());
    }
    let (mut events, mut cut) = (Vec::new(), None);
    for item in input.items() {
        match item {
            Ok(Item::Step(step)) => events.push((step.time, step.event)),
            Ok(Item::Snapshot(_) | Item::Note(_)) => {}
            Err(error @ Error::Cut { .. }) => {
                let last = events.len();
                cut = Some(format!("{error}: what is left is used, to event #{last}"));
                break;
            }
            Err(error) => {
                return Err(format!(
                    "{error}: `remuda replay` says how far it can be trusted, and --json with --to writes that part"
                ));
            }
        }
    }
    if events.is_empty() {
        return Err("it has no events".into());
    }
    let config = input.head.config.clone();
    Ok((Run { config, events }, cut))
}

/// The first event whose answer is not the recorded one, with the answer it gets now; and the recorded one in words.
///
/// # Errors
/// There is none.
pub(super) fn divergence(input: &Input) -> Result<(Find, String), String> {
    let mut player = Player::new(input).ok_or("it has no beginning")?;
    for item in input.items() {
        let Ok(Item::Step(step)) = item else {
            continue;
        };
        player.play(&step);
        if !player.agrees(&step) {
            let find = Find::Answer {
                event: step.event,
                actions: player.actions,
            };
            return Ok((find, words(step.recorded)));
        }
    }
    Err("it does not diverge: every answer that was recorded is the same".into())
}

fn words(recorded: Recorded<'_>) -> String {
    match recorded {
        Recorded::Nothing => String::new(),
        Recorded::Hash(hash) => format!("actions with hash {hash:08x}"),
        Recorded::Actions([]) => "nothing".to_owned(),
        Recorded::Actions(actions) => {
            let words = actions
                .iter()
                .map(|action| script::action(action).to_string());
            words.collect::<Vec<_>>().join(", ")
        }
    }
}
