//! What a move comes to in a world as it stands.

use remuda::{MachineId, Outcome, RequestId, Submit};

use crate::happening::Happening;
use crate::ledger::{Client, ClientState, Ledger, Machine, Phase};
use crate::story::Move;

impl Ledger {
    /// What happens now, one thing after the other; nothing, where nobody could do it.
    pub(crate) fn draw(&mut self, what: &Move) -> Vec<Happening> {
        let one = |happening: Option<Happening>| happening.into_iter().collect();
        // After the end nobody asks any more.
        let begins = matches!(
            what,
            Move::Ask { .. } | Move::AskAgain(_) | Move::MustGo(..) | Move::Shutdown
        );
        if self.shut_down && begins {
            return Vec::new();
        }
        match *what {
            Move::Ask {
                demand,
                priority,
                give_up,
            } => {
                let client = self.clients.len() as u64;
                let mut spec = Submit::new(demand).priority(priority);
                spec.give_up = give_up.and_then(|after| self.now.checked_add(after));
                vec![Happening::Request { client, spec }]
            }
            Move::AskAgain(nth) => {
                let lost = |it: &Client| it.state == ClientState::Lost && !it.gone;
                one(self.pick_client(nth, lost).map(|client| {
                    let mut spec = self.clients[&client].spec;
                    spec.give_up = None;
                    Happening::Request { client, spec }
                }))
            }
            Move::GoAway(nth) => {
                let runs = |client: u64| {
                    let mut works = self.works.iter();
                    works.any(|work| work.client == client && !work.over && !work.lost)
                };
                let there = self.clients.iter().filter(|(_, it)| !it.gone);
                let there = there.filter(|(client, it)| match it.state {
                    ClientState::Queued => true,
                    ClientState::Granted => runs(**client),
                    _ => false,
                });
                let there: Vec<u64> = there.map(|(client, _)| *client).collect();
                let client = pick(&there, nth);
                one(client.map(|client| Happening::Gone { client }))
            }
            Move::FirstGoesAway => {
                let first = self.manager.queue().next().map(|first| first.request);
                let mut clients = self.clients.iter();
                let queued = |it: &Client| it.state == ClientState::Queued && it.request == first;
                let client = clients.find(|(_, it)| queued(it) && !it.gone);
                one(client.map(|(&client, _)| Happening::Gone { client }))
            }
            Move::Up(nth) => {
                let machine = self.pick_machine(nth, starts);
                one(machine.map(|machine| Happening::Up { machine }))
            }
            Move::StartFails(nth, hint) => {
                let machine = self.pick_machine(nth, starts);
                one(machine.map(|machine| Happening::StartFailed { machine, hint }))
            }
            Move::WorkEnds(nth, outcome) => {
                let runs: Vec<(RequestId, MachineId)> = self.running(None).collect();
                let work = pick(&runs, nth);
                one(work.map(|(request, machine)| Happening::Ended {
                    request,
                    machine,
                    outcome,
                }))
            }
            Move::Stops(nth) => {
                let stops = |it: &Machine| it.stopping && it.phase != Phase::Gone;
                let machine = self.pick_machine(nth, stops);
                one(machine.map(|machine| Happening::Stopped { machine }))
            }
            Move::Dies(nth) => {
                let machine = self.pick_machine(nth, |it| it.phase == Phase::Up);
                one(machine.map(|machine| Happening::Stopped { machine }))
            }
            Move::Breaks(nth) => match self.pick_machine(nth, |it| it.phase == Phase::Up) {
                Some(machine) => {
                    let ends = self.running(Some(machine)).map(|(request, machine)| {
                        let outcome = Outcome::Unreachable;
                        Happening::Ended {
                            request,
                            machine,
                            outcome,
                        }
                    });
                    ends.chain([Happening::Stopped { machine }]).collect()
                }
                None => Vec::new(),
            },
            Move::FallsSilent(nth) => {
                if let Some(machine) = self.pick_machine(nth, |it| it.phase == Phase::Up)
                    && let Some(it) = self.machines.get_mut(&machine)
                {
                    it.mute = !it.mute;
                }
                Vec::new()
            }
            Move::MustGo(nth, within) => {
                let machine = self.pick_machine(nth, |it| it.phase == Phase::Up && !it.stopping);
                let until = self.now.checked_add(within);
                one(machine
                    .zip(until)
                    .map(|(machine, until)| Happening::MustGo { machine, until }))
            }
            Move::Shutdown => vec![Happening::Shutdown],
            Move::Pass => Vec::new(),
        }
    }

