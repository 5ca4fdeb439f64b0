//! Capacity, queue and placement under bigslice's policy: S1–S6, T1, T2, F1, F2, one story or more
//! for each.

use core::time::Duration;

use crate::support::*;
use remuda::{Action, Config, ConfigError, KindId, Manager, Outcome, Reject, RequestId, Resources};

fn procs_of(config: &Config) -> u32 {
    config.kinds[0].capacity.proc_count()
}

#[test]
fn s01_a_machine_has_the_whole_procs_of_its_load() {
    let procs = |load| Config::bigslice(16, 160, load).map(|c| (procs_of(&c), c.max_procs));
    assert_eq!(procs(1.0), Ok((16, 160)));
    assert_eq!(procs(0.95), Ok((15, 160)), "15.2 is rounded down");
    assert_eq!(procs(1.5), Ok((24, 160)), "a load may exceed 1");
    assert_eq!(
        procs(0.05),
        Ok((1, 10)),
        "less than one proc: whole machines are counted instead"
    );
    assert_eq!(procs(0.0), Ok((1, 10)));
    assert_eq!(
        Config::bigslice(16, 161, 0.0).unwrap().max_procs,
        11,
        "the seed rounds up"
    );
}

#[test]
fn s01_hostile_loads_are_config_errors() {
    for load in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
        let error = Config::bigslice(4, 4, load).unwrap_err();
        assert!(
            matches!(error, ConfigError::MaxLoad { .. }),
            "{load}: {error}"
        );
        assert!(matches!(
            Config::with_max_load(4, 4, load),
            Err(ConfigError::MaxLoad { .. })
        ));
    }
    let limit = Config::MAX_MACHINE_PROCS;
    let too_many = |procs| {
        Err(ConfigError::MachineProcs {
            kind: KindId(0),
            procs,
            limit,
        })
    };
    assert_eq!(Config::bigslice(0, 4, 1.0), too_many(0));
    assert_eq!(Config::bigslice(65_536, 4, 2.0), too_many(131_072));
    assert_eq!(Config::bigslice(u32::MAX, 4, f64::MAX), too_many(u64::MAX));
    assert_eq!(
        procs_of(&Config::bigslice(u32::MAX, 4, 1e-5).unwrap()),
        42_949
    );
    let none = Err(ConfigError::MaxProcs {
        max_procs: 0,
        least: 1,
    });
    assert_eq!(Config::bigslice(4, 0, 1.0), none);
    assert_eq!(Config::bigslice(4, 0, 0.0), none);
}

#[test]
fn s01_config_new_never_exceeds_its_max_procs() {
    assert_eq!(Config::bigslice_machines(4, 16).max_procs, 16);
    assert_eq!(
        Config::new(4, 19).unwrap().max_procs,
        16,
        "rounded down to whole machines"
    );
    assert_eq!(
        Config::new(4, 3),
        Err(ConfigError::MaxProcs {
            max_procs: 3,
            least: 4
        })
    );
    assert_eq!(
        Config::new(0, 3),
        Err(ConfigError::MachineProcs {
            kind: KindId(0),
            procs: 0,
            limit: 65_536
        })
    );
    assert!(Config::new(65_536, 65_536).is_ok());
    assert_eq!(
        Config::new(65_537, 1 << 20),
        Err(ConfigError::MachineProcs {
            kind: KindId(0),
            procs: 65_537,
            limit: 65_536
        })
    );

    let mut world = World::new(Config::new(4, 19).unwrap().poll_interval(Duration::ZERO));
    for r in 0..100 {
        world.submit(r, 0, 1);
    }
    assert_eq!(world.counts().pending.procs(), 16);
}

#[test]
fn s01_bigslice_keeps_the_seeds_ceiling() {
    let mut world = World::new(Config::bigslice(4, 17, 1.0).unwrap());
    for r in 0..100 {
        world.submit(r, 0, 1);
    }
    assert_eq!(
        world.counts().pending.procs(),
        20,
        "up to machine_procs - 1 more"
    );
}

