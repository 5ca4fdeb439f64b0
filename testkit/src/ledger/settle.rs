//! What is still owed when an adapter has done all that it wants to do now.

use remuda::{Action, Instant};

use super::{Due, Ledger, Side};
use crate::happening::Deed;
use crate::rule::Rule;

impl Ledger {
    /// The adapter is quiet until `wake_at`.
    pub(crate) fn settle(&mut self, wake_at: Option<Instant>) {
        for due in std::mem::take(&mut self.dues) {
            let (rule, what) = not_told(&due);
            self.breach(rule, what);
        }
        self.compare();
        self.overdue_polls();
        if let Some(deadline) = self.manager.next_timeout()
            && wake_at.is_none_or(|at| at > deadline)
        {
            let until = wake_at.map_or("never".to_owned(), |at| format!("at {at}"));
            let what =
                format!("the manager's next deadline is {deadline}, and the adapter wakes {until}");
            self.breach(Rule::TimerNotArmed, what);
        }
    }

    /// What was done, against what was asked for.
    fn compare(&mut self) {
        let (wanted, mut done) = (
            std::mem::take(&mut self.wanted),
            std::mem::take(&mut self.done),
        );
        for it in wanted.iter().filter(|it| !it.must) {
            let needed = wanted
                .iter()
                .filter(|other| other.must && other.deed == it.deed);
            let count = done.iter().filter(|(_, deed)| *deed == it.deed).count();
            if count > needed.count()
                && let Some(at) = done.iter().rposition(|(_, deed)| *deed == it.deed)
            {
                done.remove(at);
            }
        }
        let must = wanted.iter().filter(|it| it.must);
        let must: Vec<(Side, Deed)> = must.map(|it| (it.side, it.deed)).collect();
        let count = |of: &[(Side, Deed)], deed: Deed| of.iter().filter(|it| it.1 == deed).count();
        for &(_, deed) in &must {
            if count(&done, deed) < count(&must, deed) {
                self.breach(not_done(deed), format!("asked for: {deed}"));
            }
        }
        for &(_, deed) in &done {
            if count(&done, deed) > count(&must, deed) {
                self.breach(Rule::NotAskedFor, deed.to_string());
            }
        }
        for side in [Side::Clients, Side::Machines] {
            let of = |list: &[(Side, Deed)]| -> Vec<Deed> {
                let of_side = list.iter().filter(|it| it.0 == side);
                of_side.map(|it| it.1).collect()
            };
            let pairs = of(&must).into_iter().zip(of(&done));
            if let Some((first, then)) = pairs.into_iter().find(|(must, done)| must != done) {
                let what = format!("asked for before it: {first}; done instead: {then}");
                self.breach(Rule::OutOfOrder, what);
            }
        }
    }

    fn overdue_polls(&mut self) {
        let mut overdue = None;
        for (machine, it) in &self.machines {
            if let Some(poll) = &it.poll
                && poll.answer.is_none()
                && poll
                    .since
                    .checked_add(self.poll_timeout)
                    .is_some_and(|end| end < self.now)
            {
                overdue = overdue.or(Some((*machine, poll.since)));
            }
        }
        if let Some((machine, since)) = overdue {
            let limit = self.poll_timeout;
            let what =
                format!("{machine} was asked at {since}, and was silent for more than {limit:?}");
            self.breach(Rule::PollNotAnswered, what);
        }
    }

    /// All is over: nothing may be left.
    pub(crate) fn over(&mut self) {
        let left = self.manager.outstanding();
        let left = left.iter().map(|it| it.action);
        for action in left.filter(|it| !matches!(it, Action::SetTimer { .. })) {
            let rule = match action {
                Action::Start { .. } => Rule::StartNotAnswered,
                Action::Grant { .. } => Rule::GrantNotDone,
                Action::Poll { .. } => Rule::PollNotAnswered,
                _ => Rule::EndNotTold,
            };
            let what = format!(
                "not answered in the end: {}",
                remuda_sim::script::action(&action)
            );
            self.breach(rule, what);
        }
    }
}

fn not_told(due: &Due) -> (Rule, String) {
    match due {
        Due::Submit(client) => (
            Rule::RequestNotSubmitted,
            format!("that of client {client}"),
        ),
        Due::Cancel(request) => (
            Rule::CancelNotTold,
            format!("the client of {request} is gone"),
        ),
        Due::Up(machine) => (Rule::StartNotAnswered, format!("{machine} is up")),
        Due::StartFailed(machine, _) => (
            Rule::StartNotAnswered,
            format!("the start of {machine} has failed"),
        ),
        Due::Stopped(machine) => (Rule::EndNotTold, format!("{machine} has ended")),
        Due::Done(request, machine, _) => {
            let what = format!("the work of {request} on {machine} has ended, or nobody wants it");
            (Rule::GrantNotDone, what)
        }
        Due::Polled(machine) => (Rule::PollNotAnswered, format!("{machine} has answered")),
        Due::Drain(machine, until) => (Rule::DrainNotTold, format!("{machine} must go by {until}")),
        Due::Shutdown => (Rule::ShutdownNotTold, "all is to end".to_owned()),
    }
}

fn not_done(deed: Deed) -> Rule {
    match deed {
        Deed::Start { .. } => Rule::StartNotMade,
        Deed::Stop { .. } => Rule::StopNotMade,
        Deed::Run { .. } => Rule::GrantNotDelivered,
        Deed::Cancel { .. } => Rule::WorkNotCancelled,
        Deed::Poll { .. } => Rule::PollNotSent,
        Deed::Expired { .. } => Rule::ExpiryNotDelivered,
        Deed::Cancelled { .. } => Rule::CancelNotDelivered,
        Deed::Lost { .. } => Rule::LossNotDelivered,
        // A client that waits was cancelled, and knows nothing of it.
        Deed::GaveUp { .. } => Rule::Invented,
    }
}
