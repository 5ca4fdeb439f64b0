//! What a run comes to: events, machines, probation, waits, utilisation. Whole numbers all; only what is shown is rounded.
mod text;

use std::collections::{BTreeMap, HashMap};
use std::io;

use remuda::journal::Note;
use remuda::{
    Action, Config, Demand, Event, Instant, KindId, Loss, MachineId, Manager, Notice, Recovery,
    RequestId,
};
use serde::Serialize;

use super::fleet::{Fleet, Machine, Reason};
use super::items::Step;
use super::play::Watch;
use super::waits::Waits;

/// The names of the events, in the order they are shown.
const EVENTS: [&str; 20] = [
    "submit",
    "cancel",
    "done",
    "join",
    "up",
    "start-failed",
    "stopped",
    "drain",
    "keep",
    "limits",
    "max-procs",
    "assign",
    "discard",
    "once",
    "once-done",
    "forget",
    "polled",
    "timer",
    "shutdown",
    "other",
];

/// Sums of a run, or a part of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    events: [u64; EVENTS.len()],
    rejected: u64,
    span: Option<(Instant, Instant)>,
    fleet: Fleet,
    machines: Machines,
    stops: Stops,
    probation: Probation,
    /// Of each kind.
    kinds: Vec<Kind>,
    requests: Requests,
    waits: Waits,
    known: HashMap<RequestId, Known>,
    /// Procs of the grants that run.
    used: u64,
    procs: Procs,
    last: Option<Last>,
}

/// A request that waits or runs.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// None: before the recording began.
    submitted: Option<Instant>,
    priority: i64,
    demand: Demand,
    /// Where it runs, and the procs that it takes there.
    runs: Option<(KindId, u32)>,
}

/// How it was after the last event.
#[derive(Clone, Copy, Debug)]
struct Last {
    time: Instant,
    have: u64,
    used: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Machines {
    asked_for: u64,
    up: u64,
    start_failed: u64,
    lost_stopped: u64,
    lost_silent: u64,
    /// After the shutdown.
    ended: u64,
}

/// Machines that were not wanted any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Stops {
    /// Machines that nobody had asked for.
    joined: u64,
    drains: u64,
    kept: u64,
    /// Told to stop because they were idle.
    idle: u64,
    /// Told to stop because they had drained.
    drained: u64,
    /// Told to stop while they were pending.
    withdrawn: u64,
    /// Gone, as they were told to.
    ended: u64,
}

/// A kind of machine. The sums of all kinds are those of the run.
#[derive(Clone, Debug, Serialize)]
struct Kind {
    capacity: String,
    asked_for: u64,
    joined: u64,
    up: u64,
    start_failed: u64,
    lost: u64,
    ended: u64,
    granted: u64,
    /// In proc-nanoseconds.
    #[serde(serialize_with = "whole_number")]
    procs_granted: u128,
    #[serde(skip)]
    used: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Probation {
    begun: u64,
    ended_by_success: u64,
    ended_by_time: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Requests {
    granted: u64,
    lost: u64,
    cancelled: u64,
    /// Given up in time (Q1).
    expired: u64,
    /// How often a machine was held for one (P4).
    held: u64,
    /// That no machine is expected to hold (G1).
    no_home: u64,
    /// At the end.
    queued: u64,
    running: u64,
}

/// In proc-nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Procs {
    granted: u128,
    in_service: u128,
}

fn event_name(event: &Event) -> usize {
    match event {
        Event::Submit { .. } => 0,
        Event::Cancel { .. } => 1,
        Event::Done { .. } => 2,
        Event::Join { .. } => 3,
        Event::Up { .. } => 4,
        Event::StartFailed { .. } => 5,
        Event::Stopped { .. } => 6,
        Event::Drain { .. } => 7,
        Event::Keep { .. } => 8,
        Event::SetLimits { .. } => 9,
        Event::SetMaxProcs { .. } => 10,
        Event::AssignTask { .. } => 11,
        Event::DiscardTask { .. } => 12,
        Event::Once { .. } => 13,
        Event::OnceDone { .. } => 14,
        Event::ForgetOnce { .. } => 15,
        Event::Polled { .. } => 16,
        Event::Timer => 17,
        Event::Shutdown => 18,
        _ => 19,
    }
}

impl Watch for Tally {
    fn begin(&mut self, manager: &Manager) {
        self.fleet = Fleet::new(manager);
        self.kinds = kinds(manager.config());
        for waiting in manager.queue() {
            let known = Known {
                submitted: None,
                priority: waiting.spec.priority,
                demand: waiting.spec.demand,
                runs: None,
            };
            self.known.insert(waiting.request, known);
        }
        for machine in manager.machines() {
            for (request, taken) in machine.grants() {
                let known = Known {
                    submitted: None,
                    priority: 0,
                    demand: taken.into(),
                    runs: None,
                };
                self.known.insert(request, known);
                self.run(request, machine.id());
            }
        }
    }

