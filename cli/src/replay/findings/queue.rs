//! What requests waited for: machines that were held for others, and limits that kept a cluster from growing.
use std::collections::{BTreeSet, HashMap};

use remuda::{
    Action, Config, Demand, Event, KindId, MachineId, Manager, Notice, RequestId, Resources, Submit,
};

use super::machines::Stories;
use super::{Finding, Names, Point, Some3, Sort, count};
use crate::replay::span::Brief;

/// Of a longer queue, only the first are looked at behind a hold.
const LOOKED_AT: usize = 1000;

/// The requests that wait.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queued: HashMap<RequestId, Queued>,
    /// Those that last, and those that are over.
    holds: Vec<Hold>,
    held: Vec<Hold>,
    /// For how long each kind could not grow so far, and since when it cannot.
    limited: Vec<Limited>,
    max_procs: u64,
    capacities: Vec<Resources>,
    /// Waits under a limit.
    waits: Vec<Waited>,
}

#[derive(Clone, Debug)]
struct Queued {
    spec: Submit,
    at: Point,
    /// The time under a limit of each kind, when it came.
    limited: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Hold {
    request: RequestId,
    machine: MachineId,
    from: Point,
    to: Option<Point>,
    /// What was free there when the queue was last looked through.
    free: Option<Resources>,
    behind: BTreeSet<RequestId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Limited {
    total: u64,
    since: Option<u64>,
    by_max: bool,
    first: Option<u64>,
}

impl Limited {
    fn at(&self, now: u64) -> u64 {
        self.total + self.since.map_or(0, |since| now - since)
    }
}

/// A request that waited while the kind on which it fits could not grow.
#[derive(Clone, Copy, Debug)]
struct Waited {
    request: RequestId,
    kind: KindId,
    nanos: u64,
    from: u64,
    to: u64,
}

impl Waiters {
    pub(super) fn begin(&mut self, manager: &Manager) {
        let Config {
            kinds, max_procs, ..
        } = manager.config();
        self.max_procs = *max_procs;
        self.capacities = kinds.iter().map(|kind| kind.capacity).collect();
        self.limited = vec![Limited::default(); kinds.len()];
        let at = Point {
            time: manager.now(),
            number: 0,
        };
        for waiting in manager.queue() {
            self.add(waiting.request, waiting.spec, at);
        }
    }

    pub(super) fn step(
        &mut self,
        event: Option<&Event>,
        actions: &[Action],
        at: Point,
        manager: &Manager,
        stories: &Stories,
    ) {
        match event {
            Some(&Event::Submit { request, spec }) => self.add(request, spec, at),
            Some(&Event::Cancel { request }) => {
                self.queued.remove(&request);
            }
            Some(&Event::SetMaxProcs { max_procs }) => self.max_procs = max_procs,
            _ => {}
        }
        for action in actions {
            match *action {
                Action::Grant { request, .. } => self.granted(request, at),
                Action::Cancelled { request } | Action::Expired { request } => {
                    self.queued.remove(&request);
                }
                Action::Notice(Notice::Held { request, machine }) => self.holds.push(Hold {
                    request,
                    machine,
                    from: at,
                    to: None,
                    free: None,
                    behind: BTreeSet::new(),
                }),
                _ => {}
            }
        }
        self.limit(at, manager, stories);
        let submitted = match event {
            Some(&Event::Submit { request, spec }) => Some((request, spec)),
            _ => None,
        };
        self.look_behind(submitted, at, manager);
    }

    fn add(&mut self, request: RequestId, spec: Submit, at: Point) {
        let limited = self.limited.iter().map(|it| it.at(at.time.0)).collect();
        self.queued.insert(request, Queued { spec, at, limited });
    }

    fn granted(&mut self, request: RequestId, at: Point) {
        if let Some(queued) = self.queued.remove(&request) {
            self.waits.extend(self.waited(request, &queued, at));
        }
    }

    /// How long it waited while none of the kinds on which it fits could grow.
    fn waited(&self, request: RequestId, queued: &Queued, to: Point) -> Option<Waited> {
        let numbered = (0..).map(KindId).zip(&self.capacities);
        let fits = numbered.filter(|(kind, capacity)| {
            queued.spec.kinds.contains(*kind)
                && match queued.spec.demand {
                    Demand::Amounts(amounts) => amounts.fits(**capacity),
                    Demand::Machine => true,
                }
        });
        let under = fits.map(|(kind, _)| {
            let index = usize::from(kind.0);
            let nanos = self.limited[index].at(to.time.0) - queued.limited[index];
            (nanos, kind)
        });
        let (nanos, kind) = under.min()?;
        (nanos > 0).then_some(Waited {
            request,
            kind,
            nanos,
            from: queued.at.number,
            to: to.number,
        })
    }

    /// Which kinds can grow now.
    fn limit(&mut self, at: Point, manager: &Manager, stories: &Stories) {
        let kinds = || (0..).map(KindId).zip(&self.capacities);
        let procs = |(kind, capacity): (KindId, &Resources)| {
            stories.there(kind) * u64::from(capacity.proc_count())
        };
        let there: u64 = kinds().map(procs).sum();
        let startable = &manager.config().kinds;
        for ((kind, capacity), (limited, config)) in
            kinds().zip(self.limited.iter_mut().zip(startable))
        {
            let max = stories.limits(kind).map_or(u32::MAX, |it| it.max);
            let by_max = stories.there(kind) >= u64::from(max);
            let one = u64::from(capacity.proc_count());
            let is = config.startable && (by_max || there.saturating_add(one) > self.max_procs);
            // What is pending may well be what they wait for.
            let is = is && !stories.is_pending(kind) && !manager.is_shut_down();
            if is {
                limited.by_max = by_max;
                limited.first.get_or_insert(at.number);
                limited.since.get_or_insert(at.time.0);
            } else if let Some(since) = limited.since.take() {
                limited.total += at.time.0 - since;
            }
        }
    }

    /// Who fits on a machine that is held for another: of the whole queue when what is free there has changed, else of what
    /// has just come.
    fn look_behind(
        &mut self,
        submitted: Option<(RequestId, Submit)>,
        at: Point,
        manager: &Manager,
    ) {
        for mut hold in std::mem::take(&mut self.holds) {
            let machine = manager.machine(hold.machine);
            let Some(machine) = machine.filter(|it| it.held_for() == Some(hold.request)) else {
                hold.to = Some(at);
                self.held.push(hold);
                continue;
            };
            let (offer, used) = (machine.offer().amounts(), machine.used().amounts());
            let free = std::array::from_fn(|amount| offer[amount].saturating_sub(used[amount]));
            let free = Resources::new(free);
            let (holder, empty) = (hold.request, machine.running().next().is_none());
            let fits = |request: RequestId, spec: &Submit| {
                request != holder
                    && spec.kinds.contains(machine.kind())
                    && match spec.demand {
                        Demand::Amounts(amounts) => amounts.fits(free),
                        Demand::Machine => empty,
                    }
            };
            if hold.free.replace(free) != Some(free) {
                let queue = manager.queue().take(LOOKED_AT);
                let behind = queue.filter(|waiting| fits(waiting.request, &waiting.spec));
                hold.behind.extend(behind.map(|waiting| waiting.request));
            } else if let Some((request, spec)) = submitted
                && self.queued.contains_key(&request)
                && fits(request, &spec)
            {
                hold.behind.insert(request);
            }
            self.holds.push(hold);
        }
    }

    pub(super) fn findings(
        &self,
        names: &Names,
        end: Point,
        boot: impl Fn(KindId) -> u64,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        found.extend(self.behind_holds(end));
        let unplaced = self.queued.iter();
        let unplaced = unplaced.filter_map(|(id, queued)| self.waited(*id, queued, end));
        let mut waits: Vec<Waited> = self.waits.iter().copied().chain(unplaced).collect();
        waits.sort_by_key(|it| (it.from, it.request));
        for (index, limited) in self.limited.iter().enumerate() {
            let kind = KindId(u8::try_from(index).unwrap_or(u8::MAX));
            // A machine that comes up later ends no wait.
            let boot = boot(kind);
            let of_kind = waits
                .iter()
                .filter(|it| it.kind == kind && it.nanos > boot)
                .copied();
            found.extend(larger_max(
                limited,
                &of_kind.collect::<Vec<_>>(),
                kind,
                names,
                end,
            ));
        }
        found
    }

    fn behind_holds(&self, end: Point) -> Option<Finding> {
        let holds = self.held.iter().chain(&self.holds);
        let holds = holds.filter(|hold| !hold.behind.is_empty());
        let holds: Vec<&Hold> = holds.collect();
        let behind: BTreeSet<_> = holds.iter().flat_map(|hold| &hold.behind).collect();
        let to = |hold: &Hold| hold.to.unwrap_or(end);
        let took = |hold: &&Hold| to(hold).time.0 - hold.from.time.0;
        let longest = holds.iter().max_by_key(|hold| took(hold))?;
        let (machine, request) = (longest.machine, longest.request);
        Some(Finding {
            finding: Sort::BehindHold,
            text: format!(
                "{} waited while a machine on which they fit was held for another, {} in {}; the longest: {machine} for {request}, {}, from #{} to #{}; with a larger patience machines are held later",
                count(behind.len() as u64, "request"),
                Brief(holds.iter().map(|it| u128::from(took(it))).sum()),
                count(holds.len() as u64, "hold"),
                Brief(took(longest).into()),
                longest.from.number,
                to(longest).number
            ),
            events: holds.iter().map(|hold| hold.from.number).collect(),
        })
    }
}

fn larger_max(
    limited: &Limited,
    waits: &[Waited],
    kind: KindId,
    names: &Names,
    end: Point,
) -> Option<Finding> {
    let longest = waits.iter().max_by_key(|it| it.nanos)?;
    let total: u128 = waits.iter().map(|it| u128::from(it.nanos)).sum();
    let limit = if limited.by_max { "max" } else { "max_procs" };
    let requests: Vec<RequestId> = waits.iter().map(|it| it.request).collect();
    Some(Finding {
        finding: Sort::LargerMax,
        text: format!(
            "a larger {limit} would have ended waits: {} could not grow for {}, first at #{}, and {} ({}) waited for longer than a machine takes to start, {} together; the longest: {}, {}, from #{} to #{}",
            names.of(kind),
            Brief(limited.at(end.time.0).into()),
            limited.first.unwrap_or(0),
            count(waits.len() as u64, "request"),
            Some3(&requests),
            Brief(total),
            longest.request,
            Brief(longest.nanos.into()),
            longest.from,
            longest.to
        ),
        events: waits.iter().map(|it| it.from).collect(),
    })
}
