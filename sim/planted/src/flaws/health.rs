//! What can be wrong with health (S9, S10, S11, S13, H) and polls (S17, F8).

use super::{Flaw, edit};

const FILE: &str = "manager/health.rs";
const POLL: &str = "manager/poll.rs";
const MACHINE: &str = "machines/machine.rs";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw::new(
        "S9",
        "a machine on probation is in the order of those that are free",
        &[edit(
            MACHINE,
            "self.is_healthy() && !self.held",
            "self.is_active() && !self.held",
        )],
    ),
    Flaw::new(
        "S9",
        "a machine that cannot be reached gets the next of the queue",
        &[edit(
            "manager/placement/fit.rs",
            "if «!record.is_healthy()» {",
            "!record.is_active()",
        )],
    ),
    Flaw::new(
        "S13",
        "a grant handed back unused is taken for a success",
        &[edit(
            FILE,
            "Outcome::Unused => «{}»",
            "self.succeeded(slot, actions);",
        )],
    ),
    Flaw::new(
        "S10",
        "a success on probation restores nothing",
        &[edit(
            FILE,
            "self.recover(slot, Recovery::Success, actions);",
            "",
        )],
    ),
    Flaw::new(
        "H2",
        "a success does not begin the count of passages anew",
        &[edit(
            FILE,
            "self.machines.change(slot, |machine| machine.passages = 0);",
            "",
        )],
    ),
    Flaw::new(
        "H2",
        "a success in good health does not begin the count of passages anew",
        &[edit(
            FILE,
            "machine.passages > 0 || machine.trial.is_some() || on_probation",
            "machine.trial.is_some() || on_probation",
        )],
    ),
    Flaw::new(
        "G3",
        "the first success on a machine does not end its trial",
        &[edit(FILE, "self.end_trial(slot);", "")],
    ),
    Flaw::new(
        "S11",
        "a remote error puts a machine in good health on probation",
        &[edit(FILE, "Outcome::Remote if «!on_probation»", "false")],
    ),
    Flaw::new(
        "S10",
        "the time of a probation is restarted by an unreachable alone",
        &[edit(FILE, "Outcome::Remote if «!on_probation»", "true")],
    ),
    Flaw::new(
        "S10",
        "the time of a probation is not restarted by an error",
        &[edit(FILE, "self.restart_probation(slot);", "")],
    ),
    Flaw::new(
        "D1",
        "an error on a machine that is stopping puts it on probation",
        &[edit(FILE, "if «machine.is_stopping()» {", "false")],
    ),
    Flaw::new(
        "H2",
        "all passages are as long as the first",
        &[edit(
            FILE,
            "doubled(self.config.probation, «k», cap)",
            "1",
        )],
    ),
    Flaw::new(
        "H2",
        "passages grow without a cap",
        &[edit(
            FILE,
            "doubled(self.config.probation, k, «cap»)",
            "Duration::MAX",
        )],
    ),
    Flaw::new(
        "H2",
        "a cap below the probation makes that shorter",
        &[edit(
            FILE,
            "self.config.probation_cap.max(self.config.probation)",
            "self.config.probation_cap",
        )],
    ),
    Flaw::new(
        "S10",
        "probation ends a nanosecond late",
        &[edit(
            FILE,
            "super::growth::doubled(self.config.probation, k, cap)",
            "super::growth::doubled(self.config.probation, k, cap).saturating_add(Duration::from_nanos(1))",
        )],
    ),
    Flaw::new(
        "H2",
        "the first passage counts twice",
        &[edit(
            FILE,
            "self.machines.get(slot).passages.saturating_add(1)",
            "self.machines.get(slot).passages.saturating_add(1).max(2)",
        )],
    ),
    Flaw::new(
        "H2",
        "passages are not counted",
        &[edit(FILE, "machine.passages = passages;", "")],
    ),
    Flaw::new(
        "H2",
        "an error on probation makes it as long as the first",
        &[edit(
            FILE,
            "self.machines.get(slot).passages.max(1)",
            "1",
        )],
    ),
    Flaw::new(
        "H2",
        "an error on probation makes it as long as the next",
        &[edit(
            FILE,
            "self.machines.get(slot).passages.max(1)",
            "self.machines.get(slot).passages + 1",
        )],
    ),
    Flaw::new(
        "H3",
        "a machine that is on probation again and again stays",
        &[edit(FILE, "self.drain(slot, None, actions);", "")],
    ),
    Flaw::new(
        "H3",
        "a machine is drained one passage late",
        &[edit(
            FILE,
            "machine.passages >= self.config.flaps",
            "machine.passages > self.config.flaps",
        )],
    ),
    Flaw::new(
        "H3",
        "with flaps zero a machine is drained at its first passage",
        &[edit(FILE, "self.config.flaps > 0", "true")],
    ),
    Flaw::new(
        "H3",
        "the last machine of a kind is drained if there are others of other kinds",
        &[edit(
            FILE,
            "active(self.machines.kind_of(slot)) - 1",
            "self.machines.kinds.iter().map(active).sum::<u64>() - 1",
        )],
    )
    .shown_in(34),
    Flaw::new(
        "H3",
        "machines are drained for a fault that all share",
        &[edit(
            FILE,
            "of_its_kind > 0 && ok * 2 >= others",
            "of_its_kind > 0",
        )],
    ),
    Flaw::new(
        "H3",
        "a machine is not drained when just half of the others are in good health",
        &[edit(FILE, "ok * 2 >= others", "ok * 2 > others")],
    ),
    Flaw::new(
        "H3",
        "of the others only those of the same kind are looked at",
        &[edit(
            FILE,
            "self.machines.kinds.iter().map(active).sum::<u64>() - 1",
            "of_its_kind",
        )],
    )
    .shown_in(24),
    Flaw::new(
        "S22",
        "a machine is drained after the shutdown because it was often on probation",
        &[edit(
            FILE,
            "!machine.is_active() || self.shutdown",
            "!machine.is_active()",
        )],
    ),
    Flaw::new(
        "H1",
        "a machine on its second passage counts for growth",
        &[edit(
            MACHINE,
            "self.passages <= 1",
            "self.passages <= 2",
        )],
    ),
    Flaw::new(
        "H1",
        "a machine on its first passage does not count for growth, and is replaced",
        &[edit(
            MACHINE,
            "self.is_healthy() || self.is_on_first_probation()",
            "self.is_healthy()",
        )],
    ),
    Flaw::new(
        "H1",
        "a machine on probation counts for growth, however often it was there",
        &[edit(
            MACHINE,
            "self.is_healthy() || self.is_on_first_probation()",
            "self.is_active()",
        )],
    ),
    Flaw::new(
        "F8",
        "silence is counted across polls that were answered",
        &[edit(
            POLL,
            "if answered { 0 } else { record.silent.saturating_add(1) }",
            "record.silent + u32::from(!answered)",
        )],
    ),
    Flaw::new(
        "F8",
        "each unanswered poll is taken for the first",
        &[edit(POLL, "self.machines.set_silent(slot, silent);", "")],
    ),
    Flaw::new(
        "F8",
        "one unanswered poll more than the limit is waited for",
        &[edit(POLL, "silent >= limit", "silent > limit")],
    ),
    Flaw::new(
        "F8",
        "without a limit of silent polls a machine is lost at its first poll",
        &[edit(POLL, "limit > 0 &&silent >= limit", "silent >= limit")],
    ),
    Flaw::new(
        "F8",
        "a silent machine is lost by its stop, not its silence",
        &[edit(
            POLL,
            "self.lose(slot, «Loss::Silence», actions);",
            "Loss::Stopped",
        )],
    ),
    Flaw::new(
        "F8",
        "the adapter is not told to stop a silent machine",
        &[edit(
            POLL,
            "actions.push(Action::Stop { machine });",
            "",
        )],
    ),
    Flaw::new(
        "S17",
        "a poll that comes back twice is taken twice",
        &[edit(
            POLL,
            "return Err(Reject::UnexpectedPolled { machine });",
            "",
        )],
    ),
    Flaw::new(
        "S17",
        "the next poll is an interval after the last one, not after its answer",
        &[edit(
            POLL,
            "self.now.checked_add(self.config.poll_interval)",
            "let sent = match self.machines.get(slot).poll { Poll::Out(sent) => sent, _ => self.now };
             sent.checked_add(self.config.poll_interval)",
        )],
    ),
];
