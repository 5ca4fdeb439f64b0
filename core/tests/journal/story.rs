//! Runs that are recorded: a short one with every event, and those of the golden files, which
//! together have every event, every action and every field of a config.

use core::time::Duration;

use remuda::journal::Note;
use remuda::{
    Config, Event, Health, Instant, Kind, KindId, Kinds, Limits, MachineId, OnceKey, OnceOutcome,
    Outcome, Packing, RequestId, Resources, StartHint, Submit, TaskId, WaiterId,
};

use crate::{Taped, procs, submit};

/// A run with every event, rejections, a note and a snapshot in its midst.
pub(crate) fn short() -> Taped {
    let mut taped = Taped::new(procs(4, 8));
    let mut now = Instant::from_millis(1);
    for (n, event) in every_event().into_iter().enumerate() {
        taped.tell(event, now);
        now = now + Duration::from_millis(700);
        if n == 3 {
            taped.note(&Note {
                time: now,
                machine: MachineId(0),
                topic: "name",
                text: "build7",
            });
        }
        if n == 9 {
            taped.snapshot();
        }
    }
    taped
}

fn every_event() -> Vec<Event> {
    let (request, machine) = (RequestId(300), MachineId(0));
    let (failed, joined) = (MachineId(1), MachineId::joined(0));
    let key = OnceKey { kind: 2, key: 5 };
    let (task, waiter, kind) = (TaskId(9), WaiterId(1), KindId(0));
    let (procs, offer) = (Submit::procs(3), Some(Resources::procs(3)));
    let idle = Some(Duration::from_millis(1_500));
    let limits = Limits {
        min: 0,
        max: 9,
        spare: 1,
        idle,
    };
    let spec = Submit::new(Resources::new([3, 5, 0, 0])).kinds(kind);
    let spec = spec.prefer(machine).avoid(failed).give_up(Instant(900));
    let until = Some(Instant::from_secs(90));
    vec![
        submit(300, procs.priority(-7)),
        submit(301, Submit::machine()),
        submit(302, procs.priority(i64::MAX)),
        Event::Up {
            machine,
            offer: None,
        },
        Event::StartFailed {
            machine: failed,
            hint: None,
        },
        Event::AssignTask { machine, task },
        Event::Once {
            machine,
            key,
            waiter,
        },
        Event::OnceDone {
            machine,
            key,
            outcome: OnceOutcome::Remote,
        },
        Event::Polled {
            machine,
            answered: true,
        },
        Event::Done {
            request,
            machine: Some(machine),
            outcome: Outcome::Unreachable,
        },
        Event::Timer,
        Event::ForgetOnce { machine, key },
        Event::DiscardTask { machine, task },
        Event::Cancel {
            request: RequestId(302),
        },
        Event::Done {
            request: RequestId(u64::MAX),
            machine: None,
            outcome: Outcome::Unused,
        },
        Event::SetMaxProcs { max_procs: 12 },
        Event::SetLimits { kind, limits },
        submit(303, spec),
        Event::StartFailed {
            machine: MachineId(2),
            hint: Some(StartHint::RetryAfter(Duration::from_millis(1_200))),
        },
        Event::StartFailed {
            machine: MachineId(3),
            hint: Some(StartHint::AtCapacity),
        },
        Event::Up {
            machine: MachineId(4),
            offer,
        },
        Event::Join {
            machine: joined,
            kind,
            offer,
        },
        Event::Drain {
            machine: joined,
            until,
        },
        Event::Keep { machine: joined },
        Event::Drain {
            machine,
            until: None,
        },
        Event::Stopped { machine },
        Event::Shutdown,
    ]
}

/// What the first edition recorded in the golden file of format 1.
pub(crate) fn of_format_1() -> Vec<(Instant, Event)> {
    let (request, machine, key) = (RequestId(300), MachineId(0), OnceKey { kind: 2, key: 5 });
    let (task, waiter) = (TaskId(9), WaiterId(1));
    let done = |request, outcome| Event::Done {
        request,
        machine: None,
        outcome,
    };
    let events = [
        submit(300, Submit::procs(3).priority(-7)),
        submit(301, Submit::machine()),
        submit(302, Submit::procs(3).priority(i64::MAX)),
        Event::Up {
            machine,
            offer: None,
        },
        Event::StartFailed {
            machine: MachineId(1),
            hint: None,
        },
        Event::AssignTask { machine, task },
        Event::Once {
            machine,
            key,
            waiter,
        },
        Event::OnceDone {
            machine,
            key,
            outcome: OnceOutcome::Remote,
        },
        Event::Polled {
            machine,
            answered: true,
        },
        done(request, Outcome::Unreachable),
        Event::Timer,
        Event::ForgetOnce { machine, key },
        Event::DiscardTask { machine, task },
        Event::Cancel {
            request: RequestId(302),
        },
        done(RequestId(u64::MAX), Outcome::Unused),
        Event::Stopped { machine },
        Event::Shutdown,
    ];
    let times = (0..).map(|n| Instant::from_millis(1 + 700 * n));
    times.zip(events).collect()
}

