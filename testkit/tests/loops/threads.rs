//! The loop of the core's example `threads`, in a world that the kit plays.

use remuda::{Config, Event, Instant, MachineId, Manager, RequestId};
use remuda_testkit::{Adapter, Check, Happening, Part, Rule, World};

#[allow(dead_code)] // A program, of which the loop is tested.
#[path = "../../../core/examples/threads.rs"]
mod example;

use example::{Loop, Outside};

/// The world, as the example's loop sees it.
struct Played(World);

impl Outside for Played {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn start(&mut self, machine: MachineId) {
        self.0.start(machine, remuda::KindId(0));
    }

    fn stop(&mut self, machine: MachineId) {
        self.0.stop(machine);
    }

    fn poll(&mut self, machine: MachineId) {
        self.0.poll(machine);
    }

    fn run(&mut self, request: RequestId, machine: MachineId) {
        self.0.run(request, machine);
    }

    fn lost(&mut self, request: RequestId, machine: MachineId) {
        self.0.lost(request, machine);
    }

    fn told(&mut self, event: &Event, now: Instant) {
        self.0.told(event, now);
    }
}

/// What its threads and its main say.
struct Threads {
    inner: Loop<Played>,
    /// It has something wrong with it.
    forgets_ends: bool,
}

impl Adapter for Threads {
    fn happens(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Request { client, spec } => Event::Submit {
                request: RequestId(client),
                spec,
            },
            Happening::Up { machine } => Event::Up {
                machine,
                offer: None,
            },
            Happening::Ended {
                request,
                machine,
                outcome,
            } => Event::Done {
                request,
                machine: Some(machine),
                outcome,
            },
            Happening::Stopped { .. } if self.forgets_ends => return,
            Happening::Stopped { machine } => Event::Stopped { machine },
            Happening::PollAnswered { machine } => Event::Polled {
                machine,
                answered: true,
            },
            Happening::Shutdown => Event::Shutdown,
            Happening::Gone { .. } | Happening::StartFailed { .. } | Happening::MustGo { .. } => {
                unreachable!("left out: {happening}")
            }
        };
        self.inner.handle(event);
    }

    fn wake_at(&mut self) -> Option<Instant> {
        self.inner.manager.next_timeout()
    }

    fn wake(&mut self) {
        self.inner.handle(Event::Timer);
    }
}

/// Machines of one kind, threads that start at once and are there until they say otherwise; jobs that nobody takes back.
fn check() -> Check {
    let kind = remuda::Kind::new(remuda::Resources::procs(1));
    let kind = kind.max(4).idle(std::time::Duration::from_millis(50));
    [
        Part::Cancels,
        Part::GiveUps,
        Part::FailedStarts,
        Part::SilentMachines,
        Part::Drains,
        Part::EarlyEnds,
    ]
    .into_iter()
    .fold(Check::new(Config::empty().kind(kind)), Check::without)
}

fn adapter(config: Config, world: World, forgets_ends: bool) -> Threads {
    Threads {
        inner: Loop {
            manager: Manager::new(config).expect("a valid config"),
            outside: Played(world),
        },
        forgets_ends,
    }
}

#[test]
fn the_loop_of_the_example_breaks_no_rule() {
    let report = check().run(|config, world| adapter(config, world, false));
    println!("{}", report.unwrap());
}

#[test]
fn it_is_found_if_it_does() {
    let broken = check().run(|config, world| adapter(config, world, true));
    assert_eq!(broken.unwrap_err().rule, Rule::EndNotTold);
}
