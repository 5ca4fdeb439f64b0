//! What the outside of a manager knows: what it asked for and was told, from the events and
//! actions alone. A driver keeps such tables; here they choose what happens next, find what is
//! still owed when faults cease, and check what a client may rely on.

use remuda::{
    Action, Demand, Event, MachineId, Notice, OnceKey, OnceOutcome, Outcome, RequestId, TaskId,
    WaiterId,
};

/// The outside's tables.
#[derive(Clone, Debug)]
pub struct Ledger {
    machine_procs: u32,
    /// Requests that wait, with their procs.
    pub queued: Vec<(RequestId, u32)>,
    /// Requests that have a machine.
    pub running: Vec<Grant>,
    /// Machines asked for and not yet answered.
    pub starting: Vec<MachineId>,
    /// Machines in service.
    pub serving: Vec<MachineId>,
    /// Machines that were told to stop and have not said that they did.
    pub stopping: Vec<MachineId>,
    /// Machines whose poll is out.
    pub polled: Vec<MachineId>,
    /// Once-work that runs.
    pub once: Vec<(MachineId, OnceKey)>,
    /// Who waits for once-work.
    pub waiting: Vec<(WaiterId, MachineId)>,
    /// Tasks that live on machines.
    pub tasks: Vec<(TaskId, MachineId)>,
    /// How many machines were ever asked for.
    pub minted: u64,
    /// How many grants were made.
    pub granted: u64,
    /// Whether the end was announced (S22).
    pub shut_down: bool,
    /// What was broken first.
    wrong: Option<String>,
}

/// A grant, as its client knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose it is.
    pub request: RequestId,
    /// Where it is.
    pub machine: MachineId,
    /// How much of the machine it is.
    pub procs: u32,
}

/// Removes the first that fits.
fn take<T>(list: &mut Vec<T>, fits: impl FnMut(&T) -> bool) -> Option<T> {
    let at = list.iter().position(fits)?;
    Some(list.remove(at))
}

impl Ledger {
    /// The tables of an outside with machines of so many procs.
    pub fn new(machine_procs: u32) -> Ledger {
        Ledger {
            machine_procs,
            queued: Vec::new(),
            running: Vec::new(),
            starting: Vec::new(),
            serving: Vec::new(),
            stopping: Vec::new(),
            polled: Vec::new(),
            once: Vec::new(),
            waiting: Vec::new(),
            tasks: Vec::new(),
            minted: 0,
            granted: 0,
            shut_down: false,
            wrong: None,
        }
    }

    /// What a client was promised and did not get, if anything: a grant nobody waits for, a
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

