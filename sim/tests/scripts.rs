//! Scripts are read as they were written, whatever happens in them; what is wrong with one is said with its line.

#[path = "support/anything.rs"]
mod anything;

use proptest::prelude::*;
use remuda::{KindId, Manager, Policy};
use remuda_sim::{Cluster, Plan, Rng, Script};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whether it makes sense or not.
    #[test]
    fn any_events_and_actions_under_any_config_are_read_as_they_were_written(script in anything::script()) {
        let text = script.to_string();
        let read = Script::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&script), "{}", text);
    }
}

#[test]
fn a_script_of_any_run_is_read_as_it_was_written() {
    for seed in 0..500 {
        let plan = Plan::draw(&mut Rng::new(seed));
        let manager = Manager::new(plan.config.clone()).expect("a valid config");
        let mut cluster = Cluster::new(plan, seed, manager);
        cluster.run(200).expect("a right manager");
        let script = cluster.script();
        let text = script.to_string();
        assert_eq!(
            Script::parse(&text).as_ref(),
            Ok(&script),
            "seed {seed}:\n{text}"
        );
    }
}

#[test]
fn comments_and_blank_lines_stay_where_they_are() {
    let text = "\
# A machine that stops takes its grant with it.

config procs 4 max 4 poll 0s summary 0s settle 0s

# First all is well.
at 0s submit r1 prio -3 machine
-> start m0
at 0.5s up m0
-> grant r1 m0

# Then it is not (S12, F4).
at 2s stopped m0
-> notice machine-lost m0 stopped
-> request-lost r1 m0
";
    let script = Script::parse(text).expect("a script");
    assert_eq!(script.to_string(), text);
    assert_eq!(script.played(), script);
}

#[test]
fn s01_a_config_may_say_a_share_of_each_machine() {
    use Policy::{Bigslice, Fit};
    for (line, policy, procs, max) in [
        (
            "config procs 4 max 10 silent 0 backoff 0.5s cap 9s",
            Fit,
            4,
            10,
        ),
        (
            "config bigslice procs 4 max 10 silent 0 probation 9s",
            Bigslice,
            4,
            10,
        ),
        ("config maxprocs 16 load 0.95 max 40 poll 0s", Fit, 15, 30),
        ("config bigslice 16 load 0.95 max 40", Bigslice, 15, 40),
        (
            "config bigslice 16 load 1.5 max 40 silent 4 backoff 1s",
            Bigslice,
            24,
            40,
        ),
        (
            "config bigslice 16 load 0 max 40 summary 0s",
            Bigslice,
            1,
            3,
        ),
    ] {
        let mut script = Script::parse(line).expect(line);
        assert_eq!(script.to_string(), format!("{line}\n"));
        let config = &mut script.config;
        let [kind] = &mut config.kinds[..] else {
            panic!("one kind");
        };
        assert_eq!((kind.capacity.proc_count(), config.max_procs), (procs, max));
        assert_eq!(config.policy, policy);
        // A config that was changed by hand is written as it is.
        kind.capacity = remuda::Resources::procs(procs + 1);
        let changed = Script::parse(&script.to_string()).expect("a script");
        assert_eq!(changed.config, script.config);
    }
}

#[test]
fn r02_kinds_of_machines_stand_in_lines_of_their_own() {
    let text = "\
config max 64 patience 1 settle 5s hold-limit 60s packing first-fit withdraw names procs/memory%20;MiB/gpus/other
kind 8/32768 max 20 idle 120s
kind 32/131072/4 max 2 spare 1 cost 12
kind 2 min 1 max-pending 3 batch 1 joins-only

at 0s join j0 k2
";
    let script = Script::parse(text).expect("a script");
    assert_eq!(script.to_string(), text);
    assert_eq!(script.config.kinds.len(), 3);
    assert!(!script.config.kinds[2].startable);
    assert_eq!(script.config.names[1], "memory MiB");
    assert_eq!(script.config.kinds[1].spare, 1);
    let event = script.steps[0].event;
    assert!(matches!(
        event,
        remuda::Event::Join {
            kind: KindId(2),
            ..
        }
    ));
}

#[test]
fn what_is_wrong_with_a_script_is_said_with_its_line() {
    for (text, error) in [
        ("", "line 1: no config line"),
        (
            "config procs 4 max 0",
            "line 1: max procs 0 is less than one machine needs: 1",
        ),
        ("config cores 4 max 4", "line 1: a config has no cores"),
        (
            "config maxprocs 4 load -1 max 4",
            "line 1: max load must be a number from 0 up, not -1",
        ),
        (
            "config procs 4 max 4 colour 3s",
            "line 1: a config has no colour",
        ),
        (
            "config procs 4 max 4\n-> grant r1 m1",
            "line 2: an action before the first event",
        ),
        (
            "config procs 4 max 4\n\nat 3 timer",
            "line 3: expected seconds as 4.5s, not 3",
        ),
        (
            "config procs 4 max 4\nat 3s done r1 well",
            "line 2: expected ok or remote or unreachable or unused, not well",
        ),
        (
            "config procs 4 max 4\nat 3s timer now",
            "line 2: too much: now",
        ),
        (
            "config procs 4 max 4\nat 3s up 7",
            "line 2: expected m and a number, not 7",
        ),
        (
            "config procs 4 max 4\nat 3s submit r1 prio 0 cores 1",
            "line 2: expected procs, amounts or machine, not cores",
        ),
        (
            "config procs 4 max 4\nat 3s submit r1 prio 0 amounts 1/2/3/4/5",
            "line 2: 1/2/3/4/5 is more than 4 amounts",
        ),
        (
            "config procs 4 max 4\nkind 4",
            "line 2: the config has its kind already",
        ),
        ("config\nkind 4 colour 3", "line 2: a kind has no colour"),
        (
            "config\n\nat 3s timer",
            "line 1: there must be 1 to 64 kinds of machine, not 0",
        ),
        (
            "config\nkind 4 min 3 max 2",
            "line 1: kind k0: min 3 and spare 0 must not be above max 2",
        ),
        (
            "config procs 4 max 4\nat 99999999999s timer",
            "line 2: this is past the end of time",
        ),
        (
            "config procs 4 max 4\nconfig procs 4 max 4",
            "line 2: expected config (once, first), at, -> or #, not config",
        ),
    ] {
        let found = Script::parse(text).expect_err(text);
        assert_eq!(found.to_string(), error);
    }
}
