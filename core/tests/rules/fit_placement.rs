//! Resources, kinds, placement and patience under the policy Fit: R1–R6, P1–P4, one story or more
//! for each.

use crate::support::*;
use remuda::{
    Action, Config, ConfigError, Health, KindId, Kinds, MachineId, Manager, Outcome, Packing,
    Reject, RequestId, Resources, Submit, Totals,
};

fn memory(procs: u32, mib: u32) -> Resources {
    Resources::procs(procs).memory_mib(mib)
}

#[test]
fn r01_no_amount_of_a_machine_is_given_twice() {
    let big = remuda::Kind::new(memory(8, 100).gpus(1));
    let mut world = World::grown(fit(&[big]).max_procs(8), 1);
    assert_eq!(world.ask(1, Submit::new(memory(1, 60))), [grant(1, 0)]);
    assert_eq!(
        world.ask(2, Submit::new(memory(1, 41))),
        [],
        "seven procs are free, but 40 of memory"
    );
    let gpu = Resources::procs(1).gpus(1);
    assert_eq!(world.ask(3, Submit::new(gpu)), [grant(3, 0)]);
    assert_eq!(world.ask(4, Submit::new(gpu)), [], "there is one gpu");
    assert_eq!(world.done(3, Outcome::Ok), [grant(4, 0)]);
    assert_eq!(world.done(1, Outcome::Ok), [grant(2, 0)]);
}

#[test]
fn r01_a_request_asks_for_a_proc_at_least() {
    let mut world = World::new(fit(&[kind(4)]));
    let request = RequestId(1);
    let none = Submit::new(Resources::ZERO.memory_mib(4));
    assert_eq!(world.ask(1, none), reject(Reject::NoProcs { request }));
}

#[test]
fn r02_kinds_are_numbered_in_the_order_of_the_config_and_at_most_64() {
    let mut world = World::new(fit(&[kind(4), kind(8)]));
    assert_eq!(world.ask(1, of_kind(1, 8)), [start_of(1, 0, 1)]);
    assert_eq!(world.ask(2, of_kind(0, 4)), [start_of(0, 1, 1)]);
    let machine = world.manager.machine(MachineId(0)).unwrap();
    assert_eq!(machine.kind(), KindId(1));
    let kinds = |count: usize| fit(&vec![kind(1); count]).validate();
    assert_eq!(kinds(64), Ok(()));
    assert_eq!(kinds(65), Err(ConfigError::Kinds { kinds: 65 }));
    assert_eq!(kinds(0), Err(ConfigError::Kinds { kinds: 0 }));
}

#[test]
fn r02_what_contradicts_itself_makes_no_manager() {
    let refused = |config: Config| Manager::new(config).unwrap_err();
    let (min, max, spare) = (5, 4, 0);
    let contradiction = ConfigError::Limits {
        kind: KindId(1),
        min,
        max,
        spare,
    };
    let config = fit(&[kind(4), kind(4).min(min).max(max)]);
    assert_eq!(refused(config), contradiction);
    let zero = ConfigError::Zero {
        kind: KindId(0),
        field: "idle",
    };
    assert_eq!(refused(fit(&[kind(4).idle(secs(0))])), zero);
    assert_eq!(
        refused(fit(&[kind(4)]).hold_limit(secs(0))),
        ConfigError::ZeroHoldLimit
    );
}

#[test]
fn r03_a_request_goes_to_the_kinds_that_it_accepts() {
    let mut world = World::new(fit(&[kind(4), kind(4)]));
    world.ask(1, of_kind(1, 2));
    assert_eq!(world.up(0), [grant(1, 0)]);
    assert_eq!(
        world.ask(2, of_kind(0, 2)),
        [start_of(0, 1, 1)],
        "it would fit m0, but that is of k1"
    );
    let either = Submit::procs(2).kinds(kinds(&[0, 1]));
    assert_eq!(world.ask(3, either), [grant(3, 0)]);
}

