//! Explanations for people: what the manager says of a request, in classes and counts, and in time where the run knows how long
//! things took.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::{self, Write};

use remuda::{Demand, Event, Explanation, Instant, MachineId, Manager, Obstacle, RequestId, Wait};

use super::decisions::Decisions;
use super::findings::count;
use super::input::Input;
use super::items::Item;
use super::lives::{End, Life, Lives, Point};
use super::names::named;
use super::span::Brief;

/// So many of a kind are told one by one; more in one line.
const ONE_BY_ONE: usize = 3;

/// A recorded run: what became of its requests, and what they are for, where that was noted.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    lives: Lives,
    names: HashMap<RequestId, String>,
}

impl Recorded {
    /// All of a run that can be read.
    pub(crate) fn of(input: &Input) -> Recorded {
        let mut recorded = Recorded::default();
        let Ok(mut decisions) = Decisions::new(input) else {
            return recorded;
        };
        recorded.lives = Lives::new(decisions.manager());
        // What cannot be read is not known.
        while let Ok(Some(it)) = decisions.next() {
            recorded
                .lives
                .take_in(it.number, it.time, it.event, &it.actions);
        }
        for item in input.items() {
            if let Ok(Item::Note(note)) = item
                && let Some((request, name)) = named(&note)
            {
                recorded.names.insert(request, name);
            }
        }
        recorded
    }

    pub(crate) fn known(&self) -> Known<'_> {
        Known::new(&self.lives, &self.names)
    }
}

/// What is known of a run, before the moment that is looked at and after it.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    lives: &'a Lives,
    by_id: HashMap<RequestId, Vec<usize>>,
    names: &'a HashMap<RequestId, String>,
}

impl<'a> Known<'a> {
    /// `names` say what requests are for.
    pub(crate) fn new(lives: &'a Lives, names: &'a HashMap<RequestId, String>) -> Known<'a> {
        let mut by_id: HashMap<RequestId, Vec<usize>> = HashMap::new();
        for (index, life) in lives.all.iter().enumerate() {
            by_id.entry(life.key.0).or_default().push(index);
        }
        Known {
            lives,
            by_id,
            names,
        }
    }

    /// The request that went by this id after event `number`.
    fn life(&self, request: RequestId, number: u64) -> Option<&Life> {
        let lives = self
            .by_id
            .get(&request)?
            .iter()
            .map(|at| &self.lives.all[*at]);
        let mut lives = lives.filter(|life| life.end.is_none_or(|(at, _)| at.number > number));
        lives.next()
    }

    /// How long requests for this had run on average that had ended well after event `number`.
    fn usual(&self, demand: Demand, number: u64) -> Option<u64> {
        let (mut sum, mut many) = (0_u128, 0_u128);
        for life in self.lives.all.iter().filter(|it| it.spec.demand == demand) {
            if let (Some((granted, _)), Some((at, End::Done(_)))) = (life.granted, life.end)
                && at.number <= number
            {
                sum += u128::from(at.time.0 - granted.time.0);
                many += 1;
            }
        }
        sum.checked_div(many).and_then(|it| u64::try_from(it).ok())
    }
}

/// A request, and what it is for where that is known.
struct Called<'a>(RequestId, &'a Known<'a>);

impl fmt::Display for Called<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Called(request, known) = self;
        match known.names.get(request) {
            Some(name) => write!(f, "{request} ({name})"),
            None => request.fmt(f),
        }
    }
}

/// Prints an explanation of the moment after event `number`.
///
/// # Errors
/// Those of `out`.
pub(crate) fn print(
    explanation: &Explanation,
    manager: &Manager,
    known: &Known<'_>,
    number: u64,
    out: &mut impl Write,
) -> io::Result<()> {
    let Explanation::Queued(wait) = explanation else {
        return writeln!(out, "{explanation}");
    };
    let text = Text {
        wait,
        manager,
        known,
        number,
    };
    text.print(out)
}

struct Text<'a> {
    wait: &'a Wait,
    manager: &'a Manager,
    known: &'a Known<'a>,
    number: u64,
}