    fn step(
        &mut self,
        step: &Step<'_>,
        actions: &[Action],
        manager: &Manager,
        selected: bool,
    ) -> io::Result<()> {
        if let Some(last) = self.last {
            let nanos = u128::from(step.time.0.saturating_sub(last.time.0));
            self.procs.granted += u128::from(last.used) * nanos;
            self.procs.in_service += u128::from(last.have) * nanos;
            for kind in &mut self.kinds {
                kind.procs_granted += u128::from(kind.used) * nanos;
            }
        }
        let rejected = actions.iter().any(|it| matches!(it, Action::Reject(_)));
        self.fleet.event(&step.event, actions, rejected);
        // What was due came before the event (F10), and may have granted what is then cancelled or done.
        let last = matches!(step.event, Event::Cancel { .. } | Event::Done { .. });
        if !rejected && !last {
            self.take_in(step, manager, selected);
        }
        for action in actions {
            self.answer(action, step, manager, selected);
        }
        if !rejected && last {
            self.take_in(step, manager, selected);
        }
        if let Some(machine) = self.fleet.after(&step.event, rejected) {
            self.failed_to_start(machine, selected);
        }
        if selected {
            self.events[event_name(&step.event)] += 1;
            self.rejected += u64::from(rejected);
            let begun = self.span.map_or(step.time, |(begun, _)| begun);
            self.span = Some((begun, step.time));
            let counts = manager.counts();
            (self.requests.queued, self.requests.running) = (counts.queued, counts.running);
        }
        // What lies before the first event that is selected is not of the part.
        self.last = selected.then(|| Last {
            time: manager.now(),
            have: self.fleet.procs_in_service(),
            used: self.used,
        });
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

fn kinds(config: &Config) -> Vec<Kind> {
    let of = |kind: &remuda::Kind| Kind {
        capacity: kind.capacity.to_string(),
        asked_for: 0,
        joined: 0,
        up: 0,
        start_failed: 0,
        lost: 0,
        ended: 0,
        granted: 0,
        procs_granted: 0,
        used: 0,
    };
    config.kinds.iter().map(of).collect()
}

fn whole(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

fn whole_number<S: serde::Serializer>(nanos: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(whole(*nanos))
}

impl Tally {
    /// An event that was not rejected.
    fn take_in(&mut self, step: &Step<'_>, manager: &Manager, selected: bool) {
        let one = u64::from(selected);
        match step.event {
            Event::Submit { request, spec } => {
                let known = Known {
                    // The manager's time, which stays where it is when the clock steps back (F5).
                    submitted: Some(manager.now()),
                    priority: spec.priority,
                    demand: spec.demand,
                    runs: None,
                };
                self.known.insert(request, known);
            }
            Event::Done { request, .. } => self.end(request),
            // If it runs, the cancel changes nothing: its client must still say done (S6).
            Event::Cancel { request }
                if self.known.get(&request).is_some_and(|it| it.runs.is_none()) =>
            {
                self.end(request);
                self.requests.cancelled += one;
            }
            Event::Up { machine, .. } => {
                if let Some(machine) = self.fleet.get(machine).filter(|it| it.up) {
                    self.machines.up += one;
                    self.kind(machine.kind).up += one;
                }
            }
            Event::Join { kind, .. } => {
                self.stops.joined += one;
                self.kind(kind).joined += one;
            }
            _ => {}
        }
    }

    fn answer(&mut self, action: &Action, step: &Step<'_>, manager: &Manager, selected: bool) {
        let one = u64::from(selected);
        let (Action::Notice(Notice::MachineLost { machine, .. } | Notice::Ended { machine })
        | Action::Grant { machine, .. }) = *action
        else {
            return self.answer_of_no_machine(action, selected);
        };
        let there = self.fleet.get(machine);
        self.fleet.action(action);
        match *action {
            Action::Grant { request, .. } => {
                self.run(request, machine);
                self.grant(request, manager.now(), selected);
            }
            Action::Notice(Notice::MachineLost { by, .. }) => {
                match by {
                    _ if manager.is_shut_down() && step.event != Event::Shutdown => {
                        self.machines.ended += one;
                    }
                    Loss::Silence => self.machines.lost_silent += one,
                    _ => self.machines.lost_stopped += one,
                }
                if let Some(machine) = there.filter(|_| !manager.is_shut_down()) {
                    self.kind(machine.kind).lost += one;
                }
            }
            _ => {
                self.stops.ended += one;
                if let Some(machine) = there {
                    self.kind(machine.kind).ended += one;
                }
            }
        }
    }

    fn answer_of_no_machine(&mut self, action: &Action, selected: bool) {
        let one = u64::from(selected);
        let stop = self.fleet.action(action);
        match stop {
            Some(Reason::Unneeded) => self.stops.idle += one,
            Some(Reason::Withdrawn) => self.stops.withdrawn += one,
            Some(Reason::Drained) => self.stops.drained += one,
            Some(Reason::Other) | None => {}
        }
        match *action {
            Action::RequestLost { request, .. } => {
                self.end(request);
                self.requests.lost += one;
            }
            Action::Cancelled { request } => {
                self.end(request);
                self.requests.cancelled += one;
            }
            Action::Expired { request } => {
                self.end(request);
                self.requests.expired += one;
            }
            Action::Start { kind, count, .. } => {
                self.machines.asked_for += one * u64::from(count);
                self.kind(kind).asked_for += one * u64::from(count);
            }
            Action::Notice(Notice::Probation { .. }) => self.probation.begun += one,
            Action::Notice(Notice::Recovered { by, .. }) => match by {
                Recovery::Success => self.probation.ended_by_success += one,
                _ => self.probation.ended_by_time += one,
            },
            Action::Notice(Notice::Draining { .. }) => self.stops.drains += one,
            Action::Notice(Notice::Kept { .. }) => self.stops.kept += one,
            Action::Notice(Notice::Held { .. }) => self.requests.held += one,
            Action::Notice(Notice::NoHome { .. }) => self.requests.no_home += one,
            _ => {}
        }
    }

    fn failed_to_start(&mut self, machine: Machine, selected: bool) {
        let one = u64::from(selected);
        self.machines.start_failed += one;
        self.kind(machine.kind).start_failed += one;
    }

    fn kind(&mut self, kind: KindId) -> &mut Kind {
        &mut self.kinds[usize::from(kind.0)]
    }

    /// A request begins to run.
    fn run(&mut self, request: RequestId, machine: MachineId) {
        let Some(known) = self.known.get_mut(&request) else {
            return;
        };
        let procs = self.fleet.taken(machine, known.demand).proc_count();
        let kind = self.fleet.get(machine).map_or(KindId(0), |it| it.kind);
        known.runs = Some((kind, procs));
        self.used += u64::from(procs);
        self.kind(kind).used += u64::from(procs);
    }

    fn grant(&mut self, request: RequestId, now: Instant, selected: bool) {
        let Some(known) = self.known.get(&request).copied().filter(|_| selected) else {
            return;
        };
        self.requests.granted += 1;
        if let Some((kind, _)) = known.runs {
            self.kind(kind).granted += 1;
        }
        if let Some(submitted) = known.submitted {
            let waited = now.0.saturating_sub(submitted.0);
            self.waits.add(known.priority, waited);
        }
    }

    fn end(&mut self, request: RequestId) {
        if let Some(known) = self.known.remove(&request)
            && let Some((kind, procs)) = known.runs
        {
            self.used -= u64::from(procs);
            self.kind(kind).used -= u64::from(procs);
        }
    }

    /// All of it as JSON; times in nanoseconds, utilisation in proc-nanoseconds.
    pub(crate) fn json(&self) -> serde_json::Value {
        let events = EVENTS.iter().zip(self.events);
        let events: BTreeMap<_, _> = events.filter(|(_, count)| *count > 0).collect();
        let (from, to) = self.span.unwrap_or_default();
        serde_json::json!({
            "from": from.0,
            "to": to.0,
            "events": events,
            "rejected": self.rejected,
            "machines": self.machines,
            "stops": self.stops,
            "probation": self.probation,
            "requests": self.requests,
            "waits": self.waits,
            "kinds": self.kinds,
            "procs": {
                "granted": whole(self.procs.granted),
                "in_service": whole(self.procs.in_service),
            },
        })
    }
}

impl Tally {
    /// Of a thousand proc-seconds in service so many were granted; none if there were none.
    pub(crate) fn permille(&self) -> Option<u64> {
        let Procs {
            granted,
            in_service,
        } = self.procs;
        let permille = (granted * 1000).checked_div(in_service)?;
        u64::try_from(permille).ok()
    }
}