    /// An event that the outside owes, were nothing wrong: the oldest answer that is out.
    pub(crate) fn owed(&self) -> Option<Event> {
        if let Some(machine) = self.starting.first().copied() {
            return Some(Event::Up { machine });
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
                outcome: Outcome::Ok,
            });
        }
        let machine = self.stopping.first().copied()?;
        Some(Event::Stopped { machine })
    }

    /// Notes an event and the actions that answered it.
    pub fn note(&mut self, event: Event, actions: &[Action]) {
        let rejected = actions.iter().any(|a| matches!(a, Action::Reject(_)));
        if !rejected {
            self.before(event);
        }
        // Timers that were due fire before the event, so their actions count before it.
        for action in actions {
            self.action(*action);
        }
        if !rejected {
            self.after(event);
        }
        if actions.iter().any(|a| matches!(a, Action::Grant { .. })) {
            self.check_room();
        }
    }

    /// What an event adds.
    fn before(&mut self, event: Event) {
        match event {
            Event::Submit {
                request, demand, ..
            } => {
                let procs = match demand {
                    Demand::Procs(n) => n.get(),
                    Demand::Machine => self.machine_procs,
                };
                self.queued.push((request, procs));
            }
            Event::Once {
                machine, waiter, ..
            } => self.waiting.push((waiter, machine)),
            Event::Assign { machine, task } if !self.tasks.contains(&(task, machine)) => {
                self.tasks.push((task, machine));
            }
            _ => {}
        }
    }

    /// What an event ends.
    fn after(&mut self, event: Event) {
        match event {
            Event::Cancel { request } => {
                take(&mut self.queued, |(r, _)| *r == request);
            }
            Event::Done { request, .. } => {
                let found = take(&mut self.running, |g| g.request == request).is_some();
                self.ensure(found, || format!("{request} is done without a machine"));
            }
            Event::Up { machine } => {
                take(&mut self.starting, |m| *m == machine);
                self.serving.push(machine);
            }
            Event::StartFailed { machine } | Event::Stopped { machine } => {
                take(&mut self.starting, |m| *m == machine);
                self.stopping.retain(|m| *m != machine);
            }
            Event::Shutdown => self.shut_down = true,
            Event::OnceDone { machine, key, .. } => {
                take(&mut self.once, |o| *o == (machine, key));
            }
            Event::Polled { machine, .. } => {
                take(&mut self.polled, |m| *m == machine);
            }
            _ => {}
        }
    }

    fn action(&mut self, action: Action) {
        match action {
            Action::Grant { request, machine } => {
                self.granted += 1;
                match take(&mut self.queued, |(r, _)| *r == request) {
                    Some((_, procs)) => self.running.push(Grant {
                        request,
                        machine,
                        procs,
                    }),
                    None => self.wrong(format!("{request} is granted and does not wait")),
                }
            }
            Action::Start { first, count } => {
                if first.0 != self.minted || !(1..=10).contains(&count) {
                    self.wrong(format!("start of {count} from {first} on"));
                }
                self.minted = first.0 + u64::from(count);
                self.starting.extend((first.0..self.minted).map(MachineId));
            }
            Action::Stop { machine } => self.stopping.push(machine),
            Action::RequestLost { request, machine } => {
                let there = |g: &Grant| (g.request, g.machine) == (request, machine);
                let found = take(&mut self.running, there).is_some();
                self.ensure(found, || {
                    format!("{request} is lost and was not on {machine}")
                });
            }
            Action::TaskLost { task, machine } => {
                let found = take(&mut self.tasks, |t| *t == (task, machine)).is_some();
                self.ensure(found, || format!("{task} is lost and was not on {machine}"));
            }
            Action::RunOnce { machine, key } => {
                if self.once.contains(&(machine, key)) {
                    self.wrong(format!("{key} runs twice on {machine}"));
                }
                self.once.push((machine, key));
            }
            Action::OnceReady { waiter, .. } => {
                let found = take(&mut self.waiting, |(w, _)| *w == waiter).is_some();
                self.ensure(found, || format!("{waiter} is answered and does not wait"));
            }
            Action::Poll { machine } => {
                if self.polled.contains(&machine) {
                    self.wrong(format!("{machine} is polled twice at once"));
                }
                self.polled.push(machine);
            }
            Action::Cancelled { request } => {
                let found = take(&mut self.queued, |(r, _)| *r == request).is_some();
                self.ensure(found, || {
                    format!("{request} is cancelled and does not wait")
                });
            }
            Action::Notice(Notice::MachineLost { machine, .. }) => self.lost(machine),
            _ => {}
        }
    }

    /// Grants, tasks and waiters of a lost machine are told one by one.
    fn lost(&mut self, machine: MachineId) {
        let found = take(&mut self.serving, |m| *m == machine).is_some();
        self.ensure(found, || {
            format!("{machine} is lost and was not in service")
        });
        self.polled.retain(|m| *m != machine);
        self.once.retain(|(m, _)| *m != machine);
    }

    fn check_room(&mut self) {
        for i in 0..self.running.len() {
            let machine = self.running[i].machine;
            if !self.serving.contains(&machine) {
                self.wrong(format!("a grant on {machine}, which is not in service"));
            }
            let there = self.running.iter().filter(|g| g.machine == machine);
            let used: u64 = there.map(|g| u64::from(g.procs)).sum();
            if used > u64::from(self.machine_procs) {
                self.wrong(format!("{machine} has {used} procs granted"));
            }
        }
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
