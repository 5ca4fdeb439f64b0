//! Which part of a run is looked at: from here to there, of one request, of one machine.
use std::str::FromStr;

use clap::Args;
use remuda::{Action, Event, Instant, MachineId, Notice, RequestId};

use super::span;
use crate::values::{id, machine};

/// What to look at.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Begin with this time or event.
    ///
    /// A time counts from the beginning of the clock, an event from 1. Examples: --from 1m30s, --from '#123'
    #[arg(long, value_name = "TIME|#EVENT")]
    from: Option<Point>,

    /// End with this time or event; what comes later is not replayed.
    ///
    /// Examples: --to 90s, --to '#1000'
    #[arg(long, value_name = "TIME|#EVENT")]
    to: Option<Point>,

    /// Print the events that are of this request, or decide about it (as --events does).
    ///
    /// Example: --request 7
    #[arg(long, value_name = "N", value_parser = |text: &str| id(text, 'r').map(RequestId))]
    request: Option<RequestId>,

    /// Print the events that are of this machine, or decide about it (as --events does).
    ///
    /// Example: --machine 3
    #[arg(long, value_name = "N", value_parser = machine)]
    machine: Option<MachineId>,
}

/// A place in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Time(Instant),
    Event(u64),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Point, String> {
        if let Some(number) = text.strip_prefix('#') {
            let number = number.parse().ok().filter(|number| *number > 0);
            let number = number.ok_or("expected the number of an event, from #1 on")?;
            return Ok(Point::Event(number));
        }
        let point = span::parse(text).map(|span| Point::Time(Instant::ZERO + span));
        point.map_err(|error| format!("{error}, or the number of an event such as #123"))
    }
}

impl Selection {
    /// Everything up to a point.
    pub(crate) fn up_to(to: Option<Point>) -> Selection {
        Selection {
            to,
            ..Selection::default()
        }
    }

    /// The request that is asked for.
    pub(crate) fn request(&self) -> Option<RequestId> {
        self.request
    }

    /// Whether single events are asked for.
    pub(crate) fn picks(&self) -> bool {
        self.request.is_some() || self.machine.is_some()
    }

    /// Whether this is before the part.
    pub(crate) fn is_before(&self, number: u64, time: Instant) -> bool {
        match self.from {
            None => false,
            Some(Point::Event(from)) => number < from,
            Some(Point::Time(from)) => time < from,
        }
    }

    /// Whether this is after the part.
    pub(crate) fn is_after(&self, number: u64, time: Instant) -> bool {
        match self.to {
            None => false,
            Some(Point::Event(to)) => number > to,
            Some(Point::Time(to)) => time > to,
        }
    }

    /// Whether an event is of those asked for.
    pub(crate) fn wants(&self, event: &Event, actions: &[Action]) -> bool {
        let about = About::event(event);
        self.matches(about)
            || actions
                .iter()
                .any(|action| self.matches(About::action(action)))
    }

    /// Whether a remark on this machine is of those asked for.
    pub(crate) fn wants_note(&self, machine: MachineId) -> bool {
        self.matches(About {
            request: None,
            first: Some(machine),
            count: 1,
        })
    }

    fn matches(&self, about: About) -> bool {
        let request = self.request.is_none_or(|it| about.request == Some(it));
        let machine = self.machine.is_none_or(|it| {
            let first = about.first.map(|first| first.0);
            first.is_some_and(|first| (first..first.saturating_add(about.count)).contains(&it.0))
        });
        request && machine
    }
}

/// The request and the machines that an event or an action names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) request: Option<RequestId>,
    /// The first of so many machines.
    first: Option<MachineId>,
    count: u64,
}

impl About {
    const NONE: About = About {
        request: None,
        first: None,
        count: 1,
    };

    fn request(request: RequestId) -> About {
        About {
            request: Some(request),
            ..About::NONE
        }
    }

    fn both(request: RequestId, machine: MachineId) -> About {
        About {
            request: Some(request),
            ..About::machine(machine)
        }
    }

    fn machine(machine: MachineId) -> About {
        About {
            first: Some(machine),
            ..About::NONE
        }
    }

    pub(crate) fn event(event: &Event) -> About {
        match *event {
            Event::Done {
                request,
                machine: Some(machine),
                ..
            } => About::both(request, machine),
            Event::Submit { request, .. }
            | Event::Cancel { request }
            | Event::Done { request, .. } => About::request(request),
            Event::Join { machine, .. }
            | Event::Up { machine, .. }
            | Event::StartFailed { machine, .. }
            | Event::Stopped { machine }
            | Event::Drain { machine, .. }
            | Event::Keep { machine }
            | Event::AssignTask { machine, .. }
            | Event::DiscardTask { machine, .. }
            | Event::Once { machine, .. }
            | Event::OnceDone { machine, .. }
            | Event::ForgetOnce { machine, .. }
            | Event::Polled { machine, .. } => About::machine(machine),
            _ => About::NONE,
        }
    }

    pub(crate) fn action(action: &Action) -> About {
        match *action {
            Action::Grant { request, machine }
            | Action::RequestLost {
                request, machine, ..
            }
            | Action::Notice(Notice::Held { request, machine }) => About::both(request, machine),
            Action::Start { first, count, .. } => About {
                count: count.into(),
                ..About::machine(first)
            },
            Action::Cancelled { request }
            | Action::Expired { request }
            | Action::Notice(Notice::NoHome { request }) => About::request(request),
            Action::Stop { machine }
            | Action::TaskLost { machine, .. }
            | Action::DropTask { machine, .. }
            | Action::RunOnce { machine, .. }
            | Action::Poll { machine } => About::machine(machine),
            Action::Notice(
                Notice::Probation { machine }
                | Notice::Recovered { machine, .. }
                | Notice::MachineLost { machine, .. }
                | Notice::Ended { machine }
                | Notice::Draining { machine, .. }
                | Notice::Kept { machine },
            ) => About::machine(machine),
            // What was rejected is named by the event.
            Action::OnceReady { .. }
            | Action::SetTimer { .. }
            | Action::ClearTimer
            | Action::Notice(_)
            | Action::Reject(_) => About::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use remuda::KindId;

    use super::*;

    #[test]
    fn a_point_is_a_time_or_an_event() {
        assert_eq!("#12".parse(), Ok(Point::Event(12)));
        assert_eq!("1m30s".parse(), Ok(Point::Time(Instant::from_secs(90))));
        for wrong in ["#0", "#x", "12", ""] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_machine_is_named_by_the_start_of_its_batch() {
        let start = Action::Start {
            kind: KindId(0),
            first: MachineId(4),
            count: 3,
        };
        let wants = |machine| {
            let selection = Selection {
                machine: Some(MachineId(machine)),
                ..Selection::default()
            };
            selection.wants(&Event::Timer, &[start])
        };
        assert_eq!([3, 4, 6, 7].map(wants), [false, true, true, false]);
    }
}
