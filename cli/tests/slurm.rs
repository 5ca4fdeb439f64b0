//! `remuda run` on a real Slurm, which `scripts/slurm.sh` sets up. Without one these tests do nothing, and say so; the script
//! fails if one of them did.
mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use support::{Dir, Finished, REMUDA, Run, kill, processes, remuda, wait_for, with_word};

/// The Slurm, and a name that the test's allocations have in common.
struct Slurm {
    name: String,
}

impl Slurm {
    /// None where there is no Slurm.
    fn new(name: &str) -> Option<Slurm> {
        let Some(ran) = std::env::var_os("REMUDA_SLURM") else {
            eprintln!("SKIPPED: no Slurm here, see scripts/slurm.sh");
            return None;
        };
        let mut ran = File::options().append(true).open(ran).unwrap();
        let test = std::thread::current();
        writeln!(ran, "{}", test.name().expect("it is a test's")).unwrap();
        Some(Slurm { name: name.into() })
    }

    /// A launch template: one worker of two procs by srun.
    fn srun(&self, options: &str) -> String {
        format!("srun -J {} -n1 -c2 {options} {REMUDA} worker", self.name)
    }

    /// The words for machines that srun starts, two procs each.
    fn words<'a>(launch: &'a str, max_procs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let words = ["--launch", launch, "--machine-procs", "2"];
        let mut words = words.to_vec();
        words.extend(["--max-procs", max_procs]);
        words.extend(more);
        words
    }

    /// The test's allocations: id and state.
    fn queue(&self) -> Vec<(String, String)> {
        let said = slurm(&["squeue", "-h", "-n", &self.name, "-o", "%i %T"]);
        let entry = |line: &str| {
            let (id, state) = line.split_once(' ').unwrap();
            (id.to_owned(), state.to_owned())
        };
        said.lines().map(entry).collect()
    }

    fn in_state(&self, state: &str) -> Vec<String> {
        let queue = self.queue().into_iter();
        queue.filter(|it| it.1 == state).map(|it| it.0).collect()
    }

    /// Waits until nothing of the test is left, neither in Slurm's queue nor among the processes.
    #[track_caller]
    fn is_left_clean(&self) {
        wait_for("an empty queue", || self.queue().is_empty());
        wait_for("the end of all launchers", || {
            with_word(&self.name).is_empty()
        });
    }
}

impl Drop for Slurm {
    /// A test that failed leaves nothing to the others.
    fn drop(&mut self) {
        let _ = Command::new("scancel").args(["-n", &self.name]).status();
    }
}

/// Runs one of Slurm's commands, and gives what it printed.
#[track_caller]
fn slurm(words: &[&str]) -> String {
    let command = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let error = String::from_utf8_lossy(&command.stderr);
    assert!(command.status.success(), "{words:?}: {error}");
    String::from_utf8(command.stdout).unwrap()
}

/// Jobs that sleep as long as a file is missing, and then print their allocation.
fn sleepers(count: usize, file: &str) -> String {
    format!("while ! test -e {file}; do sleep 0.05; done; echo $SLURM_JOB_ID\n").repeat(count)
}

/// A run of four such jobs on two machines, and the ids of their allocations.
fn four_on_two(slurm: &Slurm, options: &str, more: &[&str]) -> (Run, Dir, Vec<String>) {
    let dir = Dir::new();
    let launch = slurm.srun(options);
    let log = dir.text("log");
    let mut words = Slurm::words(&launch, "4", &["--joblog", &log]);
    words.extend(more);
    let jobs = sleepers(4, &dir.text("go"));
    let mut run = Run::start(remuda(&words), &jobs);
    wait_for("two workers with two jobs each", || {
        assert!(!run.is_over(), "it ended early");
        sleeping(&dir) == 4
    });
    let running = slurm.in_state("RUNNING");
    assert_eq!(running.len(), 2);
    (run, dir, running)
}

/// How many of the jobs that wait for the file `go` run at the moment.
fn sleeping(dir: &Dir) -> usize {
    let script = format!("while ! test -e {};", dir.text("go"));
    let is_job = |words: &[String]| words.get(2).is_some_and(|word| word.starts_with(&script));
    let processes = processes().into_iter();
    processes.filter(|it| is_job(&it.words)).count()
}

