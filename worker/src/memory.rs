//! How much memory jobs take: a thread looks at the processes of their groups, several times a second, while any job is
//! watched. It needs /proc; elsewhere nothing is seen. (Control groups would be exact, and are rarely a worker's to make.)

use crate::jobs::Jobs;
use crate::processes;
use crate::sync::lock;
use rustix::process::Pid;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

/// From one look to the next.
const INTERVAL: Duration = Duration::from_millis(200);

/// The jobs that are watched.
#[derive(Debug)]
pub(crate) struct Memory {
    jobs: Arc<Jobs>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    watched: HashMap<i32, Watched>,
    /// The thread runs.
    running: bool,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    limit_kib: u64,
    enforce: bool,
    peak_kib: u64,
    killed_at_kib: Option<u64>,
}

/// What was seen of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `None`: nothing could be read.
    pub(crate) peak_mib: Option<u32>,
    /// With how much it was killed, if it was.
    pub(crate) killed_at_mib: Option<u32>,
}

/// A job that is watched until this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    memory: Arc<Memory>,
    group: i32,
}

impl Memory {
    pub(crate) fn new(jobs: Arc<Jobs>) -> Memory {
        Memory {
            jobs,
            state: Mutex::default(),
        }
    }

    fn run(&self) {
        loop {
            {
                let mut state = lock(&self.state);
                if state.watched.is_empty() {
                    state.running = false;
                    return;
                }
            }
            self.look();
            thread::sleep(INTERVAL);
        }
    }

    fn look(&self) {
        let mut usages: HashMap<i32, Usage> = HashMap::new();
        let watched: Vec<i32> = lock(&self.state).watched.keys().copied().collect();
        for process in processes::all().into_iter().flatten() {
            if watched.contains(&process.group) {
                usages.entry(process.group).or_default().add(process.pid);
            }
        }
        let mut state = lock(&self.state);
        for (group, usage) in usages {
            // It may have ended meanwhile: then the number may be another group's.
            let Some(watched) = state.watched.get_mut(&group) else {
                continue;
            };
            // Pages that processes share count for each of them, unless that is looked at more closely, which costs more.
            let now = match usage.resident_kib > watched.limit_kib {
                true => usage.proportional_kib().unwrap_or(usage.resident_kib),
                false => usage.resident_kib,
            };
            watched.peak_kib = watched.peak_kib.max(now).max(usage.most_of_one_kib);
            if watched.enforce && now > watched.limit_kib && watched.killed_at_kib.is_none() {
                watched.killed_at_kib = Some(now);
                self.jobs.kill(group);
            }
        }
    }
}

/// What the processes of a group take.
#[derive(Debug, Default)]
struct Usage {
    pids: Vec<i32>,
    resident_kib: u64,
    /// The most that one of them ever took.
    most_of_one_kib: u64,
}

impl Usage {
    fn add(&mut self, pid: i32) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        self.pids.push(pid);
        self.resident_kib += kib(&status, "VmRSS:").unwrap_or(0);
        let most = kib(&status, "VmHWM:").unwrap_or(0);
        self.most_of_one_kib = self.most_of_one_kib.max(most);
    }

    /// The sum in which a page that several processes share counts once; `None` where the system does not tell.
    fn proportional_kib(&self) -> Option<u64> {
        let of_one = |pid: &i32| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            kib(&rollup, "Pss:")
        };
        self.pids.iter().map(of_one).sum()
    }
}

/// The value of a line like `VmRSS:      1234 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

impl Watch {
    /// Watches the group of a job that has just begun.
    pub(crate) fn begin(memory: &Arc<Memory>, group: Pid, limit_mib: u32, enforce: bool) -> Watch {
        let group = group.as_raw_nonzero().get();
        let watched = Watched {
            limit_kib: u64::from(limit_mib) << 10,
            enforce,
            peak_kib: 0,
            killed_at_kib: None,
        };
        let mut state = lock(&memory.state);
        state.watched.insert(group, watched);
        if !state.running {
            let watcher = Arc::clone(memory);
            let thread = thread::Builder::new().name("remuda-memory".into());
            // Without a thread nothing is seen; the next job tries again.
            state.running = thread.spawn(move || watcher.run()).is_ok();
        }
        drop(state);
        Watch {
            memory: Arc::clone(memory),
            group,
        }
    }

    /// Ends it; what was seen.
    pub(crate) fn end(self) -> Seen {
        let watched = lock(&self.memory.state).watched.get(&self.group).copied();
        let mib = |kib: u64| u32::try_from(kib.div_ceil(1024)).unwrap_or(u32::MAX);
        Seen {
            peak_mib: watched.map(|it| mib(it.peak_kib)).filter(|&mib| mib > 0),
            killed_at_mib: watched.and_then(|it| it.killed_at_kib).map(mib),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.memory.state).watched.remove(&self.group);
    }
}
