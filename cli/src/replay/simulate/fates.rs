//! What became of the machines of a recorded run: how they started, whether they were lost, how they answered.
use std::collections::HashMap;
use std::time::Duration;

use remuda::{Action, Event, Instant, KindId, Loss, MachineId, Notice, Resources, StartHint};

use super::super::decisions::Decision;
use super::super::lives::Point;

/// The machines of a run, in the order in which they were asked for or joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Fates {
    pub(super) all: Vec<Fate>,
    /// Those that were asked for, by kind: the first of it, the second, …
    pub(super) of_kind: Vec<Vec<usize>>,
    pub(super) by_id: HashMap<MachineId, usize>,
    shut_down: bool,
}

/// What became of a machine.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    pub(super) machine: MachineId,
    pub(super) kind: KindId,
    /// When it was asked for, or joined.
    asked: Instant,
    /// It joined by itself.
    pub(super) joined: Option<Point>,
    pub(super) start: Option<Start>,
    pub(super) lost: Option<Point>,
    /// It was lost because it answered no polls.
    pub(super) silent: bool,
    polled: Instant,
    pub(super) polls: Vec<Poll>,
    pub(super) told: Vec<(Point, Told)>,
    /// When it was told to stop, by the manager's own choice.
    stop: Option<Instant>,
    /// From then to its end, and which event that was.
    pub(super) stopping: Option<(Duration, u64)>,
}

/// What its operator, or a notice of its provider, said of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Drain(Option<Instant>),
    Keep,
}

/// How a poll was answered, if it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) took: Duration,
    pub(super) answered: bool,
    pub(super) number: u64,
}

/// How a start was answered. Of one that joined: what it offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) took: Duration,
    pub(super) answer: Answer,
    pub(super) number: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Up(Option<Resources>),
    Failed(Option<StartHint>),
}

impl Fates {
    pub(super) fn new(kinds: usize) -> Fates {
        Fates {
            of_kind: vec![Vec::new(); kinds],
            ..Fates::default()
        }
    }

    pub(super) fn take_in(&mut self, decision: &Decision, now: Instant) {
        let at = Point {
            time: now,
            number: decision.number,
        };
        let rejected = |it: &Action| matches!(it, Action::Reject(_));
        let rejected = decision.actions.iter().any(rejected);
        if let Event::Join {
            machine,
            kind,
            offer,
        } = decision.event
            && !rejected
        {
            let fate = self.add(machine, kind, now);
            fate.joined = Some(at);
            fate.start = Some(Start {
                took: Duration::ZERO,
                answer: Answer::Up(offer),
                number: at.number,
            });
        }
        for action in &decision.actions {
            self.answer(action, at);
        }
        // What was due came before the event, and may have asked for the machine.
        if !rejected {
            self.event(&decision.event, at);
        }
    }

