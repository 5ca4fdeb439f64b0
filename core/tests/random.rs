//! Random runs: nothing panics, the invariants hold, late timers change nothing; under bigslice's
//! policy placement and growth are what S5 and S7 say read naively. (The naive model of the policy
//! Fit is that of `sim`.)

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use remuda::{
    Action, Config, Demand, Event, Instant, KindId, MachineId, Manager, Notice, Policy, RequestId,
};
use support::random::{self, Step};
use support::runs;

fn handle(manager: &mut Manager, event: Event, now: Instant) -> Vec<Action> {
    let actions = manager.handle(event, now);
    if let Err(violation) = manager.check_invariants() {
        panic!("after {event:?} at {now}: {violation}");
    }
    actions
}

/// S3 to S5, S7, T1 and T2 written down naively: vectors and sorts.
struct Naive {
    machine_procs: u32,
    /// Queued requests, in order of arrival.
    queue: Vec<(i64, u32, RequestId)>,
    running: BTreeMap<RequestId, (u32, MachineId)>,
    /// Free procs, and whether the health is good.
    machines: BTreeMap<MachineId, (u32, bool)>,
    pending: BTreeSet<MachineId>,
    max_procs: u64,
    minted: u64,
}

impl Naive {
    fn place_one(&mut self) -> Option<Action> {
        let mut requests = self.queue.clone();
        requests.sort_by_key(|&(priority, procs, _)| (priority, std::cmp::Reverse(procs)));
        let ok = self.machines.iter().filter(|(_, (_, ok))| *ok);
        let mut machines: Vec<(u32, MachineId)> = ok.map(|(&id, &(free, _))| (free, id)).collect();
        machines.sort_by_key(|&(free, id)| (std::cmp::Reverse(free), id));
        let mut pairs = requests.iter().zip(&machines);
        let (&(_, procs, request), &(free, _)) =
            pairs.find(|((_, procs, _), (free, _))| procs <= free)?;
        let (_, machine) = *machines.iter().find(|(other, _)| *other == free).unwrap();
        self.queue.retain(|&(_, _, other)| other != request);
        self.running.insert(request, (procs, machine));
        self.machines.get_mut(&machine).unwrap().0 -= procs;
        Some(Action::Grant { request, machine })
    }

    fn place(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.place_one()).collect()
    }

    /// S7, one machine at a time; none while a back-off runs.
    fn grow(&mut self, held: bool) -> Vec<Action> {
        let procs = u64::from(self.machine_procs);
        let queued: u64 = self
            .queue
            .iter()
            .map(|&(_, procs, _)| u64::from(procs))
            .sum();
        let running: u64 = self
            .running
            .values()
            .map(|&(procs, _)| u64::from(procs))
            .sum();
        let mut wanted = 0;
        let there = (self.machines.len() + self.pending.len()) as u64 * procs;
        while there + wanted * procs < (queued + running).min(self.max_procs) && !held {
            wanted += 1;
        }
        let mut starts = vec![];
        while wanted > 0 {
            let count = wanted.min(10);
            starts.push(Action::Start {
                kind: KindId(0),
                first: MachineId(self.minted),
                count: count as u32,
            });
            for _ in 0..count {
                self.pending.insert(MachineId(self.minted));
                self.minted += 1;
            }
            wanted -= count;
        }
        starts
    }

    fn free(&mut self, request: RequestId) {
        if let Some((procs, machine)) = self.running.remove(&request)
            && let Some((free, _)) = self.machines.get_mut(&machine)
        {
            *free += procs;
        }
    }

    /// What an event that was accepted does before placement.
    fn apply(&mut self, event: Event) {
        match event {
            Event::Submit { request, spec } => {
                let procs = match spec.demand {
                    Demand::Amounts(amounts) => amounts.proc_count(),
                    Demand::Machine => self.machine_procs,
                };
                self.queue.push((spec.priority, procs, request));
            }
            Event::Cancel { request } => self.queue.retain(|&(_, _, other)| other != request),
            Event::Done { request, .. } => self.free(request),
            Event::StartFailed { machine, .. } | Event::Stopped { machine } => {
                self.pending.remove(&machine);
            }
            Event::Up { machine, .. } => {
                self.pending.remove(&machine);
                self.machines.insert(machine, (self.machine_procs, true));
            }
            _ => {}
        }
    }

    fn learn(&mut self, action: Action) {
        match action {
            Action::Notice(Notice::Probation { machine }) => {
                self.machines.get_mut(&machine).unwrap().1 = false;
            }
            Action::Notice(Notice::Recovered { machine, .. }) => {
                self.machines.get_mut(&machine).unwrap().1 = true;
            }
            Action::Notice(Notice::MachineLost { machine, .. }) => {
                self.machines.remove(&machine);
            }
            Action::RequestLost { request, .. } => self.free(request),
            _ => {}
        }
    }
}

