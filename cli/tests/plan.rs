//! Plans: of recorded runs of real processes under their own cluster and others, of job logs, of logs of other systems.
mod support;

use std::collections::HashMap;
use std::process::Command;

use remuda_sim::quality::{Machines, Order, Setup, generate, read, replay};
use rustix::process::Signal;
use serde_json::Value;

use support::{Dir, Finished, REMUDA, Run, kill, remuda, wait_for};

/// `remuda plan` with these words.
fn plan(words: &[&str]) -> Finished {
    let mut command = Command::new(REMUDA);
    command.arg("plan").args(words);
    Run::start(command, "").finish()
}

/// The lines of `remuda plan --json`.
fn planned(words: &[&str]) -> Vec<Value> {
    let finished = plan(&[words, &["--json"]].concat());
    let Finished { out, err, .. } = &finished;
    assert!(!out.is_empty(), "{err}");
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The figures of a cluster by its name.
#[track_caller]
fn figures<'a>(lines: &'a [Value], cluster: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["cluster"] == cluster);
    &found.unwrap_or_else(|| panic!("no {cluster} in {lines:?}"))["figures"]
}

/// What a run comes to: the mean wait, the longest, and the time of all machines together, in seconds.
#[derive(Debug)]
struct Happened {
    mean: f64,
    longest: f64,
    machines: f64,
}

/// What a journal says, event by event.
fn happened(journal: &str) -> Happened {
    let mut command = Command::new(REMUDA);
    command.args(["replay", "--json", journal]);
    let finished = Run::start(command, "").finish();
    let (mut submitted, mut waits) = (HashMap::new(), Vec::new());
    let (mut asked, mut there) = (HashMap::new(), Vec::new());
    let mut over = 0.0;
    for line in finished.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(time) = line["number"].as_u64().and(line["time"].as_str()) else {
            continue;
        };
        let time: f64 = time.trim_end_matches('s').parse().unwrap();
        let event = &line["event"];
        if let Some(request) = event["submit"]["request"].as_u64() {
            submitted.insert(request, time);
        }
        if event["done"].is_object() {
            over = time;
        }
        for action in line["actions"].as_array().unwrap() {
            if let Some(request) = action["grant"]["request"].as_u64() {
                waits.push(time - submitted[&request]);
            }
            if let Some(first) = action["start"]["first"].as_u64() {
                let count = action["start"]["count"].as_u64().unwrap();
                asked.extend((first..first + count).map(|machine| (machine, time)));
            }
            let notice = &action["notice"];
            let gone = ["ended", "machine_lost"].map(|it| notice[it]["machine"].as_u64());
            for machine in gone.into_iter().flatten() {
                there.push((asked.remove(&machine).unwrap(), time));
            }
        }
    }
    there.extend(asked.into_values().map(|asked| (asked, over)));
    let machines = there.iter().map(|(from, to)| to.min(over) - from);
    Happened {
        mean: waits.iter().sum::<f64>() / waits.len() as f64,
        longest: waits.iter().copied().fold(0.0, f64::max),
        machines: machines.sum(),
    }
}

#[track_caller]
fn is_near(what: &str, planned: &Value, happened: f64) {
    let planned = planned.as_u64().unwrap() as f64 / 1e9;
    let off = (planned - happened).abs() / happened;
    assert!(off < 0.05, "{what}: planned {planned}, happened {happened}");
}

/// A run is planned under its own cluster, and under a file that describes that.
#[track_caller]
fn comes_out(dir: &Dir, kind: &str) {
    let journal = dir.text("run.journal");
    let happened = happened(&journal);
    assert!(happened.longest > 0.15, "nothing waited: {happened:?}");
    let text = format!("[[kind]]\nname = \"w\"\nprocs = 1\nlaunch = \"x\"\n{kind}");
    let file = dir.write("cluster.toml", text);
    for (words, cluster) in [
        (&[&*journal][..], "as it was"),
        (&[&*journal, "--cluster", &*file], "as given"),
    ] {
        let lines = planned(words);
        for figures in [&lines[0]["recorded"], figures(&lines, cluster)] {
            is_near("the mean wait", &figures["mean_wait"], happened.mean);
            is_near("the longest wait", &figures["max_wait"], happened.longest);
            is_near("machines", &figures["machine_time"], happened.machines);
        }
        // Starts that took longer would be seen.
        let boot = format!("{:.3}s", 1.0 + 3.0 * happened.mean);
        let slow = planned(&[words, &["--boot", &boot]].concat());
        let mean = figures(&slow, cluster)["mean_wait"].as_u64().unwrap();
        assert!(mean as f64 / 1e9 > 1.05 * happened.mean, "{slow:?}");
        // What is lost in the record is lost with that cluster only.
        if lines[0]["recorded"]["granted"] != 12 {
            break;
        }
    }
}

