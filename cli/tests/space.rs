//! Bounds: of memory under large outputs, of open files under many that wait, of the disk they wait on.
mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Dir, Finished, Run, echoed, peak_kib, remuda, remuda_after, wait_for};

/// Resident memory neither side may exceed, however much a job prints. They have about 10 MiB with no output at all.
const MOST_KIB: u64 = 48 * 1024;

#[test]
fn a_job_that_prints_a_gibibyte_costs_no_memory() {
    let mut command = remuda(&["--max-procs", "1", "--quiet", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut run = Run::spawn(&mut command);
    let job = b"head -c 1073741824 /dev/zero; sleep 0.3\nsleep 0.3\n";
    std::io::Write::write_all(&mut run.child().stdin.take().unwrap(), job).unwrap();
    let mut out = run.child().stdout.take().unwrap();
    let count = std::thread::spawn(move || {
        let (mut block, mut count) = (vec![0; 1 << 20], 0_u64);
        loop {
            match out.read(&mut block).unwrap() {
                0 => return count,
                read => count += read as u64,
            }
        }
    });
    let (mut driver, mut worker) = (0, 0);
    wait_for("the run to end", || {
        driver = peak_kib(run.pid()).unwrap_or(0).max(driver);
        for pid in run.workers() {
            worker = peak_kib(pid).unwrap_or(0).max(worker);
        }
        run.is_over()
    });
    assert_eq!(run.finish().status, Some(0));
    assert_eq!(count.join().unwrap(), 1 << 30);
    assert!(
        (1..MOST_KIB).contains(&driver),
        "the driver had {driver} KiB"
    );
    assert!(
        (1..MOST_KIB).contains(&worker),
        "the worker had {worker} KiB"
    );
}

#[test]
fn two_thousand_outputs_that_wait_for_their_turn_need_few_files() {
    let dir = Dir::new();
    let (go, log) = (dir.text("go"), dir.text("log"));
    let first = format!("while [ ! -e {go} ]; do sleep 0.05; done; echo job 1\n");
    let rest: String = (2..=2001).map(|job| format!("echo job {job}\n")).collect();
    let words = [
        "--keep-order",
        "--max-procs",
        "4",
        "--machine-procs",
        "2",
        "--joblog",
        &log,
    ];
    let run = Run::start(remuda_after("ulimit -n 128", &words), &(first + &rest));
    wait_for("all others to end", || dir.lines("log") == 2000);
    dir.write("go", "");
    let finished = run.finish();
    finished.ends(0, "2001 jobs: 2001 ok, 0 failed; ");
    let lines: Vec<_> = finished.out.lines().collect();
    let expected: Vec<_> = (1..=2001).map(|job| format!("job {job}")).collect();
    assert_eq!(lines, expected);
}

/// A job that prints more than fits, others that do not; the first fails by name, the others are not touched.
fn with_too_little_space(mut start: impl FnMut(&[&str], &str) -> Finished, reason: &str) {
    let jobs = "echo before\nhead -c 8000000 /dev/zero; sleep 600\necho after\n";
    let finished = start(&["--max-procs", "1", "-"], jobs);
    finished.ends(
        1,
        "3 jobs: 2 ok, 1 failed; 0 lost and run again; 1 machine started, 0 lost; ",
    );
    finished
        .says("remuda: job 2 failed: cannot keep its output in ")
        .says(" (see TMPDIR): ")
        .says(reason);
    assert_eq!(finished.out, "before\nafter\n");
    // The job's sleep is not waited for.
    assert!(finished.took < Duration::from_secs(60));
}

#[test]
fn a_file_that_may_not_grow_fails_its_job_alone() {
    // The system's own limit for files, with its signal ignored: every write past 1 MiB fails.
    let prelude = "trap '' XFSZ; ulimit -f 2048";
    with_too_little_space(
        |words, jobs| Run::start(remuda_after(prelude, words), jobs).finish(),
        "File too large",
    );
}

#[test]
fn a_full_disk_fails_its_job_alone() {
    // A disk of its own for the run, seen by nobody else and gone with it: as root, or else as root of a user namespace.
    let namespaces: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let mount = |dir: &Dir| {
        format!(
            "mount -t tmpfs -o size=2m none '{0}' && TMPDIR='{0}'",
            dir.path().display()
        )
    };
    let works = |namespace: &&[&str]| {
        let dir = Dir::new();
        let mut probe = Command::new("unshare");
        probe.args(*namespace).args(["sh", "-c", &mount(&dir)]);
        probe.output().is_ok_and(|output| output.status.success())
    };
    let Some(namespace) = namespaces.iter().copied().find(works) else {
        // Said aloud, and not in vain: the test above is the same story with another reason.
        eprintln!(
            "no file system may be mounted here: a full disk is checked by its stand-in, a file that may not grow"
        );
        return a_file_that_may_not_grow_fails_its_job_alone();
    };
    let start = |words: &[&str], jobs: &str| {
        let dir = Dir::new();
        let prelude = format!("{} && export TMPDIR || exit 99", mount(&dir));
        let inner = remuda_after(&prelude, words);
        let mut command = Command::new("unshare");
        command
            .args(namespace)
            .arg(inner.get_program())
            .args(inner.get_args());
        Run::start(command, jobs).finish()
    };
    with_too_little_space(start, "No space left on device");
    // What a failed job had taken is free again at once: the first job prints more than half of the disk after the second
    // one has filled it.
    let dir = Dir::new();
    let go = dir.text("go");
    let jobs = format!(
        "printf x; until [ -e {go} ]; do sleep 0.05; done; head -c 1200000 /dev/zero\n\
         sleep 0.3; head -c 8000000 /dev/zero; sleep 600\ntouch {go}\n"
    );
    let finished = start(&["--max-procs", "2", "--quiet", "-"], &jobs);
    finished.ends(1, "3 jobs: 2 ok, 1 failed; ");
    assert_eq!(finished.out.len(), 1_200_001);
}

#[test]
fn many_jobs_at_a_time_get_the_files_they_need() {
    // 300 at a time, each with output, where 256 files are the rule and more may be had.
    let jobs: String = (1..=300)
        .map(|job| format!("echo job {job}; sleep 1; echo\n"))
        .collect();
    let words = ["--machine-procs", "300", "-"];
    let finished = Run::start(remuda_after("ulimit -S -n 256", &words), &jobs).finish();
    finished.ends(0, "300 jobs: 300 ok, 0 failed; ");
    let lines: Vec<_> = finished
        .sorted()
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines, echoed(300));
}
