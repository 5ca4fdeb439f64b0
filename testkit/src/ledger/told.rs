//! What the adapter tells its manager, held against what happened.

use remuda::{Event, Instant, MachineId, Outcome, RequestId, StartHint, Submit};
use remuda_sim::script;

use super::{ClientState, Due, Ledger, Line, Phase, Side, Wanted, Work};
use crate::happening::Deed;
use crate::rule::Rule;

impl Ledger {
    /// The adapter tells its manager this.
    pub(crate) fn told(&mut self, event: Event, now: Instant) {
        self.events += 1;
        let at = match now == self.now {
            true => String::new(),
            false => format!(" at {now}"),
        };
        self.lines
            .push(Line::Told(format!("{}{at}", script::event(&event))));
        self.check_time(now);
        self.check(event);
        let mut actions = Vec::new();
        self.manager.handle_into(event, now, &mut actions);
        self.last = self.last.max(now);
        for action in actions {
            self.asked(action);
        }
    }

    fn check_time(&mut self, now: Instant) {
        let (last, at) = (self.last, self.now);
        if now < last {
            self.breach(
                Rule::TimeGoesBack,
                format!("it has time {now}, after {last}"),
            );
        } else if now > at {
            self.breach(
                Rule::TimeAhead,
                format!("it has time {now}, and it is {at}"),
            );
        } else if now < at {
            self.breach(
                Rule::TimeStale,
                format!("it has time {now}, and it is {at}"),
            );
        }
    }

    fn check(&mut self, event: Event) {
        match event {
            Event::Timer => {}
            Event::Submit { request, spec } => self.submit(request, spec),
            Event::Cancel { request } => self.cancel(request),
            Event::Done {
                request,
                machine,
                outcome,
            } => self.work_done(request, machine, outcome),
            Event::Up { machine, offer } => self.up(machine, offer.is_none()),
            Event::StartFailed { machine, hint } => self.start_failed(machine, hint),
            Event::Stopped { machine } => self.stopped(machine),
            Event::Polled { machine, answered } => self.polled(machine, answered),
            Event::Drain { machine, until } => {
                let said = |due: &Due| matches!(due, Due::Drain(it, at) if *it == machine && until == Some(*at));
                if self.take(said).is_some() {
                } else if self.owes(|due| matches!(due, Due::Drain(it, _) if *it == machine)) {
                    self.breach(
                        Rule::DrainNotTold,
                        format!("{machine} is drained, with another time"),
                    );
                } else {
                    self.invented(event);
                }
            }
            Event::Shutdown => {
                if self.take(|due| *due == Due::Shutdown).is_none() && !self.shut_down {
                    self.invented(event);
                }
            }
            _ => self.invented(event),
        }
    }

    fn invented(&mut self, event: Event) {
        self.breach(Rule::Invented, format!("\"{}\"", script::event(&event)));
    }

    fn submit(&mut self, request: RequestId, spec: Submit) {
        let runs = |work: &Work| work.request == request && !work.over && !work.lost;
        if self.works.iter().any(runs) {
            let what = format!("the work of {request} still runs");
            return self.breach(Rule::RequestIdReused, what);
        }
        let queued = self
            .owners
            .get(&request)
            .map(|client| &self.clients[client]);
        if queued.is_some_and(|it| it.state == ClientState::Queued && it.request == Some(request)) {
            return self.breach(Rule::RequestIdReused, format!("{request} is still queued"));
        }
        let Some(Due::Submit(client)) = self.take(|due| matches!(due, Due::Submit(_))) else {
            return self.invented(Event::Submit { request, spec });
        };
        let it = self.clients.get_mut(&client).expect("it asks");
        it.request = Some(request);
        let same = it.spec == spec;
        self.owners.insert(request, client);
        if !same {
            self.breach(Rule::RequestChanged, format!("that of client {client}"));
        }
    }

    fn cancel(&mut self, request: RequestId) {
        let owner = self.owners.get(&request);
        let client = owner.and_then(|client| self.clients.get_mut(client));
        let Some(client) = client else {
            return self.invented(Event::Cancel { request });
        };
        let (gone, queued) = (client.gone, client.state == ClientState::Queued);
        if queued {
            client.state = ClientState::Over;
        }
        if gone {
            // Said twice, or too late, it is harmless (S6, F4).
            self.take(|due| *due == Due::Cancel(request));
        } else if queued {
            // Given up by the adapter itself, which tells the client.
            self.wanted.push(Wanted {
                side: Side::Any,
                deed: Deed::GaveUp { request },
                must: true,
            });
        } else {
            self.invented(Event::Cancel { request });
        }
    }

    fn up(&mut self, machine: MachineId, whole: bool) {
        let answered = self.machines.get(&machine).map(|it| it.answered);
        if self.take(|due| *due == Due::Up(machine)).is_some() {
            self.machine(machine).answered = true;
            if !whole {
                let what = format!("{machine} has all of its kind's capacity");
                self.breach(Rule::StartAnsweredWrongly, what);
            }
        } else if self.owes(|due| matches!(due, Due::StartFailed(it, _) if *it == machine)) {
            self.breach(
                Rule::StartAnsweredWrongly,
                format!("the start of {machine} has failed"),
            );
        } else if answered == Some(true) {
            self.breach(Rule::StartAnsweredTwice, format!("that of {machine}"));
        } else {
            self.breach(Rule::Invented, format!("{machine} is not up"));
        }
    }

