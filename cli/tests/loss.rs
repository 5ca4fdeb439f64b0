//! Machines that are lost under their jobs: each job runs again, its output appears once, and nothing runs twice at once.
mod support;

use rustix::process::Signal;

use support::{Dir, REMUDA, Run, echoed, echoes, kill, mark, remuda, run, wait_for, with_word};

#[test]
fn two_workers_killed_on_the_way_cost_no_line_and_print_none_twice() {
    let dir = Dir::new();
    let words = [
        "--max-procs",
        "4",
        "--machine-procs",
        "1",
        "--joblog",
        &dir.text("log"),
        "-",
    ];
    let run = Run::start(remuda(&words), &echoes(2000));
    for after in [200, 700] {
        wait_for("jobs to end", || dir.lines("log") >= after);
        kill(run.workers()[0], Signal::KILL);
    }
    let finished = run.finish();
    finished
        .ends(0, "2000 jobs: 2000 ok, 0 failed; ")
        .says(" started, 2 lost; ");
    assert_eq!(finished.sorted(), echoed(2000));
}

#[test]
fn a_job_lost_in_mid_run_is_dead_with_all_it_started_before_it_runs_again() {
    let dir = Dir::new();
    let mark = mark();
    // The search must not find itself.
    let pattern = mark.replacen('1', "[1]", 1);
    // The first attempt prints, leaves a child in the background and hangs in a pipe; the second looks for them.
    let job = format!(
        "echo out $REMUDA_ATTEMPT; echo err $REMUDA_ATTEMPT >&2; \
         if [ $REMUDA_ATTEMPT = 1 ]; then sleep {mark} & sleep {mark} | cat; fi; \
         grep -lxz '{pattern}' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"
    );
    let jobs = dir.write("jobs", format!("{job}\n"));
    let log = dir.text("log");
    let run = Run::start(remuda(&["--max-procs", "1", "--joblog", &log, &jobs]), "");
    wait_for("both sleepers", || with_word(&mark).len() == 2);
    kill(run.workers()[0], Signal::KILL);
    let finished = run.finish();
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 1 lost and run again; 2 machines started, 1 lost; ",
    );
    assert_eq!(finished.out, "out 2\n0\n");
    finished
        .says("err 2\n")
        .says("warning: machine m0")
        .says(" was lost: ");
    assert!(!finished.err.contains("err 1"), "{}", finished.err);
    let lines = dir.joblog("log");
    assert_eq!(
        (lines.len(), &lines[0]["attempts"], &lines[0]["machine"]),
        (1, &2.into(), &"m1".into())
    );
}

#[test]
fn a_job_that_is_lost_too_often_fails() {
    // It kills its own worker each time.
    let job = "echo $REMUDA_ATTEMPT; kill -9 $PPID; sleep 60\n";
    let finished = run(
        &["--max-procs", "1", "--attempts", "2"],
        &format!("{job}echo fine\n"),
    );
    finished.ends(
        1,
        "2 jobs: 1 ok, 1 failed; 1 lost and run again; 2 machines started, 2 lost; ",
    );
    finished.says("remuda: job 1 failed: lost with its machine 2 times, the last time as m");
    assert_eq!(finished.out, "fine\n");

    let finished = run(&["--max-procs", "1", "--attempts", "1"], job);
    finished.ends(
        1,
        "1 job: 0 ok, 1 failed; 0 lost and run again; 1 machine started, 1 lost; ",
    );
    finished
        .says("remuda: job 1 failed: lost with its machine once, the last time as m0 was lost: ");
}

#[test]
fn a_stopped_worker_is_noticed_and_replaced_within_the_time_said() {
    let mark = mark();
    let job = format!("[ $REMUDA_ATTEMPT = 2 ] || sleep {mark}; echo done\n");
    let run = Run::start(remuda(&["--max-procs", "1", "--silent-after", "2"]), &job);
    wait_for("the job", || with_word(&mark).len() == 1);
    kill(run.workers()[0], Signal::STOP);
    let finished = run.finish();
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 1 lost and run again; 2 machines started, 1 lost; ",
    );
    assert_eq!(finished.out, "done\n");
    // Without it the job would have slept for a quarter of an hour.
    assert!(finished.took.as_secs() < 30, "{:?}", finished.took);
    assert_eq!(with_word(&mark), Vec::<u32>::new());
}

