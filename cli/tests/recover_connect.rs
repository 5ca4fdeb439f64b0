//! Runs that are killed (-9) and go on, with workers that connect back: their jobs go on meanwhile.
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

#[path = "support/connected.rs"]
mod connected;

use connected::{Worker, address, key};
use support::{Dir, REMUDA, Run, mark, start_appending, wait_for, with_word};

fn kill(mut run: Run) {
    run.signal(Signal::KILL);
    wait_for("its end", || run.is_over());
}

fn err(dir: &Dir) -> String {
    fs::read_to_string(dir.at("err")).unwrap_or_default()
}

fn last_line(dir: &Dir) -> String {
    err(dir).lines().last().unwrap_or_default().to_owned()
}

fn counts(dir: &Dir, name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(dir.at(name)).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn running_jobs_are_taken_over_with_all_that_they_print() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    // More than the credits of a call before the kill, some while no driver is there, some after it.
    let job = |n: u32| {
        format!(
            "cd {dir}; echo {n} >> effects; seq -f '{n} %g' 1 60000; echo {n} >> half; \
             until test -e gone; do sleep 0.02; done; seq -f '{n} %g' 60001 90000; echo {n} >> late; \
             until test -e back; do sleep 0.02; done; seq -f '{n} %g' 90001 100000\n",
            dir = dir.path().display()
        )
    };
    let file = dir.write("jobs", [job(1), job(2)].concat());
    let common = ["--listen", &address, "--key-file", &key, &file];
    let worker = Worker::start(&address, &key, &["--procs", "2"]);
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("half of the output", || dir.lines("half") == 2);
    kill(first);
    fs::write(dir.at("gone"), "").expect("it is ours");
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    wait_for("the rest, read by a driver", || dir.lines("late") == 2);
    fs::write(dir.at("back"), "").expect("it is ours");
    wait_for("its end", || second.is_over());
    let last = last_line(&dir);
    assert!(
        last.starts_with("2 jobs: 2 ok, 0 failed; 0 lost and run again; "),
        "{}",
        err(&dir)
    );
    assert_eq!(
        counts(&dir, "effects").into_values().collect::<Vec<_>>(),
        [1, 1]
    );
    let out = fs::read_to_string(dir.at("out")).expect("it is there");
    let mut next = [1, 1];
    for line in out.lines() {
        let (job, number) = line.split_once(' ').expect("two numbers");
        let job = usize::from(job == "2");
        assert_eq!(number.parse(), Ok(next[job]), "{line}");
        next[job] += 1;
    }
    assert_eq!(next, [100_001, 100_001]);
    assert_eq!(worker.ended(), (Some(0), String::new()));
}

#[test]
fn a_job_that_is_taken_over_keeps_its_slot() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let job = |name: &str| {
        let dir = dir.path().display();
        format!(
            "cd {dir}; echo {name} $REMUDA_SLOT >> slots; until test -e {name}; do sleep 0.02; done\n"
        )
    };
    let file = dir.write("jobs", ["z", "a", "c", "d"].map(job).concat());
    let common = ["--listen", &address, "--key-file", &key, &file];
    let worker = Worker::start(&address, &key, &["--procs", "2"]);
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("two jobs", || dir.lines("slots") == 2);
    fs::write(dir.at("z"), "").expect("it is ours");
    wait_for("the third", || dir.lines("slots") == 3);
    // The first job is over: it is not run again.
    wait_for("the note of it", || {
        let journal = fs::read(dir.at("journal")).expect("it is there");
        journal.windows(7).any(|word| word == b"printed")
    });
    kill(first);
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    fs::write(dir.at("c"), "").expect("it is ours");
    wait_for("the fourth", || dir.lines("slots") == 4);
    let slots = counts(&dir, "slots").into_keys().collect::<Vec<_>>();
    // The second job of the file has the second slot all the time, though it is the first one that is taken over.
    assert_eq!(slots, ["a 2", "c 1", "d 1", "z 1"]);
    for name in ["a", "d"] {
        fs::write(dir.at(name), "").expect("it is ours");
    }
    wait_for("its end", || second.is_over());
    assert!(
        last_line(&dir).starts_with("4 jobs: 3 ok, 0 failed, 1 done before"),
        "{}",
        err(&dir)
    );
    assert_eq!(worker.ended(), (Some(0), String::new()));
}

