//! What can be wrong with starts that fail: the count of failures (S8), the back-off (F7), caution and hints (G3), and
//! batches (G1).

use super::{Flaw, edit};

const FILE: &str = "manager/growth/mod.rs";
const PLAN: &str = "manager/growth/plan.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S8",
        "a failed start stays pending",
        &[edit(
            FILE,
            "self.machines.remove(slot);",
            "self.machines.get(slot).is_pending();",
        )],
    ),
    Flaw::new(
        "S8",
        "the eighth failure in a row is remarked already",
        &[edit(
            FILE,
            "failures > FAILURES_UNREMARKED",
            "failures >= FAILURES_UNREMARKED",
        )],
    )
    .shown_in(16),
    Flaw::new(
        "S8",
        "a machine that stays up does not begin the count of failures anew",
        &[edit(
            FILE,
            "*self = Growth { steps, capacity, ..Growth::new() };",
            "let failures = self.failures;
            *self = Growth { failures, steps, capacity, ..Growth::new() };",
        )],
    )
    .shown_in(20),
    Flaw::new(
        "F7",
        "a machine that stays up does not end the back-off",
        &[edit(
            FILE,
            "*self = Growth { steps, capacity, ..Growth::new() };",
            "let backoff = self.backoff;
            *self = Growth { backoff, steps, capacity, ..Growth::new() };",
        )],
    ),
    Flaw::new(
        "F7",
        "a machine that stays up does not begin the steps of the back-off anew",
        &[edit(
            FILE,
            "*self = Growth { steps, capacity, ..Growth::new() };",
            "let step = self.step;
            *self = Growth { step, steps, capacity, ..Growth::new() };",
        )],
    ),
    Flaw::new(
        "G3",
        "a machine that stays up tells that there may be capacity again",
        &[edit(
            FILE,
            "*self = Growth { steps, capacity, ..Growth::new() };",
            "let _ = capacity;
            *self = Growth { steps, ..Growth::new() };",
        )],
    ),
    Flaw::new(
        "F7",
        "the failures of starts asked for before a machine stayed up make steps",
        &[edit(
            FILE,
            "*self = Growth { steps, capacity, ..Growth::new() };",
            "let _ = steps;
            *self = Growth { capacity, ..Growth::new() };",
        )],
    ),
    Flaw::new(
        "G3",
        "that a machine has settled does not count as a success",
        &[edit(
            FILE,
            "if trial.is_some() { self.growth[index].succeeded(); }",
            "",
        )],
    ),
    Flaw::new(
        "G3",
        "each success on a machine ends its kind's back-off, not the first alone",
        &[edit(FILE, "if «trial.is_some()» {", "true")],
    ),
    Flaw::new(
        "F7",
        "each failure of a batch is a step",
        &[edit(FILE, "if «asked_at != self.steps» {", "false")],
    ),
    Flaw::new(
        "F7",
        "the first step of the back-off is as long as the second",
        &[edit(
            FILE,
            "config.start_backoff_base, «self.step»,",
            "self.step.max(2)",
        )],
    ),
    Flaw::new(
        "F7",
        "the back-off has no cap",
        &[edit(
            FILE,
            "self.step, «config.start_backoff_cap», )",
            "Duration::MAX",
        )],
    ),
    Flaw::new(
        "F7",
        "there is no back-off",
        &[edit(FILE, "self.lasts |= !delay.is_zero();", "")],
    ),
    Flaw::new(
        "F7",
        "a back-off of zero lasts until the next event",
        &[edit(
            FILE,
            "self.lasts |= !delay.is_zero();",
            "self.lasts = true;",
        )],
    ),
    Flaw::new(
        "G3",
        "there is no caution after a failure",
        &[edit(FILE, "self.cautious = true;", "")],
    ),
    Flaw::new(
        "G3",
        "caution begins with two machines",
        &[edit(FILE, "self.step.saturating_sub(1)", "self.step")],
    ),
    Flaw::new(
        "G3",
        "caution asks for one machine after each failure",
        &[edit(FILE, "self.step.saturating_sub(1)", "0")],
    ),
    Flaw::new(
        "G3",
        "caution counts machines that were asked for before the failure",
        &[edit(
            PLAN,
            "self.machines.get(slot).asked_at() == Some(steps)",
            "true",
        )],
    ),
    Flaw::new(
        "G3",
        "caution does not count what is asked for in the same step",
        &[edit(
            PLAN,
            "self.pending_since_last_step(index) + asked",
            "self.pending_since_last_step(index)",
        )],
    ),
    Flaw::new(
        "G3",
        "caution does not count pending machines",
        &[edit(
            PLAN,
            "self.pending_since_last_step(index) + asked",
            "asked",
        )],
    ),
    Flaw::new(
        "G3",
        "a hint when to try again shortens the back-off",
        &[edit(FILE, "before.max(until)", "until")],
    ),
    Flaw::new(
        "G3",
        "a hint when to try again counts from the end of the back-off before it",
        &[edit(
            FILE,
            "false => «until»",
            "self.until.map_or(until, |until| until.checked_add(delay))",
        )],
    ),
    Flaw::new(
        "G3",
        "a hint when to try again is not looked at",
        &[edit(
            FILE,
            "self.growth[index].backoff.extend(delay, self.now);",
            "",
        )],
    ),
    Flaw::new(
        "G3",
        "a kind without capacity is left alone for half a minute",
        &[edit(
            FILE,
            "extend(«CAPACITY_PAUSE», self.now)",
            "CAPACITY_PAUSE / 2",
        )],
    ),
    Flaw::new(
        "G3",
        "a lack of capacity is a failed start",
        &[edit(
            FILE,
            "self.growth[index].capacity.extend(CAPACITY_PAUSE, self.now);",
            "self.count_failure(index, steps, actions);
            self.growth[index].capacity.extend(CAPACITY_PAUSE, self.now);",
        )],
    ),
    Flaw::new(
        "G3",
        "a failed start does not tell that there may be capacity again",
        &[edit(
            FILE,
            "«self.growth[index].machine_gone();» if let",
            "",
        )],
    ),
    Flaw::new(
        "G3",
        "a lack of capacity keeps no kind from growing",
        &[edit(
            FILE,
            "self.backoff.lasts || self.capacity.lasts",
            "self.backoff.lasts",
        )],
    ),
    Flaw::new(
        "G3",
        "the timer is not set for the end of a lack of capacity",
        &[edit(
            FILE,
            "backoff.into_iter().chain(capacity).min()",
            "backoff",
        )],
    ),
    Flaw::new(
        "G3",
        "the back-off of a kind is ended by the success of another",
        &[edit(
            "manager/lifecycle.rs",
            "self.growth[index].succeeded();",
            "self.growth.iter_mut().for_each(super::growth::Growth::succeeded);",
        )],
    ),
    Flaw::new(
        "G1",
        "all machines of a kind are asked for in one action",
        &[edit(FILE, "left.min(u64::from(batch))", "left")],
    ),
    Flaw::new(
        "G1",
        "actions ask for ten machines, whatever the kind's batch",
        &[edit(
            FILE,
            "left.min(u64::from(batch))",
            "left.min(u64::from(Config::MAX_START_BATCH))",
        )],
    ),
    Flaw::new(
        "G4",
        "an id is left out between two starts",
        &[edit(
            FILE,
            "self.next_machine = MachineId(first.0 + count);",
            "self.next_machine = MachineId(first.0 + count + u64::from(left > count));",
        )],
    ),
    Flaw::new(
        "G3",
        "the machines of a start are thought to be asked for before the last failure",
        &[edit(
            FILE,
            "let steps = «self.growth[index].steps»;",
            "self.growth[index].steps.saturating_sub(1)",
        )],
    ),
];
