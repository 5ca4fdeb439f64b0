//! A small loop around a manager that does all that an adapter must, and can make one mistake.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use remuda::{Action, Config, Event, Instant, MachineId, Manager, Outcome, RequestId, StartHint};
use remuda_testkit::{Adapter, Happening, World};

macro_rules! mistakes {
    ($($(#[doc = $doc:literal])* $mistake:ident,)*) => {
        /// What it does wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Mistake {
            $($(#[doc = $doc])* $mistake,)*
        }

        impl Mistake {
            pub(crate) const ALL: &[Mistake] = &[$(Mistake::$mistake),*];
        }
    };
}

mistakes! {
    /// The connection of a machine and its first message both are an *up*.
    UpTwice,
    /// *Up* as soon as the machine is asked for.
    UpAtOnce,
    /// Who started it has forgotten it when the start fails.
    FailedStartForgotten,
    /// The reason of the failure gets lost.
    HintForgotten,
    /// A failed start is a machine that comes up and dies.
    FailedStartIsUp,
    /// What was handed back untouched seems to need no *done*.
    UnusedNotDone,
    /// The grant of a client that left at that instant belongs to nobody.
    GrantToNobody,
    /// The client's *done* and the machine's both count.
    DoneTwice,
    /// The client is gone, so its procs are free.
    DoneWhenClientGoes,
    /// Without a machine, as journals of version 1 have it.
    DoneWithoutMachine,
    /// The machine where the client was first, before a loss.
    DoneWhereItRanFirst,
    /// All that goes wrong is the user's own fault.
    UnreachableIsRemote,
    /// The machine answers or not, and there is no time-out.
    PollWithoutTimeout,
    /// It has a connection, so it is alive.
    PollNotAsked,
    /// Both of the above.
    PollAnsweredForIt,
    /// The answer is told by who reads it and by who asked.
    PollAnsweredTwice,
    /// Only the first deadline is ever armed.
    TimerArmedOnce,
    /// Armed as the actions say, but they are looked at after some events only.
    TimerArmedOnGrant,
    /// It wakes, and waits on.
    TimerNotTold,
    /// It does not sleep at all.
    TimerBusy,
    /// The work of a client that is gone goes on.
    WorkNotCancelled,
    /// A client that is gone is still in the queue.
    CancelForgotten,
    /// A machine without work is nobody's concern.
    IdleLossForgotten,
    /// A machine that was told to stop is as good as gone.
    StoppedAtOnce,
    /// One that is not up yet cannot be stopped.
    PendingNotStopped,
    /// `count` is overlooked.
    FirstOfManyStarted,
    /// From the last action to the first.
    ActionsReversed,
    /// Those for clients at once, the others when all is done: but the last in comes out first.
    StartsStacked,
    /// An id is free again when its client goes.
    IdReused,
    /// The time is taken when the loop turns, and kept for what comes in between.
    TimeOfLastTurn,
    /// Each source of events has a clock of its own.
    TimeFromTwoClocks,
    /// A time-out is told with the end that it was to have.
    TimeOfDeadline,
    /// Who waits is not told.
    ExpiryNotTold,
    ShutdownNotPassedOn,
    LossNotTold,
    /// All requests are equal.
    PriorityForgotten,
    RequestForgotten,
    GrantForgotten,
    DrainForgotten,
    ShutdownForgotten,
    /// A loss makes its neighbours suspect.
    StopsOthersOnLoss,
    /// A machine is replaced by one that joins, under an id that the adapter makes up.
    JoinsItself,
    /// Work that ends late, after its machine was lost, was thought impossible.
    PanicsOnLateEnd,
    /// A request that has its machine is taken off the queue, which the manager has done already.
    ClientCancelsAfterGrant,
}

/// The loop.
pub(crate) struct Small {
    world: World,
    manager: Manager,
    mistake: Option<Mistake>,
    next: u64,
    /// The request of each client that is there.
    clients: BTreeMap<u64, RequestId>,
    /// Where requests run.
    running: BTreeMap<RequestId, MachineId>,
    /// Polls that are out, with the end of their time.
    polls: BTreeMap<MachineId, Instant>,
    inbox: VecDeque<Event>,
    // For mistakes only.
    armed: Option<Instant>,
    armed_before: bool,
    last_turn: Instant,
    up: Vec<MachineId>,
    first: BTreeMap<RequestId, MachineId>,
}

const POLL_TIMEOUT: Duration = Duration::from_secs(5);

impl Small {
    pub(crate) fn new(config: Config, world: World, mistake: Option<Mistake>) -> Small {
        Small {
            last_turn: world.now(),
            world,
            manager: Manager::new(config).expect("a valid config"),
            mistake,
            next: 0,
            clients: BTreeMap::new(),
            running: BTreeMap::new(),
            polls: BTreeMap::new(),
            inbox: VecDeque::new(),
            armed: None,
            armed_before: false,
            up: Vec::new(),
            first: BTreeMap::new(),
        }
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Tells the manager, and does what it asks for, until nothing is left to tell.
    fn turn(&mut self) {
        while let Some(event) = self.inbox.pop_front() {
            let now = self.time_of(&event);
            self.last_turn = self.world.now();
            self.world.told(&event, now);
            let mut actions = self.manager.handle(event, now);
            if self.makes(Mistake::ActionsReversed) {
                actions.reverse();
            }
            if self.makes(Mistake::StartsStacked) {
                let is_start = |it: &Action| matches!(it, Action::Start { .. });
                let (mut starts, others): (Vec<_>, Vec<_>) =
                    actions.into_iter().partition(is_start);
                starts.reverse();
                actions = [others, starts].concat();
            }
            self.arm(&actions);
            for action in actions {
                self.carry_out(action);
            }
        }
    }

    fn time_of(&self, event: &Event) -> Instant {
        let now = self.world.now();
        let before =
            |time: Duration| Instant((now - Instant::ZERO).saturating_sub(time).as_nanos() as u64);
        match event {
            Event::Done { .. } if self.makes(Mistake::TimeOfLastTurn) => self.last_turn,
            Event::Polled { .. } if self.makes(Mistake::TimeFromTwoClocks) => {
                before(Duration::from_millis(700))
            }
            Event::Timer if self.makes(Mistake::TimeOfDeadline) => now + Duration::from_millis(1),
            _ => now,
        }
    }

    fn arm(&mut self, actions: &[Action]) {
        let grants = actions.iter().any(|it| matches!(it, Action::Grant { .. }));
        for action in actions {
            match *action {
                Action::SetTimer { .. }
                    if self.makes(Mistake::TimerArmedOnce) && self.armed_before => {}
                Action::SetTimer { .. } if self.makes(Mistake::TimerArmedOnGrant) && !grants => {}
                Action::SetTimer { at } => (self.armed, self.armed_before) = (Some(at), true),
                Action::ClearTimer => self.armed = None,
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start { kind, first, count } => {
                let count = if self.makes(Mistake::FirstOfManyStarted) {
                    1
                } else {
                    count
                };
                for machine in (first.0..first.0 + u64::from(count)).map(MachineId) {
                    self.world.start(machine, kind);
                    if self.makes(Mistake::UpAtOnce) {
                        let offer = None;
                        self.inbox.push_back(Event::Up { machine, offer });
                    }
                }
            }
            Action::Stop { machine } => {
                if self.makes(Mistake::PendingNotStopped) && !self.up.contains(&machine) {
                    return;
                }
                self.world.stop(machine);
                if self.makes(Mistake::StoppedAtOnce) {
                    self.inbox.push_back(Event::Stopped { machine });
                }
            }
            Action::Grant { request, machine } => self.grant(request, machine),
            Action::Poll { machine } => {
                if self.makes(Mistake::PollNotAsked) || self.makes(Mistake::PollAnsweredForIt) {
                    let answered = true;
                    if self.makes(Mistake::PollAnsweredForIt) {
                        self.world.poll(machine);
                        self.inbox.push_back(Event::Polled { machine, answered });
                    }
                    return;
                }
                let end = self.world.now() + POLL_TIMEOUT;
                self.polls.insert(machine, end);
                self.world.poll(machine);
            }
            Action::Expired { request } => {
                self.forget(request);
                if !self.makes(Mistake::ExpiryNotTold) {
                    self.world.expired(request);
                }
            }
            Action::Cancelled { request } => {
                self.forget(request);
                if !self.makes(Mistake::ShutdownNotPassedOn) {
                    self.world.cancelled(request);
                }
            }
            Action::RequestLost {
                request, machine, ..
            } => {
                self.running.remove(&request);
                self.forget(request);
                if !self.makes(Mistake::LossNotTold) {
                    self.world.lost(request, machine);
                }
                if self.makes(Mistake::StopsOthersOnLoss)
                    && let Some(other) = self.up.iter().find(|up| **up != machine)
                {
                    self.world.stop(*other);
                }
            }
            Action::DropTask { .. }
            | Action::TaskLost { .. }
            | Action::RunOnce { .. }
            | Action::OnceReady { .. }
            | Action::SetTimer { .. }
            | Action::ClearTimer
            | Action::Notice(_)
            | Action::Reject(_) => {}
        }
    }

    fn grant(&mut self, request: RequestId, machine: MachineId) {
        if self.makes(Mistake::GrantForgotten) && self.running.len() == 2 {
            return;
        }
        self.first.entry(request).or_insert(machine);
        if !self.clients.values().any(|it| *it == request) {
            // Its client has just gone.
            if !self.makes(Mistake::GrantToNobody) {
                self.done(request, machine, Outcome::Unused);
            }
            return;
        }
        self.running.insert(request, machine);
        self.world.run(request, machine);
        if self.makes(Mistake::ClientCancelsAfterGrant) {
            self.inbox.push_back(Event::Cancel { request });
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

    fn forget(&mut self, request: RequestId) {
        self.clients.retain(|_, it| *it != request);
    }

    fn new_id(&mut self, client: u64) -> RequestId {
        if self.makes(Mistake::DoneWhereItRanFirst) {
            return RequestId(client);
        }
        if self.makes(Mistake::IdReused) {
            let free = |id: &u64| !self.clients.values().any(|it| it.0 == *id);
            return (0..).find(free).map(RequestId).expect("ids have no end");
        }
        self.next += 1;
        RequestId(self.next)
    }

    fn gone(&mut self, client: u64) {
        // One that was told that it is over is known no more.
        let Some(request) = self.clients.remove(&client) else {
            return;
        };
        match self.running.get(&request).copied() {
            Some(machine) => {
                if self.makes(Mistake::DoneWhenClientGoes) {
                    self.done(request, machine, Outcome::Remote);
                }
                if !self.makes(Mistake::WorkNotCancelled) {
                    self.world.cancel(request, machine);
                }
            }
            None if self.makes(Mistake::CancelForgotten) => {}
            None => self.inbox.push_back(Event::Cancel { request }),
        }
    }

    fn ended(&mut self, request: RequestId, machine: MachineId, mut outcome: Outcome) {
        if self.makes(Mistake::PanicsOnLateEnd) {
            assert!(self.running.contains_key(&request), "{request} runs");
        }
        if self.running.get(&request) == Some(&machine) {
            self.running.remove(&request);
            self.forget(request);
        }
        if outcome == Outcome::Unused && self.makes(Mistake::UnusedNotDone) {
            return;
        }
        if outcome == Outcome::Unreachable && self.makes(Mistake::UnreachableIsRemote) {
            outcome = Outcome::Remote;
        }
        let mut machine = Some(machine);
        if self.makes(Mistake::DoneWithoutMachine) {
            machine = None;
        }
        if self.makes(Mistake::DoneWhereItRanFirst) {
            machine = self.first.get(&request).copied();
        }
        let done = Event::Done {
            request,
            machine,
            outcome,
        };
        self.inbox.push_back(done);
        if self.makes(Mistake::DoneTwice) {
            self.inbox.push_back(done);
        }
    }

    fn start_failed(&mut self, machine: MachineId, hint: Option<StartHint>) {
        let hint = hint.filter(|_| !self.makes(Mistake::HintForgotten));
        if self.makes(Mistake::FailedStartForgotten) {
        } else if self.makes(Mistake::FailedStartIsUp) {
            let offer = None;
            self.inbox.push_back(Event::Up { machine, offer });
            self.inbox.push_back(Event::Stopped { machine });
        } else {
            self.inbox.push_back(Event::StartFailed { machine, hint });
        }
    }

    fn is_idle(&self, machine: MachineId) -> bool {
        !self.running.values().any(|it| *it == machine)
    }
}

impl Adapter for Small {
    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Request { client, spec } => {
                let request = self.new_id(client);
                self.clients.insert(client, request);
                let spec = match self.makes(Mistake::PriorityForgotten) {
                    true => spec.priority(0),
                    false => spec,
                };
                if !(self.makes(Mistake::RequestForgotten) && self.clients.len() == 3) {
                    self.inbox.push_back(Event::Submit { request, spec });
                }
            }
            Happening::Gone { client } => self.gone(client),
            Happening::Up { machine } => {
                self.up.push(machine);
                let up = Event::Up {
                    machine,
                    offer: None,
                };
                self.inbox.push_back(up);
                if self.makes(Mistake::UpTwice) {
                    self.inbox.push_back(up);
                }
            }
            Happening::StartFailed { machine, hint } => self.start_failed(machine, hint),
            Happening::Ended {
                request,
                machine,
                outcome,
            } => self.ended(request, machine, outcome),
            Happening::Stopped { machine } => {
                self.up.retain(|up| *up != machine);
                self.polls.remove(&machine);
                if !(self.makes(Mistake::IdleLossForgotten) && self.is_idle(machine)) {
                    self.inbox.push_back(Event::Stopped { machine });
                }
                if self.makes(Mistake::JoinsItself) {
                    let (machine, kind, offer) = (MachineId(0), remuda::KindId(0), None);
                    self.inbox.push_back(Event::Join {
                        machine,
                        kind,
                        offer,
                    });
                }
            }
            Happening::PollAnswered { machine } => {
                if self.polls.remove(&machine).is_some() {
                    let answered = true;
                    self.inbox.push_back(Event::Polled { machine, answered });
                    if self.makes(Mistake::PollAnsweredTwice) {
                        self.inbox.push_back(Event::Polled { machine, answered });
                    }
                }
            }
            Happening::MustGo { machine, until } => {
                let until = Some(until);
                if !self.makes(Mistake::DrainForgotten) {
                    self.inbox.push_back(Event::Drain { machine, until });
                }
            }
            Happening::Shutdown => {
                if !self.makes(Mistake::ShutdownForgotten) {
                    self.inbox.push_back(Event::Shutdown);
                }
            }
        }
        self.turn();
    }

    fn wake_at(&mut self) -> Option<Instant> {
        if self.makes(Mistake::TimerBusy) {
            return Some(self.world.now());
        }
        let by_actions = [Mistake::TimerArmedOnce, Mistake::TimerArmedOnGrant];
        let timer = match by_actions.iter().any(|it| self.makes(*it)) {
            true => self.armed,
            false => self.manager.next_timeout(),
        };
        let polls = self.polls.values().copied();
        let polls = polls.filter(|_| !self.makes(Mistake::PollWithoutTimeout));
        timer.into_iter().chain(polls).min()
    }

    fn wake(&mut self) {
        let now = self.world.now();
        self.armed = self.armed.filter(|at| *at > now);
        let over = self.polls.iter().filter(|(_, end)| **end <= now);
        let over: Vec<MachineId> = over.map(|(machine, _)| *machine).collect();
        for machine in over {
            self.polls.remove(&machine);
            let answered = false;
            self.inbox.push_back(Event::Polled { machine, answered });
        }
        let due = self.manager.next_timeout().is_some_and(|at| at <= now);
        if due && !self.makes(Mistake::TimerNotTold) {
            self.inbox.push_back(Event::Timer);
        }
        self.turn();
    }
}