impl Text<'_> {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let wait = self.wait;
        let request = self.called(wait.request);
        writeln!(
            out,
            "{request} waits for {}; before it: {}.",
            self.asked(wait.demand),
            count(wait.ahead, "request")
        )?;
        match (wait.held, wait.turn) {
            (Some(machine), _) => writeln!(out, "{machine} is held for it.")?,
            (None, Some(0)) => writeln!(out, "Its turn to have a machine held for it has come.")?,
            (None, Some(procs)) => {
                let procs = count(procs, "more proc");
                writeln!(out, "Its turn comes when {procs} are granted to others.")?;
            }
            (None, None) => {}
        }
        self.machines(out)?;
        match &wait.growth[..] {
            [only] => {
                let kind = format!("Growth of {}", only.kind);
                writeln!(out, "{}.", only.to_string().replacen(&kind, "Growth", 1))?;
            }
            kinds => kinds.iter().try_for_each(|kind| writeln!(out, "{kind}."))?,
        }
        match &wait.placed_by {
            None => writeln!(out, "No sequence of events is known that places it.")?,
            Some(way) => self.way(way, out)?,
        }
        self.afterwards(out)
    }

    /// Machines that are in the way for the same reason are told of together.
    fn machines(&self, out: &mut impl Write) -> io::Result<()> {
        let mut reasons: Vec<(String, Vec<MachineId>)> = Vec::new();
        let mut places = HashMap::new();
        for (machine, obstacle) in &self.wait.machines {
            let reason = match obstacle {
                // Each has its own.
                Obstacle::Held { .. } => format!("{obstacle}\0{machine}"),
                obstacle => obstacle.to_string(),
            };
            let place = *places.entry(reason.clone()).or_insert_with(|| {
                reasons.push((reason, Vec::new()));
                reasons.len() - 1
            });
            reasons[place].1.push(*machine);
        }
        for (reason, machines) in &reasons {
            let reason = reason.split('\0').next().unwrap_or_default();
            if machines.len() <= ONE_BY_ONE {
                for machine in machines {
                    writeln!(out, "{machine} {reason}.")?;
                }
            } else {
                let many = machines.len();
                writeln!(out, "{many} machines ({}): each {reason}.", ends(machines))?;
            }
        }
        Ok(())
    }

    /// The sequence of events that places it.
    fn way(&self, way: &[(Instant, Event)], out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "The shortest sequence known to place it:")?;
        let mut rest = way;
        while let Some((at, first)) = rest.first() {
            let alike = |(time, event): &&(Instant, Event)| {
                time == at && std::mem::discriminant(event) == std::mem::discriminant(first)
            };
            let many = rest.iter().take_while(alike).count();
            let (group, behind) = rest.split_at(many);
            rest = behind;
            if many <= ONE_BY_ONE {
                for (at, event) in group {
                    writeln!(out, "  at {at}: {}{}", self.said(event), self.took(event))?;
                }
                continue;
            }
            let requests: Vec<RequestId> = group.iter().filter_map(|(_, it)| request(it)).collect();
            let machines: Vec<MachineId> = group.iter().filter_map(|(_, it)| machine(it)).collect();
            match first {
                Event::Done { .. } => self.done(*at, &requests, out)?,
                Event::Cancel { .. } => {
                    let of = self.wait.ahead;
                    writeln!(
                        out,
                        "  at {at}: {many} of the {of} that wait before it are cancelled ({})",
                        self.ends(&requests)
                    )?;
                }
                Event::Up { .. } => {
                    writeln!(
                        out,
                        "  at {at}: {many} machines come up ({})",
                        ends(&machines)
                    )?;
                }
                Event::Stopped { .. } => {
                    writeln!(
                        out,
                        "  at {at}: {many} machines are gone ({})",
                        ends(&machines)
                    )?;
                }
                _ => writeln!(out, "  at {at}: {} ({many} times)", self.said(first))?,
            }
        }
        Ok(())
    }

    /// Many requests are done: how many of those that run and of those before it, what they ask for, and how long such take.
    fn done(&self, at: Instant, requests: &[RequestId], out: &mut impl Write) -> io::Result<()> {
        let (running, ahead) = (self.manager.counts().running, self.wait.ahead);
        let queue = self.manager.queue().map(|waiting| waiting.request);
        let before: HashSet<RequestId> = queue.take_while(|it| *it != self.wait.request).collect();
        let runs = |request: &RequestId| self.manager.machine_of(*request).is_some();
        let many = requests.len();
        let now = requests.iter().filter(|it| runs(it)).count();
        let first = requests.iter().filter(|it| before.contains(it)).count();
        let mut parts = Vec::new();
        if running > 0 {
            parts.push(format!("{now} of the {running} that run"));
        }
        if ahead > 0 {
            parts.push(format!("{first} of the {ahead} that wait before it"));
        }
        let of = match (many - now - first, &parts[..]) {
            (0, [one]) => format!("{one} end"),
            (0, _) => format!(
                "{many} of the {} that run or wait before it end: {}",
                running + ahead,
                parts.join(", ")
            ),
            // Smaller ones, which run in the meantime.
            (behind, _) => format!(
                "{many} requests end: {}, {behind} that come behind it",
                parts.join(", ")
            ),
        };
        writeln!(out, "  at {at}: {of} ({})", self.ends(requests))?;
        let mut classes: BTreeMap<String, (u64, Option<u64>)> = BTreeMap::new();
        for request in requests {
            if let Some(demand) = self.demand(*request) {
                let usual = || self.known.usual(demand, self.number);
                let class = classes
                    .entry(self.asked(demand))
                    .or_insert_with(|| (0, usual()));
                class.0 += 1;
            }
        }
        for (asked, (many, usual)) in &classes {
            if classes.len() == 1 && usual.is_none() {
                continue;
            }
            let took = usual.map_or_else(String::new, |usual| {
                format!(", which took {} on average so far", Brief(usual.into()))
            });
            writeln!(out, "    {many} for {asked}{took}")?;
        }
        Ok(())
    }

    /// When what is done was done in the run, if that is known.
    fn took(&self, event: &Event) -> String {
        let ended = request(event).and_then(|request| self.known.life(request, self.number)?.end);
        match (event, ended) {
            (Event::Done { .. }, Some((at, End::Done(_)))) => {
                format!(" (in the run: {})", self.later(at))
            }
            _ => String::new(),
        }
    }

    /// What became of it in the run.
    fn afterwards(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(life) = self.known.life(self.wait.request, self.number) else {
            return Ok(());
        };
        if let Some((at, machine)) = life.granted {
            return writeln!(
                out,
                "In the run it was placed on {machine}, {}.",
                self.later(at)
            );
        }
        match life.end {
            Some((at, End::Cancelled)) => {
                writeln!(out, "In the run it was cancelled, {}.", self.later(at))
            }
            Some((at, End::Expired)) => {
                writeln!(out, "In the run it was given up, {}.", self.later(at))
            }
            _ => Ok(()),
        }
    }

    fn later(&self, at: Point) -> String {
        let passed = at.time.0.saturating_sub(self.manager.now().0);
        format!("{} later, at event #{}", Brief(passed.into()), at.number)
    }

    fn called(&self, request: RequestId) -> Called<'_> {
        Called(request, self.known)
    }

    /// An event of a sequence in words.
    fn said(&self, event: &Event) -> String {
        match event {
            Event::Done { request, .. } => format!("{} is done", self.called(*request)),
            Event::Up { machine, .. } => format!("{machine} comes up"),
            Event::Stopped { machine } => format!("{machine} is gone"),
            Event::Cancel { request } => format!("{} is cancelled", self.called(*request)),
            Event::Timer => "the timer fires".to_owned(),
            // No other is ever tried.
            other => format!("{other:?}"),
        }
    }

    /// The first and the last of many requests.
    fn ends(&self, requests: &[RequestId]) -> String {
        let called: Vec<_> = requests.iter().map(|it| self.called(*it)).collect();
        ends(&called)
    }

    fn demand(&self, request: RequestId) -> Option<Demand> {
        Some(self.known.life(request, self.number)?.spec.demand)
    }

    fn asked(&self, demand: Demand) -> String {
        let Demand::Amounts(amounts) = demand else {
            return "a whole machine".to_owned();
        };
        let named = amounts
            .amounts()
            .into_iter()
            .zip(&self.manager.config().names);
        let said = named.filter(|(amount, _)| *amount > 0).map(|it| match it {
            (1, name) if name == "procs" => "1 proc".to_owned(),
            (amount, name) => format!("{amount} {name}"),
        });
        said.collect::<Vec<_>>().join(", ")
    }
}

fn request(event: &Event) -> Option<RequestId> {
    match event {
        Event::Done { request, .. } | Event::Cancel { request } => Some(*request),
        _ => None,
    }
}

fn machine(event: &Event) -> Option<MachineId> {
    match event {
        Event::Up { machine, .. } | Event::Stopped { machine } => Some(*machine),
        _ => None,
    }
}

/// The first and the last of many.
fn ends<T: fmt::Display>(many: &[T]) -> String {
    match many {
        [first, second, _, _, .., last] => {
            format!("{first}, {second}, …, {last}")
        }
        few => few
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}
