//! What can be wrong with time, timers (F10, S20, S21), the order of actions (F11) and what is known (F5).

use super::{Flaw, edit};

const FILE: &str = "manager/deadlines.rs";
const MACHINES: &str = "machines/mod.rs";
const MANAGER: &str = "manager/mod.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "F5",
        "a clock that steps back is believed",
        &[edit(MANAGER, "self.now.max(now)", "now")],
    ),
    Flaw::new(
        "F10",
        "a timer has a step of its own",
        &[edit(
            MANAGER,
            "first || (applied.is_ok() && *event != Event::Timer)",
            "first || applied.is_ok()",
        )],
    ),
    Flaw::new(
        "F5",
        "an event that is rejected has a step of its own",
        &[edit(
            MANAGER,
            "first || (applied.is_ok() && *event != Event::Timer)",
            "first || *event != Event::Timer",
        )],
    ),
    Flaw::new(
        "G2",
        "a first event that is rejected has no step",
        &[edit(
            MANAGER,
            "first || (applied.is_ok() && *event != Event::Timer)",
            "applied.is_ok() && (first || *event != Event::Timer)",
        )],
    ),
    Flaw::new(
        "S22",
        "timers go on after the shutdown",
        &[edit(FILE, "if self.shutdown { return None; }", "")],
    ),
    Flaw::new(
        "E2",
        "the timer is not set for idle limits",
        &[edit(FILE, "fires.into_iter().chain(idle).min()", "fires")],
    ),
    Flaw::new(
        "F10",
        "at one instant polls are due before the back-off ends",
        &[edit(
            FILE,
            "all.chain(backoff).min()",
            "all.chain(backoff).min_by_key(|(at, due)| (*at, !matches!(due, Due::Poll(_)), *due))",
        )],
    ),
    Flaw::new(
        "F10",
        "what is due at this very instant does not fire",
        &[edit(FILE, "self.next_timeout() && «at <= now»", "at < now")],
    ),
    Flaw::new(
        "F10",
        "nothing follows from what is due before the event does",
        &[edit(FILE, "self.settle(step, actions);", "")],
    ),
    Flaw::new(
        "F10",
        "what is due late fires as if it had become due now",
        &[edit(FILE, "self.now = at;", "self.now = now;")],
    )
    .shown_in(20),
    Flaw::new(
        "F10",
        "all that is due at one instant is a step each",
        &[edit(
            FILE,
            "self.config.policy == Policy::Bigslice && !together",
            "last.is_some()",
        )],
    ),
    Flaw::new(
        "F10",
        "under bigslice's policy all that is due at one instant is one step",
        &[edit(
            FILE,
            "self.config.policy == Policy::Bigslice && !together",
            "false",
        )],
    ),
    Flaw::new(
        "Q1",
        "under bigslice's policy those given up at one instant are a step each",
        &[edit(
            FILE,
            "matches!((last, due), (None, _) | (Some(Due::GiveUp(_)), Due::GiveUp(_)))",
            "last.is_none()",
        )],
    ),
    Flaw::new(
        "F10",
        "a late summary is made up for",
        &[edit(
            FILE,
            "lost: machines.lost, })); self.summary = self.summary_after(«now»);",
            "self.now",
        )],
    ),
    Flaw::new(
        "S20",
        "the summary is of the last kind alone",
        &[edit(
            FILE,
            "ok: «machines.ok»,",
            "self.machines.kinds.last().map_or(0, |kind| kind.sums.machines.ok)",
        )],
    ),
    Flaw::new(
        "S20",
        "the summary counts draining machines as ok",
        &[edit(
            FILE,
            "ok: «machines.ok»,",
            "machines.ok + machines.draining",
        )],
    ),
    Flaw::new(
        "S21",
        "a timer that changed nothing is not answered",
        &[edit(
            FILE,
            "next != self.armed || always",
            "next != self.armed",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when the deadline moves away",
        &[edit(
            FILE,
            "next != self.armed || always",
            "always || next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed))",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when something fired",
        &[edit(
            FILE,
            "«self.deadlines_dirty = true;» while let",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when a deadline of a machine changes",
        &[edit(
            MACHINES,
            "self.timers.set(slot, id, timer, at); «self.deadlines_dirty = true;»",
            "",
        )],
    ),
    Flaw::new(
        "T3",
        "probations that end together end by slot, not by id",
        &[edit(
            "machines/timers.rs",
            "self.heap.push((at, timer, «id»), handle, &mut self.positions);",
            "MachineId(u64::from(slot))",
        )],
    ),
    Flaw::new(
        "F10",
        "what is due at one instant is due by machine, not by what it is",
        &[
            edit(
                "machines/timers.rs",
                "self.heap.push((at, timer, id), handle, &mut self.positions);",
                "let first = match timer { Timer::Probation => Timer::Poll, Timer::Poll => Timer::Probation, other => other };
                 self.heap.push((at, first, id), handle, &mut self.positions);",
            ),
            edit(
                "machines/timers.rs",
                ".map(|((at, timer, _), handle)| «(at, timer, handle / 4)»)",
                "{ let timer = match timer { Timer::Probation => Timer::Poll, Timer::Poll => Timer::Probation, other => other };
                   (at, timer, handle / 4) }",
            ),
        ],
    ),
    Flaw::new(
        "G3",
        "a machine that has settled is still on trial",
        &[edit(
            FILE,
            "Due::Settle(slot) => «self.end_trial(slot)»",
            "self.machines.set_timer(slot, Timer::Settle, None)",
        )],
    ),
    Flaw::new(
        "F11",
        "what happens in a step is told in the order in which it came about",
        &[edit(MANAGER, "step.sort_by_key(place_in_step);", "")],
    ),
    Flaw::new(
        "F11",
        "that a machine is held is said before the grants",
        &[edit(MANAGER, "Action::Notice(Notice::Held { .. }) => «11»", "0")],
    ),
    Flaw::new(
        "F11",
        "machines are polled before others are told to stop",
        &[edit(MANAGER, "Action::Poll { .. } => «8»", "6")],
    ),
    Flaw::new(
        "F11",
        "machines are told to stop after the grants",
        &[edit(MANAGER, "Action::Stop { .. } => «7»", "10")],
    ),
    Flaw::new(
        "F11",
        "those that asked for work are told of a loss before the tasks are",
        &[edit(MANAGER, "Action::OnceReady { .. } => «4»", "2")],
    ),
    Flaw::new(
        "F5",
        "work is taken on a machine that was told to stop before it came up",
        &[edit(
            MANAGER,
            "!self.machines.get(slot).was_up()",
            "self.machines.get(slot).is_pending()",
        )],
    ),
    Flaw::new(
        "F5",
        "a joiner that never was is known",
        &[edit(
            MANAGER,
            "true => «self.next_joined»",
            "MachineId(u64::MAX)",
        )],
    ),
];
