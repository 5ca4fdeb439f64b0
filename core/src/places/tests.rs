//! The window and the table together: which ids are where, and what becomes of their memory.

use super::{Place, Places, STEP};
use crate::id::RequestId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

fn place(n: u32) -> Place {
    match n % 2 {
        0 => Place::Queued { spot: n },
        _ => Place::Running {
            machine: n,
            seat: n / 2 % 16,
            // The greatest does not fit into a cell.
            procs: 1 + n / 32 % 17,
        },
    }
}

fn there(places: &Places, id: u64) -> Option<Place> {
    places
        .seek(RequestId(id))
        .ok()
        .map(|found| places.place(found))
}

fn enter(places: &mut Places, id: u64) {
    let vacant = places.seek(RequestId(id)).err().expect("it is new");
    let spot = id as u32 & 0xffff;
    places.insert(vacant, RequestId(id), Place::Queued { spot });
}

fn leave(places: &mut Places, id: u64) {
    let found = places.seek(RequestId(id)).ok().expect("it is there");
    places.remove(found);
}

fn ids(places: &Places) -> Vec<u64> {
    let mut ids: Vec<u64> = places.iter().map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    ids
}

/// Enters the ids that `next` says, changes and removes some at random, keeps some sixteenth of them long.
fn exercise(mut next: impl FnMut(u64) -> u64) {
    let (mut places, mut known) = (Places::new(16), BTreeMap::new());
    let mut x = 1u64;
    for step in 0..30_000u64 {
        x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let some = known.keys().nth((x >> 40) as usize % (known.len() + 1));
        let (some, place) = (some.copied(), place(step as u32));
        // More come than go, and then the other way round.
        let comes = match step % 3000 {
            ..1000 => x >> 20 & 7 != 0,
            _ => x >> 20 & 7 < 3,
        };
        match some {
            Some(id) if !comes && (id % 16 != 0 || step % 10 == 0) => {
                leave(&mut places, id);
                known.remove(&id);
                assert_eq!(there(&places, id), None);
            }
            Some(id) if x >> 30 & 3 == 0 => {
                places.set(RequestId(id), place);
                known.insert(id, place);
            }
            _ => {
                let id = next(x);
                assert_eq!(there(&places, id), known.get(&id).copied());
                if let Err(vacant) = places.seek(RequestId(id)) {
                    places.insert(vacant, RequestId(id), place);
                    known.insert(id, place);
                }
            }
        }
        assert_eq!(places.len(), known.len());
        if step % 64 == 0 {
            for (&id, &place) in &known {
                assert_eq!(there(&places, id), Some(place));
            }
            assert_eq!(ids(&places), known.keys().copied().collect::<Vec<_>>());
        }
    }
}

#[test]
fn it_finds_what_a_sorted_map_finds() {
    fn count(from: u64, by: u64) -> impl FnMut(u64) -> u64 {
        let mut id = from.wrapping_sub(by);
        move |_| {
            id = id.wrapping_add(by);
            id
        }
    }
    exercise(count(0, 1));
    exercise(count(u64::MAX - 500, 1));
    exercise(count(u64::MAX, u64::MAX));
    exercise(count(1 << 60, 3));
    exercise(count(0, STEP));
    exercise(count(0, STEP + 1));
    // Anything, and the same ids again and again.
    exercise(|x| x);
    exercise(|x| (x >> 33) % 500);
    // Some are left out, of different lengths.
    let mut id = 0;
    exercise(move |x| {
        id += 1 + (x >> 60) * (x >> 50 & 3);
        id
    });
    // Several clients count, each in a range of its own, some of which come near to others.
    let mut counters = [0, 900, 1 << 20, (1 << 20) + 40, u64::MAX - 100];
    exercise(move |x| {
        let counter = &mut counters[(x >> 35) as usize % 5];
        *counter = counter.wrapping_add(1);
        *counter
    });
}

#[test]
fn ids_that_count_up_need_no_table() {
    let mut places = Places::new(16);
    for id in 0..1000 {
        enter(&mut places, id);
    }
    for id in 1000..20_000 {
        enter(&mut places, id);
        places.set(RequestId(id), place(1));
        assert_eq!(there(&places, id), Some(place(1)));
        leave(&mut places, id - 1000);
        assert_eq!((places.near.len(), places.far.table.len()), (1000, 0));
        assert!(places.near.cells() <= 2048);
    }
}