#[test]
fn r03_what_no_accepted_kind_can_ever_take_is_rejected_at_once() {
    let small = remuda::Kind::new(memory(16, 100));
    let large = remuda::Kind::new(memory(8, 400).gpus(1));
    let off = remuda::Kind::new(memory(64, 6400)).max(0);
    let mut world = World::new(fit(&[small, large, off]).max_procs(1000));
    let request = RequestId(1);
    let too_many = Reject::TooManyProcs {
        request,
        procs: 17,
        limit: 16,
    };
    assert_eq!(world.ask(1, Submit::procs(17)), reject(too_many));
    let too_large = |kind, amount, asked, limit| {
        reject(Reject::TooLarge {
            request,
            kind: KindId(kind),
            amount,
            asked,
            limit,
        })
    };
    assert_eq!(
        world.ask(1, Submit::new(memory(8, 500))),
        too_large(0, 1, 500, 100),
        "each lacks one amount: the first of the closest"
    );
    assert_eq!(
        world.ask(1, Submit::new(memory(8, 500).gpus(1))),
        too_large(1, 1, 500, 400),
        "k1 lacks one amount, k0 two"
    );
    assert_eq!(
        world.ask(1, of_kind(2, 1)),
        too_large(2, 0, 1, 0),
        "its max is zero: it is never started"
    );
    assert_eq!(
        world.ask(1, Submit::procs(1).kinds(Kinds::NONE)),
        too_large(0, 0, 1, 0)
    );
    assert_eq!(world.counts().queued, 0);
}

#[test]
fn r03_a_kind_that_joins_can_take_what_it_has_even_while_there_is_none() {
    let mut world = World::new(fit(&[kind(4), kind(32).startable(false)]));
    assert_eq!(world.ask(1, Submit::procs(32)), []);
    assert_eq!(world.join(0, 1), [grant_joined(1, 0)]);
}

fn grant_joined(request: u64, n: u64) -> Action {
    grant(request, MachineId::joined(n).0)
}

#[test]
fn r04_what_a_machine_says_it_offers_is_used_up_to_its_kinds_capacity() {
    let big = remuda::Kind::new(memory(8, 100));
    let mut world = World::new(fit(&[big]).max_procs(16));
    world.ask(1, Submit::machine());
    world.ask(2, Submit::machine());
    world.up_with(0, memory(64, 90));
    let offer = |world: &World, machine| world.manager.machine(MachineId(machine)).unwrap().offer();
    assert_eq!(
        offer(&world, 0),
        memory(8, 90),
        "the rest of the procs is not used"
    );
    world.up(1);
    assert_eq!(
        offer(&world, 1),
        memory(8, 100),
        "said nothing: the capacity"
    );
    assert_eq!(world.counts().have, Totals::new([16, 190, 0, 0]));
}

#[test]
fn r04_growth_counts_on_the_least_that_was_offered_until_limits_are_set() {
    let mut world = World::new(fit(&[kind(8).min(1)]));
    assert_eq!(world.submit(1, 0, 8), [start(0, 1)]);
    assert_eq!(
        world.up_with(0, Resources::procs(6)),
        [no_home(1)],
        "a second machine would offer no more"
    );
    assert_eq!(world.submit(2, 0, 8), [], "that is said once");
    assert_eq!(world.submit(3, 0, 6), [grant(3, 0)]);
    assert_eq!(world.submit(4, 0, 6), [start(1, 1)]);
    let limits = world.manager.config().kinds[0].limits();
    assert_eq!(
        world.set_limits(0, limits),
        [start(2, 2)],
        "a hope anew for r1 and r2"
    );
}

#[test]
fn r05_a_whole_machine_is_one_on_which_nothing_runs_with_all_it_offers() {
    let mut world = World::new(fit(&[kind(8)]).max_procs(16));
    world.whole(1);
    assert_eq!(world.counts().whole, 1);
    assert_eq!(world.counts().need.procs(), 0, "queued, it has no amounts");
    world.up_with(0, Resources::procs(5));
    assert_eq!((world.used(0), world.counts().need.procs()), (5, 5));
    assert_eq!(world.counts().whole, 0);
    assert_eq!(world.whole(2), [start(1, 1)]);
    world.done(1, Outcome::Ok);
    world.submit(3, 0, 1);
    assert_eq!(
        world.whole(4),
        [],
        "m0 runs r2 and m1 is taken for r3, all procs are used"
    );
}

#[test]
fn r06_need_have_and_pending_are_kept_for_each_kind_and_in_sum() {
    let mut world = World::new(fit(&[kind(4), remuda::Kind::new(memory(8, 64))]));
    world.ask(1, of_kind(0, 3));
    world.ask(2, Submit::new(memory(2, 32)));
    let procs = |counts: remuda::Counts| {
        let (need, pending, have) = (counts.need, counts.pending, counts.have);
        (need.procs(), pending.procs(), have.procs())
    };
    assert_eq!(procs(world.counts()), (5, 12, 0));
    assert_eq!(
        procs(world.counts_of(0)),
        (0, 4, 0),
        "a queued request counts for no kind"
    );
    world.up(1);
    assert_eq!(procs(world.counts_of(1)), (2, 0, 8));
    assert_eq!(world.counts_of(1).need, Totals::new([2, 32, 0, 0]));
    assert_eq!(procs(world.counts()), (5, 4, 8));
    assert_eq!(world.manager.counts_of(KindId(2)), None);
}

