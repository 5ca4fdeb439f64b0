//! `remuda run` on a real Slurm, which `scripts/slurm.sh` sets up. Without one these tests do nothing, and say so; the script
//! fails if one of them did.
mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;

use support::{Dir, Finished, REMUDA, Run, kill, processes, remuda, wait_for, with_word};

/// How a run gets its machines.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// `--launch 'srun …'`.
    Srun,
    /// `--start 'sbatch --array …'`, and workers that connect back.
    Array,
}

/// The Slurm, and a name that the test's allocations have in common.
struct Slurm {
    by: By,
    name: String,
    /// With the key of workers that connect back.
    dir: Dir,
    /// How long these try to.
    reconnect: u32,
}

impl Slurm {
    /// None where there is no Slurm.
    fn new(name: &str, by: By) -> Option<Slurm> {
        let Some(ran) = std::env::var_os("REMUDA_SLURM") else {
            eprintln!("SKIPPED: no Slurm here, see scripts/slurm.sh");
            return None;
        };
        let mut ran = File::options().append(true).open(ran).unwrap();
        let test = std::thread::current();
        writeln!(ran, "{}", test.name().expect("it is a test's")).unwrap();
        let dir = Dir::new();
        let made = Command::new(REMUDA)
            .args(["key", &dir.text("key")])
            .status();
        assert!(made.unwrap().success());
        let by_name = if by == By::Srun { "srun" } else { "array" };
        let name = format!("{name}-{by_name}");
        let reconnect = 30;
        Some(Slurm {
            by,
            name,
            dir,
            reconnect,
        })
    }

