//! Shorter ids.

use remuda::{Event, OnceKey};

use super::ids::{Kind, close_up, id_in, ids};
use super::run::{Run, Verdict};
use super::search::Search;

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
        if let Event::Once { key, .. }
        | Event::OnceDone { key, .. }
        | Event::ForgetOnce { key, .. } = event
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
