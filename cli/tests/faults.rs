//! Faults of machines, of what starts them and of the driver's own host, and that they cost no job more than they must.
mod support;

use support::{Dir, REMUDA, echoed, echoes, run};

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