#[test]
fn f07_f08_bigslice_starts_again_at_once_and_hears_no_silence() {
    let config = Config::bigslice(4, 16, 1.0).unwrap();
    assert_eq!(config.start_backoff_base, Duration::ZERO);
    assert_eq!(config.silent_polls, 0);
    let rest = Config::bigslice_machines(4, 16)
        .start_backoff_base(config.start_backoff_base)
        .silent_polls(config.silent_polls);
    assert_eq!(config, rest);
}

#[test]
fn s01_what_is_wrong_with_a_config_is_said_with_its_figures() {
    let said = |config: Result<Config, ConfigError>| config.unwrap_err().to_string();
    assert_eq!(
        said(Config::new(0, 4)),
        "a machine of kind k0 must have 1 to 65536 procs, not 0"
    );
    assert_eq!(
        said(Config::new(8, 7)),
        "max procs 7 is less than one machine needs: 8"
    );
    assert_eq!(
        said(Config::bigslice(4, 4, -1.0)),
        "max load must be a number from 0 up, not -1"
    );
}

#[test]
fn s01_max_load_on_the_command_line_rounds_down() {
    // Less than one proc of each: then a machine is one proc, which stands for all it has.
    let least = Config::with_max_load(16, 16, 0.01).unwrap();
    assert_eq!((procs_of(&least), least.max_procs), (1, 1));
    let procs = |maxprocs, max, load| {
        Config::with_max_load(maxprocs, max, load).map(|c| (procs_of(&c), c.max_procs))
    };
    assert_eq!(procs(16, 100, 0.5), Ok((8, 96)));
    assert_eq!(
        procs(16, 33, 0.0),
        Ok((1, 2)),
        "each machine stands for its 16 procs"
    );
    assert_eq!(
        procs(16, 15, 0.0),
        Err(ConfigError::MaxProcs {
            max_procs: 15,
            least: 16
        })
    );
    assert_eq!(
        procs(16, 7, 0.5),
        Err(ConfigError::MaxProcs {
            max_procs: 7,
            least: 8
        })
    );
    assert_eq!(
        procs(0, 7, 0.5),
        Err(ConfigError::MachineProcs {
            kind: KindId(0),
            procs: 0,
            limit: 65_536
        })
    );
}

#[test]
fn s01_a_manager_refuses_a_config_that_was_spoilt_by_hand() {
    let good = Config::bigslice_machines(4, 16);
    let refused = |config| Manager::new(config).unwrap_err();
    let mut zero = good.clone();
    zero.kinds[0].capacity = Resources::ZERO;
    assert_eq!(
        refused(zero),
        ConfigError::MachineProcs {
            kind: KindId(0),
            procs: 0,
            limit: 65_536
        }
    );
    let none = good.clone().max_procs(0);
    assert_eq!(
        refused(none),
        ConfigError::MaxProcs {
            max_procs: 0,
            least: 1
        }
    );
    let never = good.probation(Duration::ZERO);
    assert_eq!(refused(never), ConfigError::ZeroProbation);
}

#[test]
fn f01_a_product_that_is_an_integer_but_for_rounding_is_that_integer() {
    assert_eq!((100.0 * 0.29_f64) as u32, 28, "what the seed computes");
    assert_eq!(procs_of(&Config::bigslice(100, 1000, 0.29).unwrap()), 29);
    assert_eq!(
        procs_of(&Config::with_max_load(100, 1000, 0.29).unwrap()),
        29
    );
    assert_eq!(procs_of(&Config::bigslice(10, 10, 0.1).unwrap()), 1);
    assert_eq!(
        procs_of(&Config::bigslice(100, 10, 0.999_999).unwrap()),
        99,
        "not so near"
    );
}