#[test]
fn the_timeout_of_a_job_that_is_taken_over_does_not_begin_anew() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let folder = dir.path().display();
    let late = format!(
        r#"{{"name": "late", "cmd": "cd {folder}; echo >> begun; exec sleep 1000", "timeout": "4s"}}"#
    );
    let other = format!(
        r#"{{"name": "other", "cmd": "cd {folder}; echo >> begun; until test -e back; do sleep 0.02; done; sleep 2; exit 3"}}"#
    );
    let file = dir.write("jobs.jsonl", format!("{late}\n{other}\n"));
    let common = ["--listen", &address, "--key-file", &key, &file];
    let worker = Worker::start(&address, &key, &["--procs", "2"]);
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("both jobs", || dir.lines("begun") == 2);
    kill(first);
    // Its time is over while no driver is there.
    std::thread::sleep(Duration::from_secs(4));
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    wait_for("the driver", || err(&dir).contains("taken over"));
    fs::write(dir.at("back"), "").expect("it is ours");
    wait_for("its end", || second.is_over());
    let err = err(&dir);
    let (late, other) = (err.find("job late timed out"), err.find("job other failed"));
    assert!(late.is_some() && late < other, "{err}");
    assert!(err.contains("2 jobs: 0 ok, 1 failed, 1 timed out"), "{err}");
    assert_eq!(worker.ended(), (Some(0), String::new()));
}

#[test]
fn a_run_with_workers_that_connect_is_killed_again_and_again() {
    const JOBS: usize = 600;
    const KILLS: usize = 6;
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let folder = dir.path().display().to_string();
    let job = |n| {
        format!(
            "cd {folder}; exec 9>lock.{n}; flock -n 9 || echo {n} >> twice; echo {n} >> effects; sleep 0.02; echo job {n}\n"
        )
    };
    let file = dir.write("jobs", (1..=JOBS).map(job).collect::<String>());
    let common = ["--listen", &address, "--key-file", &key, &file];
    let workers = [(); 2].map(|()| Worker::start(&address, &key, &["--procs", "2"]));
    for number in 0..=KILLS {
        let how = if number == 0 {
            "--journal"
        } else {
            "--recover"
        };
        let mut run = start_appending(&[&[how, "journal"], &common[..]].concat(), &dir);
        let printed = (number + 1) * JOBS / (KILLS + 1);
        let last = number == KILLS;
        wait_for("its jobs", || {
            !last && dir.lines("out") >= printed || run.is_over()
        });
        assert_eq!(run.is_over(), last, "{}", err(&dir));
        if !last {
            kill(run);
        }
    }
    assert!(last_line(&dir).starts_with("600 jobs: "), "{}", err(&dir));
    let effects = counts(&dir, "effects");
    assert_eq!(effects.len(), JOBS);
    assert!(!dir.at("twice").exists(), "no job twice at the same time");
    let out = counts(&dir, "out");
    assert_eq!(out.len(), JOBS);
    assert!(out.values().all(|&count| count == 1), "{out:?}");
    // What a worker ran when its driver was killed went on: only what had ended, and was not printed yet, ran again.
    let again = effects.values().filter(|&&count| count > 1).count();
    assert!(again <= KILLS * 4, "{again} ran again");
    for worker in workers {
        assert_eq!(worker.ended(), (Some(0), String::new()));
    }
}

#[test]
fn the_jobs_of_a_worker_that_does_not_come_back_run_elsewhere_when_they_are_dead() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let mark = mark();
    let folder = dir.path().display().to_string();
    let file = dir.write(
        "jobs",
        format!("cd {folder}; echo ran >> effects; test -e again || exec sleep {mark}\n"),
    );
    let common = ["--listen", &address, "--key-file", &key, &file];
    let lost = Worker::start(&address, &key, &["--procs", "1", "--reconnect", "2"]);
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("the job", || !with_word(&mark).is_empty());
    // Stopped, it cannot come back; its guard ends it and the job when its time is over.
    let pid = lost.0.id();
    support::kill(pid, Signal::STOP);
    kill(first);
    fs::write(dir.at("again"), "").expect("it is ours");
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    let other = Worker::start(&address, &key, &["--procs", "1"]);
    wait_for("its second attempt", || {
        let ran = dir.lines("effects");
        assert!(ran < 2 || with_word(&mark).is_empty(), "two at a time");
        second.is_over()
    });
    assert_eq!(dir.lines("effects"), 2);
    let last = last_line(&dir);
    assert!(
        last.starts_with("1 job: 1 ok, 0 failed; 1 lost and run again; "),
        "{}",
        err(&dir)
    );
    drop(other);
}

