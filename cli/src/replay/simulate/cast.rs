//! The machines of a simulated run, each with the fate of a recorded one: the first of its kind that is asked for has that of
//! the first one, and so on.
use std::collections::HashMap;
use std::time::Duration;

use remuda::{Config, Event, KindId, MachineId, Resources, Submit};

use super::super::lives::Point;
use super::fates::{Answer, Fate, Fates, Usual};

/// The machines of a simulated run.
pub(super) struct Cast<'a> {
    fates: &'a Fates,
    usual: &'a Usual,
    /// What a machine of each kind has, in the run and here.
    capacities: [Vec<Resources>; 2],
    machines: HashMap<MachineId, Machine>,
    /// Which machine has the fate of each recorded one.
    by_fate: HashMap<usize, MachineId>,
    /// How many were asked for, by kind.
    asked: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Machine {
    /// The recorded one whose fate it has.
    fate: Option<usize>,
    kind: KindId,
    polls: usize,
}

/// How long something takes, and after which recorded event it comes, if after one.
pub(super) type After = (Duration, Option<u64>);

impl<'a> Cast<'a> {
    /// For a run under this config of the machines that were recorded under that one.
    pub(super) fn new(
        fates: &'a Fates,
        usual: &'a Usual,
        recorded: &Config,
        config: &Config,
    ) -> Cast<'a> {
        let of = |config: &Config| config.kinds.iter().map(|kind| kind.capacity).collect();
        Cast {
            fates,
            usual,
            capacities: [of(recorded), of(config)],
            machines: HashMap::new(),
            by_fate: HashMap::new(),
            asked: vec![0; config.kinds.len()],
        }
    }

    /// A machine is asked for: when its start is answered.
    pub(super) fn start(&mut self, machine: MachineId, kind: KindId) -> After {
        let asked = &mut self.asked[usize::from(kind.0)];
        let nth = *asked;
        *asked += 1;
        let recorded = self.fates.of_kind.get(usize::from(kind.0));
        let fate = recorded.and_then(|of_kind| of_kind.get(nth).copied());
        self.add(machine, kind, fate);
        match self.fate(machine).and_then(|fate| fate.start) {
            Some(start) => (start.took, Some(start.number)),
            None => {
                let beyond = nth - recorded.map_or(0, Vec::len).min(nth);
                (self.usual.start(kind, beyond), None)
            }
        }
    }

    /// The answer to its start.
    pub(super) fn started(&self, machine: MachineId) -> Event {
        let start = self.fate(machine).and_then(|fate| fate.start);
        match start.map(|it| it.answer) {
            Some(Answer::Failed(hint)) => Event::StartFailed { machine, hint },
            Some(Answer::Up(offer)) => {
                let kind = self.machines[&machine].kind;
                let offer = offer.and_then(|offer| self.offer(kind, offer));
                Event::Up { machine, offer }
            }
            None => Event::Up {
                machine,
                offer: None,
            },
        }
    }

    /// A recorded machine joins; none if there is no such kind.
    pub(super) fn join(&mut self, index: usize) -> Option<Event> {
        let fate = &self.fates.all[index];
        let (machine, kind) = (fate.machine, fate.kind);
        self.capacities[1].get(usize::from(kind.0))?;
        let offer = match fate.start.map(|it| it.answer) {
            Some(Answer::Up(Some(offer))) => self.offer(kind, offer),
            _ => None,
        };
        self.add(machine, kind, Some(index));
        Some(Event::Join {
            machine,
            kind,
            offer,
        })
    }

    /// When it is lost, if it was.
    pub(super) fn loss(&self, machine: MachineId) -> Option<Point> {
        self.fate(machine)?.lost
    }

    /// How long it is there when it was told to stop.
    pub(super) fn stop(&self, machine: MachineId) -> After {
        match self.fate(machine).and_then(|fate| fate.stopping) {
            Some((took, number)) => (took, Some(number)),
            None => (self.usual.stopping.unwrap_or_default(), None),
        }
    }

    /// It is polled: when it answers, if it does. One that was lost in silence answers as it did, poll by poll, and after the
    /// last none; all others do at once.
    pub(super) fn poll(&mut self, machine: MachineId) -> (After, bool) {
        let at_once = ((Duration::ZERO, None), true);
        let Some(polled) = self.machines.get_mut(&machine) else {
            return at_once;
        };
        let nth = polled.polls;
        polled.polls += 1;
        let polls = self.fate(machine).filter(|fate| fate.silent);
        let poll = polls.and_then(|fate| fate.polls.get(nth).or(fate.polls.last()));
        poll.map_or(at_once, |poll| {
            ((poll.took, Some(poll.number)), poll.answered)
        })
    }

    /// The machine that has the fate of a recorded one.
    pub(super) fn of_fate(&self, index: usize) -> Option<MachineId> {
        self.by_fate.get(&index).copied()
    }

    /// The same with the machines that have the fates of those that it names.
    pub(super) fn spec(&self, mut spec: Submit) -> Submit {
        let here = |machine: MachineId| {
            let fate = self.fates.by_id.get(&machine);
            let here = fate.and_then(|fate| self.of_fate(*fate));
            here.unwrap_or(machine)
        };
        spec.prefer = spec.prefer.map(here);
        spec.avoid = spec.avoid.map(here);
        spec
    }

    fn fate(&self, machine: MachineId) -> Option<&'a Fate> {
        let fate = self.machines.get(&machine)?.fate?;
        self.fates.all.get(fate)
    }

    fn add(&mut self, machine: MachineId, kind: KindId, fate: Option<usize>) {
        if let Some(fate) = fate {
            self.by_fate.insert(fate, machine);
        }
        let polls = 0;
        self.machines.insert(machine, Machine { fate, kind, polls });
    }

    /// What a machine of a kind offers that offered this in the run: if its capacity is another one now, and it offered all,
    /// then all.
    fn offer(&self, kind: KindId, offer: Resources) -> Option<Resources> {
        let capacities = self.capacities.each_ref();
        let [was, now] = capacities.map(|it| it.get(usize::from(kind.0)));
        match was {
            Some(was) if Some(was) != now && was.fits(offer) => None,
            _ => Some(offer),
        }
    }
}
