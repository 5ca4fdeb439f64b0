//! What is owed between a world, an adapter and its manager: by the adapter to the manager (an event for each thing that
//! happens), and to the world (each thing that the manager asks for).
//!
//! It has a manager of its own, which is told what the adapter's is told, so it knows all that this answers (F6).

mod asked;
mod settle;
mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use remuda::{
    Config, ConfigError, Instant, MachineId, Manager, Outcome, RequestId, StartHint, Submit,
};

use crate::happening::{Deed, Happening};
use crate::rule::Rule;

/// A promise that was broken, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) rule: Rule,
    pub(crate) what: String,
}

/// The tables of a world, and what is owed there.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) now: Instant,
    pub(crate) manager: Manager,
    pub(crate) poll_timeout: Duration,
    /// The time of the last event.
    last: Instant,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) machines: BTreeMap<MachineId, Machine>,
    /// All work that ever began, in this order.
    pub(crate) works: Vec<Work>,
    /// Whose request an id is.
    owners: BTreeMap<RequestId, u64>,
    /// What the manager is to be told.
    dues: Vec<Due>,
    /// What is to be done in the world.
    wanted: Vec<Wanted>,
    /// What was done there.
    done: Vec<(Side, Deed)>,
    pub(crate) shut_down: bool,
    pub(crate) broken: Option<Breach>,
    /// How many events were told.
    pub(crate) events: u64,
    /// What happened, what was told and what was done, a line each.
    pub(crate) lines: Vec<Line>,
    /// How often everything was met.
    pub(crate) met: BTreeMap<&'static str, u64>,
}

/// A line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Happened(Instant, String),
    Told(String),
    Done(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) spec: Submit,
    pub(crate) state: ClientState,
    pub(crate) request: Option<RequestId>,
    /// It has gone away.
    pub(crate) gone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientState {
    Queued,
    Granted,
    Lost,
    Over,
}

#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) phase: Phase,
    /// The manager was told what became of the start.
    pub(crate) answered: bool,
    /// It was to stop.
    pub(crate) stopping: bool,
    /// It answers no polls.
    pub(crate) mute: bool,
    pub(crate) poll: Option<PollOut>,
}

/// How it stands with a machine in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Starting,
    Up,
    Gone,
}

/// A poll that the manager waits for.
#[derive(Clone, Debug)]
pub(crate) struct PollOut {
    since: Instant,
    /// When the world answers.
    pub(crate) answer: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) request: RequestId,
    pub(crate) client: u64,
    pub(crate) machine: MachineId,
    /// It has ended in the world.
    pub(crate) over: bool,
    /// The manager was told so.
    done: bool,
    /// The manager has counted it as lost.
    pub(crate) lost: bool,
}

/// What the manager is to be told.
#[derive(Clone, PartialEq, Debug)]
enum Due {
    Submit(u64),
    Cancel(RequestId),
    Up(MachineId),
    StartFailed(MachineId, Option<StartHint>),
    Stopped(MachineId),
    Done(RequestId, MachineId, Option<Outcome>),
    Polled(MachineId),
    Drain(MachineId, Instant),
    Shutdown,
}

/// Those who are told in order; each side hears for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Clients,
    Machines,
    /// Whose order does not matter: starts that are given up, cancels of work, losses.
    Any,
}

/// What is to be done.
#[derive(Clone, Debug)]
struct Wanted {
    side: Side,
    deed: Deed,
    /// False: it may be left out.
    must: bool,
}

/// A machine that answers does so after this time.
const ANSWER: Duration = Duration::from_millis(20);

impl Ledger {
    pub(crate) fn new(config: Config, poll_timeout: Duration) -> Result<Ledger, ConfigError> {
        Ok(Ledger {
            now: Instant::ZERO,
            manager: Manager::new(config)?,
            poll_timeout,
            last: Instant::ZERO,
            clients: BTreeMap::new(),
            machines: BTreeMap::new(),
            works: Vec::new(),
            owners: BTreeMap::new(),
            dues: Vec::new(),
            wanted: Vec::new(),
            done: Vec::new(),
            shut_down: false,
            broken: None,
            events: 0,
            lines: Vec::new(),
            met: BTreeMap::new(),
        })
    }

    /// The first breach is the one that counts.
    pub(crate) fn breach(&mut self, rule: Rule, what: impl Into<String>) {
        let what = what.into();
        self.broken.get_or_insert(Breach { rule, what });
    }

    fn take(&mut self, due: impl Fn(&Due) -> bool) -> Option<Due> {
        let at = self.dues.iter().position(due)?;
        Some(self.dues.remove(at))
    }

    fn owes(&self, due: impl Fn(&Due) -> bool) -> bool {
        self.dues.iter().any(due)
    }

    /// Something happens: what is owed from now on.
    pub(crate) fn happens(&mut self, happening: &Happening) {
        *self.met.entry(happening.word()).or_default() += 1;
        self.lines
            .push(Line::Happened(self.now, happening.to_string()));
        match *happening {
            Happening::Request { client, spec } => {
                let state = ClientState::Queued;
                let (request, gone) = (None, false);
                let asks = Client {
                    spec,
                    state,
                    request,
                    gone,
                };
                self.clients.insert(client, asks);
                self.dues.push(Due::Submit(client));
            }
            Happening::Gone { client } => self.goes_away(client),
            Happening::Up { machine } => {
                self.machine(machine).phase = Phase::Up;
                self.dues.push(Due::Up(machine));
            }
            Happening::StartFailed { machine, hint } => {
                self.machine(machine).phase = Phase::Gone;
                self.dues.push(Due::StartFailed(machine, hint));
            }
            Happening::Ended {
                request,
                machine,
                outcome,
            } => {
                let runs = |work: &&mut Work| {
                    (work.request, work.machine) == (request, machine) && !work.over
                };
                let work = self.works.iter_mut().find(runs).expect("it runs");
                work.over = true;
                let (lost, client) = (work.lost, work.client);
                if !lost {
                    let gone = self.clients[&client].gone;
                    let outcome = (!gone).then_some(outcome);
                    self.dues.push(Due::Done(request, machine, outcome));
                }
            }
            Happening::Stopped { machine } => {
                let it = self.machine(machine);
                it.phase = Phase::Gone;
                it.poll = None;
                for work in self.works.iter_mut().filter(|it| it.machine == machine) {
                    work.over = true;
                }
                self.dues.push(Due::Stopped(machine));
            }
            Happening::PollAnswered { machine } => {
                let poll = self.machine(machine).poll.as_mut();
                poll.expect("it is out").answer = None;
                self.dues.push(Due::Polled(machine));
            }
            Happening::MustGo { machine, until } => self.dues.push(Due::Drain(machine, until)),
            Happening::Shutdown => {
                self.shut_down = true;
                self.dues.push(Due::Shutdown);
            }
        }
    }

    fn goes_away(&mut self, client: u64) {
        let it = self.clients.get_mut(&client).expect("it is there");
        it.gone = true;
        let request = it.request.expect("it was submitted");
        if it.state == ClientState::Queued {
            return self.dues.push(Due::Cancel(request));
        }
        let runs = |work: &&Work| work.client == client && !work.over && !work.lost;
        let work = self.works.iter().rev().find(runs).expect("it runs");
        let machine = work.machine;
        self.wanted.push(Wanted {
            side: Side::Any,
            deed: Deed::Cancel { request, machine },
            must: true,
        });
    }

    /// A machine of which something happens.
    fn machine(&mut self, machine: MachineId) -> &mut Machine {
        self.machines.get_mut(&machine).expect("it was started")
    }
}
