//! The list of processes, from /proc where there is one.

use rustix::process::Signal;
use std::fs::{self, File};
use std::io::{self, Read};

/// A process at the time it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Neither a zombie nor dead.
    pub(crate) alive: bool,
    /// When it was started, in ticks of the system.
    pub(crate) started: u64,
    /// A guard, by its name.
    pub(crate) guard: bool,
}

/// The ids of a process's children, or `None` where they cannot be listed. While children end, others may be missing.
pub(crate) fn children(pid: i32) -> Option<impl Iterator<Item = i32>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut children: Vec<i32> = Vec::new();
    for task in tasks {
        let list = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        children.extend(
            list.split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Some(children.into_iter())
}

/// The name of a guard in the list of processes.
pub(crate) const GUARD_NAME: &std::ffi::CStr = c"remuda-guard";

/// All processes, or `None` where they cannot be listed.
pub(crate) fn all() -> Option<impl Iterator<Item = Process>> {
    // A /proc of another name space of processes would be worse than none.
    let me = fs::read_link("/proc/self").ok()?;
    if me.to_str()?.parse() != Ok(std::process::id()) {
        return None;
    }
    let pids = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Some(pids.filter_map(Process::read))
}

/// Whether this process has inherited that SIGCHLD is ignored (some service managers do that): the kernel then reaps
/// children by itself, so that how they ended is lost and their numbers are free at once.
pub(crate) fn sigchld_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    mask & (1 << (Signal::CHILD.as_raw() - 1)) != 0
}

impl Process {
    /// One process, if it is there.
    pub(crate) fn read(pid: i32) -> Option<Process> {
        let stat = read(&format!("/proc/{pid}/stat")).ok()?;
        Process::parse(pid, &String::from_utf8_lossy(&stat))
    }

    /// `pid (name) state ppid group session … started …`; the name may hold blanks and parentheses.
    fn parse(pid: i32, stat: &str) -> Option<Process> {
        const STARTED: usize = 22 - 6 - 1; // The 22nd field, counted behind the session, the sixth.
        let (opened, closed) = (stat.find('(')?, stat.rfind(')')?);
        let guard = stat.get(opened + 1..closed)?.as_bytes() == GUARD_NAME.to_bytes();
        let mut fields = stat[closed + 1..].split_ascii_whitespace();
        let state = fields.next()?;
        let (_parent, group, session) = (
            fields.next()?,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
        );
        let started = fields.nth(STARTED)?.parse().ok()?;
        Some(Process {
            pid,
            group,
            session,
            alive: !matches!(state, "Z" | "X" | "x"),
            started,
            guard,
        })
    }

    /// Its environment as it was given at its start; `None` where that cannot be read.
    pub(crate) fn environment(&self) -> Option<Vec<u8>> {
        read(&format!("/proc/{}/environ", self.pid)).ok()
    }
}

/// Reads a file whose size is not known beforehand, in few calls.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8192);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) S 1 (b) Z 1 5 6 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 14";
        let process = Process {
            pid: 7,
            group: 5,
            session: 6,
            alive: false,
            started: 991,
            guard: false,
        };
        assert_eq!(Process::parse(7, stat), Some(process));
        let stat = "7 (remuda-guard) S 1 5 6 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 14";
        assert!(Process::parse(7, stat).is_some_and(|process| process.guard));
        assert_eq!(Process::parse(7, "7 (cut"), None);
        assert_eq!(Process::parse(7, "7 (cut) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_in_the_list() {
        let pid = std::process::id().cast_signed();
        let mine = all()
            .expect("/proc")
            .find(|process| process.pid == pid)
            .expect("it is alive");
        assert!(mine.alive);
        assert!(mine.environment().is_some());
    }
}