#[test]
fn no_worker_and_no_job_survives_a_driver_that_is_killed() {
    let mark = mark();
    let jobs = format!("sleep {mark} & sleep {mark}\n").repeat(4);
    let mut run = Run::start(remuda(&["--max-procs", "4", "--machine-procs", "2"]), &jobs);
    wait_for("the jobs", || with_word(&mark).len() == 8);
    let workers = run.workers();
    assert_eq!(workers.len(), 2);
    run.signal(Signal::KILL);
    wait_for("the driver's end", || run.is_over());
    let since = std::time::Instant::now();
    wait_for("the jobs' end", || with_word(&mark).is_empty());
    wait_for("the workers' end", || {
        workers
            .iter()
            .all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    });
    // "A second or two", on a machine that may be busy.
    assert!(since.elapsed().as_secs() < 30, "{:?}", since.elapsed());
}

#[test]
fn a_launcher_that_starts_nothing_ends_the_run_with_its_reason() {
    let check = |launch: &str, reason: &str| {
        let finished = run(&["--launch", launch, "-"], &echoes(20));
        finished.ends(
            3,
            "20 jobs: 0 ok, 0 failed, 20 not run; 0 lost and run again; 0 machines started, 0 lost; ",
        );
        finished
            .says("remuda: no machine could be started: ")
            .says(reason);
        assert!(finished.took.as_secs() < 60, "{:?}", finished.took);
        assert_eq!(finished.out, "");
    };
    // Each waits for four steps of the back-off, about 7 s: at the same time.
    let cases = [
        ("false", "it ended (exit status: 1) before its hello"),
        ("/no/such/launcher", "No such file or directory"),
        (
            "sh -c 'echo the licence has expired >&2; exit 7'",
            "the licence has expired",
        ),
    ];
    std::thread::scope(|scope| {
        for (launch, reason) in cases {
            scope.spawn(move || check(launch, reason));
        }
    });
}

#[test]
fn a_launcher_may_be_any_command_and_may_print_first() {
    let launch = format!(
        "sh -c 'echo welcome to {{machine}}; exec \"$0\" worker --procs {{procs}}' '{REMUDA}'"
    );
    let finished = run(&["--launch", &launch, "--max-procs", "2"], &echoes(10));
    finished.ends(0, "10 jobs: 10 ok");
    assert_eq!(finished.sorted(), echoed(10));
}

#[test]
fn a_machine_with_fewer_procs_than_needed_is_refused() {
    let launch = format!("'{REMUDA}' worker --procs 1");
    let finished = run(&["--launch", &launch, "--machine-procs", "2"], "true");
    finished.ends(3, "1 job: 0 ok, 0 failed, 1 not run");
    finished.says("it offers 1 procs, and 2 are needed");
}

#[test]
fn a_signal_that_hits_a_job_whose_worker_is_told_to_end_too_has_not_failed_the_job() {
    let job = "test $REMUDA_ATTEMPT = 2 && exit; kill -TERM $PPID $$\n";
    let finished = run(&["--max-procs", "1"], job);
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 1 lost and run again; 2 machines started, 0 lost; ",
    );
}

#[test]
fn a_signal_that_hits_a_job_and_then_its_worker_has_not_failed_the_job() {
    // What kills the worker must have left the job's group before the job ends.
    let job = "test $REMUDA_ATTEMPT = 2 && exit; left=$(mktemp -u); \
        setsid sh -c \"touch $left; sleep 0.3; kill -9 $PPID\" >&- 2>&- & \
        until test -e $left; do sleep 0.02; done; rm $left; kill -TERM $$\n";
    let finished = run(&["--max-procs", "1"], job);
    finished.ends(
        0,
        "1 job: 1 ok, 0 failed; 1 lost and run again; 2 machines started, 1 lost; ",
    );
    // And one that hits the job alone has.
    let finished = run(&["--max-procs", "1"], "kill -TERM $$\n");
    finished.ends(1, "1 job: 0 ok, 1 failed; 0 lost and run again; ");
    finished.says("job 1 failed: killed by signal 15 (SIGTERM)");
}
