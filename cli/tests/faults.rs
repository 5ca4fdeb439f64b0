//! Faults of machines, of what starts them and of the driver's own host, and that they cost no job more than they must.
mod support;

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use support::{Dir, REMUDA, Run, echoed, echoes, kill, mark, remuda, run, wait_for, with_word};

/// A launch command that runs `first` on the machines that `pattern` names, as in `m0 | m1`, before it becomes a worker.
fn launch(pattern: &str, first: &str) -> String {
    let script = format!(
        "case {{machine}} in {pattern}) {first};; esac; exec \"$0\" worker --procs {{procs}}"
    );
    format!("sh -c '{script}' '{REMUDA}'")
}

const TWO: [&str; 4] = ["--max-procs", "2", "--machine-procs", "1"];

#[test]
fn a_machine_without_descriptors_costs_no_job() {
    let launch = launch("m0", "ulimit -n 10");
    let words = [&TWO[..], &["--launch", &launch]].concat();
    let finished = run(&words, &echoes(200));
    finished.ends(0, "200 jobs: 200 ok, 0 failed; ");
    finished.says("warning: machine m0 cannot run jobs, which are run elsewhere: ");
    finished.says("Too many open files");
    assert_eq!(finished.sorted(), echoed(200));
}

#[test]
fn a_job_that_no_machine_can_run_fails_after_its_attempts_and_says_why() {
    let launch = launch("*", "ulimit -n 10");
    let words = [&TWO[..], &["--launch", &launch, "--attempts", "1"]].concat();
    let finished = run(&words, "echo hi\n");
    finished.ends(1, "1 job: 0 ok, 1 failed; 0 lost and run again; ");
    finished.says("job 1 failed: no machine could run it, tried once, the last time m0: ");
}

#[test]
fn a_machine_on_which_jobs_fail_that_go_well_elsewhere_is_set_aside() {
    let dir = Dir::new();
    let log = dir.text("log");
    let launch = launch("m0", "export ILL=1");
    let jobs = "sleep 0.02; [ -z \"$ILL\" ] && echo ran\n".repeat(40) + "exit 3\n";
    let words = [
        &TWO[..],
        &["--launch", &launch, "--suspect", "3", "--joblog", &log],
    ]
    .concat();
    let finished = run(&words, &jobs);
    // The last one fails everywhere.
    finished.ends(1, "41 jobs: 40 ok, 1 failed; ");
    finished.says(
        "warning: machine m0 is set aside: 3 jobs in a row failed there and went well elsewhere\n",
    );
    assert_eq!(finished.out, "ran\n".repeat(40));
    let failed = dir.joblog("log").into_iter().find(|line| line["exit"] == 3);
    assert_eq!(failed.expect("it is in the log")["attempts"], 2);
    // Without the flag each is a failure of the job.
    let words = [&TWO[..], &["--launch", &launch]].concat();
    let finished = run(
        &words,
        "sleep 0.05; [ -z \"$ILL\" ]\nsleep 0.05; [ -z \"$ILL\" ]\n",
    );
    finished.ends(1, "2 jobs: 1 ok, 1 failed; ");
}

#[test]
fn a_provider_that_breaks_after_the_first_success_ends_the_run() {
    let dir = Dir::new();
    let program = dir.text("remuda");
    std::fs::copy(REMUDA, &program).unwrap();
    let launch = format!("'{program}' worker --procs {{procs}}");
    let words = [
        "--max-procs",
        "1",
        "--launch",
        &launch,
        "--give-up-after",
        "3",
    ];
    // The first job takes the program away, and its machine with it.
    let jobs = format!("rm '{program}'; kill -9 $PPID; sleep 60\n") + &echoes(3);
    let finished = run(&words, &jobs);
    finished.ends(
        3,
        "4 jobs: 0 ok, 0 failed, 4 not run; 1 lost and run again; ",
    );
    finished.says(
        "remuda: no machine could be started: nothing was in service for 3s; the last start: ",
    );
    finished.says("No such file or directory");
}

#[test]
fn a_driver_that_was_stopped_for_long_loses_no_machine() {
    let mark = mark();
    let jobs = format!("sleep {mark} & sleep 6; echo done\n").repeat(2);
    let words = [&TWO[..], &["--silent-after", "2"]].concat();
    let run = Run::start(remuda(&words), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 2);
    run.signal(Signal::STOP);
    sleep(Duration::from_secs(4));
    run.signal(Signal::CONT);
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 0 lost and run again; 2 machines started, 0 lost; ",
    );
}

#[test]
fn a_run_that_is_frozen_whole_loses_no_machine() {
    // As a container that is paused, or a laptop whose clocks go on. Its workers may be elsewhere: they would not wait for ever.
    let mark = mark();
    let launch = launch("none", "true");
    let jobs = format!("sleep {mark} & sleep 6; echo done\n").repeat(2);
    let words = [&TWO[..], &["--silent-after", "2", "--launch", &launch]].concat();
    let run = Run::start(remuda(&words), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 2);
    let all = [run.workers(), vec![run.pid()]].concat();
    all.iter().for_each(|pid| kill(*pid, Signal::STOP));
    sleep(Duration::from_secs(4));
    all.iter().for_each(|pid| kill(*pid, Signal::CONT));
    let finished = run.finish();
    finished.ends(
        0,
        "2 jobs: 2 ok, 0 failed; 0 lost and run again; 2 machines started, 0 lost; ",
    );
}