#[test]
fn s02_need_have_and_pending_follow_every_request_and_machine() {
    let mut world = World::new(quiet(4));
    let procs = |world: &World| {
        let counts = world.counts();
        (
            counts.need.procs(),
            counts.pending.procs(),
            counts.have.procs(),
        )
    };
    world.submit(1, 0, 3);
    world.submit(2, 0, 2);
    assert_eq!(procs(&world), (5, 8, 0));
    world.up(0);
    assert_eq!(
        procs(&world),
        (5, 4, 4),
        "a running grant still counts in need"
    );
    world.start_failed(1);
    assert_eq!(procs(&world), (5, 0, 4), "a failed start leaves pending");
    world.at(1).timer();
    assert_eq!(procs(&world), (5, 4, 4), "and is made up for");
    world.cancel(2);
    assert_eq!(procs(&world), (3, 4, 4));
    world.done(1, Outcome::Unreachable);
    assert_eq!(
        procs(&world),
        (0, 4, 4),
        "a machine on probation counts in have"
    );
    world.stopped(0);
    assert_eq!(procs(&world), (0, 4, 0));
    let counts = world.counts();
    assert_eq!((counts.queued, counts.running), (0, 0));
    assert_eq!((counts.machines.pending, counts.machines.lost), (1, 1));
}

#[test]
fn s03_lower_priority_values_come_first_and_then_bigger_requests() {
    let mut world = World::with_machines(4, 1);
    world.whole(1);
    world.submit(2, 5, 4);
    world.submit(3, -5, 1);
    world.submit(4, -5, 3);
    world.submit(5, i64::MIN, 4);
    assert_eq!(world.done(1, Outcome::Ok), [grant(5, 0)]);
    assert_eq!(
        world.done(5, Outcome::Ok),
        [grant(4, 0), grant(3, 0)],
        "first fit decreasing"
    );
    assert_eq!(world.done(3, Outcome::Ok), []);
    assert_eq!(world.done(4, Outcome::Ok), [grant(2, 0)]);
}

#[test]
fn s03_the_sixteen_best_of_64_priorities_are_served_first() {
    let mut world = World::with_machines(16, 1);
    world.whole(0);
    for n in 0..64u64 {
        // 37 is odd, so every priority from 0 to 63 comes once, in a mixed order.
        world.submit(100 + n, (n * 37 % 64) as i64, 1);
    }
    let served = world.done(0, Outcome::Ok);
    let best: Vec<Action> = (0..16)
        .map(|p| grant(100 + (0..64).find(|n| n * 37 % 64 == p).unwrap(), 0))
        .collect();
    assert_eq!(served, best);
}

#[test]
fn t01_equal_requests_are_served_in_order_of_arrival() {
    let mut world = World::with_machines(1, 1);
    world.submit(9, 0, 1);
    for r in [5, 3, 8, 1] {
        world.submit(r, 0, 1);
    }
    world.cancel(8);
    world.submit(8, 0, 1);
    let mut order = vec![];
    for r in [9, 5, 3, 1, 8] {
        order.extend(world.done(r, Outcome::Ok));
    }
    assert_eq!(order, [grant(5, 0), grant(3, 0), grant(1, 0), grant(8, 0)]);
}

#[test]
fn t01_those_that_stay_when_a_flood_goes_away_keep_their_order() {
    let mut world = World::with_machines(1, 1);
    world.submit(0, 0, 1);
    for r in 1..=3000 {
        world.submit(r, (r % 2) as i64, 1);
    }
    for r in (1..=3000).filter(|r| r % 100 > 1) {
        world.cancel(r);
    }
    // Of those that stayed one leaves as well, from where it is now.
    world.cancel(1001);
    let even = (100..=3000).step_by(100);
    let odd = (1..3000).step_by(100).filter(|r| *r != 1001);
    let mut last = 0;
    for r in even.chain(odd) {
        assert_eq!(world.done(last, Outcome::Ok), [grant(r, 0)]);
        last = r;
    }
}