fn grants(actions: &[Action]) -> Vec<Action> {
    actions
        .iter()
        .copied()
        .filter(|action| matches!(action, Action::Grant { .. }))
        .collect()
}

fn starts(actions: &[Action]) -> Vec<Action> {
    actions
        .iter()
        .copied()
        .filter(|action| matches!(action, Action::Start { .. }))
        .collect()
}

fn agrees_with_the_naive_rules(config: Config, steps: &[Step]) {
    let max_procs = config.max_procs;
    let machine_procs = config.kinds[0].capacity.proc_count();
    let mut manager = Manager::new(config).unwrap();
    let mut naive = Naive {
        machine_procs,
        queue: vec![],
        running: BTreeMap::new(),
        machines: BTreeMap::new(),
        pending: BTreeSet::new(),
        max_procs,
        minted: 0,
    };
    let mut now = Instant::ZERO;
    for step in steps {
        now = step.now(now);
        // First what is due alone: after each recovery there is placement.
        let mut expected = vec![];
        let timed = handle(&mut manager, Event::Timer, now);
        for &action in &timed {
            naive.learn(action);
            if matches!(action, Action::Notice(Notice::Recovered { .. })) {
                expected.extend(naive.place());
            }
        }
        assert_eq!(grants(&timed), expected);
        let held = |m: &Manager| {
            m.start_backoff(KindId(0))
                .is_some_and(|backoff| backoff.until > m.now())
        };
        assert_eq!(starts(&timed), naive.grow(held(&manager)));
        // Then the event, which now is one step.
        let event = step.event(&manager);
        let actions = handle(&mut manager, event, now);
        if !actions
            .iter()
            .any(|action| matches!(action, Action::Reject(_)))
        {
            naive.apply(event);
        }
        actions.iter().for_each(|&action| naive.learn(action));
        assert_eq!(grants(&actions), naive.place(), "after {event:?}");
        assert_eq!(
            starts(&actions),
            naive.grow(held(&manager)),
            "after {event:?}"
        );
        let counts = manager.counts();
        assert_eq!(counts.queued as usize, naive.queue.len());
        assert_eq!(counts.running as usize, naive.running.len());
    }
}

/// Everything that was to be done but the timer actions, and the manager at the end.
fn late(config: &Config, steps: &[runs::Step]) -> (Vec<Vec<Action>>, Manager) {
    let mut manager = Manager::new(config.clone()).unwrap();
    let mut now = Instant::ZERO;
    let run = steps.iter().map(|step| {
        now = step.now(now);
        let event = step.event(&manager);
        untimed(handle(&mut manager, event, now))
    });
    (run.collect(), manager)
}

/// The same with every timer fired punctually, and asked about at odd moments besides.
fn punctual(config: &Config, steps: &[runs::Step]) -> (Vec<Vec<Action>>, Manager) {
    let mut manager = Manager::new(config.clone()).unwrap();
    let mut now = Instant::ZERO;
    let mut run = vec![];
    for step in steps {
        // What the step means is settled before the timers: they could replace machines.
        let event = step.event(&manager);
        now = step.now(now);
        let mut actions = vec![];
        while let Some(at) = manager.next_timeout().filter(|&at| at <= now) {
            actions.extend(untimed(handle(&mut manager, Event::Timer, at)));
        }
        actions.extend(untimed(handle(&mut manager, event, now)));
        run.push(actions);
    }
    (run, manager)
}