/// Flags of a run of two machines of a proc that a start command starts, by one call or two. The stop command notes what it
/// stops, when there is the file `second`; else it makes the file `stopping`, and fails after a while.
fn started(dir: &Dir) -> Vec<String> {
    let (address, key) = (address(), key(dir));
    let folder = dir.path().display();
    let start = dir.write(
        "start",
        format!(
            "cd {folder}; for id in $(seq $1 $(($1 + $2))); do \
             setsid {REMUDA} worker --connect {address} --key-file key --id $id --procs 1 \
             --reconnect $((id ? 60 : 2)) \
             >/dev/null 2>&1 </dev/null & echo $! >worker.$id; done; echo h$1\n"
        ),
    );
    let stop = dir.write(
        "stop",
        format!(
            "cd {folder}; test -e second || {{ touch stopping; sleep 2; exit 1; }}\n\
             printf '%s\\n' \"$@\" >>stopped\n"
        ),
    );
    let flags = [
        ("--listen", address),
        ("--key-file", key),
        ("--start", format!("sh {start} {{first}} {{last_index}}")),
        (
            "--stop",
            format!("sh {stop} {{handle}}+{{index}}=m{{machine}}"),
        ),
        ("--machine-procs", "1".into()),
        ("--max-procs", "2".into()),
    ];
    let words = flags.into_iter();
    words
        .flat_map(|(name, value)| [name.into(), value])
        .collect()
}

/// What the stop command has noted: each machine once, whichever call has started it.
#[track_caller]
fn stopped(dir: &Dir) -> BTreeSet<String> {
    let counts = counts(dir, "stopped");
    assert!(counts.values().all(|&count| count == 1), "{counts:?}");
    let machine = |it: &String| it.split_once('=').expect("it has one").1.to_owned();
    let machines: BTreeSet<String> = counts.keys().map(machine).collect();
    assert_eq!(machines.len(), counts.len(), "{counts:?}");
    machines
}

fn kill_worker(dir: &Dir, number: u32) {
    let worker = fs::read_to_string(dir.at(&format!("worker.{number}"))).expect("it is there");
    support::kill(worker.trim().parse().expect("a number"), Signal::KILL);
}

/// Two jobs that wait for the file `go`.
fn two_jobs(dir: &Dir) -> String {
    let folder = dir.path().display();
    let job = format!("cd {folder}; echo >> begun; until test -e go; do sleep 0.02; done\n");
    dir.write("jobs", job.repeat(2))
}

/// The machine whose worker does not come back is ended at once, the other one when the run is over.
#[test]
fn machines_that_the_killed_run_has_started_are_ended_by_the_stop_template() {
    let dir = Dir::new();
    let (common, file) = (started(&dir), two_jobs(&dir));
    let common: Vec<&str> = common.iter().map(String::as_str).chain([&*file]).collect();
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("both jobs", || dir.lines("begun") == 2);
    kill(first);
    kill_worker(&dir, 0);
    fs::write(dir.at("second"), "").expect("it is ours");
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    wait_for("the end of the lost machine", || dir.lines("stopped") == 1);
    assert_eq!(counts(&dir, "stopped")["h0+0=m0"], 1);
    wait_for("its job, on another machine", || dir.lines("begun") == 3);
    fs::write(dir.at("go"), "").expect("it is ours");
    wait_for("its end", || second.is_over());
    assert!(last_line(&dir).starts_with("2 jobs: 2 ok"), "{}", err(&dir));
    assert_eq!(stopped(&dir), ["m0", "m1", "m2"].map(str::to_owned).into());
}

/// The run is killed while the stop command of a machine that is lost still runs. The one that goes on runs it again, and the
/// next one does not.
#[test]
fn a_machine_that_ended_before_the_kill_is_ended_by_the_run_that_goes_on() {
    let dir = Dir::new();
    let (common, file) = (started(&dir), two_jobs(&dir));
    let common: Vec<&str> = common.iter().map(String::as_str).chain([&*file]).collect();
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("both jobs", || dir.lines("begun") == 2);
    kill_worker(&dir, 0);
    wait_for("the stop command", || dir.at("stopping").exists());
    wait_for("the job, on another machine", || dir.lines("begun") == 3);
    kill(first);
    fs::write(dir.at("second"), "").expect("it is ours");
    let again = [&["--recover", "journal"], &common[..]].concat();
    let second = start_appending(&again, &dir);
    wait_for("the stop command, again", || dir.lines("stopped") == 1);
    assert_eq!(counts(&dir, "stopped")["h0+0=m0"], 1);
    wait_for("the note of it", || {
        let journal = fs::read(dir.at("journal")).expect("it is ours");
        journal.windows(7).any(|bytes| bytes == b"\x05ended\0")
    });
    kill(second);
    let mut third = start_appending(&again, &dir);
    fs::write(dir.at("go"), "").expect("it is ours");
    wait_for("its end", || third.is_over());
    assert!(last_line(&dir).starts_with("2 jobs: 2 ok"), "{}", err(&dir));
    assert_eq!(stopped(&dir), ["m0", "m1", "m2"].map(str::to_owned).into());
}

