//! How many files this process may have open.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides those of jobs: job log, spools that wait, pipes of machines, libraries.
const BASE: u64 = 128;

/// Open files of a running job: its pipes and its spool.
const PER_PROC: u64 = 8;

/// Raises the limit where so many jobs at a time need it, as far as it may be raised. Only then: jobs inherit it.
pub(crate) fn raise(procs: u64) {
    let needed = PER_PROC.saturating_mul(procs).saturating_add(BASE);
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
