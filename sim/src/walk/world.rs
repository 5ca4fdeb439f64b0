//! The small worlds that are walked through, and what may happen in them.

use core::time::Duration;

use remuda::{
    Config, Event, Instant, Kind, OnceKey, OnceOutcome, Outcome, RequestId, Submit, TaskId,
    WaiterId,
};

use crate::ledger::Ledger;

/// How far a timer event takes the time; the pauses of a [`World`] should be few of these.
pub(super) const UNIT: Duration = Duration::from_secs(1);

/// Requests that are alike, at most.
pub(super) const MOST_ALIKE: u64 = 16;

/// Requests that are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alike {
    /// What each asks for. It must neither prefer nor avoid a machine.
    pub spec: Submit,
    /// Each is given up so long after its submit.
    pub give_up_after: Option<Duration>,
    /// How many there may be at once.
    pub most: u64,
}

/// A small world: so many machines at once (one that is lost may be replaced, without end), so many requests at once
/// (one that has ended may be made anew, without end).
#[derive(Clone, PartialEq, Debug)]
pub struct World {
    /// The machines, as many as max procs allows. [`World::new`] gives them two procs each, a probation of two
    /// seconds, a back-off of one, then two; no polls and no summaries.
    pub config: Config,
    /// The requests.
    pub requests: Vec<Alike>,
    /// Tasks that may be assigned, to several machines at once too.
    pub tasks: u64,
    /// Askers for one and the same work done once on each machine.
    pub waiters: u64,
    /// Whether machines may be drained, and kept.
    pub drains: bool,
    /// What else may come at any time.
    pub other: Vec<Event>,
    /// Whether the shutdown may come.
    pub shutdown: bool,
}

impl World {
    /// So many machines of two procs under bigslice's policy, and these requests: priority, procs, how many at once.
    ///
    /// # Panics
    /// When there are no machines, no procs, or more than 16 requests that are alike.
    pub fn new(machines: u32, requests: &[(i64, u32, u64)]) -> World {
        assert!(machines > 0);
        let config = Config::bigslice_machines(2, u64::from(machines) * 2);
        let requests = requests.iter().map(|&(priority, procs, most)| {
            assert!(procs > 0);
            (Submit::procs(procs).priority(priority), most)
        });
        World::of(config, requests)
    }

    /// Unlike machines under the policy *fit*, and these requests: what they ask for, how many at once. A machine is
    /// held for a request once the procs of its kinds were granted to others; one on its second probation in a row is
    /// drained; to settle takes a second.
    ///
    /// # Panics
    /// When there are more than 16 requests that are alike.
    pub fn unlike(kinds: &[Kind], max_procs: u64, requests: &[(Submit, u64)]) -> World {
        let config = kinds
            .iter()
            .fold(Config::empty(), |config, kind| config.kind(*kind));
        let config = config
            .max_procs(max_procs)
            .patience(1)
            .flaps(2)
            .settle(UNIT);
        World::of(config.probation_cap(2 * UNIT), requests.iter().copied())
    }

    fn of(config: Config, requests: impl Iterator<Item = (Submit, u64)>) -> World {
        let requests = requests.map(|(spec, most)| {
            assert!((1..=MOST_ALIKE).contains(&most));
            Alike {
                spec,
                give_up_after: None,
                most,
            }
        });
        let config = config.probation(2 * UNIT);
        let config = config.start_backoff_base(UNIT).start_backoff_cap(2 * UNIT);
        World {
            config: config
                .poll_interval(Duration::ZERO)
                .summary_interval(Duration::ZERO),
            requests: requests.collect(),
            tasks: 1,
            waiters: 0,
            drains: false,
            other: Vec::new(),
            shutdown: false,
        }
    }

    fn submit(&self, request: RequestId, now: Instant) -> Event {
        let alike = &self.requests[sort(request) as usize];
        let mut spec = alike.spec;
        spec.give_up = alike.give_up_after.map(|after| now + after);
        Event::Submit { request, spec }
    }

