//! The bytes of every event and every action, which stay for ever, and their round trips.

use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::bytes::Bytes;
use super::event::{NoEvent, event, put_event};
use super::hash;
use crate::protocol::action::{Action, Loss, Notice, Recovery};
use crate::protocol::event::{Event, Limits, OnceOutcome, Outcome, StartHint, Submit};
use crate::protocol::id::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
use crate::protocol::reject::Reject;
use crate::protocol::resources::{Demand, Resources};
use crate::protocol::time::Instant;

// A larger event would be slower to hand on, and longer to write.
const _: () = assert!(size_of::<Event>() <= 104 && size_of::<Action>() <= 40);

const REQUEST: RequestId = RequestId(7);
const MACHINE: MachineId = MachineId(300);
const TASK: TaskId = TaskId(9);
const WAITER: WaiterId = WaiterId(1);
const KEY: OnceKey = OnceKey { kind: 2, key: 5 };
const AT: Instant = Instant(11);
const KIND: KindId = KindId(3);
const OFFER: Resources = Resources::new([4, 300, 0, 1]);

fn submit(spec: Submit) -> Event {
    Event::Submit {
        request: REQUEST,
        spec,
    }
}

/// The events that the first edition had, with its bytes.
fn first_edition_events() -> Vec<(Event, &'static [u8])> {
    let (machine, key) = (MACHINE, KEY);
    let done = |outcome| Event::Done {
        request: REQUEST,
        machine: None,
        outcome,
    };
    let once_done = |outcome| Event::OnceDone {
        machine,
        key,
        outcome,
    };
    let polled = |answered| Event::Polled { machine, answered };
    let (offer, hint, request) = (None, None, REQUEST);
    let (task, waiter) = (TASK, WAITER);
    let once = Event::Once {
        machine,
        key,
        waiter,
    };
    alloc::vec![
        (submit(Submit::procs(3).priority(-7)), &[1, 7, 13, 3]),
        (submit(Submit::machine().priority(1)), &[1, 7, 2, 0]),
        (Event::Cancel { request }, &[2, 7]),
        (done(Outcome::Ok), &[3, 7, 0]),
        (done(Outcome::Remote), &[3, 7, 1]),
        (done(Outcome::Unreachable), &[3, 7, 2]),
        (done(Outcome::Unused), &[3, 7, 3]),
        (Event::Up { machine, offer }, &[4, 172, 2]),
        (Event::StartFailed { machine, hint }, &[5, 172, 2]),
        (Event::Stopped { machine }, &[6, 172, 2]),
        (Event::AssignTask { machine, task }, &[7, 172, 2, 9]),
        (Event::DiscardTask { machine, task }, &[8, 172, 2, 9]),
        (once, &[9, 172, 2, 2, 5, 1]),
        (once_done(OnceOutcome::Ok), &[10, 172, 2, 2, 5, 0]),
        (once_done(OnceOutcome::Remote), &[10, 172, 2, 2, 5, 1]),
        (once_done(OnceOutcome::Unreachable), &[10, 172, 2, 2, 5, 2]),
        (once_done(OnceOutcome::MachineLost), &[10, 172, 2, 2, 5, 3]),
        (Event::ForgetOnce { machine, key }, &[11, 172, 2, 2, 5]),
        (polled(false), &[12, 172, 2, 0]),
        (polled(true), &[12, 172, 2, 1]),
        (Event::Timer, &[13]),
        (Event::Shutdown, &[14]),
    ]
}