#[test]
fn a_run_with_a_queue_comes_out_as_it_was() {
    let dir = Dir::new();
    let jobs: String = (0..12)
        .map(|job| format!("sleep 0.{}\n", 1 + job % 4))
        .collect();
    let journal = dir.text("run.journal");
    let words = ["--max-procs", "2", "--machine-procs", "1"];
    let words = [&words[..], &["--journal", &journal]].concat();
    support::run(&words, &jobs).ends(0, "12 jobs: 12 ok, ");
    comes_out(&dir, "max = 2\nidle = \"never\"\n");
}

#[test]
fn a_run_whose_machines_are_stopped_and_started_again_comes_out_as_it_was() {
    let dir = Dir::new();
    let jobs = r#"{"cmd": "sleep 0.2", "name": "a"}
{"cmd": "sleep 0.1", "name": "b"}
{"cmd": "sleep 0.8", "name": "c", "after": ["a", "b"]}
{"cmd": "sleep 0.3", "name": "d", "after": ["c"]}
{"cmd": "sleep 0.3", "name": "e", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "f", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "g", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "h", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "i", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "j", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "k", "after": ["c"]}
{"cmd": "sleep 0.2", "name": "l", "after": ["c"]}
"#;
    let jobs = dir.write("jobs.jsonl", jobs);
    let journal = dir.text("run.journal");
    let launch = format!("{REMUDA} worker");
    let words = ["--max-procs", "2", "--machine-procs", "1", "--idle", "0.3"];
    let more = ["--launch", &launch, "--journal", &journal, &jobs];
    let words = [&words[..], &more].concat();
    support::run(&words, "").ends(
        0,
        "12 jobs: 12 ok, 0 failed; 0 lost and run again; 3 machines",
    );
    comes_out(&dir, "max = 2\nidle = 0.3\n");
}

#[test]
fn a_run_with_a_lost_machine_comes_out_as_it_was() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let words = ["--max-procs", "2", "--machine-procs", "1"];
    let words = [&words[..], &["--journal", &journal, "--joblog", &log]].concat();
    let run = Run::start(remuda(&words), &"sleep 0.3\n".repeat(12));
    wait_for("jobs to end", || dir.lines("log") >= 4);
    kill(run.workers()[0], Signal::KILL);
    run.finish()
        .ends(0, "12 jobs: 12 ok, 0 failed; 1 lost and run again; ");
    comes_out(&dir, "max = 2\nidle = \"never\"\n");
}

#[test]
fn a_log_of_another_system_comes_out_as_in_the_measure_of_quality() {
    let dir = Dir::new();
    let text = generate(7, 300, 8);
    let log = dir.write("log.swf", &text);
    let lines = planned(&[
        &log,
        "--machine-procs",
        "8",
        "--sweep",
        "max=2,idle=1m,boot=45s|1m",
    ]);
    let jobs = read(&text).unwrap().jobs;
    for (boot, name) in [(45, "45s"), (60, "1m")] {
        let setup = Setup {
            procs: 8,
            machines: Machines::Elastic {
                machines: 2,
                boot: std::time::Duration::from_secs(boot),
                idle: std::time::Duration::from_secs(60),
            },
            order: Order::BestFit,
            patience: 4,
        };
        let expected = replay(&jobs, &setup).unwrap();
        let found = figures(&lines, &format!("max=2,idle=1m,boot={name}"));
        let millis = |it: &Value| it.as_u64().unwrap() / 1_000_000;
        // Of one instant, ends and starts are told in another order.
        let near = |one: u64, other: u64| one.abs_diff(other) * 100 <= one;
        assert!(
            expected.mean_wait > 0 && expected.starts > 4,
            "{expected:?}"
        );
        assert!(
            near(expected.mean_wait, millis(&found["mean_wait"])),
            "{expected:?} {found}"
        );
        assert!(
            near(expected.p99_wait, millis(&found["p99_wait"])),
            "{expected:?} {found}"
        );
        assert!(
            near(expected.machine_time, millis(&found["machine_time"])),
            "{expected:?} {found}"
        );
    }
}