/// The run is killed when its jobs are done, and its machines are being ended.
#[test]
fn machines_are_ended_of_a_run_that_was_killed_at_its_end() {
    let dir = Dir::new();
    let (common, file) = (started(&dir), two_jobs(&dir));
    let common: Vec<&str> = common.iter().map(String::as_str).chain([&*file]).collect();
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("both jobs", || dir.lines("begun") == 2);
    fs::write(dir.at("go"), "").expect("it is ours");
    wait_for("the stop command", || dir.at("stopping").exists());
    kill(first);
    fs::write(dir.at("second"), "").expect("it is ours");
    let again = [&["--recover", "journal"], &common[..]].concat();
    for _ in 0..2 {
        let mut next = start_appending(&again, &dir);
        wait_for("its end", || next.is_over());
        let last = last_line(&dir);
        assert!(
            last.starts_with("2 jobs: ") && last.contains(" 2 done before; "),
            "{}",
            err(&dir)
        );
        assert_eq!(stopped(&dir), ["m0", "m1"].map(str::to_owned).into());
    }
}

#[test]
fn another_run_on_the_same_port_takes_nothing_over() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let mark = mark();
    let file = dir.write("jobs", format!("sleep {mark}\n"));
    let common = ["--listen", &address, "--key-file", &key];
    let worker = Worker::start(&address, &key, &["--procs", "1"]);
    let first = start_appending(
        &[&["--journal", "journal"], &common[..], &[&file]].concat(),
        &dir,
    );
    wait_for("the job", || !with_word(&mark).is_empty());
    kill(first);
    let other = dir.write("other", "echo another\n");
    let words = [&["--journal", "another"], &common[..], &[&other]].concat();
    let mut second = start_appending(&words, &dir);
    let (status, said) = worker.ended();
    assert_eq!(status, Some(1));
    assert!(said.contains("this driver does not know it"), "{said}");
    wait_for("the job's end", || with_word(&mark).is_empty());
    let _new = Worker::start(&address, &key, &["--procs", "1"]);
    wait_for("its end", || second.is_over());
    assert!(last_line(&dir).starts_with("1 job: 1 ok"), "{}", err(&dir));
}

#[test]
fn a_job_whose_output_could_not_be_kept_is_run_again() {
    let dir = Dir::new();
    let (address, key) = (address(), key(&dir));
    let folder = dir.path().display().to_string();
    let file = dir.write(
        "jobs",
        format!(
            "cd {folder}; exec 9>lock; flock -n 9 || echo x >> twice; echo ran >> effects; seq 1 60000; \
             echo >> half; until test -e back; do sleep 0.02; done\n"
        ),
    );
    let common = ["--listen", &address, "--key-file", &key, &file];
    let mut command = Command::new(REMUDA);
    command.args([
        "worker",
        "--connect",
        &address,
        "--key-file",
        &key,
        "--procs",
        "1",
    ]);
    command
        .env("TMPDIR", dir.at("not-there"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let worker = Worker(command.spawn().expect("it runs"));
    let first = start_appending(&[&["--journal", "journal"], &common[..]].concat(), &dir);
    wait_for("half of it", || dir.lines("half") == 1);
    kill(first);
    let mut second = start_appending(&[&["--recover", "journal"], &common[..]].concat(), &dir);
    // Its machine, which could not keep it, is on probation.
    let other = Worker::start(&address, &key, &["--procs", "1"]);
    wait_for("it runs again", || dir.lines("half") == 2);
    fs::write(dir.at("back"), "").expect("it is ours");
    wait_for("its end", || second.is_over());
    assert!(
        last_line(&dir).starts_with("1 job: 1 ok, 0 failed; 1 lost and run again; "),
        "{}",
        err(&dir)
    );
    assert_eq!((dir.lines("effects"), dir.lines("out")), (2, 60_000));
    assert!(!dir.at("twice").exists());
    drop((worker, other));
}
