//! A run as its events and what was decided on each: as recorded where that is known, else as replayed.
use remuda::journal::Error;
use remuda::{Action, Event, Instant, Manager};

use super::input::{Input, Items};
use super::items::{Item, Recorded};
use super::player::Player;

/// An event and what it caused.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) number: u64,
    pub(crate) time: Instant,
    pub(crate) event: Event,
    pub(crate) actions: Vec<Action>,
}

/// Goes through a run.
pub(crate) struct Decisions<'a> {
    name: &'a str,
    items: Items<'a>,
    player: Player,
}

impl<'a> Decisions<'a> {
    /// From the beginning.
    ///
    /// # Errors
    /// One line: it begins in mid-run, with a snapshot that cannot be used.
    pub(crate) fn new(input: &'a Input) -> Result<Decisions<'a>, String> {
        let player = Player::new(input);
        let player = player.ok_or_else(|| {
            format!(
                "{}: it begins in mid-run with a snapshot that this version cannot use",
                input.name
            )
        })?;
        Ok(Decisions {
            name: &input.name,
            items: input.items(),
            player,
        })
    }

    /// The manager before the next event.
    pub(crate) fn manager(&self) -> &Manager {
        &self.player.manager
    }

    /// The next; none at the end, which a journal's last whole frame is too.
    ///
    /// # Errors
    /// One line: it cannot be read further, or only the hash of other decisions than these is known.
    pub(crate) fn next(&mut self) -> Result<Option<Decision>, String> {
        let name = self.name;
        loop {
            let step = match self.items.next() {
                None | Some(Err(Error::Cut { .. })) => return Ok(None),
                Some(Err(error)) => return Err(format!("{name}: {error}")),
                Some(Ok(Item::Step(step))) => step,
                Some(Ok(_)) => continue,
            };
            self.player.play(&step);
            let actions = match step.recorded {
                Recorded::Actions(actions) => actions.to_vec(),
                _ if self.player.agrees(&step) => self.player.actions.clone(),
                _ => {
                    return Err(format!(
                        "{name}: event #{} goes another way than it was recorded, and only a hash of that is known: `remuda replay --json` of the version that recorded it writes the actions down",
                        step.number
                    ));
                }
            };
            return Ok(Some(Decision {
                number: step.number,
                time: step.time,
                event: step.event,
                actions,
            }));
        }
    }
}
