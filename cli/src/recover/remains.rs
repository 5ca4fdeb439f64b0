//! The processes of a run that was killed: its workers and their guards end by themselves, and a guard last of all, when
//! nothing of its worker's jobs is alive. Until then no job may be run again. What does not end by itself is asked to (SIGTERM,
//! at which `srun` gives its allocation back) and then killed: a launcher that hangs, say, or a worker that is stopped. Guards
//! are not, as they see to the jobs.
use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use remuda_worker::RUN;
use rustix::process::{Pid, Signal, kill_process};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// For how long none may be found until none is there: a process in the middle of `execve` has no environment yet.
const SETTLED: Duration = Duration::from_millis(200);

/// The variable that a guard has besides.
const GUARD: &[u8] = b"REMUDA_GUARD=";

/// How long they may take to end by themselves, and until they are killed: longer than launchers have when a run ends.
const PATIENCE: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(15);

/// How long they may take in all.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until they have ended.
///
/// # Errors
/// One line that names those that do not.
pub(super) fn wait(run: &str) -> Result<(), String> {
    let began = Instant::now();
    let mut told = false;
    let mut asked = HashSet::new();
    let mut last_found = began;
    loop {
        let there = find(run);
        if there.is_empty() {
            if last_found.elapsed() >= SETTLED {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
            continue;
        }
        last_found = Instant::now();
        if began.elapsed() > LIMIT {
            let pids: Vec<String> = there.iter().map(|it| it.pid.to_string()).collect();
            return Err(format!(
                "processes of the killed run do not end; end them first: {}",
                pids.join(" ")
            ));
        }
        if began.elapsed() > PATIENCE {
            if !told {
                told = true;
                let count = there.len();
                let _ = writeln!(
                    std::io::stderr(),
                    "remuda: {count} processes of the killed run do not end by themselves, and are ended"
                );
            }
            let signal = match began.elapsed() > GRACE {
                false => Signal::TERM,
                true => Signal::KILL,
            };
            for process in there.iter().filter(|process| !process.guard) {
                // One that has just ended is as good; one that was asked already is not asked again.
                if signal == Signal::KILL || asked.insert(process.pid) {
                    let _ = Pid::from_raw(process.pid).map(|pid| kill_process(pid, signal));
                }
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}

struct Found {
    pid: i32,
    guard: bool,
}

/// Living processes that have the variable. Those of other users cannot be looked at, and are none of ours.
fn find(run: &str) -> Vec<Found> {
    let wanted = format!("{RUN}={run}");
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|&byte| byte == 0);
        let ours = variables.clone().any(|it| it == wanted.as_bytes());
        let guard = variables.any(|it| it.starts_with(GUARD));
        ours.then_some(Found { pid, guard })
    });
    pids.collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn child(run: &str, words: &[&str]) -> Child {
        let (program, words) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(words).env(RUN, run).spawn().unwrap()
    }

    /// A child is reaped as it ends, or it would be there as a zombie, whose environment is empty.
    #[test]
    fn a_run_is_waited_for_until_its_last_process_has_ended() {
        let run = crate::recover::new_run().unwrap();
        assert!(wait(&run).is_ok(), "there is none");
        let mut child = child(&run, &["sleep", "0.5"]);
        wait(&run).unwrap();
        let status = child.try_wait().unwrap().expect("it has ended");
        assert!(status.success());
    }

    #[test]
    fn what_does_not_end_is_ended_but_for_guards() {
        let run = crate::recover::new_run().unwrap();
        let mut stuck = child(&run, &["sleep", "30"]);
        // It ends later, as a guard does when its jobs are dead.
        let words = ["env", "REMUDA_GUARD=x", "sleep", "4"];
        let mut guard = child(&run, &words);
        wait(&run).unwrap();
        assert!(guard.wait().unwrap().success());
        assert!(!stuck.wait().unwrap().success());
    }
}
