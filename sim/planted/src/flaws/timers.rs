//! What can be wrong with time, timers and the end.

use super::{Flaw, edit};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "T3",
        "probations that end together end by slot, not by id",
        &[edit(
            "machines set_state",
            "self.probation.change(slot, id, old.until(), state.until());",
            "self.probation.change(slot, MachineId(u64::from(slot)), old.until(), state.until());",
        )],
    ),
    Flaw::new(
        "F5",
        "a clock that steps back is believed",
        &[
            edit("manager begin", "self.now.max(now)", "now"),
            edit("full tick", "self.now.max(now)", "now"),
        ],
    ),
    Flaw::new(
        "F10",
        "what is due at this very instant does not fire",
        &[edit("timers advance", "at <= self.now", "at < self.now")],
    ),
    Flaw::new(
        "F10",
        "at one instant polls are due before the back-off ends",
        &[edit(
            "timers due",
            "self.growth.deadline() == Some(at)",
            "self.growth.deadline() == Some(at)
                && self.machines.next_poll().is_none_or(|(due, _)| due != at)",
        )],
    ),
    Flaw::new(
        "F10",
        "nothing is placed between the timers of one event",
        &[edit("timers catch_up", "self.settle(actions);", "")],
    ),
    Flaw::new(
        "F10",
        "one waits before what is due fires",
        &[edit(
            "full waits_if_near",
            "!self.tick(now)",
            "self.tick(now) && false",
        )],
    ),
    Flaw::new(
        "F10",
        "a place is handed over before what is due fires",
        &[edit(
            "full hands_over",
            "!self.tick(now)",
            "self.tick(now) && false",
        )],
    ),
    Flaw::new(
        "F10",
        "a late summary is made up for",
        &[edit(
            "timers fire",
            "self.summary_after(now)",
            "self.summary_after(self.now)",
        )],
    ),
    Flaw::new(
        "S21",
        "a timer that changed nothing is not answered",
        &[edit(
            "timers rearm",
            "next != self.armed || always",
            "next != self.armed",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not armed anew when the deadline moves away",
        &[edit(
            "timers rearm",
            "next != self.armed || always",
            "always || next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed))",
        )],
    ),
    Flaw::new(
        "S22",
        "a submit after the shutdown is served",
        &[edit(
            "manager submit",
            "if self.shutdown {
            actions.push(Action::Cancelled { request });
            return Ok(());
        }",
            "",
        )],
    ),
    Flaw::new(
        "S22",
        "a machine that comes up after the shutdown stays",
        &[edit(
            "manager up",
            "actions.push(Action::Stop { machine });",
            "",
        )],
    ),
    Flaw::new(
        "S22",
        "timers go on after the shutdown",
        &[edit(
            "timers next_timeout",
            "if self.shutdown {
            return None;
        }",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the deadline is not asked for when a machine changes its state",
        &[edit(
            "machines set_state",
            "self.deadlines_moved = true;",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the deadline is not asked for when a machine's next poll is set",
        &[edit(
            "machines set_poll",
            "self.deadlines_moved = true;",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the deadline is not asked for when something fired",
        &[edit(
            "timers catch_up",
            "self.machines.deadlines_moved = true;",
            "",
        )],
    ),
];
