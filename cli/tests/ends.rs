//! How a run ends before its jobs do: signals, readers that leave, terminals that block.
mod support;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use support::{Dir, Run, ignores, mark, remuda, remuda_after, wait_for, with_word};

/// One job that ends, two that do not, two that wait, in a run that has come so far.
fn hanging(prelude: &str, more: &[&str]) -> (Run, String, Dir) {
    let (mark, dir) = (mark(), Dir::new());
    let log = dir.text("log");
    let jobs = format!(
        "echo finished\n{}",
        format!("echo never; sleep {mark}\n").repeat(4)
    );
    let words = ["--max-procs", "2", "--machine-procs", "1", "--joblog", &log];
    let words: Vec<&str> = words.iter().chain(more).copied().collect();
    let run = Run::start(remuda_after(prelude, &words), &jobs);
    wait_for("two sleepers", || {
        with_word(&mark).len() == 2 && dir.lines("log") == 1
    });
    (run, mark, dir)
}

#[test]
fn a_signal_ends_jobs_and_workers_and_the_summary_is_printed() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (run, mark, dir) = hanging("", &[]);
        if ignores(run.pid(), signal) {
            eprintln!("SKIPPED: {signal:?} is ignored here, as under nohup");
            run.signal(Signal::INT);
            run.finish();
            continue;
        }
        let workers = run.workers();
        run.signal(signal);
        let finished = run.finish();
        finished.ends(
            130,
            "5 jobs: 1 ok, 0 failed, 2 interrupted, 2 not run; 0 lost and run again; 2 machines started, 0 lost; ",
        );
        // What they had printed by then is there, and said to be that.
        assert_eq!(finished.out, "finished\nnever\nnever\n");
        finished.says("remuda: job 2 was interrupted: its output is what it had printed by then\n");
        assert_eq!(with_word(&mark), Vec::<u32>::new());
        assert!(
            workers
                .iter()
                .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        );
        let states: Vec<_> = dir
            .joblog("log")
            .iter()
            .map(|line| line["state"].clone())
            .collect();
        assert_eq!(states, ["ok", "interrupted", "interrupted"]);
    }
}

#[test]
fn output_that_waits_for_its_turn_is_not_lost_to_a_signal() {
    let (mark, dir) = (mark(), Dir::new());
    let jobs = format!("sleep {mark}\necho b\nexit 3\necho d\n");
    let log = dir.text("log");
    let words = [
        "--keep-order",
        "--max-procs",
        "2",
        "--machine-procs",
        "2",
        "--joblog",
        &log,
    ];
    let run = Run::start(remuda(&words), &jobs);
    wait_for("the others to end", || dir.lines("log") == 3);
    run.signal(Signal::INT);
    let finished = run.finish();
    finished.ends(130, "4 jobs: 2 ok, 1 failed, 1 interrupted; ");
    finished.says("remuda: job 3 failed: exit status 3\n");
    assert_eq!(finished.out, "b\nd\n");
}

#[test]
fn the_second_signal_ends_it_at_once() {
    // A stopped worker keeps the first one waiting, for longer than the test takes.
    let (mut run, mark, _dir) = hanging("", &["--grace", "10m"]);
    let workers = run.workers();
    for &worker in &workers {
        support::kill(worker, Signal::STOP);
    }
    run.signal(Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(!run.is_over());
    run.signal(Signal::INT);
    let since = std::time::Instant::now();
    wait_for("the driver's end", || run.is_over());
    // Half of what it takes to find that a worker is silent.
    assert!(since.elapsed().as_secs() < 30);
    assert_eq!(run.finish().status, Some(130));
    // Awake again, the workers find their driver gone and take their jobs along.
    for worker in workers {
        support::kill(worker, Signal::CONT);
    }
    wait_for("the jobs' end", || with_word(&mark).is_empty());
}

#[test]
fn a_hang_up_that_was_ignored_stays_so_and_an_interrupt_does_not() {
    let (mut run, mark, _dir) = hanging("trap '' HUP INT", &[]);
    run.signal(Signal::HUP);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!run.is_over() && with_word(&mark).len() == 2);
    run.signal(Signal::INT);
    run.finish()
        .ends(130, "5 jobs: 1 ok, 0 failed, 2 interrupted, 2 not run");
}