/// Lets the sleepers go when four run again, and checks that all went well although a machine with two of them was lost.
#[track_caller]
fn ends_well(run: Run, dir: &Dir, slurm: &Slurm, lost: &str) -> Finished {
    let gone = || slurm.in_state("RUNNING").iter().all(|id| id != lost);
    wait_for("the jobs to run again", || gone() && sleeping(dir) == 4);
    dir.write("go", "");
    let finished = run.finish();
    finished.ends(0, "4 jobs: 4 ok, 0 failed; 2 lost and run again; ");
    assert!(finished.out.lines().all(|id| id != lost));
    let attempts = dir.joblog("log");
    let again = attempts.iter().filter(|it| it["attempts"] == 2).count();
    assert_eq!(again, 2, "{attempts:?}");
    slurm.is_left_clean();
    finished
}

#[test]
fn srun_starts_machines_and_all_output_comes_through() {
    let Some(slurm) = Slurm::new("srun") else {
        return;
    };
    // Bytes of all values, long lines, short lines, none at the end.
    let script = "awk 'BEGIN { for (i = 0; i < 200000; i++) printf \"%c\", i % 256 }'; seq 20000; printf end";
    let local = Command::new("sh").args(["-c", script]).output().unwrap();
    let dir = Dir::new();
    let jobs = format!("{script}\n").repeat(12) + &on_all(3, &dir).repeat(24);
    let jobs = dir.write("jobs", jobs);
    let launch = slurm.srun("");
    let mut words = Slurm::words(&launch, "6", &["--keep-order"]);
    words.push(&jobs);
    let output = remuda(&words).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().next_back().unwrap_or_default();
    let summary = "36 jobs: 36 ok, 0 failed; 0 lost and run again; 3 machines started, 0 lost; ";
    assert!(last.starts_with(summary), "{said}");
    let whole = local.stdout.repeat(12);
    assert!(output.stdout == whole, "{} bytes", output.stdout.len());
    assert_eq!(allocations(&said).len(), 3, "{said}");
    slurm.is_left_clean();
}

#[test]
fn what_the_readme_says_of_srun_works() {
    // The name that srun gives it.
    let Some(slurm) = Slurm::new("remuda") else {
        return;
    };
    let dir = Dir::new();
    dir.write("jobs.txt", on_all(4, &dir).repeat(16));
    let output = readme("srun", &dir);
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().next_back().unwrap_or_default();
    let summary = "16 jobs: 16 ok, 0 failed; 0 lost and run again; 4 machines started, 0 lost; ";
    assert!(last.starts_with(summary), "{said}");
    assert_eq!(allocations(&said).len(), 4, "{said}");
    wait_for("an empty queue", || slurm.queue().is_empty());
}

/// The allocations that those jobs have printed.
fn allocations(said: &str) -> BTreeSet<u32> {
    said.lines().filter_map(|line| line.parse().ok()).collect()
}

/// A job that waits until such jobs have run in so many allocations, and prints its own on standard error.
fn on_all(count: usize, dir: &Dir) -> String {
    let id = dir.text("id");
    format!(
        "touch {id}.$SLURM_JOB_ID; until [ $(ls {id}.* | wc -l) -ge {count} ]; do sleep 0.05; done; echo $SLURM_JOB_ID >&2\n"
    )
}

