//! What a job costs the driver of `remuda run`: `cargo run --release -p remuda-benches --bin run_cost [JOBS]`
//!
//! Runs a tenth of so many jobs (100,000), then all of them, each `true` by `sh -c`, out of a pipe. Prints the processor time
//! of the driver's process, without its workers' and their jobs', and the most memory it had had when a tenth of the time
//! was over, and at the end: a job that is to be done takes some, one that is done no more. At last, how long after the command
//! its first job begins, as that job itself says, the median of eleven runs. `remuda` is taken from where this program is, so
//! build it first: `cargo build --release -p remuda-cli`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let jobs = std::env::args().nth(1);
    let jobs: u64 = jobs.map_or(100_000, |n| n.parse().expect("how many jobs"));
    for jobs in [jobs / 10, jobs] {
        let Cost {
            clock,
            driver,
            early,
            late,
        } = run(jobs);
        println!(
            "run: {jobs} jobs: driver {:.1} µs a job, {early} KiB after a tenth, {late} KiB at the end; {:.1} s",
            driver.as_secs_f64() * 1e6 / jobs as f64,
            clock.as_secs_f64()
        );
    }
    let mut waits: Vec<Duration> = (0..11).map(|_| first()).collect();
    waits.sort_unstable();
    println!(
        "run: its first job begins {:.1?} after the command",
        waits[5]
    );
}

/// `remuda`, which is built beside this program.
fn remuda() -> Command {
    let me = std::env::current_exe().expect("a path");
    Command::new(me.with_file_name("remuda"))
}

/// The time from the command to its first job.
fn first() -> Duration {
    let epoch = || SystemTime::UNIX_EPOCH.elapsed().expect("it is later");
    let begun = epoch();
    let ended = remuda().args(["run", ":::", "date +%s%N"]).output();
    let ended = ended.expect("`remuda` is built: cargo build --release -p remuda-cli");
    let said = String::from_utf8(ended.stdout).expect("digits are text");
    let nanos = said.trim().parse().expect("the job has run, and says when");
    Duration::from_nanos(nanos) - begun
}

struct Cost {
    clock: Duration,
    driver: Duration,
    early: u64,
    late: u64,
}

fn run(jobs: u64) -> Cost {
    let begun = Instant::now();
    let mut child = remuda()
        .args(["run", "--max-procs", "2", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("`remuda` is built: cargo build --release -p remuda-cli");
    let mut pipe = child.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || {
        let lines = "true\n".repeat(1_000);
        let mut left = jobs;
        while left > 0 {
            let now = left.min(1_000);
            let lines = &lines.as_bytes()[..now as usize * 5];
            pipe.write_all(lines).expect("it reads its jobs");
            left -= now;
        }
    });
    let proc = |file: &str| {
        let path = format!("/proc/{}/{file}", child.id());
        std::fs::read_to_string(path).expect("a process that was not waited for")
    };
    let mut memory = Vec::new();
    // One that has ended keeps its times until it is waited for, but not its memory.
    let ticks = loop {
        let stat = proc("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let fields: Vec<&str> = fields.split(' ').collect();
        if fields[0] == "Z" {
            let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
            break ticks(11) + ticks(12);
        }
        let status = proc("status");
        if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) {
            let words = line.split_whitespace().nth(1);
            let most: u64 = words.and_then(|n| n.parse().ok()).expect("a number");
            memory.push(most);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let clock = begun.elapsed();
    assert!(child.wait().expect("it is a child").success());
    writer.join().expect("it wrote all");
    Cost {
        clock,
        // Linux counts a hundred ticks a second for whoever reads them there.
        driver: Duration::from_millis(ticks * 10),
        early: memory[memory.len() / 10],
        late: memory[memory.len() - 1],
    }
}