#[test]
fn it_ends_when_the_reader_of_its_output_has_left() {
    let mark = mark();
    let jobs = format!("sleep {mark}\n{}", "echo line\n".repeat(1000));
    let mut command = remuda(&["--max-procs", "2"]);
    let dir = Dir::new();
    let file = dir.write("jobs", jobs);
    let mut run = Run::spawn(
        command
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    // What `head -1` does.
    let mut out = run.child().stdout.take().unwrap();
    out.read_exact(&mut [0; 5]).unwrap();
    drop(out);
    let mut err = run.child().stderr.take().unwrap();
    let finished = run.finish();
    let mut said = String::new();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(finished.status, Some(1), "{said}");
    assert!(
        said.contains("remuda: cannot write to standard output: Broken pipe (os error 32)\n"),
        "{said}"
    );
    assert!(
        said.lines().next_back().unwrap().contains(" not run; "),
        "{said}"
    );
    assert_eq!(with_word(&mark), Vec::<u32>::new());
}

#[test]
fn a_full_standard_output_is_told() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = remuda(&["-"]);
    command
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped());
    let mut run = Run::spawn(&mut command);
    std::io::Write::write_all(&mut run.child().stdin.take().unwrap(), b"echo a\n").unwrap();
    let mut said = String::new();
    run.child()
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(run.finish().status, Some(1));
    assert!(
        said.contains("remuda: cannot write to standard output: No space left on device"),
        "{said}"
    );
}

#[test]
fn a_closed_standard_output_is_told_before_the_first_job() {
    let dir = Dir::new();
    let begun = dir.text("begun");
    let closed = |streams: &str, flag: &str| {
        let mut command = Command::new("sh");
        let script = format!("exec \"$0\" run {flag} ::: \"$1\" {streams}");
        let job = format!("touch {begun}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_remuda"), &job]);
        command.output().expect("sh runs")
    };
    for (streams, flag) in [(">&-", ""), (">&- 2>&1", ""), (">&-", "--dry-run")] {
        let ended = closed(streams, flag);
        assert_eq!(ended.status.code(), Some(2), "{streams}");
        let said = String::from_utf8(ended.stderr).unwrap();
        let expected =
            "remuda: the standard output is closed: to throw output away, say >/dev/null\n";
        assert!(said == expected || streams.contains("2>&1"), "{said}");
        assert!(!Path::new(&begun).exists());
    }
    // Where it was not closed, but opened so.
    for streams in [
        ">/dev/null",
        "</dev/null >/dev/null 2>&1",
        "0<>/dev/null >&0 2>&0",
    ] {
        assert!(closed(streams, "").status.success(), "{streams}");
        std::fs::remove_file(&begun).expect("the job has run");
    }
}

#[test]
fn a_job_log_that_fills_up_is_told_once_and_the_run_goes_on() {
    let finished = support::run(&["--joblog", "/dev/full"], &support::echoes(20));
    finished.ends(1, "20 jobs: 20 ok, 0 failed; ");
    assert_eq!(
        finished
            .err
            .matches("--joblog /dev/full: No space left on device")
            .count(),
        1,
        "{}",
        finished.err
    );
    assert_eq!(finished.out.lines().count(), 20);
}

#[test]
fn a_standard_output_that_blocks_does_not_stop_the_run() {
    let dir = Dir::new();
    let log = dir.text("log");
    let jobs = format!("head -c 1000000 /dev/zero\n{}", support::echoes(500));
    let file = dir.write("jobs", jobs);
    let mut command = remuda(&["--max-procs", "2", "--joblog", &log, &file]);
    let mut run = Run::spawn(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    // Nobody reads, and all jobs end all the same.
    wait_for("all jobs to end", || dir.lines("log") == 501);
    assert!(!run.is_over());
    let mut bytes = Vec::new();
    run.child()
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(run.finish().status, Some(0));
    assert_eq!(bytes.iter().filter(|&&byte| byte == 0).count(), 1_000_000);
    assert_eq!(bytes.iter().filter(|&&byte| byte == b'\n').count(), 500);
}