#[test]
fn only_an_id_that_is_not_there_is_appended() {
    let can_append = |places: &Places, id| {
        let id = RequestId(id);
        places.is_next(id) && !(places.may_be_far(id) && places.is_far(id))
    };
    let mut places = Places::new(16);
    (0..10).for_each(|id| enter(&mut places, id));
    assert!(can_append(&places, 10) && !can_append(&places, 11));
    // It is not near, and then it would be the next.
    enter(&mut places, 30);
    (10..30).for_each(|id| enter(&mut places, id));
    assert_eq!((places.near.last(), places.far.table.len()), (29, 1));
    assert!(!can_append(&places, 30));
    leave(&mut places, 30);
    assert!(can_append(&places, 30));
    // Somebody would fall off.
    let cells = places.near.cells() as u64;
    (30..cells).for_each(|id| enter(&mut places, id));
    assert!(!can_append(&places, cells));
    leave(&mut places, 0);
    assert!(can_append(&places, cells));
}

#[test]
fn who_stays_behind_goes_to_the_table() {
    let mut places = Places::new(16);
    for id in 0..20_000 {
        enter(&mut places, id);
        if id % 100 != 7 {
            leave(&mut places, id);
        }
    }
    assert_eq!(places.len(), 200);
    assert!(places.near.cells() <= 256, "{}", places.near.cells());
    assert!(places.far.table.len() > 180);
    assert!((0..200).all(|n| there(&places, n * 100 + 7).is_some()));
}

#[test]
fn a_window_of_which_more_than_a_quarter_are_taken_grows() {
    for (stay, cells) in [(4, 16), (5, 32), (8, 32), (9, 64)] {
        let mut places = Places::new(16);
        (0..stay).for_each(|id| enter(&mut places, id));
        for id in stay..100 {
            enter(&mut places, id);
            leave(&mut places, id);
        }
        assert_eq!(places.near.cells(), cells, "{stay}");
        assert_eq!(ids(&places), (0..stay).collect::<Vec<_>>());
    }
}

#[test]
fn a_count_that_goes_on_elsewhere_is_followed() {
    let mut places = Places::new(16);
    (0..100).for_each(|id| enter(&mut places, id));
    let elsewhere = 1 << 40;
    (0..50).for_each(|n| enter(&mut places, elsewhere + n));
    // The first of them might have been alone.
    assert_eq!((places.near.len(), places.far.table.len()), (43, 107));
    assert_eq!(places.len(), 150);
}

#[test]
fn of_two_that_count_in_turns_one_is_near() {
    for burst in [1, 2, 7] {
        let mut places = Places::new(16);
        let count = |client: u64| (0..burst).map(move |n| (client, n));
        for step in 0..2000 {
            for (client, n) in count(0).chain(count(1)) {
                enter(&mut places, client << 40 | (step * burst + n));
                if step >= 100 {
                    leave(&mut places, client << 40 | ((step - 100) * burst + n));
                }
            }
            let sizes = [places.near.len(), places.far.table.len()];
            assert!(
                step < 200 || sizes == [100 * burst as usize; 2],
                "{sizes:?}"
            );
        }
    }
}

#[test]
fn a_window_that_is_full_does_not_move() {
    for (near, moves) in [(4096, true), (4097, false)] {
        let mut places = Places::new(16);
        (0..near).for_each(|id| enter(&mut places, id));
        (0..20).for_each(|n| enter(&mut places, 1 << 40 | n));
        assert_eq!(places.near.len(), if moves { 13 } else { near as usize });
    }
}

#[test]
fn what_a_flood_took_is_given_back() {
    let mut places = Places::new(16);
    (0..100_000).for_each(|id| enter(&mut places, id));
    assert!(places.near.cells() >= 100_000);
    (0..99_990).for_each(|id| leave(&mut places, id));
    assert!(places.near.cells() <= 256);
    (99_990..100_000).for_each(|id| leave(&mut places, id));
    assert_eq!((places.len(), places.near.cells()), (0, 256));
    // Also when the oldest stay longest, and fall off.
    (0..100_000).for_each(|id| enter(&mut places, 1 << 40 | id));
    (1..100_000)
        .rev()
        .for_each(|id| leave(&mut places, 1 << 40 | id));
    assert_eq!((places.len(), places.near.cells()), (1, 256));
}