#[test]
fn s03_those_that_stay_when_a_flood_of_priorities_goes_away_keep_their_order() {
    let mut world = World::with_machines(1, 1);
    world.submit(0, -1, 1);
    let priority = |r: u64| (r % 1000 * 611 % 1009) as i64;
    for r in 1..=2000 {
        world.submit(r, priority(r), 1);
    }
    let mut stay: Vec<u64> = (1..=2000).filter(|r| r % 50 == 7).collect();
    for r in (1..=2000).filter(|r| r % 50 != 7) {
        world.cancel(r);
    }
    // Others of the same priorities come.
    for r in stay.clone() {
        world.submit(r + 5000, priority(r), 1);
        stay.push(r + 5000);
    }
    stay.sort_by_key(|&r| (priority(r % 5000), r));
    let mut last = 0;
    for r in stay {
        assert_eq!(world.done(last, Outcome::Ok), [grant(r, 0)]);
        last = r;
    }
}

#[test]
fn s04_the_machine_with_most_free_procs_is_taken() {
    let mut world = World::with_machines(4, 3);
    assert_eq!(world.submit(1, 0, 2), [grant(1, 0)]);
    assert_eq!(world.submit(2, 0, 1), [grant(2, 1)]);
    assert_eq!(world.submit(3, 0, 1), [grant(3, 2)]);
    assert_eq!(
        world.submit(4, 0, 1),
        [grant(4, 1)],
        "3 free on m1 and m2, 2 on m0"
    );
    assert_eq!(world.submit(5, 0, 1), [grant(5, 2)]);
    assert_eq!(world.done(2, Outcome::Ok), []);
    assert_eq!(world.submit(6, 0, 1), [grant(6, 1)]);
}

#[test]
fn s04_loads_stay_balanced_over_ten_machines() {
    for (load, procs) in [(0.5, 50), (0.9, 90), (1.5, 150)] {
        let config = Config::bigslice(100, 1 << 20, load)
            .unwrap()
            .poll_interval(Duration::ZERO);
        let mut world = World::grown(config, 10);
        for r in 0..u64::from(procs) * 10 {
            assert!(matches!(world.submit(r, 0, 1)[..], [Action::Grant { .. }]));
            let used: Vec<u32> = world
                .manager
                .machines()
                .map(|m| m.used().proc_count())
                .collect();
            assert!(
                used.iter().max().unwrap() - used.iter().min().unwrap() <= 1,
                "{used:?}"
            );
        }
        assert!(
            world
                .manager
                .machines()
                .all(|m| m.used().proc_count() == procs && m.load() == 1.0)
        );
    }
}

#[test]
fn s04_only_machines_in_good_health_are_in_the_order() {
    let mut world = World::with_machines(2, 2);
    world.submit(1, 0, 1);
    world.done(1, Outcome::Unreachable);
    assert_eq!(world.submit(2, 0, 1), [grant(2, 1)], "m0 is on probation");
    assert_eq!(world.submit(3, 0, 1), [grant(3, 1)]);
    assert_eq!(
        world.submit(4, 0, 1),
        [],
        "it has free procs, but not for anyone"
    );
}

#[test]
fn t02_of_equally_free_machines_the_lowest_id_is_taken() {
    let mut world = World::with_machines(2, 4);
    for (r, m) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 0)] {
        assert_eq!(world.submit(r, 0, 1), [grant(r, m)]);
    }
    // m3, then m1 become free again: the order of that plays no part.
    world.done(4, Outcome::Ok);
    world.done(2, Outcome::Ok);
    assert_eq!(world.submit(6, 0, 2), [grant(6, 1)]);
    assert_eq!(world.submit(7, 0, 2), [grant(7, 3)]);
}

#[test]
fn t02_reservations_never_change_which_of_equal_machines_is_taken() {
    let mut world = World::with_machines(4, 3);
    for r in 1..=3 {
        world.submit(r, 0, 1);
    }
    // r4 reserves one of three machines with 3 free procs; r5 gets the lowest id of all three.
    assert_eq!(world.whole(4), []);
    assert_eq!(world.submit(5, 1, 1), [grant(5, 0)]);
}