/// Runs the block of README that is marked so, in a directory, as somebody would who has installed it.
fn readme(mark: &str, dir: &Dir) -> Output {
    let readme = fs::read_to_string("../README.md").unwrap();
    let marked = readme.split_once(&format!("<!-- slurm: {mark} -->\n```sh\n"));
    let (_, block) = marked.expect("README has it");
    let (block, _) = block.split_once("```").unwrap();
    let programs = Path::new(REMUDA).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", block]).current_dir(dir.path());
    let command = command.env("PATH", format!("{programs}:{path}"));
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn hours_in_the_queue_are_no_start_failure() {
    let Some(slurm_) = Slurm::new("hours") else {
        return;
    };
    let launch = slurm_.srun("--hold");
    let words = Slurm::words(
        &launch,
        "2",
        &["--start-timeout", "1", "--give-up-after", "2"],
    );
    let mut run = Run::start(remuda(&words), "echo at last\n");
    wait_for("the allocation to be queued", || {
        slurm_.in_state("PENDING").len() == 1
    });
    std::thread::sleep(Duration::from_secs(4));
    assert!(!run.is_over());
    let pending = slurm_.in_state("PENDING");
    slurm(&["scontrol", "release", &pending[0]]);
    let finished = run.finish();
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    assert_eq!(finished.out, "at last\n");
    assert!(!finished.err.contains("did not start"), "{}", finished.err);
    slurm_.is_left_clean();
}

#[test]
fn an_allocation_that_is_cancelled_is_a_machine_lost() {
    let Some(slurm_) = Slurm::new("cancelled") else {
        return;
    };
    let (run, dir, running) = four_on_two(&slurm_, "", &[]);
    slurm(&["scancel", &running[0]]);
    ends_well(run, &dir, &slurm_, &running[0]);
}

#[test]
fn a_node_that_goes_down_is_a_machine_lost() {
    let Some(slurm_) = Slurm::new("down") else {
        return;
    };
    let (run, dir, running) = four_on_two(&slurm_, "-p frail --exclusive", &[]);
    let node = slurm(&["squeue", "-h", "-j", &running[0], "-o", "%N"]);
    let node = format!("nodename={}", node.trim());
    slurm(&["scontrol", "update", &node, "state=down", "reason=test"]);
    wait_for("the end of that allocation", || {
        !slurm_.in_state("RUNNING").contains(&running[0])
    });
    // Its slurmd may have had it back by itself.
    let resume = ["update", &node, "state=resume"];
    let _ = Command::new("scontrol").args(resume).output();
    ends_well(run, &dir, &slurm_, &running[0]);
}

#[test]
fn a_walltime_that_ends_is_a_machine_lost() {
    let Some(slurm_) = Slurm::new("walltime") else {
        return;
    };
    let (run, dir, running) = four_on_two(&slurm_, "-t 10", &[]);
    // Limits are whole minutes; that they end earlier has to be said.
    let (job, end) = (format!("jobid={}", running[0]), "endtime=now+1");
    slurm(&["scontrol", "update", &job, end]);
    ends_well(run, &dir, &slurm_, &running[0]);
}

#[test]
fn a_worker_that_hangs_gives_its_allocation_back() {
    let Some(slurm_) = Slurm::new("hangs") else {
        return;
    };
    let (run, dir, _) = four_on_two(&slurm_, "", &["--silent-after", "2"]);
    let worker = stopped_worker(&slurm_);
    ends_well(run, &dir, &slurm_, &worker);
}

/// Stops a worker of the test's, and gives the id of its allocation.
fn stopped_worker(slurm: &Slurm) -> String {
    let name = format!("SLURM_JOB_NAME={}", slurm.name);
    for process in processes() {
        let environ = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ).into_owned();
        let mut variables = environ.split('\0');
        let id = variables.clone();
        let mut id = id.filter_map(|it| it.strip_prefix("SLURM_JOB_ID="));
        let is_worker = process.words.first().is_some_and(|word| word == REMUDA)
            && process.words.get(1).is_some_and(|word| word == "worker");
        if is_worker && variables.any(|it| it == name) {
            kill(process.pid, Signal::STOP);
            return id.next().unwrap().to_owned();
        }
    }
    panic!("there is no worker");
}

#[test]
fn ctrl_c_and_a_killed_driver_leave_no_allocation() {
    for signal in [Signal::INT, Signal::KILL] {
        let Some(slurm) = Slurm::new(&format!("ends{}", signal.as_raw())) else {
            return;
        };
        let (run, dir, _) = four_on_two(&slurm, "", &[]);
        run.signal(signal);
        wait_for("the end of the jobs", || sleeping(&dir) == 0);
        let finished = run.finish();
        assert_eq!(finished.status, (signal == Signal::INT).then_some(130));
        slurm.is_left_clean();
    }
}

#[test]
fn ctrl_c_and_a_killed_driver_leave_nothing_in_the_queue() {
    for signal in [Signal::INT, Signal::KILL] {
        let Some(slurm) = Slurm::new(&format!("queued{}", signal.as_raw())) else {
            return;
        };
        let launch = slurm.srun("--hold");
        let words = Slurm::words(&launch, "4", &[]);
        let run = Run::start(remuda(&words), "true\ntrue\ntrue\n");
        wait_for("two allocations in the queue", || {
            slurm.in_state("PENDING").len() == 2
        });
        run.signal(signal);
        let finished = run.finish();
        assert_eq!(finished.status, (signal == Signal::INT).then_some(130));
        slurm.is_left_clean();
    }
}

#[test]
fn a_second_ctrl_c_leaves_no_allocation_either() {
    let Some(slurm) = Slurm::new("twice") else {
        return;
    };
    let (run, dir, _) = four_on_two(&slurm, "", &[]);
    // Which keeps the first one waiting.
    let _ = stopped_worker(&slurm);
    run.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, Some(130));
    wait_for("the end of the jobs", || sleeping(&dir) == 0);
    slurm.is_left_clean();
}
