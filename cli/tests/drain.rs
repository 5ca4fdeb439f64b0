//! Machines that go while a run goes on: idle ones, drained ones, those of a spot notice.
#[path = "support/connected.rs"]
mod connected;
#[path = "support/readme.rs"]
mod readme;
mod support;

use std::process::Command;

use rustix::process::Signal;

use connected::{Worker, address, key};
use support::{DEADLINE, Dir, REMUDA, Run, kill, remuda, start_appending, wait_for, with_word};

#[test]
fn a_machine_that_is_idle_is_stopped_and_another_is_started_when_jobs_need_it() {
    let dir = Dir::new();
    let (first, template) = (
        dir.text("first"),
        format!("{REMUDA} worker --procs {{procs}}"),
    );
    let words = [
        "--launch",
        &template,
        "--machine-procs",
        "1",
        "--max-procs",
        "2",
        "--idle",
        "0.5",
        "--verbose",
    ];
    // The second machine has nothing to do once its job is done, while the first goes on until that is seen.
    let job = format!("while [ ! -e {first} ]; do sleep 0.05; done\n");
    let mut run = Run::start(remuda(&words), &format!("{job}true\n"));
    wait_for("both workers, or the idle one to be gone", || {
        run.workers().len() == 2 || run.is_over()
    });
    wait_for("one to be stopped", || run.workers().len() == 1);
    std::fs::write(&first, "").unwrap();
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 0 lost and run again; 2 machines started, 0 lost; ",
    );
}

#[test]
fn a_drained_worker_by_the_commands_of_the_readme() {
    let dir = Dir::new();
    let bin = dir.at("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(REMUDA, bin.join("remuda")).unwrap();
    // The jobs say where they run, and one goes on over the drain.
    let (go, on) = (dir.text("go"), dir.text("on"));
    let long = format!("touch {on}; while [ ! -e {go} ]; do sleep 0.05; done; echo long done");
    dir.write("jobs.txt", format!("{long}\ntrue\n"));
    let mut shell = Command::new("sh");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    shell
        .args(["-euc", &readme::command("drain")])
        .current_dir(dir.path())
        .env("PATH", path);
    let run = Run::start(shell, "");
    wait_for("the job to go on", || dir.at("on").exists());
    wait_for("the drain", || dir.at("drained").exists());
    std::fs::write(&go, "").unwrap();
    let finished = run.finish();
    finished.ends(0, "2 jobs: 2 ok, 0 failed; 0 lost and run again; ");
    assert_eq!(finished.out, "long done\n");
    // SIGTERM may come before the worker listens to it: then it has not begun.
    let told = ["and is drained", "did not start"];
    assert!(
        told.iter().any(|text| finished.err.contains(text)),
        "{}",
        finished.err
    );
}

/// A run with one job on the first of two machines of one proc, which goes on until `go` is there; its worker's pid.
fn with_a_long_job(dir: &Dir, more: &[&str], mark: &str) -> (Run, u32) {
    let pid = dir.text("pid");
    let job = format!(
        "[ $REMUDA_ATTEMPT = 2 ] && exit; echo $PPID > {pid}.new; mv {pid}.new {pid}; sleep {mark}\n"
    );
    let words = [
        &["--max-procs", "1", "--machine-procs", "1", "--verbose"],
        more,
    ]
    .concat();
    let run = Run::start(remuda(&words), &(job + "true\n"));
    wait_for("the job to run", || dir.at("pid").exists());
    let worker = std::fs::read_to_string(&pid).unwrap();
    (run, worker.trim().parse().unwrap())
}

#[test]
fn a_worker_that_connects_is_drained_as_well() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let folder = dir.path().display();
    let job = format!("cd {folder}; echo >> begun; until test -e go; do sleep 0.02; done\n");
    let file = dir.write("jobs", job + "true\n");
    let words = ["--listen", &address, "--key-file", &key, "--verbose", &file];
    let mut run = start_appending(&words, &dir);
    let drained = Worker::start(&address, &key, &["--procs", "1"]);
    wait_for("the job", || dir.lines("begun") == 1);
    kill(drained.0.id(), Signal::TERM);
    let said = || std::fs::read_to_string(dir.at("err")).unwrap();
    wait_for("the drain", || {
        said().contains("must go within 300s and is drained")
    });
    std::fs::write(dir.at("go"), "").unwrap();
    // It ends with its last job, and nothing else runs there.
    assert_eq!(drained.ended().0, Some(0));
    assert!(!run.is_over());
    let other = Worker::start(&address, &key, &["--procs", "1"]);
    wait_for("the end", || run.is_over());
    let summary = "2 jobs: 2 ok, 0 failed; 0 lost and run again; ";
    assert!(said().contains(summary), "{}", said());
    drop(other);
}

#[test]
fn a_second_sigterm_ends_a_worker_at_once() {
    let (dir, mark) = (Dir::new(), support::mark());
    let (mut run, worker) = with_a_long_job(&dir, &[], &mark);
    kill(worker, Signal::TERM);
    // The first one ends nothing.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!run.is_over() && with_word(&mark).len() == 1);
    kill(worker, Signal::TERM);
    wait_for("the job to be gone", || with_word(&mark).is_empty());
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 1 lost and run again; 2 machines started, ",
    );
    finished.says("must go within 300s and is drained");
}

#[test]
fn what_still_runs_at_the_end_of_the_grace_runs_again_elsewhere() {
    let (dir, mark) = (Dir::new(), support::mark());
    let (run, worker) = with_a_long_job(&dir, &["--worker-args", "--grace 0.5"], &mark);
    kill(worker, Signal::TERM);
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 1 lost and run again; 2 machines started, 0 lost; ",
    );
    finished.says("must go within 500ms and is drained");
    assert!(with_word(&mark).is_empty() && finished.took < DEADLINE);
}

#[test]
fn a_spot_notice_drains_its_machine() {
    let dir = Dir::new();
    let (notice, go) = (dir.text("notice"), dir.text("go"));
    // Only the first machine gets the notice: the command takes it away. It hangs up nobody while it says nothing.
    let worker = format!("--spot-notice 'rm {notice}'");
    let words = [
        "--worker-args",
        &worker,
        "--max-procs",
        "1",
        "--machine-procs",
        "1",
        "--verbose",
    ];
    let job = format!("while [ ! -e {go} ]; do sleep 0.05; done; echo done\n");
    std::fs::write(&notice, "").unwrap();
    let run = Run::start(remuda(&words), &(job + "true\n"));
    wait_for("the notice to be taken", || !dir.at("notice").exists());
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::write(&go, "").unwrap();
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 0 lost and run again; 2 machines started, 0 lost; ",
    );
    finished.says("must go within 115s and is drained");
}
