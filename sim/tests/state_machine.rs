//! proptest drives a manager against the model: transitions are events at random, which proptest shrinks. The swarm is
//! the work-horse; this shows how to test a manager, or what is built around one, with the tools you may have already.

mod support;

use core::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use remuda::{
    Action, Config, Demand, Event, Instant, Kind, KindId, MachineId, Manager, OnceKey, OnceOutcome,
    Outcome, RequestId, Resources, Submit, TaskId, WaiterId,
};
use remuda_sim::{Figures, Model, Script, Subject};

use support::Wrong;

/// The reference: the model, how it answered last, and how it came here.
#[derive(Clone, Debug)]
struct Reference {
    config: Config,
    model: Model,
    answer: Vec<Action>,
    minted: u64,
    events: Vec<(Instant, Event)>,
}

/// A transition: an event, so long after the one before.
#[derive(Clone, Debug)]
struct Told {
    after: Duration,
    event: Event,
}

fn events(minted: u64, machine_procs: u32) -> impl Strategy<Value = Event> {
    let request = || (1..=9u64).prop_map(RequestId);
    let machine = || (0..=minted).prop_map(MachineId);
    let task = || (1..=3u64).prop_map(TaskId);
    let key = || (1..=2u64).prop_map(|key| OnceKey { kind: 0, key });
    let demand = (1..=machine_procs + 1).prop_map(|n| Demand::Amounts(Resources::procs(n)));
    let demand = prop_oneof![4 => demand, 1 => Just(Demand::Machine)];
    let spec = (
        0..2i64,
        demand,
        prop_oneof![3 => Just(None), 1 => (0..2u8).prop_map(Some)],
    );
    let spec = spec.prop_map(|(priority, demand, kind)| {
        let spec = Submit::new(demand).priority(priority);
        kind.map_or(spec, |kind| spec.kinds(KindId(kind)))
    });
    let outcome = proptest::sample::select(vec![
        Outcome::Ok,
        Outcome::Remote,
        Outcome::Unreachable,
        Outcome::Unused,
    ]);
    let once_outcome = proptest::sample::select(vec![
        OnceOutcome::Ok,
        OnceOutcome::Remote,
        OnceOutcome::Unreachable,
    ]);
    prop_oneof![
        8 => (request(), spec).prop_map(|(request, spec)| Event::Submit { request, spec }),
        2 => request().prop_map(|request| Event::Cancel { request }),
        6 => (request(), outcome).prop_map(|(request, outcome)| Event::Done { request, machine: None, outcome }),
        6 => machine().prop_map(|machine| Event::Up { machine, offer: None }),
        2 => machine().prop_map(|machine| Event::StartFailed { machine, hint: None }),
        1 => machine().prop_map(|machine| Event::Stopped { machine }),
        1 => machine().prop_map(|machine| Event::Drain { machine, until: None }),
        1 => machine().prop_map(|machine| Event::Keep { machine }),
        2 => (machine(), task()).prop_map(|(machine, task)| Event::AssignTask { machine, task }),
        1 => (machine(), task()).prop_map(|(machine, task)| Event::DiscardTask { machine, task }),
        2 => (machine(), key(), 1..=4u64).prop_map(|(machine, key, waiter)| Event::Once { machine, key, waiter: WaiterId(waiter) }),
        1 => (machine(), key(), once_outcome).prop_map(|(machine, key, outcome)| Event::OnceDone { machine, key, outcome }),
        1 => (machine(), key()).prop_map(|(machine, key)| Event::ForgetOnce { machine, key }),
        2 => (machine(), any::<bool>()).prop_map(|(machine, answered)| Event::Polled { machine, answered }),
        1 => Just(Event::Timer),
    ]
}

impl ReferenceStateMachine for Reference {
    type State = Reference;
    type Transition = Told;

    fn init_state() -> BoxedStrategy<Reference> {
        // One kind, or two of which the second is half as large.
        let fresh = |(procs, machines, two): (u32, u64, bool)| {
            let mut config =
                Config::new(procs, machines * u64::from(procs)).expect("a valid config");
            if two {
                config = config.kind(Kind::new(Resources::procs(procs.div_ceil(2))));
            }
            let config = config.summary_interval(Duration::ZERO);
            Reference {
                model: Model::new(config.clone()).expect("a valid config"),
                config,
                answer: Vec::new(),
                minted: 0,
                events: Vec::new(),
            }
        };
        let sizes = (1..=4u32, 1..=4u64, any::<bool>());
        sizes.prop_map(fresh).boxed()
    }