fn untimed(mut actions: Vec<Action>) -> Vec<Action> {
    actions.retain(|action| !is_timer(action));
    actions
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn s05_s07_placement_and_growth_are_what_the_naive_rules_say(
        config in random::config(),
        steps in random::steps(250),
    ) {
        agrees_with_the_naive_rules(config, &steps);
    }

    #[test]
    fn f05_hostile_runs_of_the_first_editions_events_break_nothing(
        config in random::config(),
        steps in random::hostile_steps(250),
        shutdown in 0usize..400,
    ) {
        let mut manager = Manager::new(config).unwrap();
        let mut now = Instant::ZERO;
        for (n, step) in steps.iter().enumerate() {
            now = step.now(now);
            let event = if n == shutdown { Event::Shutdown } else { step.event(&manager) };
            breaks_nothing(&mut manager, event, now)?;
        }
    }

    #[test]
    fn f05_runs_of_all_events_break_nothing(
        config in runs::config(),
        steps in runs::steps(250),
    ) {
        let mut manager = Manager::new(config).unwrap();
        let mut now = Instant::ZERO;
        for step in &steps {
            now = step.now(now);
            let event = step.event(&manager);
            breaks_nothing(&mut manager, event, now)?;
        }
    }

    #[test]
    fn f05_arbitrary_events_break_nothing(
        config in runs::config(),
        events in proptest::collection::vec((any::<u64>(), runs::any_event()), 0..40),
    ) {
        let mut manager = Manager::new(config).unwrap();
        for (now, event) in events {
            breaks_nothing(&mut manager, event, Instant(now))?;
        }
    }

    #[test]
    fn f10_late_timers_are_like_punctual_ones(
        config in runs::config(),
        steps in runs::steps(250),
    ) {
        // Of the periodic ones the summary counts on from now, and so is not the same when late. What
        // one step starts may be why the next step withdraws another kind's pending machine (E4),
        // and a punctual timer makes one step more.
        let config = config.summary_interval(core::time::Duration::ZERO).withdraw(false);
        prop_assert_eq!(late(&config, &steps), punctual(&config, &steps));
    }

    #[test]
    fn f06_the_same_input_gives_the_same_output(
        config in runs::config(),
        steps in runs::steps(150),
    ) {
        prop_assert_eq!(late(&config, &steps), late(&config, &steps));
    }
}

/// Handles an event, and looks at what every answer must be like.
fn breaks_nothing(manager: &mut Manager, event: Event, now: Instant) -> Result<(), TestCaseError> {
    let (before, was_shut_down) = (manager.counts(), manager.is_shut_down());
    let actions = handle(manager, event, now);
    let allowed = !was_shut_down || actions.iter().all(may_follow_shutdown);
    prop_assert!(allowed, "{event:?} -> {actions:?}");
    if let [Action::Reject(_)] = actions[..] {
        prop_assert_eq!(manager.counts(), before);
    }
    let timers = (0..actions.len()).filter(|&n| is_timer(&actions[n]));
    prop_assert!(
        timers.eq(timers_at(event, &actions)),
        "{event:?} -> {actions:?}"
    );
    if manager.config().policy == Policy::Bigslice {
        prop_assert!(!actions.iter().any(is_of_fit), "{event:?} -> {actions:?}");
    }
    Ok(())
}

fn is_timer(action: &Action) -> bool {
    matches!(action, Action::SetTimer { .. } | Action::ClearTimer)
}

/// S22: nothing is granted, started or timed.
fn may_follow_shutdown(action: &Action) -> bool {
    let starting = matches!(action, Action::Grant { .. } | Action::Start { .. });
    !starting && !matches!(action, Action::Poll { .. } | Action::SetTimer { .. })
}

/// What bigslice's policy never says.
fn is_of_fit(action: &Action) -> bool {
    matches!(
        action,
        Action::Notice(Notice::Held { .. } | Notice::NoHome { .. })
    )
}

/// Where timer actions may stand: at the end, and there for sure if the event is a timer.
fn timers_at(event: Event, actions: &[Action]) -> Option<usize> {
    let timed = event == Event::Timer || actions.last().is_some_and(is_timer);
    timed.then(|| actions.len().saturating_sub(1))
}