#[test]
fn s05_big_request_reserves_but_small_ones_run_elsewhere() {
    let mut world = World::with_machines(4, 2);
    world.submit(1, 0, 1);
    world.submit(2, 0, 2);
    // 3 free on m0, 2 on m1. The whole-machine request reserves m0.
    world.whole(3);
    assert_eq!(world.submit(4, 1, 3), [], "m0 is reserved, m1 has too few");
    assert_eq!(world.submit(5, 2, 2), [], "r3 reserves m0, r4 reserves m1");
    assert_eq!(world.cancel(4), [grant(5, 1)], "now r5 meets m1");
    // m0 drains and is given whole.
    assert_eq!(world.done(1, Outcome::Ok), [grant(3, 0)]);
}

#[test]
fn s05_a_hit_beyond_the_machines_of_that_size_does_not_count() {
    let mut world = World::with_machines(4, 2);
    world.submit(1, 0, 1);
    world.submit(2, 0, 1);
    // Both machines have 3 free procs. Two whole ones wait, which reserve both.
    world.whole(3);
    world.whole(4);
    assert_eq!(
        world.submit(5, 1, 1),
        [],
        "the third request meets no machine"
    );
    assert_eq!(
        world.submit(6, -1, 3),
        [grant(6, 0)],
        "but one of better priority does"
    );
}

#[test]
fn s05_a_blocked_whole_machine_request_does_not_block_small_ones() {
    let mut world = World::with_machines(2, 3);
    for r in 1..=3 {
        world.submit(r, 0, 1);
    }
    world.whole(4);
    assert_eq!(world.submit(5, 1, 1), [grant(5, 0)]);
    assert_eq!(world.submit(6, 1, 1), [grant(6, 1)]);
    assert_eq!(world.submit(7, 1, 1), [], "the last free proc is reserved");
    assert_eq!(world.done(3, Outcome::Ok), [grant(4, 2)], "and drains");
}

#[test]
fn s05_placement_goes_on_until_nothing_fits() {
    let mut world = World::new(quiet(4));
    for r in 1..=6 {
        world.submit(r, 0, 1);
    }
    let up = world.up(0);
    assert_eq!(up, [grant(1, 0), grant(2, 0), grant(3, 0), grant(4, 0)]);
    assert_eq!(world.up(1), [grant(5, 1), grant(6, 1)]);
}

#[test]
fn s06_a_cancelled_request_leaves_the_queue_and_need() {
    let mut world = World::with_machines(2, 1);
    world.whole(1);
    world.whole(2);
    world.submit(3, 0, 1);
    assert_eq!(world.counts().need.procs(), 5);
    assert_eq!(world.cancel(2), []);
    assert_eq!(world.counts().need.procs(), 3);
    assert_eq!(world.done(1, Outcome::Ok), [grant(3, 0)]);
    assert_eq!(
        world.cancel(2),
        unknown_request(2),
        "nothing is remembered of it"
    );
}

#[test]
fn s06_cancel_after_grant_is_a_no_op() {
    let mut world = World::with_machines(2, 1);
    assert_eq!(world.submit(1, 0, 2), [grant(1, 0)]);
    assert_eq!(world.cancel(1), []);
    assert_eq!(
        (world.counts().need.procs(), world.used(0)),
        (2, 2),
        "the client has the machine"
    );
    assert_eq!(world.done(1, Outcome::Ok), []);
    assert_eq!((world.counts().need.procs(), world.used(0)), (0, 0));
}

#[test]
fn f02_a_request_no_machine_can_satisfy_is_rejected_with_the_limit() {
    let mut world = World::new(quiet(8));
    let too_many = |procs| {
        let request = RequestId(1);
        reject(Reject::TooManyProcs {
            request,
            procs,
            limit: 8,
        })
    };
    assert_eq!(world.submit(1, 0, 9), too_many(9));
    assert_eq!(world.submit(1, 0, u32::MAX), too_many(u32::MAX));
    assert_eq!(
        world.counts(),
        Default::default(),
        "and reserves and needs nothing"
    );
    assert_eq!(
        world.whole(1),
        [start(0, 1)],
        "a whole machine is always possible"
    );
    assert_eq!(world.counts().need.procs(), 8);
    assert_eq!(world.up(0), [grant(1, 0)]);
    assert_eq!(world.used(0), 8);
}
