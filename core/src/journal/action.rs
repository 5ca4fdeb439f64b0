//! Actions as bytes, of which a journal keeps a hash.

use alloc::vec::Vec;

use super::event::{once_outcome_number, put_all};
use super::varint::put;
use crate::action::{Action, Loss, Notice, Recovery};
use crate::reject::Reject;

// As for events.
const _: () = assert!(size_of::<Action>() <= 48);

/// The hash of what an event caused: the CRC-32 of the actions' bytes, zero if there are none.
///
/// The same in every version, as long as the actions are.
pub fn hash(actions: &[Action]) -> u32 {
    hash_with(actions, &mut Vec::new())
}

/// The same, in a buffer that is reused, so that nothing is allocated.
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
        Action::Start { first, count } => put_all(out, [2, first.0, count.into()]),
        Action::Stop { machine } => put_all(out, [3, machine.0]),
        Action::RequestLost { request, machine } => put_all(out, [4, request.0, machine.0]),
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
    }
}

fn put_notice(out: &mut Vec<u8>, notice: Notice) {
    match notice {
        Notice::Probation { machine } => put_all(out, [13, 1, machine.0]),
        Notice::Recovered { machine, by } => {
            let by = match by {
                Recovery::Success => 0,
                Recovery::Timeout => 1,
            };
            put_all(out, [13, 2, machine.0, by]);
        }
        Notice::MachineLost { machine, by } => {
            let by = match by {
                Loss::Stopped => 0,
                Loss::Silence => 1,
            };
            put_all(out, [13, 3, machine.0, by]);
        }
        Notice::StartsFailing { failures } => put_all(out, [13, 4, failures]),
        Notice::Summary {
            pending,
            ok,
            probation,
            lost,
        } => put_all(out, [13, 5, pending, ok, probation, lost]),
    }
}

fn put_reject(out: &mut Vec<u8>, reject: Reject) {
    match reject {
        Reject::UnknownRequest { request } => put_all(out, [14, 1, request.0]),
        Reject::DuplicateRequest { request } => put_all(out, [14, 2, request.0]),
        Reject::TooManyProcs {
            request,
            procs,
            limit,
        } => put_all(out, [14, 3, request.0, procs.into(), limit.into()]),
        Reject::RequestNotRunning { request } => put_all(out, [14, 4, request.0]),
        Reject::UnknownMachine { machine } => put_all(out, [14, 5, machine.0]),
        Reject::MachineNotPending { machine } => put_all(out, [14, 6, machine.0]),
        Reject::MachineNotInService { machine } => put_all(out, [14, 7, machine.0]),
        Reject::UnexpectedPolled { machine } => put_all(out, [14, 8, machine.0]),
        Reject::DuplicateWaiter { waiter } => put_all(out, [14, 9, waiter.0]),
        Reject::OnceUnknown { machine, key } => {
            put_all(out, [14, 10, machine.0, key.kind.into(), key.key]);
        }
        Reject::OnceNotRunning { machine, key } => {
            put_all(out, [14, 11, machine.0, key.kind.into(), key.key]);
        }
        Reject::OnceRunning { machine, key } => {
            put_all(out, [14, 12, machine.0, key.kind.into(), key.key]);
        }
        Reject::OnceMachineLost { machine, key } => {
            put_all(out, [14, 13, machine.0, key.kind.into(), key.key]);
        }
        Reject::Full { limit } => put_all(out, [14, 14, limit.into()]),
    }
}
