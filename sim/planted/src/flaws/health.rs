//! What can be wrong with health, losses and silence.

use super::{Flaw, edit};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S9",
        "a machine on probation gets new grants",
        &[edit(
            "machines free_in_hand",
            "load.standing == Standing::InHand",
            "load.standing == Standing::InHand || matches!(self.get(slot).state, State::Probation { .. })",
        )],
    ),
    Flaw::new(
        "S10",
        "the probation time is not restarted by an error",
        &[edit(
            "health put_on_probation",
            "self.machines.set_state(slot, State::Probation { until });",
            "if self.machines.get(slot).state == State::Ok {
            self.machines.set_state(slot, State::Probation { until });
        }",
        )],
    ),
    Flaw::new(
        "S10",
        "the probation time is restarted by an unreachable alone",
        &[edit(
            "health judge",
            "(self.machines.load(slot).is_ok(), outcome)",
            "match (self.machines.load(slot).is_ok(), outcome) {
            (ok, Outcome::Remote) => (ok, Outcome::Unused),
            other => other,
        }",
        )],
    ),
    Flaw::new(
        "S10",
        "probation ends a nanosecond late",
        &[edit(
            "health put_on_probation",
            "self.config.probation",
            "self.config.probation + core::time::Duration::from_nanos(1)",
        )],
    ),
    Flaw::new(
        "S10",
        "a success on probation restores nothing",
        &[edit(
            "health judge",
            "(self.machines.load(slot).is_ok(), outcome)",
            "match (self.machines.load(slot).is_ok(), outcome) {
            (false, Outcome::Ok) => (false, Outcome::Unused),
            other => other,
        }",
        )],
    ),
    Flaw::new(
        "S11",
        "a remote error puts an ok machine on probation",
        &[edit(
            "health judge",
            "(self.machines.load(slot).is_ok(), outcome)",
            "match (self.machines.load(slot).is_ok(), outcome) {
            (true, Outcome::Remote) => (true, Outcome::Unreachable),
            other => other,
        }",
        )],
    ),
    Flaw::new(
        "S13",
        "a grant handed back unused restores its machine",
        &[edit(
            "health judge",
            "(self.machines.load(slot).is_ok(), outcome)",
            "match (self.machines.load(slot).is_ok(), outcome) {
            (ok, Outcome::Unused) => (ok, Outcome::Ok),
            other => other,
        }",
        )],
    ),
    Flaw::new(
        "S12",
        "a lost machine is not counted",
        &[edit("manager lose", "*lost = lost.saturating_add(1);", "")],
    ),
    Flaw::new(
        "F8",
        "silence is counted across answered polls",
        &[edit(
            "poll polled",
            "if answered { 0 } else { record.silent.saturating_add(1) }",
            "record.silent + u32::from(!answered)",
        )],
    ),
    Flaw::new(
        "F8",
        "one unanswered poll more than the limit is waited for",
        &[edit(
            "poll polled",
            "record.silent >= limit",
            "record.silent > limit",
        )],
    ),
    Flaw::new(
        "F8",
        "the adapter is not told to stop a silent machine",
        &[edit(
            "poll polled",
            "actions.push(Action::Stop { machine });",
            "",
        )],
    ),
    Flaw::new(
        "S17",
        "the first poll comes an interval after the machine",
        &[edit(
            "manager up",
            "self.poll(slot, actions);",
            "let next = self.now + self.config.poll_interval;
        self.machines.set_poll(slot, crate::machines::Poll::Due(next));",
        )],
    ),
    Flaw::new(
        "F5",
        "stopped for a lost machine is rejected",
        &[edit(
            "manager stopped",
            "return Ok(());",
            "return Err(Reject::MachineNotInService { machine });",
        )],
    ),
    Flaw::new(
        "S9",
        "a machine that cannot be reached gets the next of the queue",
        &[edit(
            "manager handle_into",
            "outcome == Outcome::Unreachable",
            "false",
        )],
    ),
    Flaw::new(
        "S10",
        "the place of one that ends on a machine on probation is handed over",
        &[edit(
            "machines plain_id",
            "load.is_ok() && !load.seats.are_listed()",
            "!load.seats.are_listed()",
        )],
    ),
    Flaw::new(
        "S10",
        "that not every machine is plain is not known where one goes on probation",
        &[edit(
            "plain set",
            "self.odd += u32::from(id != slot);",
            "self.odd += u32::from(id != slot && old != slot);",
        )],
    ),
    Flaw::new(
        "S9",
        "a machine that came after another in its slot is taken for that",
        &[
            edit(
                "plain set",
                "self.odd += u32::from(id != slot);",
                "self.odd += u32::from(id == NIL);",
            ),
            edit(
                "plain set",
                "self.odd -= u32::from(old != slot);",
                "self.odd -= u32::from(old == NIL);",
            ),
        ],
    ),
];