fn new_events() -> Vec<(Event, &'static [u8])> {
    let machine = MACHINE;
    let all = Submit::new(OFFER).kinds(KIND).prefer(MACHINE);
    let all = all.avoid(MachineId(8)).give_up(AT);
    let done = Event::Done {
        request: REQUEST,
        machine: Some(machine),
        outcome: Outcome::Unreachable,
    };
    let failed = |hint| Event::StartFailed {
        machine,
        hint: Some(hint),
    };
    let retry = StartHint::RetryAfter(Duration::new(1, 2));
    let join = |offer| Event::Join {
        machine: MachineId::joined(0),
        kind: KIND,
        offer,
    };
    let drain = |until| Event::Drain { machine, until };
    let up = Event::Up {
        machine,
        offer: Some(OFFER),
    };
    let limits = |idle| Event::SetLimits {
        kind: KIND,
        limits: Limits {
            min: 1,
            max: 300,
            spare: 2,
            idle,
        },
    };
    let idle = Some(Duration::new(5, 6));
    let no_procs = Submit::new(Resources::ZERO);
    let prefer = Submit::machine().prefer(MACHINE);
    alloc::vec![
        (
            submit(all.priority(-1)),
            &[15, 7, 1, 31, 4, 172, 2, 0, 1, 8, 172, 2, 8, 11],
        ),
        (submit(no_procs), &[15, 7, 0, 1, 0, 0, 0, 0]),
        (submit(prefer), &[15, 7, 0, 4, 172, 2]),
        (
            submit(Submit::machine().kinds(Kinds::NONE)),
            &[15, 7, 0, 2, 0]
        ),
        (done, &[16, 7, 172, 2, 2]),
        (up, &[17, 172, 2, 4, 172, 2, 0, 1]),
        (failed(retry), &[18, 172, 2, 1, 2]),
        (failed(StartHint::AtCapacity), &[19, 172, 2]),
        (
            join(None),
            &[20, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1, 3, 0],
        ),
        (
            join(Some(OFFER)),
            &[
                20, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1, 3, 1, 4, 172, 2, 0, 1,
            ],
        ),
        (drain(None), &[21, 172, 2, 0]),
        (drain(Some(AT)), &[21, 172, 2, 1, 11]),
        (Event::Keep { machine }, &[22, 172, 2]),
        (limits(None), &[23, 3, 1, 172, 2, 2, 0]),
        (limits(idle), &[23, 3, 1, 172, 2, 2, 1, 5, 6]),
        (Event::SetMaxProcs { max_procs: 300 }, &[24, 172, 2]),
    ]
}

fn coded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_event(&mut bytes, event);
    bytes
}

