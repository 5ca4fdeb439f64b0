//! Small worlds, walked through: whatever happens in them, in whatever order, for however long. The counts are pinned:
//! a change of them is a change of what the manager remembers, or of what the walk tries.
//!
//! A larger world is walked by the example `walk`.

use core::time::Duration;

use remuda::{Action, Event, Instant, Kind, KindId, Manager, Outcome, Resources, Submit};
use remuda_sim::{Figures, Subject, Walk, World};

fn counts(walk: Walk) -> (u64, u64, u32) {
    assert!(walk.failure.is_none(), "{walk}");
    (walk.states, walk.transitions, walk.depth)
}

#[test]
fn two_machines_and_four_requests_with_work_done_once_and_a_shutdown() {
    let mut world = World::new(2, &[(0, 1, 1), (0, 2, 1), (1, 1, 2)]);
    (world.waiters, world.shutdown) = (1, true);
    assert_eq!(counts(world.walk()), (73_783, 1_552_702, 17));
}

#[test]
fn three_machines_and_three_requests_with_a_task_and_a_shutdown() {
    let mut world = World::new(3, &[(0, 2, 1), (1, 1, 1), (1, 2, 1)]);
    (world.tasks, world.shutdown) = (1, true);
    assert_eq!(counts(world.walk()), (15_763, 239_645, 17));
}

#[test]
fn two_machines_and_three_requests_with_two_tasks_and_a_shutdown() {
    let mut world = World::new(2, &[(0, 2, 1), (1, 1, 1), (1, 2, 1)]);
    (world.tasks, world.shutdown) = (2, true);
    assert_eq!(counts(world.walk()), (5_669, 89_354, 14));
}

#[test]
fn three_machines_and_three_requests_that_are_alike() {
    let world = World::new(3, &[(0, 2, 3)]);
    assert_eq!(counts(world.walk()), (3_619, 44_439, 17));
}

#[test]
fn a_world_without_a_back_off_where_silence_is_noticed() {
    let mut world = World::new(2, &[(0, 1, 1), (1, 2, 1)]);
    world.config.start_backoff_base = Duration::ZERO;
    world.config.poll_interval = Duration::from_secs(2);
    world.config.silent_polls = 2;
    (world.tasks, world.shutdown) = (0, true);
    assert_eq!(counts(world.walk()), (5_445, 46_561, 12));
}

/// Machines of unlike resources, of at most one kind two: the second has more of another amount and costs more.
fn unlike() -> [Kind; 2] {
    let small = Kind::new(Resources::procs(1)).max(2);
    let large = Kind::new(Resources::procs(2).memory_mib(1)).max(2).cost(3);
    [small, large]
}

#[test]
fn two_kinds_of_two_resources_and_three_requests() {
    let small = Submit::procs(1);
    let large = Submit::new(Resources::procs(1).memory_mib(1));
    let mut world = World::unlike(&unlike(), 3, &[(small, 2), (large, 1)]);
    world.tasks = 0;
    assert_eq!(counts(world.walk()), (198_392, 1_631_151, 37));
}

#[test]
fn idle_machines_of_two_kinds_are_stopped_and_drained() {
    let idle = |kind: Kind| kind.idle(Duration::from_secs(1)).max(1);
    let kinds = unlike().map(idle);
    let any = Submit::procs(1);
    let whole = Submit::machine().kinds(KindId(1)).priority(1);
    let mut world = World::unlike(&kinds, 3, &[(any, 2), (whole, 1)]);
    (world.tasks, world.drains, world.shutdown) = (0, true, true);
    assert_eq!(counts(world.walk()), (237_278, 2_281_441, 31));
}

#[test]
fn requests_that_are_given_up_and_limits_that_change() {
    let kinds = unlike().map(|kind| kind.max(1));
    let mut world = World::unlike(&kinds, 3, &[(Submit::procs(1), 2), (Submit::procs(2), 1)]);
    world.tasks = 0;
    world.requests[0].give_up_after = Some(Duration::from_secs(1));
    let limits = |max| Event::SetLimits {
        kind: KindId(0),
        limits: kinds[0].max(max).limits(),
    };
    world.other = vec![limits(0), limits(1)];
    assert_eq!(counts(world.walk()), (140_278, 1_409_247, 32));
}

/// A manager that takes work handed back unused for work done well.
#[derive(Clone)]
struct Wrong(Manager);

impl Subject for Wrong {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        let event = match event {
            Event::Done {
                request,
                machine,
                outcome: Outcome::Unused,
            } => Event::Done {
                request,
                machine,
                outcome: Outcome::Ok,
            },
            event => event,
        };
        self.0.handle_into(event, now, actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.0.next_timeout()
    }

    fn counts(&self) -> Figures {
        self.0.counts().into()
    }
}

#[test]
fn what_is_wrong_is_found_by_the_shortest_run_there_is() {
    // Two grants on one machine; one is unreachable, the other handed back (S10, S13).
    let world = World::new(1, &[(0, 1, 2)]);
    let subject = Wrong(Manager::new(world.config.clone()).expect("a valid config"));
    let failure = world.walk_on(subject).failure.expect("it is wrong");
    assert!(failure.what.starts_with("it counts"), "{failure}");
    let events: Vec<_> = failure.script.steps.iter().map(|step| step.event).collect();
    assert_eq!(events.len(), 5, "{failure}");
    assert!(
        matches!(
            events[3],
            Event::Done {
                outcome: Outcome::Unreachable,
                ..
            }
        ),
        "{failure}"
    );
    assert!(
        matches!(
            events[4],
            Event::Done {
                outcome: Outcome::Unused,
                ..
            }
        ),
        "{failure}"
    );
}
