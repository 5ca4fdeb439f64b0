//! Reads an event.

use remuda::{Demand, Event, Limits, Outcome, Resources, StartHint, Submit};

use super::tokens::{Parsed, Words};

impl Words<'_> {
    pub(super) fn event(&mut self) -> Parsed<Event> {
        let word = self.word()?;
        if let Some(event) = self.event_of_operator(word)? {
            return Ok(event);
        }
        Ok(match word {
            "submit" => self.submit()?,
            "cancel" => Event::Cancel {
                request: self.request()?,
            },
            "done" => self.done()?,
            "up" => Event::Up {
                machine: self.machine()?,
                offer: self.offer()?,
            },
            "start-failed" => Event::StartFailed {
                machine: self.machine()?,
                hint: self.hint()?,
            },
            "stopped" => Event::Stopped {
                machine: self.machine()?,
            },
            "assign" => Event::AssignTask {
                task: self.task()?,
                machine: self.machine()?,
            },
            "discard" => Event::DiscardTask {
                task: self.task()?,
                machine: self.machine()?,
            },
            "once" => Event::Once {
                key: self.key()?,
                machine: self.machine()?,
                waiter: self.waiter()?,
            },
            "once-done" => Event::OnceDone {
                key: self.key()?,
                machine: self.machine()?,
                outcome: self.once_outcome()?,
            },
            "forget" => Event::ForgetOnce {
                key: self.key()?,
                machine: self.machine()?,
            },
            "polled" => Event::Polled {
                machine: self.machine()?,
                answered: self.one_of(&[("answered", true), ("unanswered", false)])?,
            },
            "timer" => Event::Timer,
            "shutdown" => Event::Shutdown,
            word => return Err(format!("there is no event {word}")),
        })
    }

    /// What whoever runs the cluster decides about it.
    fn event_of_operator(&mut self, word: &str) -> Parsed<Option<Event>> {
        Ok(Some(match word {
            "join" => Event::Join {
                machine: self.machine()?,
                kind: self.kind_id()?,
                offer: self.offer()?,
            },
            "drain" => Event::Drain {
                machine: self.machine()?,
                until: match self.take("until") {
                    true => Some(self.instant()?),
                    false => None,
                },
            },
            "keep" => Event::Keep {
                machine: self.machine()?,
            },
            "limits" => Event::SetLimits {
                kind: self.kind_id()?,
                limits: self.limits()?,
            },
            "max-procs" => Event::SetMaxProcs {
                max_procs: self.number()?,
            },
            _ => return Ok(None),
        }))
    }

    fn submit(&mut self) -> Parsed<Event> {
        let request = self.request()?;
        let priority = self.named("prio")?;
        let demand = match self.word()? {
            "procs" => Demand::Amounts(Resources::procs(self.number()?)),
            "amounts" => Demand::Amounts(self.amounts()?),
            "machine" => Demand::Machine,
            word => return Err(format!("expected procs, amounts or machine, not {word}")),
        };
        let mut spec = Submit::new(demand).priority(priority);
        if self.take("kinds") {
            spec.kinds = self.kinds()?;
        }
        if self.take("prefer") {
            spec.prefer = Some(self.machine()?);
        }
        if self.take("avoid") {
            spec.avoid = Some(self.machine()?);
        }
        if self.take("give-up") {
            spec.give_up = Some(self.instant()?);
        }
        Ok(Event::Submit { request, spec })
    }

    fn done(&mut self) -> Parsed<Event> {
        Ok(Event::Done {
            request: self.request()?,
            machine: match self.is_id(&['m', 'j']) {
                true => Some(self.machine()?),
                false => None,
            },
            outcome: self.one_of(&[
                ("ok", Outcome::Ok),
                ("remote", Outcome::Remote),
                ("unreachable", Outcome::Unreachable),
                ("unused", Outcome::Unused),
            ])?,
        })
    }

    fn offer(&mut self) -> Parsed<Option<Resources>> {
        match self.take("offer") {
            true => self.amounts().map(Some),
            false => Ok(None),
        }
    }

    fn hint(&mut self) -> Parsed<Option<StartHint>> {
        if self.take("at-capacity") {
            return Ok(Some(StartHint::AtCapacity));
        }
        match self.take("retry-after") {
            true => Ok(Some(StartHint::RetryAfter(self.span()?))),
            false => Ok(None),
        }
    }

    fn limits(&mut self) -> Parsed<Limits> {
        Ok(Limits {
            min: self.named("min")?,
            max: self.named("max")?,
            spare: self.named("spare")?,
            idle: match self.take("idle") {
                true => Some(self.span()?),
                false => None,
            },
        })
    }
}