#[test]
fn every_event_has_its_bytes_for_ever() {
    for (this, bytes) in first_edition_events().into_iter().chain(new_events()) {
        assert_eq!(coded(&this), bytes, "{this:?}");
        assert_eq!(event(Bytes(bytes)), Ok(this));
        for end in 0..bytes.len() {
            assert_eq!(event(Bytes(&bytes[..end])), Err(NoEvent::Malformed));
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(event(Bytes(&longer)), Err(NoEvent::Malformed), "{this:?}");
    }
}

#[test]
fn what_is_no_event_is_told_from_what_a_newer_version_writes() {
    for number in [0, 25, 99] {
        assert_eq!(
            event(Bytes(&[number])),
            Err(NoEvent::Unknown(number.into()))
        );
    }
    let malformed = Err(NoEvent::Malformed);
    assert_eq!(event(Bytes(&[])), malformed);
    assert_eq!(event(Bytes(&[12, 1, 2])), malformed, "neither yes nor no");
    assert_eq!(event(Bytes(&[3, 7, 4])), malformed, "no outcome");
    assert_eq!(event(Bytes(&[10, 1, 2, 5, 4])), malformed, "no outcome");
    assert_eq!(event(Bytes(&[15, 7, 0, 32])), malformed, "an unknown field");
    assert_eq!(event(Bytes(&[20, 1, 128, 2, 0])), malformed, "kind 256");
}

/// The actions that the first edition had, with its bytes.
fn first_edition_actions() -> Vec<(Action, &'static [u8])> {
    let (request, machine, task, key) = (REQUEST, MACHINE, TASK, KEY);
    let (first, count) = (MACHINE, 10);
    let kind = KindId(0);
    let lost = |by| Action::RequestLost {
        request,
        machine,
        by,
    };
    let ready = |outcome| Action::OnceReady {
        waiter: WAITER,
        key,
        outcome,
    };
    alloc::vec![
        (Action::Grant { request, machine }, &[1, 7, 172, 2]),
        (Action::Start { kind, first, count }, &[2, 172, 2, 10]),
        (Action::Stop { machine }, &[3, 172, 2]),
        (lost(Loss::Stopped), &[4, 7, 172, 2]),
        (lost(Loss::Silence), &[4, 7, 172, 2]),
        (Action::TaskLost { task, machine }, &[5, 9, 172, 2]),
        (Action::DropTask { task, machine }, &[6, 9, 172, 2]),
        (Action::RunOnce { machine, key }, &[7, 172, 2, 2, 5]),
        (ready(OnceOutcome::Ok), &[8, 1, 2, 5, 0]),
        (ready(OnceOutcome::Remote), &[8, 1, 2, 5, 1]),
        (ready(OnceOutcome::Unreachable), &[8, 1, 2, 5, 2]),
        (ready(OnceOutcome::MachineLost), &[8, 1, 2, 5, 3]),
        (Action::Poll { machine }, &[9, 172, 2]),
        (Action::Cancelled { request }, &[10, 7]),
        (Action::SetTimer { at: AT }, &[11, 11]),
        (Action::ClearTimer, &[12]),
    ]
}

fn first_edition_notices() -> Vec<(Notice, &'static [u8])> {
    let machine = MACHINE;
    let recovered = |by| Notice::Recovered { machine, by };
    let lost = |by| Notice::MachineLost { machine, by };
    let failing = Notice::StartsFailing {
        kind: KindId(0),
        failures: 300,
    };
    let summary = Notice::Summary {
        pending: 1,
        ok: 2,
        probation: 3,
        lost: 4,
    };
    alloc::vec![
        (Notice::Probation { machine }, &[13, 1, 172, 2]),
        (recovered(Recovery::Success), &[13, 2, 172, 2, 0]),
        (recovered(Recovery::Timeout), &[13, 2, 172, 2, 1]),
        (lost(Loss::Stopped), &[13, 3, 172, 2, 0]),
        (lost(Loss::Silence), &[13, 3, 172, 2, 1]),
        (failing, &[13, 4, 172, 2]),
        (summary, &[13, 5, 1, 2, 3, 4]),
    ]
}

fn first_edition_rejects() -> Vec<(Reject, &'static [u8])> {
    let (request, machine, waiter, key) = (REQUEST, MACHINE, WAITER, KEY);
    let (procs, limit) = (9, 4);
    let many = Reject::TooManyProcs {
        request,
        procs,
        limit,
    };
    alloc::vec![
        (Reject::UnknownRequest { request }, &[14, 1, 7]),
        (Reject::DuplicateRequest { request }, &[14, 2, 7]),
        (many, &[14, 3, 7, 9, 4]),
        (Reject::RequestNotRunning { request }, &[14, 4, 7]),
        (Reject::UnknownMachine { machine }, &[14, 5, 172, 2]),
        (Reject::MachineNotPending { machine }, &[14, 6, 172, 2]),
        (Reject::MachineNotInService { machine }, &[14, 7, 172, 2]),
        (Reject::UnexpectedPolled { machine }, &[14, 8, 172, 2]),
        (Reject::DuplicateWaiter { waiter }, &[14, 9, 1]),
        (
            Reject::OnceUnknown { machine, key },
            &[14, 10, 172, 2, 2, 5]
        ),
        (
            Reject::OnceNotRunning { machine, key },
            &[14, 11, 172, 2, 2, 5]
        ),
        (
            Reject::OnceRunning { machine, key },
            &[14, 12, 172, 2, 2, 5]
        ),
        (
            Reject::OnceMachineLost { machine, key },
            &[14, 13, 172, 2, 2, 5]
        ),
        (Reject::Full { limit }, &[14, 14, 4]),
    ]
}

fn new_actions() -> Vec<(Action, &'static [u8])> {
    let (request, machine, kind) = (REQUEST, MACHINE, KIND);
    let (first, count) = (MACHINE, 10);
    let lost = Action::RequestLost {
        request,
        machine,
        by: Loss::Drained,
    };
    alloc::vec![
        (Action::Start { kind, first, count }, &[15, 3, 172, 2, 10]),
        (lost, &[16, 7, 172, 2]),
        (Action::Expired { request }, &[17, 7]),
    ]
}

fn new_notices() -> Vec<(Notice, &'static [u8])> {
    let (request, machine, kind) = (REQUEST, MACHINE, KIND);
    let failures = 300;
    let lost = Notice::MachineLost {
        machine,
        by: Loss::Drained,
    };
    let draining = |until| Notice::Draining { machine, until };
    alloc::vec![
        (lost, &[13, 3, 172, 2, 2]),
        (Notice::Ended { machine }, &[13, 6, 172, 2]),
        (draining(None), &[13, 7, 172, 2]),
        (draining(Some(AT)), &[13, 8, 172, 2, 11]),
        (Notice::Kept { machine }, &[13, 9, 172, 2]),
        (Notice::Held { request, machine }, &[13, 10, 7, 172, 2]),
        (Notice::NoHome { request }, &[13, 11, 7]),
        (
            Notice::StartsFailing { kind, failures },
            &[13, 12, 3, 172, 2]
        ),
    ]
}

fn new_rejects() -> Vec<(Reject, &'static [u8])> {
    let (request, machine, kind) = (REQUEST, MACHINE, KIND);
    let large = Reject::TooLarge {
        request,
        kind,
        amount: 1,
        asked: 300,
        limit: 4,
    };
    let least = MachineId(8);
    alloc::vec![
        (Reject::NoProcs { request }, &[14, 15, 7]),
        (large, &[14, 16, 7, 3, 1, 172, 2, 4]),
        (
            Reject::RequestNotThere { request, machine },
            &[14, 17, 7, 172, 2]
        ),
        (Reject::MachineStopping { machine }, &[14, 18, 172, 2]),
        (Reject::JoinId { machine, least }, &[14, 19, 172, 2, 8]),
        (Reject::UnknownKind { kind }, &[14, 20, 3]),
        (Reject::Limits { kind }, &[14, 21, 3]),
        (Reject::NotInBigslice, &[14, 22]),
    ]
}

#[test]
fn every_action_has_its_bytes_for_ever() {
    let notices = first_edition_notices().into_iter().chain(new_notices());
    let rejects = first_edition_rejects().into_iter().chain(new_rejects());
    let actions = first_edition_actions().into_iter().chain(new_actions());
    let actions = actions
        .chain(notices.map(|(notice, bytes)| (Action::Notice(notice), bytes)))
        .chain(rejects.map(|(reject, bytes)| (Action::Reject(reject), bytes)));
    let (mut all, mut all_bytes) = (Vec::new(), Vec::new());
    for (action, bytes) in actions {
        assert_eq!(hash(&[action]), crc32fast::hash(bytes), "{action:?}");
        all.push(action);
        all_bytes.extend_from_slice(bytes);
    }
    assert_eq!(hash(&all), crc32fast::hash(&all_bytes));
    assert_eq!(hash(&[]), 0);
}

/// The lists above are complete: a variant that is added must be put into one of them.
#[test]
fn no_event_and_no_action_is_left_out_of_the_lists() {
    let events = first_edition_events().into_iter().chain(new_events());
    let mut numbers: Vec<u8> = events.map(|(_, bytes)| bytes[0]).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
}

fn resources() -> impl Strategy<Value = Resources> {
    any::<[u32; Resources::COUNT]>().prop_map(Resources::new)
}

fn spec() -> impl Strategy<Value = Submit> {
    let demand = prop_oneof![
        Just(Demand::Machine),
        any::<u32>().prop_map(|procs| Resources::procs(procs).into()),
        resources().prop_map(Demand::Amounts),
    ];
    let kinds = prop_oneof![Just(u64::MAX), any::<u64>()];
    let options = any::<(Option<u64>, Option<u64>, Option<u64>)>();
    (demand, any::<i64>(), kinds, options).prop_map(|(demand, priority, kinds, options)| Submit {
        demand,
        priority,
        kinds: Kinds::from_bits(kinds),
        prefer: options.0.map(MachineId),
        avoid: options.1.map(MachineId),
        give_up: options.2.map(Instant),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_submit_is_read_as_it_was_written_and_is_no_longer_than_96_bytes_less_14(
        request in any::<u64>(),
        spec in spec(),
    ) {
        let submit = Event::Submit { request: RequestId(request), spec };
        let bytes = coded(&submit);
        prop_assert_eq!(event(Bytes(&bytes)), Ok(submit));
        prop_assert!(bytes.len() <= 96 - 14);
    }

    #[test]
    fn what_is_read_from_any_bytes_is_written_so_that_it_is_read_again(
        bytes in proptest::collection::vec(prop_oneof![0u8..26, any::<u8>()], 0..24),
    ) {
        if let Ok(this) = event(Bytes(&bytes)) {
            prop_assert_eq!(event(Bytes(&coded(&this))), Ok(this));
        }
    }
}
