//! A run that can be looked at anywhere: its events, what stands out, and copies of the manager from which any of them is replayed soon.
use std::collections::VecDeque;
use std::io;

use remuda::journal::Note;
use remuda::{Action, Event, Instant, Manager, Notice, RequestId};

use crate::replay::input::Input;
use crate::replay::items::Step;
use crate::replay::play::{End, Watch, play};
use crate::replay::select::{About, Selection};

/// Events between two managers that are kept, at the least: a few milliseconds of replay.
const SPACING: usize = 8192;

/// Requests and machines of a manager for which an event more is between it and the next: a big one takes longer to copy,
/// and much memory.
const PER_EVENT: usize = 8;

/// Answers that are kept of the events before the one that is looked at.
pub(super) const RECENT: usize = 64;

/// What stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Grant,
    Loss,
    Probation,
}

/// The whole run.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The number of the first event.
    first: u64,
    steps: Vec<(Instant, Event)>,
    /// Managers, each with how many events are before it.
    kept: Vec<(usize, Manager)>,
    /// By event.
    marks: Vec<(u32, Mark)>,
    /// Which events are about a request, by request.
    lives: Vec<(RequestId, u32)>,
    /// How many requests waited after each event.
    queued: Vec<u32>,
    /// How the replay ended, where that was before the end.
    pub(super) trouble: Option<String>,
}

/// A manager after so many events.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) at: usize,
    pub(super) manager: Manager,
    /// The events up to here and their answers, the latest last.
    pub(super) recent: VecDeque<(usize, Vec<Action>)>,
}

struct Loader(Timeline);

impl Watch for Loader {
    fn begin(&mut self, manager: &Manager) {
        self.0.kept.push((0, manager.clone()));
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        _selected: bool,
    ) -> io::Result<()> {
        let line = &mut self.0;
        if line.steps.is_empty() {
            line.first = step.number;
        }
        let Ok(at) = u32::try_from(line.steps.len()) else {
            return Err(io::Error::other("more than four thousand million events"));
        };
        line.steps.push((step.time, step.event));
        line.lives.extend(
            About::event(&step.event)
                .request
                .map(|request| (request, at)),
        );
        for action in actions {
            let about = About::action(action).request;
            line.lives.extend(about.map(|request| (request, at)));
            line.marks.extend(mark(action).map(|mark| (at, mark)));
        }
        let counts = manager.counts();
        line.queued
            .push(counts.queued.try_into().unwrap_or(u32::MAX));
        let size = (counts.queued + counts.running + counts.machines.ok) as usize;
        let last = line.kept.last().map_or(0, |(at, _)| *at);
        if line.steps.len() - last >= SPACING.max(size / PER_EVENT) {
            line.kept.push((line.steps.len(), manager.clone()));
        }
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

impl Timeline {
    /// Replays a run once.
    ///
    /// # Errors
    /// There is no beginning to replay from, or there are too many events.
    pub(super) fn load(input: &Input) -> Result<Timeline, String> {
        let mut loader = Loader(Timeline {
            first: 1,
            steps: Vec::new(),
            kept: Vec::new(),
            marks: Vec::new(),
            lives: Vec::new(),
            queued: Vec::new(),
            trouble: None,
        });
        let played = play(input, &Selection::default(), &mut loader);
        let played = played.map_err(|error| format!("{}: {error}", input.name))?;
        let mut timeline = loader.0;
        timeline.lives.sort_unstable();
        timeline.lives.dedup();
        timeline.trouble = match played.end {
            End::Whole | End::Selected => None,
            End::Unreadable(error) => Some(error.to_string()),
            End::NoBeginning => {
                return Err(format!(
                    "{}: it begins in mid-run with a snapshot that this version cannot use",
                    input.name
                ));
            }
            End::Diverged(it) => Some(format!(
                "event #{} goes another way than it was recorded: {}: without --tui there is more of it",
                it.number,
                it.cause.name()
            )),
        };
        Ok(timeline)
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The number that an event has in the journal.
    pub(super) fn number(&self, event: usize) -> u64 {
        self.first + event as u64
    }

    pub(super) fn step(&self, event: usize) -> (Instant, Event) {
        self.steps[event]
    }

    pub(super) fn queued(&self) -> &[u32] {
        &self.queued
    }

    pub(super) fn marks(&self) -> &[(u32, Mark)] {
        &self.marks
    }

    /// The scene after so many events.
    pub(super) fn go(&self, at: usize) -> Scene {
        let at = at.min(self.len());
        let (begin, manager) = self.kept_before(at);
        let mut scene = Scene {
            at: *begin,
            manager: manager.clone(),
            recent: VecDeque::new(),
        };
        while scene.at < at {
            self.advance(&mut scene);
        }
        scene
    }

    /// The manager from which to go there, and how many events are before it.
    pub(super) fn kept_before(&self, at: usize) -> &(usize, Manager) {
        let from = at.saturating_sub(RECENT);
        let kept = self.kept.partition_point(|(kept, _)| *kept <= from);
        &self.kept[kept - 1]
    }

    /// One event further.
    pub(super) fn advance(&self, scene: &mut Scene) {
        let Some(&(time, event)) = self.steps.get(scene.at) else {
            return;
        };
        let oldest = (scene.recent.len() == RECENT).then(|| scene.recent.pop_front());
        let mut actions = oldest
            .flatten()
            .map_or_else(Vec::new, |(_, actions)| actions);
        actions.clear();
        scene.manager.handle_into(event, time, &mut actions);
        scene.recent.push_back((scene.at, actions));
        scene.at += 1;
    }

    /// After how many events the first event of a time is over: all before it, and that.
    pub(super) fn at_time(&self, time: Instant) -> usize {
        let before = self.steps.partition_point(|(at, _)| *at < time);
        (before + 1).min(self.len())
    }

    /// After the event of this number.
    pub(super) fn at_number(&self, number: u64) -> usize {
        let past = (number + 1).saturating_sub(self.first);
        usize::try_from(past).map_or(self.len(), |past| past.min(self.len()))
    }

    /// The next event that stands out like this, or the last before: where to stand to have just seen it.
    pub(super) fn marked(&self, at: usize, mark: Mark, forward: bool) -> Option<usize> {
        let is = |(_, other): &&(u32, Mark)| *other == mark;
        let after = self
            .marks
            .partition_point(|(event, _)| (*event as usize) < at);
        let found = if forward {
            self.marks[after..].iter().find(is)
        } else {
            let past = |(event, _): &&(u32, Mark)| (*event as usize) + 1 < at;
            self.marks[..after].iter().rev().filter(is).find(past)
        };
        found.map(|(event, _)| *event as usize + 1)
    }

    /// The events of a request's life: where to stand to have just seen each.
    pub(super) fn life(&self, request: RequestId) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let begin = self.lives.partition_point(|(other, _)| *other < request);
        let end = self.lives.partition_point(|(other, _)| *other <= request);
        self.lives[begin..end]
            .iter()
            .map(|(_, event)| *event as usize + 1)
    }
}

fn mark(action: &Action) -> Option<Mark> {
    match action {
        Action::Grant { .. } => Some(Mark::Grant),
        Action::Notice(Notice::MachineLost { .. }) | Action::RequestLost { .. } => Some(Mark::Loss),
        Action::Notice(Notice::Probation { .. }) => Some(Mark::Probation),
        _ => None,
    }
}
