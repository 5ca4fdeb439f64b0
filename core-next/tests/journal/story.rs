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
        let pending =
            machines.filter(|one| one.kind() == kind && one.health() == Health::Pending);
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

/// Machines come up, some of them smaller than their kind; requests of every sort are granted, given
/// up, cancelled and rejected.
fn requests(story: &mut Story) {
    let give_up = Submit::new(Resources::procs(8).gpus(1)).kinds(K1);
    let give_up = give_up.give_up(Instant::from_secs(2));
    story
        .submit(1, Submit::procs(3).priority(-7))
        .submit(2, Submit::machine())
        .submit(3, Submit::new(Resources::procs(1).memory_mib(500)).kinds(K0))
        .submit(4, give_up);
    story.taped.note(&Note {
        time: Instant::from_millis(1_500),
        machine: m(0),
        topic: "name",
        text: "build7",
    });
    story.at(3).up(m(0));
    story.tell(Event::Up {
        machine: m(1),
        offer: Some(Resources::new([8, 12_000, 2, 0])),
    });
    story.tell(Event::Cancel {
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

fn probation(_story: &mut Story) {}
fn holds(_story: &mut Story) {}
fn drains(_story: &mut Story) {}
fn failed_starts(_story: &mut Story) {}
fn shutdown(_story: &mut Story) {}