    fn start_failed(&mut self, machine: MachineId, hint: Option<StartHint>) {
        let failed = |due: &Due| matches!(due, Due::StartFailed(it, _) if *it == machine);
        let Some(it) = self.machines.get(&machine) else {
            return self.breach(Rule::Invented, format!("{machine} was not asked for"));
        };
        let (answered, may_give_up) = (it.answered, it.stopping || self.shut_down);
        if let Some(Due::StartFailed(_, reason)) = self.take(failed) {
            self.machine(machine).answered = true;
            if reason != hint {
                let what = format!("what is known of the failure of {machine} is {reason:?}");
                self.breach(Rule::StartAnsweredWrongly, what);
            }
        } else if answered {
            self.breach(Rule::StartAnsweredTwice, format!("that of {machine}"));
        } else if may_give_up {
            self.gives_up(machine);
        } else if self.owes(|due| *due == Due::Up(machine)) {
            self.breach(Rule::StartAnsweredWrongly, format!("{machine} is up"));
        } else {
            self.breach(
                Rule::Invented,
                format!("the start of {machine} has not failed"),
            );
        }
    }

    /// The start of a machine that is to stop is given up: the world has nothing to say of it any more.
    fn gives_up(&mut self, machine: MachineId) {
        self.take(|due| *due == Due::Stopped(machine));
        let it = self.machine(machine);
        (it.answered, it.phase) = (true, Phase::Gone);
    }

    fn stopped(&mut self, machine: MachineId) {
        let failed = |due: &Due| *due == Due::StartFailed(machine, None);
        let Some(it) = self.machines.get(&machine) else {
            return self.breach(Rule::Invented, format!("{machine} was not asked for"));
        };
        let (answered, phase) = (it.answered, it.phase);
        let may_give_up = !answered && (it.stopping || self.shut_down);
        if self.take(|due| *due == Due::Stopped(machine)).is_some() || self.take(failed).is_some() {
            self.machine(machine).answered = true;
        } else if may_give_up && phase == Phase::Starting {
            self.gives_up(machine);
        } else if phase != Phase::Gone {
            self.breach(Rule::EndToldTooEarly, format!("that of {machine}"));
        }
        // Said twice, it is harmless (F5).
    }

    fn work_done(&mut self, request: RequestId, machine: Option<MachineId>, outcome: Outcome) {
        let Some(there) = machine else {
            let what = format!("{request} is done without a machine");
            return self.breach(Rule::GrantDoneElsewhere, what);
        };
        let on = |due: &Due| matches!(due, Due::Done(it, on, _) if (*it, *on) == (request, there));
        let work = |work: &&mut Work| (work.request, work.machine) == (request, there);
        let found = self.works.iter_mut().rev().find(work);
        let found = found.map(|work| {
            let before = (work.lost, work.done, work.over);
            work.done |= work.over;
            before
        });
        if let Some(Due::Done(_, _, ended)) = self.take(on) {
            if ended.is_some_and(|ended| ended != outcome) {
                let what = format!("the work of {request} ended with {ended:?}");
                self.breach(Rule::OutcomeChanged, what);
            }
        } else if self.owes(|due| matches!(due, Due::Done(it, ..) if *it == request)) {
            self.breach(
                Rule::GrantDoneElsewhere,
                format!("{request} did not run on {there}"),
            );
        } else {
            match found {
                // It is nobody's any more, or ended with its machine: a rejection that changes nothing (F4), or *unreachable*.
                Some((true, ..) | (false, false, true)) => {}
                Some((false, true, _)) => {
                    self.breach(
                        Rule::GrantDoneTwice,
                        format!("that of {request} on {there}"),
                    );
                }
                Some((false, false, false)) => {
                    let what = format!("the work of {request} still runs on {there}");
                    self.breach(Rule::GrantDoneTooEarly, what);
                }
                None if self.works.iter().any(|work| work.request == request) => {
                    let what = format!("{request} did not run on {there}");
                    self.breach(Rule::GrantDoneElsewhere, what);
                }
                None => self.breach(Rule::Invented, format!("{request} was granted nothing")),
            }
        }
    }

    fn polled(&mut self, machine: MachineId, answered: bool) {
        let answers = self.take(|due| *due == Due::Polled(machine)).is_some();
        let now = self.now;
        let Some(it) = self.machines.get_mut(&machine) else {
            return self.breach(Rule::Invented, format!("{machine} was not asked for"));
        };
        let gone = it.phase == Phase::Gone;
        match it.poll.take() {
            // Late, and refused.
            None if gone => {}
            None => self.breach(Rule::PollAnsweredTwice, format!("that of {machine}")),
            Some(_) if answers && !answered => {
                self.breach(Rule::PollAnsweredWrongly, format!("{machine} has answered"));
            }
            Some(_) if !answers && answered => {
                let what = format!("{machine} has not answered");
                self.breach(Rule::PollAnsweredWrongly, what);
            }
            Some(poll) if !answered && poll.since == now => {
                let what = format!("{machine} has had no time to answer");
                self.breach(Rule::PollAnsweredWrongly, what);
            }
            Some(_) => {}
        }
    }
}