/// The other host's half of a connection: a worker behind two relays, which can be stopped as a network that passes nothing on.
struct Elsewhere(Vec<Child>);

impl Elsewhere {
    fn start(dir: &Dir) -> Elsewhere {
        use std::os::unix::process::CommandExt;
        let pipes = [("in", "to"), ("from", "out")];
        for name in ["in", "out"] {
            let (path, mode) = (dir.at(name), rustix::fs::Mode::RWXU);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }
        let [(into, _), (_, out)] = pipes;
        let relay = |words: &[&str], stdin: Stdio, stdout: Stdio| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).stdin(stdin).stdout(stdout);
            command.process_group(0).spawn().unwrap()
        };
        let (into, out) = (dir.text(into), dir.text(out));
        let open = format!("exec cat < '{into}'");
        let mut first = relay(&["sh", "-c", &open], Stdio::null(), Stdio::piped());
        let worker = [REMUDA, "worker", "--procs", "1"];
        let to = first.stdout.take().unwrap().into();
        let mut worker = relay(&worker, to, Stdio::piped());
        let open = format!("exec cat > '{out}'");
        let from = worker.stdout.take().unwrap().into();
        let last = relay(&["sh", "-c", &open], from, Stdio::null());
        Elsewhere(vec![first, last, worker])
    }

    /// Nothing passes any more, in either direction, and neither end hears of the other's.
    fn part(&self) {
        for relay in &self.0[..2] {
            kill(relay.id(), Signal::STOP);
        }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let group = Pid::from_raw(child.id().cast_signed()).unwrap();
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

#[test]
fn a_job_behind_a_cut_connection_is_dead_before_it_runs_again() {
    let (dir, mark) = (Dir::new(), mark());
    let elsewhere = Elsewhere::start(&dir);
    let (into, out) = (dir.text("in"), dir.text("out"));
    let first = format!("exec 3<&0; cat <&3 >{into} & exec cat {out}");
    let launch = launch("m0", &first);
    // The search must not find itself.
    let pattern = mark.replacen('1', "[1]", 1);
    let job = format!(
        "[ $REMUDA_ATTEMPT = 2 ] || sleep {mark}; grep -lxz '{pattern}' /proc/[0-9]*/cmdline 2>/dev/null | wc -l\n"
    );
    let words = [
        "--max-procs",
        "1",
        "--silent-after",
        "3",
        "--launch",
        &launch,
    ];
    let run = Run::start(remuda(&words), &job);
    wait_for("the job", || with_word(&mark).len() == 1);
    elsewhere.part();
    let finished = run.finish();
    finished.ends(0, "1 job: 1 ok, 0 failed; 1 lost and run again; ");
    assert_eq!(finished.out, "0\n", "it still ran elsewhere");
}

#[test]
fn what_workers_and_launchers_print_can_neither_move_the_cursor_nor_pass_for_a_line_of_ours() {
    let forged = r"\033[2J\033]0;x\007\r\n1 job: 1 ok, 0 failed; 0.1 s\nremuda: all is well\n";
    let launch = format!("sh -c \"printf '{forged}' >&2; exit 3\"");
    let finished = run(&["--launch", &launch, "-v"], "true");
    finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run");
    let plain = |c: char| !c.is_control() || c == '\n';
    assert!(finished.err.chars().all(plain), "{:?}", finished.err);
    let ours =
        |line: &str| line.starts_with("remuda: ") && !line.starts_with("remuda: all is well");
    let mut lines = finished.err.lines().rev().skip(1);
    assert!(lines.all(ours), "{}", finished.err);
    // What a job prints is the user's own.
    let finished = run(&[], "printf '\\033[1mbold\\n'\n");
    assert_eq!(finished.out, "\u{1b}[1mbold\n");
}

#[test]
fn starts_that_fail_again_and_again_are_told_once() {
    let words = [
        "--max-procs",
        "200",
        "--machine-procs",
        "1",
        "--launch",
        "/no/such/$LAUNCHER {machine}",
    ];
    let finished = run(&words, &"true\n".repeat(200));
    finished.ends(3, "200 jobs: 0 ok, 0 failed, 200 not run");
    finished.says("machine m0 did not start: `/no/such/$LAUNCHER m0`: it cannot be run: ");
    finished.says("(no shell reads this command, so `/no/such/$LAUNCHER` is taken as it is)");
    let lines = finished.err.lines().count();
    assert!(lines < 15, "{lines} lines:\n{}", finished.err);
}

#[test]
fn hundreds_of_machines_end_fast_and_silently() {
    let words = ["--max-procs", "300", "--machine-procs", "1"];
    // Each has had a job, one of which left its group behind.
    let mark = mark();
    let jobs = "sleep 2\n".repeat(299) + &format!("bash -c 'set -m; sleep {mark} & sleep 2'\n");
    let finished = run(&words, &jobs);
    assert_eq!(with_word(&mark), Vec::<u32>::new());
    finished.ends(0, "300 jobs: 300 ok, 0 failed; ");
    assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
}
