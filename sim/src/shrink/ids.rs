//! Ids in events: which there are, and smaller ones for them.

use remuda::{Event, MachineId, OnceKey, RequestId};

use super::{Run, Search, Verdict};

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

fn id_in(event: &mut Event, kind: Kind) -> Option<&mut u64> {
    match (kind, event) {
        (Kind::Request, event) => request_in(event).map(|id| &mut id.0),
        (Kind::Machine, event) => machine_in(event).map(|id| &mut id.0),
        (Kind::Task, Event::Assign { task, .. } | Event::Discard { task, .. }) => Some(&mut task.0),
        (Kind::Waiter, Event::Once { waiter, .. }) => Some(&mut waiter.0),
        _ => None,
    }
}

/// The machines that are named get the numbers from zero on, in their order.
pub(super) fn close_up(run: &mut Run) {
    let ids = ids(run, Kind::Machine);
    for (_, event) in &mut run.events {
        if let Some(id) = machine_in(event) {
            id.0 = ids.partition_point(|other| *other < id.0) as u64;
        }
    }
}

/// Ids in the order in which they occur, from 1 on: all at once, or else one by one.
pub(super) fn new_names(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let mut changed = search.best.clone();
    let named = [Kind::Request, Kind::Task, Kind::Waiter];
    for kind in named {
        let mut known = Vec::new();
        for (_, event) in &mut changed.events {
            if let Some(id) = id_in(event, kind) {
                *id = place(&mut known, *id);
            }
        }
    }
    if changed == search.best || !search.try_run(changed) {
        for kind in named {
            one_by_one(search, kind);
        }
    }
    let mut changed = search.best.clone();
    close_up(&mut changed);
    search.try_run(changed);
    let mut changed = search.best.clone();
    let mut known = Vec::new();
    for (_, event) in &mut changed.events {
        if let Event::Once { key, .. } | Event::OnceDone { key, .. } | Event::Forget { key, .. } =
            event
        {
            *key = OnceKey {
                kind: 1,
                key: place(&mut known, *key),
            };
        }
    }
    search.try_run(changed);
}

/// Where it stands among those that are known, from 1 on.
fn place<T: Copy + PartialEq>(known: &mut Vec<T>, id: T) -> u64 {
    let at = known.iter().position(|other| *other == id);
    let at = at.unwrap_or_else(|| {
        known.push(id);
        known.len() - 1
    });
    at as u64 + 1
}

/// Each id becomes the smallest that is free.
fn one_by_one(search: &mut Search<impl FnMut(&Run) -> Verdict>, kind: Kind) {
    for id in ids(&search.best, kind) {
        let taken = ids(&search.best, kind);
        let free = (1..id).find(|free| taken.binary_search(free).is_err());
        let Some(free) = free else {
            continue;
        };
        let mut changed = search.best.clone();
        for (_, event) in &mut changed.events {
            if let Some(it) = id_in(event, kind).filter(|it| **it == id) {
                *it = free;
            }
        }
        search.try_run(changed);
    }
}

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
        Event::Up { machine }
        | Event::StartFailed { machine }
        | Event::Stopped { machine }
        | Event::Assign { machine, .. }
        | Event::Discard { machine, .. }
        | Event::Once { machine, .. }
        | Event::OnceDone { machine, .. }
        | Event::Forget { machine, .. }
        | Event::Polled { machine, .. } => Some(machine),
        _ => None,
    }
}
