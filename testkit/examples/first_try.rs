//! A loop around a manager, with a mistake that the kit finds: the first try of `docs/own-adapter.md`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId};
use remuda_testkit::{Adapter, Check, Happening, World};

/// A build farm: clients ask for machines, and are told here where their builds run.
pub struct Farm {
    manager: Manager,
    /// The cloud and the clients.
    world: World,
    /// What is still to be told to the manager.
    inbox: VecDeque<Event>,
    /// The clients that are there, and where their builds run.
    clients: BTreeMap<RequestId, Option<MachineId>>,
    /// The polls that are out, and when their time is over.
    polls: BTreeMap<MachineId, Instant>,
}

impl Farm {
    /// A farm without machines.
    pub fn new(config: Config, world: World) -> Farm {
        Farm {
            manager: Manager::new(config).expect("a valid config"),
            world,
            inbox: VecDeque::new(),
            clients: BTreeMap::new(),
            polls: BTreeMap::new(),
        }
    }

    /// Tells the manager all that has happened, and does what it asks for.
    fn turn(&mut self) {
        while let Some(event) = self.inbox.pop_front() {
            let now = self.world.now();
            self.world.told(&event, now);
            for action in self.manager.handle(event, now) {
                self.carry_out(action);
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start { kind, first, count } => {
                for id in first.0..first.0 + u64::from(count) {
                    self.world.start(MachineId(id), kind);
                }
            }
            Action::Stop { machine } => self.world.stop(machine),
            Action::Poll { machine } => {
                let over = self.world.now() + Duration::from_secs(5);
                self.polls.insert(machine, over);
                self.world.poll(machine);
            }
            Action::Grant { request, machine } => match self.clients.get_mut(&request) {
                Some(place) => {
                    *place = Some(machine);
                    self.world.run(request, machine);
                }
                // The client has just gone.
                None => self.done(request, machine, Outcome::Unused),
            },
            Action::Expired { request } => {
                self.clients.remove(&request);
                self.world.expired(request);
            }
            Action::Cancelled { request } => {
                self.clients.remove(&request);
                self.world.cancelled(request);
            }
            Action::RequestLost {
                request, machine, ..
            } => {
                self.clients.remove(&request);
                self.world.lost(request, machine);
            }
            // Notices are for a log, and for the timer the loop asks for `next_timeout`.
            _ => {}
        }
    }

    fn done(&mut self, request: RequestId, machine: MachineId, outcome: Outcome) {
        let machine = Some(machine);
        self.inbox.push_back(Event::Done {
            request,
            machine,
            outcome,
        });
    }
}

impl Adapter for Farm {
    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Request { client, spec } => {
                let request = RequestId(client);
                self.clients.insert(request, None);
                self.inbox.push_back(Event::Submit { request, spec });
            }
            Happening::Gone { client } => {
                let request = RequestId(client);
                match self.clients.remove(&request).flatten() {
                    Some(machine) => {
                        self.world.cancel(request, machine);
                        self.done(request, machine, Outcome::Unused);
                    }
                    None => self.inbox.push_back(Event::Cancel { request }),
                }
            }
            Happening::Ended {
                request,
                machine,
                outcome,
            } => {
                if self.clients.get(&request) == Some(&Some(machine)) {
                    self.clients.remove(&request);
                }
                self.done(request, machine, outcome);
            }
            Happening::Up { machine } => {
                let offer = None;
                self.inbox.push_back(Event::Up { machine, offer });
            }
            Happening::StartFailed { machine, hint } => {
                self.inbox.push_back(Event::StartFailed { machine, hint });
            }
            Happening::Stopped { machine } => {
                self.polls.remove(&machine);
                self.inbox.push_back(Event::Stopped { machine });
            }
            Happening::PollAnswered { machine } => self.polled(machine, true),
            Happening::MustGo { machine, until } => {
                let until = Some(until);
                self.inbox.push_back(Event::Drain { machine, until });
            }
            Happening::Shutdown => self.inbox.push_back(Event::Shutdown),
        }
        self.turn();
    }

    fn wake_at(&mut self) -> Option<Instant> {
        let polls = self.polls.values().copied().min();
        self.manager.next_timeout().into_iter().chain(polls).min()
    }

    fn wake(&mut self) {
        let now = self.world.now();
        let over = self.polls.iter().filter(|(_, over)| **over <= now);
        for machine in over.map(|(machine, _)| *machine).collect::<Vec<_>>() {
            self.polled(machine, false);
        }
        self.inbox.push_back(Event::Timer);
        self.turn();
    }
}

impl Farm {
    fn polled(&mut self, machine: MachineId, answered: bool) {
        if self.polls.remove(&machine).is_some() {
            self.inbox.push_back(Event::Polled { machine, answered });
        }
    }
}

fn main() {
    match Check::default().run(Farm::new) {
        Ok(report) => println!("{report}"),
        Err(broken) => {
            println!("{broken}");
            std::process::exit(1);
        }
    }
}
