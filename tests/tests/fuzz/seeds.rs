//! Inputs made by hand, which the fuzzer starts from: each kind of event, and managers that are read back.

use remuda::{Config, Event, Instant, MachineId, Manager, Outcome, RequestId, Submit};

use crate::bodies::bytes;
use crate::bodies::config::*;
use crate::bodies::events::*;

/// The name of an input's file, and the input.
pub(crate) type Seed = (&'static str, Vec<u8>);

/// Four procs a machine and eight in all; 30 s of probation, back-off from 1 s to 60 s, silence after two polls 10 s apart,
/// a summary each 60 s; from the origin on; one kind under Fit, patience 4, three flaps, 10 s to settle, probations of 60 s
/// at the most.
const PLAIN: [u8; HEAD] = [3, 7, 5, 3, 6, 2, 4, 6, 0, 0, 19, 4, 0, 0, 0, 6];

/// The same but for these bytes.
fn with(changes: &[(usize, u8)]) -> [u8; HEAD] {
    let mut head = PLAIN;
    changes.iter().for_each(|&(at, byte)| head[at] = byte);
    head
}

/// A whole machine, as a demand.
const WHOLE: u8 = 0;
const OK: u8 = 0;
const REMOTE: u8 = 1;
const UNREACHABLE: u8 = 2;
const UNUSED: u8 = 3;

fn story(head: [u8; HEAD], records: &[[u8; RECORD]]) -> Vec<u8> {
    [head.as_slice(), records.as_flattened()].concat()
}

/// For the target `events`.
pub(crate) fn events() -> Vec<Seed> {
    // When, what, and of whom.
    let submitted_and_up = [
        [0, SUBMIT, 1, 0, 2, 0],
        [0, SUBMIT, 2, 1, WHOLE, 0],
        [1, UP, 0, 0, 0, 0],
    ];
    let failing: Vec<_> = (0..12)
        .map(|n| [AT_TIMEOUT, START_FAILED, n, 0, 0, 0])
        .collect();
    vec![
        ("empty", Vec::new()),
        (
            "one-request-from-its-submit-to-its-done",
            story(
                PLAIN,
                &[
                    [0, SUBMIT, 1, 0, 2, 0],
                    [1, UP, 0, 0, 0, 0],
                    [0, POLLED, 0, 1, 0, 0],
                    [2, DONE, 1, OK, 0, 0],
                ],
            ),
        ),
        (
            "probation-ends-by-success-by-time-and-by-loss",
            story(
                PLAIN,
                &[
                    submitted_and_up.as_slice(),
                    &[
                        [1, UP, 1, 0, 0, 0],
                        [1, DONE, 1, UNREACHABLE, 0, 0],
                        [0, SUBMIT, 1, 2, 1, 0],
                        [1, DONE, 2, OK, 0, 0],
                        [1, SUBMIT, 3, 0, 1, 0],
                        [1, SUBMIT, 4, 0, 1, 0],
                        [1, SUBMIT, 5, 0, 1, 0],
                        [1, DONE, 1, UNREACHABLE, 0, 0],
                        [1, DONE, 3, REMOTE, 0, 0],
                        [AT_TIMEOUT - 1, TIMER, 0, 0, 0, 0],
                        [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                        [29, TIMER, 0, 0, 0, 0],
                        [1, DONE, 4, UNREACHABLE, 0, 0],
                        [1, STOPPED, NTH, 0, 0, 0],
                        [1, STOPPED, NTH, 0, 0, 0],
                        [1, DONE, 5, UNUSED, 0, 0],
                    ],
                ]
                .concat(),
            ),
        ),
        (
            "starts-that-fail-back-off-and-raise-a-notice",
            story(
                PLAIN,
                &[[[0, SUBMIT, 1, 0, 4, 0]].as_slice(), failing.as_slice()].concat(),
            ),
        ),
        (
            "starts-that-fail-without-a-back-off",
            story(
                with(&[(3, 0), (5, 0)]),
                &[[[0, SUBMIT, 1, 0, 4, 0]].as_slice(), failing.as_slice()].concat(),
            ),
        ),
        (
            "tasks-and-once-work-and-all-of-it-lost",
            story(
                PLAIN,
                &[
                    submitted_and_up.as_slice(),
                    &[
                        [0, ASSIGN, 0, 1, 0, 0],
                        [0, ASSIGN, 0, 2, 0, 0],
                        [0, ASSIGN, 0, 1, 0, 0],
                        [0, DISCARD, 0, 2, 0, 0],
                        [0, DISCARD, 0, 2, 0, 0],
                        [0, ONCE, 0, 1, 1, 0],
                        [0, ONCE, 0, 1, 2, 0],
                        [0, ONCE, 0, 1, 2, 0],
                        [0, FORGET, 0, 1, 0, 0],
                        [0, ONCE_DONE, 0, 1, 3, 0],
                        [0, ONCE_DONE, 0, 1, REMOTE, 0],
                        [0, ONCE_DONE, 0, 1, OK, 0],
                        [0, ONCE, 0, 1, 1, 0],
                        [0, FORGET, 0, 1, 0, 0],
                        [0, FORGET, 0, 1, 0, 0],
                        [0, ONCE, 0, 2, 1, 0],
                        [0, READ_BACK, 0, 0, 0, 0],
                        [1, STOPPED, 0, 0, 0, 0],
                        [1, ASSIGN, 0, 3, 0, 0],
                        [1, ONCE, 0, 2, 1, 0],
                        [1, ONCE_DONE, 0, 2, OK, 0],
                    ],
                ]
                .concat(),
            ),
        ),
        (
            "a-machine-that-falls-silent",
            story(
                PLAIN,
                &[
                    submitted_and_up.as_slice(),
                    &[
                        [1, POLLED, 0, 0, 0, 0],
                        [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                        [1, POLLED, 0, 1, 0, 0],
                        [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                        [1, POLLED, 0, 0, 0, 0],
                        [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                        [1, POLLED, 0, 0, 0, 0],
                        [1, POLLED, 0, 0, 0, 0],
                    ],
                ]
                .concat(),
            ),
        ),
        (
            "what-is-wrong-is-refused",
            story(
                PLAIN,
                &[
                    [0, CANCEL, 1, 0, 0, 0],
                    [0, SUBMIT, 1, 0, 5, 0],
                    [0, SUBMIT, 1, 0, 4, 0],
                    [0, SUBMIT, 1, 0, 4, 0],
                    [0, DONE, 1, OK, 0, 0],
                    [0, ASSIGN, 0, 1, 0, 0],
                    [0, UP, 9, 0, 0, 0],
                    [0, UP, 0, 0, 0, 0],
                    [0, UP, 0, 0, 0, 0],
                    [0, POLLED, 0, 1, 0, 0],
                    [0, POLLED, 0, 1, 0, 0],
                    [0, ONCE_DONE, 0, 1, OK, 0],
                    [0, CANCEL, 1, 0, 0, 0],
                    [BACK + 5, TIMER, 0, 0, 0, 0],
                ],
            ),
        ),
        (
            "a-cancel-in-the-queue-and-one-timer-less",
            story(
                with(&[(5, 0), (6, 0), (7, 0)]),
                &[
                    [0, SUBMIT, 1, 0, 4, 0],
                    [0, CANCEL, 1, 0, 0, 0],
                    [0, START_FAILED, 0, 0, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [0, TIMER, 0, 0, 0, 0],
                ],
            ),
        ),
        (
            "shutdown-in-the-middle",
            story(
                PLAIN,
                &[
                    submitted_and_up.as_slice(),
                    &[
                        [0, SUBMIT, 3, 0, 4, 0],
                        [0, SHUTDOWN, 0, 0, 0, 0],
                        [0, UP, 1, 0, 0, 0],
                        [0, SUBMIT, 4, 0, 4, 0],
                        [0, STOPPED, 0, 0, 0, 0],
                        [0, SHUTDOWN, 0, 0, 0, 0],
                    ],
                ]
                .concat(),
            ),
        ),
        (
            "the-end-of-time",
            story(
                with(&[(8, 2)]),
                &[
                    submitted_and_up.as_slice(),
                    &[
                        [40, DONE, 1, UNREACHABLE, 0, 0],
                        [40, START_FAILED, 1, 0, 0, 0],
                        [AT_THE_END, TIMER, 0, 0, 0, 0],
                        [AT_THE_END, SUBMIT, 4, 0, 4, 0],
                    ],
                ]
                .concat(),
            ),
        ),
    ]
    .into_iter()
    .chain(of_the_second_edition())
    .collect()
}

/// Kinds, offers, joins, drains, limits and holds, and bigslice's policy, which has few of them.
fn of_the_second_edition() -> Vec<Seed> {
    const HOUR: u8 = 7;
    const TEN_SECONDS: u8 = 4;
    const FOREVER: u8 = 0;
    vec![
        (
            "drains-and-keeps",
            story(
                PLAIN,
                &[
                    [0, SUBMIT, 1, 0, 2, 0],
                    [0, SUBMIT, 2, 0, WHOLE, 0],
                    [1, UP, 0, 0, 0, 0],
                    [1, UP, 1, 0, 0, 0],
                    [1, DRAIN, 0, FOREVER, 0, 0],
                    [1, KEEP, 0, 0, 0, 0],
                    [1, DRAIN, 0, HOUR, 0, 0],
                    [1, DRAIN, 0, TEN_SECONDS, 0, 0],
                    [AT_TIMEOUT, POLLED, 0, 1, 0, 0],
                    [10, TIMER, 0, 0, 0, 0],
                    [0, KEEP, 0, 0, 0, 0],
                    [1, STOPPED, 0, 0, 0, 0],
                    [1, DRAIN, 1, FOREVER, 0, 0],
                    [1, READ_BACK, 0, 0, 0, 0],
                    [1, DONE, 2, OK, ITS_OWN, 0],
                    [1, STOPPED, 1, 0, 0, 0],
                ],
            ),
        ),
        (
            "joins-and-limits-of-two-kinds",
            story(
                with(&[(POLICY, TWO_KINDS), (LIMITS, 0x10), (IDLE, 4), (REST, 0x80)]),
                &[
                    [0, JOIN, NTH, 0, 0, 0],
                    [0, JOIN, NTH, 1, 3, 0],
                    [0, JOIN, JOINED, 1, 0, 0],
                    [0, JOIN, JOINED + 9, 3, 0, 0],
                    [0, SUBMIT, 1, 0, 3, 2],
                    [0, SUBMIT, 2, 0, 3, 0],
                    [1, SET_LIMITS, 0, 0x32, 5, 0],
                    [1, SET_LIMITS, 0, 0x13, 0, 0],
                    [1, SET_LIMITS, 3, 0, 0, 0],
                    [1, SET_MAX_PROCS, 30, 0, 0, 0],
                    [1, UP, NTH, 0, 0, 0],
                    [1, SET_MAX_PROCS, 3, 0, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [30, READ_BACK, 0, 0, 0, 0],
                    [30, TIMER, 0, 0, 0, 0],
                    [1, STOPPED, NTH, 0, 0, 0],
                ],
            ),
        ),
        (
            "machines-that-offer-less-leave-requests-without-a-home",
            story(
                PLAIN,
                &[
                    [0, SUBMIT, 1, 0, 4, 0],
                    [1, UP, 0, 2, 0, 0],
                    [1, UP, 1, 2, 0, 0],
                    [1, UP, 2, 2, 0, 0],
                    [1, SUBMIT, 2, 0, 2, 0],
                    [1, SUBMIT, 3, 4, 1, 0],
                    [1, SUBMIT, 4, 0, 6, 0],
                ],
            ),
        ),
        (
            "a-turn-comes-and-a-machine-is-held",
            story(
                with(&[(1, 3), (PATIENCE, 16), (SETTLE, 74)]),
                &[
                    [0, SUBMIT, 1, 0, 2, 0],
                    [0, SUBMIT, 2, 0, 2, 0],
                    [1, UP, 0, 0, 0, 0],
                    [1, SUBMIT, 3, 0, WHOLE, 0],
                    [1, SUBMIT, 4, 0, 2, 0],
                    [1, DONE, 1, OK, ITS_OWN, 0],
                    [1, SUBMIT, 5, 0, 2, 0],
                    [1, DONE, 2, OK, ITS_OWN, 0],
                    [1, SUBMIT, 6, 0, 2, 0],
                    [1, DONE, 4, OK, ITS_OWN, 0],
                    [1, READ_BACK, 0, 0, 0, 0],
                    [1, DONE, 5, OK, ITS_OWN, 0],
                    [1, DONE, 6, OK, ITS_OWN, 0],
                    [1, DONE, 3, OK, ITS_OWN, 0],
                ],
            ),
        ),
        (
            "preferred-avoided-given-up",
            story(
                PLAIN,
                &[
                    [0, SUBMIT, 1, 0, 2, 0],
                    [0, SUBMIT, 2, 0, WHOLE, 0],
                    [1, UP, 0, 0, 0, 0],
                    [1, UP, 1, 0, 0, 0],
                    [1, SUBMIT, 3, 0, 1, PREFER | (1 << 5)],
                    [1, SUBMIT, 4, 0, 1, AVOID],
                    [1, SUBMIT, 5, 0, 4, PREFER | AVOID | (4 << 5)],
                    [1, SUBMIT, 6, 0, 4, PREFER | AVOID],
                    [1, DONE, 1, OK, 3, 0],
                    [1, DONE, 1, OK, UNNAMED, 0],
                    [1, STOPPED, 1, 0, 0, 0],
                    [10, TIMER, 0, 0, 0, 0],
                ],
            ),
        ),
        (
            "starts-that-fail-with-a-hint",
            story(
                PLAIN,
                &[
                    [0, SUBMIT, 1, 0, WHOLE, 0],
                    [0, SUBMIT, 2, 0, WHOLE, 0],
                    [0, START_FAILED, 0, 1, 0, 0],
                    [AT_TIMEOUT, START_FAILED, 1, 2, HOUR, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [1, UP, NTH, 0, 0, 0],
                    [1, STOPPED, NTH, 0, 0, 0],
                ],
            ),
        ),
        (
            "three-kinds-of-all-amounts",
            story(
                with(&[
                    (1, 60),
                    (POLICY, THREE_KINDS | FIRST_FIT | STOP_WITH_TASKS | WITHDRAW),
                    (LIMITS, 0b0011_0101),
                    (IDLE, 25),
                    (REST, 0b0001_1111),
                ]),
                &[
                    [0, TIMER, 0, 0, 0, 0],
                    [0, SUBMIT, 1, 36, 2, 0],
                    [0, SUBMIT, 2, 100, 3, 6],
                    [0, SUBMIT, 3, 28, 1, 4],
                    [1, UP, NTH, 0, 0, 0],
                    [1, UP, NTH + 1, 0, 0, 0],
                    [1, CANCEL, 3, 0, 0, 0],
                    [1, UP, NTH + 2, 0, 0, 0],
                    [1, ASSIGN, NTH, 1, 0, 0],
                    [1, DONE, 1, OK, ITS_OWN, 0],
                    [1, READ_BACK, 0, 0, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [40, TIMER, 0, 0, 0, 0],
                ],
            ),
        ),
        (
            "a-machine-that-flaps",
            story(
                with(&[(PATIENCE, 10)]),
                &[
                    [0, SUBMIT, 1, 0, 1, 0],
                    [0, SUBMIT, 2, 0, WHOLE, 0],
                    [1, UP, 0, 0, 0, 0],
                    [1, UP, 1, 0, 0, 0],
                    [1, SUBMIT, 3, 0, 1, 0],
                    [1, SUBMIT, 4, 0, 1, 0],
                    [1, DONE, 1, UNREACHABLE, ITS_OWN, 0],
                    [63, TIMER, 0, 0, 0, 0],
                    [1, DONE, 3, UNREACHABLE, ITS_OWN, 0],
                    [63, TIMER, 0, 0, 0, 0],
                    [63, DONE, 4, UNREACHABLE, ITS_OWN, 0],
                ],
            ),
        ),
        (
            "bigslice",
            story(
                with(&[(POLICY, BIGSLICE)]),
                &[
                    [0, SUBMIT, 1, 0, 2, 0],
                    [0, SUBMIT, 2, 1, WHOLE, 0],
                    [0, SUBMIT, 3, 1, 3, 0],
                    [1, UP, 0, 0, 0, 0],
                    [1, UP, 1, 0, 0, 0],
                    [0, JOIN, NTH, 0, 0, 0],
                    [0, SET_MAX_PROCS, 9, 0, 0, 0],
                    [1, DONE, 1, UNREACHABLE, ITS_OWN, 0],
                    [1, READ_BACK, 0, 0, 0, 0],
                    [29, DRAIN, 1, TEN_SECONDS, 0, 0],
                    [AT_TIMEOUT, TIMER, 0, 0, 0, 0],
                    [9, DONE, 3, OK, UNNAMED, 0],
                ],
            ),
        ),
    ]
}

/// For the target `bytes`.
pub(crate) fn serialised() -> Vec<Seed> {
    let mut manager = Manager::new(Config::new(4, 8).expect("valid")).expect("valid");
    let submit = |request| Event::Submit {
        request: RequestId(request),
        spec: Submit::procs(3),
    };
    let machine = MachineId(0);
    let (before, after) = (
        [
            (Instant::from_secs(1), submit(1)),
            (Instant::from_secs(1), submit(2)),
            (Instant::from_secs(1), submit(3)),
            (
                Instant::from_secs(2),
                Event::Up {
                    machine,
                    offer: None,
                },
            ),
            (
                Instant::from_secs(3),
                Event::Once {
                    machine,
                    key: remuda::OnceKey { kind: 0, key: 1 },
                    waiter: remuda::WaiterId(1),
                },
            ),
            (
                Instant::from_secs(3),
                Event::AssignTask {
                    machine,
                    task: remuda::TaskId(1),
                },
            ),
            (
                Instant::from_secs(4),
                Event::StartFailed {
                    machine: MachineId(1),
                    hint: None,
                },
            ),
        ],
        [
            (
                Instant::from_secs(5),
                Event::Done {
                    request: RequestId(1),
                    machine: Some(machine),
                    outcome: Outcome::Unreachable,
                },
            ),
            (Instant::from_secs(6), Event::Stopped { machine }),
            (Instant::from_secs(70), Event::Timer),
            (Instant::from_secs(71), Event::Shutdown),
        ],
    );
    for (now, event) in before {
        let _ = manager.handle(event, now);
    }
    let postcards = |events: &[(Instant, Event)]| -> Vec<u8> {
        let events = events.iter().map(postcard::to_allocvec);
        events.flat_map(|event| event.expect("writable")).collect()
    };
    let lines = |events: &[(Instant, Event)]| -> Vec<u8> {
        let events = events.iter().map(serde_json::to_string);
        events
            .flat_map(|event| (event.expect("writable") + "\n").into_bytes())
            .collect()
    };
    let begun = |mode: u8, parts: &[&[u8]]| [&[mode], parts.concat().as_slice()].concat();
    let frozen = postcard::to_allocvec(&manager).expect("writable");
    let text = serde_json::to_vec(&manager).expect("writable");
    let cut = &frozen[..frozen.len() / 2];
    vec![
        ("events", begun(bytes::EVENTS, &[&postcards(&before)])),
        (
            "events-under-bigslice",
            begun(bytes::BIGSLICE, &[&postcards(&before)]),
        ),
        (
            "events-in-json",
            begun(bytes::EVENTS_JSON, &[&lines(&before)]),
        ),
        (
            "manager-and-events",
            begun(bytes::MANAGER, &[&frozen, &postcards(&after)]),
        ),
        (
            "manager-and-events-in-json",
            begun(bytes::MANAGER_JSON, &[&text, &lines(&after)]),
        ),
        ("half-a-manager", begun(bytes::MANAGER, &[cut])),
    ]
}