/// A config no field of which has its default value.
pub(crate) fn golden_config() -> Config {
    let secs = Duration::from_secs;
    let small = Kind::new(Resources::procs(4).memory_mib(4_000));
    let small = small.min(1).max(4).idle(secs(20));
    let large = Kind::new(Resources::new([8, 16_000, 2, 1]));
    let large = large.max(3).spare(1).max_pending(2).batch(1);
    let large = large.idle(Duration::from_millis(30_500)).cost(3);
    let joining = Kind::new(Resources::procs(16)).startable(false);
    let config = Config::empty().kind(small).kind(large).kind(joining);
    config
        .names(["cores", "mib", "cards", "licences"])
        .max_procs(48)
        .packing(Packing::FirstFit)
        .patience(1)
        .hold_limit(secs(15))
        .probation(secs(5))
        .probation_cap(secs(8))
        .flaps(2)
        .start_backoff_base(Duration::from_millis(500))
        .start_backoff_cap(secs(2))
        .settle(secs(2))
        .silent_polls(2)
        .poll_interval(secs(7))
        .summary_interval(secs(25))
        .stop_with_tasks(true)
        .withdraw(true)
}

/// A recorded run that is told second by second.
pub(crate) struct Story {
    pub(crate) taped: Taped,
    secs: u64,
}

const K0: KindId = KindId(0);
const K1: KindId = KindId(1);
const K2: KindId = KindId(2);

fn m(n: u64) -> MachineId {
    MachineId(n)
}

fn j(n: u64) -> MachineId {
    MachineId::joined(n)
}

impl Story {
    fn new(config: Config) -> Story {
        Story {
            taped: Taped::new(config),
            secs: 0,
        }
    }

    fn at(&mut self, secs: u64) -> &mut Story {
        self.secs = secs;
        self
    }

    fn tell(&mut self, event: Event) -> &mut Story {
        self.taped.tell(event, Instant::from_secs(self.secs));
        self
    }

    fn submit(&mut self, request: u64, spec: Submit) -> &mut Story {
        self.tell(submit(request, spec))
    }

    fn up(&mut self, machine: MachineId) -> &mut Story {
        let offer = None;
        self.tell(Event::Up { machine, offer })
    }

    fn fail(&mut self, machine: MachineId, hint: Option<StartHint>) -> &mut Story {
        self.tell(Event::StartFailed { machine, hint })
    }

    fn done(&mut self, request: u64, outcome: Outcome) -> &mut Story {
        let request = RequestId(request);
        let machine = self.taped.manager.machine_of(request);
        self.tell(Event::Done {
            request,
            machine,
            outcome,
        })
    }

    fn polled(&mut self, machine: MachineId, answered: bool) -> &mut Story {
        self.tell(Event::Polled { machine, answered })
    }

    fn pending(&self, kind: KindId) -> Vec<MachineId> {
        let machines = self.taped.manager.machines();
        let pending = machines.filter(|one| one.kind() == kind && one.health() == Health::Pending);
        pending.map(|one| one.id()).collect()
    }
}

/// The run of the golden file of format 2.
pub(crate) fn golden() -> Taped {
    let mut story = Story::new(golden_config());
    story.at(1).tell(Event::Timer);
    requests(&mut story);
    story.taped.snapshot();
    wrong_events(&mut story);
    work(&mut story);
    probation(&mut story);
    holds(&mut story);
    story.taped.snapshot();
    drains(&mut story);
    failed_starts(&mut story);
    story.taped.snapshot();
    shutdown(&mut story);
    story.taped.snapshot();
    story.taped
}

