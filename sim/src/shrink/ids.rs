//! Ids in events: which there are, and smaller ones for them.

use remuda::{Event, MachineId, RequestId};

use super::run::Run;

/// What an id is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request,
    Machine,
    Task,
    Waiter,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Request, Kind::Machine, Kind::Task, Kind::Waiter];
}

/// The ids of a kind that a run names, ascending.
pub(super) fn ids(run: &Run, kind: Kind) -> Vec<u64> {
    let ids = run
        .events
        .iter()
        .filter_map(|(_, event)| id_of(*event, kind));
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

pub(super) fn id_of(event: Event, kind: Kind) -> Option<u64> {
    id_in(&mut { event }, kind).copied()
}

pub(super) fn id_in(event: &mut Event, kind: Kind) -> Option<&mut u64> {
    match (kind, event) {
        (Kind::Request, event) => request_in(event).map(|id| &mut id.0),
        (Kind::Machine, event) => machine_in(event).map(|id| &mut id.0),
        (Kind::Task, Event::AssignTask { task, .. } | Event::DiscardTask { task, .. }) => {
            Some(&mut task.0)
        }
        (Kind::Waiter, Event::Once { waiter, .. }) => Some(&mut waiter.0),
        _ => None,
    }
}

/// The machines that are named get the numbers from zero on, in their order; those that joined
/// likewise.
pub(super) fn close_up(run: &mut Run) {
    let mut ids = Vec::new();
    for (_, event) in &mut run.events {
        each_machine(event, |id| ids.push(*id));
    }
    ids.sort_unstable();
    ids.dedup();
    let joined = ids.partition_point(|id| !id.is_joined());
    for (_, event) in &mut run.events {
        each_machine(event, |id| {
            let place = ids.partition_point(|other| other < id);
            *id = match place.checked_sub(joined) {
                Some(place) => MachineId::joined(place as u64),
                None => MachineId(place as u64),
            };
        });
    }
}

/// Does it with every machine that an event names.
pub(super) fn each_machine(event: &mut Event, mut with: impl FnMut(&mut MachineId)) {
    match event {
        Event::Submit { spec, .. } => {
            spec.prefer.iter_mut().for_each(&mut with);
            spec.avoid.iter_mut().for_each(&mut with);
        }
        Event::Done { machine, .. } => machine.iter_mut().for_each(with),
        event => machine_in(event).into_iter().for_each(with),
    }
}

/// The machine that an event is about.
pub(super) fn machine_of(event: Event) -> Option<MachineId> {
    machine_in(&mut { event }).copied()
}

pub(super) fn request_of(event: Event) -> Option<RequestId> {
    request_in(&mut { event }).copied()
}

pub(super) fn request_in(event: &mut Event) -> Option<&mut RequestId> {
    match event {
        Event::Submit { request, .. } | Event::Cancel { request } | Event::Done { request, .. } => {
            Some(request)
        }
        _ => None,
    }
}

pub(super) fn machine_in(event: &mut Event) -> Option<&mut MachineId> {
    match event {
        Event::Up { machine, .. }
        | Event::Join { machine, .. }
        | Event::StartFailed { machine, .. }
        | Event::Stopped { machine }
        | Event::Drain { machine, .. }
        | Event::Keep { machine }
        | Event::AssignTask { machine, .. }
        | Event::DiscardTask { machine, .. }
        | Event::Once { machine, .. }
        | Event::OnceDone { machine, .. }
        | Event::ForgetOnce { machine, .. }
        | Event::Polled { machine, .. } => Some(machine),
        _ => None,
    }
}
