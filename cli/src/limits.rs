//! How many files this process may have open.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides those of jobs: job log, spools that wait, pipes of machines, libraries.
const BASE: u64 = 128;

/// Open files of a running job: its pipes and its spool.
const PER_PROC: u64 = 8;

/// Fewer than these, and a run with one job at a time does not get far.
const LEAST: u64 = 24;

/// Whether there are enough for a run at all, after [`raise`].
///
/// # Errors
/// One line that says how many there are.
pub(crate) fn check() -> Result<(), String> {
    match getrlimit(Resource::Nofile).current {
        Some(current) if current < LEAST => Err(format!(
            "only {current} files may be open at a time, and a run needs {LEAST} at least (see ulimit -n)"
        )),
        _ => Ok(()),
    }
}

/// Raises the limit where so many jobs at a time and `more` files need it, as far as it may be raised. Only then: jobs inherit it.
pub(crate) fn raise(procs: u64, more: u64) {
    let needed = PER_PROC.saturating_mul(procs).saturating_add(BASE + more);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let current = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        // Refused: jobs that find no file fail by name.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                ..limit
            },
        );
    }
}