#[test]
fn p01_the_lower_priority_value_is_served_first_and_then_the_first_come() {
    let mut world = World::fit_machines(4, 1);
    world.whole(1);
    world.submit(2, 5, 1);
    world.submit(3, 0, 1);
    world.submit(4, 0, 3);
    world.submit(5, -5, 1);
    let order: Vec<u64> = world.manager.queue().map(|one| one.request.0).collect();
    assert_eq!(order, [5, 3, 4, 2]);
    assert_eq!(
        world.done(1, Outcome::Ok),
        [grant(5, 0), grant(3, 0), grant(2, 0)],
        "r4 asks for more than is left"
    );
}

#[test]
fn p02_each_that_fits_is_granted_whatever_is_ahead() {
    let mut world = World::fit_machines(4, 2);
    world.submit(1, 0, 3);
    world.submit(2, 0, 3);
    assert_eq!(world.submit(3, 0, 2), [], "one proc is free on each");
    assert_eq!(
        world.submit(4, 9, 1),
        [grant(4, 0)],
        "it takes nothing that r3 could use"
    );
    assert_eq!(world.submit(5, 9, 1), [grant(5, 1)]);
    assert_eq!(world.done(2, Outcome::Ok), [grant(3, 1)]);
}

#[test]
fn p02_two_short_of_procs_are_both_placed_when_one_machine_becomes_free() {
    let mut world = World::fit_machines(4, 1);
    world.whole(1);
    for r in 2..=9 {
        world.submit(r, 0, 1);
    }
    let first_four: Vec<_> = (2..=5).map(|r| grant(r, 0)).collect();
    assert_eq!(world.done(1, Outcome::Ok), first_four);
}

#[test]
fn p03_best_fit_takes_the_machine_with_the_least_free_and_then_the_lowest_id() {
    let mut world = World::fit_machines(4, 3);
    assert_eq!(world.submit(1, 0, 1), [grant(1, 0)]);
    assert_eq!(world.submit(2, 0, 4), [grant(2, 1)]);
    assert_eq!(world.submit(3, 0, 1), [grant(3, 0)], "m0 has the least");
    assert_eq!(world.submit(4, 0, 3), [grant(4, 2)]);
    assert_eq!(world.submit(5, 0, 1), [grant(5, 2)], "m2 has one, m0 two");
}

#[test]
fn p03_first_fit_takes_the_lowest_id() {
    let config = fit(&[kind(4)]).max_procs(12).packing(Packing::FirstFit);
    let mut world = World::grown(config, 3);
    world.submit(1, 0, 4);
    world.submit(2, 0, 3);
    world.submit(3, 0, 2);
    assert_eq!(world.done(1, Outcome::Ok), []);
    assert_eq!(world.submit(4, 0, 1), [grant(4, 0)], "m1 has less free");
}

#[test]
fn p03_memory_decides_where_procs_are_equal() {
    let large = remuda::Kind::new(memory(4, 100));
    let tight = remuda::Kind::new(memory(4, 50));
    let mut world = World::new(fit(&[large, tight]).max_procs(8));
    world.ask(1, Submit::machine().kinds(KindId(0)));
    world.ask(2, Submit::machine().kinds(KindId(1)));
    world.up(0);
    world.up(1);
    world.done(1, Outcome::Ok);
    world.done(2, Outcome::Ok);
    assert_eq!(world.submit(3, 0, 1), [grant(3, 1)]);
}

#[test]
fn p03_the_machine_that_it_prefers_is_given_if_it_fits_there() {
    let mut world = World::fit_machines(4, 3);
    let on_m2 = |procs| Submit::procs(procs).prefer(MachineId(2));
    assert_eq!(world.ask(1, on_m2(3)), [grant(1, 2)]);
    assert_eq!(world.ask(2, on_m2(2)), [grant(2, 0)], "no longer");
    assert_eq!(world.ask(3, on_m2(1)), [grant(3, 2)]);
    let gone = Submit::procs(1).prefer(MachineId(99));
    assert_eq!(world.ask(4, gone), [grant(4, 0)]);
}