/// Four jobs of 10 s each that come at once, then nothing.
const FOUR: &str = "; four jobs
1 100 0 10 1 -1 -1 1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1
2 100 0 10 1 -1 -1 1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1
3 100 10 10 1 -1 -1 1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1
4 100 10 10 1 -1 -1 1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1
";

#[test]
fn the_smallest_cluster_that_keeps_a_bound_is_found_between_the_steps_of_a_range() {
    let dir = Dir::new();
    let mut text = String::new();
    for job in 1..=60 {
        text += &format!("{job} 0 0 10 1 -1 -1 1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n");
    }
    let log = dir.write("log.swf", text);
    // 60 jobs of 10 s at once, on 13 machines in five turns: the last turn waits for 40 s.
    let words = [
        &*log,
        "--machine-procs",
        "1",
        "--sweep",
        "max=1..64",
        "--want",
        "max<45s",
    ];
    let finished = plan(&words);
    finished.ends(0, "");
    let Finished { out, .. } = &finished;
    assert!(out.contains("\nsmallest     max=12: "), "{out}");
    assert!(
        out.contains("max=11 "),
        "what is one smaller was not tried:\n{out}"
    );
    let finished = plan(&[
        &*log,
        "--machine-procs",
        "1",
        "--sweep",
        "max=1..4",
        "--want",
        "max<45s",
    ]);
    finished.ends(1, "");
    assert!(
        finished.out.contains("\nnone of these keeps max<45s\n"),
        "{}",
        finished.out
    );
}

#[test]
fn clients_of_a_closed_loop_wait_for_their_jobs() {
    let dir = Dir::new();
    let log = dir.write("log.swf", FOUR);
    let one = |words: &[&str]| {
        let words = [&[&*log, "--machine-procs", "1", "--sweep", "max=1"], words].concat();
        let lines = planned(&words);
        let figures = figures(&lines, "max=1").clone();
        (
            figures["max_wait"].as_u64().unwrap(),
            figures["span"].as_u64().unwrap(),
        )
    };
    let seconds = |seconds: u64| seconds * 1_000_000_000;
    assert_eq!(one(&[]), (seconds(30), seconds(40)));
    // Two clients with two jobs each: the second of each comes when the first is done.
    assert_eq!(one(&["--closed-loop", "2"]), (seconds(10), seconds(40)));
    assert_eq!(one(&["--closed-loop", "1"]), (0, seconds(40)));
    // One that thinks for 5 s, as in the log: 0 to 10, 15 to 25.
    let log = dir.write(
        "think.swf",
        "1 0 0 10 1 -1 -1 1 0 0 0 0 0 0 0 0 0 0\n2 15 0 10 1 -1 -1 1 0 0 0 0 0 0 0 0 0 0\n",
    );
    let lines = planned(&[
        &log,
        "--machine-procs",
        "1",
        "--closed-loop",
        "1",
        "--boot",
        "7s",
    ]);
    let span = figures(&lines, "as given")["span"].as_u64().unwrap();
    // A start before the first; the machine is there when the second comes.
    assert_eq!(span, seconds(7 + 10 + 5 + 10));
}

#[test]
fn a_job_log_is_planned_in_either_format() {
    let dir = Dir::new();
    for format in ["json", "gnu"] {
        let log = dir.text(format);
        let words = [
            "--max-procs",
            "1",
            "--machine-procs",
            "1",
            "--joblog-format",
            format,
        ];
        let words = [&words[..], &["--joblog", &log]].concat();
        support::run(&words, &"sleep 0.2\n".repeat(4)).ends(0, "4 jobs: 4 ok, ");
        let lines = planned(&[&log, "--machine-procs", "1", "--sweep", "max=1|4"]);
        let wait = |cluster: &str| figures(&lines, cluster)["max_wait"].as_u64().unwrap();
        assert_eq!(wait("max=4"), 0);
        assert!(
            (600_000_000..3_000_000_000).contains(&wait("max=1")),
            "{lines:?}"
        );
        let finished = plan(&[&log, "--machine-procs", "1"]);
        assert!(
            finished
                .out
                .contains("does not say when jobs were submitted"),
            "{}",
            finished.out
        );
        if format == "json" {
            continue;
        }
        // Two procs each: two at a time on a machine of four.
        let lines = planned(&[
            &log,
            "--machine-procs",
            "4",
            "--sweep",
            "max=1",
            "--job-procs",
            "2",
        ]);
        let wait = figures(&lines, "max=1")["max_wait"].as_u64().unwrap();
        assert!((200_000_000..1_500_000_000).contains(&wait), "{lines:?}");
    }
}

