//! Fewer events.

use remuda::Event;

use super::ids::{Kind, each_machine, id_of, ids, machine_of, request_in, request_of};
use super::run::{Run, Verdict};
use super::search::{LONG, Search};

/// What makes a long run short: all events of a kind, of some requests, of some machines, or in a row.
pub(super) fn coarse(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    drop_kinds(search);
    for kind in Kind::ALL {
        drop_named(search, kind);
    }
    drop_rows(search);
}

/// Leaves out all events that are alike, such as all polls.
fn drop_kinds(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let mut seen = Vec::new();
    let mut next = 0;
    while let Some((_, event)) = search.best.events.get(next) {
        let kind = core::mem::discriminant(event);
        if seen.contains(&kind) {
            next += 1;
            continue;
        }
        seen.push(kind);
        let mut less = search.best.clone();
        less.events
            .retain(|(_, event)| core::mem::discriminant(event) != kind);
        if search.try_run(less) {
            next = 0;
        }
    }
}

/// Leaves out half of the requests with all that is said of them, a quarter, …, one; machines likewise.
fn drop_named(search: &mut Search<impl FnMut(&Run) -> Verdict>, kind: Kind) {
    let mut size = ids(&search.best, kind).len().div_ceil(2);
    while size > 0 {
        let mut end = usize::MAX;
        while end > 0 && !search.over {
            let ids = ids(&search.best, kind);
            end = end.min(ids.len());
            let from = end.saturating_sub(size);
            if from < end {
                let gone = ids[from]..=ids[end - 1];
                let mut less = search.best.clone();
                less.events
                    .retain(|(_, event)| id_of(*event, kind).is_none_or(|id| !gone.contains(&id)));
                search.try_or_close_up(less);
            }
            end = from;
        }
        size /= 2;
    }
}

/// Leaves out half of the events, a quarter, …, one. Where the machines are then other ones, those that are left close up.
pub(super) fn drop_rows(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    let mut size = search.best.events.len().div_ceil(2);
    while size > 0 {
        let mut end = search.best.events.len();
        while end > 0 && !search.over {
            let from = end.saturating_sub(size);
            let mut less = search.best.clone();
            less.events.drain(from..end);
            search.try_or_close_up(less);
            end = from.min(search.best.events.len());
        }
        size /= 2;
    }
}

/// Leaves out single events until there is none that can be left out.
pub(super) fn drop_singles(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    loop {
        let before = search.best.events.len();
        let mut at = before;
        while at > 0 && !search.over {
            at = (at - 1).min(search.best.events.len().saturating_sub(1));
            if search.best.events.is_empty() {
                return;
            }
            let mut less = search.best.clone();
            less.events.remove(at);
            search.try_run(less);
        }
        if search.over || search.best.events.len() == before {
            return;
        }
    }
}

/// Leaves out an event and the machine that was asked for because of it: later ids move up.
pub(super) fn drop_with_ids(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    if search.best.events.len() > LONG {
        return;
    }
    for at in (0..search.best.events.len()).rev() {
        let highest = highest_machine(&search.best).map_or(0, |id| id.min(40));
        for gone in 0..=highest {
            for without in [true, false] {
                let mut less = search.best.clone();
                if without && at < less.events.len() {
                    less.events.remove(at);
                }
                machines_move_up(&mut less, gone);
                search.try_run(less);
            }
        }
    }
}

/// The highest number of a machine that was asked for, of those that are named.
fn highest_machine(run: &Run) -> Option<u64> {
    let machines = run
        .events
        .iter()
        .filter_map(|(_, event)| machine_of(*event));
    machines.filter(|id| !id.is_joined()).map(|id| id.0).max()
}

/// Those after the one that is gone.
fn machines_move_up(run: &mut Run, gone: u64) {
    for (_, event) in &mut run.events {
        each_machine(event, |id| {
            if id.0 > gone && !id.is_joined() {
                id.0 -= 1;
            }
        });
    }
}

/// Leaves out one or two requests with all that is said of them, a machine likewise, or all of these.
pub(super) fn drop_names(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    if search.best.events.len() > LONG {
        return;
    }
    let events = || search.best.events.iter().map(|(_, event)| *event);
    let mut requests: Vec<_> = events().filter_map(request_of).collect();
    requests.sort();
    requests.dedup();
    let machines = highest_machine(&search.best).map_or(0, |id| id.min(20) + 1);
    for (n, first) in requests.iter().enumerate() {
        for second in &requests[n..] {
            for gone in [None].into_iter().chain((0..machines).map(Some)) {
                let mut less = search.best.clone();
                less.events.retain(|(_, event)| {
                    let named = request_of(*event).is_some_and(|r| r == *first || r == *second);
                    let on_it = gone.is_some() && machine_of(*event).map(|id| id.0) == gone;
                    !named && !on_it
                });
                if let Some(gone) = gone {
                    machines_move_up(&mut less, gone);
                }
                search.try_run(less);
            }
        }
    }
}

/// Of two requests makes one: the first does not end, and what ends the second ends it.
pub(super) fn merge_requests(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    if search.best.events.len() > LONG {
        return;
    }
    let events = search.best.events.iter();
    let mut requests: Vec<_> = events.filter_map(|(_, e)| request_of(*e)).collect();
    requests.sort();
    requests.dedup();
    for (n, first) in requests.iter().enumerate() {
        for second in &requests[n + 1..] {
            let mut less = search.best.clone();
            less.events.retain(|(_, event)| {
                let submit = matches!(event, Event::Submit { .. });
                request_of(*event) != Some(if submit { *second } else { *first })
            });
            for (_, event) in &mut less.events {
                if let Some(request) = request_in(event).filter(|r| **r == *second) {
                    *request = *first;
                }
            }
            search.try_run(less);
        }
    }
}

/// Leaves out two at once: what only makes sense together.
pub(super) fn drop_pairs(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    if search.best.events.len() > LONG {
        return;
    }
    let mut first = 0;
    while first < search.best.events.len() {
        let mut second = first + 1;
        while second < search.best.events.len() {
            let mut less = search.best.clone();
            less.events.remove(second);
            less.events.remove(first);
            if !search.try_run(less) {
                second += 1;
            }
        }
        first += 1;
    }
}