#[test]
fn p03_the_machine_that_it_avoids_is_given_only_when_no_other_could_take_it() {
    let mut world = World::fit_machines(4, 2);
    let not_m0 = |procs| Submit::procs(procs).avoid(MachineId(0));
    assert_eq!(world.ask(1, not_m0(4)), [grant(1, 1)]);
    assert_eq!(
        world.ask(2, not_m0(1)),
        [],
        "m0 is free, but m1 could take it later"
    );
    assert_eq!(
        world.done(1, Outcome::Unreachable),
        [probation(1), grant(2, 0)],
        "now there is no other in good health"
    );
}

#[test]
fn p04_when_its_turn_has_come_a_machine_is_held_for_a_request() {
    // Three one-proc requests run at any time on the only machine of four procs.
    let config = fit(&[kind(4)]).max_procs(4).patience(2);
    let mut world = World::grown(config, 1);
    for r in 1..=3 {
        world.submit(r, 0, 1);
    }
    assert_eq!(world.whole(100), []);
    // Two times four procs have to be granted to others first.
    for r in 4..=10 {
        assert_eq!(world.submit(r, 0, 1), [grant(r, 0)]);
        assert_eq!(world.held_for(0), None);
        world.done(r - 3, Outcome::Ok);
    }
    assert_eq!(world.submit(11, 0, 1), [grant(11, 0), held(100, 0)]);
    assert_eq!(world.held_for(0), Some(100));
    assert_eq!(world.submit(12, 0, 1), []);
    assert_eq!(world.done(8, Outcome::Ok), [], "a proc is free, and held");
    assert_eq!(
        world.submit(13, -1, 1),
        [grant(13, 0)],
        "a more urgent one may have it"
    );
    for r in 9..=11 {
        assert_eq!(world.done(r, Outcome::Ok), []);
    }
    let last = world.done(13, Outcome::Ok);
    assert_eq!(last, [grant(100, 0)]);
    assert_eq!(world.done(100, Outcome::Ok), [grant(12, 0)]);
}

/// Others keep coming, so that one is queued at any time, and the oldest grant is done again and
/// again; gives how many were done when r1 is granted, `None` after a thousand.
fn done_before_r1(mut world: World, other: Submit) -> Option<usize> {
    let mut running: std::collections::VecDeque<u64> = (2..100)
        .filter(|&r| world.manager.machine_of(RequestId(r)).is_some())
        .collect();
    world.ask(100, other);
    for n in 0..1_000 {
        world.ask(101 + n, other);
        let oldest = running.pop_front().expect("something runs");
        for action in world.done(oldest, Outcome::Ok) {
            match action {
                Action::Grant {
                    request: RequestId(1),
                    ..
                } => return Some(n as usize),
                Action::Grant { request, .. } => running.push_back(request.0),
                _ => {}
            }
        }
    }
    None
}

#[test]
fn p04_a_small_request_does_not_starve_behind_larger_ones_of_its_priority() {
    // Bigslice's order is by size: a one-proc request is always behind the next of two procs.
    let starved = World::grown(quiet(8).max_procs(8), 1);
    let fair = World::fit_machines(8, 1);
    let run = |mut world: World| {
        for r in 2..=5 {
            world.submit(r, 0, 2);
        }
        // r1 comes when the machine is full.
        world.submit(1, 0, 1);
        done_before_r1(world, Submit::procs(2))
    };
    assert_eq!(run(starved), None);
    assert_eq!(run(fair), Some(0));
}

#[test]
fn p04_a_large_request_does_not_starve_behind_small_ones() {
    let run = |patience| {
        let config = fit(&[kind(8)]).max_procs(16).patience(patience);
        let mut world = World::grown(config, 2);
        for r in 2..=17 {
            world.submit(r, 0, 1);
        }
        world.whole(1);
        done_before_r1(world, Submit::procs(1))
    };
    assert_eq!(run(0), None, "without patience it waits for ever");
    // Four times 16 procs are granted to others, then what runs on its machine is done.
    let done = run(4).expect("it is served");
    assert!((64..100).contains(&done), "{done}");
}

