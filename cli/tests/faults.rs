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
    let launch = launch("m0", "ulimit -n 12");
    let words = [&TWO[..], &["--launch", &launch]].concat();
    let finished = run(&words, &echoes(200));
    finished.ends(0, "200 jobs: 200 ok, 0 failed; ");
    finished.says("warning: machine m0 cannot run jobs, which are run elsewhere: ");
    finished.says("Too many open files");
    assert_eq!(finished.sorted(), echoed(200));
}

#[test]
fn a_job_that_no_machine_can_run_fails_after_its_attempts_and_says_why() {
    let launch = launch("*", "ulimit -n 12");
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
    // Each goes on until both run, so that there is one on each machine.
    let at = dir.text("meeting");
    let meet = format!(
        "mkdir -p {at}; touch {at}/$REMUDA_JOB; until [ -e {at}/1 -a -e {at}/2 ]; do sleep 0.02; done"
    );
    let finished = run(&words, &format!("{meet}; [ -z \"$ILL\" ]\n").repeat(2));
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

/// Two jobs, known by a mark, that end when there is a file `go`.
fn jobs_that_wait(mark: &str) -> (Dir, String) {
    let dir = Dir::new();
    let go = dir.text("go");
    let job = format!("sleep {mark} & until [ -e '{go}' ]; do sleep 0.1; done; echo done\n");
    (dir, job.repeat(2))
}

#[test]
fn a_driver_that_was_stopped_for_long_loses_no_machine() {
    let mark = mark();
    let (dir, jobs) = jobs_that_wait(&mark);
    let words = [&TWO[..], &["--silent-after", "2"]].concat();
    let run = Run::start(remuda(&words), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 2);
    run.signal(Signal::STOP);
    sleep(Duration::from_secs(4));
    run.signal(Signal::CONT);
    // Time enough to lose a machine, if one is to be lost.
    sleep(Duration::from_secs(2));
    dir.write("go", "");
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
    let (dir, jobs) = jobs_that_wait(&mark);
    let words = [&TWO[..], &["--silent-after", "2", "--launch", &launch]].concat();
    let run = Run::start(remuda(&words), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 2);
    let all = [run.workers(), vec![run.pid()]].concat();
    all.iter().for_each(|pid| kill(*pid, Signal::STOP));
    sleep(Duration::from_secs(4));
    all.iter().for_each(|pid| kill(*pid, Signal::CONT));
    sleep(Duration::from_secs(2));
    dir.write("go", "");
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

/// Runs a job behind a connection that `part` cuts, by the launcher `first`, which has the two ends of it as `{in}` and
/// `{out}`: its first attempt must be dead when its second one looks.
fn run_behind_a_connection(dir: &Dir, first: &str, part: impl FnOnce(&Elsewhere)) {
    let mark = mark();
    let elsewhere = Elsewhere::start(dir);
    let first = first.replace("{in}", &dir.text("in"));
    let launch = launch("m0", &first.replace("{out}", &dir.text("out")));
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
    part(&elsewhere);
    let finished = run.finish();
    finished.ends(0, "1 job: 1 ok, 0 failed; 1 lost and run again; ");
    assert_eq!(finished.out, "0\n", "it still ran elsewhere");
}

#[test]
fn a_job_behind_a_cut_connection_is_dead_before_it_runs_again() {
    let first = "exec 3<&0; cat <&3 >{in} & exec cat {out}";
    run_behind_a_connection(&Dir::new(), first, Elsewhere::part);
}

#[test]
fn a_connection_that_its_launcher_gives_up_is_no_proof_that_its_job_is_dead() {
    let dir = Dir::new();
    let cut = dir.text("cut");
    let first = format!(
        "exec 3<&0; cat <&3 >{{in}} & one=$!; cat {{out}} & until [ -e {cut} ]; do sleep 0.1; done; kill $one $!; exit 255"
    );
    run_behind_a_connection(&dir, &first, |elsewhere| {
        elsewhere.part();
        dir.write("cut", "");
    });
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

/// `unshare` with words that give its command a name space of processes, in which it is the first.
fn unshared(command: &Command) -> Option<Command> {
    let words = ["--pid", "--fork", "--mount-proc"];
    let mine = ["--user", "--map-root-user"];
    for more in [&[][..], &mine] {
        let mut unshare = Command::new("unshare");
        unshare.args(more).args(words);
        let mut probe = Command::new("unshare");
        let allowed = probe.args(more).args(words).arg("true").output();
        if allowed.is_ok_and(|output| output.status.success()) {
            unshare.arg(command.get_program()).args(command.get_args());
            return Some(unshare);
        }
    }
    let said = b"SKIPPED: a name space of processes is not allowed here\n";
    let _ = std::io::Write::write_all(&mut std::io::stderr(), said);
    None
}

#[test]
fn as_the_first_process_of_a_container_it_leaves_no_zombie() {
    // Workers that are killed leave their guards, and jobs what they have started in the background.
    let lost = "[ $REMUDA_ATTEMPT = 2 ] || { kill -9 $PPID; sleep 60; }\n".repeat(3);
    let left = "setsid sh -c 'sleep 0.1' & setsid sh -c 'sleep 0.2' &\n".repeat(3);
    let count = "sleep 1; for n in 1 2 3 4 5 6 7 8 9; do \
                 zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '); \
                 [ $zombies = 0 ] && break; sleep 0.2; done; echo $zombies of $$; exit 7\n";
    let jobs = lost + &left + count;
    let words = ["--max-procs", "1", "--keep-order"];
    let Some(command) = unshared(&remuda(&words)) else {
        return;
    };
    let finished = Run::start(command, &jobs).finish();
    finished.ends(1, "7 jobs: 6 ok, 1 failed; 3 lost and run again; ");
    assert!(finished.out.starts_with("0 of "), "{}", finished.out);
    // It was in such a name space.
    let pid = finished.out.trim().rsplit(' ').next().unwrap();
    assert!(pid.parse::<u32>().unwrap() < 500, "{}", finished.out);
}

#[test]
fn as_the_first_process_it_passes_signals_on_and_leaves_nothing() {
    let mark = mark();
    let words = ["--max-procs", "1", "--attempts", "3", "-"];
    let Some(command) = unshared(&remuda(&words)) else {
        return;
    };
    let mut run = Run::start(command, &format!("sleep {mark}\n"));
    wait_for("the job", || with_word(&mark).len() == 1);
    let own = run.pid().to_string();
    let first = support::processes()
        .into_iter()
        .find(|process| process.parent == own);
    kill(first.expect("unshare has a child").pid, Signal::TERM);
    wait_for("the end", || run.is_over());
    let finished = run.finish();
    finished.ends(130, "1 job: 0 ok, 0 failed, 1 interrupted; ");
    assert_eq!(with_word(&mark), Vec::<u32>::new());
}

#[test]
fn a_launcher_is_told_to_end_when_the_run_is() {
    let dir = Dir::new();
    let told = dir.text("told");
    // It waits in a queue, as srun may, and takes its time to leave it.
    let script = dir.write(
        "launcher",
        format!("trap 'sleep 0.5; echo $1 >> {told}; exit 0' TERM\necho $1 >> {told}.here\nsleep 1000 & wait\n"),
    );
    let launch = format!("sh '{script}' {{machine}}");
    let words = [&TWO[..], &["--launch", &launch]].concat();
    let run = Run::start(remuda(&words), "true\ntrue\n");
    wait_for("two launchers", || dir.lines("told.here") == 2);
    run.signal(Signal::INT);
    run.finish()
        .ends(130, "2 jobs: 0 ok, 0 failed, 2 not run; ");
    assert_eq!(dir.lines("told"), 2);
}

#[test]
fn what_is_lost_because_the_driver_slept_counts_no_attempt() {
    let mark = mark();
    // Workers of another program give up when they hear nothing for long.
    let launch = launch("none", "true");
    let jobs = format!("[ $REMUDA_ATTEMPT = 2 ] || sleep {mark}; echo done\n").repeat(2);
    let rest = [
        "--silent-after",
        "2",
        "--attempts",
        "1",
        "--launch",
        &launch,
    ];
    let run = Run::start(remuda(&[&TWO[..], &rest].concat()), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 2);
    run.signal(Signal::STOP);
    wait_for("the workers to give up", || with_word(&mark).is_empty());
    sleep(Duration::from_secs(5));
    run.signal(Signal::CONT);
    let finished = run.finish();
    finished.ends(0, "2 jobs: 2 ok, 0 failed; 2 lost and run again; ");
}

#[test]
fn what_is_lost_with_a_machine_that_drains_counts_no_attempt() {
    let (dir, mark) = (Dir::new(), mark());
    let log = dir.text("log");
    // The first machine has the long job, and is set aside for the short ones.
    let launch = launch("m0", "export ILL=1;; *) sleep 1");
    let jobs = format!("[ $REMUDA_ATTEMPT = 2 ] || sleep {mark}; echo long\n")
        + &"sleep 0.1; [ -z \"$ILL\" ]\n".repeat(20);
    let rest = [
        "--max-procs",
        "4",
        "--machine-procs",
        "2",
        "--attempts",
        "1",
        "--suspect",
        "1",
        "--joblog",
        &log,
        "--launch",
        &launch,
    ];
    let run = Run::start(remuda(&rest), &jobs);
    wait_for("the short jobs", || dir.lines("log") == 20);
    kill(worker_of(&mark), Signal::KILL);
    let finished = run.finish();
    finished.ends(0, "21 jobs: 21 ok, 0 failed; 1 lost and run again; ");
    finished.says("warning: machine m0 is set aside: ");
}

/// The worker that runs the job with this mark: the parent of the shell that waits for it.
fn worker_of(mark: &str) -> u32 {
    let all = support::processes();
    let parent = |pid: u32| -> u32 {
        let process = all.iter().find(|process| process.pid == pid);
        process.expect("it is there").parent.parse().unwrap()
    };
    parent(parent(with_word(mark)[0]))
}

#[test]
fn many_machines_end_silently_and_leave_nothing() {
    let mark = mark();
    let words = ["--max-procs", "60", "--machine-procs", "1"];
    // Each has had a job, one of which left a process in a group of its own behind.
    let jobs = "sleep 1\n".repeat(59) + &format!("bash -c 'set -m; sleep {mark} & sleep 1'\n");
    let finished = run(&words, &jobs);
    assert_eq!(with_word(&mark), Vec::<u32>::new());
    finished.ends(0, "60 jobs: 60 ok, 0 failed; ");
    assert_eq!(finished.err.lines().count(), 1, "{}", finished.err);
}
