//! The whole way of a recorded run with killed workers, on each adapter: replayed, a request that had to wait explained, drawn,
//! and cut down to the loss; each by the one command that stands in the README.
#[path = "support/browser.rs"]
mod browser;
#[path = "support/page.rs"]
mod page;
mod support;

use std::fs::File;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use futures::future::join_all;
use remuda::{Config, Demand, Outcome};
use remuda_driver::{
    Cluster, FileRecorder, Options, ProcessSystem, RecordOptions, RequestError, Runtime,
};
use remuda_sim::Script;
use remuda_worker::{EXEC, Exec, Exit, JOB};
use rustix::process::Signal;
use serde_json::Value;

use browser::browser;
use page::Expected;
use support::{Dir, Finished, REMUDA, Run, echoes, kill, remuda, wait_for};

/// Machines of one proc.
const MACHINES: u32 = 2;

/// `remuda` with these words; it must go well.
#[track_caller]
fn command(words: &[&str]) -> Finished {
    let mut command = Command::new(REMUDA);
    command.args(words);
    let finished = Run::start(command, "").finish();
    assert_eq!(finished.status, Some(0), "{words:?}: {}", finished.err);
    finished
}

/// The ids of the lost machines, and the request that waited longest, with the event before its grant, of a run in JSON lines.
fn known(json: &str) -> (Vec<u64>, (u64, u64)) {
    let (mut lost, mut waits, mut shut_down) = (Vec::new(), Vec::new(), false);
    for line in json.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |at: &str| line.pointer(at).and_then(Value::as_u64);
        shut_down |= line["event"] == "shutdown";
        if let Some(request) = number("/event/submit/request") {
            waits.push((request, number("/number").unwrap(), u64::MAX));
        }
        for action in line["actions"].as_array().unwrap_or(&Vec::new()) {
            let granted = action["grant"]["request"].as_u64();
            let waiter = waits.iter_mut().find(|it| Some(it.0) == granted);
            if let Some((_, _, until)) = waiter {
                *until = number("/number").unwrap();
            }
            if !shut_down && action["notice"]["machine_lost"].is_object() {
                let machine = &action["notice"]["machine_lost"]["machine"];
                lost.push(machine.as_u64().unwrap());
            }
        }
    }
    let longest = waits.iter().max_by_key(|(_, from, until)| until - from);
    let (request, _, until) = *longest.expect("somebody came");
    (lost, (request, until - 1))
}

fn the_way(dir: &Dir, journal: &str, runtime: &str) {
    // Replayed: every decision is the recorded one.
    let replayed = command(&["replay", journal]);
    let before = replayed.err.split(" events replayed, ").next().unwrap();
    let events = before.rsplit(' ').next().unwrap();
    replayed.says(&format!("{events} of them compared and equal"));
    assert!(
        replayed.out.contains(" 2 lost (2 stopped, 0 silent), "),
        "{}",
        replayed.out
    );
    let json = command(&["replay", journal, "--json"]).out;
    let (lost, (request, before)) = known(&json);
    assert_eq!(lost.len(), 2);

    // Explained: why somebody still waited, at the end of its wait.
    let (at, who) = (format!("#{before}"), request.to_string());
    let why = command(&["replay", journal, "--at", &at, "--explain", &who]).out;
    for said in [
        " waits for 1 proc; before it: ",
        "has 0 procs free, and it needs 1",
    ] {
        assert!(why.contains(said), "no {said:?} in {why}");
    }
    assert!(why.starts_with(&format!("r{request} ")), "{why}");

    // Drawn.
    let page = dir.text("run.html");
    command(&["replay", journal, "--html", &page]);
    let mut expected = Expected::of(&json);
    // Those that stop after the shutdown are not lost.
    expected.lost = 2;
    assert!(
        expected.lost_requests == 2 && expected.bars > 100,
        "{expected:?}"
    );
    if let Some(mut browser) = browser(&format!("the page of a run on {runtime}")) {
        browser.open(page.as_ref(), "");
        assert_eq!(Expected::on(&browser.drawn()), expected);
        for machine in &lost {
            browser.key("n");
            browser.drawn();
            let picked = browser.text("#picked");
            assert!(picked.contains(&format!("Machine m{machine} ")), "{picked}");
            assert!(
                picked.contains("lost: it stopped") && picked.contains("SIGKILL"),
                "{picked}"
            );
        }
        page::keep(&mut browser, &format!("way-{runtime}"));
    }

    // Cut down to the loss, of either machine.
    for machine in &lost {
        let (out, machine) = (dir.text(&format!("loss{machine}")), machine.to_string());
        let words = [
            "minimise",
            journal,
            "--find",
            "loss",
            "--machine",
            &machine,
            "-o",
            &out,
        ];
        let minimised = command(&words);
        let said = format!("{events} events cut down to 3: r1 is lost with m0, which stopped; ");
        minimised.says(&said);
        let script = std::fs::read_to_string(format!("{out}.txt")).unwrap();
        assert_eq!(Script::parse(&script).unwrap().steps.len(), 3, "{script}");
        let scenario = command(&["replay", &format!("{out}.jsonl")]);
        scenario.says("3 events replayed, 3 of them compared and equal");
    }
}