#[test]
fn p04_two_long_small_requests_on_two_machines_do_not_keep_a_whole_machine_request_for_ever() {
    // m0 and m1 each run one long request; short ones come and go beside them without end.
    let config = fit(&[kind(4)]).max_procs(8).packing(Packing::FirstFit);
    let mut world = World::grown(config, 2);
    world.ask(10, Submit::procs(1).prefer(MachineId(0)));
    world.ask(11, Submit::procs(1).prefer(MachineId(1)));
    world.whole(1);
    let mut short = 100;
    while world.held_for(0).or(world.held_for(1)).is_none() {
        assert!(short < 200, "a machine is held for it at last");
        world.submit(short, 0, 2);
        world.done(short, Outcome::Ok);
        short += 1;
    }
    // The one whose oldest grant is the newest; when that is done, it is given at once.
    assert_eq!(world.held_for(0), Some(1), "equally old: the lowest id");
    world.submit(short, 0, 3);
    assert_eq!(
        world.manager.machine_of(RequestId(short)),
        Some(MachineId(1)),
        "nothing more enters m0"
    );
    assert_eq!(world.done(10, Outcome::Ok), [grant(1, 0)]);
}

#[test]
fn p04_holders_may_be_granted_anywhere() {
    let config = fit(&[kind(4)]).max_procs(8).patience(1);
    let mut world = World::grown(config, 2);
    world.submit(10, 0, 1);
    world.at(1).submit(11, 0, 4);
    world.whole(1);
    for r in 20..=27 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    // m1's only grant is newer than m0's.
    assert_eq!(world.held_for(1), Some(1));
    assert_eq!(world.done(10, Outcome::Ok), [grant(1, 0)]);
    assert_eq!(world.held_for(1), None);
}

#[test]
fn p04_a_more_urgent_request_whose_turn_comes_later_takes_the_hold_over() {
    let config = fit(&[kind(4)]).max_procs(4).patience(1);
    let mut world = World::grown(config, 1);
    world.submit(10, 0, 1);
    world.ask(1, Submit::machine().priority(5));
    world.submit(20, 0, 2);
    world.done(20, Outcome::Ok);
    world.ask(2, Submit::machine().priority(1));
    world.submit(21, 0, 2);
    assert_eq!(world.held_for(0), Some(1));
    world.done(21, Outcome::Ok);
    assert_eq!(world.submit(22, 0, 2), [grant(22, 0), held(2, 0)]);
    world.done(22, Outcome::Ok);
    assert_eq!(world.done(10, Outcome::Ok), [grant(2, 0)]);
}

#[test]
fn p04_a_hold_moves_when_its_machine_leaves_good_health_and_ends_when_there_is_none() {
    let config = fit(&[kind(4)]).max_procs(8).patience(1);
    let mut world = World::grown(config, 2);
    world.submit(10, 0, 1);
    world.at(1).submit(11, 0, 4);
    world.whole(1);
    for r in 20..=27 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    assert_eq!(world.held_for(1), Some(1));
    assert_eq!(
        world.done(11, Outcome::Unreachable),
        [probation(1), held(1, 0)]
    );
    world.drain(0, None);
    assert_eq!(world.held_for(0), None);
    assert_eq!(world.manager.queue().next().unwrap().held, None);
}

#[test]
fn p04_a_hold_lasts_no_longer_than_the_limit() {
    let config = fit(&[kind(4)])
        .max_procs(4)
        .patience(1)
        .hold_limit(secs(30));
    let mut world = World::grown(config, 1);
    world.submit(10, 0, 1);
    world.whole(1);
    for r in 20..=23 {
        world.submit(r, 0, 1);
        world.done(r, Outcome::Ok);
    }
    assert_eq!(world.held_for(0), Some(1));
    assert_eq!(world.submit(30, 0, 1), []);
    assert_eq!(world.next_timeout(), Some(30));
    assert_eq!(world.at(30).timer(), [grant(30, 0)]);
    assert_eq!(world.held_for(0), None, "and its count begins anew");
}

#[test]
fn p04_groups_of_unlike_sets_of_kinds_have_a_hold_each() {
    let config = fit(&[kind(4), kind(4)]).max_procs(8).patience(1);
    let mut world = World::new(config);
    for (r, k) in [(10, 0), (11, 1)] {
        world.ask(r, of_kind(k, 1));
    }
    world.up(0);
    world.up(1);
    for (r, k) in [(1, 0), (2, 1)] {
        world.ask(r, Submit::machine().kinds(KindId(k)));
    }
    for r in 20..=27 {
        world.ask(r, of_kind(r as u8 % 2, 1));
        world.done(r, Outcome::Ok);
    }
    assert_eq!((world.held_for(0), world.held_for(1)), (Some(1), Some(2)));
    assert_eq!(world.health(0), Some(Health::Ok));
    assert_eq!(world.cancel(1), [], "the hold ends with it");
    assert_eq!(world.ask(40, of_kind(0, 3)), [grant(40, 0)]);
}