/// The other golden file of format 2: bigslice's policy, under which machines do not join.
pub(crate) fn golden_bigslice() -> Taped {
    let mut story = Story::new(Config::bigslice(15, 60, 0.8).unwrap());
    story.at(1).submit(1, Submit::procs(7));
    story
        .submit(2, Submit::machine().priority(-1))
        .submit(3, Submit::procs(5).give_up(Instant::from_secs(9)))
        .up(m(0))
        .tell(Event::Join {
            machine: j(0),
            kind: K0,
            offer: None,
        })
        .tell(Event::SetMaxProcs { max_procs: 100 })
        .tell(Event::Drain {
            machine: m(0),
            until: None,
        });
    story.taped.snapshot();
    story.at(10).done(2, Outcome::Ok);
    story.taped
}

/// Machines come up, some of them smaller than their kind; requests of every sort are granted, given
/// up, cancelled and rejected.
fn requests(story: &mut Story) {
    let give_up = Submit::new(Resources::procs(8).gpus(1)).kinds(K1);
    let give_up = give_up.give_up(Instant::from_secs(2));
    story
        .submit(1, Submit::procs(3).priority(-7))
        .submit(2, Submit::machine())
        .submit(
            3,
            Submit::new(Resources::procs(1).memory_mib(500)).kinds(K0),
        )
        .submit(4, give_up);
    story.taped.note(&Note {
        time: Instant::from_millis(1_500),
        machine: m(0),
        topic: "name",
        text: "build7",
    });
    story.at(3).up(m(0));
    story.taped.snapshot();
    let no_home = Submit::new(Resources::procs(1).other(1)).kinds(K1);
    story
        .tell(Event::Up {
            machine: m(1),
            offer: Some(Resources::new([8, 12_000, 2, 0])),
        })
        .submit(7, no_home)
        .tell(Event::Cancel {
            request: RequestId(3),
        });
}

/// What is rejected, with what is needed to be rejected.
fn wrong_events(story: &mut Story) {
    let (key, waiter) = (OnceKey { kind: 1, key: 9 }, WaiterId(7));
    let limits = Limits {
        min: 3,
        max: 2,
        spare: 0,
        idle: None,
    };
    let unknown = KindId(9);
    story
        .at(4)
        .submit(1, Submit::procs(1))
        .submit(5, Submit::new(Resources::ZERO))
        .submit(5, Submit::procs(17))
        .submit(5, Submit::new(Resources::procs(4).gpus(3)))
        .submit(6, Submit::machine().kinds(K0))
        .done(6, Outcome::Ok)
        .done(99, Outcome::Ok)
        .tell(Event::Done {
            request: RequestId(2),
            machine: Some(m(0)),
            outcome: Outcome::Ok,
        })
        .up(m(99))
        .up(m(0))
        .polled(m(5), true)
        .polled(m(0), true)
        .polled(m(0), true)
        .tell(Event::Join {
            machine: m(3),
            kind: K2,
            offer: None,
        })
        .tell(Event::Join {
            machine: j(1),
            kind: unknown,
            offer: None,
        })
        .tell(Event::SetLimits {
            kind: unknown,
            limits,
        })
        .tell(Event::SetLimits { kind: K0, limits })
        .tell(Event::Keep { machine: m(4) })
        .tell(Event::OnceDone {
            machine: m(0),
            key,
            outcome: OnceOutcome::Ok,
        });
    for _ in 0..2 {
        story.tell(Event::Once {
            machine: m(0),
            key,
            waiter,
        });
    }
    story.tell(Event::ForgetOnce { machine: m(0), key });
    let outcomes = [OnceOutcome::MachineLost, OnceOutcome::Ok, OnceOutcome::Ok];
    for outcome in outcomes {
        story.tell(Event::OnceDone {
            machine: m(0),
            key,
            outcome,
        });
    }
    story.tell(Event::ForgetOnce { machine: m(0), key });
}

/// Tasks, once-work and polls; a machine is lost with all that is there, one because it answers no
/// poll.
fn work(story: &mut Story) {
    let task = TaskId;
    for n in 1..=2 {
        story.at(5).tell(Event::AssignTask {
            machine: m(0),
            task: task(n),
        });
    }
    story.tell(Event::DiscardTask {
        machine: m(0),
        task: task(1),
    });
    for (key, outcome) in [(1, OnceOutcome::Remote), (2, OnceOutcome::Unreachable)] {
        let (machine, key) = (m(0), OnceKey { kind: 0, key });
        let waiter = WaiterId(key.key);
        let once = Event::Once {
            machine,
            key,
            waiter,
        };
        story.tell(once).tell(Event::OnceDone {
            machine,
            key,
            outcome,
        });
    }
    story
        .tell(Event::Once {
            machine: m(0),
            key: OnceKey { kind: 0, key: 3 },
            waiter: WaiterId(3),
        })
        .at(6)
        .tell(Event::Stopped { machine: m(0) })
        .tell(Event::Stopped { machine: m(2) })
        .fail(m(3), None)
        .up(m(4))
        .polled(m(1), false)
        .at(14)
        .polled(m(1), false);
}