    fn transitions(state: &Reference) -> BoxedStrategy<Told> {
        // Nothing is forbidden (F5), so there are no preconditions, and any part can be left out.
        let after = prop_oneof![3 => Just(0), 2 => 1..=3u64, 1 => 5..=70u64];
        let event = events(state.minted, state.config.kinds[0].capacity.proc_count());
        let told = |(after, event)| Told {
            after: Duration::from_secs(after),
            event,
        };
        (after, event).prop_map(told).boxed()
    }

    fn apply(mut state: Reference, Told { after, event }: &Told) -> Reference {
        let last = state.events.last().map_or(Instant::ZERO, |(at, _)| *at);
        let now = last + *after;
        state.events.push((now, *event));
        state.answer = state.model.handle(*event, now);
        for action in &state.answer {
            if let Action::Start { count, .. } = action {
                state.minted += u64::from(*count);
            }
        }
        state
    }
}

/// Something that is to decide as the model does.
trait Tested: Subject + 'static {
    fn made(config: Config) -> Self;
}

impl Tested for Manager {
    fn made(config: Config) -> Manager {
        Manager::new(config).expect("a valid config")
    }
}

struct Test<S>(S);

impl<S: Tested> StateMachineTest for Test<S> {
    type SystemUnderTest = S;
    type Reference = Reference;

    fn init_test(state: &Reference) -> S {
        S::made(state.config.clone())
    }

    /// When they differ, the panic's message is a script, ready to paste: what the model expects, and what is wrong.
    fn apply(mut subject: S, state: &Reference, _: Told) -> S {
        let (now, event) = *state.events.last().expect("the one that is applied");
        let mut answer = Vec::new();
        subject.handle_into(event, now, &mut answer);
        if answer != state.answer {
            let mut model = Model::new(state.config.clone()).expect("a valid config");
            let script = Script::new(state.config.clone(), &state.events).played_on(&mut model);
            panic!("{script}# it answers otherwise: {answer:?}\n");
        }
        subject
    }

    fn check_invariants(subject: &S, state: &Reference) {
        assert_eq!(subject.counts(), state.model.counts());
        assert_eq!(subject.next_timeout(), state.model.next_timeout());
        assert_eq!(subject.agrees_in_detail(&state.model), Ok(()));
        assert_eq!(subject.check(), Ok(()));
    }
}

type Managers = Test<Manager>;

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_manager_does_what_the_model_does(sequential 1..80 => Managers);
}

/// A manager that counts a task once more each time it is assigned.
struct Again(Wrong);

impl Tested for Again {
    fn made(config: Config) -> Again {
        let say = |actions: &mut Vec<Action>| {
            let lost = actions
                .iter()
                .find(|a| matches!(a, Action::TaskLost { .. }))
                .copied();
            actions.extend(lost);
        };
        Again(Wrong::new(config, |event| event, say))
    }
}

impl Subject for Again {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        self.0.handle_into(event, now, actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.0.next_timeout()
    }

    fn counts(&self) -> Figures {
        self.0.counts()
    }
}

#[test]
fn a_wrong_manager_fails_with_a_short_script() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let tested = runner.run(
        &Reference::sequential_strategy(1..80),
        |(state, transitions, seen)| {
            Test::<Again>::test_sequential(config.clone(), state, transitions, seen);
            Ok(())
        },
    );
    let Err(TestError::Fail(reason, (_, transitions, _))) = tested else {
        panic!("it is not found");
    };
    // Submit, up, assign, stopped; or discard; and what made it another machine than the first.
    assert!(transitions.len() <= 8, "{transitions:?}");
    let script = Script::parse(reason.message()).expect("what is printed can be pasted");
    assert_eq!(script.steps.len(), transitions.len());
    assert_eq!(
        script.played(),
        script,
        "the manager does as the script says"
    );
    assert!(script.to_string().lines().count() <= 24, "{script}");
}
