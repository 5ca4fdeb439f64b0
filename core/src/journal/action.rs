//! Actions as bytes, of which a journal keeps a hash.
//!
//! A number stands for the same action, with the same fields, for ever. Actions that the first
//! edition had keep its bytes, so that its journals replay with equal hashes.

use alloc::vec::Vec;

use super::bytes::{put, put_all};
use super::event::once_outcome_number;
use crate::protocol::action::{Action, Loss, Notice, Recovery};
use crate::protocol::id::{KindId, OnceKey};
use crate::protocol::reject::Reject;

/// The numbers under which all notices and all rejections stand; a second number says which.
const NOTICE: u64 = 13;
const REJECT: u64 = 14;

/// The hash of what an event caused: the CRC-32 of the actions' bytes, zero if there are none.
///
/// It is the same in every version, as long as the actions are.
pub fn hash(actions: &[Action]) -> u32 {
    hash_with(actions, &mut Vec::new())
}

/// The same as [`hash`], with a buffer that is reused: nothing is allocated once it is large
/// enough.
pub fn hash_with(actions: &[Action], buffer: &mut Vec<u8>) -> u32 {
    buffer.clear();
    for action in actions {
        put_action(buffer, action);
    }
    crc32fast::hash(buffer)
}

fn put_action(out: &mut Vec<u8>, action: &Action) {
    match *action {
        Action::Grant { request, machine } => put_all(out, [1, request.0, machine.0]),
        Action::Start {
            kind: KindId(0),
            first,
            count,
        } => put_all(out, [2, first.0, count.into()]),
        Action::Stop { machine } => put_all(out, [3, machine.0]),
        Action::RequestLost {
            request,
            machine,
            by,
        } => {
            let number = match by {
                // The first edition did not say which.
                Loss::Stopped | Loss::Silence => 4,
                Loss::Drained => 16,
            };
            put_all(out, [number, request.0, machine.0]);
        }
        Action::TaskLost { task, machine } => put_all(out, [5, task.0, machine.0]),
        Action::DropTask { task, machine } => put_all(out, [6, task.0, machine.0]),
        Action::RunOnce { machine, key } => {
            put_all(out, [7, machine.0, key.kind.into(), key.key]);
        }
        Action::OnceReady {
            waiter,
            key,
            outcome,
        } => {
            put_all(out, [8, waiter.0, key.kind.into(), key.key]);
            put(out, once_outcome_number(outcome));
        }
        Action::Poll { machine } => put_all(out, [9, machine.0]),
        Action::Cancelled { request } => put_all(out, [10, request.0]),
        Action::SetTimer { at } => put_all(out, [11, at.0]),
        Action::ClearTimer => put(out, 12),
        Action::Notice(notice) => put_notice(out, notice),
        Action::Reject(reject) => put_reject(out, reject),
        Action::Start { kind, first, count } => {
            put_all(out, [15, kind.0.into(), first.0, count.into()]);
        }
        Action::Expired { request } => put_all(out, [17, request.0]),
    }
}

fn put_notice(out: &mut Vec<u8>, notice: Notice) {
    put(out, NOTICE);
    match notice {
        Notice::Probation { machine } => put_all(out, [1, machine.0]),
        Notice::Recovered { machine, by } => {
            let by = match by {
                Recovery::Success => 0,
                Recovery::Timeout => 1,
            };
            put_all(out, [2, machine.0, by]);
        }
        Notice::MachineLost { machine, by } => {
            let by = match by {
                Loss::Stopped => 0,
                Loss::Silence => 1,
                Loss::Drained => 2,
            };
            put_all(out, [3, machine.0, by]);
        }
        Notice::StartsFailing {
            kind: KindId(0),
            failures,
        } => put_all(out, [4, failures]),
        Notice::Summary {
            pending,
            ok,
            probation,
            lost,
        } => put_all(out, [5, pending, ok, probation, lost]),
        Notice::Ended { machine } => put_all(out, [6, machine.0]),
        Notice::Draining {
            machine,
            until: None,
        } => put_all(out, [7, machine.0]),
        Notice::Draining {
            machine,
            until: Some(until),
        } => put_all(out, [8, machine.0, until.0]),
        Notice::Kept { machine } => put_all(out, [9, machine.0]),
        Notice::Held { request, machine } => put_all(out, [10, request.0, machine.0]),
        Notice::NoHome { request } => put_all(out, [11, request.0]),
        Notice::StartsFailing { kind, failures } => {
            put_all(out, [12, kind.0.into(), failures]);
        }
    }
}

fn put_reject(out: &mut Vec<u8>, reject: Reject) {
    put(out, REJECT);
    let put_key = |out: &mut Vec<u8>, number: u64, machine: u64, key: OnceKey| {
        put_all(out, [number, machine, key.kind.into(), key.key]);
    };
    match reject {
        Reject::UnknownRequest { request } => put_all(out, [1, request.0]),
        Reject::DuplicateRequest { request } => put_all(out, [2, request.0]),
        Reject::TooManyProcs {
            request,
            procs,
            limit,
        } => put_all(out, [3, request.0, procs.into(), limit.into()]),
        Reject::RequestNotRunning { request } => put_all(out, [4, request.0]),
        Reject::UnknownMachine { machine } => put_all(out, [5, machine.0]),
        Reject::MachineNotPending { machine } => put_all(out, [6, machine.0]),
        Reject::MachineNotInService { machine } => put_all(out, [7, machine.0]),
        Reject::UnexpectedPolled { machine } => put_all(out, [8, machine.0]),
        Reject::DuplicateWaiter { waiter } => put_all(out, [9, waiter.0]),
        Reject::OnceUnknown { machine, key } => put_key(out, 10, machine.0, key),
        Reject::OnceNotRunning { machine, key } => put_key(out, 11, machine.0, key),
        Reject::OnceRunning { machine, key } => put_key(out, 12, machine.0, key),
        Reject::OnceMachineLost { machine, key } => put_key(out, 13, machine.0, key),
        Reject::Full { limit } => put_all(out, [14, limit.into()]),
        Reject::NoProcs { request } => put_all(out, [15, request.0]),
        Reject::TooLarge {
            request,
            kind,
            amount,
            asked,
            limit,
        } => {
            put_all(out, [16, request.0, kind.0.into(), amount.into()]);
            put_all(out, [asked, limit].map(u64::from));
        }
        Reject::RequestNotThere { request, machine } => {
            put_all(out, [17, request.0, machine.0]);
        }
        Reject::MachineStopping { machine } => put_all(out, [18, machine.0]),
        Reject::JoinId { machine, least } => put_all(out, [19, machine.0, least.0]),
        Reject::UnknownKind { kind } => put_all(out, [20, kind.0.into()]),
        Reject::Limits { kind } => put_all(out, [21, kind.0.into()]),
        Reject::NotInBigslice => put(out, 22),
    }
}