    fn answer(&mut self, action: &Action, at: Point) {
        let shut_down = self.shut_down;
        match *action {
            Action::Start { kind, first, count } => {
                for id in first.0..first.0.saturating_add(count.into()) {
                    let index = self.all.len();
                    self.add(MachineId(id), kind, at.time);
                    if let Some(list) = self.of_kind.get_mut(usize::from(kind.0)) {
                        list.push(index);
                    }
                }
            }
            Action::Poll { machine } => {
                if let Some(fate) = self.get(machine) {
                    fate.polled = at.time;
                }
            }
            Action::Stop { machine } if !shut_down => {
                if let Some(fate) = self.get(machine).filter(|it| it.lost.is_none()) {
                    fate.stop.get_or_insert(at.time);
                }
            }
            Action::Notice(Notice::MachineLost { machine, by }) if !shut_down => {
                if let Some(fate) = self.get(machine) {
                    match by {
                        Loss::Silence => fate.silent = true,
                        _ => fate.lost = Some(at),
                    }
                }
            }
            Action::Notice(Notice::Ended { machine }) => {
                if let Some(fate) = self.get(machine) {
                    fate.stopping = fate.stop.map(|told| (at.time - told, at.number));
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, at: Point) {
        let shut_down = self.shut_down;
        match *event {
            Event::Up { machine, offer } => self.start(machine, at, Answer::Up(offer)),
            Event::StartFailed { machine, hint } if !shut_down => {
                self.start(machine, at, Answer::Failed(hint));
            }
            Event::Stopped { machine } if !shut_down => {
                self.start(machine, at, Answer::Failed(None));
            }
            Event::Polled { machine, answered } => {
                if let Some(fate) = self.get(machine) {
                    fate.polls.push(Poll {
                        took: at.time - fate.polled,
                        answered,
                        number: at.number,
                    });
                }
            }
            Event::Drain { machine, until } => {
                if let Some(fate) = self.get(machine) {
                    fate.told.push((at, Told::Drain(until)));
                }
            }
            Event::Keep { machine } => {
                if let Some(fate) = self.get(machine) {
                    fate.told.push((at, Told::Keep));
                }
            }
            Event::Shutdown => self.shut_down = true,
            _ => {}
        }
    }

    /// Those that came up took so long for it.
    pub(super) fn set_boot(&mut self, boot: Duration) {
        let started = self.all.iter_mut().filter(|fate| fate.joined.is_none());
        for start in started.filter_map(|fate| fate.start.as_mut()) {
            if let Answer::Up(_) = start.answer {
                (start.took, start.number) = (boot, u64::MAX);
            }
        }
    }

    /// The end of the record: those whose start was not answered by then take longer than that.
    pub(super) fn end(&mut self, over: Instant) -> Usual {
        let mut usual = Usual {
            all: Vec::new(),
            of_kind: vec![Vec::new(); self.of_kind.len()],
            stopping: None,
        };
        let mut stops = (0_u128, 0_u128);
        for fate in &self.all {
            if let Some((took, _)) = fate.stopping {
                stops = (stops.0 + took.as_nanos(), stops.1 + 1);
            }
            if let Some(start) = fate.start
                && matches!(start.answer, Answer::Up(_))
                && fate.joined.is_none()
            {
                usual.all.push(start.took);
                usual.of_kind[usize::from(fate.kind.0)].push(start.took);
            }
        }
        let mean = stops.0.checked_div(stops.1);
        usual.stopping =
            mean.map(|mean| Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)));
        let mut unanswered = vec![0; self.of_kind.len()];
        for fate in self.all.iter_mut().filter(|fate| fate.start.is_none()) {
            let nth = &mut unanswered[usize::from(fate.kind.0)];
            let took = usual.start(fate.kind, *nth);
            *nth += 1;
            // Or it was told to stop before it came up.
            let known = fate.stop.unwrap_or(over) - fate.asked;
            fate.start = Some(Start {
                took: took.max(known),
                answer: Answer::Up(None),
                number: u64::MAX,
            });
        }
        usual
    }

    fn add(&mut self, machine: MachineId, kind: KindId, asked: Instant) -> &mut Fate {
        let index = self.all.len();
        self.by_id.insert(machine, index);
        self.all.push(Fate {
            machine,
            kind,
            asked,
            joined: None,
            start: None,
            lost: None,
            silent: false,
            polled: asked,
            polls: Vec::new(),
            told: Vec::new(),
            stop: None,
            stopping: None,
        });
        &mut self.all[index]
    }

    fn get(&mut self, machine: MachineId) -> Option<&mut Fate> {
        let index = self.by_id.get(&machine)?;
        Some(&mut self.all[*index])
    }

    fn start(&mut self, machine: MachineId, at: Point, answer: Answer) {
        let Some(fate) = self.get(machine) else {
            return;
        };
        // One that was told to stop before it was up says nothing of how it would have started.
        if fate.start.is_none() && fate.stop.is_none() {
            fate.start = Some(Start {
                took: at.time - fate.asked,
                answer,
                number: at.number,
            });
        }
    }
}

/// How long machines take for what was not seen.
#[derive(Clone, Debug)]
pub(super) struct Usual {
    /// How long those took that came up.
    all: Vec<Duration>,
    of_kind: Vec<Vec<Duration>>,
    /// From being told to stop to their end, on average.
    pub(super) stopping: Option<Duration>,
}

impl Usual {
    /// All take so long, and are gone at once.
    pub(super) fn fixed(start: Duration, kinds: usize) -> Usual {
        Usual {
            all: vec![start],
            of_kind: vec![Vec::new(); kinds],
            stopping: None,
        }
    }

    /// For other kinds, of which each has the starts of one that was recorded, or of all.
    pub(super) fn of_others(&self, was: &[Option<KindId>]) -> Usual {
        let of_kind = was.iter().map(|was| {
            let was = was.and_then(|was| self.of_kind.get(usize::from(was.0)));
            was.cloned().unwrap_or_default()
        });
        Usual {
            all: self.all.clone(),
            of_kind: of_kind.collect(),
            stopping: self.stopping,
        }
    }

    /// As the recorded ones of the kind, one after the other; of a kind of which none came up, as all others.
    pub(super) fn start(&self, kind: KindId, nth: usize) -> Duration {
        let of_kind = self.of_kind.get(usize::from(kind.0));
        let starts = of_kind.filter(|it| !it.is_empty()).unwrap_or(&self.all);
        let nth = nth.checked_rem(starts.len());
        nth.map_or(Duration::ZERO, |nth| starts[nth])
    }
}
