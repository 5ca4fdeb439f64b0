//! What the outside of a manager knows: what it asked for and was told, from the events and
//! actions alone. A driver keeps such tables; here they choose what happens next, find what is
//! still owed when faults cease, and check what a client may rely on.

mod check;
mod note;
mod records;

use core::time::Duration;

use remuda::{
    Config, Demand, Event, Kind, KindId, Loss, MachineId, OnceKey, OnceOutcome, Outcome, Policy,
    RequestId, Resources, Submit, TaskId, WaiterId,
};

pub use records::{Grant, Known};

/// The outside's tables.
#[derive(Clone, Debug)]
pub struct Ledger {
    policy: Policy,
    /// The kinds of machine, with the limits that hold now.
    pub kinds: Vec<Kind>,
    /// The limit of procs that holds now.
    pub max_procs: u64,
    /// Requests that are queued, with what they ask for.
    pub queued: Vec<(RequestId, Submit)>,
    /// Requests that have a machine.
    pub running: Vec<Grant>,
    /// Machines that are not gone, by id.
    pub machines: Vec<(MachineId, Known)>,
    /// Machines asked for, not yet answered and not told to stop.
    pub starting: Vec<MachineId>,
    /// Machines in service.
    pub serving: Vec<MachineId>,
    /// Machines that were told to stop and have not said that they did.
    pub stopping: Vec<MachineId>,
    /// Machines whose poll is out.
    pub polled: Vec<MachineId>,
    /// Once-work that runs.
    pub once: Vec<(MachineId, OnceKey)>,
    /// Waiters for once-work, and the machine of each.
    pub waiting: Vec<(WaiterId, MachineId)>,
    /// Tasks that live on machines.
    pub tasks: Vec<(TaskId, MachineId)>,
    /// The last machine that was said to be held for each request (P4).
    pub held: Vec<(RequestId, MachineId)>,
    /// How many machines were ever asked for.
    pub minted: u64,
    /// The number that the next joiner may have (J1).
    pub next_joiner: u64,
    /// How many grants were made.
    pub granted: u64,
    /// How many requests were given up in time (Q1).
    pub expired: u64,
    /// Whether the end was announced (S22).
    pub shut_down: bool,
    /// The longest pause that a failed start asked for (G3).
    pub longest_hint: Duration,
    /// Whether the end was announced, or is by the event at hand.
    is_ending: bool,
    /// The request that the event at hand ends.
    ending: Option<RequestId>,
    /// The machine that was starting and is up with the event at hand.
    coming_up: Option<MachineId>,
    /// Machines that are lost or ended by the actions at hand, and what by.
    just_gone: Vec<(MachineId, Loss)>,
    /// Grants by the actions at hand on machines that the requests avoid.
    granted_avoided: Vec<(RequestId, Submit, MachineId)>,
    /// What was broken first.
    wrong: Option<String>,
}

/// Removes the first that fits.
fn take<T>(list: &mut Vec<T>, fits: impl FnMut(&T) -> bool) -> Option<T> {
    let at = list.iter().position(fits)?;
    Some(list.remove(at))
}

impl Ledger {
    /// The tables of an outside in the beginning.
    pub fn new(config: &Config) -> Ledger {
        Ledger {
            policy: config.policy,
            kinds: config.kinds.clone(),
            max_procs: config.max_procs,
            queued: Vec::new(),
            running: Vec::new(),
            machines: Vec::new(),
            starting: Vec::new(),
            serving: Vec::new(),
            stopping: Vec::new(),
            polled: Vec::new(),
            once: Vec::new(),
            waiting: Vec::new(),
            tasks: Vec::new(),
            held: Vec::new(),
            minted: 0,
            next_joiner: 0,
            granted: 0,
            expired: 0,
            shut_down: false,
            longest_hint: Duration::ZERO,
            is_ending: false,
            ending: None,
            coming_up: None,
            just_gone: Vec::new(),
            granted_avoided: Vec::new(),
            wrong: None,
        }
    }

    /// What a client was promised and did not get, if anything: a grant that is not asked for, a
    /// machine not in service or full, a loss or an answer told twice.
    ///
    /// # Errors
    /// The first of these.
    pub fn check(&self) -> Result<(), String> {
        match &self.wrong {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(()),
        }
    }

    /// What is known of a machine that is not gone.
    pub fn known(&self, machine: MachineId) -> Option<&Known> {
        let found = self.machines.iter().find(|(id, _)| *id == machine);
        found.map(|(_, known)| known)
    }

    /// What is granted on a machine, in sum.
    pub fn used(&self, machine: MachineId) -> Resources {
        let there = self.running.iter().filter(|g| g.machine == machine);
        there.fold(Resources::ZERO, |sum, grant| sum.plus(grant.amounts))
    }

    /// Whether a request could run on a machine of this kind that has nothing else to do.
    pub(crate) fn suits(&self, spec: &Submit, kind: KindId) -> bool {
        let there = self.kinds.get(usize::from(kind.0));
        spec.kinds.contains(kind)
            && there.is_some_and(|kind| match spec.demand {
                Demand::Machine => true,
                Demand::Amounts(amounts) => amounts.fits(kind.capacity),
            })
    }

    /// Whether machines may be started for a request, if the limit of procs allowed it.
    pub(crate) fn can_be_started_for(&self, spec: &Submit) -> bool {
        self.kinds()
            .any(|(id, kind)| kind.startable && self.suits(spec, id))
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = (KindId, &Kind)> {
        (0..).map(KindId).zip(&self.kinds)
    }

    /// An event that the outside owes, were nothing wrong: the oldest answer that is out.
    pub(crate) fn owed(&self) -> Option<Event> {
        if let Some(machine) = self.starting.first().copied() {
            let offer = None;
            return Some(Event::Up { machine, offer });
        }
        if let Some((machine, key)) = self.once.first().copied() {
            let outcome = OnceOutcome::Ok;
            return Some(Event::OnceDone {
                machine,
                key,
                outcome,
            });
        }
        if let Some(machine) = self.polled.first().copied() {
            let answered = true;
            return Some(Event::Polled { machine, answered });
        }
        if let Some(grant) = self.running.first() {
            return Some(Event::Done {
                request: grant.request,
                machine: Some(grant.machine),
                outcome: Outcome::Ok,
            });
        }
        let machine = self.stopping.first().copied()?;
        Some(Event::Stopped { machine })
    }

    fn ensure(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what());
        }
    }

    fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}
