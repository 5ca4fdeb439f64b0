//! What can be wrong with machines that come and go (R4, S8, S12, S22, J).

use super::{Flaw, edit};

const FILE: &str = "manager/lifecycle.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "R4",
        "of a machine that offers more than its kind has all is used",
        &[edit(
            FILE,
            "offer.unwrap_or(kind.kind.capacity).min(kind.kind.capacity)",
            "offer.unwrap_or(kind.kind.capacity)",
        )],
    ),
    Flaw::new(
        "R4",
        "what a machine offers does not change what its kind is expected to offer",
        &[edit(
            FILE,
            "self.machines.expect(index, kind.expected.min(offer));",
            "",
        )],
    ),
    Flaw::new(
        "R4",
        "a kind is expected to offer what its last machine did",
        &[edit(
            FILE,
            "self.machines.expect(index, «kind.expected.min(offer)»);",
            "offer",
        )],
    ),
    Flaw::new(
        "R4",
        "a kind is expected to offer what the least machine did, not the least of each amount",
        &[edit(
            FILE,
            "self.machines.expect(index, «kind.expected.min(offer)»);",
            "if offer < kind.expected { offer } else { kind.expected }",
        )],
    ),
    Flaw::new(
        "E1",
        "a machine that comes up is idle since it was asked for",
        &[edit(
            FILE,
            "(record.since, record.idle_since) = (now, now);",
            "record.since = now;",
        )],
    ),
    Flaw::new(
        "E3",
        "which machine came up last is told by when it was asked for",
        &[edit(
            FILE,
            "(record.since, record.idle_since) = (now, now);",
            "record.idle_since = now;",
        )],
    ),
    Flaw::new(
        "G3",
        "a machine that comes up is not on trial",
        &[edit(
            FILE,
            "!settle.is_zero() && !self.shutdown",
            "false",
        )],
    ),
    Flaw::new(
        "G3",
        "that a machine has come up does not end the caution after a failure",
        &[edit(FILE, "self.growth[index].came_up();", "")],
    ),
    Flaw::new(
        "G3",
        "a machine that comes up ends the back-off before it has settled",
        &[edit(
            FILE,
            "if «settle.is_zero()» {",
            "true",
        )],
    ),
    Flaw::new(
        "S17",
        "the first poll comes an interval after the machine",
        &[edit(
            FILE,
            "self.poll(slot, actions);",
            "let next = self.now.checked_add(self.config.poll_interval);
            self.machines.set_poll(slot, next.map_or(crate::machines::Poll::Never, crate::machines::Poll::Due));",
        )],
    ),
    Flaw::new(
        "S17",
        "machines are polled although the interval is zero",
        &[edit(FILE, "!self.config.poll_interval.is_zero()", "true")],
    ),
    Flaw::new(
        "S22",
        "a machine that comes up after the shutdown is not told to stop",
        &[edit(
            FILE,
            "let machine = self.machines.get(slot).id; «actions.push(Action::Stop { machine });»",
            "",
        )],
    ),
    Flaw::new(
        "J1",
        "one joiner too many may stay",
        &[edit(
            FILE,
            "state.sums.machines_there() >= u64::from(state.kind.max)",
            "state.sums.machines_there() > u64::from(state.kind.max)",
        )],
    ),
    Flaw::new(
        "J1",
        "a machine that is leaving does not count against a joiner",
        &[edit(
            FILE,
            "state.sums.machines_there()",
            "state.sums.active()",
        )],
    ),
    Flaw::new(
        "J1",
        "a joiner may exceed the limit of procs",
        &[edit(FILE, "|| full || «procs > self.max_procs»", "false")],
    ),
    Flaw::new(
        "J1",
        "a joiner may stay where its kind is at its maximum",
        &[edit(FILE, "|| «full» || procs", "false")],
    ),
    Flaw::new(
        "J1",
        "a joiner may stay after the shutdown",
        &[edit(
            FILE,
            "if «self.shutdown || full» ||",
            "full",
        )],
    ),
    Flaw::new(
        "J1",
        "a joiner counts for the limit of procs with its kind's capacity, not its offer",
        &[edit(
            FILE,
            "u64::from(«offer.proc_count()»)",
            "state.kind.capacity.proc_count()",
        )],
    ),
    Flaw::new(
        "J1",
        "the id of a joiner may come again",
        &[edit(
            FILE,
            "machine < least || machine == MachineId(u64::MAX)",
            "machine.0 + 1 < least.0 || machine == MachineId(u64::MAX) || self.machines.find(machine).is_some()",
        )],
    ),
    Flaw::new(
        "J1",
        "ids of joiners that were skipped may still come",
        &[edit(
            FILE,
            "self.next_joined = «MachineId(machine.0 + 1)»;",
            "MachineId(self.next_joined.0 + 1)",
        )],
    ),
    Flaw::new(
        "R4",
        "of a joiner that offers more than its kind has all is used",
        &[edit(
            FILE,
            "offer.unwrap_or(state.kind.capacity).min(state.kind.capacity)",
            "offer.unwrap_or(state.kind.capacity)",
        )],
    ),
    Flaw::new(
        "D1",
        "a start that fails after it was to stop is rejected",
        &[edit(
            FILE,
            "Phase::Stopping { was_up: false } => «self.end(slot, actions)»",
            "return Err(Reject::MachineNotPending { machine })",
        )],
    ),
    Flaw::new(
        "F5",
        "stopped is rejected for a machine that is gone",
        &[edit(
            FILE,
            "let Some(slot) = self.known(machine)? else { «return Ok(());» };",
            "return Err(Reject::MachineNotInService { machine });",
        )],
    ),
    Flaw::new(
        "S8",
        "stopped before up is a loss, and no failed start",
        &[edit(
            FILE,
            "self.fail_start(slot, None, actions)",
            "self.lose(slot, Loss::Stopped, actions)",
        )],
    ),
    Flaw::new(
        "D1",
        "a machine that was told to stop is lost when it does",
        &[edit(
            FILE,
            "Phase::Stopping { .. } => «self.end(slot, actions)»",
            "self.lose(slot, Loss::Stopped, actions)",
        )],
    ),
    Flaw::new(
        "D1",
        "what runs on a machine that was told to stop is lost by its stop, not its drain",
        &[edit(
            FILE,
            "self.clear(slot, «Loss::Drained», actions);",
            "Loss::Stopped",
        )],
    ),
    Flaw::new(
        "S10",
        "a machine that is told to stop stays on probation",
        &[edit(
            FILE,
            "(record.probation, record.draining) = (None, None);",
            "record.draining = None;",
        )],
    ),
    Flaw::new(
        "G3",
        "a machine on trial that is told to stop is still on trial",
        &[edit(
            FILE,
            "(record.probation, record.draining) = (None, None); «(record.trial, record.settles) = (None, None);»",
            "",
        )],
    ),
    Flaw::new(
        "S10",
        "the probation of a machine that was told to stop ends by time",
        &[edit(
            FILE,
            "[Timer::Probation, Timer::DrainEnd, Timer::Settle]",
            "[Timer::Settle, Timer::DrainEnd, Timer::Settle]",
        )],
    ),
    Flaw::new(
        "G3",
        "the end of a trial is waited for though the machine was told to stop",
        &[edit(
            FILE,
            "[Timer::Probation, Timer::DrainEnd, Timer::Settle]",
            "[Timer::Probation, Timer::DrainEnd, Timer::DrainEnd]",
        )],
    ),
    Flaw::new(
        "S12",
        "a lost machine is not counted",
        &[edit(FILE, "*lost = lost.saturating_add(1);", "")],
    ),
    Flaw::new(
        "R6",
        "a machine that ended as it was told is not counted",
        &[edit(FILE, "*ended = ended.saturating_add(1);", "")],
    ),
    Flaw::new(
        "G3",
        "a machine that is lost before it has settled is no failed start",
        &[edit(
            FILE,
            "self.count_failure(index, steps, actions);",
            "",
        )],
    ),
    Flaw::new(
        "G3",
        "a machine that is gone does not tell that there may be capacity again",
        &[edit(FILE, "self.growth[index].machine_gone();", "")],
    ),
    Flaw::new(
        "F11",
        "lost requests are told of from the newest grant on",
        &[edit(
            FILE,
            "self.machines.get(slot).running.head()",
            "self.machines.get(slot).running.iter(self.requests.records()).last()",
        )],
    ),
    Flaw::new(
        "S14",
        "the tasks of a machine that is gone are not told of",
        &[edit(
            FILE,
            "actions.push(Action::TaskLost { task, machine });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "those that asked for work on a machine are not told that it is gone",
        &[edit(
            FILE,
            "actions.push(Action::OnceReady { waiter, key, outcome, });",
            "",
        )],
    ),
    Flaw::new(
        "S16",
        "the work of a machine that is gone is known on the next in its slot",
        &[edit(
            "machines/holdings.rs",
            "take(&mut self.onces, onces_of(machine));",
            "",
        )],
    ),
    Flaw::new(
        "S22",
        "a pending machine is told to stop at the shutdown",
        &[edit(
            FILE,
            "if «record.was_up()» { actions.push(",
            "true",
        )],
    ),
    Flaw::new(
        "S22",
        "a machine that is stopping already is not told so at the shutdown",
        &[edit(
            FILE,
            "if «record.was_up()» { actions.push(",
            "record.phase == Phase::Up",
        )],
    ),
    Flaw::new(
        "S22",
        "a second shutdown tells all machines to stop again",
        &[edit(
            FILE,
            "core::mem::replace(&mut self.shutdown, true) { «return;» }",
            "self.shutdown = true;",
        )],
    ),
    Flaw::new(
        "S22",
        "the queue is not cancelled at the shutdown",
        &[edit(FILE, "self.cancel_all(actions);", "")],
    ),
    Flaw::new(
        "S21",
        "the timer is not cleared at the shutdown",
        &[edit(
            FILE,
            "«self.deadlines_dirty = true;» self.cancel_all(actions);",
            "",
        )],
    ),
];