#[test]
fn a_job_log_says_what_jobs_took_of_a_machine() {
    let dir = Dir::new();
    let log = dir.text("log");
    let jobs = r#"{"cmd": "sleep 0.2", "procs": 2}
{"cmd": "sleep 0.2", "procs": 2}
{"cmd": "sleep 0.2", "machine": true}
"#;
    let jobs = dir.write("jobs.jsonl", jobs);
    let words = [
        "--max-procs",
        "2",
        "--machine-procs",
        "2",
        "--joblog",
        &log,
        &jobs,
    ];
    support::run(&words, "").ends(0, "3 jobs: 3 ok, ");
    let lines = planned(&[&log, "--machine-procs", "4", "--sweep", "max=1"]);
    let figures = figures(&lines, "max=1");
    let wait = figures["max_wait"].as_u64().unwrap();
    // Two side by side, then the one that wants all of it.
    assert!(wait >= 200_000_000, "{figures}");
    let finished = plan(&[&log, "--machine-procs", "4"]);
    assert!(!finished.out.contains("how many procs"), "{}", finished.out);
}

#[test]
fn clusters_of_files_are_compared_by_what_they_cost() {
    let dir = Dir::new();
    let log = dir.write("log.swf", FOUR);
    let kind = "[[kind]]\nname = \"n\"\nlaunch = \"x\"\n";
    let small = dir.write(
        "small.toml",
        format!("{kind}procs = 1\nmax = 2\ncost = 1\n"),
    );
    let large = dir.write(
        "large.toml",
        format!("{kind}procs = 4\nmax = 1\ncost = 3\n"),
    );
    let words = [&*log, "--cluster", &small, "--cluster", &large];
    let lines = planned(&words);
    let of = |cluster: &str| figures(&lines, cluster).clone();
    assert_eq!(of(&small)["max_wait"], 10_000_000_000_u64);
    assert_eq!(of(&large)["max_wait"], 0);
    // Two machines for 20 s; one of cost 3 for 10 s.
    assert_eq!(of(&small)["machine_time"], 40_000_000_000_u64);
    let cost = |it: &Value| (it["cost"].as_f64().unwrap() * 3600.0).round();
    assert_eq!((cost(&of(&small)), cost(&of(&large))), (40.0, 30.0));
    let finished = plan(&words);
    assert!(finished.out.contains(" cost "), "{}", finished.out);
}

#[test]
fn a_plan_is_drawn_as_a_page_that_runs_nothing_of_others() {
    let dir = Dir::new();
    let log = dir.write("<b>&log.swf", FOUR);
    let page = dir.text("plan.html");
    let words = [
        "--machine-procs",
        "1",
        "--sweep",
        "max=1..3,idle=1s|never",
        "--want",
        "max<15s",
    ];
    let words = [&[&*log, "--html", &page], &words[..]].concat();
    plan(&words).ends(0, "");
    let text = std::fs::read_to_string(&page).unwrap();
    let many = |mark: &str| text.matches(mark).count();
    // Six clusters: a mark of each in the first chart, three and two bars in the second.
    assert_eq!(
        (many("<circle "), many("<rect "), many("<polyline ")),
        (6 + 18, 12 + 2, 2)
    );
    assert_eq!((many(" missed\""), many(" *</text>")), (2, 4));
    assert!(
        text.contains("&lt;b&gt;&amp;log.swf: 4 requests") && many("<b>&") == 0,
        "{text}"
    );
    assert!(
        many("<script") == 0 && text.contains("default-src 'none'"),
        "{text}"
    );
    for (out, reason) in [
        (&*log, "it is the log itself, which would be gone"),
        ("-", "name a file"),
        ("/no/such/plan.html", "/no/such/plan.html: "),
    ] {
        let finished = plan(&[&*log, "--machine-procs", "1", "--html", out]);
        finished.ends(2, "").says(reason);
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), FOUR);
}