    /// What would end if nothing went wrong any more, a thing of each machine and each piece of work.
    pub(crate) fn calm(&mut self) -> Vec<Happening> {
        let mut all = Vec::new();
        for (&machine, it) in &mut self.machines {
            it.mute = false;
            match it.phase {
                Phase::Gone => {}
                _ if it.stopping => all.push(Happening::Stopped { machine }),
                Phase::Starting => all.push(Happening::Up { machine }),
                Phase::Up => {}
            }
        }
        let stops = |on: MachineId| all.contains(&Happening::Stopped { machine: on });
        let ends = self.running(None).filter(|&(_, machine)| !stops(machine));
        let ends: Vec<_> = ends
            .map(|(request, machine)| Happening::Ended {
                request,
                machine,
                outcome: Outcome::Ok,
            })
            .collect();
        all.extend(ends);
        all
    }

    /// Whether it can still happen, as other things have happened since it was drawn.
    pub(crate) fn can(&self, happening: &Happening) -> bool {
        let machine = |machine: &MachineId| &self.machines[machine];
        match happening {
            Happening::Ended {
                request, machine, ..
            } => self.running(Some(*machine)).any(|it| it.0 == *request),
            Happening::Stopped { machine: it } => machine(it).phase != Phase::Gone,
            Happening::Up { machine: it } => starts(machine(it)),
            _ => true,
        }
    }

    /// Whether somebody waits for something.
    pub(crate) fn is_busy(&self) -> bool {
        let waits = |it: &Client| it.state == ClientState::Queued && !it.gone;
        self.clients.values().any(waits) || self.running(None).next().is_some()
    }

    /// Whether a machine is there.
    pub(crate) fn has_machines(&self) -> bool {
        self.machines.values().any(|it| it.phase != Phase::Gone)
    }

    /// The next poll that is answered, and when.
    pub(crate) fn next_answer(&self) -> Option<(remuda::Instant, MachineId)> {
        let polls = self.machines.iter();
        polls
            .filter_map(|(&machine, it)| Some((it.poll.as_ref()?.answer?, machine)))
            .min()
    }

    /// Work that runs, of one machine or of all.
    fn running(&self, on: Option<MachineId>) -> impl Iterator<Item = (RequestId, MachineId)> + '_ {
        let runs = self
            .works
            .iter()
            .filter(move |work| !work.over && on.is_none_or(|machine| work.machine == machine));
        runs.map(|work| (work.request, work.machine))
    }

    fn pick_client(&self, nth: u64, is: impl Fn(&Client) -> bool) -> Option<u64> {
        let all = self.clients.iter().filter(|(_, it)| is(it));
        pick(&all.map(|(client, _)| *client).collect::<Vec<_>>(), nth)
    }

    fn pick_machine(&self, nth: u64, is: impl Fn(&Machine) -> bool) -> Option<MachineId> {
        let all = self.machines.iter().filter(|(_, it)| is(it));
        pick(&all.map(|(machine, _)| *machine).collect::<Vec<_>>(), nth)
    }
}

fn starts(it: &Machine) -> bool {
    it.phase == Phase::Starting && !it.stopping
}

fn pick<T: Copy>(of: &[T], nth: u64) -> Option<T> {
    let at = nth.checked_rem(of.len() as u64)?;
    Some(of[at as usize])
}
