//! How the state changes when a machine that was asked for comes up or does not, and when one joins.

use std::sync::Arc;

use remuda::{Action, Event, Health, KindId, MachineId, Reject, Resources};

use crate::error::StartError;
use crate::machine::Machine;
use crate::state::{GONE, State};
use crate::system::System;
use crate::tables::{MachineEntry, StartEntry};

/// If no machine was ever up at this step of the start back-off of every kind that they accept (F7), queued requests fail.
const FAIL_QUEUED_STEP: u32 = 4;

impl<S: System> State<S> {
    /// Whether there are to be machines that no request asks for (G2).
    pub(crate) fn keeps_machines(&self) -> bool {
        let kinds = &self.manager.config().kinds;
        kinds.iter().any(|kind| kind.min > 0 || kind.spare > 0)
    }

    /// What a machine of a kind has.
    pub(crate) fn capacity(&self, kind: KindId) -> Resources {
        let kind = self.manager.config().kinds.get(usize::from(kind.0));
        kind.map_or(Resources::ZERO, |kind| kind.capacity)
    }

    /// Why a machine is not admitted (F9).
    pub(crate) fn offers_too_little(&self, offer: Resources, capacity: Resources) -> String {
        let lacks = capacity.lacks(offer).unwrap_or(0);
        let name = &self.manager.config().names[lacks];
        let (offers, needed) = (offer.amounts()[lacks], capacity.amounts()[lacks]);
        format!("it offers {offers} {name}, and {needed} are needed")
    }

    /// Whether a machine that starts is wanted: the cluster is open and the manager does not have it stopped.
    pub(crate) fn is_start_wanted(&self, machine: MachineId) -> bool {
        let stopping = self
            .starts
            .get(&machine)
            .is_some_and(|entry| entry.stopping);
        self.open.is_some() && !stopping
    }

    /// A machine that was asked for is up.
    pub(crate) fn on_up(
        &mut self,
        machine: MachineId,
        entry: MachineEntry<S>,
        offer: Option<Resources>,
        token: Option<String>,
    ) -> Option<StartEntry> {
        let start = self.starts.remove(&machine);
        self.ever_up = true;
        self.note(machine, "name", entry.machine.name());
        self.note_token(machine, token);
        self.machines.insert(machine, entry);
        self.feed(Event::Up { machine, offer });
        // The manager has it stopped already and does not say so again.
        if start.as_ref().is_some_and(|start| start.stopping) {
            self.stop(machine);
        }
        start
    }

    /// A machine that was asked for is not there. An error: why it is not, if it failed and was not given up.
    pub(crate) fn on_start_failed(
        &mut self,
        machine: MachineId,
        error: Result<StartError, String>,
    ) -> Option<StartEntry> {
        let start = self.starts.remove(&machine);
        match error {
            Ok(error) => {
                self.note(machine, "start failed", &error);
                let hint = error.hint();
                self.feed(Event::StartFailed { machine, hint });
                self.on_start_error(error.to_string());
            }
            Err(why) => {
                self.note(machine, "start failed", why);
                let hint = None;
                self.feed(Event::StartFailed { machine, hint });
            }
        }
        start
    }

    /// The id of the machine that joins next.
    pub(crate) fn next_joined(&self) -> MachineId {
        MachineId::joined(self.joined)
    }

    /// A machine joins, under the next id. Returns the rejection, if there is one.
    pub(crate) fn on_join(
        &mut self,
        machine: Arc<Machine<S>>,
        kind: KindId,
        offer: Option<Resources>,
        token: Option<String>,
    ) -> Option<Reject> {
        let id = machine.id();
        self.joined += 1;
        let name = machine.clone();
        self.machines.insert(id, MachineEntry::new(machine, kind));
        let reject = self.feed(Event::Join {
            machine: id,
            kind,
            offer,
        });
        match reject {
            Some(_) => drop(self.machines.remove(&id)),
            None => {
                self.machine_tasks += 1;
                self.ever_up = true;
                self.note(id, "name", name.name());
                self.note_token(id, token);
            }
        }
        reject
    }

    /// How the machine can be found again, for a driver that is started again.
    fn note_token(&mut self, machine: MachineId, token: Option<String>) {
        if let Some(token) = token {
            self.note(machine, "session", token);
        }
    }

    /// A machine of an earlier driver is back, with all that runs there.
    pub(crate) fn on_returned(
        &mut self,
        machine: MachineId,
        entry: MachineEntry<S>,
        token: Option<String>,
    ) {
        self.away.remove(&machine);
        self.note(machine, "name", entry.machine.name());
        self.note_token(machine, token);
        let view = self.manager.machine(machine);
        let draining = matches!(view.map(|it| it.health()), Some(Health::Draining { .. }));
        entry.machine.set_leaving(draining);
        let granted: Vec<_> = view.into_iter().flat_map(|it| it.running()).collect();
        self.machines.insert(machine, entry);
        for request in granted {
            self.on_grant(request, machine);
        }
        // What was asked of it meanwhile, or before.
        for outstanding in self.manager.outstanding() {
            match outstanding.action {
                Action::Stop { machine: of } if of == machine => self.stop(machine),
                Action::Poll { machine: of } if of == machine => self.poll(machine),
                _ => {}
            }
        }
    }

    /// A machine of an earlier driver is gone with that: it is no loss, as it was bound to end.
    pub(crate) fn on_gone(&mut self, machine: MachineId) {
        let until = Some(self.manager.now());
        self.feed(Event::Drain { machine, until });
        self.note(machine, "stopped", GONE);
        self.feed(Event::Stopped { machine });
        self.away.remove(&machine);
    }

    /// A start has failed. Queued requests that only accept kinds of which none could be started fail, if no machine was ever
    /// up.
    fn on_start_error(&mut self, error: String) {
        if !self.ever_up {
            let kinds = (0..).map(KindId).zip(&self.manager.config().kinds);
            let startable = kinds.filter(|(_, kind)| kind.startable);
            let failing: Vec<(KindId, bool)> = startable
                .map(|(kind, _)| {
                    let backoff = self.manager.start_backoff(kind);
                    let failing = backoff.is_some_and(|backoff| backoff.step >= FAIL_QUEUED_STEP);
                    (kind, failing)
                })
                .collect();
            if failing.iter().any(|&(_, failing)| failing) {
                self.fail_queued(&error, |spec| {
                    let mut accepted = failing
                        .iter()
                        .filter(|(kind, _)| spec.kinds.contains(*kind))
                        .peekable();
                    accepted.peek().is_some() && accepted.all(|&(_, failing)| failing)
                });
            }
        }
        self.last_start_error = error;
    }
}
