//! What a run comes to: events, machines, probation, waits, utilisation. Whole numbers all; only what is shown is rounded.
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;

use remuda::journal::Note;
use remuda::{Action, Demand, Event, Instant, Loss, Manager, Notice, Recovery, RequestId};
use serde::Serialize;

use super::items::Step;
use super::play::Watch;
use super::span::Shown;
use super::waits::{self, Figures, Waits};

/// The names of the events, in the order they are shown.
const KINDS: [&str; 15] = [
    "submit",
    "cancel",
    "done",
    "up",
    "start-failed",
    "stopped",
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
    kinds: [u64; KINDS.len()],
    rejected: u64,
    span: Option<(Instant, Instant)>,
    machines: Machines,
    probation: Probation,
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
    procs: u32,
    runs: bool,
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

fn kind(event: &Event) -> usize {
    match event {
        Event::Submit { .. } => 0,
        Event::Cancel { .. } => 1,
        Event::Done { .. } => 2,
        Event::Up { .. } => 3,
        Event::StartFailed { .. } => 4,
        Event::Stopped { .. } => 5,
        Event::Assign { .. } => 6,
        Event::Discard { .. } => 7,
        Event::Once { .. } => 8,
        Event::OnceDone { .. } => 9,
        Event::Forget { .. } => 10,
        Event::Polled { .. } => 11,
        Event::Timer => 12,
        Event::Shutdown => 13,
        _ => 14,
    }
}

impl Watch for Tally {
    fn begin(&mut self, manager: &Manager) {
        for waiting in manager.queue() {
            let known = Known {
                submitted: None,
                priority: waiting.priority,
                procs: waiting.procs,
                runs: false,
            };
            self.known.insert(waiting.request, known);
        }
        for (request, procs) in manager.machines().flat_map(|it| it.grants()) {
            let known = Known {
                submitted: None,
                priority: 0,
                procs,
                runs: true,
            };
            self.known.insert(request, known);
            self.used += u64::from(procs);
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
        }
        let rejected = actions.iter().any(|it| matches!(it, Action::Reject(_)));
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
        if selected {
            self.kinds[kind(&step.event)] += 1;
            self.rejected += u64::from(rejected);
            let begun = self.span.map_or(step.time, |(begun, _)| begun);
            self.span = Some((begun, step.time));
            let counts = manager.counts();
            (self.requests.queued, self.requests.running) = (counts.queued, counts.running);
        }
        // What lies before the first event that is selected is not of the part.
        self.last = selected.then(|| Last {
            time: manager.now(),
            have: manager.counts().have,
            used: self.used,
        });
        Ok(())
    }

    fn note(&mut self, _: &Note<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }
}

impl Tally {
    /// An event that was not rejected.
    fn take_in(&mut self, step: &Step<'_>, manager: &Manager, selected: bool) {
        match step.event {
            Event::Submit {
                request,
                priority,
                demand,
            } => {
                let procs = match demand {
                    Demand::Procs(procs) => procs.get(),
                    Demand::Machine => manager.config().machine_procs,
                };
                let known = Known {
                    // The manager's time, which stays where it is when the clock steps back (F5).
                    submitted: Some(manager.now()),
                    priority,
                    procs,
                    runs: false,
                };
                self.known.insert(request, known);
            }
            Event::Done { request, .. } => self.end(request),
            // If it runs, the cancel changes nothing: its client must still say done (S6).
            Event::Cancel { request } if self.known.get(&request).is_some_and(|it| !it.runs) => {
                self.end(request);
                self.requests.cancelled += u64::from(selected);
            }
            Event::Up { .. } => self.machines.up += u64::from(selected),
            Event::StartFailed { .. } => self.machines.start_failed += u64::from(selected),
            _ => {}
        }
    }

    fn answer(&mut self, action: &Action, step: &Step<'_>, manager: &Manager, selected: bool) {
        let one = u64::from(selected);
        match *action {
            Action::Grant { request, .. } => self.grant(request, manager.now(), selected),
            Action::RequestLost { request, .. } => {
                self.end(request);
                self.requests.lost += one;
            }
            Action::Cancelled { request } => {
                self.end(request);
                self.requests.cancelled += one;
            }
            Action::Start { count, .. } => self.machines.asked_for += one * u64::from(count),
            Action::Notice(Notice::Probation { .. }) => self.probation.begun += one,
            Action::Notice(Notice::Recovered { by, .. }) => match by {
                Recovery::Success => self.probation.ended_by_success += one,
                Recovery::Timeout => self.probation.ended_by_time += one,
            },
            Action::Notice(Notice::MachineLost { by, .. }) => match by {
                _ if manager.is_shut_down() && step.event != Event::Shutdown => {
                    self.machines.ended += one;
                }
                Loss::Stopped => self.machines.lost_stopped += one,
                Loss::Silence => self.machines.lost_silent += one,
            },
            _ => {}
        }
    }

    fn grant(&mut self, request: RequestId, now: Instant, selected: bool) {
        let Some(known) = self.known.get_mut(&request) else {
            return;
        };
        known.runs = true;
        self.used += u64::from(known.procs);
        if selected {
            self.requests.granted += 1;
            if let Some(submitted) = known.submitted {
                let waited = now.0.saturating_sub(submitted.0);
                self.waits.add(known.priority, waited);
            }
        }
    }

    fn end(&mut self, request: RequestId) {
        if let Some(known) = self.known.remove(&request)
            && known.runs
        {
            self.used -= u64::from(known.procs);
        }
    }

    /// All of it as JSON; times in nanoseconds, utilisation in proc-nanoseconds.
    pub(crate) fn json(&self) -> serde_json::Value {
        let kinds = KINDS.iter().zip(self.kinds).filter(|(_, count)| *count > 0);
        let events: BTreeMap<_, _> = kinds.collect();
        let (from, to) = self.span.unwrap_or_default();
        let whole = |nanos: u128| u64::try_from(nanos).unwrap_or(u64::MAX);
        serde_json::json!({
            "from": from.0,
            "to": to.0,
            "events": events,
            "rejected": self.rejected,
            "machines": self.machines,
            "probation": self.probation,
            "requests": self.requests,
            "waits": self.waits,
            "procs": {
                "granted": whole(self.procs.granted),
                "in_service": whole(self.procs.in_service),
            },
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((from, to)) = self.span else {
            return writeln!(f, "events       none");
        };
        writeln!(f, "time         {from} to {to}")?;
        write!(f, "events       {}", self.kinds.iter().sum::<u64>())?;
        let kinds = KINDS.iter().zip(self.kinds).filter(|(_, count)| *count > 0);
        for (nth, (name, count)) in kinds.enumerate() {
            write!(f, "{} {name} {count}", if nth == 0 { ":" } else { "," })?;
        }
        writeln!(f, "; {} rejected", self.rejected)?;
        let Machines {
            asked_for,
            up,
            start_failed,
            lost_stopped,
            lost_silent,
            ended,
        } = self.machines;
        writeln!(
            f,
            "machines     {asked_for} asked for: {up} up, {start_failed} failed to start; {} lost ({lost_stopped} stopped, {lost_silent} silent), {ended} ended by the shutdown",
            lost_stopped + lost_silent
        )?;
        let Probation {
            begun,
            ended_by_success,
            ended_by_time,
        } = self.probation;
        writeln!(
            f,
            "probation    {begun} begun, {ended_by_success} ended by success, {ended_by_time} by time"
        )?;
        let Requests {
            granted,
            lost,
            cancelled,
            queued,
            running,
        } = self.requests;
        writeln!(
            f,
            "requests     {granted} granted, {lost} lost, {cancelled} cancelled; at the end {queued} queued, {running} running"
        )?;
        self.write_waits(f)?;
        let Procs {
            granted,
            in_service,
        } = self.procs;
        let permille = self.permille().unwrap_or(0);
        writeln!(
            f,
            "utilisation  {}.{} %: {} of {} proc-seconds in service were granted",
            permille / 10,
            permille % 10,
            Seconds(granted),
            Seconds(in_service)
        )
    }
}

/// With three digits after the point.
pub(crate) struct Seconds(pub(crate) u128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
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

    fn write_waits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let priorities = self.waits.priorities();
        if priorities.is_empty() {
            return writeln!(f, "waits        none");
        }
        let rows = waits::ranges(&priorities).into_iter().filter_map(|range| {
            let figures = self.waits.within(range)?;
            Some((range.to_string(), figures))
        });
        let rows: Vec<_> = rows.collect();
        let width = rows.iter().map(|(range, _)| range.len()).max();
        let width = width.unwrap_or(0).max(12);
        writeln!(
            f,
            "waits        {:>width$} {:>10} {:>12} {:>12} {:>12} {:>12}",
            "priority", "n", "mean", "p50", "p99", "max"
        )?;
        for (range, figures) in rows {
            let shown = |nanos: u64| Shown(nanos.into()).to_string();
            let Figures {
                n,
                mean,
                p50,
                p99,
                max,
            } = figures;
            let [mean, p50, p99, max] = [mean, p50, p99, max].map(shown);
            writeln!(
                f,
                "             {range:>width$} {n:>10} {mean:>12} {p50:>12} {p99:>12} {max:>12}"
            )?;
        }
        if let Some(remark) = waits::remark(&priorities) {
            writeln!(f, "             {remark}")?;
        }
        Ok(())
    }
}
