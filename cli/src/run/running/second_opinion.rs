//! A machine where jobs fail that go well elsewhere (`--suspect`).

use remuda::{Limits, MachineId};

use super::Running;
use crate::book::Id;
use crate::ended::Ended;

/// Of a kind that is to have no machines.
const NONE: Limits = Limits {
    min: 0,
    max: 0,
    spare: 0,
    idle: None,
};

impl Running<'_> {
    /// What is learnt of a machine from how a job ended there (`--suspect`). Whether the job is to be run once more elsewhere
    /// before it counts as failed.
    pub(super) fn second_opinion(&mut self, job: Id, machine: MachineId, ended: &Ended) -> bool {
        if !self.suspects.watches() {
            return false;
        }
        let suspect = self.turns.get(&job).and_then(|turn| turn.suspect);
        match (ended, suspect) {
            (Ended::Exit(0), suspect) => {
                self.suspects.succeeded(machine);
                if let Some(suspect) = suspect.filter(|suspect| *suspect != machine)
                    && let Some(count) = self.suspects.failed_only(suspect)
                {
                    self.set_aside(suspect, count);
                }
                false
            }
            (Ended::Exit(_) | Ended::Signal(_), None) if !self.book.is_stopped() => {
                self.turns.entry(job).or_default().suspect = Some(machine);
                true
            }
            _ => false,
        }
    }

    fn set_aside(&self, machine: MachineId, count: u32) {
        let machines = self.cluster.machines();
        let found = machines.iter().find(|it| it.id == machine);
        let only = found.map(|it| it.kind).filter(|&kind| {
            let kind = self.plan.config.kinds.get(usize::from(kind.0));
            kind.is_some_and(|kind| kind.max == 1)
        });
        let set_aside = match only {
            // The next machine of this kind would be the same host.
            Some(kind) => self.cluster.set_limits(kind, NONE),
            // It may be gone by now, which is as well.
            None => self.cluster.drain(machine, None),
        };
        if set_aside.is_ok() {
            self.printer.note(format!(
                "warning: machine {machine} is set aside: {count} jobs in a row failed there and went well elsewhere"
            ));
        }
    }
}