#[test]
fn a_plan_says_what_may_be_worth_a_look() {
    let dir = Dir::new();
    let log = dir.write("log.swf", FOUR);
    let words = [&*log, "--machine-procs", "1", "--sweep", "max=1"];
    let finished = plan(&words);
    let text = "\nunder max=1:\nfindings     a larger max would have ended waits: k0 ";
    assert!(finished.out.contains(text), "{}", finished.out);
    let lines = planned(&words);
    assert_eq!(lines[0]["findings"][0]["finding"], "larger_max");
    // The smallest that keeps what is wanted is looked at; all are there at once, and nothing waits.
    let words = [
        &*log,
        "--machine-procs",
        "1",
        "--sweep",
        "max=1..8",
        "--want",
        "max<1s",
    ];
    let finished = plan(&words);
    assert!(!finished.out.contains("findings"), "{}", finished.out);
    let too_large = dir.write(
        "large.swf",
        FOUR.replace(" 10 1 -1 -1 1 ", " 10 1 -1 -1 9 ")
            + "5 9 0 1 1 -1 -1 1 0 0 0 0 0 0 0 0 0 0\n",
    );
    let finished = plan(&[&too_large, "--machine-procs", "2"]);
    let text = "5 requests\n             4 of them ask for more than any machine has";
    assert!(finished.out.contains(text), "{}", finished.out);
}

#[test]
fn a_cluster_that_refuses_what_another_one_can_hold_keeps_nothing() {
    let dir = Dir::new();
    let log = dir.write(
        "log.swf",
        format!("{FOUR}5 9 0 1 9 -1 -1 9 0 0 0 0 0 0 0 0 0 0\n"),
    );
    let words = [
        "--machine-procs",
        "1",
        "--sweep",
        "procs=4|9,max=2",
        "--want",
        "mean<1h",
    ];
    let finished = plan(&[&[&*log], &words[..]].concat());
    finished.ends(0, "");
    let Finished { out, .. } = &finished;
    assert!(out.contains("\nsmallest     procs=9,max=2: "), "{out}");
    assert!(
        out.contains(" not placed\n") && !out.contains("as small"),
        "{out}"
    );
    // The same from standard input.
    let mut command = Command::new(REMUDA);
    command.arg("plan").arg("-").args(words);
    let text = std::fs::read_to_string(&log).unwrap();
    let piped = Run::start(command, &text).finish();
    assert_eq!(piped.out, out.replace(&log, "standard input"));
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let dir = Dir::new();
    let log = dir.write("log.swf", FOUR);
    let bad = dir.write("bad.swf", "1 2 3\n");
    let text = dir.write("text", "my thesis\n");
    let empty = dir.write("empty", "");
    let cut = dir.write(
        "cut",
        "{\"name\":\"1\",\"start\":\"x\",\"end\":\"y\",\"state\":\"ok\"}\n",
    );
    let gnu = dir.write("gnu", "Seq\tHost\n1\t:\tsoon\t1\t0\t0\t0\t0\ttrue\n");
    let toml = dir.write("a.toml", "[[kind]]\nname = \"a\"\nhost = \"b\"\n");
    let zip = dir.write("log.swf.gz", b"\x1f\x8b\x08\x00garbage");
    for (words, reason) in [
        (&["/no/such/log"][..], "/no/such/log: No such file"),
        (
            &[&*log],
            "log.swf: it does not say on which machines it ran: say --cluster FILE",
        ),
        (&[&*bad], "bad.swf: line 1: a job has 18 fields"),
        (&[&*text], "text: it is no journal"),
        (&[&*empty], "empty: it is empty"),
        (&[&*cut], "cut: line 1: \"x\" is no time"),
        (
            &[&*gnu],
            "gnu: line 2: column 3 (Starttime) is \"soon\" and no time",
        ),
        (&[&*zip], "log.swf.gz: "),
        (
            &[&*log, "--cluster", &toml],
            "kind a: a plan does not ask hosts",
        ),
        (
            &[&*log, "--machine-procs", "1", "--sweep", "big.max=3"],
            "big.max: there is no such kind",
        ),
        (
            &[
                &*log,
                "--machine-procs",
                "1",
                "--sweep",
                "max=1..9,idle=1s..15d,min=1..9",
            ],
            "more than 1000 clusters",
        ),
        (
            &[&*log, "--machine-procs", "1", "--sweep", "max=1,min=2"],
            "max=1,min=2: ",
        ),
        (
            &[&*log, "--machine-procs", "1", "--want", "p95"],
            "expected a bound such as p95<5m",
        ),
    ] {
        let finished = plan(words);
        finished.ends(2, "").says(reason);
        assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
    }
}