/// Jobs on a cluster of this program's workers, two of which are killed with a job on them; each is run again where it was
/// lost.
async fn recorded<R: Runtime>(runtime: R, journal: &str) {
    let file = File::create(journal).unwrap();
    let (recorder, recording) = FileRecorder::start(file, RecordOptions::default()).unwrap();
    let words = [REMUDA, "worker", "--procs", "{procs}"].map(str::to_owned);
    let system = ProcessSystem::new(runtime.clone(), words.to_vec());
    let system = system.functions([EXEC, JOB]).procs(1);
    let config = Config::new(1, MACHINES.into()).unwrap();
    let cluster = Cluster::recorded(runtime, system, config, Options::default(), recorder).unwrap();
    let killers = AtomicU32::new(2);
    let run = async |_| loop {
        let lease = match cluster.request(Demand::procs(1).unwrap()).await {
            Ok(lease) => lease,
            Err(RequestError::Lost(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        let kills = killers.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        let job = if kills.is_ok() {
            "kill -9 $PPID; sleep 9"
        } else {
            "true"
        };
        match lease.call::<_, Exit>("exec", &Exec::shell(job)).await {
            Ok(exit) => {
                assert_eq!(exit, Exit::Code(0));
                lease.finish(Outcome::Ok);
                return;
            }
            Err(error) => assert!(lease.is_lost(), "{error}"),
        }
    };
    join_all((0..120).map(run)).await;
    cluster.shutdown().await;
    drop(cluster);
    recording.finish().unwrap();
}

#[test]
fn a_run_on_tokio_goes_the_whole_way() {
    let dir = Dir::new();
    let journal = dir.text("run.journal");
    remuda_tokio::run(async |runtime| recorded(runtime, &journal).await).unwrap();
    the_way(&dir, &journal, "tokio");
}

#[test]
fn a_run_on_async_std_goes_the_whole_way() {
    let dir = Dir::new();
    let journal = dir.text("run.journal");
    remuda_async_std::run(async |runtime| recorded(runtime, &journal).await);
    the_way(&dir, &journal, "async-std");
}

#[test]
fn a_run_of_the_command_goes_the_whole_way() {
    let dir = Dir::new();
    let (journal, log) = (dir.text("run.journal"), dir.text("log"));
    let sizes = ["--max-procs", "2", "--machine-procs", "1"];
    let words = [&sizes[..], &["--journal", &journal, "--joblog", &log]].concat();
    // A worker that is killed has a job: more than one waits at any time.
    let jobs = "sleep 0.01\n".repeat(300) + &echoes(300);
    let run = Run::start(remuda(&words), &jobs);
    for killed in [50, 100] {
        wait_for("jobs to end", || {
            dir.lines("log") >= killed && run.workers().len() == 2
        });
        kill(run.workers()[0], Signal::KILL);
    }
    run.finish()
        .ends(0, "600 jobs: 600 ok, 0 failed; 2 lost and run again; ");
    the_way(&dir, &journal, "command");
}