/// A machine goes on probation and comes back by success, by time, and not at all: the second time
/// in a row it is drained (H3).
fn probation(story: &mut Story) {
    let job = Submit::procs(2).kinds(K0).prefer(m(6));
    story.at(20).up(m(6)).done(6, Outcome::Ok).at(21);
    story
        .submit(10, job)
        .submit(11, job)
        .done(10, Outcome::Unreachable)
        .done(11, Outcome::Ok)
        .submit(12, job)
        .done(12, Outcome::Unreachable)
        .at(25)
        .tell(Event::Timer)
        .at(27)
        .submit(13, job)
        .submit(14, job)
        .submit(15, Submit::procs(1).kinds(K0).avoid(m(6)))
        .done(13, Outcome::Remote)
        .done(14, Outcome::Unused);
    story.submit(16, job).submit(17, job);
    story.done(16, Outcome::Unreachable);
}

/// A machine is held for a request whose turn has come, until the hold's limit.
fn holds(story: &mut Story) {
    story
        .at(30)
        .up(m(8))
        .at(36)
        .done(15, Outcome::Unreachable)
        .tell(Event::Stopped { machine: m(6) });
    let (whole, small) = (Submit::machine().kinds(K0), Submit::procs(2).kinds(K0));
    story.at(40).submit(20, whole.priority(5)).submit(21, small);
    story.done(21, Outcome::Ok).submit(22, small);
    story.taped.snapshot();
    story.at(56).tell(Event::Timer);
}

/// Machines join, drain, are kept, and are told to stop whatever runs there; limits change.
fn drains(story: &mut Story) {
    let half = Some(Resources::procs(8));
    story.at(60).up(m(9));
    for (n, offer) in [(0, None), (1, half), (2, half)] {
        story.tell(Event::Join {
            machine: j(n),
            kind: K2,
            offer,
        });
    }
    let drain = |machine, until: Option<u64>| Event::Drain {
        machine,
        until: until.map(Instant::from_secs),
    };
    story
        .tell(drain(m(8), None))
        .tell(Event::Keep { machine: m(8) })
        .tell(drain(m(8), Some(65)))
        .tell(drain(j(1), None))
        .at(66)
        .tell(Event::Timer)
        .tell(Event::Stopped { machine: m(8) })
        .tell(Event::Stopped { machine: j(1) });
    story
        .at(70)
        .tell(Event::SetMaxProcs { max_procs: 40 })
        .tell(Event::SetLimits {
            kind: K0,
            limits: Limits {
                min: 1,
                max: 3,
                spare: 1,
                idle: Some(Duration::from_secs(9)),
            },
        })
        .tell(Event::Done {
            request: RequestId(20),
            machine: None,
            outcome: Outcome::Ok,
        })
        .tell(Event::Stopped { machine: m(9) });
}

/// More than eight starts of a kind fail in a row, of two kinds.
fn failed_starts(story: &mut Story) {
    let retry = StartHint::RetryAfter(Duration::from_millis(2_500));
    for n in 0..11 {
        story.at(73 + 3 * n).tell(Event::Timer);
        for machine in story.pending(K0) {
            story.fail(machine, None);
        }
        for machine in story.pending(K1) {
            story.fail(machine, (n == 0).then_some(retry));
        }
    }
    story.at(110).tell(Event::Timer);
    for machine in story.pending(K0) {
        story.fail(machine, Some(StartHint::AtCapacity));
    }
}

/// The end, with requests in the queue and machines in service.
fn shutdown(story: &mut Story) {
    story
        .submit(30, Submit::procs(9))
        .submit(31, Submit::procs(16).kinds(Kinds::ALL))
        .tell(Event::Shutdown)
        .tell(Event::Timer)
        .submit(32, Submit::procs(1))
        .tell(Event::Stopped { machine: j(0) })
        .at(130)
        .tell(Event::Timer);
}
