//! Scripts are read as they were written, whatever happens in them; what is wrong with one is said with its line.

use remuda::Manager;
use remuda_sim::{Cluster, Plan, Rng, Script};

#[test]
fn a_script_of_any_run_is_read_as_it_was_written() {
    for seed in 0..500 {
        let plan = Plan::draw(&mut Rng::new(seed));
        let manager = Manager::new(plan.config).expect("a valid config");
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

config procs 4 max 4 poll 0s summary 0s

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
    for (line, procs, max) in [
        ("config procs 4 max 10 silent 0 backoff 0.5s cap 9s", 4, 10),
        ("config maxprocs 16 load 0.95 max 40 poll 0s", 15, 30),
        ("config bigslice 16 load 0.95 max 40", 15, 40),
        (
            "config bigslice 16 load 1.5 max 40 silent 4 backoff 1s",
            24,
            40,
        ),
        ("config bigslice 16 load 0 max 40 summary 0s", 1, 3),
    ] {
        let mut script = Script::parse(line).expect(line);
        assert_eq!(script.to_string(), format!("{line}\n"));
        assert_eq!(
            (script.config.machine_procs, script.config.max_procs),
            (procs, max)
        );
        // A config that was changed by hand is written as it is.
        script.config.machine_procs += 1;
        let changed = Script::parse(&script.to_string()).expect("a script");
        assert_eq!(changed.config, script.config);
    }
}

#[test]
fn what_is_wrong_with_a_script_is_said_with_its_line() {
    for (text, error) in [
        ("", "line 1: no config line"),
        (
            "config procs 4 max 0",
            "line 1: max procs 0 is less than one machine needs: 1",
        ),
        (
            "config cores 4 max 4",
            "line 1: expected procs, maxprocs or bigslice, not cores",
        ),
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
            "config procs 4 max 4\nat 3s submit r1 prio 0 procs 0",
            "line 2: a demand of no procs",
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