    /// `remuda run` with machines of two procs, started with these options of `srun` or `sbatch`, and these words.
    fn run(&self, options: &str, max_procs: u32, more: &[&str]) -> Command {
        let (name, reconnect) = (&self.name, self.reconnect);
        let mut words = vec!["--machine-procs".into(), "2".into()];
        words.extend(["--max-procs".into(), max_procs.to_string()]);
        match self.by {
            By::Srun => {
                let launch = format!("srun -J {name} -n1 -c2 {options} {REMUDA} worker");
                words.extend(["--launch".into(), launch]);
            }
            By::Array => {
                let worker = format!(
                    "{REMUDA} worker --connect {{address}} --key-file {{key}} --reconnect {reconnect} --id {{first}}+$SLURM_ARRAY_TASK_ID"
                );
                let start = format!(
                    "sbatch --parsable -J {name} --array=0-{{last_index}} -c{{procs}} --no-requeue -o /dev/null {options} --wrap \"{worker}\""
                );
                words.extend(["--start".into(), start]);
                words.extend(["--stop", "scancel {handle}_{index}"].map(str::to_owned));
                words.extend(["--listen", "127.0.0.1:0", "--key-file"].map(str::to_owned));
                words.push(self.dir.text("key"));
            }
        }
        words.extend(more.iter().map(|&word| word.to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        remuda(&words)
    }

    /// The test's allocations: id and state.
    fn queue(&self) -> Vec<(String, String)> {
        let said = slurm(&["squeue", "-h", "-r", "-n", &self.name, "-o", "%A %T"]);
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
    let log = dir.text("log");
    let mut words = vec!["--joblog", &log];
    words.extend(more);
    let jobs = sleepers(4, &dir.text("go"));
    let mut run = Run::start(slurm.run(options, 4, &words), &jobs);
    wait_for("two workers with two jobs each", || {
        if run.is_over() {
            panic!("it ended early");
        }
        sleeping(&dir).len() == 4
    });
    let running = slurm.in_state("RUNNING");
    assert_eq!(running.len(), 2);
    (run, dir, running)
}

/// The allocation of each job that waits for the file `go` at the moment.
fn sleeping(dir: &Dir) -> Vec<String> {
    let script = format!("while ! test -e {};", dir.text("go"));
    let mut jobs = processes();
    jobs.retain(|it| {
        it.words
            .get(2)
            .is_some_and(|word| word.starts_with(&script))
    });
    // A shell that is about to become a `sleep` has its parent's words.
    let pids: Vec<String> = jobs.iter().map(|it| it.pid.to_string()).collect();
    jobs.retain(|it| !pids.contains(&it.parent));
    jobs.iter()
        .filter_map(|it| variable(it.pid, "SLURM_JOB_ID"))
        .collect()
}

/// The value of a variable in the environment of a process, if that is there.
fn variable(pid: u32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environ = String::from_utf8_lossy(&environ).into_owned();
    let mut pairs = environ.split('\0').filter_map(|it| it.split_once('='));
    let (_, value) = pairs.find(|(it, _)| *it == name)?;
    Some(value.to_owned())
}

/// Lets the sleepers go when four run again, and checks that all went well although a machine with two of them was lost.
#[track_caller]
fn ends_well(run: Run, dir: &Dir, slurm: &Slurm, lost: &str) -> Finished {
    // Slurm gives the jobs of an allocation that ends some time, in which these could still end well.
    wait_for("the jobs to run again", || {
        let jobs = sleeping(dir);
        let gone = |ids: &[String]| ids.iter().all(|id| id != lost);
        jobs.len() == 4 && gone(&jobs) && gone(&slurm.in_state("RUNNING"))
    });
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

/// Each of these functions as two tests, one for each way to get machines.
macro_rules! by_both {
    ($($name:ident),* $(,)?) => {
        mod by_srun {
            $(#[test] fn $name() { super::$name(super::By::Srun); })*
        }
        mod by_array {
            $(#[test] fn $name() { super::$name(super::By::Array); })*
        }
    };
}

by_both!(
    all_output_comes_through,
    what_the_readme_says_works,
    hours_in_the_queue_are_no_start_failure,
    an_allocation_that_is_cancelled_is_a_machine_lost,
    a_node_that_goes_down_is_a_machine_lost,
    a_walltime_that_ends_is_a_machine_lost,
    a_worker_that_hangs_gives_its_allocation_back,
    ctrl_c_leaves_no_allocation,
    a_killed_driver_leaves_no_allocation,
    ctrl_c_leaves_nothing_in_the_queue,
);

fn all_output_comes_through(by: By) {
    let Some(slurm) = Slurm::new("output", by) else {
        return;
    };
    // Bytes of all values, long lines, short lines, none at the end.
    let script = "awk 'BEGIN { for (i = 0; i < 200000; i++) printf \"%c\", i % 256 }'; seq 20000; printf end";
    let local = Command::new("sh").args(["-c", script]).output().unwrap();
    let dir = Dir::new();
    let jobs = format!("{script}\n").repeat(12) + &on_all(3, &dir).repeat(24);
    let jobs = dir.write("jobs", jobs);
    let mut run = slurm.run("", 6, &["--keep-order", &jobs]);
    let output = run.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().next_back().unwrap_or_default();
    let summary = "36 jobs: 36 ok, 0 failed; 0 lost and run again; 3 machines started, 0 lost; ";
    assert!(last.starts_with(summary), "{said}");
    let whole = local.stdout.repeat(12);
    assert!(output.stdout == whole, "{} bytes", output.stdout.len());
    assert_eq!(allocations(&said).len(), 3, "{said}");
    slurm.is_left_clean();
}

fn what_the_readme_says_works(by: By) {
    // What Slurm calls them where nobody says otherwise.
    let (mark, name) = match by {
        By::Srun => ("srun", "remuda"),
        By::Array => ("array", "wrap"),
    };
    let Some(mut slurm) = Slurm::new(name, by) else {
        return;
    };
    slurm.name = name.into();
    let dir = Dir::new();
    dir.write("jobs.txt", on_all(4, &dir).repeat(16));
    let output = readme(mark, &dir);
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
    // A port that others do not use.
    let block = block.replace(":7000", ":0");
    let programs = Path::new(REMUDA).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", &block]).current_dir(dir.path());
    let command = command.env("PATH", format!("{programs}:{path}"));
    command.stdin(Stdio::null()).output().unwrap()
}

fn hours_in_the_queue_are_no_start_failure(by: By) {
    let Some(slurm_) = Slurm::new("hours", by) else {
        return;
    };
    let words = ["--start-timeout", "1", "--give-up-after", "2"];
    let mut run = Run::start(slurm_.run("--hold", 2, &words), "echo at last\n");
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

fn an_allocation_that_is_cancelled_is_a_machine_lost(by: By) {
    let Some(slurm_) = Slurm::new("cancelled", by) else {
        return;
    };
    let (run, dir, running) = four_on_two(&slurm_, "", &[]);
    slurm(&["scancel", &running[0]]);
    ends_well(run, &dir, &slurm_, &running[0]);
}

fn a_node_that_goes_down_is_a_machine_lost(by: By) {
    /// There are two such nodes.
    static FRAIL: Mutex<()> = Mutex::new(());
    let Some(slurm_) = Slurm::new("down", by) else {
        return;
    };
    let _one_at_a_time = FRAIL.lock();
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

fn a_walltime_that_ends_is_a_machine_lost(by: By) {
    let Some(slurm_) = Slurm::new("walltime", by) else {
        return;
    };
    let (run, dir, running) = four_on_two(&slurm_, "-t 10", &[]);
    // Limits are whole minutes; that they end earlier has to be said.
    let (job, end) = (format!("jobid={}", running[0]), "endtime=now+1");
    slurm(&["scontrol", "update", &job, end]);
    ends_well(run, &dir, &slurm_, &running[0]);
}

fn a_worker_that_hangs_gives_its_allocation_back(by: By) {
    let Some(slurm_) = Slurm::new("hangs", by) else {
        return;
    };
    let (run, dir, _) = four_on_two(&slurm_, "", &["--silent-after", "2"]);
    let worker = stopped_worker(&slurm_);
    ends_well(run, &dir, &slurm_, &worker);
}

/// Stops a worker of the test's, and gives the id of its allocation.
fn stopped_worker(slurm: &Slurm) -> String {
    for process in processes() {
        let is_worker = process.words.first().is_some_and(|word| word == REMUDA)
            && process.words.get(1).is_some_and(|word| word == "worker");
        if is_worker && variable(process.pid, "SLURM_JOB_NAME").as_ref() == Some(&slurm.name) {
            kill(process.pid, Signal::STOP);
            return variable(process.pid, "SLURM_JOB_ID").unwrap();
        }
    }
    panic!("there is no worker");
}

fn ctrl_c_leaves_no_allocation(by: By) {
    ended_by(Signal::INT, by);
}

fn a_killed_driver_leaves_no_allocation(by: By) {
    ended_by(Signal::KILL, by);
}

fn ended_by(signal: Signal, by: By) {
    let Some(mut slurm) = Slurm::new(&format!("ends{}", signal.as_raw()), by) else {
        return;
    };
    slurm.reconnect = 5;
    let (run, dir, _) = four_on_two(&slurm, "", &[]);
    run.signal(signal);
    wait_for("the end of the jobs", || sleeping(&dir).is_empty());
    let finished = run.finish();
    assert_eq!(finished.status, (signal == Signal::INT).then_some(130));
    slurm.is_left_clean();
}

fn ctrl_c_leaves_nothing_in_the_queue(by: By) {
    let Some((run, slurm)) = held("queued2", by) else {
        return;
    };
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, Some(130));
    slurm.is_left_clean();
}

/// A run with two machines that are in the queue, and stay there.
fn held(name: &str, by: By) -> Option<(Run, Slurm)> {
    let mut slurm = Slurm::new(name, by)?;
    slurm.reconnect = 5;
    let run = Run::start(slurm.run("--hold", 4, &[]), "true\ntrue\ntrue\n");
    wait_for("two allocations in the queue", || {
        slurm.in_state("PENDING").len() == 2
    });
    Some((run, slurm))
}

#[test]
fn a_killed_driver_leaves_no_srun_in_the_queue() {
    let Some((run, slurm)) = held("queued9", By::Srun) else {
        return;
    };
    run.signal(Signal::KILL);
    assert_eq!(run.finish().status, None);
    slurm.is_left_clean();
}

#[test]
fn an_array_whose_driver_was_killed_ends_when_its_turn_comes() {
    let Some((run, slurm_)) = held("queued9", By::Array) else {
        return;
    };
    run.signal(Signal::KILL);
    assert_eq!(run.finish().status, None);
    for id in slurm_.in_state("PENDING") {
        slurm(&["scontrol", "release", &id]);
    }
    slurm_.is_left_clean();
}

#[test]
fn a_second_ctrl_c_leaves_no_allocation_either() {
    let Some(slurm) = Slurm::new("twice", By::Srun) else {
        return;
    };
    let (run, dir, _) = four_on_two(&slurm, "", &[]);
    // Which keeps the first one waiting.
    let _ = stopped_worker(&slurm);
    run.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    run.signal(Signal::INT);
    assert_eq!(run.finish().status, Some(130));
    wait_for("the end of the jobs", || sleeping(&dir).is_empty());
    slurm.is_left_clean();
}

#[test]
fn what_slurm_says_of_a_start_that_it_refuses_is_told() {
    for (by, said) in [
        (
            By::Srun,
            "srun: error: invalid partition specified: nowhere",
        ),
        (
            By::Array,
            "sbatch: error: invalid partition specified: nowhere",
        ),
    ] {
        let Some(slurm) = Slurm::new("refused", by) else {
            return;
        };
        let finished = Run::start(slurm.run("-p nowhere", 2, &[]), "true\n").finish();
        finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run; ");
        finished.says(said);
    }
}
