//! What can be wrong with shrinking: idle machines (E1, E2), new limits (E3), machines not wanted any more (E4).

use super::{Flaw, edit};

const FILE: &str = "manager/shrink.rs";
const MACHINES: &str = "machines/mod.rs";
const PLAN: &str = "manager/growth/plan.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S22",
        "idle machines are told to stop after the shutdown",
        &[edit(
            FILE,
            "self.machines.kinds.iter().any(stops) && !self.shutdown",
            "self.machines.kinds.iter().any(stops)",
        )],
    ),
    Flaw::new(
        "J1",
        "a machine that can only join is stopped when it has been idle for long",
        &[edit(
            FILE,
            "let limit = «kind.kind.idle.filter(|_| kind.kind.startable)?»; let passed",
            "kind.kind.idle?",
        )],
    ),
    Flaw::new(
        "E2",
        "the timer is set for idle machines that are never stopped",
        &[edit(
            FILE,
            "let limit = «kind.kind.idle.filter(|_| kind.kind.startable)?»; let end",
            "kind.kind.idle?",
        )],
    ),
    Flaw::new(
        "E2",
        "an idle limit that has just passed has not",
        &[edit(FILE, "at <= self.now", "at < self.now")],
    ),
    Flaw::new(
        "E2",
        "idle machines are stopped below the kind's min",
        &[edit(
            FILE,
            "left >= Some(u64::from(kind.kind.min))",
            "left.is_some()",
        )],
    ),
    Flaw::new(
        "E2",
        "one machine more than the kind's min is kept",
        &[edit(
            FILE,
            "left >= Some(u64::from(kind.kind.min))",
            "left > Some(u64::from(kind.kind.min))",
        )],
    ),
    Flaw::new(
        "E2",
        "spare machines are stopped when they have been idle for long",
        &[edit(
            FILE,
            "&& «idle(u64::from(kind.idle_counted())) && (spare == 0 || idle(kind.idle_for(limit, self.now).0))»",
            "true",
        )],
    ),
    Flaw::new(
        "E2",
        "one idle machine more than the spare ones is kept",
        &[edit(
            FILE,
            "all.checked_sub(without) >= Some(spare)",
            "all.checked_sub(without) > Some(spare)",
        )],
    ),
    Flaw::new(
        "E2",
        "a spare is stopped because another machine is idle for an instant",
        &[edit(
            FILE,
            "&& «(spare == 0 || idle(kind.idle_for(limit, self.now).0))»",
            "true",
        )],
    ),
    Flaw::new(
        "S21",
        "the limit of the next idle machine is not waited for",
        &[edit(
            FILE,
            "let counted = «first.or_else(more)»;",
            "{ _ = &more; first }",
        )],
    ),
    Flaw::new(
        "H1",
        "an idle machine on its second passage is kept as if it counted",
        &[edit(FILE, "passed(false).filter(|_| allowed(«0»))", "1")],
    ),
    Flaw::new(
        "H1",
        "an idle machine on its second passage is never stopped",
        &[edit(FILE, "passed(false).filter(|_| allowed(0))", "None")],
    ),
    Flaw::new(
        "E2",
        "the idle limit of a machine that does not count is not waited for",
        &[edit(
            FILE,
            "counted.into_iter().chain(«longest(false).and_then(end)»)",
            "None",
        )],
    ),
    Flaw::new(
        "E2",
        "of machines idle for equally long the lowest id is stopped first",
        &[edit(
            MACHINES,
            "(machine.idle_since, Reverse(machine.id))",
            "(machine.idle_since, Reverse(MachineId(u64::MAX - machine.id.0)))",
        )],
    ),
    Flaw::new(
        "E1",
        "a machine is idle from when it came up, whatever ran there since",
        &[edit(
            MACHINES,
            "machine.grants -= 1; «machine.idle_since = now;»",
            "",
        )],
    ),
    Flaw::new(
        "E1",
        "a machine on probation is not idle",
        &[edit(
            "machines/machine.rs",
            "self.grants == 0 && self.is_active() && !self.held",
            "self.grants == 0 && self.is_healthy() && !self.held",
        )],
    ),
    Flaw::new(
        "E3",
        "limits that contradict themselves are taken",
        &[edit(FILE, "return Err(Reject::Limits { kind });", "")],
    ),
    Flaw::new(
        "R4",
        "new limits do not make a kind's expected offer its capacity again",
        &[edit(FILE, "self.machines.expect(index, capacity);", "")],
    ),
    Flaw::new(
        "P3",
        "the packing by default does not follow new idle limits",
        &[edit(FILE, "«self.choose_packing();» let over", "")],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew after a new idle limit",
        &[edit(
            FILE,
            "«self.deadlines_dirty = true;» self.choose_packing();",
            "",
        )],
    ),
    Flaw::new(
        "E3",
        "leaving machines count for a kind's new maximum",
        &[edit(
            FILE,
            "state.sums.active() > u64::from(state.kind.max)",
            "state.sums.machines_there() > u64::from(state.kind.max)",
        )],
    ),
    Flaw::new(
        "E3",
        "one machine above a kind's new maximum may stay",
        &[edit(
            FILE,
            "state.sums.active() > u64::from(state.kind.max)",
            "state.sums.active() > u64::from(state.kind.max).saturating_add(1)",
        )],
    ),
    Flaw::new(
        "E3",
        "leaving machines count for a new limit of procs",
        &[edit(
            FILE,
            "machines.procs() - machines.procs_leaving() > manager.max_procs",
            "machines.procs() > manager.max_procs",
        )],
    ),
    Flaw::new(
        "E3",
        "machines above a new limit of procs stay",
        &[edit(FILE, "self.reduce(over, None, actions);", "")],
    ),
    Flaw::new(
        "E3",
        "machines of other kinds are stopped for a kind's new maximum",
        &[edit(
            FILE,
            "self.reduce(over, «Some(kind)», actions);",
            "None",
        )],
    ),
    Flaw::new(
        "E3",
        "of the pending machines above a limit the first are stopped",
        &[edit(FILE, "pending.reverse();", "")],
    ),
    Flaw::new(
        "E3",
        "of machines idle for equally long the lowest id is stopped for a new limit",
        &[edit(
            FILE,
            "(get(slot).idle_since, «Reverse(get(slot).id)»)",
            "Reverse(crate::MachineId(u64::MAX - get(slot).id.0))",
        )],
    ),
    Flaw::new(
        "E3",
        "the machine idle for the least time is stopped for a new limit",
        &[edit(
            FILE,
            "idle.sort_by_key(|slot| (get(slot).idle_since, Reverse(get(slot).id)));",
            "idle.sort_by_key(|slot| Reverse((get(slot).idle_since, get(slot).id)));",
        )],
    ),
    Flaw::new(
        "E3",
        "the earliest up is drained for a new limit",
        &[edit(
            FILE,
            "used.sort_by_key(|slot| Reverse((get(slot).since, get(slot).id)));",
            "used.sort_by_key(|slot| (get(slot).since, get(slot).id));",
        )],
    ),
    Flaw::new(
        "E3",
        "idle machines are stopped for a new limit before pending ones",
        &[edit(
            FILE,
            "pending.into_iter().chain(idle)",
            "idle.into_iter().chain(pending)",
        )],
    ),
    Flaw::new(
        "E3",
        "a used machine above a new limit is stopped, not drained",
        &[edit(
            FILE,
            "self.drain(slot, None, actions);",
            "self.stop(slot, actions);",
        )],
    ),
    Flaw::new(
        "E3",
        "a used machine above a new limit stays",
        &[edit(FILE, "self.drain(slot, None, actions);", "")],
    ),
    Flaw::new(
        "S22",
        "new limits stop machines after the shutdown",
        &[edit(FILE, "self.shutdown || !over(self)", "!over(self)")],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when a machine is idle no more",
        &[edit(
            MACHINES,
            "self.idle -= 1; «self.deadlines_dirty |= kind.kind.idle.is_some();»",
            "",
        )],
    ),
    Flaw::new(
        "S21",
        "the timer is not set anew when a machine becomes idle",
        &[edit(
            MACHINES,
            "self.idle += 1; «self.deadlines_dirty |= kind.kind.idle.is_some();»",
            "",
        )],
    ),
    Flaw::new(
        "E4",
        "pending machines are withdrawn although that is not asked for",
        &[edit(PLAN, "if «self.config.withdraw» {", "true")],
    ),
    Flaw::new(
        "E4",
        "no pending machine is withdrawn",
        &[edit(PLAN, "if «self.config.withdraw» {", "false")],
    ),
    Flaw::new(
        "E4",
        "the first pending machine is withdrawn first",
        &[edit(
            PLAN,
            "self.machines.kinds[index].pending.values().next_back().copied()",
            "self.machines.kinds[index].pending.values().next().copied()",
        )],
    ),
    Flaw::new(
        "E4",
        "a pending machine that the queue wants is withdrawn because of an idle one",
        &[edit(
            PLAN,
            "beside.max(Manager::wanted(index, plan))",
            "beside",
        )],
    ),
    Flaw::new(
        "E4",
        "machines in service are not counted when pending ones are withdrawn",
        &[edit(
            PLAN,
            "self.target(index, plan).saturating_sub(u64::from(kind.sums.counted))",
            "self.target(index, plan)",
        )],
    ),
];
