//! What the manager asks of the adapter, and what the adapter does.

use remuda::{Action, MachineId, RequestId};

use super::{ANSWER, ClientState, Due, Ledger, Line, Machine, Phase, PollOut, Side, Wanted, Work};
use crate::happening::Deed;

impl Ledger {
    /// The manager asks for this.
    pub(super) fn asked(&mut self, action: Action) {
        match action {
            Action::Start { kind, first, count } => {
                for machine in (first.0..first.0 + u64::from(count)).map(MachineId) {
                    let starts = Machine {
                        phase: Phase::Starting,
                        answered: false,
                        stopping: false,
                        mute: false,
                        poll: None,
                    };
                    self.machines.insert(machine, starts);
                    self.want(Deed::Start { machine, kind }, true);
                }
            }
            Action::Stop { machine } => {
                let it = self.machine(machine);
                // Again, as when a machine that stops falls silent.
                let must = !it.stopping && it.phase != Phase::Gone;
                let up = it.answered;
                it.stopping = true;
                let side = if up { Side::Machines } else { Side::Any };
                let deed = Deed::Stop { machine };
                self.wanted.push(Wanted { side, deed, must });
            }
            Action::Grant { request, machine } => {
                let client = self.owners[&request];
                let it = self.clients.get_mut(&client).expect("it asks");
                it.state = ClientState::Granted;
                let gone = it.gone;
                self.works.push(Work {
                    request,
                    client,
                    machine,
                    over: gone,
                    done: false,
                    lost: false,
                });
                // Its client went away at this very instant (S6): the grant is handed back.
                if gone {
                    self.dues.push(Due::Done(request, machine, None));
                }
                self.want(Deed::Run { request, machine }, !gone);
            }
            Action::Poll { machine } => {
                let (since, answer) = (self.now, self.now.checked_add(ANSWER));
                let it = self.machine(machine);
                let answer = answer.filter(|_| !it.mute);
                it.poll = Some(PollOut { since, answer });
                self.want(Deed::Poll { machine }, true);
            }
            Action::Expired { request } => {
                let must = self.client_is(request, ClientState::Over);
                self.want(Deed::Expired { request }, must);
            }
            Action::Cancelled { request } => {
                let must = self.client_is(request, ClientState::Over);
                self.want(Deed::Cancelled { request }, must);
            }
            Action::RequestLost {
                request, machine, ..
            } => {
                let there = |work: &&mut Work| {
                    (work.request, work.machine) == (request, machine) && !work.done
                };
                if let Some(work) = self.works.iter_mut().rev().find(there) {
                    work.lost = true;
                }
                // Granted a moment ago: its client may hear of the loss alone.
                for it in &mut self.wanted {
                    it.must &= it.deed != Deed::Run { request, machine };
                }
                let owed = |due: &Due| matches!(due, Due::Done(it, on, _) if (*it, *on) == (request, machine));
                self.take(owed);
                let must = self.client_is(request, ClientState::Lost);
                self.want(Deed::Lost { request, machine }, must);
            }
            // No task lives anywhere and nothing runs once: no adapter is told to say so.
            Action::TaskLost { .. }
            | Action::DropTask { .. }
            | Action::RunOnce { .. }
            | Action::OnceReady { .. } => {}
            // The timer is looked at when all is quiet; an event that is refused was looked at when it was told.
            Action::SetTimer { .. }
            | Action::ClearTimer
            | Action::Notice(_)
            | Action::Reject(_) => {}
        }
    }

    /// The client of a request is so from now on. False: it has gone away, so that nobody need be told.
    fn client_is(&mut self, request: RequestId, state: ClientState) -> bool {
        let client = self.owners.get(&request);
        let client = client.and_then(|client| self.clients.get_mut(client));
        let Some(client) = client.filter(|it| it.request == Some(request)) else {
            return false;
        };
        client.state = state;
        !client.gone
    }

    fn want(&mut self, deed: Deed, must: bool) {
        let side = side(&deed);
        self.wanted.push(Wanted { side, deed, must });
    }

    /// The adapter does this.
    pub(crate) fn does(&mut self, deed: Deed) {
        *self.met.entry(deed.word()).or_default() += 1;
        self.lines.push(Line::Done(deed.to_string()));
        let mut side = side(&deed);
        if let Deed::Stop { machine } = deed
            && let Some(it) = self.machines.get_mut(&machine)
        {
            // A start that ends with the shutdown is given up without being asked to.
            if self.shut_down && !it.stopping && it.phase == Phase::Starting {
                it.stopping = true;
                return;
            }
            let given_up = |it: &Wanted| it.deed == deed && it.side == Side::Any;
            if self.wanted.iter().any(given_up) {
                side = Side::Any;
            }
        }
        // Work whose client was told that it is lost need not go on.
        if let Deed::Cancel { request, machine } = deed {
            let lost = |it: &Work| (it.request, it.machine, it.lost) == (request, machine, true);
            if self.works.iter().any(lost) {
                return;
            }
        }
        self.done.push((side, deed));
    }
}

fn side(deed: &Deed) -> Side {
    match deed {
        Deed::Start { .. } | Deed::Stop { .. } | Deed::Poll { .. } => Side::Machines,
        Deed::Run { .. } | Deed::Expired { .. } | Deed::Cancelled { .. } => Side::Clients,
        Deed::Cancel { .. } | Deed::Lost { .. } | Deed::GaveUp { .. } => Side::Any,
    }
}
