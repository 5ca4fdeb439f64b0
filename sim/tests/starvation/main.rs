//! Every request is served (P4): random worlds with streams that have no end, in which each wait is held against a
//! bound. `STARVATION_WORLDS=120000 cargo test -p remuda-sim --test starvation -- --nocapture` is the long form.
//!
//! **Plain worlds**: one group of requests on M like machines of P procs that stay. A request of p procs with N older
//! ones of its priority and none more urgent, before it or after, waits at most `(N + 2) * (ceil(patience * P / (P - p +
//! 1)) + 1) * D` where no grant is longer than D. That is P4's own bound.
//!
//! **All others**: more urgent requests that come later, machines that are lost, drained, replaced,
//! join and go on probation. Here the bound is `(N + U + K + 2) * (2 * patience * P + 2) * D`, N being all
//! requests that go before it at its submit, U the more urgent ones that come later, K the changes of machines
//! (one comes, leaves, changes its health) while it is queued, P the procs of the largest machine; and only the time
//! counts in which a machine in good health could take it. Why: while it is queued each such machine runs a grant or
//! is held and grants something within D, so within 2 D each grants a proc or more; a turn comes after
//! `patience * P` procs for each machine, and a held machine is empty after D more. One such period is spent on each of
//! N and U, on a hold of another group, and on each change, which may undo what one hold was waiting for.

mod play;
mod world;

use std::num::NonZero;

use remuda::{KindId, Kinds, Packing};

use play::*;
use world::*;

/// Plays worlds on all cores.
fn play_all(worlds: u64) -> Worst {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let play = |thread: u64| {
        let seeds = (0..worlds).filter(move |seed| seed % threads == thread);
        seeds.fold(Worst::default(), |worst, seed| {
            let world = World::draw(seed);
            match Play::new(&world).run() {
                Ok(of_world) => worst.with(of_world),
                Err(error) => panic!("seed {seed}: {error}\n{world:#?}"),
            }
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || play(thread)))
            .collect();
        let worsts = threads
            .into_iter()
            .map(|thread| thread.join().expect("no wait beyond its bound"));
        worsts.fold(Worst::default(), Worst::with)
    })
}

#[test]
fn no_request_waits_beyond_its_bound() {
    let worlds = match std::env::var("STARVATION_WORLDS") {
        Ok(number) => number.parse().expect("STARVATION_WORLDS is a number"),
        Err(_) => 20_000,
    };
    let worst = play_all(worlds);
    println!("{worlds} worlds: {worst:?}");
    // Waits come near the bound, or the worlds are not adversarial.
    assert!(worst.plain > 400 && worst.holds > worlds / 2, "{worst:?}");
}

fn kinds(kinds: &[u8]) -> Kinds {
    kinds
        .iter()
        .fold(Kinds::NONE, |all, kind| all.with(KindId(*kind)))
}

fn ask(procs: Option<u32>, priority: i64, kinds: Kinds) -> Ask {
    Ask {
        procs,
        priority,
        kinds,
    }
}

fn always(ask: Ask, depth: usize, length: Length) -> Stream {
    Stream::Queued { ask, depth, length }
}

fn world(kinds: &[(u32, u32)], patience: u32, streams: &[Stream], watched: Ask) -> World {
    World {
        seed: 1,
        kinds: kinds.to_vec(),
        patience,
        packing: Packing::FirstFit,
        longest: 5,
        streams: streams.to_vec(),
        watched: vec![(40, watched)],
        troubles: Vec::new(),
        unreachable: 0,
        least: watched.priority,
    }
}

#[test]
fn a_younger_request_that_fits_fewer_machines_does_not_take_the_turn_of_an_older_one() {
    let streams = [
        always(ask(Some(3), 0, Kinds::ALL), 3, Length::Longest),
        always(ask(Some(1), 0, kinds(&[1])), 3, Length::Shortest),
        always(ask(Some(1), 0, Kinds::ALL), 1, Length::Longest),
    ];
    let world = world(&[(4, 1), (2, 2)], 3, &streams, ask(None, 0, Kinds::ALL));
    Play::new(&world).run().expect("it is served");
}

#[test]
fn a_hold_of_a_less_urgent_request_of_another_group_does_not_stop_a_more_urgent_one() {
    let streams = [
        always(ask(Some(1), 1, kinds(&[0])), 2, Length::Any),
        always(ask(None, 2, kinds(&[0])), 1, Length::Any),
    ];
    let world = world(&[(2, 1), (1, 0)], 4, &streams, ask(None, 0, kinds(&[0, 1])));
    Play::new(&world).run().expect("it is served");
}

#[test]
fn groups_take_turns() {
    let streams = [
        always(ask(None, 0, kinds(&[0])), 1, Length::Any),
        always(ask(None, 0, kinds(&[0, 1])), 1, Length::Any),
    ];
    let sorts = [(2, 1), (2, 0), (2, 0)];
    let world = world(&sorts, 1, &streams, ask(None, 0, kinds(&[0, 1, 2])));
    Play::new(&world).run().expect("it is served");
}