    /// Every event that may come.
    pub(super) fn events(&self, ledger: &Ledger, now: Instant) -> Vec<Event> {
        let mut events = vec![Event::Timer];
        let queued = || ledger.queued.iter().map(|(request, _)| *request);
        let running = || ledger.running.iter().map(|grant| grant.request);
        for (number, alike) in (0..).zip(&self.requests) {
            let mut ids = (0..alike.most).map(|n| RequestId(number * MOST_ALIKE + n));
            let unused = ids.find(|id| !queued().chain(running()).any(|other| other == *id));
            events.extend(unused.map(|request| self.submit(request, now)));
        }
        let cancel = |request| Event::Cancel { request };
        events.extend(queued().chain(running()).map(cancel));
        for grant in &ledger.running {
            let (request, machine) = (grant.request, Some(grant.machine));
            let outcomes = [
                Outcome::Ok,
                Outcome::Remote,
                Outcome::Unreachable,
                Outcome::Unused,
            ];
            events.extend(outcomes.map(|outcome| Event::Done {
                request,
                machine,
                outcome,
            }));
        }
        self.of_machines(ledger, &mut events);
        self.once(ledger, &mut events);
        events.extend(&self.other);
        if self.shutdown && !ledger.shut_down {
            events.push(Event::Shutdown);
        }
        events
    }

    /// What becomes of machines.
    fn of_machines(&self, ledger: &Ledger, events: &mut Vec<Event>) {
        for &machine in &ledger.starting {
            let (offer, hint) = (None, None);
            events.push(Event::Up { machine, offer });
            events.push(Event::StartFailed { machine, hint });
        }
        for &machine in &ledger.serving {
            events.push(Event::Stopped { machine });
            for task in (0..self.tasks).map(TaskId) {
                events.push(Event::AssignTask { machine, task });
                events.push(Event::DiscardTask { machine, task });
            }
        }
        let never_up = |id| ledger.known(id).is_some_and(|known| !known.up);
        let stopping = ledger.stopping.iter().copied().filter(|id| never_up(*id));
        events.extend(stopping.map(|machine| Event::Stopped { machine }));
        if self.drains {
            let there = ledger.machines.iter();
            for (machine, known) in there.filter(|(_, known)| !known.told_to_stop) {
                let (machine, until) = (*machine, None);
                events.push(match known.draining {
                    true => Event::Keep { machine },
                    false => Event::Drain { machine, until },
                });
            }
        }
        for &machine in &ledger.polled {
            let polled = |answered| Event::Polled { machine, answered };
            events.extend([true, false].map(polled));
        }
    }

    /// Work done once: asked for, ended, forgotten.
    fn once(&self, ledger: &Ledger, events: &mut Vec<Event>) {
        if self.waiters == 0 {
            return;
        }
        let key = OnceKey { kind: 0, key: 0 };
        let mut waiters = (0..self.waiters).map(WaiterId);
        let idle = waiters.find(|id| ledger.waiting.iter().all(|(waiter, _)| waiter != id));
        for &machine in &ledger.serving {
            events.extend(idle.map(|waiter| Event::Once {
                machine,
                key,
                waiter,
            }));
            if ledger.once.contains(&(machine, key)) {
                let outcomes = [
                    OnceOutcome::Ok,
                    OnceOutcome::Remote,
                    OnceOutcome::Unreachable,
                ];
                events.extend(outcomes.map(|outcome| Event::OnceDone {
                    machine,
                    key,
                    outcome,
                }));
            }
            events.push(Event::ForgetOnce { machine, key });
        }
    }
}

/// Of which requests it is one.
pub(super) fn sort(request: RequestId) -> u8 {
    (request.0 / MOST_ALIKE) as u8
}

/// When an event comes: a timer event after a unit of time, any other at once.
pub(super) fn after(now: Instant, event: Event) -> Instant {
    match event {
        Event::Timer => now + UNIT,
        _ => now,
    }
}
