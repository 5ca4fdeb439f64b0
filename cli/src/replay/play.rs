//! Plays a run again, to its end or to its first divergence; a `Watch` sees each event.
use std::io;

use remuda::journal::{Error, Note};
use remuda::{Action, Manager};

use super::divergence::Divergence;
use super::input::Input;
use super::items::{Item, Recorded, Step};
use super::player::Player;
use super::select::Selection;

/// Is told of each event of a replay.
pub(crate) trait Watch {
    /// The manager before the first event.
    fn begin(&mut self, manager: &Manager);

    /// An event, what it caused, and what it left; `selected` if it is in the part that is looked at.
    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()>;

    /// A remark; `selected` as of a step.
    fn note(&mut self, note: &Note<'_>, selected: bool) -> io::Result<()>;
}

/// Both are told, in this order.
impl<A: Watch, B: Watch> Watch for (A, B) {
    fn begin(&mut self, manager: &Manager) {
        self.0.begin(manager);
        self.1.begin(manager);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        self.0.step(step, actions, manager, selected)?;
        self.1.step(step, actions, manager, selected)
    }

    fn note(&mut self, note: &Note<'_>, selected: bool) -> io::Result<()> {
        self.0.note(note, selected)?;
        self.1.note(note, selected)
    }
}

/// One that may not be there.
impl<W: Watch> Watch for Option<W> {
    fn begin(&mut self, manager: &Manager) {
        if let Some(watch) = self {
            watch.begin(manager);
        }
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        self.as_mut()
            .map_or(Ok(()), |watch| watch.step(step, actions, manager, selected))
    }

    fn note(&mut self, note: &Note<'_>, selected: bool) -> io::Result<()> {
        self.as_mut()
            .map_or(Ok(()), |watch| watch.note(note, selected))
    }
}

impl<W: Watch> Watch for &mut W {
    fn begin(&mut self, manager: &Manager) {
        (**self).begin(manager);
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        (**self).step(step, actions, manager, selected)
    }

    fn note(&mut self, note: &Note<'_>, selected: bool) -> io::Result<()> {
        (**self).note(note, selected)
    }
}

/// Ignores all events: for callers that need only the manager at the end.
#[derive(Debug)]
pub(crate) struct NoWatch;

impl Watch for NoWatch {
    fn begin(&mut self, _: &Manager) {}

    fn step(&mut self, _: &Step<'_>, _: &[Action], _: &Manager, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// How far it went.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) events: u64,
    /// Events whose actions were known and the same.
    pub(crate) equal: u64,
    pub(crate) end: End,
    /// The manager as it stood then; none if there is no beginning.
    pub(crate) manager: Option<Manager>,
}

/// Why it went no further.
#[derive(Debug)]
pub(crate) enum End {
    /// It is over.
    Whole,
    /// The part that is looked at is over.
    Selected,
    /// A frame cannot be read.
    Unreadable(Error),
    /// It begins in mid-run, with a snapshot that cannot be used.
    NoBeginning,
    Diverged(Box<Divergence>),
}

impl End {
    /// Why not all of the run was played, after so many events.
    pub(crate) fn trouble(&self, events: u64) -> Option<String> {
        match self {
            End::Whole | End::Selected => None,
            End::Unreadable(error) => Some(format!("{error}, after event #{events}")),
            End::NoBeginning => {
                Some("it begins in mid-run with a snapshot that this version cannot use".to_owned())
            }
            End::Diverged(it) => Some(format!(
                "event #{} goes another way than it was recorded: {}",
                it.number,
                it.cause.name()
            )),
        }
    }
}

/// Plays the run up to the end of the part that is looked at.
///
/// # Errors
/// `watch` cannot write.
pub(crate) fn play(
    input: &Input,
    selection: &Selection,
    watch: &mut impl Watch,
) -> io::Result<Played> {
    let (mut events, mut equal) = (0, 0);
    let Some(mut player) = Player::new(input) else {
        let end = End::NoBeginning;
        return Ok(Played {
            events,
            equal,
            end,
            manager: None,
        });
    };
    watch.begin(&player.manager);
    let end = 'end: {
        for item in input.items() {
            match item {
                Err(error) => break 'end End::Unreadable(error),
                Ok(Item::Note(note)) => {
                    let next = events + 1;
                    let (before, after) = (
                        selection.is_before(next, note.time),
                        selection.is_after(next, note.time),
                    );
                    if !after {
                        watch.note(&note, !before)?;
                    }
                }
                Ok(Item::Snapshot(frozen)) => {
                    if !player.stands_at(&frozen) {
                        let divergence = Divergence::of_state(input, &player.manager, &frozen);
                        break 'end End::Diverged(Box::new(divergence));
                    }
                }
                Ok(Item::Step(step)) => {
                    if selection.is_after(step.number, step.time) {
                        break 'end End::Selected;
                    }
                    player.play(&step);
                    if !player.agrees(&step) {
                        let divergence = Divergence::of_actions(input, &step, &player.actions);
                        break 'end End::Diverged(Box::new(divergence));
                    }
                    events = step.number;
                    equal += u64::from(!matches!(step.recorded, Recorded::Nothing));
                    let selected = !selection.is_before(step.number, step.time);
                    watch.step(&step, &player.actions, &player.manager, selected)?;
                }
            }
        }
        End::Whole
    };
    Ok(Played {
        events,
        equal,
        end,
        manager: Some(player.manager),
    })
}
