//! Runs that are recorded: a short one with every event, and the one of the golden file.

use core::time::Duration;

use remuda::journal::Note;
use remuda::{
    Config, Event, Instant, KindId, Limits, MachineId, OnceKey, OnceOutcome, Outcome, RequestId,
    Resources, StartHint, Submit, TaskId, WaiterId,
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
